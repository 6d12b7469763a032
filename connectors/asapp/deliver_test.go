package asapp_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/asapp"
	"bizbridge/connectors/asapp/asapptest"
	"bizbridge/connectors/connectortest/fake"
)

// TestWhatBecomesOfEvents is the README's table.
func TestWhatBecomesOfEvents(t *testing.T) {
	photo := message.Attachment{Name: "photo.jpg", Size: 120_000, URL: "https://bridge.example.com/media/x/photo.jpg"}
	for name, c := range map[string]struct {
		event message.Event
		want  string
	}{
		"text":            {text("Hi"), "customer: Hi"},
		"text and a file": {event(message.EventReceived, func(d *message.Data) { d.Text, d.Attachments = "Look", []message.Attachment{photo} }), "customer: Look\n[File: photo.jpg, 120 KB] https://bridge.example.com/media/x/photo.jpg"},
		"a lost file":     {event(message.EventReceived, func(d *message.Data) { d.Attachments = []message.Attachment{{Name: "a.pdf"}} }), "customer: [File: a.pdf, which cannot be had]"},
		"nothing":         {event(message.EventReceived, nil), "customer: [A message without words]"},
		"a choice": {event(message.EventReplied, func(d *message.Data) {
			d.Reply = &message.Reply{Kind: message.ReplyListPicker, Title: "Size", Selections: []message.Selection{{ID: "m", Title: "Medium"}}}
		}), "customer: Size: Medium"},
		"unsupported": {event(message.EventUnsupported, func(d *message.Data) { d.Note = "A sticker cannot be shown." }), "customer: [A sticker cannot be shown.]"},
		"failed":      {event(message.EventFailed, func(d *message.Data) { d.Failed = &message.Failed{Reason: "too long"} }), "system: Not sent to the customer: too long"},
		"paid":        {event(message.EventPayment, func(d *message.Data) { d.Payment = &message.Payment{Summary: "Paid 12.50 EUR."} }), "system: Paid 12.50 EUR."},
		"saved":       {event(message.EventSent, func(d *message.Data) { d.Sent = &message.Sent{DataRef: json.RawMessage(`{"a":1}`)} }), `system: Apple keeps a message that can be sent again by its reference: {"a":1}`},
	} {
		desk := startDesk(t)
		mustDeliver(t, connect(t, desk), c.event)
		if got := strings.Join(told(desk), "\n"); got != c.want {
			t.Errorf("%s becomes %q, want %q", name, got, c.want)
		}
		if c := desk.Conversations()[0]; c.ExternalID != external || c.Customer != external || c.Metadata["apple_mbid"] != string(customer) ||
			c.Metadata["apple_business"] != string(business) || c.Metadata["apple_context"] != "c2VhbGVk" {
			t.Errorf("%s: the conversation is %+v", name, c)
		}
	}
}

// TestFilesAreMessagesOfOneBatchForPeople: all of them, or none.
func TestFilesAreMessagesOfOneBatchForPeople(t *testing.T) {
	desk := startDesk(t)
	connector := connect(t, desk, peopleAnswer)
	files := event(message.EventReceived, func(d *message.Data) {
		d.Text, d.Attachments = "Look", []message.Attachment{{Name: "a.jpg", URL: "https://b.example/a"}, {Name: "b.jpg", URL: "https://b.example/b"}}
	})
	mustDeliver(t, connector, files)
	want := []string{"customer: Look", "customer: [File: a.jpg, 0 bytes] https://b.example/a", "customer: [File: b.jpg, 0 bytes] https://b.example/b"}
	if got := told(desk); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := calls(desk); got[len(got)-1] != "POST batch" {
		t.Errorf("calls: %v", got)
	}
	mustDeliver(t, connector, files)
	if got := told(desk); len(got) != len(want) {
		t.Errorf("a repeat makes it %q", got)
	}
}

// TestARepeatHasTheTimeOfTheFirst: Apple's second delivery comes later, and ASAPP shall see that it is the same.
func TestARepeatHasTheTimeOfTheFirst(t *testing.T) {
	for _, people := range []bool{true, false} {
		desk := startDesk(t)
		connector := connect(t, desk, func(c *asapp.Config) { c.GenerativeAgent = !people })
		first := text("CONFIRM")
		again, other := first, text("CONFIRM")
		again.Timestamp = first.Timestamp.Add(3 * time.Second)
		other.Timestamp = first.Timestamp.Add(5 * time.Second)
		for _, event := range []message.Event{first, again, other} {
			mustDeliver(t, connector, event)
		}
		if got := told(desk); len(got) != 2 {
			t.Errorf("people %t: %q, want the repeat once and the other", people, got)
		}
	}
}

