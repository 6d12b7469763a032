package stripe

import (
	"strings"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/bridge/payment"
	"bizbridge/bridge/payment/stripe/stripetest"
)

func (r *rig) find() (*payment.Charge, *message.Failure) {
	r.t.Helper()
	charge, err := r.Find(r.t.Context(), payment.Request{ID: strings.ToUpper(request), Business: business, Customer: customer})
	r.noSecret(charge, err)
	if err != nil {
		return charge, message.FailureOf(err)
	}
	return charge, nil
}

func (r *rig) expectFound(want payment.ChargeStatus) *payment.Charge {
	r.t.Helper()
	charge, failure := r.find()
	switch {
	case failure != nil:
		r.t.Fatal(failure)
	case charge == nil && want != "", charge != nil && charge.Status != want:
		r.t.Fatalf("found %v, want %q", charge, want)
	}
	return charge
}

func TestFind(t *testing.T) {
	r := newRig(t)
	r.expectFound("")
	_, _ = r.authorize(ask("T1", stripetest.CardDeclined+"insufficient_funds"))
	r.expectFound("") // the search lags
	r.stripe.Index()
	r.expectFound("") // a payment that may yet be made is no charge
	_, _ = r.authorize(ask("T2", stripetest.CardGood))
	charge := r.expectFound(payment.Authorized) // what the search found is read anew
	if charge.Amount != 1250 || charge.Currency != "USD" || charge.Ref != r.charges(1)[0].Intent {
		t.Errorf("%v", charge)
	}
	query := r.stripe.Calls(stripetest.Search)[0].Form.Get("query")
	if query != "metadata['request_id']:'"+request+"'" {
		t.Errorf("searched for %s", query)
	}
	for _, call := range r.stripe.Calls(stripetest.Search) {
		if call.Key != "" {
			t.Error("a search has an idempotency key")
		}
	}
}

func TestFindPrefersWhatWasTaken(t *testing.T) {
	r := newRig(t)
	_, _ = r.authorize(ask("T1", stripetest.CardGood))
	r.stripe.Forget()
	_, _ = r.authorize(ask("T2", stripetest.CardDeclined+"insufficient_funds"))
	r.stripe.Index()
	r.expectFound(payment.Authorized) // the newer one is not taken
}

func TestFindCanceledAndPending(t *testing.T) {
	for status, want := range map[string]payment.ChargeStatus{"canceled": payment.Declined, "processing": payment.Pending, "requires_confirmation": ""} {
		r := newRig(t)
		_, _ = r.authorize(ask("T1", stripetest.CardDeclined+"insufficient_funds"))
		r.stripe.Set(request, status)
		r.stripe.Index()
		r.expectFound(want)
	}
}

func TestFindFails(t *testing.T) {
	for _, c := range []struct {
		operation string
		fault     stripetest.Fault
		want      string
	}{
		{stripetest.Search, stripetest.Unauthorized, "auth"},
		{stripetest.Search, stripetest.Malformed, "transient"},
		{stripetest.Get, stripetest.Unauthorized, "auth"},
		{stripetest.Get, stripetest.Malformed, "transient"},
	} {
		r := newRig(t)
		_, _ = r.authorize(ask("T1", stripetest.CardGood))
		r.stripe.Index()
		r.plan(c.operation, c.fault)
		charge, failure := r.find()
		if charge != nil || failure == nil || failure.Class.String() != c.want {
			t.Errorf("%s %d: %v, %v", c.operation, c.fault, charge, failure)
		}
	}
	r := newRig(t)
	if _, err := r.Find(t.Context(), payment.Request{ID: "x' OR amount>0"}); message.FailureOf(err).Class != message.Invalid || len(r.stripe.Calls("")) != 0 {
		t.Error(err)
	}
}

// Whatever a search gives, only what belongs to the request is believed.
func TestSearchAnswers(t *testing.T) {
	mine := `{"id":"pi_1","metadata":{"request_id":"` + request + `"}}`
	for body, want := range map[string]int{
		`{"data":[]}`:                      0,
		`{"data":[` + mine + `]}`:          1,
		`{"data":[{"id":"pi_1"}]}`:         0,
		`{"data":[{"id":"../charges"}]}`:   -1,
		`{"data":[{"id":"pi_1/../../a"}]}`: -1,
		`{"data":[{"id":"pi_1","metadata":{"request_id":"11111111-2222-8333-8444-555555555556"}},` + mine + `]}`: 1,
		`{"data":[{"id":"pi_1","metadata":[]}]}`: 0,
		`{"data":null}`:                          -1,
		`{}`:                                     -1,
		`[]`:                                     -1,
		``:                                       -1,
	} {
		all, ok := readIntents([]byte(body))
		got := 0
		for _, i := range all {
			if i.of(request) {
				got++
			}
		}
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%s: %d, want %d", body, got, want)
		}
	}
}
