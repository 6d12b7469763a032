package sandbox

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

const oauth = inner + "authenticate/oauth2/"

func parsesSignIn(raw json.RawMessage) error {
	_, err := parseSignIn(raw)
	return err
}

// spoiltSignIn is what may be wrong in either way.
func spoiltSignIn() []spoilt {
	return all(spoiltTitle(top+"receivedMessage/title"), spoiltTitle(top+"replyMessage/title"), spoiltLabel(top+"receivedMessage/subtitle"), []spoilt{
		{edit{top + "bid", gone}, "bid is missing"},
		{edit{top + "bid", bidPrefix + "ABCDE12345:com.example"}, "Apple's extension"},
		{edit{top + "data", gone}, "data is missing"},
		{edit{top + "sessionIdentifier", "1"}, "UUID"},
		{edit{top + "receivedMessage", gone}, "receivedMessage is missing"},
		{edit{top + "images", []any{}}, "belong into"},
		{edit{inner + "version", "2.0"}, "version"},
		{edit{inner + "version", gone}, "version"},
		{edit{inner + "requestIdentifier", gone}, "requestIdentifier is missing"},
		{edit{inner + "requestIdentifier", "42"}, "UUID"},
		{edit{inner + "listPicker", map[string]any{}}, "listPicker must not"},
		{edit{inner + "authenticate", gone}, "authenticate is missing"},
		{edit{inner + "authenticate", "x"}, "authenticate is not an object"},
		{edit{inner + "authenticate", map[string]any{}}, "oauth2 is missing"},
		{edit{inner + "authenticate/oauth1", map[string]any{}}, "oauth1 is no member"},
		{edit{oauth + "responseType", gone}, "responseType is missing"},
		{edit{oauth + "responseType", "id_token"}, "responseType is"},
		{edit{oauth + "scope", gone}, "scope is missing"},
		{edit{oauth + "scope", "openid email"}, "scope is not a list"},
		{edit{oauth + "scope", nil}, "scope is not a list"},
		{edit{oauth + "scope", []any{"openid email"}}, "entry 0"},
		{edit{oauth + "scope", []any{"openid", 1}}, "entry 1"},
		{edit{oauth + "scope", []any{"openid", nil}}, "entry 1"},
		{edit{oauth + "scope", []any{""}}, "entry 0"},
		{edit{oauth + "scope", []any{`a"b`}}, "entry 0"},
		{edit{oauth + "state", gone}, "state is missing"},
		{edit{oauth + "state", ""}, "state is empty"},
		{edit{oauth + "state", 1}, "state is not a string"},
		{edit{oauth + "state", "é"}, "printable ASCII"},
		{edit{oauth + "state", "a\tb"}, "printable ASCII"},
		{edit{oauth + "state", strings.Repeat("x", 1025)}, "1025 bytes"},
		{edit{oauth + "codeChallenge", "x"}, "codeChallenge is no member"},
		{edit{oauth + "redirect_uri", "https://example.com"}, "redirect_uri is no member"},
	})
}

