package connectortest

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/connectors/connectortest/fake"
)

// acknowledged: nil means that the helpdesk durably has the message, at that very moment.
func acknowledged(t testing.TB, r *rig) {
	r.desk.Script.Always(func() fake.Fault { return fake.Fault{Delay: 20 * time.Millisecond} }) // so that early is visible
	for number := range 3 {
		r.mustDeliver(1, number)
	}
	if got, want := r.inbox(1), []string{tag(1, 0), tag(1, 1), tag(1, 2)}; !slices.Equal(got, want) {
		t.Errorf("the helpdesk has %v, want %v", got, want)
	}
}

// refusals: a status that means "never" ends the matter at once, and the next message is not affected.
func refusals(t testing.TB, r *rig) {
	r.mustDeliver(1, 0)
	r.mustDeliver(1, 1)
	before := r.desk.Script.Calls()
	r.mustDeliver(1, 2)
	healthy := r.desk.Script.Calls() - before

	fault := fake.Fault{Status: r.refusal()}
	r.desk.Script.Always(func() fake.Fault { return fault })
	before = r.desk.Script.Calls()
	failure := r.inbound(text(1, 3))
	refused := r.desk.Script.Calls() - before
	switch {
	case failure == nil:
		t.Errorf("the helpdesk refused a message for good (%d), but it was acknowledged: it is lost", r.refusal())
	case !failure.Class.Final():
		t.Errorf("the helpdesk refused a message for good (%d), but the failure is %s, so it will be tried again for nothing", r.refusal(), failure.Class)
	case refused > healthy:
		t.Errorf("a refused message took %d calls, a good one %d: it was tried again", refused, healthy)
	}
	r.desk.Script.Heal()
	r.mustDeliver(1, 4)
}

func (r *rig) refusal() int {
	if r.subject.Refusal != 0 {
		return r.subject.Refusal
	}
	return 400
}

// lostAnswers: the helpdesk took the message, and the connection broke before it could say so.
func lostAnswers(t testing.TB, r *rig) {
	r.mustDeliver(1, 0)
	late := true
	var mu sync.Mutex
	r.desk.Script.Always(func() fake.Fault {
		mu.Lock()
		defer mu.Unlock()
		return fake.Fault{Reset: late, Late: late}
	})
	failure := r.inbound(text(1, 1))
	switch {
	case failure == nil && !r.has(1, 1):
		t.Error("acknowledged, but the helpdesk does not have it")
	case failure != nil && failure.Class != message.Uncertain:
		t.Errorf("the helpdesk may have the message, but the failure is %s, want %s: the next try would not be marked as a possible repeat",
			failure.Class, message.Uncertain)
	}
	if count := r.count(1, 1); r.subject.Factory.Abilities.Idempotent && count > 1 {
		t.Errorf("the factory declares Idempotent, but one message is in the helpdesk %d times: is it sent under the same id every time?", count)
	} else if !r.subject.Factory.Abilities.Idempotent && count > 1 {
		t.Errorf("one delivery put the message into the helpdesk %d times: what may have arrived must not be sent again by itself", count)
	}
	mu.Lock()
	late = false
	mu.Unlock()
	if failure := r.inbound(text(1, 1)); failure != nil {
		t.Errorf("the repeat to a healthy helpdesk is refused as %s: %v", failure.Class, failure)
	}
	if count := r.count(1, 1); r.subject.Factory.Abilities.Idempotent && count != 1 {
		t.Errorf("the factory declares Idempotent, but after a repeat the message is in the helpdesk %d times", count)
	}
}

// count tells how often the helpdesk has a message.
func (r *rig) count(conversation, number int) int {
	n := 0
	for _, found := range r.inbox(conversation) {
		if found == tag(conversation, number) {
			n++
		}
	}
	return n
}

// deadlines: the context of a call is its end, whatever the helpdesk does.
func deadlines(t testing.TB, r *rig) {
	r.mustDeliver(1, 0)
	for number, fault := range []fake.Fault{{Hang: true}, {Hang: true, Late: true}, {Delay: time.Hour}} {
		r.desk.Script.Always(func() fake.Fault { return fault })
		failure := r.inbound(text(1, number+1))
		if failure == errHung {
			t.FailNow()
		}
		if failure == nil && !r.has(1, number+1) {
			t.Error("a message was acknowledged although the helpdesk never answered")
		}
		if failure != nil && failure.Class != message.Uncertain && failure.Class != message.Transient {
			t.Errorf("the helpdesk never answered; that is %s, want %s", failure.Class, message.Uncertain)
		}
	}
	r.desk.Script.Heal()
	r.mustDeliver(2, 0)
}

const (
	chaosConversations = 6
	chaosMessages      = 10
	chaosCalls         = 250 // then the helpdesk recovers, so that the end can be judged
	chaosTries         = 200
)

// chaos: conversations at once, each resending what was not acknowledged, to a helpdesk that fails at random.
func chaos(t testing.TB, r *rig) {
	dice := &dice{rand: rand.New(rand.NewPCG(seed(t), 1)), left: chaosCalls, refusal: r.refusal()}
	r.desk.Script.Always(dice.fault)
	refused := make([]map[int]bool, chaosConversations)
	var conversations sync.WaitGroup
	for c := range chaosConversations {
		conversations.Go(func() { refused[c] = r.converse(c, dice) })
	}
	conversations.Wait()
	r.desk.Script.Heal()
	for c := range chaosConversations {
		r.judge(c, refused[c])
	}
}

