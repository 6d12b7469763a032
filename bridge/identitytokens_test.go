package bridge

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"bizbridge/bridge/flow"
	"bizbridge/bridge/identity"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/bridge/seal"
	"bizbridge/bridge/signin"
	"bizbridge/config"
	"bizbridge/connectors/registry"
)

const (
	earlierKey = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="
	requestID  = "5d0f3c1e-0000-8000-8000-000000000001"
)

// TestATokenIsMadeOfTwoEvents has a customer sign in for real: one replica asks, another hears who it is, the first hears
// Apple, and a third, whose keys have been rotated since, makes the token.
func TestATokenIsMadeOfTwoEvents(t *testing.T) {
	_, key := p256(t)
	provider := newProvider(t, map[string]any{
		"sub": "ada", "name": "Ada Lovelace", "email": "ada@example.com", "email_verified": true,
		"phone_number": "+33 612345678", "phone_number_verified": false, "picture": strings.Repeat("cGljdHVyZQ", 2000),
	})
	one := newWorld(t, withIdentity(signing(key)), withProvider(provider))
	two := newWorld(t, withIdentity(signing(key)), withProvider(provider))
	three := newWorld(t, withIdentity(signing(key)), withProvider(provider), withMasterKeys(earlierKey, masterKey))
	request, state := one.asksToSignIn()
	who, apple := two.exchanges(state), one.confirms(request)
	if who["confirmed"] != false || apple["confirmed"] != true || who["request_id"] != apple["request_id"] {
		t.Fatalf("%v\n%v", who, apple)
	}
	assertion := who["identity"].(map[string]any)["assertion"].(string)
	confirmation, _ := apple["confirmation"].(string)
	if len(assertion) > 8192 || len(confirmation) > 2048 || who["confirmation"] != nil {
		t.Errorf("an assertion of %d, a confirmation of %d characters; %v", len(assertion), len(confirmation), who)
	}
	got := three.tokenFrom("desk", apiToken, proofBody(assertion, confirmation))
	if got.status != 200 || got.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v %s", got.status, got.header, got.body)
	}
	token := got.json(t)
	kid, claims := three.verified(token["token"].(string))
	expires, err := time.Parse(time.RFC3339, token["expires_at"].(string))
	if err != nil || float64(expires.Unix()) != claims["exp"] || time.Until(expires) > 5*time.Minute || time.Until(expires) < 4*time.Minute {
		t.Errorf("expires_at is %v: %v", token["expires_at"], err)
	}
	delete(claims, "exp")
	delete(claims, "iat")
	diff(t, "claims", claims, map[string]any{
		"iss": "https://shop.example.com", "sub": who["identity"].(map[string]any)["subject"], "email": "ada@example.com", "name": "Ada Lovelace",
	})
	if kid != "key-0" || token["token_type"] != "jws" || len(token) != 3 {
		t.Errorf("%s, %v", kid, token)
	}
	// Either fact alone is no proof.
	for name, body := range map[string][]byte{"the identity": proofBody(assertion, ""), "Apple's word": proofBody(confirmation, ""), "Apple's word twice": proofBody(confirmation, confirmation)} {
		if got := three.tokenFrom("desk", apiToken, body); got.status != 422 || problemOf(t, got) != "invalid" {
			t.Errorf("%s alone: %d %s", name, got.status, got.body)
		}
	}
	for _, w := range []*world{one, two, three} {
		for _, secret := range []string{
			"ada@example.com", "Lovelace", "612345678", "cGljdHVyZQ", assertion[:40], confirmation[:40], token["token"].(string)[:60], apiToken,
			customerID, strings.Split(key, "\n")[1][:20], claims["sub"].(string),
		} {
			if strings.Contains(w.logs.String(), secret) {
				t.Errorf("the log holds %q:\n%s", secret, w.logs)
			}
		}
	}
	if !strings.Contains(three.logs.String(), `"msg":"identity token","connector":"desk","key":"bot"`) {
		t.Errorf("nobody can see who asked:\n%s", three.logs)
	}
}

