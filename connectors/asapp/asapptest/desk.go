// Package asapptest is a fake of ASAPP: what the connector uses of the Conversations API and of GenerativeAgent's API, with
// its stream of events. It is written from ASAPP's API reference and shares no code with the connector.
package asapptest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"bizbridge/connectors/connectortest/fake"
)

// What the fake and its connector agree on.
const (
	APIID         = "k3y-id-of-the-api-0123456789"
	APISecret     = "s3cret-of-the-api-0123456789abcdef"
	WebhookSecret = "whsec_c2VjcmV0IG9mIHRoZSBhZ2VudHMnIHByb2dyYW0h"
)

// Message is a message that was stored.
type Message struct {
	ID        string
	Role      string
	Sender    string
	Text      string
	Timestamp string
	Created   time.Time
}

// Conversation is a conversation that was made.
type Conversation struct {
	ID         string
	ExternalID string
	Customer   string
	Metadata   map[string]string
	Messages   []Message
	State      string // of GenerativeAgent
	Auth       json.RawMessage
}

// Call is a call that was let in.
type Call struct {
	Method, Path, Query string
	Body                []byte
}

// Desk is a company at ASAPP.
type Desk struct {
	Script fake.Script
	Inbox  fake.Inbox
	// Answer is what GenerativeAgent says to a message; nil: nothing. It is called without any lock.
	Answer func(conversation Conversation, text string) []Event
	// KeepsEvents lets events wait for a stream that is being opened again.
	KeepsEvents bool
	// NoGenerativeAgent is a key that may not use it.
	NoGenerativeAgent bool
	// ReplacesMetadata is an ASAPP that forgets the metadata that an update does not repeat.
	ReplacesMetadata bool
	// StreamURL is another host than URL's, as at ASAPP. Script does not reach it.
	StreamURL string

	URL  string
	Stop func()

	mu            sync.Mutex
	conversations []*Conversation
	calls         []Call
	tickets       map[string]ticket
	streams       map[string]chan Event // by streamId; those that are open
	kept          map[string][]Event
	opened        map[string]int
	number        int
}

// Start starts a company.
func Start(t interface{ Fatal(...any) }) *Desk {
	desk := &Desk{tickets: make(map[string]ticket), streams: make(map[string]chan Event), kept: make(map[string][]Event), opened: make(map[string]int)}
	address, stopAPI := fake.Serve(t, desk.Script.Wrap(http.HandlerFunc(desk.serve)))
	streams, stopStreams := fake.Serve(t, http.HandlerFunc(desk.serveStream))
	desk.URL, desk.StreamURL = address, streams
	desk.Stop = func() {
		desk.Script.Release()
		stopAPI()
		stopStreams()
	}
	return desk
}

// Calls gives every call that was let in, in order.
func (d *Desk) Calls() []Call {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.calls)
}

// Conversations gives them all, in the order in which they were made.
func (d *Desk) Conversations() []Conversation {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []Conversation
	for _, c := range d.conversations {
		all = append(all, c.clone())
	}
	return all
}

func (c *Conversation) clone() Conversation {
	copied := *c
	copied.Messages = slices.Clone(c.Messages)
	copied.Metadata = make(map[string]string)
	for key, value := range c.Metadata {
		copied.Metadata[key] = value
	}
	return copied
}

// Change changes a conversation, as its agents and other programs can.
func (d *Desk) Change(id string, change func(*Conversation)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.byID(id); c != nil {
		change(c)
	}
}

func (d *Desk) byID(id string) *Conversation {
	return d.first(func(c *Conversation) bool { return c.ID == id })
}

func (d *Desk) byExternalID(id string) *Conversation {
	return d.first(func(c *Conversation) bool { return c.ExternalID == id })
}

func (d *Desk) first(so func(*Conversation) bool) *Conversation {
	if i := slices.IndexFunc(d.conversations, so); i >= 0 {
		return d.conversations[i]
	}
	return nil
}

// ulid gives an id; d.mu is locked.
func (d *Desk) ulid() string {
	d.number++
	return fmt.Sprintf("01J4XAMPLE%016d", d.number)
}

var ulidPattern = regexp.MustCompile(`^[A-Z0-9]+$`)

