package bridge

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"bizbridge/config"
	"bizbridge/connectors/registry"
)

const profileMapping = `
mapping: 1
vars: {base: null, first_seen: false}
inbound:
  - name: who is this
    when: $vars.first_seen
    steps:
      - name: get
        request: {method: GET, url: '\($vars.base)/customers/\(.data.customer_id | path_safe)'}
        extract: {name: .body.name}
    profile: '{name: $steps.get.name}'
tests:
  - name: known
    inbound: {event: {type: message.received}, vars: {base: "https://api.example.com", first_seen: true}, answers: [{body: {name: Ada}}]}
    expect: {requests: [{}], profile: {name: Ada}}
`

// withProfile gives the first helpdesk a look-up by a mapping.
func withProfile(t *testing.T, mapping, url string) func(string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "profile.mapping.yaml")
	if err := os.WriteFile(path, []byte(mapping), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(text string) string {
		const desk = "  desk: {type: webhook, "
		return strings.Replace(text, desk, desk+fmt.Sprintf(`profile: {mapping: %q, url: %q, auth: [{kind: bearer, token: t0ken-of-the-api}]}, auth: [{kind: bearer, token: t0ken-of-the-desk}], `, path, url), 1)
	}
}

// profileAPI knows every customer, until it is down.
type profileAPI struct {
	*httptest.Server
	down  atomic.Bool
	calls atomic.Int32
	wrong atomic.Int32 // calls with other credentials than its own
}

func newProfileAPI(t *testing.T) *profileAPI {
	api := &profileAPI{}
	api.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		api.calls.Add(1)
		if r.Header.Get("Authorization") != "Bearer t0ken-of-the-api" || r.Header.Get("webhook-signature") != "" {
			api.wrong.Add(1)
		}
		if api.down.Load() {
			w.WriteHeader(http.StatusForbidden)
		}
		_, _ = io.WriteString(w, `{"name": "Ada"}`)
	}))
	t.Cleanup(api.Close)
	return api
}

func TestAHelpdeskHearsWhoTheCustomerIs(t *testing.T) {
	api := newProfileAPI(t)
	w := newWorld(t, withProfile(t, profileMapping, api.URL))
	calls := func(code string) float64 {
		return w.metric(fmt.Sprintf(`bizbridge_upstream_request_duration_seconds_count{code=%q,operation="profile",peer="desk"}`, code))
	}
	if n := calls("2xx"); n != 0 {
		t.Errorf("%v calls are counted before the first", n)
	}
	for i, want := range []any{"Ada", nil} {
		if got := w.fromPhone(phoneText(fmt.Sprintf("00000000-0000-4000-8000-00000000000%d", i), "Hello")); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		got := w.desk.all()[i]
		profile, _ := data(t, got)["profile"].(map[string]any)
		if profile["name"] != want || got.header.Get("Authorization") != "Bearer t0ken-of-the-desk" {
			t.Errorf("message %d has the profile %v, by %q", i, profile, got.header.Get("Authorization"))
		}
	}
	if calls("2xx") != 1 || api.calls.Load() != 1 || api.wrong.Load() != 0 {
		t.Errorf("%v calls are counted, the API got %d, %d of them with other credentials", calls("2xx"), api.calls.Load(), api.wrong.Load())
	}
	if text := w.logs.String(); strings.Contains(text, "Ada") || strings.Contains(text, "t0ken") {
		t.Errorf("the log tells of the customer:\n%s", text)
	}
}

func TestAMessageArrivesWithoutItsProfile(t *testing.T) {
	api := newProfileAPI(t)
	api.down.Store(true)
	w := newWorld(t, withProfile(t, profileMapping, api.URL))
	if got := w.fromPhone(phoneText("00000000-0000-4000-8000-000000000001", "Hello")); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := data(t, w.desk.all()[0]); got["profile"] != nil || got["text"] != "Hello" {
		t.Errorf("the helpdesk got %v", got)
	}
	if n := w.metric(`bizbridge_upstream_request_duration_seconds_count{code="4xx",operation="profile",peer="desk"}`); n != 1 {
		t.Errorf("%v calls are counted", n)
	}
	text := w.logs.String()
	if strings.Count(text, "the customer's profile cannot be looked up") != 1 || strings.Contains(text, "t0ken") {
		t.Errorf("the log:\n%s", text)
	}
}

// TestCheckRunsTheTestsOfALookUp has a mapping that works, one whose test fails, and one that cannot be read.
func TestCheckRunsTheTestsOfALookUp(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct{ mapping, want string }{
		"right":      {profileMapping, ""},
		"failing":    {strings.Replace(profileMapping, "{name: Ada}}\n", "{name: Bob}}\n", 1), `connectors.desk.profile.mapping: the test "known" fails: profile.name: want "Bob", got "Ada"`},
		"unreadable": {strings.Replace(profileMapping, "first_seen: false", "", 1), `there is no "first_seen" in vars`},
	} {
		cfg, err := config.Parse("test.yaml", []byte(withProfile(t, c.mapping, "https://api.example.com")(w.configText)), registry.ConfigTypes())
		if err != nil {
			t.Fatal(err)
		}
		report, err := Check(t.Context(), cfg)
		if c.want == "" && (err != nil || report.Tests != 1 || strings.Contains(strings.Join(report.Warnings, " "), "profile.mapping")) {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}
