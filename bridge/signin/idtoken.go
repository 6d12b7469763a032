package signin

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

// person is what a provider says of somebody.
type person struct {
	sub    string
	claims map[string]any
}

// exchangeClaims are about the exchange, not about the person.
var exchangeClaims = []string{"nonce", "at_hash", "c_hash", "s_hash"}

// verifyIDToken tells who an ID token is about. Where the login began at /oauth/start it must repeat the nonce; "" stands
// for a login that did not.
func (p *provider) verifyIDToken(ctx context.Context, found *endpoints, raw, accessToken, nonce string) (*person, *fault) {
	keys := &notedKeySet{KeySet: found.keySet}
	verifier := oidc.NewVerifier(found.Issuer, keys, &oidc.Config{
		ClientID: p.settings.ClientID, SupportedSigningAlgs: found.Algorithms, Now: p.now,
	})
	token, err := verifier.Verify(ctx, raw)
	switch {
	case err != nil && errors.Is(ctx.Err(), context.Canceled):
		return nil, endLeft.because("")
	case err != nil && keys.unavailable:
		return nil, endUnavailable.because("the keys that verify its ID tokens could not be fetched")
	case err != nil:
		return nil, endUnverified.because(p.explain(found, raw, err))
	case token.AccessTokenHash != "" && token.VerifyAccessToken(accessToken) != nil:
		return nil, endUnverified.because("the ID token is not of the same exchange as the access token (at_hash)")
	case token.Subject == "":
		return nil, endUnverified.because("the ID token names nobody (sub)")
	case nonce != "" && token.Nonce == "":
		return nil, endUnverified.because("the ID token has no nonce; with pkce, the OAuth URL in Apple Business Register must be that of /oauth/start")
	case nonce != "" && subtle.ConstantTimeCompare([]byte(nonce), []byte(token.Nonce)) != 1:
		return nil, endUnverified.because("the ID token is of another sign-in (nonce)")
	}
	var payload json.RawMessage
	if token.Claims(&payload) != nil {
		return nil, endUnverified.because("the ID token holds no JSON")
	}
	claims, ok := readClaims(payload)
	if !ok {
		return nil, endUnverified.because("the ID token holds no JSON object")
	}
	if party, given := claims["azp"]; given && party != p.settings.ClientID {
		return nil, endUnverified.because("the ID token was issued to another client (azp)")
	}
	for _, name := range exchangeClaims {
		delete(claims, name)
	}
	return &person{token.Subject, claims}, nil
}

// notedKeySet tells keys that could not be had from signatures that do not fit, which a verifier does not.
type notedKeySet struct {
	oidc.KeySet
	unavailable bool
}

func (k *notedKeySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, jwt)
	k.unavailable = err != nil && errors.Unwrap(err) != nil // it wraps what became of the call, and nothing else
	return payload, err
}

// explain finds words for an ID token that the verifier has refused. It decides nothing.
func (p *provider) explain(found *endpoints, raw string, err error) string {
	if _, expired := errors.AsType[*oidc.TokenExpiredError](err); expired {
		return "the ID token has expired; check the clocks"
	}
	parts := strings.Split(raw, ".")
	var header struct {
		Algorithm string `json:"alg"`
	}
	var payload struct {
		Issuer   string `json:"iss"`
		Audience any    `json:"aud"`
	}
	if len(parts) != 3 || !decodePart(parts[0], &header) || !decodePart(parts[1], &payload) {
		return "the ID token is not a JWT"
	}
	audience, _ := payload.Audience.([]any)
	switch {
	case !slices.Contains(found.Algorithms, header.Algorithm):
		return "the ID token is signed with an algorithm that the provider does not offer or that proves nothing (alg)"
	case payload.Issuer != found.Issuer:
		return "the ID token was issued by somebody else (iss)"
	case payload.Audience != p.settings.ClientID && !slices.Contains(audience, any(p.settings.ClientID)):
		return "the ID token is for another client (aud)"
	}
	return "the ID token is not signed with a key of the provider, or not valid yet"
}

func decodePart(part string, into any) bool {
	text, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(text, into) == nil
}

// readClaims reads one JSON object. Numbers stay as they are written: ids may be longer than a float is exact.
func readClaims(text []byte) (map[string]any, bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var claims map[string]any
	if decoder.Decode(&claims) != nil || claims == nil {
		return nil, false
	}
	_, err := decoder.Token()
	return claims, err == io.EOF
}
