package flow

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bizbridge/bridge/message"
)

type outcomes = map[message.Outcome]int

func TestInboundIsAcknowledgedOnlyAfterDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.desk.deliver = func(ctx context.Context, _ message.Event) error { return after(ctx, 3*time.Second) }
		began := time.Now()
		wantNil(t, r.Inbound(t.Context(), text("hello")))
		wantEqual(t, "time until the acknowledgement", time.Since(began), 3*time.Second)
		r.wantInbound(t, "text", outcomes{message.OutcomeAccepted: 1})
		wantEqual(t, "inbound_duration_seconds", value(t, r.Metrics.InboundDuration.WithLabelValues("desk")), 1)
		wantEqual(t, "last_inbound_timestamp_seconds", value(t, r.Metrics.LastInbound.WithLabelValues(string(business))), float64(began.Unix()))
		r.idle(t)
	})
}

func TestInboundPassesEveryClassOnAndForgetsTheFailure(t *testing.T) {
	for class := message.Transient; class <= message.Canceled; class++ {
		t.Run(class.String(), func(t *testing.T) {
			r := newRig(t)
			r.desk.failing(&message.Failure{Class: class, Reason: "said the desk", RetryAfter: 7 * time.Second})
			failure := r.Inbound(t.Context(), text("hello"))
			wantClass(t, failure, class)
			wantEqual(t, "retry after", failure.RetryAfter, 7*time.Second)
			wantNil(t, r.Inbound(t.Context(), text("hello"))) // a new try, no duplicate
			wantEqual(t, "calls", len(r.desk.calls()), 2)
			r.wantInbound(t, "text", outcomes{class.Outcome(): 1, message.OutcomeAccepted: 1})
			wantEqual(t, "duplicates", value(t, r.Metrics.DuplicatesDropped.WithLabelValues("apple")), 0)
			alarm := class == message.Auth || class == message.Closed
			wantEqual(t, "logged as an error", strings.Contains(r.logs.String(), "level=ERROR"), alarm)
			r.idle(t)
		})
	}
}

func TestInboundLogsNeitherTheTextNorTheCustomer(t *testing.T) {
	r := newRig(t)
	r.desk.failing(message.Failuref(message.Transient, "down"))
	_ = r.Inbound(t.Context(), text("my words"))
	_ = r.Inbound(t.Context(), text("my words"))
	for _, hidden := range []string{"my words", string(customer)} {
		if strings.Contains(r.logs.String(), hidden) {
			t.Errorf("the log holds %q:\n%s", hidden, r.logs)
		}
	}
	if !strings.Contains(r.logs.String(), "outcome=accepted") {
		t.Errorf("the log does not tell of the message:\n%s", r.logs)
	}
}

func TestInboundRefusesAnUnknownBusiness(t *testing.T) {
	r := newRig(t)
	in := text("hello")
	in.Event.Data.BusinessID = "11111111-2222-4333-8444-555555555555"
	failure := r.Inbound(t.Context(), in)
	wantClass(t, failure, message.Permanent)
	wantEqual(t, "code", failure.SenderCode(), message.CodeUnknownBusiness)
}

func TestInboundDuplicateIsAcknowledgedAndNotDelivered(t *testing.T) {
	r := newRig(t)
	wantNil(t, r.Inbound(t.Context(), text("hello")))
	wantNil(t, r.Inbound(t.Context(), text("hello")))
	wantEqual(t, "calls", len(r.desk.calls()), 1)
	wantEqual(t, "duplicates", value(t, r.Metrics.DuplicatesDropped.WithLabelValues("apple")), 1)
	r.wantInbound(t, "text", outcomes{message.OutcomeAccepted: 1, message.OutcomeDuplicate: 1})
}

func TestInboundDuplicateOfOneInFlightWaitsForItsOutcome(t *testing.T) {
	for name, want := range map[string]*message.Failure{"success": nil, "failure": message.Failuref(message.Throttled, "slow down")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.desk.deliver = func(context.Context, message.Event) error {
					time.Sleep(2 * time.Second)
					if want != nil {
						return want
					}
					return nil
				}
				began := time.Now()
				go func() { _ = r.Inbound(context.Background(), text("hello")) }()
				pass(time.Second)
				if failure := r.Inbound(t.Context(), text("hello")); failure != want {
					t.Errorf("the duplicate was answered with %v, the first with %v", failure, want)
				}
				wantEqual(t, "time until the duplicate's answer", time.Since(began), 2*time.Second)
				wantEqual(t, "calls", len(r.desk.calls()), 1)
				synctest.Wait()
				r.idle(t)
			})
		})
	}
}

