// Package infobiptest is a fake of Infobip: the Open Channel, what the connector uses of Conversations, and their webhooks.
// It is written from Infobip's API reference and shares no code with the connector.
package infobiptest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"

	"bizbridge/connectors/connectortest/fake"
)

// What the fake and its connector agree on.
const (
	APIKey        = "k3y-of-the-api-0123456789abcdef"
	SigningSecret = "H+WPXpCaBeLkd5pukqMoqWLZnL/5yEscexA73H7Uffw="
	WebhookSecret = "s3cret-of-the-webhooks-0123456789"
	WebhookHeader = "X-Bridge-Token"
	Channel       = "0f3a9c5e-0000-4000-8000-000000000001"
)

// Message is a message of a customer that was accepted, as it came.
type Message struct {
	Sender          string          `json:"sender"`
	Destination     string          `json:"destination"`
	Content         Content         `json:"content"`
	ResponseWebhook ResponseWebhook `json:"responseWebhook"`
	Metadata        map[string]any  `json:"metadata"`
	Raw             []byte          `json:"-"`
}

// Content is what a message shows.
type Content struct {
	Body struct {
		Type     string          `json:"type"`
		Text     string          `json:"text"`
		URL      string          `json:"url"`
		Caption  string          `json:"caption"`
		Filename string          `json:"filename"`
		JSON     json.RawMessage `json:"json"`
	} `json:"body"`
}

// ResponseWebhook says where answers go, and what goes with them.
type ResponseWebhook struct {
	URL          string         `json:"url"`
	CallbackData map[string]any `json:"callbackData"`
}

type conversation struct {
	ID       string
	Customer string
	Channel  string
	Status   string
	Updated  int
	Metadata map[string]any
}

// Desk is an Infobip account.
type Desk struct {
	Script fake.Script
	Inbox  fake.Inbox
	// Authorization is what every call has to have; "App <APIKey>" at first.
	Authorization string
	// Channels are the Open Channels of the account.
	Channels []string
	// NoConversations is an account without Conversations.
	NoConversations bool
	// Events are those that a subscription of the account tells of; nil: there is none.
	Events []string

	URL  string
	Stop func()

	mu            sync.Mutex
	messages      []Message
	conversations []*conversation
	clock         int
	paths         []string
}

// Start starts an account with one Open Channel.
func Start(t interface{ Fatal(...any) }) *Desk {
	desk := &Desk{Authorization: "App " + APIKey, Channels: []string{Channel}}
	address, stop := fake.Serve(t, desk.Script.Wrap(http.HandlerFunc(desk.serve)))
	desk.URL = address
	desk.Stop = func() {
		desk.Script.Release()
		stop()
	}
	return desk
}

// Messages gives what customers said, in order.
func (d *Desk) Messages() []Message {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.messages)
}

// Paths gives the method and path of every call that was let in, in order.
func (d *Desk) Paths() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.paths)
}

// Conversation gives the status and metadata of a customer's newest conversation.
func (d *Desk) Conversation(customer string) (id, status string, metadata map[string]any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range slices.Backward(d.conversations) {
		if c.Customer == customer {
			return c.ID, c.Status, c.Metadata
		}
	}
	return "", "", nil
}

// CloseAll closes every conversation, as agents do.
func (d *Desk) CloseAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conversations {
		c.Status = "CLOSED"
	}
}

// Strangers opens conversations of other channels, which were changed later than all others.
func (d *Desk) Strangers(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range n {
		d.clock++
		d.conversations = append(d.conversations, &conversation{
			ID: fmt.Sprintf("57a9c9e5-0000-4000-8000-%012d", d.clock), Customer: fmt.Sprint("4477009000", i), Channel: "447491163443", Status: "OPEN", Updated: d.clock,
		})
	}
}

