package asapp_test

import (
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors/asapp"
	"bizbridge/connectors/asapp/asapptest"
	"bizbridge/connectors/connectortest"
)

// statuses are where ASAPP means something else: 409 is what it has already, and without a body it does not say which
// conversation it has made.
var statuses = map[int]connectortest.Meaning{
	409: {Accepted: true},
	204: connectortest.Refused(message.Transient),
}

// TestContract is the contract with GenerativeAgent and without.
func TestContract(t *testing.T) {
	for name, bot := range map[string]bool{"GenerativeAgent answers": true, "people answer": false} {
		t.Run(name, func(t *testing.T) {
			connectortest.Run(t, connectortest.Subject{
				Factory: asapp.Factory(),
				Start: func(t testing.TB) *connectortest.Helpdesk {
					desk := asapptest.Start(t)
					return &connectortest.Helpdesk{
						Settings: &asapp.Config{
							URL: desk.URL, APIID: asapptest.APIID, APISecret: asapptest.APISecret, GenerativeAgent: bot,
							ConversationEnds: config.Duration(24 * time.Hour), WebhookSecrets: []config.Secret{asapptest.WebhookSecret},
						},
						Secrets: []string{asapptest.APIID, asapptest.APISecret, asapptest.WebhookSecret[6:]},
						Script:  &desk.Script, Inbox: &desk.Inbox, Webhook: asapptest.Webhook, Stop: desk.Stop,
					}
				},
				Example: `{
					"url": "https://api.asapp.com", "api_id": "k3y-id", "api_secret": "s3cret",
					"hand_over_text": "One moment, please.", "conversation_ends": "12h",
					"customer_login": {"url": "https://api.example.com/auth/customer_authenticate", "fields": {"username": "{sub}", "password": "p4ss"}},
					"webhook_secrets": ["whsec_c2VjcmV0IG9mIHRoZSBhZ2VudHMnIHByb2dyYW0h"]
				}`,
				Statuses: statuses,
			})
		})
	}
}

func TestTheFakeSharesNoCodeWithTheConnector(t *testing.T) {
	connectortest.Independent(t, "bizbridge/connectors/asapp/asapptest", "bizbridge/connectors/asapp")
}
