package webhook_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bizbridge/bridge/httpclient/auth"
	"bizbridge/bridge/signature"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/connectortest/readme"
	"bizbridge/connectors/webhook"
	"bizbridge/connectors/webhook/webhooktest"
)

// publicURL is where helpdesks reach the bridge; the requests of the tests come from a proxy.
const publicURL = "https://bridge.example.com/webhooks/desk"

var rsaKeys = sync.OnceValue(func() []string {
	var keys []string
	for range 2 {
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys = append(keys, base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PrivateKey(private)))
	}
	return keys
})

func publicKey() config.Secret {
	der, _ := base64.StdEncoding.DecodeString(rsaKeys()[0])
	private, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		panic(err)
	}
	return config.Secret(base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&private.PublicKey)))
}

// twoSecrets are secrets of a scheme.
func twoSecrets(scheme signature.Scheme) (one, other string) {
	switch scheme.Key {
	case signature.KeyPEM:
		return rsaKeys()[0], rsaKeys()[1]
	case signature.KeyWhsec:
		return webhooktest.VerifySecret, webhooktest.Secret
	}
	return "s3cret-of-the-desk", "an0ther-secret-of-the-desk"
}

// postBy is a webhook that is signed by a scheme.
func postBy(t *testing.T, scheme signature.Scheme, secret string) *http.Request {
	body := send()
	if scheme.Field != "" {
		body = strings.Replace(body, "{", `{"`+scheme.Field+`":"`+secret+`",`, 1)
	}
	sum := sha256.Sum256([]byte(body))
	query := "?a=b&bodySHA256=" + hex.EncodeToString(sum[:])
	req := httptest.NewRequest(http.MethodPost, "http://10.0.0.1:8080/webhooks/desk"+query, strings.NewReader(body))
	if scheme.Field != "" {
		return req
	}
	keys, err := signature.New(scheme, secret)
	if err != nil {
		t.Fatal(err)
	}
	signed := signature.Request{Method: req.Method, URL: publicURL + query, Header: req.Header, Body: []byte(body)}
	if err := keys.Sign(signed, "msg_1", happened); err != nil {
		t.Fatal(err)
	}
	return req
}

// bySchemes are settings with these schemes; those for the other direction stay what they are.
func bySchemes(t *testing.T, verify, sign string, secrets ...config.Secret) func(*webhook.Config) {
	return func(c *webhook.Config) {
		c.VerifyScheme, c.SignScheme = verify, sign
		if verify != "" {
			c.VerifySecrets = secrets
		} else {
			c.Secrets = secrets
		}
		if scheme, _ := signature.Lookup(verify); scheme.CoversURL() {
			c.VerifyURL = publicURL
		}
		c.Validate(func(path, message, _ string) { t.Errorf("%s %s", path, message) })
	}
}

// Every scheme of the table can be the helpdesk's, with a mapping and without one.
func TestAHelpdeskCanSignByAnyScheme(t *testing.T) {
	asItIs := byFile(t, nil, "outbound:", "  - name: all", "    messages: .body.data")
	for _, name := range signature.Names() {
		t.Run(name, func(t *testing.T) {
			scheme, _ := signature.Lookup(name)
			secret, other := twoSecrets(scheme)
			now := func() time.Time { return happened }
			settings := bySchemes(t, name, "", config.Secret(other), config.Secret(secret))
			plain := connect(t, "https://desk.example.com", now, settings)
			receive(t, plain, postBy(t, scheme, secret), "")
			receive(t, plain, postBy(t, scheme, other), "")
			receive(t, connect(t, "https://desk.example.com", now, settings, asItIs), postBy(t, scheme, secret), "")

			newest := connect(t, "https://desk.example.com", now, bySchemes(t, name, "", config.Secret(other)))
			receive(t, newest, postBy(t, scheme, secret), signature.Mismatch)
			unsigned := postBy(t, scheme, secret)
			unsigned.Header = http.Header{}
			if scheme.Field == "" {
				receive(t, plain, unsigned, signature.Missing)
			}
			if scheme.Template != "" {
				forged := postBy(t, scheme, secret)
				forged.Body = io.NopCloser(strings.NewReader(send(`"save":true`)))
				receive(t, plain, forged, signature.Mismatch)
			}
			if scheme.Tolerance > 0 {
				late := connect(t, "https://desk.example.com", func() time.Time { return happened.Add(scheme.Tolerance + time.Second) }, settings)
				receive(t, late, postBy(t, scheme, secret), signature.Stale)
			}
			if scheme.CoversURL() {
				elsewhere := postBy(t, scheme, secret)
				elsewhere.URL.RawQuery = strings.Replace(elsewhere.URL.RawQuery, "a=b", "a=c", 1)
				receive(t, plain, elsewhere, signature.Mismatch)
			}
		})
	}
}

