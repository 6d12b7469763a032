package libredesk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/connectors/connectortest/fake"
	"bizbridge/connectors/libredesk/libredesktest"
)

// captured is when the fixtures were sent.
var captured = time.Date(2026, 8, 1, 9, 2, 30, 0, time.UTC)

// lookedUp is a LibreDesk that answers every look-up with one conversation, and counts them.
type lookedUp struct {
	*httptest.Server
	conversation map[string]any
	asked        []string
	notes        []string
	noteStatus   int // 0: they are taken
}

func (l *lookedUp) contact() map[string]any { return l.conversation["contact"].(map[string]any) }

func (l *lookedUp) attributes() map[string]any {
	return l.contact()["custom_attributes"].(map[string]any)
}

// answering gives the conversation of the fixtures, whose contact has what the bridge writes.
func answering(t testing.TB) *lookedUp {
	t.Helper()
	var created struct{ Payload map[string]any }
	decode(t, fixture(t, "conversation.created.json"), &created)
	desk := &lookedUp{conversation: created.Payload}
	desk.attributes()["apple_business_id"] = string(business)
	desk.attributes()["apple_context"] = "c2VhbGVk"
	desk.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "token "+libredesktest.APIKey+":"+libredesktest.APISecret {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if req.URL.Path == "/api/v1/inboxes" {
			_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": []any{map[string]any{"id": 2, "uuid": libredesktest.InboxID}}})
			return
		}
		if req.Method == http.MethodPost {
			var note struct {
				Message    string
				Private    bool
				SenderType string `json:"sender_type"`
			}
			if json.NewDecoder(req.Body).Decode(&note) == nil && note.Private && note.SenderType == "agent" {
				desk.notes = append(desk.notes, note.Message)
			}
			if desk.noteStatus != 0 {
				w.WriteHeader(desk.noteStatus)
				return
			}
		}
		desk.asked = append(desk.asked, req.Method+" "+req.URL.Path)
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": desk.conversation})
	}))
	t.Cleanup(desk.Close)
	return desk
}

// webhook signs a body that was sent when the fixtures were.
func webhook(body []byte) *http.Request { return libredesktest.Post(libredesktest.WebhookSecret, body) }

