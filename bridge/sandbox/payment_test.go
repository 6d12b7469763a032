package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const repriced = `200 {"newLineItems":[{"label":"Item A","amount":"1.50","type":"final"},{"label":"Discount","amount":"-0.50","type":"final"},{"label":"Ground","amount":"0.28","type":"final"}],"newTotal":{"label":"Total","amount":"1.28","type":"final"}`

// asked is a callback that a fixture shows, of this request.
func asked(t *testing.T, name string, m map[string]any, edits ...edit) map[string]any {
	t.Helper()
	request := m["interactiveData"].(map[string]any)["data"].(map[string]any)["requestIdentifier"]
	return edited(fixture(t, name), append([]edit{{"requestIdentifier", request}}, edits...)...)
}

// TestPayment walks a payment with every update.
func TestPayment(t *testing.T) {
	w := newPayWorld(t)
	w.answersWith("shippingMethodUpdate", repriced+"}")
	m := w.payment("out-apple-pay-rich")
	id := w.asks(m)
	w.pay("open", id, 202)
	sheet := w.idle(id)
	if diff := cmp.Diff([]payLine{{"Item A", "1.50", "final"}, {"Discount", "-0.50", "final"}}, sheet.Items); diff != "" || sheet.Total.Amount != "1.00" ||
		sheet.Method != "ship_1" || sheet.Contact != "ann" || sheet.Card != "visa" || sheet.Merchant != "Your total" || sheet.Currency != "USD" {
		t.Errorf("%s %+v", diff, sheet)
	}
	w.pay("open", id, 409)
	w.pay("choose", id, 202, "card", "mastercard")
	w.pay("choose", id, 202, "method", "ship_2")
	w.pay("authorize", id, 202) // no need to wait: what was chosen before is told before
	view := w.done(id, paySucceeded)
	if view.Text != "Done" || view.Sheet != nil {
		t.Errorf("%+v", view)
	}
	told := w.told(1)
	if diff := cmp.Diff([]string{"paymentMethodUpdate", "shippingMethodUpdate", "paymentGateway"}, slices.DeleteFunc(w.paths(), func(p string) bool { return p == "orderTracking" || p == "shippingContactUpdate" })); diff != "" {
		t.Error(diff)
	}
	calls := map[string]map[string]any{}
	for _, p := range w.posts() {
		calls[p.path] = p.body
		if p.header.Get("Authorization") != "" || p.header.Get("Content-Encoding") != "" || p.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v", p.path, p.header)
		}
	}
	for path, want := range map[string]map[string]any{
		"paymentMethodUpdate":   asked(t, "pay-payment-method-update-request", m, edit{"payment/paymentMethod/type", "Debit"}),
		"shippingContactUpdate": asked(t, "pay-shipping-contact-update-request", m),
		"shippingMethodUpdate":  asked(t, "pay-shipping-method-update-request", m),
		"orderTracking": {"requestIdentifier": calls["orderTracking"]["requestIdentifier"], "version": "1.0", "errors": []any{}, "payment": map[string]any{"summaryItems": []any{
			map[string]any{"label": "Item A", "amount": "1.5", "type": "Final"}, map[string]any{"label": "Discount", "amount": "-0.5", "type": "Final"}, map[string]any{"label": "Your total", "amount": "1", "type": "Final"},
		}}},
	} {
		if diff := cmp.Diff(want, calls[path]); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
	checkAuthorization(t, calls["paymentGateway"], asked(t, "pay-gateway-request", m))
	want := example(t, "in-apple-pay-response", told, edit{top + "sessionIdentifier", told["interactiveData"].(map[string]any)["sessionIdentifier"]}, edit{"by_ref", true},
		edit{inner + "receivedMessage", m["interactiveData"].(map[string]any)["receivedMessage"]}, edit{inner + "replyMessage", m["interactiveData"].(map[string]any)["replyMessage"]},
		edit{inner + "payment/state", "success"})
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	bubbles := w.state().Threads[0].Bubbles
	if last := bubbles[len(bubbles)-1]; last.Interactive.Title != "Paid" || !last.Interactive.ByRef || last.From != "customer" {
		t.Errorf("%+v", last.Interactive)
	}
	w.pay("open", id, 409)
	for _, step := range []string{"choose", "authorize", "cancel"} {
		w.pay(step, id, 409)
	}
}

