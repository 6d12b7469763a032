package mapping

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"bizbridge/bridge/message"
	"bizbridge/config/yamlfile"
)

// Taken is what a mapping does with events of one type.
type Taken string

// None is an error to whoever sent the event, unless it is one that nobody waits for (see [Result.Unsupported]).
const (
	Full    Taken = "full"    // a rule takes them
	Ignored Taken = "ignored" // a rule drops them
	None    Taken = "none"    // no rule takes them
)

// Takes tells what becomes of events of a type: the rules' conditions are tried on a sample that has everything such an
// event can have. A condition that asks for a value of a variable sees the file's default.
func (m *Mapping) Takes(event message.EventType) Taken {
	sample := sampleEvent(event)
	for _, rule := range m.inbound {
		fits, err := rule.when.holds(context.Background(), sample, m.defaults, map[string]any{}, sample)
		switch {
		case err != nil || !fits: // a condition may fail where a variable has no value yet
		case rule.ignored:
			return Ignored
		default:
			return Full
		}
	}
	return None
}

// untaken warns of events that the bridge sends on its own, which are easily forgotten.
func (m *Mapping) untaken() yamlfile.Problems {
	problems := yamlfile.File{Name: m.warnings.Name, Format: format}
	if m.LooksUp() { // a look-up is not asked about them
		return nil
	}
	for _, forgotten := range []struct {
		event message.EventType
		what  string
	}{
		{message.EventClosed, "the customer has left, and nobody is told"},
		{message.EventFailed, "a message did not reach the customer, and nobody is told"},
	} {
		if m.rules != nil && m.Takes(forgotten.event) == None {
			problems.Report(m.rules, fmt.Sprintf("no rule takes %s: %s", forgotten.event, forgotten.what), "Add a rule that tells the agent, or one with ignored: true.")
		}
	}
	return problems.Problems
}

// sampleEvent is an event of a type with all that can be in it.
func sampleEvent(event message.EventType) any {
	const about = "0a11b7a8-6f1d-4a3e-9d7b-000000000002"
	sample := message.Event{Type: event, Schema: message.SchemaVersion}
	switch data := &sample.Data; event {
	case message.EventReceived:
		data.Text = "Hello"
		data.Attachments = []message.Attachment{{ID: "0", Name: "a.png", MIMEType: "image/png", Size: 9, URL: "https://bridge.example.com/media/x"}}
	case message.EventReplied:
		data.Reply = &message.Reply{Kind: message.ReplyQuickReply, RequestID: about, Title: "Yes", Selections: []message.Selection{{ID: "yes", Title: "Yes"}}}
	case message.EventUnsupported:
		data.AppleType, data.Note = "unknown", "The customer sent something that cannot be shown."
	case message.EventSent:
		data.Sent = &message.Sent{MessageID: about, DataRef: json.RawMessage(`{"dataRefSig":"x"}`)}
	case message.EventFailed:
		data.Failed = &message.Failed{MessageID: about, Code: message.CodeUnreachable, Reason: "the customer cannot be reached"}
	case message.EventPayment:
		data.Payment = &message.Payment{RequestID: about, Status: message.PaymentAuthorized, Amount: "12.50", Currency: "USD", Summary: "Paid 12.50 USD."}
	case message.EventSignIn:
		data.SignIn = &message.SignIn{Provider: "login", RequestID: about, Confirmed: true, Identity: &message.Identity{Subject: "someone"}}
	}
	value, _ := plainJSON(sample) // of plain fields
	object, _ := value.(map[string]any)
	given, _ := object["data"].(map[string]any)
	maps.DeleteFunc(given, func(_ string, v any) bool { return v == "" }) // what every event has is filled in
	return completeEvent(map[string]any{"type": string(event), "data": given})
}
