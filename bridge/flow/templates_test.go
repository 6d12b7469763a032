package flow

import (
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bizbridge/bridge/message"
)

// templates knows one template, sizes, in German too.
type templates struct{}

var größen = message.QuickReply{Prompt: "Welche Größe?", Options: sizes.Options}

func (t templates) Line(text, locale string) (content message.Content, help string, is bool, failure *message.Failure) {
	name, is := strings.CutPrefix(text, "/")
	switch {
	case !is || strings.HasPrefix(name, "/"):
		return nil, "", false, nil
	case name == "help":
		return nil, "Templates: /sizes", true, nil
	}
	content, failure = t.Expand(message.Template{Name: name}, locale)
	return content, "", true, failure
}

func (templates) Unescape(text string) string {
	if strings.HasPrefix(text, "//") {
		return text[1:]
	}
	return text
}

func (templates) Expand(template message.Template, locale string) (message.Content, *message.Failure) {
	switch {
	case template.Name != "sizes":
		return nil, &message.Failure{Class: message.Invalid, Code: message.CodeUnknownTemplate, Reason: "there is no such template"}
	case strings.HasPrefix(locale, "de"):
		return größen, nil
	}
	return sizes, nil
}

func withTemplates(o *Options) { o.Templates = templates{} }

func TestTemplatesAndAgentsLinesBecomeWhatTheyName(t *testing.T) {
	german := phone
	german.Locale = "de_DE"
	line, template := message.Text{Text: "/sizes"}, message.Template{Name: "sizes"}
	for name, test := range map[string]struct {
		out    message.Outbound
		device message.Device
		change func(*Options)
		want   message.Content
	}{
		"a template":             {contentFrom(message.SenderBot, template), phone, withTemplates, sizes},
		"in German":              {contentFrom(message.SenderBot, template), german, withTemplates, größen},
		"an agent's line":        {contentFrom(message.SenderAgent, line), phone, withTemplates, sizes},
		"by the door's default":  {contentFrom("", line), german, withTemplates, größen},
		"a bot's line is a text": {contentFrom(message.SenderBot, line), phone, withTemplates, line},
		"escaped by an agent":    {contentFrom(message.SenderAgent, message.Text{Text: "//sizes"}), phone, withTemplates, line},
		"escaped by a bot":       {contentFrom(message.SenderBot, message.Text{Text: "//sizes"}), phone, withTemplates, message.Text{Text: "//sizes"}},
		"no templates":           {contentFrom(message.SenderAgent, line), phone, func(*Options) {}, line},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, test.change)
			result, failure := r.showFrom(t, agents, test.device, test.out)
			wantNil(t, failure)
			if got := r.gateway.sent[0].Content; len(r.gateway.sent) != 1 || !reflect.DeepEqual(got, test.want) {
				t.Errorf("sent %+v, want %+v", got, test.want)
			}
			wantEqual(t, "kind of the part", result.Parts[0].Kind, test.want.Kind())
			wantEqual(t, "request id", result.Parts[0].RequestID, r.gateway.sent[0].RequestID)
			r.wantOutbound(t, test.out.Content.Kind(), outcomes{message.OutcomeAccepted: 1})
		})
	}
}

func TestATemplateThatThereIsNotIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		content message.Content
		change  func(*Options)
	}{
		"a template":             {message.Template{Name: "colours"}, withTemplates},
		"an agent's line":        {message.Text{Text: "/colours"}, withTemplates},
		"there are no templates": {message.Template{Name: "sizes"}, func(*Options) {}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, test.change)
			result, failure := r.showFrom(t, agents, phone, contentFrom(message.SenderAgent, test.content))
			wantClass(t, failure, message.Invalid)
			wantEqual(t, "code", failure.SenderCode(), message.CodeUnknownTemplate)
			wantEqual(t, "status", result.Status, "")
			r.wantOutgoing(t)
			r.wantOutbound(t, test.content.Kind(), outcomes{message.OutcomeInvalid: 1})
			r.idle(t)
		})
	}
}

func TestHelpIsForTheAgentAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper()
		r := newKeeperRig(t, k, withTemplates)
		for range 2 { // the second time is a repeat
			result, failure := r.showFrom(t, agents, phone, contentFrom(message.SenderAgent, message.Text{Text: "/help"}))
			wantNil(t, failure)
			wantEqual(t, "status", result.Status, message.StatusAccepted)
			wantEqual(t, "note", result.Note, "Templates: /sizes")
			if result.Parts == nil || len(result.Parts) != 0 {
				t.Errorf("parts %+v, want an empty list", result.Parts)
			}
			synctest.Wait()
		}
		r.wantOutgoing(t)
		wantEqual(t, "calls", k.said(), "note Templates: /sizes")
		r.idle(t)
	})
}

func picker(starts ...time.Duration) message.TimePicker {
	picker := message.TimePicker{Received: message.Bubble{Title: "When?"}}
	for i, start := range starts {
		slot := message.Slot{ID: string(rune('a' + i)), Start: time.Now().Add(start).Truncate(time.Minute), Duration: 60}
		picker.Appoint.Slots = append(picker.Appoint.Slots, slot)
	}
	return picker
}

func TestTimesThatArePastAreLeftOut(t *testing.T) {
	for note, starts := range map[string][]time.Duration{
		"":                                      {2 * time.Hour, time.Hour},
		"One time was left out: it is past.":    {-time.Hour, 2 * time.Hour, time.Hour},
		"2 times were left out: they are past.": {time.Hour, -time.Hour, -2 * time.Hour},
	} {
		r := newRig(t)
		content := picker(starts...)
		result := r.showed(t, phone, content)
		wantEqual(t, "note", result.Note, note)
		last := time.Now()
		for _, slot := range r.gateway.sent[0].Content.(message.TimePicker).Appoint.Slots {
			if slot.Start.Before(last) {
				t.Errorf("%s is past, or out of order", slot.Start)
			}
			last = slot.Start
		}
		if content.Appoint.Slots[0].ID != "a" {
			t.Error("the sender's own message was changed")
		}
	}
	r := newRig(t)
	result, failure := r.show(t, phone, picker(-time.Hour, -2*time.Hour))
	wantClass(t, failure, message.Invalid)
	wantEqual(t, "pointer", failure.Faults[0].Pointer, "/data/content/event/slots")
	wantEqual(t, "status", result.Status, "")
	r.wantOutgoing(t)
}
