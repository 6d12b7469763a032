package sunshine_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/config"
	"bizbridge/connectors/sunshine"
	"bizbridge/connectors/sunshine/sunshinetest"
)

func saying(id, words string) object {
	return sunshinetest.Said(id, metadata(), object{"type": "text", "text": words}, nil)
}

func keys(outs []message.Outbound) []string {
	var all []string
	for _, out := range outs {
		all = append(all, out.Key)
	}
	return all
}

// One webhook has several events: of this bridge, of other channels of the app, of customers, and what is no news to them.
func TestAllEventsOfAWebhookAreRead(t *testing.T) {
	r := newRig(t)
	web := object{"lang": "en"}
	with := func(id string, more object) object {
		return sunshinetest.Said(id, metadata(), object{"type": "text", "text": "no"}, more)
	}
	of := func(id string, values object) object {
		return sunshinetest.Said(id, values, object{"type": "text", "text": "no"}, nil)
	}
	kind := func(event object, kind string) object { event["type"] = kind; return event }
	broken := saying("broken", "no")
	broken["payload"].(object)["message"].(object)["content"] = "words"
	outs := r.receive(
		saying("1", "one"),
		of("web", web), of("none", nil), of("no business", object{"apple_mbid": string(customer)}),
		of("no customer", object{"apple_business_id": string(business), "apple_mbid": "7494535bff5cef41a15be74d"}),
		broken,
		saying("2", "two"),
		with("echo", object{"author": object{"type": "user", "userId": "u"}}),
		with("note", object{"metadata": object{"apple_note": "true"}}),
		with("note by name", object{"author": object{"type": "business", "displayName": "Messages for Business (note)"}}),
		with("deleted", object{"deleted": true}),
		with("system", object{"author": object{"type": "business", "subtypes": []string{"activity"}}}),
		with("closed", object{"activity": object{"type": "ticket:closed"}}),
		with("", nil),
		kind(saying("3", "no"), "conversation:message:delivery:user"), kind(saying("4", "no"), "switchboard:releaseControl"), kind(saying("5", "no"), "user:merge"),
		saying("6", "three"),
	)
	if got := keys(outs); !slices.Equal(got, []string{"1", "2", "6"}) {
		t.Errorf("messages %q, want those of 1, 2 and 6", got)
	}
	if log := r.log.String(); !strings.Contains(log, "left out") || strings.Contains(log, "words") {
		t.Errorf("the log must tell of the event that cannot be read, and not what it says: %s", log)
	}
}

// A repeated or reordered webhook gives the same messages under the same keys.
func TestRepeatsAndDisorderChangeNoKey(t *testing.T) {
	r := newRig(t)
	list := object{"type": "carousel", "items": []object{
		{"title": "A", "actions": []object{{"type": "postback", "text": "Select", "payload": "a"}, {"type": "link", "text": "More", "uri": "https://a.example"}}},
	}}
	first, second := sunshinetest.Said("1", metadata(), list, nil), saying("2", "two")
	outs := r.receive(first, second)
	if !slices.Equal(keys(outs), []string{"1", "1 2", "2"}) {
		t.Errorf("keys %q", keys(outs))
	}
	again := r.receive(second, first)
	if !reflect.DeepEqual(append(again[1:], again[0]), outs) {
		t.Errorf("in another order it is %+v, was %+v", again, outs)
	}
}

func TestWhoWrites(t *testing.T) {
	r := newRig(t)
	for name, c := range map[string]struct {
		more object
		want message.Sender
	}{
		"agent":           {object{"author": object{"type": "business", "displayName": "Alice", "subtypes": []string{"agent"}}}, message.Sender{Kind: "agent", Name: "Alice"}},
		"bot":             {object{"author": object{"type": "business", "displayName": "Z", "subtypes": []string{"bot"}}}, message.Sender{Kind: "bot", Name: "Z"}},
		"AI":              {object{"author": object{"type": "business", "subtypes": []string{"AI"}}}, message.Sender{Kind: "bot"}},
		"answer bot":      {object{"author": object{"type": "business"}, "source": object{"type": "zd:answerBot"}}, message.Sender{Kind: "bot"}},
		"a name too long": {object{"author": object{"type": "business", "displayName": strings.Repeat("x", 201)}}, message.Sender{Kind: "agent"}},
	} {
		t.Run(name, func(t *testing.T) {
			outs := r.receive(sunshinetest.Said("1", metadata(), object{"type": "text", "text": "Hi"}, c.more))
			if len(outs) != 1 || outs[0].Sender != c.want {
				t.Errorf("got %+v, want one of %+v", outs, c.want)
			}
		})
	}
}

func TestTyping(t *testing.T) {
	r := newRig(t)
	typing := func(kind, author string) object {
		return object{"id": "e1", "type": "conversation:typing", "payload": object{
			"conversation": object{"id": "c", "metadata": metadata()}, "activity": object{"type": kind, "author": object{"type": author}},
		}}
	}
	for kind, want := range map[string]message.TypingState{"typing:start": message.TypingOn, "typing:stop": message.TypingOff} {
		outs := r.receive(typing(kind, "business"))
		if len(outs) != 1 || outs[0].Content != (message.Typing{State: want}) || outs[0].Key != "e1" || outs[0].CustomerID != customer {
			t.Errorf("%s: %+v", kind, outs)
		}
	}
	if outs := r.receive(typing("typing:start", "user"), typing("conversation:read", "business")); len(outs) > 0 {
		t.Errorf("the customer's own typing, or a read receipt, becomes %+v", outs)
	}
}

