package signin

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bizbridge/bridge/message"
	"bizbridge/bridge/seal"
	"bizbridge/bridge/signature"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	redirectURL = "https://bridge.example.com/bridge/oauth/callback"
	business    = message.BusinessID("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")
	customer    = message.CustomerID("urn:mbid:AQAAY1234567890")
	requestID   = "11111111-2222-8333-8444-555555555555"
)

var start = time.Unix(1_700_000_000, 0)

func testRing(t testing.TB, keys ...byte) *seal.Ring {
	t.Helper()
	masters := make([][]byte, len(keys))
	for i, key := range keys {
		masters[i] = bytes.Repeat([]byte{key}, seal.KeySize)
	}
	ring, err := seal.NewRing(masters...)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// delivery is what a helpdesk was told.
type delivery struct {
	business message.BusinessID
	customer message.CustomerID
	signIn   message.SignIn
}

// rig is a bridge of one or more replicas, with a provider and a helpdesk. Whatever leaves it is searched for secrets when
// the test ends.
type rig struct {
	t        testing.TB
	provider *fakeProvider
	client   *http.Client

	mu        sync.Mutex
	at        time.Time
	delivered []delivery
	refused   []signature.Reason
	counted   map[string]int // provider/status
	observed  map[string]int // operation
	helpdesk  func() *message.Failure
	onDeliver func()
	output    strings.Builder // logs, pages, errors
	secrets   []string
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, at: start, counted: map[string]int{}, observed: map[string]int{}}
	r.provider = newFakeProvider(t, r.now)
	transport := &http.Transport{}
	r.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(transport.CloseIdleConnections)
	t.Cleanup(r.searchSecrets)
	return r
}

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = r.at.Add(d)
}

// Write takes the log.
func (r *rig) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.output.Write(p)
}

func (r *rig) secret(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets = append(r.secrets, s)
}

func (r *rig) searchSecrets() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.provider.mu.Lock()
	defer r.provider.mu.Unlock()
	output := r.output.String()
	for _, d := range r.delivered {
		output += d.signIn.Error
	}
	for _, secret := range append(r.secrets, r.provider.secrets...) {
		if strings.Contains(output, secret) || strings.Contains(output, url.QueryEscape(secret)) {
			r.t.Errorf("the secret %q got out", secret)
		}
	}
	if strings.Contains(output, string(customer)) {
		r.t.Error("the customer's id got out")
	}
}

// acme is the provider's settings.
func (r *rig) acme() Provider {
	return Provider{Issuer: r.provider.server.URL, ClientID: clientID, ClientSecret: clientSecret, Scopes: []string{"openid", "email"}}
}

// plain are the settings of a provider without OpenID Connect.
func (r *rig) plain() Provider {
	base := r.provider.server.URL
	return Provider{
		AuthURL: base + "/authorize", TokenURL: base + "/token", UserinfoURL: base + "/userinfo",
		ClientID: clientID, ClientSecret: clientSecret, Scopes: []string{"email"},
	}
}

// replica is one Service over a socket.
type replica struct {
	*rig
	service *Service
	server  *httptest.Server
}

func (r *rig) replica(settings Provider, keys ...byte) *replica {
	return r.replicaWith(func(o *Options) { o.Providers = map[string]Provider{"acme": settings} }, keys...)
}

func (r *rig) replicaWith(set func(*Options), keys ...byte) *replica {
	r.t.Helper()
	if len(keys) == 0 {
		keys = []byte{1}
	}
	options := Options{
		Ring: testRing(r.t, keys...), RedirectURL: redirectURL, Now: r.now,
		Logger: slog.New(slog.NewJSONHandler(r, nil)),
		Subject: func(b message.BusinessID, provider, sub string) string {
			return "hash of " + string(b) + "/" + provider + "/" + sub
		},
		Deliver: r.deliver,
		Count: func(provider string, status message.SignInStatus) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.counted[provider+"/"+string(status)]++
		},
		Refused: func(reason signature.Reason) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.refused = append(r.refused, reason)
		},
		Observe: func(operation string, _ int, _ time.Duration) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.observed[operation]++
		},
	}
	set(&options)
	service, err := New(options)
	if err != nil {
		r.t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/bridge/oauth/callback", service.Callback)
	mux.HandleFunc("/bridge/oauth/start", service.Start)
	server := httptest.NewServer(mux)
	r.t.Cleanup(func() {
		server.Close()
		service.Close()
	})
	return &replica{r, service, server}
}

