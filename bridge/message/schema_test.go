package message_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/message/messagetest"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"
)

// definition compiles one of the schema's $defs; "" is the whole.
func definition(t testing.TB, name string) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(message.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	const url = "https://bridge.test/schema.json"
	if err := compiler.AddResource(url, document); err != nil {
		t.Fatal(err)
	}
	if name != "" {
		name = "#/$defs/" + name
	}
	compiled, err := compiler.Compile(url + name)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// matches validates a JSON text.
func matches(schema *jsonschema.Schema, text []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

func encode(t interface{ Fatal(...any) }, value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// What the decoder takes, it writes so that the schema takes it. The schema describes what to send: a null member or a
// label with spaces around it is taken too.
func TestGeneratedContentsDecodeToThemselvesAndMatchTheSchema(t *testing.T) {
	schema := definition(t, "Content")
	rapid.Check(t, func(t *rapid.T) {
		want := messagetest.Content().Draw(t, "content")
		text := encode(t, want)
		got, faults := message.DecodeContent(text)
		if faults != nil {
			t.Fatalf("%s\n%v", text, faults)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		if err := matches(schema, text); err != nil {
			t.Fatalf("%s\n%v", text, err)
		}
	})
}

// Every kind must come up, else the property above says nothing of it.
func TestContentGivesEveryKind(t *testing.T) {
	missing := make(map[message.Kind]bool)
	for _, kind := range message.Kinds {
		missing[kind] = true
	}
	for seed := range 2000 {
		delete(missing, messagetest.Content().Example(seed).Kind())
		if len(missing) == 0 {
			return
		}
	}
	t.Errorf("never: %v", missing)
}

func TestGeneratedSendsMatchTheSchema(t *testing.T) {
	schema := definition(t, "")
	rapid.Check(t, func(t *rapid.T) {
		out := message.Outbound{
			Key: "k", BusinessID: "b", CustomerID: "urn:mbid:AA", Sender: message.Sender{Kind: message.SenderBot},
			Content: messagetest.Content().Draw(t, "content"),
		}
		body, err := message.EncodeSend(out, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		if err := matches(schema, body); err != nil {
			t.Fatalf("%s\n%v", body, err)
		}
		got, err := message.DecodeSend(body)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(out, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestGeneratedRepliesMatchTheSchemaAndHaveWords(t *testing.T) {
	schema := definition(t, "Event")
	rapid.Check(t, func(t *rapid.T) {
		reply := messagetest.Reply().Draw(t, "reply")
		event := message.Event{
			Type: message.EventReplied, Schema: message.SchemaVersion, Timestamp: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
			Data: message.Data{ID: "i", BusinessID: "b", CustomerID: "c", Reply: &reply},
		}
		text := encode(t, event)
		if err := matches(schema, text); err != nil {
			t.Fatalf("%s\n%v", text, err)
		}
		var again message.Event
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(event, again); diff != "" {
			t.Fatal(diff)
		}
		if reply.Text() == "" && (reply.Title != "" || len(reply.Selections) > 0 || reply.URL != "") {
			t.Fatalf("no words for %+v", reply)
		}
	})
	bare := message.Event{Type: message.EventReplied, Schema: 1, Data: message.Data{ID: "i", BusinessID: "b", CustomerID: "c"}}
	if matches(schema, encode(t, bare)) == nil {
		t.Error("message.replied without a reply matches the schema")
	}
}

// The closed sets of the Go code stand in the schema, and no others.
func TestTheSchemaListsTheClosedSets(t *testing.T) {
	type object = map[string]any
	var document struct {
		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(message.Schema(), &document); err != nil {
		t.Fatal(err)
	}
	property := func(def, name string) any { return document.Defs[def]["properties"].(object)[name].(object)["enum"] }
	for name, set := range map[string]struct{ schema, code any }{
		"codes": {document.Defs["Code"]["enum"], []message.Code{
			message.CodeMalformed, message.CodeUnauthorized, message.CodeForbidden, message.CodeUnknownBusiness, message.CodeUnknownConnector,
			message.CodeUnknownTemplate, message.CodeConflict, message.CodeTooLarge, message.CodeInvalid, message.CodeUnsupported,
			message.CodeDeviceUnknown, message.CodeClosed, message.CodeUnreachable, message.CodeExpired, message.CodeRateLimited,
			message.CodeUnavailable, message.CodeUncertain,
		}},
		"events": {property("Event", "type"), []message.EventType{
			message.EventReceived, message.EventReplied, message.EventUnsupported, message.EventSent, message.EventFailed,
			message.EventSignIn, message.EventPayment, message.EventTypingStarted, message.EventTypingStopped, message.EventClosed,
		}},
		"sign-ins":  {property("SignIn", "status"), message.SignInStatuses},
		"payments":  {property("Payment", "status"), message.PaymentStatuses},
		"replies":   {property("Reply", "kind"), message.ReplyKinds},
		"fallbacks": {property("Fallback", "reason"), []message.FallbackReason{message.FallbackDevice, message.FallbackHelpdesk, message.FallbackLimit, message.FallbackUnknownDevice}},
		"styles":    {document.Defs["Style"]["enum"], []message.Style{message.StyleIcon, message.StyleSmall, message.StyleLarge}},
		"pages":     {property("Page", "type"), []message.PageType{message.PageSelect, message.PagePicker, message.PageDatePicker, message.PageInput}},
	} {
		if diff := cmp.Diff(string(encode(t, set.code)), string(encode(t, set.schema))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if got := len(document.Defs["Content"]["oneOf"].([]any)); got != len(message.Kinds) {
		t.Errorf("the schema has %d kinds of content, the code %d", got, len(message.Kinds))
	}
}

// The schema teaches by examples: those of contents have to be right.
func TestTheExamplesOfTheSchemaAreValid(t *testing.T) {
	var document struct {
		Defs map[string]struct {
			Examples []json.RawMessage `json:"examples"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(message.Schema(), &document); err != nil {
		t.Fatal(err)
	}
	n := 0
	for name, def := range document.Defs {
		for _, example := range def.Examples {
			if !bytes.Contains(example, []byte(`"kind"`)) {
				continue
			}
			n++
			schema := definition(t, name)
			if err := matches(schema, example); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if _, faults := message.DecodeContent(example); faults != nil {
				t.Errorf("%s: %v", name, faults)
			}
		}
	}
	if n < 7 {
		t.Errorf("only %d examples", n)
	}
}

func TestAnswersMatchTheSchema(t *testing.T) {
	result := message.SendResult{
		ID: "k", Status: message.StatusFailed, Code: message.CodeUnknownTemplate, Reason: "no such template",
		Parts:     []message.Part{{ID: message.DeriveID("a"), Kind: message.KindText, Status: message.StatusAccepted, RequestID: "r"}},
		Fallbacks: []message.Fallback{{From: message.KindForm, To: message.KindText, Reason: message.FallbackDevice}},
		Note:      "1 Red\n2 Blue",
	}
	if err := matches(definition(t, "SendResult"), encode(t, result)); err != nil {
		t.Error(err)
	}
	result.Fallbacks[0].Reason = "mood"
	if matches(definition(t, "SendResult"), encode(t, result)) == nil {
		t.Error("a reason that does not exist matches the schema")
	}
}
