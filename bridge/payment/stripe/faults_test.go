package stripe

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/payment/stripe/stripetest"
)

// What goes wrong with the confirmation, and what is said of it. Nothing of it is made twice.
func TestConfirmationGoesWrong(t *testing.T) {
	for _, c := range []struct {
		name    string
		fault   stripetest.Fault
		card    string
		want    string
		charges int
	}{
		{"reset before", stripetest.ResetBefore, stripetest.CardGood, "failure uncertain", 0},
		{"reset after", stripetest.ResetAfter, stripetest.CardGood, "authorized", 1},
		{"reset after, declined", stripetest.ResetAfter, stripetest.CardDeclined + "do_not_honor", "failure uncertain", 0},
		{"500 before", stripetest.ErrorBefore, stripetest.CardGood, "failure uncertain", 0},
		{"500 after", stripetest.ErrorAfter, stripetest.CardGood, "authorized", 1},
		{"500 after, pending", stripetest.ErrorAfter, stripetest.CardProcessing, "pending", 1},
		{"503", stripetest.Unavailable, stripetest.CardGood, "failure uncertain", 0},
		{"429", stripetest.RateLimited, stripetest.CardGood, "failure throttled", 0},
		{"lock", stripetest.LockTimeout, stripetest.CardGood, "failure uncertain", 0},
		{"key in use", stripetest.InUse, stripetest.CardGood, "failure uncertain", 0},
		{"401", stripetest.Unauthorized, stripetest.CardGood, "failure auth", 0},
		{"half an answer", stripetest.Malformed, stripetest.CardGood, "authorized", 1},
		{"half a refusal", stripetest.Malformed, stripetest.CardDeclined + "do_not_honor", "failure uncertain", 0},
		{"a proxy's page", stripetest.Page, stripetest.CardGood, "authorized", 1},
		{"no answer", stripetest.Hang, stripetest.CardGood, "authorized", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.plan(stripetest.Confirm, c.fault)
			charge, failure := r.authorize(ask("T1", c.card))
			expect(t, c.want, charge, failure)
			r.charges(c.charges)
			if n := len(r.stripe.Calls(stripetest.Confirm)); n != 1 {
				t.Errorf("%d confirmations", n)
			}
			if n := len(r.stripe.Calls(stripetest.Get)); n > 1 {
				t.Errorf("looked back %d times", n)
			}
			// The same consent again, and another one: they find what there is, or pay what is not paid.
			for _, transaction := range []string{"T1", "T2"} {
				_, failure = r.authorize(ask(transaction, stripetest.CardGood))
				if failure != nil && failure.Class != message.Uncertain {
					t.Errorf("%s: %v", transaction, failure)
				}
			}
			if len(r.stripe.Charges()) > 1 {
				t.Errorf("charged twice: %v", r.stripe.Charges())
			}
		})
	}
}

// What goes wrong with the calls that move no money: it is made again, or said to have taken nothing.
func TestHarmlessCallsGoWrong(t *testing.T) {
	for _, operation := range []string{stripetest.Create, stripetest.Token} {
		for _, c := range []struct {
			name  string
			fault stripetest.Fault
			want  string
		}{
			{"reset before", stripetest.ResetBefore, "authorized"},
			{"reset after", stripetest.ResetAfter, "authorized"},
			{"503", stripetest.Unavailable, "authorized"},
			{"429", stripetest.RateLimited, "authorized"},
			{"key in use", stripetest.InUse, "authorized"},
			{"500", stripetest.ErrorBefore, "failure transient"}, // which Stripe repeats for a day
			{"500 after", stripetest.ErrorAfter, "failure transient"},
			{"401", stripetest.Unauthorized, "failure auth"},
			{"half an answer", stripetest.Malformed, "failure transient"},
			{"a proxy's page", stripetest.Page, "authorized"},
		} {
			t.Run(operation+" "+c.name, func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				r.plan(operation, c.fault)
				charge, failure := r.authorize(ask("T1", stripetest.CardGood))
				expect(t, c.want, charge, failure)
				if failure != nil {
					r.charges(0)
				}
			})
		}
	}
}

