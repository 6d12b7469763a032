package stripe

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/payment"
	"bizbridge/bridge/payment/stripe/stripetest"
	"bizbridge/bridge/secureurl"
)

func TestAuthorize(t *testing.T) {
	r := newRig(t)
	charge, failure := r.authorize(ask("T1", stripetest.CardGood))
	expect(t, "authorized", charge, failure)
	taken := r.charges(1)[0]
	if charge.Amount != 1250 || charge.Currency != "USD" || charge.Ref != taken.Intent || taken.Amount != 1250 || taken.Transaction != "T1" {
		t.Errorf("%v, Stripe took %v", charge, taken)
	}
	for _, call := range r.stripe.Calls("") {
		if call.Header.Get("Authorization") != "Bearer "+stripetest.Key || call.Header.Get("Stripe-Version") != APIVersion {
			t.Errorf("%s: %v", call.Operation, call.Header)
		}
	}
	want := map[string]string{
		stripetest.Create:  "bizbridge-intent-" + request,
		stripetest.Token:   "bizbridge-token-T1",
		stripetest.Confirm: "bizbridge-confirm-" + request + "-T1",
	}
	for operation, key := range want {
		if calls := r.stripe.Calls(operation); len(calls) != 1 || calls[0].Key != key {
			t.Errorf("%s: %d calls, %v", operation, len(calls), calls)
		}
	}
	form := r.stripe.Calls(stripetest.Create)[0].Form
	for name, value := range map[string]string{
		"amount": "1250", "currency": "usd", "capture_method": "automatic", "payment_method_types[]": "card",
		"metadata[request_id]": request, "metadata[business_id]": strings.ToLower(string(business)), "confirm": "",
		"metadata[customer]": customerHash,
	} {
		if form.Get(name) != value {
			t.Errorf("%s is %q", name, form.Get(name))
		}
	}
	form = r.stripe.Calls(stripetest.Token)[0].Form
	if !strings.Contains(form.Get("pk_token"), `"version":"EC_v1"`) || form.Get("pk_token_payment_network") != "Visa" ||
		!strings.HasPrefix(form.Get("pk_token_instrument_name"), "Visa ") || form.Get("pk_token_transaction_id") != "T1" {
		t.Errorf("the token is sent as %v", form)
	}
}

func TestManualCaptureReserves(t *testing.T) {
	r := newRig(t)
	r.Provider = newProvider(t, r.stripe.URL, CaptureManual)
	charge, failure := r.authorize(ask("T1", stripetest.CardGood))
	expect(t, "authorized", charge, failure)
	if charge.Amount != 1250 || r.charges(1)[0].Amount != 1250 || charge.Reason != reasonReserved+"; "+reasonTest {
		t.Errorf("%v", charge)
	}
	charge, failure = r.authorize(ask("T2", stripetest.CardGood))
	expect(t, "authorized", charge, failure)
	r.charges(1)
}

func TestCards(t *testing.T) {
	for _, c := range []struct{ card, want, reason string }{
		{stripetest.CardDeclined + "insufficient_funds", "declined", wordsFunds},
		{stripetest.CardDeclined + "fraudulent", "declined", wordsDeclined},
		{stripetest.CardDeclined + secret, "declined", wordsDeclined},
		{stripetest.CardAction, "declined", wordsAuth},
		{stripetest.CardUnfinished, "declined", wordsFunds},
		{stripetest.CardDead, "declined", wordsKind},
		{stripetest.CardRefused, "failure permanent", ""},
		{stripetest.CardInvalid, "failure permanent", ""},
	} {
		r := newRig(t)
		for range 2 { // the second time it is what Stripe remembers
			charge, failure := r.authorize(ask("T1", c.card))
			expect(t, c.want, charge, failure)
			if charge.Reason != c.reason {
				t.Errorf("%s: %q", c.card, charge.Reason)
			}
		}
		r.charges(0)
	}
}

func TestAnotherCardAfterADecline(t *testing.T) {
	r := newRig(t)
	charge, failure := r.authorize(ask("T1", stripetest.CardDeclined+"insufficient_funds"))
	expect(t, "declined", charge, failure)
	charge, failure = r.authorize(ask("T2", stripetest.CardGood))
	expect(t, "authorized", charge, failure)
	charge, failure = r.authorize(ask("T1", stripetest.CardDeclined+"insufficient_funds"))
	expect(t, "authorized", charge, failure) // the request is paid, whichever consent paid it
	if taken := r.charges(1)[0]; taken.Transaction != "T2" || len(r.stripe.Calls(stripetest.Confirm)) != 2 {
		t.Errorf("%v", taken)
	}
}

func TestPendingCountsAsTaken(t *testing.T) {
	r := newRig(t)
	for range 2 {
		charge, failure := r.authorize(ask("T1", stripetest.CardProcessing))
		expect(t, "pending", charge, failure)
		if charge.Amount != 1250 || charge.Currency != "USD" || charge.Ref == "" {
			t.Errorf("%v", charge)
		}
	}
	charge, failure := r.authorize(ask("T2", stripetest.CardGood))
	expect(t, "pending", charge, failure)
	r.charges(1)
}

