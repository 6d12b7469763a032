package connectortest

import (
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
	"bizbridge/connectors/connectortest/fake"
)

// typing: best effort, once, and never in anyone's way.
func typing(t testing.TB, r *rig) {
	seen := func(conversation int) func() bool {
		return func() bool { return r.desk.Inbox.Conversation(string(customer(conversation))).Typing > 0 }
	}
	if _, relays := r.connector.(connectors.TypingRelay); !relays {
		if failure := r.inbound(event(message.EventTypingStarted, 1, 0)); failure != nil {
			t.Errorf("typing is dropped by a connector that cannot relay it, but it was refused: %v", failure)
		}
		if calls := r.desk.Script.Calls(); calls > 0 {
			t.Errorf("the connector does not relay typing, but made %d calls", calls)
		}
		return
	}
	r.mustDeliver(1, 0)
	before := r.desk.Script.Calls()
	_ = r.inbound(event(message.EventTypingStarted, 1, 1))
	if !within(slack, seen(1)) {
		t.Fatal("the factory claims typing, but the helpdesk was not told of it")
	}
	healthy := r.desk.Script.Calls() - before

	_ = r.inbound(event(message.EventTypingStarted, 2, 0))
	time.Sleep(50 * time.Millisecond)
	if r.desk.Inbox.Conversation(string(customer(2))).Opened {
		t.Error("typing of a customer whom the helpdesk does not know opened a conversation")
	}

	r.desk.Script.Always(func() fake.Fault { return fake.Fault{Status: 503} })
	before = r.desk.Script.Calls()
	_ = r.inbound(event(message.EventTypingStarted, 1, 2))
	time.Sleep(budget)
	if tried := r.desk.Script.Calls() - before; tried > healthy {
		t.Errorf("typing that failed (503) took %d calls, a healthy one %d: it was tried again, and would be shown late", tried, healthy)
	}
	r.desk.Script.Heal()

	r.desk.Script.Next(fake.Fault{Hang: true})
	before = r.desk.Script.Calls()
	began := time.Now()
	_ = r.inbound(event(message.EventTypingStarted, 1, 3))
	if took := time.Since(began); took > budget/2 {
		t.Errorf("typing was answered after %v; nobody may wait for it", took)
	}
	within(slack, func() bool { return r.desk.Script.Calls() > before })
	began = time.Now()
	r.mustDeliver(1, 4)
	if took := time.Since(began); took > budget/2 {
		t.Errorf("a message behind typing that hangs took %v; typing must give way: its context is cancelled", took)
	}
}

// closing: the helpdesk is told that the customer left, as surely as of a message.
func closing(t testing.TB, r *rig) {
	closed := func() int { return r.desk.Inbox.Conversation(string(customer(1))).Closed }
	if _, relays := r.connector.(connectors.CloseRelay); !relays {
		if failure := r.inbound(event(message.EventClosed, 1, 0)); failure != nil {
			t.Errorf("the connector cannot relay that the customer left, so it is acknowledged; but it was refused: %v", failure)
		}
		if calls := r.desk.Script.Calls(); calls > 0 {
			t.Errorf("the connector does not relay that the customer left, but made %d calls", calls)
		}
		return
	}
	r.mustDeliver(1, 0)
	failure := func() *message.Failure {
		r.desk.Script.Always(func() fake.Fault { return fake.Fault{Status: r.refusal()} })
		defer r.desk.Script.Heal()
		return r.inbound(event(message.EventClosed, 1, 1))
	}()
	if failure == nil {
		t.Errorf("the helpdesk refused to hear that the customer left (%d), but it was acknowledged", r.refusal())
	}
	r.desk.Script.Next(fake.Fault{Reset: true, Late: true}, fake.Fault{Status: 503})
	for try := 0; ; try++ {
		failure := r.inbound(event(message.EventClosed, 1, 2))
		if failure == nil {
			break
		}
		if try == 5 {
			t.Fatalf("the helpdesk is well, but cannot be told that the customer left: %s: %v", failure.Class, failure)
		}
	}
	if n := closed(); n == 0 {
		t.Error("that the customer left was acknowledged, but the helpdesk does not know")
	} else if n > 1 && r.subject.Factory.Abilities.Idempotent {
		t.Errorf("the factory declares Idempotent, but the helpdesk was told %d times that the customer left", n)
	}
}
