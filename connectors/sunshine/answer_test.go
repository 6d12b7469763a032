package sunshine_test

import (
	"reflect"
	"strings"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/connectors/connectortest/fake"
)

// asked lets an agent ask something, and gives the id by which a phone answers it.
func (r *rig) asked(content object) string {
	r.t.Helper()
	for _, out := range r.receive(r.app.Answer(0, content)) {
		if out.Content.Kind().Interactive() {
			return out.RequestID("connector:desk", 0)
		}
	}
	r.t.Fatal("nothing can be answered")
	return ""
}

func answered(kind message.ReplyKind, request string, selections ...message.Selection) message.Event {
	return event(message.EventReplied, func(d *message.Data) {
		d.Reply = &message.Reply{Kind: kind, RequestID: request, Title: "What the phone shows", Selections: selections}
	})
}

// last is the newest message of the conversation, without Apple's id.
func (r *rig) last() (content, metadata object) {
	all := r.messages(0)
	one := all[len(all)-1]
	metadata = one["metadata"].(object)
	delete(metadata, "apple_message_id")
	return one["content"].(object), metadata
}

func TestAnswersAreThoseOfButtons(t *testing.T) {
	long := strings.Repeat("p", 300)
	replies := object{"type": "text", "text": "Hello\nWhich size?", "actions": []object{
		{"type": "reply", "text": "Small", "payload": "S", "metadata": object{"size": "small", "n": 1.0}}, {"type": "reply", "text": "Large", "payload": long},
		{"type": "reply", "text": "Huge", "payload": "H", "metadata": object{"much": strings.Repeat("x", 4080)}},
	}}
	cards := object{"type": "carousel", "items": []object{{"title": "Phone", "actions": []object{button("postback", "Select", "SKU-1"), {"type": "link", "text": "View", "uri": "https://shop.example"}}}}}
	for name, c := range map[string]struct {
		ask      object
		kind     message.ReplyKind
		chosen   string
		want     object
		metadata object
	}{
		"a reply":                       {replies, message.ReplyQuickReply, "S", object{"type": "text", "text": "Small", "payload": "S"}, object{"size": "small", "n": 1.0}},
		"a payload that is no id":       {replies, message.ReplyQuickReply, "choice-2", object{"type": "text", "text": "Large", "payload": long}, object{}},
		"metadata that leave no room":   {replies, message.ReplyQuickReply, "H", object{"type": "text", "text": "Huge", "payload": "H"}, object{}},
		"a card":                        {cards, message.ReplyListPicker, "SKU-1", object{"type": "text", "text": "Phone", "payload": "SKU-1"}, object{}},
		"something that was not asked":  {replies, message.ReplyQuickReply, "other", object{"type": "text", "text": "What the phone shows: Other", "payload": "other"}, object{}},
		"a time of some other question": {replies, message.ReplyTimePicker, "S", object{"type": "text", "text": "What the phone shows"}, object{}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.deliver(text("Hi"))
			request := r.asked(c.ask)
			r.app.Answer(0, object{"type": "text", "text": "another message"})
			r.deliver(answered(c.kind, request, message.Selection{ID: c.chosen, Title: "Other"}))
			content, values := r.last()
			c.metadata["apple_reply_to"] = r.messages(0)[1]["id"]
			if !reflect.DeepEqual(content, c.want) || !reflect.DeepEqual(values, c.metadata) {
				t.Errorf("the helpdesk has %v with %v, want %v with %v", content, values, c.want, c.metadata)
			}
		})
	}
}

func TestAnswersToForms(t *testing.T) {
	r := newRig(t)
	r.deliver(text("Hi"))
	request := r.asked(object{"type": "form", "fields": []object{
		{"type": "text", "name": "a name that is longer than allowed", "label": "Name?"}, {"type": "email", "name": "email", "label": "Email?"},
		{"type": "select", "name": "colours", "label": "Colours?", "selectSize": 2, "options": []object{{"name": "r", "label": "Red"}, {"name": "b", "label": "Blue"}}},
	}})
	r.deliver(answered(message.ReplyForm, request,
		message.Selection{Page: "field-1", Subtitle: "Name?", Title: "Ada", Value: "Ada"}, message.Selection{Page: "email", Subtitle: "Email?", Title: "ada@example.com", Value: "ada@example.com"},
		message.Selection{Page: "colours", Subtitle: "Colours?", Title: "Red", Value: "r"}, message.Selection{Page: "colours", Subtitle: "Colours?", Title: "Blue", Value: "b"},
	))
	content, values := r.last()
	if content["text"] != "Name?: Ada\nEmail?: ada@example.com\nColours?: Red, Blue" || content["payload"] != nil {
		t.Errorf("the agent reads %v", content)
	}
	if want := `{"a name that is longer than allowed":"Ada","colours":"r, b","email":"ada@example.com"}`; values["apple_form"] != want {
		t.Errorf("bots read %v, want %s", values["apple_form"], want)
	}
}

// What was asked cannot always be looked up: the answer must come all the same, with what the phone gives back.
func TestAnswersToWhatNobodyFinds(t *testing.T) {
	want := object{"type": "text", "text": "What the phone shows: Small", "payload": "S"}
	for name, prepare := range map[string]func(*rig) (request string){
		"no request":     func(*rig) string { return "" },
		"long gone":      func(*rig) string { return "00000000-0000-4000-8000-000000000000" },
		"a list refused": func(r *rig) string { r.app.Script.Next(fake.Fault{}, fake.Fault{Status: 400}); return "x" },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.deliver(text("Hi"))
			r.deliver(answered(message.ReplyQuickReply, prepare(r), message.Selection{ID: "S", Title: "Small"}))
			if content, _ := r.last(); !reflect.DeepEqual(content, want) {
				t.Errorf("the helpdesk has %v, want %v", content, want)
			}
		})
	}
	r := newRig(t)
	r.deliver(event(message.EventReplied, func(d *message.Data) { d.Reply = &message.Reply{Kind: message.ReplyUnknown} }))
	if got := r.texts(0); got[0] != "[An answer without words]" {
		t.Errorf("the helpdesk has %q", got)
	}
}
