package payment

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"bizbridge/bridge/message"
)

// Endpoint is a callback: the last part of its path.
type Endpoint string

// The callbacks, in Apple's words.
const (
	EndpointGateway       Endpoint = "paymentGateway"
	EndpointMethod        Endpoint = "paymentMethodUpdate"
	EndpointContact       Endpoint = "shippingContactUpdate"
	EndpointShipping      Endpoint = "shippingMethodUpdate"
	EndpointOrderTracking Endpoint = "orderTracking"
	EndpointFallback      Endpoint = "fallback"
)

// Endpoints lists them all.
var Endpoints = []Endpoint{EndpointGateway, EndpointMethod, EndpointContact, EndpointShipping, EndpointOrderTracking, EndpointFallback}

// updates are what the callbacks of the sheet change.
var updates = map[Endpoint]What{EndpointMethod: PaymentMethod, EndpointContact: ShippingContact, EndpointShipping: ShippingMethod}

// Asked is what a payment message needs beside its content.
type Asked struct {
	MerchantID   string
	MerchantName message.Label
	CountryCode  string
	Networks     []string
	Session      json.RawMessage
	// Addresses of the callbacks that there are.
	Addresses map[Endpoint]string
}

// Ask checks what depends on the merchant, gets a session, which serves once, and seals the request. A failure of class
// Invalid says what the merchant cannot ask for.
func (s *Service) Ask(ctx context.Context, business message.BusinessID, customer message.CustomerID, requestID string, content message.PaymentRequest) (Asked, *message.Failure) {
	name, merchant := s.merchant(business)
	if merchant == nil {
		return Asked{}, &message.Failure{Class: message.Invalid, Code: message.CodeUnsupported, Reason: "the business has no merchant: set its apple_pay, and apple_pay.merchants"}
	}
	asked := request{
		Request: Request{
			ID: requestID, Business: business, Customer: customer, Currency: content.CurrencyCode, Total: content.Sum(), Fixed: len(merchant.Updates) == 0,
		},
		Merchant: name,
	}
	if content.Total != nil && (merchant.prices(content) || !asked.Fixed) {
		asked.Label = content.Total.Label
	}
	if merchant.prices(content) {
		asked.Rules, asked.Items = merchant.Rules.digest(), content.LineItems
		if len(asked.Items) == 0 { // the lines that the rules add make no total without one for the goods
			asked.Items = []message.LineItem{merchant.totalLine(asked, asked.Total)}
		}
	}
	if failure := merchant.check(content); failure != nil {
		return Asked{}, failure
	}
	token := sealRequest(s.Ring, asked, s.Now().Add(merchant.ttl()))
	if long := s.tooLong(token); long > 0 && asked.Rules != "" {
		return Asked{}, refuse("/line_items", "maxLength", "make the addresses of Apple's callbacks %d bytes too long: with the merchant's rules they carry the items, so use fewer or shorter labels", long)
	} else if long > 0 {
		return Asked{}, refuse("", "maxLength", "makes the addresses of Apple's callbacks %d bytes too long: the customer_id or the bridge's public_url is too long", long)
	}
	result := Asked{
		MerchantID: merchant.ID, MerchantName: content.MerchantName, CountryCode: content.CountryCode, Networks: merchant.Networks,
		Addresses: s.addresses(merchant, token, content, asked.Rules != ""),
	}
	if result.MerchantName == "" {
		result.MerchantName = message.CutLabel(merchant.Name)
	}
	if result.CountryCode == "" {
		result.CountryCode = merchant.Countries[0]
	}
	session, failure := merchant.newSession(ctx, result.Addresses[EndpointGateway])
	result.Session = session
	return result, failure
}

// prices tells whether the merchant's rules are for this request: they need to know where it goes.
func (m *Merchant) prices(content message.PaymentRequest) bool {
	return m.Rules != nil && slices.Contains(content.RequiredShippingContactFields, message.ContactPost)
}

// check refuses what would let a customer consent to another amount than is charged.
func (m *Merchant) check(content message.PaymentRequest) *message.Failure {
	if content.Total != nil && content.Total.Type == message.LineItemPending && len(m.Updates) == 0 {
		return refuse("/total/type", "pending", "must be final: without a provider that keeps the cart (updates), the total cannot change")
	}
	if checker, ok := m.Provider.(AmountChecker); ok {
		if err := checker.CheckAmount(content.CurrencyCode, content.Sum()); err != nil {
			return refuse("/total/amount", "provider", "cannot be taken by the payment provider: %v", err)
		}
	}
	if m.prices(content) && content.CurrencyCode != m.Rules.Currency {
		return refuse("/currency_code", "currency", "must be %s, the currency of the merchant's rules", m.Rules.Currency)
	}
	if slices.Contains(m.Updates, ShippingMethod) {
		return nil
	}
	for i, method := range content.ShippingMethods {
		if amount, _ := content.CurrencyCode.Parse(method.Amount); amount != 0 {
			return refuse(fmt.Sprintf("/shipping_methods/%d/amount", i), "shipping",
				"must be zero: Apple does not say which method was chosen when the customer pays, so a price needs a provider that keeps the cart (updates: [shipping])")
		}
	}
	return nil
}

func refuse(pointer, rule, format string, args ...any) *message.Failure {
	return &message.Failure{Class: message.Invalid, Reason: "the message is not valid", Faults: []message.Fault{{
		Pointer: "/data/content" + pointer, Rule: rule, Message: fmt.Sprintf(format, args...),
	}}}
}

// tooLong is by how many bytes a token, or the longest address with it, is too long.
func (s *Service) tooLong(token string) int {
	return max(len(token)-MaxToken, len(s.address(token, EndpointContact))-(MaxAddress-1))
}

func (s *Service) address(token string, endpoint Endpoint) string {
	return strings.Join([]string{s.PublicURL, "pay", token, string(endpoint)}, "/")
}

func (s *Service) addresses(merchant *Merchant, token string, content message.PaymentRequest, byRules bool) map[Endpoint]string {
	given := []Endpoint{EndpointGateway, EndpointFallback}
	for endpoint, what := range updates {
		if slices.Contains(merchant.Updates, what) || byRules && what == ShippingContact {
			given = append(given, endpoint)
		}
	}
	if merchant.OrderTracking {
		given = append(given, EndpointOrderTracking)
	}
	addresses := make(map[Endpoint]string, len(given))
	for _, endpoint := range given {
		addresses[endpoint] = s.address(token, endpoint)
	}
	if content.FallbackURL != "" {
		addresses[EndpointFallback] = content.FallbackURL
	}
	return addresses
}
