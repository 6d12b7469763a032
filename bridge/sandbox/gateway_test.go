package sandbox

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// TestGatewayRules alters one thing of a good message at a time.
func TestGatewayRules(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	opaque := w.s.phones.threads[0].OpaqueID
	neverWrote := w.s.phones.threads[1].OpaqueID // to the other business
	now := time.Now().Unix()
	claims := func(c jwt.MapClaims) func(*gatewayRequest) {
		return func(q *gatewayRequest) { q.claims = c }
	}
	auth := func(value string) func(*gatewayRequest) {
		return func(q *gatewayRequest) { q.header["Authorization"] = []string{value} }
	}
	field := func(name string, value any) func(*gatewayRequest) {
		return func(q *gatewayRequest) { q.body[name] = value }
	}
	without := func(name string) func(*gatewayRequest) {
		return func(q *gatewayRequest) { delete(q.body, name) }
	}
	header := func(name string, values ...string) func(*gatewayRequest) {
		return func(q *gatewayRequest) { q.header[name] = values }
	}
	both := func(name, value string) func(*gatewayRequest) {
		return func(q *gatewayRequest) { q.set(name, value) }
	}
	raw := func(body string) func(*gatewayRequest) {
		return func(q *gatewayRequest) { q.raw = []byte(body) }
	}
	typing := func(more ...func(*gatewayRequest)) func(*gatewayRequest) {
		return func(q *gatewayRequest) {
			q.body["type"] = "typing_start"
			delete(q.body, "body")
			for _, f := range more {
				f(q)
			}
		}
	}
	for _, c := range []struct {
		name   string
		spoil  func(*gatewayRequest)
		status int
		reason string
	}{
		{"good text", func(*gatewayRequest) {}, 200, ""},
		{"upper-case id", both("id", strings.ToUpper(newUUID())), 200, ""},
		{"charset in content type", header("Content-Type", "application/json; charset=utf-8"), 200, ""},
		{"unknown fields", field("x", 1), 200, ""},
		{"bot", header("Auto-Reply", "true"), 200, ""},
		{"human, said explicitly", header("Auto-Reply", "false"), 200, ""},
		{"iat almost an hour old", claims(jwt.MapClaims{"iss": testMSP, "iat": now - 3500}), 200, ""},
		{"exp to come", claims(jwt.MapClaims{"iss": testMSP, "iat": now, "exp": now + 60}), 200, ""},
		{"extra claims", claims(jwt.MapClaims{"iss": testMSP, "iat": now, "aud": "x", "jti": "y"}), 200, ""},
		{"typing_start", typing(), 200, ""},
		{"typing_end", typing(field("type", "typing_end")), 200, ""},

		{"no Authorization", auth(""), 401, "missing"},
		{"not Bearer", auth("Basic eDp5"), 403, "Bearer"},
		{"no token", auth("Bearer x"), 403, "three parts"},
		{"alg none", auth("Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0."), 403, "HS256"},
		{"alg HS512", func(q *gatewayRequest) { q.method = jwt.SigningMethodHS512 }, 403, "HS256"},
		{"other key", func(q *gatewayRequest) { q.key = []byte("other") }, 403, "signature does not match"},
		{"secret not decoded", func(q *gatewayRequest) { q.key = []byte(testSecret) }, 403, "base64-decoded"},
		{"iss is the business", claims(jwt.MapClaims{"iss": testBusiness, "iat": now}), 403, "iss"},
		{"no iss", claims(jwt.MapClaims{"iat": now}), 403, "iss"},
		{"no iat", claims(jwt.MapClaims{"iss": testMSP}), 403, "iat is missing"},
		{"iat a string", claims(jwt.MapClaims{"iss": testMSP, "iat": "1700000000"}), 403, "integer"},
		{"iat a fraction", claims(jwt.MapClaims{"iss": testMSP, "iat": float64(now) + .5}), 403, "integer"},
		{"iat in milliseconds", claims(jwt.MapClaims{"iss": testMSP, "iat": now * 1000}), 403, "milliseconds"},
		{"iat stale", claims(jwt.MapClaims{"iss": testMSP, "iat": now - 3700}), 403, "hour"},
		{"iat in the future", claims(jwt.MapClaims{"iss": testMSP, "iat": now + 3700}), 403, "hour"},
		{"exp past", claims(jwt.MapClaims{"iss": testMSP, "iat": now - 10, "exp": now - 5}), 403, "exp"},
		{"bad token before bad body", func(q *gatewayRequest) { q.key, q.raw = []byte("x"), []byte("{") }, 403, ""},

		{"no JSON", raw("hello"), 400, "JSON"},
		{"a list", raw("[]"), 400, "JSON object"},
		{"null", raw("null"), 400, "JSON object"},
		{"two values", raw("{} {}"), 400, "JSON object"},
		{"not UTF-8", raw("{\"body\":\"\xff\"}"), 400, "UTF-8"},
		{"gzip", func(q *gatewayRequest) { q.raw = zipped(`{"v":1}`) }, 400, "compressed"},
		{"gzip, announced", header("Content-Encoding", "gzip"), 400, "compressed"},
		{"no content type", header("Content-Type"), 400, "Content-Type"},
		{"form content type", header("Content-Type", "text/plain"), 400, "Content-Type"},
		{"too large", raw(strings.Repeat(" ", maxMessage+1)), 413, ""},

		{"no header id", header("Id"), 400, "header id"},
		{"no header Source-Id", header("Source-Id"), 400, "header Source-Id"},
		{"no header Destination-Id", header("Destination-Id"), 400, "header Destination-Id"},
		{"header id differs", header("Id", newUUID()), 400, "differ"},
		{"header Source-Id differs", header("Source-Id", testOther), 400, "differ"},
		{"header Destination-Id differs", header("Destination-Id", neverWrote), 400, "differ"},
		{"no id", without("id"), 400, "id is missing"},
		{"no sourceId", without("sourceId"), 400, "sourceId"},
		{"no destinationId", without("destinationId"), 400, "destinationId"},
		{"wrong case of a name", func(q *gatewayRequest) { q.body["SourceID"] = q.body["sourceId"]; delete(q.body, "sourceId") }, 400, "sourceId"},
		{"id not a UUID", both("id", "42"), 400, "UUID"},
		{"v missing", without("v"), 400, "v is not"},
		{"v a string", field("v", "1"), 400, "v is not"},
		{"v 2", field("v", 2), 400, "v is not"},
		{"v 1.0", func(q *gatewayRequest) {
			q.raw = []byte(`{"v":1.0,"id":"` + q.header.Get("id") + `","type":"text","body":"x","sourceId":"` + testBusiness + `","destinationId":"` + opaque + `"}`)
		}, 400, "v is not"},
		{"no type", without("type"), 400, "type"},
		{"close", field("type", "close"), 400, "must not send close"},
		{"interactive without content", field("type", "interactive"), 400, "either"},
		{"richLink without content", field("type", "richLink"), 400, "either"},
		{"unknown type", field("type", "hologram"), 400, "not known"},
		{"locale a number", field("locale", 1), 400, "locale"},
		{"auto-reply yes", header("Auto-Reply", "yes"), 400, "auto-reply"},
		{"include-data-ref yes", header("Include-Data-Ref", "yes"), 400, "include-data-ref"},
		{"auto-reply twice", header("Auto-Reply", "true", "false"), 400, "auto-reply"},
		{"no body", without("body"), 400, "body"},
		{"empty body", field("body", ""), 400, "body"},
		{"body a number", field("body", 1), 400, "body"},
		{"mark without attachment", field("body", "x\uFFFC"), 400, "U+FFFC"},
		{"attachment without mark", field("attachments", []any{map[string]any{}}), 400, "U+FFFC"},
		{"attachments no list", field("attachments", "x"), 400, "list"},
		{"attachment", func(q *gatewayRequest) { q.body["body"] = "\uFFFC"; q.body["attachments"] = []any{map[string]any{}} }, 400, "attachments[0]: name"},
		{"subject too long", field("subject", strings.Repeat("x", 201)), 400, "subject"},
		{"typing with a body", typing(field("body", "x")), 400, "no body"},

		{"unknown business", both("sourceId", "99999999-bbbb-4ccc-8ddd-eeeeeeeeeeee"), 404, "unknown business"},
		{"unknown customer", both("destinationId", "urn:mbid:AAAA"), 404, "unknown customer"},
		{"id of another case", both("destinationId", strings.ToLower(opaque)), 404, "unknown customer"},
		{"customer of another business", both("sourceId", testOther), 404, "unknown customer"},
		{"customer who never wrote", func(q *gatewayRequest) { q.set("sourceId", testOther); q.set("destinationId", neverWrote) }, 404, "never wrote"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := postToGateway(t, w.gateway.URL, func(q *gatewayRequest) {
				q.set("destinationId", opaque)
				c.spoil(q)
			})
			if got.err != nil || got.status != c.status || !strings.Contains(got.body, c.reason) {
				t.Fatalf("%d %q (%v), want %d and %q", got.status, got.body, got.err, c.status, c.reason)
			}
			if c.status == 200 && got.body != "" {
				t.Errorf("200 has a body: %q", got.body)
			}
		})
	}
}

