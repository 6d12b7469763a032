package infobip_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
	"bizbridge/connectors/connectortest"
	"bizbridge/connectors/connectortest/fake"
)

func notesOf(desk interface {
	Conversation(string) (string, string, map[string]any)
}) (status string, metadata map[string]any) {
	_, status, metadata = desk.Conversation(string(customer))
	return status, metadata
}

// What the customer did not say is told to agents in notes.
func TestEventsForAgents(t *testing.T) {
	ada := &message.Identity{Claims: map[string]any{"name": "Ada", "email": "ada@example.com"}}
	signIn := func(signIn message.SignIn) message.Event {
		return event(message.EventSignIn, func(d *message.Data) { d.SignIn = &signIn })
	}
	for name, c := range map[string]struct {
		event message.Event
		note  string // "": nothing at all is sent
	}{
		"unsupported":           {event(message.EventUnsupported, func(d *message.Data) { d.Note, d.AppleType = "A sticker.", "sticker" }), "A sticker."},
		"unsupported, no words": {event(message.EventUnsupported, func(d *message.Data) { d.AppleType = "sticker" }), "The customer sent something that cannot be shown here."},
		"failed":                {event(message.EventFailed, func(d *message.Data) { d.Failed = &message.Failed{Code: "invalid", Reason: "too long"} }), "Not sent to the customer: too long"},
		"failed, no reason":     {event(message.EventFailed, func(d *message.Data) { d.Failed = &message.Failed{Code: "invalid"} }), "Not sent to the customer: invalid"},
		"payment":               {event(message.EventPayment, func(d *message.Data) { d.Payment = &message.Payment{Summary: "Paid $5.00 with Apple Pay."} }), "Paid $5.00 with Apple Pay."},
		"canceled":              {signIn(message.SignIn{Provider: "shop", Status: message.SignInCanceled}), "The customer did not sign in (shop)."},
		"sign-in failed":        {signIn(message.SignIn{Provider: "shop", Status: message.SignInFailed, Error: "no account"}), "The sign-in failed (shop): no account"},
		"half a sign-in":        {signIn(message.SignIn{Provider: "shop", Status: message.SignInSucceeded, Identity: ada}), "Somebody has opened the link and signed in (shop) as Ada, ada@example.com. It is the customer only if Apple says so as well."},
		"the other half":        {signIn(message.SignIn{Provider: "shop", Status: message.SignInSucceeded, Confirmed: true}), "Apple says that the sign-in was done on the customer's device (shop)."},
		"a whole sign-in":       {signIn(message.SignIn{Provider: "shop", Status: message.SignInSucceeded, Confirmed: true, Identity: ada}), "The customer has signed in (shop) as Ada, ada@example.com."},
		"sent":                  {event(message.EventSent, func(d *message.Data) { d.Sent = &message.Sent{} }), ""},
		"unknown":               {event("message.new", nil), ""},
	} {
		t.Run(name, func(t *testing.T) {
			desk := startDesk(t)
			connector := connect(t, desk.URL)
			mustDeliver(t, connector, said("Hi"))
			mustDeliver(t, connector, c.event)
			var want []string
			if c.note != "" {
				want = []string{c.note}
			}
			if got := desk.Inbox.Conversation(string(customer)); !slices.Equal(got.Notes, want) || len(got.Texts) != 1 {
				t.Errorf("notes %q, texts %q", got.Notes, got.Texts)
			}
		})
	}
}

// Where there is no open conversation among the newest, agents read it among the messages: better there than nowhere.
func TestWithoutAConversation(t *testing.T) {
	paid := event(message.EventPayment, func(d *message.Data) { d.Payment = &message.Payment{Summary: "Paid."} })
	desk := startDesk(t)
	connector := connect(t, desk.URL)
	mustDeliver(t, connector, said("Hi"))
	desk.Strangers(20)
	mustDeliver(t, connector, paid)
	got := desk.Inbox.Conversation(string(customer))
	if len(got.Notes) != 0 || len(got.Texts) != 2 || got.Texts[1] != "(Messages: Paid.)" {
		t.Errorf("notes %q, texts %q", got.Notes, got.Texts)
	}
	// The message has brought the conversation to the top.
	mustDeliver(t, connector, paid)
	if got := desk.Inbox.Conversation(string(customer)); len(got.Notes) != 1 {
		t.Errorf("notes %q", got.Notes)
	}
	desk.CloseAll()
	mustDeliver(t, connector, paid)
	if got := desk.Inbox.Conversation(string(customer)); len(got.Notes) != 1 || len(got.Texts) != 3 {
		t.Errorf("notes %q, texts %q", got.Notes, got.Texts)
	}
}