// TestWithoutIdentityNothingIsSealed: claims that nobody asks for travel no further than before.
func TestWithoutIdentityNothingIsSealed(t *testing.T) {
	w := newWorld(t, withProvider(newProvider(t, map[string]any{"sub": "ada"})))
	request, state := w.asksToSignIn()
	if who := w.exchanges(state)["identity"].(map[string]any); who["assertion"] != nil {
		t.Errorf("%v", who)
	}
	if apple := w.confirms(request); apple["confirmation"] != nil || apple["confirmed"] != true {
		t.Errorf("%v", apple)
	}
	for _, path := range []string{"/identity/desk/token", "/identity/nobody/token"} {
		if got := w.do("POST", path, map[string]string{"Authorization": "Bearer " + apiToken}, []byte(`{}`)); got.status != 404 || problemOf(t, got) != "unknown_connector" {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if got := w.do("GET", "/identity/desk/jwks", nil, nil); got.status != 404 || problemOf(t, got) != "unknown_connector" {
		t.Errorf("JWKS: %d", got.status)
	}
}

func TestWhoGetsNoToken(t *testing.T) {
	_, key := p256(t)
	w := newWorld(t, withIdentity(signing(key)))
	ring, now := ringOf(t, masterKey), time.Now()
	assert := func(change func(*identity.Assertion)) string {
		a := ada()
		if change != nil {
			change(&a)
		}
		return identity.SealAssertion(ring, a, now)
	}
	confirm := func(change func(*identity.Request)) string {
		r := asked()
		if change != nil {
			change(&r)
		}
		return identity.SealConfirmation(ring, r, now)
	}
	long := now.Add(-identity.ProofTTL - time.Second)
	foreign := ringOf(t, earlierKey)
	for name, test := range map[string]struct {
		connector, bearer       string // "": desk, that of bot
		assertion, confirmation string
		status                  int
		code, pointer           string
	}{
		"both":                              {"", "", assert(nil), confirm(nil), 200, "", ""},
		"both in one":                       {"", "", assert(func(a *identity.Assertion) { a.Confirmed = true }), "", 200, "", ""},
		"an id in the other case":           {"", "", assert(nil), confirm(func(r *identity.Request) { r.ID = strings.ToUpper(r.ID) }), 200, "", ""},
		"no bearer token":                   {"", "none", assert(nil), confirm(nil), 401, "unauthorized", ""},
		"a wrong bearer token":              {"", apiToken + "x", assert(nil), confirm(nil), 401, "unauthorized", ""},
		"no such connector, no bearer":      {"nobody", "none", assert(nil), confirm(nil), 401, "unauthorized", ""},
		"no such connector":                 {"nobody", "", assert(nil), confirm(nil), 404, "unknown_connector", ""},
		"another business's key":            {"", limitedToken, assert(nil), confirm(nil), 403, "forbidden", ""},
		"another business's key, half":      {"", limitedToken, assert(nil), "", 403, "forbidden", ""},
		"another business's connector":      {"other", "", assert(nil), confirm(nil), 403, "forbidden", ""},
		"a business that is gone":           {"", "", assert(func(a *identity.Assertion) { a.Business = "cccccccc-bbbb-4ccc-8ddd-eeeeeeeeeeee" }), "", 403, "forbidden", ""},
		"no assertion":                      {"", "", "", confirm(nil), 422, "invalid", "/assertion"},
		"no confirmation":                   {"", "", assert(nil), "", 422, "invalid", "/confirmation"},
		"confirmed by itself":               {"", "", assert(nil), assert(nil), 422, "invalid", "/confirmation"},
		"only Apple":                        {"", "", confirm(nil), confirm(nil), 422, "invalid", "/assertion"},
		"the two in each other's place":     {"", "", confirm(nil), assert(nil), 422, "invalid", "/assertion"},
		"another request":                   {"", "", assert(nil), confirm(func(r *identity.Request) { r.ID = "5d0f3c1e-0000-8000-8000-000000000002" }), 422, "invalid", "/confirmation"},
		"another customer":                  {"", "", assert(nil), confirm(func(r *identity.Request) { r.Customer += "x" }), 422, "invalid", "/confirmation"},
		"another business":                  {"", "", assert(nil), confirm(func(r *identity.Request) { r.Business = otherID }), 422, "invalid", "/confirmation"},
		"another provider":                  {"", "", assert(nil), confirm(func(r *identity.Request) { r.Provider = "other" }), 422, "invalid", "/confirmation"},
		"confirmed, and another's":          {"", "", assert(func(a *identity.Assertion) { a.Confirmed = true }), confirm(func(r *identity.Request) { r.Customer += "x" }), 422, "invalid", "/confirmation"},
		"an old assertion":                  {"", "", identity.SealAssertion(ring, ada(), long), confirm(nil), 422, "expired", "/assertion"},
		"an old confirmation":               {"", "", assert(nil), identity.SealConfirmation(ring, asked(), long), 422, "expired", "/confirmation"},
		"forged":                            {"", "", "AVNlYWxlZA", confirm(nil), 422, "invalid", "/assertion"},
		"a forged confirmation":             {"", "", assert(nil), "AVNlYWxlZA", 422, "invalid", "/confirmation"},
		"an altered assertion":              {"", "", assert(nil)[:100] + "AAAA" + assert(nil)[104:], confirm(nil), 422, "invalid", "/assertion"},
		"another bridge's assertion":        {"", "", identity.SealAssertion(foreign, ada(), now), confirm(nil), 422, "invalid", "/assertion"},
		"another bridge's confirmation":     {"", "", assert(nil), identity.SealConfirmation(foreign, asked(), now), 422, "invalid", "/confirmation"},
		"a context":                         {"", "", ring.Seal(seal.PurposeContext, "", now.Add(time.Hour), []byte(`{"business":"`+businessID+`","confirmed":true}`)), "", 422, "invalid", "/assertion"},
		"a state":                           {"", "", ring.Seal(signin.Purpose, "", now.Add(time.Hour), []byte(`{"business":"`+businessID+`","confirmed":true}`)), "", 422, "invalid", "/assertion"},
		"nobody":                            {"", "", assert(func(a *identity.Assertion) { a.Subject = "" }), confirm(nil), 422, "invalid", "/assertion"},
		"longer than any":                   {"", "", strings.Repeat("A", identity.MaxProof+1), "", 422, "invalid", "/assertion"},
		"a confirmation longer than any":    {"", "", assert(nil), strings.Repeat("A", identity.MaxProof+1), 422, "invalid", "/confirmation"},
		"larger than any body":              {"", "", strings.Repeat("A", maxTokenRequest), "", 413, "too_large", ""},
		"larger than any body, no token":    {"", "none", strings.Repeat("A", maxTokenRequest), "", 401, "unauthorized", ""},
		"larger than any body, unknown":     {"nobody", "", strings.Repeat("A", maxTokenRequest), "", 404, "unknown_connector", ""},
		"the key of the connector's own":    {"other", limitedToken, assert(func(a *identity.Assertion) { a.Business, a.Confirmed = otherID, true }), "", 200, "", ""},
		"the same, confirmed for the other": {"other", limitedToken, assert(func(a *identity.Assertion) { a.Business = otherID }), confirm(nil), 422, "invalid", "/confirmation"},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			connector, bearer := "desk", apiToken
			if test.connector != "" {
				connector = test.connector
			}
			if test.bearer != "" {
				bearer = strings.TrimPrefix(test.bearer, "none")
			}
			got := w.tokenFrom(connector, bearer, proofBody(test.assertion, test.confirmation))
			if got.status != test.status || got.header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%d %s", got.status, got.body)
			}
			if test.status == 200 {
				return
			}
			if code := problemOf(t, got); code != test.code {
				t.Errorf("code is %s: %s", code, got.body)
			}
			faults, _ := got.json(t)["errors"].([]any)
			if test.pointer == "" && len(faults) == 0 {
				return
			}
			if len(faults) != 1 || faults[0].(map[string]any)["pointer"] != test.pointer {
				t.Errorf("%s", got.body)
			}
			if strings.Contains(got.body, "ada") || strings.Contains(got.body, customerID) {
				t.Errorf("the answer tells of the customer: %s", got.body)
			}
		})
	}
	w.t = t
	for reason, atLeast := range map[string]float64{"expired": 2, "mismatch": 4, "unknown_key": 2, "malformed": 3, "missing": 3} {
		if got := w.metric(`bizbridge_signature_failures_total{reason="` + reason + `",source="api"}`); got < atLeast {
			t.Errorf("%s was counted %v times", reason, got)
		}
	}
	if strings.Contains(w.logs.String(), "ada@") || strings.Contains(w.logs.String(), customerID) {
		t.Errorf("the log tells of the customer:\n%s", w.logs)
	}
}

