package auth

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"bizbridge/config"
	"bizbridge/config/yamlfile"
)

// The kinds of [Settings].
const (
	kindBasic             = "basic"
	kindBearer            = "bearer"
	kindAPIKey            = "api_key"
	kindHMAC              = "hmac"
	kindClientCredentials = "oauth2_client_credentials"
	kindAuthorizationCode = "oauth2_authorization_code"
	kindCustomerToken     = "customer_token"
)

// The values of parameters.
const (
	inForm  = "form"
	inQuery = "query"
	inBasic = "basic"
	inJSON  = "json"
)

// maxSettings is how many settings can combine.
const maxSettings = 4

// Settings is one proof of who calls. A list of them combines: every call carries all of them.
type Settings struct {
	// basic: user name and password. bearer: a token that does not change. api_key: a key in a header or in the query.
	// hmac: a signature of each request. oauth2_client_credentials: a token that the bridge gets with its own id and
	// secret. oauth2_authorization_code: a token that an operator has granted with "bizbridge auth CONNECTOR".
	// customer_token: a token or cookie of the customer that a call is about, from a login.
	Kind string `json:"kind" jsonschema:"required,example=bearer,enum=basic,enum=bearer,enum=api_key,enum=hmac,enum=oauth2_client_credentials,enum=oauth2_authorization_code,enum=customer_token"`
	// basic: the user name.
	Username string `json:"username,omitempty" jsonschema:"example=bridge"`
	// basic: the password.
	Password config.Secret `json:"password,omitempty" jsonschema:"example=${env:CRM_PASSWORD}"`
	// bearer: the token.
	Token config.Secret `json:"token,omitempty" jsonschema:"example=${env:CRM_TOKEN}"`
	// api_key: the key.
	Key config.Secret `json:"key,omitempty" jsonschema:"example=${env:CRM_API_KEY}"`
	// hmac: the secret that signs.
	Secret config.Secret `json:"secret,omitempty" jsonschema:"example=${env:CRM_SIGNING_SECRET}"`
	// The header that carries it. Everything but api_key, hmac and customer_token uses Authorization without it.
	Header string `json:"header,omitempty" jsonschema:"example=api-key"`
	// api_key: the parameter of the URL that carries the key, instead of a header.
	Query string `json:"query,omitempty" jsonschema:"example=api_key"`
	// What stands before the key, signature or token: "App", "sha256=". After a letter or digit comes a space. OAuth
	// takes it from the token's type without it.
	Prefix string `json:"prefix,omitempty" jsonschema:"example=App"`
	// hmac: how the signature is written; default: hex.
	Encoding string `json:"encoding,omitempty" jsonschema:"example=hex,enum=hex,enum=base64"`
	// hmac: a scheme of bridge/signature, which says the header, prefix and encoding; without it HMAC-SHA-256 over the body.
	Scheme string `json:"scheme,omitempty" jsonschema:"example=slack"`
	// OAuth and customer_token: the address that gives tokens. Redirects are not followed.
	TokenURL string `json:"token_url,omitempty" jsonschema:"format=uri,example=https://api.example.com/oauth/access_token"`
	// OAuth: the id of the bridge at the provider.
	ClientID string `json:"client_id,omitempty" jsonschema:"example=bizbridge"`
	// OAuth: the secret that belongs to client_id.
	ClientSecret config.Secret `json:"client_secret,omitempty" jsonschema:"example=${env:CRM_CLIENT_SECRET}"`
	// OAuth: what is asked for.
	Scopes []string `json:"scopes,omitempty" jsonschema:"example=profile.read"`
	// How the parameters of a token are sent: form (default), query, json, or basic (id and secret in Authorization, the
	// others as a form). What the query of token_url has already is not sent again.
	Parameters string `json:"parameters,omitempty" jsonschema:"example=form,enum=form,enum=query,enum=json,enum=basic"`
	// Further parameters of a token, such as audience. customer_token: all of them; "{name}" stands for what the caller
	// knows of the customer under that name.
	Fields map[string]config.Secret `json:"fields,omitempty"`
	// Where the token stands in the answer, such as data.token; default: access_token, token, JWT and the like.
	TokenField string `json:"token_field,omitempty" jsonschema:"example=data.token"`
	// customer_token: the cookie that the login sets, instead of a token.
	Cookie string `json:"cookie,omitempty" jsonschema:"example=session"`
	// oauth2_authorization_code: the page on which an operator agrees.
	AuthorizeURL string `json:"authorize_url,omitempty" jsonschema:"format=uri,example=https://login.example.com/authorize"`
	// oauth2_authorization_code: where that page sends the browser to, as the provider knows it; default: a port of this
	// machine.
	RedirectURL string `json:"redirect_url,omitempty" jsonschema:"format=uri,example=http://127.0.0.1:8976/callback"`
	// oauth2_authorization_code: what "bizbridge auth CONNECTOR" wrote. Begin with an empty file.
	Grant config.Secret `json:"grant,omitempty" jsonschema:"example=${file:/etc/bizbridge/grant.json}"`
}

