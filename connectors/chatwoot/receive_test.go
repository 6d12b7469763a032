package chatwoot_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/config"
	"bizbridge/connectors/chatwoot"
	"bizbridge/connectors/chatwoot/chatwoottest"
)

// written is a webhook about a message whose members are changed; a nil takes one away.
func written(t testing.TB, changes map[string]any) []byte {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(begun(t, "message_created.outgoing.text.json"), &body); err != nil {
		t.Fatal(err)
	}
	for name, value := range changes {
		if value == nil {
			delete(body, name)
			continue
		}
		body[name] = value
	}
	return []byte(pretty(t, body))
}

func TestWhoWrote(t *testing.T) {
	desk, from := offline(t)
	for name, c := range map[string]struct {
		sender any
		kind   string
		want   message.Sender
	}{
		"an agent":   {map[string]any{"name": "Ada", "type": "user"}, "outgoing", message.Sender{Kind: message.SenderAgent, Name: "Ada"}},
		"a bot":      {map[string]any{"name": "Bot", "type": "agent_bot"}, "outgoing", message.Sender{Kind: message.SenderBot, Name: "Bot"}},
		"a greeting": {nil, "template", message.Sender{Kind: message.SenderBot}},
		"a campaign": {nil, "outgoing", message.Sender{Kind: message.SenderBot}},
		"long names": {map[string]any{"name": strings.Repeat("ä", 150), "type": "user"}, "outgoing", message.Sender{Kind: message.SenderAgent, Name: strings.Repeat("ä", 100)}},
	} {
		outs, err := receive(t, from, desk, written(t, map[string]any{"sender": c.sender, "message_type": c.kind}))
		if err != nil || len(outs) != 1 || outs[0].Sender != c.want {
			t.Errorf("%s: %+v, %v; want %+v", name, outs, err, c.want)
		}
	}
}

func TestWhatIsNotForTheCustomer(t *testing.T) {
	desk, from := offline(t)
	for name, changes := range map[string]map[string]any{
		"a note":                  {"private": true},
		"the customer's own":      {"message_type": "incoming"},
		"an activity":             {"message_type": "activity"},
		"no type":                 {"message_type": nil},
		"types as numbers":        {"message_type": 0},
		"an update":               {"event": "message_updated"},
		"a deletion":              {"event": "message_updated", "content_attributes": map[string]any{"deleted": true}},
		"an event of tomorrow":    {"event": "message_dreamt"},
		"no event":                {"event": nil},
		"another inbox":           {"inbox": map[string]any{"id": 8}},
		"no inbox":                {"inbox": nil, "conversation": map[string]any{"id": 118}},
		"another account":         {"account": map[string]any{"id": 2}},
		"a contact":               {"event": "contact_updated"},
		"typing of nobody":        {"event": "conversation_typing_on"},
		"typing of the customer":  {"event": "conversation_typing_on", "user": map[string]any{"name": "x", "type": "contact"}},
		"typing of the untyped":   {"event": "conversation_typing_on", "user": map[string]any{"name": "x"}},
		"typing of a note":        {"event": "conversation_typing_on", "user": map[string]any{"type": "user"}, "is_private": true},
		"a conversation's status": {"event": "conversation_status_changed", "id": 118},
	} {
		outs, err := receive(t, from, desk, written(t, changes))
		if len(outs) > 0 || err != nil {
			t.Errorf("%s becomes %d messages and %v, want neither", name, len(outs), err)
		}
	}
}

func TestTextsLoseTheirMarkdown(t *testing.T) {
	desk, from := offline(t)
	for content, want := range map[string]string{
		"**Hi**, see [our page](https://example.com/a)": "Hi, see our page (https://example.com/a)",
		"1. one\n2. two":    "1. one\n2. two",
		"a\\_b":             "a_b",
		"<script>":          "<script>",
		"/list sizes":       "/list sizes",
		"  spaces around  ": "spaces around",
	} {
		outs, err := receive(t, from, desk, written(t, map[string]any{"content": content}))
		if err != nil || len(outs) != 1 || outs[0].Content != (message.Text{Text: want}) {
			t.Errorf("%q becomes %+v, %v; want %q", content, outs, err, want)
		}
	}
}

