package chatwoot_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/connectors/chatwoot/chatwoottest"
	"bizbridge/connectors/connectortest/fake"
)

func TestTheCustomerLeavesAndComesBack(t *testing.T) {
	for _, options := range []chatwoottest.Options{{}, {Locked: true}, {Old: true, Locked: true}} {
		desk, to := both(t, options)
		id := open(t, desk, to)
		left := event(message.EventClosed, "left")
		for range 2 { // Apple repeats
			if err := to.RelayClose(t.Context(), left); err != nil {
				t.Fatal(err)
			}
		}
		state := newest(t, desk)
		if state.Status != "resolved" || state.Attributes["apple_closed_at"] != "2026-08-01T09:02:00Z" {
			t.Errorf("the conversation is %s with %v", state.Status, state.Attributes)
		}
		notes := 2
		if !options.Old { // the second is recognised
			notes = 1
		}
		if got := shown(state); len(got) != 1+notes || !strings.HasPrefix(got[1], "note: The customer has left the conversation in Messages.") {
			t.Errorf("agents see %q, want one note", got)
		}
		deliver(t, to, event(message.EventReceived, "back", said("I am back")))
		state = newest(t, desk)
		if closed, _ := state.Attributes["apple_closed_at"].(string); state.Status != "open" || closed != "" || options.Locked != (state.ID == id) {
			t.Errorf("%+v: conversation %d is %s with %v", options, state.ID, state.Status, state.Attributes)
		}
	}
}

func TestNobodyKnowsTheCustomerWhoLeaves(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	if err := to.RelayClose(t.Context(), event(message.EventClosed, "left")); err != nil {
		t.Error(err)
	}
	if err := to.RelayTyping(t.Context(), event(message.EventTypingStarted, "types")); err != nil {
		t.Error(err)
	}
	if all := desk.Conversations(string(customer)); len(all) > 0 {
		t.Errorf("there are %d conversations", len(all))
	}
	if err := to.WriteNote(t.Context(), business, customer, "Note"); message.FailureOf(err) == nil {
		t.Error("a note to nobody is written")
	}
	if err := to.KeepChoice(t.Context(), business, customer, "sealed"); message.FailureOf(err) == nil {
		t.Error("a choice is kept nowhere")
	}
	if err := to.KeepChoice(t.Context(), business, customer, ""); err != nil {
		t.Errorf("there is nothing to forget: %v", err)
	}
}

func TestHasOpenConversation(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	want := func(what string, want bool) {
		t.Helper()
		if got, err := to.HasOpenConversation(t.Context(), business, customer); got != want || err != nil {
			t.Errorf("%s: %t, %v", what, got, err)
		}
	}
	want("nobody has written", false)
	id := open(t, desk, to)
	want("somebody has", true)
	for status, open := range map[string]bool{"pending": true, "snoozed": true, "resolved": false} {
		desk.Resolve(id, status)
		want(status, open)
	}
	desk.Elsewhere(string(customer))
	desk.Resolve(id, "resolved")
	want("open elsewhere", false)
	desk.Script.Next(fake.Fault{Status: 400})
	if _, err := to.HasOpenConversation(t.Context(), business, customer); message.FailureOf(err) == nil {
		t.Error("Chatwoot refused to say, but that counts as an answer")
	}
}

func TestTyping(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	id := open(t, desk, to)
	desk.Webhooks(nil)
	for _, kind := range []message.EventType{message.EventTypingStarted, message.EventTypingStopped} {
		if err := to.RelayTyping(t.Context(), event(kind, message.ID(kind))); err != nil {
			t.Fatal(err)
		}
	}
	if n := desk.Inbox.Conversation(string(customer)).Typing; n != 2 {
		t.Errorf("Chatwoot was told %d times", n)
	}
	for _, req := range desk.Webhooks(nil) {
		if outs, err := to.Receive(t.Context(), req); len(outs) > 0 || err != nil {
			t.Errorf("the customer's own typing comes back as %d messages, %v", len(outs), err)
		}
	}
	desk.Resolve(id, "resolved")
	before := desk.Script.Calls()
	if err := to.RelayTyping(t.Context(), event(message.EventTypingStarted, "later")); err != nil || desk.Script.Calls()-before != 2 {
		t.Errorf("typing in a resolved conversation: %v, %d calls", err, desk.Script.Calls()-before)
	}
}