// converse sends the messages of one customer one after the other. It gives the numbers of those that were refused for
// good.
func (r *rig) converse(conversation int, dice *dice) (refused map[int]bool) {
	r.t.Helper()
	refused = make(map[int]bool)
	for number := range chaosMessages {
		for try := 1; ; try++ {
			failure := r.send(conversation, number, dice.impatient())
			if failure == nil {
				break
			}
			if failure == errHung {
				return refused
			}
			if failure.Class.Final() {
				refused[number] = true
				break
			}
			if try == chaosTries {
				r.t.Errorf("%s was not taken in %d tries, although the helpdesk has recovered; last: %s: %v", tag(conversation, number), try, failure.Class, failure)
				return refused
			}
		}
	}
	return refused
}

// send delivers a message, at times twice at once as a sender does that lost patience. Acknowledged is what one of the
// calls acknowledged, and then the helpdesk must have it.
func (r *rig) send(conversation, number int, twice bool) *message.Failure {
	r.t.Helper()
	second := make(chan *message.Failure, 1)
	if twice {
		go func() { second <- r.inbound(text(conversation, number)) }()
	} else {
		second <- errHung
	}
	failure := r.inbound(text(conversation, number))
	if other := <-second; other == nil || failure == nil {
		failure = nil
	}
	if failure == nil && !r.has(conversation, number) {
		r.t.Errorf("%s was acknowledged early: Deliver gave nil, and at that moment the helpdesk did not have it", tag(conversation, number))
	}
	return failure
}

// judge compares what a helpdesk has with what was sent.
func (r *rig) judge(conversation int, refused map[int]bool) {
	r.t.Helper()
	has := r.inbox(conversation)
	var order []string
	for number := range chaosMessages {
		count := r.count(conversation, number)
		if count == 0 && !refused[number] {
			r.t.Errorf("%s is lost: it was acknowledged, and the helpdesk does not have it", tag(conversation, number))
		}
		if count > 1 && r.subject.Factory.Abilities.Idempotent {
			r.t.Errorf("%s is in the helpdesk %d times, although the factory declares Idempotent", tag(conversation, number), count)
		}
		if count > 0 {
			order = append(order, tag(conversation, number))
		}
	}
	var first []string // each message where it came first: a helpdesk that is not idempotent may have repeats
	for _, found := range has {
		if !slices.Contains(first, found) {
			first = append(first, found)
		}
	}
	if !slices.Equal(first, order) {
		r.t.Errorf("the order of a conversation was not kept; the helpdesk has\n%v, sent was\n%v", first, order)
	}
}

// dice decides at random what goes wrong, until it has done so often enough.
type dice struct {
	mu      sync.Mutex
	rand    *rand.Rand
	left    int
	refusal int
}

func (d *dice) fault() fake.Fault {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left--; d.left < 0 {
		return fake.Fault{}
	}
	switch d.rand.IntN(20) {
	case 0:
		return fake.Fault{Status: 503}
	case 1:
		return fake.Fault{Status: 429, Header: fake.RetryLater()}
	case 2:
		return fake.Fault{Status: 500 + d.rand.IntN(5)}
	case 3:
		return fake.Fault{Reset: true}
	case 4:
		return fake.Fault{Reset: true, Late: true}
	case 5:
		return fake.Fault{Status: 502, Late: true}
	case 6:
		return fake.Fault{Raw: "HTTP/1.1 banana\r\n\r\n", Late: d.rand.IntN(2) == 0}
	case 7:
		if d.rand.IntN(3) == 0 {
			return fake.Fault{Status: d.refusal}
		}
	case 8:
		if d.rand.IntN(5) == 0 {
			return fake.Fault{Hang: true, Late: d.rand.IntN(2) == 0}
		}
	case 9, 10, 11:
		return fake.Fault{Delay: time.Duration(d.rand.IntN(20)) * time.Millisecond}
	}
	return fake.Fault{}
}

func (d *dice) impatient() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rand.IntN(8) == 0
}

// shutdown: the bridge is told to stop while much is under way. Everything comes to an end soon, as an acknowledgement
// of what the helpdesk has, or as a failure that makes the sender try elsewhere.
func shutdown(t testing.TB, r *rig) {
	const conversations = 12
	r.mustDeliver(conversations, 0)
	r.desk.Script.Always(func() fake.Fault { return fake.Fault{Delay: 25 * time.Millisecond} })
	stopping := make(chan struct{})
	var drivers sync.WaitGroup
	for c := range conversations {
		drivers.Go(func() {
			for number := 0; ; number++ {
				failure := r.inbound(text(c, number))
				switch {
				case failure == nil && !r.has(c, number):
					t.Errorf("%s was acknowledged during a shutdown, but the helpdesk does not have it", tag(c, number))
				case failure != nil && failure.Class.Final():
					t.Errorf("%s was stopped by a shutdown and reported as %s, which nobody will try again", tag(c, number), failure.Class)
				}
				select {
				case <-stopping:
					return
				default:
				}
				if failure != nil {
					t.Errorf("%s failed before the shutdown: %s: %v", tag(c, number), failure.Class, failure)
					return
				}
			}
		})
	}
	time.Sleep(100 * time.Millisecond)
	close(stopping)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	began := time.Now()
	r.memory.Drain(ctx)
	drivers.Wait()
	if took := time.Since(began); took > slack {
		t.Errorf("the shutdown took %v; every call must end when its context is cancelled", took)
	}

	r.desk.Script.Heal()
	canceled, cancelNow := context.WithCancel(context.Background())
	cancelNow()
	if _, err := r.connector.Deliver(canceled, text(0, 1<<20)); err == nil && !r.has(0, 1<<20) {
		t.Error("Deliver under a cancelled context gives nil, but the helpdesk does not have the message")
	} else if failure, ok := errors.AsType[*message.Failure](err); err != nil && (!ok || failure.Class != message.Canceled) {
		t.Errorf("Deliver under a cancelled context fails with %v, want class %s", err, message.Canceled)
	}
}
