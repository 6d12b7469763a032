package flow

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/message"
)

const (
	started = message.EventTypingStarted
	stopped = message.EventTypingStopped
)

// typingRig has a helpdesk that notes when typing reached it and how that ended.
type typingRig struct {
	*rig
	began time.Time
	seen  []string
}

func newTypingRig(t *testing.T, takes time.Duration) *typingRig {
	r := &typingRig{rig: newRig(t), began: time.Now()}
	note := func(ctx context.Context, what string) error {
		at := time.Since(r.began)
		err := after(ctx, takes)
		r.desk.mu.Lock()
		defer r.desk.mu.Unlock()
		r.seen = append(r.seen, fmt.Sprintf("%s at %v until %v: %v", what, at, time.Since(r.began), message.FailureOf(err) == nil))
		return err
	}
	r.desk.relayTyping = func(ctx context.Context, event message.Event) error { return note(ctx, string(event.Type)) }
	r.gateway.send = func(ctx context.Context, out apple.Outgoing) error {
		if out.Content.Kind() == message.KindTyping {
			return note(ctx, textOf(out.Content))
		}
		return nil
	}
	return r
}

func (r *typingRig) want(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(r.seen, want) {
		t.Errorf("typing that was shown:\n%q\nwant\n%q", r.seen, want)
	}
	r.idle(t)
}

// at lets time pass until d after the beginning.
func (r *typingRig) at(d time.Duration) { pass(d - time.Since(r.began)) }

func TestInboundTypingIsAnsweredAtOnceAndRelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTypingRig(t, 3*time.Second)
		wantNil(t, r.Inbound(t.Context(), typingFrom(customer, started)))
		wantEqual(t, "time until the answer", time.Since(r.began), 0)
		r.at(5 * time.Second)
		r.want(t, "typing.started at 0s until 3s: true")
		r.wantInbound(t, "typing_start", outcomes{message.OutcomeAccepted: 1})
	})
}

func TestInboundTypingIsNeverTriedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.desk.relayTyping = func(context.Context, message.Event) error { return message.Failuref(message.Throttled, "slow down") }
		wantNil(t, r.Inbound(t.Context(), typingFrom(customer, started)))
		pass(time.Hour)
		wantEqual(t, "calls", len(r.desk.typed), 1)
		r.wantInbound(t, "typing_start", outcomes{message.OutcomeThrottled: 1})
	})
}

func TestInboundTypingWaitsForTheMessageBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTypingRig(t, time.Second)
		r.desk.deliver = func(ctx context.Context, _ message.Event) error { return after(ctx, 2*time.Second) }
		go func() { _ = r.Inbound(context.Background(), text("one")) }()
		synctest.Wait()
		wantNil(t, r.Inbound(t.Context(), typingFrom(customer, started)))
		r.at(5 * time.Second)
		r.want(t, "typing.started at 2s until 3s: true")
	})
}

func TestInboundTypingGivesWayToAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTypingRig(t, 8*time.Second)
		wantNil(t, r.Inbound(t.Context(), typingFrom(customer, started)))
		r.at(time.Second)
		wantNil(t, r.Inbound(t.Context(), text("one")))
		wantEqual(t, "time of the message", time.Since(r.began), time.Second)
		r.at(20 * time.Second)
		r.want(t, "typing.started at 0s until 1s: false")
		r.wantInbound(t, "typing_start", outcomes{message.OutcomeCanceled: 1})
	})
}

func TestInboundTypingIsSupersededByNewerTyping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTypingRig(t, 3*time.Second)
		wantNil(t, r.Inbound(t.Context(), typingFrom(customer, started)))
		r.at(time.Second)
		wantNil(t, r.Inbound(t.Context(), typingFrom(customer, stopped)))
		wantNil(t, r.Inbound(t.Context(), typingFrom("urn:mbid:b3RoZXI=", started))) // somebody else's does not
		r.at(9 * time.Second)
		r.wantInbound(t, "typing_start", outcomes{message.OutcomeCanceled: 1, message.OutcomeAccepted: 1})
		r.wantInbound(t, "typing_end", outcomes{message.OutcomeAccepted: 1})
		wantEqual(t, "the first one", r.seen[0], "typing.started at 0s until 1s: false")
		r.idle(t)
	})
}

func TestInboundTypingIsDroppedAfterTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTypingRig(t, time.Hour)
		wantNil(t, r.Inbound(t.Context(), typingFrom(customer, started)))
		r.at(time.Minute)
		r.want(t, "typing.started at 0s until 10s: false")
		r.wantInbound(t, "typing_start", outcomes{message.OutcomeTransient: 1})
	})
}

func TestInboundTypingBehindAStubbornMessageIsNotRelayedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTypingRig(t, time.Second)
		r.desk.deliver = func(context.Context, message.Event) error { time.Sleep(30 * time.Second); return nil }
		go func() { _ = r.Inbound(context.Background(), text("one")) }()
		synctest.Wait()
		wantNil(t, r.Inbound(t.Context(), typingFrom(customer, started)))
		r.at(time.Minute)
		r.want(t)
	})
}

func TestInboundTypingWithoutARelayIsUnsupported(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Desks[business].Connector = &plainDesk{} })
	wantNil(t, r.Inbound(t.Context(), typingFrom(customer, started)))
	r.wantInbound(t, "typing_start", outcomes{message.OutcomeUnsupported: 1})
}

func TestTypingBeyondTheLimitIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.desk.relayTyping = func(ctx context.Context, _ message.Event) error { return after(ctx, time.Second) }
		for i := range maxTyping {
			wantNil(t, r.Inbound(t.Context(), typingFrom(message.CustomerID(fmt.Sprint("urn:mbid:", i)), started)))
		}
		wantNil(t, r.Inbound(t.Context(), typingFrom(customer, started)))
		result, failure := r.Outbound(t.Context(), agents, agentTyping(message.TypingOn))
		wantNil(t, failure)
		wantEqual(t, "status", result.Status, message.StatusAccepted)
		pass(2 * time.Second)
		r.wantInbound(t, "typing_start", outcomes{message.OutcomeThrottled: 1, message.OutcomeAccepted: maxTyping})
		r.wantOutbound(t, message.KindTyping, outcomes{message.OutcomeThrottled: 1})
		r.idle(t)
	})
}

func TestTypingThatPanicsHarmsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.desk.relayTyping = func(context.Context, message.Event) error { panic("desk") }
		r.gateway.send = func(context.Context, apple.Outgoing) error { panic("gateway") }
		wantNil(t, r.Inbound(t.Context(), typingFrom(customer, started)))
		_, failure := r.Outbound(t.Context(), agents, agentTyping(message.TypingOn))
		wantNil(t, failure)
		synctest.Wait()
		r.wantInbound(t, "typing_start", outcomes{message.OutcomeTransient: 1})
		r.wantOutbound(t, message.KindTyping, outcomes{message.OutcomeTransient: 1})
		r.idle(t)
	})
}

func TestOutboundTypingIsAnsweredAtOnceAndGivesWayToAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTypingRig(t, 8*time.Second)
		result, failure := r.Outbound(t.Context(), agents, agentTyping(message.TypingOn))
		wantNil(t, failure)
		wantEqual(t, "time until the answer", time.Since(r.began), 0)
		wantEqual(t, "status", result.Status, message.StatusAccepted)
		wantEqual(t, "kind of the part", result.Parts[0].Kind, message.KindTyping)
		r.at(time.Second)
		_, failure = r.Outbound(t.Context(), agents, reply("hello"))
		wantNil(t, failure)
		wantEqual(t, "time of the message", time.Since(r.began), time.Second)
		r.at(20 * time.Second)
		r.want(t, "on at 0s until 1s: false")
		r.wantOutbound(t, message.KindTyping, outcomes{message.OutcomeCanceled: 1})
	})
}

func TestOutboundTypingWaitsAtMostTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTypingRig(t, time.Hour)
		_, failure := r.Outbound(t.Context(), agents, agentTyping(message.TypingOn))
		wantNil(t, failure)
		r.at(time.Minute)
		r.want(t, "on at 0s until 10s: false")
		wantEqual(t, "calls", len(r.gateway.sent), 1)
	})
}
