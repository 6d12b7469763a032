package mapping

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bizbridge/bridge/message"
)

const lookup = `
mapping: 1
vars: {base: null}
inbound:
  - name: message
    when: .type == "message.received"
    steps:
      - name: find
        ok: [404]
        request: {method: GET, url: '\($vars.base)/contacts/\(.data.customer_id)?q=a&w=\(.data.text)'}
        extract: {contact: .body.id, via: '.headers["x-id"]', status: .status}
      - name: create
        when: $steps.find.contact == null
        request: {method: POST, url: '\($vars.base)/contacts', body: '{ref: .data.customer_id}'}
        extract: {contact: .body.id}
      - name: post
        request:
          method: POST
          url: \($vars.base)/contacts/\($steps.find.contact // $steps.create.contact)/messages
          headers: {Idempotency-Key: '\(.data.id)', X-Via: '\($steps.find.via)/\($steps.find.status)'}
          body: '{text: .data.text, event: $event.type}'
    receipt: $steps.post
  - name: dropped
    when: .type == "typing.started"
    ignored: true
`

func TestStepsFollowEachOther(t *testing.T) {
	m := load(t, lookup)
	vars, err := m.Bind(map[string]any{"base": "https://desk.example.com/api/"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		answers []Answer
		want    []string
	}{
		"the look-up finds": {
			[]Answer{answer(200, `{"id": 12345678901234567890}`), answer(200, "")},
			[]string{
				"GET https://desk.example.com/api/contacts/urn%3Ambid%3AAQAAY3VzdG9tZXI%2BLw%3D%3D?q=a&w=Hi%2F..%3Fx%3D1%26y%23%20%F0%9F%99%82 ",
				`POST https://desk.example.com/api/contacts/12345678901234567890/messages {"event":"message.received","text":"Hi/..?x=1&y# 🙂"}`,
			},
		},
		"404 is an answer": {
			[]Answer{answer(404, `{"message": "not found"}`), answer(201, `{"id": "c/1"}`), answer(200, "")},
			[]string{
				"GET https://desk.example.com/api/contacts/urn%3Ambid%3AAQAAY3VzdG9tZXI%2BLw%3D%3D?q=a&w=Hi%2F..%3Fx%3D1%26y%23%20%F0%9F%99%82 ",
				`POST https://desk.example.com/api/contacts {"ref":"urn:mbid:AQAAY3VzdG9tZXI+Lw=="}`,
				`POST https://desk.example.com/api/contacts/c%2F1/messages {"event":"message.received","text":"Hi/..?x=1&y# 🙂"}`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			do := &desk{answers: slices.Clone(c.answers)}
			first := do.answers[0].Status
			_, err := m.Deliver(t.Context(), received("e1", "Hi/..?x=1&y# 🙂"), vars, do)
			if failure(t, err, message.Permanent); !strings.Contains(err.Error(), `rule "message", receipt: is no text`) { // an object
				t.Error(err)
			}
			var got []string
			for _, request := range do.requests {
				got = append(got, fmt.Sprintf("%s %s %s", request.Method, request.URL, request.Body))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			last := do.requests[len(do.requests)-1]
			if key, via := last.Header.Get(IdempotencyHeader), last.Header.Get("X-Via"); key != "e1" || via != fmt.Sprintf("h1/%d", first) {
				t.Errorf("the headers of the file are %q and %q", key, via)
			}
			if !do.requests[0].Idempotent || last.Idempotent {
				t.Error("a GET must be idempotent, a POST must not be")
			}
		})
	}
}

func TestWhichRuleIsUsed(t *testing.T) {
	m := load(t, lookup)
	event := received("e1", "")
	for kind, want := range map[message.EventType]Result{
		message.EventTypingStarted: {Rule: "dropped", Ignored: true},
		message.EventClosed:        {Unsupported: true},
	} {
		event.Type = kind
		got, err := m.Deliver(t.Context(), event, Vars{}, &desk{})
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %+v, %v; want %+v", kind, got, err, want)
		}
	}
}

func TestTheIdempotencyKeyIsTheSameOnEveryTry(t *testing.T) {
	m := load(t, oneStep(post, "      - name: again", "        request: "+post))
	keys := map[string]int{}
	for _, id := range []string{"e1", "e1", "e2"} {
		do := &desk{}
		if _, err := m.Deliver(t.Context(), received(id, "Hi"), Vars{}, do); err != nil {
			t.Fatal(err)
		}
		for _, request := range do.requests {
			keys[request.Header.Get(IdempotencyHeader)]++
		}
	}
	counts := []int{}
	for key, n := range keys {
		if key == "" {
			t.Error("a request without a key")
		}
		counts = append(counts, n)
	}
	if slices.Sort(counts); !slices.Equal(counts, []int{1, 1, 2, 2}) {
		t.Errorf("keys %v, want one for each step and event", keys)
	}
}

func TestFailuresOfADelivery(t *testing.T) {
	refused := &message.Failure{Class: message.Auth, Reason: "wrong token"}
	for name, c := range map[string]struct {
		file  string
		text  string
		do    desk
		class message.Class
		want  string
		made  int
	}{
		"the Doer's failure passes":      {oneStep(post), "Hi", desk{err: refused}, message.Auth, "wrong token", 1},
		"an unexpected status":           {oneStep(post), "Hi", desk{answers: []Answer{answer(500, "")}}, message.Throttled, "the desk says no", 1},
		"a redirect":                     {oneStep(post), "Hi", desk{answers: []Answer{answer(302, "")}}, message.Throttled, "the desk says no", 1},
		"expect":                         {oneStep(post, "        expect: .body.ok"), "Hi", desk{answers: []Answer{answer(200, `{"ok": false}`)}}, message.Transient, `rule "text", step "post", expect: the answer (200) is not what`, 1},
		"extract fails":                  {oneStep(post, "        extract: {id: .body.x.y}"), "Hi", desk{answers: []Answer{answer(200, `{"x": "s3cret"}`)}}, message.Permanent, `rule "text", step "post", extract.id: expected an object but got: string`, 1},
		"a query fails":                  {oneStep(`{method: POST, url: '\($vars.base)', body: '.data.text + 1'}`), "s3cret", desk{}, message.Permanent, `rule "text", step "post", request.body: cannot add: string`, 0},
		"the file's own error":           {oneStep(`{method: POST, url: '\($vars.base)', body: 'error("no text")'}`), "Hi", desk{}, message.Permanent, `request.body: no text`, 0},
		"a body of nothing":              {oneStep(`{method: POST, url: '\($vars.base)', body: empty}`), "Hi", desk{}, message.Permanent, `request.body: gives nothing`, 0},
		"a null in an address":           {oneStep(`{method: GET, url: '\($vars.base)/\(.data.nope)'}`), "Hi", desk{}, message.Permanent, `request.url: \(.data.nope) is null; text or a number is needed`, 0},
		"an object in an address":        {oneStep(`{method: GET, url: '\($vars.base)/\(.data)'}`), "Hi", desk{}, message.Permanent, `is an object`, 0},
		"a path that leads up":           {oneStep(`{method: GET, url: '\($vars.base)/a/\(.data.text)/b'}`), "..", desk{}, message.Permanent, `request.url: has "." or ".." as a part of its path`, 0},
		"a path that leads up in pieces": {oneStep(`{method: GET, url: '\($vars.base)/a/\(.data.text)./b'}`), ".", desk{}, message.Permanent, `has "." or ".."`, 0},
		"a header that ends":             {oneStep(`{method: GET, url: '\($vars.base)', headers: {X-T: '\(.data.text)'}}`), "s3cret\r\nX: y", desk{}, message.Permanent, `request.headers.X-T: has characters`, 0},
		"a base that is no address":      {strings.Replace(oneStep(post), "https://desk", "ftp://desk", 1), "Hi", desk{}, message.Permanent, `request.url: is not an absolute http or https URL`, 0},
		"a base with a fragment":         {strings.Replace(oneStep(post), "example.com", "example.com/#", 1), "Hi", desk{}, message.Permanent, `request.url: has a fragment`, 0},
		"a base with a password":         {strings.Replace(oneStep(post), "https://desk", "https://u:s3cret@desk", 1), "Hi", desk{}, message.Permanent, `request.url: holds a user name`, 0},
		"when fails":                     {strings.Replace(oneStep(post), "steps:", "when: .data.text.x\n    steps:", 1), "s3cret", desk{}, message.Permanent, `rule "text", when: expected an object`, 0},
		"a message that cannot be sent":  {oneStep(post, `    messages: '{kind: "text", text: ""}'`), "Hi", desk{}, message.Invalid, `rule "text", message 1: the message is not valid: /data/content/text`, 1},
		"too many messages":              {oneStep(post, `    messages: 'range(21) | {kind: "text", text: "x"}'`), "Hi", desk{}, message.Permanent, "gives more than 20 messages", 1},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, c.file).Deliver(t.Context(), received("e1", c.text), Vars{}, &c.do)
			if failure(t, err, c.class); !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q, want %q", err, c.want)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error tells a value: %q", err)
			}
			if len(c.do.requests) != c.made {
				t.Errorf("%d requests, want %d", len(c.do.requests), c.made)
			}
		})
	}
}

func TestACancelledDeliveryIsCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := load(t, oneStep(post)).Deliver(ctx, received("e1", "Hi"), Vars{}, &desk{})
	if !errors.Is(failure(t, err, message.Canceled), context.Canceled) {
		t.Error(err)
	}
}

// TestNoEventChoosesTheHost tries texts that mean something in addresses.
func TestNoEventChoosesTheHost(t *testing.T) {
	m := load(t, oneStep(`{method: GET, url: '\($vars.base)/\(.data.text)/x?q=\(.data.text)&r=1', headers: {X-T: 'a \(.data.text | @base64)'}}`))
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOf(rapid.SampledFrom([]string{"/", "//", "..", ".", "@", ":", "?", "#", "\\", "%2f", "%", "evil.example", "\r\n", "\x00", " ", "é", "a"})).Draw(t, "pieces")
		text := strings.Join(pieces, "") + rapid.String().Draw(t, "text")
		do := &desk{}
		_, err := m.Deliver(context.Background(), received("e1", text), Vars{}, do)
		if err != nil {
			leadsUp := slices.ContainsFunc(strings.Split(text, "/"), func(s string) bool { return s == "." || s == ".." })
			if !leadsUp && text != "" { // an absent text is null
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		parsed, err := http.NewRequest(http.MethodGet, do.requests[0].URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.ToValidUTF8(text, "\uFFFD")
		switch u := parsed.URL; {
		case u.Scheme != "https" || u.Host != "desk.example.com" || u.User != nil || u.Fragment != "":
			t.Fatalf("%q leads to %s", text, u)
		case u.Path != "/"+want+"/x" || u.Query().Get("q") != want || u.Query().Get("r") != "1":
			t.Fatalf("%q became %s", text, u)
		}
	})
}

func TestABotsMessagesGetWhatIsAbsent(t *testing.T) {
	m := load(t, oneStep(post, "        extract: {all: .body}", "    messages: $steps.post.all"))
	run := func(id string) []message.Outbound {
		t.Helper()
		result, err := m.Deliver(t.Context(), received(id, "Hi"), Vars{}, &desk{answers: []Answer{answer(200, `[
			{"kind": "text", "text": "one", "n": 1}, null,
			{"content": {"kind": "text", "text": "two"}, "sender": {"name": "Bo"}, "id": "k2", "save": true},
			{"content": {"kind": "text", "text": "three"}, "customer_id": "urn:mbid:other", "business_id": "bbbb", "sender": {"kind": "agent"}}
		]`)}})
		if err != nil {
			t.Fatal(err)
		}
		return result.Messages
	}
	first := run("e1")
	keys := []string{first[0].Key, first[2].Key}
	if keys[0] == keys[1] || keys[0] == "" {
		t.Errorf("keys %q, want one for each message", keys)
	}
	again, other := run("e1"), run("e2")
	if again[0].Key != keys[0] || again[2].Key != keys[1] || other[0].Key == keys[0] {
		t.Error("keys must be the same on a repeat, and others for another event")
	}
	business := message.BusinessID("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")
	want := []message.Outbound{
		{Key: keys[0], BusinessID: business, CustomerID: customer, Sealed: "AVNlYWxlZA", Sender: message.Sender{Kind: message.SenderBot}, Content: message.Text{Text: "one"}},
		{Key: "k2", BusinessID: business, CustomerID: customer, Sealed: "AVNlYWxlZA", Sender: message.Sender{Kind: message.SenderBot, Name: "Bo"}, Save: true, Content: message.Text{Text: "two"}},
		{Key: keys[1], BusinessID: "bbbb", CustomerID: "urn:mbid:other", Sender: message.Sender{Kind: message.SenderAgent}, Content: message.Text{Text: "three"}}, // the context is another customer's
	}
	if fmt.Sprintf("%+v", first) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", first, want)
	}
}

