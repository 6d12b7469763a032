package webhook_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/httpclient/auth"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/connectortest/readme"
	"bizbridge/connectors/webhook"
	"bizbridge/connectors/webhook/webhooktest"
)

// buildLookUp makes the look-up of settings that lie in a folder, as the bridge does.
func buildLookUp(t testing.TB, dir string, settings *webhook.Config) (*connectors.LookUp, error) {
	t.Helper()
	profile, m := webhook.Factory().ProfileSettings(settings), metrics.New("test", "test")
	authorizer, err := profile.Authorizer(auth.Deps{Peer: "desk", Metrics: m})
	if err != nil {
		return nil, err
	}
	if authorizer != nil {
		t.Cleanup(authorizer.Close)
	}
	client := httpclient.New(httpclient.Options{Peer: "desk", Metrics: m, Auth: authorizer.For})
	t.Cleanup(client.Close)
	return connectors.NewLookUp(connectors.Environment{
		Name: "desk", Dir: dir, HTTP: client, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	}, profile)
}

// lookUp is a look-up with a mapping of the test's own; lines say what comes after its head.
func lookUp(t testing.TB, url string, list []auth.Settings, vars map[string]config.Secret, lines ...string) *connectors.LookUp {
	t.Helper()
	path := filepath.Join(t.TempDir(), "profile.mapping.yaml")
	if err := os.WriteFile(path, []byte("mapping: 1\n"+strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	made, err := buildLookUp(t, "", &webhook.Config{Profile: connectors.Profile{Mapping: path, URL: url, Vars: vars, Auth: list}})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// TestALookUpAsASAPPDoesIt asks an API that wants what ASAPP sends to getprofile: a token of the bridge, one of the
// customer, and a key. The mapping is that of the README.
func TestALookUpAsASAPPDoesIt(t *testing.T) {
	var names []string
	provider := startLogins(t, func(w http.ResponseWriter, r *http.Request) {
		answering(200, `{"issued_at": "1570733606449", "JWT": "jwt-of-the-customer", "expires_in": "28799"}`)(w, r)
	})
	customer := events()["message.received"].Data.CustomerID
	api := startLogins(t, nil)
	api.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got := fmt.Sprint(r.Method, " ", r.URL, " ", r.Header.Get("Authorization"), ", ", r.Header.Get("customer-auth"), ", ", r.Header.Get("api-key"), " ", string(body))
		names = append(names, got)
		answering(200, `{"name": "Ada Lovelace", "tier": "gold", "iban": "DE00"}`)(w, r)
	})
	made := lookUp(t, api.URL+"/account", []auth.Settings{
		bearer, {Kind: "api_key", Key: "k3y", Header: "api-key"},
		{Kind: "customer_token", TokenURL: provider.URL, Fields: secretVars("username", "{customer_id}"), Header: "customer-auth", Prefix: "JWT"},
	}, nil, strings.TrimPrefix(readme.Blocks(t, "yaml mapping")[0], "mapping: 1\n"))

	for _, firstSeen := range []bool{true, false} {
		profile, failure := made.Profile(t.Context(), events()["message.received"], firstSeen)
		want := map[string]any(nil)
		if firstSeen {
			want = map[string]any{"name": "Ada Lovelace", "tier": "gold"}
		}
		if failure != nil || !reflect.DeepEqual(profile, want) {
			t.Errorf("first %t: %v, %v; want %v", firstSeen, profile, failure, want)
		}
	}
	body, err := json.Marshal(map[string]any{"customer": customer})
	if err != nil {
		t.Fatal(err)
	}
	want := "POST /account/getprofile Bearer " + hunter + ", JWT jwt-of-the-customer, k3y " + string(body)
	if len(names) != 1 || names[0] != want {
		t.Errorf("the API got\n%q, want\n%q", names, want)
	}
	if len(provider.header) != 1 || provider.authorizations() != "" {
		t.Errorf("the login got %v", provider.header)
	}
}

// TestALookUpKeepsItsCredentials has a step that calls somebody else, and an API that sends it there.
func TestALookUpKeepsItsCredentials(t *testing.T) {
	other := startLogins(t, answering(200, `{"name": "Bob"}`))
	api := startLogins(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	rule := func(url string) []string {
		return []string{
			"vars: {base: null, other: null}", "inbound:", "  - name: who", "    steps:", "      - name: get",
			"        request: {method: GET, url: " + url + "}", "        extract: {name: .body.name}", "    profile: '{name: $steps.get.name}'",
		}
	}
	vars := secretVars("other", other.URL)
	event := events()["message.received"]
	elsewhere := lookUp(t, api.URL, []auth.Settings{bearer}, vars, rule(`'\($vars.other)/x'`)...)
	if profile, failure := elsewhere.Profile(t.Context(), event, true); failure != nil || profile["name"] != "Bob" {
		t.Errorf("%v, %v", profile, failure)
	}
	redirected := lookUp(t, api.URL, []auth.Settings{bearer}, vars, rule(`'\($vars.base)/x'`)...)
	if _, failure := redirected.Profile(t.Context(), event, true); failure == nil || failure.Class != message.Permanent {
		t.Errorf("a redirect: %v", failure)
	}
	if len(other.header) != 1 || other.authorizations() != "" || api.authorizations() != "Bearer "+hunter {
		t.Errorf("the other got %v, the API %q", other.header, api.authorizations())
	}
}

// TestOnlyAConfirmedSubjectLogsIn tries both events of a sign-in.
func TestOnlyAConfirmedSubjectLogsIn(t *testing.T) {
	provider, api := startLogins(t, answering(200, `{"JWT": "jwt"}`)), startLogins(t, answering(200, `{}`))
	made := lookUp(t, api.URL, []auth.Settings{
		{Kind: "customer_token", TokenURL: provider.URL, Fields: secretVars("username", "{subject}"), Header: "customer-auth"},
	}, nil, "vars: {base: null}", "inbound:", `  - {name: a, steps: [{name: get, request: {method: GET, url: '\($vars.base)/x'}}], profile: '{n: 1}'}`)
	for _, confirmed := range []bool{false, true} {
		event := events()["signin.completed"]
		event.Data.SignIn = &message.SignIn{Status: message.SignInSucceeded, Confirmed: confirmed, Identity: &message.Identity{Subject: "somebody"}}
		profile, failure := made.Profile(t.Context(), event, false)
		if (failure == nil) != confirmed || (profile != nil) != confirmed {
			t.Errorf("confirmed %t: %v, %v", confirmed, profile, failure)
		}
	}
	if len(provider.header) != 1 || len(api.header) != 1 {
		t.Errorf("%d logins, %d calls; want one of each", len(provider.header), len(api.header))
	}
}

func TestNoErrorOfALookUpHoldsASecret(t *testing.T) {
	status := 0
	api := startLogins(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "https://elsewhere.example/?token="+hunter)
		answering(status, `{"error": "`+hunter+` is wrong: `+secret+`"}`)(w, r)
	})
	const request = `{method: POST, url: '\($vars.base)/\($vars.token)?t=\(.data.text)', body: '{t: $vars.token}'}`
	for situation, profile := range map[string]string{
		"a status": "'{n: 1}'", "a text": "$vars.token", "a list": "'[.data.text]'", "a query that fails": "'$vars.token - .data.text'",
		"of the answer": "'$steps.get.error | tonumber'", "too much": "'{n: ($vars.token * 10000)}'",
	} {
		for _, status = range []int{302, 400, 401, 404, 429, 500} {
			made := lookUp(t, api.URL, []auth.Settings{bearer}, secretVars("token", hunter), "vars: {base: null, token: null}", "inbound:",
				"  - name: who", "    steps:", "      - name: get", "        request: "+request, "        ok: [404]", "        extract: {error: .body.error}", "    profile: "+profile)
			if _, failure := made.Profile(t.Context(), written(1, secret), true); failure != nil {
				mustBeSilent(t, fmt.Sprintf("%s, %d", situation, status), failure)
			} else if status != 404 || situation != "a status" {
				t.Errorf("%s, %d: no failure", situation, status)
			}
		}
	}
}

