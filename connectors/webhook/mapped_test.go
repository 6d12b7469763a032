package webhook_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/connectortest/fake"
	"bizbridge/connectors/webhook"
	"bizbridge/connectors/webhook/webhooktest"
)

// threeFaults is a mapping with a mistake in each of its last three lines.
const threeFaults = `mapping: 1
vars: {base: null}
inbound:
  - name: text
    whenn: .type == "message.received"
    steps:
      - name: post
        request: {method: POST, url: 'https://\(.data.text)/x'}
    receipt: $steps.pst.id
`

func TestAMappingThatIsWrongSaysWhere(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"three.yaml": threeFaults, "empty.yaml": "", "no.yaml": "mapping: [1"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		mapping string
		lines   []string // how each line of the error begins
	}{
		"every mistake": {"three.yaml", []string{
			folder + "/three.yaml:5:5: inbound[0].whenn: ", folder + "/three.yaml:8:38: inbound[0].steps[0].request.url: ",
			folder + "/three.yaml:9:14: inbound[0].receipt: ",
		}},
		"by its whole path": {filepath.Join(folder, "empty.yaml"), []string{folder + "/empty.yaml:1:1: "}},
		"no YAML":           {"no.yaml", []string{folder + "/no.yaml:1:10: "}},
		"no file":           {"other.yaml", []string{"mapping: open " + folder + "/other.yaml"}},
		"a folder":          {".", []string{"mapping: read " + folder}},
		"no such preset":    {"preset:rassa", []string{`there is no preset "rassa". Did you mean "rasa"?`}},
		"no preset named":   {"preset:", []string{`there is no preset ""`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := build(t, folder, time.Now, &webhook.Config{
				URL: "https://desk.example.com", Secrets: []config.Secret{webhooktest.Secret}, Mapping: c.mapping,
			})
			if err == nil {
				t.Fatal("no error")
			}
			lines := strings.Split(err.Error(), "\n")
			fits := len(lines) == len(c.lines)
			for i := range min(len(lines), len(c.lines)) {
				fits = fits && strings.HasPrefix(lines[i], c.lines[i])
			}
			if !fits {
				t.Errorf("error\n%s\nwant lines that begin with\n%s", err, strings.Join(c.lines, "\n"))
			}
		})
	}
}

func TestTheVariablesOfAMapping(t *testing.T) {
	for name, c := range map[string]struct {
		url  string
		vars map[string]config.Secret
		want string // words of the error; "": none
	}{
		"base is the url":                {"https://desk.example.com/", map[string]config.Secret{"token": "x"}, ""},
		"base stands in vars":            {"https://desk.example.com/hooks?x=1", map[string]config.Secret{"token": "x", "base": "https://api.example.com"}, ""},
		"one is missing":                 {"https://desk.example.com", nil, "vars: the mapping needs vars that the configuration has to give: token"},
		"one is not known":               {"https://desk.example.com", map[string]config.Secret{"token": "hunter2", "tokn": "hunter2"}, `vars: the mapping has no variable "tokn"; it has: base, token`},
		"both":                           {"https://desk.example.com", map[string]config.Secret{"tokn": "hunter2"}, `no variable "tokn"; it has: base, token; the mapping needs vars that the configuration has to give: token`},
		"url cannot have paths after it": {"https://desk.example.com/hooks?key=hunter2", map[string]config.Secret{"token": "x"}, "base is missing: url has a query"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := build(t, ".", time.Now, &webhook.Config{
				URL: c.url, Secrets: []config.Secret{webhooktest.Secret}, Mapping: ownMapping, Vars: c.vars,
			})
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a value is in the error: %v", err)
			}
		})
	}
}

