package chatwoottest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// answer is what a call comes to.
type answer struct {
	status int
	body   any // nil: none
}

func fault(status int, text string) answer { return answer{status, map[string]string{"error": text}} }

var notFound = fault(http.StatusNotFound, "Resource could not be found")

// input is what a call brings, however it is written.
type input struct {
	*http.Request
	fields map[string]any
	files  []file
}

func (in input) text(name string) string {
	text, _ := in.fields[name].(string)
	return text
}

func (in input) object(name string) map[string]any {
	object, _ := in.fields[name].(map[string]any)
	return object
}

func (in input) number(name string) int64 {
	n, _ := strconv.ParseInt(in.PathValue(name), 10, 64)
	return n
}

func (d *Desk) api() http.Handler {
	mux := http.NewServeMux()
	public := func(pattern string, call func(input, *contact) answer) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /public/api/v1/inboxes/{inbox}/contacts"+path, func(w http.ResponseWriter, req *http.Request) {
			d.serve(w, req, func(in input) answer {
				if in.PathValue("inbox") != Identifier {
					return notFound
				}
				who := d.contactBySource(in.PathValue("source"))
				if in.PathValue("source") != "" && who == nil {
					return notFound
				}
				return call(in, who)
			})
		})
	}
	public("POST ", d.createContact)
	public("GET /{source}", d.showContact)
	public("PATCH /{source}", d.updateContact)
	public("POST /{source}/conversations", d.createConversation)
	public("GET /{source}/conversations", d.listConversations)
	public("POST /{source}/conversations/{id}/messages", d.createPublicMessage)
	public("PATCH /{source}/conversations/{id}/messages/{message}", d.submitValues)
	public("POST /{source}/conversations/{id}/toggle_typing", d.toggleTyping)
	public("POST /{source}/conversations/{id}/toggle_status", d.toggleStatus)
	agent := func(pattern string, call func(input) answer) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, req *http.Request) {
			d.serve(w, req, func(in input) answer {
				if !hmac.Equal([]byte(rackHeader(in.Header, "api_access_token")), []byte(Token)) {
					return fault(http.StatusUnauthorized, "Invalid Access Token")
				}
				return call(in)
			})
		})
	}
	account := fmt.Sprintf("/api/v1/accounts/%d", AccountID)
	agent("GET /api/v1/profile", d.profile)
	agent("GET "+account+"/inboxes/{id}", d.showInbox)
	agent("GET "+account+"/webhooks", d.listWebhooks)
	agent("GET "+account+"/contacts/{id}/conversations", d.contactConversations)
	agent("GET "+account+"/conversations/{id}/messages", d.listMessages)
	agent("POST "+account+"/conversations/{id}/messages", d.createMessage)
	agent("PATCH "+account+"/conversations/{id}/messages/{message}", d.updateStatus)
	agent("POST "+account+"/conversations/{id}/custom_attributes", d.customAttributes)
	return mux
}

// rackHeader finds a header as Rack does, to which "-" and "_" are the same.
func rackHeader(header http.Header, name string) string {
	for key, values := range header {
		if strings.EqualFold(strings.ReplaceAll(key, "-", "_"), name) {
			return values[0]
		}
	}
	return ""
}

func (d *Desk) serve(w http.ResponseWriter, req *http.Request, call func(input) answer) {
	in, ok := readInput(req)
	if !ok {
		http.Error(w, `{"error": "bad request"}`, http.StatusBadRequest)
		return
	}
	d.mu.Lock()
	result := call(in)
	var body []byte
	if result.body != nil {
		body, _ = json.Marshal(result.body)
	}
	d.mu.Unlock()
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(result.status)
	_, _ = w.Write(body)
}