// TestABotThatAnswersOtherwiseSendsAnotherMessage: one id with two contents would be refused, or be seen twice by Apple.
func TestABotThatAnswersOtherwiseSendsAnotherMessage(t *testing.T) {
	m := load(t, oneStep(post, "        extract: {all: .body}", "    messages: $steps.post.all"))
	key := func(content string) string {
		t.Helper()
		result, err := m.Deliver(t.Context(), received("e1", "Hi"), Vars{}, &desk{answers: []Answer{answer(200, `[{"kind": "text", "text": "first"}, `+content+`]`)}})
		if err != nil {
			t.Fatal(err)
		}
		return result.Messages[1].Key
	}
	one := key(`{"kind": "text", "text": "one"}`)
	if again := key(`{"content": {"text": "one", "kind": "text"}, "sender": {"name": "Bo"}}`); again != one {
		t.Errorf("the same content has the keys %s and %s", one, again)
	}
	if other := key(`{"kind": "text", "text": "another"}`); other == one {
		t.Error("another content has the same key")
	}
	if first := key(`{"kind": "text", "text": "first"}`); first == one {
		t.Error("the same key at another content")
	}
}

func TestTheSameAnswerTwiceIsTwoMessages(t *testing.T) {
	m := load(t, oneStep(post, "        extract: {all: .body}", "    messages: $steps.post.all"))
	result, err := m.Deliver(t.Context(), received("e1", "Hi"), Vars{}, &desk{answers: []Answer{answer(200, `[{"kind": "text", "text": "x"}, {"kind": "text", "text": "x"}]`)}})
	if err != nil || len(result.Messages) != 2 || result.Messages[0].Key == result.Messages[1].Key {
		t.Errorf("%+v, %v", result.Messages, err)
	}
}

