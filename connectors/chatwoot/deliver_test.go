package chatwoot_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/connectors/chatwoot/chatwoottest"
	"bizbridge/connectors/connectortest/fake"
)

func TestTheFirstMessageMakesContactAndConversation(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	deliver(t, to, event(message.EventReceived, "a", func(data *message.Data) {
		data.Text, data.Subject, data.Intent, data.Group = "Hello", "About my order", "order", "shop"
	}))
	state := newest(t, desk)
	if got := shown(state); !slices.Equal(got, []string{"in: About my order\nHello"}) {
		t.Errorf("agents see %q", got)
	}
	if state.SourceID != source || state.ContactName != "Messages guest da23" || state.Messages[0].SourceID != "a" {
		t.Errorf("the contact is %q with source id %q, the message has source id %q", state.ContactName, state.SourceID, state.Messages[0].SourceID)
	}
	want := map[string]any{
		"apple_mbid": string(customer), "apple_business_id": string(business), "apple_context": "c2VhbGVk", "apple_context_since": "2026-08-01",
		"apple_locale": "en_US", "apple_device": "iPhone", "apple_capabilities": "QUICK LIST FORM",
	}
	if !maps.Equal(state.ContactAttributes, want) {
		t.Errorf("the contact has %v, want %v", state.ContactAttributes, want)
	}
	if want := map[string]any{
		"apple_intent": "order", "apple_group": "shop", "apple_business_id": string(business),
		"apple_customer": "amb_da239e8d88f4fdec6c5d7b20de8acf5816c18ce02052635c0d6d08daf876ff02",
	}; !maps.Equal(state.Attributes, want) {
		t.Errorf("the conversation has %v, want %v", state.Attributes, want)
	}
}

func TestAnotherMessageTakesThreeCalls(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	open(t, desk, to)
	before := desk.Script.Calls()
	deliver(t, to, event(message.EventReceived, "b", said("And?")))
	if calls := desk.Script.Calls() - before; calls != 3 {
		t.Errorf("%d calls, want 3: contact, conversations, message", calls)
	}
	if got := shown(newest(t, desk)); !slices.Equal(got, []string{"in: Hello", "in: And?"}) {
		t.Errorf("agents see %q", got)
	}
}

// TestAfterAConversationWasResolved follows the setting of the inbox.
func TestAfterAConversationWasResolved(t *testing.T) {
	for locked, want := range map[bool]int{false: 2, true: 1} {
		desk, to := both(t, chatwoottest.Options{Locked: locked})
		first := open(t, desk, to)
		desk.Resolve(first, "resolved")
		deliver(t, to, event(message.EventReceived, "b", said("Again")))
		all := desk.Conversations(string(customer))
		last := all[len(all)-1]
		if len(all) != want || last.Status != "open" || shown(last)[len(shown(last))-1] != "in: Again" {
			t.Errorf("locked %t: %d conversations, the last is %s with %q; want %d", locked, len(all), last.Status, shown(last), want)
		}
	}
}

// TestALockedConversationMayBeLong: Chatwoot answers with all its messages, of which not all are read.
func TestALockedConversationMayBeLong(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{Locked: true})
	id := open(t, desk, to)
	for range 3 {
		desk.Write(id, chatwoottest.Message{Type: chatwoottest.Outgoing, Content: strings.Repeat("long ", 100_000), Sender: "Ada"})
	}
	desk.Write(id, chatwoottest.Message{Type: chatwoottest.Outgoing, Content: "short", Sender: "Ada"})
	desk.Resolve(id, "resolved")
	deliver(t, to, event(message.EventReceived, "b", said("Again")))
	if lines := shown(newest(t, desk)); lines[len(lines)-1] != "in: Again" {
		t.Error("the message is not there")
	}
}

func TestConversationsElsewhereAreLeftAlone(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	open(t, desk, to)
	desk.Elsewhere(string(customer))
	deliver(t, to, event(message.EventReceived, "b", said("Where am I?")))
	if got := shown(newest(t, desk)); len(got) != 2 {
		t.Errorf("agents of the inbox see %q", got)
	}
}

func TestARepeatIsNotWrittenTwice(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	id := open(t, desk, to)
	first := deliver(t, to, event(message.EventReceived, "b", said("Once")))
	if again := deliver(t, to, event(message.EventReceived, "b", said("Once"))); again.ID != first.ID {
		t.Errorf("the repeat has receipt %q, the first %q", again.ID, first.ID)
	}
	desk.Write(id, chatwoottest.Message{Type: chatwoottest.Outgoing, Content: "Yes?", Sender: "Ada"})
	deliver(t, to, event(message.EventReceived, "b", said("Once"), func(data *message.Data) { data.PossibleRepeat = true }))
	if got := shown(newest(t, desk)); !slices.Equal(got, []string{"in: Hello", "in: Once", "out: Yes?"}) {
		t.Errorf("agents see %q", got)
	}
}