func TestAnEmptyMessageIsRefused(t *testing.T) {
	desk, from := offline(t)
	for name, changes := range map[string]map[string]any{
		"empty": {"content": " "}, "null": {"content": json.RawMessage("null")}, "a file without an address": {"content": "", "attachments": []any{map[string]any{"file_type": "location"}}},
	} {
		outs, err := receive(t, from, desk, written(t, changes))
		if failure, ok := errors.AsType[*message.Failure](err); !ok || failure.Class != message.Invalid || len(outs) != 1 || outs[0].CustomerID != customer {
			t.Errorf("%s: %+v, %v", name, outs, err)
		}
	}
}

func TestBodiesThatMakeNoSense(t *testing.T) {
	desk, from := offline(t)
	for body, malformed := range map[string]bool{
		"": true, "[]": true, "null": true, "{": true, `"x"`: true, `{"private": "yes"}`: false,
		string(written(t, map[string]any{"id": "abc"})): false, string(written(t, map[string]any{"id": 0})): false,
		string(written(t, map[string]any{"conversation": map[string]any{"inbox_id": 7}})): false,
	} {
		outs, err := receive(t, from, desk, []byte(body))
		failure, ok := errors.AsType[*message.Failure](err)
		if errors.Is(err, message.ErrMalformed) != malformed || !malformed && (!ok || failure.Class != message.Invalid) || len(outs) > 0 {
			t.Errorf("%.60q gives %d messages and %v", body, len(outs), err)
		}
	}
}

// TestAttributesThatAgentsEdit must not lead to another customer.
func TestAttributesThatAgentsEdit(t *testing.T) {
	desk, from := offline(t)
	other := strings.ReplaceAll(string(begun(t, "message_created.outgoing.text.json")), string(customer), "urn:mbid:b3RoZXI=")
	outs, err := receive(t, from, desk, []byte(other))
	if err != nil || outs[0].CustomerID != customer {
		t.Errorf("the message goes to %+v, %v", outs, err)
	}
	const hashed = "amb_da239e8d88f4fdec6c5d7b20de8acf5816c18ce02052635c0d6d08daf876ff02"
	for body, want := range map[string]bool{
		strings.ReplaceAll(string(begun(t, "message_created.outgoing.text.json")), source, hashed): true,
		strings.ReplaceAll(other, source, hashed):                                                  false,
	} {
		outs, err := receive(t, from, desk, []byte(body))
		if sent := err == nil && outs[0].CustomerID == customer; sent != want {
			t.Errorf("the message goes to %+v, %v", outs, err)
		}
	}
}