// keysOfKind are the keys that a kind needs, and those that it may have.
var keysOfKind = map[string]struct{ needed, possible []string }{
	kindBasic:  {[]string{"username"}, []string{"password", "header"}},
	kindBearer: {[]string{"token"}, []string{"header", "prefix"}},
	kindAPIKey: {[]string{"key"}, []string{"header", "query", "prefix"}},
	kindHMAC:   {[]string{"secret"}, []string{"header", "encoding", "prefix", "scheme"}},
	kindClientCredentials: {
		[]string{"token_url", "client_id"},
		[]string{"client_secret", "scopes", "parameters", "fields", "token_field", "header", "prefix"},
	},
	kindAuthorizationCode: {
		[]string{"token_url", "client_id", "authorize_url"},
		[]string{"client_secret", "scopes", "parameters", "fields", "token_field", "header", "prefix", "redirect_url", "grant"},
	},
	kindCustomerToken: {
		[]string{"token_url", "fields"},
		[]string{"header", "prefix", "parameters", "token_field", "cookie"},
	},
}

// key is a key of the file with whether it is set.
type key struct {
	name string
	set  bool
}

func (s *Settings) keys() []key {
	return []key{
		{"username", s.Username != ""}, {"password", s.Password != ""}, {"token", s.Token != ""}, {"key", s.Key != ""},
		{"secret", s.Secret != ""}, {"header", s.Header != ""}, {"query", s.Query != ""}, {"prefix", s.Prefix != ""},
		{"encoding", s.Encoding != ""}, {"scheme", s.Scheme != ""}, {"token_url", s.TokenURL != ""},
		{"client_id", s.ClientID != ""}, {"client_secret", s.ClientSecret != ""}, {"scopes", len(s.Scopes) > 0},
		{"parameters", s.Parameters != ""}, {"fields", len(s.Fields) > 0}, {"token_field", s.TokenField != ""},
		{"cookie", s.Cookie != ""}, {"authorize_url", s.AuthorizeURL != ""}, {"redirect_url", s.RedirectURL != ""},
		{"grant", s.Grant != ""},
	}
}

// Granted tells whether an operator has to grant it with "bizbridge auth CONNECTOR".
func (s *Settings) Granted() bool { return s.Kind == kindAuthorizationCode }

// GrantPath is where the grant of one of a connector's entries stands in the configuration.
func GrantPath(connector string, i int) string {
	return yamlfile.ItemPath(yamlfile.KeyPath("connectors", connector)+".auth", i) + ".grant"
}

// SignsBody tells whether it needs a request's whole body at once.
func (s *Settings) SignsBody() bool { return s.Kind == kindHMAC }

// PerCustomer tells whether it needs [WithCustomer].
func (s *Settings) PerCustomer() bool { return len(s.CustomerValues()) > 0 }

