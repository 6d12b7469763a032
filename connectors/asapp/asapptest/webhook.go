package asapptest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"bizbridge/connectors/connectortest/fake"
)

// Post is a webhook of the program that has the agents' answers, signed as Standard Webhooks says.
func Post(secret, id string, at time.Time, body string) *http.Request {
	req, err := http.NewRequest(http.MethodPost, "http://bridge.test/webhooks/asapp", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	timestamp := strconv.FormatInt(at.Unix(), 10)
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		panic(err)
	}
	mac := hmac.New(sha256.New, key)
	_, _ = io.WriteString(mac, id+"."+timestamp+"."+body)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", timestamp)
	req.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return req
}

// Send is the body of such a webhook.
func Send(reply fake.Reply) string {
	body, err := json.Marshal(map[string]any{
		"type": "message.send", "timestamp": "2026-08-01T09:02:00Z",
		"data": map[string]any{
			"id": reply.ID, "business_id": reply.Business, "customer_id": reply.Customer, "context": "c2VhbGVk",
			"sender": map[string]any{"kind": "agent", "name": "Ada"}, "content": map[string]any{"kind": "text", "text": reply.Text},
		},
	})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// Webhook is an agent's answer. Of a note nobody is told.
func Webhook(reply fake.Reply, forgery fake.Forgery) *http.Request {
	if reply.Note {
		return nil
	}
	body, now := Send(reply), time.Now()
	switch forgery {
	case fake.Unsigned:
		req := Post(WebhookSecret, "msg_1", now, body)
		req.Header.Del("webhook-signature")
		return req
	case fake.WrongKey:
		return Post("whsec_YW5vdGhlciBzZWNyZXQsIHdoaWNoIG5vYm9keSBrbm93cw==", "msg_1", now, body)
	case fake.Stale:
		return Post(WebhookSecret, "msg_1", now.Add(-time.Hour), body)
	case fake.Altered:
		req := Post(WebhookSecret, "msg_1", now, body)
		req.Body = io.NopCloser(strings.NewReader(strings.Replace(body, reply.Text, reply.Text+"!", 1)))
		return req
	case fake.Malformed:
		return Post(WebhookSecret, "msg_1", now, "this is not JSON")
	}
	return Post(WebhookSecret, "msg_1", now, body)
}
