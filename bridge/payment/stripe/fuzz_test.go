package stripe

import (
	"net/http"
	"strings"
	"testing"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/payment"
)

// Whatever Stripe answers to a confirmation: nothing panics, nothing is taken for paid that is not said to be, and no word of
// the answer is repeated.
func FuzzConfirmed(f *testing.F) {
	for _, body := range []string{
		intentJSON("succeeded"), intentJSON("requires_capture"), intentJSON("processing"), intentJSON("requires_payment_method"),
		errorJSON(typeCard, "card_declined"), errorJSON(typeInvalid, codeUnexpectedState), "", "{}", "[]", `{"id":"pi_1","status":"succeeded"}`,
		`{"error":{"type":"card_error","decline_code":"zzqzz","payment_intent":` + intentJSON("succeeded") + `}}`,
	} {
		for _, status := range []int{200, 400, 402, 429, 500} {
			f.Add(status, body)
		}
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		charge, failure := confirmed("pi_1", &httpclient.Response{Status: status, Header: http.Header{}, Body: []byte(body)})
		if (charge == nil) == (failure == nil) {
			t.Fatalf("%v and %v", charge, failure)
		}
		words := ""
		switch {
		case failure != nil:
			words = failure.Error()
		case charge.Status == payment.Declined:
			words = charge.Reason
			if charge.Amount != 0 || charge.Ref != "pi_1" {
				t.Errorf("%v", charge)
			}
		default:
			if charge.Amount < 0 || !charge.Currency.Known() || charge.Ref != "pi_1" || !strings.Contains(body, "pi_1") && !strings.Contains(body, `\u`) {
				t.Errorf("%v of %s", charge, body)
			}
		}
		if strings.Contains(words, "zzqzz") {
			t.Errorf("%q", words)
		}
		if failure != nil && failure.Class == message.Uncertain && failure.Reason == "" {
			t.Error("a failure without a reason")
		}
		_, _ = readIntents([]byte(body))
		if token := readToken([]byte(body)); token != "" && !identifier(token, tokenPrefix) {
			t.Errorf("token %q", token)
		}
	})
}