// Once somebody was there before, a failure of the moment says nothing of them.
func TestFailureOfASecondConsentIsUncertain(t *testing.T) {
	for _, c := range []struct {
		operation string
		fault     stripetest.Fault
		want      string
	}{
		{stripetest.Get, stripetest.Unauthorized, "failure uncertain"},
		{stripetest.Get, stripetest.Malformed, "failure uncertain"},
		{stripetest.Update, stripetest.Unauthorized, "failure uncertain"},
		{stripetest.Token, stripetest.Malformed, "failure uncertain"},
		{stripetest.Confirm, stripetest.RateLimited, "failure uncertain"},
		{stripetest.Confirm, stripetest.Unauthorized, "failure auth"},
	} {
		r := newRig(t)
		charge, failure := r.authorize(ask("T1", stripetest.CardDeclined+"insufficient_funds"))
		expect(t, "declined", charge, failure)
		r.plan(c.operation, c.fault)
		charge, failure = r.authorize(ask("T2", stripetest.CardGood))
		expect(t, c.want, charge, failure)
		r.charges(0)
	}
}

func TestStripeIsNotThere(t *testing.T) {
	r := newRig(t)
	r.stripe.Close()
	charge, failure := r.authorize(ask("T1", stripetest.CardGood))
	expect(t, "failure transient", charge, failure)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := r.Find(ctx, ask("", "").Request); message.FailureOf(err).Class != message.Transient {
		t.Error(err)
	}
}

// net/http repeats a POST that has an Idempotency-Key when a connection breaks that was used before; a confirmation must not be.
func TestConfirmationIsNotRepeatedBelow(t *testing.T) {
	r := newRig(t)
	for n := range 20 {
		a := ask("T"+strconv.Itoa(n), stripetest.CardGood)
		a.ID = request[:34] + strconv.Itoa(10+n)
		r.plan(stripetest.Confirm, stripetest.ResetBefore) // the calls before it have used the connection
		charge, failure := r.authorize(a)
		expect(t, "failure uncertain", charge, failure)
	}
	if n := len(r.stripe.Calls(stripetest.Confirm)); n != 20 {
		t.Errorf("%d confirmations of 20", n)
	}
}

// Stripe forgets keys after 24 hours. What was taken before is searched for, and confirmed no more.
func TestForgottenKeysDoNotChargeTwice(t *testing.T) {
	for card, want := range map[string]string{stripetest.CardGood: "authorized", stripetest.CardProcessing: "pending"} {
		for _, transaction := range []string{"T1", "T2"} {
			r := newRig(t)
			_, _ = r.authorize(ask("T1", card))
			r.stripe.Index()
			r.stripe.Forget()
			charge, failure := r.authorize(ask(transaction, stripetest.CardGood))
			expect(t, want, charge, failure)
			if charge.Ref != r.charges(1)[0].Intent || len(r.stripe.Calls(stripetest.Confirm)) != 1 {
				t.Errorf("%v", charge)
			}
		}
	}
}

// What the index shows is as old as the index: it is read anew.
func TestForgottenKeysReadWhatIsFoundAnew(t *testing.T) {
	r := newRig(t)
	_, _ = r.authorize(ask("T1", stripetest.CardDeclined+"insufficient_funds"))
	r.stripe.Index()
	_, _ = r.authorize(ask("T2", stripetest.CardGood))
	r.stripe.Forget()
	r.plan(stripetest.Get, stripetest.Unauthorized)
	charge, failure := r.authorize(ask("T3", stripetest.CardGood))
	expect(t, "failure uncertain", charge, failure) // there is another payment, and nobody says what became of it
	r.stripe.Forget()
	charge, failure = r.authorize(ask("T3", stripetest.CardGood))
	expect(t, "authorized", charge, failure)
	r.charges(1)
}