func readInput(req *http.Request) (input, bool) {
	in := input{Request: req, fields: make(map[string]any)}
	for name, values := range req.URL.Query() {
		in.fields[name] = values[0]
	}
	kind, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	switch kind {
	case "application/json":
		return in, json.NewDecoder(req.Body).Decode(&in.fields) == nil
	case "multipart/form-data":
		if req.ParseMultipartForm(64<<20) != nil {
			return in, false
		}
		for name, values := range req.MultipartForm.Value {
			in.fields[name] = values[0]
		}
		for _, header := range req.MultipartForm.File["attachments[]"] {
			opened, err := header.Open()
			if err != nil {
				return in, false
			}
			data, err := io.ReadAll(opened)
			if err != nil {
				return in, false
			}
			in.files = append(in.files, file{header.Filename, header.Header.Get("Content-Type"), data})
		}
	}
	return in, true
}

// hmacFails tells whether identity validation raises an error, of which Rails makes 500.
func (d *Desk) hmacFails(in input) bool {
	given := in.text("identifier_hash")
	if given == "" && !d.HMACMandatory {
		return false
	}
	mac := hmac.New(sha256.New, []byte(HMACToken))
	mac.Write([]byte(in.text("identifier")))
	return !hmac.Equal([]byte(given), []byte(hex.EncodeToString(mac.Sum(nil))))
}

var hmacFailed = fault(http.StatusInternalServerError, "HMAC failed: Invalid Identifier Hash Provided")

func (d *Desk) createContact(in input, _ *contact) answer {
	if d.hmacFails(in) {
		return hmacFailed
	}
	if too := tooLong(in.object("custom_attributes")); too != "" {
		return fault(http.StatusUnprocessableEntity, too)
	}
	who := d.contactBySource(in.text("source_id"))
	if who == nil {
		who = &contact{ID: d.next(), SourceID: in.text("source_id"), Name: in.text("name"), Attributes: in.object("custom_attributes")}
		d.contacts = append(d.contacts, who)
	}
	return answer{http.StatusOK, who.public()}
}

func (c *contact) public() map[string]any {
	return map[string]any{
		"source_id": c.SourceID, "pubsub_token": "pubsubTokenExample", "id": c.ID, "name": c.Name, "email": nil, "phone_number": nil,
	}
}

func (d *Desk) showContact(in input, who *contact) answer {
	if d.hmacFails(in) {
		return hmacFailed
	}
	return answer{http.StatusOK, who.public()}
}

func (d *Desk) updateContact(in input, who *contact) answer {
	if d.hmacFails(in) {
		return hmacFailed
	}
	if too := tooLong(in.object("custom_attributes")); too != "" {
		return fault(http.StatusUnprocessableEntity, too)
	}
	if who.Attributes == nil {
		who.Attributes = make(map[string]any)
	}
	maps.Copy(who.Attributes, in.object("custom_attributes"))
	return answer{http.StatusOK, who.public()}
}

// tooLong tells what Chatwoot says to an attribute that is longer than it allows.
func tooLong(attributes map[string]any) string {
	for name, value := range attributes {
		if text, ok := value.(string); ok && len([]rune(text)) > 1500 {
			return name + " length should be < 1500"
		}
	}
	return ""
}

func (d *Desk) createConversation(in input, who *contact) answer {
	if d.Locked {
		for _, each := range d.conversations {
			if each.Contact == who && !each.foreign {
				return answer{http.StatusOK, d.publicConversation(each)}
			}
		}
	}
	if too := tooLong(in.object("custom_attributes")); too != "" {
		return fault(http.StatusUnprocessableEntity, too)
	}
	begun := &conversation{ID: d.next(), Contact: who, Status: "open", Attributes: in.object("custom_attributes")}
	d.conversations = append(d.conversations, begun)
	return answer{http.StatusOK, d.publicConversation(begun)}
}

// orderedConversation writes the id first, as Chatwoot's templates do.
type orderedConversation struct {
	ID       int64            `json:"id"`
	UUID     string           `json:"uuid"`
	InboxID  string           `json:"inbox_id"`
	Status   string           `json:"status"`
	Messages []map[string]any `json:"messages"`
	Contact  map[string]any   `json:"contact"`
}

