package payment

import (
	"context"

	"bizbridge/bridge/message"
)

// Answer says what the end of a device's sheet means; nil where the business has nobody whom its customers pay. device is what
// the device says; "" where that is not known. Money is the provider's word alone, from this replica's memory or by asking it.
//
// canceled and failed say nothing of an earlier uncertain step of the same request: another replica may have heard more.
func (s *Service) Answer(ctx context.Context, business message.BusinessID, customer message.CustomerID, requestID string, device message.PaymentStatus) *message.Payment {
	_, merchant := s.merchant(business)
	if merchant == nil {
		return nil
	}
	asked := Request{ID: requestID, Business: business, Customer: customer}
	told := s.ended(ctx, merchant, asked, device)
	told.RequestID = requestID
	if told.Status == message.PaymentUncertain {
		s.Logger.Error("a payment is uncertain: it is to be looked up at the provider", "request", requestID, "cause", "nobody has said that it was charged")
	}
	return &told
}

func (s *Service) ended(ctx context.Context, merchant *Merchant, asked Request, device message.PaymentStatus) message.Payment {
	known := s.Memory.enter(ctx, asked)
	if known == nil { // the provider is being asked
		return uncertainEnd("The payment provider has not answered yet.")
	}
	defer known.leave()
	if known.payment.Status == message.PaymentAuthorized {
		return charged(known.payment, device)
	}
	charge, asking := s.find(ctx, merchant, asked)
	switch {
	case charge != nil:
		told := found(*charge, known, device)
		told.TransactionID = known.payment.TransactionID
		return told
	case known.payment.Status == message.PaymentUncertain:
		told := known.payment
		told.Summary = "The customer's phone is done with the payment, and it is still not certain whether it was charged." + lookUp
		return told
	case known.heard && device != message.PaymentCompleted: // the provider has declined, here
		return leftWithout(device)
	case asking && device == message.PaymentCanceled: // who only looked at the sheet gave no consent
		return leftWithout(device)
	}
	return uncertainEnd("The customer's phone is done with the payment" + says[device] + ". That proves nothing: count it as paid when the payment provider has said so (authorized, with the same request).")
}

// says is what the phone's word adds.
var says = map[message.PaymentStatus]string{
	message.PaymentCompleted: " and says that it was paid", message.PaymentFailed: " and says that it failed", message.PaymentCanceled: " and says that it was canceled",
}

// find asks the provider. asked tells that it has answered; without a charge it cannot tell.
func (s *Service) find(ctx context.Context, merchant *Merchant, asked Request) (charge *Charge, answered bool) {
	finder, ok := merchant.Provider.(Finder)
	if !ok || asked.ID == "" {
		return nil, false
	}
	failure := s.protect(func() (err error) {
		charge, err = finder.Find(ctx, asked)
		return err
	})
	if failure != nil {
		s.Logger.Warn("the payment provider does not say what became of a request", "request", asked.ID, "error", failure)
		return nil, false
	}
	return charge, true
}

const lookUp = " Look it up at the payment provider before you ask again."

func uncertainEnd(words string) message.Payment {
	return message.Payment{Status: message.PaymentUncertain, Summary: words + lookUp}
}

// leftWithout is the end of a sheet in which nothing was charged.
func leftWithout(device message.PaymentStatus) message.Payment {
	if device == message.PaymentCanceled {
		return message.Payment{Status: message.PaymentCanceled, Summary: "The customer left the payment sheet without paying."}
	}
	return message.Payment{Status: message.PaymentFailed, Summary: "The payment did not go through. Nothing was charged."}
}

// found is what the provider's word on a request means. Where this replica knows what was asked for, a charge of something else
// does not count.
func found(charge Charge, known *remembered, device message.PaymentStatus) message.Payment {
	consent := Authorization{Request: known.asked}
	switch {
	case charge.Status == Declined && device == message.PaymentCompleted:
		return uncertainEnd("The customer's phone says that it has paid, but the payment provider knows of no charge.")
	case charge.Status == Declined:
		return leftWithout(device)
	case charge.Status == Pending:
		told := uncertainEnd("The payment provider has the payment, and will decide later.")
		told.ProviderRef = charge.Ref
		return told
	case charge.Status != Authorized || charge.Amount <= 0 || !charge.Currency.Known():
		told := uncertainEnd("The payment provider knows the payment, but does not say what became of it, or how much it charged.")
		told.ProviderRef = charge.Ref
		return told
	case known.heard && consent.contradiction(charge) != "":
		told := uncertainEnd("The payment provider has the payment, but " + consent.contradiction(charge) + ".")
		told.ProviderRef = charge.Ref
		return told
	}
	told := message.Payment{
		Amount: charge.Currency.Format(charge.Amount), Currency: charge.Currency, ProviderRef: charge.Ref,
		Summary: "Paid " + amount(charge.Amount, charge.Currency) + " with Apple Pay" + remark(charge) + ".",
	}
	if !known.heard { // nobody has compared it
		told.Summary += " Compare the amount with what you asked for."
	}
	return charged(told, device)
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
