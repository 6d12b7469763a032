package signature

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// rsaKeys are two private keys in PEM; making them takes a while.
var rsaKeys = sync.OnceValue(func() []string {
	var texts []string
	for range 2 {
		private, err := rsa.GenerateKey(rand.Reader, minRSABits)
		if err != nil {
			panic(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			panic(err)
		}
		texts = append(texts, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	}
	return texts
})

// twoSecrets draws secrets of a scheme that differ.
func twoSecrets(t *rapid.T, s Scheme) (one, other string) {
	switch s.Key {
	case KeyPEM:
		return rsaKeys()[0], rsaKeys()[1]
	case KeyWhsec:
		key := rapid.SliceOfN(rapid.Byte(), 24, 64).Draw(t, "secret")
		one = "whsec_" + base64.StdEncoding.EncodeToString(key)
		key[0] ^= 1
		other = "whsec_" + base64.StdEncoding.EncodeToString(key)
	default:
		text := rapid.StringMatching(`[!-~]{1,60}`)
		one, other = text.Draw(t, "secret"), text.Draw(t, "other")
	}
	if one == other {
		t.Skip("twice the same")
	}
	return one, other
}

// draw is a request that a scheme can sign.
func draw(t *rapid.T, s Scheme, secret string) Request {
	req := Request{
		Method: rapid.SampledFrom([]string{"POST", "PUT", "GET"}).Draw(t, "method"),
		URL:    "https://bridge.example.com/hook?a=" + rapid.StringMatching(`[a-z0-9]{0,9}`).Draw(t, "query"),
		Header: http.Header{}, Body: rapid.SliceOf(rapid.Byte()).Draw(t, "body"),
	}
	if s.Template == "{body_or_query}" && req.Method == http.MethodGet {
		req.Body = nil
	}
	if s.Field != "" {
		req.Body, _ = json.Marshal(map[string]string{s.Field: secret, "text": "Hi"})
	}
	if s.CoversForm() {
		sum := sha256.Sum256(req.Body)
		req.URL += "&bodySHA256=" + hex.EncodeToString(sum[:])
	}
	return req
}

// signed is a request with the headers of its own.
func signed(t *rapid.T, k *Keys, req Request, at time.Time) Request {
	req.Header = http.Header{}
	if err := k.Sign(req, "msg_1", at); err != nil && k.scheme.Field == "" {
		t.Fatal(err)
	}
	return req
}

// flip changes one byte.
func flip(t *rapid.T, text []byte, label string) []byte {
	changed := slices.Clone(text)
	i := rapid.IntRange(0, len(text)-1).Draw(t, "byte of "+label)
	changed[i] ^= rapid.ByteRange(1, 255).Draw(t, "bits of "+label)
	return changed
}

func TestWhatIsSignedIsAcceptedAndNothingElse(t *testing.T) {
	for _, s := range schemes {
		t.Run(s.Name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) { testRoundTrip(rt, s) })
		})
	}
}

