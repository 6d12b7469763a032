package stripe

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/payment"
)

// confirm makes the one call that charges. It is made once: Stripe would recognise a repeat by its key, but what it says then
// is what it said before, and to a call that it had no time for it may say anything. What has become of the money is read
// instead.
func (p *Provider) confirm(ctx context.Context, c *consent) (*payment.Charge, *message.Failure) {
	form := url.Values{
		"payment_method_data[type]":        {"card"},
		"payment_method_data[card][token]": {c.token},
		"error_on_requires_action":         {"true"},
	}
	within, cancel := withReserve(ctx)
	defer cancel()
	resp, failure := p.post(within, opConfirm, "/v1/payment_intents/"+c.intent+"/confirm",
		idempotencyKey("bizbridge-confirm-", c.request, c.transaction), form, httpclient.RetryNever)
	if failure != nil && failure.Class != message.Uncertain {
		return nil, failure // it was not sent
	}
	if failure != nil {
		return p.lookBack(ctx, c.intent, failure)
	}
	charge, failure := confirmed(c.intent, resp)
	if failure == nil || failure.Class != message.Uncertain {
		return charge, failure
	}
	if busy(resp) {
		sleep(ctx, p.pause)
	}
	return p.lookBack(ctx, c.intent, failure)
}

// withReserve leaves time to look back.
func withReserve(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-share(ctx, reserve)))
}

// share is a time, or a quarter of what is left where that is less.
func share(ctx context.Context, most time.Duration) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(most, time.Until(deadline)/4)
	}
	return most
}

// busy tells whether another call on the same PaymentIntent is under way, which will have an end soon.
func busy(resp *httpclient.Response) bool {
	code := readFault(resp.Body).Code
	return resp.Status == http.StatusConflict || code == codeLockTimeout || code == codeKeyInUse
}

// confirmed is what an answer to a confirmation means. A failure of class Uncertain: it does not say what became of the money.
func confirmed(id string, resp *httpclient.Response) (*payment.Charge, *message.Failure) {
	open := &message.Failure{
		Class: message.Uncertain, Status: resp.Status, RetryAfter: resp.RetryAfter,
		Reason: fmt.Sprintf("Stripe answered %d to the confirmation of %s, which does not tell whether it is paid", resp.Status, id),
	}
	fault := readFault(resp.Body)
	now := fault.Intent
	if resp.Status == http.StatusOK {
		now = readIntent(resp.Body)
	}
	if now != nil && now.ID != id {
		return nil, open // of some other payment, nothing is believed
	}
	if charge, failure := now.decided(); charge != nil || failure != nil {
		return charge, failure
	}
	switch resp.Status {
	case http.StatusOK:
		if now != nil && now.Status == statusRequiresPayment {
			return now.declined(now.lastWords()), nil
		}
	case http.StatusPaymentRequired:
		if fault.Type == typeCard || fault.Type == typeInvalid {
			return &payment.Charge{Status: payment.Declined, Ref: id, Reason: fault.words()}, nil
		}
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, refused(opConfirm, resp)
	case http.StatusBadRequest, http.StatusNotFound:
		// The state, a token or a key that was used before: somebody else was here, perhaps with this very consent.
		elsewhere := fault.Code == codeUnexpectedState || fault.Code == codeTokenUsed || fault.Code == codeLockTimeout || fault.Code == codeKeyInUse
		if fault.Type == typeInvalid && !elsewhere {
			return nil, refused(opConfirm, resp)
		}
	case http.StatusTooManyRequests:
		// Stripe counts calls before it looks at them; a lock it meets only after.
		if fault.Type != "" && fault.Code != codeLockTimeout && fault.Code != codeKeyInUse {
			return nil, refused(opConfirm, resp)
		}
	}
	return nil, open
}

// lastWords are why the last attempt failed.
func (i *intent) lastWords() string {
	if i.LastError == nil {
		return wordsDeclined
	}
	return i.LastError.words()
}

// lookBack asks once what became of a confirmation that was not answered clearly. Only what is final is believed: a payment
// that wants a payment method may be one whose confirmation has not come through yet.
func (p *Provider) lookBack(ctx context.Context, id string, failure *message.Failure) (*payment.Charge, *message.Failure) {
	now, unread := p.read(ctx, id)
	if unread != nil {
		return nil, failure
	}
	if charge, undecided := now.decided(); charge != nil || undecided != nil {
		return charge, undecided
	}
	return nil, failure
}