func TestAuthenticateRules(t *testing.T) {
	key := fixture(t, "out-auth-legacy")["interactiveData"].(map[string]any)["data"].(map[string]any)["authenticate"].(map[string]any)["oauth2"].(map[string]any)["responseEncryptionKey"].(string)
	refuses(t, "out-auth2", "interactiveData", parsesSignIn, all(spoiltSignIn(), []spoilt{
		{edit{oauth + "responseType", "token"}, "responseType"},
		{edit{oauth + "redirectURI", gone}, "redirectURI is missing"},
		{edit{oauth + "redirectURI", ""}, "redirectURI is empty"},
		{edit{oauth + "redirectURI", 1}, "redirectURI is not a string"},
		{edit{oauth + "redirectURI", "/oauth/callback"}, "absolute"},
		{edit{oauth + "redirectURI", "http://bridge.example.com/callback"}, "neither https"},
		{edit{oauth + "redirectURI", "http://10.0.0.1/callback"}, "neither https"},
		{edit{oauth + "redirectURI", "messages-auth://x"}, "neither https"},
		{edit{oauth + "redirectURI", "https://bridge.example.com/#x"}, "fragment"},
		{edit{oauth + "redirectURI", "https://me@bridge.example.com/"}, "user"},
		{edit{oauth + "redirectURI", "https://a;script-src/"}, "absolute"},
		{edit{oauth + "redirectURI", "https://bridge.example.com/a b"}, "absolute"},
		{edit{oauth + "redirectURI", "https://bridge.example.com/" + strings.Repeat("x", maxURL)}, "too long"},
		{edit{oauth + "responseEncryptionKey", key}, "responseEncryptionKey must not"},
		{edit{oauth + "clientSecret", "x"}, "clientSecret must not"},
	}))
	raw, _ := base64.StdEncoding.DecodeString(key)
	off, compressed := bytes.Clone(raw), bytes.Clone(raw)
	off[96] ^= 1
	compressed[0] = 2
	encode := base64.StdEncoding.EncodeToString
	refuses(t, "out-auth-legacy", "interactiveData", parsesSignIn, all(spoiltSignIn(), []spoilt{
		{edit{oauth + "responseEncryptionKey", gone}, "redirectURI is missing, and so is"},
		{edit{oauth + "responseEncryptionKey", ""}, "is empty"},
		{edit{oauth + "responseEncryptionKey", 1}, "not a string"},
		{edit{oauth + "responseEncryptionKey", key[:131]}, "131 characters"},
		{edit{oauth + "responseEncryptionKey", strings.NewReplacer("+", "-", "/", "_").Replace(key)}, "standard base64"},
		{edit{oauth + "responseEncryptionKey", key[:131] + "\n"}, "standard base64"},
		{edit{oauth + "responseEncryptionKey", encode(off)}, "point on P-384"},
		{edit{oauth + "responseEncryptionKey", encode(compressed)}, "point on P-384"},
		{edit{oauth + "responseEncryptionKey", encode(make([]byte, 97))}, "point on P-384"},
		{edit{oauth + "clientSecret", gone}, "clientSecret is missing"},
		{edit{oauth + "clientSecret", ""}, "clientSecret is empty"},
		{edit{oauth + "clientSecret", 1}, "clientSecret is not a string"},
	}))
	for name, edits := range map[string][]edit{
		"out-auth2":       {{oauth + "redirectURI", "http://[::1]:8080/callback?a=b"}, {oauth + "scope", []any{}}, {oauth + "state", strings.Repeat("~", 1024)}, {top + "replyMessage", gone}},
		"out-auth-legacy": {{oauth + "responseType", "token"}, {oauth + "clientSecret", gone}, {inner + "version", gone}, {inner + "mspVersion", "1.0"}},
	} {
		for _, e := range append([][]edit{edits}, nil) {
			raw, _ := json.Marshal(edited(fixture(t, name), e...)["interactiveData"])
			if d, err := parseSignIn(raw); err != nil || d.kind != kindAuth || d.signIn.old() != (name == "out-auth-legacy") {
				t.Errorf("%s %v: %v", name, e, err)
			}
		}
	}
}

// TestAuthenticateRoute: the route has the rules of /v1/message, and takes nothing but requests to sign in.
func TestAuthenticateRoute(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	text := func(q *gatewayRequest) { q.body["type"] = "text"; q.body["body"] = "Hi" }
	for _, c := range []struct {
		name   string
		spoil  func(*gatewayRequest)
		status int
		reason string
	}{
		{"good", func(*gatewayRequest) {}, 200, ""},
		{"no token", func(q *gatewayRequest) { q.header["Authorization"] = nil }, 401, "Authorization"},
		{"another key", func(q *gatewayRequest) { q.key[0]++ }, 403, "signature"},
		{"unknown customer", func(q *gatewayRequest) { q.set("destinationId", "urn:mbid:x") }, 404, "unknown customer"},
		{"unknown business", func(q *gatewayRequest) { q.set("sourceId", newUUID()) }, 404, "unknown business"},
		{"no header id", func(q *gatewayRequest) { q.header.Del("id") }, 400, "header id"},
		{"headers differ", func(q *gatewayRequest) { q.header.Set("Source-Id", testOther) }, 400, "differ"},
		{"v", func(q *gatewayRequest) { q.body["v"] = "1" }, 400, "v is not"},
		{"a text", text, 400, "interactive"},
		{"by reference", func(q *gatewayRequest) { q.body["interactiveDataRef"] = map[string]any{} }, 400, "interactiveDataRef"},
		{"files", func(q *gatewayRequest) { q.body["attachments"] = []any{1} }, 400, "attachments"},
		{"a picker", func(q *gatewayRequest) { q.body["interactiveData"] = picker() }, 400, "listPicker must not"},
		{"nothing", func(q *gatewayRequest) { delete(q.body, "interactiveData") }, 400, "interactiveData is missing"},
		{"no JSON", func(q *gatewayRequest) { q.raw = []byte("x") }, 400, "JSON"},
		{"the wrong route", func(q *gatewayRequest) { q.path = "/v1/message" }, 400, "/v1/authenticate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := w.authenticates(edited(fixture(t, "out-auth2"), edit{oauth + "state", newToken()}), c.spoil)
			if got.status != c.status || !strings.Contains(got.body, c.reason) || c.status == 200 && got.body != "" {
				t.Errorf("%d %q, want %d and %q", got.status, got.body, c.status, c.reason)
			}
		})
	}
	id, m := newUUID(), fixture(t, "out-auth2")
	same := func(q *gatewayRequest) { q.set("id", id) }
	for i, want := range []int{200, 200} {
		if got, _ := w.authenticates(m, same); got.status != want {
			t.Errorf("%d: %d %s", i, got.status, got.body)
		}
	}
	if got, _ := w.authenticates(m); got.status != 400 || !strings.Contains(got.body, "state was used before") {
		t.Errorf("the same state for another: %d %s", got.status, got.body)
	}
	if got, _ := w.authenticates(edited(fixture(t, "out-auth2"), edit{oauth + "state", "other"}), func(q *gatewayRequest) { q.header.Set("include-data-ref", "true") }); got.status != 200 || got.body != "" {
		t.Errorf("a reference to a sign-in: %d %s", got.status, got.body)
	}
	w.call("/api/phone/delete", map[string]any{"customer": w.customer}, 202)
	if got, _ := w.authenticates(edited(fixture(t, "out-auth2"), edit{oauth + "state", "new"})); got.status != 410 {
		t.Errorf("deleted: %d", got.status)
	}
}

