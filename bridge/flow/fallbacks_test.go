package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/fallback"
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
		"for now":           {message.Text{Text: "see https://example.com"}, message.Throttled, []string{"see https://example.com", "card https://example.com"}, false},
		"down":              {message.Text{Text: "see https://example.com"}, message.Transient, []string{"see https://example.com", "card https://example.com"}, false},
		"no answer":         {message.Text{Text: "see https://example.com"}, message.Uncertain, []string{"see https://example.com", "card https://example.com"}, false},
		"stopped":           {message.Text{Text: "see https://example.com"}, message.Canceled, []string{"see https://example.com", "card https://example.com"}, false},
		"signed out":        {message.Text{Text: "see https://example.com"}, message.Unreachable, []string{"see https://example.com", "card https://example.com"}, true},
		"not known":         {message.Text{Text: "see https://example.com"}, message.Auth, []string{"see https://example.com", "card https://example.com"}, true},
		"of a link, later":  {message.Text{Text: "https://example.com "}, message.Throttled, []string{"card https://example.com"}, true},
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

// The time that a card takes is not the text's: the sender hears that the text was sent.
func TestACardThatComesTooLateDoesNotFailItsText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, withCards(t, true))
		r.gateway.send = func(ctx context.Context, out apple.Outgoing) error {
			if out.Content.Kind() == message.KindRichLink {
				return after(ctx, time.Hour)
			}
			return nil
		}
		result := r.showed(t, phone, message.Text{Text: "see https://a.example and https://b.example"})
		wantEqual(t, "parts", len(result.Parts), 1)
		r.wantFallbacks(t, "rich_link>text(limit)", "rich_link>text(limit)")
		r.showed(t, phone, message.Text{Text: "see https://a.example and https://b.example"}) // a repeat
		texts := 0
		for _, name := range r.gateway.outgoing() {
			if !strings.HasPrefix(name, "card ") {
				texts++
			}
		}
		wantEqual(t, "texts", texts, 1)
		r.Memory.Drain(t.Context())
	})
}

// A device that did not say what it shows gets everything as it is, whatever it is called.
func TestADeviceThatSaysNothingIsUnknown(t *testing.T) {
	r := newRig(t)
	r.showed(t, message.Device{Agent: "Mac OS X"}, sizes)
	r.wantOutgoing(t, "quick_reply")
	r.wantFallbacks(t, "quick_reply>quick_reply(unknown_device)")
}

// What the Watch shows is known from its sealed context too: on another replica, without a memory.
func TestAWatchIsKnownOnEveryReplica(t *testing.T) {
	one, other := newRig(t), newRig(t)
	in := text("hello")
	in.Event.Data.Device = watch
	wantNil(t, one.Inbound(t.Context(), in))
	out := contentFrom(message.SenderBot, sizes)
	out.Sealed = one.desk.got[0].Data.Sealed
	_, failure := other.Outbound(t.Context(), agents, out)
	wantNil(t, failure)
	other.wantOutgoing(t, "Which size?\n1. Small\n2. Large")
	other.wantFallbacks(t, "quick_reply>text(device)")
}

func TestAnEventWithoutCapabilitiesOverwritesNoneThatAreKnown(t *testing.T) {
	nothing := message.Device{Locale: "en_GB"}
	for name, test := range map[string]struct {
		first, second message.Device
		want          message.Device
	}{
		"header missing":      {phone, nothing, message.Device{Locale: "en_GB", Agent: "iPhone OS", Capabilities: phone.Capabilities}},
		"of a Watch":          {watch, nothing, message.Device{Locale: "en_GB", Agent: "Watch OS", Capabilities: []message.Capability{}}},
		"header empty":        {phone, watch, watch},
		"another device":      {watch, phone, phone},
		"nothing was known":   {nothing, nothing, nothing},
		"known for the first": {nothing, watch, watch},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			for i, device := range []message.Device{test.first, test.second} {
				in := text(fmt.Sprint(i))
				in.Event.Data.Device = device
				wantNil(t, r.Inbound(t.Context(), in))
			}
			remembered, _ := r.Memory.devices.Get(conversation(business, customer))
			sealed, err := r.openDevice(business, customer, r.desk.got[1].Data.Sealed)
			if err != nil {
				t.Fatal(err)
			}
			for what, got := range map[string]message.Device{"remembered": remembered, "sealed": sealed} {
				if !reflect.DeepEqual(got, test.want) {
					t.Errorf("%s is %+v, want %+v", what, got, test.want)
				}
			}
		})
	}
}

