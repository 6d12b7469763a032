// Package iadvize takes iAdvize's webhooks. It carries no conversation: iAdvize has no way in for what customers write on a
// channel that is not its own. The README of this folder says what to use instead.
package iadvize

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/config"
	"bizbridge/connectors"
)

//go:embed config.schema.json
var schema []byte

// Config is iAdvize: its webhooks come to /webhooks/<name>. Nothing is sent there.
type Config struct {
	// The secret token with which iAdvize signs: that of your app ("App information"), or of each webhook without an app.
	// Every one of them is accepted.
	Secrets []config.Secret `json:"secrets" jsonschema:"required,minItems=1,example=${env:IADVIZE_SECRET}"`
}

// Validate checks what the schema cannot say.
func (c *Config) Validate(report func(path, message, hint string)) {
	for i, secret := range c.Secrets {
		if err := scheme().CheckSecret(secret.Reveal()); err != nil {
			report(fmt.Sprintf("secrets[%d]", i), err.Error(), "Write the secret token as iAdvize's developer platform shows it, under App information.")
		}
	}
}

// scheme is how iAdvize signs: the body, or of a GET the query.
func scheme() signature.Scheme {
	found, _ := signature.Lookup("iadvize")
	return found
}

// Factory describes the connector to the registry.
func Factory() connectors.Factory {
	no := connectors.Rejected
	return connectors.Factory{
		Type:      "iadvize",
		Summary:   "iAdvize: its webhooks only; it takes no messages of customers from here",
		NewConfig: func() any { return &Config{} },
		Schema:    schema,
		// Typing and leaving nobody asks for, and no message ever comes from there: dropped, like all that is not listed.
		Abilities: connectors.Abilities{Inbound: map[message.EventType]connectors.Level{
			message.EventReceived: no, message.EventReplied: no, message.EventUnsupported: no, message.EventSent: no,
			message.EventFailed: no, message.EventSignIn: no, message.EventPayment: no,
		}},
		New: newConnector,
	}
}

// Connector is one configured iAdvize account. It is no ConversationFinder: iAdvize cannot be asked about a customer of the
// bridge, so no business can have it beside another helpdesk.
type Connector struct {
	connectors.Environment
	verify *signature.Keys
}

var _ connectors.Checker = (*Connector)(nil)

func newConnector(env connectors.Environment, settings any) (connectors.Connector, error) {
	verify, err := signature.New(scheme(), config.Reveal(settings.(*Config).Secrets)...)
	if err != nil {
		return nil, err
	}
	return &Connector{Environment: env, verify: verify}, nil
}

const (
	noWayIn = "iAdvize takes no messages from a channel that is not its own"
	instead = "Give the business a connector of another type, or let iAdvize's own Apple Messages channel serve it; " +
		"connectors/iadvize/README.md tells how iAdvize can still be reached."
)

// Deliver refuses: to acknowledge what nobody will ever see would lose it.
func (c *Connector) Deliver(context.Context, message.Event) (connectors.Receipt, error) {
	return connectors.Receipt{}, message.Failuref(message.Permanent, "%s. %s", noWayIn, instead)
}

// Receive verifies a webhook. None of iAdvize's events is about a customer of the bridge: they name visitors of iAdvize's own
// channels, by ids that the bridge has never seen. So there is never anything to do.
func (c *Connector) Receive(ctx context.Context, req *http.Request) ([]message.Outbound, error) {
	body, err := connectors.ReadSigned(req, c.verify, c.Now())
	if err != nil {
		return nil, err
	}
	kind := "GET"
	if req.Method != http.MethodGet {
		if kind, err = eventType(body); err != nil {
			return nil, err
		}
	}
	c.Logger.DebugContext(ctx, "iAdvize told of something that is not for the bridge", "event", kind)
	return nil, nil
}

// eventType reads what a webhook is about. What has none, such as iAdvize's calls to a bot, is refused: an empty answer with
// 200 would let a visitor there wait for words that never come.
func eventType(body []byte) (string, error) {
	var event struct {
		Type string `json:"eventType"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		return "", fmt.Errorf("%w with a text as eventType", message.ErrMalformed)
	}
	if event.Type == "" {
		return "", message.Failuref(message.Invalid, "this is no webhook of iAdvize, for it has no eventType; the bridge is no bot")
	}
	return event.Type, nil
}

// Check tells what cannot be looked up from here. Neither is more than doubtful: a connector that no business uses, for
// webhooks alone, is as it should be.
func (c *Connector) Check(context.Context) []connectors.Finding {
	return []connectors.Finding{
		{Subject: "messages of customers", Verdict: connectors.Doubtful, Cause: noWayIn + ": all that a business of this connector gets is refused", Fix: instead},
		{
			Subject: "webhooks", Verdict: connectors.Doubtful, Cause: "iAdvize documents no call that tells which webhooks are registered",
			Fix: "Set log.level to debug and open a conversation at iAdvize: the bridge logs each event that comes with a right signature, and warns of each that does not.",
		},
	}
}
