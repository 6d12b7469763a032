// Package infobip carries messages through Infobip's Open Channel, to agents in Conversations or to a chatbot of Answers.
// The README of this folder says what becomes of what.
package infobip

import (
	_ "embed"
	"errors"
	"strings"

	"bizbridge/bridge/httpclient/auth"
	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/config"
	"bizbridge/connectors"
)

//go:embed config.schema.json
var schema []byte

// Config is Infobip: messages go to the Open Channel at url, answers come to /webhooks/<name>.
type Config struct {
	// The base URL of your account, as Infobip's portal shows it.
	URL string `json:"url" jsonschema:"required,format=uri,example=https://xyz123.api.infobip.com"`
	// An API key with the scope message:send and, for Conversations, conversations:manage.
	APIKey config.Secret `json:"api_key,omitempty" jsonschema:"example=${env:INFOBIP_API_KEY}"`
	// Another login instead of api_key, such as OAuth, or what an Exchange app was granted.
	Auth []auth.Settings `json:"auth,omitempty" jsonschema:"maxItems=4"`
	// The Open Channel of each business.
	Channels []Channel `json:"channels" jsonschema:"required,minItems=1"`
	// Who reads the messages: agents in conversations, or a chatbot of answers.
	Product string `json:"product" jsonschema:"enum=conversations,enum=answers"`
	// The Signing Secret of your Exchange app, which signs its requests. More than one while you replace it.
	SigningSecrets []config.Secret `json:"signing_secrets,omitempty" jsonschema:"example=${env:INFOBIP_SIGNING_SECRET}"`
	// What webhooks that Exchange does not sign have to hold in webhook_header, whole: "Basic dXNlcjpwYXNz". More than one
	// while you replace it.
	WebhookSecrets []config.Secret `json:"webhook_secrets,omitempty" jsonschema:"example=${env:INFOBIP_WEBHOOK_SECRET}"`
	// The header that holds one of webhook_secrets.
	WebhookHeader string `json:"webhook_header" jsonschema:"example=X-Bridge-Token"`
	// The address of this connector in the bridge. Answers then come here, whatever address Infobip has for the channel.
	WebhookURL string `json:"webhook_url,omitempty" jsonschema:"format=uri,example=https://bridge.example.com/webhooks/infobip"`
	// With Conversations: what a customer gets when an agent has closed the conversation; default: nothing.
	ClosingText string `json:"closing_text,omitempty" jsonschema:"example=This conversation is closed. Write again whenever you like."`
}

// Channel is one Open Channel with the business whose customers write through it.
type Channel struct {
	// The id of the Open Channel, a UUID: destination of what customers write, sender of what they get.
	ID string `json:"id" jsonschema:"required,example=0f3a9c5e-0000-4000-8000-000000000001"`
	// The business, as under businesses.
	BusinessID message.BusinessID `json:"business_id" jsonschema:"required,example=aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"`
}

// The values of product.
const (
	productConversations = "conversations"
	productAnswers       = "answers"
)

const exchangeScheme = "infobip_exchange"

// authentication is what the calls carry, and to where.
func (c *Config) authentication() (list []auth.Settings, origins []string) {
	if c.APIKey != "" {
		return []auth.Settings{{Kind: "api_key", Key: c.APIKey, Header: "Authorization", Prefix: "App"}}, []string{c.URL}
	}
	return c.Auth, []string{c.URL}
}

