// Package sunshine connects Zendesk's messaging through Sunshine Conversations, v2 of its API: customers are users of the
// app, each with one conversation, and agents answer in Zendesk's Agent Workspace. The README of this folder tells how it
// is set up and what becomes of what.
package sunshine

import (
	"context"
	_ "embed"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"bizbridge/bridge/httpclient/auth"
	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/config"
	"bizbridge/connectors"
)

//go:embed config.schema.json
var schema []byte

// Config is Zendesk through Sunshine Conversations: customers write into conversations of an app, and its webhook comes to
// /webhooks/<name>.
type Config struct {
	// What the addresses of the API begin with: https://<subdomain>.zendesk.com/sc, or for accounts from before Zendesk
	// https://api.smooch.io or https://api.eu-1.smooch.io.
	URL string `json:"url" jsonschema:"required,format=uri,example=https://acme.zendesk.com/sc"`
	// The id of the app, as the Admin Center shows it beside the key.
	AppID string `json:"app_id" jsonschema:"required,example=5d8cff3cd55b040010928b5b"`
	// The id of an API key of that app.
	KeyID string `json:"key_id" jsonschema:"required,example=app_5d8cff3cd55b040010928b5b"`
	// The secret of that key.
	KeySecret config.Secret `json:"key_secret" jsonschema:"required,example=${env:SUNSHINE_KEY_SECRET}"`
	// The shared secrets of the webhook, which come in its header X-API-Key. Any one of them is accepted, so that the webhook
	// can be replaced without a gap.
	WebhookSecrets []config.Secret `json:"webhook_secrets" jsonschema:"required,minItems=1,example=${env:SUNSHINE_WEBHOOK_SECRET}"`
	// Who answers new conversations, instead of the channel's default responder: the id, name or type of an integration of
	// the switchboard, or next.
	PassControl string `json:"pass_control,omitempty" jsonschema:"example=zd:agentWorkspace"`
	// What customers read when their ticket is closed; default: nothing.
	ClosedText string `json:"closed_text,omitempty" jsonschema:"example=Thank you for writing to us. Write again at any time."`
	// What stands on a list to choose from where the agent or bot wrote no words with it, as with a carousel.
	ChooseTitle string `json:"choose_title" jsonschema:"example=Please choose"`
	// The same of a form.
	FormTitle string `json:"form_title" jsonschema:"example=Please answer a few questions"`
}

// inPath is what may stand in an address as it is.
var inPath = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Validate checks what the schema cannot say.
func (c *Config) Validate(report func(path, message, hint string)) {
	const example = "Write https://<subdomain>.zendesk.com/sc."
	switch fault := connectors.BaseURLFault(c.URL); {
	case fault != "":
		report("url", fault, example)
	case strings.Contains(strings.TrimSuffix(c.URL, "/")+"/", "/v2/"):
		report("url", "holds the API's version, which the bridge adds", example)
	case strings.HasSuffix(strings.TrimSuffix(c.URL, "/"), ".zendesk.com"):
		report("url", "is Zendesk itself, not its Sunshine Conversations", example)
	}
	if !inPath.MatchString(c.AppID) {
		report("app_id", "is no id of an app", "Copy it from Admin Center > Apps and integrations > Conversations API.")
	}
	if c.KeyID == "" || strings.ContainsAny(c.KeyID, ": \t\n") {
		report("key_id", "is no id of a key", "Write the id alone, such as app_5d8cff3cd55b040010928b5b; its secret goes into key_secret.")
	}
	if c.KeySecret == "" {
		report("key_secret", "is empty", "Zendesk shows it once, when the key is made.")
	}
	c.validateWebhook(report)
	for path, title := range map[string]string{"choose_title": c.ChooseTitle, "form_title": c.FormTitle} {
		if strings.TrimSpace(title) == "" || utf8.RuneCountInString(title) > message.MaxLabel {
			report(path, "must have 1 to 200 characters", "Write a few words in the language of your customers.")
		}
	}
}

