package chatwoottest

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"bizbridge/connectors/connectortest/fake"
)

// agentName is who writes on the agents' page.
const agentName = "Alice Agent"

// Write lets an agent, a bot or an automation write into a conversation. The message has to say what; the rest is filled.
func (d *Desk) Write(conversation int64, written Message, files ...[]byte) Message {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.conversation(conversation, nil)
	if c == nil {
		panic(fmt.Sprint("there is no conversation ", conversation))
	}
	var parts []file
	for i, data := range files {
		parts = append(parts, file{fmt.Sprintf("file%d.txt", i+1), "text/plain", data})
	}
	return *d.add(c, &written, parts)
}

// Resolve lets an agent resolve a conversation, or open it again.
func (d *Desk) Resolve(conversation int64, status string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.conversation(conversation, nil); c != nil {
		d.setStatus(c, status, agentName)
	}
}

// AgentTypes lets an agent type, to the customer or a note.
func (d *Desk) AgentTypes(conversation int64, on, private bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.conversation(conversation, nil); c != nil {
		d.tellTyping(c, d.agent(agentName, false), on, private)
	}
}

func (d *Desk) setStatus(c *conversation, status, by string) {
	before := c.Status
	c.Status = status
	c.Messages = append(c.Messages, &Message{ID: d.next(), Type: Activity, Content: "Conversation was marked " + status + " by " + by, At: d.now()})
	d.tellConversation("conversation_status_changed", c, []any{
		map[string]any{"status": map[string]any{"previous_value": before, "current_value": status}},
	})
}

// add stores a message and tells of it. One of the customer's opens the conversation again.
func (d *Desk) add(c *conversation, m *Message, files []file) *Message {
	m.ID, m.At, m.Status = d.next(), d.now(), "sent"
	for _, each := range files {
		id := d.next()
		d.files[id] = each
		m.Attachments = append(m.Attachments, Attachment{
			id, each.name, each.mime, len(each.data), fmt.Sprintf("%s/rails/active_storage/blobs/redirect/%d/%s", d.URL, id, url.PathEscape(each.name)),
		})
	}
	if m.Type == Incoming && c.Status != "open" && c.Status != "pending" { // a bot hands over what is pending
		d.setStatus(c, "open", "the system")
	}
	c.Typing = c.Typing && m.Type != Incoming
	c.Messages = append(c.Messages, m)
	d.tell("message_created", c, m)
	return m
}

func object(attributes map[string]any) map[string]any {
	if attributes == nil {
		return map[string]any{}
	}
	return attributes
}

func attachments(m *Message) []any {
	list := []any{}
	for _, each := range m.Attachments {
		kind, _, _ := strings.Cut(each.MIME, "/")
		if kind != "image" && kind != "audio" && kind != "video" {
			kind = "file"
		}
		list = append(list, map[string]any{
			"id": each.ID, "message_id": m.ID, "file_type": kind, "account_id": AccountID, "extension": nil, "data_url": each.URL, "thumb_url": "",
			"file_size": each.Size, "width": nil, "height": nil,
		})
	}
	return list
}

func (d *Desk) agent(name string, bot bool) map[string]any {
	if bot {
		return map[string]any{"id": 9, "name": name, "type": "agent_bot"}
	}
	return map[string]any{"id": 3, "name": name, "email": "alice@example.test", "type": "user"}
}

func (d *Desk) contactData(who *contact) map[string]any {
	return map[string]any{
		"additional_attributes": map[string]any{}, "custom_attributes": object(who.Attributes), "email": nil, "id": who.ID, "identifier": cmp.Or(who.Identifier, who.SourceID),
		"name": who.Name, "phone_number": nil, "thumbnail": "", "blocked": false, "type": "contact",
	}
}

// messageData is a message as the application API and the dashboard have it.
func (d *Desk) messageData(c *conversation, m *Message) map[string]any {
	data := map[string]any{
		"id": m.ID, "content": m.Content, "account_id": AccountID, "inbox_id": InboxID, "conversation_id": c.ID, "message_type": m.Type,
		"created_at": m.At.Unix(), "updated_at": m.At.UTC().Format("2006-01-02T15:04:05.000Z"), "private": m.Private, "status": m.Status,
		"source_id": nil, "content_type": m.contentType(), "content_attributes": object(m.Attributes), "sender_type": "User", "sender_id": 3,
		"external_source_ids": map[string]any{}, "additional_attributes": map[string]any{}, "processed_message_content": m.Content, "sentiment": map[string]any{},
		"conversation": map[string]any{
			"assignee_id": 3, "unread_count": 0, "last_activity_at": m.At.Unix(), "contact_inbox": map[string]any{"source_id": c.Contact.SourceID},
		},
	}
	if m.SourceID != "" {
		data["source_id"] = m.SourceID
	}
	if m.Sender != "" {
		data["sender"] = d.agent(m.Sender, m.Bot)
	}
	if len(m.Attachments) > 0 {
		data["attachments"] = attachments(m)
	}
	return data
}

