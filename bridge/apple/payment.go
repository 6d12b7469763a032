package apple

import (
	"encoding/json"
	"strings"

	"bizbridge/bridge/message"
	"bizbridge/bridge/money"
)

// Payment is what a payment message needs beside its content (protocol §8.4).
type Payment struct {
	MerchantID   string // as text: Apple refuses its hash here
	MerchantName message.Label
	CountryCode  string
	Networks     []string
	Session      json.RawMessage // as Apple Pay gave it
	Endpoints    PaymentEndpoints
}

// PaymentEndpoints are where the device posts. "" is one that is not given, but for the gateway.
type PaymentEndpoints struct {
	PaymentGateway        string `json:"paymentGatewayUrl"`
	Fallback              string `json:"fallbackUrl,omitempty"`
	OrderTracking         string `json:"orderTrackingUrl,omitempty"`
	PaymentMethodUpdate   string `json:"paymentMethodUpdateUrl,omitempty"`
	ShippingContactUpdate string `json:"shippingContactUpdateUrl,omitempty"`
	ShippingMethodUpdate  string `json:"shippingMethodUpdateUrl,omitempty"`
}

type wirePayment struct {
	Request   wirePaymentRequest `json:"paymentRequest"`
	Session   json.RawMessage    `json:"merchantSession"`
	Endpoints PaymentEndpoints   `json:"endpoints"`
}

type wirePaymentRequest struct {
	LineItems             []message.LineItem     `json:"lineItems"`
	Total                 message.LineItem       `json:"total"`
	ApplePay              wireApplePay           `json:"applePay"`
	MerchantName          message.Label          `json:"merchantName,omitempty"`
	CountryCode           string                 `json:"countryCode"`
	CurrencyCode          money.Currency         `json:"currencyCode"`
	SupportedCountries    []string               `json:"supportedCountries,omitempty"`
	BillingContactFields  []message.ContactField `json:"requiredBillingContactFields,omitempty"`
	ShippingContactFields []message.ContactField `json:"requiredShippingContactFields,omitempty"`
	ShippingMethods       []wireShippingMethod   `json:"shippingMethods,omitempty"`
}

type wireApplePay struct {
	MerchantIdentifier   string   `json:"merchantIdentifier"`
	SupportedNetworks    []string `json:"supportedNetworks"`
	MerchantCapabilities []string `json:"merchantCapabilities"`
}

type wireShippingMethod struct {
	Label      message.Label `json:"label"`
	Detail     message.Label `json:"detail"`
	Amount     string        `json:"amount"`
	Identifier string        `json:"identifier"`
}

// payment writes a payment message. Without a bubble of its own it says who asks, and for how much.
func payment(content message.PaymentRequest, out Outgoing) *wireInteractive {
	currency, with := content.CurrencyCode, out.Payment
	total := message.LineItem{Label: with.MerchantName}
	if content.Total != nil {
		total = *content.Total
	}
	if total.Label == "" {
		total.Label = with.MerchantName
	}
	total.Amount = currency.Format(content.Sum())
	request := wirePaymentRequest{
		LineItems: []message.LineItem{}, Total: total.Normalized(currency),
		ApplePay: wireApplePay{
			MerchantIdentifier: with.MerchantID, SupportedNetworks: content.SupportedNetworks, MerchantCapabilities: content.MerchantCapabilities,
		},
		MerchantName: with.MerchantName, CountryCode: with.CountryCode, CurrencyCode: currency, SupportedCountries: content.SupportedCountries,
		BillingContactFields: content.RequiredBillingContactFields, ShippingContactFields: content.RequiredShippingContactFields,
	}
	if len(request.ApplePay.SupportedNetworks) == 0 {
		request.ApplePay.SupportedNetworks = with.Networks
	}
	if len(request.ApplePay.MerchantCapabilities) == 0 {
		request.ApplePay.MerchantCapabilities = []string{"supports3DS", "supportsCredit", "supportsDebit"}
	}
	for _, item := range content.LineItems {
		request.LineItems = append(request.LineItems, item.Normalized(currency))
	}
	for _, method := range content.ShippingMethods {
		method = method.Normalized(currency)
		request.ShippingMethods = append(request.ShippingMethods, wireShippingMethod{method.Label, method.Detail, method.Amount, method.ID})
	}
	received := message.Bubble{Title: with.MerchantName, Subtitle: message.Label(total.Amount + " " + string(currency))}
	if content.Received != nil {
		received = *content.Received
	}
	wire := &wireInteractive{BID: messagesExtension, Received: bubble(received), Data: &wireData{
		Version: "1.0", RequestID: out.RequestID, Images: pictures(content.Images, out.Pictures),
		Payment: &wirePayment{request, with.Session, with.Endpoints},
	}}
	if content.Reply != nil {
		wire.Reply = bubble(*content.Reply)
	}
	return wire
}

// PaymentAnswer is what a device says when its sheet is gone (protocol §8.6). It proves nothing.
type PaymentAnswer struct {
	RequestID string
	Status    message.PaymentStatus // completed, failed, canceled; "": what it says is not known
}

// paymentStates are what devices may say, in lower case: Apple prints no list. What Apple Pay's own names begin with is cut.
var paymentStates = map[string]message.PaymentStatus{
	"success": message.PaymentCompleted, "succeeded": message.PaymentCompleted, "successful": message.PaymentCompleted,
	"completed": message.PaymentCompleted, "complete": message.PaymentCompleted, "authorized": message.PaymentCompleted,
	"paid": message.PaymentCompleted, "approved": message.PaymentCompleted,
	"failure": message.PaymentFailed, "failed": message.PaymentFailed, "error": message.PaymentFailed, "declined": message.PaymentFailed,
	"cancel": message.PaymentCanceled, "canceled": message.PaymentCanceled, "cancelled": message.PaymentCanceled,
}

// parsePayment reads the answer to a payment message; nil for what is none.
func parsePayment(interactiveData json.RawMessage) *PaymentAnswer {
	var wire wireReply
	lenient(interactiveData, &wire)
	if !present(wire.Data.Payment) {
		return nil
	}
	var answer struct {
		State  flexibleText `json:"state"`
		Status flexibleText `json:"status"`
	}
	lenient(wire.Data.Payment, &answer)
	state := strings.ToLower(firstText(answer.State, answer.Status))
	return &PaymentAnswer{
		RequestID: strings.ToLower(string(wire.Data.RequestIdentifier)), // as the bridge wrote it: devices write UUIDs in either case
		Status:    paymentStates[strings.TrimPrefix(state, "status_")],
	}
}
