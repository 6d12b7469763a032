package sandbox

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	testMerchant = "merchant.com.example"
	testDomain   = "www.example.com"
	paying       = inner + "payment/"
	payRequest   = paying + "paymentRequest/"
)

// testSessions are shared, since keys take a while to make.
var testSessions = sync.OnceValue(func() *MerchantSessions {
	sessions, err := NewMerchantSessions(Merchant{ID: testMerchant, Domain: testDomain, Name: "Example Store"})
	if err != nil {
		panic(err)
	}
	return sessions
})

// payWorld is a world with Apple Pay, and a bridge whose callbacks are written down.
type payWorld struct {
	*world
	sessions *httptest.Server
	merchant *http.Client // with the merchant's certificate

	mu      sync.Mutex
	calls   []payPost
	answers map[string][]string // by path, used up one after the other but for the last: a status and a body
	wait    chan struct{}       // what "wait" waits for
}

// payPost is a callback, as received.
type payPost struct {
	path   string
	header http.Header
	raw    string
	body   map[string]any
}

func newPayWorld(t *testing.T) *payWorld {
	t.Helper()
	o := testOptions()
	o.MerchantSessions = testSessions()
	w := &payWorld{world: newWorldWith(t, o), answers: map[string][]string{}, wait: make(chan struct{})}
	w.sessions, w.merchant = serveSessions(t, w.s)
	w.bridge.pages = map[string]http.HandlerFunc{}
	for _, name := range []string{"paymentGateway", "orderTracking", "paymentMethodUpdate", "shippingContactUpdate", "shippingMethodUpdate"} {
		w.bridge.pages["/pay/"+name] = w.serveCallback
	}
	w.phoneSays("Hello", delivered)
	return w
}

func serveSessions(t *testing.T, s *Sandbox) (*httptest.Server, *http.Client) {
	t.Helper()
	server := httptest.NewUnstartedServer(s.MerchantSessions())
	server.TLS = testSessions().ServerTLS()
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, clientWith(t, testSessions().ClientCertificate)
}

// clientWith makes a client with a certificate, or without one.
func clientWith(t *testing.T, certificate func() (certPEM, keyPEM []byte)) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(testSessions().RootPEM()) {
		t.Fatal("the authority's certificate cannot be read")
	}
	config := &tls.Config{RootCAs: roots}
	if certificate != nil {
		pair, err := tls.X509KeyPair(certificate())
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// serveCallback is the bridge's side of every callback: without an answer that a test gave, all is well and nothing changes.
func (w *payWorld) serveCallback(out http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	name := strings.TrimPrefix(r.URL.Path, "/pay/")
	post := payPost{name, r.Header.Clone(), string(raw), nil}
	_ = json.Unmarshal(raw, &post.body)
	w.mu.Lock()
	w.calls = append(w.calls, post)
	answer := ""
	if queue := w.answers[name]; len(queue) > 0 {
		answer = queue[0]
		if len(queue) > 1 {
			w.answers[name] = queue[1:]
		}
	}
	w.mu.Unlock()
	switch {
	case answer == "wait":
		select {
		case <-w.wait:
		case <-r.Context().Done():
		}
	case answer == "drop":
		panic(http.ErrAbortHandler)
	case answer != "":
		status, body, _ := strings.Cut(answer, " ")
		out.WriteHeader(map[string]int{"200": 200, "400": 400, "503": 503}[status])
		_, _ = io.WriteString(out, body)
	case name == "paymentGateway":
		_, _ = io.WriteString(out, `{"status":"STATUS_SUCCESS"}`)
	default:
		_, _ = io.WriteString(out, "{}")
	}
}

func (w *payWorld) answersWith(name string, answers ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[name] = answers
}

func (w *payWorld) posts() []payPost {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]payPost(nil), w.calls...)
}

func (w *payWorld) paths() (list []string) {
	for _, p := range w.posts() {
		list = append(list, p.path)
	}
	return list
}

