// Package asapp carries messages to ASAPP: into a conversation of its Conversations API, to GenerativeAgent, which answers over
// a stream of events. The README of this folder tells how it is set up and what becomes of what.
package asapp

import (
	"crypto/rand"
	_ "embed"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"bizbridge/bridge/httpclient/auth"
	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/config"
	"bizbridge/connectors"
)

//go:embed config.schema.json
var schema []byte

// Config is ASAPP: every customer has a conversation there, and GenerativeAgent answers.
type Config struct {
	// ASAPP's API: https://api.asapp.com, or https://api.sandbox.asapp.com to try things out.
	URL string `json:"url" jsonschema:"format=uri,example=https://api.asapp.com"`
	// The id of your API key, as AI Console shows it.
	APIID config.Secret `json:"api_id" jsonschema:"required,example=${env:ASAPP_API_ID}"`
	// The secret of that key.
	APISecret config.Secret `json:"api_secret" jsonschema:"required,example=${env:ASAPP_API_SECRET}"`
	// Lets GenerativeAgent answer. false: messages are only recorded, and whoever answers sends through the webhook.
	GenerativeAgent bool `json:"generative_agent"`
	// What customers read when GenerativeAgent hands them over to people; default: only what it says itself.
	HandOverText string `json:"hand_over_text,omitempty" jsonschema:"example=One moment please. A colleague takes over."`
	// For how long after its last message a conversation counts as going on: until then customers who were handed over stay
	// with people, and businesses with several helpdesks leave the conversation here.
	ConversationEnds config.Duration `json:"conversation_ends" jsonschema:"example=24h"`
	// Where the bridge gets the token that GenerativeAgent acts with for a customer who has signed in. Without it that is the
	// proofs from which /identity/<name>/token makes one.
	CustomerLogin *CustomerLogin `json:"customer_login,omitempty"`
	// Secrets in the form whsec_<base64 of 24 to 64 bytes> by which the webhook knows who sends agents' answers; default:
	// nobody can. More than one while you replace it.
	WebhookSecrets []config.Secret `json:"webhook_secrets,omitempty" jsonschema:"example=${env:ASAPP_WEBHOOK_SECRET}"`
}

// CustomerLogin is an API of yours that gives a token for a customer.
type CustomerLogin struct {
	// The address that takes the fields as a form.
	URL string `json:"url" jsonschema:"required,format=uri,example=https://api.example.com/auth/customer_authenticate"`
	// The fields of the form. "{name}" stands for what the sign-in provider says of the customer under that name (sub,
	// email), and "{subject}" for the bridge's own identifier.
	Fields map[string]config.Secret `json:"fields" jsonschema:"required"`
}

// Factory describes the connector to the registry.
func Factory() connectors.Factory {
	full, partial, fallback := connectors.Full, connectors.Partial, connectors.Fallback
	return connectors.Factory{
		Type:    "asapp",
		Summary: "ASAPP: GenerativeAgent and the Conversations API",
		NewConfig: func() any {
			return &Config{URL: "https://api.asapp.com", GenerativeAgent: true, ConversationEnds: config.Duration(24 * time.Hour)}
		},
		Schema: schema,
		Abilities: connectors.Abilities{
			Inbound: map[message.EventType]connectors.Level{
				message.EventReceived: partial, message.EventReplied: partial, message.EventClosed: partial,
				message.EventUnsupported: fallback, message.EventSent: fallback, message.EventFailed: fallback,
				message.EventPayment: fallback, message.EventSignIn: partial,
			},
			// GenerativeAgent says texts, and asks for all else by templates; the webhook takes everything.
			Outbound: map[message.Kind]connectors.Level{
				message.KindText: full, message.KindTyping: full, message.KindSignIn: full, message.KindTemplate: full,
				message.KindFiles: partial, message.KindRichLink: partial, message.KindQuickReply: partial, message.KindListPicker: partial,
				message.KindTimePicker: partial, message.KindForm: partial, message.KindApp: partial, message.KindPayment: partial, message.KindSaved: partial,
			},
		},
		Operations: operations,
		Auth: func(settings any) ([]auth.Settings, []string) {
			cfg := settings.(*Config)
			return []auth.Settings{
				{Kind: "api_key", Key: cfg.APIID, Header: "asapp-api-id"},
				{Kind: "api_key", Key: cfg.APISecret, Header: "asapp-api-secret"},
			}, []string{cfg.URL}
		},
		New: newConnector,
	}
}

// Connector is one company at ASAPP.
type Connector struct {
	connectors.Environment
	settings Config
	url      string
	verify   *signature.Keys // nil: nobody sends webhooks
	// stream is where GenerativeAgent sends what it answers to this replica's questions.
	stream string
	// watch knows whom a stream's events are about. All of it is at ASAPP as well.
	watch *watch
	// looking are the places of those who list what was missed.
	looking chan struct{}
	// moments are the times under which messages were sent first: a repeat that ASAPP shall recognise has the same.
	moments *lru.Cache[string, time.Time]
}

var (
	_ connectors.CloseRelay         = (*Connector)(nil)
	_ connectors.FailureRelay       = (*Connector)(nil)
	_ connectors.NoteWriter         = (*Connector)(nil)
	_ connectors.ChoiceKeeper       = (*Connector)(nil)
	_ connectors.ConversationFinder = (*Connector)(nil)
	_ connectors.Runner             = (*Connector)(nil)
	_ connectors.Checker            = (*Connector)(nil)
)

// process is of this replica alone, and the same under every configuration that it loads: the stream goes on.
var process = rand.Text()

// remembered is how many conversations and messages are kept in mind.
const remembered = 4096

func newConnector(env connectors.Environment, settings any) (connectors.Connector, error) {
	cfg := settings.(*Config)
	moments, err := lru.New[string, time.Time](remembered)
	if err != nil {
		return nil, err
	}
	c := &Connector{
		Environment: env, settings: *cfg, url: strings.TrimRight(cfg.URL, "/"), moments: moments, looking: make(chan struct{}, 8),
		stream: string(message.DeriveID("asapp stream", process, env.Name, cfg.URL, cfg.APIID.Reveal())),
	}
	c.watch = watchOf(c.stream)
	if len(cfg.WebhookSecrets) > 0 {
		c.verify, err = signature.New(webhookScheme, config.Reveal(cfg.WebhookSecrets)...)
	}
	return c, err
}

// RelaysFailures is true: nobody hears what becomes of an event of a stream.
func (*Connector) RelaysFailures() bool { return true }
