package signature

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"testing"
	"time"
)

// vector is what somebody signed.
type vector struct {
	Name    string
	Secret  string
	Headers map[string]string
	Body    string
}

// vectors says what the file of vectors does not: the scheme, and what of the request is signed beside the body.
var vectors = map[string]struct {
	scheme, method, url string
	refused             Reason
}{
	"chatwoot":               {scheme: "chatwoot"},
	"libredesk":              {scheme: "libredesk"},
	"libredesk-live-capture": {scheme: "libredesk"},
	"zendesk-support":        {scheme: "zendesk"},
	"zendesk-support-OLD-ORDER-do-not-accept": {scheme: "zendesk", refused: Mismatch},
	"infobip-exchange":                        {scheme: "infobip_exchange"},
	"iadvize":                                 {scheme: "iadvize"},
	"iadvize-get":                             {scheme: "iadvize", method: http.MethodGet, url: "https://bridge.example.test/webhooks/iadvize?"}, // the query is the "body"
	"intercom":                                {scheme: "intercom"},
	"zammad":                                  {scheme: "zammad"},
	"front-channel":                           {scheme: "front"},
	"front-rule-webhook":                      {scheme: "front_rule"},
	"genesys-open":                            {scheme: "genesys"},
	"hubspot-v3":                              {scheme: "hubspot_v3", url: "https://bridge.example.test/hubspot?token=abc"},
	"hubspot-v2":                              {scheme: "hubspot_v2", url: "https://www.example.com/webhook_uri"},
	"helpscout":                               {scheme: "helpscout"},
	"liveperson":                              {scheme: "liveperson"},
	"twilio-form":                             {scheme: "twilio", url: "https://mycompany.com/myapp.php?foo=1&bar=2"},
	"twilio-json":                             {scheme: "twilio", url: "https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"},
	"slack-v0":                                {scheme: "slack"},
	"slack-published":                         {scheme: "slack"},
	"standard-webhooks-v1":                    {scheme: StandardWebhooks},
	"freshchat-rsa":                           {scheme: "freshchat"},
}

// request is the vector as it arrives, and when it does.
func (v vector) request(t *testing.T, scheme Scheme) (Request, time.Time) {
	known := vectors[v.Name]
	req := Request{Method: known.method, URL: known.url, Header: http.Header{}, Body: []byte(v.Body)}
	if req.Method == "" {
		req.Method = http.MethodPost
	}
	if req.Method == http.MethodGet {
		req.URL, req.Body = req.URL+v.Body, nil
	}
	if v.Name == "twilio-form" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	}
	for name, value := range v.Headers {
		req.Header.Set(name, value)
	}
	at := req.Header.Get(scheme.TimeHeader)
	if scheme.TimeField != "" {
		at = member(req.Body, scheme.TimeField)
	}
	if at == "" {
		return req, time.Unix(0, 0) // it must not matter
	}
	now, ok := scheme.Time.read(at)
	if !ok {
		t.Fatalf("%q is no time", at)
	}
	return req, now
}

func TestVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != len(vectors) {
		t.Errorf("the file has %d vectors, want %d", len(all), len(vectors))
	}
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			known, ok := vectors[v.Name]
			if !ok {
				t.Fatal("which scheme is this?")
			}
			k := keysOf(t, known.scheme, v.Secret)
			req, now := v.request(t, k.scheme)
			_, err := k.Verify(req, now)
			if known.refused != "" {
				if refused, ok := errors.AsType[*Error](err); !ok || refused.Reason != known.refused {
					t.Errorf("got %v, want it refused as %s", err, known.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if k.CanSign() == nil {
				testSameSignature(t, k, req, now)
			}
		})
	}
}

// testSameSignature wants from Sign what the vector has.
func testSameSignature(t *testing.T, k *Keys, req Request, now time.Time) {
	signed := req
	signed.Header = http.Header{"Content-Type": req.Header["Content-Type"]}
	if err := k.Sign(signed, req.Header.Get(k.scheme.IDHeader), now); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{k.scheme.Header, k.scheme.TimeHeader, k.scheme.IDHeader} {
		if got, want := signed.Header.Get(name), req.Header.Get(name); name != "" && got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func keysOf(t testing.TB, name string, secrets ...string) *Keys {
	t.Helper()
	scheme, known := Lookup(name)
	if !known {
		t.Fatalf("there is no scheme %s", name)
	}
	k, err := New(scheme, secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