// The numbers of a half-sent text mean what they meant when its first part was sent.
func TestAHalfSentTimePickerKeepsItsNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slots = 150 // as many as make two messages
		content := picker()
		for i := range slots {
			content.Appoint.Slots = append(content.Appoint.Slots, message.Slot{
				ID: fmt.Sprint(i), Start: time.Now().Add(time.Duration(i+1) * time.Minute), Duration: 1800,
			})
		}
		r := newRig(t)
		r.gateway.failing(nil, message.Failuref(message.Transient, "down"))
		first, failure := r.show(t, watch, content)
		wantClass(t, failure, message.Transient)
		time.Sleep(2 * time.Minute)
		second := r.showed(t, watch, content)
		wantEqual(t, "parts", len(second.Parts), len(first.Parts))
		said := r.gateway.outgoing()
		wantEqual(t, "calls", len(said), 3)
		wantEqual(t, "the second part of both tries", said[2], said[1])
		wantEqual(t, "what agents read of the numbers", second.Note, first.Note)

		other := content // a new message does not offer what is past
		other.Received.Title = "Again"
		r.showed(t, watch, other)
		if last := r.gateway.outgoing()[3]; strings.Contains(last, "\n150. ") || !strings.Contains(last+r.gateway.outgoing()[4], "\n148. ") {
			t.Errorf("sent again is %q", last)
		}
		r.Memory.Drain(t.Context())
	})
}

// What is too long for a Watch is refused: Apple gets nothing of it.
func TestAFormThatIsTooLongForATextIsRefused(t *testing.T) {
	form := message.Form{Received: message.Bubble{Title: "Many questions"}}
	for i := range 100 {
		page := message.Page{ID: fmt.Sprint(i), Type: message.PageSelect, Title: "Which?"}
		for j := range 90 {
			page.Items = append(page.Items, message.FormItem{ID: fmt.Sprint(i, j), Title: message.Label(strings.Repeat("w", 200))})
		}
		form.Pages = append(form.Pages, page)
	}
	r := newRig(t)
	result, failure := r.show(t, watch, form)
	wantClass(t, failure, message.Invalid)
	wantEqual(t, "code", failure.SenderCode(), message.CodeUnsupported)
	wantEqual(t, "pointer", failure.Faults[0].Pointer, "/data/content")
	wantEqual(t, "status", result.Status, "")
	r.wantOutgoing(t)
	r.showed(t, phone, form)
	r.wantOutgoing(t, "form")
	wantEqual(t, "three of Apple's texts", fallback.MaxText, 3*apple.MaxText)
}

// Whoever waits for a form's answer hears that another one comes; answers that must not be shown become no list.
func TestAFormThatBecomesAListIsToldAsOne(t *testing.T) {
	form := message.Form{Received: message.Bubble{Title: "F"}, Pages: []message.Page{{ID: "1", Type: message.PageSelect, Title: "Which?",
		Items: []message.FormItem{{ID: "r", Title: "Red"}, {ID: "b", Title: "Blue"}}}}}
	private := form
	private.Private = true
	mac := message.Device{Agent: "Mac OS X", Capabilities: message.ParseCapabilities("QUICK,LIST,TIME,AUTH,AUTH2")}
	const numbers = "\nThe customer sees numbers:\n1 = Red (r)\n2 = Blue (b)"
	for name, test := range map[string]struct {
		form   message.Form
		device message.Device
		sent   string
		note   string
	}{
		"a list":  {form, mac, "list_picker", "Sent as a list picker: the customer's device does not show a form. The answer will come as a list_picker."},
		"a text":  {form, watch, "F\n\nWhich?\n1. Red\n2. Blue", "Sent as a text: the customer's device does not show a form." + numbers},
		"private": {private, mac, "F\n\nWhich?\n1. Red\n2. Blue", "Sent as a text: the customer's device does not show a form.\n" + privateAsText + numbers},
		"shown":   {private, phone, "form", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			result := r.showed(t, test.device, test.form)
			r.wantOutgoing(t, test.sent)
			wantEqual(t, "note", result.Note, test.note)
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
