package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPaymentFaults: twice, out of order, and in silence.
func TestPaymentFaults(t *testing.T) {
	w := newPayWorld(t)
	w.fault(faultPayTwice, true)
	id := w.asks(w.payment("out-apple-pay-basic"))
	w.pay("open", id, 202)
	w.pay("authorize", id, 202)
	w.done(id, paySucceeded)
	w.eventually("the second post", func(state) bool { return len(w.posts()) == 2 })
	if posts := w.posts(); posts[0].raw != posts[1].raw {
		t.Error("the two differ")
	}
	w.fault(faultPayTwice, false)
	w.told(1)

	w.fault(faultPayReorder, true)
	id = w.asks(w.payment("out-apple-pay-rich"))
	w.pay("open", id, 202)
	w.pay("choose", id, 202, "method", "ship_2")
	w.pay("authorize", id, 202)
	w.done(id, paySucceeded)
	got := slices.DeleteFunc(w.paths()[2:], func(p string) bool { return p == "orderTracking" })
	if diff := cmp.Diff([]string{"paymentGateway", "shippingContactUpdate", "shippingMethodUpdate"}, got); diff != "" {
		t.Error(diff)
	}
	w.fault(faultPayReorder, false)
	w.told(2)

	w.fault(faultPayUntold, true)
	id = w.asks(w.payment("out-apple-pay-basic"))
	w.pay("open", id, 202)
	w.pay("authorize", id, 202)
	w.done(id, paySucceeded)
	w.eventually("the fault to be counted", func(s state) bool { return s.Faults.find(faultPayUntold).Count == 1 })
	w.told(2)
	w.fault(faultPayUntold, false)

	w.s.twiceAfter = 0
	id = w.asks(w.payment("out-apple-pay-basic"))
	w.call("/api/phone/pay/open", map[string]any{"customer": w.customer, "id": id, "twice": true}, 202)
	w.pay("authorize", id, 202)
	w.told(4)
}

// TestPaymentElsewhere: a device without Apple Pay opens the business's page.
func TestPaymentElsewhere(t *testing.T) {
	w := newPayWorld(t)
	w.bridge.pages["/pay/fallback"] = func(out http.ResponseWriter, r *http.Request) {
		http.Redirect(out, r, "/pay/page", http.StatusSeeOther)
	}
	w.bridge.pages["/pay/page"] = func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "text/html")
		fmt.Fprint(out, "<h1>Pay by transfer</h1>")
	}
	w.call("/api/phone/apple-pay", map[string]any{"customer": w.customer, "on": false}, 202)
	w.call("/api/phone/apple-pay", map[string]any{"customer": "c9", "on": false}, 404)
	if c := w.state().Customers[0]; !c.NoPay {
		t.Errorf("%+v", c)
	}
	id := w.asks(w.payment("out-apple-pay-rich"))
	w.pay("open", id, 202)
	if view := w.done(id, payElsewhere); view.Page != "Pay by transfer" || !strings.Contains(view.Text, "(200)") {
		t.Errorf("%+v", view)
	}
	id = w.asks(w.payment("out-apple-pay-rich", edit{paying + "endpoints/fallbackUrl", "http://127.0.0.1:1/"}))
	w.pay("open", id, 202)
	if view := w.done(id, payElsewhere); view.Page != "" || !strings.Contains(view.Text, "no answer") {
		t.Errorf("%+v", view)
	}
	id = w.asks(w.payment("out-apple-pay-basic"))
	w.pay("open", id, 202)
	w.done(id, payUnavailable)
	if len(w.posts()) != 0 {
		t.Errorf("%v", w.paths())
	}
	w.call("/api/phone/apple-pay", map[string]any{"customer": w.customer, "on": true}, 202)
	w.pay("open", id, 202)
	w.idle(id)
}

// TestPaymentDeleted: a conversation that is deleted while its sheet is open is not told of any more.
func TestPaymentDeleted(t *testing.T) {
	w := newPayWorld(t)
	w.answersWith("paymentGateway", "wait")
	id := w.asks(w.payment("out-apple-pay-basic"))
	w.pay("open", id, 202)
	w.pay("authorize", id, 202)
	w.eventually("the post", func(state) bool { return len(w.posts()) == 1 })
	w.call("/api/phone/delete", map[string]any{"customer": w.customer}, 202)
	close(w.wait)
	w.pay("cancel", id, 404)
}

// TestPaymentSecrets: the traffic panel shows the callbacks, but no token.
func TestPaymentSecrets(t *testing.T) {
	w := newPayWorld(t)
	id := w.asks(w.payment("out-apple-pay-rich"))
	w.pay("open", id, 202)
	w.pay("authorize", id, 202)
	w.done(id, paySucceeded)
	_, _, raw := w.do("GET", "/api/state", "localhost", nil, "")
	for _, p := range w.posts() {
		if p.path != "paymentGateway" {
			continue
		}
		data := p.body["payment"].(map[string]any)["paymentToken"].(map[string]any)["paymentData"].(map[string]any)
		for _, secret := range []string{data["data"].(string), data["signature"].(string), data["header"].(map[string]any)["publicKeyHash"].(string)} {
			if strings.Contains(raw, secret[:20]) {
				t.Error("a token is shown")
			}
		}
	}
	if !strings.Contains(raw, `\"paymentData\": \"… (`) || !strings.Contains(raw, "Visa 1234") {
		t.Error("the callback is not shown")
	}
	for body, want := range map[string]string{
		`{"paymentData":"abc"}`:                   `{"paymentData":"… (5 characters)"}`,
		`{"x":{"paymentData" : {"a":{"b":1}}}}`:   `{"x":{"paymentData" : "… (13 characters)"}}`,
		`{"paymentData":{}, "data":{"text":"x"}}`: `{"paymentData":"… (2 characters)", "data":{"text":"x"}}`,
	} {
		if got := string(maskSecrets([]byte(body))); got != want {
			t.Errorf("%s: %s", body, got)
		}
	}
}
