package iadvize_test

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"bizbridge/bridge/identity"
	"bizbridge/bridge/message"
	"bizbridge/connectors/connectortest/readme"
	"bizbridge/connectors/iadvize"
	"bizbridge/connectors/iadvize/iadvizetest"
	"bizbridge/connectors/webhook"
)

func TestReadmeNamesEverythingThereIs(t *testing.T) {
	readme.Tells(t, message.EventTypes...)
	for name := range events {
		if name != "v3.something.new" {
			readme.Tells(t, name)
		}
	}
	readme.HasKeys(t, iadvize.Config{})
	readme.LinksLeadSomewhere(t)
}

// vector is a token with the keys of both sides.
type vector struct {
	Claims         map[string]any `json:"claims"`
	SignPrivatePEM string         `json:"sign_private_pem"`
	EncPrivatePEM  string         `json:"enc_private_pem"`
	EncPublicPEM   string         `json:"enc_public_pem"`
	JWS            string         `json:"jws"`
	JWE            string         `json:"jwe"`
}

func readVector(t *testing.T) (v vector) {
	t.Helper()
	if err := json.Unmarshal([]byte(testdata(t, "vector-jws-jwe.json")), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// open does what iAdvize does with a token.
func (v vector) open(t *testing.T, token string) (jws string, claims map[string]any) {
	t.Helper()
	private := func(text string) crypto.Signer {
		block, _ := pem.Decode([]byte(text))
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		return key.(crypto.Signer)
	}
	encrypted, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{jose.RSA_OAEP_256}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		t.Fatal(err)
	}
	inner, err := encrypted.Decrypt(private(v.EncPrivatePEM))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := jose.ParseSignedCompact(string(inner), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := signed.Verify(private(v.SignPrivatePEM).Public())
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return string(inner), claims
}

func TestTheVectorIsReadAsIAdvizeReadsIt(t *testing.T) {
	v := readVector(t)
	if jws, claims := v.open(t, v.JWE); jws != v.JWS || !reflect.DeepEqual(claims, v.Claims) {
		t.Errorf("%v, want %v", claims, v.Claims)
	}
}

// TestTheSettingsOfTheReadmeWork loads both examples as parts of a whole configuration, and has the second make a token.
func TestTheSettingsOfTheReadmeWork(t *testing.T) {
	v, examples := readVector(t), readme.Blocks(t, "yaml")
	if len(examples) != 2 {
		t.Fatalf("%d examples", len(examples))
	}
	_, setUp, _ := strings.Cut(examples[0], "\n") // its connector stands beside the one that has the conversations
	block, _ := pem.Decode([]byte(v.EncPublicPEM))
	t.Setenv("DESK_SECRET", "whsec_bmV3IHNlY3JldCBvZiB0aGUgYnJpZGdlLCAzMiBieXQ=")
	t.Setenv("IADVIZE_SECRET", iadvizetest.Secret)
	loaded, _ := readme.Load(t, strings.Replace(examples[1], "connectors:\n", "connectors:\n"+setUp, 1), map[string]string{
		"identity-2026-01.pem": v.SignPrivatePEM, "iadvize.txt": base64.StdEncoding.EncodeToString(block.Bytes),
	}, webhook.Factory().ConfigType(), iadvize.Factory().ConfigType())
	if settings := loaded.Connectors["iadvize"].Settings.(*iadvize.Config); settings.Secrets[0] != iadvizetest.Secret {
		t.Error("the secret of the set-up is not read")
	}
	signer, err := identity.New(loaded.Connectors["desk"].Identity.Settings())
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	if err := json.Unmarshal([]byte(testdata(t, "auth.jws_claims.json")), &want); err != nil {
		t.Fatal(err)
	}
	expires := time.Unix(int64(want["exp"].(float64)), 0)
	token, until, err := signer.Sign(map[string]any{
		"subject": want[identity.IAdvizeUserID], "given_name": "Ada", "family_name": "L", "address": map[string]any{"locality": "Nantes", "country": "FR"},
	}, expires.Add(-time.Minute))
	if err != nil || !until.Equal(expires) {
		t.Fatalf("%v, %v", until, err)
	}
	_, claims := v.open(t, token)
	delete(claims, "iat")                    // beside what iAdvize documents
	want["iss"] = "https://shop.example.com" // the fixture has another shop
	if !reflect.DeepEqual(claims, want) {
		t.Errorf("iAdvize reads %v, want %v", claims, want)
	}
}