func TestALookUpIsCheckedWithItsPlace(t *testing.T) {
	const file = `server: {public_url: "https://bridge.example.com"}
keys: [MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=]
apple: {accounts: [{msp_id: 11111111-2222-3333-4444-555555555555, secrets: [AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=]}]}
businesses: [{id: aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee, msp_id: 11111111-2222-3333-4444-555555555555, connector: desk}]
connectors:
  desk:
    type: webhook
    url: https://desk.example.com
    secrets: [` + webhooktest.Secret + `]
    profile: `
	for settings, want := range map[string]string{
		"{mapping: p.yaml, url: https://api.example.com/account}": "",
		"{mapping: p.yaml}":                "connectors.desk.profile.url is missing",
		"{}":                               "connectors.desk.profile.mapping is missing",
		"{mapping: p.yaml, url: /account}": "connectors.desk.profile.url is not an absolute URL",
		"{mapping: p.yaml, url: ftp://api.example.com}":                           "connectors.desk.profile.url: is not an absolute http or https URL",
		"{mapping: p.yaml, url: 'https://api.example.com/?a=b'}":                  "connectors.desk.profile.url: has a query (?…)",
		"{mapping: p.yaml, url: https://api.example.com, vars: {first_seen: x}}":  "connectors.desk.profile.vars.first_seen: is given by the bridge",
		"{mapping: p.yaml, url: https://api.example.com, maping: x}":              `unknown key "maping" in connectors.desk.profile`,
		"{mapping: p.yaml, url: https://api.example.com, auth: [{kind: bearer}]}": "connectors.desk.profile.auth[0].token: is missing",
		"{mapping: p.yaml, url: https://api.example.com, auth: [{kind: customer_token, header: x, token_url: https://api.example.com/, fields: {u: '{subject}'}}]}":                              "",
		"{mapping: p.yaml, url: https://api.example.com, auth: [{kind: customer_token, header: x, token_url: https://api.example.com/, fields: {u: '{phone}'}}]}":                                "connectors.desk.profile.auth[0].fields: ask for {phone}, which a look-up does not know",
		"{mapping: p.yaml, url: https://api.example.com, auth: [{kind: oauth2_authorization_code, client_id: x, token_url: https://api.example.com/, authorize_url: https://api.example.com/}]}": "connectors.desk.profile.auth[0].kind: cannot be granted for a look-up",
	} {
		_, err := config.Parse("x.yaml", []byte(file+settings+"\n"), []config.ConnectorType{webhook.Factory().ConfigType()})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %s", settings, err, want)
		}
	}
}