func testRoundTrip(t *rapid.T, s Scheme) {
	secret, other := twoSecrets(t, s)
	keys := func(secrets ...string) *Keys {
		k, err := New(s, secrets...)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	accepted := func(what string, k *Keys, req Request, now time.Time) {
		id, err := k.Verify(req, now)
		if err != nil || (id == "msg_1") != (s.IDHeader != "") {
			t.Fatalf("%s: %q, %v", what, id, err)
		}
	}
	k, at := keys(secret), time.Unix(rapid.Int64Range(1e9, 4e9).Draw(t, "at"), 0)
	refused := func(what string, k *Keys, req Request) {
		id, err := k.Verify(req, at)
		if failed, ok := errors.AsType[*Error](err); !ok || id != "" || !slices.Contains(Reasons, failed.Reason) {
			t.Fatalf("%s: %q, %v", what, id, err)
		}
	}
	req := signed(t, k, draw(t, s, secret), at)
	now := at.Add(time.Duration(rapid.Int64Range(-int64(s.Tolerance), int64(s.Tolerance)).Draw(t, "late")))
	accepted("as it is", k, req, now)
	accepted("the new secret is first", keys(other, secret), req, now)
	accepted("the old secret is first", keys(secret, other), req, now)
	refused("another secret", keys(other), req)
	if s.Field == "" {
		accepted("the first signs", k, signed(t, keys(secret, other), req, at), now)
		refused("the second signs", k, signed(t, keys(other, secret), req, at))
	}
	for what, changed := range forgeries(t, s, req) {
		refused(what, k, changed)
	}
}

// forgeries are the same request with one byte of it changed.
func forgeries(t *rapid.T, s Scheme, req Request) map[string]Request {
	all := map[string]Request{}
	for _, name := range []string{s.Header, s.TimeHeader, s.IDHeader} {
		if name == "" {
			continue
		}
		changed, value := req, req.Header.Get(name)
		changed.Header = req.Header.Clone()
		changed.Header.Set(name, string(flip(t, []byte(value), name)))
		if s.Encoding == Hex && strings.EqualFold(changed.Header.Get(name), value) {
			continue // ab is AB
		}
		all[name] = changed
		without := req
		without.Header = req.Header.Clone()
		without.Header.Del(name)
		all["no "+name] = without
	}
	if s.Template != "" && len(req.Body) > 0 {
		changed := req
		changed.Body = flip(t, req.Body, "body")
		all["body"] = changed
		longer := req
		longer.Body = append(slices.Clone(req.Body), 0)
		all["longer body"] = longer
	}
	if s.CoversURL() {
		changed := req
		changed.URL = string(flip(t, []byte(req.URL), "url"))
		all["url"] = changed
	}
	if strings.Contains(s.Template, "{method}") {
		changed := req
		changed.Method = "DELETE"
		all["method"] = changed
	}
	return all
}

func TestVerifyLooksAtTheTimeWhereThereIsOne(t *testing.T) {
	at := time.Unix(1785574920, 0)
	for _, s := range schemes {
		if s.TimeHeader == "" {
			continue
		}
		k := keysOf(t, s.Name, secretOf(s))
		req := Request{Method: "POST", URL: "https://bridge.example.com/hook", Header: http.Header{}, Body: []byte("{}")}
		if err := k.Sign(req, "msg_1", at); err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			late   time.Duration
			ts     string
			reason Reason
		}{
			"now":            {},
			"late":           {late: s.Tolerance},
			"early":          {late: -s.Tolerance},
			"too late":       {late: s.Tolerance + time.Second, reason: Stale},
			"too early":      {late: -s.Tolerance - time.Second, reason: Stale},
			"no time":        {ts: "yesterday", reason: Malformed},
			"far too large":  {ts: "9223372036854775808", reason: Malformed},
			"another second": {ts: s.Time.write(at.Add(time.Second)), reason: Mismatch},
		} {
			changed := req
			changed.Header = req.Header.Clone()
			if c.ts != "" {
				changed.Header.Set(s.TimeHeader, c.ts)
			}
			_, err := k.Verify(changed, at.Add(c.late))
			if got := reasonOf(err); got != c.reason {
				t.Errorf("%s, %s: %v, want %q", s.Name, name, err, c.reason)
			}
		}
	}
}