func (c *Config) validateWebhook(report func(path, message, hint string)) {
	const hint = `It is "secret" in what Zendesk answered when the webhook was made, or in GET …/integrations/<id>/webhooks.`
	for _, secret := range c.WebhookSecrets {
		if err := webhookScheme.CheckSecret(secret.Reveal()); err != nil {
			report("webhook_secrets", err.Error(), hint)
		} else if secret == c.KeySecret {
			report("webhook_secrets", "have the secret of the key, which Zendesk never sends", hint)
		}
	}
	if len(c.WebhookSecrets) == 0 {
		report("webhook_secrets", "are missing", hint)
	}
}

// webhookScheme is the shared secret itself in X-API-Key.
var webhookScheme, _ = signature.Lookup("sunshine")

// Factory describes the connector to the registry.
func Factory() connectors.Factory {
	full, partial, fallback := connectors.Full, connectors.Partial, connectors.Fallback
	return connectors.Factory{
		Type:    "sunshine",
		Summary: "Zendesk, through Sunshine Conversations",
		NewConfig: func() any {
			return &Config{ChooseTitle: "Please choose", FormTitle: "Please answer a few questions"}
		},
		Schema:       schema,
		Operations:   operations,
		AnswerWithin: 18 * time.Second, // Sunshine Conversations waits for 20
		Abilities: connectors.Abilities{
			Inbound: map[message.EventType]connectors.Level{
				message.EventReceived: full, message.EventReplied: partial, message.EventClosed: partial,
				message.EventUnsupported: fallback, message.EventSent: fallback, message.EventFailed: fallback,
				message.EventSignIn: fallback, message.EventPayment: fallback,
			},
			Outbound: map[message.Kind]connectors.Level{
				message.KindText: full, message.KindFiles: full, message.KindTyping: full, message.KindRichLink: partial,
				message.KindQuickReply: full, message.KindListPicker: partial, message.KindForm: partial, message.KindPayment: partial,
			},
		},
		Origin: func(settings any) string { return settings.(*Config).URL },
		Auth: func(settings any) ([]auth.Settings, []string) {
			cfg := settings.(*Config)
			return []auth.Settings{{Kind: "basic", Username: cfg.KeyID, Password: cfg.KeySecret}}, []string{cfg.URL}
		},
		New: newConnector,
	}
}

// Connector is one app of Sunshine Conversations.
type Connector struct {
	connectors.Environment
	settings Config
	app      string // what the addresses of all calls begin with
	verify   *signature.Keys
}

var (
	_ connectors.CloseRelay         = (*Connector)(nil)
	_ connectors.FailureRelay       = (*Connector)(nil)
	_ connectors.Uploader           = (*Connector)(nil)
	_ connectors.NoteWriter         = (*Connector)(nil)
	_ connectors.ChoiceKeeper       = (*Connector)(nil)
	_ connectors.ConversationFinder = (*Connector)(nil)
	_ connectors.Checker            = (*Connector)(nil)
)

func newConnector(env connectors.Environment, settings any) (connectors.Connector, error) {
	cfg := settings.(*Config)
	verify, err := signature.New(webhookScheme, config.Reveal(cfg.WebhookSecrets)...)
	if err != nil {
		return nil, err
	}
	return &Connector{
		Environment: env, settings: *cfg, verify: verify,
		app: strings.TrimSuffix(cfg.URL, "/") + "/v2/apps/" + cfg.AppID,
	}, nil
}

// RelaysFailures is true: Sunshine Conversations does not read what its webhooks are answered.
func (*Connector) RelaysFailures() bool { return true }

// HasOpenConversation tells whether somebody at the helpdesk answers the customer: when a ticket is closed, nobody is in
// control of the conversation until the customer writes again.
func (c *Connector) HasOpenConversation(ctx context.Context, business message.BusinessID, customer message.CustomerID) (bool, error) {
	found, err := c.find(ctx, business, customer)
	return found != nil && found.Active != nil && !found.closed(), err
}
