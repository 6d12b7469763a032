package sandbox

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const testRedirect = "https://bridge.example.com/oauth/callback?keep=1"

// publicKey is one of the provider's, as it publishes them.
func (w *signInWorld) publicKey(id any) (*rsa.PublicKey, error) {
	got := w.get("/jwks")
	keys, _ := got.body["keys"].([]any)
	for _, each := range keys {
		key := each.(map[string]any)
		if key["kid"] != id || key["kty"] != "RSA" || key["alg"] != "RS256" {
			continue
		}
		n, _ := base64.RawURLEncoding.DecodeString(key["n"].(string))
		e, _ := base64.RawURLEncoding.DecodeString(key["e"].(string))
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, nil
	}
	return nil, errors.New("no such key")
}

// authorization is a good request, to be altered.
func authorization(more ...string) url.Values {
	query := url.Values{
		"response_type": {"code"}, "client_id": {testClient}, "redirect_uri": {testRedirect}, "scope": {"openid email profile"}, "state": {"the state"}, "nonce": {"the nonce"},
	}
	for i := 0; i < len(more); i += 2 {
		if query.Del(more[i]); more[i+1] != "" {
			query.Set(more[i], more[i+1])
		}
	}
	return query
}

var ticketForm = regexp.MustCompile(`name="ticket" value="([^"]+)"`)

// decides opens the consent page, answers it, and gives where that leads.
func (w *signInWorld) decides(query url.Values, person, decision string) *url.URL {
	w.Helper()
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	page := w.browse(browser, http.MethodGet, "/authorize?"+query.Encode(), nil)
	ticket := ticketForm.FindStringSubmatch(page.raw)
	if page.status != 200 || ticket == nil {
		w.Fatalf("%d %s", page.status, page.raw)
	}
	got := w.browse(browser, http.MethodPost, "/authorize", url.Values{"ticket": {ticket[1]}, "person": {person}, "decision": {decision}})
	to, err := url.Parse(got.header.Get("Location"))
	if got.status != http.StatusSeeOther || err != nil {
		w.Fatalf("%d %s %v", got.status, got.raw, err)
	}
	if again := w.browse(browser, http.MethodPost, "/authorize", url.Values{"ticket": {ticket[1]}, "person": {person}, "decision": {decision}}); again.status != 400 {
		w.Errorf("a page was answered twice: %d", again.status)
	}
	return to
}

func (w *signInWorld) browse(browser *http.Client, method, path string, form url.Values) (got providerAnswer) {
	w.Helper()
	request, _ := http.NewRequest(method, w.provider+path, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := browser.Do(request)
	if err != nil {
		w.Fatal(err)
	}
	defer response.Body.Close()
	raw, _ := io.ReadAll(response.Body)
	return providerAnswer{status: response.StatusCode, header: response.Header, raw: string(raw)}
}

func TestDiscovery(t *testing.T) {
	w := newSignInWorld(t)
	got := w.get("/.well-known/openid-configuration").body
	for name, path := range map[string]string{"issuer": "", "authorization_endpoint": "/authorize", "token_endpoint": "/token", "userinfo_endpoint": "/userinfo", "jwks_uri": "/jwks"} {
		if got[name] != w.provider+path {
			t.Errorf("%s: %v", name, got[name])
		}
	}
	without, answer := newComposer(t).s, httptest.NewRecorder()
	without.Provider().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/authorize", nil))
	if answer.Code != http.StatusNotFound {
		t.Errorf("a provider without a sign-in: %d", answer.Code)
	}
}

func TestSignInOptions(t *testing.T) {
	for field, spoil := range map[string]func(*SignIn){
		"SignIn.Issuer":       func(o *SignIn) { o.Issuer = "localhost" },
		"SignIn.OAuthURL":     func(o *SignIn) { o.OAuthURL = "" },
		"SignIn.TokenURL":     func(o *SignIn) { o.TokenURL = "ftp://id.example.com/" },
		"SignIn.ClientID":     func(o *SignIn) { o.ClientID = "" },
		"SignIn.ClientSecret": func(o *SignIn) { o.ClientSecret = "" },
	} {
		o := testOptions()
		o.SignIn = &SignIn{Issuer: "https://id.example.com", OAuthURL: "https://id.example.com/authorize", TokenURL: "https://id.example.com/token", ClientID: "x", ClientSecret: "x"}
		spoil(o.SignIn)
		if s, err := New(o); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
			s.Close()
		}
	}
}

// TestConsentPage: strict headers, and nothing of the request in it that was not escaped.
func TestConsentPage(t *testing.T) {
	w := newSignInWorld(t)
	page := w.get("/authorize?" + authorization("scope", "openid <script>alert(1)</script>").Encode())
	policy := page.header.Get("Content-Security-Policy")
	if page.status != 200 || !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "form-action 'self' https://bridge.example.com messages-auth:") || strings.Contains(page.raw, "<script") {
		t.Errorf("%d %q %s", page.status, policy, page.raw)
	}
	cookie := page.header.Get("Set-Cookie")
	if !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") || page.header.Get("Cache-Control") != "no-store" || page.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%v", page.header)
	}
	if style := w.get("/consent.css"); style.status != 200 || !strings.HasPrefix(style.header.Get("Content-Type"), "text/css") {
		t.Errorf("%d", style.status)
	}
	ticket := ticketForm.FindStringSubmatch(page.raw)[1]
	elsewhere := w.browse(&http.Client{}, http.MethodPost, "/authorize", url.Values{"ticket": {ticket}, "person": {"ada"}, "decision": {"approve"}})
	if elsewhere.status != 400 || !strings.Contains(elsewhere.raw, "another browser") {
		t.Errorf("a page was answered from elsewhere: %d", elsewhere.status)
	}
}

