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
	"bizbridge/connectors/customerid"
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
	all []conversation // of the customer and the business, the newest first
}

// place finds the customer's conversation, or makes contact and conversation.
func (c *Connector) place(ctx context.Context, data message.Data) (place, error) {
	who, err := c.findContact(ctx, data)
	if err != nil {
		return place{}, err
	}
	listed, err := c.conversations(ctx, who.ID, httpclient.RetryIdempotent)
	if err != nil {
		return place{}, err
	}
	all := between(listed, data.BusinessID, data.CustomerID)
	in, ok := unresolved(all)
	if !ok {
		if in, err = c.begin(ctx, data, listed); err != nil {
			return place{}, err
		}
	}
	c.refresh(ctx, data, in, listed)
	return place{in, all}, nil
}

// ofInbox leaves out the conversations that the contact has elsewhere.
func ofInbox(all []conversation, inbox int64) []conversation {
	all = slices.DeleteFunc(all, func(each conversation) bool { return each.InboxID != inbox })
	slices.SortFunc(all, func(a, b conversation) int { return cmp.Compare(b.ID, a.ID) })
	return all
}

// between leaves out the conversations of other customers, whose contacts were merged with this one, and those with other
// businesses.
func between(all []conversation, business message.BusinessID, customer message.CustomerID) []conversation {
	var kept []conversation
	for _, each := range all {
		if each.between(business, customer) {
			kept = append(kept, each)
		}
	}
	return kept
}

// between tells whose a conversation is. One that the bridge has not marked yet is somebody else's only if it can be seen.
func (in conversation) between(business message.BusinessID, customer message.CustomerID) bool {
	if with := in.CustomAttributes.text(attrBusiness); with != "" && !strings.EqualFold(with, string(business)) {
		return false
	}
	sure := false
	for _, owner := range []string{in.ContactInbox.SourceID, in.CustomAttributes.text(attrOwner)} {
		foreign, known := belongsElsewhere(owner, customer)
		if foreign {
			return false
		}
		sure = sure || known
	}
	foreign, _ := belongsElsewhere(in.Meta.Sender.Identifier, customer) // the contact's, of whom it was merged into
	return sure || !foreign
}

// belongsElsewhere tells whether a form of an Apple id is another customer's; known is false for what is no such form.
func belongsElsewhere(form string, customer message.CustomerID) (foreign, known bool) {
	if !strings.HasPrefix(form, "mbid_") && !strings.HasPrefix(form, "amb_") {
		return false, false
	}
	return !customerid.Belongs(form, customer), true
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

// refresh keeps the attributes up to date. The message does not depend on it. Without a conversation nobody tells what the
// contact has: it may be an old one.
func (c *Connector) refresh(ctx context.Context, data message.Data, in conversation, all []conversation) {
	changed := conversationAttributes(data).newerThan(in.CustomAttributes)
	if in.CustomAttributes.text(attrClosed) != "" { // the customer is back
		changed[attrClosed] = ""
	}
	var known attributes
	if len(all) > 0 {
		known = all[0].Meta.Sender.CustomAttributes
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
	text = storable(join(text, links(files)))
	if text == "" {
		text = "(no text)"
	}
	id, err := c.post(ctx, "message", in.ID, newMessage{Content: text, MessageType: "incoming", SourceID: string(data.ID)})
	return connectors.Receipt{ID: receiptID(id)}, err
}

func (c *Connector) post(ctx context.Context, operation string, conversation int64, written newMessage) (id int64, err error) {
	written.Content = storable(written.Content)
	err = c.do(ctx, request{
		operation: operation, method: http.MethodPost, url: c.conversationURL(conversation) + "/messages", body: written, agent: true, writes: true,
	}, idOf(&id))
	return id, err
}

// idOf reads the id of what was written. Without one it may be a proxy or a firewall that answers, and not Chatwoot.
func idOf(id *int64) reader {
	return func(body []byte) (ok bool) {
		*id, ok = firstID(body)
		return ok
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
