package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/config"
)

func code(provider *server) Settings {
	return Settings{
		Kind: kindAuthorizationCode, TokenURL: provider.URL + "/token", AuthorizeURL: provider.URL + "/authorize", ClientID: "bridge",
		ClientSecret: clientSecret,
	}
}

func newGrant(t testing.TB, settings Settings, now func() time.Time) *Grant {
	t.Helper()
	g, err := NewGrant(settings, Deps{Peer: "desk", Metrics: metrics.New("test", "test"), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

// agree is what the provider's page does with the browser: it gives the address that the browser is sent to.
func agree(t testing.TB, page, answer string) string {
	t.Helper()
	u, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	return query.Get("redirect_uri") + "?" + answer + "&state=" + url.QueryEscape(query.Get("state"))
}

func browse(t testing.TB, address string) int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(address)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	noSecretIn(t, string(body))
	return resp.StatusCode
}

type waited struct {
	code string
	err  error
}

func wait(t testing.TB, g *Grant) <-chan waited {
	done := make(chan waited, 1)
	go func() { code, err := g.Wait(t.Context()); done <- waited{code, err} }()
	return done
}

// Infobip Exchange as it documents itself: a code of 16 hex digits for a minute, an answer with token and tokenType, no
// word of an end and no refresh token, and the token sent as "IBSSO <token>".
func TestInfobipExchange(t *testing.T) {
	t.Parallel()
	const clientID, code, token = "d5e47f02d627e390d615c2e93f168eb6", "822762fa24e04975", "3d7908aa-7b8c-4c5a-94bf-5cdeef18947b"
	clock := newClock()
	issued := clock.now()
	var challenge string
	provider := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if clock.now().Sub(issued) > time.Minute {
			says(400, "application/json", `{"error":"invalid_grant"}`)(w, r)
			return
		}
		saysJSON(`{"token":"`+token+`","tokenType":"IBSSO","accountKey":"8F0792F86035A9F4290821F1EE6BC06A","userKey":"F443BCAEB8517F7159F44D0E8CFE725D",
			"username":"developeruser","email":"x@example.com","locale":"en-US","roles":[{"id":79,"name":" Manager 1"}],"groups":[{"id":54004,"name":"Group1"}]}`)(w, r)
	})
	settings := Settings{
		Kind: kindAuthorizationCode, AuthorizeURL: "https://oneapi.infobip.com/exchange/1/oauth/authorize", TokenURL: provider.URL + "/exchange/1/oauth/token",
		ClientID: clientID, Scopes: []string{"api_read"}, RedirectURL: "https://www.my-app.com",
	}
	g := newGrant(t, settings, clock.now)
	if g.Listens() {
		t.Error("that is not this machine")
	}
	page, err := url.Parse(g.URL())
	if err != nil {
		t.Fatal(err)
	}
	query := page.Query()
	challenge = query.Get("code_challenge")
	for name, want := range map[string]string{
		"response_type": "code", "client_id": clientID, "redirect_uri": "https://www.my-app.com", "scope": "api_read", "code_challenge_method": "S256",
	} {
		if query.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, query.Get(name), want)
		}
	}
	if page.Host != "oneapi.infobip.com" || len(challenge) != 43 || len(query.Get("state")) < 20 {
		t.Errorf("%s", page)
	}
	got, err := g.Read(agree(t, g.URL(), "code="+code) + "\n")
	if err != nil || got != code {
		t.Fatalf("%q %v", got, err)
	}
	clock.move(59 * time.Second)
	content, err := g.Exchange(t.Context(), got)
	if err != nil {
		t.Fatal(err)
	}
	form := provider.seen()[0].form()
	if oauth2.S256ChallengeFromVerifier(form.Get("code_verifier")) != challenge {
		t.Error("the verifier does not belong to the challenge")
	}
	form.Del("code_verifier")
	if want := "client_id=" + clientID + "&code=" + code + "&grant_type=authorization_code&redirect_uri=https%3A%2F%2Fwww.my-app.com"; form.Encode() != want {
		t.Errorf("asked with %s, want %s", form.Encode(), want)
	}
	if want := "{\n  \"access_token\": \"" + token + "\",\n  \"token_type\": \"IBSSO\"\n}\n"; string(content) != want {
		t.Errorf("wrote %s", content)
	}
	settings.Grant = config.Secret(content)
	r := newRig(t, serve(t, ok), Deps{}, settings)
	for range 2 {
		r.wantStatus(t, 200)
		r.clock.move(1000 * time.Hour) // it has no end
	}
	if sent := r.api.seen()[1].header.Get("Authorization"); sent != "IBSSO "+token {
		t.Errorf("sent %q", sent)
	}
	clock.move(2 * time.Second)
	_, err = g.Exchange(t.Context(), code)
	wantFailure(t, err, message.Auth, "invalid_grant", `bizbridge auth desk`)
}