func TestForgottenKeysAfterADecline(t *testing.T) {
	r := newRig(t)
	_, _ = r.authorize(ask("T1", stripetest.CardDeclined+"insufficient_funds"))
	r.stripe.Index()
	r.stripe.Forget()
	charge, failure := r.authorize(ask("T2", stripetest.CardGood))
	expect(t, "authorized", charge, failure)
	r.charges(1)
}

// A search that fails, or is not there as in India, keeps nobody from paying. Only then, and before the index knows, is a
// request charged twice after its key was forgotten: what the caller's limit of 12 hours is for.
func TestSearchThatFailsKeepsNobodyFromPaying(t *testing.T) {
	for _, fault := range []stripetest.Fault{
		stripetest.None, stripetest.Unauthorized, stripetest.ErrorBefore, stripetest.Malformed, stripetest.Page, stripetest.Hang,
	} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.stripe.Plan = func(operation string) stripetest.Fault {
				if operation == stripetest.Search {
					return fault
				}
				return stripetest.None
			}
			for range 2 {
				charge, failure := r.authorize(ask("T1", stripetest.CardGood))
				expect(t, "authorized", charge, failure)
				if fault != stripetest.None {
					r.stripe.Index()
				}
				r.stripe.Forget()
			}
			r.charges(2) // as documented
		})
	}
}

// One search for each new PaymentIntent, and none for one that is known.
func TestOneSearchBeforeAPayment(t *testing.T) {
	r := newRig(t)
	for _, transaction := range []string{"T1", "T2", "T3"} {
		_, _ = r.authorize(ask(transaction, stripetest.CardGood))
	}
	if n := len(r.stripe.Calls(stripetest.Search)); n != 1 {
		t.Errorf("%d searches", n)
	}
}

func intentJSON(status string) string {
	return `{"id":"pi_1","object":"payment_intent","status":"` + status + `","amount":1250,"amount_received":1250,"amount_capturable":1250,"currency":"usd"}`
}

func errorJSON(kind, code string) string {
	return `{"error":{"type":"` + kind + `","code":"` + code + `","message":"` + secret + `","param":"` + secret + `"}}`
}