// A consent that comes while another is confirmed, without having been there when the PaymentIntent was read.
func TestSecondConsentMeetsAPaidIntent(t *testing.T) {
	for status, want := range map[string]string{"succeeded": "authorized", "requires_capture": "authorized", "processing": "pending", "canceled": "declined"} {
		body := `{"error":{"type":"invalid_request_error","code":"payment_intent_unexpected_state","payment_intent":
			{"id":"pi_1","status":"` + status + `","amount":1250,"amount_received":1250,"amount_capturable":1250,"currency":"usd"}}}`
		r := scripted(t, &script{confirmStatus: 400, confirm: body})
		charge, failure := r.authorize(ask("T2", stripetest.CardGood))
		expect(t, want, charge, failure)
	}
}

func TestCanceledIntentIsDeclined(t *testing.T) {
	r := newRig(t)
	_, _ = r.authorize(ask("T1", stripetest.CardDeclined+"insufficient_funds"))
	r.stripe.Set(request, "canceled")
	charge, failure := r.authorize(ask("T2", stripetest.CardGood))
	expect(t, "declined", charge, failure)
	if charge.Reason != reasonCanceled {
		t.Errorf("%q", charge.Reason)
	}
	r.charges(0)
}

func TestAnotherTotal(t *testing.T) {
	r := newRig(t)
	dearer := ask("T2", stripetest.CardGood)
	dearer.Total = 9900
	_, _ = r.authorize(ask("T1", stripetest.CardDeclined+"insufficient_funds"))
	r.stripe.Index()
	charge, failure := r.authorize(dearer)
	expect(t, "declined", charge, failure)
	if charge.Reason != reasonOtherTotal {
		t.Errorf("%q", charge.Reason)
	}
	r.charges(0)

	_, _ = r.authorize(ask("T3", stripetest.CardGood))
	charge, failure = r.authorize(dearer)
	expect(t, "authorized", charge, failure) // it is paid: with the first total, which is told
	if charge.Amount != 1250 {
		t.Errorf("%v", charge)
	}
	r.plan(stripetest.Search, stripetest.Unauthorized)
	charge, failure = r.authorize(dearer)
	expect(t, "failure uncertain", charge, failure)
	r.charges(1)
}

// The search lags: what it does not find may have been paid, and so may what is open.
func TestAnotherTotalThatIsNotFoundIsUncertain(t *testing.T) {
	r := newRig(t)
	dearer := ask("T2", stripetest.CardGood)
	dearer.Total = 9900
	_, _ = r.authorize(ask("T1", stripetest.CardGood))
	charge, failure := r.authorize(dearer)
	expect(t, "failure uncertain", charge, failure)
	r.stripe.Index()
	charge, failure = r.authorize(dearer)
	expect(t, "authorized", charge, failure)
	r.charges(1)

	r = newRig(t)
	_, _ = r.authorize(ask("T1", stripetest.CardDead)) // it was never confirmed
	r.stripe.Index()
	charge, failure = r.authorize(dearer)
	expect(t, "failure uncertain", charge, failure)
	r.stripe.Set(request, "canceled")
	charge, failure = r.authorize(dearer)
	expect(t, "declined", charge, failure)
	if charge.Reason != reasonOtherTotal {
		t.Errorf("%q", charge.Reason)
	}
	r.charges(0)
}

func TestRemarksOnWhatWasTaken(t *testing.T) {
	for body, want := range map[string]string{
		intentJSON("succeeded"): "",
		strings.Replace(intentJSON("succeeded"), "{", `{"livemode":true,`, 1):         "",
		strings.Replace(intentJSON("succeeded"), "{", `{"livemode":false,`, 1):        reasonTest,
		strings.Replace(intentJSON("processing"), "{", `{"livemode":false,`, 1):       reasonTest,
		strings.Replace(intentJSON("requires_capture"), "{", `{"livemode":true,`, 1):  reasonReserved,
		strings.Replace(intentJSON("requires_capture"), "{", `{"livemode":false,`, 1): reasonReserved + "; " + reasonTest,
		strings.Replace(intentJSON("canceled"), "{", `{"livemode":false,`, 1):         reasonCanceled,
	} {
		r := scripted(t, &script{confirmStatus: 200, confirm: body})
		charge, failure := r.authorize(ask("T1", stripetest.CardGood))
		if failure != nil || charge.Reason != want {
			t.Errorf("%s: %q, %v", body, charge.Reason, failure)
		}
	}
}

