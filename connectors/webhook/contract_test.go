package webhook_test

import (
	"net/http"
	"testing"

	"bizbridge/bridge/httpclient/auth"
	"bizbridge/config"
	"bizbridge/connectors/connectortest"
	"bizbridge/connectors/connectortest/fake"
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

// TestContractWithALogin is the contract of a helpdesk that wants more than the signature.
func TestContractWithALogin(t *testing.T) {
	const token, key = "t0ken-of-the-login", "k3y-of-the-login"
	connectortest.Run(t, connectortest.Subject{
		Factory: webhook.Factory(),
		Start: func(t testing.TB) *connectortest.Helpdesk {
			desk := webhooktest.Start(t, webhooktest.Secret)
			desk.Login = http.Header{"Authorization": {"Bearer " + token}, "X-Api-Key": {"App " + key}}
			return &connectortest.Helpdesk{
				Settings: &webhook.Config{
					URL: desk.URL, Secrets: []config.Secret{webhooktest.Secret}, VerifySecrets: []config.Secret{webhooktest.VerifySecret},
					Auth: []auth.Settings{{Kind: "bearer", Token: token}, {Kind: "api_key", Key: key, Header: "x-api-key", Prefix: "App"}},
				},
				Secrets: []string{webhooktest.Secret[6:], webhooktest.VerifySecret[6:], token, key},
				Script:  &desk.Script, Inbox: &desk.Inbox, Webhook: webhooktest.Webhook, Stop: desk.Stop,
			}
		},
		Example: `{
			"url": "https://desk.example.com/hooks/apple",
			"secrets": ["whsec_bmV3IHNlY3JldCBvZiB0aGUgYnJpZGdlLCAzMiBieXQ="],
			"auth": [{"kind": "bearer", "token": "t0ken"}, {"kind": "api_key", "key": "k3y", "header": "X-Api-Key", "prefix": "App"}]
		}`,
	})
}

// TestMappedContract is the contract with a mapping, once with signed webhooks and once with a token in a header.
func TestMappedContract(t *testing.T) {
	vars := map[string]config.Secret{"token": webhooktest.Token}
	for name, c := range map[string]struct {
		settings webhook.Config
		webhook  func(fake.Reply, fake.Forgery) *http.Request
	}{
		"signed": {webhook.Config{VerifySecrets: []config.Secret{webhooktest.VerifySecret}}, webhooktest.OwnWebhook},
		"token": {
			webhook.Config{VerifySecrets: []config.Secret{webhooktest.WebhookToken}, VerifyHeader: webhooktest.TokenHeader},
			webhooktest.OwnWebhookWithToken,
		},
	} {
		t.Run(name, func(t *testing.T) {
			connectortest.Run(t, connectortest.Subject{
				Factory: webhook.Factory(),
				Start: func(t testing.TB) *connectortest.Helpdesk {
					desk := webhooktest.StartOwn(t)
					settings := c.settings
					settings.URL, settings.Secrets, settings.Vars, settings.Mapping = desk.URL, []config.Secret{webhooktest.Secret}, vars, ownMapping
					return &connectortest.Helpdesk{
						Settings: &settings,
						Secrets:  []string{webhooktest.Secret[6:], webhooktest.VerifySecret[6:], webhooktest.Token, webhooktest.WebhookToken},
						Script:   &desk.Script, Inbox: &desk.Inbox, Webhook: c.webhook, Stop: desk.Stop,
					}
				},
				Example: `{
					"url": "https://desk.example.com",
					"secrets": ["whsec_bmV3IHNlY3JldCBvZiB0aGUgYnJpZGdlLCAzMiBieXQ="],
					"verify_secrets": ["a-token-of-the-desk"], "verify_header": "X-Desk-Token",
					"mapping": "` + ownMapping + `", "vars": {"token": "t0ken"}
				}`,
			})
		})
	}
}

func TestTheFakeSharesNoCodeWithTheConnector(t *testing.T) {
	connectortest.Independent(t, "bizbridge/connectors/webhook/webhooktest", "bizbridge/connectors/webhook")
}
