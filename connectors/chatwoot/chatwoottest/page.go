package chatwoottest

import (
	_ "embed"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

//go:embed page.html
var pageSource string

var pageTemplate = template.Must(template.New("page").Parse(pageSource))

// shownMessage is a message as agents see it.
type shownMessage struct {
	Message
	Side      string // in, out, note, activity
	Time      string
	Items     []string
	Submitted string
}

type shownConversation struct {
	ID         int64
	Name       string
	Status     string
	Typing     bool
	Attributes map[string]any
	Messages   []shownMessage
}

// page shows the conversations, the newest first, and forms to take part in them.
func (d *Desk) page(w http.ResponseWriter, _ *http.Request) {
	d.mu.Lock()
	var list []shownConversation
	for _, c := range slices.Backward(d.conversations) {
		if !c.foreign {
			list = append(list, show(c))
		}
	}
	d.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_ = pageTemplate.Execute(w, list)
}

func show(c *conversation) shownConversation {
	shown := shownConversation{ID: c.ID, Name: c.Contact.Name, Status: c.Status, Typing: c.Typing, Attributes: map[string]any{}}
	for _, attributes := range []map[string]any{c.Contact.Attributes, c.Attributes} {
		for name, value := range attributes {
			if text, ok := value.(string); ok && text != "" && len(text) < 60 {
				shown.Attributes[name] = text
			}
		}
	}
	for _, each := range c.Messages {
		shown.Messages = append(shown.Messages, showMessage(each))
	}
	return shown
}

func showMessage(m *Message) shownMessage {
	shown := shownMessage{Message: *m, Side: "out", Time: m.At.Format("15:04:05")}
	switch {
	case m.Private:
		shown.Side = "note"
	case m.Type == Incoming:
		shown.Side = "in"
	case m.Type == Activity:
		shown.Side = "activity"
	}
	items, _ := m.Attributes["items"].([]any)
	for _, each := range items {
		one, _ := each.(map[string]any)
		for _, name := range []string{"title", "label", "name"} {
			if title, ok := one[name].(string); ok {
				shown.Items = append(shown.Items, title)
				break
			}
		}
	}
	if values, ok := m.Attributes["submitted_values"].([]any); ok {
		shown.Submitted = submittedText(values)
	}
	return shown
}

// samples are messages that only bots and automations can send in Chatwoot.
var samples = map[string]Message{
	"select": {Content: "Which size?", ContentType: "input_select", Attributes: map[string]any{"items": []any{
		map[string]any{"title": "Small", "value": "S"}, map[string]any{"title": "Large", "value": "L"},
	}}},
	"cards": {Content: "Our picks", ContentType: "cards", Attributes: map[string]any{"items": []any{
		map[string]any{"title": "Phone", "description": "128 GB", "actions": []any{map[string]any{"type": "postback", "text": "Select", "payload": "SKU-1"}}},
		map[string]any{"title": "Tablet", "description": "256 GB", "actions": []any{map[string]any{"type": "postback", "text": "Select", "payload": "SKU-2"}}},
	}}},
	"form": {Content: "Your details", ContentType: "form", Attributes: map[string]any{"items": []any{
		map[string]any{"name": "email", "type": "email", "label": "E-mail", "placeholder": "you@example.com"},
		map[string]any{"name": "reason", "type": "select", "label": "Reason", "options": []any{
			map[string]any{"label": "Return", "value": "return"}, map[string]any{"label": "Other", "value": "other"},
		}},
	}}},
	"article": {Content: "Read this", ContentType: "article", Attributes: map[string]any{"items": []any{
		map[string]any{"title": "Returns", "description": "How to return", "link": "https://example.com/returns"},
	}}},
}

// act is what an agent does on the page.
func (d *Desk) act(w http.ResponseWriter, req *http.Request) {
	if site := req.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		http.Error(w, "not from this page", http.StatusForbidden)
		return
	}
	id, _ := strconv.ParseInt(req.PostFormValue("conversation"), 10, 64)
	d.mu.Lock()
	known := d.conversation(id, nil) != nil
	d.mu.Unlock()
	if !known {
		http.Error(w, "there is no such conversation", http.StatusNotFound)
		return
	}
	text := req.PostFormValue("text")
	switch action := req.PostFormValue("action"); action {
	case "resolved", "open":
		d.Resolve(id, action)
	case "typing":
		d.AgentTypes(id, true, false)
	case "reply", "note":
		if text != "" {
			d.Write(id, Message{Type: Outgoing, Content: text, Private: action == "note", Sender: agentName})
		}
	default:
		if sample, ok := samples[action]; ok {
			sample.Type, sample.Sender, sample.Bot, sample.Attributes = Outgoing, "Helper Bot", true, maps.Clone(sample.Attributes)
			d.Write(id, sample)
		}
	}
	http.Redirect(w, req, "/", http.StatusSeeOther)
}