// CustomerValues are the names of what it needs from [WithCustomer], in order.
func (s *Settings) CustomerValues() []string {
	var names []string
	for _, field := range s.Fields {
		if match := placeholder.FindStringSubmatch(field.Reveal()); match != nil && s.Kind == kindCustomerToken {
			names = append(names, match[1])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Report is told of a fault, as by [config.Validator].
type Report func(path, message, hint string)

// Validate checks a list of settings that stands under path ("auth", or "lookups[0].auth").
func Validate(path string, list []Settings, report Report) {
	if len(list) > maxSettings {
		report(path, fmt.Sprintf("has more than %d entries", maxSettings), "Leave those that the API asks for.")
	}
	carriers := map[string]int{}
	for i := range list {
		base := fmt.Sprintf("%s[%d]", path, i)
		list[i].Validate(func(path, message, hint string) { report(strings.TrimSuffix(base+"."+path, "."), message, hint) })
		carrier := list[i].carrier()
		if carrier == "" {
			continue // that has been told
		}
		if first, twice := carriers[carrier]; twice {
			report(base, fmt.Sprintf("is sent in the same place as %s[%d]: %s", path, first, carrier), "Give one of them another header.")
			continue
		}
		carriers[carrier] = i
	}
}

// carrier is the place in a request that the settings fill; "" where they fail to say.
func (s *Settings) carrier() string {
	switch {
	case s.Query != "":
		return "parameter " + s.Query
	case s.Cookie != "":
		return "cookie " + s.Cookie
	case s.Kind == kindHMAC && s.Scheme != "":
		scheme, err := s.signatureScheme()
		if err != nil {
			return ""
		}
		return "header " + http.CanonicalHeaderKey(scheme.Header)
	case s.Header == "" && (s.Kind == kindAPIKey || s.Kind == kindHMAC || s.Kind == kindCustomerToken):
		return ""
	}
	return "header " + s.header()
}

func (s *Settings) header() string {
	if s.Header == "" {
		return "Authorization"
	}
	return http.CanonicalHeaderKey(s.Header)
}

// Validate checks what the schema cannot say.
func (s *Settings) Validate(report Report) {
	keys, known := keysOfKind[s.Kind]
	if !known {
		report("kind", "is none of the known kinds", "Possible: "+strings.Join(kinds(), ", ")+".")
		return
	}
	for _, key := range s.keys() {
		needed := slices.Contains(keys.needed, key.name)
		switch {
		case needed && !key.set:
			report(key.name, "is missing", "The kind "+s.Kind+" needs it.")
		case key.set && !needed && !slices.Contains(keys.possible, key.name):
			report(key.name, "is not for the kind "+s.Kind, "Remove it, or correct the kind.")
		}
	}
	s.validatePlace(report)
	if s.Kind == kindHMAC {
		s.validateSignature(report)
	}
	s.validateTexts(report)
	s.validateTokens(report)
}

func kinds() []string {
	names := make([]string, 0, len(keysOfKind))
	for name := range keysOfKind {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// headerName is what HTTP calls a token.
var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

// ownHeaders belong to the request itself.
var ownHeaders = []string{
	"Connection", "Content-Encoding", "Content-Length", "Content-Type", "Cookie", "Host", "Keep-Alive", "Proxy-Connection", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade",
}

// validatePlace checks where in a request it is sent.
func (s *Settings) validatePlace(report Report) {
	if s.Header != "" && (!headerName.MatchString(s.Header) || slices.Contains(ownHeaders, http.CanonicalHeaderKey(s.Header))) {
		report("header", "is no header that could carry it", "Write the name alone, such as X-Api-Key.")
	}
	if s.Cookie != "" && !headerName.MatchString(s.Cookie) {
		report("cookie", "is no name of a cookie", "Write the name alone, such as session.")
	}
	other := map[string]string{kindAPIKey: "query", kindCustomerToken: "cookie"}[s.Kind]
	given := s.Query != "" || s.Cookie != ""
	switch {
	case other == "":
	case s.Header == "" && !given:
		report("header", "is missing", "Write the header that the API expects, or "+other+".")
	case s.Header != "" && given:
		report("header", "cannot stand beside "+other, "Remove one of them.")
	case given && s.Prefix != "":
		report("prefix", "is for a header", "Remove it.")
	}
}

// validateTexts checks what goes into headers as it is.
func (s *Settings) validateTexts(report Report) {
	for name, secret := range map[string]config.Secret{"token": s.Token, "key": s.Key} {
		if text := secret.Reveal(); text != "" && !visible(text) {
			report(name, "has white space or a character in it that no header keeps", "Remove it; a file may end with a line break.")
		}
	}
	if strings.ContainsFunc(s.Prefix, func(r rune) bool { return r < ' ' || r > '~' }) {
		report("prefix", "has a character in it that no header keeps", "Write letters, digits and signs.")
	}
	if strings.Contains(s.Username, ":") {
		report("username", `has a ":" in it, which ends a user name`, "Correct it.")
	}
	if s.Encoding != "" && s.Encoding != "hex" && s.Encoding != "base64" {
		report("encoding", "is neither hex nor base64", "Write what the API expects.")
	}
}

// visible tells whether a text is ASCII without spaces, as tokens are.
func visible(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

func (s *Settings) validateTokens(report Report) {
	for name, address := range map[string]string{"token_url": s.TokenURL, "authorize_url": s.AuthorizeURL} {
		if address != "" {
			validateAddress(name, address, report)
		}
	}
	if u, err := url.Parse(s.RedirectURL); s.RedirectURL != "" && (err != nil || !u.IsAbs() || u.Host == "" || u.Fragment != "") {
		report("redirect_url", "is not an absolute URL", "Write it as the provider knows it: http://127.0.0.1:8976/callback.")
	}
	if s.Parameters != "" && !slices.Contains([]string{inForm, inQuery, inJSON, inBasic}, s.Parameters) {
		report("parameters", "is none of form, query, json and basic", "form is the default.")
	}
	if s.Parameters == inBasic && s.Kind == kindCustomerToken {
		report("parameters", "cannot be basic for a customer's token", "Write form, query or json.")
	}
	if s.Parameters == inBasic && s.ClientSecret == "" && s.Kind != kindCustomerToken {
		report("client_secret", "is missing", "parameters: basic sends it.")
	}
	if s.Grant != "" {
		if _, err := readGrant(s.Grant.Reveal()); err != nil {
			report("grant", err.Error(), `Let "bizbridge auth CONNECTOR" write it.`)
		}
	}
}

// validateAddress wants HTTPS, for secrets go there. A neighbour, on loopback or under a name without a dot, may do
// without.
func validateAddress(name, address string, report Report) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http"):
		report(name, "is not an absolute URL", "Write it whole: https://host/path.")
	case u.Scheme == "http" && !neighbour(u.Hostname()):
		report(name, "is plain HTTP", "Use https://, for secrets go there; http:// is for loopback and names without a dot.")
	case u.User != nil:
		report(name, "holds a user name", "Remove what stands before the @.")
	case u.Fragment != "":
		report(name, "has a fragment", `Remove "#" and what follows.`)
	}
}

func neighbour(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.IsLoopback()
	}
	return !strings.Contains(host, ".")
}
