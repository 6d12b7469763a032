package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"bizbridge/bridge/httpclient/auth"
	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/registry"
	"bizbridge/connectors/webhook"
	"bizbridge/connectors/webhook/webhooktest"
)

func login(list ...auth.Settings) func(*webhook.Config) {
	return func(c *webhook.Config) { c.Auth = list }
}

var bearer = auth.Settings{Kind: "bearer", Token: hunter}

// logins records who called, and answers as it is told.
type logins struct {
	*httptest.Server
	mu     sync.Mutex
	header []http.Header
}

func startLogins(t *testing.T, answer http.HandlerFunc) *logins {
	l := &logins{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		l.mu.Lock()
		l.header = append(l.header, r.Header.Clone())
		l.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(l.Close)
	return l
}

// authorizations are those of all calls so far.
func (l *logins) authorizations() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for _, header := range l.header {
		all = append(all, header.Get("Authorization"))
	}
	return strings.Join(all, ", ")
}

func fine(http.ResponseWriter, *http.Request) {}

// numbered is a provider of tokens: token-1, token-2.
func numbered(t *testing.T) *logins {
	var provider *logins
	provider = startLogins(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		provider.mu.Lock()
		defer provider.mu.Unlock()
		_, _ = fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"bearer","expires_in":3600}`, len(provider.header))
	})
	return provider
}

func byProvider(provider *logins) auth.Settings {
	return auth.Settings{Kind: "oauth2_client_credentials", TokenURL: provider.URL, ClientID: "bridge", ClientSecret: hunter}
}

// Every call is authenticated, however it is made.
func TestEveryCallIsAuthenticated(t *testing.T) {
	event := events()["message.received"]
	closed := 0
	for name, c := range map[string]struct {
		call    func(connectors.Connector) error
		changes []func(*webhook.Config)
	}{
		"a message": {func(c connectors.Connector) error { _, err := c.Deliver(t.Context(), event); return err }, nil},
		"typing": {func(c connectors.Connector) error {
			return c.(connectors.TypingRelay).RelayTyping(t.Context(), events()["typing.started"])
		}, nil},
		"the end": {func(c connectors.Connector) error {
			return c.(connectors.CloseRelay).RelayClose(t.Context(), events()["conversation.closed"])
		}, nil},
		"files beside it": {func(c connectors.Connector) error {
			_, err := c.Deliver(t.Context(), eventWith(withFile("a.txt", "text/plain", 1, strings.NewReader("a"), &closed)))
			return err
		}, []func(*webhook.Config){multiparts}},
		"a step of a mapping": {func(c connectors.Connector) error { _, err := c.Deliver(t.Context(), event); return err }, []func(*webhook.Config){
			byFile(t, nil, "vars: {base: null}", "inbound:", "  - name: text", "    steps:", "      - name: post",
				`        request: {method: POST, url: '\($vars.base)/x', headers: {Authorization: "from the mapping"}}`),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			desk := startLogins(t, fine)
			if err := c.call(connect(t, desk.URL, time.Now, append(c.changes, login(bearer))...)); err != nil {
				t.Fatal(err)
			}
			if got := desk.authorizations(); got != "Bearer "+hunter {
				t.Errorf("sent %q", got)
			}
		})
	}
}

// deliverInTime has a deadline, without which nothing is tried again.
func deliverInTime(t *testing.T, connector connectors.Connector, event message.Event) error {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := connector.Deliver(ctx, event)
	return err
}

// A token that the helpdesk refuses is replaced once, and the event arrives.
func TestARefusedTokenIsReplacedOnce(t *testing.T) {
	provider := numbered(t)
	desk := startLogins(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token-2" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	connector := connect(t, desk.URL, time.Now, login(byProvider(provider)))
	for range 2 {
		if err := deliverInTime(t, connector, events()["message.received"]); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := desk.authorizations(), "Bearer token-1, Bearer token-2, Bearer token-2"; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
	if n := len(provider.header); n != 2 {
		t.Errorf("the provider was asked %d times", n)
	}

	// A helpdesk that refuses every token is not asked a third time.
	provider, desk = numbered(t), startLogins(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	err := deliverInTime(t, connect(t, desk.URL, time.Now, login(byProvider(provider))), events()["message.received"])
	if failure, ok := errors.AsType[*message.Failure](err); !ok || failure.Class != message.Auth {
		t.Errorf("failed with %v", err)
	}
	if got, want := desk.authorizations(), "Bearer token-1, Bearer token-2"; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
}

// Credentials go to the origins of url and of vars.base, and to nobody else that a mapping calls.
func TestOthersGetNoCredentials(t *testing.T) {
	desk, api, other := startLogins(t, fine), startLogins(t, fine), startLogins(t, fine)
	step := func(name, address string) []string {
		return []string{"      - name: " + name, "        request: {method: POST, url: '" + address + "'}"}
	}
	lines := []string{"vars: {base: null, desk: null, other: null}", "inbound:", "  - name: text", "    steps:"}
	for _, name := range []string{"base", "desk", "other"} {
		lines = append(lines, step(name, `\($vars.`+name+`)/x`)...)
	}
	vars := map[string]config.Secret{"base": config.Secret(api.URL), "desk": config.Secret(desk.URL), "other": config.Secret(other.URL)}
	connector := connect(t, desk.URL+"/hook", time.Now, byFile(t, vars, lines...), login(bearer))
	if err := deliver(t, connector, events()["message.received"]); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{"url": desk.authorizations(), "vars.base": api.authorizations()} {
		if got != "Bearer "+hunter {
			t.Errorf("%s got %q", name, got)
		}
	}
	if len(other.header) != 1 || other.authorizations() != "" {
		t.Errorf("another got %v", other.header)
	}
}

func TestNoErrorHoldsASecretOfALogin(t *testing.T) {
	event := events()["message.received"]
	for _, status := range []int{302, 400, 401, 403, 429, 500} {
		refusing := func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "https://elsewhere.example/?token="+hunter)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"error":"`+hunter+`","error_description":"`+r.Header.Get("Authorization")+`"}`)
		}
		desk, provider := startLogins(t, refusing), startLogins(t, refusing)
		for name, settings := range map[string]auth.Settings{
			"basic": {Kind: "basic", Username: "bridge", Password: hunter}, "bearer": bearer,
			"query": {Kind: "api_key", Key: hunter, Query: "key"}, "no token": byProvider(provider), "a token": byProvider(numbered(t)),
			"expired": {Kind: "oauth2_authorization_code", AuthorizeURL: provider.URL, TokenURL: provider.URL, ClientID: "bridge", Grant: `{"refresh_token":"` + hunter + `"}`},
		} {
			err := deliver(t, connect(t, desk.URL, time.Now, login(settings)), event)
			mustBeSilent(t, fmt.Sprintf("%s, %d", name, status), err)
		}
	}
	err := deliver(t, connect(t, "http://127.0.0.1:1", time.Now, login(auth.Settings{Kind: "api_key", Key: hunter, Query: "key"})), event)
	mustBeSilent(t, "nobody listens", err)
}

