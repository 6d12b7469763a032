package chatwoot

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// Deliver writes what the customer said as a message of theirs, and what only an agent is to know as a private note.
func (c *Connector) Deliver(ctx context.Context, event message.Event) (connectors.Receipt, error) {
	switch event.Type {
	case message.EventFailed:
		return c.tellFailed(ctx, event)
	case message.EventReplied:
		return c.answer(ctx, event.Data)
	case message.EventUnsupported, message.EventSignIn, message.EventPayment, message.EventSent:
		return c.deliverNote(ctx, event)
	}
	in, err := c.place(ctx, event.Data)
	if err != nil {
		return connectors.Receipt{}, err
	}
	return c.write(ctx, in, event.Data, connectors.Words(event.Data))
}

// place is where a message belongs.
type place struct {
	conversation
	all []conversation // of the customer, the newest first
}

// place finds the customer's conversation, or makes contact and conversation.
func (c *Connector) place(ctx context.Context, data message.Data) (place, error) {
	who, err := c.findContact(ctx, data)
	if err != nil {
		return place{}, err
	}
	all, err := c.conversations(ctx, who.ID, httpclient.RetryIdempotent)
	if err != nil {
		return place{}, err
	}
	in, ok := unresolved(all)
	if !ok {
		if in, err = c.begin(ctx, data, all); err != nil {
			return place{}, err
		}
	}
	c.refresh(ctx, data, in, all)
	return place{in, all}, nil
}

// ofInbox leaves out the conversations that the contact has elsewhere.
func ofInbox(all []conversation, inbox int64) []conversation {
	all = slices.DeleteFunc(all, func(each conversation) bool { return each.InboxID != inbox })
	slices.SortFunc(all, func(a, b conversation) int { return cmp.Compare(b.ID, a.ID) })
	return all
}

func unresolved(all []conversation) (conversation, bool) {
	for _, each := range all {
		if each.Status != resolved {
			return each, true
		}
	}
	return conversation{}, false
}

// begin goes on after the last conversation was resolved: with a new one, or with the same where the inbox is locked to a
// single conversation. The message will reopen that one.
func (c *Connector) begin(ctx context.Context, data message.Data, all []conversation) (conversation, error) {
	id, err := c.createConversation(ctx, data)
	if err != nil {
		return conversation{}, err
	}
	for _, each := range all {
		if each.ID == id {
			return each, nil
		}
	}
	return conversation{ID: id, InboxID: c.config.InboxID, Status: "open", CustomAttributes: conversationAttributes(data)}, nil
}

// refresh keeps the attributes up to date. The message does not depend on it.
func (c *Connector) refresh(ctx context.Context, data message.Data, in conversation, all []conversation) {
	changed := conversationAttributes(data).newerThan(in.CustomAttributes)
	if in.CustomAttributes.text(attrClosed) != "" { // the customer is back
		changed[attrClosed] = ""
	}
	var known attributes
	if len(all) > 0 {
		known = all[0].Meta.Sender.CustomAttributes
	} else {
		known = c.contactAttributes(data) // the contact was just written
		known[attrContextSince] = c.today()
	}
	if outdated := c.outdated(data, known, len(changed) > 0); len(outdated) > 0 {
		if err := c.updateContact(ctx, data.CustomerID, outdated); err != nil {
			c.Logger.Warn("the attributes of a contact cannot be updated", "error", err)
		}
	}
	if len(changed) > 0 {
		if err := c.setAttributes(ctx, in, changed); err != nil {
			c.Logger.Warn("the attributes of a conversation cannot be updated", "error", err)
		}
	}
}

// newMessage is a message as the application API takes it.
type newMessage struct {
	Content     string `json:"content"`
	MessageType string `json:"message_type"`
	Private     bool   `json:"private"`
	SourceID    string `json:"source_id,omitempty"`
}

// write writes a message of the customer's, with the files that belong to it.
func (c *Connector) write(ctx context.Context, in place, data message.Data, text string) (connectors.Receipt, error) {
	if id, err := c.alreadyThere(ctx, in.conversation, data); id != 0 || err != nil {
		return connectors.Receipt{ID: receiptID(id)}, err
	}
	files := data.Files()
	if slices.ContainsFunc(files, func(file message.Attachment) bool { return file.Open != nil }) {
		id, err := c.upload(ctx, in.ID, data, text)
		if !tooMuch(err) {
			return connectors.Receipt{ID: receiptID(id)}, err
		}
	}
	text = join(text, links(files))
	if text == "" {
		text = "(no text)"
	}
	id, err := c.post(ctx, "message", in.ID, newMessage{Content: text, MessageType: "incoming", SourceID: string(data.ID)})
	return connectors.Receipt{ID: receiptID(id)}, err
}

func (c *Connector) post(ctx context.Context, operation string, conversation int64, written newMessage) (id int64, err error) {
	err = c.do(ctx, request{
		operation: operation, method: http.MethodPost, url: c.conversationURL(conversation) + "/messages", body: written, agent: true,
	}, idOf(&id))
	return id, err
}

// idOf reads the id of what was written. Chatwoot has it, whether it tells the id or not.
func idOf(id *int64) reader {
	return func(body []byte) bool {
		*id, _ = firstID(body)
		return true
	}
}

func receiptID(id int64) string {
	if id == 0 {
		return ""
	}
	return number(id)
}

// alreadyThere finds the message of an event that was delivered before; 0 for none. That the last message is it, costs
// nothing to see; for others there has to be a reason to look.
func (c *Connector) alreadyThere(ctx context.Context, in conversation, data message.Data) (id int64, err error) {
	candidates := in.Messages
	if in.LastNonActivity != nil {
		candidates = append(slices.Clone(candidates), *in.LastNonActivity)
	}
	if data.PossibleRepeat {
		latest, err := c.latestMessages(ctx, in.ID, 0)
		if err != nil {
			return 0, err
		}
		candidates = append(slices.Clone(candidates), latest...)
	}
	for _, each := range candidates {
		if each.SourceID != "" && each.SourceID == string(data.ID) {
			return each.ID, nil
		}
	}
	return 0, nil
}

// links names the files that cannot be uploaded.
func links(files []message.Attachment) string {
	lines := make([]string, len(files))
	for i, file := range files {
		lines[i] = link(file)
	}
	return strings.Join(lines, "\n")
}

func link(file message.Attachment) string {
	name := cmp.Or(file.Name, "file")
	if file.URL == "" {
		return name + " (this file cannot be had)"
	}
	return name + ": " + file.URL
}

// join puts paragraphs below each other.
func join(paragraphs ...string) string {
	return strings.Join(slices.DeleteFunc(paragraphs, func(text string) bool { return strings.TrimSpace(text) == "" }), "\n\n")
}
