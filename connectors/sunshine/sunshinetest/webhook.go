package sunshinetest

import (
	"encoding/json"
	"net/http"
	"strings"

	"bizbridge/connectors/connectortest/fake"
)

func writeJSON(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

// Post makes the request of a webhook with these events.
func Post(secret string, events ...map[string]any) *http.Request {
	body, err := json.Marshal(object{
		"app": object{"id": AppID}, "webhook": object{"id": "5e554d2cac66fb73a3c01871", "version": "v2"}, "events": events,
	})
	if err != nil {
		panic(err)
	}
	return PostBody(secret, string(body))
}

// PostBody makes the request of a webhook with any body. Without a secret it has no header for it.
func PostBody(secret, body string) *http.Request {
	req, err := http.NewRequest(http.MethodPost, "http://bridge.test/webhooks/desk", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if secret != "" {
		req.Header.Set("X-API-Key", secret)
	}
	return req
}

// Said is the event of a message in a conversation with these metadata. An agent wrote it, unless more says otherwise.
func Said(id string, metadata, content, more map[string]any) map[string]any {
	message := object{
		"id": id, "received": "2026-08-01T09:02:00.123Z", "content": content,
		"author": object{"type": "business", "displayName": "Alice", "subtypes": []string{"agent"}},
		"source": object{"type": "zd:agentWorkspace", "integrationId": "5ef21b86e933b7355c11c605"},
	}
	for key, value := range more {
		message[key] = value
	}
	return object{
		"id": "event-" + id, "createdAt": "2026-08-01T09:02:00.123Z", "type": "conversation:message",
		"payload": object{"conversation": object{"id": "029c31f25a21b47effd7be90", "type": "personal", "metadata": metadata}, "message": message},
	}
}

// Answer stores a message of an agent in a conversation and gives its event.
func (a *App) Answer(i int, content map[string]any) map[string]any {
	a.mu.Lock()
	defer a.mu.Unlock()
	conversation := a.conversations[i]
	event := Said(a.newID(), conversation.Metadata, content, nil)
	conversation.Messages = append(conversation.Messages, event["payload"].(object)["message"].(object))
	return event
}

// Webhook is an agent's reply on its way to the bridge. Sunshine Conversations does not sign: what is old or altered cannot
// be told.
func Webhook(reply fake.Reply, forgery fake.Forgery) *http.Request {
	metadata := object{"apple_mbid": reply.Customer, "apple_business_id": reply.Business}
	var more object
	if reply.Note {
		more = object{"metadata": object{"apple_note": "true"}, "source": object{"type": "api:conversations"}}
	}
	event := Said(reply.ID, metadata, object{"type": "text", "text": reply.Text}, more)
	switch forgery {
	case fake.Unsigned:
		return Post("", event)
	case fake.WrongKey:
		return Post(KeySecret, event) // what the bridge sends must not come back as genuine
	case fake.Stale, fake.Altered:
		return nil
	case fake.Malformed:
		return PostBody(WebhookSecret, `"`+reply.Text+`"`)
	}
	return Post(WebhookSecret, event)
}
