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
	Content    sendContent `json:"content"`
}

type sendContent struct {
	Kind  string `json:"kind"`
	Text  string `json:"text,omitempty"`
	State string `json:"state,omitempty"`
}

// agentSends is the agent, or the desk's bot, pressing Send.
func (s *Sandbox) agentSends(key, text string, bot bool) (string, error) {
	if strings.TrimSpace(text) == "" || utf8.RuneCountInString(text) > maxTextRunes {
		return "", badRequest("the text is empty or too long")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.openConversation(key)
	if err != nil {
		return "", err
	}
	from := senderOf(bot)
	id, wire := s.sendBody(c, from, sendContent{Kind: "text", Text: text})
	line := &entry{ID: id, Kind: entryAgent, Text: text, Sender: &from, Status: statusSending, wire: wire}
	if !s.postEntry(c, line) {
		return "", busy()
	}
	c.agentTypes = false // a message ends the indicator
	s.addEntry(c, line)
	c.Preview, c.Unread = shorten(text, 80), 0
	s.publishConversation(c)
	return id, nil
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

func (s *Sandbox) sendBody(c *conversation, from sender, content sendContent) (id string, body []byte) {
	id = "desk-" + newUUID()
	body, _ = json.Marshal(sendMessage{
		Type: "message.send", Timestamp: s.now().UTC().Format(time.RFC3339),
		Data: sendData{
			ID: id, BusinessID: c.BusinessID, CustomerID: c.CustomerID, Context: c.Context,
			Sender: from, Content: content,
		},
	})
	return id, body
}

// postEntry posts a message, after those before it in the conversation, and settles
// what became of it.
func (s *Sandbox) postEntry(c *conversation, line *entry) bool {
	return s.lanes.add("desk "+c.Key, func(ctx context.Context) {
		status, raw, err := s.postSend(ctx, line.ID, line.wire)
		s.mu.Lock()
		defer s.mu.Unlock()
		line.settle(status, raw, err)
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

// settle reads the bridge's answer.
func (e *entry) settle(status int, raw []byte, err error) {
	var a answer
	parsed := err == nil && json.Unmarshal(raw, &a) == nil
	e.Code, e.Reason = a.Code, a.Detail
	for _, part := range a.Parts {
		e.parts = append(e.parts, part.ID)
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
	id, body := s.sendBody(c, senderOf(bot), sendContent{Kind: "typing", State: state})
	if !s.lanes.add("desk "+c.Key, func(ctx context.Context) { _, _, _ = s.postSend(ctx, id, body) }) {
		return busy()
	}
	return nil
}