func (d *Desk) publicConversation(c *conversation) orderedConversation {
	shown := orderedConversation{c.ID, fmt.Sprintf("3f0e9d6a-0000-4000-8000-%012d", c.ID), Identifier, c.Status, []map[string]any{}, d.contactData(c.Contact)}
	for _, each := range c.Messages {
		if !each.Private && each.Type != Activity {
			shown.Messages = append(shown.Messages, d.publicMessage(c, each))
		}
	}
	return shown
}

func (d *Desk) publicMessage(c *conversation, m *Message) map[string]any {
	return map[string]any{
		"id": m.ID, "content": m.Content, "message_type": m.Type, "content_type": m.contentType(), "content_attributes": object(m.Attributes),
		"created_at": m.At.Unix(), "conversation_id": c.ID, "attachments": attachments(m), "sender": d.contactData(c.Contact),
	}
}

func (d *Desk) listConversations(_ input, who *contact) answer {
	list := []orderedConversation{}
	for _, each := range d.conversations {
		if each.Contact == who && !each.foreign {
			list = append(list, d.publicConversation(each))
		}
	}
	return answer{http.StatusOK, list}
}

func (d *Desk) createPublicMessage(in input, who *contact) answer {
	c := d.conversation(in.number("id"), who)
	if c == nil {
		return notFound
	}
	written := d.add(c, &Message{Type: Incoming, Content: in.text("content"), Sender: who.Name}, in.files)
	d.Inbox.Add(in.Context(), who.customer(), "", written.Content)
	return answer{http.StatusOK, d.publicMessage(c, written)}
}

func (d *Desk) submitValues(in input, who *contact) answer {
	c := d.conversation(in.number("id"), who)
	if c == nil || c.message(in.number("message")) == nil {
		return notFound
	}
	m := c.message(in.number("message"))
	values, ok := in.fields["submitted_values"].([]any)
	if !ok {
		return fault(http.StatusInternalServerError, "no submitted_values")
	}
	if m.Attributes == nil {
		m.Attributes = make(map[string]any)
	}
	m.Attributes["submitted_values"] = values
	d.Inbox.Add(in.Context(), who.customer(), "", submittedText(values))
	d.tell("message_updated", c, m)
	return answer{http.StatusOK, d.publicMessage(c, m)}
}