func TestAnAnswerThatIsNotWholeIsNotTakenForAnother(t *testing.T) {
	reads := load(t, oneStep(post, "        extract: {id: .body}", "    receipt: $steps.post.id"))
	blind := load(t, oneStep(post))
	typed := func(contentType, body string, more ...string) Answer {
		header := http.Header{"Content-Type": {contentType}}
		if len(more) > 0 {
			header.Set("Content-Length", more[0])
		}
		return Answer{Status: 200, Header: header, Body: []byte(body)}
	}
	for name, c := range map[string]struct {
		answer Answer
		want   string // in the error
		id     string
	}{
		"JSON that breaks off":       {typed("application/json", `{"s3cret": `), "the answer (200) is not whole: its Content-Type is JSON", ""},
		"a page that says JSON":      {typed("application/json; charset=utf-8", `<html>s3cret`), "is not whole", ""},
		"two values":                 {typed("application/json", `1 2`), "is not whole", ""},
		"a problem that breaks off":  {typed("application/problem+json", `{`), "is not whole", ""},
		"more than is read":          {typed("text/plain", strings.Repeat("1", 1<<20)), "is larger than 1048575 bytes", ""},
		"JSON of more than is read":  {typed("application/json", strings.Repeat("1", 1<<20)), "is larger than", ""},
		"less than was announced":    {typed("text/plain", "77", "3"), "its end is missing", ""},
		"nothing of the announced":   {typed("application/json", "", "3"), "its end is missing", ""},
		"JSON":                       {typed("application/json", "77", "2"), "", "77"},
		"JSON without its type":      {typed("text/plain", "77"), "", "77"},
		"a text":                     {typed("text/plain", "OK 77"), "", "OK 77"},
		"a text that looks like one": {typed("", `{"a`), "", `{"a`},
		"nothing":                    {typed("application/json", ""), "", ""},
		"a line end":                 {typed("application/json", "\r\n"), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := reads.Deliver(t.Context(), received("e1", "Hi"), Vars{}, &desk{answers: []Answer{c.answer}})
			if c.want == "" {
				if err != nil || result.Receipt != c.id {
					t.Errorf("receipt %q, %v; want %q", result.Receipt, err, c.id)
				}
			} else if failure(t, err, message.Transient); !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("error %q, want %q", err, c.want)
			}
			if _, err := blind.Deliver(t.Context(), received("e1", "Hi"), Vars{}, &desk{answers: []Answer{c.answer}}); err != nil {
				t.Errorf("a step that does not read the answer fails: %v", err)
			}
		})
	}
}

