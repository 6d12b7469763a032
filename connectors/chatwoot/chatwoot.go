// Package chatwoot connects Chatwoot, through an inbox of its API channel. The customer's side of a conversation is written
// and read over two APIs: the public one of the inbox, which acts as the contact, and the application API, which acts as an
// agent. The bridge keeps nothing: the customer's Apple id is the source id of the contact in the inbox, and what else has to
// be found again stands in custom attributes.
package chatwoot

import (
	_ "embed"
	"strconv"
	"strings"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/config"
	"bizbridge/connectors"
)

//go:embed config.schema.json
var schema []byte

// Config is an inbox of Chatwoot's API channel. Chatwoot's webhooks come to /webhooks/<name>.
type Config struct {
	// The address of Chatwoot.
	URL string `json:"url" jsonschema:"required,format=uri,example=https://chat.example.com"`
	// The number of the account: it follows /accounts/ in the address of every page.
	AccountID int64 `json:"account_id" jsonschema:"required,minimum=1,example=1"`
	// The number of the inbox: it is the last part of the address of its settings.
	InboxID int64 `json:"inbox_id" jsonschema:"required,minimum=1,example=7"`
	// The inbox identifier, from the configuration of the inbox. Who knows it can write to the inbox.
	InboxIdentifier config.Secret `json:"inbox_identifier" jsonschema:"required,example=${env:CHATWOOT_INBOX}"`
	// The access token of an agent of the inbox, from that agent's profile settings. One of an agent bot is not enough.
	APIToken config.Secret `json:"api_token" jsonschema:"required,example=${env:CHATWOOT_TOKEN}"`
	// The webhook secret of the inbox, and while it is being replaced the new one too.
	WebhookSecrets []config.Secret `json:"webhook_secrets,omitempty" jsonschema:"example=${env:CHATWOOT_WEBHOOK_SECRET}"`
	// For a Chatwoot before 4.13, which does not sign: a text of your own, at the end of the inbox's webhook URL as ?token=….
	WebhookToken config.Secret `json:"webhook_token,omitempty" jsonschema:"example=${env:CHATWOOT_WEBHOOK_TOKEN}"`
	// The HMAC token of the inbox, if it enforces identity validation.
	HMACToken config.Secret `json:"hmac_token,omitempty" jsonschema:"example=${env:CHATWOOT_HMAC_TOKEN}"`
}

// Validate checks what the schema cannot say.
func (c *Config) Validate(report func(path, message, hint string)) {
	const example = "such as https://chat.example.com."
	switch fault := connectors.BaseURLFault(c.URL); {
	case fault != "":
		report("url", fault, "Write the address of Chatwoot, "+example)
	case strings.Contains(c.URL, "/app/") || strings.HasSuffix(strings.TrimRight(c.URL, "/"), "/api/v1"):
		report("url", "is more than the address of Chatwoot", "Remove what follows the host, "+example)
	}
	for path, secret := range map[string]config.Secret{
		"inbox_identifier": c.InboxIdentifier, "api_token": c.APIToken, "hmac_token": c.HMACToken, "webhook_token": c.WebhookToken,
	} {
		validateSecret(path, secret.Reveal(), report)
	}
	for path, secret := range map[string]config.Secret{"inbox_identifier": c.InboxIdentifier, "api_token": c.APIToken} {
		if secret == "" {
			report(path, "is empty", "Write it as Chatwoot shows it.")
		}
	}
	for i, secret := range c.WebhookSecrets {
		validateSecret("webhook_secrets["+strconv.Itoa(i)+"]", secret.Reveal(), report)
		if secret == "" {
			report("webhook_secrets["+strconv.Itoa(i)+"]", "is empty", "Write it as Chatwoot shows it.")
		}
	}
	switch token := c.WebhookToken.Reveal(); {
	case len(c.WebhookSecrets) == 0 && token == "":
		report("webhook_secrets", "are missing: nothing would prove that a webhook is Chatwoot's",
			"Write the secret from the inbox's configuration. A Chatwoot before 4.13 has none: use webhook_token.")
	case len(c.WebhookSecrets) > 0 && token != "":
		report("webhook_token", "is for a Chatwoot that does not sign", "Remove it, or webhook_secrets.")
	case token != "" && len(token) < connectors.ShortestToken:
		report("webhook_token", "is shorter than "+strconv.Itoa(connectors.ShortestToken)+" characters", "Make one with: openssl rand -hex 24.")
	case token != "" && strings.Trim(token, urlSafe) != "":
		report("webhook_token", "has characters that would have to be escaped in a URL", "Make one with: openssl rand -hex 24.")
	}
}

