package bridge

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func TestTextGoesFromAPhoneToTheHelpdeskAndBack(t *testing.T) {
	w := newWorld(t)
	// Apple's own body, as it came: gzip, with every header of the fixture but the token, whose time is long ago.
	got := w.do("POST", "/message", appleHeader(map[string]string{
		"id": "00000000-0000-4000-8000-000000000001", "Content-Encoding": "gzip", "Host": "bridge.example.com:443",
	}), fixture(t, "in-text.body.gz"))
	if got.status != 200 {
		t.Fatalf("Apple hears %d %s", got.status, got.body)
	}
	events := w.desk.all()
	if len(events) != 1 {
		t.Fatalf("the desk got %d events", len(events))
	}
	d := data(t, events[0])
	sealed := d["context"]
	delete(d, "context")
	diff(t, "event", d, map[string]any{
		"id": "00000000-0000-4000-8000-000000000001", "business_id": businessID, "customer_id": customerID,
		"locale": "en_US", "device": "iPhone OS", "capabilities": []any{"QUICK", "LIST", "TIME"}, "text": "Hello, is my order ready?",
	})
	if id := events[0].header.Get("webhook-id"); id != "00000000-0000-4000-8000-000000000001" {
		t.Errorf("webhook-id is %q", id)
	}

	got = w.fromDesk("desk-1", sendBody(map[string]any{"context": sealed, "content": map[string]any{"kind": "text", "text": "It is."}}))
	if got.status != 200 {
		t.Fatalf("the desk hears %d %s", got.status, got.body)
	}
	sent := w.apple.all()
	if len(sent) != 1 {
		t.Fatalf("Apple got %d messages", len(sent))
	}
	var wire map[string]any
	if err := json.Unmarshal(sent[0].body, &wire); err != nil {
		t.Fatal(err)
	}
	part := got.json(t)["parts"].([]any)[0].(map[string]any)
	diff(t, "Apple's message", wire, map[string]any{
		"v": 1.0, "id": part["id"], "type": "text", "sourceId": businessID, "destinationId": customerID, "body": "It is.",
	})
	header := sent[0].header
	for name, want := range map[string]string{"Id": part["id"].(string), "Source-Id": businessID, "Destination-Id": customerID, "Msp-Agent": "Ada", "Auto-Reply": ""} {
		if header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, header.Get(name), want)
		}
	}
	if inbound := w.metric(`bizbridge_inbound_messages_total{business="` + businessID + `",connector="desk",outcome="accepted",type="text"}`); inbound != 1 {
		t.Errorf("inbound accepted is %v", inbound)
	}
	if outbound := w.metric(`bizbridge_outbound_messages_total{business="` + businessID + `",connector="desk",kind="text",outcome="accepted"}`); outbound != 1 {
		t.Errorf("outbound accepted is %v", outbound)
	}
	for _, secret := range []string{"It is.", "is my order ready", customerID, deskSecret, appleSecret} {
		if strings.Contains(w.logs.String(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, w.logs)
		}
	}
}

func gzipped(body []byte) []byte {
	var buffer bytes.Buffer
	zip := gzip.NewWriter(&buffer)
	_, _ = zip.Write(body)
	_ = zip.Close()
	return buffer.Bytes()
}

