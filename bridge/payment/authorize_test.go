package payment

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bizbridge/bridge/message"
)

func declinedFor(faults ...ContactFault) charger {
	return answers(Charge{Status: Declined, Ref: "ch_2", Faults: faults}, nil)
}

func charged10(change func(*Charge)) charger {
	charge := Charge{Status: Authorized, Amount: 1000, Currency: "USD", Ref: "ch_1"}
	change(&charge)
	return answers(charge, nil)
}

func TestWhatAProviderSaysIsTold(t *testing.T) {
	t.Parallel()
	sheet := func(status string) answer { return answer{200, `{"status":"` + status + `"}`} }
	open := func(a *request) { a.Fixed = false } // the provider keeps the cart
	fixed := func(*request) {}
	for name, test := range map[string]struct {
		provider charger
		asked    func(*request)
		sheet    answer
		status   message.PaymentStatus
		words    string
	}{
		"authorized":              {charges, fixed, success, message.PaymentAuthorized, "Paid 10.00 USD with Apple Pay, Visa 1234."},
		"authorized with a word":  {charged10(func(c *Charge) { c.Reason = "reserved" }), fixed, success, message.PaymentAuthorized, "Visa 1234 (reserved)."},
		"the cart's own total":    {charged10(func(c *Charge) { c.Amount = 1234 }), open, success, message.PaymentAuthorized, "Paid 12.34 USD"},
		"declined":                {declinedFor(), fixed, failure, message.PaymentFailed, "The payment was declined. Nothing was charged."},
		"declined with a word":    {answers(Charge{Status: Declined, Reason: "no money."}, nil), fixed, failure, message.PaymentFailed, "declined: no money. Nothing was charged."},
		"billing contact":         {declinedFor(ContactFault{Code: "billingContactInvalid"}), fixed, sheet("STATUS_INVALID_BILLING_POSTAL_ADDRESS"), message.PaymentFailed, "declined"},
		"shipping contact":        {declinedFor(ContactFault{Code: "shippingContactInvalid", ContactField: "phoneNumber"}), fixed, sheet("STATUS_INVALID_SHIPPING_CONTACT"), message.PaymentFailed, "declined"},
		"shipping address":        {declinedFor(ContactFault{Code: "shippingContactInvalid", ContactField: "postalCode"}), fixed, sheet("STATUS_INVALID_SHIPPING_POSTAL_ADDRESS"), message.PaymentFailed, "declined"},
		"cannot go there":         {declinedFor(ContactFault{Code: "addressUnserviceable"}), fixed, sheet("STATUS_INVALID_SHIPPING_POSTAL_ADDRESS"), message.PaymentFailed, "declined"},
		"the first that counts":   {declinedFor(ContactFault{Code: "?"}, ContactFault{Code: "billingContactInvalid"}, ContactFault{Code: "addressUnserviceable"}), fixed, sheet("STATUS_INVALID_BILLING_POSTAL_ADDRESS"), message.PaymentFailed, "declined"},
		"pending":                 {charged10(func(c *Charge) { c.Status = Pending }), fixed, success, message.PaymentUncertain, "it will decide later"},
		"pending, another amount": {charged10(func(c *Charge) { c.Status, c.Amount = Pending, 1 }), fixed, failure, message.PaymentUncertain, "0.01 USD instead of 10.00 USD"},
		"too little":              {charged10(func(c *Charge) { c.Amount = 999 }), fixed, failure, message.PaymentUncertain, "9.99 USD instead of 10.00 USD"},
		"too much":                {charged10(func(c *Charge) { c.Amount = 100_000 }), fixed, failure, message.PaymentUncertain, "1000.00 USD instead of 10.00 USD"},
		"another currency":        {charged10(func(c *Charge) { c.Currency = "EUR" }), fixed, failure, message.PaymentUncertain, "another currency"},
		"no currency":             {charged10(func(c *Charge) { c.Currency = "" }), open, failure, message.PaymentUncertain, "another currency"},
		"nothing charged":         {charged10(func(c *Charge) { c.Amount = 0 }), open, failure, message.PaymentUncertain, "how much"},
		"less than nothing":       {charged10(func(c *Charge) { c.Amount = -1000 }), open, failure, message.PaymentUncertain, "how much"},
		"no status":               {answers(Charge{Amount: 1000, Currency: "USD"}, nil), fixed, failure, message.PaymentUncertain, "no status"},
		"a new status":            {charged10(func(c *Charge) { c.Status = "AUTHORIZED" }), fixed, failure, message.PaymentUncertain, "no status"},
		"transient":               {failing(message.Transient, "shop cannot be reached"), fixed, failure, message.PaymentFailed, "Nothing was charged by this try: shop cannot be reached."},
		"permanent":               {failing(message.Permanent, "no"), fixed, failure, message.PaymentFailed, "Nothing was charged by this try: no."},
		"throttled":               {failing(message.Throttled, "no"), fixed, failure, message.PaymentFailed, "Nothing was charged by this try: no."},
		"auth":                    {failing(message.Auth, "no"), fixed, failure, message.PaymentFailed, "Nothing was charged by this try: no."},
		"closed":                  {failing(message.Closed, "no"), fixed, failure, message.PaymentFailed, "Nothing was charged by this try: no."},
		"unreachable":             {failing(message.Unreachable, "no"), fixed, failure, message.PaymentFailed, "Nothing was charged by this try: no."},
		"invalid":                 {failing(message.Invalid, "no"), fixed, failure, message.PaymentFailed, "Nothing was charged by this try: no."},
		"canceled":                {failing(message.Canceled, "no"), fixed, failure, message.PaymentFailed, "Nothing was charged by this try: no."},
		"uncertain":               {failing(message.Uncertain, "shop did not answer"), fixed, failure, message.PaymentUncertain, "but shop did not answer. Look up the request " + requestID},
		"a charge and a failure":  {answers(Charge{Status: Authorized, Amount: 1000, Currency: "USD"}, message.Failuref(message.Uncertain, "half")), fixed, failure, message.PaymentUncertain, "half"},
		// An error that nobody classified proves nothing, least of all that nothing was charged.
		"a plain error":     {answers(Charge{}, errors.New("EC_v1 4242424242424242")), fixed, failure, message.PaymentUncertain, "says nothing"},
		"a deadline":        {answers(Charge{}, context.DeadlineExceeded), fixed, failure, message.PaymentUncertain, "says nothing"},
		"wrapped":           {answers(Charge{}, fmt.Errorf("EC_v1: %w", message.Failuref(message.Permanent, "no"))), fixed, failure, message.PaymentFailed, "no"},
		"panic":             {func(context.Context, Authorization) (Charge, error) { panic("EC_v1 4242424242424242") }, fixed, failure, message.PaymentUncertain, "the bridge failed"},
		"panic of an error": {func(context.Context, Authorization) (Charge, error) { panic(errors.New("4242424242424242")) }, fixed, failure, message.PaymentUncertain, "the bridge failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, test.provider)
			if got := r.post(r.seal(test.asked), EndpointGateway, fixture(t, "gateway-request")); got != test.sheet {
				t.Errorf("the sheet heard %+v, want %+v", got, test.sheet)
			}
			told := r.payments()
			if len(told) != 1 || told[0].Status != test.status || !strings.Contains(told[0].Summary, test.words) || told[0].RequestID != requestID || told[0].TransactionID != "<hex>" {
				t.Fatalf("the helpdesk heard %+v", told)
			}
			if paid := told[0].Status == message.PaymentAuthorized; paid != (told[0].Amount != "") || paid != (told[0].Currency != "") || paid != (told[0].ShippingContact != nil) {
				t.Errorf("amount or address of %+v", told[0])
			}
			for _, secret := range []string{"EC_v1", "4242424242424242", "1 Example Way"} {
				if strings.Contains(told[0].Summary, secret) {
					t.Errorf("the agent reads %q", told[0].Summary)
				}
			}
			if diff := cmp.Diff(map[message.PaymentStatus]int{test.status: 1}, r.counts()); diff != "" {
				t.Error(diff)
			}
			if test.status == message.PaymentUncertain != strings.Contains(r.logged(), `"level":"ERROR"`) {
				t.Errorf("the operator reads %s", r.logged())
			}
		})
	}
}

