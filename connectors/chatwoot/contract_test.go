package chatwoot_test

import (
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors/chatwoot"
	"bizbridge/connectors/chatwoot/chatwoottest"
	"bizbridge/connectors/connectortest"
)

// statuses has what Chatwoot's statuses mean otherwise than by default. An answer without a body is none of Chatwoot's: where
// a contact or a conversation was asked for, the message cannot be written.
var statuses = map[int]connectortest.Meaning{204: connectortest.Refused(message.Transient)}

const example = `{
	"url": "https://chat.example.com", "account_id": 1, "inbox_id": 7, "inbox_identifier": "qwErTyUiOpAsDfGhJkLzXcVb",
	"api_token": "t0ken-of-an-agent", "webhook_secrets": ["s3cr3t-of-the-inbox"], "hmac_token": "t0ken-for-identity"
}`

func subject(options chatwoottest.Options, changes ...func(*chatwoot.Config)) connectortest.Subject {
	return connectortest.Subject{
		Factory: chatwoot.Factory(),
		Start: func(t testing.TB) *connectortest.Helpdesk {
			desk := chatwoottest.Start(t, options)
			return &connectortest.Helpdesk{
				Settings: settings(desk.URL, changes...),
				Secrets:  []string{chatwoottest.Token, chatwoottest.WebhookSecret, chatwoottest.Identifier, chatwoottest.HMACToken},
				Script:   &desk.Script, Inbox: &desk.Inbox, Webhook: desk.Webhook, Stop: desk.Stop,
			}
		},
		Example: example, Statuses: statuses,
	}
}

func TestContract(t *testing.T) {
	connectortest.Run(t, subject(chatwoottest.Options{HMACMandatory: true}, func(c *chatwoot.Config) { c.HMACToken = chatwoottest.HMACToken }))
}

// TestContractWithOneConversation is the contract with an inbox that is locked to one conversation.
func TestContractWithOneConversation(t *testing.T) {
	connectortest.Run(t, subject(chatwoottest.Options{Locked: true}))
}

// TestContractWithAnOldChatwoot is the contract with one that does not sign, replaces attributes and forgets source ids.
func TestContractWithAnOldChatwoot(t *testing.T) {
	connectortest.Run(t, subject(chatwoottest.Options{Old: true, Unsigned: true}, func(c *chatwoot.Config) {
		c.WebhookSecrets, c.WebhookToken = nil, chatwoottest.WebhookSecret
	}))
}

func TestTheFakeSharesNoCodeWithTheConnector(t *testing.T) {
	connectortest.Independent(t, "bizbridge/connectors/chatwoot/chatwoottest", "bizbridge/connectors/chatwoot")
}

func settings(url string, changes ...func(*chatwoot.Config)) *chatwoot.Config {
	cfg := &chatwoot.Config{
		URL: url, AccountID: chatwoottest.AccountID, InboxID: chatwoottest.InboxID, InboxIdentifier: chatwoottest.Identifier,
		APIToken: chatwoottest.Token, WebhookSecrets: []config.Secret{chatwoottest.WebhookSecret},
	}
	for _, change := range changes {
		change(cfg)
	}
	return cfg
}
