package chatwoot_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/connectors/chatwoot"
	"bizbridge/connectors/chatwoot/chatwoottest"
)

// TestFixturesOfWebhooks reads every stored webhook. The golden file has what is sent to the customer.
func TestFixturesOfWebhooks(t *testing.T) {
	desk, from := offline(t)
	nothing := []string{
		"conversation_status_changed.resolved.json", "conversation_typing_on.private_note.json", "message_created.incoming.echo.json",
		"message_created.outgoing.private_note.json", "message_updated.submitted.json",
	}
	var read []string
	for _, pattern := range []string{"message_*.json", "conversation_*.json"} {
		files, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			name := filepath.Base(file)
			read = append(read, name)
			t.Run(name, func(t *testing.T) {
				outs, err := receive(t, from, desk, begun(t, name))
				if err != nil {
					t.Fatal(err)
				}
				if slices.Contains(nothing, name) {
					if len(outs) > 0 {
						t.Errorf("it becomes %s, want nothing", pretty(t, outs))
					}
					return
				}
				golden(t, name, pretty(t, outs))
				for _, out := range outs {
					raw, err := json.Marshal(out.Content)
					if err != nil {
						t.Fatal(err)
					}
					if _, faults := message.DecodeContent(raw); len(faults) > 0 {
						t.Errorf("the bridge would not take %s: %v", raw, faults)
					}
				}
			})
		}
	}
	if len(read) != 13 {
		t.Errorf("%d webhooks are stored, want 13: %v", len(read), read)
	}
}

// TestAConversationThatTheBridgeDidNotBegin is refused in words.
func TestAConversationThatTheBridgeDidNotBegin(t *testing.T) {
	desk, from := offline(t)
	for name, body := range map[string]string{
		"apple_business_id": string(fixture(t, "message_created.outgoing.text.json")),
		"wrote first":       strings.ReplaceAll(string(begun(t, "message_created.outgoing.text.json")), source, "5f1c9b0e-0000-4000-8000-000000000001"),
	} {
		outs, err := receive(t, from, desk, []byte(body))
		failure, ok := errors.AsType[*message.Failure](err)
		if !ok || failure.Class != message.Invalid || !strings.Contains(failure.Reason, name) || len(outs) != 1 || outs[0].Key != "118/501" {
			t.Errorf("it becomes %d messages and %v, want class invalid about %s and the key of the message", len(outs), err, name)
		}
	}
	typing := string(fixture(t, "conversation_typing_on.agent.json"))
	if outs, err := receive(t, from, desk, []byte(typing)); len(outs) > 0 || err != nil {
		t.Errorf("typing becomes %d messages and %v, want neither", len(outs), err)
	}
}

// recorder is a server with prepared answers that remembers what was asked.
type recorder struct {
	mu      sync.Mutex
	answers map[string]string // "METHOD path" → body
	asked   []asked
}

type asked struct {
	call   string
	query  string
	header http.Header
	body   string
}

