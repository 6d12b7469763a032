package flow

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/message"
)

// merchants prepare and read payments as they are told.
type merchants struct {
	asked   []string // request ids
	failure *message.Failure
	answer  message.Payment
}

func (m *merchants) Ask(_ context.Context, _ message.BusinessID, _ message.CustomerID, requestID string, _ message.PaymentRequest) (apple.Payment, *message.Failure) {
	m.asked = append(m.asked, requestID)
	return apple.Payment{MerchantID: "merchant.com.example", Session: json.RawMessage(`{}`)}, m.failure
}

func (m *merchants) Answer(_ context.Context, _ message.BusinessID, _ message.CustomerID, answer apple.PaymentAnswer) *message.Payment {
	if m.answer.Status == "" {
		return nil
	}
	told := m.answer
	told.RequestID = answer.RequestID
	return &told
}

func withMerchants(m *merchants) func(*Options) { return func(o *Options) { o.Payments = m } }

func paymentOut(key string) message.Outbound {
	return message.Outbound{Key: key, BusinessID: business, CustomerID: customer, Content: message.PaymentRequest{
		CurrencyCode: "USD", Total: &message.LineItem{Label: "Tea", Amount: "12.50"},
	}}
}

// TestAPaymentIsPreparedForEveryTry gets a new session where Apple did not take the message, and none where it did.
func TestAPaymentIsPreparedForEveryTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &merchants{}
		r := newRig(t, withMerchants(m))
		r.gateway.failing(message.Failuref(message.Transient, "not now"))
		_, failure := r.Outbound(t.Context(), agents, paymentOut("k"))
		wantClass(t, failure, message.Transient)
		result, failure := r.Outbound(t.Context(), agents, paymentOut("k"))
		wantNil(t, failure)
		_, failure = r.Outbound(t.Context(), agents, paymentOut("k"))
		wantNil(t, failure)
		wantEqual(t, "sessions", len(m.asked), 2)
		wantEqual(t, "request", m.asked[1], result.Parts[0].RequestID)
		wantEqual(t, "the same request", m.asked[0], m.asked[1])
		wantEqual(t, "merchant", r.gateway.sent[len(r.gateway.sent)-1].Payment.MerchantID, "merchant.com.example")
		r.idle(t)
	})
}

// TestAPaymentThatCannotBePreparedIsNotSent tells its sender why.
func TestAPaymentThatCannotBePreparedIsNotSent(t *testing.T) {
	for name, test := range map[string]struct {
		merchants *merchants
		class     message.Class
		code      message.Code
	}{
		"no merchants":      {nil, message.Invalid, message.CodeUnsupported},
		"Apple Pay is out":  {&merchants{failure: message.Failuref(message.Transient, "not now")}, message.Transient, message.CodeUnavailable},
		"a bad certificate": {&merchants{failure: message.Failuref(message.Auth, "expired")}, message.Auth, message.CodeUnavailable},
		"a priced method":   {&merchants{failure: message.Failuref(message.Invalid, "no cart")}, message.Invalid, message.CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var changes []func(*Options)
				if test.merchants != nil {
					changes = append(changes, withMerchants(test.merchants))
				}
				r := newRig(t, changes...)
				_, failure := r.Outbound(t.Context(), agents, paymentOut("k"))
				wantClass(t, failure, test.class)
				wantEqual(t, "code", failure.SenderCode(), test.code)
				wantEqual(t, "messages to Apple", len(r.gateway.sent), 0)
				r.idle(t)
			})
		})
	}
}

func paymentAnswer() *apple.Incoming {
	in := incoming(message.EventUnsupported, "interactive", customer, "")
	in.Event.Data.Note = "cannot be shown"
	in.Payment = &apple.PaymentAnswer{RequestID: "r", Status: message.PaymentCompleted}
	return in
}

func TestTheEndOfAPaymentIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want := message.Payment{RequestID: "r", Status: message.PaymentCompleted, Amount: "12.50", Currency: "USD", Summary: "Paid."}
		r := newRig(t, withMerchants(&merchants{answer: want}))
		wantNil(t, r.Inbound(t.Context(), paymentAnswer()))
		event := r.desk.got[0]
		wantEqual(t, "type", event.Type, message.EventPayment)
		wantEqual(t, "payment", *event.Data.Payment, want)
		wantEqual(t, "note", event.Data.Note, "")
		again := paymentAnswer() // devices tell twice, under another id
		again.Event.Data.ID = "0a11b7a8-6f1d-4a3e-9d7b-0000000000ff"
		wantNil(t, r.Inbound(t.Context(), again))
		wantEqual(t, "events", len(r.desk.got), 1)
	})
}

