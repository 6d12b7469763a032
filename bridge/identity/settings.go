// Package identity makes the tokens that tell a helpdesk who a customer is, after the customer has signed in: signed
// claims (JWS), encrypted to the helpdesk if it wants so (JWE). README.md has examples and the making of keys.
package identity

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is the form of a token.
type Kind string

// The kinds.
const (
	JWS    Kind = "jws"
	JWSJWE Kind = "jws+jwe" // the JWS is the content of a JWE
)

// The algorithms of signatures. What encrypts is RSA-OAEP-256 and A256GCM, always.
const (
	RS256 = "RS256"
	ES256 = "ES256"

	keyAlgorithm     = "RSA-OAEP-256"
	contentAlgorithm = "A256GCM"
)

// How long a token holds.
const (
	DefaultTTL = 10 * time.Minute
	MinTTL     = 30 * time.Second
	MaxTTL     = 24 * time.Hour
)

// Settings say which tokens a helpdesk gets.
type Settings struct {
	// "jws": signed. "jws+jwe": signed, then encrypted to the helpdesk.
	Kind Kind `json:"kind"`
	// How tokens are signed: RS256 (default) or ES256.
	Algorithm string `json:"algorithm"`
	// The private keys. The first signs; the others are published beside it while keys are replaced.
	Keys []Key `json:"keys"`
	// The claim iss: who vouches for the customer, usually the address of your site.
	Issuer string `json:"issuer"`
	// The claim aud, for helpdesks that want one.
	Audience string `json:"audience"`
	// How long a token holds: 30s to 24h, 10m by default.
	TTL time.Duration `json:"ttl"`
	// Claims of the token, each with the name of the customer's attribute that it is made of. Instead of a name there
	// may be such claims again: they become an object. What the customer does not have is left out.
	Claims map[string]any `json:"claims"`
	// Claims that are the same for everybody.
	Fixed map[string]any `json:"fixed"`
	// Claims without which no token is made. "sub" and iAdvize's userId always are among them.
	Required []string `json:"required"`
	// To whom tokens are encrypted; for the kind jws+jwe.
	Encryption *Encryption `json:"encryption"`
}

// Key is a private key and its name.
type Key struct {
	// The name of the key (kid), by which the helpdesk chooses among several. Without it, tokens name no key.
	ID string `json:"kid"`
	// The private key: PEM text without a passphrase, PKCS #1, PKCS #8 or SEC 1.
	PrivateKey string `json:"private_key"`
}

// Encryption is the key of the helpdesk.
type Encryption struct {
	// The helpdesk's public RSA key: PEM, the base64 of such a file alone, or a JSON Web Key.
	PublicKey string `json:"public_key"`
	// The name of that key (kid), if the helpdesk has given it one.
	KeyID string `json:"kid"`
	// RSA-OAEP-256, which is also the default.
	Algorithm string `json:"alg"`
	// A256GCM, which is also the default.
	Content string `json:"enc"`
}

// Error is a mistake in the settings. It has nothing of any key.
type Error struct {
	Field   string // where, as keys[0].private_key
	Problem string // what is wrong, to be read after the field
	Fix     string // a sentence
}

func (e *Error) Error() string { return e.Field + " " + e.Problem + ". " + e.Fix }

// mistakes are collected, so that all are told at once.
type mistakes []error

func (m *mistakes) add(field, problem, fix string) { *m = append(*m, &Error{field, problem, fix}) }

func (m *mistakes) join() error { return errors.Join(*m...) }

// reserved claims are those that the signer itself sets.
var reserved = []string{"iss", "aud", "exp", "iat", "nbf", "jti"}

func (s *Settings) check(m *mistakes) {
	switch s.Kind {
	case JWS:
		if s.Encryption != nil {
			m.add("encryption", "is set, but tokens of the kind jws are not encrypted", "Remove it, or set kind to jws+jwe.")
		}
	case JWSJWE:
		if s.Encryption == nil {
			m.add("encryption", "is missing", "The kind jws+jwe needs the helpdesk's public key in encryption.public_key.")
		}
	default:
		m.add("kind", "is neither jws nor jws+jwe", "Write the one that the helpdesk asks for.")
	}
	if s.Algorithm != RS256 && s.Algorithm != ES256 {
		m.add("algorithm", "is neither RS256 nor ES256", "Write RS256 for an RSA key, ES256 for a key of the curve P-256.")
	}
	if s.Issuer == "" {
		m.add("issuer", "is empty", "Write who vouches for the customer, as https://shop.example.com.")
	}
	if s.TTL < MinTTL || s.TTL > MaxTTL {
		m.add("ttl", "is not between 30s and 24h", "Write the shortest time that the helpdesk works with; 10m is the default.")
	}
	s.checkClaims(m)
}

func (s *Settings) checkClaims(m *mistakes) {
	if len(s.Claims) == 0 {
		m.add("claims", "is empty", "Write at least the claim that the helpdesk knows a customer by, as sub: subject.")
	}
	checkMapping(m, "claims", s.Claims)
	if _, err := json.Marshal(s.Fixed); err != nil {
		m.add("fixed", "has a value that is not JSON", "Use texts, numbers, true and false, lists and objects.")
	}
	for _, claims := range []struct {
		field string
		has   map[string]any
	}{{"claims", s.Claims}, {"fixed", s.Fixed}} {
		for _, claim := range reserved {
			if _, ok := claims.has[claim]; ok {
				m.add(claims.field+"."+claim, "is set by the bridge itself", "Remove it; issuer, audience and ttl are settings of their own.")
			}
		}
	}
	for _, claim := range sortedKeys(s.Fixed) {
		if _, ok := s.Claims[claim]; ok {
			m.add("fixed."+claim, "is also in claims", "Remove one of the two.")
		}
	}
	for _, claim := range identifiers {
		if _, ok := s.Fixed[claim]; ok {
			m.add("fixed."+claim, "would be the same for every customer", "Map an attribute to it under claims, as "+claim+": subject.")
		}
		if _, ok := s.Claims[claim].(map[string]any); ok {
			m.add("claims."+claim, "is an object, and must be a text", "Write the name of one attribute, as "+claim+": subject.")
		}
	}
	for i, claim := range s.Required {
		if _, ok := s.Claims[claim]; !ok {
			m.add(fmt.Sprintf("required[%d]", i), fmt.Sprintf("names %q, which is not in claims", claim), "Add the claim there, or remove it here.")
		}
	}
}

// checkMapping sees that every leaf is the name of an attribute.
func checkMapping(m *mistakes, path string, mapping map[string]any) {
	for _, claim := range sortedKeys(mapping) {
		field := path + "." + claim
		switch value := mapping[claim].(type) {
		case string:
			if strings.TrimSpace(value) == "" {
				m.add(field, "is empty", "Write the name of an attribute, as email; what is the same for everybody belongs under fixed.")
			}
		case map[string]any:
			if len(value) == 0 {
				m.add(field, "is empty", "Write its claims, or remove it.")
			}
			checkMapping(m, field, value)
		default:
			m.add(field, "is neither the name of an attribute nor an object of such", "What is the same for everybody belongs under fixed.")
		}
	}
}

func sortedKeys(values map[string]any) []string {
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
