package sunshine_test

import (
	"strings"
	"testing"

	"bizbridge/connectors"
	"bizbridge/connectors/connectortest/fake"
	"bizbridge/connectors/sunshine"
	"bizbridge/connectors/sunshine/sunshinetest"
)

func TestCheck(t *testing.T) {
	hook := func(key string, value any) func(*sunshinetest.App) {
		return func(a *sunshinetest.App) { a.Webhooks[0][key] = value }
	}
	fails := func(call int, fault fake.Fault) func(*sunshinetest.App) {
		return func(a *sunshinetest.App) { a.Script.Next(append(make([]fake.Fault, call), fault)...) }
	}
	for name, c := range map[string]struct {
		change   func(*sunshine.Config)
		app      func(*sunshinetest.App)
		findings int
		verdict  connectors.Verdict // of the last
		cause    string
	}{
		"all is well":         {nil, nil, 2, connectors.Good, ""},
		"a wrong key":         {func(c *sunshine.Config) { c.KeySecret = "other" }, nil, 1, connectors.Broken, "the key is refused (401)"},
		"a wrong app":         {func(c *sunshine.Config) { c.AppID = "other" }, nil, 1, connectors.Broken, "the app is not known"},
		"a wrong address":     {func(c *sunshine.Config) { c.URL += "/else" }, nil, 1, connectors.Broken, "the app is not known"},
		"nobody there":        {func(c *sunshine.Config) { c.URL = "http://127.0.0.1:1/sc" }, nil, 1, connectors.Broken, "cannot be reached"},
		"no webhook":          {nil, func(a *sunshinetest.App) { a.Webhooks = nil }, 2, connectors.Broken, "no webhook of the app leads to <public_url>/webhooks/desk"},
		"another's webhook":   {nil, hook("target", "https://bridge.example.com/webhooks/desk2"), 2, connectors.Broken, "no webhook"},
		"an old webhook":      {nil, hook("version", "v1.1"), 2, connectors.Broken, "version v2"},
		"no messages":         {nil, hook("triggers", []string{"conversation:typing"}), 2, connectors.Broken, "conversation:message"},
		"no typing":           {nil, hook("triggers", []string{"conversation:message"}), 2, connectors.Doubtful, "conversation:typing"},
		"another secret":      {nil, hook("secret", "ffffffffffffffffffffffffffffffff"), 2, connectors.Broken, "another secret"},
		"a hidden secret":     {nil, hook("secret", ""), 2, connectors.Good, ""},
		"a key of less":       {nil, fails(1, fake.Fault{Status: 403}), 2, connectors.Doubtful, "cannot be listed"},
		"less at the end":     {nil, fails(2, fake.Fault{Status: 403}), 2, connectors.Doubtful, "cannot be listed"},
		"an integration":      {func(c *sunshine.Config) { c.PassControl = "zd:agentWorkspace" }, nil, 3, connectors.Good, ""},
		"the next one":        {func(c *sunshine.Config) { c.PassControl = "next" }, nil, 3, connectors.Good, ""},
		"no such integration": {func(c *sunshine.Config) { c.PassControl = "my-bot" }, nil, 3, connectors.Broken, `does not know "my-bot"`},
		"no switchboard":      {func(c *sunshine.Config) { c.PassControl = "next" }, func(a *sunshinetest.App) { a.Responder = "" }, 3, connectors.Broken, "no switchboard"},
		"hidden switchboard":  {func(c *sunshine.Config) { c.PassControl = "next" }, fails(3, fake.Fault{Status: 403}), 3, connectors.Doubtful, "cannot be read"},
		"hidden integrations": {func(c *sunshine.Config) { c.PassControl = "next" }, fails(4, fake.Fault{Status: 403}), 3, connectors.Doubtful, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			var changes []func(*sunshine.Config)
			if c.change != nil {
				changes = append(changes, c.change)
			}
			r := newRig(t, changes...)
			if c.app != nil {
				c.app(r.app)
			}
			findings := r.Check(r.context())
			last := findings[len(findings)-1]
			if len(findings) != c.findings || last.Verdict != c.verdict || !strings.Contains(last.Cause, c.cause) {
				t.Errorf("findings %+v, want %d, the last as %d: %s", findings, c.findings, c.verdict, c.cause)
			}
			for _, finding := range findings {
				good := finding.Verdict == connectors.Good
				if finding.Subject == "" || good != (finding.Cause == "") || good != (finding.Fix == "") {
					t.Errorf("incomplete: %+v", finding)
				}
				for _, secret := range []string{sunshinetest.KeySecret, sunshinetest.WebhookSecret, "ffffffff"} {
					if strings.Contains(finding.Cause+finding.Fix, secret) {
						t.Errorf("it holds a secret: %+v", finding)
					}
				}
			}
			for _, call := range r.app.Calls() {
				if !strings.HasPrefix(call, "GET ") {
					t.Errorf("it changes something: %s", call)
				}
			}
		})
	}
}