func TestTheBrowserComesBack(t *testing.T) {
	t.Parallel()
	clock := newClock()
	provider := serve(t, saysJSON(`{"access_token":"`+tokenText+`","token_type":"bearer","refresh_token":"`+refreshText+`","expires_in":"3600"}`))
	for _, redirect := range []string{"", "http://localhost:0/back", "http://127.0.0.1:0"} {
		settings := code(provider)
		settings.RedirectURL = redirect
		g := newGrant(t, settings, clock.now)
		if !g.Listens() {
			t.Fatal("nobody listens")
		}
		done := wait(t, g)
		address, err := url.Parse(agree(t, g.URL(), "code="+codeText))
		if err != nil {
			t.Fatal(err)
		}
		address.Host = g.listener.Addr().String() // where redirect_url gives no port, a test cannot know it
		stray := *address
		stray.RawQuery = "code=evil&state=guessed"
		other := *address
		other.Path += "/other"
		for _, not := range []*url.URL{&stray, &other} {
			if status := browse(t, not.String()); status != 404 {
				t.Errorf("%s was answered %d", not, status)
			}
		}
		if status := browse(t, address.String()); status != 200 {
			t.Errorf("answered %d", status)
		}
		got := <-done
		if got.code != codeText || got.err != nil {
			t.Fatalf("%+v", got)
		}
		content, err := g.Exchange(t.Context(), got.code)
		if err != nil {
			t.Fatal(err)
		}
		var file map[string]string
		if err := json.Unmarshal(content, &file); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"access_token": tokenText, "token_type": "Bearer", "refresh_token": refreshText, "expires_at": "2026-01-02T04:04:05Z"}
		if fmt.Sprint(file) != fmt.Sprint(want) {
			t.Errorf("wrote %v, want %v", file, want)
		}
		if redirect == "" && g.redirect.Port() == "0" {
			t.Errorf("redirect_uri has no port: %s", g.redirectURL())
		}
	}
}

func TestAGrantThatIsRefused(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		"error=access_denied": "the provider refuses: access_denied", "error=S3cret": "the provider refuses: an error of its own", "x=1": "no code in it",
	} {
		g := newGrant(t, code(serve(t, ok)), nil)
		done := wait(t, g)
		address := agree(t, g.URL(), answer)
		if status := browse(t, address); status != 400 {
			t.Errorf("answered %d", status)
		}
		if got := <-done; got.err == nil || !strings.Contains(got.err.Error(), want) {
			t.Errorf("%v, want %s", got.err, want)
		}
	}
	g := newGrant(t, code(serve(t, ok)), nil)
	for text, want := range map[string]string{
		"822762fa24e04975": "not the whole address", "http://x/?code=1": "another attempt", "http://x/?code=1&state=2": "another attempt", ":": "not the whole address",
	} {
		if _, err := g.Read(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Wait(ctx); err == nil {
		t.Error("waited for ever")
	}
	if _, err := NewGrant(Settings{Kind: "bearer", Token: "x"}, Deps{}); err == nil {
		t.Error("a bearer token needs no grant")
	}
	if _, err := NewGrant(Settings{Kind: kindAuthorizationCode}, Deps{}); err == nil {
		t.Error("broken settings were taken")
	}
}

func granted(s Settings, grant string) Settings {
	s.Grant = config.Secret(grant)
	return s
}

func TestAGrantIsUsedAndRefreshed(t *testing.T) {
	t.Parallel()
	const end = "2026-01-02T04:04:05Z" // an hour from the clock's time
	for name, test := range map[string]struct {
		grant string
		after time.Duration
		want  string // Authorization
		asked int
	}{
		"the file's token":         {`{"access_token":"first","refresh_token":"` + refreshText + `","expires_at":"` + end + `"}`, 58 * time.Minute, "Bearer first", 0},
		"shortly before its end":   {`{"access_token":"first","refresh_token":"` + refreshText + `","expires_at":"` + end + `"}`, 59 * time.Minute, "Bearer token-1", 1},
		"after its end":            {`{"access_token":"first","refresh_token":"` + refreshText + `","expires_at":"` + end + `"}`, 2 * time.Hour, "Bearer token-1", 1},
		"an end that is not known": {`{"access_token":"first","refresh_token":"` + refreshText + `"}`, 0, "Bearer token-1", 1},
		"a refresh token alone":    {`{"refresh_token":"` + refreshText + `"}`, 0, "Bearer token-1", 1},
		"a provider's own answer":  {`{"accessToken":"first","refreshToken":"` + refreshText + `","expires_in":3600}`, 0, "Bearer token-1", 1},
		"no refresh token":         {`{"access_token":"first","token_type":"IBSSO","expires_at":"` + end + `"}`, time.Hour - 1, "IBSSO first", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			provider := serve(t, numbered("3600")...)
			r := newRig(t, serve(t, ok), Deps{}, granted(code(provider), test.grant))
			r.clock.move(test.after)
			r.wantStatus(t, 200)
			r.wantStatus(t, 200)
			if got := r.api.seen()[1].header.Get("Authorization"); got != test.want {
				t.Errorf("sent %q, want %q", got, test.want)
			}
			provider.wantRequests(t, test.asked)
			for _, got := range provider.seen() {
				if want := "client_id=bridge&client_secret=" + clientSecret + "&grant_type=refresh_token&refresh_token=" + refreshText; got.body != want {
					t.Errorf("asked with %q", got.body)
				}
			}
		})
	}
}

