package payment

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"bizbridge/bridge/page"
	"bizbridge/bridge/seal"
	"bizbridge/bridge/signature"
)

// The sheet waits about 30 s (protocol §8.5). What it has not heard by then has not happened for the customer, so the bridge
// gives up sooner.
const (
	authorizePatience = 20 * time.Second
	updatePatience    = 15 * time.Second
	orderPatience     = 5 * time.Second
)

// What the sheet is told, in the words of Apple Pay JS: Apple prints success only (protocol §8.5).
const (
	statusSuccess         = "STATUS_SUCCESS"
	statusFailure         = "STATUS_FAILURE"
	statusBillingAddress  = "STATUS_INVALID_BILLING_POSTAL_ADDRESS"
	statusShippingAddress = "STATUS_INVALID_SHIPPING_POSTAL_ADDRESS"
	statusShippingContact = "STATUS_INVALID_SHIPPING_CONTACT"
)

// sheetAnswer is what the sheet hears. With a status of its own it is that of a consent; else of an update.
type sheetAnswer struct {
	code   int // HTTP status
	Status string
	cart   any
}

// refusal is for callbacks that are not those of a request, and for what goes wrong: the sheet gives up.
func refusal(code int) sheetAnswer { return sheetAnswer{code: code, Status: statusFailure} }

func (a sheetAnswer) write(w http.ResponseWriter) {
	body := a.cart
	if a.Status != "" {
		body = struct {
			Status string `json:"status"`
		}{a.Status}
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // strings only
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(a.code)
	_, _ = w.Write(append(text, '\n'))
}

// ServeHTTP answers a callback: POST /pay/{token}/{endpoint}, and the fallback also by GET.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request, token string, endpoint Endpoint) {
	asked, merchant, err := s.open(token)
	switch {
	case endpoint == EndpointFallback:
		s.fallback(w, asked, merchant, err)
	case errors.Is(err, seal.ErrExpired):
		refusal(http.StatusGone).write(w)
	case err != nil:
		refusal(http.StatusForbidden).write(w)
	case merchant == nil:
		refusal(http.StatusNotFound).write(w)
	default:
		s.callback(r, asked, merchant, endpoint).write(w)
	}
}

// open reads the token. merchant is nil where the request is of one that the business does not have any more.
func (s *Service) open(token string) (request, *Merchant, error) {
	asked, err := openRequest(s.Ring, token, s.Now())
	if err != nil {
		s.Refused(seal.Reason(err))
		return request{}, nil, err
	}
	name, merchant := s.merchant(asked.Business)
	if name != asked.Merchant {
		return asked, nil, nil
	}
	return asked, merchant, nil
}

func (s *Service) callback(r *http.Request, asked request, merchant *Merchant, endpoint Endpoint) sheetAnswer {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxCallback))
	if err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return refusal(http.StatusRequestEntityTooLarge)
		}
		return refusal(http.StatusBadRequest)
	}
	posted, err := decodeCallback(body)
	if err != nil {
		s.Refused(signature.Malformed)
		s.Logger.Warn("a callback of Apple Pay cannot be read", "endpoint", string(endpoint), "error", err)
		return refusal(http.StatusBadRequest)
	}
	if posted.requestID != asked.ID { // the address was made for another request
		s.Refused(signature.Mismatch)
		s.Logger.Warn("a callback of Apple Pay is about another request than its address", "endpoint", string(endpoint))
		return refusal(http.StatusBadRequest)
	}
	if !s.places.TryAcquire(1) {
		return refusal(http.StatusServiceUnavailable)
	}
	defer s.places.Release(1)
	// It does not end with the phone's request, since what a provider was asked is to be known, but with the bridge.
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	defer context.AfterFunc(s.Shutdown, cancel)()
	switch endpoint {
	case EndpointGateway:
		return s.authorize(ctx, asked, merchant, posted)
	case EndpointOrderTracking:
		return s.trackOrder(ctx, asked, merchant, posted)
	}
	return s.update(ctx, asked, merchant, updates[endpoint], posted)
}

// trackOrder is answered at once whatever the provider says: nothing depends on it.
func (s *Service) trackOrder(ctx context.Context, asked request, merchant *Merchant, posted callback) sheetAnswer {
	tracker, ok := merchant.Provider.(OrderTracker)
	if !ok || !merchant.OrderTracking || len(posted.items) == 0 || posted.items[0] != '[' {
		return sheetAnswer{code: http.StatusOK, cart: struct{}{}}
	}
	ctx, cancel := context.WithTimeout(ctx, orderPatience)
	defer cancel()
	if failure := s.protect(func() error { return tracker.TrackOrder(ctx, asked.Request, posted.items) }); failure != nil {
		s.Logger.Warn("the payment provider did not take what the sheet shows", "request", asked.ID, "error", failure)
	}
	return sheetAnswer{code: http.StatusOK, cart: struct{}{}}
}

// fallback is what devices without Apple Pay open.
func (s *Service) fallback(w http.ResponseWriter, asked request, merchant *Merchant, err error) {
	shown, code := page.Page{Title: "This link does not work", Text: "It is incomplete, altered, or not a link of this business.", Next: askAgain}, http.StatusForbidden
	switch {
	case errors.Is(err, seal.ErrExpired):
		shown, code = page.Page{Title: "This request has expired", Text: "It could be paid only for a short time.", Next: askAgain}, http.StatusGone
	case err == nil && merchant == nil:
		code = http.StatusNotFound
	case err == nil:
		shown, code = page.Page{
			Title: "This device cannot use Apple Pay",
			Text:  merchant.Name + " asks for " + asked.amount(asked.Total) + ".",
			Next:  "Open the conversation on an iPhone, iPad, Mac or Apple Watch with a card in Wallet, or ask the business for another way to pay.",
		}, http.StatusOK
	}
	shown.Write(w, code)
}

const askAgain = "Go back to the conversation and ask for a new request."
