package chatwoot_test

import (
	"slices"
	"strings"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/connectors/chatwoot/chatwoottest"
	"bizbridge/connectors/connectortest/fake"
)

// ask lets a bot ask something, and gives the request that the bridge makes of it, and what it asks.
func ask(t *testing.T, desk *chatwoottest.Desk, from connector, conversation int64, contentType string, items ...any) (written chatwoottest.Message, out message.Outbound) {
	t.Helper()
	desk.Webhooks(nil)
	written = desk.Write(conversation, chatwoottest.Message{
		Type: chatwoottest.Outgoing, Content: "Which one?", ContentType: contentType, Sender: "Bot", Bot: true, Attributes: map[string]any{"items": items},
	})
	outs, err := from.Receive(t.Context(), desk.Webhooks(nil)[0])
	if err != nil || len(outs) == 0 {
		t.Fatalf("the question becomes %d messages and %v", len(outs), err)
	}
	return written, outs[len(outs)-1]
}

// answer is what a phone answers to a message.
func answer(kind message.ReplyKind, id message.ID, to message.Outbound, selections ...message.Selection) message.Event {
	return event(message.EventReplied, id, func(data *message.Data) {
		data.Reply = &message.Reply{Kind: kind, RequestID: to.RequestID("connector:desk", 0), Title: "Which one?", Selections: selections}
	})
}

// submitted is what Chatwoot keeps as the answer to a message.
func submitted(t *testing.T, desk *chatwoottest.Desk, id int64) string {
	t.Helper()
	for _, in := range desk.Conversations(string(customer)) {
		for _, each := range in.Messages {
			if each.ID == id {
				return strings.Join(strings.Fields(pretty(t, each.Attributes["submitted_values"])), "")
			}
		}
	}
	t.Fatal("the question is gone")
	return ""
}

