package identity

import (
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

// The claims of iAdvize.
const (
	IAdvizeUserID      = "https://iadvize.com/userId"
	IAdvizeVisitorData = "https://iadvize.com/visitorData"
)

// identifiers are claims that a helpdesk knows a customer by: a token without one would be of nobody.
var identifiers = []string{"sub", IAdvizeUserID}

const (
	// maxIdentifier is the limit of iAdvize, and of OpenID Connect for sub.
	maxIdentifier = 255
	// maxClaims is in bytes of JSON. Tokens travel in headers and addresses, which are often cut at 8 KB.
	maxClaims = 4 << 10
)

// Signer makes tokens. It is safe for concurrent use.
type Signer struct {
	settings  Settings
	method    jwt.SigningMethod
	keys      []crypto.Signer
	jwks      []byte
	encrypter jose.Encrypter
}

// New checks the settings, which must not be changed afterwards. The error joins an [*Error] for each mistake.
func New(settings Settings) (*Signer, error) {
	if settings.Algorithm == "" {
		settings.Algorithm = RS256
	}
	if settings.TTL == 0 {
		settings.TTL = DefaultTTL
	}
	s := &Signer{settings: settings}
	var m mistakes
	settings.check(&m)
	switch settings.Algorithm {
	case RS256:
		s.method = jwt.SigningMethodRS256
	case ES256:
		s.method = jwt.SigningMethodES256
	}
	if s.method != nil { // else nobody knows which keys are right
		s.readKeys(&m)
	}
	if settings.Encryption != nil {
		s.readEncryption(&m, *settings.Encryption)
	}
	if err := m.join(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Signer) readKeys(m *mistakes) {
	if len(s.settings.Keys) == 0 {
		m.add("keys", "is empty", "Write at least one private key; the first signs.")
	}
	var set jose.JSONWebKeySet
	for i, key := range s.settings.Keys {
		path := fmt.Sprintf("keys[%d]", i)
		switch {
		case key.ID == "" && len(s.settings.Keys) > 1:
			m.add(path+".kid", "is empty", "Name every key where there are several, so that the helpdesk can tell them apart.")
		case key.ID != "" && slices.ContainsFunc(s.settings.Keys[:i], func(other Key) bool { return other.ID == key.ID }):
			m.add(path+".kid", "is that of another key", "Give every key a name of its own, as the month when it was made.")
		}
		private, p := readPrivateKey(key.PrivateKey, s.settings.Algorithm)
		if p != nil {
			m.add(path+".private_key", p.what, p.fix)
			continue
		}
		if slices.ContainsFunc(s.keys, func(other crypto.Signer) bool { return same(other.Public(), private.Public()) }) {
			m.add(path+".private_key", "is that of another entry", "Remove one of the two, or write the new key.")
		}
		s.keys = append(s.keys, private)
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: private.Public(), KeyID: key.ID, Algorithm: s.method.Alg(), Use: "sig"})
	}
	jwks, err := json.Marshal(set)
	if err != nil {
		m.add("keys", "cannot be published", makeKey)
	}
	s.jwks = jwks
}

func same(one, other crypto.PublicKey) bool {
	key, ok := one.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(other)
}

func (s *Signer) readEncryption(m *mistakes, e Encryption) {
	if e.Algorithm != "" && e.Algorithm != keyAlgorithm {
		m.add("encryption.alg", "is not RSA-OAEP-256", "Remove it: there is no other.")
	}
	if e.Content != "" && e.Content != contentAlgorithm {
		m.add("encryption.enc", "is not A256GCM", "Remove it: there is no other.")
	}
	key, id, p := readPublicKey(e.PublicKey)
	if p != nil {
		m.add("encryption.public_key", p.what, p.fix)
		return
	}
	if e.KeyID != "" {
		id = e.KeyID
	}
	if slices.ContainsFunc(s.keys, func(own crypto.Signer) bool { return same(own.Public(), key) }) {
		m.add("encryption.public_key", "belongs to a private key in keys", "Write the helpdesk's public key: only the helpdesk must be able to read the token.")
		return
	}
	encrypter, err := newEncrypter(key, id)
	if err == nil { // a key may be well-formed, and still not be usable
		_, err = encrypt(encrypter, "probe")
	}
	if err != nil {
		m.add("encryption.public_key", "is a key that does not encrypt", "Ask the helpdesk for its key anew.")
		return
	}
	s.encrypter = encrypter
}

