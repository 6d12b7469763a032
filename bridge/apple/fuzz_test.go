package apple

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
)

func FuzzReceive(f *testing.F) {
	for name := range inbound {
		raw := string(fixture(f, name))
		f.Add([]byte(raw))
		f.Add(gzipped(f, raw))
	}
	f.Add(gzipped(f, strings.Repeat(" ", 2<<16)))
	f.Add([]byte("\x1f\x8b"))
	f.Add([]byte(`{"id":"\ud800","v":"1","body":null,"attachments":[null,{"size":-1}]}`))
	receiver, header := testReceiver(), map[string]string{"Authorization": "Bearer " + tokenA(f), "id": "", "source-id": ""}
	receiver.MaxBody = 1 << 16
	f.Fuzz(func(t *testing.T, body []byte) {
		incoming, err := receiver.Receive(post{body: bytes.NewReader(body), length: int64(len(body)), header: header}.request(t))
		if err != nil {
			refusal, ok := errors.AsType[*Refusal](err)
			if !ok || incoming != nil || refusal.Status != 400 && refusal.Status != 413 || refusal.Business != businessA {
				t.Fatalf("%+v, %v", incoming, err)
			}
			return
		}
		event := incoming.Event
		data := event.Data
		if !slices.Contains(metrics.InboundTypes, incoming.Type) {
			t.Fatalf("%q is no label", incoming.Type)
		}
		if data.ID == "" || data.ID != message.ParseID(string(data.ID)) || data.BusinessID != businessA || data.CustomerID == "" {
			t.Fatalf("%+v", data)
		}
		switch event.Type {
		case message.EventReceived:
			if data.Text == "" && len(data.Attachments) == 0 || data.Note != "" || strings.ContainsRune(data.Text, message.AttachmentMark) {
				t.Fatalf("%+v", data)
			}
		case message.EventUnsupported:
			if data.Note == "" || data.Text != "" || data.Reply != nil || len(data.AppleType) > maxAppleType || !utf8.ValidString(data.AppleType) {
				t.Fatalf("%+v", data)
			}
		case message.EventReplied:
			if incoming.Type != "interactive" || data.Reply == nil || data.Note != "" || data.Text != "" {
				t.Fatalf("%+v", data)
			}
			if !bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
				checkReply(t, body, *data.Reply)
			}
		case message.EventTypingStarted, message.EventTypingStopped, message.EventClosed:
		default:
			t.Fatalf("%q", event.Type)
		}
	})
}

// FuzzReply reads answers as they come from Apple's decoder, and inside a message: both give the same.
func FuzzReply(f *testing.F) {
	for name := range inbound {
		if data := unmarshal[map[string]json.RawMessage](f, fixture(f, name))["interactiveData"]; data != nil {
			f.Add([]byte(data))
		}
	}
	for _, seed := range []string{
		`{"data":{"timePicker":{"event":{"timeslots":[{"startTime":"9999-12-31T23:59-0100","duration":"5"}]}}}}`,
		`{"data":{"selections":[{"items":[{"value":1e9},null]}],"sessionIdentifier":7}}`,
		`{"sessionId":"\ud800","URL":"?","data":[]}`, `{"bid":"b","data":{"quick-reply":{"selectedIndex":"1","items":[0,{"title":"<&>"}]}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			if got, hidden := parseReply(raw); hidden || got.Kind != message.ReplyUnknown || got.Text() != "" {
				t.Fatalf("%+v", got)
			}
			return
		}
		got, hidden := parseReply(raw)
		checkReply(t, raw, got)
		in := interactiveOf(t, string(raw), "")
		switch {
		case hidden || got.Kind == message.ReplyUnknown && got.Text() == "":
			if in.Event.Type != message.EventUnsupported || in.Event.Data.Reply != nil {
				t.Fatalf("%+v", in.Event)
			}
		default:
			if diff := cmp.Diff(&got, in.Event.Data.Reply, cmpopts.EquateEmpty()); diff != "" || in.Event.Type != message.EventReplied {
				t.Fatal(in.Event.Type, diff)
			}
		}
	})
}

func FuzzTapback(f *testing.F) {
	for _, seed := range []string{"Liked “Hi”", "Reacted 😂 to “Hi”", "Removed a heart from an image", "Liked 1 Business Message", "Liked “\n”", "“”"} {
		f.Add(seed)
	}
	verbs := []message.Verb{
		message.VerbLiked, message.VerbLoved, message.VerbDisliked, message.VerbLaughed, message.VerbEmphasized, message.VerbQuestioned, message.VerbReacted,
	}
	f.Fuzz(func(t *testing.T, body string) {
		reaction := parseTapback(body)
		if reaction == nil {
			return
		}
		if !slices.Contains(verbs, reaction.Verb) || !strings.Contains(body, reaction.Quoted) || !strings.Contains(body, reaction.Emoji) ||
			reaction.Emoji != "" && (reaction.Verb != message.VerbReacted || reaction.Removed) {
			t.Fatalf("%q: %+v", body, reaction)
		}
		if parseTapback(body+".") != nil || parseTapback("x"+body) != nil {
			t.Fatalf("%q is recognised inside another text", body)
		}
	})
}

func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"One two.\n\nThree", "👨‍👩‍👧👨‍👩‍👧", "e\u0301\u0301\u0301", "\xff\xfe", " \u0301 a", "你好。我们", "a\r\n\r\nb", "\xc4\v\x84"} {
		f.Add(seed, uint8(3))
	}
	f.Fuzz(func(t *testing.T, text string, limit uint8) {
		checkSplit(t, text, int(limit)+1)
	})
}
