package infobip_test

import (
	"net/http"
	"testing"
	"time"

	"bizbridge/bridge/httpclient/auth"
	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/connectortest"
	"bizbridge/connectors/connectortest/fake"
	"bizbridge/connectors/infobip"
	"bizbridge/connectors/infobip/infobiptest"
)

const (
	suiteBusiness = message.BusinessID("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")

	example = `{
		"url": "https://xyz123.api.infobip.com", "api_key": "0123456789abcdef-0123456789abcdef",
		"channels": [{"id": "0f3a9c5e-0000-4000-8000-000000000001", "business_id": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"}],
		"signing_secrets": ["H+WPXpCaBeLkd5pukqMoqWLZnL/5yEscexA73H7Uffw="]
	}`
)

// Each product with each way to verify webhooks, and each way to log in.
func TestContract(t *testing.T) {
	signed := []config.Secret{infobiptest.SigningSecret}
	token := []config.Secret{infobiptest.WebhookSecret}
	for name, c := range map[string]struct {
		settings infobip.Config
		webhook  func(fake.Reply, fake.Forgery) *http.Request
	}{
		"conversations, signed by Exchange": {infobip.Config{APIKey: infobiptest.APIKey, SigningSecrets: signed}, infobiptest.SignedWebhook},
		"answers, a token in a header": {
			infobip.Config{Product: "answers", Auth: []auth.Settings{{Kind: "bearer", Prefix: "App", Token: infobiptest.APIKey}}, WebhookSecrets: token, WebhookHeader: infobiptest.WebhookHeader},
			infobiptest.TokenWebhook,
		},
	} {
		t.Run(name, func(t *testing.T) {
			connectortest.Run(t, connectortest.Subject{
				Factory: atOneMoment(infobip.Factory()),
				Start: func(t testing.TB) *connectortest.Helpdesk {
					desk := infobiptest.Start(t)
					settings := c.settings
					settings.URL, settings.Channels = desk.URL, []infobip.Channel{{ID: infobiptest.Channel, BusinessID: suiteBusiness}}
					return &connectortest.Helpdesk{
						Settings: &settings, Secrets: []string{infobiptest.APIKey, infobiptest.SigningSecret, infobiptest.WebhookSecret},
						Script: &desk.Script, Inbox: &desk.Inbox, Webhook: c.webhook, Stop: desk.Stop,
					}
				},
				Example: example,
			})
		})
	}
}

// atOneMoment stops the connector's clock: equal messages are the same one only within ten minutes, and the suite must not
// run across the border of two.
func atOneMoment(factory connectors.Factory) connectors.Factory {
	now, build := time.Now(), factory.New
	factory.New = func(env connectors.Environment, settings any) (connectors.Connector, error) {
		env.Now = func() time.Time { return now }
		return build(env, settings)
	}
	return factory
}

func TestTheFakeSharesNoCodeWithTheConnector(t *testing.T) {
	connectortest.Independent(t, "bizbridge/connectors/infobip/infobiptest", "bizbridge/connectors/infobip")
}
