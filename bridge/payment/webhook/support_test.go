package webhook

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/bridge/payment"
	"bizbridge/bridge/signature"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	business  = message.BusinessID("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")
	customer  = message.CustomerID("urn:mbid:AQAAYwG2ZUKZPdu//LTRt0G/RchWT+YhFnTqjOFSrO8=")
	requestID = "00000000-0000-4000-8000-000000000900"
	secret    = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	retired   = "whsec_OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg="
)

var (
	start = time.Unix(1_700_000_000, 0)
	asked = payment.Request{ID: requestID, Business: business, Customer: customer, Currency: "USD", Total: 1000, Fixed: true}
)

func consent(paid string) payment.Authorization {
	return payment.Authorization{Request: asked, TransactionID: "t-1", Payment: json.RawMessage(paid)}
}

// hook is one webhook that a backend has got.
type hook struct {
	id, body string
	header   http.Header
	kind     string
	data     map[string]json.RawMessage
}

// backend is the business's own. It checks every signature.
type backend struct {
	t      testing.TB
	server *httptest.Server
	answer http.HandlerFunc // nil: 200 {}

	mu   sync.Mutex
	seen []hook
}

func newBackend(t testing.TB, answer http.HandlerFunc) *backend {
	t.Helper()
	b := &backend{t: t, answer: answer}
	b.server = httptest.NewServer(b)
	t.Cleanup(b.server.Close)
	return b
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	keys, err := signature.NewStandard(secret)
	if err != nil {
		b.t.Error(err)
		return
	}
	id, err := keys.Verify(r.Header, body, start)
	var wire struct {
		Type      string                     `json:"type"`
		Timestamp time.Time                  `json:"timestamp"`
		Data      map[string]json.RawMessage `json:"data"`
	}
	if err != nil || r.Method != http.MethodPost || json.Unmarshal(body, &wire) != nil || !wire.Timestamp.Equal(start) || r.Header.Get("Content-Type") != "application/json" {
		b.t.Errorf("got %v: %s", err, body)
	}
	b.mu.Lock()
	b.seen = append(b.seen, hook{id, string(body), r.Header, wire.Type, wire.Data})
	b.mu.Unlock()
	if b.answer == nil {
		_, _ = io.WriteString(w, "{}")
		return
	}
	b.answer(w, r)
}

func (b *backend) hooks() []hook {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seen
}

// provider signs with the first of two secrets.
func (b *backend) provider() *Provider { return newProvider(b.t, b.server.URL+"/hooks/payment") }

func newProvider(t testing.TB, url string) *Provider {
	t.Helper()
	signer, err := signature.NewStandard(secret, retired)
	if err != nil {
		t.Fatal(err)
	}
	m := metrics.New("test", "test")
	m.ExpectPeer("payment", Operations...)
	client := httpclient.New(httpclient.Options{Peer: "payment", Metrics: m})
	t.Cleanup(client.Close)
	return &Provider{URL: url, HTTP: client, Signer: signer, Now: func() time.Time { return start }}
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func reset(w http.ResponseWriter, _ *http.Request) {
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
}

func cutOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(w, `{"status":"auth`)
}

const paid = `{"status":"authorized","amount":"10.00","currency":"USD","provider_ref":"ch_1"}`
