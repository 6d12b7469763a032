package infobip_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
	"bizbridge/connectors/infobip"
	"bizbridge/connectors/infobip/infobiptest"

	"pgregory.net/rapid"

	"bizbridge/bridge/message/messagetest"
)

// outbound is a message through the Open Channel with this body.
func outbound(body string) string {
	return fmt.Sprintf(`{"sender":%q,"destination":%q,"message":{"body":%s}}`, infobiptest.Channel, customer, body)
}

// Every kind of the bridge's own format can be a JSON body.
func TestEveryKindIsAJSONBody(t *testing.T) {
	connector := connect(t, "http://127.0.0.1:1")
	rapid.Check(t, func(rt *rapid.T) {
		content := messagetest.Content().Draw(rt, "content")
		text, err := json.Marshal(content)
		if err != nil {
			rt.Fatal(err)
		}
		outs, err := receive(t, connector, outbound(`{"type":"JSON","json":`+string(text)+`}`))
		if err != nil || len(outs) != 1 {
			rt.Fatalf("%s: %v", text, err)
		}
		got, err := json.Marshal(outs[0].Content)
		if err != nil || string(got) != string(text) {
			rt.Errorf("%s\nbecomes %s", text, got)
		}
	})
}

func TestShortForms(t *testing.T) {
	connector := connect(t, "http://127.0.0.1:1")
	for short, long := range map[string]string{
		`{"kind":"quick_reply","title":"Q?","items":[{"id":"1","title":"A"},{"id":"2","title":"B"}]}`:                        `{"kind":"quick_reply","prompt":"Q?","options":[{"id":"1","title":"A"},{"id":"2","title":"B"}]}`,
		`{"kind":"list_picker","title":"Q?","items":[{"id":"1","title":"A","subtitle":"a"}]}`:                                `{"kind":"list_picker","received":{"title":"Q?"},"sections":[{"items":[{"id":"1","title":"A","subtitle":"a"}]}]}`,
		`{"kind":"time_picker","title":"When?","event":{"slots":[{"id":"1","start":"2030-01-01T09:00:00Z","duration":60}]}}`: `{"kind":"time_picker","received":{"title":"When?"},"event":{"slots":[{"id":"1","start":"2030-01-01T09:00:00Z","duration":60}]}}`,
		`{"kind":"form","title":"F","pages":[{"id":"p","type":"input","title":"Name?"}]}`:                                    `{"kind":"form","received":{"title":"F"},"pages":[{"id":"p","type":"input","title":"Name?"}]}`,
		// What is written in full is not overwritten, and a title that is the kind's own stays.
		`{"kind":"list_picker","title":"no","received":{"title":"Q?"},"items":[{"id":"1","title":"A"}]}`: `{"kind":"list_picker","received":{"title":"Q?"},"sections":[{"items":[{"id":"1","title":"A"}]}]}`,
		`{"kind":"rich_link","title":"T","url":"https://x.example"}`:                                     `{"kind":"rich_link","url":"https://x.example","title":"T"}`,
	} {
		outs, err := receive(t, connector, outbound(`{"type":"JSON","json":`+short+`}`))
		if err != nil {
			t.Errorf("%s: %v", short, err)
			continue
		}
		if got, _ := json.Marshal(outs[0].Content); string(got) != long {
			t.Errorf("%s\nbecomes %s\nwant    %s", short, got, long)
		}
	}
}

