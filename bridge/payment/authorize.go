package payment

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/money"
)

// authorize brings a customer's consent to the provider. One that comes twice at the same time goes there once; one that comes
// again later is known to the provider.
func (s *Service) authorize(ctx context.Context, asked request, merchant *Merchant, posted callback) sheetAnswer {
	transactionID, token, err := posted.consent()
	if err != nil {
		s.Logger.Warn("a consent of Apple Pay cannot be read", "request", asked.ID, "error", err)
		return refusal(http.StatusBadRequest)
	}
	consent := Authorization{Request: asked.Request, TransactionID: transactionID, Token: token, Payment: posted.payment}
	answer, _, _ := s.flights.Do(memoryKey(asked.Request)+" "+transactionID, func() (any, error) {
		ctx, cancel := context.WithTimeout(ctx, authorizePatience)
		defer cancel()
		known := s.Memory.enter(ctx, asked.Request)
		if known == nil {
			return refusal(http.StatusServiceUnavailable), nil
		}
		defer known.leave()
		return s.consented(ctx, asked, merchant, consent, posted, known), nil
	})
	return answer.(sheetAnswer)
}

func (s *Service) consented(ctx context.Context, asked request, merchant *Merchant, consent Authorization, posted callback, known *remembered) sheetAnswer {
	earlier := known.payment
	if earlier.Status == message.PaymentAuthorized { // another consent to what is paid: nobody needs to be asked
		return sheetAnswer{code: http.StatusOK, Status: statusSuccess}
	}
	if known.consents++; known.consents > maxConsents {
		s.Logger.Warn("a request was consented to too often", "request", asked.ID)
		return refusal(http.StatusTooManyRequests)
	}
	if asked.Rules != "" {
		total, status := merchant.priceConsent(asked, posted)
		if status != "" {
			s.tell(ctx, consent, known, consent.after(earlier, false, message.Payment{Status: message.PaymentFailed, Summary: "Nothing was charged: the address of the order, or its price, is not one that could be asked for. Ask again."}))
			return sheetAnswer{code: http.StatusOK, Status: status}
		}
		consent.Total = total
	}
	charge, failure := s.charge(ctx, merchant, consent)
	payment, status := consent.outcome(charge, failure)
	payment = consent.after(earlier, charge.Status == Declined, payment)
	if payment.Status == message.PaymentAuthorized {
		payment.ShippingContact = posted.deliverTo()
	}
	if payment.Status == message.PaymentUncertain {
		s.Logger.Error("a payment is uncertain: it is to be looked up at the provider", "request", asked.ID, "cause", causeOf(charge, failure))
	}
	s.tell(ctx, consent, known, payment)
	return sheetAnswer{code: http.StatusOK, Status: status}
}

// after puts a try beside an earlier one of the same request. That this try charged nothing says nothing of an earlier try,
// unless it is the provider's own word (said) on the same consent.
func (a Authorization) after(earlier message.Payment, said bool, payment message.Payment) message.Payment {
	same := earlier.TransactionID == a.TransactionID
	switch {
	case payment.Status != message.PaymentFailed || earlier.Status != message.PaymentUncertain || same && said:
		return payment
	case same:
		return earlier
	}
	payment.Summary += " That is said of this try: an earlier one of the same request is still uncertain."
	return payment
}

// priceConsent is what the rules make of the address that the customer consented to. status is what the sheet is told where
// nothing may be charged.
func (m *Merchant) priceConsent(asked request, posted callback) (total money.Amount, status string) {
	where, known := posted.destination()
	switch {
	case !m.keeps(asked):
		return 0, statusFailure
	case !known:
		return 0, statusShippingAddress
	}
	_, total, fault := m.Rules.price(asked, where)
	if fault != nil {
		return 0, statusShippingAddress
	}
	return total, ""
}

// charge asks the provider, once. What fails in a way that says nothing leaves it open what happened.
func (s *Service) charge(ctx context.Context, merchant *Merchant, consent Authorization) (charge Charge, failure *message.Failure) {
	failure = s.protect(func() (err error) {
		charge, err = merchant.Provider.Authorize(ctx, consent)
		return err
	})
	return charge, failure
}

// protect calls a provider. The text of a panic, and of an error that is no [*message.Failure], may hold payment data: neither
// goes anywhere.
func (s *Service) protect(call func() error) (failure *message.Failure) {
	defer func() {
		if cause := recover(); cause != nil {
			s.Logger.Error("panic while calling the payment provider", "panic", fmt.Sprintf("%T", cause))
			failure = message.Failuref(message.Uncertain, "the bridge failed while it asked the payment provider")
		}
	}()
	err := call()
	if failure, classified := errors.AsType[*message.Failure](err); err == nil || classified {
		return failure
	}
	return message.Failuref(message.Uncertain, "it failed in a way that says nothing")
}

