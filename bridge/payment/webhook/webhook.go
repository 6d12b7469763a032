// Package webhook lets a backend of the business's own take payments: it is asked by webhooks, which it answers at once.
//
// Each call is a POST of {"type","timestamp","data"} as JSON, signed by Standard Webhooks like the events of the generic
// helpdesk. data always has request_id, business_id, customer_id.
//
//	payment.authorize  transaction_id, currency, amount where the total is fixed, payment: as Apple's device posted it, with the
//	                   encrypted Apple Pay token
//	                   → {"status": "authorized", "declined" or "pending", "amount", "currency", "provider_ref"?, "reason"?, "errors"?}
//	payment.update     what: "method", "contact" or "shipping", currency, payment: as posted
//	                   → {"line_items"?, "total"?, "shipping_methods"?, "errors"?}; {} changes nothing
//	payment.order      items: what the sheet shows, as posted → any 2xx
//	payment.status     asks what became of a request, and changes nothing → as payment.authorize, or 404 for an unknown request
//
// amounts are decimals in quotes ("12.50"), errors are {"code","contact_field"?,"message"?} in the words of Apple Pay JS.
//
// A backend must charge a request_id at most once, and answer a request that is paid already with what was charged: phones
// repeat themselves, and customers try again. The bridge never repeats payment.authorize on its own. What an answer means:
//
//	2xx               the status in it; one that cannot be read: uncertain
//	408, 409, 425     uncertain: an earlier call may be under way
//	other 4xx         nothing was charged
//	3xx, 5xx, no answer  uncertain
//	no connection     nothing was charged
package webhook

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/money"
	"bizbridge/bridge/payment"
	"bizbridge/bridge/signature"
)

// The operations of the metrics.
const (
	operationAuthorize = "payment_authorize"
	operationUpdate    = "payment_update"
	operationOrder     = "payment_order"
	operationStatus    = "payment_status"
)

// Operations lists them.
var Operations = []string{operationAuthorize, operationUpdate, operationOrder, operationStatus}

// Provider calls one backend.
type Provider struct {
	URL    string
	HTTP   *httpclient.Client
	Signer *signature.Standard
	Now    func() time.Time
}

var (
	_ payment.Finder       = (*Provider)(nil)
	_ payment.Updater      = (*Provider)(nil)
	_ payment.OrderTracker = (*Provider)(nil)
)

type subject struct {
	RequestID  string             `json:"request_id"`
	BusinessID message.BusinessID `json:"business_id"`
	CustomerID message.CustomerID `json:"customer_id"`
}

func about(request payment.Request) subject {
	return subject{request.ID, request.Business, request.Customer}
}

// Authorize implements [payment.Provider].
func (p *Provider) Authorize(ctx context.Context, consent payment.Authorization) (payment.Charge, error) {
	data := struct {
		subject
		TransactionID string          `json:"transaction_id"`
		Currency      money.Currency  `json:"currency"`
		Amount        string          `json:"amount,omitempty"`
		Payment       json.RawMessage `json:"payment"`
	}{about(consent.Request), consent.TransactionID, consent.Currency, "", consent.Payment}
	if consent.Fixed {
		data.Amount = consent.Currency.Format(consent.Total)
	}
	id := message.DeriveID("payment.authorize", consent.ID, consent.TransactionID)
	response, err := p.call(ctx, operationAuthorize, "payment.authorize", string(id), data, httpclient.RetryNever)
	if err != nil {
		return payment.Charge{}, err
	}
	if failure := refusedCharge(response); failure != nil {
		return payment.Charge{}, failure
	}
	charge, ok := decodeCharge(response.Body)
	if !ok {
		return payment.Charge{}, &message.Failure{Class: message.Uncertain, Status: response.Status, Reason: "its answer cannot be read"}
	}
	return charge, nil
}

// refusedCharge says what a status means for the money; nil for success.
func refusedCharge(response *httpclient.Response) *message.Failure {
	failure := &message.Failure{Status: response.Status, RetryAfter: response.RetryAfter}
	switch status := response.Status; {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		failure.Class, failure.Reason = message.Auth, "the payment provider does not accept the bridge's signature"
	case status == http.StatusTooManyRequests:
		failure.Class, failure.Reason = message.Throttled, "the payment provider asked to slow down"
	case status == http.StatusRequestTimeout, status == http.StatusConflict, status == http.StatusTooEarly, status < 400, status >= 500:
		failure.Class, failure.Reason = message.Uncertain, fmt.Sprintf("it answered %d, which says nothing", status)
	default:
		failure.Class, failure.Reason = message.Permanent, "the payment provider refused the payment"
	}
	return failure
}

// Find implements [payment.Finder].
func (p *Provider) Find(ctx context.Context, request payment.Request) (*payment.Charge, error) {
	response, err := p.call(ctx, operationStatus, "payment.status", rand.Text(), about(request), httpclient.RetryIdempotent)
	if err != nil {
		return nil, err
	}
	if response.Status == http.StatusNotFound { // it would know the request if it had charged it
		return &payment.Charge{Status: payment.Declined}, nil
	}
	charge, ok := decodeCharge(response.Body)
	if response.Status < 200 || response.Status >= 300 || !ok {
		return nil, &message.Failure{Class: message.Permanent, Status: response.Status, Reason: "the payment provider does not answer payment.status"}
	}
	return &charge, nil
}

// Update implements [payment.Updater].
func (p *Provider) Update(ctx context.Context, update payment.Update) (payment.Cart, error) {
	data := struct {
		subject
		Currency money.Currency  `json:"currency"`
		What     payment.What    `json:"what"`
		Payment  json.RawMessage `json:"payment"`
	}{about(update.Request), update.Currency, update.What, update.Payment}
	response, err := p.call(ctx, operationUpdate, "payment.update", rand.Text(), data, httpclient.RetryIdempotent)
	if err != nil {
		return payment.Cart{}, err
	}
	if response.Status < 200 || response.Status >= 300 {
		return payment.Cart{}, &message.Failure{Class: message.Transient, Status: response.Status, Reason: "the payment provider refused to price an update"}
	}
	cart, ok := decodeCart(response.Body)
	if !ok {
		return payment.Cart{}, message.Failuref(message.Transient, "the payment provider's answer to an update cannot be read")
	}
	return cart, nil
}

// TrackOrder implements [payment.OrderTracker].
func (p *Provider) TrackOrder(ctx context.Context, request payment.Request, items json.RawMessage) error {
	data := struct {
		subject
		Items json.RawMessage `json:"items"`
	}{about(request), items}
	response, err := p.call(ctx, operationOrder, "payment.order", rand.Text(), data, httpclient.RetryIdempotent)
	if err != nil {
		return err
	}
	if response.Status < 200 || response.Status >= 300 {
		return &message.Failure{Class: message.Permanent, Status: response.Status, Reason: "the payment provider refused what the sheet shows"}
	}
	return nil
}

func (p *Provider) call(ctx context.Context, operation, event, id string, data any, retry httpclient.Retry) (*httpclient.Response, error) {
	body, err := json.Marshal(struct {
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      any       `json:"data"`
	}{event, p.Now().UTC(), data})
	if err != nil {
		return nil, message.Failuref(message.Permanent, "what the phone posted cannot be written as JSON") // the cause could quote it
	}
	return p.HTTP.Do(ctx, httpclient.Call{
		Operation: operation, Method: http.MethodPost, URL: p.URL, Body: body, Retry: retry,
		Header: http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}},
		Sign:   func(header http.Header) { p.Signer.Sign(header, id, p.Now(), body) },
	})
}