func TestAttributesAreWrittenAgainOnlyWhenTheyTellMore(t *testing.T) {
	now := happened
	desk := startDesk(t, chatwoottest.Options{})
	to := connectAt(t, desk.URL, func() time.Time { return now }, discard)
	open(t, desk, to)
	for _, step := range []struct {
		what    string
		change  func(*message.Data)
		days    int
		calls   int
		name    string
		want    string
		context string
	}{
		{"nothing new but the context", func(data *message.Data) { data.Sealed = "bmV3" }, 1, 3, "apple_locale", "en_US", "c2VhbGVk"},
		{"another device", func(data *message.Data) { data.Agent, data.Sealed = "Watch OS", "d2F0Y2g" }, 0, 4, "apple_device", "Watch OS", "d2F0Y2g"},
		{"the device shows only texts", func(data *message.Data) {
			data.Agent, data.Capabilities, data.Sealed = "Watch OS", message.ParseCapabilities(""), "dGV4dHM"
		}, 0, 4, "apple_capabilities", "none", "dGV4dHM"},
		{"nothing is known", func(data *message.Data) { data.Device, data.Sealed = message.Device{}, "" }, 0, 3, "apple_capabilities", "none", "dGV4dHM"},
		{"the context is old", func(data *message.Data) { data.Device, data.Sealed = message.Device{}, "bGF0ZXI" }, 31, 4, "apple_device", "Watch OS", "bGF0ZXI"},
		{"another intent", func(data *message.Data) {
			data.Device, data.Sealed = message.Device{Intent: "returns"}, "aW50ZW50"
		}, 0, 5, "apple_device", "Watch OS", "aW50ZW50"},
	} {
		now = now.AddDate(0, 0, step.days)
		before := desk.Script.Calls()
		deliver(t, to, event(message.EventReceived, message.ID(step.what), said("Hi"), step.change))
		state := newest(t, desk)
		if calls := desk.Script.Calls() - before; calls != step.calls {
			t.Errorf("%s: %d calls, want %d", step.what, calls, step.calls)
		}
		if got := state.ContactAttributes[step.name]; got != step.want || state.ContactAttributes["apple_context"] != step.context {
			t.Errorf("%s: %s is %v and the context %v, want %s and %s", step.what, step.name, got, state.ContactAttributes["apple_context"], step.want, step.context)
		}
	}
	if got := newest(t, desk).Attributes["apple_intent"]; got != "returns" {
		t.Errorf("apple_intent is %v", got)
	}
}

// TestAMessageDoesNotWaitForAttributes: they are worth less.
func TestAMessageDoesNotWaitForAttributes(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	open(t, desk, to)
	desk.Script.Next(fake.Fault{}, fake.Fault{}, fake.Fault{Status: 422})
	deliver(t, to, event(message.EventReceived, "b", said("Hi"), func(data *message.Data) { data.Agent = "Watch OS" }))
	if got := shown(newest(t, desk)); len(got) != 2 {
		t.Errorf("agents see %q", got)
	}
}

func TestLongValuesFitIntoAttributes(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	deliver(t, to, event(message.EventReceived, "a", said("Hi"), func(data *message.Data) {
		data.Intent, data.Sealed = strings.Repeat("ä", 2000), strings.Repeat("x", 1501)
	}))
	state := newest(t, desk)
	if intent := state.Attributes["apple_intent"].(string); len([]rune(intent)) != 1500 {
		t.Errorf("apple_intent has %d characters", len([]rune(intent)))
	}
	if _, kept := state.ContactAttributes["apple_context"]; kept {
		t.Error("a context that does not fit is cut: it could not be opened")
	}
}

func TestFilesAreUploaded(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	broken := stream("broken.txt", "text/plain", "")
	broken.Open = func(context.Context) (io.ReadCloser, error) { return nil, message.Failuref(message.Transient, "gone") }
	large := message.Attachment{ID: "large", Name: "large.mov", MIMEType: "video/quicktime", URL: "https://bridge.example.com/media/large"}
	deliver(t, to, event(message.EventReceived, "a", said("See"), func(data *message.Data) {
		data.Attachments = []message.Attachment{broken, stream("ein Büld \"1\".txt", "text/plain", "bytes"), large}
	}))
	written := newest(t, desk).Messages[0]
	if len(written.Attachments) != 1 || written.Attachments[0].MIME != "text/plain" || fetch(t, written.Attachments[0].URL) != "bytes" {
		t.Fatalf("Chatwoot has the files %+v", written.Attachments)
	}
	const want = "See\n\nbroken.txt: https://bridge.example.com/media/broken.txt\nlarge.mov: https://bridge.example.com/media/large"
	if written.Content != want || written.SourceID != "a" || written.Type != chatwoottest.Incoming {
		t.Errorf("the message is %+v, want text %q", written, want)
	}
	if !to.UploadsFiles() {
		t.Error("the flow would not open files")
	}
}