func zipped(text string) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return out.Bytes()
}

func TestGatewayRoutesNotSimulated(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]int{"/v1/preUpload": 401, "/v1/nothing": 404, "/v1/message": 405} {
		response, err := http.Get(w.gateway.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("GET %s: %d, want %d", path, response.StatusCode, want)
		}
	}
}

func TestGatewayUsesAnIDOnce(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	id := newUUID()
	send := func(text string, bot bool) int {
		return postToGateway(t, w.gateway.URL, func(q *gatewayRequest) {
			q.set("id", id)
			q.set("destinationId", w.s.phones.threads[0].OpaqueID)
			q.body["body"] = text
			if bot {
				q.header.Set("auto-reply", "true")
			}
		}).status
	}
	if a, b, c, d := send("one", false), send("one", false), send("two", false), send("one", true); a != 200 || b != 200 || c != 400 || d != 400 {
		t.Fatalf("first %d, repeat %d, other text %d, other sender %d", a, b, c, d)
	}
	thread := w.state().Threads[0]
	if len(thread.Bubbles) != 2 || thread.Bubbles[1].Repeats != 1 {
		t.Fatalf("bubbles: %+v", thread.Bubbles)
	}
}

// TestConversationLife walks through deletion, return, and signing out.
func TestConversationLife(t *testing.T) {
	w := newWorld(t)
	opaque := w.s.phones.threads[0].OpaqueID
	send := func(want int, when string) {
		t.Helper()
		got := postToGateway(t, w.gateway.URL, func(q *gatewayRequest) { q.set("destinationId", opaque) })
		if got.status != want {
			t.Fatalf("%s: %d %s, want %d", when, got.status, got.body, want)
		}
	}
	phone := map[string]any{"customer": w.customer}
	send(404, "before the customer wrote")
	w.call("/api/phone/delete", phone, 409)
	w.phoneSays("Hello", delivered)
	send(200, "after")
	w.call("/api/phone/delete", phone, 202)
	send(410, "deleted")
	w.eventually("the desk to see it closed", func(s state) bool { return s.Conversations[0].Closed })
	if n := len(w.state().Threads[0].Bubbles); n != 0 {
		t.Errorf("%d bubbles outlived the conversation", n)
	}
	w.call("/api/desk/send", map[string]any{"conversation": "k1", "text": "x"}, 409)
	w.call("/api/phone/typing", map[string]any{"customer": w.customer, "on": true}, 202)
	send(200, "the customer types again")
	w.phoneSays("Hello again", delivered)
	if s := w.state(); s.Conversations[0].Closed || len(s.Conversations) != 1 || s.Threads[0].OpaqueID != opaque {
		t.Errorf("the customer came back, but not as the same: %+v", s.Conversations)
	}
	w.call("/api/phone/signed-out", map[string]any{"customer": w.customer, "on": true}, 202)
	send(404, "signed out")
	w.call("/api/phone/send", map[string]any{"customer": w.customer, "text": "x"}, 409)
	w.deskSays("Are you there?", statusFailed)
	w.call("/api/phone/signed-out", map[string]any{"customer": w.customer, "on": false}, 202)
	send(200, "signed in")
}

func TestBusinessTyping(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	dots := func(want bool) {
		t.Helper()
		w.eventually("dots", func(s state) bool { return (s.Threads[0].TypingUntil > time.Now().UnixMilli()) == want })
	}
	typing := func(on bool) {
		w.call("/api/desk/typing", map[string]any{"conversation": "k1", "on": on}, 202)
	}
	typing(true)
	dots(true)
	typing(true) // too soon to be told again
	typing(false)
	dots(false)
	typing(true)
	dots(true)
	w.deskSays("Hi", statusAccepted)
	dots(false)
	typing(false) // the message ended it
	count := 0
	for _, h := range w.state().Hops {
		if h.Hop == bridgeToGateway && strings.HasPrefix(h.Summary, "typing") {
			count++
		}
	}
	if count != 3 {
		t.Errorf("%d typing indicators, want 3", count)
	}
}
