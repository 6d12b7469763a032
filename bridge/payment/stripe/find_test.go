package stripe

import (
	"strconv"
	"strings"
	"testing"
	"time"

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
	if refused := r.expectFound(payment.Declined); refused.Reason != wordsFunds || refused.Ref == "" {
		t.Errorf("%v", refused)
	}
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

func TestFindBelievesOnlyTheCustomersOwn(t *testing.T) {
	r := newRig(t)
	_, _ = r.authorize(ask("T1", stripetest.CardGood))
	r.stripe.Index()
	for _, c := range []struct {
		business message.BusinessID
		customer message.CustomerID
		found    bool
	}{
		{business, customer, true},
		{message.BusinessID(strings.ToUpper(string(business))), customer, true},
		{"BBBBBBBB-bbbb-4ccc-8ddd-eeeeeeeeeeee", customer, false},
		{business, customer + "x", false},
		{business, "", false},
	} {
		charge, err := r.Find(t.Context(), payment.Request{ID: request, Business: c.business, Customer: c.customer})
		if err != nil || (charge != nil) != c.found {
			t.Errorf("%v: %v, %v", c, charge, err)
		}
	}
}

func TestFindKnowsNothingOfWhatIsOpen(t *testing.T) {
	r := newRig(t)
	_, _ = r.authorize(ask("T1", stripetest.CardDead)) // not confirmed
	r.stripe.Index()
	r.expectFound("")
	r.stripe.Forget()
	_, _ = r.authorize(ask("T2", stripetest.CardDeclined+"insufficient_funds")) // another PaymentIntent
	r.stripe.Index()
	r.expectFound("") // one was refused, one is open
}

// While another attempt is under way, Stripe may show the refusal of the one before, whether an update has removed it or not.
func TestFindDuringAnotherAttempt(t *testing.T) {
	for _, keeps := range []bool{false, true} {
		r := newRig(t)
		r.stripe.KeepErrors = keeps
		begun, end := make(chan bool), make(chan bool)
		r.stripe.Latency = func() time.Duration {
			begun <- true
			<-end
			return 0
		}
		for n, step := range []struct {
			card  string
			after payment.ChargeStatus
		}{
			{stripetest.CardDeclined + "insufficient_funds", payment.Declined},
			{stripetest.CardDeclined + "do_not_honor", payment.Declined},
			{stripetest.CardGood, payment.Authorized},
		} {
			done := make(chan bool)
			go func() {
				defer close(done)
				_, _ = r.Authorize(t.Context(), ask("T"+strconv.Itoa(n), step.card))
			}()
			<-begun
			r.stripe.Index()
			charge, failure := r.find()
			if failure != nil || charge != nil {
				t.Errorf("attempt %d is under way, and it is said: %v, %v", n, charge, failure)
			}
			end <- true
			<-done
			r.expectFound(step.after)
		}
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
	whose := func(request string, business message.BusinessID, customer string) string {
		return `{"data":[{"id":"pi_1","metadata":{"request_id":"` + request + `","business_id":"` + string(business) + `","customer":"` + customer + `"}}]}`
	}
	mine := `{"id":"pi_1","metadata":{"request_id":"` + request + `","business_id":"` + string(business) + `","customer":"` + customerHash + `"}}`
	for body, want := range map[string]int{
		`{"data":[]}`:              0,
		`{"data":[` + mine + `]}`:  1,
		`{"data":[{"id":"pi_1"}]}`: 0,
		whose(strings.ToUpper(request), business, customerHash):                                                  1,
		whose(request, "BBBBBBBB-bbbb-4ccc-8ddd-eeeeeeeeeeee", customerHash):                                     0,
		whose(request, "", customerHash):                                                                         0,
		whose(request, business, customerHash[1:]+"0"):                                                           0,
		whose(request, business, ""):                                                                             0,
		`{"data":[{"id":"pi_1","metadata":{"request_id":"` + request + `"}}]}`:                                   0, // an older version's
		`{"data":[{"id":"../charges"}]}`:                                                                         -1,
		`{"data":[{"id":"pi_1/../../a"}]}`:                                                                       -1,
		`{"data":[{"id":"pi_1","metadata":{"request_id":"11111111-2222-8333-8444-555555555556"}},` + mine + `]}`: 1,
		`{"data":[{"id":"pi_1","metadata":[]}]}`:                                                                 0,
		`{"data":null}`:                                                                                          -1,
		`{}`:                                                                                                     -1,
		`[]`:                                                                                                     -1,
		``:                                                                                                       -1,
	} {
		all, ok := readIntents([]byte(body))
		got := 0
		for _, i := range all {
			if i.of(owner{request, strings.ToLower(string(business)), customerHash}) {
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
