package mapping

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"bizbridge/bridge/message"
)

// TestResult is how one of the file's own tests went.
type TestResult struct {
	Name string
	OK   bool
	Diff string // one line for each difference, "" if OK
}

// selfTest is one of the file's tests.
type selfTest struct {
	name    string
	inbound bool
	event   any
	answers []Answer
	input   map[string]any // of a webhook
	vars    map[string]any
	expect  map[string]any
}

// Test runs the file's tests. They open no connection: the answers of the helpdesk stand in the file.
func (m *Mapping) Test(ctx context.Context) []TestResult {
	results := make([]TestResult, len(m.tests))
	for i, test := range m.tests {
		diff := test.run(ctx, m).diff(test.expect)
		results[i] = TestResult{Name: test.name, OK: len(diff) == 0, Diff: strings.Join(diff, "\n")}
	}
	return results
}

// outcome is what a rule did, in the words of expect.
type outcome struct {
	rule   string
	values map[string]any // requests, receipt, profile, messages, ignored, unsupported
	err    error
}

func (t *selfTest) run(ctx context.Context, m *Mapping) outcome {
	vars := maps.Clone(m.defaults)
	maps.Copy(vars, t.vars)
	if !t.inbound {
		messages, rule, err := m.receive(ctx, t.input, vars)
		o := outcome{values: map[string]any{"messages": messageValues(messages)}, err: err}
		if rule != nil {
			o.rule = rule.name
			o.values["ignored"] = rule.ignored
		}
		return o
	}
	do := &script{answers: t.answers}
	result, err := m.deliver(ctx, t.event, vars, do)
	if err == nil && len(do.requests) < len(t.answers) {
		err = fmt.Errorf("%d answers are listed, and %d requests were made", len(t.answers), len(do.requests))
	}
	return outcome{rule: result.Rule, err: err, values: map[string]any{
		"requests": requestValues(do.requests), "messages": messageValues(result.Messages),
		"receipt": result.Receipt, "profile": profileValue(result.Profile), "ignored": result.Ignored, "unsupported": result.Unsupported,
	}}
}

// profileValue is null where there is none.
func profileValue(profile map[string]any) any {
	if profile == nil {
		return nil
	}
	return profile
}

// script answers requests with what a test lists; without a list, with 200 and nothing.
type script struct {
	answers  []Answer
	requests []Request
}

func (s *script) Do(_ context.Context, request Request) (Answer, error) {
	s.requests = append(s.requests, request)
	switch {
	case s.answers == nil:
		return Answer{Status: http.StatusOK}, nil
	case len(s.requests) > len(s.answers):
		return Answer{}, fmt.Errorf("no answer is listed for request %d (step %q)", len(s.requests), request.Step)
	}
	return s.answers[len(s.requests)-1], nil
}

func (s *script) Refused(request Request, answer Answer) error {
	return message.Failuref(message.Permanent, "step %q was answered with %d", request.Step, answer.Status)
}

// requestValues gives requests as tests and people write them.
func requestValues(requests []Request) []any {
	values := make([]any, len(requests))
	for i, request := range requests {
		headers := map[string]any{}
		for name, lines := range request.Header {
			headers[name] = strings.Join(lines, ", ")
		}
		value := map[string]any{"step": request.Step, "method": request.Method, "url": request.URL, "headers": headers}
		if request.Body != nil {
			value["body"], _ = decodeJSON(request.Body)
		}
		values[i] = value
	}
	return values
}

func messageValues(messages []message.Outbound) []any {
	values := make([]any, len(messages))
	for i, out := range messages {
		values[i], _ = plainJSON(out)
	}
	return values
}