func TestBaseIsTheURLUnlessItIsGiven(t *testing.T) {
	desk, other := webhooktest.StartOwn(t), webhooktest.StartOwn(t)
	t.Cleanup(desk.Stop)
	t.Cleanup(other.Stop)
	event := events()["message.received"]
	for name, c := range map[string]struct {
		url    string
		base   string
		takes  *webhooktest.OwnDesk
		change string // of the text
	}{
		"the url":          {desk.URL, "", desk, "a"},
		"with a slash":     {desk.URL + "/", "", desk, "b"},
		"of its own":       {desk.URL, other.URL, other, "c"},
		"beside a query":   {desk.URL + "/hooks?x=1", other.URL, other, "d"},
		"the url is wrong": {"http://127.0.0.1:1", desk.URL, desk, "e"},
	} {
		connector := connect(t, c.url, time.Now, ownDesk, func(s *webhook.Config) {
			s.Vars = maps.Clone(s.Vars)
			if c.base != "" {
				s.Vars["base"] = config.Secret(c.base)
			}
		})
		changed := event
		changed.Data.Text, changed.Data.ID = c.change, message.DeriveID(c.change)
		receipt, err := connector.Deliver(t.Context(), changed)
		if err != nil || !strings.HasPrefix(receipt.ID, "desk ") {
			t.Errorf("%s: receipt %+v, error %v", name, receipt, err)
		}
		if !slices.Contains(c.takes.Inbox.Conversation(string(event.Data.CustomerID)).Texts, c.change) {
			t.Errorf("%s: the message is not at the desk that it is for", name)
		}
	}
}

func TestTheMappingOfTheTestsPassesItsOwn(t *testing.T) {
	loaded, err := (&webhook.Config{Mapping: "desk.mapping.yaml"}).LoadMapping("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range loaded.Test(t.Context()) {
		if !result.OK {
			t.Errorf("%s:\n%s", result.Name, result.Diff)
		}
	}
	if none, err := (&webhook.Config{}).LoadMapping("testdata"); none != nil || err != nil {
		t.Errorf("settings without a mapping give %v, %v", none, err)
	}
}

