package auth

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What must never be in an error or in the log.
const (
	clientSecret = "S3cret-of-the-client"
	password     = "S3cret-password"
	tokenText    = "S3cret-token"
	refreshText  = "S3cret-refresh"
	codeText     = "S3cret-code"
)

// request is what a server saw.
type request struct {
	method, path, query, body string
	header                    http.Header
}

func (r request) form() url.Values {
	values, _ := url.ParseQuery(r.body)
	return values
}

// server answers its requests one after the other; the last answer holds for all that follow.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	answers  []http.HandlerFunc
	requests []request
}

func serve(t testing.TB, answers ...http.HandlerFunc) *server {
	t.Helper()
	s := &server{answers: answers}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.requests = append(s.requests, request{r.Method, r.URL.Path, r.URL.RawQuery, string(body), r.Header})
		answer := s.answers[min(len(s.requests), len(s.answers))-1]
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) seen() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.requests...)
}

func (s *server) wantRequests(t testing.TB, want int) {
	t.Helper()
	if got := len(s.seen()); got != want {
		t.Errorf("%s was asked %d times, want %d", s.URL, got, want)
	}
}

func says(status int, contentType, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		for i := 0; i < len(headers); i += 2 {
			w.Header().Add(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func saysJSON(body string) http.HandlerFunc { return says(200, "application/json", body) }

var ok = says(200, "text/plain", "fine")

// numbered gives another token each time: token-1, token-2.
func numbered(life string) []http.HandlerFunc {
	var answers []http.HandlerFunc
	for _, n := range []string{"1", "2", "3", "4", "5", "6"} {
		answers = append(answers, saysJSON(`{"access_token":"token-`+n+`","token_type":"bearer","expires_in":`+life+`}`))
	}
	return answers
}

// onlyWith is an API that knows one value of Authorization.
func onlyWith(value string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != value {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}
}

// clock is a time that stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// logged is a log that can be read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// rig is an Authorizer of an API, with the client that calls it.
type rig struct {
	*Authorizer
	api    *server
	client *httpclient.Client
	clock  *clock
	log    *logged
}

func newRig(t testing.TB, api *server, deps Deps, settings ...Settings) *rig {
	t.Helper()
	r := &rig{api: api, clock: newClock(), log: &logged{}}
	deps.Peer, deps.Metrics, deps.Origins = "desk", metrics.New("test", "test"), []string{api.URL}
	deps.Logger = slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if deps.Now == nil {
		deps.Now = r.clock.now
	}
	var err error
	if r.Authorizer, err = New(settings, deps); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Authorizer.Close)
	r.client = httpclient.New(httpclient.Options{Peer: "desk", Metrics: deps.Metrics})
	t.Cleanup(r.client.Close)
	t.Cleanup(func() { noSecretIn(t, r.log.String()) })
	return r
}

func (r *rig) call() httpclient.Call {
	return httpclient.Call{Operation: "call", Method: http.MethodPost, URL: r.api.URL + "/api", Body: []byte("the body"), Auth: r.Session()}
}

func (r *rig) do(ctx context.Context, call httpclient.Call) (*httpclient.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return r.client.Do(ctx, call)
}

// wantStatus makes a call.
func (r *rig) wantStatus(t testing.TB, want int) {
	t.Helper()
	resp, err := r.do(t.Context(), r.call())
	if err != nil {
		t.Fatal(err)
	}
	if resp.Status != want {
		t.Errorf("answered %d, want %d", resp.Status, want)
	}
}

// wantFailure makes a call.
func (r *rig) wantFailure(t testing.TB, class message.Class, texts ...string) {
	t.Helper()
	_, err := r.do(t.Context(), r.call())
	wantFailure(t, err, class, texts...)
}

func wantFailure(t testing.TB, err error, class message.Class, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("succeeded; want %s", class)
	}
	failure := message.FailureOf(err)
	if failure.Class != class {
		t.Errorf("%s: %v; want %s", failure.Class, err, class)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q does not say %q", err, text)
		}
	}
	noSecretIn(t, err.Error())
}

func noSecretIn(t testing.TB, text string) {
	t.Helper()
	for _, form := range []string{text, strings.ToLower(text)} {
		if strings.Contains(form, "S3cret") || strings.Contains(form, "s3cret") || strings.Contains(form, "UzNjcmV0") {
			t.Errorf("a secret is in %q", text)
		}
	}
}

// client is the usual client_credentials of a provider.
func client(provider *server) Settings {
	return Settings{Kind: kindClientCredentials, TokenURL: provider.URL + "/token", ClientID: "bridge", ClientSecret: clientSecret}
}

func secrets(pairs ...string) map[string]config.Secret {
	m := map[string]config.Secret{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = config.Secret(pairs[i+1])
	}
	return m
}