// diff compares with what a test expects. Requests, receipt, profile, messages and the rest are compared where they are listed;
// what is not listed must not have happened.
func (o outcome) diff(expect map[string]any) []string {
	var d differ
	if want, ok := expect["error"].(string); ok {
		if !o.failedWith(want) {
			d.add("error", want, fmt.Sprint(detail(o.err)))
		}
		return d.lines
	}
	if o.err != nil {
		return []string{"error: " + detail(o.err)}
	}
	for _, key := range slices.Sorted(maps.Keys(o.values)) {
		want, listed := expect[key]
		got := o.values[key]
		switch items, isList := got.([]any); {
		case !listed && (key == "receipt" || key == "profile"):
		case !listed && isList:
			for i, item := range items {
				d.add(fmt.Sprintf("%s[%d]", key, i), absent{}, item)
			}
		case !listed:
			if got != false {
				d.add(key, false, got)
			}
		default:
			d.compare(key, want, got)
		}
	}
	return d.lines
}

// failedWith finds a test's words in the error, or a fault's JSON pointer.
func (o outcome) failedWith(want string) bool {
	if failure, ok := errors.AsType[*message.Failure](o.err); ok {
		for _, fault := range failure.Faults {
			if fault.Pointer == want {
				return true
			}
		}
	}
	return o.err != nil && strings.Contains(detail(o.err), want)
}

// detail is an error in the words for whoever writes the mapping.
func detail(err error) string {
	if err == nil {
		return "none"
	}
	if broken, ok := errors.AsType[*queryError](err); ok {
		return broken.Detail()
	}
	return err.Error()
}

// differ collects differences in words.
type differ struct{ lines []string }

const maxDifferences = 10

func (d *differ) add(path string, want, got any) {
	if len(d.lines) < maxDifferences {
		d.lines = append(d.lines, fmt.Sprintf("%s: want %s, got %s", path, brief(want), brief(got)))
	}
}

// absent stands for what is not there, as opposed to null.
type absent struct{}

func brief(v any) string {
	if v == (absent{}) {
		return "nothing"
	}
	text, err := encode(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	const most = 300
	if len(text) > most {
		return strings.ToValidUTF8(string(text[:most]), "") + "…"
	}
	return string(text)
}

// open tells whether a test lists only what it wants to see of the object at a path; others are compared whole.
func open(path string) bool {
	collection, rest, ok := strings.Cut(path, "[")
	_, member, _ := strings.Cut(rest, "]")
	switch {
	case !ok:
		return false
	case collection == "requests":
		return member == "" || member == ".headers"
	case collection == "messages":
		return member == "" || member == ".sender"
	}
	return false
}

func (d *differ) compare(path string, want, got any) {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			d.add(path, want, got)
			return
		}
		d.objects(path, want, object)
	case []any:
		items, ok := got.([]any)
		if !ok {
			d.add(path, want, got)
			return
		}
		for i := range max(len(want), len(items)) {
			at := fmt.Sprintf("%s[%d]", path, i)
			switch {
			case i >= len(want):
				d.add(at, absent{}, items[i])
			case i >= len(items):
				d.add(at, want[i], absent{})
			default:
				d.compare(at, want[i], items[i])
			}
		}
	default:
		if !equal(want, got) {
			d.add(path, want, got)
		}
	}
}

func (d *differ) objects(path string, want, got map[string]any) {
	keys := slices.Collect(maps.Keys(want))
	if !open(path) {
		keys = slices.AppendSeq(keys, maps.Keys(got))
	}
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		at := path + "." + key
		name := key
		if strings.HasSuffix(path, ".headers") {
			name = http.CanonicalHeaderKey(key)
		}
		wanted, listed := want[key]
		value, there := got[name]
		switch {
		case listed && there && (wanted == nil) == (value == nil):
			d.compare(at, wanted, value)
		case listed && wanted == nil && open(path) && !there: // listed as null: must not be there
		default:
			d.add(at, orAbsent(wanted, listed && !(wanted == nil && open(path))), orAbsent(value, there))
		}
	}
}

func orAbsent(v any, there bool) any {
	if !there {
		return absent{}
	}
	return v
}

// equal compares scalars; numbers by what they are, not by how they are written.
func equal(want, got any) bool {
	a, isNumber := want.(json.Number)
	b, both := got.(json.Number)
	if !isNumber || !both || a == b {
		return want == got
	}
	x, xok := exact(a)
	y, yok := exact(b)
	return xok && yok && x.Cmp(y) == 0
}