// submittedText is how agents see an answer below its question.
func submittedText(values []any) string {
	var lines []string
	for _, each := range values {
		value, _ := each.(map[string]any)
		line := fmt.Sprint(value["value"])
		if title, ok := value["title"].(string); ok && title != "" {
			line = title + " (" + line + ")"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, ", ")
}

func (d *Desk) toggleTyping(in input, who *contact) answer {
	c := d.conversation(in.number("id"), who)
	if c == nil {
		return notFound
	}
	c.Typing = in.text("typing_status") == "on"
	d.Inbox.Type(who.customer())
	d.tellTyping(c, map[string]any{"id": who.ID, "name": who.Name, "avatar": "", "type": "contact"}, c.Typing, false)
	return answer{http.StatusOK, nil}
}

func (d *Desk) toggleStatus(in input, who *contact) answer {
	c := d.conversation(in.number("id"), who)
	if c == nil {
		return notFound
	}
	if c.Status != "resolved" {
		d.setStatus(c, "resolved", who.Name)
		d.Inbox.Close(in.Context(), who.customer(), "")
	}
	return answer{http.StatusOK, d.publicConversation(c)}
}

func (d *Desk) contactConversations(in input) answer {
	list := []map[string]any{}
	for _, each := range slices.Backward(d.conversations) {
		if each.Contact.ID == in.number("id") {
			list = append(list, d.conversationData(each))
		}
	}
	if i := slices.IndexFunc(d.contacts, func(c *contact) bool { return c.ID == in.number("id") }); i < 0 {
		return notFound
	}
	return answer{http.StatusOK, map[string]any{"payload": list}}
}

func (d *Desk) listMessages(in input) answer {
	c := d.conversation(in.number("id"), nil)
	if c == nil {
		return notFound
	}
	before, _ := strconv.ParseInt(in.text("before"), 10, 64)
	list := []map[string]any{}
	for _, each := range slices.Backward(c.Messages) {
		if (before == 0 || each.ID < before) && len(list) < 20 {
			list = append(list, d.messageData(c, each))
		}
	}
	slices.Reverse(list)
	return answer{http.StatusOK, map[string]any{"meta": map[string]any{"labels": []any{}}, "payload": list}}
}

func (d *Desk) createMessage(in input) answer {
	c := d.conversation(in.number("id"), nil)
	switch {
	case c == nil:
		return notFound
	case len(in.files) > 15:
		return fault(http.StatusUnprocessableEntity, "exceeded maximum allowed")
	}
	written := &Message{Type: Outgoing, Content: in.text("content"), Private: in.fields["private"] == true || in.text("private") == "true", Sender: "Bridge"}
	if in.text("message_type") == "incoming" {
		written.Type, written.Sender = Incoming, c.Contact.Name
	}
	if !d.Old {
		written.SourceID = in.text("source_id")
	}
	d.add(c, written, in.files)
	who, text := c.Contact.customer(), written.Content
	for _, each := range written.Attachments {
		text += " [" + each.Name + "]"
	}
	switch {
	case written.Private:
		d.Inbox.Note(in.Context(), who, text)
	case written.Type == Incoming:
		d.Inbox.Add(in.Context(), who, "", text)
	}
	return answer{http.StatusOK, d.messageData(c, written)}
}

func (d *Desk) updateStatus(in input) answer {
	c := d.conversation(in.number("id"), nil)
	if c == nil || c.message(in.number("message")) == nil {
		return notFound
	}
	m := c.message(in.number("message"))
	m.Status, m.ExternalError = in.text("status"), in.text("external_error")
	d.Inbox.Note(in.Context(), c.Contact.customer(), m.ExternalError)
	return answer{http.StatusOK, d.messageData(c, m)}
}

func (d *Desk) customAttributes(in input) answer {
	c := d.conversation(in.number("id"), nil)
	if c == nil {
		return notFound
	}
	given := in.object("custom_attributes")
	if too := tooLong(given); too != "" {
		return fault(http.StatusUnprocessableEntity, too)
	}
	if merge, _ := in.fields["merge"].(bool); merge && !d.Old && c.Attributes != nil {
		maps.Copy(c.Attributes, given)
	} else {
		c.Attributes = given
	}
	d.Inbox.Keep(in.Context(), c.Contact.customer(), fmt.Sprint(c.Attributes["apple_choice"]))
	d.tellConversation("conversation_updated", c, nil)
	return answer{http.StatusOK, map[string]any{"custom_attributes": c.Attributes}}
}

func (d *Desk) profile(input) answer {
	return answer{http.StatusOK, map[string]any{"id": 3, "name": "Bridge", "accounts": []any{map[string]any{"id": AccountID, "role": "administrator"}}}}
}

func (d *Desk) showInbox(in input) answer {
	if in.number("id") != InboxID {
		return notFound
	}
	return answer{http.StatusOK, d.settings}
}

func (d *Desk) listWebhooks(input) answer {
	list := []any{}
	for _, each := range d.accountHooks {
		list = append(list, map[string]any{"url": each})
	}
	return answer{http.StatusOK, map[string]any{"payload": map[string]any{"webhooks": list}}}
}

func (d *Desk) redirect(w http.ResponseWriter, req *http.Request) {
	http.Redirect(w, req, "/rails/active_storage/disk/"+req.PathValue("id")+"/"+req.PathValue("name"), http.StatusFound)
}

func (d *Desk) download(w http.ResponseWriter, req *http.Request) {
	id, _ := strconv.ParseInt(req.PathValue("id"), 10, 64)
	d.mu.Lock()
	kept, ok := d.files[id]
	d.mu.Unlock()
	if !ok {
		http.NotFound(w, req)
		return
	}
	w.Header().Set("Content-Type", kept.mime)
	w.Header().Set("Content-Disposition", mime.FormatMediaType("inline", map[string]string{"filename": kept.name}))
	_, _ = w.Write(kept.data)
}