// The time of LibreDesk is part of what is signed: a body without one is as genuine.
func TestVerifyLooksAtATimeInTheBody(t *testing.T) {
	k, now := keysOf(t, "libredesk", "secret"), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for body, want := range map[string]Reason{
		`{"timestamp":"2026-01-02T03:04:05Z"}`: "", `{"timestamp":"2026-01-02T02:59:05Z"}`: "", `{"timestamp":"2026-01-02T02:59:04Z"}`: Stale,
		`{"timestamp":"2026-01-02T03:09:06Z"}`: Stale, `{"timestamp":"today"}`: Malformed, `{}`: "", ``: "", `[`: "", `{"timestamp":1}`: "",
		`{"payload":{"timestamp":"2020-01-02T02:59:04Z"}}`: "",
	} {
		req := Request{Method: "POST", Header: http.Header{}, Body: []byte(body)}
		if err := k.Sign(req, "", now); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Verify(req, now); reasonOf(err) != want {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

func reasonOf(err error) Reason {
	if refused, ok := errors.AsType[*Error](err); ok {
		return refused.Reason
	}
	if err != nil {
		return Reason(err.Error())
	}
	return ""
}

// secretOf is some secret of a scheme.
func secretOf(s Scheme) string {
	switch s.Key {
	case KeyPEM:
		return rsaKeys()[0]
	case KeyWhsec:
		return vectorSecret
	}
	return "hunter2"
}

func TestVerifyTellsWhatIsWrongAndNothingOfTheSecret(t *testing.T) {
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "X-Twilio-Signature": {strings.Repeat("A", 27) + "="}}
	with := func(pairs ...string) http.Header {
		header := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			header.Set(pairs[i], pairs[i+1])
		}
		return header
	}
	sha1, sha256 := strings.Repeat("0", 40), strings.Repeat("0", 64)
	for name, c := range map[string]struct {
		scheme string
		req    Request
		reason Reason
		text   string
	}{
		"nothing":             {"zammad", Request{}, Missing, "the header X-Hub-Signature is missing"},
		"another prefix":      {"zammad", Request{Header: with("X-Hub-Signature", "sha256="+sha256)}, Malformed, "X-Hub-Signature holds no sha1=<hex of HMAC-SHA-1>"},
		"another length":      {"zammad", Request{Header: with("X-Hub-Signature", "sha1="+sha256)}, Malformed, "X-Hub-Signature holds no sha1=<hex of HMAC-SHA-1>"},
		"another encoding":    {"genesys", Request{Header: with("X-Hub-Signature-256", "sha256="+sha256)}, Malformed, "X-Hub-Signature-256 holds no sha256=<base64 of HMAC-SHA-256>"},
		"two of them":         {"zammad", Request{Header: with("X-Hub-Signature", "sha1="+sha1+" sha1="+sha1)}, Malformed, "X-Hub-Signature holds no sha1=<hex of HMAC-SHA-1>"},
		"another secret":      {"zammad", Request{Header: with("X-Hub-Signature", "sha1="+sha1)}, Mismatch, "no X-Hub-Signature fits; sign {body}, with the raw body and the right secret"},
		"another token":       {"rocketchat", Request{Header: with("X-RocketChat-Livechat-Token", "hunter")}, Mismatch, "X-RocketChat-Livechat-Token has none of the secrets"},
		"no token":            {"sunshine", Request{Header: with("X-API-Key", "")}, Missing, "the header X-API-Key is missing"},
		"no token in a body":  {"livechat", Request{Body: []byte(`{"secret_key":1}`)}, Missing, "the body has no secret_key"},
		"a token elsewhere":   {"livechat", Request{Body: []byte(`{"payload":{"secret_key":"hunter2"}}`)}, Missing, "the body has no secret_key"},
		"another in a body":   {"livechat", Request{Body: []byte(`{"secret_key":"hunter"}`)}, Mismatch, "secret_key has none of the secrets"},
		"a GET with a body":   {"iadvize", Request{Method: "GET", Header: with("X-iAdvize-Signature", "sha256="+sha256), Body: []byte("{}")}, Malformed, "a GET has a body, which the signature does not cover"},
		"a body of no form":   {"twilio", Request{Header: with("X-Twilio-Signature", form.Get("X-Twilio-Signature")), Body: []byte("{}")}, Malformed, "a body that is no form needs bodySHA256 in the URL"},
		"a form that is none": {"twilio", Request{Header: form, Body: []byte("a=%")}, Malformed, "the body is no form"},
		"the hash of another": {"twilio", Request{URL: "https://x?bodySHA256=" + sha256, Header: form, Body: []byte("{}")}, Mismatch, "bodySHA256 is not the hash of the body"},
		"an RSA signature":    {"freshchat", Request{Header: with("X-Freshchat-Signature", "AAAA")}, Mismatch, "no X-Freshchat-Signature fits; sign {body}, with the raw body and the right secret"},
	} {
		scheme, _ := Lookup(c.scheme)
		_, err := keysOf(t, c.scheme, secretOf(scheme)).Verify(c.req, time.Now())
		if reasonOf(err) != c.reason || err.Error() != c.text || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %s: %s", name, err, c.reason, c.text)
		}
	}
}

