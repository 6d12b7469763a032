package flow

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/message"
)

func deadline(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}

func TestDrainWaitsForWhatNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTypingRig(t, 3*time.Second)
		wantNil(t, r.Inbound(t.Context(), typingFrom(customer, started)))
		ctx, cancel := deadline(time.Minute)
		defer cancel()
		r.Memory.Drain(ctx)
		wantEqual(t, "time drained", time.Since(r.began), 3*time.Second)
		r.want(t, "typing.started at 0s until 3s: true")
		r.Memory.Drain(ctx) // once more does no harm
	})
}

func TestDrainCancelsWhatTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTypingRig(t, time.Hour)
		wantNil(t, r.Inbound(t.Context(), typingFrom(customer, started)))
		r.desk.deliver = func(ctx context.Context, _ message.Event) error { return after(ctx, time.Hour) }
		r.gateway.send = func(ctx context.Context, _ apple.Outgoing) error { return after(ctx, time.Hour) }
		var inbound, waiting, outbound *message.Failure
		var callers sync.WaitGroup
		other := message.CustomerID("urn:mbid:b3RoZXI=")
		callers.Go(func() { inbound = r.Inbound(context.Background(), from(other, "one")) })
		synctest.Wait()
		callers.Go(func() { waiting = r.Inbound(context.Background(), from(other, "two")) })
		callers.Go(func() { _, outbound = r.Outbound(context.Background(), agents, reply("three")) })
		synctest.Wait()
		ctx, cancel := deadline(time.Second)
		defer cancel()
		r.Memory.Drain(ctx)
		callers.Wait()
		wantEqual(t, "time drained", time.Since(r.began), time.Second)
		for what, failure := range map[string]*message.Failure{"inbound": inbound, "waiting for its turn": waiting, "outbound": outbound} {
			if failure == nil || failure.Class != message.Canceled {
				t.Errorf("%s: %v, want it canceled", what, failure)
			}
		}
		synctest.Wait()
		r.want(t, "typing.started at 0s until 1s: false")
	})
}

func TestDrainTellsTheHelpdeskOfAClosedConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.gateway.failing(message.Failuref(message.Closed, "the customer left"))
		told := false
		r.desk.relayClose = func(ctx context.Context, _ message.Event) error {
			err := after(ctx, 2*time.Second)
			told = err == nil
			return err
		}
		_, failure := r.Outbound(t.Context(), agents, reply("hello"))
		wantClass(t, failure, message.Closed)
		ctx, cancel := deadline(time.Minute)
		defer cancel()
		r.Memory.Drain(ctx)
		wantEqual(t, "told", told, true)
	})
}

// What comes while the drain waits must neither race with it nor be left behind: a server that could not stop in time
// still has handlers running.
func TestDrainWhileMoreComes(t *testing.T) {
	r := newRig(t)
	r.gateway.send = func(context.Context, apple.Outgoing) error {
		return message.Failuref(message.Closed, "the customer left")
	}
	r.desk.relayClose = func(ctx context.Context, _ message.Event) error { return after(ctx, 100*time.Microsecond) }
	r.desk.relayTyping = r.desk.relayClose
	var callers sync.WaitGroup
	for i := range 4 {
		who := message.CustomerID("urn:mbid:" + string(rune('a'+i)))
		callers.Go(func() {
			for range 100 {
				_ = r.Inbound(context.Background(), typingFrom(who, started))
				out := reply("hello")
				out.CustomerID = who
				_, _ = r.Outbound(context.Background(), agents, out)
			}
		})
	}
	ctx, cancel := deadline(5 * time.Millisecond)
	defer cancel()
	r.Memory.Drain(ctx)
	callers.Wait()
	r.Memory.Drain(ctx)
	for range 100 { // who left a lane early goes as soon as those ahead have gone
		if r.Memory.inboundLanes.free() && r.Memory.outboundLanes.free() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.idle(t)
}

func (l *lanes) free() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.last) == 0
}