func TestInboundMarksAPossibleRepeatAfterAnUnknownOutcome(t *testing.T) {
	r := newRig(t)
	r.desk.failing(
		message.Failuref(message.Transient, "no connection"),
		message.Failuref(message.Uncertain, "no answer"),
		message.Failuref(message.Transient, "no connection"),
	)
	for range 3 {
		_ = r.Inbound(t.Context(), text("hello"))
	}
	wantNil(t, r.Inbound(t.Context(), text("hello")))
	wantNil(t, r.Inbound(t.Context(), text("another")))
	var marks []bool
	for _, event := range r.desk.got {
		marks = append(marks, event.Data.PossibleRepeat)
	}
	if want := []bool{false, false, true, true, false}; !slices.Equal(marks, want) {
		t.Errorf("possible_repeat of the tries: %v, want %v", marks, want)
	}
}

func TestInboundHonoursTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.desk.deliver = func(ctx context.Context, _ message.Event) error { <-ctx.Done(); return ctx.Err() }
		began := time.Now()
		wantClass(t, r.Inbound(t.Context(), text("hello")), message.Transient)
		wantEqual(t, "time until the answer", time.Since(began), timeout)
		r.idle(t)
	})
}

func TestInboundGoesOnWhenTheCallerHangsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.desk.deliver = func(ctx context.Context, _ message.Event) error { return after(ctx, 2*time.Second) }
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wantNil(t, r.Inbound(ctx, text("hello")))
	})
}

func TestInboundKeepsTheOrderOfOneCustomerWhileOthersPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.desk.deliver = func(ctx context.Context, event message.Event) error {
			if event.Data.CustomerID == customer {
				return after(ctx, time.Second)
			}
			return nil
		}
		for _, words := range []string{"one", "two", "three"} {
			go func() { _ = r.Inbound(context.Background(), text(words)) }()
			synctest.Wait()
		}
		wantNil(t, r.Inbound(t.Context(), from("urn:mbid:b3RoZXI=", "other")))
		pass(10 * time.Second)
		if got, want := r.desk.calls(), []string{"one", "other", "two", "three"}; !slices.Equal(got, want) {
			t.Errorf("delivered in the order %v, want %v", got, want)
		}
		r.wantInbound(t, "text", outcomes{message.OutcomeAccepted: 4})
		r.idle(t)
	})
}

func TestInboundBehindABusyConversationIsTransient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.desk.deliver = func(_ context.Context, event message.Event) error {
			if event.Data.Text == "stubborn" {
				pass(2 * timeout) // a connector that does not look at its deadline
			}
			return nil
		}
		go func() { _ = r.Inbound(context.Background(), text("stubborn")) }()
		synctest.Wait()
		go func() {
			time.Sleep(time.Second)
			_ = r.Inbound(context.Background(), text("third")) // keeps its place though the second gives up
		}()
		failure := r.Inbound(t.Context(), text("second"))
		wantClass(t, failure, message.Transient)
		if !strings.Contains(failure.Error(), "earlier messages") {
			t.Errorf("the reason does not say that earlier ones took the time: %v", failure)
		}
		pass(3 * timeout)
		if got, want := r.desk.calls(), []string{"stubborn"}; !slices.Equal(got, want) {
			t.Errorf("calls %v, want %v", got, want)
		}
		r.idle(t)
		wantNil(t, r.Inbound(t.Context(), text("second")))
	})
}

func TestInboundOverTheConcurrencyLimitIsThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *Options) { o.InboundConcurrency = 2 })
		r.desk.deliver = func(ctx context.Context, _ message.Event) error { return after(ctx, time.Second) }
		for _, who := range []message.CustomerID{"urn:mbid:YQ==", "urn:mbid:Yg=="} {
			go func() { _ = r.Inbound(context.Background(), from(who, "hello")) }()
		}
		synctest.Wait()
		wantEqual(t, "inflight", value(t, r.Metrics.Inflight.WithLabelValues("inbound")), 2)
		failure := r.Inbound(t.Context(), text("too much"))
		wantClass(t, failure, message.Throttled)
		wantEqual(t, "retry after", failure.RetryAfter, time.Second)
		wantNil(t, r.Inbound(t.Context(), typingFrom(customer, message.EventTypingStarted))) // typing has its own limit
		pass(time.Second)
		wantNil(t, r.Inbound(t.Context(), text("too much")))
		r.wantInbound(t, "text", outcomes{message.OutcomeThrottled: 1, message.OutcomeAccepted: 3})
	})
}

func TestInboundSurvivesAPanicOfTheConnector(t *testing.T) {
	r := newRig(t)
	r.desk.deliver = func(_ context.Context, event message.Event) error {
		if event.Data.Text == "poison" {
			panic("nil map")
		}
		return nil
	}
	failure := r.Inbound(t.Context(), text("poison"))
	wantClass(t, failure, message.Transient)
	if strings.Contains(failure.Error(), "nil map") || !strings.Contains(r.logs.String(), "nil map") {
		t.Errorf("the panic belongs to the log, not to the answer %q; log:\n%s", failure, r.logs)
	}
	wantNil(t, r.Inbound(t.Context(), text("next")))
	r.idle(t)
}

func TestInboundUnsupportedIsDeliveredAndCountedAsSuch(t *testing.T) {
	r := newRig(t)
	wantNil(t, r.Inbound(t.Context(), incoming(message.EventUnsupported, "unknown", customer, "")))
	wantEqual(t, "calls", len(r.desk.calls()), 1)
	r.wantInbound(t, "unknown", outcomes{message.OutcomeUnsupported: 1})
}

func TestInboundCloseIsRelayedInItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.desk.deliver = func(ctx context.Context, _ message.Event) error { return after(ctx, time.Second) }
		refusals := []error{message.Failuref(message.Throttled, "slow down"), nil}
		r.desk.relayClose = func(context.Context, message.Event) error {
			wantEqual(t, "messages delivered before the close", len(r.desk.got), 1)
			err := refusals[0]
			refusals = refusals[1:]
			return err
		}
		closing := incoming(message.EventClosed, "close", customer, "")
		go func() { _ = r.Inbound(context.Background(), text("bye")) }()
		synctest.Wait()
		wantClass(t, r.Inbound(t.Context(), closing), message.Throttled)
		wantNil(t, r.Inbound(t.Context(), closing))
		wantNil(t, r.Inbound(t.Context(), closing))
		synctest.Wait()
		wantEqual(t, "calls", len(r.desk.closed), 2)
		r.wantInbound(t, "close", outcomes{message.OutcomeThrottled: 1, message.OutcomeAccepted: 1, message.OutcomeDuplicate: 1})
		r.idle(t)
	})
}

func TestInboundCloseWithoutARelayIsAcknowledgedAsUnsupported(t *testing.T) {
	plain := &plainDesk{}
	r := newRig(t, func(o *Options) { o.Desks[business].Connector = plain })
	wantNil(t, r.Inbound(t.Context(), incoming(message.EventClosed, "close", customer, "")))
	wantEqual(t, "calls", len(plain.calls()), 0)
	r.wantInbound(t, "close", outcomes{message.OutcomeUnsupported: 1})
}

func TestSealedContextOpensToTheSameDevice(t *testing.T) {
	r := newRig(t)
	in := text("hello")
	wantNil(t, r.Inbound(t.Context(), in))
	event := r.desk.got[0]
	wantEqual(t, "the caller's event was changed", in.Event.Data.Sealed, "")
	replica := newRig(t, func(o *Options) { o.Ring = ring(t, 2, 1) }) // the keys are being rotated
	device, err := replica.openDevice(business, customer, event.Data.Sealed)
	if err != nil || !reflect.DeepEqual(device, in.Event.Data.Device) {
		t.Errorf("the context opens to %+v, %v; want %+v", device, err, in.Event.Data.Device)
	}
	if _, err := replica.openDevice(business, "urn:mbid:b3RoZXI=", event.Data.Sealed); err == nil {
		t.Error("the context of one customer opens for another")
	}
}
