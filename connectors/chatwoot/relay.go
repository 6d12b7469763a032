package chatwoot

import (
	"context"
	"net/http"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// RelayTyping shows agents that the customer types, in a conversation that is open.
func (c *Connector) RelayTyping(ctx context.Context, event message.Event) error {
	all, err := c.known(ctx, event.Data.BusinessID, event.Data.CustomerID, httpclient.RetryNever)
	if err != nil {
		return err
	}
	in, ok := unresolved(all)
	if !ok {
		return nil
	}
	status := "off"
	if event.Type == message.EventTypingStarted {
		status = "on"
	}
	return c.do(ctx, request{
		operation: "typing", method: http.MethodPost, retry: httpclient.RetryNever,
		url: c.contactURL(event.Data.CustomerID) + "/conversations/" + number(in.ID) + "/toggle_typing?typing_status=" + status,
	}, nil)
}

// known lists the conversations of a customer with a business, the newest first; none for one whom Chatwoot does not know.
func (c *Connector) known(ctx context.Context, business message.BusinessID, customer message.CustomerID, retry httpclient.Retry) ([]conversation, error) {
	who, err := c.knownContact(ctx, customer, retry)
	if who == nil || err != nil {
		return nil, err
	}
	all, err := c.conversations(ctx, who.ID, retry)
	return between(all, business, customer), err
}

// HasOpenConversation tells whether agents have a conversation of the customer before them.
func (c *Connector) HasOpenConversation(ctx context.Context, business message.BusinessID, customer message.CustomerID) (bool, error) {
	all, err := c.known(ctx, business, customer, httpclient.RetryIdempotent)
	_, open := unresolved(all)
	return open, err
}

// RelayClose resolves the conversation and tells agents why. The note comes last: the other steps can be repeated.
func (c *Connector) RelayClose(ctx context.Context, event message.Event) error {
	all, err := c.known(ctx, event.Data.BusinessID, event.Data.CustomerID, httpclient.RetryIdempotent)
	if len(all) == 0 || err != nil {
		return err
	}
	in := all[0]
	if open, ok := unresolved(all); ok {
		in = open
		err := c.do(ctx, request{
			operation: "resolve", method: http.MethodPost, retry: httpclient.RetryIdempotent,
			url: c.contactURL(event.Data.CustomerID) + "/conversations/" + number(in.ID) + "/toggle_status",
		}, nil)
		if err != nil {
			return err
		}
	}
	if err := c.setAttributes(ctx, in, attributes{attrClosed: event.Timestamp.UTC().Format("2006-01-02T15:04:05Z")}); err != nil {
		c.Logger.Warn("the attributes of a conversation cannot be updated", "error", err)
	}
	return c.noteOnce(ctx, in, event)
}

// noteOnce writes a note about an event that has not been noted yet.
func (c *Connector) noteOnce(ctx context.Context, in conversation, event message.Event) error {
	if id, err := c.alreadyThere(ctx, in, event.Data); id != 0 || err != nil {
		return err
	}
	_, err := c.note(ctx, in.ID, string(event.Data.ID), connectors.Notice(event))
	return err
}

func (c *Connector) note(ctx context.Context, conversation int64, sourceID, text string) (id int64, err error) {
	return c.post(ctx, "note", conversation, newMessage{Content: text, MessageType: "outgoing", Private: true, SourceID: sourceID})
}

// deliverNote tells agents of what is no message of the customer's.
func (c *Connector) deliverNote(ctx context.Context, event message.Event) (connectors.Receipt, error) {
	if connectors.Notice(event) == "" {
		return connectors.Receipt{}, nil
	}
	in, err := c.place(ctx, event.Data)
	if err != nil {
		return connectors.Receipt{}, err
	}
	return connectors.Receipt{}, c.noteOnce(ctx, in.conversation, event)
}

// current is the conversation to which notes and choices belong; nil for none.
func (c *Connector) current(ctx context.Context, business message.BusinessID, customer message.CustomerID) (*conversation, error) {
	all, err := c.known(ctx, business, customer, httpclient.RetryIdempotent)
	if len(all) == 0 || err != nil {
		return nil, err
	}
	if open, ok := unresolved(all); ok {
		return &open, nil
	}
	return &all[0], nil
}

var errNoConversation = message.Failure{Class: message.Permanent, Reason: "the customer has no conversation in the inbox"}

// WriteNote writes a private note.
func (c *Connector) WriteNote(ctx context.Context, business message.BusinessID, customer message.CustomerID, text string) error {
	in, err := c.current(ctx, business, customer)
	if err != nil {
		return err
	}
	if in == nil {
		failure := errNoConversation
		return &failure
	}
	_, err = c.note(ctx, in.ID, "", text)
	return err
}

// KeepChoice keeps it in custom attributes of the conversation.
func (c *Connector) KeepChoice(ctx context.Context, business message.BusinessID, customer message.CustomerID, sealed string) error {
	in, err := c.current(ctx, business, customer)
	switch {
	case err != nil:
		return err
	case in == nil && sealed == "":
		return nil
	case in == nil:
		failure := errNoConversation
		return &failure
	}
	parts := splitChoice(sealed, in.CustomAttributes)
	if len(parts) == 0 {
		return nil
	}
	return c.setAttributes(ctx, *in, parts)
}

// KeptChoice reads it.
func (c *Connector) KeptChoice(ctx context.Context, business message.BusinessID, customer message.CustomerID) (string, error) {
	in, err := c.current(ctx, business, customer)
	if in == nil || err != nil {
		return "", err
	}
	return joinChoice(in.CustomAttributes), nil
}

// tellFailed marks a message of an agent as failed, with the reason. Where Chatwoot cannot, a note says so.
func (c *Connector) tellFailed(ctx context.Context, event message.Event) (connectors.Receipt, error) {
	failed := event.Data.Failed
	if conversation, written, ours := parseKey(failed.MessageID); ours {
		err := c.do(ctx, request{
			operation: "status", method: http.MethodPatch, retry: httpclient.RetryIdempotent, agent: true,
			url:  c.conversationURL(conversation) + "/messages/" + number(written),
			body: map[string]string{"status": "failed", "external_error": failed.Reason},
		}, nil)
		if !noSuchCall(err) {
			return connectors.Receipt{}, err
		}
	}
	return c.deliverNote(ctx, event)
}

// noSuchCall tells whether the message is gone, or Chatwoot is too old to be told of it.
func noSuchCall(err error) bool {
	switch connectors.StatusOf(err) {
	case http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		return true
	}
	return false
}
