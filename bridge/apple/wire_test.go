package apple

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bizbridge/bridge/message"
)

const (
	noteInteractive = "The customer answered an interactive message, which cannot be shown here."
	noteSignIn      = "The customer answered a sign-in or payment request, which cannot be shown here."
	noteUnknownType = "The customer sent a message of a kind that cannot be shown here."
	noteNewVersion  = "The customer sent a message of a newer version of Apple's protocol."
	noteForm        = "The customer sent a text whose form is not known."
	noteEmpty       = "The customer sent an empty message."
)

// inbound are Apple's shapes and what becomes of them. What all of them share is left out: ids, locale, device.
var inbound = map[string]struct {
	label string // the type label of the metrics
	event message.EventType
	data  message.Data
}{
	"in-text.json": {"text", message.EventReceived, message.Data{Text: "Hello, is my order ready?"}},
	"in-text-intent-group.json": {"text", message.EventReceived, message.Data{
		Text: "Hello", Device: message.Device{Intent: "SomeIntent", Group: "SomeGroup"}}},
	"in-text-attachment.json": {"text", message.EventReceived, message.Data{Text: "Look:", Attachments: []message.Attachment{
		{ID: "00000000-0000-4000-8000-000000000020-1", Name: "IMG_0001.png", MIMEType: "image/png", Size: 69}}}},
	"in-tapback-liked.json": {"text", message.EventReceived, message.Data{
		Text: "Liked “Your order is ready”", Reaction: &message.Reaction{Verb: message.VerbLiked, Quoted: "Your order is ready"}}},
	"in-tapback-loved.json": {"text", message.EventReceived, message.Data{
		Text: "Loved “Your order is ready”", Reaction: &message.Reaction{Verb: message.VerbLoved, Quoted: "Your order is ready"}}},
	"in-typing-start.json": {"typing_start", message.EventTypingStarted, message.Data{}},
	"in-typing-end.json":   {"typing_end", message.EventTypingStopped, message.Data{}},
	"in-close.json":        {"close", message.EventClosed, message.Data{}},
	"in-quick-reply-response.json": {"interactive", message.EventReplied, replied(message.ReplyQuickReply, "Talk to an agent", "",
		message.Selection{ID: "3", Title: "Talk to an agent"})},
	"in-list-picker-response.json": {"interactive", message.EventReplied, replied(message.ReplyListPicker, "Selected produce", "Apple",
		message.Selection{ID: "1", Title: "Apple", Subtitle: "Red"})},
	"in-time-picker-response.json": {"interactive", message.EventReplied, replied(message.ReplyTimePicker, "Feb 24, 2030 at 05:00", "",
		message.Selection{ID: "slot-2", Start: &tenOClock, Duration: 3600})},
	"in-form-response.json": {"interactive", message.EventReplied, replied(message.ReplyForm, "Thank you", "",
		message.Selection{ID: "0_1", Title: "Blue", Value: "blue", Page: "0", Subtitle: "Colour?"},
		message.Selection{Value: "02/24/2030", Page: "1", Subtitle: "Date?"},
		message.Selection{Value: "Please ring the bell", Page: "2", Subtitle: "Remarks"})},
	"in-custom-app-response.json": {"interactive", message.EventReplied, message.Data{Reply: &message.Reply{
		Kind: message.ReplyApp, SessionID: sessionID, Title: "Example", URL: "?choice=2&order=A-1"}}},
	"in-invitation-accepted.json": {"interactive", message.EventReplied, replied(message.ReplyInvitation, "Continue", "in Messages",
		message.Selection{ID: "ref-0001", Title: "Continue", Subtitle: "in Messages"})},
	"in-interactive-data-ref.json": {"interactive", message.EventReplied, message.Data{Reply: &message.Reply{
		Kind: message.ReplyUnknown, Title: "Selected produce"}}},
	// The bubble of a sign-in or a payment says that all went well, whatever happened, so it is not repeated.
	"in-apple-pay-response.json":        {"interactive", message.EventUnsupported, message.Data{AppleType: "interactive", Note: noteSignIn}},
	"in-auth-legacy-authenticated.json": {"interactive", message.EventUnsupported, message.Data{AppleType: "interactive", Note: noteSignIn}},
	"in-auth-legacy-failed.json":        {"interactive", message.EventUnsupported, message.Data{AppleType: "interactive", Note: noteSignIn}},
	"in-auth2-cancel.json":              {"interactive", message.EventUnsupported, message.Data{AppleType: "interactive", Note: noteSignIn}},
	"in-auth2-failure.json":             {"interactive", message.EventUnsupported, message.Data{AppleType: "interactive", Note: noteSignIn}},
	"in-auth2-success.json":             {"interactive", message.EventUnsupported, message.Data{AppleType: "interactive", Note: noteSignIn}},
}