func TestAMappingHasItsPlace(t *testing.T) {
	desk := []string{"outbound: [{name: all, ignored: true}]"}
	for name, c := range map[string]struct {
		vars  map[string]config.Secret
		lines []string
		want  string
	}{
		"of a desk":            {nil, desk, "profile.mapping: no rule of the mapping gives a profile"},
		"with a mistake":       {nil, []string{"inbound: [{name: a, profile: '$nope'}]"}, "profile.mapping: "},
		"with what is missing": {nil, []string{"vars: {key: null}", "inbound: [{name: a, profile: '{}'}]"}, "profile.vars: the mapping needs vars that the configuration has to give: key"},
		"with what is unknown": {secretVars("kye", hunter), []string{"vars: {key: x}", "inbound: [{name: a, profile: '{}'}]"}, `profile.vars: the mapping has no variable "kye"`},
	} {
		settings := &webhook.Config{}
		byFile(t, c.vars, c.lines...)(settings)
		settings.Profile = connectors.Profile{Mapping: settings.Mapping, URL: "https://api.example.com", Vars: c.vars}
		if _, err := buildLookUp(t, "", settings); err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), hunter) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	settings := &webhook.Config{URL: "https://desk.example.com", Secrets: []config.Secret{webhooktest.Secret}}
	byFile(t, nil, "inbound: [{name: a, profile: '{}'}]")(settings)
	if _, err := build(t, "", time.Now, settings); err == nil || !strings.Contains(err.Error(), "name the file in profile.mapping") {
		t.Errorf("a look-up's mapping as that of the desk: %v", err)
	}
}