// TestDevicesSignIn: what a device does not know is taken all the same, and cannot be tapped.
func TestDevicesSignIn(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	for _, c := range []struct {
		device   string
		new, old bool
	}{{"iphone", true, true}, {"mac", true, true}, {"old_iphone", false, true}, {"watch", false, false}} {
		w.call("/api/phone/device", map[string]any{"customer": w.customer, "device": c.device}, 202)
		for name, want := range map[string]bool{"out-auth2": c.new, "out-auth-legacy": c.old} {
			got, id := w.authenticates(edited(fixture(t, name), edit{oauth + "state", newToken()}))
			b := w.state().Threads[0].bubble(id)
			if got.status != 200 || b.Interactive.Kind != kindAuth || b.Interactive.Title != "Sign in" || b.Interactive.Supported != want || b.Interactive.Answerable != want || (b.Interactive.SignIn != nil) != want {
				t.Errorf("%s %s: %d %+v", c.device, name, got.status, b.Interactive)
			}
			status := 409
			if got := w.call("/api/phone/sign-in", map[string]any{"customer": w.customer, "id": id}, status); want == strings.Contains(got["error"].(string), "this device") {
				t.Errorf("%s %s: %v", c.device, name, got)
			}
			if got := w.call("/api/phone/answer", map[string]any{"customer": w.customer, "id": id}, 409); want && !strings.Contains(got["error"].(string), "/api/phone/sign-in") {
				t.Errorf("%v", got)
			}
		}
	}
}

// FuzzAuthenticate: whatever passes the rules can be signed in with, and nothing falls over.
func FuzzAuthenticate(f *testing.F) {
	for _, seed := range fuzzSeeds(f, "interactiveData", "out-auth2", "out-auth-legacy", "out-list-picker-text") {
		f.Add(seed)
	}
	s := newComposer(f).s
	s.signInAt = &SignIn{OAuthURL: "https://id.example.com/authorize?a=b", ClientID: "x"}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := parseSignIn(raw)
		if err != nil {
			if err.Error() == "" {
				t.Error("refused without a reason")
			}
			return
		}
		r := d.signIn
		if d.kind != kindAuth || d.requestID == "" || d.title == "" || r.state == "" || len(r.state) > maxOAuthState || r.old() != (r.encryptionKey != nil) {
			t.Errorf("taken: %s", raw)
		}
		query := s.oauthURL(r, first(r.redirectURI, oldRedirect)).Query()
		if query.Get("state") != r.state || query.Get("a") != "b" || strings.Join(r.scope, " ") != query.Get("scope") {
			t.Errorf("%v", query)
		}
		var fields fields
		decodeInto(t, raw, &fields)
		shown := maskSecrets(withoutBytes(fields))
		if len(shown) > 0 && !json.Valid(shown) {
			t.Errorf("%s", shown)
		}
		if _, err := json.Marshal(composeSignIn(&interactive{Title: d.title, RequestID: d.requestID, SignIn: s.newSignInView(r), saved: &savedMessage{message: *d}}, contentOf(fields), told(appleSuccess, "")).data); err != nil {
			t.Error(err)
		}
	})
}

// FuzzMask: JSON stays JSON, and what is masked is gone.
func FuzzMask(f *testing.F) {
	f.Add("authenticate", "state", `a secret that is long enough to be told from others`)
	f.Add("x", "access_token", `with "quotes" and \ in it`)
	f.Add("0", "0", "毵00&&&&&") // whose fifth byte is in the middle of an escape
	f.Fuzz(func(t *testing.T, outside, name, value string) {
		raw, err := json.Marshal(map[string]any{outside: map[string]any{name: value}})
		if err != nil {
			t.Skip()
		}
		if shown := maskSecrets(raw); !json.Valid(shown) {
			t.Errorf("%s of %s", shown, raw)
		}
		raw, _ = json.Marshal(map[string]any{"authenticate": map[string]any{"token": value, "state": value}})
		encoded, _ := json.Marshal(value)
		if shown := maskSecrets(raw); !json.Valid(shown) || len(value) > 24 && bytes.Contains(shown, encoded) {
			t.Errorf("%s of %s", shown, raw)
		}
	})
}