// outcome is what a charge means for the helpdesk, and what for the sheet. Only a charge that is what was asked for counts.
func (a Authorization) outcome(charge Charge, failure *message.Failure) (payment message.Payment, status string) {
	switch contradiction := a.contradiction(charge); {
	case failure != nil && failure.Class == message.Uncertain:
		return a.uncertain(failure.Reason), statusFailure
	case failure != nil:
		return message.Payment{Status: message.PaymentFailed, Summary: "Nothing was charged by this try: " + failure.Reason + "."}, statusFailure
	case charge.Status == Declined:
		return message.Payment{Status: message.PaymentFailed, ProviderRef: charge.Ref, Summary: declined(charge)}, charge.refused()
	case contradiction != "":
		payment = a.uncertain(contradiction)
		payment.ProviderRef = charge.Ref
		return payment, statusFailure
	case charge.Status == Pending: // the provider has it: paying again would be twice
		payment = a.uncertain("it will decide later")
		payment.ProviderRef = charge.Ref
		return payment, statusSuccess
	}
	summary := "Paid " + amount(charge.Amount, charge.Currency) + " with Apple Pay" + a.card() + remark(charge)
	return message.Payment{
		Status: message.PaymentAuthorized, Amount: charge.Currency.Format(charge.Amount), Currency: charge.Currency,
		ProviderRef: charge.Ref, Summary: summary + ".",
	}, statusSuccess
}

// remark is what a provider adds to a charge.
func remark(charge Charge) string {
	if charge.Reason == "" {
		return ""
	}
	return " (" + charge.Reason + ")"
}

// contradiction tells why a charge cannot be what was asked for; "" where it can.
func (a Authorization) contradiction(charge Charge) string {
	switch {
	case charge.Status == Declined:
		return ""
	case charge.Status != Authorized && charge.Status != Pending:
		return "it answered with no status that is known"
	case charge.Status == Pending && charge.Amount == 0: // it has not decided that either
		return ""
	case charge.Currency != a.Currency:
		return "it says that it charged in another currency"
	case charge.Amount <= 0:
		return "it does not say how much it charged"
	case a.Fixed && charge.Amount != a.Total:
		return "it says that it charged " + amount(charge.Amount, charge.Currency) + " instead of " + a.amount(a.Total)
	}
	return ""
}

func (a Authorization) uncertain(cause string) message.Payment {
	return message.Payment{Status: message.PaymentUncertain, Summary: "It is not certain whether the customer was charged " + a.amount(a.Total) +
		": the payment provider was asked, but " + cause + ". Look up the request " + a.ID + " there before you ask again."}
}

func causeOf(charge Charge, failure *message.Failure) string {
	if failure != nil {
		return failure.Error()
	}
	return "the provider said " + string(charge.Status)
}

func declined(charge Charge) string {
	if charge.Reason == "" {
		return "The payment was declined. Nothing was charged."
	}
	return "The payment was declined: " + strings.TrimSuffix(charge.Reason, ".") + ". Nothing was charged."
}

// refused is the status that tells the customer what to mend.
func (c Charge) refused() string {
	for _, fault := range c.Faults {
		switch {
		case fault.Code == "billingContactInvalid":
			return statusBillingAddress
		case fault.Code == "addressUnserviceable", fault.ContactField == "postalAddress", fault.ContactField == "postalCode", fault.ContactField == "country":
			return statusShippingAddress
		case fault.Code == "shippingContactInvalid":
			return statusShippingContact
		}
	}
	return statusFailure
}

const maxCard = 40 // characters of what the phone calls a card

func (a Authorization) card() string {
	name := []rune(string(message.CutLabel(a.Token.DisplayName)))
	if len(name) == 0 {
		return ""
	}
	return ", " + string(name[:min(len(name), maxCard)])
}

func amount(n money.Amount, currency money.Currency) string {
	return currency.Format(n) + " " + string(currency)
}

func (r Request) amount(n money.Amount) string { return amount(n, r.Currency) }

// tellPatience is how long the sheet waits for the helpdesk: what was charged is charged, and the rest is done without it.
const tellPatience = 3 * time.Second

// tell lets the helpdesk know of a step, and counts it, once as far as this replica knows.
func (s *Service) tell(ctx context.Context, consent Authorization, known *remembered, payment message.Payment) {
	payment.RequestID, payment.TransactionID = consent.ID, consent.TransactionID
	if known.learn(consent.Request, payment) {
		s.Count(payment.Status)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellPatience)
	defer cancel()
	if failure := s.Deliver(ctx, consent.Business, consent.Customer, payment); failure != nil {
		s.Logger.Warn("the helpdesk was not told of a payment at once", "request", consent.ID, "status", string(payment.Status), "error", failure)
	}
}
