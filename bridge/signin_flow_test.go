package bridge

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/sandbox"
)

// signInWorld is the demo's pages with what reached the desk.
type signInWorld struct {
	control
	tap    *wiretap
	secret []string // what may be in no log
}

// begin lets the customer write, and the desk ask them to sign in. It gives the bubble of the request.
func (w *signInWorld) begin(device string) (bubble string) {
	w.t.Helper()
	w.post("/api/phone/device", map[string]any{"customer": "c1", "device": device})
	w.post("/api/phone/send", map[string]any{"customer": "c1", "text": "Hello"})
	w.events(1, message.EventReceived)
	return w.ask(message.SignInRequest{})
}

// ask lets the desk send a request, and gives its bubble.
func (w *signInWorld) ask(content message.Content) (bubble string) {
	w.t.Helper()
	state := w.state()
	before := len(state.Threads[0].Bubbles)
	w.post("/api/desk/send", map[string]any{"conversation": state.Conversations[0].Key, "content": content})
	for range 500 {
		// Before the desk has its answer it does not know the request's id, and cannot price what the phone pays.
		now := w.state()
		bubbles, entries := now.Threads[0].Bubbles, now.Conversations[0].Entries
		if len(bubbles) > before && entries[len(entries)-1].Status == "accepted" {
			return bubbles[len(bubbles)-1].ID
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.t.Fatal("no request comes to the phone")
	return ""
}

func (w *signInWorld) state() (state demoState) {
	w.t.Helper()
	if err := json.Unmarshal(w.call(http.MethodGet, "/api/state", nil, ""), &state); err != nil {
		w.t.Fatal(err)
	}
	return state
}

// events waits for n events of a type at the desk, and a moment longer for more.
func (w *signInWorld) events(n int, eventType message.EventType) (events []message.Event) {
	w.t.Helper()
	for range 600 {
		for _, body := range w.tap.take("desk/hooks/apple") {
			var event message.Event
			if err := json.Unmarshal(body, &event); err != nil {
				w.t.Fatal(err)
			}
			if event.Type == eventType {
				events = append(events, event)
			}
		}
		if len(events) >= n {
			return events
		}
		time.Sleep(10 * time.Millisecond)
	}
	came, _ := json.Marshal(events) // it was JSON
	w.t.Fatalf("%d events of type %s came, want %d: %s", len(events), eventType, n, came)
	return nil
}

func (w *signInWorld) signIn(bubble string, more map[string]any) {
	w.t.Helper()
	call := map[string]any{"customer": "c1", "id": bubble, "person": "ada", "outcome": "approve"}
	for name, value := range more {
		call[name] = value
	}
	w.post("/api/phone/sign-in", call)
}

// TestSigningIn goes through both of Apple's flows, and their other ends.
func TestSigningIn(t *testing.T) {
	for name, test := range map[string]struct {
		device string
		how    map[string]any
		want   []message.SignIn // of which Identity only tells whether there is one
	}{
		"new flow": {"iphone", nil, []message.SignIn{
			{Status: message.SignInSucceeded, Identity: &message.Identity{}}, {Status: message.SignInSucceeded, Confirmed: true}}},
		"denied": {"iphone", map[string]any{"outcome": "deny"}, []message.SignIn{
			{Status: message.SignInCanceled}, {Status: message.SignInCanceled}}},
		"canceled before the page": {"iphone", map[string]any{"outcome": "cancel"}, []message.SignIn{{Status: message.SignInCanceled}}},
		"forwarded link":           {"iphone", map[string]any{"forwarded": true}, []message.SignIn{{Status: message.SignInSucceeded, Identity: &message.Identity{}}}},
		"old flow":                 {"old_iphone", nil, []message.SignIn{{Status: message.SignInSucceeded, Confirmed: true, Identity: &message.Identity{}}}},
	} {
		t.Run(name, func(t *testing.T) {
			tap := &wiretap{}
			w := &signInWorld{control: control{t, newTappedDemo(t, tap)}, tap: tap}
			w.signIn(w.begin(test.device), test.how)
			events := w.events(len(test.want), message.EventSignIn)
			for i, want := range test.want {
				got := events[i].Data.SignIn
				if got.Provider != "demo" || got.RequestID == "" || got.RequestID != events[0].Data.SignIn.RequestID {
					t.Errorf("event %d is of %s, request %q", i, got.Provider, got.RequestID)
				}
				if got.Status != want.Status && !(want.Status == message.SignInCanceled && got.Status == message.SignInFailed && i > 0) ||
					got.Confirmed != want.Confirmed || (got.Identity != nil) != (want.Identity != nil) {
					t.Errorf("event %d is %+v, want %+v", i, got, want)
				}
				if got.Identity != nil && (got.Identity.Claims["name"] != "Ada Lovelace" || !strings.HasPrefix(got.Identity.Subject, "amb_")) {
					t.Errorf("event %d is of %+v", i, got.Identity)
				}
			}
		})
	}
}

// TestAnyReplicaFinishesASignIn has the request sent by one bridge, which is killed, the browser come back to another, and
// Apple's answer to a third. The keys have been rotated meanwhile.
func TestAnyReplicaFinishesASignIn(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and kills programs")
	}
	for _, device := range []string{"iphone", "old_iphone"} {
		t.Run(device, func(t *testing.T) {
			w, replicas, route := newReplicas(t)
			first := replicas[0]
			route(first, first)
			bubble := w.begin(device)
			first.kill()
			route(replicas[1], replicas[2])
			w.signIn(bubble, nil)
			var identity *message.Identity
			confirmed := false
			for _, event := range w.events(map[string]int{"iphone": 2, "old_iphone": 1}[device], message.EventSignIn) {
				signIn := event.Data.SignIn
				if signIn.Status != message.SignInSucceeded {
					t.Errorf("it is %s: %s", signIn.Status, signIn.Error)
				}
				if signIn.Identity != nil {
					identity = signIn.Identity
				}
				confirmed = confirmed || signIn.Confirmed
			}
			if identity == nil || identity.Claims["email"] == nil || !confirmed {
				t.Errorf("identity %+v, confirmed: %t", identity, confirmed)
			}
			for _, secret := range w.secret {
				for _, replica := range replicas {
					if strings.Contains(replica.stderr.String(), secret) {
						t.Errorf("a secret or a person is in the log")
					}
				}
			}
		})
	}
}

// newReplicas starts three bridges behind a front that sends what browsers and payment sheets ask to one of them, and what
// Apple and the desk ask to another.
func newReplicas(t *testing.T) (w *signInWorld, replicas []*process, route func(browser, apple *process)) {
	var browserTo, appleTo atomic.Pointer[url.URL]
	front := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		if strings.HasPrefix(r.In.URL.Path, "/oauth/") || strings.HasPrefix(r.In.URL.Path, "/pay/") {
			r.SetURL(browserTo.Load())
			return
		}
		r.SetURL(appleTo.Load())
	}})
	t.Cleanup(front.Close)
	const clientSecret = "the-secret-of-the-client"
	later := &lateHandler{}
	provider := httptest.NewServer(later)
	t.Cleanup(provider.Close)
	sessions, err := sandbox.NewMerchantSessions(sandbox.Merchant{ID: "merchant.com.example", Domain: "www.example.com", Name: "Example"})
	if err != nil {
		t.Fatal(err)
	}
	simulated, err := sandbox.New(sandbox.Options{
		MerchantSessions: sessions,
		BridgeURL:        front.URL, MSPID: mspID, Secret: appleSecret, Businesses: []sandbox.Business{{ID: businessID, Name: "Example"}},
		Connector: "desk", DeskSecret: deskSecret, Logger: slog.New(slog.DiscardHandler),
		SignIn: &sandbox.SignIn{Issuer: provider.URL, OAuthURL: front.URL + startPath, TokenURL: provider.URL + "/token", ClientID: "example", ClientSecret: clientSecret},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(simulated.Close)
	later.Store(simulated.Provider())
	tap := &wiretap{}
	pages, gateway, desk := httptest.NewServer(simulated.Pages()), httptest.NewServer(simulated.Gateway()), httptest.NewServer(tap.listen("desk", simulated.Desk()))
	for _, server := range []*httptest.Server{pages, gateway, desk} {
		t.Cleanup(server.Close)
	}
	applePay := httptest.NewUnstartedServer(simulated.MerchantSessions())
	applePay.TLS = sessions.ServerTLS()
	applePay.StartTLS()
	t.Cleanup(applePay.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, sessions.RootPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	cert, key := sessions.ClientCertificate()
	const newKey = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVpBQkNERUY="
	replica := func(keys string) *process {
		p := &process{tb: t, path: buildBridge(t), listen: freeAddress(t), admin: freeAddress(t), env: []string{"SSL_CERT_FILE=" + roots}}
		p.config = filepath.Join(t.TempDir(), "bizbridge.yaml")
		text := fmt.Sprintf(`
server: {listen: %q, admin_listen: %q, public_url: %q}
keys: [%s]
apple: {gateway_url: "%s/v1", accounts: [{msp_id: %q, secrets: [%q]}]}
businesses: [{id: %q, msp_id: %q, connector: desk, signin: example, apple_pay: example}]
connectors: {desk: {type: webhook, url: "%s/hooks/apple", secrets: [%q]}}
signin: {providers: {example: {issuer: %q, client_id: example, client_secret: %q, scopes: [openid, profile, email], pkce: true}}}
apple_pay:
  merchants:
    example:
      {merchant_id: merchant.com.example, domain: www.example.com, name: Example, cert: %q, key: %q, networks: [visa],
       session_url: "%s/paymentservices/paymentSession",
       provider: {type: webhook, url: "%s/hooks/payment", secrets: [%q], updates: [contact, shipping], order_tracking: true}}
`, p.listen, p.admin, front.URL, keys, gateway.URL, mspID, appleSecret, businessID, mspID, desk.URL, deskSecret, provider.URL, clientSecret,
			cert, key, applePay.URL, desk.URL, deskSecret)
		if err := os.WriteFile(p.config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p.start()
		t.Cleanup(p.kill)
		return p
	}
	replicas = []*process{replica(masterKey), replica(newKey + ", " + masterKey), replica(newKey + ", " + masterKey)}
	w = &signInWorld{
		control: control{t, &Demo{pages: pages.Listener}}, tap: tap,
		secret: []string{clientSecret, masterKey, "Lovelace", "urn:mbid:", "code=", "state="},
	}
	return w, replicas, func(browser, apple *process) {
		browserTo.Store(&url.URL{Scheme: "http", Host: browser.listen})
		appleTo.Store(&url.URL{Scheme: "http", Host: apple.listen})
	}
}

// lateHandler is set when what it serves exists: its address has to be known before.
type lateHandler struct{ handler atomic.Value }

func (l *lateHandler) Store(handler http.Handler) { l.handler.Store(&handler) }

func (l *lateHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*l.handler.Load().(*http.Handler)).ServeHTTP(w, r)
}
