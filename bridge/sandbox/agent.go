package sandbox

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// What can become of a message of the desk's.
const (
	statusSending     = "sending"
	statusAccepted    = "accepted"
	statusQueued      = "queued"
	statusFailed      = "failed"
	statusUnconfirmed = "unconfirmed" // no answer, or "try again": a retry repeats the same id
)

const (
	deskTimeout  = 15 * time.Second // how long the desk waits for the bridge
	typingRepeat = 5 * time.Second  // the bridge hears of typing no more often
)

// sendMessage is the body that the desk posts.
type sendMessage struct {
	Type      string   `json:"type"`
	Timestamp string   `json:"timestamp"`
	Data      sendData `json:"data"`
}

type sendData struct {
	ID         string      `json:"id"`
	BusinessID string      `json:"business_id"`
	CustomerID string      `json:"customer_id"`
	Context    string      `json:"context,omitempty"`
	Sender     sender      `json:"sender"`
	Save       bool        `json:"save,omitempty"`
	Content    sendContent `json:"content"`
}

type sendContent struct {
	Kind    string          `json:"kind"`
	Text    string          `json:"text,omitempty"`
	State   string          `json:"state,omitempty"`
	Files   []outgoingFile  `json:"files,omitempty"`
	DataRef json.RawMessage `json:"data_ref,omitempty"`

	raw json.RawMessage // given as it is to be posted
}

// words are what a content says first, for the desk's own line.
func (c sendContent) words() string {
	var other struct {
		Prompt   any `json:"prompt"`
		Title    any `json:"title"`
		URL      any `json:"url"`
		Received struct {
			Title any `json:"title"`
		} `json:"received"`
	}
	_ = json.Unmarshal(c.raw, &other) // a content may be wrong on purpose
	for _, each := range []any{c.Text, other.Prompt, other.Received.Title, other.Title, other.URL} {
		if text, _ := each.(string); text != "" {
			return shorten(text, maxTextRunes)
		}
	}
	return ""
}

func (c sendContent) MarshalJSON() ([]byte, error) {
	if c.raw != nil {
		return c.raw, nil
	}
	type plain sendContent
	return json.Marshal(plain(c))
}

// agentMessage is what the agent, or the desk's bot, sends: words, files, or content as it is.
type agentMessage struct {
	text    string
	files   []string // ids
	content json.RawMessage
	bot     bool
	save    bool
}

// agentSends is the agent, or the desk's bot, pressing Send.
func (s *Sandbox) agentSends(key string, m agentMessage) (string, error) {
	if utf8.RuneCountInString(m.text) > maxTextRunes {
		return "", badRequest("the text is too long")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.openConversation(key)
	if err != nil {
		return "", err
	}
	line := &entry{Text: m.text}
	content := sendContent{Kind: "text", Text: m.text}
	switch {
	case m.content != nil:
		if content = (sendContent{}); json.Unmarshal(m.content, &content) != nil || content.Kind == "" || len(m.files) > 0 {
			return "", badRequest("content is an object with a kind, and goes without files")
		}
		content.raw = m.content
		line.Text = joinLines(content.words(), "("+content.Kind+")")
	case len(m.files) > 0:
		content.Kind = "files"
		if content.Files, line.Attachments, err = s.outgoing(m.files); err != nil {
			return "", err
		}
	case strings.TrimSpace(m.text) == "":
		return "", badRequest("the text is empty")
	}
	line.Save = m.save
	return s.agentPosts(c, line, content, m.bot)
}

// sendSaved sends a message again that was sent with save.
func (s *Sandbox) sendSaved(key, entryID string, bot bool) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.openConversation(key)
	if err != nil {
		return "", err
	}
	for _, e := range c.Entries {
		if e.ID == entryID && e.Saved != nil {
			content := sendContent{Kind: "saved", DataRef: e.Saved.DataRef}
			return s.agentPosts(c, &entry{Text: "(sent again)"}, content, bot)
		}
	}
	return "", notFound("no such saved message")
}

// agentPosts posts a message to the bridge and shows it as a line.
func (s *Sandbox) agentPosts(c *conversation, line *entry, content sendContent, bot bool) (string, error) {
	from := senderOf(bot)
	line.ID, line.wire = s.sendBody(c, from, content, line.Save)
	line.Kind, line.Sender, line.Status = entryAgent, &from, statusSending
	if !s.postEntry(c, line) {
		return "", busy()
	}
	c.agentTypes = false // a message ends the indicator
	s.addEntry(c, line)
	c.Preview, c.Unread = preview(line.Text, line.Attachments), 0
	s.publishConversation(c)
	return line.ID, nil
}

