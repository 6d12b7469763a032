package asapp_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"testing"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
	"bizbridge/connectors/asapp"
)

// within tells whether a fixture says nothing but what a request says, too. Ids and times of a fixture are its own.
func within(fixture, request any, ignore ...string) bool {
	want, isObject := fixture.(map[string]any)
	got, _ := request.(map[string]any)
	if !isObject {
		return reflect.DeepEqual(fixture, request)
	}
	for key, value := range want {
		skip := false
		for _, name := range ignore {
			skip = skip || name == key
		}
		if !skip && !within(value, got[key], ignore...) {
			return false
		}
	}
	return true
}

func decode(t *testing.T, body []byte) any {
	t.Helper()
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// TestRequests compares what the connector sends with ASAPP's documentation.
func TestRequests(t *testing.T) {
	for _, c := range []struct {
		fixture string
		bot     bool
		call    int // from the end
		exact   bool
		ignore  []string
	}{
		{"req.conversation_upsert", true, 2, false, []string{"timestamp"}},
		{"req.analyze", true, 0, true, []string{"conversationId", "streamId"}},
		{"req.message", false, 0, true, nil},
	} {
		desk := startDesk(t)
		connector := connect(t, desk, func(s *asapp.Config) { s.GenerativeAgent = c.bot })
		mustDeliver(t, connector, text("Hello from Messages"))
		made := desk.Calls()
		got, want := decode(t, made[len(made)-1-c.call].Body), decode(t, fixture(t, c.fixture))
		if !within(want, got, c.ignore...) || c.exact && !within(got, want, c.ignore...) {
			t.Errorf("%s: sent is\n%v, documented is\n%v", c.fixture, got, want)
		}
	}
}

// TestAnswers reads what ASAPP's documentation lets it answer.
func TestAnswers(t *testing.T) {
	desk := startDesk(t)
	connector := connect(t, desk, peopleAnswer)
	serve := func(status int, body []byte) { desk.Script.Next(fakeAnswer(status, body)) }
	serve(http.StatusOK, fixture(t, "resp.conversation_upsert"))
	_, err := connector.Deliver(soon(t), text("Hi"))
	if failure := message.FailureOf(err); failure == nil || failure.Status != http.StatusNotFound { // the fake does not have it
		t.Errorf("the id of the conversation is not used: %v", err)
	}
	if last := desk.Calls()[0]; last.Path != "/conversation/v1/conversations/01J4XAMPLE0000000000000001/messages" {
		t.Errorf("the message goes to %s", last.Path)
	}
	answer := &httpclient.Response{Status: http.StatusTooManyRequests, Body: fixture(t, "resp.error.429")}
	if failure := message.FailureOf(connectors.StatusFailure("asapp", answer)); failure.Class != message.Throttled {
		t.Errorf("429 is %s", failure.Class)
	}
	if token := asapp.TokenIn(fixture(t, "customer_api.authenticate.response")); token != "eyJhbGciOiJIUzI1NiJ9.e30.sig" {
		t.Errorf("the token of a customer's login is %q", token)
	}
}

// TestEvents reads every documented event.
func TestEvents(t *testing.T) {
	connector := connect(t, startDesk(t), func(s *asapp.Config) { s.HandOverText = "A colleague takes over." })
	for name, want := range map[string]message.Content{
		"sse.processing_start":        message.Typing{State: message.TypingOn},
		"sse.processing_end":          message.Typing{State: message.TypingOff},
		"sse.reply":                   message.Text{Text: "Hi, how can I help?"},
		"sse.authentication_required": message.SignInRequest{},
		"sse.transfer_to_agent":       message.Text{Text: "A colleague takes over."},
		"sse.transfer_to_system":      message.Template{Name: "sizes", Vars: map[string]any{}},
	} {
		content, key, ours, err := connector.ContentOf(string(fixture(t, name)))
		if err != nil || !ours || key == "" || !reflect.DeepEqual(content, want) {
			t.Errorf("%s is %#v, key %q, ours %t, %v; want %#v", name, content, key, ours, err, want)
		}
	}
}

// TestAStreamIsOpenedAsDocumented, with the answer of the documentation.
func TestAStreamIsOpenedAsDocumented(t *testing.T) {
	var answer struct {
		StreamID, StreamingURL string
		MessageTypes           []string
	}
	if err := json.Unmarshal(fixture(t, "resp.streams"), &answer); err != nil || answer.StreamingURL == "" {
		t.Fatal(err, answer)
	}
	desk := startDesk(t)
	connector := connect(t, desk)
	if findings := connector.Check(soon(t)); len(findings) != 3 || findings[1].Verdict != connectors.Good {
		t.Errorf("%+v", findings)
	}
	desk.Script.Next(fakeAnswer(http.StatusOK, []byte(`{"items":[]}`)), fakeAnswer(http.StatusOK, fixture(t, "resp.streams")))
	if findings := connector.Check(soon(t)); findings[1].Verdict != connectors.Good {
		t.Errorf("the documented answer is not taken: %+v", findings)
	}
}
