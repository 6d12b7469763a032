package signin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"bizbridge/bridge/message"
)

func TestIDTokens(t *testing.T) {
	t.Parallel()
	set := func(name string, value any) func(*fakeProvider) {
		return func(f *fakeProvider) {
			f.change = func(claims jwt.MapClaims) {
				if value == nil {
					delete(claims, name)
					return
				}
				claims[name] = value
			}
		}
	}
	signed := func(method jwt.SigningMethod, key any) func(*fakeProvider) {
		return func(f *fakeProvider) {
			f.sign = func(claims jwt.MapClaims) string {
				token := jwt.NewWithClaims(method, claims)
				token.Header["kid"] = "k1"
				text, err := token.SignedString(key)
				if err != nil {
					f.t.Error(err)
				}
				return text
			}
		}
	}
	raw := func(text string) func(*fakeProvider) {
		return func(f *fakeProvider) { f.sign = func(jwt.MapClaims) string { return text } }
	}
	for name, test := range map[string]struct {
		break_ func(*fakeProvider)
		end    *ending
		words  string
	}{
		"right":                   {func(*fakeProvider) {}, &endSucceeded, ""},
		"one of two audiences":    {set("aud", []string{"other", clientID}), &endSucceeded, ""},
		"wrong issuer":            {set("iss", "https://evil.example"), &endUnverified, "(iss)"},
		"no issuer":               {set("iss", nil), &endUnverified, "(iss)"},
		"wrong audience":          {set("aud", "client-2"), &endUnverified, "(aud)"},
		"wrong audiences":         {set("aud", []string{"client-2", "client-3"}), &endUnverified, "(aud)"},
		"no audience":             {set("aud", nil), &endUnverified, "(aud)"},
		"wrong party":             {set("azp", "client-2"), &endUnverified, "(azp)"},
		"right party":             {set("azp", clientID), &endSucceeded, ""},
		"wrong nonce":             {set("nonce", "other"), &endUnverified, "(nonce)"},
		"no nonce":                {set("nonce", nil), &endUnverified, "/oauth/start"},
		"expired":                 {set("exp", start.Add(-time.Second).Unix()), &endUnverified, "expired"},
		"never expires":           {set("exp", nil), &endUnverified, "expired"},
		"not yet":                 {set("nbf", start.Add(time.Hour).Unix()), &endUnverified, "not valid yet"},
		"nobody":                  {set("sub", nil), &endUnverified, "(sub)"},
		"other access token":      {set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), &endUnverified, "(at_hash)"},
		"none":                    {signed(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType), &endUnverified, "(alg)"},
		"HS256 with the secret":   {signed(jwt.SigningMethodHS256, []byte(clientSecret)), &endUnverified, "(alg)"},
		"RS512, not offered":      {signed(jwt.SigningMethodRS512, rsaKey()), &endUnverified, "(alg)"},
		"unknown key":             {signed(jwt.SigningMethodRS256, otherRSA()), &endUnverified, "not signed with a key"},
		"not a token":             {raw("not-a-token"), &endUnverified, "not a JWT"},
		"three parts of nothing":  {raw("a.b.c"), &endUnverified, "not a JWT"},
		"none, no signature, raw": {raw("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ."), &endUnverified, "(alg)"},
		"absent":                  {func(f *fakeProvider) { f.noIDToken = true }, &endUnverified, "openid"},
		"no keys": {func(f *fakeProvider) {
			f.answerWith("/keys", 500, "text/plain", "oops "+clientSecret)
		}, &endUnavailable, "keys"},
		"keys are a page": {func(f *fakeProvider) {
			f.answerWith("/keys", 200, "text/html", "<html>"+clientSecret)
		}, &endUnavailable, "keys"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			settings := r.acme()
			settings.PKCE = true
			p := r.replica(settings)
			test.break_(r.provider)
			p.ended(p.signIn(p.state()), test.end, test.words)
		})
	}
}

