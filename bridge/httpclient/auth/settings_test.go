package auth

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bizbridge/config"
)

func faults(settings ...Settings) []error {
	var all []error
	Validate("auth", settings, func(path, message, hint string) {
		if hint == "" || !strings.HasPrefix(path, "auth") {
			all = append(all, errors.New("a report without a hint or path"))
		}
		all = append(all, errors.New(path+" "+message))
	})
	return all
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	good := Settings{Kind: kindClientCredentials, TokenURL: "https://a.example/t", ClientID: "x"}
	code := Settings{Kind: kindAuthorizationCode, TokenURL: "https://a.example/t", ClientID: "x", AuthorizeURL: "https://a.example/a"}
	customer := Settings{Kind: kindCustomerToken, TokenURL: "https://a.example/t", Header: "customer-auth", Fields: secrets("a", "b")}
	with := func(s Settings, change func(*Settings)) Settings { change(&s); return s }
	for name, test := range map[string]struct {
		list []Settings
		want []string
	}{
		"fine":               {[]Settings{good, customer, {Kind: "api_key", Key: "k", Header: "api-key"}}, nil},
		"a neighbour":        {[]Settings{with(good, func(s *Settings) { s.TokenURL = "http://keycloak:8080/t" })}, nil},
		"loopback":           {[]Settings{with(good, func(s *Settings) { s.TokenURL = "http://127.0.0.1:8080/t" })}, nil},
		"a new grant":        {[]Settings{code}, nil},
		"no kind":            {[]Settings{{}}, []string{"auth[0].kind is none of the known kinds"}},
		"missing":            {[]Settings{{Kind: "basic"}}, []string{"auth[0].username is missing"}},
		"not for the kind":   {[]Settings{{Kind: "bearer", Token: "x", Password: "y"}}, []string{"auth[0].password is not for the kind bearer"}},
		"nowhere":            {[]Settings{{Kind: "api_key", Key: "x"}}, []string{"auth[0].header is missing"}},
		"nowhere, beside":    {[]Settings{good, {Kind: "api_key", Key: "x"}}, []string{"auth[1].header is missing"}},
		"two places":         {[]Settings{{Kind: "api_key", Key: "x", Header: "a", Query: "b"}}, []string{"auth[0].header cannot stand beside query"}},
		"a prefix of none":   {[]Settings{{Kind: "api_key", Key: "x", Prefix: "a", Query: "b"}}, []string{"auth[0].prefix is for a header"}},
		"the same place":     {[]Settings{good, {Kind: "bearer", Token: "x"}}, []string{"auth[1] is sent in the same place as auth[0]: header Authorization"}},
		"not a header":       {[]Settings{{Kind: "bearer", Token: "x", Header: "a b"}}, []string{"auth[0].header is no header that could carry it"}},
		"the request's own":  {[]Settings{{Kind: "bearer", Token: "x", Header: "host"}}, []string{"auth[0].header is no header that could carry it"}},
		"a line break":       {[]Settings{{Kind: "bearer", Token: "S3cret\nx"}}, []string{"auth[0].token has white space or a character in it that no header keeps"}},
		"a prefix of lines":  {[]Settings{{Kind: "bearer", Token: "x", Prefix: "a\r\n"}}, []string{"auth[0].prefix has a character in it that no header keeps"}},
		"a colon":            {[]Settings{{Kind: "basic", Username: "a:b"}}, []string{`auth[0].username has a ":" in it, which ends a user name`}},
		"encoding":           {[]Settings{{Kind: "hmac", Secret: "x", Header: "a", Encoding: "octal"}}, []string{"auth[0].encoding is neither hex nor base64"}},
		"a signature":        {[]Settings{{Kind: "hmac", Secret: "x", Scheme: "slack"}, {Kind: "hmac", Secret: "x", Header: "a"}}, nil},
		"nowhere to sign":    {[]Settings{{Kind: "hmac", Secret: "x"}}, []string{"auth[0].header is missing"}},
		"no secret to sign":  {[]Settings{{Kind: "hmac", Header: "a"}}, []string{"auth[0].secret is missing"}},
		"an unknown scheme":  {[]Settings{{Kind: "hmac", Secret: "x", Scheme: "unknown"}}, []string{"auth[0].scheme is none of the known signatures"}},
		"a token":            {[]Settings{{Kind: "hmac", Secret: "x", Scheme: "rocketchat"}}, []string{"auth[0].scheme signs nothing"}},
		"an id":              {[]Settings{{Kind: "hmac", Secret: "x", Scheme: "standard_webhooks"}}, []string{"auth[0].scheme signs an id, which calls have none of"}},
		"a scheme's header":  {[]Settings{{Kind: "hmac", Secret: "x", Scheme: "slack", Header: "a"}}, []string{"auth[0].header cannot stand beside scheme, which says it"}},
		"the same scheme":    {[]Settings{{Kind: "hmac", Secret: "x", Scheme: "zammad"}, {Kind: "hmac", Secret: "x", Scheme: "intercom"}}, []string{"auth[1] is sent in the same place as auth[0]: header X-Hub-Signature"}},
		"a secret of lines":  {[]Settings{{Kind: "hmac", Secret: "S3cret\n", Header: "a"}}, []string{"auth[0].secret has white space around it"}},
		"no RSA key":         {[]Settings{{Kind: "hmac", Secret: "S3cret", Scheme: "freshchat"}}, []string{"auth[0].secret is no RSA key in PEM"}},
		"plain HTTP":         {[]Settings{with(good, func(s *Settings) { s.TokenURL = "http://a.example/t" })}, []string{"auth[0].token_url is plain HTTP"}},
		"plain HTTP, number": {[]Settings{with(good, func(s *Settings) { s.TokenURL = "http://10.0.0.1/t" })}, []string{"auth[0].token_url is plain HTTP"}},
		"no URL":             {[]Settings{with(good, func(s *Settings) { s.TokenURL = "a.example/t" })}, []string{"auth[0].token_url is not an absolute URL"}},
		"a user name":        {[]Settings{with(good, func(s *Settings) { s.TokenURL = "https://a:S3cret@a.example/t" })}, []string{"auth[0].token_url holds a user name"}},
		"a fragment":         {[]Settings{with(good, func(s *Settings) { s.TokenURL = "https://a.example/t#x" })}, []string{"auth[0].token_url has a fragment"}},
		"parameters":         {[]Settings{with(good, func(s *Settings) { s.Parameters = "xml" })}, []string{"auth[0].parameters is none of form, query, json and basic"}},
		"basic, no secret":   {[]Settings{with(good, func(s *Settings) { s.Parameters = "basic" })}, []string{"auth[0].client_secret is missing"}},
		"basic, customer":    {[]Settings{with(customer, func(s *Settings) { s.Parameters = "basic" })}, []string{"auth[0].parameters cannot be basic for a customer's token"}},
		"cookie":             {[]Settings{with(customer, func(s *Settings) { s.Header, s.Cookie = "", "a b" })}, []string{"auth[0].cookie is no name of a cookie"}},
		"redirect":           {[]Settings{with(code, func(s *Settings) { s.RedirectURL = "/callback" })}, []string{"auth[0].redirect_url is not an absolute URL"}},
		"a page as grant":    {[]Settings{with(code, func(s *Settings) { s.Grant = "<html>S3cret" })}, []string{"auth[0].grant is not the JSON of a grant"}},
		"an empty grant":     {[]Settings{with(code, func(s *Settings) { s.Grant = "{}" })}, []string{"auth[0].grant holds neither an access token nor a refresh token"}},
		"a wrong grant":      {[]Settings{with(code, func(s *Settings) { s.Grant = `{"refresh_token":"x","expires_at":1}` })}, []string{"auth[0].grant has a value of the wrong type in it"}},
		"an odd grant":       {[]Settings{with(code, func(s *Settings) { s.Grant = `{"refresh_token":"x\ny"}` })}, []string{"auth[0].grant holds a refresh token that is not text"}},
		"too many":           {[]Settings{{Kind: "bearer", Token: "x"}, {Kind: "bearer", Token: "x", Header: "b"}, {Kind: "bearer", Token: "x", Header: "c"}, {Kind: "bearer", Token: "x", Header: "d"}, {Kind: "bearer", Token: "x", Header: "e"}}, []string{"auth has more than 4 entries"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, fault := range faults(test.list...) {
				noSecretIn(t, fault.Error())
				got = append(got, fault.Error())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			a, err := New(test.list, Deps{})
			if (err == nil) != (test.want == nil) {
				t.Errorf("New: %v", err)
			}
			if a != nil {
				a.Close()
			}
		})
	}
	if _, err := New(nil, Deps{Origins: []string{"nowhere"}}); err == nil {
		t.Error("an origin that is no URL was taken")
	}
}

// A key that is in the tables of kinds is one of the settings, and the other way round.
func TestEveryKeyBelongsToAKind(t *testing.T) {
	t.Parallel()
	used := map[string]bool{"kind": true}
	for _, keys := range keysOfKind {
		for _, name := range append(append([]string(nil), keys.needed...), keys.possible...) {
			used[name] = true
		}
	}
	known := map[string]bool{"kind": true}
	for _, key := range (&Settings{}).keys() {
		known[key.name] = true
		if key.set {
			t.Errorf("%s is set in nothing", key.name)
		}
	}
	if diff := cmp.Diff(used, known); diff != "" {
		t.Error(diff)
	}
	full := Settings{
		Kind: "x", Username: "x", Password: "x", Token: "x", Key: "x", Secret: "x", Header: "x", Query: "x", Prefix: "x", Encoding: "x", Scheme: "x",
		TokenURL: "x", ClientID: "x", ClientSecret: "x", Scopes: []string{"x"}, Parameters: "x", Fields: map[string]config.Secret{"x": "x"},
		TokenField: "x", Cookie: "x", AuthorizeURL: "x", RedirectURL: "x", Grant: "x",
	}
	for _, key := range full.keys() {
		if !key.set {
			t.Errorf("%s is not seen", key.name)
		}
	}
}
