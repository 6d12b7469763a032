package mapping

import (
	"fmt"
	"net/http"
	"strings"

	"bizbridge/config/yamlfile"
)

// tests reads the file's tests.
func (r *reader) tests(n *node) {
	names := map[string]bool{}
	for _, item := range r.itemsOf(n) {
		test := r.test(item)
		if names[test.name] {
			r.Report(item, fmt.Sprintf("another test is named %q", yamlfile.Clip(test.name)), "")
		}
		names[test.name] = true
		r.m.tests = append(r.m.tests, test)
	}
}

func (r *reader) test(n *node) *selfTest {
	t := &selfTest{name: nameOf(n)}
	var inbound, outbound, expect *node
	ok := r.keys(n, map[string]func(*node){
		"name":     func(n *node) { r.textOf(n) },
		"inbound":  func(n *node) { inbound = n; t.inbound = true; r.testInbound(n, t) },
		"outbound": func(n *node) { outbound = n; r.testOutbound(n, t) },
		"expect":   func(n *node) { expect = n },
	})
	switch {
	case !ok:
		return t
	case t.name == "":
		r.Report(n, "the test has no name", "")
	}
	if (inbound == nil) == (outbound == nil) {
		r.Report(n, "a test is either inbound or outbound", "Add one of: inbound: {event: {…}}, outbound: {body: {…}}.")
	}
	if expect == nil {
		r.Report(n, "the test expects nothing", "Add expect, such as {ignored: true}.")
		return t
	}
	t.expect, _ = expect.Value().(map[string]any)
	r.expectation(expect, inbound != nil)
	return t
}

func (r *reader) testInbound(n *node, t *selfTest) {
	var event map[string]any
	r.keys(n, map[string]func(*node){
		"event": func(n *node) {
			r.keyed(n)
			event, _ = n.Value().(map[string]any)
			if data := n.Child("data"); data != nil {
				r.keyed(data)
			}
		},
		"answers": func(n *node) { r.answers(n, t) },
		"vars":    func(n *node) { r.testVars(n, t) },
	})
	if n.Kind == yamlfile.Mapping && event == nil {
		r.Report(n, "the test has no event", "Add event: {type: message.received, data: {text: Hello}}; what every event has is filled in.")
	}
	t.event = completeEvent(event)
}

func (r *reader) testOutbound(n *node, t *selfTest) {
	input := map[string]any{"method": http.MethodPost, "headers": map[string]any{}, "query": map[string]any{}, "body": nil}
	r.keys(n, map[string]func(*node){
		"method": func(n *node) { input["method"] = r.textOf(n) },
		"headers": func(n *node) {
			headers := map[string]any{}
			r.keyed(n)
			for _, f := range n.Fields {
				headers[strings.ToLower(f.Name)] = fmt.Sprint(f.Value.Value())
			}
			input["headers"] = headers
		},
		"query": func(n *node) { r.keyed(n); input["query"] = n.Value() },
		"body":  func(n *node) { input["body"] = n.Value() },
		"vars":  func(n *node) { r.testVars(n, t) },
	})
	t.input = input
}

// keyed reports what is no mapping, whatever its keys.
func (r *reader) keyed(n *node) {
	if n.Kind != yamlfile.Mapping {
		r.Report(n, "is "+string(n.Kind)+"; a mapping is needed", "")
	}
}

func (r *reader) testVars(n *node, t *selfTest) {
	r.keyed(n)
	t.vars, _ = n.Value().(map[string]any)
}

func (r *reader) answers(n *node, t *selfTest) {
	for _, item := range r.itemsOf(n) {
		r.keys(item, map[string]func(*node){"status": func(*node) {}, "headers": r.keyed, "body": func(*node) {}})
	}
	answers, err := answersOf(n.Value())
	if err != nil && n.Kind == yamlfile.List {
		r.Report(n, err.Error(), "")
	}
	t.answers = answers
	if t.answers == nil {
		t.answers = []Answer{}
	}
}

// expectation checks the shape of what a test expects.
func (r *reader) expectation(n *node, inbound bool) {
	readers := map[string]func(*node){
		"messages": func(n *node) { r.objects(n) },
		"ignored":  func(n *node) { r.flagOf(n) },
		"error":    func(n *node) { r.textOf(n) },
	}
	if inbound {
		readers["unsupported"] = func(n *node) { r.flagOf(n) }
		readers["receipt"] = func(n *node) { r.textOf(n) }
		readers["profile"] = func(n *node) {
			if n.Kind != yamlfile.Null {
				r.keyed(n)
			}
		}
		readers["requests"] = func(n *node) {
			for _, item := range r.itemsOf(n) {
				any := func(*node) {}
				r.keys(item, map[string]func(*node){"step": any, "method": any, "url": any, "headers": r.keyed, "body": any})
			}
		}
	}
	r.keys(n, readers)
	if n.Child("error") != nil && len(n.Fields) > 1 {
		r.Report(n, "a test that expects an error expects nothing else", "")
	}
}

func (r *reader) objects(n *node) {
	for _, item := range r.itemsOf(n) {
		r.keyed(item)
	}
}