// ownReply is what an agent of the own desk writes.
var ownReply = fake.Reply{ID: "7", Business: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", Customer: "urn:mbid:AQAAY3VzdG9tZXI=", Text: "Hi"}

func TestATokenInAHeaderProvesTheHelpdesk(t *testing.T) {
	const next = "n3xt-token-of-the-desk-s-webhooks"
	rotating := byToken(webhooktest.WebhookToken, next)
	set := func(value string) func(*http.Request) {
		return func(req *http.Request) { req.Header.Set(webhooktest.TokenHeader, value) }
	}
	for name, c := range map[string]struct {
		settings func(*webhook.Config)
		change   func(*http.Request)
		reason   signature.Reason // "": accepted
	}{
		"right":                         {byToken(webhooktest.WebhookToken), func(*http.Request) {}, ""},
		"the old one during a rotation": {rotating, func(*http.Request) {}, ""},
		"the new one during a rotation": {rotating, set(next), ""},
		"the new one before":            {byToken(webhooktest.WebhookToken), set(next), signature.Mismatch},
		"the old one after":             {byToken(next), func(*http.Request) {}, signature.Mismatch},
		"missing":                       {rotating, func(req *http.Request) { req.Header.Del(webhooktest.TokenHeader) }, signature.Missing},
		"empty":                         {rotating, set(""), signature.Missing},
		"its beginning":                 {rotating, set(next[:len(next)-1]), signature.Mismatch},
		"longer":                        {rotating, set(next + "x"), signature.Mismatch},
		"both":                          {rotating, set(webhooktest.WebhookToken + " " + next), signature.Mismatch},
		"the secret that signs":         {rotating, set(webhooktest.Secret), signature.Mismatch},
		"in another header":             {rotating, func(req *http.Request) { req.Header = http.Header{"Authorization": {next}} }, signature.Missing},
		"a signature instead":           {rotating, func(req *http.Request) { *req = *webhooktest.OwnWebhook(ownReply, fake.Genuine) }, signature.Missing},
	} {
		t.Run(name, func(t *testing.T) {
			connector := connect(t, "http://127.0.0.1:1", time.Now, ownDesk, c.settings)
			req := webhooktest.OwnWebhookWithToken(ownReply, fake.Genuine)
			c.change(req)
			outs, err := connector.Receive(t.Context(), req)
			if c.reason == "" {
				if err != nil || len(outs) != 1 || outs[0].Key != "message 7" {
					t.Errorf("got %+v and %v, want it accepted", outs, err)
				}
				return
			}
			if refused, ok := errors.AsType[*signature.Error](err); !ok || refused.Reason != c.reason || len(outs) > 0 {
				t.Errorf("got %d messages and %v, want it refused as %s", len(outs), err, c.reason)
			}
		})
	}
}

// passThrough takes the messages of a webhook as they stand there.
var passThrough = []string{"outbound:", "  - name: all", "    messages: .body.messages"}

// said is a message of a webhook for passThrough.
func said(text string, members ...string) string {
	return `{"business_id":"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee","customer_id":"urn:mbid:AQAAY3VzdG9tZXI=",` +
		strings.Join(append(members, `"content":{"kind":"text","text":"`+text+`"}}`), ",")
}

func TestKeysOfTheMessagesOfOneWebhook(t *testing.T) {
	long := strings.Repeat("k", 512)
	other := `"customer_id":"urn:mbid:b3RoZXI="`
	for name, c := range map[string]struct {
		header    string
		webhookID string
		messages  []string
		want      []string // "*": any, but the same on a repeat; nil: refused
	}{
		"their own":                          {"header", "msg_1", []string{said("a", `"id":"1"`), said("b", `"id":"2"`)}, []string{"1", "2"}},
		"one, by the webhook":                {"", "msg_1", []string{said("a")}, []string{"msg_1"}},
		"one, by the header":                 {"header", "msg_1", []string{said("a")}, []string{"header"}},
		"several, by the webhook":            {"", "msg_1", []string{said("a"), said("b"), said("c")}, []string{"msg_1", "*", "*"}},
		"some have their own":                {"", "msg_1", []string{said("a", `"id":"1"`), said("b")}, []string{"1", "*"}},
		"as long as a key may be":            {long, "msg_1", []string{said("a"), said("b")}, []string{long, "*"}},
		"too long, but not used":             {long + "k", "msg_1", []string{said("a", `"id":"1"`)}, []string{"1"}},
		"too long":                           {long + "k", "msg_1", []string{said("a")}, nil},
		"no messages":                        {long + "k", "msg_1", nil, []string{}},
		"one id for two messages":            {"", "msg_1", []string{said("a", `"id":"1"`), said("b", `"id":"1"`)}, nil},
		"one id for one message twice":       {"", "msg_1", []string{said("a", `"id":"1"`), said("a", `"id":"1"`)}, []string{"1", "1"}},
		"one id for messages of two people":  {"", "msg_1", []string{said("a", `"id":"1"`), said("b", `"id":"1"`, other)}, []string{"1", "1"}},
		"the webhook's id is another's, too": {"", "msg_1", []string{said("a"), said("b", `"id":"msg_1"`)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			connector := connect(t, "http://127.0.0.1:1", func() time.Time { return happened }, byFile(t, nil, passThrough...))
			receive := func() ([]message.Outbound, error) {
				req := webhooktest.Post(webhooktest.VerifySecret, c.webhookID, happened, `{"messages":[`+strings.Join(c.messages, ",")+`]}`)
				if c.header != "" {
					req.Header.Set("Idempotency-Key", c.header)
				}
				return connector.Receive(t.Context(), req)
			}
			outs, err := receive()
			if c.want == nil {
				if failure, ok := errors.AsType[*message.Failure](err); !ok || failure.Class != message.Invalid || len(outs) > 0 {
					t.Errorf("got %+v, %v; want a failure of class %s", outs, err, message.Invalid)
				}
				return
			}
			again, errAgain := receive()
			if err != nil || errAgain != nil || len(outs) != len(c.want) {
				t.Fatalf("got %+v, %v, %v", outs, err, errAgain)
			}
			seen := map[string]bool{}
			for i, out := range outs {
				if out.Key != again[i].Key || out.Key == "" || c.want[i] != "*" && out.Key != c.want[i] || c.want[i] == "*" && seen[out.Key] {
					t.Errorf("message %d has key %q, then %q; want %s", i, out.Key, again[i].Key, c.want[i])
				}
				seen[out.Key] = true
			}
		})
	}
}

func TestAMessageThatCannotBeSentNamesItsField(t *testing.T) {
	connector := connect(t, "http://127.0.0.1:1", func() time.Time { return happened }, byFile(t, nil, passThrough...))
	for name, c := range map[string]struct {
		body    string
		pointer string // "": malformed
	}{
		"no JSON":        {"{", ""},
		"two values":     {"{}{}", ""},
		"unknown kind":   {`{"messages":[` + strings.Replace(said("x"), `"text",`, `"hologram",`, 1) + `]}`, "/data/content/kind"},
		"the second one": {`{"messages":[` + said("x") + "," + said(" ") + `]}`, "/data/content/text"},
		"no business":    {`{"messages":[{"customer_id":"urn:mbid:AQAAY3VzdG9tZXI=","content":{"kind":"text","text":"x"}}]}`, "/data/business_id"},
	} {
		outs, err := connector.Receive(t.Context(), webhooktest.Post(webhooktest.VerifySecret, "msg_1", happened, c.body))
		failure, _ := errors.AsType[*message.Failure](err)
		switch {
		case len(outs) > 0:
			t.Errorf("%s: got %+v", name, outs)
		case c.pointer == "" && !errors.Is(err, message.ErrMalformed):
			t.Errorf("%s: error %v, want message.ErrMalformed", name, err)
		case c.pointer != "" && (failure == nil || failure.Class != message.Invalid || len(failure.Faults) != 1 || failure.Faults[0].Pointer != c.pointer):
			t.Errorf("%s: error %v, want a fault at %s", name, err, c.pointer)
		}
	}
	connector = connect(t, "http://127.0.0.1:1", time.Now, ownDesk)
	req := webhooktest.Post(webhooktest.VerifySecret, "msg_1", time.Now(), `["no rule takes arrays"]`)
	failure, ok := errors.AsType[*message.Failure](second(connector.Receive(t.Context(), req)))
	if !ok || failure.Class != message.Invalid {
		t.Errorf("no rule takes it: %v", failure)
	}
}

func second[A, B any](_ A, b B) B { return b }

// steps is a mapping of two requests, the second of which answers as the test wants.
var steps = []string{
	"vars: {base: null, again: 'no'}",
	"inbound:",
	"  - name: text",
	`    when: .type | IN("message.received", "typing.started", "conversation.closed")`,
	"    steps:",
	`      - {name: first, idempotent: FIRST, request: {method: POST, url: '\($vars.base)/first', body: '{}'}}`,
	`      - {name: second, idempotent: SECOND, ok: [409], request: {method: POST, url: '\($vars.base)/second', headers: {X-Idempotency-Key: '1'}, body: '{}'}, expect: '.body != "nonsense"'}`,
}

func twoSteps(t testing.TB, first, second bool) func(*webhook.Config) {
	lines := slices.Clone(steps)
	lines[5] = strings.Replace(lines[5], "FIRST", fmt.Sprint(first), 1)
	lines[6] = strings.Replace(lines[6], "SECOND", fmt.Sprint(second), 1)
	return byFile(t, nil, lines...)
}

// stepDesk counts the calls of each path and fails those of /second by its script.
type stepDesk struct {
	*httptest.Server
	script fake.Script
	mu     sync.Mutex
	calls  map[string]int
}

// called tells how often a path was.
func (d *stepDesk) called(path string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls[path]
}

func startStepDesk(t *testing.T, always fake.Fault) *stepDesk {
	desk := &stepDesk{calls: map[string]int{}}
	desk.script.Always(func() fake.Fault { return always })
	failing := desk.script.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	desk.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		desk.mu.Lock()
		desk.calls[req.URL.Path]++
		desk.mu.Unlock()
		if req.URL.Path == "/second" {
			failing.ServeHTTP(w, req)
		}
	}))
	t.Cleanup(desk.Close)
	return desk
}