func TestBodiesThatAreNoRequestForAToken(t *testing.T) {
	_, key := p256(t)
	w := newWorld(t, withIdentity(signing(key)))
	good := ada()
	good.Confirmed = true
	assertion := identity.SealAssertion(ringOf(t, masterKey), good, time.Now())
	for body, want := range map[string]string{
		"": "400 malformed", "null": "400 malformed", "[]": "400 malformed", `"x"`: "400 malformed", `{"assertion":`: "400 malformed",
		`{"assertion":"x"} {}`: "400 malformed",
		`{}`:                   "422 /assertion required", `{"assertion":null}`: "422 /assertion required", `{"Assertion":"` + assertion + `"}`: "422 /assertion required",
		`{"assertion":7}`:                                          "422 /assertion type",
		`{"assertion":["x"],"confirmation":{}}`:                    "422 /assertion type /confirmation type",
		`{"confirmation":true}`:                                    "422 /assertion required /confirmation type",
		`{"assertion":"` + assertion + `","confirmation":null}`:    "200",
		`{"assertion":"` + assertion + `","confirmation":""}`:      "200",
		`{"assertion":"` + assertion + `","later":{"version":[]}}`: "200",
	} {
		got := w.tokenFrom("desk", apiToken, []byte(body))
		said := fmt.Sprint(got.status)
		if got.status == 400 {
			said += " " + problemOf(t, got)
		}
		faults, _ := got.json(t)["errors"].([]any)
		for _, fault := range faults {
			said += fmt.Sprint(" ", fault.(map[string]any)["pointer"], " ", fault.(map[string]any)["rule"])
		}
		if said != want {
			t.Errorf("%.60s: %s, want %s", body, said, want)
		}
	}
	for _, path := range []string{"/identity/desk/token", "/identity/desk/jwks"} {
		if got := w.do("DELETE", path, nil, nil); got.status != 405 {
			t.Errorf("DELETE %s: %d", path, got.status)
		}
	}
	if got := w.do("HEAD", "/identity/desk/jwks", nil, nil); got.status != 200 || got.header.Get("Cache-Control") != keysFor || got.body != "" {
		t.Errorf("HEAD: %d %v", got.status, got.header)
	}
}

