package libredesktest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// agent is what stands before the REST API: the key, and the permission.
func (d *Desk) agent(permission string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.Header.Get("Authorization") != "token "+APIKey+":"+APISecret:
			refuse(w, http.StatusUnauthorized, "GeneralException", "Invalid API credentials")
		case permission != "" && !slices.Contains(d.Permissions, permission):
			refuse(w, http.StatusForbidden, "PermissionException", "Permission denied")
		default:
			next(w, req)
		}
	}
}

func (d *Desk) me(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]any{"id": 2, "first_name": "Bridge", "type": "agent", "enabled": true, "permissions": d.Permissions})
}

func (d *Desk) inboxes(w http.ResponseWriter, _ *http.Request) {
	inbox := map[string]any{"id": 2, "uuid": InboxID, "name": "Apple Messages", "channel": "livechat", "enabled": true, "linked_email_inbox_id": nil}
	if d.Linked {
		inbox["linked_email_inbox_id"] = 1
	}
	answer(w, []any{map[string]any{"id": 1, "uuid": "11111111-1111-4111-8111-111111111111", "name": "Mail", "channel": "email"}, inbox})
}

func (d *Desk) webhooks(w http.ResponseWriter, _ *http.Request) { answer(w, d.Hooks) }

// list finds the conversations of one contact.
func (d *Desk) list(w http.ResponseWriter, req *http.Request) {
	var filters []struct{ Model, Field, Operator, Value string }
	if err := json.Unmarshal([]byte(req.URL.Query().Get("filters")), &filters); err != nil {
		refuse(w, http.StatusInternalServerError, "GeneralException", "invalid filters")
		return
	}
	external := ""
	for _, one := range filters {
		switch {
		case one.Operator != "equals":
			refuse(w, http.StatusInternalServerError, "GeneralException", "an operator that this desk does not know")
			return
		case one.Model == "users" && one.Field == "external_user_id":
			external = one.Value
		case one.Model == "inboxes" && one.Field == "channel" && one.Value == "livechat":
		default:
			refuse(w, http.StatusInternalServerError, "GeneralException", "a filter that this desk does not know")
			return
		}
	}
	size, _ := strconv.Atoi(req.URL.Query().Get("page_size"))
	d.mu.Lock()
	defer d.mu.Unlock()
	rows := []map[string]any{}
	for _, one := range d.newestFirst() {
		if one.contact.external == external && len(rows) < size {
			rows = append(rows, map[string]any{
				"id": one.id, "uuid": one.uuid, "status": one.status, "inbox_channel": "livechat", "inbox_name": "Apple Messages",
				"last_message_at": one.last,
				"contact":         map[string]any{"first_name": one.contact.first, "last_name": one.contact.last, "email": one.contact.email, "avatar_url": nil},
			})
		}
	}
	answer(w, map[string]any{"results": rows, "total": len(rows), "per_page": size, "total_pages": 1, "page": 1})
}

func (d *Desk) newestFirst() []*conversation {
	sorted := slices.Clone(d.conversations)
	slices.SortStableFunc(sorted, func(a, b *conversation) int { return b.last.Compare(a.last) })
	return sorted
}

// asked finds the conversation of a path, with the lock held if there is one.
func (d *Desk) asked(w http.ResponseWriter, req *http.Request) *conversation {
	d.mu.Lock()
	found := d.conversation(req.PathValue("uuid"))
	if found == nil {
		d.mu.Unlock()
		refuse(w, http.StatusNotFound, "NotFoundException", "Not found")
	}
	return found
}

func (d *Desk) get(w http.ResponseWriter, req *http.Request) {
	if found := d.asked(w, req); found != nil {
		defer d.mu.Unlock()
		answer(w, d.conversationJSON(found))
	}
}

func (d *Desk) setAttributes(w http.ResponseWriter, req *http.Request) {
	found := d.asked(w, req)
	if found == nil {
		return
	}
	defer d.mu.Unlock()
	var attributes map[string]any
	if !readJSON(req, &attributes) {
		refuse(w, http.StatusInternalServerError, "InputException", "Error parsing request")
		return
	}
	maps.Copy(found.contact.attributes, attributes)
	answer(w, true)
}

func (d *Desk) putStatus(w http.ResponseWriter, req *http.Request) {
	found := d.asked(w, req)
	if found == nil {
		return
	}
	defer d.mu.Unlock()
	var body struct{ Status string }
	if !readJSON(req, &body) || !slices.Contains([]string{Open, Resolved, Closed}, body.Status) {
		refuse(w, http.StatusBadRequest, "InputException", "status is empty")
		return
	}
	d.change(found, body.Status)
	if body.Status == Resolved {
		d.Inbox.Close(req.Context(), found.contact.customer(), "")
	}
	answer(w, true)
}

// change gives a conversation another status, and says so as LibreDesk does.
func (d *Desk) change(one *conversation, status string) {
	previous := one.status
	one.status = status
	d.hook("conversation.status_changed", map[string]any{
		"actor_id": 3, "conversation": d.conversationJSON(one), "conversation_uuid": one.uuid,
		"new_status": status, "previous_status": previous, "snooze_until": "",
	})
	said := d.add(one, &message{
		kind: "activity", status: "sent", content: "Alice Agent marked the conversation as " + status, contentType: "text", private: true,
		sender: "agent", author: agentAuthor(), meta: map[string]any{"activity_type": "status_change"},
	})
	d.hook("message.created", d.messageJSON(one, said))
}