func TestWhatTheFailureOfAStepMeans(t *testing.T) {
	nonsense := fake.Fault{Raw: "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nnonsense"}
	for name, c := range map[string]struct {
		fault fake.Fault
		// class if the first step may be made again, else if it must not be made twice.
		harmless, taken message.Class
	}{
		"401":             {fake.Fault{Status: 401}, message.Auth, message.Auth},
		"403":             {fake.Fault{Status: 403}, message.Auth, message.Auth},
		"404":             {fake.Fault{Status: 404}, message.Permanent, message.Permanent},
		"410":             {fake.Fault{Status: 410}, message.Closed, message.Closed},
		"422":             {fake.Fault{Status: 422}, message.Permanent, message.Permanent},
		"429":             {fake.Fault{Status: 429, Header: fake.RetryLater()}, message.Throttled, message.Uncertain},
		"500":             {fake.Fault{Status: 500}, message.Transient, message.Uncertain},
		"503":             {fake.Fault{Status: 503, Header: fake.RetryLater()}, message.Transient, message.Uncertain},
		"a redirect":      {fake.Fault{Status: 302, Header: http.Header{"Location": {"/third"}}}, message.Permanent, message.Permanent},
		"no answer":       {fake.Fault{Reset: true}, message.Uncertain, message.Uncertain},
		"not as expected": {nonsense, message.Uncertain, message.Uncertain},
	} {
		t.Run(name, func(t *testing.T) {
			for _, taken := range []bool{false, true} {
				desk := startStepDesk(t, c.fault)
				connector := connect(t, desk.URL, time.Now, twoSteps(t, !taken, false))
				ctx, cancel := contextFor(t, 10*time.Second)
				_, err := connector.Deliver(ctx, events()["message.received"])
				cancel()
				want := c.harmless
				if taken {
					want = c.taken
				}
				failure, ok := errors.AsType[*message.Failure](err)
				if !ok || failure.Class != want {
					t.Errorf("first step taken %t: %v, want class %s", taken, err, want)
					continue
				}
				if c.fault.Header.Get("Retry-After") != "" && failure.RetryAfter != time.Hour {
					t.Errorf("Retry-After became %s", failure.RetryAfter)
				}
				if first, second := desk.called("/first"), desk.called("/second"); first != 1 || second != 1 || desk.called("/third") > 0 {
					t.Errorf("calls %d and %d, want one of each step, and none elsewhere", first, second)
				}
			}
		})
	}
}

