package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
)

// event is what the bridge tells the desk. Unknown fields are ignored, as receivers
// of webhooks should.
type event struct {
	Type string    `json:"type"`
	Data eventData `json:"data"`
}

type eventData struct {
	ID           string       `json:"id"`
	BusinessID   string       `json:"business_id"`
	CustomerID   string       `json:"customer_id"`
	Context      string       `json:"context"`
	Locale       string       `json:"locale"`
	Intent       string       `json:"intent"`
	Group        string       `json:"group"`
	Device       string       `json:"device"`
	Capabilities []string     `json:"capabilities"`
	Text         string       `json:"text"`
	Attachments  []attachment `json:"attachments"`
	Reaction     *reactedTo   `json:"reaction"`
	AppleType    string       `json:"apple_type"`
	Note         string       `json:"note"`

	Reply  json.RawMessage `json:"reply"`
	SignIn *signInEvent    `json:"signin"`
	Paid   *paymentEvent   `json:"payment"`
	Sent   savedRef        `json:"sent"`
	Failed struct {
		MessageID string `json:"message_id"`
		Code      string `json:"code"`
		Reason    string `json:"reason"`
	} `json:"failed"`
}

// receive takes an event once. The note is for the traffic panel.
func (s *Sandbox) receive(webhookID string, e event, files []*filePart) (note string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.desk.seen.get(webhookID); ok {
		return "repeat: this webhook-id was taken before, and is not shown again"
	}
	s.desk.seen.put(webhookID, "")
	if e.Data.CustomerID == "" {
		return "the event concerns no customer: only shown here"
	}
	switch e.Type {
	case "typing.started", "typing.stopped":
		s.receiveTyping(e)
		return ""
	}
	c := s.conversationOf(e.Data.BusinessID, e.Data.CustomerID)
	c.takeFacts(e.Data)
	s.addEvent(c, e, files)
	c.Visitor = false
	s.publishConversation(c)
	return ""
}

// receiveTyping shows or hides the customer's dots. A stranger who types becomes a
// visitor, until they write or stop.
func (s *Sandbox) receiveTyping(e event) {
	s.desk.dropSilentVisitors(s)
	c := s.desk.of(e.Data.BusinessID, e.Data.CustomerID)
	if e.Type == "typing.stopped" {
		switch {
		case c == nil:
		case c.Visitor:
			s.dropConversation(c)
		default:
			c.TypingUntil = 0
			s.publishConversation(c)
		}
		return
	}
	if c == nil {
		c = s.conversationOf(e.Data.BusinessID, e.Data.CustomerID)
		c.Visitor = true
	}
	c.takeFacts(e.Data)
	c.TypingUntil = s.now().Add(customerTyping).UnixMilli()
	s.publishConversation(c)
}

// takeFacts keeps the newest context, and of the facts those that the event has.
func (c *conversation) takeFacts(d eventData) {
	for _, fact := range []struct {
		into  *string
		value string
	}{
		{&c.Context, d.Context}, {&c.Locale, d.Locale}, {&c.Intent, d.Intent},
		{&c.Group, d.Group}, {&c.Device, d.Device},
	} {
		if fact.value != "" {
			*fact.into = fact.value
		}
	}
	if len(d.Capabilities) > 0 {
		c.Capabilities = d.Capabilities
	}
}

// addEvent makes an event a line of its conversation.
func (s *Sandbox) addEvent(c *conversation, e event, files []*filePart) {
	d := e.Data
	if e.Type == "signin.completed" && d.SignIn != nil {
		s.receiveSignIn(c, d.ID, d.SignIn)
		return
	}
	if e.Type == "payment.updated" && d.Paid != nil {
		s.receivePayment(c, d.ID, d.Paid)
		return
	}
	if d.ID == "" {
		d.ID = newUUID() // the page tells lines apart by their ids
	}
	line := &entry{ID: d.ID, Kind: entryNote, Level: "info", Text: d.Text}
	switch e.Type {
	case "message.received":
		line.Kind, line.Level = entryCustomer, ""
		line.Attachments = s.takeAttachments(d.Attachments, files)
		if d.Reaction != nil {
			line.Kind, line.Reaction = entryReaction, d.Reaction
		}
	case "message.replied":
		reply := parseReply(d.Reply)
		line.Kind, line.Level, line.Reply, line.Text = entryReply, "", d.Reply, reply.words()
		line.Attachments = s.takeAttachments(append(d.Attachments, reply.Attachments...), files)
	case "message.unsupported":
		line.Level = "warning"
		line.Text = fmt.Sprintf("A message that cannot be shown (%s). %s", d.AppleType, d.Note)
	case "message.failed":
		s.markFailed(c, d)
		line.Level = "warning"
		line.Text = fmt.Sprintf("A message was not delivered: %s. %s", d.Failed.Code, d.Failed.Reason)
	case "message.sent":
		line.Text = "A message was saved, and can be sent again."
		line.Saved = &d.Sent
	case "conversation.closed":
		line.Text = "The customer deleted the conversation."
	default:
		line.Text = "Event: " + e.Type
	}
	s.settleConversation(c, e.Type, line)
	s.addEntry(c, line)
}

// settleConversation brings the conversation's own state up to date with a line.
func (s *Sandbox) settleConversation(c *conversation, eventType string, line *entry) {
	switch eventType {
	case "conversation.closed":
		c.Closed, c.TypingUntil = true, 0
	case "message.received", "message.replied", "message.unsupported":
		if c.Closed {
			c.Closed = false
			s.addEntry(c, &entry{ID: newUUID(), Kind: entryNote, Level: "info", Text: "The customer came back."})
		}
		c.TypingUntil = 0
		c.Unread++
		c.Preview = preview(line.Text, line.Attachments)
	}
}

// markFailed finds the desk's message that Apple refused after all.
func (s *Sandbox) markFailed(c *conversation, d eventData) {
	for _, line := range c.Entries {
		if line.ID == d.Failed.MessageID || slices.Contains(line.parts, d.Failed.MessageID) {
			line.Status, line.Code, line.Reason = statusFailed, d.Failed.Code, d.Failed.Reason
			s.publishEntry(c, line)
		}
	}
}

// preview is a line of the list of conversations.
func preview(text string, files []attachment) string {
	if text == "" && len(files) > 0 {
		text = "📎 " + files[0].Name
	}
	return shorten(text, 80)
}

func joinLines(lines ...string) string {
	text := ""
	for _, line := range lines {
		if line == "" || line == "()" {
			continue
		}
		if text != "" {
			text += "\n"
		}
		text += line
	}
	return text
}

// answer is what the bridge says to a message.send: its own format on 200, else
// problem+json.
type answer struct {
	Status string `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Title  string `json:"title"`
	Reason string `json:"reason"`
	Note   string `json:"note"`
	Parts  []struct {
		ID        string `json:"id"`
		RequestID string `json:"request_id"`
	} `json:"parts"`
	Fallbacks []fallback     `json:"fallbacks"`
	Errors    []contentError `json:"errors"`
}

func (a *answer) UnmarshalJSON(raw []byte) error {
	// problem+json has a number as its status, and so the field is read leniently.
	type plain answer
	var loose struct {
		plain
		Status json.RawMessage `json:"status"`
	}
	if err := json.Unmarshal(raw, &loose); err != nil {
		return err
	}
	*a = answer(loose.plain)
	_ = json.Unmarshal(loose.Status, &a.Status)
	return nil
}