// conversationData is a conversation as webhooks and the application API have it.
func (d *Desk) conversationData(c *conversation) map[string]any {
	inbox := InboxID
	if c.foreign {
		inbox++
	}
	messages := []any{}
	if last := c.last(func(m *Message) bool { return !m.Private && m.Type != Activity }); last != nil {
		messages = append(messages, d.messageData(c, last))
	}
	data := map[string]any{
		"additional_attributes": map[string]any{}, "can_reply": true, "channel": "Channel::Api", "id": c.ID, "inbox_id": inbox, "messages": messages,
		"contact_inbox": map[string]any{
			"id": 55, "contact_id": c.Contact.ID, "inbox_id": inbox, "source_id": c.Contact.SourceID, "hmac_verified": false,
			"created_at": "2026-08-01T09:00:00.000Z", "updated_at": "2026-08-01T09:00:00.000Z", "pubsub_token": "pubsubTokenExample",
		},
		"labels": []any{}, "meta": map[string]any{
			"sender": d.contactData(c.Contact), "assignee": nil, "assignee_type": nil, "team": nil, "hmac_verified": false,
		},
		"status": c.Status, "custom_attributes": object(c.Attributes), "snoozed_until": nil, "unread_count": 0, "first_reply_created_at": nil,
		"priority": nil, "waiting_since": 0, "agent_last_seen_at": 0, "contact_last_seen_at": 0, "last_activity_at": d.now().Unix(),
		"timestamp": d.now().Unix(), "created_at": d.now().Unix(), "updated_at": float64(d.now().UnixMilli()) / 1000,
	}
	if last := c.last(func(m *Message) bool { return m.Type != Activity }); last != nil {
		data["last_non_activity_message"] = d.messageData(c, last)
	}
	return data
}

var typeNames = [...]string{Incoming: "incoming", Outgoing: "outgoing", Activity: "activity", Template: "template"}

// payload is the body of a webhook about a message.
func (d *Desk) payload(event string, c *conversation, m *Message) map[string]any {
	payload := map[string]any{
		"event": event, "id": m.ID, "content": m.Content, "content_type": m.contentType(), "content_attributes": object(m.Attributes),
		"message_type": typeNames[m.Type], "private": m.Private, "source_id": nil, "created_at": m.At.UTC().Format("2006-01-02T15:04:05.000Z"),
		"account": map[string]any{"id": AccountID, "name": "Example"}, "inbox": map[string]any{"id": InboxID, "name": "Apple Messages"},
		"additional_attributes": map[string]any{}, "conversation": d.conversationData(c), "sender": nil,
	}
	delete(payload["conversation"].(map[string]any), "last_non_activity_message") // it is the application API's
	if m.SourceID != "" {
		payload["source_id"] = m.SourceID
	}
	switch {
	case m.Type == Incoming:
		payload["sender"] = d.contactData(c.Contact)
	case m.Sender != "":
		payload["sender"] = d.agent(m.Sender, m.Bot)
	}
	if len(m.Attachments) > 0 {
		payload["attachments"] = attachments(m)
	}
	return payload
}

func (d *Desk) tell(event string, c *conversation, m *Message) {
	if m.Type != Activity {
		d.push(d.payload(event, c, m))
	}
}

func (d *Desk) tellConversation(event string, c *conversation, changed []any) {
	payload := d.conversationData(c)
	payload["event"], payload["changed_attributes"] = event, changed
	d.push(payload)
}

func (d *Desk) tellTyping(c *conversation, user map[string]any, on, private bool) {
	event := "conversation_typing_off"
	if on {
		event = "conversation_typing_on"
	}
	d.push(map[string]any{"event": event, "user": user, "conversation": d.conversationData(c), "is_private": private})
}