func TestAStepIsRepeatedOnlyWhereThatIsHarmless(t *testing.T) {
	for name, c := range map[string]struct {
		event      string
		idempotent bool
		fault      fake.Fault
		calls      int
		fails      bool
	}{
		"503":                             {"message.received", false, fake.Fault{Status: 503}, 2, false},
		"500":                             {"message.received", false, fake.Fault{Status: 500}, 1, true},
		"500, idempotent":                 {"message.received", true, fake.Fault{Status: 500}, 2, false},
		"a lost answer":                   {"message.received", false, fake.Fault{Reset: true}, 1, true},
		"typing whose answer is lost":     {"typing.started", true, fake.Fault{Reset: true}, 1, true},
		"a lost answer, idempotent":       {"message.received", true, fake.Fault{Reset: true}, 2, false},
		"an expected status":              {"message.received", false, fake.Fault{Status: 409}, 1, false},
		"closing, idempotent":             {"conversation.closed", true, fake.Fault{Status: 500}, 2, false},
		"typing is made once":             {"typing.started", true, fake.Fault{Status: 503}, 1, true},
		"typing without a rule":           {"typing.stopped", true, fake.Fault{Status: 503}, 0, false},
		"a message without a rule":        {"message.unsupported", true, fake.Fault{}, 0, true},
		"a failed message without a rule": {"message.failed", true, fake.Fault{}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			desk := startStepDesk(t, fake.Fault{}) // both steps use one connection, which net/http itself would make again
			if c.fault.Status != 0 || c.fault.Reset {
				desk.script.Next(c.fault)
			}
			connector := connect(t, desk.URL, time.Now, twoSteps(t, true, c.idempotent))
			err := deliverWithin(t, connector, events()[c.event])
			if (err != nil) != c.fails || desk.called("/second") != c.calls {
				t.Errorf("%d calls, error %v; want %d, failure %t", desk.called("/second"), err, c.calls, c.fails)
			}
			if failure, ok := errors.AsType[*message.Failure](err); c.calls == 0 && c.fails &&
				(!ok || failure.Class != message.Permanent || failure.Code != message.CodeUnsupported || !strings.Contains(err.Error(), c.event)) {
				t.Errorf("what no rule takes is reported as %v", err)
			}
		})
	}
}

