package libredesktest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"bizbridge/connectors/connectortest/fake"
)

// messageJSON is a message as LibreDesk writes it.
func (d *Desk) messageJSON(in *conversation, one *message) map[string]any {
	files := []any{}
	for _, file := range one.files {
		files = append(files, map[string]any{
			"name": file.name, "size": len(file.data), "content": nil, "content_id": "", "content_type": file.mime,
			"disposition": "attachment", "uuid": file.uuid, "url": d.fileURL(file), "thumbnail_url": "",
		})
	}
	return map[string]any{
		"id": one.id, "created_at": one.at, "updated_at": one.at, "uuid": one.uuid, "type": one.kind, "status": one.status,
		"conversation_id": in.id, "conversation_uuid": in.uuid, "content": one.content, "text_content": text(one.content),
		"content_type": one.contentType, "private": one.private, "sender_id": one.author["id"], "sender_type": one.sender,
		"meta": one.meta, "attachments": files, "author": one.author,
	}
}

// conversationJSON is a conversation as LibreDesk writes it, with its contact.
func (d *Desk) conversationJSON(one *conversation) map[string]any {
	who := one.contact
	return map[string]any{
		"id": one.id, "created_at": one.created, "updated_at": one.last, "uuid": one.uuid, "contact_id": who.id, "inbox_id": 2,
		"status": one.status, "inbox_name": "Apple Messages", "inbox_channel": "livechat", "meta": map[string]any{}, "custom_attributes": map[string]any{},
		"contact": map[string]any{
			"id": who.id, "first_name": who.first, "last_name": who.last, "email": who.email, "type": "contact",
			"custom_attributes": who.attributes, "enabled": true, "external_user_id": who.external,
		},
	}
}

// Sign is the value of the header X-Libredesk-Signature.
func Sign(secret string, body []byte) string { return "sha256=" + sum(secret, string(body)) }

func sum(secret, text string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// Post makes a webhook of a body.
func Post(secret string, body []byte) *http.Request {
	req, err := http.NewRequest(http.MethodPost, "http://bridge.test/webhooks/desk", bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Libredesk-Webhook/v2.7.0")
	req.Header.Set("X-Libredesk-Signature", Sign(secret, body))
	return req
}

// Event is the body of a webhook.
func Event(name string, payload any, at time.Time) []byte {
	body, err := json.Marshal(map[string]any{"event": name, "timestamp": at.UTC().Format(time.RFC3339), "payload": payload})
	if err != nil {
		panic(err)
	}
	return body
}

// hook posts a webhook as LibreDesk does: out of a queue that keeps no order, once, and whatever becomes of it.
func (d *Desk) hook(name string, payload map[string]any) {
	if d.HookURL == "" {
		return
	}
	body, address := Event(name, payload, d.Now()), d.HookURL
	d.posts.Go(func() {
		time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		defer cancel()
		signed := Post(WebhookSecret, body)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
		if err != nil {
			return
		}
		req.Header = signed.Header
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	})
}

// Wait waits for the webhooks that are on their way.
func (d *Desk) Wait() { d.posts.Wait() }

// Reply lets an agent write into the customer's newest conversation. It gives the webhooks as they are posted: the message,
// and that it was sent.
func (d *Desk) Reply(customer, content string, note bool, files ...string) [][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	in := d.of(customer)
	if in == nil {
		return nil
	}
	return d.reply(in, content, note, files...)
}

// of finds the newest conversation of a customer.
func (d *Desk) of(customer string) *conversation {
	for _, one := range d.newestFirst() {
		if one.contact.customer() == customer {
			return one
		}
	}
	return nil
}

func (d *Desk) reply(in *conversation, content string, note bool, files ...string) [][]byte {
	said := &message{
		kind: "outgoing", status: "pending", content: content, contentType: "html", private: note, sender: "agent", author: agentAuthor(),
		meta: map[string]any{"echo_id": uuid()},
	}
	for _, name := range files {
		kept := &file{id: d.next(), uuid: uuid(), name: name, mime: "application/pdf", data: []byte("the bytes of " + name), used: true}
		d.files = append(d.files, kept)
		said.files = append(said.files, kept)
	}
	d.add(in, said)
	if note {
		said.status = "sent"
	}
	created := d.messageJSON(in, said)
	bodies := [][]byte{Event("message.created", created, d.Now())}
	d.hook("message.created", created)
	if !note {
		said.status = "sent"
		sent := d.messageJSON(in, said)
		bodies = append(bodies, Event("message.updated", sent, d.Now()))
		d.hook("message.updated", sent)
	}
	return bodies
}

// Webhook is an agent's reply on its way to the bridge, for the contract. The customer is made known to the desk if they
// are not.
func (d *Desk) Webhook(reply fake.Reply, forgery fake.Forgery) *http.Request {
	d.mu.Lock()
	in := d.of(reply.Customer)
	if in == nil {
		external := sha256.Sum256([]byte(reply.Customer))
		who := &contact{
			id: d.next(), external: "amb_" + hex.EncodeToString(external[:]), first: "Messages", last: "Guest", token: "session-of-" + uuid(),
			attributes: map[string]any{"apple_mbid": reply.Customer, "apple_business_id": reply.Business},
		}
		d.contacts = append(d.contacts, who)
		in = d.begin(who)
	}
	said := d.messageJSON(in, &message{
		id: 1, uuid: uuidOf(reply.ID), kind: "outgoing", status: "pending", content: "<p>" + reply.Text + "</p>", contentType: "html",
		private: reply.Note, sender: "agent", author: agentAuthor(), meta: map[string]any{}, at: d.Now(),
	})
	d.mu.Unlock()
	body := Event("message.created", said, d.Now())
	switch forgery {
	case fake.Unsigned:
		req := Post(WebhookSecret, body)
		req.Header.Del("X-Libredesk-Signature")
		return req
	case fake.WrongKey:
		return Post(InboxSecret, body) // the bridge's own: what it signs must not come back as genuine
	case fake.Stale:
		return Post(WebhookSecret, Event("message.created", said, d.Now().Add(-6*time.Minute)))
	case fake.Altered:
		req := Post(WebhookSecret, body)
		req.Body = io.NopCloser(strings.NewReader(strings.Replace(string(body), "Alice", "Eve", 1)))
		return req
	case fake.Malformed:
		return Post(WebhookSecret, []byte(`"`+reply.Text+`"`))
	}
	return Post(WebhookSecret, body)
}

// uuidOf makes the same UUID of the same text.
func uuidOf(text string) string {
	b := sha256.Sum256([]byte(text))
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