// session gets a merchant session.
func (w *payWorld) session() map[string]any {
	w.Helper()
	got := postSession(w.T, w.merchant, w.sessions.URL, edited(fixture(w.T, "pay-merchant-session-request"), edit{"initiativeContext", w.bridge.url + "/pay/paymentGateway"}))
	if got.status != 200 {
		w.Fatalf("%d %s", got.status, got.raw)
	}
	return got.body
}

func postSession(t *testing.T, client *http.Client, address string, body any) (got providerAnswer) {
	t.Helper()
	raw, _ := json.Marshal(body)
	if text, ok := body.(string); ok {
		raw = []byte(text)
	}
	response, err := client.Post(address+"/paymentservices/paymentSession", "application/json", bytes.NewReader(raw))
	if err != nil {
		return providerAnswer{raw: err.Error()}
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(response.Body)
	got = providerAnswer{status: response.StatusCode, raw: string(answer)}
	_ = json.Unmarshal(answer, &got.body)
	return got
}

// payment is a fixture with a session, and endpoints of the bridge's.
func (w *payWorld) payment(name string, edits ...edit) map[string]any {
	w.Helper()
	m := edited(fixture(w.T, name), edit{paying + "merchantSession", w.session()}, edit{inner + "requestIdentifier", newUUID()})
	endpoints := m["interactiveData"].(map[string]any)["data"].(map[string]any)["payment"].(map[string]any)["endpoints"].(map[string]any)
	for key, value := range endpoints {
		endpoints[key] = strings.Replace(value.(string), "https://pay.example.com", w.bridge.url+"/pay", 1)
	}
	return edited(m, edits...)
}

// pay makes a call of the control API, and wants a status.
func (w *payWorld) pay(step, bubbleID string, want int, more ...string) {
	w.Helper()
	call := map[string]any{"customer": w.customer, "id": bubbleID}
	for i := 0; i < len(more); i += 2 {
		call[more[i]] = more[i+1]
	}
	w.call("/api/phone/pay/"+step, call, want)
}

// until waits for a payment to be as is wanted.
func (w *payWorld) until(bubbleID, what string, holds func(*paymentView) bool) (view paymentView) {
	w.Helper()
	w.eventually(what, func(s state) bool {
		b := s.Threads[0].bubble(bubbleID)
		if b == nil || b.Interactive.Payment == nil || !holds(b.Interactive.Payment) {
			return false
		}
		view = *b.Interactive.Payment
		return true
	})
	return view
}

func (w *payWorld) idle(bubbleID string) paySheet {
	w.Helper()
	return *w.until(bubbleID, "the sheet to wait for nothing", func(v *paymentView) bool { return v.State == payOpen && v.Sheet.Busy == "" }).Sheet
}

func (w *payWorld) done(bubbleID, result string) paymentView {
	w.Helper()
	return w.until(bubbleID, "the payment to be "+result, func(v *paymentView) bool { return v.State == payDone && v.Result == result })
}

// told is what Apple told of a payment: the content of interactiveData, however it came.
func (w *payWorld) told(n int) map[string]any {
	w.Helper()
	var told []map[string]any
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end) && len(told) < n; time.Sleep(5 * time.Millisecond) {
		told = nil
		for _, p := range w.bridge.posts() {
			if p.body["type"] == "interactive" {
				told = append(told, p.body)
			}
		}
	}
	if len(told) != n {
		w.Fatalf("Apple told %d times, want %d", len(told), n)
	}
	last := told[n-1]
	if ref, ok := last["interactiveDataRef"].(map[string]any); ok {
		got, answer := w.apple("POST", "decodePayload", bytes.NewReader(w.fetched(ref)), "bid", testBID)
		if got.status != 200 {
			w.Fatalf("%d %s", got.status, got.body)
		}
		delete(last, "interactiveDataRef")
		last["interactiveData"] = answer["interactiveData"]
		last["by_ref"] = true
	}
	return last
}
