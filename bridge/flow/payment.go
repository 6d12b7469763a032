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
	// nil: the business has nobody whom its customers pay.
	Answer(ctx context.Context, business message.BusinessID, customer message.CustomerID, answer apple.PaymentAnswer) *message.Payment
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
	var told *message.Payment
	failure := f.protect("the payment provider", func() error {
		told = f.Payments.Answer(ctx, event.Data.BusinessID, event.Data.CustomerID, answer)
		return nil
	})
	if failure != nil || told == nil {
		return failure
	}
	event.Type, event.Data.Payment = message.EventPayment, told
	event.Data.AppleType, event.Data.Note = "", ""
	return nil
}

const (
	firstTellAgain = 2 * time.Second
	tellAgainFor   = 5 * time.Minute
)

// TellPayment tells the helpdesk what a payment provider has said, and returns when it has it, or when ctx ends. Money may have
// been taken, and whoever paid sees that on the phone: where the helpdesk cannot be told at once it is told again, for some
// minutes. The failure is that of the first try, or says that it is not over. Each step of a request has one event, however
// often it is told.
func (f *Flow) TellPayment(ctx context.Context, business message.BusinessID, customer message.CustomerID, payment message.Payment) *message.Failure {
	desk := f.deskOf(ctx, business, customer)
	if desk == nil {
		return &message.Failure{Class: message.Permanent, Code: message.CodeUnknownBusiness, Reason: "no helpdesk is configured for this business"}
	}
	device, _ := f.Memory.devices.Get(conversation(business, customer))
	about := message.DeriveID(payment.RequestID, string(payment.Status), payment.TransactionID)
	event := f.aftermath(message.EventPayment, message.Outbound{BusinessID: business, CustomerID: customer}, device, about)
	event.Data.Payment = &payment
	first := make(chan *message.Failure, 1)
	f.background(func(shutdown context.Context) {
		failure := f.reportOnce(shutdown, desk, event)
		first <- failure
		if failure = f.reportAgain(shutdown, desk, event, failure); failure != nil { // nobody will say it again
			f.Logger.Error("the helpdesk was never told of a payment", "connector", desk.Name, "request", payment.RequestID,
				"status", string(payment.Status), "amount", payment.Amount, "currency", string(payment.Currency), "error", failure)
		}
	})
	select {
	case failure := <-first:
		return failure
	case <-ctx.Done():
		return message.Failuref(message.Transient, "the helpdesk has not answered yet")
	}
}

// reportAgain ends when the helpdesk has the event, which nil says, or has refused it, after [tellAgainFor], or with the bridge.
func (f *Flow) reportAgain(shutdown context.Context, desk *Desk, event message.Event, failure *message.Failure) *message.Failure {
	until := f.Now().Add(tellAgainFor)
	for wait := firstTellAgain; failure != nil && !failure.Class.Final() && f.Now().Add(wait).Before(until); wait *= 2 {
		select {
		case <-shutdown.Done():
			return failure
		case <-time.After(wait):
			failure = f.reportOnce(shutdown, desk, event)
		}
	}
	return failure
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
	outcome, failure := message.OutcomeAccepted, tooMany("too many messages of this conversation are waiting")
	if turn.place <= maxWaiting {
		failure = message.FailureOf(turn.wait(ctx))
	}
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
