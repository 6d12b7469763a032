package signin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
)

func goodIssuer() Provider {
	return Provider{Issuer: "https://login.example.com/", ClientID: "id", ClientSecret: "secret", Scopes: []string{"openid"}}
}

func goodURLs() Provider {
	return Provider{
		AuthURL: "https://a.example/auth?x=1", TokenURL: "https://a.example/token", UserinfoURL: "http://127.0.0.1:9/me",
		ClientID: "id", ClientSecret: "secret",
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		base   func() Provider
		change func(*Provider)
		paths  []string
	}{
		"issuer":              {goodIssuer, func(*Provider) {}, nil},
		"URLs":                {goodURLs, func(*Provider) {}, nil},
		"all options":         {goodIssuer, func(p *Provider) { p.Identity, p.PKCE, p.TTL, p.Legacy = "userinfo", true, time.Hour, true }, nil},
		"public client":       {goodURLs, func(p *Provider) { p.ClientSecret, p.PKCE = "", true }, nil},
		"nothing":             {func() Provider { return Provider{} }, func(*Provider) {}, []string{"auth_url", "token_url", "userinfo_url", "client_id", "client_secret"}},
		"both":                {goodURLs, func(p *Provider) { p.Issuer = "https://a.example"; p.Scopes = []string{"openid"} }, []string{"auth_url", "token_url", "userinfo_url"}},
		"plain HTTP":          {goodIssuer, func(p *Provider) { p.Issuer = "http://login.example.com" }, []string{"issuer"}},
		"issuer with a query": {goodIssuer, func(p *Provider) { p.Issuer = "https://a.example?x" }, []string{"issuer"}},
		"relative":            {goodURLs, func(p *Provider) { p.TokenURL = "/token" }, []string{"token_url"}},
		"fragment":            {goodURLs, func(p *Provider) { p.AuthURL += "#x" }, []string{"auth_url"}},
		"user":                {goodURLs, func(p *Provider) { p.UserinfoURL = "https://u:p@a.example" }, []string{"userinfo_url"}},
		"secret with a line":  {goodIssuer, func(p *Provider) { p.ClientSecret = "secret\n" }, []string{"client_secret"}},
		"client with a space": {goodIssuer, func(p *Provider) { p.ClientID = "my client" }, []string{"client_id"}},
		"scopes in one":       {goodIssuer, func(p *Provider) { p.Scopes = []string{"openid email", "openid"} }, []string{"scopes[0]"}},
		"no openid":           {goodIssuer, func(p *Provider) { p.Scopes = []string{"email"} }, []string{"scopes"}},
		"ID token of nobody":  {goodURLs, func(p *Provider) { p.Identity = "id_token" }, []string{"identity"}},
		"unknown identity":    {goodIssuer, func(p *Provider) { p.Identity = "token" }, []string{"identity"}},
		"too short":           {goodIssuer, func(p *Provider) { p.TTL = time.Second }, []string{"ttl"}},
		"too long":            {goodIssuer, func(p *Provider) { p.TTL = 25 * time.Hour }, []string{"ttl"}},
		"unknown method":      {goodIssuer, func(p *Provider) { p.TokenAuthMethod = "private_key_jwt" }, []string{"token_auth_method"}},
	} {
		p := test.base()
		test.change(&p)
		var paths []string
		p.Validate(func(path, message, hint string) {
			paths = append(paths, path)
			if message == "" || !strings.ContainsAny(hint, ".:…") || strings.Contains(message+hint, "secret\n") {
				t.Errorf("%s: %s %s. %s", name, path, message, hint)
			}
		})
		if !slices.Equal(paths, test.paths) {
			t.Errorf("%s: reported %v, want %v", name, paths, test.paths)
		}
		_, err := New(Options{
			Providers: map[string]Provider{"acme": p}, Ring: testRing(t, 1), RedirectURL: redirectURL,
			Subject: func(message.BusinessID, string, string) string { return "" }, Deliver: newRig(t).deliver,
		})
		if (err == nil) != (len(test.paths) == 0) {
			t.Errorf("%s: New says %v", name, err)
		}
	}
}

func TestNewNeeds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	whole := func() Options {
		return Options{
			Providers: map[string]Provider{"acme": goodIssuer()}, Ring: testRing(t, 1), RedirectURL: redirectURL,
			Subject: func(message.BusinessID, string, string) string { return "" }, Deliver: r.deliver,
		}
	}
	service, err := New(whole())
	if err != nil {
		t.Fatal(err)
	}
	service.Close()
	for name, change := range map[string]func(*Options){
		"ring":     func(o *Options) { o.Ring = nil },
		"subject":  func(o *Options) { o.Subject = nil },
		"deliver":  func(o *Options) { o.Deliver = nil },
		"redirect": func(o *Options) { o.RedirectURL = "/oauth/callback" },
		"name":     func(o *Options) { o.Providers[strings.Repeat("n", maxProviderName+1)] = goodIssuer() },
		"no name":  func(o *Options) { o.Providers[""] = goodIssuer() },
	} {
		options := whole()
		change(&options)
		if _, err := New(options); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestSettingsDoNotShowTheSecret(t *testing.T) {
	t.Parallel()
	p := Provider{ClientID: "id", ClientSecret: clientSecret}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		text = fmt.Appendf(text, verb+" "+verb, p, &p)
	}
	if strings.Contains(string(text), clientSecret) || strings.Contains(string(text), fmt.Sprintf("%x", clientSecret)) {
		t.Errorf("shown: %s", text)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	issuer, urls := goodIssuer(), goodURLs()
	if issuer.identity() != IdentityIDToken || urls.identity() != IdentityUserinfo || issuer.ttl() != 10*time.Minute {
		t.Errorf("got %s, %s, %s", issuer.identity(), urls.identity(), issuer.ttl())
	}
}