// What prints the settings, such as a log, shows no secret of them.
func TestALoginIsPrintedWithoutSecrets(t *testing.T) {
	settings := webhook.Config{Auth: []auth.Settings{{
		Password: hunter, Token: hunter, Key: hunter, Secret: hunter, ClientSecret: hunter, Grant: hunter, Fields: secretVars("password", hunter),
	}}}
	data, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(data), fmt.Sprintf("%v %+v %#v %s %q", settings, settings, settings, settings, &settings)} {
		if strings.Contains(text, hunter) {
			t.Errorf("printed: %s", text)
		}
	}
}

// The loader names the place of a mistake, and a key that there is not.
func TestALoginIsCheckedWithItsPlace(t *testing.T) {
	const file = `server: {public_url: "https://bridge.example.com"}
keys: [MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=]
apple: {accounts: [{msp_id: 11111111-2222-3333-4444-555555555555, secrets: [AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=]}]}
businesses: [{id: aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee, msp_id: 11111111-2222-3333-4444-555555555555, connector: desk}]
connectors:
  desk:
    type: webhook
    url: https://desk.example.com
    secrets: [` + webhooktest.Secret + `]
    auth:
`
	for entries, want := range map[string]string{
		"      - {kind: bearer, token: t0ken}\n":                                                  "",
		"      - {kind: oauth2_client_credentials, client_id: bridge}\n":                          "x.yaml:11:9: connectors.desk.auth[0].token_url: is missing. The kind oauth2_client_credentials needs it.",
		"      - {kind: bearer, token: t0ken}\n      - {kind: api_key, key: k, heder: X-Key}\n":   `x.yaml:12:33: unknown key "heder" in connectors.desk.auth[1]. Did you mean "header"?`,
		"      - {kind: oauth2, token: t0ken}\n":                                                  `x.yaml:11:16: connectors.desk.auth[0].kind has an unknown value "oauth2".`,
		"      - {kind: bearer, token: t0ken}\n      - {kind: basic, username: u, password: p}\n": "x.yaml:12:9: connectors.desk.auth[1]: is sent in the same place as auth[0]: header Authorization. Give one of them another header.",
	} {
		_, err := config.Parse("x.yaml", []byte(file+entries), registry.ConfigTypes())
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %s", entries, err, want)
		}
	}
}