func (d *Desk) serve(w http.ResponseWriter, req *http.Request) {
	if req.Header.Get("asapp-api-id") != APIID || req.Header.Get("asapp-api-secret") != APISecret {
		refuse(w, http.StatusUnauthorized, "Unauthorized")
		return
	}
	var body json.RawMessage
	if req.Method == http.MethodPost {
		if err := json.NewDecoder(req.Body).Decode(&body); err != nil || req.Header.Get("Content-Type") != "application/json" {
			refuse(w, http.StatusBadRequest, "Bad request")
			return
		}
	}
	d.mu.Lock()
	d.calls = append(d.calls, Call{req.Method, req.URL.Path, req.URL.RawQuery, body})
	d.mu.Unlock()
	ctx, query := req.Context(), req.URL.Query()
	parts := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
	switch route := req.Method + " " + parts[0]; {
	case strings.HasPrefix(req.URL.Path, "/generativeagent/") && d.NoGenerativeAgent:
		refuse(w, http.StatusForbidden, "Forbidden Response")
	case req.Method+req.URL.Path == "POST/generativeagent/v1/streams":
		d.makeStream(w, body)
	case req.Method+req.URL.Path == "POST/generativeagent/v1/analyze":
		d.analyze(ctx, w, body)
	case req.Method+req.URL.Path == "GET/generativeagent/v1/state":
		d.state(w, query.Get("externalId"))
	case req.Method+req.URL.Path == "GET/conversation/v1/conversation/messages":
		d.listMessages(w, func() *Conversation { return d.byExternalID(query.Get("externalId")) })
	case route == "POST conversation" && len(parts) == 3:
		d.upsert(ctx, w, body)
	case route == "GET conversation" && len(parts) == 3:
		d.list(w, query.Get("externalId"))
	case len(parts) < 4 || !ulidPattern.MatchString(parts[3]):
		refuse(w, http.StatusNotFound, "Not Found")
	case route == "GET conversation" && len(parts) == 4:
		d.get(w, parts[3])
	case route == "GET conversation" && len(parts) == 5 && parts[4] == "messages":
		d.listMessages(w, func() *Conversation { return d.byID(parts[3]) })
	case route == "POST conversation" && len(parts) == 5 && parts[4] == "messages":
		d.postMessage(ctx, w, parts[3], body)
	case route == "POST conversation" && len(parts) == 6 && parts[5] == "batch":
		d.postBatch(ctx, w, parts[3], body)
	case route == "POST conversation" && len(parts) == 5 && parts[4] == "authenticate":
		d.authenticate(w, parts[3], body)
	default:
		refuse(w, http.StatusNotFound, "Not Found")
	}
}

func refuse(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]any{"error": map[string]any{
		"requestId": "8e033668-0000-4000-8000-000000000001", "message": message, "code": fmt.Sprintf("%d-01", status),
	}})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

type person struct {
	Role       string `json:"role,omitempty"`
	ExternalID string `json:"externalId"`
	Name       string `json:"name,omitempty"`
}

