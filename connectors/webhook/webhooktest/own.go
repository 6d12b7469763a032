package webhooktest

import (
	"crypto/subtle"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"bizbridge/connectors/connectortest/fake"
)

// Token is what the [OwnDesk] wants of the bridge, and WebhookToken what it sends of its own, in the header TokenHeader.
const (
	Token        = "t0ken-of-the-desk-s-api"
	WebhookToken = "t0ken-of-the-desk-s-webhooks"
	TokenHeader  = "X-Desk-Token"
)

// OwnDesk is a helpdesk with a JSON of its own, which a mapping translates:
//
//	POST /api/messages {from, text} → 201 {id}; the same Idempotency-Key is the same message
//	PUT /api/typing {from, on} → 204
//	POST /api/close {from} → 204
//
// each with "Authorization: Bearer …", and webhooks {event: "message_created", message: {id, business, to, author, text}}.
type OwnDesk struct {
	Script fake.Script
	Inbox  fake.Inbox
	URL    string
	Stop   func()
}

// StartOwn starts one.
func StartOwn(t interface{ Fatal(...any) }) *OwnDesk {
	desk := &OwnDesk{}
	api := http.NewServeMux()
	api.HandleFunc("POST /api/messages", desk.take)
	api.HandleFunc("PUT /api/typing", desk.take)
	api.HandleFunc("POST /api/close", desk.take)
	address, stop := fake.Serve(t, desk.Script.Wrap(api))
	desk.URL = address
	desk.Stop = func() {
		desk.Script.Release()
		stop()
	}
	return desk
}

func (d *OwnDesk) take(w http.ResponseWriter, req *http.Request) {
	var body struct {
		From string `json:"from"`
		Text string `json:"text"`
	}
	key := req.Header.Get("Idempotency-Key")
	switch {
	case subtle.ConstantTimeCompare([]byte(req.Header.Get("Authorization")), []byte("Bearer "+Token)) == 0:
		http.Error(w, "not authorized", http.StatusUnauthorized)
		return
	case req.Header.Get("Content-Type") != "application/json" || key == "":
		http.Error(w, "no JSON, or no Idempotency-Key", http.StatusBadRequest)
		return
	}
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil || body.From == "" {
		http.Error(w, "no JSON with from", http.StatusBadRequest)
		return
	}
	switch req.URL.Path {
	case "/api/messages":
		d.Inbox.Add(req.Context(), body.From, key, body.Text)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]string{"id": "desk " + key})
		return
	case "/api/close":
		d.Inbox.Close(req.Context(), body.From, key)
	case "/api/typing":
		d.Inbox.Type(body.From)
	}
	w.WriteHeader(http.StatusNoContent)
}

// ownBody is a webhook of the [OwnDesk].
func ownBody(reply fake.Reply) string {
	body, err := json.Marshal(map[string]any{"event": "message_created", "message": map[string]any{
		"id": reply.ID, "business": reply.Business, "to": reply.Customer, "author": "Ada", "text": reply.Text,
	}})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// OwnWebhook is an agent's reply of the [OwnDesk], signed.
func OwnWebhook(reply fake.Reply, forgery fake.Forgery) *http.Request {
	id, body, now := "msg_"+reply.ID, ownBody(reply), time.Now()
	switch forgery {
	case fake.Unsigned:
		req := Post(VerifySecret, id, now, body)
		req.Header.Del("webhook-signature")
		return req
	case fake.WrongKey:
		return Post(Secret, id, now, body)
	case fake.Stale:
		return Post(VerifySecret, id, now.Add(-6*time.Minute), body)
	case fake.Altered:
		req := Post(VerifySecret, id, now, body)
		req.Body = io.NopCloser(strings.NewReader(strings.Replace(body, "Ada", "Eve", 1)))
		return req
	case fake.Malformed:
		return Post(VerifySecret, id, now, `"`+reply.Text+`"`)
	}
	return Post(VerifySecret, id, now, body)
}

// OwnWebhookWithToken is the same of a helpdesk that cannot sign: what is old or altered cannot be told.
func OwnWebhookWithToken(reply fake.Reply, forgery fake.Forgery) *http.Request {
	body := ownBody(reply)
	if forgery == fake.Malformed {
		body = `"` + reply.Text + `"`
	}
	req, err := http.NewRequest(http.MethodPost, "http://bridge.test/webhooks/desk", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(TokenHeader, WebhookToken)
	switch forgery {
	case fake.Unsigned:
		req.Header.Del(TokenHeader)
	case fake.WrongKey:
		req.Header.Set(TokenHeader, Token) // what the bridge sends must not come back as genuine
	case fake.Stale, fake.Altered:
		return nil
	}
	return req
}