func TestTheEndOfNobodysPaymentStaysWhatCannotBeShown(t *testing.T) {
	for name, changes := range map[string][]func(*Options){"no merchants": nil, "none of this business": {withMerchants(&merchants{})}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, changes...)
				wantNil(t, r.Inbound(t.Context(), paymentAnswer()))
				wantEqual(t, "type", r.desk.got[0].Type, message.EventUnsupported)
			})
		})
	}
}

// TestTheSheetDoesNotWaitForASlowHelpdesk: what was charged is charged, and the helpdesk hears of it all the same.
func TestTheSheetDoesNotWaitForASlowHelpdesk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.desk.deliver = func(context.Context, message.Event) error { time.Sleep(timeout / 2); return nil }
		ctx, cancel := context.WithTimeout(t.Context(), timeout/4)
		defer cancel()
		wantClass(t, r.TellPayment(ctx, business, customer, message.Payment{RequestID: "r", Status: message.PaymentAuthorized}), message.Transient)
		time.Sleep(timeout)
		synctest.Wait()
		wantEqual(t, "events", len(r.desk.got), 1)
		r.idle(t)
	})
}

// TestAPaymentIsToldOnce tells the same step twice at the same time, and again later; another consent is another step.
func TestAPaymentIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		told := message.Payment{RequestID: "r", Status: message.PaymentAuthorized, TransactionID: "1"}
		for range 3 {
			go func() { _ = r.TellPayment(context.WithoutCancel(t.Context()), business, customer, told) }()
		}
		synctest.Wait()
		wantNil(t, r.TellPayment(t.Context(), business, customer, told))
		synctest.Wait()
		wantEqual(t, "events", len(r.desk.got), 1)
		told.TransactionID = "2"
		wantNil(t, r.TellPayment(t.Context(), business, customer, told))
		wantEqual(t, "events", len(r.desk.got), 2)
		if r.desk.got[0].Data.ID == r.desk.got[1].Data.ID {
			t.Error("two consents have one event id")
		}
	})
}

// TestAPaymentIsToldAgain until the helpdesk has it: money was taken, and nobody else will say it.
func TestAPaymentIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.desk.failing(message.Failuref(message.Transient, "down"), message.Failuref(message.Uncertain, "no answer"), message.Failuref(message.Auth, "401"))
		wantClass(t, r.TellPayment(t.Context(), business, customer, message.Payment{RequestID: "r", Status: message.PaymentAuthorized}), message.Transient)
		time.Sleep(time.Minute)
		synctest.Wait()
		wantEqual(t, "tries", len(r.desk.got), 4)
		wantEqual(t, "possible repeat of the first", r.desk.got[0].Data.PossibleRepeat, false)
		wantEqual(t, "possible repeat after no answer", r.desk.got[3].Data.PossibleRepeat, true)
	})
}

// TestAPaymentIsNotToldForEver ends with the helpdesk's refusal, after some minutes, and with a shutdown.
func TestAPaymentIsNotToldForEver(t *testing.T) {
	for name, test := range map[string]struct {
		failure  *message.Failure
		shutdown bool
	}{
		"refused":  {message.Failuref(message.Permanent, "no"), false},
		"down":     {message.Failuref(message.Transient, "down"), false},
		"shutdown": {message.Failuref(message.Transient, "down"), true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				for range 100 {
					r.desk.failing(test.failure)
				}
				wantClass(t, r.TellPayment(t.Context(), business, customer, message.Payment{RequestID: "r", Status: message.PaymentFailed}), test.failure.Class)
				if test.shutdown {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					r.Memory.Drain(ctx)
				} else {
					time.Sleep(2 * tellAgainFor)
				}
				synctest.Wait()
				r.idle(t)
			})
		})
	}
}

func TestAPaymentOfAnUnknownBusinessIsToldToNobody(t *testing.T) {
	r := newRig(t)
	failure := r.TellPayment(t.Context(), "other", customer, message.Payment{})
	wantClass(t, failure, message.Permanent)
}
