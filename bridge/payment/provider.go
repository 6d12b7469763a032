package payment

import (
	"context"
	"encoding/json"

	"bizbridge/bridge/message"
	"bizbridge/bridge/money"
)

// Request is one request for money: what the sealed token of its callbacks holds.
type Request struct {
	ID       string // the requestIdentifier of the message, a UUID
	Business message.BusinessID
	Customer message.CustomerID
	Currency money.Currency
	// Total is what the message asked for. It is what is charged where it is Fixed; else the provider, who keeps the cart by
	// ID, says what is.
	Total money.Amount
	Fixed bool
}

// Authorization is a customer's consent to a request, given with Face ID or a code.
type Authorization struct {
	Request
	TransactionID string // Apple's name of this consent: another consent to the same request has another
	// Token is Apple's paymentToken, of which paymentData is encrypted to the provider; Payment is the whole object around it,
	// with the contacts. Both are as the phone wrote them. They are for the provider alone: never in a log, an error or a label.
	Token   Token
	Payment json.RawMessage
}

// Token is what the phone tells of a payment card.
type Token struct {
	Data        json.RawMessage // paymentData, as it came
	DisplayName string          // "Visa 1234"
	Network     string          // "Visa"
}

// ChargeStatus is what a provider says of a request.
type ChargeStatus string

// What a provider can say. Pending is its promise to decide later: the request counts as taken.
const (
	Authorized ChargeStatus = "authorized"
	Declined   ChargeStatus = "declined"
	Pending    ChargeStatus = "pending"
)

// Charge is a provider's word on a request.
type Charge struct {
	Status   ChargeStatus
	Amount   money.Amount   // what was charged; of Authorized and Pending
	Currency money.Currency // of Amount
	Ref      string         // the provider's own name of the payment, for people who look it up there; "": none
	Reason   string         // why it was declined, or what else is to be known, for agents: no payment data; "": nothing
	Faults   []ContactFault // of Declined: what is wrong with the customer's contacts
}

// ContactFault is what is wrong with what the customer entered into the sheet, in the words of Apple Pay JS.
type ContactFault struct {
	Code         string `json:"code"` // shippingContactInvalid, billingContactInvalid, addressUnserviceable
	ContactField string `json:"contactField,omitempty"`
	Message      string `json:"message,omitempty"`
}

// Provider takes the money. One value serves many requests at once. Implementations call it "charge" whether the money is
// captured or only reserved: that is between the business and its provider.
type Provider interface {
	// Authorize is called for each consent, and more than once for the same one where a phone repeats itself or another
	// replica was asked before. It must charge a request at most once, whatever the consent: an answer for a request that is
	// paid already is Authorized, with what was charged. It must not repeat a call of which it does not know the outcome.
	//
	// The error is a [*message.Failure]: of class Uncertain, the money may have been taken; of any other, it has not.
	Authorize(ctx context.Context, authorization Authorization) (Charge, error)
}

// Finder is a provider that can be asked what became of a request, without changing anything.
type Finder interface {
	Provider
	// Find is called when Apple reports the end of a request of which this replica has no certain word. Declined means that the
	// provider is certain that nothing was charged, nil that it cannot tell: it finds nothing, but may be behind. Of the request
	// only ID, Business and Customer are known. The error is a [*message.Failure].
	Find(ctx context.Context, request Request) (*Charge, error)
}

// AmountChecker is a provider that cannot take every amount.
type AmountChecker interface {
	Provider
	// CheckAmount is called before a customer is asked for an amount. The error says why it cannot be taken.
	CheckAmount(currency money.Currency, amount money.Amount) error
}

// What a customer changed in the sheet.
type What string

// The changes, each with a callback of Apple's (protocol §8.5).
const (
	PaymentMethod   What = "method"
	ShippingContact What = "contact"
	ShippingMethod  What = "shipping"
)

// Update is a change in the sheet, before the customer has consented.
type Update struct {
	Request
	What    What
	Payment json.RawMessage // as the phone wrote it; contacts are redacted
}

// Cart is what the sheet shows after an update. An empty one changes nothing; a Total without Items leaves the sheet without
// lines, as Apple's samples always have both.
type Cart struct {
	Items   []message.LineItem
	Total   *message.LineItem
	Methods []message.ShippingMethod
	Faults  []ContactFault
}

// Updater is a provider that keeps the cart and prices it anew.
type Updater interface {
	Provider
	// Update is called while the sheet waits. The error is a [*message.Failure]; the sheet gives up then, since nobody knows
	// what the customer would consent to.
	Update(ctx context.Context, update Update) (Cart, error)
}

// OrderTracker is a provider that wants to know what the sheet shows when it opens.
type OrderTracker interface {
	Provider
	// TrackOrder tells the items that the sheet shows, as the phone wrote them. Nobody waits for more than its error, a
	// [*message.Failure].
	TrackOrder(ctx context.Context, request Request, items json.RawMessage) error
}
