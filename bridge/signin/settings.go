package signin

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"bizbridge/bridge/secureurl"
)

// Where an identity is read.
const (
	IdentityIDToken  = "id_token"
	IdentityUserinfo = "userinfo"
)

// How a client shows its secret to the token endpoint, as OpenID Connect names it.
const (
	ClientSecretBasic = "client_secret_basic"
	ClientSecretPost  = "client_secret_post"
)

// DefaultTTL is how long a customer may take when nothing is set.
const DefaultTTL = 10 * time.Minute

const (
	shortestTTL     = time.Minute
	longestTTL      = 24 * time.Hour
	maxProviderName = 64 // what fits into a state beside everything else
)

// Provider is where customers sign in.
type Provider struct {
	// Issuer is that of OpenID Connect, whose endpoints and keys are discovered. The three URLs stand for a provider without.
	Issuer      string
	AuthURL     string
	TokenURL    string
	UserinfoURL string

	ClientID     string
	ClientSecret string `json:"-"` // "": a public client, which needs PKCE
	Scopes       []string
	// Identity is IdentityIDToken or IdentityUserinfo; "": the ID token where there is an issuer, else userinfo.
	Identity string
	// PKCE is for a provider that Messages opens through /oauth/start.
	PKCE bool
	// TTL is how long the customer may take; 0: DefaultTTL.
	TTL time.Duration
	// Legacy also serves devices that only have the old flow. This package does not ask.
	Legacy bool
	// TokenAuthMethod is ClientSecretBasic or ClientSecretPost; "": what the provider says, else what it takes.
	TokenAuthMethod string
}

// Format prints no secret, whatever the verb.
func (p Provider) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "signin.Provider of client "+p.ClientID)
}

func (p *Provider) identity() string {
	switch {
	case p.Identity != "":
		return p.Identity
	case p.Issuer != "":
		return IdentityIDToken
	}
	return IdentityUserinfo
}

func (p *Provider) ttl() time.Duration {
	if p.TTL > 0 {
		return p.TTL
	}
	return DefaultTTL
}

// Validate checks what no schema can say. Paths are the keys of the configuration.
func (p *Provider) Validate(report func(path, message, hint string)) {
	p.validateURLs(report)
	if p.ClientID == "" {
		report("client_id", "is missing", "The provider gives it when you register the bridge there.")
	} else if !secureurl.Printable(p.ClientID) {
		report("client_id", "has a character in it that is not printable ASCII", "Copy it as the provider shows it.")
	}
	switch {
	case p.ClientSecret == "" && !p.PKCE:
		report("client_secret", "is missing", "The provider gives it with the client_id. A client without one needs pkce: true.")
	case strings.TrimSpace(p.ClientSecret) != p.ClientSecret:
		report("client_secret", "has white space around it", "Remove it; a file may end with a line break.")
	}
	for i, scope := range p.Scopes {
		if !isScope(scope) {
			report(fmt.Sprintf("scopes[%d]", i), "is no scope", "Write each as an item of its own, without spaces: [openid, email].")
		}
	}
	p.validateIdentity(report)
	if p.TTL != 0 && (p.TTL < shortestTTL || p.TTL > longestTTL) {
		report("ttl", "is not between 1m and 24h", "10m is usual.")
	}
	if p.TokenAuthMethod != "" && p.TokenAuthMethod != ClientSecretBasic && p.TokenAuthMethod != ClientSecretPost {
		report("token_auth_method", "is none of the known ones", "Possible: "+ClientSecretBasic+", "+ClientSecretPost+".")
	}
}

func (p *Provider) validateURLs(report func(path, message, hint string)) {
	own := []struct{ path, value string }{{"auth_url", p.AuthURL}, {"token_url", p.TokenURL}, {"userinfo_url", p.UserinfoURL}}
	if p.Issuer == "" {
		for _, u := range own {
			if u.value == "" {
				report(u.path, "is missing", "Give issuer alone, or auth_url, token_url and userinfo_url.")
			} else if fault := secureurl.Fault(u.value); fault != "" {
				report(u.path, fault, "Write it whole, as the provider documents it: https://login.example.com/oauth/…")
			}
		}
		return
	}
	if fault := secureurl.Fault(p.Issuer); fault != "" {
		report("issuer", fault, "Write it as the provider documents it: https://login.example.com")
	} else if strings.Contains(p.Issuer, "?") {
		report("issuer", "has a query", `Remove "?" and what follows.`)
	}
	for _, u := range own {
		if u.value != "" {
			report(u.path, "cannot stand beside issuer", "Remove it: the issuer tells its endpoints.")
		}
	}
}

func (p *Provider) validateIdentity(report func(path, message, hint string)) {
	switch p.identity() {
	case IdentityUserinfo:
	case IdentityIDToken:
		if p.Issuer == "" {
			report("identity", "is id_token, and there is no issuer whose keys could verify one", "Set issuer, or identity: userinfo.")
		} else if !slices.Contains(p.Scopes, "openid") {
			report("scopes", "has no openid, without which there is no ID token", "Add it: [openid, email].")
		}
	default:
		report("identity", "is neither userinfo nor id_token", "Remove it, or write one of them.")
	}
}

// isScope is the scope-token of RFC 6749.
func isScope(text string) bool { return secureurl.Printable(text) && !strings.ContainsAny(text, `"\`) }
