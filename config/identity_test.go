package config

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/identity"
)

// rsaPair makes a key and its public half, as PEM.
func rsaPair(t *testing.T) (private, public string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// TestIdentitySettings has all that can be set arrive where tokens are made.
func TestIdentitySettings(t *testing.T) {
	private, _ := rsaPair(t)
	another, _ := rsaPair(t)
	_, public := rsaPair(t)
	dir := t.TempDir()
	for name, text := range map[string]string{"a.pem": private, "b.pem": another, "desk.pem": public} {
		write(t, filepath.Join(dir, name), text)
	}
	text := minimal(t) + `    identity:
      kind: jws+jwe
      keys:
        - {kid: new, private_key: "${file:a.pem}"}
        - {kid: old, private_key: "${file:b.pem}"}
      issuer: https://shop.example.com
      audience: https://desk.example.com
      claims: {sub: subject, visitor: {city: address.locality}}
      fixed: {scope: user, level: 2}
      required: [visitor]
      encryption: {public_key: "${file:desk.pem}", kid: desk-1, alg: RSA-OAEP-256, enc: A256GCM}
`
	resolve := systemResolver(dir)
	resolve.env = fakeResolver().env
	c, err := parse("test.yaml", []byte(text), testTypes(), resolve)
	if err != nil {
		t.Fatal(err)
	}
	want := identity.Settings{
		Kind: identity.JWSJWE, Algorithm: identity.RS256, Issuer: "https://shop.example.com", Audience: "https://desk.example.com", TTL: 10 * time.Minute,
		Keys:   []identity.Key{{ID: "new", PrivateKey: private}, {ID: "old", PrivateKey: another}},
		Claims: map[string]any{"sub": "subject", "visitor": map[string]any{"city": "address.locality"}},
		Fixed:  map[string]any{"scope": "user", "level": 2.0}, Required: []string{"visitor"},
		Encryption: &identity.Encryption{PublicKey: public, KeyID: "desk-1", Algorithm: "RSA-OAEP-256", Content: "A256GCM"},
	}
	settings := c.Connectors["desk"].Identity
	if diff := cmp.Diff(want, settings.Settings()); diff != "" {
		t.Error(diff)
	}
	if line := strings.Split(private, "\n")[1]; strings.Contains(fmt.Sprintf("%+v %#v", *settings, *settings), line) {
		t.Error("a private key can be printed")
	}
	schema, err := Schema(testTypes())
	if err != nil || !bytes.Contains(schema, []byte("RSA-OAEP-256")) {
		t.Errorf("editors are not told of identity: %v", err)
	}
}

// TestPrivateKeysAreNotShown has no part of a key in what is said of it, however it is wrong.
func TestPrivateKeysAreNotShown(t *testing.T) {
	private, public := rsaPair(t)
	_, ec := selfSigned(t)
	for name, key := range map[string]string{
		"cut": private[:len(private)/2], "of another algorithm": ec, "the public half": public, "without PEM": strings.Split(private, "\n")[3],
	} {
		resolve := fakeResolver()
		resolve.file = func(string) (string, error) { return key, nil }
		_, err := parse("x.yaml", []byte(minimal(t)+`    identity: {kind: jws, issuer: i, claims: {sub: subject}, keys: [{private_key: "${file:key}"}]}`), testTypes(), resolve)
		if err == nil || !strings.Contains(err.Error(), "x.yaml:20:83: connectors.desk.identity.keys[0].private_key ") {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for line := range strings.Lines(key) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "---") && len(line) > 8 && strings.Contains(err.Error(), line[:8]) {
				t.Errorf("%s: shows %q: %v", name, line, err)
			}
		}
	}
}

func TestIdentityWarnings(t *testing.T) {
	_, ec := selfSigned(t)
	resolve := fakeResolver()
	resolve.file = func(string) (string, error) { return ec, nil }
	text := minimal(t) + `    identity: {kind: jws, algorithm: ES256, issuer: i, claims: {sub: subject}, keys: [{private_key: "${file:key}"}]}` + "\n"
	const keys = "\napi: {keys: [{name: bot, token: 0123456789abcdef, businesses: [\"*\"]}]}\n"
	const provider = "\nsignin: {providers: {acme: {issuer: \"https://login.example.com\", client_id: a, client_secret: b}}}\n"
	used := strings.Replace(text, "connector: desk", "connector: desk\n    signin: acme", 1) + provider
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"neither":    {text, []string{"no business of the connector has signin", "api.keys is empty"}},
		"no sign-in": {text + keys, []string{"no business of the connector has signin"}},
		"no key":     {used, []string{"api.keys is empty"}},
		"both":       {used + keys, nil},
	} {
		c, err := parse("x.yaml", []byte(test.text), testTypes(), resolve)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := c.identityWarnings()
		if len(got) != len(test.want) {
			t.Errorf("%s: %q", name, got)
			continue
		}
		for i, want := range test.want {
			if !strings.Contains(got[i], "connectors.desk.identity ") || !strings.Contains(got[i], want) {
				t.Errorf("%s: %q", name, got[i])
			}
		}
	}
}