// Every answer to a confirmation, and what is read after it.
func TestAnswersToAConfirmation(t *testing.T) {
	open := intentJSON("requires_payment_method")
	for _, c := range []struct {
		status  int
		confirm string
		get     string
		want    string
	}{
		{200, intentJSON("succeeded"), open, "authorized"},
		{200, intentJSON("requires_capture"), open, "authorized"},
		{200, intentJSON("processing"), open, "pending"},
		{200, intentJSON("canceled"), open, "declined"},
		{200, open, open, "declined"},
		{200, intentJSON("requires_confirmation"), open, "failure uncertain"},
		{200, intentJSON("requires_action"), open, "failure uncertain"},
		{200, intentJSON("requires_action"), intentJSON("succeeded"), "authorized"},
		{200, intentJSON("something_new"), open, "failure uncertain"},
		{200, strings.Replace(intentJSON("succeeded"), "pi_1", "pi_2", 1), open, "failure uncertain"},
		{200, strings.Replace(intentJSON("succeeded"), `"amount_received":1250,`, "", 1), intentJSON("succeeded"), "authorized"},
		{200, strings.Replace(intentJSON("succeeded"), `"amount_received":1250,`, "", 1), open, "failure uncertain"},
		{200, strings.Replace(intentJSON("succeeded"), `"usd"`, `"xyz"`, 1), open, "failure uncertain"},
		{200, strings.Replace(intentJSON("succeeded"), `1250`, `"1250"`, 3), open, "failure uncertain"},
		{200, "", open, "failure uncertain"},
		{200, "null", open, "failure uncertain"},
		{200, "{}", intentJSON("succeeded"), "authorized"},
		{200, "[]", "", "failure uncertain"},
		{204, "", open, "failure uncertain"},
		{302, "", intentJSON("succeeded"), "authorized"},
		{400, errorJSON(typeInvalid, "parameter_unknown"), open, "failure permanent"},
		{400, errorJSON(typeInvalid, ""), open, "failure permanent"},
		{400, errorJSON(typeInvalid, codeUnexpectedState), open, "failure uncertain"},
		{400, errorJSON(typeInvalid, codeUnexpectedState), intentJSON("succeeded"), "authorized"},
		{400, errorJSON(typeInvalid, codeTokenUsed), open, "failure uncertain"},
		{400, errorJSON(typeInvalid, codeTokenUsed), intentJSON("requires_capture"), "authorized"},
		{400, errorJSON(typeIdempotency, ""), open, "failure uncertain"},
		{400, errorJSON(typeIdempotency, ""), intentJSON("succeeded"), "authorized"},
		{400, errorJSON("something_new", "new"), open, "failure uncertain"},
		{400, "<html>", open, "failure uncertain"},
		{401, errorJSON(typeInvalid, ""), open, "failure auth"},
		{403, errorJSON(typeInvalid, ""), open, "failure auth"},
		{402, errorJSON(typeCard, "card_declined"), open, "declined"},
		{402, errorJSON(typeCard, "card_declined"), intentJSON("succeeded"), "declined"}, // it is not read: this consent is declined
		{402, errorJSON(typeInvalid, "payment_intent_authentication_failure"), open, "declined"},
		{402, errorJSON("api_error", ""), open, "failure uncertain"},
		{402, "", open, "failure uncertain"},
		{402, `{"error":{"type":"card_error","payment_intent":` + intentJSON("succeeded") + `}}`, open, "authorized"},
		{404, errorJSON(typeInvalid, "resource_missing"), open, "failure permanent"},
		{404, "not here", open, "failure uncertain"},
		{409, errorJSON(typeInvalid, codeKeyInUse), open, "failure uncertain"},
		{409, errorJSON(typeIdempotency, codeKeyInUse), intentJSON("succeeded"), "authorized"},
		{424, errorJSON("api_error", ""), open, "failure uncertain"},
		{429, errorJSON(typeInvalid, "rate_limit"), open, "failure throttled"},
		{429, errorJSON(typeInvalid, codeLockTimeout), open, "failure uncertain"},
		{429, errorJSON(typeInvalid, codeLockTimeout), intentJSON("succeeded"), "authorized"},
		{429, "slow down", open, "failure uncertain"},
		{500, errorJSON("api_error", ""), open, "failure uncertain"},
		{500, errorJSON("api_error", ""), intentJSON("succeeded"), "authorized"},
		{500, errorJSON("api_error", ""), intentJSON("processing"), "pending"},
		{500, errorJSON("api_error", ""), intentJSON("canceled"), "declined"},
		{500, errorJSON("api_error", ""), strings.Replace(intentJSON("succeeded"), "pi_1", "pi_2", 1), "failure uncertain"},
		{502, "<html>", intentJSON("requires_capture"), "authorized"},
		{503, errorJSON("api_error", ""), open, "failure uncertain"},
		{504, "", "{", "failure uncertain"},
	} {
		s := &script{confirmStatus: c.status, confirm: c.confirm, getStatus: http.StatusOK, get: c.get}
		r := scripted(t, s)
		charge, failure := r.authorize(ask("T1", stripetest.CardGood))
		expect(t, c.want, charge, failure)
		if t.Failed() {
			t.Fatalf("%d %s, then %s", c.status, c.confirm, c.get)
		}
		if s.confirms != 1 {
			t.Errorf("%d: %d confirmations", c.status, s.confirms)
		}
	}
}

func TestThrottledTellsHowLong(t *testing.T) {
	r := newRig(t)
	r.stripe.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	_, failure := r.authorize(ask("T1", stripetest.CardGood))
	if failure == nil || failure.Class != message.Throttled || failure.RetryAfter != 7*time.Second {
		t.Errorf("%v", failure)
	}
}
