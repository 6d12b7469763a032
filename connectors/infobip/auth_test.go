package infobip_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"bizbridge/bridge/httpclient/auth"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/infobip"
	"bizbridge/connectors/infobip/infobiptest"
)

// What Infobip's documentation of Exchange has as an example.
const (
	clientID     = "d5e47f02d627e390d615c2e93f168eb6"
	clientSecret = "YED8Q0KHeYgQxtjdUkR376Uxu0/zdvwAVZb3ZQ3GGZU="
	exchangeCode = "822762fa24e04975"
	ssoToken     = "3d7908aa-7b8c-4c5a-94bf-5cdeef18947b"
	redirectURL  = "https://www.my-app.com"
)

const tokenAnswer = `{
	"token": "` + ssoToken + `", "tokenType": "IBSSO", "accountKey": "8F0792F86035A9F4290821F1EE6BC06A",
	"userKey": "F443BCAEB8517F7159F44D0E8CFE725D", "username": "developeruser", "email": "dev@example.com", "locale": "en-US",
	"roles": [{"id": 79, "name": " Manager 1"}], "groups": [{"id": 54004, "name": "Group1"}]
}`

// exchange is the provider of Exchange's tokens. challenge is what the page was opened with.
func exchange(t *testing.T, challenge *string) *httptest.Server {
	used := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.Method != http.MethodPost || r.URL.Path != "/exchange/1/oauth/token" {
			t.Errorf("%s %s, %v", r.Method, r.URL.Path, err)
		}
		sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
		want := url.Values{
			"client_id": {clientID}, "client_secret": {clientSecret}, "code": {exchangeCode}, "redirect_uri": {redirectURL},
			"grant_type": {"authorization_code"}, "code_verifier": {r.PostForm.Get("code_verifier")},
		}
		if used || r.PostForm.Encode() != want.Encode() || base64.RawURLEncoding.EncodeToString(sum[:]) != *challenge {
			http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
			return
		}
		used = true
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, tokenAnswer)
	}))
	t.Cleanup(server.Close)
	return server
}

func by(settings auth.Settings) func(*infobip.Config) {
	return func(c *infobip.Config) { c.APIKey, c.Auth = "", []auth.Settings{settings} }
}

// An operator grants an Exchange app access once; the connector calls with the token that comes of it.
func TestExchangeGrant(t *testing.T) {
	var challenge string
	provider := exchange(t, &challenge)
	settings := auth.Settings{
		Kind: "oauth2_authorization_code", AuthorizeURL: provider.URL + "/exchange/1/oauth/authorize", TokenURL: provider.URL + "/exchange/1/oauth/token",
		RedirectURL: redirectURL, ClientID: clientID, ClientSecret: clientSecret, Scopes: []string{"api_read"},
	}
	grant, err := auth.NewGrant(settings, auth.Deps{Peer: "infobip", Metrics: metrics.New("test", "test")})
	if err != nil {
		t.Fatal(err)
	}
	defer grant.Close()
	page, err := url.Parse(grant.URL())
	if err != nil {
		t.Fatal(err)
	}
	asked := page.Query()
	challenge = asked.Get("code_challenge")
	for name, want := range map[string]string{"response_type": "code", "client_id": clientID, "redirect_uri": redirectURL, "scope": "api_read"} {
		if asked.Get(name) != want {
			t.Errorf("the page is opened with %s=%q", name, asked.Get(name))
		}
	}
	code, err := grant.Read(redirectURL + "/?code=" + exchangeCode + "&state=" + url.QueryEscape(asked.Get("state")))
	if err != nil {
		t.Fatal(err)
	}
	file, err := grant.Exchange(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := grant.Exchange(t.Context(), code); err == nil {
		t.Error("a code works twice")
	}
	for name, content := range map[string]string{"what bizbridge auth writes": string(file), "the provider's own answer": tokenAnswer} {
		settings.Grant = config.Secret(content)
		desk := startDesk(t)
		desk.Authorization = "IBSSO " + ssoToken
		if err := deliver(t, connect(t, desk.URL, by(settings)), said("Hi")); err != nil || len(desk.Messages()) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A token of the bridge's own is replaced once when it is refused.
func TestClientCredentials(t *testing.T) {
	fetched := 0
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fetched++
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":3600}`, fetched)
	}))
	t.Cleanup(provider.Close)
	desk := startDesk(t)
	desk.Authorization = "Bearer token-2"
	connector := connect(t, desk.URL, by(auth.Settings{Kind: "oauth2_client_credentials", TokenURL: provider.URL + "/auth/1/oauth2/token", ClientID: "bridge", ClientSecret: hunter}))
	mustDeliver(t, connector, said("Hi"))
	if err := connector.(connectors.NoteWriter).WriteNote(soon(t), business, customer, "x"); err != nil {
		t.Fatal(err)
	}
	if n := len(desk.Messages()); n != 1 || fetched != 2 {
		t.Errorf("%d messages, %d tokens", n, fetched)
	}
}

// No error, and nothing that prints the settings, holds a secret.
func TestNothingHoldsASecret(t *testing.T) {
	settings := infobip.Config{APIKey: hunter, SigningSecrets: secrets(hunter), WebhookSecrets: secrets(hunter), Auth: []auth.Settings{{ClientSecret: hunter, Grant: hunter}}}
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	printed := string(text) + fmt.Sprintf("%v %+v %#v %s %q", settings, settings, settings, settings, &settings)
	for _, status := range []int{302, 400, 401, 403, 404, 429, 500} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // repeats what it was told
			w.Header().Set("Location", "https://elsewhere.example/?token="+hunter)
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, `{"description":%q,"errorCode":%q}`, r.Header.Get("Authorization"), hunter)
		}))
		connector := connect(t, server.URL, func(c *infobip.Config) { c.APIKey = hunter; closingText(c) })
		_, delivered := connector.Deliver(t.Context(), said("Hi"))
		errs := errors.Join(delivered, connector.(connectors.CloseRelay).RelayClose(t.Context(), event(message.EventClosed, nil)),
			connector.(connectors.NoteWriter).WriteNote(t.Context(), business, customer, "x"))
		printed += fmt.Sprintf("%+v %v", errs, connector.(connectors.Checker).Check(t.Context()))
		server.Close()
	}
	connector := connect(t, "http://127.0.0.1:1", func(c *infobip.Config) { c.SigningSecrets = secrets(hunter) })
	for _, body := range []string{`{"sender":"x","message":{"body":{"type":"` + hunter + `"}}}`, `{`, outbound(`{"type":"JSON","json":{"kind":"x"}}`)} {
		for _, secret := range []string{hunter, "another"} {
			_, err := connector.Receive(t.Context(), infobiptest.Signed(secret, happened, body))
			printed += fmt.Sprintf("%+v", err)
		}
	}
	if at := strings.Index(printed, hunter); at >= 0 {
		t.Errorf("a secret is in …%.200s", printed[max(0, at-100):])
	}
}
