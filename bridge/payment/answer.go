package payment

import (
	"context"

	"bizbridge/bridge/message"
)

// Answer says what the end of a device's sheet means. device is what the device says; "" where that is not known. Money is the
// provider's word alone, from this replica's memory or by asking it.
func (s *Service) Answer(ctx context.Context, business message.BusinessID, customer message.CustomerID, requestID string, device message.PaymentStatus) message.Payment {
	asked := Request{ID: requestID, Business: business, Customer: customer}
	known, heard := s.Memory.recall(asked)
	told := reconcile(known, heard, device)
	if known.Status != message.PaymentAuthorized {
		charge, found := s.find(ctx, asked)
		// That a provider knows of no charge is no proof while a call to it is open: its search may lag, or the call go on. Then
		// it takes somebody's word that the payment failed.
		open := known.Status == message.PaymentUncertain || !heard && device == ""
		if found && (charge != nil || !open) {
			told = reconcileFound(charge, device)
		}
	}
	told.RequestID = requestID
	if told.TransactionID == "" {
		told.TransactionID = known.TransactionID
	}
	s.Count(told.Status)
	return told
}

// find asks the provider, where it can be asked. found tells that it has answered; without a charge it knows of none.
func (s *Service) find(ctx context.Context, asked Request) (charge *Charge, found bool) {
	_, merchant := s.merchant(asked.Business)
	if merchant == nil || asked.ID == "" {
		return nil, false
	}
	finder, ok := merchant.Provider.(Finder)
	if !ok {
		return nil, false
	}
	charge, err := finder.Find(ctx, asked)
	if err != nil {
		s.Logger.Warn("the payment provider does not say what became of a request", "request", asked.ID, "error", message.FailureOf(err))
		return nil, false
	}
	return charge, true
}

const lookUp = " Look it up at the payment provider before you ask again."

// reconcile puts the device's report beside what this replica heard of the provider.
func reconcile(known message.Payment, heard bool, device message.PaymentStatus) message.Payment {
	switch {
	case heard && known.Status == message.PaymentAuthorized:
		return charged(known, device)
	case heard && known.Status == message.PaymentUncertain:
		known.Summary = "The customer's phone is done with the payment, and it is still not certain whether it was charged." + lookUp
		return known
	case device == message.PaymentCanceled:
		return message.Payment{Status: message.PaymentCanceled, Summary: "The customer left the payment sheet without paying, says the phone."}
	case device == message.PaymentFailed, heard && device == "":
		return message.Payment{Status: message.PaymentFailed, Summary: "The payment did not go through, says the customer's phone."}
	}
	return message.Payment{
		Status:  message.PaymentUncertain,
		Summary: "The customer's phone is done with the payment. That proves nothing: count it as paid when the payment provider has said so (authorized, with the same request)." + lookUp,
	}
}

// reconcileFound does the same with what the provider says now. nil: it knows of no charge.
func reconcileFound(charge *Charge, device message.PaymentStatus) message.Payment {
	switch {
	case charge != nil && charge.Status == Authorized && charge.Amount > 0 && charge.Currency.Known():
		return charged(message.Payment{
			Amount: charge.Currency.Format(charge.Amount), Currency: charge.Currency, ProviderRef: charge.Ref,
			Summary: "Paid " + amount(charge.Amount, charge.Currency) + " with Apple Pay.",
		}, device)
	case charge != nil && charge.Status == Pending:
		return message.Payment{Status: message.PaymentUncertain, ProviderRef: charge.Ref, Summary: "The payment provider has the payment, and will decide later." + lookUp}
	case charge != nil && charge.Status != Declined:
		return message.Payment{Status: message.PaymentUncertain, ProviderRef: charge.Ref, Summary: "The payment provider knows the payment, but does not say what became of it, or how much it charged." + lookUp}
	case device == message.PaymentCompleted:
		return message.Payment{Status: message.PaymentUncertain, Summary: "The customer's phone says that it has paid, but the payment provider knows of no charge." + lookUp}
	case device == message.PaymentCanceled:
		return message.Payment{Status: message.PaymentCanceled, Summary: "The customer left the payment sheet, and the payment provider knows of no charge."}
	}
	return message.Payment{Status: message.PaymentFailed, Summary: "The payment did not go through, and the payment provider knows of no charge."}
}

// charged is the end of a request that the provider has charged, whatever the phone says.
func charged(known message.Payment, device message.PaymentStatus) message.Payment {
	known.Status = message.PaymentCompleted
	if device == message.PaymentFailed || device == message.PaymentCanceled {
		known.Status = message.PaymentAuthorized
		known.Summary += " The customer's phone says otherwise: the provider's word counts."
	}
	return known
}
