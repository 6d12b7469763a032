// Package chatwoottest is a Chatwoot with one account and one inbox of the API channel, to test the connector against and to
// show how it works. It is written from Chatwoot's documentation and source, and shares no code with the connector.
package chatwoottest

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"bizbridge/connectors/connectortest/fake"
)

// What the account is made of.
const (
	AccountID     = 1
	InboxID       = 7
	Identifier    = "inboxIdentifierExample"
	Token         = "t0ken-of-an-agent"
	WebhookSecret = "s3cr3t-chatwoot"
	HMACToken     = "cw-hmac-token"
)

// Options is how the inbox is configured.
type Options struct {
	Locked        bool // one conversation for each contact
	HMACMandatory bool
	// Old is a Chatwoot of before 2025: it knows no source id of messages, and replaces custom attributes.
	Old bool
	// Bridge is where webhooks are posted to; "": they wait for [Desk.Webhooks].
	Bridge string
	// Unsigned is a Chatwoot before 4.13. Its webhook URL has the token in its query.
	Unsigned bool
	// Clock is the time; nil: the world's.
	Clock func() time.Time
}

// Desk is a running Chatwoot.
type Desk struct {
	Options
	Script fake.Script
	Inbox  fake.Inbox
	URL    string // set by Start
	Stop   func() // set by Start

	mu            sync.Mutex
	contacts      []*contact
	conversations []*conversation
	files         map[int64]file
	lastID        int64
	outbox        [][]byte
	posts         sync.WaitGroup
	settings      map[string]any
	accountHooks  []string
	otherInboxes  []int64
}

type contact struct {
	ID         int64
	SourceID   string
	Identifier string // "": the source id
	Name       string
	Attributes map[string]any
}

type conversation struct {
	ID         int64
	Contact    *contact
	Status     string
	Attributes map[string]any
	Messages   []*Message
	Typing     bool
	foreign    bool // of another inbox
}

// The types of messages, as Chatwoot numbers them.
const (
	Incoming = 0
	Outgoing = 1
	Activity = 2
	Template = 3
)

// Message is a message of a conversation.
type Message struct {
	ID            int64
	Type          int
	Private       bool
	Content       string
	ContentType   string
	Attributes    map[string]any // content_attributes
	SourceID      string
	Sender        string // "": nobody
	Bot           bool
	Status        string
	ExternalError string
	Attachments   []Attachment
	At            time.Time
}

// Attachment is a file of a message.
type Attachment struct {
	ID   int64
	Name string
	MIME string
	Size int
	URL  string
}

type file struct {
	name, mime string
	data       []byte
}

// New makes a Chatwoot that serves at an address.
func New(address string, options Options) *Desk {
	d := &Desk{Options: options, URL: address, files: make(map[int64]file)}
	d.settings = map[string]any{
		"id": InboxID, "name": "Apple Messages", "channel_type": "Channel::Api", "inbox_identifier": Identifier,
		"webhook_url": "https://bridge.example.com/webhooks/desk", "hmac_mandatory": options.HMACMandatory, "hmac_token": HMACToken, "secret": WebhookSecret,
	}
	return d
}

// Start starts one on a loopback address.
func Start(t interface{ Fatal(...any) }, options Options) *Desk {
	d := New("", options)
	address, stop := fake.Serve(t, d.Handler())
	d.URL = address
	d.Stop = func() {
		d.Script.Release()
		stop()
		d.Wait()
	}
	return d
}

// Handler serves the APIs, on which the script plays, and the agents' page.
func (d *Desk) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", d.Script.Wrap(d.api()))
	mux.HandleFunc("GET /{$}", d.page)
	mux.HandleFunc("POST /agent", d.act)
	mux.HandleFunc("GET /rails/active_storage/blobs/redirect/{id}/{name}", d.redirect)
	mux.HandleFunc("GET /rails/active_storage/disk/{id}/{name}", d.download)
	return mux
}

// Wait waits until all webhooks are posted.
func (d *Desk) Wait() { d.posts.Wait() }