// The provider gets all that the phone wrote, as it wrote it.
func TestTheProviderGetsThePaymentUntouched(t *testing.T) {
	t.Parallel()
	var got Authorization
	r := newRig(t, charger(func(ctx context.Context, consent Authorization) (Charge, error) {
		got = consent
		return charges(ctx, consent)
	}))
	const payment = `{ "paymentToken" : {"paymentData":{"x":1.10,"y":1e400,"y":"\u003c&"}, "transactionIdentifier":"t"},"zip":"<\/>" }`
	r.post(r.seal(), EndpointGateway, `{"payment":`+payment+`,"requestIdentifier":"`+requestID+`"}`)
	if string(got.Payment) != payment || string(got.Token.Data) != `{"x":1.10,"y":1e400,"y":"\u003c&"}` {
		t.Errorf("%s\n%s", got.Payment, got.Token.Data)
	}
	want := Authorization{Request: asked().Request, TransactionID: "t"}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Authorization{}, "Payment", "Token")); diff != "" {
		t.Error(diff)
	}
}

// The sheet waits 30 seconds. A provider that takes longer is left, and the outcome is uncertain.
func TestAProviderHasTwentySeconds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		takes  time.Duration
		answer error
		want   answer
		status message.PaymentStatus
	}{
		"just in time":           {authorizePatience - 1, nil, success, message.PaymentAuthorized},
		"too late":               {authorizePatience + 1, message.Failuref(message.Uncertain, "it did not answer"), failure, message.PaymentUncertain},
		"too late, unclassified": {time.Hour, context.DeadlineExceeded, failure, message.PaymentUncertain},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, charger(func(ctx context.Context, consent Authorization) (Charge, error) {
					select {
					case <-time.After(test.takes):
						return charges(ctx, consent)
					case <-ctx.Done():
						return Charge{}, test.answer
					}
				}))
				began := time.Now()
				if got := r.post(r.seal(), EndpointGateway, fixture(t, "gateway-request")); got != test.want {
					t.Errorf("%+v", got)
				}
				if took := time.Since(began); took > authorizePatience || took < test.takes && took < authorizePatience {
					t.Errorf("after %v", took)
				}
				if told := r.payments(); len(told) != 1 || told[0].Status != test.status {
					t.Errorf("%+v", told)
				}
			})
		})
	}
}

func TestAHelpdeskThatHearsNothingChangesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, charges)
	r.helpdesk = func() *message.Failure { return message.Failuref(message.Transient, "the helpdesk cannot be reached") }
	if got := r.post(r.seal(), EndpointGateway, fixture(t, "gateway-request")); got != success {
		t.Errorf("%+v", got)
	}
	if log := r.logged(); !strings.Contains(log, "the helpdesk was not told") || !strings.Contains(log, requestID) {
		t.Errorf("logged %s", log)
	}
	if got := r.Answer(t.Context(), business, customer, requestID, message.PaymentCompleted); got.Status != message.PaymentCompleted || got.Amount != "10.00" {
		t.Errorf("%+v", got)
	}
}

// A phone that repeats itself while the provider thinks asks once, and hears the same each time.
func TestConsentsAtTheSameTimeAreOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		r := newRig(t, charger(func(ctx context.Context, consent Authorization) (Charge, error) {
			calls.Add(1)
			time.Sleep(time.Second)
			return charges(ctx, consent)
		}))
		token := r.seal()
		var phones sync.WaitGroup
		for i := range 30 {
			phones.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				if got := r.post(token, EndpointGateway, consent(t, "same")); got != success {
					t.Errorf("%+v", got)
				}
			})
		}
		for range 3 { // another consent waits its turn, and finds that all is paid
			phones.Go(func() { r.post(token, EndpointGateway, consent(t, "another")) })
		}
		phones.Wait()
		if calls.Load() != 1 || len(r.payments()) != 1 {
			t.Errorf("%d calls, %d told", calls.Load(), len(r.payments()))
		}
	})
}

// A flight that ends in a panic of the bridge's own ends for all who wait for it.
func TestNobodyWaitsForAFlightThatCrashed(t *testing.T) {
	t.Parallel()
	r := newRig(t, charges)
	r.helpdesk = func() *message.Failure { panic("the helpdesk's connector") }
	token := r.seal()
	var phones sync.WaitGroup
	var crashed atomic.Int32
	for range 8 {
		phones.Go(func() {
			defer func() {
				if recover() != nil {
					crashed.Add(1)
				}
			}()
			r.post(token, EndpointGateway, fixture(t, "gateway-request"))
		})
	}
	phones.Wait()
	if crashed.Load() == 0 {
		t.Error("nobody noticed")
	}
	r.helpdesk = nil
	if got := r.post(token, EndpointGateway, fixture(t, "gateway-request")); got != success {
		t.Errorf("%+v", got)
	}
}