func TestAppleHearsWhyARequestIsRefused(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	text := []byte(phoneText("00000000-0000-4000-8000-0000000000aa", "Hello"))
	for _, c := range []struct {
		name   string
		header map[string]string
		body   []byte
		status int
		code   string
		reason string // of the signature; "" for none
	}{
		{"too large, before the token", map[string]string{"Authorization": "nonsense"}, bytes.Repeat([]byte("x"), 65_000), 413, "too_large", ""},
		{"no token", map[string]string{"Authorization": ""}, text, 401, "unauthorized", "missing"},
		{"no bearer", map[string]string{"Authorization": "Basic eDp5"}, text, 401, "unauthorized", "missing"},
		{"not a token", map[string]string{"Authorization": "Bearer x.y"}, text, 403, "forbidden", "malformed"},
		{"wrong secret", map[string]string{"Authorization": appleToken(jwt.MapClaims{"aud": mspID, "iat": now.Unix()}, masterKey)}, text, 403, "forbidden", "mismatch"},
		{"wrong audience", map[string]string{"Authorization": appleToken(jwt.MapClaims{"aud": businessID, "iat": now.Unix()}, appleSecret)}, text, 403, "forbidden", "audience"},
		{"stale", map[string]string{"Authorization": appleToken(jwt.MapClaims{"aud": mspID, "iat": now.Add(-2 * time.Hour).Unix()}, appleSecret)}, text, 403, "forbidden", "stale"},
		{"unknown business", map[string]string{"destination-id": "cccccccc-bbbb-4ccc-8ddd-eeeeeeeeeeee"}, text, 404, "unknown_business", ""},
		{"unknown business and wrong token", map[string]string{"destination-id": "cccccccc-bbbb-4ccc-8ddd-eeeeeeeeeeee", "Authorization": "Bearer x.y.z"}, text, 403, "forbidden", "malformed"},
		{"not JSON", nil, []byte("<xml/>"), 400, "malformed", ""},
		{"no object", nil, []byte(`[1]`), 400, "malformed", ""},
		{"no id", nil, []byte(`{"v":1,"type":"text"}`), 400, "malformed", ""},
		{"broken gzip", nil, gzipped(text)[:30], 400, "malformed", ""},
		{"exploding gzip", nil, gzipped(make([]byte, 10<<20)), 413, "too_large", ""},
		{"header and body disagree", map[string]string{"source-id": "urn:mbid:other"}, text, 400, "malformed", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			series := `bizbridge_signature_failures_total{reason="` + c.reason + `",source="apple"}`
			before := 0.0
			if c.reason != "" {
				before = w.metric(series)
			}
			got := w.do("POST", "/message", appleHeader(c.header), c.body)
			if code := problemOf(t, got); got.status != c.status || code != c.code {
				t.Errorf("answer is %d %s, want %d %s: %s", got.status, code, c.status, c.code, got.body)
			}
			if c.reason != "" && w.metric(series) != before+1 {
				t.Errorf("%s was not counted", series)
			}
		})
	}
	w.t = t
	if got := w.desk.all(); len(got) != 0 {
		t.Errorf("the desk got %d events", len(got))
	}
}

func TestAppleHears503WhenTheHelpdeskDoesNotTakeTheMessage(t *testing.T) {
	for status, outcome := range map[int]string{
		500: "failed_transient", 503: "failed_transient", 429: "throttled", 400: "failed_permanent", 401: "unauthorized",
		403: "unauthorized", 404: "failed_permanent", 410: "closed", 302: "failed_permanent",
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.desk.status(status)
			got := w.fromPhone(phoneText("00000000-0000-4000-8000-0000000000bb", "Hello"))
			problemOf(t, got)
			if got.status != 503 || got.header.Get("Retry-After") == "" {
				t.Errorf("Apple hears %d, Retry-After %q", got.status, got.header.Get("Retry-After"))
			}
			series := fmt.Sprintf(`bizbridge_inbound_messages_total{business=%q,connector="desk",outcome=%q,type="text"}`, businessID, outcome)
			if w.metric(series) != 1 {
				t.Errorf("not counted as %s", outcome)
			}
		})
	}
}