func (d *Desk) serve(w http.ResponseWriter, req *http.Request) {
	if req.Header.Get("Authorization") != d.Authorization {
		apiError(w, http.StatusUnauthorized, "E401", "The request lacks valid authentication credentials for the requested resource.")
		return
	}
	d.mu.Lock()
	d.paths = append(d.paths, req.Method+" "+req.URL.Path)
	d.mu.Unlock()
	api := http.NewServeMux()
	api.HandleFunc("POST /open-channel/1/messages/inbound", d.take)
	api.HandleFunc("GET /subscriptions/1/subscription/CUSTOMER_ENGAGEMENT", d.subscriptions)
	if !d.NoConversations {
		api.HandleFunc("GET /ccaas/1/conversations", d.list)
		api.HandleFunc("GET /ccaas/1/conversations/{id}/messages", d.listMessages)
		api.HandleFunc("PATCH /ccaas/1/conversations/{id}", d.patch)
		api.HandleFunc("PATCH /ccaas/1/conversations/{id}/metadata", d.patchMetadata)
		api.HandleFunc("POST /ccaas/1/conversations/{id}/notes", d.note)
	}
	api.HandleFunc("/ccaas/", func(w http.ResponseWriter, _ *http.Request) {
		apiError(w, http.StatusForbidden, "E403", "Insufficient permissions to access the requested resource.")
	})
	api.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		apiError(w, http.StatusNotFound, "E404", "request URL doesn't exist on the API server or resource is not found.")
	})
	api.ServeHTTP(w, req)
}

func (d *Desk) take(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var message Message
	if err != nil || req.Header.Get("Content-Type") != "application/json" || json.Unmarshal(body, &message) != nil {
		apiError(w, http.StatusBadRequest, "E400", "Request cannot be processed.")
		return
	}
	if fault := message.fault(); fault != "" {
		apiError(w, http.StatusBadRequest, "E400", "Request cannot be processed: "+fault)
		return
	}
	if !slices.Contains(d.Channels, message.Destination) {
		apiError(w, http.StatusNotFound, "E404", "Destination sender ownership not found for account")
		return
	}
	message.Raw = body
	d.store(req.Context(), message)
	answer(w, map[string]string{"status": "MESSAGE_ACCEPTED"})
}

// fault is what the reference says a message must not be.
func (m *Message) fault() string {
	body := m.Content.Body
	media := body.Type == "IMAGE" || body.Type == "AUDIO" || body.Type == "FILE"
	switch units := len(utf16.Encode([]rune(body.Text))); {
	case m.Sender == "" || len(m.Sender) > 255:
		return "sender"
	case len(m.Destination) != 36:
		return "destination"
	case body.Type == "TEXT" && (units == 0 || units > 4096):
		return "text"
	case body.Type == "JSON" && (len(body.JSON) == 0 || body.JSON[0] != '{'):
		return "json"
	case media && body.URL == "":
		return "url"
	case body.Type != "TEXT" && body.Type != "JSON" && !media:
		return "type"
	case m.ResponseWebhook.URL != "" && !strings.HasPrefix(m.ResponseWebhook.URL, "https://"):
		return "responseWebhook.url"
	}
	return ""
}

