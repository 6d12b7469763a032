package webhook_test

import (
	"testing"

	"bizbridge/config"
	"bizbridge/connectors/connectortest"
	"bizbridge/connectors/webhook"
	"bizbridge/connectors/webhook/webhooktest"
)

func TestContract(t *testing.T) {
	connectortest.Run(t, connectortest.Subject{
		Factory: webhook.Factory(),
		Start: func(t testing.TB) *connectortest.Helpdesk {
			const tokenInURL = "t0ken-in-the-url"
			desk := webhooktest.Start(t, webhooktest.Secret)
			return &connectortest.Helpdesk{
				Settings: &webhook.Config{
					URL:     desk.URL + "?token=" + tokenInURL,
					Secrets: []config.Secret{webhooktest.Secret}, VerifySecrets: []config.Secret{webhooktest.VerifySecret},
				},
				Secrets: []string{webhooktest.Secret[6:], webhooktest.VerifySecret[6:], tokenInURL},
				Script:  &desk.Script, Inbox: &desk.Inbox, Webhook: webhooktest.Webhook, Stop: desk.Stop,
			}
		},
		Example: `{
			"url": "https://desk.example.com/hooks/apple",
			"secrets": ["whsec_bmV3IHNlY3JldCBvZiB0aGUgYnJpZGdlLCAzMiBieXQ=", "whsec_b2xkIHNlY3JldCBvZiB0aGUgYnJpZGdlLCAzMiBieXQ="],
			"verify_secrets": ["whsec_c2VjcmV0IG9mIHRoZSBoZWxwZGVzaywgMzIgYnl0ZXM="]
		}`,
	})
}

func TestTheFakeSharesNoCodeWithTheConnector(t *testing.T) {
	connectortest.Independent(t, "bizbridge/connectors/webhook/webhooktest", "bizbridge/connectors/webhook")
}