// TestConflictOfAConversation: 409 is what is there already, and does not name it.
func TestConflictOfAConversation(t *testing.T) {
	desk := startDesk(t)
	connector := connect(t, desk, peopleAnswer)
	mustDeliver(t, connector, text("one"))
	conflict := fakeAnswer(http.StatusConflict, []byte(`{"error":{"requestId":"1","message":"Conflict","code":"409-01"}}`))
	desk.Script.Next(conflict)
	mustDeliver(t, connector, text("two"))
	if got := told(desk); !slices.Equal(got, []string{"customer: one", "customer: two"}) {
		t.Errorf("%q", got)
	}
	desk.Change(desk.Conversations()[0].ID, func(c *asapptest.Conversation) { c.ExternalID = "somebody else's" })
	desk.Script.Next(conflict)
	if _, err := connector.Deliver(soon(t), text("three")); message.FailureOf(err) == nil || message.FailureOf(err).Class != message.Transient {
		t.Errorf("%v", err)
	}
}

// TestPeopleAreNotInterrupted: GenerativeAgent is not asked while people speak, and is again when they are long done.
func TestPeopleAreNotInterrupted(t *testing.T) {
	desk := startDesk(t)
	connector := connect(t, desk, func(c *asapp.Config) { c.ConversationEnds = config.Duration(time.Hour) })
	deliver := func(words string) string {
		t.Helper()
		next := text(words)
		next.Timestamp = time.Now()
		mustDeliver(t, connector, next)
		made := calls(desk)
		return made[len(made)-1]
	}
	if got := deliver("Hi"); got != "POST analyze" {
		t.Errorf("at first: %s", got)
	}
	id := desk.Conversations()[0].ID
	desk.Change(id, func(c *asapptest.Conversation) { c.State = "transferredToAgent" })
	if got := deliver("A person, please"); got != "POST messages" {
		t.Errorf("after the hand-over: %s", got)
	}
	desk.Change(id, func(c *asapptest.Conversation) {
		for i := range c.Messages {
			c.Messages[i].Created = time.Now().Add(-2 * time.Hour)
		}
	})
	mustDeliver(t, connector, event(message.EventFailed, func(d *message.Data) { d.Failed = &message.Failed{Reason: "x"} })) // a note is no talk
	if got := deliver("Hello again"); got != "POST analyze" {
		t.Errorf("long after it: %s", got)
	}
	desk.Change(id, func(c *asapptest.Conversation) { c.State = "transferredToSystem" })
	if got := deliver("Medium"); got != "POST analyze" {
		t.Errorf("after a transfer to a system: %s", got)
	}
}

// TestAnswersToRichMessagesComeWithTheirData, which the tasks of GenerativeAgent can use.
func TestAnswersToRichMessagesComeWithTheirData(t *testing.T) {
	desk := startDesk(t)
	mustDeliver(t, connect(t, desk), event(message.EventReplied, func(d *message.Data) {
		d.Intent, d.Reply = "order", &message.Reply{Kind: message.ReplyListPicker, RequestID: "r", Selections: []message.Selection{{ID: "m", Title: "Medium"}}}
	}))
	made := desk.Calls()
	var sent struct {
		InputVariables struct {
			Intent string
			Reply  message.Reply
		}
	}
	if err := json.Unmarshal(made[len(made)-1].Body, &sent); err != nil || sent.InputVariables.Intent != "order" || sent.InputVariables.Reply.Selections[0].ID != "m" {
		t.Errorf("%s", made[len(made)-1].Body)
	}
}

func TestHasOpenConversation(t *testing.T) {
	desk := startDesk(t)
	connector := connect(t, desk)
	is := func(want bool) {
		t.Helper()
		if open, err := connector.HasOpenConversation(soon(t), business, customer); err != nil || open != want {
			t.Errorf("open: %t, %v; want %t", open, err, want)
		}
	}
	is(false)
	if len(desk.Conversations()) > 0 {
		t.Error("asking opened one")
	}
	mustDeliver(t, connector, text("Hi"))
	is(true)
	if err := connector.RelayClose(soon(t), event(message.EventClosed, nil)); err != nil {
		t.Fatal(err)
	}
	is(false) // the customer has left
	mustDeliver(t, connector, text("Back again"))
	is(true)
	desk.Change(desk.Conversations()[0].ID, func(c *asapptest.Conversation) {
		for i := range c.Messages {
			c.Messages[i].Created = time.Now().Add(-25 * time.Hour)
		}
	})
	is(false)
	desk.Script.Next(fake.Fault{Status: http.StatusForbidden})
	if _, err := connector.HasOpenConversation(soon(t), business, customer); message.FailureOf(err) == nil || message.FailureOf(err).Class != message.Auth {
		t.Errorf("%v", err)
	}
}