// Set changes what the API tells of the inbox, or takes it away.
func (d *Desk) Set(name string, value any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if value == nil {
		delete(d.settings, name)
		return
	}
	d.settings[name] = value
}

// AccountWebhook adds a webhook of the account.
func (d *Desk) AccountWebhook(address string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.accountHooks = append(d.accountHooks, address)
}

// Elsewhere gives a contact a newer conversation in another inbox, as when contacts are merged.
func (d *Desk) Elsewhere(customer string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conversations = append(d.conversations, &conversation{ID: d.next(), Contact: d.contactOf(customer), Status: "open", foreign: true})
}

// Forget deletes the conversations of a customer.
func (d *Desk) Forget(customer string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conversations = slices.DeleteFunc(d.conversations, func(c *conversation) bool { return c.Contact.customer() == customer })
}

// Merge merges the contact of one customer into that of another, as an agent may. Each keeps its source id in the inbox.
func (d *Desk) Merge(customer, into string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	gone, stays := d.contactOf(customer), d.contactOf(into)
	gone.ID, gone.Identifier, gone.Name, gone.Attributes = stays.ID, stays.SourceID, stays.Name, stays.Attributes
}

// State is a conversation, for tests.
type State struct {
	ID                int64
	Status            string
	Attributes        map[string]any
	ContactAttributes map[string]any
	ContactName       string
	SourceID          string
	Messages          []Message
}

// Conversations lists those of a customer, the oldest first.
func (d *Desk) Conversations(customer string) []State {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []State
	for _, each := range d.conversations {
		if each.foreign || each.Contact.customer() != customer {
			continue
		}
		state := State{
			ID: each.ID, Status: each.Status, Attributes: maps.Clone(each.Attributes), ContactAttributes: maps.Clone(each.Contact.Attributes),
			ContactName: each.Contact.Name, SourceID: each.Contact.SourceID,
		}
		for _, written := range each.Messages {
			state.Messages = append(state.Messages, *written)
		}
		list = append(list, state)
	}
	return list
}

func (d *Desk) now() time.Time {
	if d.Clock != nil {
		return d.Clock()
	}
	return time.Now()
}

func (d *Desk) next() int64 {
	d.lastID++
	return d.lastID
}

// customer is the Apple id of a contact.
func (c *contact) customer() string {
	text, _ := c.Attributes["apple_mbid"].(string)
	return text
}

func (d *Desk) contactOf(customer string) *contact {
	for _, each := range d.contacts {
		if each.customer() == customer {
			return each
		}
	}
	return nil
}

func (d *Desk) contactBySource(sourceID string) *contact {
	i := slices.IndexFunc(d.contacts, func(c *contact) bool { return c.SourceID == sourceID })
	if i < 0 {
		return nil
	}
	return d.contacts[i]
}

// conversation finds one by the number that agents see; nil for none, and for one of somebody else if of is given.
func (d *Desk) conversation(id int64, of *contact) *conversation {
	for _, each := range d.conversations {
		if each.ID == id && !each.foreign && (of == nil || each.Contact == of) {
			return each
		}
	}
	return nil
}

func (c *conversation) message(id int64) *Message {
	i := slices.IndexFunc(c.Messages, func(m *Message) bool { return m.ID == id })
	if i < 0 {
		return nil
	}
	return c.Messages[i]
}

func (c *conversation) last(of func(*Message) bool) *Message {
	for _, each := range slices.Backward(c.Messages) {
		if of(each) {
			return each
		}
	}
	return nil
}

// sourceIDOf is how the documentation of the bridge says that a customer's id is written.
func sourceIDOf(customer string) string {
	encoded := strings.TrimPrefix(customer, "urn:mbid:")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || base64.StdEncoding.EncodeToString(raw) != encoded {
		sum := sha256.Sum256([]byte(customer))
		return "amb_" + hex.EncodeToString(sum[:])
	}
	return "mbid_" + base64.RawURLEncoding.EncodeToString(raw)
}

func (m *Message) contentType() string { return cmp.Or(m.ContentType, "text") }
