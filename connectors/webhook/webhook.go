// Package webhook is the generic helpdesk: one that speaks the bridge's own event format over HTTP, signed both ways
// with Standard Webhooks, or a JSON of its own that a mapping translates. Both are described in this folder's README.
package webhook

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/httpclient/auth"
	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/mapping"
)

//go:embed config.schema.json
var schema []byte

// Config is the generic webhook helpdesk: the bridge posts events to url and takes messages at /webhooks/<name>.
type Config struct {
	// Where events are posted to.
	URL string `json:"url" jsonschema:"required,format=uri,example=https://desk.example.com/hooks/apple"`
	// Secrets in the form whsec_<base64 of 24 to 64 bytes>. The first signs what the bridge sends. With sign_scheme they
	// are what that has.
	Secrets []config.Secret `json:"secrets" jsonschema:"required,minItems=1,example=${env:DESK_SECRET}"`
	// Secrets that verify what the helpdesk sends; default: the same as secrets.
	VerifySecrets []config.Secret `json:"verify_secrets,omitempty" jsonschema:"example=${env:DESK_SECRET}"`
	// How the helpdesk signs, if not with Standard Webhooks: a scheme of bridge/signature. Its secrets are verify_secrets.
	VerifyScheme string `json:"verify_scheme,omitempty" jsonschema:"example=zendesk"`
	// The address that the helpdesk calls, without a query, for those schemes that sign it: hubspot_v3, hubspot_v2, twilio.
	VerifyURL string `json:"verify_url,omitempty" jsonschema:"format=uri,example=https://bridge.example.com/webhooks/desk"`
	// How the bridge signs, if not with Standard Webhooks: a scheme of bridge/signature. Its secrets are secrets.
	SignScheme string `json:"sign_scheme,omitempty" jsonschema:"example=slack"`
	// How files of customers come: links to fetch them by, or multipart, beside the event in one multipart/form-data
	// request (up to delivery.inline_max; larger ones are links all the same).
	Attachments string `json:"attachments" jsonschema:"enum=links,enum=multipart"`
	// A file that translates between the bridge's event format and the helpdesk's own JSON, relative to the configuration,
	// or one that comes with the bridge: preset:rasa, preset:ticket, preset:chat.
	Mapping string `json:"mapping,omitempty" jsonschema:"example=desk.mapping.yaml"`
	// Values of $vars in the mapping, such as tokens. $vars.base is url, unless it stands here.
	Vars map[string]config.Secret `json:"vars,omitempty"`
	// With a mapping: a header that has one of verify_secrets as it is, for helpdesks that cannot sign.
	VerifyHeader string `json:"verify_header,omitempty" jsonschema:"example=X-Webhook-Token"`
	// What proves to the helpdesk's own login who calls, beside the signature: up to four entries, and every call carries
	// all of them.
	Auth []auth.Settings `json:"auth,omitempty" jsonschema:"maxItems=4"`
	// Looks customers up in an API of your own; what it says comes with their messages, as profile.
	Profile connectors.Profile `json:"profile,omitzero"`
}

// The values of attachments.
const (
	attachmentLinks     = "links"
	attachmentMultipart = "multipart"
)

// Validate checks what the schema cannot say.
func (c *Config) Validate(report func(path, message, hint string)) {
	if fault := connectors.URLFault(c.URL); fault != "" {
		report("url", fault, "Write the address that takes the events, such as https://desk.example.com/hooks/apple.")
	}
	c.validateMapping(report)
	c.validateAuth(report)
	c.Profile.Validate(report)
	c.validateSigning(report)
}

func (c *Config) validateAuth(report func(path, message, hint string)) {
	connectors.ValidateAuth(c.Auth, report)
	for i := range c.Auth {
		path := fmt.Sprintf("auth[%d]", i)
		if c.Attachments == attachmentMultipart && c.Auth[i].SignsBody() {
			report(path+".kind", "cannot sign files beside an event", "Use links for attachments, or another kind.")
		}
	}
}

// authentication is what the calls carry. The operator wrote both addresses.
func (c *Config) authentication() (list []auth.Settings, origins []string) {
	origins = []string{c.URL}
	if base, given := c.Vars["base"]; given {
		origins = append(origins, base.Reveal())
	}
	return c.Auth, origins
}

func (c *Config) validateMapping(report func(path, message, hint string)) {
	if c.Mapping == "" {
		if c.VerifyHeader != "" {
			report("verify_header", "is for helpdesks with a mapping", "Remove it: messages in the bridge's own format are signed.")
		}
		if len(c.Vars) > 0 {
			report("vars", "are for a mapping, and there is none", "Name the file with mapping, or remove vars.")
		}
		return
	}
	if c.Attachments == attachmentMultipart {
		report("attachments", "cannot be multipart with a mapping", "Remove it: a mapping sees links to the files.")
	}
	if c.VerifyHeader != "" && len(c.VerifySecrets) == 0 {
		report("verify_secrets", "are needed with verify_header", "Give the value that the helpdesk sends in that header.")
	}
	if c.VerifyHeader != "" {
		connectors.ValidateHeader("verify_header", c.VerifyHeader, report)
	}
	if base, given := c.Vars["base"]; given {
		if fault := connectors.URLFault(base.Reveal()); fault != "" {
			report("vars.base", fault, "Write what the mapping's addresses begin with, such as https://desk.example.com/api.")
		}
	}
	c.validatePreset(report)
}

