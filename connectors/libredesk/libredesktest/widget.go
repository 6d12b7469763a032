package libredesktest

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// widget is what stands before the widget's calls: their number in a minute, and the inbox.
func (d *Desk) widget(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if d.throttled() {
			w.Header().Set("Retry-After", "60")
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = w.Write([]byte(`{"status":"error","message":"Rate limit exceeded"}`))
			return
		}
		if req.Header.Get("X-Libredesk-Inbox-ID") != InboxID {
			refuse(w, http.StatusBadRequest, "InputException", "Inbox not found")
			return
		}
		next(w, req)
	}
}

func (d *Desk) throttled() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	d.widgetCalls = slices.DeleteFunc(d.widgetCalls, func(at time.Time) bool { return now.Sub(at) > time.Minute })
	d.widgetCalls = append(d.widgetCalls, now)
	return len(d.widgetCalls) > d.WidgetLimit
}

func (d *Desk) settings(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]any{"users": map[string]any{"allow_start_conversation": d.MayStart, "prevent_multiple_conversations": d.OneOnly}})
}

type claims struct {
	External   string         `json:"external_user_id"`
	Email      string         `json:"email"`
	First      string         `json:"first_name"`
	Last       string         `json:"last_name"`
	Attributes map[string]any `json:"contact_custom_attributes"`
	Expires    int64          `json:"exp"`
}

// claimsOf verifies a JSON Web Token.
func (d *Desk) claimsOf(token string) (who claims, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return who, false
	}
	mac := hmac.New(sha256.New, []byte(InboxSecret))
	mac.Write([]byte(parts[0] + "." + parts[1]))
	given, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !hmac.Equal(given, mac.Sum(nil)) {
		return who, false
	}
	head, _ := base64.RawURLEncoding.DecodeString(parts[0])
	body, _ := base64.RawURLEncoding.DecodeString(parts[1])
	if !strings.Contains(string(head), `"HS256"`) || json.Unmarshal(body, &who) != nil {
		return who, false
	}
	return who, who.Expires > d.Now().Unix()
}

func (d *Desk) exchange(w http.ResponseWriter, req *http.Request) {
	var body struct {
		JWT string `json:"jwt"`
	}
	if !readJSON(req, &body) || body.JWT == "" {
		refuse(w, http.StatusBadRequest, "InputException", "jwt Required")
		return
	}
	who, ok := d.claimsOf(body.JWT)
	switch {
	case !ok:
		refuse(w, http.StatusUnauthorized, "UnauthorizedException", "Unauthorized")
		return
	case who.External == "" || len(who.External) > 128:
		refuse(w, http.StatusBadRequest, "InputException", "external_user_id Required")
		return
	case who.Email == "" || len(who.Email) > 254 || who.First == "" || len(who.First) > 128 || len(who.Last) > 128:
		refuse(w, http.StatusBadRequest, "InputException", "email Required")
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	known := d.byExternal(who.External)
	if known == nil {
		known = &contact{id: d.next(), external: who.External, token: "session-of-" + uuid(), attributes: map[string]any{}}
		d.contacts = append(d.contacts, known)
	}
	known.first, known.last, known.email = who.First, cmp.Or(who.Last, known.last), strings.ToLower(who.Email) // over what agents have written
	maps.Copy(known.attributes, who.Attributes)
	answer(w, map[string]any{
		"session_token": known.token,
		"user":          map[string]any{"user_id": known.id, "is_visitor": false, "first_name": known.first, "last_name": known.last},
	})
}

// init begins a conversation. Without a token LibreDesk would make a visitor, whom nobody knows again.
func (d *Desk) init(w http.ResponseWriter, req *http.Request) {
	var body struct {
		Message string `json:"message"`
	}
	if !readJSON(req, &body) || body.Message == "" || len(body.Message) > 10_000 {
		refuse(w, http.StatusBadRequest, "InputException", "message Required, at most 10000")
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	token, _ := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	at := slices.IndexFunc(d.contacts, func(one *contact) bool { return one.token == token })
	if at < 0 {
		refuse(w, http.StatusUnauthorized, "UnauthorizedException", "Unauthorized")
		return
	}
	who := d.contacts[at]
	if !d.MayStart {
		refuse(w, http.StatusBadRequest, "InputException", "Not allowed.")
		return
	}
	if d.OneOnly && slices.ContainsFunc(d.conversations, func(one *conversation) bool { return one.contact == who }) {
		refuse(w, http.StatusForbidden, "PermissionException", "Multiple conversations are not allowed")
		return
	}
	begun := d.begin(who)
	said := d.add(begun, &message{kind: "incoming", status: "received", content: body.Message, contentType: "text", sender: "contact", author: who.author()})
	d.Inbox.Add(req.Context(), who.customer(), "", body.Message)
	d.hook("message.created", d.messageJSON(begun, said))
	d.hook("conversation.created", d.conversationJSON(begun))
	answer(w, map[string]any{
		"conversation": map[string]any{"created_at": begun.created, "uuid": begun.uuid, "status": begun.status},
		"messages":     []any{d.messageJSON(begun, said)},
	})
}