// TestKeysAreReplacedWithoutAGap rotates the keys that seal and the keys that sign while a proof is under way.
func TestKeysAreReplacedWithoutAGap(t *testing.T) {
	_, before := p256(t)
	_, after := p256(t)
	w := newWorld(t, withIdentity(signing(before)))
	original := w.configText
	proof := proofBody(identity.SealAssertion(ringOf(t, masterKey), ada(), time.Now()), identity.SealConfirmation(ringOf(t, masterKey), asked(), time.Now()))
	issue := func() (kid, token string) {
		t.Helper()
		got := w.tokenFrom("desk", apiToken, proof)
		if got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		token = got.json(t)["token"].(string)
		kid, _ = w.verified(token)
		return kid, token
	}
	reload := func(changes ...func(string) string) {
		t.Helper()
		w.configText = original
		for _, change := range changes {
			w.configText = change(w.configText)
		}
		if err := w.app.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	named := func(first, second string) func(string) string { // both, each under the name that it keeps
		return func(text string) string {
			return strings.ReplaceAll(strings.ReplaceAll(text, fmt.Sprintf("[{kid: key-0, private_key: %q}]", before), "KEYS"), "KEYS", "["+first+", "+second+"]")
		}
	}
	oldKey, newKey := fmt.Sprintf("{kid: key-0, private_key: %q}", before), fmt.Sprintf("{kid: key-1, private_key: %q}", after)
	_, first := issue()
	reload(named(oldKey, newKey), withMasterKeys(masterKey, earlierKey))
	if kid, _ := issue(); kid != "key-0" {
		t.Errorf("%s signs, but the helpdesk does not know it yet", kid)
	}
	reload(named(newKey, oldKey), withMasterKeys(earlierKey, masterKey))
	if kid, _ := issue(); kid != "key-1" {
		t.Errorf("%s signs", kid)
	}
	if kid, _ := w.verified(first); kid != "key-0" {
		t.Errorf("the token of before is of %s", kid)
	}
	reload(withMasterKeys(earlierKey))
	if got := w.tokenFrom("desk", apiToken, proof); got.status != 422 || problemOf(t, got) != "invalid" {
		t.Errorf("a key that was removed still counts: %d", got.status)
	}
	w.configText = strings.Replace(original, `issuer: "https://shop.example.com"`, "issuer: [x]", 1)
	if w.app.Reload() == nil {
		t.Error("a wrong identity is taken")
	}
	if got := w.do("GET", "/identity/desk/jwks", nil, nil); got.status != 200 {
		t.Errorf("after a wrong configuration: %d", got.status)
	}
}

// TestIAdvizeGetsATokenThatItCanRead uses the settings of the README, with the keys of the vector.
func TestIAdvizeGetsATokenThatItCanRead(t *testing.T) {
	var v map[string]any
	text, err := os.ReadFile("identity/testdata/iadvize.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	private := func(name string) any {
		block, _ := pem.Decode([]byte(v[name].(string)))
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	block, _ := pem.Decode([]byte(v["enc_public_pem"].(string)))
	readme, err := os.ReadFile("identity/README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```yaml\n( *kind: jws\\+jwe\n.*?)```").FindSubmatch(readme)
	if found == nil {
		t.Fatal("the README has no settings for iAdvize")
	}
	settings := strings.NewReplacer(
		"${file:identity-2026-01.pem}", fmt.Sprintf("%q", v["sign_private_pem"]),
		"${file:iadvize.txt}", fmt.Sprintf("%q", base64.StdEncoding.EncodeToString(block.Bytes)),
	).Replace(string(found[1]))
	w := newWorld(t, func(text string) string {
		start := strings.Index(text, "  desk: {type")
		end := start + strings.Index(text[start:], "\n")
		desk := strings.TrimSuffix(strings.TrimPrefix(text[start:end], "  desk: {"), "}")
		keys := strings.NewReplacer("type: webhook, ", "type: webhook\n    ", ", secrets", "\n    secrets").Replace(desk)
		return text[:start] + "  desk:\n    " + keys + "\n    identity:\n" + strings.ReplaceAll("\n"+settings, "\n", "\n      ") + text[end:]
	})
	a := ada()
	a.Confirmed = true
	a.Claims = map[string]any{"given_name": "Ada", "email": "ada@example.com", "email_verified": false, "address": map[string]any{"locality": "Nantes"}}
	got := w.tokenFrom("desk", apiToken, proofBody(identity.SealAssertion(ringOf(t, masterKey), a, time.Now()), ""))
	if got.status != 200 || got.json(t)["token_type"] != "jws+jwe" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	encrypted, err := jose.ParseEncryptedCompact(got.json(t)["token"].(string), []jose.KeyAlgorithm{jose.RSA_OAEP_256}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		t.Fatal(err)
	}
	inner, err := encrypted.Decrypt(private("enc_private_pem"))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := jose.ParseSignedCompact(string(inner), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := signed.Verify(private("sign_private_pem").(crypto.Signer).Public())
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	delete(claims, "iat")
	delete(claims, "exp")
	diff(t, "claims", claims, map[string]any{
		"iss": "https://shop.example.com", identity.IAdvizeUserID: "amb_1",
		identity.IAdvizeVisitorData: map[string]any{"firstName": "Ada", "city": "Nantes"},
	})
}

// TestTheCallOfTheReadmeGivesAToken runs it as it stands there.
func TestTheCallOfTheReadmeGivesAToken(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed: the call of the README is not made")
	}
	readme, err := os.ReadFile("identity/README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```shell\n(.*?)```").FindSubmatch(readme)
	if found == nil {
		t.Fatal("the README has no call")
	}
	_, key := p256(t)
	w := newWorld(t, withIdentity(signing(key)))
	ring := ringOf(t, masterKey)
	call := exec.CommandContext(t.Context(), "sh", "-ec", string(found[1]))
	call.Env = append(os.Environ(), "BRIDGE="+w.url, "BIZBRIDGE_API_TOKEN="+apiToken,
		"ASSERTION="+identity.SealAssertion(ring, ada(), time.Now()), "CONFIRMATION="+identity.SealConfirmation(ring, asked(), time.Now()))
	out, err := call.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var got identityToken
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, claims := w.verified(got.Token); claims["sub"] != "amb_1" {
		t.Errorf("%v", claims)
	}
}

func TestTheDescriptionOfIdentityTokensIsRight(t *testing.T) {
	_, key := p256(t)
	w := newWorld(t, withIdentity(signing(key)))
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(w.do("GET", "/v1/openapi.json", nil, nil).body))
	if err != nil {
		t.Fatal(err)
	}
	paths := document.(map[string]any)["paths"].(map[string]any)
	for _, path := range []string{"/identity/{connector}/token", "/identity/{connector}/jwks"} {
		if paths[path] == nil {
			t.Errorf("%s is not described", path)
		}
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("https://bridge.test/openapi.json", document); err != nil {
		t.Fatal(err)
	}
	a := ada()
	ring := ringOf(t, masterKey)
	proof := proofBody(identity.SealAssertion(ring, a, time.Now()), identity.SealConfirmation(ring, a.Request, time.Now()))
	for definition, samples := range map[string][]string{
		"IdentityProofs": {string(proof), `{"assertion":"x","confirmation":null}`},
		"IdentityToken":  {w.tokenFrom("desk", apiToken, proof).body},
		"Problem":        {w.tokenFrom("desk", apiToken, []byte(`{}`)).body, w.tokenFrom("nobody", apiToken, nil).body},
	} {
		schema, err := compiler.Compile("https://bridge.test/openapi.json#/components/schemas/" + definition)
		if err != nil {
			t.Fatal(err)
		}
		for _, sample := range samples {
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(sample))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(value); err != nil {
				t.Errorf("%s: %v in %s", definition, err, sample)
			}
		}
	}
}

// FuzzTokenRequests has no body be anything but a token for who has proved to be somebody, or a problem.
func FuzzTokenRequests(f *testing.F) {
	_, key := p256(f)
	text := fmt.Sprintf(configTemplate, masterKey, "http://127.0.0.1:1", mspID, appleSecret, businessID, mspID, otherID, mspID,
		"http://127.0.0.1:1", deskSecret, "http://127.0.0.1:1", deskSecret, apiToken, limitedToken, otherID)
	cfg, err := config.Parse("fuzz.yaml", []byte(withIdentity(signing(key))(text)), registry.ConfigTypes())
	if err != nil {
		f.Fatal(err)
	}
	app := &App{logger: slog.New(slog.DiscardHandler), metrics: metrics.New("fuzz", ""), memory: flow.NewMemory(time.Now), visits: signin.NewMemory()}
	site, err := app.newSite(cfg)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(site.close)
	ring := ringOf(f, masterKey)
	assertion, confirmation := identity.SealAssertion(ring, ada(), time.Now()), identity.SealConfirmation(ring, asked(), time.Now())
	for _, seed := range []string{
		"", "{}", "null", "[]", `{"assertion":7}`, `{"assertion":"x","confirmation":null}`,
		string(proofBody(assertion, confirmation)), string(proofBody(confirmation, assertion)), string(proofBody(assertion, "")),
	} {
		f.Add([]byte(seed))
	}
	codes := []message.Code{message.CodeMalformed, message.CodeInvalid, message.CodeTooLarge, message.CodeExpired}
	f.Fuzz(func(t *testing.T, body []byte) {
		recorder := httptest.NewRecorder()
		request := httptest.NewRequest("POST", "/base/identity/desk/token", strings.NewReader(string(body)))
		request.Header.Set("Authorization", "Bearer "+apiToken)
		site.handler.ServeHTTP(recorder, request)
		if recorder.Code == 200 {
			var sent struct{ Assertion, Confirmation string }
			_ = json.Unmarshal(body, &sent)
			if _, err := identity.OpenConfirmation(ring, sent.Confirmation, time.Now()); err != nil {
				t.Errorf("a token for %q", body)
			}
			return
		}
		var p problem
		if err := json.Unmarshal(recorder.Body.Bytes(), &p); err != nil || p.Status != recorder.Code || !slices.Contains(codes, p.Code) || recorder.Code >= 500 {
			t.Errorf("%d %s: %v", recorder.Code, recorder.Body, err)
		}
	})
}