// A ticket that is closed is told in the operator's words, where there are some, however Zendesk says it.
func TestTicketClosed(t *testing.T) {
	words := newRig(t, func(c *sunshine.Config) { c.ClosedText = "Goodbye." })
	silent := newRig(t)
	text := object{"type": "text", "text": "Conversation ended"}
	for name, event := range map[string]object{
		"by activity":          sunshinetest.Said("1", metadata(), text, object{"activity": object{"type": "ticket:closed"}}),
		"by a kind of content": sunshinetest.Said("1", metadata(), object{"type": "activity", "activity": object{"type": "ticket:closed"}}, nil),
	} {
		t.Run(name, func(t *testing.T) {
			outs := words.receive(event)
			if len(outs) != 1 || outs[0].Content != (message.Text{Text: "Goodbye."}) || outs[0].Sender.Kind != message.SenderBot || outs[0].Key != "1" {
				t.Errorf("got %+v", outs)
			}
			if outs := silent.receive(event); len(outs) > 0 {
				t.Errorf("without closed_text it is %+v", outs)
			}
		})
	}
	if outs := words.receive(sunshinetest.Said("2", metadata(), text, object{"activity": object{"type": "ticket:transfer:email"}})); len(outs) > 0 {
		t.Errorf("another activity becomes %+v", outs)
	}
}

func TestTheSecretOfTheWebhook(t *testing.T) {
	const older = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	r := newRig(t, func(c *sunshine.Config) { c.WebhookSecrets = append(c.WebhookSecrets, config.Secret(older)) })
	for secret, want := range map[string]bool{
		sunshinetest.WebhookSecret: true, older: true, "": false, sunshinetest.KeySecret: false,
		sunshinetest.WebhookSecret[:31]: false, sunshinetest.WebhookSecret + "0": false, strings.ToUpper(older): false,
	} {
		outs, err := r.Receive(t.Context(), sunshinetest.Post(secret, saying("1", "Hi")))
		_, refused := errors.AsType[*signature.Error](err)
		if (err == nil) != want || refused == want || (len(outs) == 1) != want {
			t.Errorf("%q: %d messages, %v", secret, len(outs), err)
		}
	}
}

func TestReceiveSaysWhatIsWrongWithABody(t *testing.T) {
	r := newRig(t)
	for body, malformed := range map[string]bool{
		"": true, "{": true, `"events"`: true, "[]": true, `{"events":{}}`: true,
		"{}": false, "null": false, `{"trigger":"message:appUser","messages":[]}`: false, // a webhook of v1
	} {
		outs, err := r.Receive(t.Context(), sunshinetest.PostBody(sunshinetest.WebhookSecret, body))
		if len(outs) > 0 || errors.Is(err, message.ErrMalformed) != malformed || !malformed && class(err) != message.Invalid {
			t.Errorf("%q: %d messages, %v", body, len(outs), err)
		}
	}
	for _, body := range []string{`{"events":[]}`, `{"events":[null,1,"x",[],{}]}`} {
		if outs, err := r.Receive(t.Context(), sunshinetest.PostBody(sunshinetest.WebhookSecret, body)); len(outs) > 0 || err != nil {
			t.Errorf("%q: %d messages, %v", body, len(outs), err)
		}
	}
}

// FuzzReceive looks for webhooks that come through without the secret, or become what the bridge would refuse.
func FuzzReceive(f *testing.F) {
	files, err := filepath.Glob("testdata/payloads/conversation_*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			f.Fatal(err)
		}
		f.Add(marked(f, payload(f, filepath.Base(file))), true)
	}
	f.Add(`{"events":[{"type":"conversation:message","payload":{}}]}`, false)
	r := connect(f, configure("http://127.0.0.1:1"), nowhere, &strings.Builder{})
	f.Fuzz(func(t *testing.T, body string, genuine bool) {
		secret := sunshinetest.WebhookSecret
		if !genuine {
			secret = secret[1:]
		}
		receive := func() ([]message.Outbound, error) {
			var req *http.Request = sunshinetest.PostBody(secret, body)
			return r.Receive(t.Context(), req)
		}
		outs, err := receive()
		if _, refused := errors.AsType[*signature.Error](err); refused == genuine || err != nil && len(outs) > 0 {
			t.Fatalf("genuine is %t: %d messages and %v", genuine, len(outs), err)
		}
		if again, _ := receive(); !reflect.DeepEqual(again, outs) {
			t.Fatalf("the same again is %+v, was %+v", again, outs)
		}
		for _, out := range outs {
			if out.CustomerID.Fault() != "" || out.BusinessID == "" || out.Key == "" || out.Content == nil {
				t.Fatalf("not fit to be sent: %+v", out)
			}
			if out.Content.Kind() != message.KindTyping {
				fit(t, out.Content)
			}
		}
	})
}
