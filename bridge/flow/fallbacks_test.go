package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

func TestWhatTheDeviceCannotShowIsSentSimplerAndTold(t *testing.T) {
	six := sizes
	for i := range 4 {
		six.Options = append(six.Options, message.Option{ID: fmt.Sprint(i), Title: message.Label(fmt.Sprint("size ", i))})
	}
	old := message.Device{Agent: "iPhone OS", Capabilities: message.ParseCapabilities("LIST,TIME,AUTH")}
	for name, test := range map[string]struct {
		content message.Content
		device  message.Device
		sent    string
		steps   string
		note    string
	}{
		"as it is": {sizes, phone, "quick_reply", "", ""},
		"a list":   {sizes, old, "list_picker", "quick_reply>list_picker(device)", "Sent as a list picker: the customer's device does not show a quick reply."},
		"six":      {six, phone, "list_picker", "quick_reply>list_picker(limit)", "Sent as a list picker: a quick reply has at most 5 options."},
		"numbers": {sizes, watch, "Which size?\n1. Small\n2. Large", "quick_reply>text(device)",
			"Sent as a text: the customer's device does not show a quick reply.\nThe customer sees numbers:\n1 = Small (s)\n2 = Large (l)"},
		"an app": {message.App{Received: message.Bubble{Title: "Chess"}}, watch, "Chess", "app>text(device)",
			"Sent as a text: the customer's device does not show an app."},
		"unknown device": {sizes, message.Device{}, "quick_reply", "quick_reply>quick_reply(unknown_device)", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.gateway.failing(message.Failuref(message.Throttled, "slow down")) // the first try is not counted
			_, failure := r.show(t, test.device, test.content)
			wantClass(t, failure, message.Throttled)
			r.wantFallbacks(t)
			var result message.SendResult
			for range 2 { // and the second is a repeat
				result = r.showed(t, test.device, test.content)
			}
			r.wantOutgoing(t, test.sent, test.sent)
			wantEqual(t, "steps", stepNames(result), test.steps)
			wantEqual(t, "note", result.Note, test.note)
			if test.steps == "" {
				r.wantFallbacks(t)
				return
			}
			r.wantFallbacks(t, test.steps)
		})
	}
}

// Bots know an answer by its request id: it is told, sent, and the same on every try and every replica.
func TestTheRequestIDIsWhatAppleGets(t *testing.T) {
	for _, content := range []message.Content{
		sizes, message.ListPicker{Received: message.Bubble{Title: "L"}, Sections: []message.Section{{Items: []message.Item{{ID: "1", Title: "1"}}}}},
		picker(3600e9), message.Form{Received: message.Bubble{Title: "F"}, Pages: []message.Page{{ID: "1", Type: message.PageInput, Title: "1"}}},
	} {
		one, other := newRig(t), newRig(t)
		one.gateway.failing(message.Failuref(message.Uncertain, "no answer"))
		refused, failure := one.show(t, phone, content)
		wantClass(t, failure, message.Uncertain)
		result := one.showed(t, phone, content)
		elsewhere := other.showed(t, phone, content)
		id := result.Parts[0].RequestID
		for what, got := range map[string]string{
			"of the refused try": refused.Parts[0].RequestID, "elsewhere": elsewhere.Parts[0].RequestID,
			"sent first": one.gateway.sent[0].RequestID, "sent then": one.gateway.sent[1].RequestID, "sent elsewhere": other.gateway.sent[0].RequestID,
		} {
			wantEqual(t, string(content.Kind())+": request id "+what, got, id)
		}
		if id == "" || id == string(result.Parts[0].ID) {
			t.Errorf("%s: request id %q of part %s", content.Kind(), id, result.Parts[0].ID)
		}
	}
	r := newRig(t)
	wantEqual(t, "request id of a text", r.showed(t, phone, message.Text{Text: "Hi"}).Parts[0].RequestID, "")
}

// What was sent of a long fallback stays what it was, whatever a later try knows of the device.
func TestAHalfSentFallbackGoesOnAsItBegan(t *testing.T) {
	form := message.Form{Received: message.Bubble{Title: "Many questions"}}
	for i := range 60 {
		title := message.Label(fmt.Sprint(i, strings.Repeat(" long question", 10)))
		form.Pages = append(form.Pages, message.Page{ID: fmt.Sprint(i), Type: message.PageInput, Title: title})
	}
	r := newRig(t)
	r.gateway.failing(nil, message.Failuref(message.Transient, "down"))
	first, failure := r.show(t, watch, form)
	wantClass(t, failure, message.Transient)
	second := r.showed(t, phone, form)
	wantEqual(t, "parts", len(second.Parts), len(first.Parts))
	for i, part := range second.Parts {
		wantEqual(t, "kind", part.Kind, message.KindText)
		wantEqual(t, "id", part.ID, first.Parts[i].ID)
	}
	wantEqual(t, "calls", len(r.gateway.sent), len(first.Parts)+1)
	r.wantFallbacks(t, "form>text(device)")
}

func TestAnInteractiveMessageCanBeSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, sender, listener := newSavingRig(t)
		out := contentFrom(message.SenderBot, sizes)
		out.Save = true
		result, failure := r.showFrom(t, sender, phone, out)
		wantNil(t, failure)
		synctest.Wait()
		wantEqual(t, "asked Apple to save", r.apple.sent[0].Save, true)
		wantEqual(t, "data_ref of the part", string(result.Parts[0].DataRef), reference)
		wantEqual(t, "events", len(listener.plainDesk.got), 1)
		wantEqual(t, "event", listener.plainDesk.got[0].Type, message.EventSent)
	})
}

func TestAnAnswerThatTheHelpdeskShowsAsATextIsCounted(t *testing.T) {
	for level, want := range map[connectors.Level][]string{connectors.Fallback: {"form>text(helpdesk)"}, connectors.Full: nil, connectors.Dropped: nil} {
		r := newRig(t, func(o *Options) { o.Desks[business].Replies = level })
		r.desk.failing(message.Failuref(message.Transient, "down"))
		in := answered("1", message.Reply{Kind: message.ReplyForm, RequestID: "r"})
		wantClass(t, r.Inbound(t.Context(), in), message.Transient)
		wantNil(t, r.Inbound(t.Context(), in))
		wantNil(t, r.Inbound(t.Context(), text("a text")))
		r.wantFallbacks(t, want...)
	}
}

// A card that nobody asked for must not fail the text that it came from; one that the sender wrote may.
func TestACardThatAppleRefuses(t *testing.T) {
	refuse := func(class message.Class) func(*rig) {
		return func(r *rig) {
			r.gateway.send = func(_ context.Context, out apple.Outgoing) error {
				if out.Content.Kind() == message.KindRichLink {
					return message.Failuref(class, "no")
				}
				return nil
			}
		}
	}
	link := message.RichLink{URL: "https://example.com"}
	for name, test := range map[string]struct {
		content message.Content
		class   message.Class
		sent    []string
		fails   bool
	}{
		"behind a text":     {message.Text{Text: "see https://example.com"}, message.Invalid, []string{"see https://example.com", "card https://example.com"}, false},
		"for good":          {message.Text{Text: "see https://example.com"}, message.Permanent, []string{"see https://example.com", "card https://example.com"}, false},
		"of a link":         {message.Text{Text: "https://example.com "}, message.Invalid, []string{"card https://example.com", "https://example.com "}, false},
		"for now":           {message.Text{Text: "see https://example.com"}, message.Throttled, []string{"see https://example.com", "card https://example.com"}, true},
		"the customer left": {message.Text{Text: "see https://example.com"}, message.Closed, []string{"see https://example.com", "card https://example.com"}, true},
		"asked for":         {link, message.Invalid, []string{"card https://example.com"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, withCards(t, true))
			refuse(test.class)(r)
			result, failure := r.show(t, phone, test.content)
			r.wantOutgoing(t, test.sent...)
			r.Memory.Drain(t.Context())
			if test.fails {
				wantClass(t, failure, test.class)
				r.wantFallbacks(t)
				return
			}
			wantNil(t, failure)
			wantEqual(t, "parts", len(result.Parts), 1)
			wantEqual(t, "kind", result.Parts[0].Kind, message.KindText)
			wantEqual(t, "note", result.Note, "A link was sent as text: no card could be made for it.")
			r.wantFallbacks(t, "rich_link>text(limit)")
		})
	}
}

func TestTheAnswerReadsAsTheContractSays(t *testing.T) {
	r := newRig(t)
	result := r.showed(t, watch, message.App{Received: message.Bubble{Title: "Chess"}})
	result.Parts[0].ID, result.ID = "part-1", "key"
	got, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "answer", string(got), `{"id":"key","status":"accepted","parts":[{"id":"part-1","kind":"text","status":"accepted"}],`+
		`"fallbacks":[{"from":"app","to":"text","reason":"device"}],"note":"Sent as a text: the customer's device does not show an app."}`)
}