// The nonce counts only where /oauth/start could send one.
func TestNonceWithoutPKCE(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.replica(r.acme())
	r.provider.change = func(claims jwt.MapClaims) { claims["nonce"] = "the provider's own" }
	p.ended(p.signIn(p.state()), &endSucceeded, "")
}

func TestClaimsAreThePersonsOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	settings := r.acme()
	settings.PKCE = true
	p := r.replica(settings)
	p.signIn(p.state())
	told := p.take()
	for _, name := range exchangeClaims {
		if _, given := told[0].signIn.Identity.Claims[name]; given {
			t.Errorf("%s was handed on", name)
		}
	}
}

func TestKeysRotate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.replica(r.acme())
	p.ended(p.signIn(p.state()), &endSucceeded, "")
	r.provider.locked(func() { r.provider.keys = append(r.provider.keys, signingKey{"k2", ecKey()}) })
	p.ended(p.signIn(p.state()), &endSucceeded, "")
	p.ended(p.signIn(p.state()), &endSucceeded, "")
	if got := r.provider.called("/keys"); got != 2 {
		t.Errorf("the keys were fetched %d times, want 2", got)
	}
	// A key that was withdrawn is forgotten with the next discovery.
	withdrawn := signingKey{"k1", rsaKey()}
	r.provider.locked(func() {
		r.provider.keys = r.provider.keys[1:]
		r.provider.sign = func(claims jwt.MapClaims) string {
			claims["exp"] = r.provider.now().Add(time.Hour).Unix()
			return signWith(t, withdrawn, claims)
		}
	})
	r.pass(discardAfter)
	p.ended(p.signIn(p.state()), &endUnverified, "not signed with a key")
}

func TestUserinfo(t *testing.T) {
	t.Parallel()
	huge := `{"sub":"ada","x":"` + strings.Repeat("x", maxAnswer) + `"}`
	for name, test := range map[string]struct {
		status  int
		kind    string
		body    string
		oidc    bool
		end     *ending
		words   string
		subject string
	}{
		"right":                {200, "application/json", `{"sub":"ada"}`, true, &endSucceeded, "", "ada"},
		"type left out":        {200, "", `{"sub":"ada"}`, false, &endSucceeded, "", "ada"},
		"number":               {200, "application/json", `{"id":9007199254740993}`, false, &endSucceeded, "", "9007199254740993"},
		"id, with an issuer":   {200, "application/json", `{"id":"ada"}`, true, &endUnverified, "(sub)", ""},
		"other person":         {200, "application/json", `{"sub":"eve"}`, true, &endUnverified, "another person", ""},
		"nobody":               {200, "application/json", `{"name":"Ada"}`, false, &endUnverified, "(sub)", ""},
		"empty sub":            {200, "application/json", `{"sub":""}`, false, &endUnverified, "(sub)", ""},
		"sub is a list":        {200, "application/json", `{"sub":["ada"]}`, false, &endUnverified, "(sub)", ""},
		"list":                 {200, "application/json", `[{"sub":"ada"}]`, false, &endUnverified, "JSON object", ""},
		"null":                 {200, "application/json", `null`, false, &endUnverified, "JSON object", ""},
		"more than one":        {200, "application/json", `{"sub":"ada"}{"sub":"eve"}`, false, &endUnverified, "JSON object", ""},
		"empty":                {200, "application/json", ``, false, &endUnverified, "JSON object", ""},
		"page":                 {200, "text/html; charset=utf-8", `<html>Sign in`, false, &endMisconfigured, "web page", ""},
		"signed":               {200, "application/jwt", `e30.e30.e30`, false, &endMisconfigured, "(JWT)", ""},
		"huge":                 {200, "application/json", huge, false, &endUnverified, "1 MB", ""},
		"not accepted":         {401, "application/json", `{"error":"invalid_token"}`, false, &endRefused, "401", ""},
		"page, 403":            {403, "text/html", `<html>`, false, &endMisconfigured, "403 with a web page", ""},
		"redirect":             {302, "text/html", ``, false, &endMisconfigured, "redirects are not followed", ""},
		"broken":               {500, "text/html", `<html>`, false, &endUnavailable, "500", ""},
		"busy":                 {429, "application/json", `{}`, false, &endUnavailable, "429", ""},
		"created":              {201, "application/json", `{"sub":"ada"}`, false, &endUnverified, "not 200", ""},
		"breaks off":           {200, "break", `{"sub":"ada"`, false, &endUnavailable, "broke off", ""},
		"closes":               {200, "close", ``, false, &endUnavailable, "cannot be reached", ""},
		"switches to a socket": {101, "", ``, false, &endUnverified, "not 200", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			settings := r.plain()
			if test.oidc {
				settings = r.acme()
				settings.Identity = IdentityUserinfo
			}
			p := r.replica(settings)
			r.provider.locked(func() {
				r.provider.instead["/userinfo"] = func(w http.ResponseWriter, _ *http.Request) {
					switch test.kind {
					case "close":
						panic(http.ErrAbortHandler)
					case "break":
						w.Header().Set("Content-Length", "1000")
					default:
						w.Header()["Content-Type"] = nil
						if test.kind != "" {
							w.Header().Set("Content-Type", test.kind)
						}
						w.Header().Set("Location", "/userinfo2")
					}
					w.WriteHeader(test.status)
					_, _ = io.WriteString(w, test.body)
				}
			})
			got := p.signIn(p.state())
			if test.subject != "" {
				told := p.take()
				if len(told) != 1 || !strings.HasSuffix(told[0].signIn.Identity.Subject, "/"+test.subject) {
					t.Errorf("told %+v", told)
				}
				return
			}
			p.ended(got, test.end, test.words)
			if r.provider.called("/userinfo2") > 0 {
				t.Error("a redirect was followed")
			}
		})
	}
}