// An answer that was not sent is no message of the customer's: an auto-reply to it would fail as well, and so on.
func TestAFailureWithoutAConversationIsNoMessage(t *testing.T) {
	failed := event(message.EventFailed, func(d *message.Data) { d.Failed = &message.Failed{Reason: "too long"} })
	desk := startDesk(t)
	connector := connect(t, desk.URL)
	mustDeliver(t, connector, said("Hi"))
	desk.CloseAll()
	for what, hide := range map[string]func(){"closed": func() {}, "not found": func() { desk.Strangers(20) }} {
		hide()
		if err := deliver(t, connector, failed); classOf(err) != message.Permanent { // the flow logs it
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := desk.Inbox.Conversation(string(customer)); len(got.Texts) != 1 || len(got.Notes) != 0 {
		t.Errorf("texts %q, notes %q", got.Texts, got.Notes)
	}
}

func TestNotes(t *testing.T) {
	desk := startDesk(t)
	writer := connect(t, desk.URL).(connectors.NoteWriter)
	if err := writer.WriteNote(soon(t), business, customer, "x"); classOf(err) != message.Permanent {
		t.Errorf("without a conversation: %v", err)
	}
	mustDeliver(t, connect(t, desk.URL), said("Hi"))
	if err := writer.WriteNote(soon(t), business, customer, strings.Repeat("ä", 5000)); err != nil {
		t.Fatal(err)
	}
	notes := desk.Inbox.Conversation(string(customer)).Notes
	if n := len([]rune(notes[0])); n != 4000 || !strings.HasSuffix(notes[0], "…") {
		t.Errorf("a note of %d characters", n)
	}
	if err := writer.WriteNote(soon(t), "b2", customer, "x"); classOf(err) != message.Permanent {
		t.Errorf("a business without a channel: %v", err)
	}
	desk.CloseAll()
	if err := writer.WriteNote(soon(t), business, customer, "x"); classOf(err) != message.Permanent {
		t.Errorf("a closed conversation: %v", err)
	}
}

// The customer's leaving solves the conversation, once and again.
func TestClose(t *testing.T) {
	desk := startDesk(t)
	connector := connect(t, desk.URL)
	relay := connector.(connectors.CloseRelay)
	mustDeliver(t, connector, said("Hi"))
	for range 2 {
		if err := relay.RelayClose(soon(t), event(message.EventClosed, nil)); err != nil {
			t.Fatal(err)
		}
		status, metadata := notesOf(desk)
		if status != "SOLVED" || metadata["apple_closed"] != "2026-08-01T09:02:00Z" {
			t.Errorf("status %s, metadata %v", status, metadata)
		}
	}
	if notes := desk.Inbox.Conversation(string(customer)).Notes; len(notes) != 2 || !strings.Contains(notes[0], "has left") {
		t.Errorf("notes %q", notes)
	}
	// A conversation that agents have closed stays closed, and no other is opened.
	desk.CloseAll()
	if err := relay.RelayClose(soon(t), event(message.EventClosed, nil)); err != nil {
		t.Fatal(err)
	}
	if got := desk.Inbox.Conversation(string(customer)); len(got.Texts) != 1 || len(got.Notes) != 2 {
		t.Errorf("texts %q, notes %q", got.Texts, got.Notes)
	}
	// One that is not found is told of in words.
	desk.Strangers(25)
	if err := relay.RelayClose(soon(t), event(message.EventClosed, nil)); err != nil {
		t.Fatal(err)
	}
	if got := desk.Inbox.Conversation(string(customer)); len(got.Texts) != 2 || !strings.Contains(got.Texts[1], "has left") {
		t.Errorf("texts %q", got.Texts)
	}
}

// A conversation that was deleted while the bridge looks is passed over; what is no answer of Infobip's is a failure.
func TestSearchMeetsOddAnswers(t *testing.T) {
	desk := startDesk(t)
	connector := connect(t, desk.URL)
	mustDeliver(t, connector, said("Hi"))
	desk.Strangers(1)
	desk.Script.Next(fake.Fault{}, fake.Fault{Status: http.StatusNotFound})
	if err := connector.(connectors.NoteWriter).WriteNote(soon(t), business, customer, "x"); err != nil {
		t.Error(err)
	}
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }))
	defer page.Close()
	if err := connect(t, page.URL).(connectors.NoteWriter).WriteNote(soon(t), business, customer, "x"); classOf(err) != message.Transient {
		t.Errorf("a web page: %v", err)
	}
}

// Looking for a conversation costs a bounded number of calls.
func TestSearchIsBounded(t *testing.T) {
	desk := startDesk(t)
	desk.Strangers(50)
	connector := connect(t, desk.URL)
	_ = connector.(connectors.NoteWriter).WriteNote(soon(t), business, customer, "x")
	if n := desk.Script.Calls(); n != 21 {
		t.Errorf("%d calls", n)
	}
}

// Every status of every call has its class, as in the table of messages.
func TestEveryStatusOfEveryCall(t *testing.T) {
	for status, want := range connectortest.Statuses(nil) {
		if status == 101 {
			continue // the contract suite's
		}
		server := httptest.NewServer(statuses(status))
		connector := connect(t, server.URL)
		_, delivered := connector.Deliver(t.Context(), said("Hi")) // without a deadline nothing is tried again
		calls := map[string]error{
			"message": delivered,
			"note":    connector.(connectors.NoteWriter).WriteNote(t.Context(), business, customer, "x"),
			"close":   connector.(connectors.CloseRelay).RelayClose(t.Context(), event(message.EventClosed, nil)),
		}
		server.Close()
		for name, err := range calls {
			switch {
			case want.Accepted && name == "note", name == "close" && status == http.StatusNoContent:
				if err == nil { // an empty list has no conversation, no body is no list
					t.Errorf("%d: %s gives nil", status, name)
				}
			case want.Accepted && err != nil, !want.Accepted && classOf(err) != want.Class:
				t.Errorf("%d: %s gives %v, want %+v", status, name, err, want)
			}
		}
	}
}