// validatePreset checks what a mapping in a file is checked for when it is loaded.
func (c *Config) validatePreset(report func(path, message, hint string)) {
	name, ok := strings.CutPrefix(c.Mapping, presetPrefix)
	if !ok {
		return
	}
	preset, err := mapping.Preset(name)
	if err != nil {
		report("mapping", "names a preset that does not exist", "Possible: "+presetPrefix+strings.Join(mapping.Presets(), ", "+presetPrefix)+".")
		return
	}
	if _, err := c.Bind(preset); err != nil {
		report("vars", err.Error(), fmt.Sprintf(`"bizbridge mapping show %s" tells what they mean.`, name))
	}
}

// Factory describes the connector to the registry.
func Factory() connectors.Factory {
	full := connectors.Full
	return connectors.Factory{
		Type:      "webhook",
		Summary:   "any helpdesk or bot that can take and send signed webhooks",
		NewConfig: func() any { return &Config{Attachments: attachmentLinks} },
		Schema:    schema,
		Abilities: connectors.Abilities{
			Inbound: map[message.EventType]connectors.Level{
				message.EventReceived: full, message.EventReplied: full, message.EventSent: full, message.EventUnsupported: full, message.EventFailed: full, message.EventSignIn: full, message.EventPayment: full,
				message.EventTypingStarted: full, message.EventTypingStopped: full, message.EventClosed: full,
			},
			Outbound: map[message.Kind]connectors.Level{
				message.KindText: full, message.KindFiles: full, message.KindRichLink: full, message.KindQuickReply: full,
				message.KindListPicker: full, message.KindTimePicker: full, message.KindForm: full, message.KindApp: full, message.KindSignIn: full, message.KindPayment: full,
				message.KindTyping: full, message.KindTemplate: full, message.KindSaved: full,
			},
			Idempotent: true,
		},
		Operations: []string{"webhook"},
		Origin:     func(settings any) string { return settings.(*Config).URL },
		Auth:       func(settings any) ([]auth.Settings, []string) { return settings.(*Config).authentication() },
		Profile:    func(settings any) *connectors.Profile { return &settings.(*Config).Profile },
		New:        newConnector,
	}
}

// Connector is one configured webhook helpdesk.
type Connector struct {
	connectors.Environment
	url       string
	signer    *signature.Keys
	verify    *signature.Keys
	verifyURL string
	// multipart signs files beside their event; nil: files are links.
	multipart *signature.Standard
}

var (
	_ connectors.TypingRelay = (*Connector)(nil)
	_ connectors.CloseRelay  = (*Connector)(nil)
	_ connectors.Uploader    = (*Connector)(nil)
)

func newConnector(env connectors.Environment, settings any) (connectors.Connector, error) {
	cfg := settings.(*Config)
	scheme, _ := schemeOf(cfg.SignScheme)
	signer, err := signature.New(scheme, config.Reveal(cfg.Secrets)...)
	if err != nil {
		return nil, err
	}
	verify, err := cfg.verifier()
	if err != nil {
		return nil, err
	}
	plain := &Connector{Environment: env, url: cfg.URL, signer: signer, verify: verify, verifyURL: cfg.VerifyURL}
	if cfg.Attachments == attachmentMultipart {
		if plain.multipart, err = signature.NewStandard(config.Reveal(cfg.Secrets)...); err != nil {
			return nil, err
		}
	}
	if cfg.Mapping != "" {
		return newMapped(plain, cfg)
	}
	return plain, nil
}

// Deliver posts the event. The webhook-id is the event's id, by which the receiver recognises a repeat.
func (c *Connector) Deliver(ctx context.Context, event message.Event) (connectors.Receipt, error) {
	for _, file := range event.Data.Files() {
		if file.Open != nil {
			return connectors.Receipt{}, c.postMultipart(ctx, event)
		}
	}
	return connectors.Receipt{}, c.post(ctx, event, httpclient.RetryIdempotent)
}

// RelayTyping posts the event once.
func (c *Connector) RelayTyping(ctx context.Context, event message.Event) error {
	return c.post(ctx, event, httpclient.RetryNever)
}

// RelayClose posts the event like a message.
func (c *Connector) RelayClose(ctx context.Context, event message.Event) error {
	return c.post(ctx, event, httpclient.RetryIdempotent)
}

func (c *Connector) post(ctx context.Context, event message.Event, retry httpclient.Retry) error {
	body, err := json.Marshal(event)
	if err != nil {
		return &message.Failure{Class: message.Permanent, Reason: "the event cannot be written as JSON", Err: err}
	}
	resp, err := c.HTTP.Do(ctx, httpclient.Call{
		Operation: "webhook", Method: http.MethodPost, URL: c.url, Body: body, Retry: retry,
		Header: http.Header{"Content-Type": {"application/json"}, "User-Agent": {"bizbridge"}},
		Sign:   c.sign(http.MethodPost, c.url, string(event.Data.ID), body),
	})
	if err != nil {
		return err
	}
	return connectors.StatusFailure(c.Name, resp)
}

// Receive reads one message.send. Its key is the message's own id, else the Idempotency-Key header, else the webhook-id.
func (c *Connector) Receive(_ context.Context, req *http.Request) ([]message.Outbound, error) {
	body, err := connectors.ReadBody(req)
	if err != nil {
		return nil, err
	}
	id, err := c.genuine(req, body)
	if err != nil {
		return nil, err
	}
	out, err := message.DecodeSend(body)
	if err != nil {
		return nil, err
	}
	if out.Key == "" {
		out.Key, err = message.HeaderKey(cmp.Or(req.Header.Get("Idempotency-Key"), id))
	}
	if err != nil {
		return nil, err
	}
	return []message.Outbound{out}, nil
}
