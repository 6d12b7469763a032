package libredesk_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bizbridge/connectors"
	"bizbridge/connectors/connectortest/fake"
	"bizbridge/connectors/libredesk"
	"bizbridge/connectors/libredesk/libredesktest"
)

func hook() libredesktest.Hook {
	return libredesktest.Hook{ID: 1, Name: "bridge", URL: "https://bridge.example.com/webhooks/desk", Events: []string{"message.created"}, Active: true}
}

func TestCheckSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	const good, doubtful, broken = connectors.Good, connectors.Doubtful, connectors.Broken
	all := func(changed map[string]connectors.Verdict) map[string]connectors.Verdict {
		verdicts := map[string]connectors.Verdict{"API access": good, "permissions": good, "live chat inbox": good, "inbox secret": good, "webhook": good}
		for subject, verdict := range changed {
			verdicts[subject] = verdict
		}
		return verdicts
	}
	for name, c := range map[string]struct {
		desk   func(*libredesktest.Desk)
		change func(*libredesk.Config)
		want   map[string]connectors.Verdict
		words  string // in a cause or a fix
	}{
		"all is well":               {want: all(nil)},
		"a wrong key":               {change: func(c *libredesk.Config) { c.APIKey = "wr0ng" }, want: map[string]connectors.Verdict{"API access": broken}, words: "api_secret"},
		"a role without rights":     {desk: func(d *libredesktest.Desk) { d.Permissions = []string{"messages:write", "webhooks:manage"} }, want: all(map[string]connectors.Verdict{"permissions": broken}), words: "lacks conversations:read, conversations:read_all, conversations:update_status, messages:write_as_contact"},
		"another inbox":             {change: func(c *libredesk.Config) { c.InboxID = "11111111-1111-4111-8111-111111111111" }, want: all(map[string]connectors.Verdict{"live chat inbox": broken}), words: "Installation"},
		"nobody may start":          {desk: func(d *libredesktest.Desk) { d.MayStart = false }, want: all(map[string]connectors.Verdict{"live chat inbox": broken}), words: "users may not start"},
		"a wrong inbox secret":      {change: func(c *libredesk.Config) { c.InboxSecret = "wr0ng" }, want: all(map[string]connectors.Verdict{"inbox secret": broken}), words: "clocks"},
		"mails of what was missed":  {desk: func(d *libredesktest.Desk) { d.Linked = true }, want: all(map[string]connectors.Verdict{"continuity mails": doubtful}), words: "linked"},
		"webhooks that nobody sees": {desk: func(d *libredesktest.Desk) { d.Permissions = libredesktest.AllPermissions() }, want: all(map[string]connectors.Verdict{"webhook": doubtful}), words: "/webhooks/desk"},
		"no webhook":                {desk: func(d *libredesktest.Desk) { d.Hooks = nil }, want: all(map[string]connectors.Verdict{"webhook": broken}), words: "/webhooks/desk"},
		"an idle webhook":           {desk: func(d *libredesktest.Desk) { d.Hooks[0].Active = false }, want: all(map[string]connectors.Verdict{"webhook": broken})},
		"another's webhook":         {desk: func(d *libredesktest.Desk) { d.Hooks[0].URL += "2" }, want: all(map[string]connectors.Verdict{"webhook": broken})},
		"a deaf webhook":            {desk: func(d *libredesktest.Desk) { d.Hooks[0].Events = []string{"conversation.created"} }, want: all(map[string]connectors.Verdict{"webhook": broken})},
		"too many calls":            {desk: func(d *libredesktest.Desk) { d.WidgetLimit = 0 }, want: all(map[string]connectors.Verdict{"live chat inbox": doubtful, "inbox secret": doubtful}), words: "minute"},
		"it fails":                  {desk: func(d *libredesktest.Desk) { d.Script.Always(func() fake.Fault { return fake.Fault{Status: 500} }) }, want: map[string]connectors.Verdict{"API access": broken}, words: "url"},
	} {
		t.Run(name, func(t *testing.T) {
			desk := libredesktest.Start(t)
			t.Cleanup(desk.Stop)
			desk.Hooks = []libredesktest.Hook{hook()}
			desk.Permissions = append(libredesktest.AllPermissions(), "webhooks:manage")
			if c.desk != nil {
				c.desk(desk)
			}
			cfg := settings(desk.URL)
			if c.change != nil {
				c.change(cfg)
			}
			findings := connectWith(t, cfg, time.Now, discard).Check(t.Context())
			got, words := map[string]connectors.Verdict{}, ""
			for _, finding := range findings {
				got[finding.Subject] = finding.Verdict
				words += finding.Cause + " " + finding.Fix + "\n"
				if (finding.Verdict == good) != (finding.Cause == "") || (finding.Verdict == good) != (finding.Fix == "") {
					t.Errorf("half a finding: %+v", finding)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if !strings.Contains(words, c.words) {
				t.Errorf("nothing is said of %q:\n%s", c.words, words)
			}
			for _, secret := range []string{libredesktest.APISecret, libredesktest.InboxSecret, libredesktest.WebhookSecret, "wr0ng"} {
				if strings.Contains(words, secret) {
					t.Errorf("a secret is told:\n%s", words)
				}
			}
			if all := desk.Conversations(); len(all) > 0 {
				t.Errorf("a check made %d conversations", len(all))
			}
		})
	}
}

// TestCheckWithoutAnInboxThatAnswers: an inbox can block addresses.
func TestCheckWithoutAnInboxThatAnswers(t *testing.T) {
	blocked := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.Contains(req.URL.Path, "/widget/") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = w.Write([]byte(`{"status":"success","data":{}}`))
	}))
	defer blocked.Close()
	findings := connect(t, blocked.URL, time.Now).Check(t.Context())
	if len(findings) != 5 || findings[2].Verdict != connectors.Broken || !strings.Contains(findings[2].Cause, "blocks") || findings[3].Verdict != connectors.Broken {
		t.Errorf("%+v", findings)
	}
}
