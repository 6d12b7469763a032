package bridge

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/sandbox"
)

// paymentWorld is the demo's pages with what reached the desk.
type paymentWorld struct{ signInWorld }

// order is what the desk asks for: its till prices shipping and tax by where it goes.
var order = message.PaymentRequest{
	CurrencyCode:                  "USD",
	LineItems:                     []message.LineItem{{Label: "Lamp", Amount: "89.00"}, {Label: "Shade", Amount: "20.00"}, {Label: "Discount", Amount: "-5.00"}},
	Total:                         &message.LineItem{Label: "Demo Store", Amount: "104.00"},
	CountryCode:                   "US",
	MerchantName:                  "Demo Store",
	Received:                      &message.Bubble{Title: "Your order", Subtitle: "104.00 USD"},
	Reply:                         &message.Bubble{Title: "Thank you"},
	RequiredBillingContactFields:  []message.ContactField{message.ContactPost},
	RequiredShippingContactFields: []message.ContactField{message.ContactPost, message.ContactName, message.ContactEmail},
	ShippingMethods: []message.ShippingMethod{
		{ID: "free", Label: "Free", Detail: "8 to 10 days", Amount: "0.00"}, {ID: "ground", Label: "Ground", Detail: "5 to 7 days", Amount: "4.90"},
	},
}

// begin lets the customer write, and the desk ask them for money. It gives the bubble of the request.
func (w *paymentWorld) begin() (bubble string) {
	w.t.Helper()
	w.post("/api/phone/send", map[string]any{"customer": "c1", "text": "Hello"})
	w.events(1, message.EventReceived)
	return w.ask(order)
}

func (w *paymentWorld) pay(bubble, step string, more map[string]any) {
	w.t.Helper()
	call := map[string]any{"customer": "c1", "id": bubble}
	for name, value := range more {
		call[name] = value
	}
	w.post("/api/phone/pay/"+step, call)
}

func (w *paymentWorld) choose(bubble, what, id string) {
	w.t.Helper()
	w.pay(bubble, "choose", map[string]any{what: id})
}

type paymentSheet struct {
	State, Result, Text, Page string
	Sheet                     struct {
		Busy  string
		Total struct{ Amount string }
	}
}

// payments are the payments of n events, and of those that come a moment later.
func (w *paymentWorld) payments(n int) (payments []message.Payment) {
	w.t.Helper()
	defer func() {
		if w.t.Failed() {
			w.t.Logf("the phone's payment: %+v", w.sheet())
		}
	}()
	for _, event := range w.events(n, message.EventPayment) {
		payments = append(payments, *event.Data.Payment)
	}
	return payments
}

// sheet is how the newest payment stands on the phone.
func (w *paymentWorld) sheet() (payment paymentSheet) {
	w.t.Helper()
	var state struct {
		Threads []struct {
			Bubbles []struct {
				Interactive *struct{ Payment *json.RawMessage }
			}
		}
	}
	if err := json.Unmarshal(w.call(http.MethodGet, "/api/state", nil, ""), &state); err != nil {
		w.t.Fatal(err)
	}
	for _, bubble := range slices.Backward(state.Threads[0].Bubbles) {
		if bubble.Interactive != nil && bubble.Interactive.Payment != nil {
			if err := json.Unmarshal(*bubble.Interactive.Payment, &payment); err != nil {
				w.t.Fatal(err)
			}
			return payment
		}
	}
	return payment
}

