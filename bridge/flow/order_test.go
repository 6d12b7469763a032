package flow

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/message"
)

// One customer who sends faster than the helpdesk takes once filled every place, and others were turned away.
func TestInboundOneBusyCustomerTakesOnePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *Options) { o.InboundConcurrency = 2 })
		r.desk.deliver = func(ctx context.Context, event message.Event) error {
			if event.Data.CustomerID == customer {
				return after(ctx, time.Second)
			}
			return nil
		}
		var busy sync.WaitGroup
		for i := range 8 {
			busy.Go(func() { r.Inbound(t.Context(), text(fmt.Sprint(i))) })
		}
		synctest.Wait()
		wantNil(t, r.Inbound(t.Context(), from("urn:mbid:other", "Hello")))
		busy.Wait()
	})
}

func TestInboundOnlySoManyMessagesOfOneConversationWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.desk.deliver = func(ctx context.Context, _ message.Event) error { return after(ctx, time.Hour) }
		var mu sync.Mutex
		var classes []message.Class
		var all sync.WaitGroup
		for i := range maxWaiting + 10 {
			all.Go(func() {
				failure := r.Inbound(t.Context(), text(fmt.Sprint(i)))
				mu.Lock()
				defer mu.Unlock()
				classes = append(classes, failure.Class)
			})
		}
		all.Wait()
		throttled := 0
		for _, class := range classes {
			if class == message.Throttled {
				throttled++
			}
		}
		wantEqual(t, "throttled", throttled, 9) // one is worked on, maxWaiting wait
		synctest.Wait()
		r.idle(t)
	})
}

// The end of a conversation, told after a 410 and held up by the helpdesk, once came after the customer's return.
func TestTheEndOfAConversationDoesNotComeAfterTheCustomersReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.gateway.send = func(context.Context, apple.Outgoing) error { return message.Failuref(message.Closed, "gone") }
		var mu sync.Mutex
		var order []string
		r.desk.relayClose = func(ctx context.Context, _ message.Event) error {
			err := after(ctx, time.Second)
			mu.Lock()
			defer mu.Unlock()
			order = append(order, "closed")
			return err
		}
		r.desk.deliver = func(context.Context, message.Event) error {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, "received")
			return nil
		}
		_, failure := r.Outbound(t.Context(), agents, reply("Hi"))
		wantClass(t, failure, message.Closed)
		wantNil(t, r.Inbound(t.Context(), text("I am back")))
		synctest.Wait()
		if want := []string{"closed", "received"}; !slices.Equal(order, want) {
			t.Errorf("the helpdesk sees %v, want %v", order, want)
		}
		r.wantInbound(t, "close", outcomes{message.OutcomeAccepted: 1})
	})
}

// A helpdesk that could not be told of the end of a conversation once left no trace in the metrics.
func TestAnEndThatCannotBeToldIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.gateway.send = func(context.Context, apple.Outgoing) error { return message.Failuref(message.Closed, "gone") }
		r.desk.relayClose = func(context.Context, message.Event) error { return message.Failuref(message.Transient, "down") }
		_, _ = r.Outbound(t.Context(), agents, reply("Hi"))
		synctest.Wait()
		r.wantInbound(t, "close", outcomes{message.OutcomeTransient: 1})
	})
}

// Intent and group come with the first text only, and are sealed into the context of those that follow.
func TestIntentAndGroupStayInTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		first := text("Hello")
		first.Event.Data.Device = message.Device{Intent: "billing", Group: "vip", Locale: "en_US"}
		wantNil(t, r.Inbound(t.Context(), first))
		bare := func(words string) *apple.Incoming {
			in := text(words)
			in.Event.Data.Device = message.Device{Locale: "en_US"}
			return in
		}
		wantNil(t, r.Inbound(t.Context(), bare("One more thing")))
		second := r.desk.got[1].Data
		wantEqual(t, "intent of the second event", second.Intent, "")
		device, err := r.openDevice(business, customer, second.Sealed)
		if err != nil || device.Intent != "billing" || device.Group != "vip" {
			t.Errorf("the second context opens to %+v, %v", device, err)
		}
		r.gateway.send = func(context.Context, apple.Outgoing) error { return message.Failuref(message.Closed, "gone") }
		_, _ = r.Outbound(t.Context(), agents, reply("Hi"))
		synctest.Wait()
		wantNil(t, r.Inbound(t.Context(), bare("I am back")))
		if device, _ := r.openDevice(business, customer, r.desk.got[2].Data.Sealed); device.Intent != "" {
			t.Errorf("after the end of the conversation the context still says %+v", device)
		}
	})
}
