package flow

import (
	"context"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"bizbridge/bridge/message"
)

// repeats recognises a message that comes again. A repeat of one in flight waits for it and shares its outcome; a repeat
// of a success gets the same answer; failures are forgotten, so that a repeat is a new try.
type repeats[V any] struct {
	mu       sync.Mutex
	inflight map[string]*attempt[V]
	done     *lru.Cache[string, success[V]]
	window   time.Duration
	now      func() time.Time
}

type attempt[V any] struct {
	digest   string
	finished chan struct{}
	value    V
	failure  *message.Failure
}

type success[V any] struct {
	digest string
	value  V
	at     time.Time
}

func newRepeats[V any](size int, window time.Duration, now func() time.Time) *repeats[V] {
	done, err := lru.New[string, success[V]](size)
	if err != nil {
		panic(err) // the size is a positive constant
	}
	return &repeats[V]{inflight: make(map[string]*attempt[V]), done: done, window: window, now: now}
}

var errConflict = message.Failure{
	Class: message.Invalid, Code: message.CodeConflict,
	Reason: "this key was used for another message; give every message its own",
}

// do runs try once per key, however often it is asked. digest stands for the content: the same key with another one is
// a conflict. repeated tells that the outcome is that of an earlier call.
func (r *repeats[V]) do(ctx context.Context, key, digest string, try func() (V, *message.Failure)) (value V, repeated bool, failure *message.Failure) {
	r.mu.Lock()
	if known, ok := r.done.Get(key); ok && r.now().Sub(known.at) < r.window {
		r.mu.Unlock()
		if known.digest != digest {
			conflict := errConflict
			return value, false, &conflict
		}
		return known.value, true, nil
	}
	if first, ok := r.inflight[key]; ok {
		r.mu.Unlock()
		return first.share(ctx, digest)
	}
	first := &attempt[V]{digest: digest, finished: make(chan struct{})}
	r.inflight[key] = first
	r.mu.Unlock()

	// Also after a panic those who wait must hear of it.
	first.failure = message.Failuref(message.Transient, "the bridge failed while handling the message")
	defer r.settle(key, first)
	first.value, first.failure = try()
	return first.value, false, first.failure
}

func (a *attempt[V]) share(ctx context.Context, digest string) (value V, repeated bool, failure *message.Failure) {
	if a.digest != digest {
		conflict := errConflict
		return value, false, &conflict
	}
	select {
	case <-a.finished:
		return a.value, true, a.failure
	case <-ctx.Done():
		return value, true, message.Failuref(message.Transient, "the first delivery of this message is still under way")
	}
}

func (r *repeats[V]) settle(key string, first *attempt[V]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if first.failure == nil {
		r.done.Add(key, success[V]{first.digest, first.value, r.now()})
	}
	delete(r.inflight, key)
	close(first.finished)
}