func failed(id string) message.Event {
	return event(message.EventFailed, "failed", func(data *message.Data) {
		data.Failed = &message.Failed{MessageID: id, Code: message.CodeInvalid, Reason: "the picture is too large"}
	})
}

func TestAMessageThatFailedSaysWhy(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	id := open(t, desk, to)
	desk.Webhooks(nil)
	written := desk.Write(id, chatwoottest.Message{Type: chatwoottest.Outgoing, Content: "See", Sender: "Ada"})
	outs, err := to.Receive(t.Context(), desk.Webhooks(nil)[0])
	if err != nil {
		t.Fatal(err)
	}
	deliver(t, to, failed(outs[0].Key))
	state := newest(t, desk)
	last := state.Messages[len(state.Messages)-1]
	if last.ID != written.ID || last.Status != "failed" || last.ExternalError != "the picture is too large" {
		t.Errorf("the message is %+v", last)
	}
	deliver(t, to, failed(outs[0].Key+"/2"))
	deliver(t, to, failed("of somebody else"))
	desk.Script.Next(fake.Fault{Status: 404})
	deliver(t, to, event(message.EventFailed, "another", func(data *message.Data) {
		data.Failed = &message.Failed{MessageID: outs[0].Key, Reason: "gone"}
	}))
	want := []string{"in: Hello", "out: See", "note: Not sent to the customer: the picture is too large", "note: Not sent to the customer: gone"}
	if got := shown(newest(t, desk)); !slices.Equal(got, want) {
		t.Errorf("agents see %q, want %q", got, want)
	}
	desk.Script.Next(fake.Fault{Status: 422})
	if _, err := try(t, to, failed(outs[0].Key)); err == nil {
		t.Error("Chatwoot refused to hear of the failure, but that counts as told")
	}
	if !to.RelaysFailures() {
		t.Error("nobody would tell it of failures")
	}
}

func TestNotesTellWhatIsNoMessage(t *testing.T) {
	for name, c := range map[string]struct {
		kind   message.EventType
		change func(*message.Data)
		want   string
	}{
		"unsupported": {message.EventUnsupported, func(data *message.Data) { data.Note = "The customer did x." }, "The customer did x."},
		"nothing":     {message.EventUnsupported, func(*message.Data) {}, "The customer sent something that cannot be shown here."},
		"sent": {message.EventSent, func(data *message.Data) {
			data.Sent = &message.Sent{MessageID: "m", DataRef: json.RawMessage(`{"dataRefSig":"s"}`)}
		}, `Apple keeps a message that can be sent again by its reference: {"dataRefSig":"s"}`},
		"signed in": {message.EventSignIn, func(data *message.Data) {
			data.SignIn = &message.SignIn{Provider: "shop", Status: message.SignInSucceeded, Identity: &message.Identity{Subject: "s", Claims: map[string]any{"name": "Ada", "email": "a@example.com", "x": 1}}}
		}, "Somebody has opened the link and signed in (shop) as Ada, a@example.com. It is the customer only if Apple says so as well."},
		"signed in at once": {message.EventSignIn, func(data *message.Data) {
			data.SignIn = &message.SignIn{Provider: "shop", Status: message.SignInSucceeded, Confirmed: true, Identity: &message.Identity{Subject: "s"}}
		}, "The customer has signed in (shop)."},
		"confirmed": {message.EventSignIn, func(data *message.Data) {
			data.SignIn = &message.SignIn{Provider: "shop", Status: message.SignInSucceeded, Confirmed: true}
		}, "Apple says that the sign-in was done on the customer's device (shop)."},
		"not signed in": {message.EventSignIn, func(data *message.Data) {
			data.SignIn = &message.SignIn{Provider: "shop", Status: message.SignInFailed, Error: "denied"}
		}, "The sign-in failed (shop): denied"},
		"left": {message.EventSignIn, func(data *message.Data) {
			data.SignIn = &message.SignIn{Provider: "shop", Status: message.SignInCanceled}
		}, "The customer did not sign in (shop)."},
		"paid": {message.EventPayment, func(data *message.Data) {
			data.Payment = &message.Payment{Status: message.PaymentAuthorized, Summary: "Paid 9.99 USD with Apple Pay.", ProviderRef: "pay_1", ShippingContact: &message.ShippingContact{
				GivenName: "Ada", FamilyName: "Example", AddressLines: []string{"1 Road"}, PostalCode: "12345", Locality: "Town", CountryCode: "US", EmailAddress: "a@example.com",
			}}
		}, "Paid 9.99 USD with Apple Pay.\nPayment provider's reference: pay_1\nShip to: Ada Example, 1 Road, 12345 Town, US, a@example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			desk, to := both(t, chatwoottest.Options{})
			open(t, desk, to)
			for range 2 {
				deliver(t, to, event(c.kind, "b", c.change))
			}
			if got := shown(newest(t, desk)); !slices.Equal(got, []string{"in: Hello", "note: " + c.want}) {
				t.Errorf("agents see %q, want %q once", got, c.want)
			}
		})
	}
}