func TestTokenEndpointFails(t *testing.T) {
	t.Parallel()
	const page = "<html>Sign in with the-code-of-the-page"
	for name, test := range map[string]struct {
		status int
		kind   string
		body   string
		end    *ending
		words  string
	}{
		"spent":               {400, "application/json", `{"error":"invalid_grant","error_description":"` + clientSecret + `"}`, &endSpent, "invalid_grant"},
		"spent, by GitHub":    {200, "application/json", `{"error":"bad_verification_code"}`, &endSpent, "bad_verification_code"},
		"spent, as a form":    {200, "application/x-www-form-urlencoded", `error=bad_verification_code`, &endSpent, "bad_verification_code"},
		"unknown client":      {401, "application/json", `{"error":"invalid_client"}`, &endMisconfigured, "client_secret"},
		"client not allowed":  {400, "application/json", `{"error":"unauthorized_client"}`, &endMisconfigured, "unauthorized_client"},
		"401 without words":   {401, "text/plain", ``, &endMisconfigured, "401"},
		"wrong scope":         {400, "application/json", `{"error":"invalid_scope"}`, &endRefused, "invalid_scope"},
		"bad request":         {400, "application/json", `{"error":"invalid_request"}`, &endRefused, "invalid_request"},
		"words of its own":    {400, "application/json", `{"error":"` + clientSecret + `"}`, &endRefused, "400"},
		"200, of its own":     {200, "application/json", `{"error":"x ` + clientSecret + `"}`, &endRefused, "with an error"},
		"temporarily":         {400, "application/json", `{"error":"temporarily_unavailable"}`, &endUnavailable, "temporarily_unavailable"},
		"broken":              {500, "application/json", `{"error":"oops"}`, &endUnavailable, "500"},
		"broken, page":        {503, "text/html", page, &endUnavailable, "503"},
		"busy":                {429, "text/plain", `slow`, &endUnavailable, "429"},
		"page":                {200, "text/html", page, &endMisconfigured, "web page"},
		"page, 404":           {404, "text/html", page, &endMisconfigured, "web page"},
		"redirect":            {307, "text/plain", ``, &endMisconfigured, "redirects are not followed"},
		"redirect, 302":       {302, "text/plain", ``, &endMisconfigured, "redirects are not followed"},
		"not JSON":            {200, "application/json", `access_token`, &endUnverified, "no access token"},
		"no token":            {200, "application/json", `{"id_token":"a.b.c"}`, &endUnverified, "no access token"},
		"huge":                {200, "application/json", `{"access_token":"` + strings.Repeat("x", maxAnswer) + `"}`, &endUnverified, "1 MB"},
		"huge error":          {400, "application/json", `{"error":"` + strings.Repeat("x", maxAnswer) + `"}`, &endUnverified, "1 MB"},
		"token is not ASCII":  {200, "application/json", `{"access_token":"a\nb"}`, &endUnverified, "no header"},
		"ID token is no text": {200, "application/json", `{"access_token":"a","id_token":7}`, &endRefused, "401"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			p := r.replica(r.plain())
			r.provider.locked(func() {
				r.provider.instead["/token"] = func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", test.kind)
					w.Header().Set("Location", "/token2")
					w.WriteHeader(test.status)
					_, _ = io.WriteString(w, test.body)
				}
			})
			p.ended(p.signIn(p.state()), test.end, test.words)
			if r.provider.called("/token2") > 0 {
				t.Error("a redirect was followed")
			}
		})
	}
}