func TestFilesThatChatwootRefusesAreLinks(t *testing.T) {
	for _, status := range []int{http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity} {
		desk, to := both(t, chatwoottest.Options{})
		open(t, desk, to)
		desk.Script.Next(fake.Fault{}, fake.Fault{}, fake.Fault{Status: status})
		deliver(t, to, event(message.EventReceived, "b", func(data *message.Data) {
			data.Attachments = []message.Attachment{stream("a.bin", "application/octet-stream", "bytes")}
		}))
		if got := shown(newest(t, desk)); got[len(got)-1] != "in: a.bin: https://bridge.example.com/media/a.bin" {
			t.Errorf("%d: agents see %q", status, got)
		}
	}
}

func TestMoreFilesThanChatwootTakesAreLinks(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	deliver(t, to, event(message.EventReceived, "a", func(data *message.Data) {
		for range 17 {
			data.Attachments = append(data.Attachments, stream("a.txt", "text/plain", "x"))
		}
	}))
	written := newest(t, desk).Messages[0]
	if len(written.Attachments) != 15 || strings.Count(written.Content, "https://") != 2 {
		t.Errorf("%d files and %q", len(written.Attachments), written.Content)
	}
}

func TestAFileThatCannotBeHadIsNamed(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	deliver(t, to, event(message.EventReceived, "a", func(data *message.Data) { data.Attachments = []message.Attachment{{ID: "x"}} }))
	if got := shown(newest(t, desk)); got[0] != "in: file (this file cannot be had)" {
		t.Errorf("agents see %q", got)
	}
}

// TestNobodyWritesToAnUnknownInbox words what an operator has to mend.
func TestWrongConfigurationIsSaidInWords(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	for status, want := range map[int]string{401: "api_token", 403: "api_token", 404: "inbox_identifier"} {
		desk.Script.Next(fake.Fault{Status: status})
		_, err := try(t, to, event(message.EventReceived, "a", said("Hi")))
		if failure, ok := errors.AsType[*message.Failure](err); !ok || !strings.Contains(failure.Reason, want) {
			t.Errorf("%d is %v, want words about %s", status, err, want)
		}
	}
}

// TestAnythingMayGoWrongOnTheWay: unless the call was the one that writes the message, it is certain that it is not there.
func TestALostAnswerOnTheWayIsNoRepeat(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	open(t, desk, to)
	for call := range 2 {
		faults := make([]fake.Fault, call, call+40)
		for range 40 {
			faults = append(faults, fake.Fault{Reset: true})
		}
		desk.Script.Next(faults...)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := to.Deliver(ctx, event(message.EventReceived, "b", said("Hi")))
		cancel()
		desk.Script.Heal()
		if failure, ok := errors.AsType[*message.Failure](err); !ok || failure.Class != message.Transient {
			t.Errorf("call %d: %v, want class transient", call, err)
		}
	}
}

// TestTheProxyMayDropUnderscores: the token comes in a header that nginx lets pass.
func TestTheTokensHeaderHasNoUnderscore(t *testing.T) {
	log, url := record(t, map[string]string{})
	to := connect(t, url)
	_ = to.Check(t.Context())
	for name := range log.asked[0].header {
		if strings.Contains(name, "_") {
			t.Errorf("there is a header %s", name)
		}
	}
}

// TestNoTextHasNUL: the database refuses it.
func TestNoTextHasNUL(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	deliver(t, to, event(message.EventReceived, "a", said("a\x00b"), func(data *message.Data) { data.Intent = "or\x00der" }))
	deliver(t, to, event(message.EventReceived, "b", said("c\x00d"), func(data *message.Data) {
		data.Attachments = []message.Attachment{stream("a.txt", "text/plain", "x")}
	}))
	if err := to.WriteNote(t.Context(), business, customer, "e\x00f"); err != nil {
		t.Fatal(err)
	}
	if state := newest(t, desk); !slices.Equal(shown(state), []string{"in: ab", "in: cd", "note: ef"}) || state.Attributes["apple_intent"] != "order" {
		t.Errorf("agents see %q and %v", shown(state), state.Attributes)
	}
}

// TestAContactWithoutConversationsIsBroughtUpToDate: they can be deleted, and then nobody tells what it has.
func TestAContactWithoutConversationsIsBroughtUpToDate(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	open(t, desk, to)
	desk.Forget(string(customer))
	deliver(t, to, event(message.EventReceived, "b", said("Hi"), func(data *message.Data) { data.Agent, data.Sealed = "Watch OS", "bmV3" }))
	if got := newest(t, desk).ContactAttributes; got["apple_device"] != "Watch OS" || got["apple_context"] != "bmV3" {
		t.Errorf("the contact has %v", got)
	}
}

// TestAPendingConversationStaysWithItsBot: a message opens what is snoozed or resolved only.
func TestAPendingConversationStaysWithItsBot(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	desk.Resolve(open(t, desk, to), "pending")
	deliver(t, to, event(message.EventReceived, "b", said("Hi")))
	if state := newest(t, desk); state.Status != "pending" || len(shown(state)) != 2 {
		t.Errorf("the conversation is %s with %q", state.Status, shown(state))
	}
}