// write takes a message of the contact's, or a note.
func (d *Desk) write(w http.ResponseWriter, req *http.Request) {
	found := d.asked(w, req)
	if found == nil {
		return
	}
	defer d.mu.Unlock()
	var body struct {
		Message     string
		Attachments []int
		Private     bool
		SenderType  string `json:"sender_type"`
	}
	switch {
	case !readJSON(req, &body):
		refuse(w, http.StatusInternalServerError, "InputException", "Error parsing request")
		return
	case strings.Contains(body.Message, "\x00"):
		refuse(w, http.StatusInternalServerError, "GeneralException", "pq: invalid byte sequence")
		return
	case body.SenderType == "contact" && body.Private || body.SenderType != "contact" && body.SenderType != "agent":
		refuse(w, http.StatusBadRequest, "InputException", "Bad request")
		return
	case body.SenderType == "contact" && !slices.Contains(d.Permissions, "messages:write_as_contact"):
		refuse(w, http.StatusForbidden, "PermissionException", "Permission denied")
		return
	case body.SenderType == "agent" && strings.Contains(body.Message, "{{"):
		body.Message = strings.NewReplacer("{{", "", "}}", "").Replace(body.Message) + " (a template was filled in)"
	}
	said := &message{content: body.Message, contentType: "html", private: body.Private, files: d.attach(body.Attachments), sender: body.SenderType}
	customer := found.contact.customer()
	switch {
	case body.SenderType == "contact":
		said.kind, said.status, said.author = "incoming", "received", found.contact.author()
		d.Inbox.Add(req.Context(), customer, "", readable(said))
	case body.Private:
		said.kind, said.status, said.author = "outgoing", "sent", agentAuthor()
		d.Inbox.Note(req.Context(), customer, readable(said))
	default:
		said.kind, said.status, said.author = "outgoing", "pending", agentAuthor()
	}
	d.add(found, said)
	d.hook("message.created", d.messageJSON(found, said))
	if body.SenderType == "contact" && found.status != Open {
		found.status = Open
	}
	answer(w, d.messageJSON(found, said))
}

// attach takes the files that belong to no message yet.
func (d *Desk) attach(ids []int) (attached []*file) {
	for _, one := range d.files {
		if slices.Contains(ids, one.id) && !one.used {
			one.used = true
			attached = append(attached, one)
		}
	}
	return attached
}

func (d *Desk) upload(w http.ResponseWriter, req *http.Request) {
	form, header, err := req.FormFile("files")
	if err != nil {
		refuse(w, http.StatusBadRequest, "InputException", "File not found")
		return
	}
	defer form.Close()
	data, err := io.ReadAll(form)
	extension := strings.TrimPrefix(strings.ToLower(filepath.Ext(header.Filename)), ".")
	switch {
	case err != nil || len(data) == 0:
		refuse(w, http.StatusBadRequest, "InputException", "File is empty")
		return
	case len(data) > d.MaxUpload:
		refuse(w, http.StatusRequestEntityTooLarge, "GeneralException", "File size is too large")
		return
	case !slices.Contains(d.Extensions, "*") && !slices.Contains(d.Extensions, extension):
		refuse(w, http.StatusBadRequest, "InputException", "File type not allowed")
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	kept := &file{id: d.next(), uuid: uuid(), name: header.Filename, mime: header.Header.Get("Content-Type"), data: data}
	d.files = append(d.files, kept)
	answer(w, map[string]any{"id": kept.id, "uuid": kept.uuid, "filename": kept.name, "content_type": kept.mime, "size": len(data)})
}

// fileURL is an address that works for an hour.
func (d *Desk) fileURL(one *file) string {
	root := d.RootURL
	if root == "" {
		root = d.URL
	}
	expires := strconv.FormatInt(d.Now().Add(time.Hour).Unix(), 10)
	return root + "/uploads/" + one.uuid + "?" + url.Values{"sig": {d.fileSignature(one.uuid, expires)}, "exp": {expires}}.Encode()
}

func (d *Desk) fileSignature(uuid, expires string) string {
	return fmt.Sprintf("%.32s", sum("the-encryption-key-of-the-desk", uuid+":"+expires))
}

func (d *Desk) download(w http.ResponseWriter, req *http.Request) {
	query := req.URL.Query()
	expires, err := strconv.ParseInt(query.Get("exp"), 10, 64)
	if err != nil || query.Get("sig") != d.fileSignature(req.PathValue("uuid"), query.Get("exp")) || d.Now().Unix() > expires {
		refuse(w, http.StatusForbidden, "PermissionException", "Invalid or expired URL")
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, one := range d.files {
		if one.uuid == req.PathValue("uuid") {
			w.Header().Set("Content-Type", one.mime)
			w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", one.name))
			w.Header().Set("X-Content-Type-Options", "nosniff")
			_, _ = w.Write(one.data)
			return
		}
	}
	refuse(w, http.StatusNotFound, "NotFoundException", "Not found")
}
