package infobiptest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"bizbridge/connectors/connectortest/fake"
)

// Sign is the signature of a request of an Exchange app: lower-case hex of HMAC-SHA-256 over the timestamp and the body.
func Sign(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(timestamp))
	_, _ = mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// Signed is a request of an Exchange app.
func Signed(secret string, at time.Time, body string) *http.Request {
	req := request(body)
	timestamp := strconv.FormatInt(at.UnixMilli(), 10)
	req.Header.Set("X-Ib-Exchange-Req-AccountKey", "8F0792F86035A9F4290821F1EE6BC06A")
	req.Header.Set("X-Ib-Exchange-Req-Timestamp", timestamp)
	req.Header.Set("X-Ib-Exchange-Req-Signature", Sign(secret, timestamp, []byte(body)))
	return req
}

// WithToken is a webhook that is not signed, with a header that only both sides know.
func WithToken(header, token, body string) *http.Request {
	req := request(body)
	req.Header.Set(header, token)
	return req
}

func request(body string) *http.Request {
	req, err := http.NewRequest(http.MethodPost, "http://bridge.test/webhooks/infobip", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Java-http-client/20")
	return req
}

// body is an agent's reply through the Open Channel, or the event of a note in Conversations.
func body(reply fake.Reply) string {
	message := map[string]any{
		"sender": Channel, "destination": reply.Customer,
		"message":      map[string]any{"body": map[string]any{"type": "TEXT", "text": reply.Text}},
		"callbackData": map[string]any{"apple_message_id": "9d1c2b5e-0000-4000-8000-000000000001", "biz": reply.Business, "apple_context": "c2VhbGVk"},
	}
	if reply.Note {
		message = NoteAdded(reply.Customer, reply.Text)
	}
	text, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// NoteAdded is the event of a note.
func NoteAdded(customer, text string) map[string]any {
	event := conversationEvent("CONVERSATION_NOTE_ADDED", "OPEN", customer)
	event["payload"].(map[string]any)["note"] = map[string]any{"id": "c0cc9ec3-9b59-4c2a-8230-421530f5329c", "type": "INTERNAL", "content": text}
	return event
}

// StatusUpdated is the event of a conversation whose status an agent has changed.
func StatusUpdated(customer, status string) map[string]any {
	return conversationEvent("CONVERSATION_STATUS_UPDATED", status, customer)
}

func conversationEvent(kind, status, customer string) map[string]any {
	return map[string]any{
		"type": kind, "timestamp": "2026-08-01T09:02:00.000+0000",
		"payload": map[string]any{
			"id": "b9263ee4-93b9-4352-912a-3b558f751276", "shortId": "100", "status": status, "channel": "OPEN_CHANNEL", "direction": "INBOUND",
			"customer":    map[string]any{"id": "35b5e5b7-ac4a-40dc-872f-2a1403bcd769", "name": "Messages guest", "personId": "2500"},
			"lastMessage": map[string]any{"from": Channel, "to": customer, "direction": "OUTBOUND", "channel": "OPEN_CHANNEL"},
			"invoker":     map[string]any{"type": "AGENT", "id": "fbcfe58e-a5c3-3a80-b569-f631dbb27c41", "name": "Alice Agent"},
			"tags":        []any{},
		},
	}
}

// SignedWebhook is an agent's reply that an Exchange app signs.
func SignedWebhook(reply fake.Reply, forgery fake.Forgery) *http.Request {
	text, now := body(reply), time.Now()
	switch forgery {
	case fake.Unsigned:
		req := Signed(SigningSecret, now, text)
		req.Header.Del("X-Ib-Exchange-Req-Signature")
		return req
	case fake.WrongKey:
		return Signed(APIKey, now, text) // what the bridge knows must not make a webhook genuine
	case fake.Stale:
		return Signed(SigningSecret, now.Add(-2*time.Hour), text)
	case fake.Altered:
		req := Signed(SigningSecret, now, text)
		req.Body = io.NopCloser(strings.NewReader(strings.Replace(text, "TEXT", "JSON", 1)))
		return req
	case fake.Malformed:
		return Signed(SigningSecret, now, `"`+reply.Text+`"`)
	}
	return Signed(SigningSecret, now, text)
}

// TokenWebhook is an agent's reply with a token: what is old or altered cannot be told.
func TokenWebhook(reply fake.Reply, forgery fake.Forgery) *http.Request {
	switch forgery {
	case fake.Unsigned:
		return request(body(reply))
	case fake.WrongKey:
		return WithToken(WebhookHeader, APIKey, body(reply))
	case fake.Stale, fake.Altered:
		return nil
	case fake.Malformed:
		return WithToken(WebhookHeader, WebhookSecret, `"`+reply.Text+`"`)
	}
	return WithToken(WebhookHeader, WebhookSecret, body(reply))
}
