package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"bizbridge/bridge/identity"
	"bizbridge/config/yamlfile"
)

// Identity is the tokens that tell a helpdesk who a customer is.
type Identity struct {
	// jws: signed claims, which all who see the token can read. jws+jwe: the same, encrypted to the helpdesk.
	Kind string `json:"kind" jsonschema:"required,enum=jws,enum=jws+jwe,example=jws+jwe"`
	// How tokens are signed: RS256 with an RSA key, ES256 with a key of the curve P-256.
	Algorithm string `json:"algorithm" jsonschema:"enum=RS256,enum=ES256,default=RS256"`
	// The private keys. The first signs; all are published at /identity/<connector>/jwks while keys are replaced.
	Keys []IdentityKey `json:"keys" jsonschema:"required,minItems=1"`
	// The claim iss: who vouches for the customer, usually the address of your site.
	Issuer string `json:"issuer" jsonschema:"required,minLength=1,example=https://shop.example.com"`
	// The claim aud, for a helpdesk that wants one.
	Audience string `json:"audience" jsonschema:"example=https://desk.example.com"`
	// How long a token holds (30s to 24h).
	TTL Duration `json:"ttl" jsonschema:"default=10m"`
	// Claims of the token, each with the name of what the provider says of the customer (email, address.locality), or
	// subject, the identifier that the bridge makes. Claims in a claim make an object.
	Claims ClaimNames `json:"claims" jsonschema:"required"`
	// Claims that are the same for everybody.
	Fixed map[string]any `json:"fixed"`
	// Claims without which no token is made. "sub" and iAdvize's userId always are among them.
	Required []string `json:"required" jsonschema:"example=sub"`
	// To whom tokens are encrypted: for the kind jws+jwe.
	Encryption *IdentityEncryption `json:"encryption"`
}

// IdentityKey is a private key and its name.
type IdentityKey struct {
	// The private key: PEM text without a passphrase, so usually a ${file:…}.
	PrivateKey Secret `json:"private_key" jsonschema:"required,example=${file:/etc/bizbridge/identity.pem}"`
	// The name by which the helpdesk tells keys apart. Needed where there are several.
	ID string `json:"kid" jsonschema:"example=2026-01"`
}

// IdentityEncryption is the key of the helpdesk.
type IdentityEncryption struct {
	// The helpdesk's public RSA key: PEM, the base64 of such a file alone, or a JSON Web Key.
	PublicKey string `json:"public_key" jsonschema:"required,example=${file:/etc/bizbridge/helpdesk.pub.pem}"`
	// The name of that key, if the helpdesk has given it one.
	KeyID string `json:"kid" jsonschema:"example=desk-1"`
	// How the key is encrypted. There is no other way.
	Algorithm string `json:"alg" jsonschema:"enum=RSA-OAEP-256,default=RSA-OAEP-256"`
	// How the claims are encrypted. There is no other way.
	Content string `json:"enc" jsonschema:"enum=A256GCM,default=A256GCM"`
}

// ClaimNames are claims, each with the name of an attribute of the customer, or with claims again.
type ClaimNames map[string]any

// UnmarshalJSON sets the defaults of identity tokens.
func (i *Identity) UnmarshalJSON(data []byte) error {
	type fields Identity // without this method
	filled := fields{Algorithm: identity.RS256, TTL: Duration(identity.DefaultTTL)}
	err := json.Unmarshal(data, &filled)
	*i = Identity(filled)
	return err
}

// Settings are what tokens are made by.
func (i *Identity) Settings() identity.Settings {
	s := identity.Settings{
		Kind: identity.Kind(i.Kind), Algorithm: i.Algorithm, Issuer: i.Issuer, Audience: i.Audience, TTL: i.TTL.Std(),
		Claims: i.Claims, Fixed: i.Fixed, Required: i.Required,
	}
	for _, key := range i.Keys {
		s.Keys = append(s.Keys, identity.Key{ID: key.ID, PrivateKey: key.PrivateKey.Reveal()})
	}
	if e := i.Encryption; e != nil {
		s.Encryption = &identity.Encryption{PublicKey: e.PublicKey, KeyID: e.KeyID, Algorithm: e.Algorithm, Content: e.Content}
	}
	return s
}

// identities makes the tokens' keys ready once, which finds what is wrong with them.
func (r *rules) identities() {
	for _, name := range slices.Sorted(maps.Keys(r.config.Connectors)) {
		path := yamlfile.KeyPath("connectors", name) + ".identity"
		settings := r.config.Connectors[name].Identity
		if settings == nil || r.hasBroken(path) { // what was removed as broken would be reported as missing
			continue
		}
		if settings.TTL == 0 { // which means the default there
			r.add(path+".ttl", path+".ttl is zero", "10m is the default, 30s the shortest.")
		}
		_, err := identity.New(settings.Settings())
		joined, _ := err.(interface{ Unwrap() []error })
		if joined == nil {
			continue
		}
		for _, each := range joined.Unwrap() {
			if mistake, ok := errors.AsType[*identity.Error](each); ok {
				full := path + "." + mistake.Field
				r.add(full, full+" "+mistake.Problem, mistake.Fix)
			}
		}
	}
}

// identityWarnings tell of tokens that nobody will ever get.
func (c *Config) identityWarnings() []string {
	var warnings []string
	for _, name := range slices.Sorted(maps.Keys(c.Connectors)) {
		if c.Connectors[name].Identity == nil {
			continue
		}
		if !slices.ContainsFunc(c.Businesses, func(b Business) bool { return slices.Contains(b.ConnectorNames(), name) && b.SignIn != "" }) {
			warnings = append(warnings, fmt.Sprintf("connectors.%s.identity makes no token: no business of the connector has signin.", name))
		}
		if len(c.API.Keys) == 0 {
			warnings = append(warnings, fmt.Sprintf("connectors.%s.identity makes no token: api.keys is empty, and tokens are asked for with one of them.", name))
		}
	}
	return warnings
}
