package sunshine_test

import (
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors/connectortest"
	"bizbridge/connectors/sunshine"
	"bizbridge/connectors/sunshine/sunshinetest"
)

// statuses are those that mean something else than they usually do. A list without a body says nothing, so that 204 is no
// success; 404 with no user to look for means that the app is not known.
var statuses = map[int]connectortest.Meaning{
	204: connectortest.Refused(message.Transient),
	404: connectortest.Refused(message.Auth),
	409: connectortest.Refused(message.Transient),
	423: connectortest.Refused(message.Permanent),
}

func TestContract(t *testing.T) {
	for name, change := range map[string]func(*sunshinetest.App, *sunshine.Config){
		"plain":        func(*sunshinetest.App, *sunshine.Config) {},
		"pass control": func(_ *sunshinetest.App, c *sunshine.Config) { c.PassControl = "zd:agentWorkspace" },
		"merging":      func(a *sunshinetest.App, _ *sunshine.Config) { a.MergeMetadata = true },
	} {
		t.Run(name, func(t *testing.T) {
			connectortest.Run(t, connectortest.Subject{
				Factory:  sunshine.Factory(),
				Statuses: statuses,
				Start: func(t testing.TB) *connectortest.Helpdesk {
					app := sunshinetest.Start(t)
					settings := configure(app.URL)
					change(app, settings)
					return &connectortest.Helpdesk{
						Settings: settings, Secrets: []string{sunshinetest.KeySecret, sunshinetest.WebhookSecret},
						Script: &app.Script, Inbox: &app.Inbox, Webhook: sunshinetest.Webhook, Stop: app.Stop,
					}
				},
				Example: `{
					"url": "https://acme.zendesk.com/sc",
					"app_id": "5d8cff3cd55b040010928b5b",
					"key_id": "app_5d8cff3cd55b040010928b5b",
					"key_secret": "s3cret",
					"webhook_secrets": ["8564b3e6a8b20a4bdb68b05ce9bc5936"],
					"pass_control": "zd:agentWorkspace"
				}`,
			})
		})
	}
}

func TestTheFakeSharesNoCodeWithTheConnector(t *testing.T) {
	connectortest.Independent(t, "bizbridge/connectors/sunshine/sunshinetest", "bizbridge/connectors/sunshine")
}

// configure gives the settings for an app.
func configure(url string) *sunshine.Config {
	settings := sunshine.Factory().NewConfig().(*sunshine.Config)
	settings.URL, settings.AppID, settings.KeyID = url, sunshinetest.AppID, sunshinetest.KeyID
	settings.KeySecret, settings.WebhookSecrets = sunshinetest.KeySecret, []config.Secret{sunshinetest.WebhookSecret}
	return settings
}