func TestBind(t *testing.T) {
	m := load(t, "mapping: 1\nvars: {base: null, token: null, n: 1}\noutbound: [{name: a, messages: error($vars.n | tostring)}]")
	if _, err := m.Bind(map[string]any{"n": 2}); err == nil || !strings.HasSuffix(err.Error(), "base, token") {
		t.Errorf("error %v, want both names", err)
	}
	if names, required := m.Variables(); !slices.Equal(names, []string{"base", "n", "token"}) || !slices.Equal(required, []string{"base", "token"}) {
		t.Errorf("variables %v, of them required %v", names, required)
	}
	vars, err := m.Bind(map[string]any{"base": "b", "token": "t", "n": int64(1) << 62, "extra": []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = m.Receive(t.Context(), Incoming{}, vars)
	if err == nil || !strings.Contains(err.Error(), "4611686018427387904") {
		t.Errorf("error %v, want the number that was given", err)
	}
	if _, err := m.Bind(map[string]any{"base": func() {}}); err == nil {
		t.Error("a function is no variable")
	}
}

// TestNumbersStayExact sends numbers through an event, an answer and a body.
func TestNumbersStayExact(t *testing.T) {
	m := load(t, oneStep(post, "        extract: {n: .body}",
		"      - name: next", `        request: {method: POST, url: '\($vars.base)', body: $steps.post.n}`))
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.StringMatching(`-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,10})?`).Draw(t, "number")
		do := &desk{answers: []Answer{answer(200, `{"n":`+number+`}`)}}
		if _, err := m.Deliver(context.Background(), received("e1", "Hi"), Vars{}, do); err != nil {
			t.Fatal(err)
		}
		if got := string(do.requests[1].Body); got != `{"n":`+number+`}` {
			t.Fatalf("%s became %s", number, got)
		}
	})
}

func TestDeliverIsSafeForConcurrentUse(t *testing.T) {
	m := load(t, lookup)
	vars, err := m.Bind(map[string]any{"base": "https://desk.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	for i := range 8 {
		go func() {
			do := &desk{answers: []Answer{answer(200, `{"id": 1}`)}}
			_, err := m.Deliver(context.Background(), received(fmt.Sprint("e", i), fmt.Sprint("text ", i)), vars, do)
			var body struct{ Text string }
			if json.Unmarshal(do.requests[1].Body, &body) != nil || body.Text != fmt.Sprint("text ", i) {
				err = fmt.Errorf("%d got %q", i, body.Text)
			} else if err != nil && strings.Contains(err.Error(), "receipt") {
				err = nil // as the file is
			}
			done <- err
		}()
	}
	for range 8 {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Fatal("no end")
		}
	}
}