func TestTheFormOfTwilioIsSorted(t *testing.T) {
	k := keysOf(t, "twilio", "12345")
	sign := func(body string) string {
		req := Request{URL: "https://x", Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: []byte(body)}
		if err := k.Sign(req, "", time.Now()); err != nil {
			t.Fatal(err)
		}
		return req.Header.Get("X-Twilio-Signature")
	}
	for _, same := range []string{"a=1&b=2&b=3", "b=3&b=2&a=1", "%61=1&b=2&b=3&b=2"} {
		if sign(same) != sign("b=2&a=1&b=3") {
			t.Errorf("%s is signed otherwise", same)
		}
	}
	if sign("a=1&b=2") == sign("a=2&b=1") {
		t.Error("values do not count")
	}
}

func TestHubSpotWritesSignsOut(t *testing.T) {
	k, now := keysOf(t, "hubspot_v3", "secret"), time.Unix(1785574920, 0)
	sign := func(url string) string {
		req := Request{Method: "POST", URL: url, Header: http.Header{}}
		if err := k.Sign(req, "", now); err != nil {
			t.Fatal(err)
		}
		return req.Header.Get(k.scheme.Header)
	}
	if sign("https://x/y?a=%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B") != sign("https://x/y?a=:/?@!$'()*,;") || sign("https://x/y?a=%3a%2f") != sign("https://x/y?a=:/") {
		t.Error("a sign is signed as it is written")
	}
	if sign("https://x/y?a=%20%26") == sign("https://x/y?a= &") {
		t.Error("other signs stay as they are")
	}
}

func FuzzVerifySchemes(f *testing.F) {
	now := time.Unix(1785574920, 0)
	for i, s := range schemes {
		req := Request{Method: "POST", URL: "https://x?bodySHA256=" + emptyHash, Header: http.Header{}}
		_ = keysOf(f, s.Name, secretOf(s)).Sign(req, "id", now)
		f.Add(uint8(i), req.Header.Get(s.TimeHeader), req.Header.Get(s.Header), []byte{})
		f.Add(uint8(i), "-1", s.Prefix, []byte(`{"secret_key":"","timestamp":"x"}`))
	}
	f.Fuzz(func(t *testing.T, number uint8, ts, proof string, body []byte) {
		s := schemes[int(number)%len(schemes)]
		k := keysOf(t, s.Name, secretOf(s))
		header := http.Header{"Webhook-Id": {"id"}, "Content-Type": {"application/x-www-form-urlencoded"}}
		for name, value := range map[string]string{s.TimeHeader: ts, s.Header: proof} {
			if name != "" {
				header.Set(name, value)
			}
		}
		req := Request{Method: "POST", URL: "https://x", Header: header, Body: body}
		_, err := k.Verify(req, now)
		if err != nil {
			if refused, ok := errors.AsType[*Error](err); !ok || !slices.Contains(Reasons, refused.Reason) {
				t.Fatalf("%#v", err)
			}
			return
		}
		if s.Field != "" {
			return
		}
		at := now
		if s.TimeHeader != "" {
			at, _ = s.Time.read(ts)
		}
		again := Request{Method: "POST", URL: "https://x", Header: header.Clone(), Body: body}
		if err := k.Sign(again, "id", at); err != nil {
			t.Fatal(err)
		}
		if want := again.Header.Get(s.Header); !s.List && again.Header.Get(s.TimeHeader) == ts && !strings.EqualFold(want, proof) {
			t.Fatalf("%s: %q is accepted, want %q", s.Name, proof, want)
		}
	})
}

const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