// changed is a fixture with another payload.
func changed(t testing.TB, name string, change func(payload map[string]any)) []byte {
	t.Helper()
	var body map[string]any
	decode(t, fixture(t, name), &body)
	change(body["payload"].(map[string]any))
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

const (
	agentText    = "message.created.agent.text.json"
	agentFile    = "message.created.agent.attachment.json"
	conversation = "15ab85ef-c541-422f-ae4d-2a50e28bef4b"
)

// payloads says of every captured payload what becomes of it. Those that the desk does not send are looked at elsewhere.
var payloads = map[string]struct {
	out       bool // it becomes a message
	looks     bool // LibreDesk is asked whose it is
	elsewhere string
}{
	agentText: {out: true, looks: true},
	agentFile: {out: true, looks: true},
	"message.created.agent.private_note.json":   {},
	"message.created.activity.json":             {},
	"message.created.contact.echo.json":         {},
	"message.created.visitor.echo.json":         {},
	"message.updated.agent.sent.json":           {},
	"conversation.created.json":                 {},
	"conversation.assigned.json":                {},
	"conversation.status_changed.resolved.json": {},
	"ws.new_message.from_agent.json":            {}, // frames of the widget's socket, which the bridge does not open
	"ws.typing.from_agent.json":                 {},
	"headers.json":                              {elsewhere: "TestTheHeadersAreThoseOfTheDesk"},
	"jwt_claims.widget_exchange.json":           {elsewhere: "TestTheTokenIsTheOneThatLibreDeskTook"},
	"req.widget_auth_exchange.json":             {elsewhere: "TestTheBridgeSendsWhatLibreDeskTook"},
	"resp.widget_auth_exchange.json":            {elsewhere: "TestTheBridgeSendsWhatLibreDeskTook"},
	"req.message_as_contact.json":               {elsewhere: "TestTheBridgeSendsWhatLibreDeskTook"},
	"req.conversation_create.email_inbox.json":  {elsewhere: "for inboxes of e-mail: a live chat inbox is better"},
}

func TestEveryPayloadBecomesWhatItShall(t *testing.T) {
	files, err := filepath.Glob("testdata/desk/*.json")
	if err != nil || len(files) != len(payloads) {
		t.Fatalf("%d payloads, and %d are judged: %v", len(files), len(payloads), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		want, known := payloads[name]
		if !known || want.elsewhere != "" {
			if !known {
				t.Errorf("%s is judged nowhere", name)
			}
			continue
		}
		t.Run(name, func(t *testing.T) {
			desk := answering(t)
			connector := connect(t, desk.URL, func() time.Time { return captured })
			outs, err := connector.Receive(t.Context(), webhook(fixture(t, name)))
			if err != nil || (len(outs) == 1) != want.out || (len(desk.asked) == 1) != want.looks {
				t.Fatalf("%d messages, %d look-ups, %v; want %t, %t", len(outs), len(desk.asked), err, want.out, want.looks)
			}
			if want.out {
				golden(t, strings.TrimSuffix(name, ".json")+".send.json", outs[0], desk.URL)
			}
		})
	}
}

// golden compares a message with a file, in the bridge's own format. The desk's address differs each time.
func golden(t *testing.T, name string, out message.Outbound, address string) {
	t.Helper()
	body, err := message.EncodeSend(out, captured)
	if err != nil {
		t.Fatal(err)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, body, "", "  "); err != nil {
		t.Fatal(err)
	}
	got := strings.ReplaceAll(pretty.String(), address, "https://desk.example.test") + "\n"
	path := filepath.Join("testdata", "sent", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

func TestTheHeadersAreThoseOfTheDesk(t *testing.T) {
	var want map[string]string
	decode(t, fixture(t, "headers.json"), &want)
	got := webhook([]byte("{}")).Header
	for name, value := range want {
		prefix, _, _ := strings.Cut(value, "<")
		if !strings.HasPrefix(got.Get(name), prefix) {
			t.Errorf("%s: %q, want %q", name, got.Get(name), value)
		}
	}
}

func TestCapturedSignaturesVerify(t *testing.T) {
	var vectors []struct {
		Name, Secret, Body string
		Headers            map[string]string
	}
	body, err := os.ReadFile("testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	decode(t, body, &vectors)
	for _, vector := range vectors {
		connector := connect(t, "http://127.0.0.1:1", func() time.Time { return time.Date(2026, 11, 21, 10, 8, 50, 0, time.UTC) })
		receive := func(body string) error {
			req := httptest.NewRequest(http.MethodPost, "/webhooks/desk", strings.NewReader(body))
			for name, value := range vector.Headers {
				req.Header.Set(name, value)
			}
			outs, err := connector.Receive(t.Context(), req)
			if len(outs) > 0 {
				t.Errorf("%s: %+v", vector.Name, outs)
			}
			return err
		}
		if vector.Secret != libredesktest.WebhookSecret {
			t.Fatalf("%s has another secret", vector.Name)
		}
		if err := receive(vector.Body); err != nil {
			t.Errorf("%s: %v", vector.Name, err)
		}
		if _, ok := errors.AsType[*signature.Error](receive(vector.Body + " ")); !ok {
			t.Errorf("%s: one more byte is accepted", vector.Name)
		}
	}
	if len(vectors) != 2 {
		t.Errorf("%d vectors", len(vectors))
	}
}

// TestAReplayIsRefused: LibreDesk sends no time beside the signature. The body's is signed, and can be believed.
func TestAReplayIsRefused(t *testing.T) {
	desk := answering(t)
	sent := time.Date(2026, 8, 1, 9, 2, 0, 0, time.UTC)
	for age, fresh := range map[time.Duration]bool{
		0: true, 5 * time.Minute: true, 5*time.Minute + time.Second: false, 24 * time.Hour: false, -5 * time.Minute: true, -6 * time.Minute: false,
	} {
		connector := connect(t, desk.URL, func() time.Time { return sent.Add(age) })
		outs, err := connector.Receive(t.Context(), webhook(fixture(t, agentText)))
		refused, stale := errors.AsType[*signature.Error](err)
		if fresh && (err != nil || len(outs) != 1) || !fresh && (!stale || refused.Reason != signature.Stale || len(outs) > 0) {
			t.Errorf("after %s: %d messages, %v", age, len(outs), err)
		}
	}
}

// TestAPairIsOneMessageInAnyOrder: message.created while it is pending, message.updated when it is sent. Five workers post
// them, so that either can be first, and an older message can be last.
func TestAPairIsOneMessageInAnyOrder(t *testing.T) {
	connector, desk := rig(t)
	deliver(t, connector, text("Hello"))
	first, second := desk.Reply(string(customer), "<p>one</p>", false), desk.Reply(string(customer), "<p>two</p>", false)
	for _, order := range [][][]byte{
		{first[0], first[1], second[0], second[1]}, {first[1], first[0], second[1], second[0]}, {second[1], second[0], first[1], first[0]},
		{first[0], first[0], first[1], second[0], first[1], second[0]},
	} {
		said := map[string]string{}
		for _, body := range order {
			outs, err := connector.Receive(t.Context(), webhook(body))
			if err != nil {
				t.Fatal(err)
			}
			for _, out := range outs {
				said[out.Key] = out.Content.(message.Text).Text
			}
		}
		if words := slices.Sorted(maps.Values(said)); !slices.Equal(words, []string{"one", "two"}) {
			t.Errorf("%v", words)
		}
	}
}

func TestWhatIsNotForTheCustomer(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"a note":                    func(p map[string]any) { p["private"] = true },
		"an activity":               func(p map[string]any) { p["type"] = "activity" },
		"a customer's own":          func(p map[string]any) { p["type"], p["sender_type"] = "incoming", "contact" },
		"written as the contact":    func(p map[string]any) { p["sender_type"] = "contact" },
		"a mail of what was missed": func(p map[string]any) { p["meta"] = map[string]any{"continuity_email": true} },
		"nothing":                   func(p map[string]any) { p["content"] = "<p> </p>" },
		"a type of a later version": func(p map[string]any) { p["type"] = "draft" },
	} {
		desk := answering(t)
		connector := connect(t, desk.URL, func() time.Time { return captured })
		outs, err := connector.Receive(t.Context(), webhook(changed(t, agentText, change)))
		if len(outs) > 0 || err != nil || len(desk.asked) > 0 {
			t.Errorf("%s: %d messages, %d look-ups, %v", name, len(outs), len(desk.asked), err)
		}
	}
	for name, change := range map[string]func(*lookedUp){
		"a visitor of the website": func(l *lookedUp) {
			l.contact()["custom_attributes"], l.contact()["external_user_id"] = map[string]any{"plan": "gold"}, "user-7"
		},
		"an inbox of e-mail":     func(l *lookedUp) { l.conversation["inbox_channel"] = "email" },
		"another bridge's inbox": func(l *lookedUp) { l.conversation["inbox_id"] = 3 },
	} {
		desk := answering(t)
		change(desk)
		connector := connect(t, desk.URL, func() time.Time { return captured })
		if outs, err := connector.Receive(t.Context(), webhook(fixture(t, agentText))); len(outs) > 0 || err != nil || len(desk.notes) > 0 {
			t.Errorf("%s: %d messages, %v, notes %q", name, len(outs), err, desk.notes)
		}
	}
}

// TestAnInboxWhoseNumberIsNotKnown refuses nothing.
func TestAnInboxWhoseNumberIsNotKnown(t *testing.T) {
	desk := answering(t)
	cfg := settings(desk.URL)
	cfg.InboxID = "11111111-1111-4111-8111-111111111111"
	connector := connectWith(t, cfg, func() time.Time { return captured }, discard)
	if outs, err := connector.Receive(t.Context(), webhook(fixture(t, agentText))); len(outs) != 1 || err != nil {
		t.Errorf("%d messages, %v", len(outs), err)
	}
}

// TestALookUpThatFailsIsNoted: the flow does not know whom to tell.
func TestALookUpThatFailsIsNoted(t *testing.T) {
	connector, desk := rig(t)
	deliver(t, connector, text("Hello"))
	body := desk.Reply(string(customer), "<p>one</p>", false)[0]
	desk.LookUps.Always(func() fake.Fault { return fake.Fault{Status: http.StatusServiceUnavailable} })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	outs, err := connector.Receive(ctx, webhook(body))
	if failure := message.FailureOf(err); len(outs) > 0 || failure == nil || failure.Class != message.Transient {
		t.Errorf("%d messages, %v", len(outs), err)
	}
	lines := said(only(t, desk))
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "note: ") || !strings.Contains(last, "did not reach them") {
		t.Errorf("agents see %q", lines)
	}
	desk.Script.Always(func() fake.Fault { return fake.Fault{Status: http.StatusBadGateway} })
	if _, err := connector.Receive(t.Context(), webhook(body)); err == nil || !strings.Contains(err.Error(), "nor could its agent be told") {
		t.Errorf("without a note: %v", err)
	}
}

// TestAContactThatWasChangedReachesNobodyElse: agents can edit attributes, and copy them.
func TestAContactThatWasChangedReachesNobodyElse(t *testing.T) {
	for name, change := range map[string]func(*lookedUp){
		"another customer's id": func(l *lookedUp) { l.attributes()["apple_mbid"] = "urn:mbid:c29tZWJvZHk=" },
		"an id of another type": func(l *lookedUp) { l.attributes()["apple_mbid"] = 7 },
		"another external id":   func(l *lookedUp) { l.contact()["external_user_id"] = "amb_1" },
		"no external id":        func(l *lookedUp) { l.contact()["external_user_id"] = nil },
		"the business is gone":  func(l *lookedUp) { delete(l.attributes(), "apple_business_id") },
		"the business is none":  func(l *lookedUp) { l.attributes()["apple_business_id"] = "shop" },
		"the id is gone":        func(l *lookedUp) { delete(l.attributes(), "apple_mbid") },
		"nothing is left":       func(l *lookedUp) { l.contact()["custom_attributes"] = nil },
	} {
		desk := answering(t)
		change(desk)
		connector := connect(t, desk.URL, func() time.Time { return captured })
		_, err := connector.Receive(t.Context(), webhook(fixture(t, agentText)))
		if failure, ok := errors.AsType[*message.Failure](err); !ok || failure.Class != message.Invalid {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "urn:mbid:") {
			t.Errorf("%s: the error names a customer", name)
		}
		if len(desk.notes) != 1 || !strings.Contains(desk.notes[0], "Not sent to the customer: the attribute apple_") {
			t.Errorf("%s: agents are told %q", name, desk.notes)
		}
		desk.noteStatus = http.StatusForbidden
		if _, err := connector.Receive(t.Context(), webhook(fixture(t, agentText))); err == nil || !strings.Contains(err.Error(), "nor could its agent be told") {
			t.Errorf("%s, without a note: %v", name, err)
		}
	}
}

func TestWhoWrites(t *testing.T) {
	for name, c := range map[string]struct {
		change func(map[string]any)
		want   message.Sender
	}{
		"an agent":      {func(map[string]any) {}, message.Sender{Kind: message.SenderAgent, Name: "Alice Agent"}},
		"an automation": {func(p map[string]any) { p["meta"] = map[string]any{"is_automated": true} }, message.Sender{Kind: message.SenderBot, Name: "Alice Agent"}},
		"an assistant": {
			func(p map[string]any) {
				p["author"] = map[string]any{"first_name": "Robin", "last_name": "", "type": "ai_assistant"}
			},
			message.Sender{Kind: message.SenderBot, Name: "Robin"},
		},
	} {
		desk := answering(t)
		connector := connect(t, desk.URL, func() time.Time { return captured })
		outs, err := connector.Receive(t.Context(), webhook(changed(t, agentText, c.change)))
		if err != nil || len(outs) != 1 || outs[0].Sender != c.want {
			t.Errorf("%s: %+v, %v", name, outs, err)
		}
	}
}

func TestWhatIsNoWebhook(t *testing.T) {
	connector := connect(t, "http://127.0.0.1:1", func() time.Time { return captured })
	for body, malformed := range map[string]bool{
		``: true, `"x"`: true, `[]`: true, `{"event":"message.created"`: true, `null`: true,
		`{"event":7}`: false, `{"event":"message.created"}`: false, `{"event":"message.created","payload":[]}`: false,
		`{"event":"message.created","payload":{"uuid":"../x","conversation_uuid":"` + conversation + `","type":"outgoing"}}`: false,
		`{"event":"message.created","payload":{"uuid":"` + conversation + `","conversation_uuid":"../../agents/me"}}`:        false,
	} {
		outs, err := connector.Receive(t.Context(), webhook([]byte(body)))
		failure, invalid := errors.AsType[*message.Failure](err)
		if len(outs) > 0 || malformed != errors.Is(err, message.ErrMalformed) || !malformed && (!invalid || failure.Class != message.Invalid) {
			t.Errorf("%s: %d messages, %v", body, len(outs), err)
		}
	}
	for _, body := range []string{`{}`, `{"event":"webhook.test","payload":{"id":1,"name":"bridge"}}`, `{"event":"conversation.tags_changed","payload":7}`} {
		if outs, err := connector.Receive(t.Context(), webhook([]byte(body))); len(outs) > 0 || err != nil {
			t.Errorf("%s: %d messages, %v", body, len(outs), err)
		}
	}
}

// TestALookUpThatFailsIsNoMessage: nothing is sent to whom nobody knows.
func TestALookUpThatFailsIsNoMessage(t *testing.T) {
	connector, desk := rig(t)
	deliver(t, connector, text("Hello"))
	for status, want := range map[int]message.Class{
		401: message.Auth, 403: message.Auth, 404: message.Permanent, 429: message.Throttled, 500: message.Transient, 503: message.Transient,
	} {
		desk.LookUps.Always(func() fake.Fault { return fake.Fault{Status: status, Header: fake.RetryLater()} })
		outs, err := connector.Receive(t.Context(), webhook(desk.Reply(string(customer), "<p>Hi</p>", false)[0]))
		if failure := message.FailureOf(err); len(outs) > 0 || failure == nil || failure.Class != want {
			t.Errorf("%d: %d messages, %v", status, len(outs), err)
		}
	}
	desk.LookUps.Heal()
	desk.LookUps.Next(fake.Fault{Status: 502}) // once, and LibreDesk does not send the webhook again
	ctx, cancel := contextFor(t)
	defer cancel()
	if outs, err := connector.Receive(ctx, webhook(desk.Reply(string(customer), "<p>Hi</p>", false)[0])); len(outs) != 1 || err != nil {
		t.Errorf("%d messages, %v", len(outs), err)
	}
}

// TestAMessageBeyondTheLimitsIsTold: the failure comes with whom and what it is about.
func TestAMessageBeyondTheLimitsIsTold(t *testing.T) {
	desk := answering(t)
	connector := connect(t, desk.URL, func() time.Time { return captured })
	for name, change := range map[string]func(map[string]any){
		"too long": func(p map[string]any) { p["content"] = strings.Repeat("word ", message.MaxTextLength) },
		"too many files": func(p map[string]any) {
			one := map[string]any{"name": "a", "uuid": "b", "url": "https://x.example/y", "content_type": "image/png"}
			p["attachments"] = slices.Repeat([]any{one}, message.MaxFiles+1)
		},
	} {
		outs, err := connector.Receive(t.Context(), webhook(changed(t, agentText, change)))
		failure := message.FailureOf(err)
		if failure == nil || failure.Class != message.Invalid || len(outs) != 1 || outs[0].CustomerID != customer || outs[0].Key == "" {
			t.Errorf("%s: %d messages, %v", name, len(outs), err)
		}
	}
}