func (r *rig) deliver(ctx context.Context, b message.BusinessID, c message.CustomerID, signIn message.SignIn) *message.Failure {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.onDeliver != nil {
		r.onDeliver()
	}
	if ctx.Err() != nil {
		return message.FailureOf(ctx.Err())
	}
	if r.helpdesk != nil {
		if failure := r.helpdesk(); failure != nil {
			return failure
		}
	}
	r.delivered = append(r.delivered, delivery{b, c, signIn})
	return nil
}

func (r *rig) take() []delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.delivered
	r.delivered = nil
	for _, d := range taken {
		r.output.WriteString(d.signIn.Error)
	}
	return taken
}

// legacyState is that of a request in the old flow.
func (p *replica) legacyState() string {
	state := p.service.LegacyState(business, customer, "acme", requestID)
	p.secret(state)
	return state
}

func (p *replica) state() string {
	state := p.service.State(business, customer, "acme", requestID)
	p.secret(state)
	if asked, err := open(p.service.ring, state, p.now()); err == nil {
		p.secret(asked.verifier())
		p.secret(asked.nonce())
	}
	return state
}

// asked is what Messages puts behind the OAuth URL.
func asked(state string) url.Values {
	return url.Values{
		"response_type": {"code"}, "client_id": {clientID}, "redirect_uri": {redirectURL}, "scope": {"openid email"}, "state": {state},
	}
}

// answer is what the browser got.
type answer struct {
	status   int
	location string
	header   http.Header
	body     string
}

func (p *replica) get(path string, query url.Values) answer {
	p.t.Helper()
	return p.getRaw(path, query.Encode())
}

func (p *replica) getRaw(path, query string) answer {
	p.t.Helper()
	resp, err := p.client.Get(p.server.URL + "/bridge/oauth/" + path + "?" + query)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	location := resp.Header.Get("Location")
	if path == "callback" {
		_, _ = p.Write([]byte(location + string(body)))
	}
	return answer{resp.StatusCode, location, resp.Header, string(body)}
}

func (p *replica) callback(state, code string) answer {
	p.t.Helper()
	return p.get("callback", url.Values{"state": {state}, "code": {code}})
}

// signIn goes the whole way as ada, through /oauth/start where PKCE is set.
func (p *replica) signIn(state string) answer {
	p.t.Helper()
	return p.callback(state, p.codeFor(state, "ada"))
}

func (p *replica) codeFor(state, sub string) string {
	p.t.Helper()
	query := asked(state)
	if p.service.providers["acme"].settings.PKCE {
		began := p.get("start", query)
		address, err := url.Parse(began.location)
		if began.status != 302 || err != nil || address.Path != "/authorize" {
			p.t.Fatalf("start answered %d %s", began.status, began.location)
		}
		query = address.Query()
	}
	return p.provider.authorize(query, sub)
}

// ended checks how a visit ended for everybody: on the page, for Messages, and for the helpdesk where it is told.
func (p *replica) ended(got answer, end *ending, words string) {
	p.t.Helper()
	if got.status != 302 || got.location != end.location() || !strings.Contains(got.body, "<h1>"+end.title) {
		p.t.Errorf("answered %d %s, want %s\n%s", got.status, got.location, end.location(), got.body)
	}
	told := p.take()
	if end.agent == "" && end != &endSucceeded {
		if len(told) > 0 {
			p.t.Errorf("the helpdesk was told %+v", told)
		}
		return
	}
	if len(told) != 1 {
		p.t.Fatalf("the helpdesk was told %d times: %+v", len(told), told)
	}
	signIn := told[0].signIn
	if told[0].business != business || told[0].customer != customer || signIn.Provider != "acme" || signIn.RequestID != requestID ||
		signIn.Status != end.status || signIn.Confirmed || (signIn.Identity != nil) != (end == &endSucceeded) {
		p.t.Errorf("the helpdesk was told %+v", told[0])
	}
	if !strings.HasPrefix(signIn.Error, end.agent) || !strings.Contains(signIn.Error, words) {
		p.t.Errorf("the helpdesk was told %q, want %q … %q", signIn.Error, end.agent, words)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.counted["acme/"+string(end.status)] == 0 {
		p.t.Errorf("counted %v", p.counted)
	}
}

func (r *rig) sawRefusals(reasons ...signature.Reason) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.refused, reasons) {
		r.t.Errorf("refused %v, want %v", r.refused, reasons)
	}
}
