package mapping

import (
	"strings"
	"testing"

	"bizbridge/bridge/message"
)

func TestTakes(t *testing.T) {
	m := load(t, `
mapping: 1
vars: {relay: null, base: "https://desk.example.com"}
inbound:
  - {name: relayed, when: '$vars.relay | test("typing") and .type == "typing.started"', ignored: true}
  - {name: a picture, when: .type == "message.received" and (.data.attachments | length) > 0, messages: empty}
  - {name: answer, when: '.data.reply.selections[0].id != null and .type == "message.replied"', messages: empty}
  - {name: sent, when: .data.sent.message_id != null, messages: empty}
  - {name: signed in, when: '.data.signin.identity.subject != null', messages: empty}
  - {name: paid, when: '.data.payment.amount == "12.50"', messages: empty}
  - {name: unreadable, when: .data.note != null, messages: empty}
  - {name: lost, when: '.data.failed.reason | test("reached")', messages: empty}
  - {name: left, when: .type == "conversation.closed" and .data.customer_id != null, ignored: true}
`)
	want := map[message.EventType]Taken{
		message.EventReceived: Full, message.EventReplied: Full, message.EventSent: Full, message.EventSignIn: Full, message.EventPayment: Full, message.EventUnsupported: Full,
		message.EventFailed: Full, message.EventClosed: Ignored, message.EventTypingStarted: None, message.EventTypingStopped: None,
	}
	for _, event := range message.EventTypes {
		if got := m.Takes(event); got != want[event] {
			t.Errorf("%s: %s, want %s", event, got, want[event])
		}
	}
	if got := load(t, replies).Takes(message.EventReceived); got != None {
		t.Errorf("a file without inbound rules: %s", got)
	}
	if warnings := load(t, replies).Warnings(); strings.Contains(warnings[0].Message, "conversation.closed") {
		t.Errorf("a file without inbound rules is warned of events: %s", warnings[0])
	}
}

func TestWhatPresetsTake(t *testing.T) {
	for name, want := range map[string]map[message.EventType]Taken{
		"rasa":   {message.EventReceived: Full, message.EventReplied: Full, message.EventClosed: Ignored, message.EventFailed: Ignored},
		"ticket": {message.EventReceived: Full, message.EventReplied: Full, message.EventUnsupported: Full, message.EventClosed: Full, message.EventFailed: Full, message.EventTypingStarted: Ignored},
		"chat":   {message.EventReceived: Full, message.EventReplied: Full, message.EventUnsupported: Full, message.EventClosed: Full, message.EventFailed: Ignored, message.EventTypingStarted: Ignored},
	} {
		m, err := Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		for event, want := range want {
			if got := m.Takes(event); got != want {
				t.Errorf("%s: %s: %s, want %s", name, event, got, want)
			}
		}
	}
}
