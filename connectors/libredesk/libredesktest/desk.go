// Package libredesktest is a LibreDesk to test the connector against, and to see it at work: its page shows what agents see
// and lets them answer. It is written from LibreDesk's source (2.7.0) and from webhooks that one has sent, and shares no code
// with the connector.
package libredesktest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"bizbridge/connectors/connectortest/fake"
)

// What the desk is configured with.
const (
	APIKey        = "k3y-of-the-bridge-s-agent"
	APISecret     = "s3cret-of-the-bridge-s-agent"
	InboxID       = "0b5ab8b2-3f6c-4b0e-9a6f-6f1f4f8f5b11"
	InboxSecret   = "livechat-jwt-secret-0123456789abcdef"
	WebhookSecret = "libredesk-hook-secret"
)

// The statuses that the desk knows.
const (
	Open     = "Open"
	Resolved = "Resolved"
	Closed   = "Closed"
)

// Desk is the helpdesk. Set its fields before it is used.
type Desk struct {
	Script fake.Script
	// LookUps decides about "whose conversation is this?" and "which inbox is mine?", which the bridge asks for a webhook.
	LookUps fake.Script
	Inbox   fake.Inbox

	// Permissions are those of the bridge's agent.
	Permissions []string
	// WidgetLimit is how many calls the widget's API takes in a minute.
	WidgetLimit int
	// MayStart, OneOnly and Linked are settings of the inbox: users may start conversations, each one only, and there is an
	// e-mail inbox for missed answers.
	MayStart, OneOnly, Linked bool
	// Extensions are the kinds of files that may be uploaded, MaxUpload their size in bytes.
	Extensions []string
	MaxUpload  int
	// RootURL begins the addresses of files in webhooks, as the setting app.root_url does; "": the right one.
	RootURL string
	// HookURL is where webhooks are posted to; "": nowhere. Hooks are those that an administrator sees.
	HookURL string
	Hooks   []Hook
	// Framers are the origins whose pages may show the desk's page in a frame; "": none may.
	Framers string
	// Now is the desk's clock.
	Now func() time.Time

	URL  string
	Stop func()

	mu            sync.Mutex
	last          int // the newest id of anything
	widgetCalls   []time.Time
	contacts      []*contact
	conversations []*conversation
	files         []*file
	posts         sync.WaitGroup
}

// Hook is a webhook as an administrator has set it up.
type Hook struct {
	ID     int      `json:"id"`
	Name   string   `json:"name"`
	URL    string   `json:"url"`
	Events []string `json:"events"`
	Secret string   `json:"secret"`
	Active bool     `json:"is_active"`
}

type contact struct {
	id                                  int
	external, email, first, last, token string
	attributes                          map[string]any
}

type conversation struct {
	id            int
	uuid, status  string
	contact       *contact
	created, last time.Time
	messages      []*message
}

type message struct {
	id                           int
	uuid, kind, status           string
	content, contentType, sender string
	private                      bool
	author                       map[string]any
	meta                         map[string]any
	files                        []*file
	at                           time.Time
}

type file struct {
	id               int
	uuid, name, mime string
	data             []byte
	used             bool
}

// AllPermissions are what the connector's README asks for.
func AllPermissions() []string {
	return []string{"conversations:read", "conversations:read_all", "conversations:update_status", "messages:write", "messages:write_as_contact"}
}

// Start starts a desk on a free port of the loopback.
func Start(t interface{ Fatal(...any) }) *Desk {
	d := New()
	address, stop := fake.Serve(t, d.Handler())
	d.URL = address
	d.Stop = func() {
		d.Script.Release()
		d.LookUps.Release()
		stop()
		d.posts.Wait()
	}
	return d
}

// New makes a desk for a server of the caller's, who sets URL.
func New() *Desk {
	return &Desk{
		Permissions: AllPermissions(), WidgetLimit: 100, MayStart: true, MaxUpload: 20 << 20, Extensions: []string{"*"}, Now: time.Now,
	}
}

