package config

import (
	"encoding/json"
	"maps"
	"slices"

	"bizbridge/config/yamlfile"
)

// SignIn is how customers prove who they are.
type SignIn struct {
	// The providers with which customers sign in, each under a name of your choice. Apple allows one per business.
	Providers map[string]Provider `json:"providers"`
	// Keeps the subject that helpdesks know a person by the same when keys are rotated: base64, 32 bytes, never changed.
	// Without it the first of keys is used. "bizbridge keygen" makes one.
	SubjectKey Secret `json:"subject_key" jsonschema:"example=${env:SUBJECT_KEY}"`
}

// Provider is an OpenID Connect or OAuth 2.0 provider.
type Provider struct {
	// The issuer of OpenID Connect, whose endpoints and keys are discovered.
	Issuer string `json:"issuer" jsonschema:"format=uri,example=https://login.example.com"`
	// For a provider without an issuer: where the customer signs in.
	AuthURL string `json:"auth_url" jsonschema:"format=uri,example=https://login.example.com/authorize"`
	// For a provider without an issuer: where the code is exchanged.
	TokenURL string `json:"token_url" jsonschema:"format=uri,example=https://login.example.com/token"`
	// For a provider without an issuer: what tells who the customer is.
	UserinfoURL string `json:"userinfo_url" jsonschema:"format=uri,example=https://login.example.com/userinfo"`
	// As registered with the provider, and with Apple.
	ClientID string `json:"client_id" jsonschema:"required,example=bizbridge"`
	// As registered with the provider.
	ClientSecret Secret `json:"client_secret" jsonschema:"example=${env:SIGNIN_CLIENT_SECRET}"`
	// What is asked for, one by one: openid, email, profile.
	Scopes []string `json:"scopes" jsonschema:"example=openid"`
	// Where the identity is read: id_token (the default with an issuer) or userinfo.
	Identity string `json:"identity" jsonschema:"enum=,enum=id_token,enum=userinfo,example=id_token"`
	// How the client shows its secret where the code is exchanged: client_secret_basic or client_secret_post; without it
	// what the provider says, else what it takes.
	TokenAuthMethod string `json:"token_auth_method" jsonschema:"enum=,enum=client_secret_basic,enum=client_secret_post,example=client_secret_post"`
	// Adds PKCE and a nonce. Needs /oauth/start of the bridge registered with Apple as the OAuth URL.
	PKCE bool `json:"pkce" jsonschema:"default=false"`
	// How long a customer may take (1m to 24h).
	TTL Duration `json:"ttl" jsonschema:"default=10m"`
	// Devices that know only Apple's old flow may use it: the device fetches the token, and sends it encrypted.
	Legacy bool `json:"legacy" jsonschema:"default=true"`
}

// UnmarshalJSON sets the defaults of a provider.
func (p *Provider) UnmarshalJSON(data []byte) error {
	type fields Provider // without this method
	filled := fields{TTL: seconds(600), Legacy: true}
	err := json.Unmarshal(data, &filled)
	*p = Provider(filled)
	return err
}

// signIn checks the providers as far as no other package has to know of them.
func (r *rules) signIn() {
	names := slices.Sorted(maps.Keys(r.config.SignIn.Providers))
	for _, name := range names {
		provider, path := r.config.SignIn.Providers[name], yamlfile.KeyPath("signin.providers", name)
		urls := map[string]string{"issuer": provider.Issuer, "auth_url": provider.AuthURL, "token_url": provider.TokenURL, "userinfo_url": provider.UserinfoURL}
		for key, value := range urls {
			if value != "" {
				r.address(path+"."+key, value, "secrets go there")
			}
		}
		if provider.Issuer == "" && (provider.AuthURL == "" || provider.TokenURL == "" || provider.UserinfoURL == "") {
			r.add(path, path+" has neither issuer nor auth_url, token_url and userinfo_url", "Give issuer alone, or the three of them.")
		}
		if provider.ClientSecret == "" && !provider.PKCE {
			r.add(path, path+".client_secret is missing", "The provider gives it with the client_id. A client without one needs pkce: true.")
		}
	}
	for i, business := range r.config.Businesses {
		path := yamlfile.ItemPath("businesses", i) + ".signin"
		if business.SignIn != "" && !slices.Contains(names, business.SignIn) && !r.hasBroken("signin") {
			r.add(path, path+" is none of signin.providers", yamlfile.Suggest(business.SignIn, names, "Providers"))
		}
	}
	if key := r.config.SignIn.SubjectKey; key != "" && !r.isBroken("signin.subject_key") {
		if _, err := decodeMasterKey(key); err != nil {
			r.add("signin.subject_key", "signin.subject_key "+err.Error(), "It is 32 bytes in base64. Make one with: bizbridge keygen.")
		}
	}
}

// SubjectKeyBytes returns the decoded signin.subject_key; nil for none.
func (c *Config) SubjectKeyBytes() []byte {
	if c.SignIn.SubjectKey == "" {
		return nil
	}
	return mustDecode([]Secret{c.SignIn.SubjectKey}, decodeMasterKey)[0]
}