func TestProviderDoesNotAnswer(t *testing.T) {
	before := callTime
	callTime = 50 * time.Millisecond
	defer func() { callTime = before }()
	hang := func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		<-req.Context().Done()
	}
	trickle := func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		_, _ = io.WriteString(w, "{")
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
	}
	for path, words := range map[string]string{
		"/.well-known/openid-configuration": "discovery document did not answer", "/token": "token endpoint did not answer",
		"/userinfo": "userinfo endpoint did not answer", "/keys": "keys",
	} {
		for name, answer := range map[string]http.HandlerFunc{"hangs": hang, "trickles": trickle} {
			t.Run(path+" "+name, func(t *testing.T) {
				r := newRig(t)
				settings := r.acme()
				settings.Identity = IdentityUserinfo
				p := r.replica(settings)
				state := p.state()
				code := p.codeFor(state, "ada")
				r.provider.locked(func() { r.provider.instead[path] = answer })
				p.ended(p.callback(state, code), &endUnavailable, words)
			})
		}
	}
}

func TestProviderCannotBeReached(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	// Another test may be given the port of a server that was closed; this one nobody is.
	const nowhere = "http://127.0.0.1:1"
	issuer, urls := r.acme(), r.plain()
	issuer.Issuer, urls.TokenURL = nowhere, nowhere+"/token"
	for _, settings := range []Provider{issuer, urls} {
		p := r.replica(settings)
		p.ended(p.signIn(p.state()), &endUnavailable, "cannot be reached")
	}
}

func TestClientAuthentication(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		oidc    bool
		methods []string // that the provider advertises
		accepts string
		setting string
		calls   int // of the token endpoint, for two sign-ins
	}{
		"OpenID Connect's default":      {true, nil, ClientSecretBasic, "", 2},
		"not what it says by default":   {true, nil, ClientSecretPost, "", 3},
		"advertised basic":              {true, []string{ClientSecretPost, ClientSecretBasic}, ClientSecretBasic, "", 2},
		"advertised post":               {true, []string{"private_key_jwt", ClientSecretPost}, ClientSecretPost, "", 2},
		"plain, post":                   {false, nil, ClientSecretPost, "", 2},
		"plain, basic":                  {false, nil, ClientSecretBasic, "", 3},
		"plain, set":                    {false, nil, ClientSecretBasic, ClientSecretBasic, 2},
		"set against the advertisement": {true, []string{ClientSecretBasic}, ClientSecretPost, ClientSecretPost, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			settings := r.plain()
			if test.oidc {
				settings = r.acme()
			}
			settings.TokenAuthMethod = test.setting
			r.provider.methods, r.provider.accepts = test.methods, test.accepts
			p := r.replica(settings)
			for range 2 {
				p.ended(p.signIn(p.state()), &endSucceeded, "")
			}
			if got := r.provider.called("/token"); got != test.calls {
				t.Errorf("the token endpoint was called %d times, want %d", got, test.calls)
			}
		})
	}
}