func TestAuthorizeRules(t *testing.T) {
	w := newSignInWorld(t)
	for _, c := range []struct{ name, value, want string }{ // on a page: the address cannot be trusted
		{"client_id", "other", "client_id"}, {"client_id", "", "client_id"}, {"redirect_uri", "", "redirect_uri"}, {"redirect_uri", "http://example.com/", "neither https"},
		{"redirect_uri", "javascript:alert(1)", "absolute"}, {"redirect_uri", "https://example.com/#x", "fragment"}, {"redirect_uri", "https://a;b/", "absolute"},
	} {
		got := w.get("/authorize?" + authorization(c.name, c.value).Encode())
		if got.status != 400 || !strings.Contains(got.raw, c.want) || got.header.Get("Location") != "" {
			t.Errorf("%s=%q: %d %s", c.name, c.value, got.status, got.raw)
		}
	}
	long := strings.Repeat("x", 43)
	for _, c := range []struct {
		more []string
		code string
	}{
		{[]string{"response_type", ""}, "invalid_request"},
		{[]string{"response_type", "token"}, "unsupported_response_type"},
		{[]string{"response_type", "id_token"}, "unsupported_response_type"},
		{[]string{"response_mode", "fragment"}, "invalid_request"},
		{[]string{"prompt", "none"}, "login_required"},
		{[]string{"code_challenge", long}, "invalid_request"},
		{[]string{"code_challenge", long, "code_challenge_method", "plain"}, "invalid_request"},
		{[]string{"code_challenge", "short", "code_challenge_method", "S256"}, "invalid_request"},
		{[]string{"code_challenge_method", "S256"}, "invalid_request"},
		{[]string{"scope", `open"id`}, "invalid_scope"},
	} {
		got := w.get("/authorize?" + authorization(c.more...).Encode())
		to, _ := url.Parse(got.header.Get("Location"))
		if got.status != 303 || to.Query().Get("error") != c.code || to.Query().Get("state") != "the state" || to.Query().Get("keep") != "1" || to.Host != "bridge.example.com" {
			t.Errorf("%v: %d %s", c.more, got.status, to)
		}
	}
	twice := w.get("/authorize?" + authorization().Encode() + "&nonce=x")
	if !strings.Contains(twice.header.Get("Location"), "error=invalid_request") {
		t.Errorf("a parameter twice: %d", twice.status)
	}
	denied := w.decides(authorization(), "ada", "deny").Query()
	if denied.Get("error") != "access_denied" || denied.Get("state") != "the state" || denied.Get("code") != "" || denied.Get("iss") != w.provider {
		t.Errorf("%v", denied)
	}
}

func TestTokenRules(t *testing.T) {
	w := newSignInWorld(t)
	user, password := url.QueryEscape(testClient), url.QueryEscape(testClientSecret)
	verifier := strings.Repeat("verifier-", 6)
	sum := sha256.Sum256([]byte(verifier))
	challenge := []string{"code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method", "S256"}
	form := func(code string, more ...string) url.Values {
		f := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {testRedirect}}
		for i := 0; i < len(more); i += 2 {
			f.Set(more[i], more[i+1])
		}
		return f
	}
	inForm := []string{"client_id", testClient, "client_secret", testClientSecret}
	for _, c := range []struct {
		name           string
		more           []string // of the authorization
		form           []string
		user, password string
		status         int
		code           string
	}{
		{"in the header", nil, nil, user, password, 200, ""},
		{"in the form", nil, inForm, "", "", 200, ""},
		{"proof", challenge, []string{"code_verifier", verifier}, user, password, 200, ""},
		{"another proof", challenge, []string{"code_verifier", verifier + "x"}, user, password, 400, "invalid_grant"},
		{"no proof", challenge, nil, user, password, 400, "invalid_grant"},
		{"proof of nothing", nil, []string{"code_verifier", verifier}, user, password, 400, "invalid_grant"},
		{"another address", nil, []string{"redirect_uri", testRedirect + "x"}, user, password, 400, "invalid_grant"},
		{"no address", nil, []string{"redirect_uri", ""}, user, password, 400, "invalid_grant"},
		{"another code", nil, []string{"code", "x"}, user, password, 400, "invalid_grant"},
		{"another grant", nil, []string{"grant_type", "password"}, user, password, 400, "unsupported_grant_type"},
		{"another secret", nil, nil, user, "x", 401, "invalid_client"},
		{"another client", nil, nil, "x", password, 401, "invalid_client"},
		{"nobody", nil, nil, "", "", 401, "invalid_client"},
		{"both", nil, inForm, user, password, 400, "invalid_request"},
		{"two clients", nil, []string{"client_id", "x"}, user, password, 401, "invalid_client"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code := w.decides(authorization(c.more...), "ada", "approve").Query().Get("code")
			got := w.token(form(code, c.form...), c.user, c.password)
			wrong, _ := got.body["error"].(string)
			if got.status != c.status || wrong != c.code || got.header.Get("Cache-Control") != "no-store" || (got.body["access_token"] != nil) != (c.status == 200) {
				t.Errorf("%d %s", got.status, got.raw)
			}
		})
	}
	code := w.decides(authorization(), "ada", "approve").Query().Get("code")
	request, _ := http.NewRequest(http.MethodPost, w.provider+"/token", strings.NewReader(form(code, inForm...).Encode()+"&code="+code))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if got := w.fetch(request); got.body["error"] != "invalid_request" {
		t.Errorf("a code twice: %s", got.raw)
	}
	request, _ = http.NewRequest(http.MethodPost, w.provider+"/token", strings.NewReader(`{"code":"x"}`))
	request.Header.Set("Content-Type", "application/json")
	if got := w.fetch(request); got.body["error"] != "invalid_request" {
		t.Errorf("JSON: %s", got.raw)
	}
	given := w.token(form(code), user, password)
	token, _ := given.body["access_token"].(string)
	if _, status := w.userInfo(token); status != 200 {
		t.Errorf("the code was spent by a request without the client's secret: %s", given.raw)
	}
	if again := w.token(form(code), user, password); again.body["error"] != "invalid_grant" {
		t.Errorf("a code was exchanged twice: %s", again.raw)
	}
	if _, status := w.userInfo(token); status != 401 {
		t.Errorf("what was given for a stolen code still holds: %d", status)
	}
}

