package stripe

import (
	"context"
	"net/http"
	"net/url"

	"bizbridge/bridge/message"
	"bizbridge/bridge/payment"
)

// Find asks Stripe's search, which is behind by up to a minute, or more when Stripe has trouble: nil is not proof. What it finds
// is read again, so that a charge is as it is now. A payment that is neither taken nor cancelled is no charge.
func (p *Provider) Find(ctx context.Context, request payment.Request) (*payment.Charge, error) {
	id, ok := requestID(request.ID)
	if !ok {
		return nil, message.Failuref(message.Invalid, "the request has no UUID")
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	charge, failure := p.find(ctx, id)
	if failure != nil {
		return nil, failure
	}
	return charge, nil
}

// find prefers what was taken to what was cancelled; there is more than one only where Stripe has forgotten a key.
func (p *Provider) find(ctx context.Context, request string) (*payment.Charge, *message.Failure) {
	found, failure := p.search(ctx, request)
	if failure != nil {
		return nil, failure
	}
	var canceled *payment.Charge
	for _, old := range found {
		now, failure := p.read(ctx, old.ID)
		if failure != nil {
			return nil, failure
		}
		charge, failure := now.decided()
		if failure != nil || charge != nil && charge.Status != payment.Declined {
			return charge, failure
		}
		if canceled == nil {
			canceled = charge
		}
	}
	return canceled, nil
}

// search gives a request's PaymentIntents, newest first as Stripe lists them.
func (p *Provider) search(ctx context.Context, request string) ([]intent, *message.Failure) {
	query := url.Values{"query": {"metadata['request_id']:'" + request + "'"}, "limit": {"100"}}
	resp, failure := p.get(ctx, opSearch, "/v1/payment_intents/search?"+query.Encode())
	if failure != nil {
		return nil, failure
	}
	if resp.Status != http.StatusOK {
		return nil, refused(opSearch, resp)
	}
	all, ok := readIntents(resp.Body)
	if !ok {
		return nil, unreadable(opSearch, resp)
	}
	found := all[:0]
	for _, i := range all {
		if i.of(request) {
			found = append(found, i)
		}
	}
	return found, nil
}

// read gives a PaymentIntent as it is now.
func (p *Provider) read(ctx context.Context, id string) (*intent, *message.Failure) {
	resp, failure := p.get(ctx, opGet, "/v1/payment_intents/"+id)
	if failure != nil {
		return nil, failure
	}
	if resp.Status != http.StatusOK {
		return nil, refused(opGet, resp)
	}
	now := readIntent(resp.Body)
	if now == nil || now.ID != id {
		return nil, unreadable(opGet, resp)
	}
	return now, nil
}
