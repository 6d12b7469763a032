package mapping

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"bizbridge/bridge/message"
)

func TestAProfileIsAnObjectOrNothing(t *testing.T) {
	for name, c := range map[string]struct {
		query string
		want  map[string]any
		fault string
	}{
		"of an answer": {`{name: $steps.post.name, id: $event.data.id}`, map[string]any{"name": "Ada", "id": "e1"}, ""},
		"as written":   {`{n: $steps.post.n, big: 123456789012345678901234567890}`, map[string]any{"n": json.Number("12345678901234567890.10"), "big": json.Number("123456789012345678901234567890")}, ""},
		"not in JSON":  {`{n: nan, i: infinite}`, map[string]any{"n": nil, "i": json.Number("1.7976931348623157e+308")}, ""},
		"null":         {`null`, nil, ""},
		"nothing":      {`empty`, nil, ""},
		"empty":        {`{}`, map[string]any{}, ""},
		"a text":       {`$steps.post.name`, nil, "is neither an object nor null"},
		"a list":       {`[{name: 1}]`, nil, "is neither an object nor null"},
		"no more":      {`{x: ("x" * 65528)}`, map[string]any{"x": strings.Repeat("x", 65528)}, ""},
		"too much":     {`{x: ("x" * 65529)}`, nil, "gives more than 65536 bytes"},
		"that fails":   {`{x: ($steps.post.name | tonumber)}`, nil, "tonumber cannot be applied to"},
	} {
		t.Run(name, func(t *testing.T) {
			m := load(t, oneStep(post, "        extract: {name: .body.name, n: .body.n}", "    profile: '"+c.query+"'"))
			do := &script{answers: []Answer{{Status: 200, Body: []byte(`{"name":"Ada","n":12345678901234567890.10}`)}}}
			result, err := m.Deliver(t.Context(), message.Event{Type: message.EventReceived, Data: message.Data{ID: "e1"}}, Vars{}, do)
			if c.fault != "" {
				text := failure(t, err, message.Permanent).Error()
				if !strings.Contains(text, `rule "text", profile: `+c.fault) || strings.Contains(text, "Ada") {
					t.Errorf("the failure is %q, want %q", text, c.fault)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(result.Profile, c.want) {
				t.Fatalf("%v, %v; want %v", result.Profile, err, c.want)
			}
			if _, err := json.Marshal(result.Profile); err != nil {
				t.Errorf("it cannot be written: %v", err)
			}
		})
	}
}

func TestTestsExpectAProfile(t *testing.T) {
	file := oneStep(post, "        extract: {name: .body.name}", "    profile: 'if $steps.post.name then {name: $steps.post.name, n: 1.0} else null end'") + `
tests:
  - name: t
    inbound: {event: {}, answers: [{body: {name: NAME}}]}
    expect: {requests: [{}], profile: PROFILE}
`
	for name, c := range map[string]struct{ given, want, diff string }{
		"right":      {"Ada", "{name: Ada, n: 1}", ""},
		"wrong":      {"Ada", "{name: Bob, n: 1}", `profile.name: want "Bob", got "Ada"`},
		"too little": {"Ada", "{name: Ada}", "profile.n: want nothing, got 1"},
		"none":       {"null", "null", ""},
		"not none":   {"Ada", "null", "profile: want null, got {"},
		"not one":    {"null", "{name: Ada}", `profile: want {"name":"Ada"}, got null`},
	} {
		result := load(t, strings.NewReplacer("NAME", c.given, "PROFILE", c.want).Replace(file)).Test(t.Context())[0]
		if result.OK != (c.diff == "") || !strings.HasPrefix(result.Diff, c.diff) {
			t.Errorf("%s: ok %t, %q; want %q", name, result.OK, result.Diff, c.diff)
		}
	}
	trial, err := load(t, strings.NewReplacer("NAME", "Ada", "PROFILE", "null").Replace(file)).Try(t.Context(), "text",
		[]byte(`{"event": {}, "answers": [{"body": {"name": "Ada"}}]}`), Vars{})
	if err != nil || !strings.Contains(trial.String(), `"profile": {`) {
		t.Errorf("a trial shows %s, %v", trial, err)
	}
}

func TestAFileForLookUps(t *testing.T) {
	const head = "mapping: 1\nvars: {first_seen: false}\ninbound:\n"
	for name, c := range map[string]struct{ rules, fault string }{
		"one that is":      {"  - {name: a, when: $vars.first_seen, profile: '{n: 1}'}\n  - {name: b, ignored: true}", ""},
		"without a result": {"  - {name: a, ignored: true}", "no rule of the mapping gives a profile"},
		"messages":         {"  - {name: a, when: $vars.first_seen, profile: '{n: 1}'}\n  - {name: b, messages: empty}", `rule "b" gives a receipt or messages`},
		"webhooks":         {"  - {name: a, profile: '{n: 1}'}\noutbound: [{name: c, ignored: true}]", "the mapping has outbound rules"},
	} {
		m := load(t, head+c.rules)
		if fault := m.LookUpFault(); (fault == "") != (c.fault == "") || !strings.HasPrefix(fault, c.fault) {
			t.Errorf("%s: %q, want %q", name, fault, c.fault)
		}
		for _, warning := range m.Warnings() {
			if m.LooksUp() && strings.Contains(warning.Message, "takes") {
				t.Errorf("%s: %s", name, warning)
			}
		}
	}
	m := load(t, head+"  - {name: a, when: $vars.first_seen, profile: '{n: 1}'}")
	bound, err := m.Bind(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, first := range []bool{false, true, false} {
		result, err := m.Deliver(t.Context(), message.Event{Type: message.EventReceived}, bound.With("first_seen", first), &script{})
		if err != nil || (result.Profile != nil) != first {
			t.Errorf("first %t: %+v, %v", first, result, err)
		}
	}
}
