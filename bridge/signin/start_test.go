package signin

import (
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"
)

func TestStartGoesToTheProviderAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	settings := r.acme()
	settings.PKCE = true
	p, other := r.replica(settings, 1), r.replica(settings, 2, 1)
	state := p.state()
	query := asked(state)
	query.Set("scope", "openid")
	for name, value := range map[string]string{
		"code_challenge": "mine", "nonce": "mine", "prompt": "none", "auth_url": "https://evil.example", "request_uri": "https://evil.example", "next": "//evil.example",
	} {
		query.Set(name, value)
	}
	got := p.get("start", query)
	address, err := url.Parse(got.location)
	if got.status != 302 || err != nil {
		t.Fatalf("answered %d %s", got.status, got.location)
	}
	if address.Scheme+"://"+address.Host+address.Path != r.provider.server.URL+"/authorize" {
		t.Errorf("leads to %s", got.location)
	}
	opened, err := open(p.service.ring, state, r.now())
	if err != nil {
		t.Fatal(err)
	}
	want := asked(state)
	want.Set("tenant", "1") // of the provider's own address
	want.Set("nonce", opened.nonce())
	want.Set("code_challenge", oauth2.S256ChallengeFromVerifier(opened.verifier()))
	want.Set("code_challenge_method", "S256")
	if address.RawQuery != want.Encode() && address.Query().Encode() != want.Encode() {
		t.Errorf("asks for\n%s, want\n%s", address.Query().Encode(), want.Encode())
	}
	if got.header.Get("Referrer-Policy") != "no-referrer" || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", got.header)
	}
	if again := other.get("start", query); again.location != got.location {
		t.Errorf("another replica leads to\n%s, want\n%s", again.location, got.location)
	}
	if len(p.take()) > 0 {
		t.Error("the helpdesk was told")
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(url.Values)
		words  string
	}{
		"no response type":    {func(q url.Values) { q.Del("response_type") }, "response_type"},
		"implicit":            {func(q url.Values) { q.Set("response_type", "token") }, "response_type"},
		"no client":           {func(q url.Values) { q.Del("client_id") }, "client_id"},
		"other client":        {func(q url.Values) { q.Set("client_id", "evil") }, "client_id"},
		"two clients":         {func(q url.Values) { q.Add("client_id", clientID) }, "client_id"},
		"no redirect":         {func(q url.Values) { q.Del("redirect_uri") }, "redirect_uri"},
		"foreign redirect":    {func(q url.Values) { q.Set("redirect_uri", "https://evil.example/") }, "redirect_uri"},
		"redirect with more":  {func(q url.Values) { q.Set("redirect_uri", redirectURL+"?x=1") }, "redirect_uri"},
		"redirect to apple":   {func(q url.Values) { q.Set("redirect_uri", "https://auth.businesschat.apple.com") }, "redirect_uri"},
		"a scope of its own":  {func(q url.Values) { q.Set("scope", "openid admin") }, "scope"},
		"a second scope list": {func(q url.Values) { q.Add("scope", "admin") }, "scope"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			settings := r.acme()
			settings.PKCE = true
			p := r.replica(settings)
			query := asked(p.state())
			test.change(query)
			got := p.get("start", query)
			if strings.Contains(got.body+got.location, "evil") {
				t.Errorf("answered %s", got.location)
			}
			p.ended(got, &endMisconfigured, test.words)
			if len(r.provider.calls) > 0 {
				t.Error("the provider was called")
			}
		})
	}
}

func TestStartIsNotForAll(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.replica(r.acme())
	p.ended(p.get("start", asked(p.state())), &endMisconfigured, "pkce is not set")
}

func TestStartAfterTheSignIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	settings := r.acme()
	settings.PKCE = true
	p := r.replica(settings)
	state := p.state()
	p.ended(p.signIn(state), &endSucceeded, "")
	p.ended(p.get("start", asked(state)), &endUsed, "")
}

// The OAuth URL in Apple Business Register is still the provider's, though pkce is set.
func TestStartWasNotUsed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	settings := r.acme()
	settings.PKCE = true
	p := r.replica(settings)
	state := p.state()
	p.ended(p.callback(state, r.provider.authorize(asked(state), "ada")), &endSpent, "invalid_grant")
}

// TestStartOfTheOldFlowLeavesTheCodeToTheDevice: a challenge would make the provider ask the device for what it has not.
func TestStartOfTheOldFlowLeavesTheCodeToTheDevice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	settings := r.acme()
	settings.PKCE, settings.Legacy = true, true
	p := r.replica(settings)
	query := asked(p.legacyState())
	query.Set("redirect_uri", legacyRedirectURL)
	query.Set("response_encryption_key", "BPNh+/==")
	got := p.get("start", query)
	address, err := url.Parse(got.location)
	if got.status != 302 || err != nil || !strings.HasPrefix(got.location, r.provider.server.URL+"/authorize") {
		t.Fatalf("answered %d %s", got.status, got.location)
	}
	asks := address.Query()
	if asks.Get("redirect_uri") != legacyRedirectURL || asks.Get("response_encryption_key") != "BPNh+/==" || asks.Get("state") != query.Get("state") {
		t.Errorf("asks for %s", asks.Encode())
	}
	if asks.Has("code_challenge") || asks.Has("nonce") {
		t.Errorf("asks for %s, of which the device knows nothing", asks.Encode())
	}
}

func TestStartOfTheOldFlowRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		legacy   bool
		redirect string
		words    string
	}{
		"where it is off":       {false, legacyRedirectURL, "legacy is off"},
		"another address":       {true, "https://evil.example/", "redirect_uri"},
		"the bridge's callback": {true, redirectURL, "redirect_uri"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			settings := r.acme()
			settings.PKCE, settings.Legacy = true, test.legacy
			p := r.replica(settings)
			query := asked(p.legacyState())
			query.Set("redirect_uri", test.redirect)
			query.Set("response_encryption_key", "BPNh")
			p.ended(p.get("start", query), &endMisconfigured, test.words)
		})
	}
}

// TestAStateOfTheOldFlowIsNoneForTheCallback: a browser that came back with it could put another person beside Apple's word.
func TestAStateOfTheOldFlowIsNoneForTheCallback(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.replica(r.acme())
	got := p.get("callback", url.Values{"state": {p.legacyState()}, "code": {"c"}})
	if !strings.Contains(got.location, "status=error") || len(p.take()) > 0 || len(r.provider.calls) > 0 {
		t.Errorf("answered %s", got.location)
	}
	settings := r.acme()
	settings.PKCE = true
	p = r.replica(settings)
	query := asked(p.legacyState())
	p.ended(p.get("start", query), &endMisconfigured, "flow that it was asked for")
}
