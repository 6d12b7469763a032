package flow

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"bizbridge/bridge/message"
)

// asked is one call of do, and what came of it.
type asked struct {
	key, digest string
	end         chan func() (int, *message.Failure) // how the try ends, if this call has to try
	tried       bool
	done        bool
	panicked    any
	value       int
	repeated    bool
	failure     *message.Failure
}

// repeatsModel knows what each key stands at.
type repeatsModel struct {
	repeats *repeats[int]
	first   map[string]*asked   // the call that tries
	waiting map[string][]*asked // the calls that share its outcome
	known   map[string]asked    // the last success
	at      map[string]time.Time
	counter int
}

const modelWindow = time.Minute

func (m *repeatsModel) fresh(key string) bool {
	at, ok := m.at[key]
	return ok && time.Since(at) < modelWindow
}

func (m *repeatsModel) ask(rt *rapid.T, key, digest string) {
	call := &asked{key: key, digest: digest, end: make(chan func() (int, *message.Failure))}
	go func() {
		defer func() { call.panicked, call.done = recover(), true }()
		call.value, call.repeated, call.failure = m.repeats.do(context.Background(), key, digest, func() (int, *message.Failure) {
			call.tried = true
			return (<-call.end)()
		})
	}()
	synctest.Wait()
	first, inflight := m.first[key]
	switch known := m.known[key]; {
	case m.fresh(key) && known.digest == digest:
		m.want(rt, call, "a repeat of a success", known.value, true, nil)
	case m.fresh(key):
		m.wantConflict(rt, call)
	case inflight && first.digest != digest:
		m.wantConflict(rt, call)
	case inflight:
		if call.done || call.tried {
			rt.Fatalf("a repeat of one in flight did not wait: %+v", call)
		}
		m.waiting[key] = append(m.waiting[key], call)
	default:
		if !call.tried || call.done {
			rt.Fatalf("a new key was not tried: %+v", call)
		}
		m.first[key] = call
	}
}

func (m *repeatsModel) want(rt *rapid.T, call *asked, what string, value int, repeated bool, failure *message.Failure) {
	if !call.done || call.value != value || call.repeated != repeated || call.failure != failure {
		rt.Fatalf("%s: got %+v, want value %d, repeated %t, failure %v", what, call, value, repeated, failure)
	}
}

func (m *repeatsModel) wantConflict(rt *rapid.T, call *asked) {
	if !call.done || call.tried || call.failure == nil || call.failure.Code != message.CodeConflict {
		rt.Fatalf("same key, other content: got %+v, want a conflict", call)
	}
}

// finish ends the try of a key and checks everyone who waits for it.
func (m *repeatsModel) finish(rt *rapid.T, key string, how string) {
	first, ok := m.first[key]
	if !ok {
		return
	}
	m.counter++
	value, failure := m.counter, message.Failuref(message.Transient, "try %d", m.counter)
	first.end <- map[string]func() (int, *message.Failure){
		"success": func() (int, *message.Failure) { return value, nil },
		"failure": func() (int, *message.Failure) { return value, failure },
		"panic":   func() (int, *message.Failure) { panic(fmt.Sprint("try ", value)) },
	}[how]
	synctest.Wait()
	switch how {
	case "success":
		failure = nil
		m.want(rt, first, "the first", value, false, nil)
		m.known[key], m.at[key] = asked{digest: first.digest, value: value}, time.Now()
	case "failure":
		m.want(rt, first, "the first", value, false, failure)
	case "panic":
		if first.panicked == nil {
			rt.Fatalf("the panic was swallowed")
		}
	}
	for _, call := range m.waiting[key] {
		if how == "panic" {
			if !call.done || call.failure == nil || call.failure.Class != message.Transient {
				rt.Fatalf("a repeat of a try that panicked: got %+v, want a transient failure", call)
			}
			continue
		}
		m.want(rt, call, "a repeat in flight", value, true, failure)
	}
	delete(m.first, key)
	delete(m.waiting, key)
}

func TestRepeatsAgainstAModel(t *testing.T) {
	keys, digests := []string{"a", "b"}, []string{"x", "x", "x", "y"}
	rapid.Check(t, func(rt *rapid.T) {
		rapid.SyncTest(rt, func(rt *rapid.T) {
			m := &repeatsModel{
				repeats: newRepeats[int](8, modelWindow, time.Now),
				first:   map[string]*asked{}, waiting: map[string][]*asked{}, known: map[string]asked{}, at: map[string]time.Time{},
			}
			rt.Repeat(map[string]func(*rapid.T){
				"ask": func(rt *rapid.T) {
					m.ask(rt, rapid.SampledFrom(keys).Draw(rt, "key"), rapid.SampledFrom(digests).Draw(rt, "digest"))
				},
				"finish": func(rt *rapid.T) {
					m.finish(rt, rapid.SampledFrom(keys).Draw(rt, "key"), rapid.SampledFrom([]string{"success", "failure", "panic"}).Draw(rt, "how"))
				},
				"time": func(rt *rapid.T) {
					time.Sleep(rapid.SampledFrom([]time.Duration{time.Second, modelWindow - 1, modelWindow}).Draw(rt, "time"))
				},
			})
			for _, key := range keys {
				m.finish(rt, key, "failure")
			}
			if len(m.repeats.inflight) != 0 {
				rt.Fatalf("%d tries are still held as in flight", len(m.repeats.inflight))
			}
		})
	})
}

func TestRepeatsForgetTheOldestWhenFull(t *testing.T) {
	r := newRepeats[int](3, time.Hour, time.Now)
	tries := 0
	ask := func(key string) {
		_, _, failure := r.do(t.Context(), key, "", func() (int, *message.Failure) { tries++; return 0, nil })
		wantNil(t, failure)
	}
	for _, key := range []string{"a", "b", "c", "d"} {
		ask(key)
	}
	wantEqual(t, "successes remembered", r.done.Len(), 3)
	ask("d")
	wantEqual(t, "tries while d is remembered", tries, 4)
	ask("a")
	wantEqual(t, "tries after a was forgotten", tries, 5)
}

func TestRepeatInFlightWaitsNoLongerThanItsOwnDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRepeats[int](3, time.Hour, time.Now)
		end := make(chan struct{})
		go func() {
			_, _, _ = r.do(context.Background(), "a", "", func() (int, *message.Failure) { <-end; return 1, nil })
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		began := time.Now()
		_, _, failure := r.do(ctx, "a", "", nil)
		wantClass(t, failure, message.Transient)
		wantEqual(t, "time waited", time.Since(began), time.Second)
		close(end)
	})
}
