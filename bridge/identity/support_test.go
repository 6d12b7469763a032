package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

var now = time.Unix(1_785_578_000, 0)

// vector is a token of iAdvize's process that was not made by this package, with keys made for it.
type vector struct {
	Claims         map[string]any
	SignPrivatePEM string `json:"sign_private_pem"`
	SignPublicPEM  string `json:"sign_public_pem"`
	EncPrivatePEM  string `json:"enc_private_pem"`
	EncPublicPEM   string `json:"enc_public_pem"`
	JWS, JWE       string
}

func readVector(t testing.TB) vector {
	t.Helper()
	text, err := os.ReadFile("testdata/iadvize.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vector
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func pemText(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkcs8(key any) string { return pemText("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key))) }

func pkix(key any) string { return pemText("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(key))) }

func rsaKey(bits int) func() *rsa.PrivateKey {
	return sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, bits)) })
}

func ecKey(curve elliptic.Curve) func() *ecdsa.PrivateKey {
	return sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(curve, rand.Reader)) })
}

var (
	rsa1024, rsa2048, otherRSA2048 = rsaKey(1024), rsaKey(2048), rsaKey(2048)
	p256, otherP256, p384          = ecKey(elliptic.P256()), ecKey(elliptic.P256()), ecKey(elliptic.P384())
)

// jwsSettings are the least that New takes.
func jwsSettings(key any) Settings {
	s := Settings{
		Kind: JWS, Algorithm: RS256, Issuer: "https://shop.example.test",
		Keys: []Key{{PrivateKey: pkcs8(key)}}, Claims: map[string]any{"sub": "subject"},
	}
	if _, ok := key.(*ecdsa.PrivateKey); ok {
		s.Algorithm = ES256
	}
	return s
}

func signer(t testing.TB, settings Settings) *Signer {
	t.Helper()
	s, err := New(settings)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// verify is the helpdesk's half, with the other library than the one that signs.
func verify(t testing.TB, token string, key crypto.PublicKey) (header jose.Header, claims map[string]any) {
	t.Helper()
	object, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := object.Verify(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return object.Signatures[0].Protected, claims
}

// hasMistake looks for one of the joined mistakes.
func hasMistake(err error, field, words string) bool {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return false
	}
	for _, one := range joined.Unwrap() {
		mistake, ok := errors.AsType[*Error](one)
		if ok && mistake.Field == field && strings.Contains(mistake.Problem, words) {
			return mistake.Fix != "" && strings.HasSuffix(mistake.Fix, ".")
		}
	}
	return false
}
