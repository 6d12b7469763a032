package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// independentSignature makes the headers of Standard Webhooks without the code under test.
func independentSignature(secret, id string, at time.Time, body []byte) http.Header {
	key, _ := base64.StdEncoding.DecodeString(secret[len("whsec_"):])
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.%s", id, at.Unix(), body)
	return http.Header{
		"Webhook-Id": {id}, "Webhook-Timestamp": {strconv.FormatInt(at.Unix(), 10)},
		"Webhook-Signature": {"v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))},
	}
}

// TestWebhookVector is the example that the Standard Webhooks libraries test with.
func TestWebhookVector(t *testing.T) {
	key, _ := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	got := signWebhook(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; !strings.Contains(fmt.Sprint(got), want) {
		t.Errorf("%v, want %s", got, want)
	}
}

func TestDeskSignatures(t *testing.T) {
	w := newWorld(t)
	body := `{"type":"message.received","schema":1,"data":{"id":"m1","business_id":"b","customer_id":"c","text":"Hi"}}`
	good := func(at time.Time) http.Header { return independentSignature(testDesk, "evt_1", at, []byte(body)) }
	with := func(name, value string) http.Header {
		h := good(time.Now())
		if h.Set(name, value); value == "" {
			h.Del(name)
		}
		return h
	}
	mine := good(time.Now()).Get("Webhook-Signature")
	other := independentSignature("whsec_b3RoZXI=", "evt_1", time.Now(), []byte(body)).Get("Webhook-Signature")
	for _, c := range []struct {
		name   string
		header http.Header
		body   string
		status int
	}{
		{"right", good(time.Now()), body, 200},
		{"four minutes old", good(time.Now().Add(-4 * time.Minute)), body, 200},
		{"rotated: the second fits", with("Webhook-Signature", other+" "+mine), body, 200},
		{"beside another scheme", with("Webhook-Signature", "v1a,xyz "+mine), body, 200},
		{"none", http.Header{}, body, 401},
		{"no id", with("Webhook-Id", ""), body, 401},
		{"no timestamp", with("Webhook-Timestamp", ""), body, 401},
		{"no signature", with("Webhook-Signature", ""), body, 401},
		{"wrong secret", with("Webhook-Signature", other), body, 401},
		{"other id", with("Webhook-Id", "evt_2"), body, 401},
		{"other timestamp", with("Webhook-Timestamp", strconv.FormatInt(time.Now().Unix()+9, 10)), body, 401},
		{"timestamp no number", with("Webhook-Timestamp", "now"), body, 401},
		{"stale", good(time.Now().Add(-6 * time.Minute)), body, 401},
		{"ahead", good(time.Now().Add(6 * time.Minute)), body, 401},
		{"altered body", good(time.Now()), strings.Replace(body, "Hi", "Ho", 1), 401},
		{"no version", with("Webhook-Signature", strings.TrimPrefix(mine, "v1,")), body, 401},
		{"not base64", with("Webhook-Signature", "v1,!!"), body, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			request, _ := http.NewRequest(http.MethodPost, w.desk.URL+"/hooks/apple", strings.NewReader(c.body))
			request.Header = c.header
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != c.status {
				t.Errorf("%d, want %d", response.StatusCode, c.status)
			}
		})
	}
	if s := w.state(); len(s.Conversations) != 1 || len(s.Conversations[0].Entries) != 1 {
		t.Errorf("one webhook-id became more than one line: %+v", s.Conversations)
	}
}

func TestDeskEvents(t *testing.T) {
	w := newWorld(t)
	post := func(kind string, more map[string]any) {
		t.Helper()
		data := map[string]any{"id": newUUID(), "business_id": testBusiness, "customer_id": "urn:mbid:x", "context": "ctx"}
		for k, v := range more {
			data[k] = v
		}
		event := map[string]any{"type": kind, "schema": 1, "data": data, "unknown": true}
		if got := postEvent(t, w.desk.URL, newUUID(), event); got != 200 {
			t.Fatalf("%s: %d", kind, got)
		}
	}
	post("typing.started", nil)
	if c := w.state().Conversations; len(c) != 1 || !c[0].Visitor {
		t.Fatalf("a stranger who types is a visitor: %+v", c)
	}
	w.call("/api/desk/send", map[string]any{"conversation": "k1", "text": "x"}, 409)
	post("typing.stopped", nil)
	if c := w.state().Conversations; len(c) != 0 {
		t.Fatalf("a visitor who stops is forgotten: %+v", c)
	}
	post("message.received", map[string]any{
		"text": "Hi", "locale": "en_US", "intent": "billing", "group": "vip", "device": "iPhone OS", "capabilities": []string{"LIST"},
		"attachments": []any{map[string]any{"name": "a.png", "mime_type": "image/png", "size": 3, "url": "https://x/a.png"}},
	})
	post("message.received", map[string]any{"text": "Liked “Yes”", "reaction": map[string]any{"verb": "liked", "quoted": "Yes"}})
	post("message.replied", map[string]any{"reply": map[string]any{"kind": "quick_reply", "title": "Red"}})
	post("message.unsupported", map[string]any{"apple_type": "hologram", "note": "No such thing."})
	post("message.failed", map[string]any{"failed": map[string]any{"message_id": "m", "code": "expired", "reason": "Too old."}})
	post("business.new.kind", nil)
	post("typing.started", nil)
	post("conversation.closed", nil)
	post("message.received", map[string]any{"text": "Back", "context": "newer"})
	c := w.state().Conversations[0]
	var lines []string
	for _, e := range c.Entries {
		lines = append(lines, e.Kind+" "+e.Level+" "+e.Text)
	}
	want := []string{
		"customer  Hi", "reaction  Liked “Yes”", "reply  Red",
		"note warning A message that cannot be shown (hologram). No such thing.",
		"note warning A message was not delivered: expired. Too old.",
		"note info Event: business.new.kind", "note info The customer deleted the conversation.",
		"note info The customer came back.", "customer  Back",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	if c.Context != "newer" || c.Intent != "billing" || c.Unread != 5 || c.Closed || c.TypingUntil != 0 || len(c.Capabilities) != 1 {
		t.Errorf("%+v", c)
	}
	w.call("/api/desk/read", map[string]any{"conversation": c.Key}, 202)
	if n := w.state().Conversations[0].Unread; n != 0 {
		t.Errorf("%d unread after reading", n)
	}
	if got := postEvent(t, w.desk.URL, "e", "no event"); got != 400 {
		t.Errorf("a string as event: %d", got)
	}
}

// TestDeskSend checks what the desk posts, and how it reads every kind of answer.
func TestDeskSend(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	answer := http.HandlerFunc(nil)
	type received struct {
		header http.Header
		body   sendMessage
	}
	got := make(chan received, 1)
	bridge := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var one received
		one.header = r.Header.Clone()
		_ = json.NewDecoder(r.Body).Decode(&one.body)
		now := answer // before the test can go on: a reset connection tells it so, too
		got <- one
		now(rw, r)
	}))
	t.Cleanup(bridge.Close)
	w.s.SetBridgeURL(bridge.URL + "/prefix/")
	says := func(status int, body string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(status); fmt.Fprint(rw, body) }
	}
	for _, c := range []struct {
		answer       http.HandlerFunc
		status, code string
	}{
		{says(200, `{"id":"x","status":"accepted","parts":[{"id":"p"}]}`), statusAccepted, ""},
		{says(200, `{"id":"x","status":"queued"}`), statusQueued, ""},
		{says(200, `{"id":"x","status":"failed","code":"unreachable"}`), statusFailed, "unreachable"},
		{says(200, `nonsense`), statusFailed, ""},
		{says(401, `{"status":401,"code":"unauthorized"}`), statusFailed, "unauthorized"},
		{says(422, `{"status":422,"code":"invalid","detail":"too long"}`), statusFailed, "invalid"},
		{says(429, `{"status":429,"code":"rate_limited"}`), statusUnconfirmed, "rate_limited"},
		{says(503, `{"status":503,"code":"unavailable"}`), statusUnconfirmed, "unavailable"},
		{func(rw http.ResponseWriter, _ *http.Request) { reset(rw) }, statusUnconfirmed, ""},
		{says(200, `{"id":"x","status":"failed","code":"closed"}`), statusFailed, "closed"},
	} {
		answer = c.answer
		id := w.deskSays("Hi", c.status)
		one := <-got
		entry := w.state().Conversations[0].entry(id)
		if entry.Code != c.code {
			t.Errorf("code %q, want %q", entry.Code, c.code)
		}
		d := one.body.Data
		if one.body.Type != "message.send" || d.ID != id || d.Context != "sealed-context" || d.Sender != (sender{"agent", "Ada"}) || d.Content.Text != "Hi" {
			t.Errorf("posted %+v", one.body)
		}
		if one.header.Get("webhook-id") == "" || one.header.Get("Content-Type") != "application/json" {
			t.Errorf("header %v", one.header)
		}
	}
	if !w.state().Conversations[0].Closed {
		t.Error("the answer closed did not close the conversation")
	}
}

func TestDeskRetryRepeatsTheSameMessage(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	w.fault(faultAppleDrop, true)
	id := w.deskSays("Hi", statusUnconfirmed)
	w.fault(faultAppleDrop, false)
	w.call("/api/desk/retry", map[string]any{"conversation": "k1", "id": id}, 202)
	w.eventually("acceptance", func(s state) bool { return s.Conversations[0].entry(id).Status == statusAccepted })
	bubbles := w.state().Threads[0].Bubbles
	if len(bubbles) != 2 || bubbles[1].Repeats != 1 {
		t.Errorf("the phone shows %+v", bubbles)
	}
	w.call("/api/desk/retry", map[string]any{"conversation": "k1", "id": id}, 404)
}
