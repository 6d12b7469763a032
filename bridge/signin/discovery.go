package signin

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"bizbridge/bridge/secureurl"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/sync/singleflight"
)

const (
	refreshAfter = time.Hour      // from then on what was discovered is refreshed, and used meanwhile
	discardAfter = 24 * time.Hour // from then on it is not used any more: a key that was withdrawn must not live for ever
)

// provider is where customers sign in, and what was found out about it.
type provider struct {
	name        string
	settings    Provider
	redirectURL string
	calls       *caller
	now         func() time.Time
	logger      *slog.Logger

	flight     singleflight.Group
	discovered atomic.Pointer[endpoints]
	authStyle  atomic.Int32 // an oauth2.AuthStyle that worked; 0: none yet
}

// endpoints are the addresses of a provider, and how it works.
type endpoints struct {
	Issuer      string   `json:"issuer"`
	Auth        string   `json:"authorization_endpoint"`
	Token       string   `json:"token_endpoint"`
	Userinfo    string   `json:"userinfo_endpoint"`
	Keys        string   `json:"jwks_uri"`
	Algorithms  []string `json:"id_token_signing_alg_values_supported"`
	AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	// TellsIssuer: each answer names the issuer (RFC 9207).
	TellsIssuer bool `json:"authorization_response_iss_parameter_supported"`

	keySet  oidc.KeySet
	fetched time.Time
}

// endpoints are those of the settings, or are discovered. All who need them at once wait for the same call.
func (p *provider) endpoints(ctx context.Context) (*endpoints, *fault) {
	if p.settings.Issuer == "" {
		return &endpoints{Auth: p.settings.AuthURL, Token: p.settings.TokenURL, Userinfo: p.settings.UserinfoURL}, nil
	}
	known := p.discovered.Load()
	if p.younger(known, refreshAfter) {
		return known, nil
	}
	result := p.flight.DoChan("", func() (any, error) {
		if f := p.discover(); f != nil {
			return nil, f
		}
		return p.discovered.Load(), nil
	})
	if p.younger(known, discardAfter) {
		return known, nil // who comes next has the new ones
	}
	select {
	case done := <-result:
		if f, failed := done.Err.(*fault); failed {
			return nil, f
		}
		return done.Val.(*endpoints), nil
	case <-ctx.Done():
		_, n := withNote(ctx, opDiscovery)
		return nil, n.fault(ctx, "")
	}
}

func (p *provider) younger(known *endpoints, age time.Duration) bool {
	return known != nil && p.now().Sub(known.fetched) < age
}

func (p *provider) discover() *fault {
	if p.younger(p.discovered.Load(), refreshAfter) {
		return nil // another call ended between the caller's look and now
	}
	// It outlives the request that began it, for others wait too; what bounds it is the time of a call.
	body, f := p.calls.get(context.Background(), opDiscovery, strings.TrimSuffix(p.settings.Issuer, "/")+"/.well-known/openid-configuration", "")
	if f == nil {
		f = p.accept(body)
	}
	if f != nil {
		p.logger.Warn("a sign-in provider could not be discovered", "provider", p.name, "problem", f.Error())
	}
	return f
}

// accept takes over a discovery document if it is usable.
func (p *provider) accept(document []byte) *fault {
	found := &endpoints{}
	if json.Unmarshal(document, found) != nil {
		return endMisconfigured.because("the discovery document is not one of OpenID Connect")
	}
	if found.Issuer != p.settings.Issuer {
		return endMixedUp.because("the discovery document names another issuer; write issuer exactly as it does, the slash at the end included")
	}
	needed := map[string]string{"authorization_endpoint": found.Auth, "token_endpoint": found.Token, "jwks_uri": found.Keys}
	if found.Userinfo != "" || p.settings.identity() == IdentityUserinfo {
		needed["userinfo_endpoint"] = found.Userinfo
	}
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"} {
		if address, check := needed[name]; check && secureurl.Fault(address) != "" {
			return endMisconfigured.because("the discovery document has no usable " + name)
		}
	}
	found.Algorithms = usableAlgorithms(found.Algorithms)
	found.keySet = oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), p.calls.clients[opKeys]), found.Keys)
	found.fetched = p.now()
	p.discovered.Store(found)
	return nil
}

// signingAlgorithms need a key that only the provider has. HS256 is signed with the client's secret, and none by nobody.
var signingAlgorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

func usableAlgorithms(offered []string) []string {
	var usable []string
	for _, algorithm := range offered {
		if slices.Contains(signingAlgorithms, algorithm) {
			usable = append(usable, algorithm)
		}
	}
	if len(usable) == 0 {
		return []string{oidc.RS256} // which each provider must have
	}
	return usable
}
