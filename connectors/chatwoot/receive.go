package chatwoot

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/connectors"
	"bizbridge/connectors/plaintext"
)

// webhook is what Chatwoot posts, as far as it is needed. Which of it is there depends on the event.
type webhook struct {
	Event             string            `json:"event"`
	ID                json.RawMessage   `json:"id"` // of the message, or of the conversation
	MessageType       json.RawMessage   `json:"message_type"`
	Private           bool              `json:"private"`
	Content           string            `json:"content"`
	ContentType       string            `json:"content_type"`
	ContentAttributes contentAttributes `json:"content_attributes"`
	Sender            *party            `json:"sender"`
	Attachments       []attachment      `json:"attachments"`
	Account           struct {
		ID int64 `json:"id"`
	} `json:"account"`
	Inbox struct {
		ID int64 `json:"id"`
	} `json:"inbox"`
	Conversation webhookConversation `json:"conversation"`

	User      *party `json:"user"` // who types
	IsPrivate bool   `json:"is_private"`
}

// party is who writes or types. A contact may have no type, or one of its own.
type party struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

const (
	partyUser = "user"
	partyBot  = "agent_bot"
)

type attachment struct {
	DataURL string `json:"data_url"`
}

type webhookConversation struct {
	ID               int64      `json:"id"`
	InboxID          int64      `json:"inbox_id"`
	CustomAttributes attributes `json:"custom_attributes"`
	ContactInbox     struct {
		SourceID string `json:"source_id"`
	} `json:"contact_inbox"`
	Meta struct {
		Sender struct {
			CustomAttributes attributes `json:"custom_attributes"`
		} `json:"sender"`
	} `json:"meta"`
}

// Receive reads one webhook. What is neither a message for the customer nor an agent's typing is nothing to do.
func (c *Connector) Receive(_ context.Context, req *http.Request) ([]message.Outbound, error) {
	body, err := connectors.ReadBody(req)
	if err != nil {
		return nil, err
	}
	if err := c.genuine(req, body); err != nil {
		return nil, err
	}
	w, err := parse(body)
	if err != nil {
		return nil, err
	}
	if cmp.Or(w.Inbox.ID, w.Conversation.InboxID) != c.config.InboxID || w.Account.ID != 0 && w.Account.ID != c.config.AccountID {
		return nil, nil // an account's webhook tells of all inboxes
	}
	switch w.Event {
	case "message_created":
		return c.checked(w.message())
	case "conversation_typing_on":
		return w.typing(message.TypingOn)
	case "conversation_typing_off":
		return w.typing(message.TypingOff)
	}
	return nil, nil
}

// checked holds messages to the limits of the bridge's own format. None is sent of those that come in part.
func (c *Connector) checked(outs []message.Outbound, err error) ([]message.Outbound, error) {
	if err != nil {
		return outs, err
	}
	for _, out := range outs {
		plain, err := message.EncodeSend(out, c.Now())
		if err != nil {
			return outs[:1], message.Failuref(message.Invalid, "the message cannot be written as JSON")
		}
		if _, err := message.DecodeSend(plain); err != nil {
			return outs[:1], err
		}
	}
	return outs, nil
}

// tokenQuery is where a Chatwoot that does not sign brings the configured token.
const tokenQuery = "token"

func (c *Connector) genuine(req *http.Request, body []byte) error {
	if c.verify != nil {
		_, err := c.verify.Verify(signature.Request{Method: req.Method, Header: req.Header, Body: body}, c.Now())
		return err
	}
	token := req.URL.Query().Get(tokenQuery)
	switch {
	case token == "":
		return &signature.Error{Reason: signature.Missing, Text: "the query has no " + tokenQuery}
	case subtle.ConstantTimeCompare([]byte(token), []byte(c.config.WebhookToken.Reveal())) == 0:
		return &signature.Error{Reason: signature.Mismatch, Text: "the token of the query is not the right one"}
	}
	return nil
}

func parse(body []byte) (*webhook, error) {
	if err := connectors.CheckObject(body); err != nil {
		return nil, err
	}
	var w webhook
	if err := json.Unmarshal(body, &w); err != nil {
		return nil, &message.Failure{Class: message.Invalid, Reason: "the webhook is not as Chatwoot writes them", Err: err}
	}
	return &w, nil
}