// TestNobodyIsToldWhereThereIsNoConversation.
func TestNobodyIsToldWhereThereIsNoConversation(t *testing.T) {
	desk := startDesk(t)
	connector := connect(t, desk)
	if err := connector.RelayClose(soon(t), event(message.EventClosed, nil)); err != nil {
		t.Error(err)
	}
	if err := connector.WriteNote(soon(t), business, customer, "note"); message.FailureOf(err) == nil || message.FailureOf(err).Class != message.Permanent {
		t.Errorf("%v", err)
	}
	if err := connector.KeepChoice(soon(t), business, customer, "x"); err == nil {
		t.Error("a choice is kept nowhere")
	}
	if len(desk.Conversations()) > 0 {
		t.Error("a conversation was opened")
	}
	mustDeliver(t, connector, text("Hi"))
	if err := connector.RelayClose(soon(t), event(message.EventClosed, nil)); err != nil || desk.Conversations()[0].Metadata["apple_left"] != "true" {
		t.Errorf("%v, %v", err, desk.Conversations()[0].Metadata)
	}
	mustDeliver(t, connector, text("Back again"))
	if left := desk.Conversations()[0].Metadata["apple_left"]; left != "false" {
		t.Errorf("who writes again has not left, but apple_left is %q", left)
	}
}

// TestSecretsAreInNoError, nor what was said or by whom.
func TestSecretsAreInNoError(t *testing.T) {
	desk := startDesk(t)
	connector := connect(t, desk, func(c *asapp.Config) { c.APISecret = "another-secret-that-is-wrong" })
	_, err := connector.Deliver(soon(t), text("hunter2"))
	if failure := message.FailureOf(err); failure == nil || failure.Class != message.Auth {
		t.Fatalf("%v", err)
	}
	for _, secret := range []string{"another-secret", asapptest.APIID, "hunter2", string(customer)} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error holds %q: %v", secret, err)
		}
	}
}

func TestCheck(t *testing.T) {
	verdicts := func(connector connectors.Connector) (found []connectors.Verdict) {
		t.Helper()
		for _, finding := range connector.(connectors.Checker).Check(soon(t)) {
			found = append(found, finding.Verdict)
			if finding.Verdict != connectors.Good && (finding.Cause == "" || finding.Fix == "") {
				t.Errorf("%+v tells no cause or no fix", finding)
			}
		}
		return found
	}
	const good, doubtful, broken = connectors.Good, connectors.Doubtful, connectors.Broken
	unheard := func(c *asapp.Config) { c.WebhookSecrets = nil }
	wrongKey := func(c *asapp.Config) { c.APISecret = "wrong" }
	desk := startDesk(t)
	for name, c := range map[string]struct {
		connector connectors.Connector
		faults    []fake.Fault
		noAgent   bool
		want      []connectors.Verdict
	}{
		"well":                       {connector: connect(t, desk), want: []connectors.Verdict{good, good, good}},
		"people answer":              {connector: connect(t, desk, peopleAnswer), want: []connectors.Verdict{good, good}},
		"no webhooks":                {connector: connect(t, desk, unheard), want: []connectors.Verdict{good, good, doubtful}},
		"nobody answers":             {connector: connect(t, desk, unheard, peopleAnswer), want: []connectors.Verdict{good, broken}},
		"a wrong key":                {connector: connect(t, desk, wrongKey), want: []connectors.Verdict{broken, broken, good}},
		"no GenerativeAgent":         {connector: connect(t, desk), noAgent: true, want: []connectors.Verdict{good, broken, good}},
		"not found, which is well":   {connector: connect(t, desk), faults: []fake.Fault{{Status: 404}}, want: []connectors.Verdict{good, good, good}},
		"another address":            {connector: connect(t, desk), faults: []fake.Fault{{Status: 302}, {Status: 404}}, want: []connectors.Verdict{broken, broken, good}},
		"an address that is no HTTP": {connector: connect(t, desk), faults: []fake.Fault{{}, fakeAnswer(200, []byte(`{"streamingUrl":"ftp://x"}`))}, want: []connectors.Verdict{good, broken, good}},
		"the day's requests are used up": {connector: connect(t, desk), faults: []fake.Fault{{Status: 429, Header: fake.RetryLater()}, {Status: 429, Header: fake.RetryLater()}},
			want: []connectors.Verdict{doubtful, doubtful, good}},
	} {
		desk.NoGenerativeAgent = c.noAgent
		desk.Script.Heal()
		desk.Script.Next(c.faults...)
		if got := verdicts(c.connector); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if len(desk.Conversations()) > 0 || len(desk.Opened()) > 0 {
		t.Error("looking changed something")
	}
}

func TestKeptChoiceOfNobody(t *testing.T) {
	kept, err := connect(t, startDesk(t)).KeptChoice(soon(t), business, customer)
	if kept != "" || err != nil {
		t.Errorf("%q, %v", kept, err)
	}
}