// A later try of the same consent knows no more of the first than that it is open.
func TestWhatIsUncertainIsNotToldAsFailedLater(t *testing.T) {
	t.Parallel()
	rules := &Rules{Currency: "USD", Shipping: []ShippingRule{{Countries: []string{"US"}, Label: "Shipping", Amount: 500}}}
	uncertain := failing(message.Uncertain, "shop did not answer")
	for name, test := range map[string]struct {
		first, second charger
		transaction   string
		between       func(*rig)
		want          message.PaymentStatus
		sheet         answer
	}{
		"not reached":              {uncertain, failing(message.Transient, "no connection"), "a", nil, message.PaymentUncertain, failure},
		"asked to slow down":       {uncertain, failing(message.Throttled, "slow down"), "a", nil, message.PaymentUncertain, failure},
		"rules have changed":       {uncertain, charges, "a", func(r *rig) { r.merchant.Rules = &Rules{Currency: "EUR"} }, message.PaymentUncertain, failure},
		"the provider's word":      {uncertain, declinedFor(), "a", nil, message.PaymentFailed, failure},
		"another consent":          {uncertain, failing(message.Transient, "no connection"), "b", nil, message.PaymentFailed, failure},
		"charged after all":        {uncertain, charges, "a", nil, message.PaymentAuthorized, success},
		"charged by another":       {uncertain, charges, "b", nil, message.PaymentAuthorized, success},
		"paid is paid":             {charges, declinedFor(), "a", nil, message.PaymentAuthorized, success},
		"paid, and other rules":    {charges, charges, "a", func(r *rig) { r.merchant.Rules = &Rules{Currency: "EUR"} }, message.PaymentAuthorized, success},
		"paid, another consent":    {charges, failing(message.Transient, "no connection"), "b", nil, message.PaymentAuthorized, success},
		"failed, and then it pays": {declinedFor(), charges, "b", nil, message.PaymentAuthorized, success},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, test.first)
			r.merchant.Rules = rules
			token := r.seal(func(a *request) { a.Rules = rules.digest() })
			body := func(transaction string) string {
				return change(t, sentTo(t, "US", "CA"), "payment.paymentToken.transactionIdentifier", transaction)
			}
			r.post(token, EndpointGateway, body("a"))
			if r.merchant.Provider = test.second; test.between != nil {
				test.between(r)
			}
			if got := r.post(token, EndpointGateway, body(test.transaction)); got != test.sheet {
				t.Errorf("the sheet heard %+v", got)
			}
			told := r.payments()
			if last := told[len(told)-1]; last.Status != test.want {
				t.Errorf("the helpdesk heard %+v", told)
			}
			if got := r.Answer(t.Context(), business, customer, requestID, ""); got.Status == message.PaymentFailed && name != "the provider's word" {
				t.Errorf("in the end: %+v", got)
			}
		})
	}
}

// Who has a callback's address can flood neither provider nor helpdesk with consents; what is paid is said to be, all the same.
func TestARequestIsConsentedToSoOftenOnly(t *testing.T) {
	t.Parallel()
	calls := 0
	r := newRig(t, charger(func(ctx context.Context, consent Authorization) (Charge, error) {
		if calls++; calls < maxConsents {
			return Charge{Status: Declined}, nil
		}
		return charges(ctx, consent)
	}))
	for _, other := range []bool{true, false} { // one request never pays, the other in the end
		token := r.seal(func(a *request) {
			if other {
				a.Customer += "2"
			}
		})
		for i := range maxConsents + 5 {
			if other || i == 0 {
				calls = 0
			}
			want := failure
			switch {
			case other && i >= maxConsents:
				want = failureWith(429)
			case !other && i >= maxConsents-1:
				want = success
			}
			if got := r.post(token, EndpointGateway, consent(t, fmt.Sprintf("t-%d", i))); got != want {
				t.Errorf("%v, %d: %+v", other, i, got)
			}
		}
	}
	if told := len(r.payments()); told != 2*maxConsents {
		t.Errorf("told %d times", told)
	}
}

func TestTheTestProviderSaysSo(t *testing.T) {
	t.Parallel()
	r := newRig(t, Test{})
	if got := r.post(r.seal(), EndpointGateway, fixture(t, "gateway-request")); got != success {
		t.Errorf("%+v", got)
	}
	if told := r.payments(); len(told) != 1 || !strings.Contains(told[0].Summary, "nobody was charged") {
		t.Errorf("%+v", told)
	}
}
