package bridge

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"bizbridge/bridge/identity"
	"bizbridge/bridge/seal"
)

func p256(t testing.TB) (key *ecdsa.PrivateKey, text string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// signing is an identity of the configuration, signed with the first of the keys.
func signing(keys ...string) string {
	var list []string
	for i, key := range keys {
		list = append(list, fmt.Sprintf("{kid: key-%d, private_key: %q}", i, key))
	}
	return `{kind: jws, algorithm: ES256, keys: [` + strings.Join(list, ", ") + `], issuer: "https://shop.example.com", ttl: 5m,
	claims: {sub: subject, email: email, name: name, phone: phone_number}}`
}

// withIdentity gives both connectors the same identity.
func withIdentity(settings string) func(string) string {
	return func(text string) string {
		return strings.ReplaceAll(text, "{type: webhook,", "{type: webhook, identity: "+settings+",")
	}
}

func withMasterKeys(keys ...string) func(string) string {
	return func(text string) string {
		return strings.Replace(text, fmt.Sprintf("keys: [%q]", masterKey), `keys: ["`+strings.Join(keys, `", "`)+`"]`, 1)
	}
}

// withProvider lets the customers of the first business sign in there.
func withProvider(address string) func(string) string {
	return func(text string) string {
		text = strings.Replace(text, "connector: desk}", "connector: desk, signin: acme}", 1)
		return text + fmt.Sprintf(`
signin: {providers: {acme: {auth_url: "%[1]s/authorize", token_url: "%[1]s/token", userinfo_url: "%[1]s/userinfo", client_id: bizbridge, client_secret: s, scopes: [email]}}}
`, address)
	}
}

// newProvider knows one person.
func newProvider(t *testing.T, claims map[string]any) string {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 200, map[string]any{"access_token": "access", "token_type": "Bearer"})
	})
	mux.HandleFunc("GET /userinfo", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 200, claims) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func ringOf(t testing.TB, keys ...string) *seal.Ring {
	t.Helper()
	var masters [][]byte
	for _, key := range keys {
		master, err := base64.StdEncoding.DecodeString(key)
		if err != nil {
			t.Fatal(err)
		}
		masters = append(masters, master)
	}
	ring, err := seal.NewRing(masters...)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func asked() identity.Request {
	return identity.Request{Business: businessID, Customer: customerID, Provider: "acme", ID: requestID}
}

func ada() identity.Assertion {
	return identity.Assertion{Request: asked(), Subject: "amb_1", Claims: map[string]any{"sub": "ada", "email": "ada@example.com", "name": "Ada Lovelace"}}
}

func proofBody(assertion, confirmation string) []byte {
	members := map[string]string{"assertion": assertion}
	if confirmation != "" {
		members["confirmation"] = confirmation
	}
	body, _ := json.Marshal(members)
	return body
}

// tokenFrom asks for a token for a connector, with a bearer token of api.keys.
func (w *world) tokenFrom(connector, bearer string, body []byte) answer {
	w.t.Helper()
	header := map[string]string{"Content-Type": "application/json"}
	if bearer != "" {
		header["Authorization"] = "Bearer " + bearer
	}
	return w.do("POST", "/identity/"+connector+"/token", header, body)
}

// verified reads a token with the keys that the bridge publishes.
func (w *world) verified(token string) (kid string, claims map[string]any) {
	w.t.Helper()
	published := w.do("GET", "/identity/desk/jwks", nil, nil)
	if published.status != 200 || published.header.Get("Content-Type") != "application/jwk-set+json" {
		w.t.Fatalf("JWKS: %d %s", published.status, published.header.Get("Content-Type"))
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(published.body), &set); err != nil {
		w.t.Fatal(err)
	}
	object, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, key := range set.Keys {
		if !key.IsPublic() {
			w.t.Fatal("a private key is published")
		}
		if key.KeyID != object.Signatures[0].Header.KeyID {
			continue
		}
		payload, err := object.Verify(key)
		if err != nil {
			w.t.Fatal(err)
		}
		if err := json.Unmarshal(payload, &claims); err != nil {
			w.t.Fatal(err)
		}
		return key.KeyID, claims
	}
	w.t.Fatalf("the key %q is not published", object.Signatures[0].Header.KeyID)
	return "", nil
}

// asksToSignIn sends a message of kind signin, and gives its request id and state.
func (w *world) asksToSignIn() (request, state string) {
	w.t.Helper()
	header := appleHeader(map[string]string{"capability-list": "AUTH,AUTH2"})
	if got := w.do("POST", "/message", header, []byte(phoneText("00000000-0000-4000-8000-0000000000a1", "Hello"))); got.status != 200 {
		w.t.Fatalf("Apple hears %d %s", got.status, got.body)
	}
	sealed := data(w.t, w.desk.all()[0])["context"]
	got := w.fromDesk("ask", sendBody(map[string]any{"context": sealed, "content": map[string]any{"kind": "signin"}}))
	if got.status != 200 {
		w.t.Fatalf("the desk hears %d %s", got.status, got.body)
	}
	request = got.json(w.t)["parts"].([]any)[0].(map[string]any)["request_id"].(string)
	found := regexp.MustCompile(`"state":"([^"]+)"`).FindSubmatch(w.apple.all()[0].body)
	if found == nil {
		w.t.Fatalf("no state in %s", w.apple.all()[0].body)
	}
	return request, string(found[1])
}

// confirms posts Apple's word, and gives the sign-in of the event.
func (w *world) confirms(request string) map[string]any {
	w.t.Helper()
	before := len(w.desk.all())
	body, _ := json.Marshal(map[string]any{
		"v": 1, "id": "00000000-0000-4000-8000-0000000000a2", "type": "interactive", "sourceId": customerID, "destinationId": businessID,
		"interactiveData": map[string]any{
			"bid":  "com.apple.messages.MSMessageExtensionBalloonPlugin:0000000000:com.apple.icloud.apps.messages.business.extension",
			"data": map[string]any{"version": "1.0", "requestIdentifier": request, "authenticate": map[string]any{"status": "success"}},
		},
	})
	if got := w.fromPhone(string(body)); got.status != 200 {
		w.t.Fatalf("Apple hears %d %s", got.status, got.body)
	}
	return data(w.t, w.desk.wait(w.t, before+1)[before])["signin"].(map[string]any)
}

// exchanges opens the link, and gives the sign-in of the event.
func (w *world) exchanges(state string) map[string]any {
	w.t.Helper()
	before := len(w.desk.all())
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(w.url + "/oauth/callback?" + url.Values{"state": {state}, "code": {"c"}}.Encode())
	if err != nil {
		w.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return data(w.t, w.desk.wait(w.t, before+1)[before])["signin"].(map[string]any)
}
