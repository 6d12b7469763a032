package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tillReply is what the till answered.
type tillReply struct {
	status int
	raw    string
	body   map[string]any
}

// asksTill posts a signed call, with a request id and whatever else.
func (w *world) asksTill(kind string, data map[string]any, spoil ...func(*http.Request)) (got tillReply) {
	w.Helper()
	raw, _ := json.Marshal(map[string]any{"type": kind, "timestamp": time.Now().UTC().Format(time.RFC3339), "data": data})
	request, err := http.NewRequest(http.MethodPost, w.desk.URL+"/hooks/payment", bytes.NewReader(raw))
	if err != nil {
		w.Fatal(err)
	}
	for name, values := range independentSignature(testDesk, "pay_1", time.Now(), raw) {
		request.Header[name] = values
	}
	for _, each := range spoil {
		each(request)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.Fatal(err)
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(response.Body)
	got = tillReply{status: response.StatusCode, raw: string(answer)}
	_ = json.Unmarshal(answer, &got.body)
	return got
}

// sale has the desk send the sample of a payment, to a bridge that gives it a request id.
func sale(w *world, requestID string, edits ...edit) {
	w.Helper()
	for _, each := range samples(time.Now()) {
		if each.Kind != kindPayment {
			continue
		}
		raw, _ := json.Marshal(each.Content)
		var content map[string]any
		_ = json.Unmarshal(raw, &content)
		wire := marshalled(map[string]any{"data": map[string]any{"content": edited(content, edits...)}})
		line := &entry{wire: wire}
		w.s.mu.Lock()
		for _, id := range line.settle(200, fmt.Appendf(nil, `{"status":"accepted","parts":[{"id":"x","request_id":%q}]}`, requestID), nil) {
			w.s.learnCart(wire, id)
		}
		w.s.mu.Unlock()
	}
}

func authorize(request, transaction string) map[string]any {
	return map[string]any{"request_id": request, "transaction_id": transaction, "currency": "EUR", "amount": "7.00", "payment": map[string]any{"paymentToken": map[string]any{"paymentData": map[string]any{"data": "c2VjcmV0LXRva2Vu"}}}}
}

func contactIn(request, country, name string) map[string]any {
	return map[string]any{"request_id": request, "what": "contact", "payment": map[string]any{"shippingContact": map[string]any{"countryCode": country, "country": name}}}
}

// TestTillCarts: the till knows what the desk sent, and prices it by where it goes.
func TestTillCarts(t *testing.T) {
	w := newWorld(t)
	sale(w, "r1")
	update := func(data map[string]any) map[string]any {
		t.Helper()
		got := w.asksTill("payment.update", data)
		if got.status != 200 {
			t.Fatalf("%d %s", got.status, got.raw)
		}
		return got.body
	}
	amounts := func(list any) (words string) {
		entries, _ := list.([]any)
		for _, each := range entries {
			m := each.(map[string]any)
			words += fmt.Sprint(m["label"], " ", m["amount"], "; ")
		}
		return words
	}
	got := update(contactIn("r1", "US", "United States"))
	if amounts(got["line_items"]) != "Aurora 49.00; Fern 65.00; Discount -10.00; Ground 4.50; Tax (US) 8.68; " || got["total"].(map[string]any)["amount"] != "117.18" ||
		amounts(got["shipping_methods"]) != "Ground 4.50; Express 12.00; Collect in the store 0.00; " {
		t.Errorf("%v", got)
	}
	got = update(map[string]any{"request_id": "r1", "what": "shipping", "payment": map[string]any{"shippingMethod": map[string]any{"identifier": "express"}}})
	if amounts(got["line_items"]) != "Aurora 49.00; Fern 65.00; Discount -10.00; Express 12.00; Tax (US) 9.28; " || got["total"].(map[string]any)["amount"] != "125.28" || got["shipping_methods"] != nil {
		t.Errorf("%v", got)
	}
	got = update(contactIn("r1", "DE", "Germany"))
	if got["total"].(map[string]any)["amount"] != "135.07" || amounts(got["shipping_methods"]) != "Ground 9.50; Express 17.00; Collect in the store 0.00; " {
		t.Errorf("%v", got)
	}
	got = update(contactIn("r1", "JP", "Japan"))
	if errors, _ := got["errors"].([]any); len(errors) != 1 || errors[0].(map[string]any)["code"] != "addressUnserviceable" || got["total"].(map[string]any)["amount"] != "104.00" || got["shipping_methods"] != nil {
		t.Errorf("%v", got)
	}
	if got = update(map[string]any{"request_id": "r1", "what": "method"}); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if got = update(contactIn("unknown", "US", "")); len(got) != 0 {
		t.Errorf("%v", got)
	}
	update(contactIn("r1", "GB", "United Kingdom"))
	paid := w.asksTill("payment.authorize", authorize("r1", "t1"))
	if paid.body["status"] != "authorized" || paid.body["amount"] != "136.20" || paid.body["currency"] != "USD" {
		t.Errorf("%s", paid.raw)
	}
	sale(w, "r2", edit{"shipping_methods", gone}, edit{"required_shipping_contact_fields", gone}, edit{"line_items", gone})
	got = update(contactIn("r2", "DE", "Germany"))
	if amounts(got["line_items"]) != "Demo Store 104.00; " || got["total"].(map[string]any)["amount"] != "104.00" {
		t.Errorf("%v", got)
	}
	sale(w, "r3", edit{"line_items/0/amount", "a lot"})
	if got = update(contactIn("r3", "DE", "Germany")); len(got) != 0 {
		t.Errorf("%v", got)
	}
	sale(w, "r4", edit{"currency_code", "JPY"})
	if got = update(contactIn("r4", "DE", "Germany")); got["total"].(map[string]any)["amount"] != "136" {
		t.Errorf("%v", got)
	}
}

// TestTillIsLearntFromSends: the cart comes with the desk's message, and its name with the bridge's answer.
func TestTillIsLearntFromSends(t *testing.T) {
	w := newWorld(t)
	w.bridge.pages = map[string]http.HandlerFunc{"/webhooks/till": func(out http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(out, `{"id":"x","status":"accepted","parts":[{"id":"y","request_id":"r9"}]}`)
	}}
	w.phoneSays("Hello", delivered)
	w.s.mu.Lock()
	w.s.connector = "till"
	w.s.mu.Unlock()
	id, _ := w.call("/api/desk/send", map[string]any{"conversation": w.conversation, "content": map[string]any{
		"kind": "payment", "currency_code": "EUR", "total": map[string]any{"amount": "5.00"},
	}}, 202)["id"].(string)
	w.eventually("the answer", func(s state) bool { return s.Conversations[0].entry(id).Status == statusAccepted })
	if got := w.asksTill("payment.authorize", map[string]any{"request_id": "r9", "transaction_id": "t", "currency": "EUR"}); got.body["amount"] != "5.00" || got.body["currency"] != "EUR" {
		t.Errorf("%s", got.raw)
	}
}

// TestTillChargesOnce: one success for a request, whatever is asked however often.
func TestTillChargesOnce(t *testing.T) {
	w := newWorld(t)
	if got := w.asksTill("payment.status", map[string]any{"request_id": "r"}); got.status != 404 {
		t.Errorf("%d %s", got.status, got.raw)
	}
	w.fault(faultTillDeclines, true)
	one := w.asksTill("payment.authorize", authorize("r", "t1"))
	w.fault(faultTillDeclines, false)
	if one.body["status"] != "declined" || one.body["amount"] != nil {
		t.Errorf("%s", one.raw)
	}
	if again := w.asksTill("payment.authorize", authorize("r", "t1")); again.raw != one.raw {
		t.Errorf("the same transaction: %s", again.raw)
	}
	if got := w.asksTill("payment.status", map[string]any{"request_id": "r"}); got.raw != one.raw {
		t.Errorf("%s", got.raw)
	}
	two := w.asksTill("payment.authorize", authorize("r", "t2"))
	if two.body["status"] != "authorized" || two.body["amount"] != "7.00" || two.body["currency"] != "EUR" || two.body["provider_ref"] == "" {
		t.Errorf("%s", two.raw)
	}
	for _, transaction := range []string{"t1", "t2", "t3"} {
		if got := w.asksTill("payment.authorize", authorize("r", transaction)); got.raw != two.raw {
			t.Errorf("%s: %s", transaction, got.raw)
		}
	}
	if got := w.asksTill("payment.status", map[string]any{"request_id": "r"}); got.raw != two.raw {
		t.Errorf("%s", got.raw)
	}
	if got := w.asksTill("payment.authorize", map[string]any{"request_id": "blank", "transaction_id": "t"}); got.body["status"] != "declined" {
		t.Errorf("%s", got.raw)
	}
	if got := w.asksTill("payment.order", map[string]any{"request_id": "r"}); got.status != 204 || got.raw != "" {
		t.Errorf("%d %s", got.status, got.raw)
	}
	if raw := marshalled(w.state().Hops); bytes.Contains(raw, []byte("c2VjcmV0")) || !bytes.Contains(raw, []byte("payment.authorize")) {
		t.Error("the traffic panel shows a token, or nothing")
	}
}

func TestTillSignature(t *testing.T) {
	w := newWorld(t)
	for name, spoil := range map[string]func(*http.Request){
		"none":      func(r *http.Request) { r.Header.Del("webhook-signature") },
		"another":   func(r *http.Request) { r.Header.Set("webhook-signature", "v1,AAAA") },
		"another's": func(r *http.Request) { r.Header.Set("webhook-id", "pay_2") },
		"old": func(r *http.Request) {
			r.Header.Set("webhook-timestamp", fmt.Sprint(time.Now().Add(-time.Hour).Unix()))
		},
	} {
		if got := w.asksTill("payment.authorize", authorize("r", "t"), spoil); got.status != 401 {
			t.Errorf("%s: %d %s", name, got.status, got.raw)
		}
	}
	if got := w.asksTill("payment.refund", authorize("r", "t")); got.status != 400 {
		t.Errorf("%d %s", got.status, got.raw)
	}
	if got := w.asksTill("payment.authorize", map[string]any{}); got.status != 400 {
		t.Errorf("%d %s", got.status, got.raw)
	}
	if got := w.asksTill("payment.authorize", map[string]any{"request_id": "r", "x": strings.Repeat("x", maxBody)}); got.status != 413 {
		t.Errorf("%d %s", got.status, got.raw)
	}
}

func TestTillFaults(t *testing.T) {
	w := newWorld(t)
	ask := func(request string) tillReply {
		t.Helper()
		return w.asksTill("payment.authorize", authorize(request, "t"))
	}
	w.fault(faultTillAmount, true)
	if got := ask("amount"); got.body["status"] != "authorized" || got.body["amount"] != "8.00" {
		t.Errorf("%s", got.raw)
	}
	w.fault(faultTillAmount, false)
	w.fault(faultTillPending, true)
	pending := ask("pending")
	if got := w.asksTill("payment.status", map[string]any{"request_id": "pending"}); pending.body["status"] != "pending" || got.raw != pending.raw || ask("pending").raw != pending.raw {
		t.Errorf("%s %s", pending.raw, got.raw)
	}
	w.fault(faultTillPending, false)
	paid := w.asksTill("payment.status", map[string]any{"request_id": "pending"})
	if paid.body["status"] != "authorized" || paid.body["provider_ref"] != pending.body["provider_ref"] || ask("pending").raw != paid.raw {
		t.Errorf("%s", paid.raw)
	}
	w.fault(faultTillGarbage, true)
	if got := ask("garbage"); got.status != 200 || json.Valid([]byte(got.raw)) {
		t.Errorf("%d %s", got.status, got.raw)
	}
	w.fault(faultTillGarbage, false)
	fails := true
	w.s.mu.Lock()
	w.s.chance = func() bool { fails = !fails; return !fails }
	w.s.mu.Unlock()
	w.fault(faultTillRandom, true)
	if diff := cmp.Diff([]int{503, 200, 503}, []int{ask("random").status, ask("random").status, ask("random").status}); diff != "" {
		t.Error(diff)
	}
	if f := w.state().Faults.find(faultTillRandom); f.Count != 2 {
		t.Errorf("%+v", f)
	}
	w.fault(faultTillRandom, false)
	w.call("/api/faults", map[string]any{"name": faultTillLate, "on": true, "delay_ms": 80}, 202)
	began := time.Now()
	if got := ask("late"); got.body["status"] != "authorized" || time.Since(began) < 80*time.Millisecond {
		t.Errorf("%s after %v", got.raw, time.Since(began))
	}
}

// TestPaymentsAtTheDesk: a request has one line, and money that was taken is not untaken.
func TestPaymentsAtTheDesk(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	n := 0
	tell := func(request, status, amount, summary string) *entry {
		t.Helper()
		n++
		if got := postEvent(t, w.desk.URL, fmt.Sprint("evt_pay_", n), map[string]any{"type": "payment.updated", "data": map[string]any{
			"id": fmt.Sprint("p", n), "business_id": testBusiness, "customer_id": w.s.phones.threads[0].OpaqueID,
			"payment": map[string]any{"request_id": request, "status": status, "amount": amount, "currency": "USD", "transaction_id": "t", "provider_ref": "till_1", "summary": summary},
		}}); got != 200 {
			t.Fatal(got)
		}
		entries := w.state().Conversations[0].Entries
		return entries[len(entries)-1]
	}
	for _, step := range []struct{ status, amount, summary, wantStatus, wantText string }{
		{"failed", "", "Not paid", "failed", "Not paid"},
		{"authorized", "12.50", "Paid 12.50", "authorized", "Paid 12.50"},
		{"canceled", "", "Left", "authorized", "Paid 12.50"},
		{"completed", "", "Paid and done", "completed", "Paid and done"},
		{"uncertain", "", "Who knows", "completed", "Paid and done"},
	} {
		e := tell("r1", step.status, step.amount, step.summary)
		if e.Kind != entryPayment || e.ID != "p1" || e.Text != step.wantText || e.Payment.Status != step.wantStatus {
			t.Errorf("%s: %+v %+v", step.status, e, e.Payment)
		}
	}
	if e := tell("r1", "failed", "", ""); e.Payment.Amount != "12.50" || e.Payment.Steps != 6 || e.Payment.ProviderRef != "till_1" {
		t.Errorf("%+v", e.Payment)
	}
	if e := tell("r2", "uncertain", "", ""); e.ID != "p7" || e.Text != "Payment uncertain" {
		t.Errorf("%+v", e)
	}
	if c := w.state().Conversations[0]; c.Preview != "Payment uncertain" {
		t.Errorf("%+v", c)
	}
}