func TestWithoutAGrantAnOperatorIsNeeded(t *testing.T) {
	t.Parallel()
	for grant, want := range map[string]string{
		"": "nothing is granted to desk yet", " \n": "is granted", `{"access_token":"first","expires_at":"2026-01-02T03:04:05Z"}`: "has expired",
	} {
		provider := serve(t, ok)
		r := newRig(t, serve(t, ok), Deps{}, granted(code(provider), grant))
		if grant == " \n" {
			want = "bizbridge auth desk"
		}
		r.wantFailure(t, message.Auth, want, "bizbridge auth desk")
		provider.wantRequests(t, 0)
	}
}

// A token that nothing can replace is not given up for one refusal.
func TestATokenWithoutSuccessorIsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, serve(t, says(401, "", ""), ok), Deps{}, granted(code(serve(t, ok)), `{"access_token":"`+tokenText+`","token_type":"IBSSO"}`))
	r.wantStatus(t, 401)
	r.api.wantRequests(t, 1)
	if !strings.Contains(r.log.String(), "bizbridge auth desk") {
		t.Errorf("the log says %q", r.log)
	}
	r.wantStatus(t, 200)
}

func TestAReplacedRefreshTokenIsKeptInMemory(t *testing.T) {
	t.Parallel()
	answer := func(n string) http.HandlerFunc {
		return saysJSON(`{"access_token":"` + tokenText + n + `","refresh_token":"` + refreshText + n + `","expires_in":600}`)
	}
	provider := serve(t, answer("-1"), answer("-2"), saysJSON(`{"access_token":"x","expires_in":600}`), answer("-4"), says(400, "", `{"error":"invalid_grant"}`))
	settings := granted(code(provider), `{"refresh_token":"`+refreshText+`"}`)
	r := newRig(t, serve(t, ok), Deps{GrantFile: "/etc/bizbridge/grant.json"}, settings)
	for range 3 {
		r.wantStatus(t, 200)
		r.clock.move(time.Hour)
	}
	if n := strings.Count(r.log.String(), "/etc/bizbridge/grant.json"); n != 1 {
		t.Errorf("the file is named %d times in %q", n, r.log)
	}
	// A new configuration with the same grant goes on where the old one was, one with another begins anew.
	next := newRig(t, r.api, Deps{Previous: r.Authorizer, Now: r.clock.now}, settings)
	r.Authorizer.Close()
	next.wantStatus(t, 200)
	other := newRig(t, r.api, Deps{Previous: next.Authorizer, Now: r.clock.now}, granted(settings, `{"refresh_token":"S3cret-new"}`))
	other.wantFailure(t, message.Auth, "invalid_grant", "bizbridge auth desk")
	var used []string
	for _, got := range provider.seen() {
		used = append(used, strings.TrimPrefix(got.form().Get("refresh_token"), "S3cret-"))
	}
	if want := "[refresh refresh-1 refresh-2 refresh-2 new]"; fmt.Sprint(used) != want {
		t.Errorf("used %v, want %v", used, want)
	}
}

// A refresh that may have arrived is not repeated: where the token is replaced with every use, that looks like a thief.
func TestARefreshIsNotRepeated(t *testing.T) {
	t.Parallel()
	provider := serve(t, raw(""), numbered("600")[0])
	r := newRig(t, serve(t, ok), Deps{}, granted(code(provider), `{"refresh_token":"`+refreshText+`"}`))
	r.wantFailure(t, message.Transient)
	provider.wantRequests(t, 1)
}