const urlSafe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"

func validateSecret(path, secret string, report func(path, message, hint string)) {
	if strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }) {
		report(path, "has white space, or characters that no token has", "Write it as Chatwoot shows it.")
	}
}

// answerWithin is what is left of Chatwoot's five seconds when the answer has to travel, too.
const answerWithin = 4500 * time.Millisecond

// Factory describes the connector to the registry.
func Factory() connectors.Factory {
	full, partial, fallback := connectors.Full, connectors.Partial, connectors.Fallback
	return connectors.Factory{
		Type:      "chatwoot",
		Summary:   "Chatwoot, through an inbox of its API channel",
		NewConfig: func() any { return &Config{} },
		Schema:    schema,
		Operations: []string{
			"contact", "contact_update", "conversations", "conversation_create", "conversation", "attributes", "message", "messages", "answer",
			"note", "status", "typing", "resolve", "check",
		},
		AnswerWithin: answerWithin,
		PostsOnce:    true,
		Abilities: connectors.Abilities{
			Inbound: map[message.EventType]connectors.Level{
				message.EventReceived: full, message.EventReplied: partial, message.EventUnsupported: fallback, message.EventSent: fallback,
				message.EventFailed: full, message.EventSignIn: fallback, message.EventPayment: fallback,
				message.EventTypingStarted: full, message.EventTypingStopped: full, message.EventClosed: full,
			},
			Outbound: map[message.Kind]connectors.Level{
				message.KindText: full, message.KindFiles: full, message.KindRichLink: partial, message.KindQuickReply: full,
				message.KindListPicker: partial, message.KindForm: partial, message.KindTyping: full, message.KindTemplate: full,
			},
		},
		Origin: func(settings any) string { return settings.(*Config).URL },
		New:    newConnector,
	}
}

// Connector is one configured inbox.
type Connector struct {
	connectors.Environment
	config Config
	public string // what addresses of the inbox's public API begin with
	app    string // the same of the application API
	// verify is nil where Chatwoot does not sign.
	verify *signature.Keys
}

var (
	_ connectors.TypingRelay        = (*Connector)(nil)
	_ connectors.CloseRelay         = (*Connector)(nil)
	_ connectors.ConversationFinder = (*Connector)(nil)
	_ connectors.FailureRelay       = (*Connector)(nil)
	_ connectors.Uploader           = (*Connector)(nil)
	_ connectors.NoteWriter         = (*Connector)(nil)
	_ connectors.ChoiceKeeper       = (*Connector)(nil)
	_ connectors.Checker            = (*Connector)(nil)
)

func newConnector(env connectors.Environment, settings any) (connectors.Connector, error) {
	cfg := settings.(*Config)
	root := strings.TrimRight(cfg.URL, "/")
	c := &Connector{
		Environment: env, config: *cfg,
		public: root + "/public/api/v1/inboxes/" + segment(cfg.InboxIdentifier.Reveal()),
		app:    root + "/api/v1/accounts/" + number(cfg.AccountID),
	}
	if len(cfg.WebhookSecrets) == 0 {
		return c, nil
	}
	scheme, _ := signature.Lookup("chatwoot")
	var err error
	c.verify, err = signature.New(scheme, config.Reveal(cfg.WebhookSecrets)...)
	return c, err
}

// UploadsFiles is so: Chatwoot keeps the files of its conversations itself.
func (*Connector) UploadsFiles() bool { return true }

// RelaysFailures is so: Chatwoot shows an agent that a message failed, and the reason only if it is told.
func (*Connector) RelaysFailures() bool { return true }
