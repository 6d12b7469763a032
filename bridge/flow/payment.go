package flow

import (
	"context"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/message"
)

// Payments is the merchants whom customers pay.
type Payments interface {
	// Ask makes what a payment message needs: it gets a merchant session, within ctx, and seals the request. It is called for
	// each try, since a session serves once. The failure is of class Invalid where the business's merchant cannot ask for this.
	Ask(ctx context.Context, business message.BusinessID, customer message.CustomerID, requestID string, content message.PaymentRequest) (apple.Payment, *message.Failure)
	// Answer says what the end of a device's sheet means. It may ask the provider, within ctx, and never takes the device's
	// word for money.
	Answer(ctx context.Context, business message.BusinessID, customer message.CustomerID, answer apple.PaymentAnswer) message.Payment
}

// askForPayment prepares the one part of a payment message, unless Apple has it.
func (f *Flow) askForPayment(ctx context.Context, out message.Outbound, c *composed) *message.Failure {
	if len(c.parts) == 0 || c.parts[0].sent {
		return nil
	}
	content, ok := c.parts[0].content.(message.PaymentRequest)
	if !ok {
		return nil
	}
	if f.Payments == nil {
		return &message.Failure{Class: message.Invalid, Code: message.CodeUnsupported, Reason: "no business has a merchant: set apple_pay.merchants, and the business's apple_pay"}
	}
	ctx, cancel := halfOf(ctx)
	defer cancel()
	c.fetched = true
	return f.protect("Apple Pay", func() error {
		prepared, failure := f.Payments.Ask(ctx, out.BusinessID, out.CustomerID, c.parts[0].request, content)
		if failure != nil {
			return failure
		}
		c.parts[0].payment = prepared
		return nil
	})
}

// paid makes the event of the end of a device's payment sheet. Where nobody can be paid, it stays what cannot be shown.
func (f *Flow) paid(ctx context.Context, answer apple.PaymentAnswer, event *message.Event) *message.Failure {
	if f.Payments == nil {
		return nil
	}
	ctx, cancel := halfOf(ctx)
	defer cancel()
	var told message.Payment
	failure := f.protect("the payment provider", func() error {
		told = f.Payments.Answer(ctx, event.Data.BusinessID, event.Data.CustomerID, answer)
		return nil
	})
	if failure != nil {
		return failure
	}
	event.Type, event.Data.Payment = message.EventPayment, &told
	event.Data.AppleType, event.Data.Note = "", ""
	return nil
}

const (
	firstTellAgain = 2 * time.Second
	tellAgainFor   = 5 * time.Minute
)

// TellPayment tells the helpdesk what a payment provider has said. Money may have been taken, and whoever paid sees that on
// the phone: where the helpdesk cannot be told at once it is told again, for some minutes. The failure is of the first try.
// Each step of a request has one event, however often it is told.
func (f *Flow) TellPayment(ctx context.Context, business message.BusinessID, customer message.CustomerID, payment message.Payment) *message.Failure {
	desk := f.deskOf(ctx, business, customer)
	if desk == nil {
		return &message.Failure{Class: message.Permanent, Code: message.CodeUnknownBusiness, Reason: "no helpdesk is configured for this business"}
	}
	device, _ := f.Memory.devices.Get(conversation(business, customer))
	about := message.DeriveID(payment.RequestID, string(payment.Status), payment.TransactionID)
	event := f.aftermath(message.EventPayment, message.Outbound{BusinessID: business, CustomerID: customer}, device, about)
	event.Data.Payment = &payment
	failure := f.reportOnce(ctx, desk, event)
	if failure != nil && !failure.Class.Final() {
		f.background(func(shutdown context.Context) { f.reportAgain(shutdown, desk, event) })
	}
	return failure
}

// reportAgain ends when the helpdesk has the event, or has refused it, or after [tellAgainFor]. Every try is logged.
func (f *Flow) reportAgain(shutdown context.Context, desk *Desk, event message.Event) {
	until := f.Now().Add(tellAgainFor)
	for wait := firstTellAgain; f.Now().Add(wait).Before(until); wait *= 2 {
		select {
		case <-shutdown.Done():
		case <-time.After(wait):
		}
		if failure := f.reportOnce(shutdown, desk, event); failure == nil || failure.Class.Final() || shutdown.Err() != nil {
			return
		}
	}
}

// reportOnce is [Flow.report] for what a phone may bring twice at the same time.
func (f *Flow) reportOnce(ctx context.Context, desk *Desk, event message.Event) *message.Failure {
	_, _, failure := f.Memory.inbound.do(ctx, repeatKey(event), "", func() (struct{}, *message.Failure) {
		return struct{}{}, f.report(ctx, desk, event)
	})
	return failure
}

// report tells the helpdesk of something that did not come from Apple, in its turn. nil means that the helpdesk has
// it.
func (f *Flow) report(ctx context.Context, desk *Desk, event message.Event) *message.Failure {
	began := f.Now()
	ctx, cancel := f.bounded(ctx, f.Timeout)
	defer cancel()
	event.Data.PossibleRepeat = f.Memory.uncertain.Contains(repeatKey(event))
	turn := f.Memory.inboundLanes.join(conversation(event.Data.BusinessID, event.Data.CustomerID))
	defer turn.leave()
	outcome, failure := message.OutcomeAccepted, message.FailureOf(turn.wait(ctx))
	if failure == nil {
		outcome, failure = f.handOver(ctx, desk, event)
	}
	if failure != nil {
		outcome = failure.Class.Outcome()
		if failure.Class == message.Uncertain {
			f.Memory.uncertain.Add(repeatKey(event), struct{}{})
		}
	} else {
		f.countSignIn(event)
	}
	f.countInbound(ctx, desk, "interactive", event, outcome, failure, f.Now().Sub(began))
	return failure
}