// push posts a webhook, or puts it away.
func (d *Desk) push(payload map[string]any) {
	body, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	if d.Bridge == "" {
		d.outbox = append(d.outbox, body)
		return
	}
	d.posts.Go(func() { d.post(body, payload) })
}

// post posts a webhook once. As in Chatwoot, a message that the other side does not take has failed.
func (d *Desk) post(body []byte, payload map[string]any) {
	req := d.sign(WebhookSecret, body, d.now())
	client := http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	reason := ""
	if err != nil {
		reason = "the webhook could not be posted"
	} else {
		_ = resp.Body.Close()
		if resp.StatusCode >= 300 {
			reason = resp.Status
		}
	}
	event, _ := payload["event"].(string)
	if reason == "" || event != "message_created" && event != "message_updated" {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conversations {
		if m := c.message(payload["id"].(int64)); m != nil && m.Status != "failed" {
			m.Status, m.ExternalError = "failed", reason
		}
	}
}

// sign makes a request to the bridge.
func (d *Desk) sign(secret string, body []byte, at time.Time) *http.Request {
	address := d.Bridge
	if address == "" {
		address = "http://bridge.test/webhooks/desk"
	}
	req, err := http.NewRequest(http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if d.Unsigned {
		req.URL.RawQuery = url.Values{"token": {secret}}.Encode()
		return req
	}
	timestamp := strconv.FormatInt(at.Unix(), 10)
	req.Header.Set("X-Chatwoot-Delivery", fmt.Sprintf("5a2e7c10-0000-4000-8000-%012d", hash(string(body))%1e12))
	req.Header.Set("X-Chatwoot-Timestamp", timestamp)
	req.Header.Set("X-Chatwoot-Signature", Sign(secret, timestamp, body))
	return req
}

// Sign makes the value of X-Chatwoot-Signature.
func Sign(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = fmt.Fprintf(mac, "%s.%s", timestamp, body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func hash(text string) int64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, text)
	return int64(h.Sum64() >> 2)
}

// Webhooks takes the requests that wait. With a source of chance some come twice and none in order, as Chatwoot's workers do.
func (d *Desk) Webhooks(chance *rand.Rand) []*http.Request {
	d.mu.Lock()
	bodies := d.outbox
	d.outbox = nil
	d.mu.Unlock()
	if chance != nil {
		for _, body := range bodies {
			if chance.IntN(3) == 0 {
				bodies = append(bodies, body)
			}
		}
		chance.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
	}
	var requests []*http.Request
	for _, body := range bodies {
		requests = append(requests, d.sign(WebhookSecret, body, d.now()))
	}
	return requests
}

// Post makes a signed request of a body.
func (d *Desk) Post(body []byte) *http.Request { return d.sign(WebhookSecret, body, d.now()) }

// Webhook is an agent's reply on its way to the bridge, whether there is such a conversation or not.
func (d *Desk) Webhook(reply fake.Reply, forgery fake.Forgery) *http.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := &conversation{ID: 1 + hash(reply.Customer)%1e9, Status: "open", Contact: &contact{
		ID: 42, SourceID: sourceIDOf(reply.Customer), Name: "Messages guest",
		Attributes: map[string]any{"apple_mbid": reply.Customer, "apple_business_id": reply.Business, "apple_context": "c2VhbGVk"},
	}}
	written := &Message{ID: 1 + hash(reply.ID), Type: Outgoing, Private: reply.Note, Content: reply.Text, Sender: agentName, At: d.now()}
	body, err := json.Marshal(d.payload("message_created", c, written))
	if err != nil {
		panic(err)
	}
	switch forgery {
	case fake.Unsigned:
		req := d.sign(WebhookSecret, body, d.now())
		req.Header.Del("X-Chatwoot-Signature")
		req.URL.RawQuery = ""
		return req
	case fake.WrongKey:
		return d.sign(Token, body, d.now()) // what the bridge sends must not come back as genuine
	case fake.Stale:
		if d.Unsigned {
			return nil
		}
		return d.sign(WebhookSecret, body, d.now().Add(-6*time.Minute))
	case fake.Altered:
		if d.Unsigned {
			return nil
		}
		req := d.sign(WebhookSecret, body, d.now())
		req.Body = io.NopCloser(strings.NewReader(strings.Replace(string(body), "Alice", "Malice", 1)))
		return req
	case fake.Malformed:
		return d.sign(WebhookSecret, []byte(`"`+reply.Text+`"`), d.now())
	}
	return d.sign(WebhookSecret, body, d.now())
}