// Factory describes the connector to the registry.
func Factory() connectors.Factory {
	full, partial := connectors.Full, connectors.Partial
	return connectors.Factory{
		Type:      "infobip",
		Summary:   "Infobip: Conversations and Answers, through an Open Channel",
		NewConfig: func() any { return &Config{Product: productConversations, WebhookHeader: "Authorization"} },
		Schema:    schema,
		Abilities: connectors.Abilities{
			Inbound: map[message.EventType]connectors.Level{
				message.EventReceived: full, message.EventReplied: partial, message.EventUnsupported: full, message.EventSent: full,
				message.EventFailed: full, message.EventSignIn: full, message.EventPayment: full, message.EventClosed: full,
			},
			Outbound: map[message.Kind]connectors.Level{
				message.KindText: full, message.KindFiles: full, message.KindRichLink: full, message.KindQuickReply: full,
				message.KindListPicker: full, message.KindTimePicker: full, message.KindForm: full, message.KindApp: full, message.KindSignIn: full,
				message.KindPayment: full, message.KindTyping: full, message.KindTemplate: full, message.KindSaved: full,
			},
		},
		// Whether it tries again is not documented. If it does not, nobody else would tell the agent.
		PostsOnce:  true,
		Operations: []string{opMessage, opConversations, opMessages, opNote, opClose, opCheck},
		Origin:     func(settings any) string { return settings.(*Config).URL },
		Auth:       func(settings any) ([]auth.Settings, []string) { return settings.(*Config).authentication() },
		New:        newConnector,
	}
}

// The operations of the metrics.
const (
	opMessage       = "message"
	opConversations = "conversations"
	opMessages      = "messages"
	opNote          = "note"
	opClose         = "close"
	opCheck         = "check"
)

// Connector is one configured Infobip account whose messages a chatbot of Answers reads.
type Connector struct {
	connectors.Environment
	url        string
	channels   []Channel
	webhookURL string
	sender     message.SenderKind // of what comes from there
	closing    string             // "": nothing
	exchange   *signature.Keys    // nil: there is no Exchange app
	tokens     *signature.Keys    // nil: every webhook is signed
	header     string             // that holds one of tokens
}

// agents is an account whose messages agents of Conversations read: they have notes, and conversations that end.
type agents struct{ *Connector }

var (
	_ connectors.CloseRelay   = (*Connector)(nil)
	_ connectors.FailureRelay = (*Connector)(nil)
	_ connectors.Checker      = (*Connector)(nil)

	_ connectors.CloseRelay   = agents{}
	_ connectors.FailureRelay = agents{}
	_ connectors.NoteWriter   = agents{}
	_ connectors.Checker      = agents{}
	_ connectors.Able         = agents{}
)

func newConnector(env connectors.Environment, settings any) (connectors.Connector, error) {
	cfg := settings.(*Config)
	c := &Connector{
		Environment: env, url: strings.TrimRight(cfg.URL, "/"), channels: cfg.Channels, webhookURL: cfg.WebhookURL,
		sender: message.SenderBot, closing: cfg.ClosingText, header: cfg.WebhookHeader,
	}
	var err error
	if len(cfg.SigningSecrets) > 0 {
		scheme, _ := signature.Lookup(exchangeScheme)
		if c.exchange, err = signature.New(scheme, config.Reveal(cfg.SigningSecrets)...); err != nil {
			return nil, err
		}
	}
	if len(cfg.WebhookSecrets) > 0 {
		if c.tokens, err = signature.New(signature.TokenIn(cfg.WebhookHeader), config.Reveal(cfg.WebhookSecrets)...); err != nil {
			return nil, err
		}
	}
	if c.exchange == nil && c.tokens == nil {
		return nil, errors.New("webhooks cannot be verified: signing_secrets or webhook_secrets are needed")
	}
	if cfg.Product == productAnswers {
		return c, nil
	}
	c.sender = "" // agents, unless the bridge is told otherwise
	return agents{c}, nil
}

// channelOf is the Open Channel of a business.
func (c *Connector) channelOf(business message.BusinessID) (id string, ok bool) {
	for _, channel := range c.channels {
		if channel.BusinessID.Equal(business) {
			return channel.ID, true
		}
	}
	return "", false
}

// businessOf is the business of an Open Channel.
func (c *Connector) businessOf(channel string) (business message.BusinessID, ok bool) {
	for _, known := range c.channels {
		if strings.EqualFold(known.ID, channel) {
			return known.BusinessID, true
		}
	}
	return "", false
}

// RelaysFailures is always so: Infobip does not read the answers to its webhooks.
func (c *Connector) RelaysFailures() bool { return true }

// Abilities are those of agents: what only a program can use does not reach them.
func (a agents) Abilities() connectors.Abilities {
	can := Factory().Abilities
	can.Inbound[message.EventSent] = connectors.Dropped
	return can
}