func newEncrypter(key *rsa.PublicKey, id string) (jose.Encrypter, error) {
	recipient := jose.Recipient{Algorithm: jose.RSA_OAEP_256, Key: key, KeyID: id}
	return jose.NewEncrypter(jose.A256GCM, recipient, (&jose.EncrypterOptions{}).WithContentType("JWT"))
}

func encrypt(encrypter jose.Encrypter, text string) (string, error) {
	object, err := encrypter.Encrypt([]byte(text))
	if err != nil {
		return "", err
	}
	return object.CompactSerialize()
}

// Kind is the form of the tokens.
func (s *Signer) Kind() Kind { return s.settings.Kind }

// JWKS is the JSON Web Key Set of the public keys, the signing one first, for a helpdesk that fetches them.
func (s *Signer) JWKS() []byte { return slices.Clone(s.jwks) }

// ErrAttributes is that no token can be made of a customer's attributes. The text names the claim, and no value.
var ErrAttributes = errors.New("no identity token can be made")

// Sign makes the token of a customer. Attributes are what is verified about the customer, such as the claims of an ID
// token; one in an object is named with dots, as address.locality.
func (s *Signer) Sign(attributes map[string]any, now time.Time) (token string, expires time.Time, err error) {
	claims, err := s.claims(attributes)
	if err != nil {
		return "", time.Time{}, err
	}
	expires = now.Add(s.settings.TTL).Truncate(time.Second)
	claims["iss"], claims["iat"], claims["exp"] = s.settings.Issuer, now.Unix(), expires.Unix()
	if s.settings.Audience != "" {
		claims["aud"] = s.settings.Audience
	}
	unsigned := jwt.NewWithClaims(s.method, claims)
	delete(unsigned.Header, "typ") // iAdvize's tokens have alg alone, and nobody needs it
	if id := s.settings.Keys[0].ID; id != "" {
		unsigned.Header["kid"] = id
	}
	token, err = unsigned.SignedString(s.keys[0])
	if err == nil && s.encrypter != nil {
		token, err = encrypt(s.encrypter, token)
	}
	if err != nil {
		return "", time.Time{}, fmt.Errorf("identity token: %w", err)
	}
	return token, expires, nil
}

func (s *Signer) claims(attributes map[string]any) (jwt.MapClaims, error) {
	claims := jwt.MapClaims(pick(s.settings.Claims, attributes))
	for _, claim := range slices.Concat(identifiers, s.settings.Required) {
		if _, mapped := s.settings.Claims[claim]; !mapped {
			continue
		}
		if _, ok := claims[claim]; !ok {
			return nil, fmt.Errorf("%w: the customer has no attribute for the claim %s; map another, or ask the sign-in for a scope that gives it", ErrAttributes, claim)
		}
	}
	for _, claim := range identifiers {
		value, ok := claims[claim]
		if !ok {
			continue
		}
		if text, ok := value.(string); !ok || len(text) > maxIdentifier || !utf8.ValidString(text) {
			return nil, fmt.Errorf("%w: the claim %s is not a text of at most %d bytes; map the customer's pairwise subject to it", ErrAttributes, claim, maxIdentifier)
		}
	}
	maps.Copy(claims, s.settings.Fixed)
	encoded, err := json.Marshal(claims)
	if err != nil {
		return nil, fmt.Errorf("%w: an attribute is not JSON", ErrAttributes)
	}
	if len(encoded) > maxClaims {
		return nil, fmt.Errorf("%w: the claims are longer than %d bytes; map fewer attributes", ErrAttributes, maxClaims)
	}
	return claims, nil
}

// pick fills a mapping with the attributes that there are.
func pick(mapping, attributes map[string]any) map[string]any {
	picked := map[string]any{}
	for claim, source := range mapping {
		switch source := source.(type) {
		case string:
			if value := find(attributes, source); value != nil && value != "" {
				picked[claim] = value
			}
		case map[string]any:
			if nested := pick(source, attributes); len(nested) > 0 {
				picked[claim] = nested
			}
		}
	}
	return picked
}

// find takes a name as it is first: names that are addresses have dots too.
func find(attributes map[string]any, name string) any {
	if value, ok := attributes[name]; ok {
		return value
	}
	head, rest, ok := strings.Cut(name, ".")
	if !ok {
		return nil
	}
	nested, _ := attributes[head].(map[string]any)
	return find(nested, rest)
}
