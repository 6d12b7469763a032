package stripe

import (
	"context"
	"net/http"
	"net/url"

	"bizbridge/bridge/message"
	"bizbridge/bridge/payment"
)

// Find asks Stripe's search, which is behind by up to a minute, or more when Stripe has trouble: nil is not proof. What it finds
// is read again, so that a charge is as it is now. Declined is a payment that was cancelled, or of which the card was refused
// with no other attempt after that; nil also one that is open.
func (p *Provider) Find(ctx context.Context, request payment.Request) (*payment.Charge, error) {
	id, ok := requestID(request.ID)
	if !ok {
		return nil, message.Failuref(message.Invalid, "the request has no UUID")
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	charge, failure := p.find(ctx, newOwner(id, request))
	if failure != nil {
		return nil, failure
	}
	return charge, nil
}

func (p *Provider) find(ctx context.Context, o owner) (*payment.Charge, *message.Failure) {
	found, failure := p.search(ctx, o)
	if failure != nil {
		return nil, failure
	}
	return p.outcome(ctx, found)
}

// outcome prefers what was taken to what is open, and that to what was declined; there is more than one only where Stripe has
// forgotten a key.
func (p *Provider) outcome(ctx context.Context, found []intent) (*payment.Charge, *message.Failure) {
	var declined *payment.Charge
	open := false
	for _, old := range found {
		now, failure := p.read(ctx, old.ID)
		if failure != nil {
			return nil, failure
		}
		charge, failure := now.settled()
		if failure != nil || charge != nil && charge.Status != payment.Declined {
			return charge, failure
		}
		open = open || charge == nil
		if declined == nil {
			declined = charge
		}
	}
	if open {
		return nil, nil
	}
	return declined, nil
}

// search gives a request's PaymentIntents, newest first as Stripe lists them. The metadata must say whose they are: who knows the
// id of somebody else's request learns nothing.
func (p *Provider) search(ctx context.Context, o owner) ([]intent, *message.Failure) {
	query := url.Values{"query": {"metadata['request_id']:'" + o.request + "'"}, "limit": {"100"}}
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
		if i.of(o) {
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
