// Package webhooktest is a helpdesk that speaks the bridge's event format, to test the connector against. It is written
// from the format's description and the Standard Webhooks specification, and shares no code with the connector.
package webhooktest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"bizbridge/connectors/connectortest/fake"
)

// Secret signs what the bridge sends.
const Secret = "whsec_Zmlyc3Qtc2VjcmV0LW9mLXRoZS1icmlkZ2UtMzI="

// VerifySecret signs what the helpdesk sends.
const VerifySecret = "whsec_c2VjcmV0LW9mLXRoZS1oZWxwZGVzay0zMi1ieXQ="

// Request is one call that came with a right signature.
type Request struct {
	Header http.Header
	Body   []byte
}

// Desk is a helpdesk that recognises a repeated event by its webhook-id.
type Desk struct {
	Script fake.Script
	Inbox  fake.Inbox
	// Secrets are those that it accepts.
	Secrets []string
	// AnyTime lets it accept old signatures, for tests whose clock is not the world's.
	AnyTime bool
	// Login is what every call must have in its header beside the signature.
	Login http.Header

	// URL takes the events. Stop ends the helpdesk.
	URL  string
	Stop func()

	mu       sync.Mutex
	requests []Request
}

// Start starts a helpdesk.
func Start(t interface{ Fatal(...any) }, secrets ...string) *Desk {
	desk := &Desk{Secrets: secrets}
	address, stop := fake.Serve(t, desk.Script.Wrap(http.HandlerFunc(desk.take)))
	desk.URL = address + "/hooks/apple"
	desk.Stop = func() {
		desk.Script.Release()
		stop()
	}
	return desk
}

// Requests gives every genuine call so far, repeats included.
func (d *Desk) Requests() []Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.requests)
}

func (d *Desk) take(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	if fault := d.fault(req, body); fault != "" {
		http.Error(w, fault, http.StatusUnauthorized)
		return
	}
	d.mu.Lock()
	d.requests = append(d.requests, Request{req.Header.Clone(), body})
	d.mu.Unlock()
	var event struct {
		Type string `json:"type"`
		Data struct {
			Customer string          `json:"customer_id"`
			Text     string          `json:"text"`
			Reply    json.RawMessage `json:"reply"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		http.Error(w, "not JSON", http.StatusBadRequest)
		return
	}
	d.store(req.Context(), event.Type, event.Data.Customer, req.Header.Get("webhook-id"), event.Data.Text+string(event.Data.Reply))
	w.WriteHeader(http.StatusNoContent)
}

func (d *Desk) store(ctx context.Context, kind, customer, id, text string) {
	switch kind {
	case "message.received", "message.replied":
		d.Inbox.Add(ctx, customer, id, text)
	case "conversation.closed":
		d.Inbox.Close(ctx, customer, id)
	case "typing.started", "typing.stopped":
		d.Inbox.Type(customer)
	}
}

// fault tells what is wrong with the signature of a call.
func (d *Desk) fault(req *http.Request, body []byte) string {
	if req.Method != http.MethodPost || req.URL.Path != "/hooks/apple" || req.Header.Get("Content-Type") != "application/json" {
		return "not a POST of JSON to the address of the events"
	}
	for name, want := range d.Login {
		if !slices.Equal(req.Header.Values(name), want) {
			return "not logged in"
		}
	}
	id, timestamp := req.Header.Get("webhook-id"), req.Header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || id == "" {
		return "no webhook-id or webhook-timestamp"
	}
	if !d.AnyTime && time.Since(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return "the timestamp is too old or too new"
	}
	for _, given := range strings.Fields(req.Header.Get("webhook-signature")) {
		for _, secret := range d.Secrets {
			if hmac.Equal([]byte(given), []byte(Sign(secret, id, timestamp, body))) {
				return ""
			}
		}
	}
	return "no signature fits"
}

// Sign makes one signature of the header webhook-signature.
func Sign(secret, id, timestamp string, body []byte) string {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		panic(err)
	}
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Post makes a signed request to the bridge.
func Post(secret, id string, at time.Time, body string) *http.Request {
	req, err := http.NewRequest(http.MethodPost, "http://bridge.test/webhooks/desk", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	timestamp := strconv.FormatInt(at.Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", timestamp)
	req.Header.Set("webhook-signature", Sign(secret, id, timestamp, []byte(body)))
	return req
}

// Webhook is an agent's reply on its way to the bridge.
func Webhook(reply fake.Reply, forgery fake.Forgery) *http.Request {
	message := map[string]any{
		"type": "message.send", "timestamp": time.Now().UTC().Format(time.RFC3339),
		"data": map[string]any{
			"id": reply.ID, "business_id": reply.Business, "customer_id": reply.Customer,
			"sender":  map[string]any{"kind": "agent", "name": "Ada"},
			"content": map[string]any{"kind": "text", "text": reply.Text},
		},
	}
	body, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}
	id, now := "msg_"+reply.ID, time.Now()
	switch forgery {
	case fake.Unsigned:
		req := Post(VerifySecret, id, now, string(body))
		req.Header.Del("webhook-signature")
		return req
	case fake.WrongKey:
		return Post(Secret, id, now, string(body)) // the bridge's own: what it signs must not come back as genuine
	case fake.Stale:
		return Post(VerifySecret, id, now.Add(-6*time.Minute), string(body))
	case fake.Altered:
		req := Post(VerifySecret, id, now, string(body))
		req.Body = io.NopCloser(strings.NewReader(strings.Replace(string(body), "Ada", "Eve", 1)))
		return req
	case fake.Malformed:
		return Post(VerifySecret, id, now, `"`+reply.Text+`"`)
	}
	return Post(VerifySecret, id, now, string(body))
}
