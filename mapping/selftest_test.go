package mapping

import (
	"slices"
	"strings"
	"testing"
)

const tested = `
mapping: 1
vars: {base: "https://desk.example.com"}
inbound:
  - name: post
    when: .type == "message.received"
    steps:
      - name: a
        request: {method: POST, url: '\($vars.base)/x', headers: {X-A: '1'}, body: '{n: 1.50, list: [1, 2], text: .data.text}'}
        extract: {id: .body.id}
    receipt: $steps.a.id
  - {name: drop, when: .type == "typing.started", ignored: true}
outbound:
  - {name: reply, messages: '{customer_id: "urn:mbid:x", business_id: "b", content: .body}'}
tests:
  - name: t
`

func TestDifferences(t *testing.T) {
	const event = "    inbound: {event: {type: message.received, data: {text: Hi}}, answers: [{body: {id: 7}}]}\n"
	const request = `{step: a, method: POST, url: "https://desk.example.com/x", headers: {x-a: "1", X-B: null}, body: {n: 1.5, list: [1, 2], text: Hi}}`
	for name, c := range map[string]struct{ test, want string }{
		"right":              {event + "    expect: {requests: [" + request + `], receipt: "7"}`, ""},
		"subset":             {event + "    expect: {requests: [{}]}", ""},
		"not listed":         {event + "    expect: {}", `requests[0]: want nothing, got {"body":`},
		"receipt":            {event + `    expect: {requests: [{}], receipt: "8"}`, `receipt: want "8", got "7"`},
		"a member":           {event + "    expect: {requests: [" + strings.Replace(request, "[1, 2]", "[1, 3]", 1) + "]}", "requests[0].body.list[1]: want 3, got 2"},
		"a number":           {event + "    expect: {requests: [" + strings.Replace(request, "1.5", "1.51", 1) + "]}", "requests[0].body.n: want 1.51, got 1.5"},
		"a member too few":   {event + "    expect: {requests: [" + strings.Replace(request, "text: Hi", "", 1) + "]}", `requests[0].body.text: want nothing, got "Hi"`},
		"a member too many":  {event + "    expect: {requests: [" + strings.Replace(request, "text: Hi", "text: Hi, y: null", 1) + "]}", `requests[0].body.y: want null, got nothing`},
		"a longer list":      {event + "    expect: {requests: [" + strings.Replace(request, "[1, 2]", "[1, 2, 3]", 1) + "]}", "requests[0].body.list[2]: want 3, got nothing"},
		"a header":           {event + "    expect: {requests: [" + strings.Replace(request, `"1"`, `"2"`, 1) + "]}", `requests[0].headers.x-a: want "2", got "1"`},
		"a header too many":  {event + "    expect: {requests: [" + strings.Replace(request, `x-a: "1"`, `x-a: null`, 1) + "]}", `requests[0].headers.x-a: want nothing, got "1"`},
		"ignored":            {"    inbound: {event: {type: typing.started}}\n    expect: {requests: []}", "ignored: want false, got true"},
		"unsupported":        {"    inbound: {event: {type: message.sent}}\n    expect: {unsupported: true}", ""},
		"not unsupported":    {"    inbound: {event: {type: message.sent}}\n    expect: {ignored: true}", "ignored: want true, got false\nunsupported: want false, got true"},
		"an answer too many": {"    inbound: {event: {type: typing.started}, answers: [{}]}\n    expect: {ignored: true}", "error: 1 answers are listed, and 0 requests were made"},
		"an answer too few":  {strings.Replace(event, "{body: {id: 7}}", "", 1) + "    expect: {requests: [{}]}", `error: no answer is listed for request 1 (step "a")`},
		"an error":           {event + "    expect: {error: teapot}", `error: want "teapot", got "none"`},
		"a message":          {"    outbound: {body: {kind: text, text: Hi}}\n    expect: {messages: [{content: {kind: text, text: Ho}}]}", `messages[0].content.text: want "Ho", got "Hi"`},
		"a fault":            {"    outbound: {body: {kind: text, text: ''}}\n    expect: {error: /data/content/text}", ""},
		"another fault":      {"    outbound: {body: {kind: text, text: ''}}\n    expect: {error: /data/content/kind}", `error: want "/data/content/kind", got "mapping: rule \"reply\", message 1: the message is not valid: /data/content/text must not be empty;"`},
	} {
		t.Run(name, func(t *testing.T) {
			result := load(t, tested+c.test).Test(t.Context())[0]
			if result.OK != (c.want == "") || !strings.HasPrefix(result.Diff, c.want) {
				t.Errorf("ok %t, difference %q; want %q", result.OK, result.Diff, c.want)
			}
		})
	}
}