// The sheet's time is its caller's; where there is none, it ends all the same, and leaves time to look back.
func TestTimeIsTheCallers(t *testing.T) {
	for _, c := range []struct{ callers, want, confirm time.Duration }{
		{0, 20 * time.Second, 17 * time.Second}, {20 * time.Second, 20 * time.Second, 17 * time.Second},
		{time.Minute, time.Minute, 57 * time.Second}, {4 * time.Second, 4 * time.Second, 3 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, began := t.Context(), time.Now()
			if c.callers > 0 {
				var leave context.CancelFunc
				ctx, leave = context.WithTimeout(ctx, c.callers)
				defer leave()
			}
			ctx, cancel := bounded(ctx)
			defer cancel()
			within, cancel := withReserve(ctx)
			defer cancel()
			all, _ := ctx.Deadline()
			confirm, _ := within.Deadline()
			if all.Sub(began) != c.want || confirm.Sub(began) != c.confirm {
				t.Errorf("%v: %v, %v", c.callers, all.Sub(began), confirm.Sub(began))
			}
		})
	}
}

func TestWhatWasTakenIsTold(t *testing.T) {
	r := newRig(t)
	r.plan(stripetest.Confirm, stripetest.OtherAmount)
	charge, failure := r.authorize(ask("T1", stripetest.CardGood))
	expect(t, "authorized", charge, failure)
	if charge.Amount != 1350 || r.charges(1)[0].Amount != 1350 {
		t.Errorf("%v", charge)
	}
}

func TestIntentOfAnotherAmountIsNotConfirmed(t *testing.T) {
	r := newRig(t)
	r.plan(stripetest.Create, stripetest.OtherAmount)
	charge, failure := r.authorize(ask("T1", stripetest.CardGood))
	expect(t, "failure permanent", charge, failure)
	r.charges(0)
}

func TestWhatStripeCannotTakeIsRefusedFirst(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*payment.Authorization)
		class  message.Class
	}{
		"the cart is not fixed": {func(a *payment.Authorization) { a.Fixed = false }, message.Permanent},
		"no transaction":        {func(a *payment.Authorization) { a.TransactionID = "" }, message.Invalid},
		"no UUID":               {func(a *payment.Authorization) { a.ID = "' OR metadata['a']:'b" }, message.Invalid},
		"nearly a UUID":         {func(a *payment.Authorization) { a.ID = request[:35] + "'" }, message.Invalid},
		"no payment data":       {func(a *payment.Authorization) { a.Token.Data = nil }, message.Invalid},
		"a text":                {func(a *payment.Authorization) { a.Token.Data = []byte(`"` + secret + `"`) }, message.Invalid},
		"half an object":        {func(a *payment.Authorization) { a.Token.Data = []byte(`{"a":` + secret) }, message.Invalid},
		"nothing to pay":        {func(a *payment.Authorization) { a.Total = 0 }, message.Permanent},
		"less than nothing":     {func(a *payment.Authorization) { a.Total = -1 }, message.Permanent},
		"too fine":              {func(a *payment.Authorization) { a.Currency, a.Total = "KWD", 1234 }, message.Permanent},
		"unknown currency":      {func(a *payment.Authorization) { a.Currency = "CLF" }, message.Permanent},
	} {
		r := newRig(t)
		a := ask("T1", stripetest.CardGood)
		c.change(&a)
		charge, failure := r.authorize(a)
		expect(t, "failure "+c.class.String(), charge, failure)
		if len(r.stripe.Calls("")) != 0 {
			t.Errorf("%s: Stripe is called", name)
		}
	}
}

func TestKeys(t *testing.T) {
	long, odd := strings.Repeat("a", 300), "Simulated Identifier"
	for _, transaction := range []string{long, odd, "a\r\nb", "ä"} {
		key := idempotencyKey("bizbridge-confirm-", request, transaction)
		if len(key) > maxKey || !secureurl.Printable(key) || key != idempotencyKey("bizbridge-confirm-", request, transaction) {
			t.Errorf("%q", key)
		}
		if key == idempotencyKey("bizbridge-confirm-", request, transaction+"b") {
			t.Errorf("%q stands for two", key)
		}
		r := newRig(t)
		charge, failure := r.authorize(ask(transaction, stripetest.CardGood))
		expect(t, "authorized", charge, failure)
	}
}

// One UUID is one request, however it is written.
func TestRequestInCapitals(t *testing.T) {
	r := newRig(t)
	a := ask("T1", stripetest.CardGood)
	a.ID = "ABCDEFAB-2222-8333-8444-555555555555"
	_, _ = r.authorize(a)
	a.ID, a.TransactionID = strings.ToLower(a.ID), "T2"
	charge, failure := r.authorize(a)
	expect(t, "authorized", charge, failure)
	r.charges(1)
}

func TestCallerLeaves(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(context.Background())
	r.stripe.Plan = func(operation string) stripetest.Fault {
		if operation == stripetest.Confirm {
			time.AfterFunc(20*time.Millisecond, cancel)
			return stripetest.Hang
		}
		return stripetest.None
	}
	_, err := r.Authorize(ctx, ask("T1", stripetest.CardGood))
	if failure := message.FailureOf(err); failure.Class != message.Uncertain {
		t.Errorf("%v", failure)
	}
	r.charges(1)
}
