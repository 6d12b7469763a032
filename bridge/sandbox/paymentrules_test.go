package sandbox

import (
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func marshalled(v any) []byte {
	raw, _ := json.Marshal(v)
	return raw
}

func serveTest(t *testing.T, h http.Handler) string {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// TestPaymentRules: Apple's examples hold, and nothing that is wrong with one thing of them does.
func TestPaymentRules(t *testing.T) {
	for _, name := range []string{"out-apple-pay-basic", "out-apple-pay-rich"} {
		if err := parsesInteractive(marshalled(fixture(t, name)["interactiveData"])); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	wrongAmounts := func(path string) (list []spoilt) {
		for _, value := range []any{1.5, 1, "1,50", "+1.50", "01.50", "1.", ".5", "1e3", "1.50 ", "", "١", "1.00001", "1000000000000", nil, gone} {
			list = append(list, spoilt{edit{path, value}, "amount"})
		}
		return list
	}
	refusesInteractive(t, "out-apple-pay-rich", all(
		spoiltTitle(payRequest+"lineItems/0/label"), spoiltTitle(payRequest+"total/label"), spoiltTitle(payRequest+"shippingMethods/1/label"),
		spoiltLabel(payRequest+"shippingMethods/0/detail"), spoiltLabel(payRequest+"merchantName"),
		wrongAmounts(payRequest+"lineItems/0/amount"), wrongAmounts(payRequest+"total/amount"), wrongAmounts(payRequest+"shippingMethods/1/amount"),
		[]spoilt{
			{edit{paying + "paymentRequest", gone}, "paymentRequest is missing"},
			{edit{paying + "merchantSession", gone}, "merchantSession is missing"},
			{edit{paying + "endpoints", "x"}, "endpoints is not an object"},
			{edit{paying + "more", 1}, "no member"},
			{edit{payRequest + "more", 1}, "no member"},
			{edit{payRequest + "applePay/more", 1}, "no member"},
			{edit{payRequest + "total/more", 1}, "no member"},
			{edit{paying + "endpoints/paymentGatewayURL", "https://x"}, "no member"},
			{edit{payRequest + "lineItems", "x"}, "not a list"},
			{edit{payRequest + "lineItems/0/type", "Final"}, "none of final, pending"},
			{edit{payRequest + "total", gone}, "total is missing"},
			{edit{payRequest + "total/amount", "0.00"}, "more than 0"},
			{edit{payRequest + "total/amount", "-1.00"}, "more than 0"},
			{edit{payRequest + "total/amount", "1.01"}, "the lines come to 1"},
			{edit{payRequest + "lineItems/1/amount", "-0.51"}, "the lines come to 0.99"},
			{edit{payRequest + "shippingMethods/0/amount", "-1.00"}, "less than 0"},
			{edit{payRequest + "shippingMethods/0/identifier", "ship_2"}, "used twice"},
			{edit{payRequest + "shippingMethods/0/identifier", gone}, "identifier is missing"},
			{edit{payRequest + "countryCode", "us"}, "ISO 3166"},
			{edit{payRequest + "countryCode", "USA"}, "ISO 3166"},
			{edit{payRequest + "countryCode", gone}, "countryCode is missing"},
			{edit{payRequest + "currencyCode", "$"}, "ISO 4217"},
			{edit{payRequest + "currencyCode", gone}, "currencyCode is missing"},
			{edit{payRequest + "supportedCountries", []any{"US", "usa"}}, "supportedCountries"},
			{edit{payRequest + "supportedCountries", "US"}, "not a list"},
			{edit{payRequest + "requiredBillingContactFields", []any{"postalAddress"}}, "none of post, name"},
			{edit{payRequest + "requiredShippingContactFields", []any{"post", "post"}}, "twice"},
			{edit{payRequest + "requiredShippingContactFields", []any{1}}, "not a list of strings"},
			{edit{payRequest + "applePay", gone}, "applePay is missing"},
			{edit{payRequest + "applePay/merchantIdentifier", ""}, "is empty"},
			{edit{payRequest + "applePay/supportedNetworks", []any{}}, "supportedNetworks is empty"},
			{edit{payRequest + "applePay/supportedNetworks", []any{"Visa"}}, `has "Visa"`},
			{edit{payRequest + "applePay/supportedNetworks", gone}, "supportedNetworks is missing"},
			{edit{payRequest + "applePay/merchantCapabilities", []any{"supports4DS"}}, "merchantCapabilities"},
			{edit{payRequest + "applePay/merchantCapabilities", gone}, "merchantCapabilities is missing"},
			{edit{paying + "merchantSession/merchantSessionIdentifier", gone}, "merchantSessionIdentifier"},
			{edit{paying + "merchantSession/initiativeContext", "https://pay.example.com/other"}, "payment gateway url mismatch"},
			{edit{paying + "endpoints/paymentGatewayUrl", "https://pay.example.com/paymentGateway/"}, "payment gateway url mismatch"},
			{edit{paying + "endpoints/paymentGatewayUrl", gone}, "paymentGatewayUrl is missing"},
			{edit{paying + "endpoints/paymentGatewayUrl", "http://pay.example.com/"}, "neither https"},
			{edit{paying + "endpoints/fallbackUrl", "pay.example.com"}, "absolute URL"},
			{edit{paying + "endpoints/orderTrackingUrl", 1}, "not a string"},
			{edit{paying + "endpoints/shippingContactUpdateUrl", "https://x/#y"}, "fragment"},
			{edit{inner + "images/0/data", "x"}, "data"},
			{edit{top + "receivedMessage", gone}, "receivedMessage"},
		}))
}

// TestPaymentSums: whatever the amounts, their sum is taken, and no other total is.
func TestPaymentSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cents := rapid.SliceOfN(rapid.Int64Range(-1_000_000, 1_000_000), 1, 8).Draw(t, "cents")
		off := rapid.Int64Range(-2, 2).Draw(t, "off")
		sum, items := int64(0), []any{}
		amount := func(cents int64) string { return big.NewRat(cents, 100).FloatString(2) }
		for _, each := range cents {
			sum += each
			items = append(items, map[string]any{"label": "x", "amount": amount(each)})
		}
		n, faults := examine(marshalled(map[string]any{"lineItems": items, "total": map[string]any{"label": "T", "amount": amount(sum + off)}}), "r")
		n.sums("lineItems", "total")
		if good := off == 0 && sum > 0; good != (faults.err == nil) {
			t.Fatalf("%v off by %d: %v", cents, off, faults.err)
		}
	})
}

