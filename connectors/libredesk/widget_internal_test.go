package libredesk

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/config"
	"bizbridge/connectors"
)

// the customer of the fixtures.
const fixtureCustomer = message.CustomerID("urn:mbid:AQAAY9Jnp/tTYVWYgCZwgu/5Q2yuhkDMuHAvwRsa00tXpTWbrYthQqkqE10yQZQ+BOAAYlViARqOHUcKIHh24b3zdWDZ4dPQidMByPkAFG1qY/c2jfOf6fq41B2qDqhb+BbBcVraRFLs+c/Xmo1JJQW3Ltj4qw8=")

func read(t *testing.T, path string, into any) {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatal(err)
	}
}

// TestTheTokenIsTheOneThatLibreDeskTook compares claims and token with those of a running 2.7.0.
func TestTheTokenIsTheOneThatLibreDeskTook(t *testing.T) {
	var took struct{ Secret, JWT string }
	read(t, "testdata/token.json", &took)
	var want map[string]any
	read(t, "testdata/desk/jwt_claims.widget_exchange.json", &want)
	at := time.Unix(int64(want["exp"].(float64)), 0).Add(-tokenLife)
	c := &Connector{Environment: connectors.Environment{Now: func() time.Time { return at }}}
	who := c.claimsFor(message.Data{CustomerID: fixtureCustomer, BusinessID: "b", Sealed: "c"}, contact{})
	delete(who.Attributes, attrBusiness) // what else there is about a contact
	delete(who.Attributes, attrContext)
	delete(who.Attributes, attrLeft)
	text, err := json.Marshal(who)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	token, err := who.signed(took.Secret)
	if err != nil || token != took.JWT {
		t.Errorf("%s, %v; want %s", token, err, took.JWT)
	}
}

// TestTheBridgeSendsWhatLibreDeskTook plays the answers of a running 2.7.0, and compares what it was asked.
func TestTheBridgeSendsWhatLibreDeskTook(t *testing.T) {
	var asked []*http.Request
	var bodies []map[string]any
	var exchanged any
	read(t, "testdata/desk/resp.widget_auth_exchange.json", &exchanged)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var body map[string]any
		_ = json.NewDecoder(req.Body).Decode(&body)
		asked, bodies = append(asked, req), append(bodies, body)
		answer := any(map[string]any{"status": "success", "data": map[string]any{"conversation": map[string]any{"uuid": "u"}}})
		if strings.HasSuffix(req.URL.Path, "/exchange") {
			answer = exchanged
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	defer server.Close()
	client := httpclient.New(httpclient.Options{Peer: "desk", Metrics: metrics.New("test", "test")})
	defer client.Close()
	made, err := newConnector(connectors.Environment{Name: "desk", HTTP: client, Now: time.Now},
		&Config{URL: server.URL + "/", APIKey: "k", APISecret: "s", InboxID: "i", InboxSecret: "x", WebhookSecrets: []config.Secret{"w"}})
	if err != nil {
		t.Fatal(err)
	}
	c := made.(*Connector)
	at, rest, err := c.start(t.Context(), message.Data{CustomerID: fixtureCustomer}, contact{}, "Hello")
	if err != nil || rest != "" || at.conversation != "u" || !at.began {
		t.Errorf("%+v, %q, %v", at, rest, err)
	}
	if _, err := c.write(t.Context(), opSend, "15ab85ef-c541-422f-ae4d-2a50e28bef4b", writing{Message: "Second inbound", SenderType: "contact"}); err != nil {
		t.Error(err)
	}
	var exchange, write map[string]any
	read(t, "testdata/desk/req.widget_auth_exchange.json", &exchange)
	read(t, "testdata/desk/req.message_as_contact.json", &write)
	delete(write, "echo_id") // LibreDesk keeps it for agents' messages only
	write["private"] = false // the default
	exchange["jwt"] = bodies[0]["jwt"]
	if diff := cmp.Diff([]map[string]any{exchange, {"message": "Hello", "form_data": map[string]any{}}, write}, bodies); diff != "" {
		t.Error(diff)
	}
	for i, want := range []string{
		"POST /api/v1/widget/chat/auth/exchange", "POST /api/v1/widget/chat/conversations/init",
		"POST /api/v1/conversations/15ab85ef-c541-422f-ae4d-2a50e28bef4b/messages",
	} {
		if got := asked[i].Method + " " + asked[i].URL.Path; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for i, want := range []string{"", "Bearer <opaque>", "token k:s"} {
		if got := asked[i].Header.Get("Authorization"); got != want {
			t.Errorf("%d: Authorization %q, want %q", i, got, want)
		}
	}
	if asked[0].Header.Get("X-Libredesk-Inbox-ID") != "i" || asked[2].Header.Get("X-Libredesk-Inbox-ID") != "" {
		t.Error("the inbox is named in the wrong calls")
	}
}

func TestCut(t *testing.T) {
	for _, text := range []string{"", "abc", strings.Repeat("a", 20), strings.Repeat("é", 20), "one\ntwo two two", "a\nlong line behind", "\n\n\n\n\n\n\n\n\n\n\n\n", strings.Repeat("\x80", 20)} {
		for limit := 4; limit < 24; limit++ {
			first, rest := cut(text, limit)
			if len(first) > limit || first+rest != text && first+"\n"+rest != text || utf8.ValidString(text) && !utf8.ValidString(first) {
				t.Errorf("%q at %d: %q and %q", text, limit, first, rest)
			}
		}
	}
}

// TestHalfAnAnswerIsNoStart: without a token LibreDesk would make a visitor, whom nobody knows again.
func TestHalfAnAnswerIsNoStart(t *testing.T) {
	for token, want := range map[string]message.Class{"": message.Transient, "t": message.Uncertain} {
		var calls int
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			calls++
			_, _ = w.Write([]byte(`{"status":"success","data":{"session_token":"` + token + `"}}`))
		}))
		client := httpclient.New(httpclient.Options{Peer: "desk", Metrics: metrics.New("test", "test")})
		c := &Connector{Environment: connectors.Environment{Name: "desk", HTTP: client, Now: time.Now}, url: server.URL, inboxSecret: "x"}
		_, _, err := c.start(t.Context(), message.Data{CustomerID: fixtureCustomer}, contact{}, "Hello")
		if failure := message.FailureOf(err); failure == nil || failure.Class != want || token == "" && calls > 1 {
			t.Errorf("token %q: %v after %d calls", token, err, calls)
		}
		client.Close()
		server.Close()
	}
}