func TestAnswersAreWrittenIntoTheirQuestion(t *testing.T) {
	card := map[string]any{"title": "Phone", "description": "128 GB", "actions": []any{
		map[string]any{"type": "postback", "text": "Select", "payload": "SKU-1"}, map[string]any{"type": "postback", "text": "Compare", "payload": "CMP-1"},
	}}
	for name, c := range map[string]struct {
		contentType string
		items       []any
		kind        message.ReplyKind
		selections  []message.Selection
		want        string
	}{
		"a selection": {
			"input_select", []any{map[string]any{"title": "Small", "value": "S"}, map[string]any{"title": "Large", "value": "L"}},
			message.ReplyQuickReply, []message.Selection{{ID: "2", Title: "Large"}}, `[{"title":"Large","value":"L"}]`,
		},
		"values that are no texts": {
			"input_select", []any{map[string]any{"title": "Small", "value": 1}, map[string]any{"title": "Large", "value": true}},
			message.ReplyQuickReply, []message.Selection{{ID: "2", Title: "Large"}}, `[{"title":"Large","value":"true"}]`,
		},
		"cards": {
			"cards", []any{card}, message.ReplyListPicker, []message.Selection{{ID: "2", Title: "Compare"}}, `[{"title":"Compare","value":"CMP-1"}]`,
		},
		"a form": {
			"form", []any{
				map[string]any{"name": "email", "type": "email", "label": "Email"},
				map[string]any{"name": "reason", "type": "select", "label": "Reason", "options": []any{map[string]any{"label": "Return", "value": "return"}}},
				map[string]any{"name": "remark", "type": "text"},
			},
			message.ReplyForm, []message.Selection{{Page: "field1", Value: "a@example.com"}, {Page: "field2", Title: "Return", Value: "return"}},
			`[{"name":"email","title":"Email","value":"a@example.com"},{"name":"reason","title":"Reason","value":"return"}]`,
		},
		"an option that is no more": {
			"input_select", []any{map[string]any{"title": "Small", "value": "S"}, map[string]any{"title": "Large", "value": "L"}},
			message.ReplyQuickReply, []message.Selection{{ID: "9", Title: "Huge"}}, `[{"title":"Huge","value":"Huge"}]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			desk, to := both(t, chatwoottest.Options{})
			written, out := ask(t, desk, to, open(t, desk, to), c.contentType, c.items...)
			if !out.Content.Kind().Interactive() {
				t.Fatalf("the question becomes %+v", out.Content)
			}
			receipt := deliver(t, to, answer(c.kind, "b", out, c.selections...))
			if got := submitted(t, desk, written.ID); got != c.want || receipt.ID == "" {
				t.Errorf("Chatwoot has %s (receipt %q), want %s", got, receipt.ID, c.want)
			}
			if got := shown(newest(t, desk)); !slices.Equal(got, []string{"in: Hello", "out: Which one?"}) {
				t.Errorf("beside the answer agents see %q", got)
			}
		})
	}
}

var sizes = []any{map[string]any{"title": "Small", "value": "S"}, map[string]any{"title": "Large", "value": "L"}}

// TestAnAnswerToAResolvedConversationIsAMessageToo: nobody would see it otherwise.
func TestAnAnswerToAResolvedConversationIsAMessageToo(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	id := open(t, desk, to)
	written, out := ask(t, desk, to, id, "input_select", sizes...)
	desk.Resolve(id, "resolved")
	deliver(t, to, answer(message.ReplyQuickReply, "b", out, message.Selection{ID: "1", Title: "Small"}))
	if got := submitted(t, desk, written.ID); got != `[{"title":"Small","value":"S"}]` {
		t.Errorf("the question has the answer %s", got)
	}
	if got := shown(newest(t, desk)); newest(t, desk).ID == id || !slices.Equal(got, []string{"in: Which one?: Small"}) {
		t.Errorf("the new conversation has %q", got)
	}
}

func TestAnAnswerThatChatwootDoesNotTakeIsAMessage(t *testing.T) {
	for _, status := range []int{404, 422, 500} {
		desk, to := both(t, chatwoottest.Options{})
		_, out := ask(t, desk, to, open(t, desk, to), "input_select", sizes...)
		desk.Script.Next(fake.Fault{}, fake.Fault{}, fake.Fault{}, fake.Fault{Status: status})
		deliver(t, to, answer(message.ReplyQuickReply, "b", out, message.Selection{ID: "1", Title: "Small"}))
		if got := shown(newest(t, desk)); got[len(got)-1] != "in: Which one?: Small" {
			t.Errorf("%d: agents see %q", status, got)
		}
	}
}

func TestAnAnswerMayComeLate(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	id := open(t, desk, to)
	written, out := ask(t, desk, to, id, "input_select", sizes...)
	for range 30 {
		desk.Write(id, chatwoottest.Message{Type: chatwoottest.Outgoing, Content: "…", Sender: "Ada"})
	}
	deliver(t, to, answer(message.ReplyQuickReply, "b", out, message.Selection{ID: "1", Title: "Small"}))
	if got := submitted(t, desk, written.ID); got != `[{"title":"Small","value":"S"}]` {
		t.Errorf("the question has the answer %s", got)
	}
}

// TestAnswersToOthersAreMessages: a template of the bridge is a text in Chatwoot.
func TestAnswersToOthersAreMessages(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	open(t, desk, to)
	for id, reply := range map[message.ID]*message.Reply{
		"b": {Kind: message.ReplyTimePicker, RequestID: "unknown", Title: "Sat, 9:00", Selections: []message.Selection{{ID: "1"}}},
		"c": {Kind: message.ReplyApp, Title: "Board", URL: "?x=1"},
		"d": {Kind: message.ReplyQuickReply, Selections: []message.Selection{{ID: "1", Title: "Yes"}}},
		"e": {Kind: message.ReplyUnknown},
	} {
		deliver(t, to, event(message.EventReplied, id, func(data *message.Data) { data.Reply = reply }))
	}
	got := shown(newest(t, desk))
	for _, want := range []string{"in: Sat, 9:00", "in: Board", "in: Yes", "in: (no text)"} {
		if !slices.Contains(got, want) {
			t.Errorf("agents see %q, want %q among it", got, want)
		}
	}
}

// TestAnAnswerThatNobodyWouldSeeIsAMessageToo: a snoozed conversation does not wake up for what changes in it, and a second
// answer changes one that somebody may have read.
func TestAnAnswerThatNobodyWouldSeeIsAMessageToo(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	id := open(t, desk, to)
	written, out := ask(t, desk, to, id, "input_select", sizes...)
	desk.Resolve(id, "snoozed")
	small := answer(message.ReplyQuickReply, "b", out, message.Selection{ID: "1", Title: "Small"})
	deliver(t, to, small)
	want := []string{"in: Hello", "out: Which one?", "in: Which one?: Small"}
	if state := newest(t, desk); state.Status != "open" || !slices.Equal(shown(state), want) || submitted(t, desk, written.ID) != `[{"title":"Small","value":"S"}]` {
		t.Errorf("the conversation is %s with %q and the answer %s", state.Status, shown(state), submitted(t, desk, written.ID))
	}
	deliver(t, to, small)
	if got := shown(newest(t, desk)); !slices.Equal(got, want) {
		t.Errorf("after a repeat agents see %q", got)
	}
	deliver(t, to, answer(message.ReplyQuickReply, "c", out, message.Selection{ID: "2", Title: "Large"}))
	want = append(want, "in: Which one?: Large")
	if got := shown(newest(t, desk)); !slices.Equal(got, want) || submitted(t, desk, written.ID) != `[{"title":"Large","value":"L"}]` {
		t.Errorf("after another answer agents see %q and %s", got, submitted(t, desk, written.ID))
	}
}

// TestAnAnswerToALockedConversationOpensIt: there the question is in the one that goes on.
func TestAnAnswerToALockedConversationOpensIt(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{Locked: true})
	id := open(t, desk, to)
	_, out := ask(t, desk, to, id, "input_select", sizes...)
	desk.Resolve(id, "resolved")
	deliver(t, to, answer(message.ReplyQuickReply, "b", out, message.Selection{ID: "1", Title: "Small"}))
	if state := newest(t, desk); state.ID != id || state.Status != "open" {
		t.Errorf("conversation %d is %s", state.ID, state.Status)
	}
}

// TestASubmissionWithoutAnIDIsNotSure, nor is its repeat another answer.
func TestASubmissionWithoutAnIDIsNotSure(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	_, out := ask(t, desk, to, open(t, desk, to), "input_select", sizes...)
	desk.Script.Next(fake.Fault{}, fake.Fault{}, fake.Fault{}, fake.Fault{Raw: "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nblocked"})
	what := answer(message.ReplyQuickReply, "b", out, message.Selection{ID: "1", Title: "Small"})
	if _, err := try(t, to, what); message.FailureOf(err) == nil || message.FailureOf(err).Class != message.Uncertain {
		t.Errorf("%v", err)
	}
}