// What cannot be sent is refused, and named as far as the agent's failed message can be told of.
func TestWhatIsNoMessage(t *testing.T) {
	connector := connect(t, "http://127.0.0.1:1")
	for name, c := range map[string]struct {
		body    string
		named   bool
		pointer string
	}{
		"an empty text":       {outbound(`{"type":"TEXT","text":""}`), true, "/text"},
		"no URL":              {outbound(`{"type":"IMAGE"}`), true, "/files/0"},
		"an unknown type":     {outbound(`{"type":"VIDEO","url":"https://x.example/v"}`), true, "/message/body/type"},
		"no type":             {outbound(`{}`), true, "/message/body/type"},
		"no object":           {outbound(`[]`), true, "/message/body"},
		"JSON without a kind": {outbound(`{"type":"JSON","json":{}}`), true, "/kind"},
		"JSON that is null":   {outbound(`{"type":"JSON","json":null}`), true, "/message/body/json"},
		"half a list":         {outbound(`{"type":"JSON","json":{"kind":"list_picker","title":"Q?"}}`), true, "/sections"},
		"no body":             {fmt.Sprintf(`{"sender":%q,"destination":%q,"text":"Hi"}`, infobiptest.Channel, customer), true, "/message/body"},
		"a text for a body":   {fmt.Sprintf(`{"type":"TEXT","sender":%q,"destination":%q,"message":"Hi"}`, infobiptest.Channel, customer), true, "/message/body"},
		"another channel":     {strings.Replace(outbound(`{"type":"TEXT","text":"Hi"}`), "000000000001", "000000000009", 1), false, ""},
		"no channel":          {`{"sender":5,"destination":5,"message":{"body":{"type":"TEXT","text":"Hi"}}}`, false, ""},
		"another customer":    {strings.Replace(outbound(`{"type":"TEXT","text":"Hi"}`), "urn:mbid:", "447700900000", 1), false, "/destination"},
		"an own format":       {`{"type":"message.send","data":{}}`, false, "/data/business_id"},
	} {
		outs, err := receive(t, connector, c.body)
		failure, ok := errors.AsType[*message.Failure](err)
		if !ok || failure.Class != message.Invalid {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.pointer != "" && (len(failure.Faults) == 0 || failure.Faults[0].Pointer != c.pointer) {
			t.Errorf("%s: faults %v", name, failure.Faults)
		}
		if c.named != (len(outs) == 1) || c.named && (outs[0].Key == "" || outs[0].CustomerID != customer || outs[0].BusinessID != business) {
			t.Errorf("%s: %+v", name, outs)
		}
	}
}

// What an agent says does not vanish because it stands elsewhere, or has a type beside it.
func TestOtherShapesOfAMessage(t *testing.T) {
	connector := connect(t, "http://127.0.0.1:1")
	for _, rest := range []string{
		`"message":{"type":"TEXT","text":"Hi"}`,
		`"content":{"type":"TEXT","text":"Hi"}`,
		`"type":"TEXT","message":{"body":{"type":"TEXT","text":"Hi"}}`,
		`"type":"OUTBOUND_MESSAGE","content":{"body":{"type":"TEXT","text":"Hi"}}`,
	} {
		outs, err := receive(t, connector, fmt.Sprintf(`{"sender":%q,"destination":%q,%s}`, infobiptest.Channel, customer, rest))
		if err != nil || len(outs) != 1 || outs[0].Content != (message.Text{Text: "Hi"}) || outs[0].CustomerID != customer || outs[0].Key == "" {
			t.Errorf("%s: %+v, %v", rest, outs, err)
		}
	}
	// Of somebody else it is another app's.
	if outs, err := receive(t, connector, `{"sender":"shop","destination":"x","message":{"type":"TEXT","text":"Hi"}}`); len(outs) > 0 || err != nil {
		t.Errorf("of another app: %+v, %v", outs, err)
	}
}

// Whether Infobip repeats webhooks is not known, so that agents hear of everything that was not sent.
func TestAgentsHearOfEveryFailure(t *testing.T) {
	if relay := connect(t, "http://127.0.0.1:1").(connectors.FailureRelay); !infobip.Factory().PostsOnce || !relay.RelaysFailures() {
		t.Error("a failure that may pass is told to nobody")
	}
}

func TestOddBodies(t *testing.T) {
	connector := connect(t, "http://127.0.0.1:1")
	for _, body := range []string{"", "  ", "{", "[]", `"x"`, "null", "5", `{"sender":`, `{"a":1}{}`} {
		if outs, err := receive(t, connector, body); len(outs) > 0 || !errors.Is(err, message.ErrMalformed) {
			t.Errorf("%q: %v, %v", body, outs, err)
		}
	}
	for _, body := range []string{ // requests of other apps, and events that are not for the customer
		`{}`, `{"content":"x","sender":{"a":1},"message":[]}`, `{"type":7}`, `{"type":"CONVERSATION_TAG_ADDED","payload":5}`, `{"type":"SOMETHING_NEW"}`,
		`{"message":{"body":7}}`,
	} {
		outs, err := receive(t, connector, body)
		if body == `{"message":{"body":7}}` { // it looks like a message, but comes from no channel
			if classOf(err) != message.Invalid {
				t.Errorf("%s: %v", body, err)
			}
			continue
		}
		if len(outs) > 0 || err != nil {
			t.Errorf("%s: %v, %v", body, outs, err)
		}
	}
}

// An Exchange app can send the bridge's own format.
func TestOwnFormat(t *testing.T) {
	connector := connect(t, "http://127.0.0.1:1")
	body := `{"type":"message.send","timestamp":"2026-08-01T09:02:00Z","data":{"id":"k","business_id":"b1","customer_id":"` + string(customer) + `","content":{"kind":"text","text":"Hi"}}}`
	outs, err := receive(t, connector, body)
	if err != nil || len(outs) != 1 || outs[0].Key != "k" || outs[0].Content != (message.Text{Text: "Hi"}) {
		t.Errorf("%+v, %v", outs, err)
	}
	outs, err = receive(t, connector, strings.Replace(body, `"id":"k",`, "", 1))
	if err != nil || len(outs) != 1 || outs[0].Key == "" {
		t.Errorf("%+v, %v", outs, err)
	}
}

// What answers the same message of the customer with the same words is one message, for ten minutes.
func TestKeys(t *testing.T) {
	at := happened
	connector := connectAt(t, func() time.Time { return at })
	key := func(body string) string {
		outs, err := connector.Receive(t.Context(), infobiptest.Signed(infobiptest.SigningSecret, at, body))
		if err != nil || len(outs) != 1 {
			t.Fatalf("%v, %v", outs, err)
		}
		return outs[0].Key
	}
	text := payload(t, "open_channel.outbound.text")
	first := key(text)
	if key(strings.Join(strings.Fields(strings.ReplaceAll(text, "Hi, how can I help?", "Hi,_how_can_I_help?")), "")) == first {
		t.Error("another text has the same key")
	}
	var compact strings.Builder
	if err := json.NewEncoder(&compact).Encode(json.RawMessage(text)); err != nil {
		t.Fatal(err)
	}
	if key(compact.String()) != first {
		t.Error("white space changes the key")
	}
	if key(strings.ReplaceAll(text, "9d1c2b5e", "9d1c2b5f")) == first {
		t.Error("the same words in answer to another message have the same key")
	}
	at = at.Add(11 * time.Minute)
	if key(text) == first {
		t.Error("the same words have the same key for good")
	}
}

// Webhooks that come twice and in any order keep their keys.
func TestRepeatedAndReordered(t *testing.T) {
	connector := connect(t, "http://127.0.0.1:1")
	keys := map[string]string{}
	var bodies []string
	for i := range 20 {
		body := outbound(fmt.Sprintf(`{"type":"TEXT","text":"%d"}`, i))
		bodies = append(bodies, body, body, body)
	}
	rand.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
	for _, body := range bodies {
		outs, err := receive(t, connector, body)
		if err != nil {
			t.Fatal(err)
		}
		text := outs[0].Content.(message.Text).Text
		if known, again := keys[outs[0].Key]; again && known != text {
			t.Errorf("%s and %s have one key", known, text)
		}
		keys[outs[0].Key] = text
	}
	if len(keys) != 20 {
		t.Errorf("20 messages have %d keys", len(keys))
	}
}

func TestWhoWrites(t *testing.T) {
	for kind, connector := range map[message.SenderKind]connectors.Connector{
		"": connect(t, "http://127.0.0.1:1"), message.SenderBot: connect(t, "http://127.0.0.1:1", answers),
	} {
		outs, err := receive(t, connector, payload(t, "open_channel.outbound.text"))
		if err != nil || outs[0].Sender.Kind != kind {
			t.Errorf("%v, %v; want %q", outs, err, kind)
		}
	}
}

// With a closing_text, the customer hears of a conversation that an agent closed, once.
func TestClosingText(t *testing.T) {
	connector := connect(t, "http://127.0.0.1:1", closingText)
	closed := payload(t, "conversations_event.status_updated.closed")
	outs, err := receive(t, connector, closed)
	if err != nil || len(outs) != 1 || outs[0].Content != (message.Text{Text: "Bye."}) || outs[0].CustomerID != customer || outs[0].BusinessID != business {
		t.Fatalf("%+v, %v", outs, err)
	}
	again, _ := receive(t, connector, strings.Replace(closed, "09:02:00", "09:03:00", -1))
	if len(again) != 1 || again[0].Key != outs[0].Key {
		t.Errorf("a repeat has another key")
	}
	from, to := `"from": "`+infobiptest.Channel+`"`, `"to": "`+string(customer)+`"`
	inbound := strings.NewReplacer(from, strings.Replace(to, "to", "from", 1), to, strings.Replace(from, "from", "to", 1), `"direction": "OUTBOUND",
      "channel": "OPEN_CHANNEL"`, `"direction": "INBOUND",
      "channel": "OPEN_CHANNEL"`).Replace(closed)
	if outs, err := receive(t, connector, inbound); err != nil || len(outs) != 1 || outs[0].CustomerID != customer {
		t.Errorf("after a last word of the customer: %+v, %v", outs, err)
	}
	for name, body := range map[string]string{
		"solved": strings.Replace(closed, "CLOSED", "SOLVED", 1),
		"by the system": strings.Replace(closed, `"AGENT",
      "id"`, `"SYSTEM",
      "id"`, 1),
		"another channel":  strings.Replace(closed, "OPEN_CHANNEL", "WHATSAPP", 1),
		"of somebody else": strings.ReplaceAll(closed, infobiptest.Channel, "447491163443"),
		"a note":           payload(t, "conversations_event.note_added"),
	} {
		if outs, err := receive(t, connector, body); len(outs) > 0 || err != nil {
			t.Errorf("%s: %v, %v", name, outs, err)
		}
	}
	if _, err := receive(t, connector, `{"type":"CONVERSATION_STATUS_UPDATED","payload":5}`); classOf(err) != message.Invalid {
		t.Errorf("an event without a payload: %v", err)
	}
}

func FuzzReceive(f *testing.F) {
	connector := connect(f, "http://127.0.0.1:1", closingText)
	for name := range goldens {
		f.Add(payload(f, name), true)
	}
	for _, body := range []string{"", "{", "null", `{"type":"message.send","data":{}}`, outbound(`{"type":"JSON","json":{"kind":"form"}}`), outbound(`{"type":"TEXT","text":"\ud83d"}`)} {
		f.Add(body, true)
		f.Add(body, false)
	}
	f.Fuzz(func(t *testing.T, body string, signed bool) {
		req := infobiptest.Signed(infobiptest.SigningSecret, happened, body)
		if !signed {
			req = infobiptest.Signed(hunter, happened, body)
		}
		outs, err := connector.Receive(t.Context(), req)
		if refusedFor(err) == signed {
			t.Fatalf("signed: %t, but %v", signed, err)
		}
		if err != nil {
			if failure, ok := errors.AsType[*message.Failure](err); !refusedFor(err) && !errors.Is(err, message.ErrMalformed) && (!ok || failure.Class != message.Invalid) {
				t.Fatalf("an error outside the contract: %T %v", err, err)
			}
			return
		}
		for _, out := range outs {
			if out.Key == "" || out.CustomerID.Fault() != "" || out.Content == nil || len(out.Key) > 512 {
				t.Fatalf("gives %+v", out)
			}
		}
	})
}

// connectAt is connect with a clock.
func connectAt(t testing.TB, now func() time.Time) connectors.Connector {
	settings := infobip.Factory().NewConfig().(*infobip.Config)
	settings.URL, settings.APIKey, settings.SigningSecrets = "http://127.0.0.1:1", infobiptest.APIKey, secrets(infobiptest.SigningSecret)
	settings.Channels = []infobip.Channel{{ID: infobiptest.Channel, BusinessID: business}}
	connector, err := infobip.Factory().New(connectors.Environment{Name: "infobip", Now: now}, settings)
	if err != nil {
		t.Fatal(err)
	}
	return connector
}
