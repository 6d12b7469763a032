package sandbox

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"
)

const (
	testMSP      = "11111111-2222-3333-4444-555555555555"
	testSecret   = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	testBusiness = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
	testOther    = "bbbbbbbb-cccc-4ddd-8eee-ffffffffffff"
	testDesk     = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a sandbox with its three handlers on listeners of their own, and a
// stand-in for the bridge.
type world struct {
	*testing.T
	s                      *Sandbox
	gateway, desk, pages   *httptest.Server
	bridge                 *standIn
	customer, conversation string // the first, for short
}

func testOptions() Options {
	return Options{
		MSPID: testMSP, Secret: testSecret, Connector: "desk", DeskSecret: testDesk,
		Businesses: []Business{{ID: testBusiness, Name: "Acme"}, {ID: testOther, Name: "Globex"}},
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldWith(t, testOptions())
}

func newWorldWith(t *testing.T, o Options) *world {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, s: s, customer: "c1", conversation: "k1"}
	serve := func(h http.Handler) *httptest.Server {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return server
	}
	w.gateway, w.desk, w.pages = serve(s.Gateway()), serve(s.Desk()), serve(s.Pages())
	w.bridge = &standIn{t: t, deskURL: w.desk.URL, gatewayURL: w.gateway.URL}
	w.bridge.url = serve(w.bridge).URL
	s.SetBridgeURL(w.bridge.url)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	t.Cleanup(s.Close) // first, so that the event streams end
	return w
}

// call posts to the control API and wants a status.
func (w *world) call(path string, body any, want int) map[string]any {
	w.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		w.Fatal(err)
	}
	response, err := http.Post(w.pages.URL+path, "application/json", bytes.NewReader(raw))
	if err != nil {
		w.Fatal(err)
	}
	defer response.Body.Close()
	var result map[string]any
	if err := json.NewDecoder(response.Body).Decode(&result); err != nil || response.StatusCode != want {
		w.Fatalf("POST %s: %d %v (%v), want %d", path, response.StatusCode, result, err, want)
	}
	return result
}

// phoneSays sends a text from the first customer and waits for its outcome.
func (w *world) phoneSays(text, wantStatus string) string {
	w.Helper()
	id, _ := w.call("/api/phone/send", map[string]any{"customer": w.customer, "text": text}, 202)["id"].(string)
	w.eventually("the bubble to be "+wantStatus, func(s state) bool {
		b := s.Threads[0].bubble(id)
		return b != nil && b.Status == wantStatus
	})
	return id
}

func (w *world) deskSays(text, wantStatus string) string {
	w.Helper()
	id, _ := w.call("/api/desk/send", map[string]any{"conversation": w.conversation, "text": text}, 202)["id"].(string)
	w.eventually("the answer to be "+wantStatus, func(s state) bool {
		e := s.Conversations[0].entry(id)
		return e != nil && e.Status == wantStatus
	})
	return id
}

func (c *conversation) entry(id string) *entry {
	for _, e := range c.Entries {
		if e.ID == id {
			return e
		}
	}
	return nil
}

func (w *world) fault(name string, on bool) {
	w.Helper()
	w.call("/api/faults", map[string]any{"name": name, "on": on}, 202)
}

func (w *world) state() state {
	w.Helper()
	response, err := http.Get(w.pages.URL + "/api/state")
	if err != nil {
		w.Fatal(err)
	}
	defer response.Body.Close()
	var s state
	if err := json.NewDecoder(response.Body).Decode(&s); err != nil {
		w.Fatal(err)
	}
	return s
}

func (w *world) eventually(what string, holds func(state) bool) {
	w.Helper()
	var s state
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if s = w.state(); holds(s) {
			return
		}
	}
	shown, _ := json.MarshalIndent(s, "", " ")
	w.Fatalf("waited in vain for %s; state:\n%s", what, shown)
}

// standIn takes the bridge's place: it relays, and keeps what Apple posted.
type standIn struct {
	t                   *testing.T
	deskURL, gatewayURL string
	url                 string // its own

	// Of a bridge that knows sign-ins: its pages, and what it tells the desk when Apple tells of one.
	pages   map[string]http.HandlerFunc
	signsIn func(authenticate, data map[string]any)

	mu     sync.Mutex
	posted []applePost
}

// applePost is a request of the simulated Apple, as received.
type applePost struct {
	header http.Header
	raw    []byte
	body   map[string]any
}

func (b *standIn) posts() []applePost {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]applePost(nil), b.posted...)
}

func (b *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch r.URL.Path {
	case "/message":
		b.fromApple(w, r, body)
	case "/webhooks/desk":
		b.fromDesk(w, body)
	default:
		if page := b.pages[r.URL.Path]; page != nil {
			r.Body = io.NopCloser(bytes.NewReader(body))
			page(w, r)
			return
		}
		http.NotFound(w, r)
	}
}

var eventOf = map[string]string{
	"text": "message.received", "interactive": "message.replied", "typing_start": "typing.started", "typing_end": "typing.stopped", "close": "conversation.closed",
}