// checkAuthorization wants a token of the right shape, and whole contacts.
func checkAuthorization(t *testing.T, got, want map[string]any) {
	t.Helper()
	payment := got["payment"].(map[string]any)
	token := payment["paymentToken"].(map[string]any)
	data, _ := token["paymentData"].(map[string]any)
	header, _ := data["header"].(map[string]any)
	wantToken := want["payment"].(map[string]any)["paymentToken"].(map[string]any)
	wantData := wantToken["paymentData"].(map[string]any)
	for _, pair := range [][2]any{{names(wantToken), names(token)}, {names(wantData), names(data)}, {names(wantData["header"].(map[string]any)), names(header)},
		{map[string]any{"displayName": "Mastercard 5678", "network": "MasterCard", "type": "Debit"}, token["paymentMethod"]}, {"EC_v1", data["version"]}, {want["requestIdentifier"], got["requestIdentifier"]}, {"1.0", got["version"]}} {
		if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
			t.Error(diff)
		}
	}
	if id := token["transactionIdentifier"].(string); len(id) != 64 || !strings.EqualFold(id, header["transactionId"].(string)) || len(data["signature"].(string)) < 1000 {
		t.Errorf("%v", token)
	}
	shipping, billing := payment["shippingContact"].(map[string]any), payment["billingContact"].(map[string]any)
	if shipping["emailAddress"] != "ann@example.com" || shipping["phoneNumber"] == "" || shipping["givenName"] != "Ann" || shipping["postalCode"] != "00000" {
		t.Errorf("%v", shipping)
	}
	if billing["emailAddress"] != nil || billing["givenName"] != "Ann" || cmp.Diff([]any{"1 Example Way"}, billing["addressLines"]) != "" {
		t.Errorf("%v", billing)
	}
}

// TestPaymentWithoutUpdates: what the business gave no address for is not told.
func TestPaymentWithoutUpdates(t *testing.T) {
	w := newPayWorld(t)
	id := w.asks(w.payment("out-apple-pay-basic"))
	w.pay("open", id, 202, "format", "inline")
	if sheet := w.idle(id); len(sheet.Contacts) != 0 || len(sheet.Methods) != 0 || sheet.Merchant != "Example Store" {
		t.Errorf("%+v", sheet)
	}
	w.pay("choose", id, 202, "card", "amex")
	w.pay("choose", id, 400, "contact", "ann")
	w.pay("choose", id, 400, "method", "ship_1")
	w.pay("choose", id, 400, "card", "dinersclub")
	w.pay("choose", id, 400)
	w.pay("choose", id, 400, "card", "visa", "contact", "ann")
	w.pay("authorize", id, 400, "format", "xml")
	w.pay("authorize", id, 202)
	w.done(id, paySucceeded)
	if diff := cmp.Diff([]string{"paymentGateway"}, w.paths()); diff != "" {
		t.Error(diff)
	}
	payment := w.posts()[0].body["payment"].(map[string]any)
	if len(payment) != 1 {
		t.Errorf("contacts that nobody asked for: %v", payment)
	}
	told := w.told(1)
	replied := told["interactiveData"].(map[string]any)["data"].(map[string]any)["replyMessage"].(map[string]any)
	if told["by_ref"] != nil || replied["title"] != "Payment" {
		t.Errorf("%v", told)
	}
	w.pay("open", "nothing", 404)
	w.pay("open", w.state().Threads[0].Bubbles[0].ID, 404)
}

// TestPaymentCards: only cards that the business takes are offered.
func TestPaymentCards(t *testing.T) {
	w := newPayWorld(t)
	for want, edits := range map[string][]edit{
		"visa mastercard amex": {{payRequest + "applePay/merchantCapabilities", []any{"supports3DS"}}},
		"mastercard":           {{payRequest + "applePay/merchantCapabilities", []any{"supports3DS", "supportsDebit"}}},
		"amex":                 {{payRequest + "applePay/supportedNetworks", []any{"amex", "jcb"}}},
		"":                     {{payRequest + "applePay/supportedNetworks", []any{"mada"}}},
	} {
		id := w.asks(w.payment("out-apple-pay-basic", edits...))
		w.pay("open", id, 202)
		var got []string
		for _, card := range w.idle(id).Cards {
			got = append(got, card.Key)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%v, want %s", got, want)
		}
		if want == "" {
			w.pay("authorize", id, 409)
		}
	}
}