const (
	requestID = "00000000-0000-4000-8000-000000000900"
	sessionID = "00000000-0000-4000-8000-000000000800"
)

var tenOClock = time.Date(2030, 2, 24, 10, 0, 0, 0, time.UTC)

// replied is the answer to the fixtures' request.
func replied(kind message.ReplyKind, title, subtitle string, selections ...message.Selection) message.Data {
	return message.Data{Reply: &message.Reply{
		Kind: kind, RequestID: requestID, SessionID: sessionID, Title: title, Subtitle: subtitle, Selections: selections,
	}}
}

// withoutBytes leaves out where the bytes are; TestWhereTheBytesAre looks at that.
var withoutBytes = cmpopts.IgnoreFields(Incoming{}, "Files", "Reference", "SignIn")

func TestEveryShapeOfAppleBecomesItsEvent(t *testing.T) {
	files, err := filepath.Glob("testdata/in-*.json")
	if err != nil || len(files) != len(inbound)+1 { // and in-headers.json
		t.Errorf("%d files, %d expectations, %v", len(files), len(inbound), err)
	}
	captured := unmarshal[struct{ Headers map[string]string }](t, fixture(t, "in-headers.json")).Headers
	for name, want := range inbound {
		t.Run(name, func(t *testing.T) {
			raw := fixture(t, name)
			envelope := unmarshal[struct{ ID, Locale string }](t, raw)
			header := make(map[string]string)
			for name, value := range captured {
				header[name] = value
			}
			header["id"] = envelope.ID
			got := accepted(t, testReceiver(), sent(string(gzipped(t, string(raw))), header).request(t))

			data := want.data
			data.ID, data.BusinessID, data.CustomerID = message.ID(envelope.ID), businessA, customer
			data.Locale, data.Agent = envelope.Locale, "iPhone OS"
			data.Capabilities = []message.Capability{"QUICK", "LIST", "TIME", "AUTH", "AUTH2", "FORM"}
			wanted := &Incoming{Type: want.label, Event: message.Event{Type: want.event, Schema: 1, Timestamp: clock.UTC(), Data: data}}
			if name == "in-apple-pay-response.json" { // its state is one that nobody knows
				wanted.Payment = &PaymentAnswer{RequestID: "00000000-0000-4000-8000-000000000900"}
			}
			if diff := cmp.Diff(wanted, got, withoutBytes); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAuthenticMessagesOfUnexpectedShapeAreHandedOn(t *testing.T) {
	received := func(text string) message.Data { return message.Data{Text: text} }
	unsupported := func(appleType, note string) message.Data { return message.Data{AppleType: appleType, Note: note} }
	file := func(name, mime string, size int64) message.Attachment {
		return message.Attachment{ID: messageID + "-1", Name: name, MIMEType: mime, Size: size}
	}
	attached := func(members map[string]any) map[string]any {
		return map[string]any{"body": "\uFFFC", "attachments": []any{members}}
	}
	for name, test := range map[string]struct {
		body  map[string]any
		label string
		want  message.Data
	}{
		"v missing":                     {map[string]any{"v": nil}, "text", received("Hello")},
		"v a string":                    {map[string]any{"v": "1"}, "text", received("Hello")},
		"v null":                        {map[string]any{"v": null}, "text", received("Hello")},
		"v of the future":               {map[string]any{"v": 2}, "unknown", unsupported("text", noteNewVersion)},
		"v of the future as a string":   {map[string]any{"v": "2"}, "unknown", unsupported("text", noteNewVersion)},
		"v a word":                      {map[string]any{"v": "one"}, "unknown", unsupported("text", noteNewVersion)},
		"v an object":                   {map[string]any{"v": map[string]any{}}, "unknown", unsupported("text", noteNewVersion)},
		"type missing":                  {map[string]any{"type": nil}, "unknown", unsupported("", noteUnknownType)},
		"type a number":                 {map[string]any{"type": 7}, "unknown", unsupported("", noteUnknownType)},
		"type in capitals":              {map[string]any{"type": "TEXT"}, "unknown", unsupported("TEXT", noteUnknownType)},
		"type of the future":            {map[string]any{"type": "hologram"}, "unknown", unsupported("hologram", noteUnknownType)},
		"type without end":              {map[string]any{"type": strings.Repeat("é", 1000)}, "unknown", unsupported(strings.Repeat("é", 32), noteUnknownType)},
		"type cut inside a character":   {map[string]any{"type": "x" + strings.Repeat("é", 1000)}, "unknown", unsupported("x"+strings.Repeat("é", 31), noteUnknownType)},
		"a rich link":                   {map[string]any{"type": "richLink", "richLinkData": map[string]any{"url": "https://example.com"}}, "unknown", unsupported("richLink", noteUnknownType)},
		"interactive without data":      {map[string]any{"type": "interactive"}, "interactive", unsupported("interactive", noteInteractive)},
		"interactive data a string":     {map[string]any{"type": "interactive", "interactiveData": "x"}, "interactive", unsupported("interactive", noteInteractive)},
		"interactive title a number":    {map[string]any{"type": "interactive", "interactiveData": map[string]any{"data": map[string]any{"replyMessage": map[string]any{"title": 1}}}}, "interactive", message.Data{Reply: &message.Reply{Kind: message.ReplyUnknown, Title: "1"}}},
		"text a number":                 {map[string]any{"body": 5}, "text", unsupported("text", noteForm)},
		"text an object":                {map[string]any{"body": map[string]any{"text": "Hello"}}, "text", unsupported("text", noteForm)},
		"text null":                     {map[string]any{"body": null}, "text", unsupported("text", noteEmpty)},
		"text missing":                  {map[string]any{"body": nil}, "text", unsupported("text", noteEmpty)},
		"text empty":                    {map[string]any{"body": ""}, "text", unsupported("text", noteEmpty)},
		"text only a place mark":        {map[string]any{"body": " \uFFFC "}, "text", unsupported("text", noteEmpty)},
		"text of 1 MB":                  {map[string]any{"body": strings.Repeat("x", 1_000_000)}, "text", received(strings.Repeat("x", 1_000_000))},
		"text of every kind of line":    {map[string]any{"body": "a\nb\r\nc\u2028d\te "}, "text", received("a\nb\r\nc\u2028d\te ")},
		"text with emoji":               {map[string]any{"body": "👨‍👩‍👧 👍🏽"}, "text", received("👨‍👩‍👧 👍🏽")},
		"place marks around words":      {map[string]any{"body": "\uFFFC a \uFFFCb\uFFFC "}, "text", received("a b")},
		"subject":                       {map[string]any{"subject": "Order 7"}, "text", message.Data{Text: "Hello", Subject: "Order 7"}},
		"subject a number":              {map[string]any{"subject": 7}, "text", received("Hello")},
		"locale, intent, group numbers": {map[string]any{"locale": 1, "intent": 2, "group": 3}, "text", received("Hello")},
		"attachments null":              {map[string]any{"attachments": null}, "text", received("Hello")},
		"attachments empty":             {map[string]any{"attachments": []any{}}, "text", received("Hello")},
		// The words beside an odd attachment were once lost.
		"attachments a string":         {map[string]any{"attachments": "x"}, "text", message.Data{Text: "Hello", Attachments: []message.Attachment{file("file", "application/octet-stream", 0)}}},
		"attachments of strings":       {map[string]any{"attachments": []any{"x"}}, "text", message.Data{Text: "Hello", Attachments: []message.Attachment{file("file", "application/octet-stream", 0)}}},
		"an attachment of odd members": {map[string]any{"attachments": []any{map[string]any{"name": "a.png", "owner": 7}}}, "text", message.Data{Text: "Hello", Attachments: []message.Attachment{file("a.png", "image/png", 0)}}},
		"v with a point":               {map[string]any{"v": json.Number("1.0")}, "text", received("Hello")},
		"size a number":                {attached(map[string]any{"name": "a.png", "mimeType": "image/png", "size": 69}), "text", message.Data{Attachments: []message.Attachment{file("a.png", "image/png", 69)}}},
		"size a string":                {attached(map[string]any{"name": "a.png", "mimeType": "image/png", "size": "69"}), "text", message.Data{Attachments: []message.Attachment{file("a.png", "image/png", 69)}}},
		"size a word":                  {attached(map[string]any{"name": "a.png", "size": "large"}), "text", message.Data{Attachments: []message.Attachment{file("a.png", "image/png", 0)}}},
		"size null, and the text too":  {map[string]any{"body": null, "attachments": []any{map[string]any{"name": "a.png", "size": nil}}}, "text", message.Data{Attachments: []message.Attachment{file("a.png", "image/png", 0)}}},
	} {
		t.Run(name, func(t *testing.T) {
			members := map[string]any{"locale": nil}
			for name, value := range test.body {
				members[name] = value
			}
			got := accepted(t, testReceiver(), sent(with(members), map[string]string{"capability-list": "", "device-agent": ""}).request(t))
			want := test.want
			want.ID, want.BusinessID, want.CustomerID = messageID, businessA, customer
			event := message.EventReceived
			switch {
			case want.Note != "":
				event = message.EventUnsupported
			case want.Reply != nil:
				event = message.EventReplied
			}
			wanted := &Incoming{Type: test.label, Event: message.Event{Type: event, Schema: 1, Timestamp: clock.UTC(), Data: want}}
			if diff := cmp.Diff(wanted, got, cmpopts.EquateEmpty(), withoutBytes); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// null is JSON's, where nil takes a member away.
var null = (*int)(nil)

func TestHalfASurrogatePairOfAppleIsAccepted(t *testing.T) {
	event := eventOf(t, strings.Replace(with(nil), "Hello", `a\ud83db`, 1))
	if event.Data.Text != "a\uFFFDb" {
		t.Errorf("%q", event.Data.Text)
	}
	if event := eventOf(t, strings.Replace(with(nil), "Hello", "a\xffb", 1)); event.Data.Text != "a\uFFFDb" {
		t.Errorf("%q", event.Data.Text)
	}
}

func TestIdsAreComparedInLowerCase(t *testing.T) {
	event := eventOf(t, with(map[string]any{"id": " ABCDEF00-0000-4000-8000-00000000000A", "attachments": []any{map[string]any{}}}))
	if event.Data.ID != "abcdef00-0000-4000-8000-00000000000a" || event.Data.Attachments[0].ID != "abcdef00-0000-4000-8000-00000000000a-1" {
		t.Errorf("%+v", event.Data)
	}
}

func TestCapabilitiesAreReadFromTodaysAndTheOldHeader(t *testing.T) {
	const empty = "empty" // for a header that is there without a value
	auth2, list := message.CapabilityAuth2, message.CapabilityList
	for name, test := range map[string]struct {
		today, old string
		want       []message.Capability
	}{
		"today's": {"auth2, List", "", []message.Capability{list, auth2}}, "percent-encoded": {"AUTH2%2CLIST", "", []message.Capability{list, auth2}},
		"old": {"", "auth", []message.Capability{"AUTH"}}, "both": {"LIST", "auth", []message.Capability{list}}, "neither": {"", "", nil},
		"today's, empty": {empty, "", []message.Capability{}}, "old, empty": {"", empty, []message.Capability{}}, // a Watch
		"today's empty, old not": {empty, "LIST", []message.Capability{list}}, "nothing that is known": {"NEW", "", []message.Capability{}},
	} {
		req := post{header: map[string]string{"capability-list": test.today, "capabilities": test.old}}.request(t)
		for _, values := range req.Header {
			if values[0] == empty {
				values[0] = ""
			}
		}
		if diff := cmp.Diff(test.want, accepted(t, testReceiver(), req).Event.Data.Capabilities); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestADeclinedInvitationClosesThePhonesConversation(t *testing.T) {
	event := eventOf(t, with(map[string]any{"type": "close", "body": nil, "sourceId": "tel:+15555550100", "referenceIds": []string{"ref-1"}}))
	if event.Type != message.EventClosed || event.Data.CustomerID != "tel:+15555550100" {
		t.Errorf("%+v", event)
	}
}

func TestTheTimeIsOursAndInUTC(t *testing.T) {
	receiver := testReceiver()
	receiver.Now = func() time.Time { return clock.In(time.FixedZone("", 3600)) }
	if got := accepted(t, receiver, post{}.request(t)).Event.Timestamp; got != clock.UTC() {
		t.Error(got)
	}
}

func TestTapbacksAreRecognised(t *testing.T) {
	reaction := func(verb message.Verb, quoted string) *message.Reaction {
		return &message.Reaction{Verb: verb, Quoted: quoted}
	}
	removed := func(verb message.Verb, quoted string) *message.Reaction {
		return &message.Reaction{Verb: verb, Quoted: quoted, Removed: true}
	}
	reacted := func(emoji, quoted string) *message.Reaction {
		return &message.Reaction{Verb: message.VerbReacted, Emoji: emoji, Quoted: quoted}
	}
	for body, want := range map[string]*message.Reaction{
		"Liked “Hi”":                                   reaction(message.VerbLiked, "Hi"),
		"Loved “Hi”":                                   reaction(message.VerbLoved, "Hi"),
		"Disliked “Hi”":                                reaction(message.VerbDisliked, "Hi"),
		"Laughed at “Hi”":                              reaction(message.VerbLaughed, "Hi"),
		"Emphasized “Hi”":                              reaction(message.VerbEmphasized, "Hi"),
		"Questioned “Hi”":                              reaction(message.VerbQuestioned, "Hi"),
		"Liked “two\nlines\r\n\n”":                     reaction(message.VerbLiked, "two\nlines\r\n\n"),
		"Liked “She said “no” twice”":                  reaction(message.VerbLiked, "She said “no” twice"),
		"Liked “”":                                     reaction(message.VerbLiked, ""),
		"Liked an image":                               reaction(message.VerbLiked, "an image"),
		"Loved a movie":                                reaction(message.VerbLoved, "a movie"),
		"Laughed at an audio message":                  reaction(message.VerbLaughed, "an audio message"),
		"Liked 1 Business Message":                     reaction(message.VerbLiked, "1 Business Message"),
		"Questioned 3 images":                          reaction(message.VerbQuestioned, "3 images"),
		"Reacted 😂 to “Hi”":                            reacted("😂", "Hi"),
		"Reacted ❤️ to “Hi”":                           reacted("❤️", "Hi"),
		"Reacted 👍🏽 to “Hi”":                           reacted("👍🏽", "Hi"),
		"Reacted 👨‍👩‍👧‍👦 to “Hi”":                      reacted("👨‍👩‍👧‍👦", "Hi"),
		"Reacted 🇩🇪 to “Hi”":                           reacted("🇩🇪", "Hi"),
		"Reacted 1️⃣ to “Hi”":                          reacted("1️⃣", "Hi"),
		"Reacted 🏴󠁧󠁢󠁳󠁣󠁴󠁿 to an image":                  reacted("🏴󠁧󠁢󠁳󠁣󠁴󠁿", "an image"),
		"Reacted with a sticker to “Hi”":               reacted("", "Hi"),
		"Reacted with a sticker to 1 Business Message": reacted("", "1 Business Message"),
		"Removed a like from “Hi”":                     removed(message.VerbLiked, "Hi"),
		"Removed a heart from “Hi”":                    removed(message.VerbLoved, "Hi"),
		"Removed a dislike from “Hi”":                  removed(message.VerbDisliked, "Hi"),
		"Removed a laugh from “Hi”":                    removed(message.VerbLaughed, "Hi"),
		"Removed an exclamation from “Hi”":             removed(message.VerbEmphasized, "Hi"),
		"Removed a question mark from “two\nlines”":    removed(message.VerbQuestioned, "two\nlines"),
		"Removed a like from an image":                 removed(message.VerbLiked, "an image"),

		// Near misses stay what they are: texts.
		"":                                  nil,
		"Liked":                             nil,
		"Liked it":                          nil,
		`Liked "Hi"`:                        nil,
		"Liked ”Hi“":                        nil,
		"liked “Hi”":                        nil,
		"Liked “Hi” a lot":                  nil,
		"I Liked “Hi”":                      nil,
		" Liked “Hi”":                       nil,
		"Liked “Hi”\n":                      nil,
		"Liked  “Hi”":                       nil,
		"Liked “Hi":                         nil,
		"Laughed “Hi”":                      nil,
		"Liked an image of you":             nil,
		"Liked a car":                       nil,
		"Liked 2 of them":                   nil,
		"Adored “Hi”":                       nil,
		"Reacted to “Hi”":                   nil,
		"Reacted badly to “the news”":       nil,
		"Reacted 5 to “Hi”":                 nil,
		"Reacted 😂":                         nil,
		"Reacted with a smile to “Hi”":      nil,
		"Removed a like":                    nil,
		"Removed the like from “Hi”":        nil,
		"Removed a filter from “my search”": nil,
		"「Hi」を“いいね”しました":                    nil,
	} {
		if diff := cmp.Diff(want, parseTapback(body)); diff != "" {
			t.Errorf("%q: %s", body, diff)
		}
		if body != "" && eventOf(t, with(map[string]any{"body": body})).Data.Text != body {
			t.Errorf("the text of %q is not kept", body)
		}
	}
}

func TestWhereTheBytesAre(t *testing.T) {
	receive := func(name string) *Incoming {
		return accepted(t, testReceiver(), sent(string(fixture(t, name)), map[string]string{"id": ""}).request(t))
	}
	files := receive("in-text-attachment.json").Files
	if len(files) != 1 || files[0] == nil {
		t.Fatalf("%d files", len(files))
	}
	file := *files[0]
	if got := file.Key.Encode(); got != "0012e9f08b6b0ccc36df688bf167faf7bf3e7e696d1a66e98c9e9949131c9f8e07" {
		t.Errorf("key %s", got)
	}
	if file.Size != 69 || file.Business != businessA || !strings.HasPrefix(file.URL, "https://p00-content") || len(file.Signature) != 21 {
		t.Errorf("%+v", file)
	}
	reference := receive("in-interactive-data-ref.json").Reference
	if reference == nil || !strings.HasPrefix(reference.BID, "com.apple.messages") || reference.Source.Size == 0 {
		t.Errorf("%+v", reference)
	}
	for name, change := range map[string]map[string]any{
		"no key":                {"key": ""},
		"a key too short":       {"key": "00ab"},
		"a line end in the URL": {"url": "https://x\r\ny"},
		"a negative size":       {"size": -1},
		"no signature":          {"signature": "", "signature-base64": ""},
		"hex as base64":         {"signature": "", "signature-base64": "81F3F15A23E43F1388ECE45C2F00BA41BFD2920B22"},
	} {
		body := unmarshal[map[string]any](t, fixture(t, "in-text-attachment.json"))
		maps.Copy(body["attachments"].([]any)[0].(map[string]any), change)
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		in := accepted(t, testReceiver(), sent(string(raw), map[string]string{"id": ""}).request(t))
		if len(in.Event.Data.Attachments) != 1 || len(in.Files) != 1 || in.Files[0] != nil {
			t.Errorf("%s: %d listed, the bytes are said to be at %v", name, len(in.Event.Data.Attachments), in.Files)
		}
	}
}