func (b *standIn) fromApple(w http.ResponseWriter, r *http.Request, raw []byte) {
	unzip, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var m map[string]any
	if err := json.NewDecoder(unzip).Decode(&m); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	b.posted = append(b.posted, applePost{r.Header.Clone(), raw, m})
	b.mu.Unlock()
	data := map[string]any{
		"id": m["id"], "business_id": m["destinationId"], "customer_id": m["sourceId"], "context": "sealed-context",
		"locale": m["locale"], "intent": m["intent"], "group": m["group"], "text": m["body"],
		"device": r.Header.Get("device-agent"), "capabilities": strings.Split(r.Header.Get("capability-list"), ","),
	}
	text, _ := m["body"].(string)
	if rest, ok := strings.CutPrefix(text, "Liked “"); ok {
		data["reaction"] = map[string]any{"verb": "liked", "quoted": strings.TrimSuffix(rest, "”")}
	}
	kind := eventOf[m["type"].(string)]
	interactive, _ := m["interactiveData"].(map[string]any)
	inside, _ := interactive["data"].(map[string]any)
	if authenticate, ok := inside["authenticate"].(map[string]any); ok && b.signsIn != nil {
		kind, data["request_id"] = "signin.completed", inside["requestIdentifier"]
		b.signsIn(authenticate, data)
	}
	status := postEvent(b.t, b.deskURL, "evt_"+m["id"].(string), map[string]any{"type": kind, "schema": 1, "data": data})
	if status != http.StatusOK {
		status = http.StatusServiceUnavailable
	}
	w.WriteHeader(status)
}

// postEvent signs an event for the desk and posts it.
func postEvent(t *testing.T, deskURL, id string, event any) int {
	body, _ := json.Marshal(event)
	request, err := http.NewRequest(http.MethodPost, deskURL+"/hooks/apple", bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0
	}
	for name, values := range independentSignature(testDesk, id, time.Now(), body) {
		request.Header[name] = values
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// fromDesk relays a message.send to the gateway.
func (b *standIn) fromDesk(w http.ResponseWriter, body []byte) {
	var m sendMessage
	if err := json.Unmarshal(body, &m); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	kind := m.Data.Content.Kind
	if kind == "typing" {
		kind = map[string]string{"on": "typing_start", "off": "typing_end"}[m.Data.Content.State]
	}
	id := strings.TrimPrefix(m.Data.ID, "desk-")
	status := postToGateway(b.t, b.gatewayURL, func(q *gatewayRequest) {
		q.set("id", id)
		q.set("type", kind)
		q.body["body"] = m.Data.Content.Text
		if kind != "text" {
			delete(q.body, "body")
		}
		q.set("destinationId", m.Data.CustomerID)
		q.set("sourceId", m.Data.BusinessID)
		if m.Data.Sender.Kind == "bot" {
			q.header.Set("auto-reply", "true")
		}
	}).status
	outcome := `{"id":%q,"status":"accepted","parts":[{"id":%q}]}`
	switch status {
	case 200:
	case 410:
		outcome = `{"id":%q,"status":"failed","code":"closed","parts":[{"id":%q}]}`
	case 404:
		outcome = `{"id":%q,"status":"failed","code":"unreachable","parts":[{"id":%q}]}`
	default:
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, `{"status":503,"code":"unavailable","detail":"try again"}`)
		return
	}
	fmt.Fprintf(w, outcome, m.Data.ID, id)
}

// gatewayRequest is a request to the gateway, to be spoilt by tests.
type gatewayRequest struct {
	header http.Header
	body   map[string]any
	raw    []byte // instead of body
	path   string
	claims jwt.MapClaims
	key    []byte
	method jwt.SigningMethod
}

var headerOf = map[string]string{"id": "id", "sourceId": "Source-Id", "destinationId": "Destination-Id"}

// set sets a field of the body, and the header that must agree with it.
func (q *gatewayRequest) set(field, value string) {
	q.body[field] = value
	if name := headerOf[field]; name != "" {
		q.header.Set(name, value)
	}
}

type gatewayAnswer struct {
	status int
	body   string
	header http.Header
	err    error
}

// postToGateway posts a text that is right in every way but those that spoil alters. The
// token is made by golang-jwt, not by the code under test.
func postToGateway(t *testing.T, gatewayURL string, spoil func(*gatewayRequest)) gatewayAnswer {
	t.Helper()
	q := &gatewayRequest{
		header: http.Header{"Content-Type": {"application/json"}},
		body:   map[string]any{"v": 1, "type": "text", "body": "Hi"},
		claims: jwt.MapClaims{"iss": testMSP, "iat": time.Now().Unix()},
		method: jwt.SigningMethodHS256,
		path:   "/v1/message",
	}
	for i := range 32 {
		q.key = append(q.key, byte(i)) // what testSecret decodes to
	}
	q.set("id", newUUID())
	q.set("sourceId", testBusiness)
	spoil(q)
	if _, ok := q.header["Authorization"]; !ok {
		token, err := jwt.NewWithClaims(q.method, q.claims).SignedString(any(q.key))
		if err != nil {
			t.Fatal(err)
		}
		q.header.Set("Authorization", "Bearer "+token)
	}
	if q.raw == nil {
		q.raw, _ = json.Marshal(q.body)
	}
	request, err := http.NewRequest(http.MethodPost, gatewayURL+q.path, bytes.NewReader(q.raw))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = q.header
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return gatewayAnswer{err: err}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return gatewayAnswer{response.StatusCode, strings.TrimSpace(string(body)), response.Header, err}
}