// Handler is the desk's API, its files and its page.
func (d *Desk) Handler() http.Handler {
	api := http.NewServeMux()
	api.HandleFunc("GET /api/v1/widget/chat/settings", d.widget(d.settings))
	api.HandleFunc("POST /api/v1/widget/chat/auth/exchange", d.widget(d.exchange))
	api.HandleFunc("POST /api/v1/widget/chat/conversations/init", d.widget(d.init))
	api.HandleFunc("GET /api/v1/agents/me", d.agent("", d.me))
	api.HandleFunc("GET /api/v1/webhooks", d.agent("webhooks:manage", d.webhooks))
	api.HandleFunc("GET /api/v1/conversations/all", d.agent("conversations:read_all", d.list))
	api.HandleFunc("PUT /api/v1/conversations/{uuid}/contacts/custom-attributes", d.agent("", d.setAttributes))
	api.HandleFunc("PUT /api/v1/conversations/{uuid}/status", d.agent("conversations:update_status", d.putStatus))
	api.HandleFunc("POST /api/v1/conversations/{uuid}/messages", d.agent("messages:write", d.write))
	api.HandleFunc("POST /api/v1/media", d.agent("", d.upload))

	mux := http.NewServeMux()
	mux.Handle("/api/", d.Script.Wrap(api))
	mux.Handle("GET /api/v1/conversations/{uuid}", d.LookUps.Wrap(http.HandlerFunc(d.agent("conversations:read", d.get))))
	mux.Handle("GET /api/v1/inboxes", d.LookUps.Wrap(http.HandlerFunc(d.agent("", d.inboxes))))
	mux.Handle("GET /api/v1/conversations/all", d.Script.Wrap(api))
	mux.HandleFunc("GET /uploads/{uuid}", d.download)
	mux.HandleFunc("GET /{$}", d.page)
	mux.HandleFunc("POST /{$}", d.act)
	return mux
}

// answer is LibreDesk's envelope.
func answer(w http.ResponseWriter, data any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": data})
}

func refuse(w http.ResponseWriter, status int, kind, text string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "error", "message": text, "error_type": kind, "data": nil})
}

// uuid makes a random one.
func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// next gives a new id. The caller holds the lock, as for everything below.
func (d *Desk) next() int {
	d.last++
	return d.last
}

func (d *Desk) conversation(uuid string) *conversation {
	for _, one := range d.conversations {
		if one.uuid == uuid {
			return one
		}
	}
	return nil
}

// byExternal finds a contact by the id that it has elsewhere.
func (d *Desk) byExternal(id string) *contact {
	for _, one := range d.contacts {
		if one.external == id {
			return one
		}
	}
	return nil
}

// begin makes a conversation.
func (d *Desk) begin(of *contact) *conversation {
	now := d.Now().UTC()
	made := &conversation{id: d.next(), uuid: uuid(), status: Open, contact: of, created: now, last: now}
	d.conversations = append(d.conversations, made)
	return made
}

// add puts a message into a conversation.
func (d *Desk) add(to *conversation, one *message) *message {
	one.id, one.uuid, one.at = d.next(), uuid(), d.Now().UTC()
	if one.meta == nil {
		one.meta = map[string]any{}
	}
	to.messages = append(to.messages, one)
	to.last = one.at
	return one
}

// customer is by whose name the inbox of the contract knows a contact.
func (c *contact) customer() string {
	id, _ := c.attributes["apple_mbid"].(string)
	return id
}

func (c *contact) author() map[string]any {
	return map[string]any{
		"id": c.id, "first_name": c.first, "last_name": c.last, "email": c.email, "avatar_url": nil,
		"availability_status": "offline", "type": "contact", "last_active_at": nil,
	}
}

func agentAuthor() map[string]any {
	return map[string]any{
		"id": 3, "first_name": "Alice", "last_name": "Agent", "email": "alice@example.test", "avatar_url": nil,
		"availability_status": "offline", "type": "agent", "last_active_at": nil,
	}
}

func readJSON(req *http.Request, into any) bool {
	body, err := io.ReadAll(req.Body)
	return err == nil && strings.HasPrefix(req.Header.Get("Content-Type"), "application/json") && json.Unmarshal(body, into) == nil
}