// TestProviderForgets: codes after a minute, tokens after ten.
func TestProviderForgets(t *testing.T) {
	w := newSignInWorld(t)
	user, password := url.QueryEscape(testClient), url.QueryEscape(testClientSecret)
	exchange := func(code string) providerAnswer {
		return w.token(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {testRedirect}}, user, password)
	}
	code := w.decides(authorization(), "ada", "approve").Query().Get("code")
	kept := exchange(w.decides(authorization(), "ada", "approve").Query().Get("code"))
	begin := time.Now()
	w.s.mu.Lock()
	w.s.now = func() time.Time { return begin.Add(61 * time.Second) }
	w.s.mu.Unlock()
	if got := exchange(code); got.body["error"] != "invalid_grant" {
		t.Errorf("after a minute: %s", got.raw)
	}
	if _, status := w.userInfo(kept.body["access_token"].(string)); status != 200 {
		t.Errorf("after a minute: %d", status)
	}
	w.s.mu.Lock()
	w.s.now = func() time.Time { return begin.Add(11 * time.Minute) }
	w.s.mu.Unlock()
	if _, status := w.userInfo(kept.body["access_token"].(string)); status != 401 {
		t.Errorf("after ten minutes: %d", status)
	}
}

// TestClaims: each person as they are, by the scopes, in the ID token and at userinfo.
func TestClaims(t *testing.T) {
	w := newSignInWorld(t)
	profile := map[string]any{"name": "Alan Turing", "given_name": "Alan", "family_name": "Turing", "locale": "en-GB"}
	email := map[string]any{"email": "alan@example.com", "email_verified": false}
	for scope, groups := range map[string][]map[string]any{
		"openid": nil, "openid email": {email}, "openid profile": {profile}, "openid profile email": {profile, email}, "email": {email},
	} {
		want := map[string]any{"sub": "demo-19120623"}
		for _, group := range groups {
			for name, value := range group {
				want[name] = value
			}
		}
		code := w.decides(authorization("scope", scope), "alan", "approve").Query().Get("code")
		given, err := w.exchange(code, testRedirect, nil)
		if err != nil {
			t.Fatal(err)
		}
		told, _ := w.userInfo(given["access_token"].(string))
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("%s: %s", scope, diff)
		}
		id, _ := given["id_token"].(string)
		if (id != "") != strings.Contains(scope, "openid") {
			t.Errorf("%s: an ID token: %v", scope, id != "")
		}
		if id == "" {
			continue
		}
		claims, err := w.verified(id)
		half := sha256.Sum256([]byte(given["access_token"].(string)))
		if err != nil || claims["nonce"] != "the nonce" || claims["at_hash"] != base64.RawURLEncoding.EncodeToString(half[:16]) {
			t.Errorf("%v %v", claims, err)
		}
		for name, value := range want {
			if claims[name] != value {
				t.Errorf("%s: %s is %v", scope, name, claims[name])
			}
		}
		if _, err := w.verified(id[:len(id)-8] + "AAAAAAAA"); err == nil {
			t.Error("an altered signature passes")
		}
	}
	for _, header := range []string{"", "Bearer", "Bearer x", "Basic x"} {
		if got := w.get("/userinfo", "Authorization", header); got.status != 401 || !strings.Contains(got.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%q: %d", header, got.status)
		}
	}
}