func record(t *testing.T, answers map[string]string) (*recorder, string) {
	t.Helper()
	r := &recorder{answers: answers}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		call := req.Method + " " + req.URL.EscapedPath()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asked = append(r.asked, asked{call, req.URL.RawQuery, req.Header, string(body)})
		answer, ok := r.answers[call]
		if !ok {
			http.Error(w, `{"error": "Resource could not be found"}`, http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return r, server.URL
}

func (r *recorder) calls() []string {
	var calls []string
	for _, each := range r.asked {
		calls = append(calls, each.call)
	}
	return calls
}

func equalJSON(t *testing.T, what, got, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatalf("%s: %v in %s", what, err, got)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatalf("%s: %v in %s", what, err, want)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("%s: got\n%s\nwant\n%s", what, got, want)
	}
}

// TestFixturesOfRequests compares what the connector sends with the stored requests, and feeds it the stored answers.
func TestFixturesOfRequests(t *testing.T) {
	contacts := "/public/api/v1/inboxes/" + chatwoottest.Identifier + "/contacts"
	var public []map[string]any // the list of the public API is that of the application API with less
	if err := json.Unmarshal(fixture(t, "resp.public_conversations_list.json"), &public); err != nil {
		t.Fatal(err)
	}
	public[0]["inbox_id"] = chatwoottest.InboxID
	log, url := record(t, map[string]string{
		"POST " + contacts: string(fixture(t, "resp.public_contact_create.json")),
		"GET /api/v1/accounts/1/contacts/42/conversations":   pretty(t, map[string]any{"payload": public}),
		"POST /api/v1/accounts/1/conversations/118/messages": string(fixture(t, "resp.public_message_create.json")),
		"PATCH " + contacts + "/" + source:                   "{}",
	})
	to := connect(t, url, func(c *chatwoot.Config) { c.HMACToken = chatwoottest.HMACToken })
	receipt := deliver(t, to, event(message.EventReceived, "9d1c2b5e-0000-4000-8000-000000000001", said("Hello from Messages"), func(data *message.Data) {
		data.Agent, data.Capabilities, data.Sealed = "", nil, ""
	}))
	if receipt.ID != "500" {
		t.Errorf("the receipt has id %q, want that of the message in Chatwoot", receipt.ID)
	}
	want := strings.NewReplacer(
		`"Messages guest"`, `"Messages guest da23", "identifier_hash": "12141c5fb9e1e1ca6c36eccf3824a5178f959c65c7e223eda3cd7951d1556e96"`,
		`"apple_mbid"`, `"apple_business_id": "`+string(business)+`", "apple_mbid"`,
	).Replace(string(fixture(t, "req.public_contact_create.json")))
	equalJSON(t, "the contact", log.asked[0].body, want)
	message := log.asked[len(log.asked)-1]
	equalJSON(t, "the message", message.body, strings.NewReplacer(
		`"echo_id"`, `"message_type": "incoming", "private": false, "source_id"`).Replace(string(fixture(t, "req.public_message_create.json"))))
	if log.asked[0].header.Get("Api-Access-Token") != "" || message.header.Get("Api-Access-Token") != chatwoottest.Token {
		t.Error("the token must go with the application API, and with nothing else")
	}
	if calls := log.calls(); calls[1] != "GET /api/v1/accounts/1/contacts/42/conversations" || !strings.HasSuffix(calls[len(calls)-1], "/118/messages") {
		t.Errorf("the calls were %v", calls)
	}
}

// TestTheFakeTakesTheStoredRequests keeps the fake from drifting away from what is documented.
func TestTheFakeTakesTheStoredRequests(t *testing.T) {
	desk := startDesk(t, chatwoottest.Options{})
	base := desk.URL + "/public/api/v1/inboxes/" + chatwoottest.Identifier + "/contacts"
	post := func(url, body string) map[string]any {
		t.Helper()
		resp, err := http.Post(url, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var answer map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", url, resp.Status, err)
		}
		return answer
	}
	sameKeys(t, "a contact", post(base, string(fixture(t, "req.public_contact_create.json"))), fixture(t, "resp.public_contact_create.json"))
	begun := post(base+"/"+source+"/conversations", "{}")
	var list []json.RawMessage
	if err := json.Unmarshal(fixture(t, "resp.public_conversations_list.json"), &list); err != nil {
		t.Fatal(err)
	}
	sameKeys(t, "a conversation", begun, list[0], "contact_last_seen_at", "agent_last_seen_at")
	id := desk.Conversations(string(customer))[0].ID
	sameKeys(t, "a message", post(base+"/"+source+"/conversations/"+jsonText(t, id)+"/messages", string(fixture(t, "req.public_message_create.json"))),
		fixture(t, "resp.public_message_create.json"))
	if got := shown(newest(t, desk)); !slices.Equal(got, []string{"in: Hello from Messages"}) {
		t.Errorf("the fake has %v", got)
	}
}

// TestTheFakeSendsWebhooksLikeTheStored compares the members, so that tests against the fake mean something.
func TestTheFakeSendsWebhooksLikeTheStored(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	id := open(t, desk, to)
	desk.Webhooks(nil)
	desk.Write(id, chatwoottest.Message{Type: chatwoottest.Outgoing, Content: "Hi", Sender: "Ada"}, []byte("file"))
	desk.AgentTypes(id, true, false)
	desk.Resolve(id, "resolved")
	posted := desk.Webhooks(nil)
	for i, name := range []string{"message_created.outgoing.attachment.json", "conversation_typing_on.agent.json", "conversation_status_changed.resolved.json"} {
		body, err := io.ReadAll(posted[i].Body)
		if err != nil {
			t.Fatal(err)
		}
		var sent map[string]any
		if err := json.Unmarshal(body, &sent); err != nil {
			t.Fatal(err)
		}
		sameKeys(t, name, sent, fixture(t, name))
	}
	var headers map[string]string
	if err := json.Unmarshal(fixture(t, "headers.json"), &headers); err != nil {
		t.Fatal(err)
	}
	req := desk.Post([]byte("{}"))
	for name := range headers {
		if req.Header.Get(name) == "" {
			t.Errorf("a webhook has no header %s", name)
		}
	}
}

func jsonText(t *testing.T, value any) string { return strings.TrimSpace(pretty(t, value)) }

// sameKeys compares the members of two objects.
func sameKeys(t *testing.T, what string, got map[string]any, want []byte, without ...string) {
	t.Helper()
	var stored map[string]any
	if err := json.Unmarshal(want, &stored); err != nil {
		t.Fatal(err)
	}
	for key := range stored {
		if _, ok := got[key]; !ok && !slices.Contains(without, key) {
			t.Errorf("%s has no %s", what, key)
		}
	}
	for key, value := range got {
		if _, ok := stored[key]; !ok && key != "last_non_activity_message" {
			t.Errorf("%s has %s, which the stored one has not", what, key)
		}
		inner, isObject := value.(map[string]any)
		if innerWant, ok := stored[key].(map[string]any); isObject && ok && key == "conversation" {
			raw, err := json.Marshal(innerWant)
			if err != nil {
				t.Fatal(err)
			}
			sameKeys(t, what+": "+key, inner, raw)
		}
	}
}

// TestTheStoredSignature verifies the vector, with the clock at its time.
func TestTheStoredSignature(t *testing.T) {
	const body = `{"event":"message_created","id":501,"content":"Hi é😀"}`
	from := connect(t, "http://127.0.0.1:1")
	post := func(signature string) *http.Request {
		req := httptest.NewRequest(http.MethodPost, "/webhooks/desk", strings.NewReader(body))
		req.Header.Set("X-Chatwoot-Timestamp", "1785574920")
		req.Header.Set("X-Chatwoot-Signature", signature)
		return req
	}
	const right = "sha256=ff12b3866cdb91c271662054d76aae3e62fbe1f14074349e48d33e77bc3dfc8a"
	if _, err := from.Receive(t.Context(), post(right)); err != nil {
		t.Errorf("the stored signature is refused: %v", err)
	}
	if _, err := from.Receive(t.Context(), post(strings.Replace(right, "ff", "fe", 1))); err == nil {
		t.Error("another signature is accepted")
	}
	if got := chatwoottest.Sign(chatwoottest.WebhookSecret, "1785574920", []byte(body)); got != right {
		t.Errorf("the fake signs %s, want %s", got, right)
	}
}