func TestHelpdeskHearsWhyAMessageIsRefused(t *testing.T) {
	w := newWorld(t)
	valid := sendBody(nil)
	content := func(content any) string { return sendBody(map[string]any{"content": content}) }
	for _, c := range []struct {
		name, path string
		body       string
		header     func(map[string]string)
		status     int
		code       string
		pointer    string // of the first fault
	}{
		{"unknown connector", "/webhooks/nobody", valid, nil, 404, "unknown_connector", ""},
		{"unsigned", "", valid, func(h map[string]string) { clear(h) }, 401, "unauthorized", ""},
		{"wrongly signed", "", valid, func(h map[string]string) { h["webhook-signature"] = "v1," + masterKey }, 401, "unauthorized", ""},
		{"altered", "", valid, func(h map[string]string) { h["webhook-id"] = "another" }, 401, "unauthorized", ""},
		{"stale", "", valid, func(h map[string]string) { h["webhook-timestamp"] = "1700000000" }, 401, "unauthorized", ""},
		{"not JSON", "", `{"type":`, nil, 400, "malformed", ""},
		{"not an object", "", `[]`, nil, 400, "malformed", ""},
		{"too large", "", strings.Repeat("x", 65_000), nil, 413, "too_large", ""},
		{"unknown business", "", sendBody(map[string]any{"business_id": "nobody"}), nil, 404, "unknown_business", ""},
		{"another helpdesk's business", "", sendBody(map[string]any{"business_id": otherID}), nil, 403, "forbidden", ""},
		{"unknown kind", "", content(map[string]any{"kind": "hologram"}), nil, 422, "invalid", "/data/content/kind"},
		{"empty text", "", content(map[string]any{"kind": "text", "text": " "}), nil, 422, "invalid", "/data/content/text"},
		{"half a surrogate", "", strings.Replace(valid, `"Hi"`, `"\ud83d"`, 1), nil, 422, "invalid", "/data/content/text"},
		{"no customer", "", sendBody(map[string]any{"customer_id": ""}), nil, 422, "invalid", "/data/customer_id"},
		{"a header in the customer", "", sendBody(map[string]any{"customer_id": "urn:mbid:a\r\nx: y"}), nil, 422, "invalid", "/data/customer_id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			header := deskHeader("id-"+c.name, []byte(c.body))
			if c.header != nil {
				c.header(header)
			}
			path := c.path
			if path == "" {
				path = "/webhooks/desk"
			}
			got := w.do("POST", path, header, []byte(c.body))
			if code := problemOf(t, got); got.status != c.status || code != c.code {
				t.Errorf("answer is %d %s, want %d %s: %s", got.status, code, c.status, c.code, got.body)
			}
			if c.pointer != "" {
				fault := got.json(t)["errors"].([]any)[0].(map[string]any)
				if fault["pointer"] != c.pointer {
					t.Errorf("the fault is at %v, want %s", fault["pointer"], c.pointer)
				}
			}
		})
	}
	if got := w.apple.all(); len(got) != 0 {
		t.Errorf("Apple got %d messages", len(got))
	}
}

// Apple's refusals for good are outcomes of a webhook, and errors of the API.
func TestWhatAppleRefuses(t *testing.T) {
	for _, c := range []struct {
		apple, webhook, api int
		code                string
	}{
		{400, 200, 422, "invalid"},
		{404, 200, 404, "unreachable"},
		{410, 200, 410, "closed"},
		{413, 200, 422, "invalid"},
		{401, 503, 503, "unavailable"},
		{403, 503, 503, "unavailable"},
		{429, 429, 429, "rate_limited"},
		{500, 503, 503, "unavailable"},
		{503, 503, 503, "unavailable"},
	} {
		t.Run(fmt.Sprint(c.apple), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.apple.status(c.apple)
			got := w.fromDesk("w-1", sendBody(nil))
			if got.status != c.webhook || got.json(t)["code"] != c.code {
				t.Errorf("the webhook hears %d %s", got.status, got.body)
			}
			if c.webhook == 200 && got.json(t)["status"] != "failed" {
				t.Errorf("the webhook's status is %v", got.json(t)["status"])
			}
			got = w.do("POST", "/v1/messages", map[string]string{"Authorization": "Bearer " + apiToken}, []byte(sendBody(nil)))
			if code := problemOf(t, got); got.status != c.api || code != c.code {
				t.Errorf("the API answers %d %s", got.status, got.body)
			}
			if c.apple != 410 {
				return
			}
			for _, closed := range w.desk.wait(t, 2) {
				if event(t, closed)["type"] != "conversation.closed" {
					t.Errorf("the desk got %s", closed.body)
				}
			}
		})
	}
}