func TestTry(t *testing.T) {
	const parts = `  - {name: parts, when: .method == "GET" and .body == null, messages: '{customer_id: .query.to, business_id: "b", content: {kind: "text", text: .headers["x-text"]}}'}
  - {name: reply,`
	m := load(t, strings.Replace(tested, "  - {name: reply,", parts, 1)+"    inbound: {event: {}}\n    expect: {}")
	for name, c := range map[string]struct {
		rule, payload string
		want          []string
	}{
		"an event":             {"post", `{"type": "message.received", "data": {"text": "<b>"}}`, []string{`"fits": true`, `"url": "https://desk.example.com/x"`, `"text": "<b>"`}},
		"an event and answers": {"post", `{"event": {"data": {"text": "Hi"}}, "answers": [{"status": 201, "body": {"id": 9}}]}`, []string{`"receipt": "9"`}},
		"an error status":      {"post", `{"event": {}, "answers": [{"status": 500}]}`, []string{`"error": "step \"a\" was answered with 500"`}},
		"another event":        {"post", `{"type": "typing.started"}`, []string{`"fits": false`, `"method": "POST"`}},
		"ignored":              {"drop", `{"type": "typing.started"}`, []string{`"fits": true`, `"ignored": true`}},
		"a webhook":            {"reply", `{"kind": "text", "text": "Hi"}`, []string{`"fits": true`, `"text": "Hi"`, `"customer_id": "urn:mbid:x"`}},
		"a whole webhook":      {"reply", `{"headers": {}, "body": {"kind": "text", "text": "Hi"}}`, []string{`"text": "Hi"`}},
		"a body alone":         {"reply", `{"body": {"kind": "text", "text": "Hi"}}`, []string{`"text": "Hi"`}},
		"a method and a body":  {"reply", `{"method": "PUT", "body": {"kind": "text", "text": "Hi"}}`, []string{`"text": "Hi"`}},
		"a body and more":      {"reply", `{"kind": "text", "text": "Hi", "body": {}, "headers": {}}`, []string{`"text": "Hi"`}},
		"parts of a webhook":   {"parts", `{"headers": {"X-Text": "Hi"}, "query": {"to": "urn:mbid:x"}, "method": "GET"}`, []string{`"fits": true`, `"text": "Hi"`, `"customer_id": "urn:mbid:x"`}},
		"an empty body":        {"parts", `{}`, []string{`"fits": false`}},
		"a wrong webhook":      {"reply", `{"kind": "x"}`, []string{`"error": "mapping: rule \"reply\", message 1: the message is not valid: /data/content/kind`}},
	} {
		t.Run(name, func(t *testing.T) {
			trial, err := m.Try(t.Context(), c.rule, []byte(c.payload), Vars{})
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !strings.Contains(trial.String(), want) {
					t.Errorf("no %s in %s", want, trial)
				}
			}
		})
	}
	for payload, want := range map[string]string{"{": "no JSON", `{"event": {}, "answers": 1}`: "answers must be an array"} {
		if _, err := m.Try(t.Context(), "post", []byte(payload), Vars{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", payload, err, want)
		}
	}
	if _, err := m.Try(t.Context(), "pst", []byte("{}"), Vars{}); err == nil || !strings.Contains(err.Error(), `Did you mean "post"?`) {
		t.Errorf("another rule: %v", err)
	}
	if !slices.ContainsFunc(m.Warnings(), func(p Problem) bool { return p.Path == "outbound[1]" }) {
		t.Error("a rule without a test gives no warning")
	}
}