// message makes what the customer gets of a message of an agent, a bot or an automation. Incoming messages are the bridge's
// own, notes are for agents, and activities never come.
func (w *webhook) message() ([]message.Outbound, error) {
	if kind := string(w.MessageType); w.Private || kind != `"outgoing"` && kind != `"template"` {
		return nil, nil
	}
	id, ok := positive(string(w.ID))
	if !ok || w.Conversation.ID <= 0 {
		return nil, message.Failuref(message.Invalid, "the webhook does not say which message it is about")
	}
	out := message.Outbound{Key: key(w.Conversation.ID, id, 0), Sender: w.sender()}
	contents := w.contents()
	if failure := w.address(&out); failure != nil {
		return []message.Outbound{out}, failure
	}
	if len(contents) == 0 {
		return []message.Outbound{out}, message.Failuref(message.Invalid, "the message has neither text nor files")
	}
	outs := make([]message.Outbound, len(contents))
	for i, content := range contents {
		outs[i] = out
		outs[i].Content = content
		if len(contents) > 1 && !content.Kind().Interactive() {
			outs[i].Key = key(w.Conversation.ID, id, i+1)
		}
	}
	return outs, nil
}

func positive(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n > 0
}

// address finds out for whom a message is.
func (w *webhook) address(out *message.Outbound) *message.Failure {
	contact := w.Conversation.Meta.Sender.CustomAttributes
	customer, ok := customerOf(w.Conversation.ContactInbox.SourceID, contact)
	if !ok {
		return message.Failuref(message.Invalid, "the contact does not come from Apple Messages: only customers who wrote first can be written to")
	}
	mark := w.Conversation.CustomAttributes
	if foreign, known := belongsElsewhere(mark.text(attrOwner), customer); known && foreign {
		return message.Failuref(message.Invalid, "the conversation was another customer's, whose contact was merged: only the customer can begin a new one")
	}
	out.CustomerID, out.BusinessID = customer, message.BusinessID(cmp.Or(mark.text(attrBusiness), contact.text(attrBusiness)))
	if kept := contact.text(attrCustomer); kept == "" || kept == string(customer) { // of a merged contact, it may be another's device
		out.Sealed = contact.text(attrContext)
	}
	if out.BusinessID == "" {
		return message.Failuref(message.Invalid, "the contact has lost its attribute %s: it comes back with the customer's next message", attrBusiness)
	}
	return nil
}

const maxName = 200 // bytes

// sender tells Apple whether a person wrote. Templates, such as a greeting, have no sender.
func (w *webhook) sender() message.Sender {
	if w.Sender == nil {
		return message.Sender{Kind: message.SenderBot}
	}
	from := message.Sender{Kind: message.SenderBot, Name: w.Sender.Name}
	if w.Sender.Type == partyUser {
		from.Kind = message.SenderAgent
	}
	if len(from.Name) > maxName {
		from.Name = strings.ToValidUTF8(from.Name[:maxName], "")
	}
	return from
}

// contents is what a message becomes, in the order in which it is sent.
func (w *webhook) contents() []message.Content {
	text := cmp.Or(plaintext.FromMarkdown(w.Content), strings.TrimSpace(w.Content))
	shown, titled, words := rich(w.ContentType, text, w.ContentAttributes.Items)
	if titled {
		text = ""
	}
	text = join(text, words)
	var contents []message.Content
	switch files := w.files(); {
	case len(files) > 0:
		contents = append(contents, message.Files{Text: text, Files: files})
	case text != "":
		contents = append(contents, message.Text{Text: text})
	}
	return append(contents, shown...)
}

func (w *webhook) files() []message.File {
	var files []message.File
	for _, each := range w.Attachments {
		if each.DataURL != "" && len(files) < message.MaxFiles {
			files = append(files, message.File{URL: each.DataURL})
		}
	}
	return files
}

// typing is shown where an agent or a bot types to the customer: the customer's own typing comes back, too.
func (w *webhook) typing(state message.TypingState) ([]message.Outbound, error) {
	if w.IsPrivate || w.User == nil || w.User.Type != partyUser && w.User.Type != partyBot {
		return nil, nil
	}
	out := message.Outbound{Content: message.Typing{State: state}}
	if failure := w.address(&out); failure != nil {
		return nil, nil
	}
	return []message.Outbound{out}, nil
}
