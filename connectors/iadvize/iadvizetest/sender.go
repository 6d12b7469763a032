// Package iadvizetest is iAdvize's side of its webhooks, to test the connector against. It is written from iAdvize's
// documentation (docs.iadvize.dev: App security, Webhooks), and shares no code with the connector. iAdvize has nothing that
// the bridge could call.
package iadvizetest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"bizbridge/connectors/connectortest/fake"
)

// Secret is the secret token of the app; OtherSecret is that of somebody else's.
const (
	Secret      = "0f3a9c5e-secret-token-of-the-app"
	OtherSecret = "7b21d04c-secret-token-of-another"
)

// SignatureHeader holds what iAdvize signs with, CorrelationHeader what all attempts at one webhook have in common.
const (
	SignatureHeader   = "X-iAdvize-Signature"
	DeliveryHeader    = "X-iAdvize-Delivery"
	CorrelationHeader = "X-iAdvize-CorrelationId"
)

// address is where the bridge takes webhooks, for requests that are not sent over a socket.
const address = "http://bridge.test/webhooks/iadvize"

// Sign is the value of [SignatureHeader] for a raw body or a raw query.
func Sign(secret, text string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = io.WriteString(mac, text)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// Post makes a signed webhook.
func Post(secret, body string) *http.Request {
	req := request(http.MethodPost, address, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(SignatureHeader, Sign(secret, body))
	return req
}

// Get makes a signed GET, whose query stands as it is.
func Get(secret, query string) *http.Request {
	target := address
	if query != "" {
		target += "?" + query
	}
	req := request(http.MethodGet, target, nil)
	req.Header.Set(SignatureHeader, Sign(secret, query))
	return req
}

func request(method, target string, body io.Reader) *http.Request {
	req, err := http.NewRequest(method, target, body)
	if err != nil {
		panic(err)
	}
	if body == nil {
		req.Body = http.NoBody // as a server has it
	}
	req.Header.Set(CorrelationHeader, "0c5d0000-0000-4000-8000-000000000002")
	req.Header.Set(DeliveryHeader, "0c5d0000-0000-4000-8000-000000000001")
	return req
}

// Event is the body of a webhook of a type, with further members.
func Event(eventType string, more map[string]any) string {
	event := map[string]any{
		"eventId": "8d7c1b10-0000-4000-8000-000000000001", "eventType": eventType, "platform": "ha", "projectId": 456, "clientId": 123,
		"createdAt": "2026-08-01T09:00:00Z", "sentAt": "2026-08-01T09:00:01Z",
	}
	for name, value := range more {
		event[name] = value
	}
	body, err := json.Marshal(event)
	if err != nil {
		panic(err)
	}
	return string(body)
}

// Closed is the webhook about the end of a conversation; nil for a forgery that iAdvize's scheme, which has no time, cannot
// tell.
func Closed(conversation string, forgery fake.Forgery) *http.Request {
	body := Event("v2.conversation.closed", map[string]any{
		"conversationId": conversation, "operatorIds": []int{789}, "channel": "CHAT", "visitorId": "5b7f0d6e-0000-4000-8000-000000000001",
	})
	switch forgery {
	case fake.Unsigned:
		req := Post(Secret, body)
		req.Header.Del(SignatureHeader)
		return req
	case fake.WrongKey:
		return Post(OtherSecret, body)
	case fake.Stale:
		return nil
	case fake.Altered:
		req := Post(Secret, body)
		req.Body = io.NopCloser(strings.NewReader(strings.Replace(body, "789", "790", 1)))
		return req
	case fake.Malformed:
		return Post(Secret, `"`+conversation+`"`)
	}
	return Post(Secret, body)
}

// Call sends a request as iAdvize does, over a socket: twice more where the answer is 4xx or 5xx, with the same correlation
// id. iAdvize waits 10 and 20 seconds; this does not.
func Call(client *http.Client, bridge string, newRequest func() *http.Request) (statuses []int, err error) {
	for range 3 {
		made := newRequest()
		req, err := http.NewRequest(made.Method, bridge+made.URL.RequestURI(), made.Body)
		if err != nil {
			return statuses, err
		}
		req.Header = made.Header
		resp, err := client.Do(req)
		if err != nil {
			return statuses, err
		}
		_ = resp.Body.Close()
		statuses = append(statuses, resp.StatusCode)
		if resp.StatusCode < 400 {
			break
		}
	}
	return statuses, nil
}
