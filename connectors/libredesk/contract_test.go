package libredesk_test

import (
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/connectors/connectortest"
	"bizbridge/connectors/libredesk"
	"bizbridge/connectors/libredesk/libredesktest"
)

// statuses are LibreDesk's where they do not mean what they mean by default. Without a body nothing says that it is
// LibreDesk that answers.
var statuses = map[int]connectortest.Meaning{204: connectortest.Refused(message.Transient)}

const example = `{
	"url": "https://desk.example.com",
	"api_key": "key", "api_secret": "secret",
	"inbox_id": "0b5ab8b2-3f6c-4b0e-9a6f-6f1f4f8f5b11", "inbox_secret": "inbox",
	"webhook_secrets": ["new", "old"]
}`

func TestContract(t *testing.T) {
	connectortest.Run(t, connectortest.Subject{
		Factory: libredesk.Factory(),
		Start: func(t testing.TB) *connectortest.Helpdesk {
			desk := libredesktest.Start(t)
			return &connectortest.Helpdesk{
				Settings: settings(desk.URL),
				Secrets: []string{
					libredesktest.APIKey, libredesktest.APISecret, libredesktest.InboxSecret, libredesktest.WebhookSecret, "session-of-",
				},
				Script: &desk.Script, Inbox: &desk.Inbox, Webhook: desk.Webhook, Stop: desk.Stop,
			}
		},
		Example:  example,
		Statuses: statuses,
	})
}

func TestTheFakeSharesNoCodeWithTheConnector(t *testing.T) {
	connectortest.Independent(t, "bizbridge/connectors/libredesk/libredesktest", "bizbridge/connectors/libredesk")
}