// TestRepeatedAndReorderedWebhooks: one message has one key, and another another.
func TestRepeatedAndReorderedWebhooks(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	id := open(t, desk, to)
	for i := range 20 {
		desk.Write(id, chatwoottest.Message{Type: chatwoottest.Outgoing, Content: strings.Repeat("x", i+1), Sender: "Ada"})
	}
	texts := make(map[string]string)
	for _, req := range desk.Webhooks(rand.New(rand.NewPCG(1, 2))) {
		outs, err := to.Receive(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, out := range outs {
			text := out.Content.(message.Text).Text
			if before, ok := texts[out.Key]; ok && before != text {
				t.Errorf("%s is %q and %q", out.Key, before, text)
			}
			texts[out.Key] = text
		}
	}
	if len(texts) != 20 {
		t.Errorf("%d keys, want 20", len(texts))
	}
}

func TestBothSecretsAreAccepted(t *testing.T) {
	desk := chatwoottest.New("http://127.0.0.1:1", chatwoottest.Options{Clock: clock})
	from := connect(t, desk.URL, func(c *chatwoot.Config) { c.WebhookSecrets = []config.Secret{"new", chatwoottest.WebhookSecret} })
	if outs, err := receive(t, from, desk, written(t, nil)); len(outs) != 1 || err != nil {
		t.Errorf("%d messages, %v", len(outs), err)
	}
}

func TestATokenInTheQuery(t *testing.T) {
	desk := chatwoottest.New("http://127.0.0.1:1", chatwoottest.Options{Clock: clock, Unsigned: true})
	from := connect(t, desk.URL, func(c *chatwoot.Config) { c.WebhookSecrets, c.WebhookToken = nil, chatwoottest.WebhookSecret })
	for query, want := range map[string]signature.Reason{
		"": signature.Missing, "?token=": signature.Missing, "?token=wrong": signature.Mismatch, "?token=" + chatwoottest.WebhookSecret: "",
	} {
		req, err := http.NewRequest(http.MethodPost, "http://bridge.test/webhooks/desk"+query, strings.NewReader(string(written(t, nil))))
		if err != nil {
			t.Fatal(err)
		}
		outs, err := from.Receive(t.Context(), req)
		refused, ok := errors.AsType[*signature.Error](err)
		if want == "" && len(outs) != 1 || want != "" && (!ok || refused.Reason != want) {
			t.Errorf("%q gives %d messages and %v", query, len(outs), err)
		}
	}
}

func kinds(outs []message.Outbound) []message.Kind {
	var list []message.Kind
	for _, out := range outs {
		list = append(list, out.Content.Kind())
	}
	return list
}

func selection(titles ...string) map[string]any {
	var list []any
	for _, title := range titles {
		list = append(list, map[string]any{"title": title, "value": title})
	}
	return map[string]any{"items": list}
}

func TestRichMessages(t *testing.T) {
	desk, from := offline(t)
	postback := map[string]any{"type": "postback", "text": "Select", "payload": "p"}
	link := map[string]any{"type": "link", "text": "View", "uri": "https://example.com/x"}
	for name, c := range map[string]struct {
		contentType string
		attributes  any
		want        []message.Kind
	}{
		"two options":        {"input_select", selection("a", "b"), []message.Kind{message.KindQuickReply}},
		"five options":       {"input_select", selection("a", "b", "c", "d", "e"), []message.Kind{message.KindQuickReply}},
		"six options":        {"input_select", selection("a", "b", "c", "d", "e", "f"), []message.Kind{message.KindListPicker}},
		"one option":         {"input_select", selection("a"), []message.Kind{message.KindListPicker}},
		"the same twice":     {"input_select", selection("a", "a"), []message.Kind{message.KindQuickReply}},
		"no option":          {"input_select", map[string]any{"items": []any{}}, []message.Kind{message.KindText}},
		"no items":           {"input_select", map[string]any{}, []message.Kind{message.KindText}},
		"items of text":      {"input_select", map[string]any{"items": "x"}, []message.Kind{message.KindText}},
		"items that are odd": {"input_select", map[string]any{"items": []any{1, "x", map[string]any{"title": map[string]any{}, "value": []any{}}}}, []message.Kind{message.KindText}},
		"an empty title":     {"input_select", selection("a", ""), []message.Kind{message.KindText}},
		"a card with a link": {"cards", map[string]any{"items": []any{map[string]any{"title": "t", "actions": []any{link}}}}, []message.Kind{message.KindText, message.KindRichLink}},
		"a card that asks":   {"cards", map[string]any{"items": []any{map[string]any{"title": "t", "actions": []any{postback}}}}, []message.Kind{message.KindListPicker}},
		"cards of two kinds": {"cards", map[string]any{"items": []any{
			map[string]any{"title": "t", "actions": []any{postback, link}}, map[string]any{"title": "u", "actions": []any{postback, postback, link}},
		}}, []message.Kind{message.KindRichLink, message.KindRichLink, message.KindListPicker}},
		"a link that is none": {"cards", map[string]any{"items": []any{map[string]any{"title": "t", "actions": []any{map[string]any{"type": "link", "uri": "tel:1"}}}}},
			[]message.Kind{message.KindText, message.KindText}},
		"pictures that are none": {"cards", map[string]any{"items": []any{map[string]any{"title": "t", "media_url": "ftp://x", "actions": []any{postback, link}}}},
			[]message.Kind{message.KindRichLink, message.KindListPicker}},
		"articles": {"article", map[string]any{"items": []any{map[string]any{"title": "t", "link": "https://example.com/1"}, map[string]any{"title": "u", "link": "https://example.com/2"}}},
			[]message.Kind{message.KindText, message.KindRichLink, message.KindRichLink}},
		"a form": {"form", map[string]any{"items": []any{
			map[string]any{"name": "a", "type": "text", "required": true, "pattern": "[0-9]+"}, map[string]any{"name": "b", "type": "text_area", "pattern": "("},
			map[string]any{"name": "c", "type": "tel"}, map[string]any{"name": "d", "type": "number"}, map[string]any{"name": "e", "type": "url"},
			map[string]any{"name": "f", "type": "date"}, map[string]any{"type": "select"}, map[string]any{},
		}}, []message.Kind{message.KindForm}},
		"a form without fields":   {"form", map[string]any{"items": []any{}}, []message.Kind{message.KindText}},
		"a form that cannot be":   {"form", map[string]any{"items": []any{map[string]any{"name": "a", "type": "select", "options": []any{map[string]any{}}}}}, []message.Kind{message.KindText}},
		"a survey":                {"input_csat", map[string]any{}, []message.Kind{message.KindText}},
		"a question for an email": {"input_email", map[string]any{}, []message.Kind{message.KindText}},
		"a type of tomorrow":      {"hologram", selection("a", "b"), []message.Kind{message.KindText}},
	} {
		t.Run(name, func(t *testing.T) {
			outs, err := receive(t, from, desk, written(t, map[string]any{"content_type": c.contentType, "content_attributes": c.attributes}))
			if err != nil || !slices.Equal(kinds(outs), c.want) {
				t.Fatalf("it becomes %v, %v; want %v", kinds(outs), err, c.want)
			}
			keys := make(map[string]bool)
			for _, out := range outs {
				raw, err := json.Marshal(out.Content)
				if err != nil {
					t.Fatal(err)
				}
				if _, faults := message.DecodeContent(raw); len(faults) > 0 {
					t.Errorf("the bridge would not take %s: %v", raw, faults)
				}
				if keys[out.Key] || out.Content.Kind().Interactive() != (out.Key == "118/501") && len(outs) > 1 {
					t.Errorf("%s has key %s", out.Content.Kind(), out.Key)
				}
				keys[out.Key] = true
			}
		})
	}
}

func TestALongQuestionIsATextToo(t *testing.T) {
	desk, from := offline(t)
	long := strings.TrimSpace(strings.Repeat("word ", 100))
	outs, err := receive(t, from, desk, written(t, map[string]any{"content": long, "content_type": "input_select", "content_attributes": selection("a", "b")}))
	if err != nil || !slices.Equal(kinds(outs), []message.Kind{message.KindText, message.KindQuickReply}) || outs[0].Content != (message.Text{Text: long}) {
		t.Errorf("it becomes %+v, %v", outs, err)
	}
}

func TestAQuestionThatCannotBeAskedHasItsOptionsInWords(t *testing.T) {
	desk, from := offline(t)
	outs, err := receive(t, from, desk, written(t, map[string]any{"content": "Which?", "content_type": "input_select", "content_attributes": selection("a", "")}))
	if err != nil || outs[0].Content != (message.Text{Text: "Which?\n\n- a\n- "}) {
		t.Errorf("it becomes %+v, %v", outs, err)
	}
}

func TestFilesAndAQuestion(t *testing.T) {
	desk, from := offline(t)
	outs, err := receive(t, from, desk, written(t, map[string]any{
		"content": "Which?", "content_type": "input_select", "content_attributes": selection("a", "b"),
		"attachments": []any{map[string]any{"data_url": "https://desk.example.test/1"}, map[string]any{"data_url": "https://desk.example.test/2"}},
	}))
	if err != nil || !slices.Equal(kinds(outs), []message.Kind{message.KindFiles, message.KindQuickReply}) {
		t.Fatalf("it becomes %+v, %v", outs, err)
	}
	if files := outs[0].Content.(message.Files); len(files.Files) != 2 || files.Text != "" {
		t.Errorf("the files are %+v", files)
	}
}

// TestManyLinksAreFewCards: each card is a message, and Chatwoot waits five seconds for all.
func TestManyLinksAreFewCards(t *testing.T) {
	desk, from := offline(t)
	links := func(n int) map[string]any {
		var actions []any
		for i := range n {
			actions = append(actions, map[string]any{"type": "link", "text": "L", "uri": fmt.Sprintf("https://example.com/%d", i)})
		}
		return map[string]any{"items": []any{map[string]any{"title": "T", "actions": actions}}}
	}
	outs, err := receive(t, from, desk, written(t, map[string]any{"content": "See", "content_type": "cards", "content_attributes": links(7)}))
	if err != nil || len(outs) != 6 || outs[0].Content != (message.Text{Text: "See\n\nT: https://example.com/5\nT: https://example.com/6"}) {
		t.Errorf("%+v, %v", outs, err)
	}
	body := links(6)
	body["items"] = append(body["items"].([]any), map[string]any{"title": "U", "actions": []any{map[string]any{"type": "postback", "text": "Yes", "payload": "y"}}})
	outs, err = receive(t, from, desk, written(t, map[string]any{"content": "See", "content_type": "cards", "content_attributes": body}))
	if err != nil || len(outs) != 7 || outs[0].Content != (message.Text{Text: "T: https://example.com/5"}) {
		t.Errorf("beside a question: %+v, %v", outs, err)
	}
}

// TestWhatTheBridgeWouldNotTakeIsRefused with a reason, for the whole message.
func TestWhatTheBridgeWouldNotTakeIsRefused(t *testing.T) {
	desk, from := offline(t)
	outs, err := receive(t, from, desk, written(t, map[string]any{"content": strings.Repeat("word ", 29_000)}))
	if failure, ok := errors.AsType[*message.Failure](err); !ok || failure.Class != message.Invalid || failure.Reason == "" || len(outs) != 1 || outs[0].Key == "" || outs[0].CustomerID != customer {
		t.Errorf("%d messages, %v", len(outs), err)
	}
}

// TestASelectionOfTexts: bots write options as objects, or as texts alone.
func TestASelectionOfTexts(t *testing.T) {
	desk, from := offline(t)
	outs, err := receive(t, from, desk, written(t, map[string]any{"content_type": "form", "content_attributes": map[string]any{"items": []any{
		map[string]any{"name": "size", "type": "select", "label": "Size", "options": []any{"S", 2, map[string]any{"label": "Large", "value": "L"}}},
		map[string]any{"name": "mail", "type": "email"},
	}}}))
	if err != nil || len(outs) != 1 {
		t.Fatalf("%+v, %v", outs, err)
	}
	want := []message.FormItem{{ID: "1", Title: "S", Value: "S"}, {ID: "2", Title: "2", Value: "2"}, {ID: "3", Title: "Large", Value: "L"}}
	if asked := outs[0].Content.(message.Form); len(asked.Pages) != 2 || !slices.Equal(asked.Pages[0].Items, want) {
		t.Errorf("%+v", asked.Pages)
	}
}

func FuzzReceive(f *testing.F) {
	for _, name := range []string{"text", "attachment", "input_select", "cards", "form", "article", "private_note"} {
		f.Add(begun(f, "message_created.outgoing."+name+".json"))
	}
	f.Add(begun(f, "conversation_typing_on.agent.json"))
	f.Add([]byte(`{"event":"message_created","id":1,"message_type":"outgoing","inbox":{"id":7},"conversation":{"id":1},"content_attributes":{"items":[{"title":[]}]}}`))
	desk, from := offline(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		outs, err := receive(t, from, desk, body)
		if err != nil {
			if failure, ok := errors.AsType[*message.Failure](err); !errors.Is(err, message.ErrMalformed) && (!ok || failure.Class != message.Invalid) {
				t.Fatalf("error %v", err)
			}
			return
		}
		for _, out := range outs {
			if out.CustomerID.Fault() != "" || out.BusinessID == "" {
				t.Fatalf("a message to %q of %q", out.CustomerID, out.BusinessID)
			}
			raw, err := json.Marshal(out.Content)
			if err != nil {
				t.Fatal(err)
			}
			if _, faults := message.DecodeContent(raw); len(faults) > 0 && out.Content.Kind().Interactive() {
				t.Fatalf("the bridge would not take %s: %v", raw, faults)
			}
		}
	})
}