// priced waits until the sheet has the till's first price.
func (w *paymentWorld) priced() {
	w.t.Helper()
	for range 500 {
		if sheet := w.sheet(); sheet.State == "open" && sheet.Sheet.Busy == "" && sheet.Sheet.Total.Amount != "104" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.t.Fatalf("the sheet is not priced: %+v", w.sheet())
}

// TestPaying goes through the ways in which a payment can end, over the real bridge, mutual TLS and the desk's till.
func TestPaying(t *testing.T) {
	type want struct {
		status message.PaymentStatus
		amount string
	}
	for name, test := range map[string]struct {
		fault    string
		customer func(w *paymentWorld, bubble string)
		want     []want
	}{
		"approved with updates": {"", func(w *paymentWorld, bubble string) {
			w.pay(bubble, "open", nil)
			w.choose(bubble, "contact", "ann")
			w.choose(bubble, "method", "ground")
			w.pay(bubble, "authorize", nil)
		}, []want{{message.PaymentAuthorized, ""}, {message.PaymentCompleted, ""}}},
		"posted twice": {"pay_twice", func(w *paymentWorld, bubble string) {
			w.pay(bubble, "open", nil)
			w.choose(bubble, "contact", "ben")
			w.pay(bubble, "authorize", nil)
		}, []want{{message.PaymentAuthorized, ""}, {message.PaymentCompleted, ""}}},
		"declined": {"till_declines", func(w *paymentWorld, bubble string) {
			w.pay(bubble, "open", nil)
			w.choose(bubble, "contact", "ann")
			w.pay(bubble, "authorize", nil)
		}, []want{{message.PaymentFailed, ""}}},
		"canceled": {"", func(w *paymentWorld, bubble string) {
			w.pay(bubble, "open", nil)
			w.pay(bubble, "cancel", nil)
		}, []want{{message.PaymentCanceled, ""}}},
		"a provider that nobody understands": {"", func(w *paymentWorld, bubble string) {
			w.pay(bubble, "open", nil)
			w.priced()
			w.post("/api/faults", map[string]any{"name": "till_malformed", "on": true})
			w.pay(bubble, "authorize", nil)
		}, []want{{message.PaymentUncertain, ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			tap := &wiretap{}
			w := &paymentWorld{signInWorld{control: control{t, newTappedDemo(t, tap)}, tap: tap}}
			bubble := w.begin()
			if test.fault != "" {
				w.post("/api/faults", map[string]any{"name": test.fault, "on": true})
			}
			test.customer(w, bubble)
			payments := w.payments(len(test.want))
			for i, want := range test.want {
				got := payments[i]
				if got.Status != want.status || got.RequestID == "" || got.RequestID != payments[0].RequestID || got.Summary == "" {
					t.Errorf("event %d is %+v, want %+v", i, got, want)
				}
				if paid := got.Status == message.PaymentAuthorized || got.Status == message.PaymentCompleted; paid != (got.Amount != "" && got.Currency == "USD" && got.ProviderRef != "") {
					t.Errorf("event %d tells of %q %s, reference %q", i, got.Amount, got.Currency, got.ProviderRef)
				}
			}
			if len(payments) > len(test.want) {
				t.Errorf("more came: %+v", payments)
			}
			if test.want[0].status == message.PaymentAuthorized && (payments[0].ShippingContact == nil || payments[0].ShippingContact.CountryCode == "") {
				t.Errorf("nobody is told where the order goes: %+v", payments[0].ShippingContact)
			}
		})
	}
}

// TestPayingWithoutApplePay opens the page that says what to do.
func TestPayingWithoutApplePay(t *testing.T) {
	tap := &wiretap{}
	w := &paymentWorld{signInWorld{control: control{t, newTappedDemo(t, tap)}, tap: tap}}
	bubble := w.begin()
	w.post("/api/phone/apple-pay", map[string]any{"customer": "c1", "on": false})
	w.pay(bubble, "open", nil)
	for range 500 {
		if sheet := w.sheet(); sheet.Result == "fallback" && sheet.Page != "" {
			if !strings.Contains(sheet.Page, "cannot use Apple Pay") || !strings.Contains(sheet.Page, "104.00 USD") {
				t.Errorf("the page says %q", sheet.Page)
			}
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("the fallback is not opened: %+v", w.sheet())
}

// TestAnyReplicaFinishesAPayment has the request sent by one bridge, which is killed, the sheet's callbacks answered by another,
// and Apple's end of the sheet read by a third. The keys have been rotated meanwhile.
func TestAnyReplicaFinishesAPayment(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and kills programs")
	}
	world, replicas, route := newReplicas(t)
	w := &paymentWorld{*world}
	route(replicas[0], replicas[0])
	bubble := w.begin()
	replicas[0].kill()
	route(replicas[1], replicas[2])
	w.pay(bubble, "open", nil)
	w.choose(bubble, "contact", "ann")
	w.choose(bubble, "method", "ground")
	w.pay(bubble, "authorize", nil)
	payments := w.payments(2)
	for i, status := range []message.PaymentStatus{message.PaymentAuthorized, message.PaymentCompleted} {
		if payments[i].Status != status || payments[i].Amount != payments[0].Amount || payments[i].Amount == "" {
			t.Errorf("event %d is %+v", i, payments[i])
		}
	}
	for _, secret := range append(w.secret, "paymentData", "EC_v1", payments[0].ShippingContact.FamilyName, payments[0].ShippingContact.AddressLines[0]) {
		for _, replica := range replicas {
			if strings.Contains(replica.stderr.String(), secret) {
				t.Errorf("%q is in a log", secret)
			}
		}
	}
}

// TestDomainAssociation serves Apple's file at the root, also where the bridge has a path.
func TestDomainAssociation(t *testing.T) {
	w := newWorld(t, withMerchant(t))
	for path, want := range map[string]int{
		domainAssociationPath: http.StatusOK, "/base" + domainAssociationPath: http.StatusOK,
	} {
		response, err := http.Get("http://" + w.app.PublicAddr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != want || want == http.StatusOK && string(body) != "7B2276657273696F6E223A317D" {
			t.Errorf("%s: %d %q", path, response.StatusCode, body)
		}
	}
}

// withMerchant adds a merchant whose provider charges nobody, which a gateway on this machine allows.
func withMerchant(t *testing.T) func(string) string {
	t.Helper()
	sessions, err := sandbox.NewMerchantSessions(sandbox.Merchant{ID: "merchant.com.example", Domain: "www.example.com", Name: "Example"})
	if err != nil {
		t.Fatal(err)
	}
	cert, key := sessions.ClientCertificate()
	return func(text string) string {
		return text + fmt.Sprintf(`
apple_pay:
  merchants:
    shop: {merchant_id: merchant.com.example, domain: www.example.com, name: Example, cert: %q, key: %q, domain_association: 7B2276657273696F6E223A317D, provider: {type: test}}
`, cert, key)
	}
}

// TestCallbacksOfABridgeWithoutMerchants are not found: requests to it may be old.
func TestCallbacksOfABridgeWithoutMerchants(t *testing.T) {
	w := newWorld(t)
	response, err := http.Post("http://"+w.app.PublicAddr().String()+"/base/pay/token/paymentGateway", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusNotFound {
		t.Errorf("answered %d", response.StatusCode)
	}
}

// TestCheckTakesAMerchant and warns of one that charges nobody; so does the log at the start.
func TestCheckTakesAMerchant(t *testing.T) {
	w := newWorld(t, withMerchant(t))
	cfg, err := w.parse()
	if err != nil {
		t.Fatal(err)
	}
	report, err := Check(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	const warning = "provider.type is test"
	if !slices.ContainsFunc(report.Warnings, func(words string) bool { return strings.Contains(words, warning) }) {
		t.Errorf("check warns of %q", report.Warnings)
	}
	if !strings.Contains(w.logs.String(), warning) {
		t.Errorf("the log says nothing:\n%s", w.logs)
	}
}