func (d *Desk) upsert(ctx context.Context, w http.ResponseWriter, body []byte) {
	var asked struct {
		ExternalID string            `json:"externalId"`
		Customer   *person           `json:"customer"`
		Timestamp  time.Time         `json:"timestamp"`
		Metadata   map[string]string `json:"metadata"`
	}
	if json.Unmarshal(body, &asked) != nil || asked.ExternalID == "" || asked.Customer == nil || asked.Customer.ExternalID == "" || asked.Timestamp.IsZero() {
		refuse(w, http.StatusBadRequest, "Bad request")
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	found := d.byExternalID(asked.ExternalID)
	if found == nil {
		found = &Conversation{ID: d.ulid(), ExternalID: asked.ExternalID, Customer: asked.Customer.ExternalID, State: "ready"}
		d.conversations = append(d.conversations, found)
	}
	if found.Metadata == nil || d.ReplacesMetadata {
		found.Metadata = make(map[string]string)
	}
	for key, value := range asked.Metadata {
		found.Metadata[key] = value
	}
	if choice, ok := asked.Metadata["apple_choice"]; ok {
		d.Inbox.Keep(ctx, found.Metadata["apple_mbid"], choice)
	}
	if asked.Metadata["apple_left"] == "true" {
		d.Inbox.Close(ctx, found.Metadata["apple_mbid"], "left "+found.ID+asked.Timestamp.String())
	}
	answer(w, http.StatusOK, map[string]string{"id": found.ID})
}

func (c *Conversation) json() map[string]any {
	return map[string]any{"id": c.ID, "externalId": c.ExternalID, "customer": person{ExternalID: c.Customer}, "metadata": c.Metadata}
}

func (d *Desk) list(w http.ResponseWriter, externalID string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	items := []any{}
	if found := d.byExternalID(externalID); found != nil {
		items = append(items, found.json())
	}
	answer(w, http.StatusOK, map[string]any{"items": items})
}

func (d *Desk) get(w http.ResponseWriter, id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := d.byID(id)
	if found == nil {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	answer(w, http.StatusOK, found.json())
}

func (d *Desk) listMessages(w http.ResponseWriter, find func() *Conversation) {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := find()
	if found == nil {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	items := []any{}
	for _, m := range found.Messages {
		items = append(items, map[string]any{
			"messageId": m.ID, "text": m.Text, "sender": person{Role: m.Role, ExternalID: m.Sender},
			"createdTimestamp": m.Created.UTC().Format("2006-01-02T15:04:05.000Z"), "clientTimestamp": m.Timestamp,
		})
	}
	answer(w, http.StatusOK, map[string]any{"items": items})
}

// asked is a message as it is posted.
type asked struct {
	Text      string    `json:"text"`
	Sender    person    `json:"sender"`
	Timestamp time.Time `json:"timestamp"`
}

func (m asked) valid(roles ...string) bool {
	return m.Text != "" && m.Sender.ExternalID != "" && slices.Contains(roles, m.Sender.Role) && !m.Timestamp.IsZero()
}

// store adds a message unless it is there: one of the same sender, time and text. d.mu is locked.
func (d *Desk) store(ctx context.Context, c *Conversation, m asked) (id string, fresh bool) {
	timestamp := m.Timestamp.UTC().Format(time.RFC3339Nano)
	for _, known := range c.Messages {
		if known.Role == m.Sender.Role && known.Sender == m.Sender.ExternalID && known.Timestamp == timestamp && known.Text == m.Text {
			return known.ID, false
		}
	}
	id = d.ulid()
	c.Messages = append(c.Messages, Message{ID: id, Role: m.Sender.Role, Sender: m.Sender.ExternalID, Text: m.Text, Timestamp: timestamp, Created: time.Now()})
	if m.Sender.Role == "system" {
		d.Inbox.Note(ctx, c.Metadata["apple_mbid"], m.Text)
	} else {
		d.Inbox.Add(ctx, c.Metadata["apple_mbid"], id, m.Text)
	}
	return id, true
}

func (d *Desk) postMessage(ctx context.Context, w http.ResponseWriter, id string, body []byte) {
	var m asked
	if json.Unmarshal(body, &m) != nil || !m.valid("customer", "agent", "system") {
		refuse(w, http.StatusBadRequest, "Bad request")
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.byID(id)
	if c == nil {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	stored, fresh := d.store(ctx, c, m)
	if !fresh {
		refuse(w, http.StatusConflict, "Conflict")
		return
	}
	answer(w, http.StatusOK, map[string]string{"id": stored})
}

const maxBatch = 300

func (d *Desk) postBatch(ctx context.Context, w http.ResponseWriter, id string, body []byte) {
	var batch struct {
		Messages []asked `json:"messages"`
	}
	if json.Unmarshal(body, &batch) != nil || len(batch.Messages) == 0 || len(batch.Messages) > maxBatch ||
		slices.ContainsFunc(batch.Messages, func(m asked) bool { return !m.valid("customer", "agent", "system") }) {
		refuse(w, http.StatusBadRequest, "Bad request")
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.byID(id)
	if c == nil {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	anyFresh := false
	for _, m := range batch.Messages {
		_, fresh := d.store(ctx, c, m)
		anyFresh = anyFresh || fresh
	}
	if !anyFresh {
		refuse(w, http.StatusConflict, "Conflict")
		return
	}
	answer(w, http.StatusOK, map[string]string{})
}

func (d *Desk) authenticate(w http.ResponseWriter, id string, body []byte) {
	var asked struct {
		StreamID   string                     `json:"streamId"`
		CustomerID string                     `json:"customerExternalId"`
		Auth       map[string]json.RawMessage `json:"auth"`
	}
	if json.Unmarshal(body, &asked) != nil || asked.CustomerID == "" || len(asked.Auth) == 0 {
		refuse(w, http.StatusBadRequest, "Bad request")
		return
	}
	d.mu.Lock()
	c := d.byID(id)
	if c == nil {
		d.mu.Unlock()
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	c.Auth, _ = json.Marshal(asked.Auth)
	resumes := c.State == "waitingForAuth"
	c.State = "ready"
	conversation := c.clone()
	d.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
	if resumes && d.Answer != nil {
		d.emit(asked.StreamID, conversation.ID, d.Answer(conversation, ""))
	}
}
