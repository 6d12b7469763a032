package iadvize_test

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"bizbridge/bridge/identity"
	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors/iadvize"
	"bizbridge/connectors/iadvize/iadvizetest"
	"bizbridge/connectors/webhook"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReadmeNamesEverythingThereIs(t *testing.T) {
	text := readme(t)
	for _, kind := range message.EventTypes {
		if !strings.Contains(text, "`"+string(kind)+"`") {
			t.Errorf("it does not tell of %s", kind)
		}
	}
	for name := range events {
		if !strings.Contains(text, "`"+name+"`") && name != "v3.something.new" {
			t.Errorf("it does not tell of %s", name)
		}
	}
	for _, setting := range reflect.VisibleFields(reflect.TypeFor[iadvize.Config]()) {
		if name := setting.Tag.Get("json"); !strings.Contains(text, "| `"+name+"`") {
			t.Errorf("no table has the key %s", name)
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([^)#:]+)[^)]*\)`).FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(link[1]); err != nil {
			t.Errorf("a link leads nowhere: %v", err)
		}
	}
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
	v, dir := readVector(t), t.TempDir()
	examples := regexp.MustCompile("(?ms)^( *)```yaml\n(.*?)^ *```$").FindAllStringSubmatch(readme(t), -1)
	if len(examples) != 2 {
		t.Fatalf("%d examples", len(examples))
	}
	setUp, withTokens := strings.ReplaceAll(examples[0][2], "\n   ", "\n"), examples[1][2]
	block, _ := pem.Decode([]byte(v.EncPublicPEM))
	for name, text := range map[string]string{
		"identity-2026-01.pem": v.SignPrivatePEM, "iadvize.txt": base64.StdEncoding.EncodeToString(block.Bytes),
		// the connector of the set-up stands beside the one that has the conversations
		"bizbridge.yaml": whole(t) + withTokens + setUp[strings.Index(setUp, "\n")+1:],
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("DESK_SECRET", "whsec_bmV3IHNlY3JldCBvZiB0aGUgYnJpZGdlLCAzMiBieXQ=")
	t.Setenv("IADVIZE_SECRET", iadvizetest.Secret)
	loaded, err := config.Load(filepath.Join(dir, "bizbridge.yaml"), []config.ConnectorType{webhook.Factory().ConfigType(), iadvize.Factory().ConfigType()})
	if err != nil {
		t.Fatal(err)
	}
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

// whole is the rest of a configuration whose business is served by desk.
func whole(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	for key, value := range preamble {
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(key + ": " + string(encoded) + "\n")
	}
	return text.String()
}