// A code that is refused is not sent a second time in another way: the second answer would hide the first.
func TestRefusedCodeIsSentOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, settings := range []Provider{r.acme(), r.plain()} {
		calls := r.provider.called("/token")
		r.provider.locked(func() {
			r.provider.accepts = map[bool]string{true: ClientSecretBasic, false: ClientSecretPost}[settings.Issuer != ""]
		})
		p := r.replica(settings)
		p.ended(p.callback(p.state(), "guess"), &endSpent, "invalid_grant")
		if got := r.provider.called("/token") - calls; got != 1 {
			t.Errorf("it was sent %d times", got)
		}
	}
}

func TestPublicClient(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	settings := r.plain()
	settings.ClientSecret, settings.PKCE, settings.Scopes = "", true, []string{"openid", "email"}
	p := r.replica(settings)
	r.provider.locked(func() {
		r.provider.instead["/token"] = func(w http.ResponseWriter, req *http.Request) {
			_, _, basic := req.BasicAuth()
			if basic || req.PostFormValue("client_id") != clientID || req.PostForm.Has("client_secret") || len(req.PostFormValue("code_verifier")) != 43 {
				t.Errorf("asked with %v", req.PostForm)
			}
			writeJSON(w, 400, map[string]string{"error": "invalid_grant"})
		}
	})
	p.ended(p.signIn(p.state()), &endSpent, "")
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		extra map[string]any
		end   *ending
		words string
	}{
		"other issuer":       {map[string]any{"issuer": "https://evil.example"}, &endMixedUp, "another issuer"},
		"no token endpoint":  {map[string]any{"token_endpoint": ""}, &endMisconfigured, "token_endpoint"},
		"no authorization":   {map[string]any{"authorization_endpoint": "javascript:alert(1)"}, &endMisconfigured, "authorization_endpoint"},
		"token over HTTP":    {map[string]any{"token_endpoint": "http://login.example.com/token"}, &endMisconfigured, "token_endpoint"},
		"no keys":            {map[string]any{"jwks_uri": "file:///etc/passwd"}, &endMisconfigured, "jwks_uri"},
		"no userinfo":        {map[string]any{"userinfo_endpoint": ""}, &endMisconfigured, "userinfo_endpoint"},
		"not OpenID Connect": {map[string]any{"token_endpoint": 7}, &endMisconfigured, "not one of OpenID Connect"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.provider.extra = test.extra
			settings := r.acme()
			settings.Identity = IdentityUserinfo
			p := r.replica(settings)
			p.ended(p.signIn(p.state()), test.end, test.words)
		})
	}
}

func TestDiscoveryIsKept(t *testing.T) {
	t.Parallel()
	const path = "/.well-known/openid-configuration"
	r := newRig(t)
	p := r.replica(r.acme())
	r.provider.answerWith(path, 503, "text/plain", "")
	p.ended(p.signIn(p.state()), &endUnavailable, "discovery document answered 503")
	r.provider.locked(func() { delete(r.provider.instead, path) })
	for range 3 {
		p.ended(p.signIn(p.state()), &endSucceeded, "") // a failure is not kept
	}
	if got := r.provider.called(path); got != 2 {
		t.Errorf("discovered %d times, want 2", got)
	}
	// While it is refreshed the old one serves, even if that does not succeed.
	r.provider.answerWith(path, 503, "text/plain", "")
	r.pass(refreshAfter)
	p.ended(p.signIn(p.state()), &endSucceeded, "")
	r.pass(discardAfter - refreshAfter)
	p.ended(p.signIn(p.state()), &endUnavailable, "503")
	r.provider.locked(func() { delete(r.provider.instead, path) })
	p.ended(p.signIn(p.state()), &endSucceeded, "")
}

