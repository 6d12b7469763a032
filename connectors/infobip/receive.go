package infobip

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/connectors"
)

// sameWithin is how long two equal answers to the same message of a customer count as one: what comes through the Open
// Channel has no id, so a repeated webhook cannot be told from an agent who says the same again.
const sameWithin = 10 * time.Minute

// Receive reads one webhook: a message through the Open Channel, an event of Conversations, or a message.send of an
// Exchange app. Everything else is nothing.
func (c *Connector) Receive(_ context.Context, req *http.Request) ([]message.Outbound, error) {
	body, err := connectors.ReadSigned(req, c.keysFor(req), c.Now())
	if err != nil {
		return nil, err
	}
	if err := connectors.CheckObject(body); err != nil {
		return nil, err
	}
	hook, err := readWebhook(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", message.ErrMalformed, err)
	}
	_, ours := c.businessOf(hook.Sender)
	switch {
	case hook.Type == message.TypeSend:
		return c.ownFormat(body)
	case ours: // whatever else it has: an agent's words must not vanish
		return c.said(hook, body)
	case hook.Type != "":
		return c.happened(hook)
	case hook.Body != nil:
		return c.said(hook, body)
	}
	return nil, nil
}

// keysFor verify a webhook in the way in which it comes. One that is signed has to be signed rightly.
func (c *Connector) keysFor(req *http.Request) *signature.Keys {
	if c.exchange != nil && (c.tokens == nil || req.Header.Get("X-Ib-Exchange-Req-Signature") != "") {
		return c.exchange
	}
	return c.tokens
}

// ownFormat reads the bridge's own format, which an Exchange app can send whole.
func (c *Connector) ownFormat(body []byte) ([]message.Outbound, error) {
	out, err := message.DecodeSend(body)
	if err != nil {
		return nil, err
	}
	if out.Key == "" {
		out.Key = c.keyOf(string(out.BusinessID), string(out.CustomerID), "", body)
	}
	return []message.Outbound{out}, nil
}

// said reads a message through the Open Channel: hook, of which whole is all that came.
func (c *Connector) said(hook webhook, whole []byte) ([]message.Outbound, error) {
	business, ok := c.businessOf(hook.Sender)
	if !ok {
		return nil, message.Failuref(message.Invalid, "the message comes from an Open Channel that is not among the channels of %s", c.Name)
	}
	customer := message.CustomerID(hook.Destination)
	if fault := customer.Fault(); fault != "" {
		return nil, &message.Failure{Class: message.Invalid, Reason: "the message is not valid", Faults: []message.Fault{{Pointer: "/destination", Rule: "customer_id", Message: fault}}}
	}
	said := hook.Body
	if said == nil {
		said = hook.Flat
	}
	keyed := said
	if keyed == nil {
		keyed = whole
	}
	var back callbackData
	_ = json.Unmarshal(hook.CallbackData, &back) // of a message that answers none, or that somebody else's was put into
	out := message.Outbound{
		Key: c.keyOf(hook.Sender, hook.Destination, back.MessageID, keyed), BusinessID: business, CustomerID: customer, Sealed: back.Sealed,
		Sender: message.Sender{Kind: c.sender},
	}
	content, err := contentOf(said)
	if err != nil {
		return []message.Outbound{out}, err
	}
	out.Content = content
	return []message.Outbound{out}, nil
}

// keyOf is the same for equal messages in answer to the same message, for a while.
func (c *Connector) keyOf(from, to, about string, raw []byte) string {
	var body bytes.Buffer
	if json.Compact(&body, raw) != nil {
		body.Write(raw)
	}
	while := c.Now().UTC().Truncate(sameWithin).Format(time.RFC3339)
	return string(message.DeriveID("infobip", strings.ToLower(from), to, about, body.String(), while))
}

// happened reads an event of Conversations. What agents and customers say in them comes or came through the Open Channel,
// and notes are nobody's but the agents': only the end of a conversation may be told to the customer.
func (c *Connector) happened(hook webhook) ([]message.Outbound, error) {
	if hook.Type != eventStatusUpdated || c.closing == "" {
		return nil, nil
	}
	var event conversationEvent
	if err := json.Unmarshal(hook.Payload, &event); err != nil {
		return nil, message.Failuref(message.Invalid, "the payload of the event cannot be read")
	}
	channel, customer := event.LastMessage.From, event.LastMessage.To
	if event.LastMessage.Direction == directionInbound {
		channel, customer = customer, channel
	}
	business, ours := c.businessOf(channel)
	closed := event.Status == statusClosed && event.Invoker.Type == invokerAgent && event.ID != ""
	if !closed || event.Channel != openChannel || !ours || message.CustomerID(customer).Fault() != "" {
		return nil, nil
	}
	return []message.Outbound{{
		Key:        string(message.DeriveID("infobip", "closed", event.ID)),
		BusinessID: business, CustomerID: message.CustomerID(customer),
		Sender: message.Sender{Kind: message.SenderBot}, Content: message.Text{Text: c.closing},
	}}, nil
}