// TestChoicesAreLongerThanAttributes, and must not cost the conversation the attributes that it has.
func TestChoicesAreLongerThanAttributes(t *testing.T) {
	for _, old := range []bool{false, true} {
		desk, to := both(t, chatwoottest.Options{Old: old})
		deliver(t, to, event(message.EventReceived, "a", said("Hi"), func(data *message.Data) { data.Intent = "order" }))
		long, short := strings.Repeat("abcdefghij", 800), "short"
		for _, sealed := range []string{long, short, "", long, ""} {
			if err := to.KeepChoice(t.Context(), business, customer, sealed); err != nil {
				t.Fatal(err)
			}
			if kept, err := to.KeptChoice(t.Context(), business, customer); err != nil || kept != sealed {
				t.Fatalf("%d bytes come back as %d, %v", len(sealed), len(kept), err)
			}
		}
		if got := newest(t, desk).Attributes["apple_intent"]; got != "order" {
			t.Errorf("apple_intent has become %v", got)
		}
		before := desk.Script.Calls()
		if err := to.KeepChoice(t.Context(), business, customer, ""); err != nil || desk.Script.Calls()-before != 2 {
			t.Errorf("forgetting nothing takes %d calls, %v", desk.Script.Calls()-before, err)
		}
	}
}

// TestEveryRefusalHasItsClass covers the calls beside the writing of messages, which the contract's table is about.
func TestEveryRefusalHasItsClass(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	open(t, desk, to)
	calls := map[string]func() error{
		"close":  func() error { return to.RelayClose(t.Context(), event(message.EventClosed, "x")) },
		"typing": func() error { return to.RelayTyping(t.Context(), event(message.EventTypingStarted, "x")) },
		"note":   func() error { return to.WriteNote(t.Context(), business, customer, "x") },
		"keep":   func() error { return to.KeepChoice(t.Context(), business, customer, "x") },
		"kept":   func() error { _, err := to.KeptChoice(t.Context(), business, customer); return err },
		"failed": func() error { _, err := try(t, to, failed("118/501")); return err },
		"answer": func() error {
			_, err := try(t, to, event(message.EventReplied, "x", func(data *message.Data) { data.Reply = &message.Reply{} }))
			return err
		},
	}
	for status, want := range map[int]message.Class{
		301: message.Permanent, 400: message.Permanent, 401: message.Auth, 402: message.Permanent, 403: message.Auth, 408: message.Transient,
		410: message.Closed, 413: message.Permanent, 422: message.Permanent, 425: message.Transient, 429: message.Throttled, 500: message.Transient,
		502: message.Transient, 503: message.Transient, 504: message.Transient,
	} {
		for name, call := range calls {
			desk.Script.Always(func() fake.Fault { return fake.Fault{Status: status, Header: fake.RetryLater()} })
			err := call()
			desk.Script.Heal()
			if failure, ok := errors.AsType[*message.Failure](err); !ok || failure.Class != want || failure.Status != status {
				t.Errorf("%s: status %d is %v, want class %s", name, status, err, want)
			}
		}
	}
}