// receive wants a webhook accepted, or refused for a reason.
func receive(t *testing.T, connector connectors.Connector, req *http.Request, want signature.Reason) {
	t.Helper()
	outs, err := connector.Receive(t.Context(), req)
	if want == "" {
		if err != nil || len(outs) != 1 {
			t.Errorf("got %d messages and %v, want it accepted", len(outs), err)
		}
		return
	}
	if refused, ok := errors.AsType[*signature.Error](err); !ok || refused.Reason != want || len(outs) > 0 {
		t.Errorf("got %d messages and %v, want it refused as %s", len(outs), err, want)
	}
}

// The bridge signs its own calls by every scheme that it can be configured for.
func TestTheBridgeCanSignByASchemeOfTheHelpdesk(t *testing.T) {
	var mu sync.Mutex
	var seen signature.Request
	desk := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		mu.Lock()
		defer mu.Unlock()
		seen = signature.Request{Method: req.Method, URL: "http://" + req.Host + req.URL.String(), Header: req.Header, Body: body}
	}))
	defer desk.Close()
	posts := byFile(t, nil, "vars: {base: null}", "inbound:", "  - name: all", "    steps:", "      - name: post",
		`        request: {method: PUT, url: '\($vars.base)/x?a=%2F', body: '{text: .data.text}'}`)
	for _, name := range signature.Names() {
		if slices.Contains([]string{"sunshine", "rocketchat", "livechat", "twilio"}, name) {
			continue // Validate refuses them
		}
		t.Run(name, func(t *testing.T) {
			scheme, _ := signature.Lookup(name)
			secret, _ := twoSecrets(scheme)
			keys, err := signature.New(scheme, secret)
			if err != nil {
				t.Fatal(err)
			}
			for _, more := range [][]func(*webhook.Config){nil, {posts}} {
				settings := append([]func(*webhook.Config){bySchemes(t, "", name, config.Secret(secret))}, more...)
				connector := connect(t, desk.URL+"/hooks", func() time.Time { return happened }, settings...)
				if err := deliver(t, connector, events()["message.received"]); err != nil {
					t.Fatal(err)
				}
				mu.Lock()
				if _, err := keys.Verify(seen, happened); err != nil || len(seen.Body) == 0 {
					t.Errorf("%s %s: %v", seen.Method, seen.URL, err)
				}
				if name != signature.StandardWebhooks && seen.Header.Get("Webhook-Signature") != "" {
					t.Error("it is signed twice")
				}
				mu.Unlock()
			}
		})
	}
}

// What cannot be signed is sent as it is, and the log says so: the helpdesk refuses it.
func TestACallThatCannotBeSignedIsLogged(t *testing.T) {
	var signed []string
	desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		signed = append(signed, req.Header.Get("X-Twilio-Signature"))
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer desk.Close()
	connector := connect(t, desk.URL, time.Now, func(c *webhook.Config) { c.SignScheme, c.Secrets = "twilio", []config.Secret{"x"} })
	if err := deliver(t, connector, events()["message.received"]); err == nil || !slices.Equal(signed, []string{""}) {
		t.Errorf("%v, %q", err, signed)
	}
}

func TestTheReadmeNamesEveryScheme(t *testing.T) {
	var names bytes.Buffer
	for i, name := range signature.Names() {
		if i > 0 {
			names.WriteString(", ")
		}
		names.WriteString("`" + name + "`")
	}
	if !strings.Contains(readme.Text(t), "| `verify_scheme` | how your helpdesk signs: "+names.String()+". ") {
		t.Errorf("it does not tell of %s", names.String())
	}
}

// The secrets of schemes are read before anything is sent.
func TestAConnectorWithoutSecretsIsNotMade(t *testing.T) {
	for name, c := range map[string]webhook.Config{
		"none":              {},
		"of another scheme": {Secrets: []config.Secret{"hunter2"}},
		"none to verify":    {Secrets: []config.Secret{webhooktest.Secret}, VerifyScheme: "freshchat"},
		"no tokens":         {Secrets: []config.Secret{webhooktest.Secret}, VerifyHeader: "X-Token"},
	} {
		c.URL, c.Auth = "https://desk.example.com", []auth.Settings(nil)
		if _, err := build(t, ".", time.Now, &c); err == nil {
			t.Errorf("%s: it is made", name)
		}
	}
}