func TestAPI(t *testing.T) {
	w := newWorld(t)
	bearer := func(token string) map[string]string { return map[string]string{"Authorization": "Bearer " + token} }
	for _, c := range []struct {
		name   string
		header map[string]string
		body   string
		status int
		code   string
	}{
		{"no token", nil, sendBody(nil), 401, "unauthorized"},
		{"unknown token", bearer("nobody-has-this-token"), sendBody(nil), 401, "unauthorized"},
		{"a key for another business", bearer(limitedToken), sendBody(nil), 403, "forbidden"},
		{"unknown business", bearer(apiToken), sendBody(map[string]any{"business_id": "x"}), 404, "unknown_business"},
		{"not JSON", bearer(apiToken), "x", 400, "malformed"},
		{"invalid", bearer(apiToken), sendBody(map[string]any{"content": 1}), 422, "invalid"},
		{"a path that is not", bearer(apiToken), "", 404, "none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := "/v1/messages"
			if c.name == "a path that is not" {
				path = "/v2"
			}
			got := w.do("POST", path, c.header, []byte(c.body))
			if code := problemOf(t, got); got.status != c.status || code != c.code {
				t.Errorf("answer is %d %s, want %d %s", got.status, code, c.status, c.code)
			}
		})
	}
	if got := w.do("GET", "/v1/messages", nil, nil); got.status != 405 {
		t.Errorf("GET answers %d", got.status)
	}
	if got := w.apple.all(); len(got) != 0 {
		t.Fatalf("Apple got %d messages", len(got))
	}

	header := bearer(apiToken)
	header["Idempotency-Key"] = "order-4711"
	body := sendBody(map[string]any{"sender": map[string]any{}})
	first := w.do("POST", "/v1/messages", header, []byte(body))
	again := w.do("POST", "/v1/messages", header, []byte(body))
	if first.status != 200 || first.body != again.body {
		t.Errorf("%d %s and then %d %s", first.status, first.body, again.status, again.body)
	}
	if got := w.do("POST", "/v1/messages", header, []byte(sendBody(map[string]any{"content": map[string]any{"kind": "text", "text": "Other"}}))); got.status != 409 || problemOf(t, got) != "conflict" {
		t.Errorf("another content under the same key: %d %s", got.status, got.body)
	}
	sent := w.apple.all()
	if len(sent) != 1 {
		t.Fatalf("Apple got %d messages", len(sent))
	}
	if got := sent[0].header.Get("auto-reply"); got != "true" {
		t.Errorf("auto-reply is %q: who sends through the API is a bot unless it says otherwise", got)
	}
}

func TestEventsOfEveryType(t *testing.T) {
	w := newWorld(t)
	for file, want := range map[string]string{
		"in-text-intent-group.json": "message.received", "in-tapback-liked.json": "message.received",
		"in-close.json": "conversation.closed", "in-typing-start.json": "typing.started",
	} {
		before := len(w.desk.all())
		if got := w.fromPhone(string(fixture(t, file))); got.status != 200 {
			t.Errorf("%s: %d %s", file, got.status, got.body)
		}
		got := w.desk.wait(t, before+1)[before]
		if eventType := event(t, got)["type"]; eventType != want {
			t.Errorf("%s became %v", file, eventType)
		}
	}
}

func TestOpenAPIIsValid(t *testing.T) {
	w := newWorld(t)
	got := w.do("GET", "/v1/openapi.json", nil, nil)
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(got.body))
	if err != nil {
		t.Fatal(err)
	}
	meta, err := jsonschema.UnmarshalJSON(bytes.NewReader(fixture(t, "openapi-3.1.schema.json")))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("https://spec.openapis.org/oas/3.1/schema/2021-04-15", meta); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("https://spec.openapis.org/oas/3.1/schema/2021-04-15")
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(document); err != nil {
		t.Error(err)
	}
	// The meta-schema leaves schemas open, so compile one of them, and let it judge what the API takes and gives.
	if err := compiler.AddResource("https://bridge.test/openapi.json", document); err != nil {
		t.Fatal(err)
	}
	for definition, sample := range map[string]string{
		"Send":       sendBody(nil),
		"SendResult": w.do("POST", "/v1/messages", map[string]string{"Authorization": "Bearer " + apiToken}, []byte(sendBody(nil))).body,
		"Problem":    w.do("POST", "/v1/messages", nil, nil).body,
	} {
		schema, err := compiler.Compile("https://bridge.test/openapi.json#/components/schemas/" + definition)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(sample))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", definition, err)
		}
	}
}

func TestHealthAndReadiness(t *testing.T) {
	w := newWorld(t)
	if got := w.admin("/healthz"); got.status != 200 {
		t.Errorf("/healthz: %d", got.status)
	}
	got := w.admin("/readyz")
	diff(t, "/readyz", got.json(t), map[string]any{"status": "ready", "checks": map[string]any{"config": "ok"}})
	if got := w.do("GET", "/metrics", nil, nil); got.status != http.StatusNotFound {
		t.Errorf("the public listener shows metrics: %d", got.status)
	}
}
