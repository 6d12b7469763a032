package chatwoot_test

import (
	"strings"
	"testing"

	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/chatwoot"
	"bizbridge/connectors/chatwoot/chatwoottest"
	"bizbridge/connectors/connectortest/fake"
)

func TestCheck(t *testing.T) {
	unsigned := func(c *chatwoot.Config) { c.WebhookSecrets, c.WebhookToken = nil, "0123456789abcdef" }
	for name, c := range map[string]struct {
		desk   func(*chatwoottest.Desk)
		change func(*chatwoot.Config)
		// want is the subject and verdict of all that is not good, with a word of its cause.
		want map[string]string
	}{
		"all is well":       {want: nil},
		"a wrong token":     {change: func(c *chatwoot.Config) { c.APIToken = "wrong" }, want: map[string]string{"API access": "broken api_token"}},
		"a wrong account":   {change: func(c *chatwoot.Config) { c.AccountID = 9 }, want: map[string]string{"API access": "broken account 9"}},
		"a wrong inbox":     {change: func(c *chatwoot.Config) { c.InboxID = 9 }, want: map[string]string{"inbox": "broken inbox 9"}},
		"no Chatwoot":       {desk: func(d *chatwoottest.Desk) { d.Script.Next(fake.Fault{Status: 404}) }, want: map[string]string{"API access": "broken not the address"}},
		"Chatwoot is down":  {desk: func(d *chatwoottest.Desk) { d.Script.Next(fake.Fault{Status: 500}) }, want: map[string]string{"API access": "broken 500"}},
		"the inbox is down": {desk: func(d *chatwoottest.Desk) { d.Script.Next(fake.Fault{}, fake.Fault{Status: 500}) }, want: map[string]string{"inbox": "broken 500"}},
		"another channel": {
			desk: func(d *chatwoottest.Desk) { d.Set("channel_type", "Channel::Email") }, want: map[string]string{"inbox": "broken API channel"},
		},
		"another identifier": {
			change: func(c *chatwoot.Config) { c.InboxIdentifier = "other" }, want: map[string]string{"inbox": "broken inbox_identifier"},
		},
		"no identifier": {
			desk: func(d *chatwoottest.Desk) { d.Set("inbox_identifier", nil) }, want: map[string]string{"inbox": "doubtful does not tell"},
		},
		"identity is enforced": {
			desk: func(d *chatwoottest.Desk) { d.Set("hmac_mandatory", true) }, want: map[string]string{"identity validation": "broken 500"},
		},
		"another HMAC token": {
			change: func(c *chatwoot.Config) { c.HMACToken = "other" }, want: map[string]string{"identity validation": "broken hmac_token"},
		},
		"no webhook": {desk: func(d *chatwoottest.Desk) { d.Set("webhook_url", nil) }, want: map[string]string{"webhook": "broken no webhook URL"}},
		"another webhook": {
			desk: func(d *chatwoottest.Desk) { d.Set("webhook_url", "https://bridge.example.com/webhooks/other") },
			want: map[string]string{"webhook": "broken /webhooks/desk"},
		},
		"a webhook that anybody can read": {
			desk: func(d *chatwoottest.Desk) { d.Set("webhook_url", "http://bridge.example.com/webhooks/desk") },
			want: map[string]string{"webhook": "doubtful https"},
		},
		"another secret": {
			change: func(c *chatwoot.Config) { c.WebhookSecrets = []config.Secret{"other"} }, want: map[string]string{"webhook secret": "broken webhook_secrets"},
		},
		"a secret that is not told": {
			desk: func(d *chatwoottest.Desk) { d.Set("secret", nil) }, want: map[string]string{"webhook secret": "doubtful administrator"},
		},
		"an old Chatwoot": {change: unsigned, desk: func(d *chatwoottest.Desk) {
			d.Set("secret", nil)
			d.Set("webhook_url", "https://bridge.example.com/webhooks/desk?token=0123456789abcdef")
		}},
		"an old Chatwoot without the token": {
			change: unsigned, desk: func(d *chatwoottest.Desk) { d.Set("secret", nil) }, want: map[string]string{"webhook": "broken webhook_token"},
		},
		"a Chatwoot that signs since": {
			change: unsigned, desk: func(d *chatwoottest.Desk) {
				d.Set("webhook_url", "https://bridge.example.com/webhooks/desk?token=0123456789abcdef")
			}, want: map[string]string{"webhook secret": "doubtful signs"},
		},
		"everything twice": {
			desk: func(d *chatwoottest.Desk) { d.AccountWebhook("https://bridge.example.com/webhooks/desk") },
			want: map[string]string{"account webhooks": "doubtful beside"},
		},
		"a token that sees more": {
			desk: func(d *chatwoottest.Desk) { d.OtherInbox(8) }, want: map[string]string{"other inboxes": "doubtful administrator"},
		},
		"another account webhook": {desk: func(d *chatwoottest.Desk) { d.AccountWebhook("https://crm.example.com/hook") }},
		"account webhooks are for administrators": {
			desk: func(d *chatwoottest.Desk) { d.Script.Next(fake.Fault{}, fake.Fault{}, fake.Fault{Status: 401}) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			desk := startDesk(t, chatwoottest.Options{})
			if c.desk != nil {
				c.desk(desk)
			}
			var changes []func(*chatwoot.Config)
			if c.change != nil {
				changes = append(changes, c.change)
			}
			got := make(map[string]bool)
			for _, finding := range connect(t, desk.URL, changes...).Check(t.Context()) {
				judge(t, finding, c.want[finding.Subject])
				got[finding.Subject] = true
			}
			for subject := range c.want {
				if !got[subject] {
					t.Errorf("nothing is said of %s", subject)
				}
			}
		})
	}
}

func judge(t *testing.T, finding connectors.Finding, want string) {
	t.Helper()
	verdict, cause, _ := strings.Cut(want, " ")
	wanted := map[string]connectors.Verdict{"": connectors.Good, "doubtful": connectors.Doubtful, "broken": connectors.Broken}[verdict]
	if finding.Verdict != wanted || !strings.Contains(finding.Cause, cause) || (finding.Fix == "") != (wanted == connectors.Good) {
		t.Errorf("%s is %d: %q, fix %q; want %q", finding.Subject, finding.Verdict, finding.Cause, finding.Fix, want)
	}
}

// TestCheckOnlyReads makes sure that a look changes nothing.
func TestCheckOnlyReads(t *testing.T) {
	log, url := record(t, map[string]string{
		"GET /api/v1/profile":              `{"accounts": [{"id": 1}]}`,
		"GET /api/v1/accounts/1/inboxes/7": `{"channel_type": "Channel::Api"}`,
	})
	connect(t, url).Check(t.Context())
	for _, call := range log.calls() {
		if !strings.HasPrefix(call, "GET ") {
			t.Error(call)
		}
	}
}