// openConversation finds a conversation that can be written to.
func (s *Sandbox) openConversation(key string) (*conversation, error) {
	c := s.desk.find(key)
	switch {
	case c == nil:
		return nil, notFound("no such conversation")
	case c.Closed:
		return nil, conflict("the customer deleted the conversation")
	case c.Visitor:
		return nil, conflict("the customer has not written yet")
	}
	return c, nil
}

func senderOf(bot bool) sender {
	if bot {
		return sender{"bot", "Helper"}
	}
	return sender{"agent", "Ada"}
}

func (s *Sandbox) sendBody(c *conversation, from sender, content sendContent, save bool) (id string, body []byte) {
	id = "desk-" + newUUID()
	body, _ = json.Marshal(sendMessage{
		Type: "message.send", Timestamp: s.now().UTC().Format(time.RFC3339),
		Data: sendData{
			ID: id, BusinessID: c.BusinessID, CustomerID: c.CustomerID, Context: c.Context,
			Sender: from, Save: save, Content: content,
		},
	})
	return id, body
}

// postEntry posts a message, after those before it in the conversation, and settles
// what became of it.
func (s *Sandbox) postEntry(c *conversation, line *entry) bool {
	wire := line.wire
	return s.lanes.add("desk "+c.Key, func(ctx context.Context) {
		status, raw, err := s.postSend(ctx, line.ID, wire)
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, requestID := range line.settle(status, raw, err) {
			s.learnCart(wire, requestID)
		}
		if line.Status != statusUnconfirmed {
			line.wire = nil // it can be large
		}
		if line.Code == "closed" && !c.Closed {
			c.Closed = true
			s.publishConversation(c)
		}
		s.publishEntry(c, line)
	})
}

// postSend posts to the bridge's webhook. The signature is made anew each time, the
// webhook-id and the body stay.
func (s *Sandbox) postSend(ctx context.Context, id string, body []byte) (int, []byte, error) {
	header := signWebhook(s.deskKey, id, s.now(), body)
	header.Set("Content-Type", "application/json")
	return s.post(ctx, post{
		hop: deskToBridge, path: "/webhooks/" + s.connector, header: header, body: body, shown: body,
		check: check{"signed", "Standard Webhooks, v1"}, timeout: deskTimeout,
	})
}

// settle reads the bridge's answer. What came of interactive parts will be told by their request ids.
func (e *entry) settle(status int, raw []byte, err error) (requestIDs []string) {
	var a answer
	parsed := err == nil && json.Unmarshal(raw, &a) == nil
	e.Code, e.Reason = a.Code, first(a.Detail, a.Reason)
	e.Fallbacks, e.Note, e.Errors = a.Fallbacks, a.Note, a.Errors
	for _, part := range a.Parts {
		e.parts = append(e.parts, part.ID)
		requestIDs = append(requestIDs, part.RequestID)
	}
	switch {
	case err != nil:
		e.Status, e.Reason = statusUnconfirmed, "no answer: "+errorText(err)
	case status == http.StatusTooManyRequests || status >= 500:
		e.Status = statusUnconfirmed
	case status == http.StatusOK && parsed && knownStatus(a.Status):
		e.Status = a.Status
	default:
		e.Status = statusFailed
	}
	if e.Reason == "" && e.Status != statusAccepted && status != http.StatusOK {
		e.Reason = http.StatusText(status)
	}
	return requestIDs
}

func knownStatus(status string) bool {
	return status == statusAccepted || status == statusQueued || status == statusFailed
}

// retryEntry posts a message again that got no answer: same id, same content.
func (s *Sandbox) retryEntry(key, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.openConversation(key)
	if err != nil {
		return err
	}
	for _, line := range c.Entries {
		if line.ID != id || line.Status != statusUnconfirmed {
			continue
		}
		if !s.postEntry(c, line) {
			return busy()
		}
		line.Status, line.Code, line.Reason = statusSending, "", ""
		s.publishEntry(c, line)
		return nil
	}
	return notFound("no such message waits for a retry")
}

// agentTyping tells the bridge that the agent types, or stopped. Repeats within a few
// seconds, and a stop without a start, are not passed on.
func (s *Sandbox) agentTyping(key string, on, bot bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.openConversation(key)
	if err != nil {
		return err
	}
	now := s.now()
	if on == c.agentTypes && (!on || now.Sub(c.toldAt) < typingRepeat) {
		return nil
	}
	c.agentTypes, c.toldAt = on, now
	state := "off"
	if on {
		state = "on"
	}
	id, body := s.sendBody(c, senderOf(bot), sendContent{Kind: "typing", State: state}, false)
	if !s.lanes.add("desk "+c.Key, func(ctx context.Context) { _, _, _ = s.postSend(ctx, id, body) }) {
		return busy()
	}
	return nil
}