func (d *Desk) store(ctx context.Context, message Message) {
	body := message.Content.Body
	var event struct {
		Type string `json:"type"`
		Data struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	_ = json.Unmarshal(body.JSON, &event)
	if event.Type == "conversation.closed" {
		d.Inbox.Close(ctx, message.Sender, event.Data.ID)
	} else {
		d.Inbox.Add(ctx, message.Sender, "", body.Text+string(body.JSON)+body.URL)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.messages = append(d.messages, message)
	d.clock++
	for _, c := range d.conversations {
		if c.Customer == message.Sender && c.Status != "CLOSED" {
			c.Status, c.Updated = "OPEN", d.clock
			return
		}
	}
	d.conversations = append(d.conversations, &conversation{
		ID: fmt.Sprintf("c0ffee00-0000-4000-8000-%012d", d.clock), Customer: message.Sender, Channel: message.Destination, Status: "OPEN",
		Updated: d.clock, Metadata: map[string]any{},
	})
}

func (d *Desk) list(w http.ResponseWriter, req *http.Request) {
	limit, err := strconv.Atoi(req.URL.Query().Get("limit"))
	if err != nil || limit > 999 {
		apiError(w, http.StatusBadRequest, "E400", "limit")
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	sorted := slices.Clone(d.conversations)
	if req.URL.Query().Get("orderBy") == "updatedAt:desc" {
		slices.SortFunc(sorted, func(one, other *conversation) int { return other.Updated - one.Updated })
	}
	list := []map[string]any{}
	for _, c := range sorted[:min(limit, len(sorted))] {
		list = append(list, map[string]any{"id": c.ID, "status": c.Status, "topic": nil, "priority": "NORMAL"})
	}
	answer(w, map[string]any{"conversations": list, "pagination": map[string]int{"totalItems": len(sorted), "page": 0, "limit": limit}})
}

// with calls do with the conversation that a path names.
func (d *Desk) with(w http.ResponseWriter, req *http.Request, do func(*conversation)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conversations {
		if c.ID == req.PathValue("id") {
			do(c)
			return
		}
	}
	apiError(w, http.StatusNotFound, "E404", "conversation")
}

func (d *Desk) listMessages(w http.ResponseWriter, req *http.Request) {
	d.with(w, req, func(c *conversation) {
		answer(w, map[string]any{"messages": []map[string]string{{"id": "m1", "from": c.Customer, "to": c.Channel, "direction": "INBOUND", "conversationId": c.ID}}})
	})
}

func (d *Desk) patch(w http.ResponseWriter, req *http.Request) {
	var change struct {
		Status string `json:"status"`
	}
	err := json.NewDecoder(req.Body).Decode(&change)
	d.with(w, req, func(c *conversation) {
		if err != nil || c.Status == "CLOSED" || !slices.Contains([]string{"OPEN", "WAITING", "SOLVED", "CLOSED"}, change.Status) {
			apiError(w, http.StatusBadRequest, "E400", "Closed conversations cannot be changed")
			return
		}
		c.Status = change.Status
		d.Inbox.Close(req.Context(), c.Customer, "")
		answer(w, map[string]any{"id": c.ID, "status": c.Status})
	})
}

func (d *Desk) patchMetadata(w http.ResponseWriter, req *http.Request) {
	var change map[string]any
	err := json.NewDecoder(req.Body).Decode(&change)
	d.with(w, req, func(c *conversation) {
		if err != nil || len(change) == 0 {
			apiError(w, http.StatusBadRequest, "E400", "metadata")
			return
		}
		for key, value := range change {
			c.Metadata[key] = value
		}
		answer(w, map[string]string{"statusCode": "SUCCESS"})
	})
}

func (d *Desk) note(w http.ResponseWriter, req *http.Request) {
	var note struct {
		Type    string `json:"type"`
		Content string `json:"content"`
	}
	err := json.NewDecoder(req.Body).Decode(&note)
	d.with(w, req, func(c *conversation) {
		if err != nil || note.Type != "INTERNAL" || note.Content == "" || len([]rune(note.Content)) > 4000 || c.Status == "CLOSED" {
			apiError(w, http.StatusBadRequest, "E400", "note")
			return
		}
		d.Inbox.Note(req.Context(), c.Customer, note.Content)
		answer(w, map[string]string{"id": "n1", "conversationId": c.ID, "content": note.Content})
	})
}

func (d *Desk) subscriptions(w http.ResponseWriter, _ *http.Request) {
	results := []map[string]any{}
	if d.Events != nil {
		results = append(results, map[string]any{"subscriptionId": "s1", "events": d.Events})
	}
	answer(w, map[string]any{"results": results})
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

func apiError(w http.ResponseWriter, status int, code, description string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"errorCode": code, "description": description, "action": "Check the request.", "violations": []any{}, "resources": []any{},
	})
}
