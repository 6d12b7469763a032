package infobip_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
	"bizbridge/connectors/connectortest/fake"
	"bizbridge/connectors/infobip"
	"bizbridge/connectors/infobip/infobiptest"
)

func TestFilesAreLinks(t *testing.T) {
	desk := startDesk(t)
	mustDeliver(t, connect(t, desk.URL), event(message.EventReceived, func(d *message.Data) {
		d.Subject, d.Text = "Broken lamp", "Look"
		d.Attachments = []message.Attachment{
			{Name: "lamp.HEIC", MIMEType: "image/heic", URL: "https://bridge.test/files/1"},
			{Name: "voice.caf", MIMEType: "audio/x-caf", URL: "https://bridge.test/files/2"},
			{Name: "bill.pdf", MIMEType: "application/pdf", URL: "https://bridge.test/files/3"},
			{Name: "lost.pdf", MIMEType: "application/pdf"},
		}
	}))
	var got []string
	for _, m := range desk.Messages() {
		body := m.Content.Body
		got = append(got, strings.Join([]string{body.Type, body.Text, body.URL, body.Caption, body.Filename}, "|"))
	}
	want := []string{
		"TEXT|Broken lamp\nLook|||", "IMAGE||https://bridge.test/files/1|lamp.HEIC|", "AUDIO||https://bridge.test/files/2||",
		"FILE||https://bridge.test/files/3||bill.pdf", "TEXT|(a file that cannot be had: lost.pdf)|||",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("sent\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestLongTextsAreCut(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want int
	}{
		"short":          {strings.Repeat("x", 4096), 1},
		"words":          {strings.TrimSpace(strings.Repeat("word ", 2000)), 3},
		"one long word":  {strings.Repeat("x", 9000), 3},
		"emoji":          {strings.Repeat("😀", 2049), 2},
		"nothing at all": {" ", 1},
	} {
		t.Run(name, func(t *testing.T) {
			desk := startDesk(t)
			mustDeliver(t, connect(t, desk.URL), said(c.text))
			var texts []string
			for _, m := range desk.Messages() {
				texts = append(texts, m.Content.Body.Text)
				if n := len(utf16.Encode([]rune(m.Content.Body.Text))); n == 0 || n > 4096 {
					t.Errorf("a piece has %d units", n)
				}
			}
			joined := strings.Join(strings.Fields(strings.Join(texts, " ")), "")
			if want := strings.Join(strings.Fields(c.text), ""); len(texts) != c.want || joined != want && want != "" {
				t.Errorf("%d pieces, want %d, nothing of it lost: %t", len(texts), c.want, joined == want)
			}
		})
	}
}

func TestWhatGoesWithAMessage(t *testing.T) {
	desk := startDesk(t)
	connector := connect(t, desk.URL)
	mustDeliver(t, connector, event(message.EventReplied, func(d *message.Data) {
		d.Sealed, d.PossibleRepeat = "c2VhbGVk", true
		d.Reply = &message.Reply{Kind: message.ReplyListPicker, RequestID: "r1", Title: "Small", Selections: []message.Selection{{ID: "S", Title: "Small"}}}
	}))
	got := desk.Messages()[0]
	if got.Content.Body.Text != "Small" || got.Sender != string(customer) || got.Destination != infobiptest.Channel {
		t.Errorf("sent %+v", got)
	}
	if got.ResponseWebhook.CallbackData["apple_context"] != "c2VhbGVk" || got.ResponseWebhook.URL != "" {
		t.Errorf("answers have %+v", got.ResponseWebhook)
	}
	reply, _ := got.Metadata["apple_reply"].(map[string]any)
	if reply["kind"] != "list_picker" || got.Metadata["apple_possible_repeat"] != true || got.Metadata["apple_locale"] != "en_US" {
		t.Errorf("metadata %v", got.Metadata)
	}
}

// The context that an event had comes back with what answers it.
func TestTheContextComesBack(t *testing.T) {
	desk := startDesk(t)
	connector := connect(t, desk.URL)
	mustDeliver(t, connector, event(message.EventReceived, func(d *message.Data) { d.Text, d.Sealed = "Hi", "c2VhbGVk" }))
	asked := desk.Messages()[0]
	body, err := json.Marshal(map[string]any{
		"sender": strings.ToUpper(asked.Destination), "destination": asked.Sender, "callbackData": asked.ResponseWebhook.CallbackData,
		"content": map[string]any{"body": map[string]any{"type": "TEXT", "text": "Hello"}}, // as the reference's example has it
	})
	if err != nil {
		t.Fatal(err)
	}
	outs, err := receive(t, connector, string(body))
	if err != nil || len(outs) != 1 || outs[0].Sealed != "c2VhbGVk" || outs[0].BusinessID != business || outs[0].CustomerID != customer {
		t.Errorf("%+v, %v", outs, err)
	}
}

// A message of several parts that breaks off in the middle may be there in part.
func TestHalfAMessageIsUncertain(t *testing.T) {
	files := event(message.EventReceived, func(d *message.Data) {
		d.Text, d.Attachments = "Look", []message.Attachment{{Name: "a.png", MIMEType: "image/png", URL: "https://bridge.test/1"}}
	})
	for status, want := range map[int]message.Class{
		500: message.Uncertain, 429: message.Uncertain, 401: message.Uncertain, 400: message.Uncertain, 410: message.Closed,
	} {
		desk := startDesk(t)
		desk.Script.Next(fake.Fault{}, fake.Fault{Status: status, Header: fake.RetryLater()})
		err := deliver(t, connect(t, desk.URL), files)
		if classOf(err) != want || !strings.Contains(err.Error(), fmt.Sprint(status)) {
			t.Errorf("%d: %v, want class %s", status, err, want)
		}
	}
}

func TestWhatCannotBeDelivered(t *testing.T) {
	desk := startDesk(t)
	connector := connect(t, desk.URL)
	for name, change := range map[string]func(*message.Data){
		"a business without a channel": func(d *message.Data) { d.BusinessID = "b2" },
		"a customer's id too long":     func(d *message.Data) { d.CustomerID = message.CustomerID("urn:mbid:" + strings.Repeat("A", 247)) },
	} {
		e := said("Hi")
		change(&e.Data)
		if err := deliver(t, connector, e); classOf(err) != message.Permanent {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := desk.Script.Calls(); n > 0 {
		t.Errorf("%d calls", n)
	}
	// An account whose channel is another one says so with 404.
	desk.Channels = nil
	if err := deliver(t, connector, said("Hi")); classOf(err) != message.Permanent {
		t.Errorf("a channel of somebody else: %v", err)
	}
}

func TestTwoBusinessesShareOneAccount(t *testing.T) {
	const second = "0f3a9c5e-0000-4000-8000-000000000002"
	desk := startDesk(t)
	desk.Channels = append(desk.Channels, second)
	connector := connect(t, desk.URL, func(c *infobip.Config) {
		c.Channels = append(c.Channels, infobip.Channel{ID: second, BusinessID: "b2"})
	})
	e := said("Hi")
	e.Data.BusinessID = "B2"
	mustDeliver(t, connector, e)
	if got := desk.Messages()[0].Destination; got != second {
		t.Errorf("went to %s", got)
	}
	outs, err := receive(t, connector, strings.ReplaceAll(payload(t, "open_channel.outbound.text"), infobiptest.Channel, second))
	if err != nil || len(outs) != 1 || outs[0].BusinessID != "b2" {
		t.Errorf("%+v, %v", outs, err)
	}
}

// A chatbot gets everything but words as JSON in the bridge's own format.
func TestEventsForAnswers(t *testing.T) {
	desk := startDesk(t)
	connector := connect(t, desk.URL, answers)
	events := []message.Event{
		event(message.EventFailed, func(d *message.Data) { d.Failed = &message.Failed{Code: "invalid", Reason: "too long"} }),
		event(message.EventSent, func(d *message.Data) {
			d.Sent = &message.Sent{MessageID: "m", DataRef: json.RawMessage(`{"dataRefSig":"x"}`)}
		}),
	}
	for _, e := range events {
		mustDeliver(t, connector, e)
	}
	if err := connector.(connectors.CloseRelay).RelayClose(soon(t), event(message.EventClosed, nil)); err != nil {
		t.Fatal(err)
	}
	for i, want := range []message.EventType{message.EventFailed, message.EventSent, message.EventClosed} {
		var got message.Event
		body := desk.Messages()[i].Content.Body
		if err := json.Unmarshal(body.JSON, &got); err != nil || got.Type != want || got.Data.CustomerID != customer {
			t.Errorf("%s: %s %s, %v", want, body.Type, body.JSON, err)
		}
	}
	if _, writes := connector.(connectors.NoteWriter); writes {
		t.Error("a chatbot has no notes")
	}
}

// A helpdesk that asks for patience for a moment gets it; the message is there once.
func TestRetryAfterIsKept(t *testing.T) {
	desk := startDesk(t)
	desk.Script.Next(fake.Fault{Status: 429, Header: http.Header{"Retry-After": {"1"}}})
	mustDeliver(t, connect(t, desk.URL), said("Hi"))
	if n, calls := len(desk.Messages()), desk.Script.Calls(); n != 1 || calls != 2 {
		t.Errorf("%d messages in %d calls", n, calls)
	}
}