// TestPaymentSessionsCount: what Apple knows of the merchant is refused, what it knows of the session shows on the phone.
func TestPaymentSessionsCount(t *testing.T) {
	w := newPayWorld(t)
	for _, name := range []string{"out-apple-pay-basic", "out-apple-pay-rich"} {
		got, id := w.sends(w.payment(name))
		b := w.state().Threads[0].bubble(id)
		if got.status != 200 || got.body != "" || b.Interactive.Kind != kindPayment || !b.Interactive.Answerable || b.Interactive.Payment.Invalid != "" || b.Interactive.Title == "" {
			t.Fatalf("%d %s %+v", got.status, got.body, b)
		}
	}
	for reason, identifier := range map[string]string{"merchant identifier mismatch": testSessions().merchant.hash(), "not the one that is registered": "merchant.com.other"} {
		if got, _ := w.sends(w.payment("out-apple-pay-basic", edit{payRequest + "applePay/merchantIdentifier", identifier})); got.status != 400 || !strings.Contains(got.body, reason) {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	shown := func(m map[string]any) *interactive {
		t.Helper()
		id := w.asks(m)
		b := w.state().Threads[0].bubble(id)
		if b == nil {
			return nil
		}
		return b.Interactive
	}
	if shown(w.payment("out-apple-pay-basic", edit{paying + "merchantSession/nonce", "ffffffff"})) != nil {
		t.Error("a session that was altered is shown")
	}
	if shown(w.payment("out-apple-pay-basic", edit{paying + "merchantSession/merchantSessionIdentifier", "SSH0"})) != nil {
		t.Error("a session that was made up is shown")
	}
	used := w.payment("out-apple-pay-basic")
	w.asks(used)
	if i := shown(used); i.Answerable || !strings.Contains(i.Payment.Invalid, "used before") {
		t.Errorf("%+v", i.Payment)
	}
	stale := w.payment("out-apple-pay-basic")
	w.s.sessions.mu.Lock()
	for _, session := range w.s.sessions.given.seen {
		session.until = time.Now().Add(-time.Second)
	}
	w.s.sessions.mu.Unlock()
	id := w.asks(stale)
	if i := w.state().Threads[0].bubble(id).Interactive; i.Answerable || !strings.Contains(i.Payment.Invalid, "expired") {
		t.Errorf("%+v", i.Payment)
	}
	w.pay("open", id, 409)
	got, _ := w.sends(w.payment("out-apple-pay-basic"), "include-data-ref", "true")
	var answer struct {
		DataRef map[string]any `json:"dataRef"`
	}
	decodeInto(t, []byte(got.body), &answer)
	m := fixture(t, "out-apple-pay-basic")
	delete(m, "interactiveData")
	m["interactiveDataRef"] = answer.DataRef
	if i := shown(m); i == nil || !strings.Contains(i.Payment.Invalid, "used before") {
		t.Errorf("%+v", i)
	}
	plain := newWorld(t)
	plain.phoneSays("Hello", delivered)
	if got, _ := plain.sends(fixture(t, "out-apple-pay-basic")); got.status != 400 || !strings.Contains(got.body, "no merchant") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestPayAnswers: Apple's examples of answers hold.
func TestPayAnswers(t *testing.T) {
	for _, endpoint := range []string{cardURL, contactURL, methodURL} {
		if a, err := parsePayAnswer(marshalled(fixture(t, "pay-update-response")), endpoint); err != nil || len(a.items) != 3 || a.total != (payLine{"Total", "1.28", "final"}) {
			t.Errorf("%s: %+v %v", endpoint, a, err)
		}
		if a, err := parsePayAnswer(marshalled(fixture(t, "pay-update-response-nochange")), endpoint); err != nil || !a.empty {
			t.Errorf("%s: %+v %v", endpoint, a, err)
		}
	}
}

func TestNormalisedAmounts(t *testing.T) {
	for amount, want := range map[string]string{"1.50": "1.5", "2.00": "2", "0.00": "0", "-0.50": "-0.5", "10": "10", "100.00": "100", "0.1230": "0.123"} {
		if got := normalised(amount); got != want {
			t.Errorf("%s: %s, want %s", amount, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,4})?`).Draw(t, "amount")
		if once := normalised(text); !amountForm.MatchString(once) || normalised(once) != once {
			t.Fatalf("%s: %s", text, once)
		}
	})
}

func FuzzPayAnswer(f *testing.F) {
	f.Add([]byte("{}"))
	f.Add([]byte(repriced[4:] + "}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, endpoint := range []string{cardURL, contactURL, methodURL} {
			a, err := parsePayAnswer(raw, endpoint)
			if err != nil || a.empty {
				continue
			}
			sheet := &paySheet{}
			sheet.take(a)
			if sheet.Total.Label == "" || !amountForm.MatchString(sheet.Total.Amount) {
				t.Errorf("%s: %+v", raw, sheet)
			}
		}
	})
}