// deliverWithin is deliver with a deadline, without which nothing is repeated.
func deliverWithin(t *testing.T, connector connectors.Connector, event message.Event) error {
	ctx, cancel := contextFor(t, 10*time.Second)
	defer cancel()
	switch {
	case event.Type.Typing():
		return connector.(connectors.TypingRelay).RelayTyping(ctx, event)
	case event.Type == message.EventClosed:
		return connector.(connectors.CloseRelay).RelayClose(ctx, event)
	}
	_, err := connector.Deliver(ctx, event)
	return err
}

func TestEveryStepIsSignedUnderItsOwnID(t *testing.T) {
	event := events()["message.received"]
	var ids []string
	desk := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		id, timestamp, body := req.Header.Get("webhook-id"), req.Header.Get("webhook-timestamp"), []byte("{}")
		if got := req.Header.Get("webhook-signature"); got != webhooktest.Sign(webhooktest.Secret, id, timestamp, body) {
			t.Errorf("%s: the signature is wrong", req.URL.Path)
		}
		if agent := req.Header.Get("User-Agent"); agent != "bizbridge" {
			t.Errorf("User-Agent %q", agent)
		}
		ids = append(ids, id)
	}))
	defer desk.Close()
	for range 2 {
		if err := deliverWithin(t, connect(t, desk.URL, time.Now, twoSteps(t, true, true)), event); err != nil {
			t.Fatal(err)
		}
	}
	first, second := string(event.Data.ID)+"/first", string(event.Data.ID)+"/second"
	if want := []string{first, second, first, second}; !slices.Equal(ids, want) {
		t.Errorf("webhook-ids %q, want %q", ids, want)
	}
}

func TestABotsAnswersUnderOneID(t *testing.T) {
	desk := webhooktest.StartOwn(t)
	t.Cleanup(desk.Stop)
	for name, c := range map[string]struct {
		messages string
		fails    bool
	}{
		"different answers": {`{id: "1", content: {kind: "text", text: "a"}}, {id: "1", content: {kind: "text", text: "b"}}`, true},
		"the same twice":    {`{id: "1", content: {kind: "text", text: "a"}}, {id: "1", content: {kind: "text", text: "a"}}`, false},
		"one without":       {`{id: "1", content: {kind: "text", text: "a"}}, {kind: "text", text: "b"}`, false},
	} {
		connector := connect(t, desk.URL, time.Now, byFile(t, map[string]config.Secret{"token": webhooktest.Token},
			"vars: {base: null, token: null}", "inbound:", "  - name: text", "    steps:", "      - name: post",
			`        request: {method: POST, url: '\($vars.base)/api/messages', headers: {Authorization: 'Bearer \($vars.token)'}, body: '{from: "x"}'}`,
			"    messages: '"+c.messages+"'"))
		receipt, err := connector.Deliver(t.Context(), events()["message.received"])
		failure, ok := errors.AsType[*message.Failure](err)
		switch {
		case !c.fails && (err != nil || len(receipt.Messages) != 2):
			t.Errorf("%s: %+v, %v", name, receipt, err)
		case c.fails && (!ok || failure.Class != message.Invalid || len(failure.Faults) != 1 || failure.Faults[0].Pointer != "/data/id" || len(receipt.Messages) > 0):
			t.Errorf("%s: %+v, %v; want a fault at /data/id", name, receipt, err)
		}
	}
}