func TestDiscoveryIsShared(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.replica(r.acme())
	arrived, release := make(chan struct{}, 16), make(chan struct{})
	const path = "/.well-known/openid-configuration"
	r.provider.locked(func() {
		r.provider.instead[path] = func(w http.ResponseWriter, req *http.Request) {
			arrived <- struct{}{}
			<-release
			r.provider.discovery(w, req)
		}
	})
	acme := p.service.providers["acme"]
	results := make(chan *fault, 16)
	for range 16 {
		go func() {
			_, f := acme.endpoints(context.Background())
			results <- f
		}()
	}
	<-arrived
	// Who does not want to wait any longer does not end it for the others.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, f := acme.endpoints(ctx); f == nil || f.end != &endLeft {
		t.Errorf("got %v", f)
	}
	close(release)
	for range 16 {
		if f := <-results; f != nil {
			t.Error(f)
		}
	}
	if got := r.provider.called(path); got != 1 {
		t.Errorf("discovered %d times", got)
	}
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.replica(r.acme())
	plain := r.replica(r.plain())
	r.provider.locked(func() {
		r.provider.tokens["device-token"] = "ada"
		r.provider.secrets = append(r.provider.secrets, "device-token", "refused-token")
	})
	for _, replica := range []*replica{p, plain} {
		identity, err := replica.service.Identify(t.Context(), "acme", business, "device-token")
		if err != nil || identity.Subject != "hash of "+string(business)+"/acme/ada" || identity.Claims["email"] != "ada@example.com" {
			t.Errorf("got %+v, %v", identity, err)
		}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx      context.Context
		provider string
		token    string
		breaks   func()
		class    message.Class
	}{
		"unknown provider": {t.Context(), "other", "device-token", nil, message.Permanent},
		"refused":          {t.Context(), "acme", "refused-token", nil, message.Permanent},
		"no header":        {t.Context(), "acme", "refused-token\r\nX: y", nil, message.Permanent},
		"empty":            {t.Context(), "acme", "", nil, message.Permanent},
		"left":             {canceled, "acme", "device-token", nil, message.Canceled},
		"down":             {t.Context(), "acme", "device-token", func() { r.provider.answerWith("/userinfo", 503, "text/html", "device-token") }, message.Transient},
	} {
		if test.breaks != nil {
			test.breaks()
		}
		_, err := p.service.Identify(test.ctx, test.provider, business, test.token)
		failure, ok := errors.AsType[*message.Failure](err)
		if !ok || failure.Class != test.class || strings.Contains(err.Error(), test.token) && test.token != "" {
			t.Errorf("%s: got %v", name, err)
		}
		r.provider.locked(func() { delete(r.provider.instead, "/userinfo") })
	}
}

// oneTransport is the way in for the bridge's own metrics and connections.
type oneTransport struct {
	http.RoundTripper
	hosts []string
}

func (o *oneTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	o.hosts = append(o.hosts, req.URL.Host)
	return o.RoundTripper.RoundTrip(req)
}

func TestTransportIsUsedForAll(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	transport := &oneTransport{RoundTripper: r.client.Transport}
	settings := r.acme()
	settings.Identity = IdentityUserinfo
	p := r.replicaWith(func(o *Options) {
		o.Providers, o.Transport = map[string]Provider{"acme": settings}, transport
	})
	p.ended(p.signIn(p.state()), &endSucceeded, "")
	provider, _ := url.Parse(r.provider.server.URL)
	if len(transport.hosts) != 4 || transport.hosts[0] != provider.Host {
		t.Errorf("called %v", transport.hosts)
	}
	for _, operation := range Operations {
		if p.observed[operation] != 1 {
			t.Errorf("observed %v", p.observed)
		}
	}
}