// TestPaymentContact: prices and ways of shipping depend on where to, and some places are not shipped to.
func TestPaymentContact(t *testing.T) {
	w := newPayWorld(t)
	methods := `,"newShippingMethods":[{"identifier":"sea","label":"By sea","detail":"8 weeks","amount":"0.28"}]`
	w.answersWith("shippingContactUpdate", "200 {}", repriced+methods+"}", repriced+`,"errors":[{"code":"addressUnserviceable","contactField":"country","message":"Not to Japan"}]}`, "200 {}")
	id := w.asks(w.payment("out-apple-pay-rich"))
	w.pay("open", id, 202)
	w.pay("choose", id, 202, "contact", "cleo")
	sheet := w.idle(id)
	if diff := cmp.Diff([]shippingMethod{{"sea", "By sea", "8 weeks", "0.28"}}, sheet.Methods); diff != "" || sheet.Method != "sea" || sheet.Total.Amount != "1.28" || len(sheet.Items) != 3 || sheet.Contact != "cleo" {
		t.Errorf("%s %+v", diff, sheet)
	}
	w.pay("choose", id, 202, "contact", "hana")
	if sheet := w.idle(id); cmp.Diff([]payError{{"addressUnserviceable", "country", "Not to Japan"}}, sheet.Errors) != "" {
		t.Errorf("%+v", sheet)
	}
	w.pay("authorize", id, 409)
	w.pay("choose", id, 202, "contact", "ben")
	w.pay("authorize", id, 202)
	w.done(id, paySucceeded)
	var told []string
	for _, p := range w.posts() {
		if c, ok := p.body["payment"].(map[string]any)["shippingContact"].(map[string]any); ok {
			told = append(told, fmt.Sprint(p.path, " ", c["countryCode"], " ", c["postalCode"], " ", c["givenName"], c["addressLines"]))
		}
	}
	want := []string{"shippingContactUpdate US 00000 []", "shippingContactUpdate GB EX1 []", "shippingContactUpdate JP 100-0000 []", "shippingContactUpdate DE 12345 []", "paymentGateway DE 12345 Ben[Musterstraße 12]"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
}

// TestPaymentErrorsArriveLate: errors that were waited for keep the customer from paying, too.
func TestPaymentErrorsArriveLate(t *testing.T) {
	w := newPayWorld(t)
	w.answersWith("shippingContactUpdate", repriced+`,"errors":[{"code":"addressUnserviceable"}]}`)
	id := w.asks(w.payment("out-apple-pay-rich"))
	w.bridge.pages["/pay/shippingContactUpdate"] = func(out http.ResponseWriter, r *http.Request) { <-w.wait; w.serveCallback(out, r) }
	w.pay("open", id, 202)
	w.pay("authorize", id, 202)
	w.pay("authorize", id, 409)
	w.pay("choose", id, 409, "card", "amex")
	w.pay("cancel", id, 409)
	close(w.wait)
	sheet := w.idle(id)
	if !strings.Contains(sheet.Failure, "does not ship there") || slices.Contains(w.paths(), "paymentGateway") {
		t.Errorf("%+v %v", sheet, w.paths())
	}
}

func TestPaymentCanceled(t *testing.T) {
	w := newPayWorld(t)
	w.answersWith("shippingContactUpdate", "wait")
	id := w.asks(w.payment("out-apple-pay-rich"))
	w.pay("open", id, 202)
	w.pay("cancel", id, 202) // what is under way is given up
	view := w.done(id, payCanceled)
	told := w.told(1)
	if state := stateOf(told); state != "canceled" || told["by_ref"] != true || view.Text == "" {
		t.Errorf("%v %+v", told, view)
	}
	w.answersWith("shippingContactUpdate")
	w.pay("open", id, 202)
	w.idle(id)
	w.pay("authorize", id, 202)
	w.done(id, paySucceeded)
	w.told(2)
	if orders := strings.Count(strings.Join(w.paths(), " "), "orderTracking"); orders != 1 {
		t.Errorf("the order was told %d times", orders)
	}
}

func stateOf(told map[string]any) any {
	data, _ := told["interactiveData"].(map[string]any)["data"].(map[string]any)
	return data["payment"].(map[string]any)["state"]
}

// TestPaymentRetried: a payment that was not completed can be authorized anew, and is another transaction then.
func TestPaymentRetried(t *testing.T) {
	w := newPayWorld(t)
	example := func(name string) string { return "200 " + string(marshalled(fixture(t, name))) }
	answers := []string{example("pay-gateway-response-failure"), `503 {"status":"STATUS_FAILURE"}`, `400 {"status":"STATUS_SUCCESS"}`, "200 nonsense", "200 {}", `200 {"status":1}`, "drop", example("pay-gateway-response-success")}
	causes := []string{"STATUS_FAILURE", "503", "400", "malformed", "malformed", "malformed", "no answer"}
	w.answersWith("paymentGateway", answers...)
	id := w.asks(w.payment("out-apple-pay-basic"))
	w.pay("open", id, 202)
	for _, cause := range causes {
		w.pay("authorize", id, 202)
		sheet := w.until(id, "a failure with "+cause, func(v *paymentView) bool { return v.State == payOpen && v.Sheet.Busy == "" && v.Sheet.Failure != "" }).Sheet
		if !strings.HasPrefix(sheet.Failure, "Payment Not Completed: ") || !strings.Contains(sheet.Failure, cause) {
			t.Errorf("%q, want %q", sheet.Failure, cause)
		}
	}
	w.pay("authorize", id, 202)
	w.done(id, paySucceeded)
	seen := map[any]bool{}
	for _, p := range w.posts() {
		seen[p.body["payment"].(map[string]any)["paymentToken"].(map[string]any)["transactionIdentifier"]] = true
	}
	if len(seen) != len(answers) {
		t.Errorf("%d transactions", len(seen))
	}
	if told := w.told(1); stateOf(told) != "success" {
		t.Errorf("%v", told)
	}
}

// TestPaymentFails: who leaves after a failure, or gets no good answer to an update, is told that it was not paid.
func TestPaymentFails(t *testing.T) {
	w := newPayWorld(t)
	w.s.patience = 300 * time.Millisecond
	w.answersWith("paymentGateway", `200 {"status":"STATUS_FAILURE"}`)
	id := w.asks(w.payment("out-apple-pay-basic"))
	w.pay("open", id, 202)
	w.pay("authorize", id, 202)
	w.until(id, "a failure", func(v *paymentView) bool { return v.Sheet != nil && v.Sheet.Failure != "" })
	w.pay("cancel", id, 202, "format", "bplist")
	w.done(id, payFailed)
	if told := w.told(1); stateOf(told) != "failure" {
		t.Errorf("%v", told)
	}
	bubbles := w.state().Threads[0].Bubbles
	if last := bubbles[len(bubbles)-1]; last.Interactive.Title != "Payment Not Completed" {
		t.Errorf("%+v", last.Interactive)
	}
	told := 1
	for answer, cause := range map[string]string{
		"wait": "did not come within", "drop": "no answer", "503 {}": "503", "400 {}": "400", "200 nonsense": "malformed", "200 []": "malformed", "200 ": "malformed",
		`200 {"status":"STATUS_SUCCESS"}`: "no member", `200 {"newTotal":{"label":"x","amount":"1.00","type":"final"}}`: "newLineItems is missing", `200 {"newLineItems":[]}`: "newTotal is missing",
		repriced + `,"newShippingMethods":[]}`: "belongs to the answer to a shipping contact", repriced + `,"errors":[]}`: "belongs to the answer",
		strings.Replace(repriced, "1.28", "1.29", 1) + "}": "come to 1.28", strings.Replace(repriced, `"1.28"`, "1.28", 1) + "}": "not a string",
	} {
		w.answersWith("shippingMethodUpdate", answer)
		id := w.asks(w.payment("out-apple-pay-rich"))
		w.pay("open", id, 202)
		w.pay("choose", id, 202, "method", "ship_2")
		if answer == "wait" {
			w.pay("authorize", id, 202) // which waits for the update, and in vain
		}
		if view := w.done(id, payFailed); !strings.Contains(view.Text, cause) || !strings.Contains(view.Text, methodURL) {
			t.Errorf("%s: %q, want %q", answer, view.Text, cause)
		}
		told++
		w.told(told)
	}
	if n := strings.Count(strings.Join(w.paths(), " "), "paymentGateway"); n != 1 {
		t.Errorf("paid %d times after a sheet had ended", n)
	}
}
