package mapping

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// badFiles are files with mistakes; want are beginnings of the problems, in their order. schema tells that the JSON
// Schema finds fault with it too; it knows nothing of jq, of names that are taken, and of YAML.
var badFiles = map[string]struct {
	file   string
	want   []string
	schema bool
}{
	"empty":                      {"  \n", []string{"1:1: the file is empty"}, true},
	"no YAML":                    {"mapping: [1", []string{"1:10: invalid YAML"}, true},
	"a second document":          {"mapping: 1\n---\nmapping: 1\n", []string{"3:1: the file holds a second YAML document"}, true},
	"a list":                     {"- 1\n", []string{"1:1: is a list; a mapping is needed"}, true},
	"no version":                 {"outbound: [{name: a, ignored: true}]", []string{`1:1: "mapping" is missing`}, true},
	"another version":            {"mapping: 2\noutbound: [{name: a, ignored: true}]", []string{"1:10: mapping: this version of the format is not known"}, true},
	"no rules":                   {"mapping: 1", []string{"1:1: the file has no rules"}, true},
	"unknown key":                {"mapping: 1\noutbund: []\noutbound: [{name: a, ignored: true, whn: .}]", []string{`2:1: outbund: unknown key "outbund". Did you mean "outbound"?`, `3:37: outbound[0].whn: unknown key "whn". Did you mean "when"?`}, true},
	"a key twice":                {"mapping: 1\noutbound: []\noutbound: []", []string{`3:1: outbound: duplicate key "outbound". It stands in line 2 already.`}, false},
	"unknown alias":              {"mapping: 1\noutbound: *x", []string{"2:11: outbound: alias *x has no anchor above it", "2:11: outbound: is nothing; a list is needed"}, true},
	"an alias in itself":         {"mapping: 1\noutbound: &x [*x]", []string{"2:15: outbound[0]: alias *x has no anchor above it", "2:15: outbound[0]: is nothing; a mapping is needed"}, true},
	"a rule that is no mapping":  {"mapping: 1\noutbound: [text]", []string{"2:12: outbound[0]: is text; a mapping is needed"}, true},
	"a rule without a name":      {"mapping: 1\noutbound: [{ignored: true}]", []string{"2:12: outbound[0]: the rule has no name"}, true},
	"a rule that does nothing":   {"mapping: 1\ninbound: [{name: a}]\noutbound: [{name: b}]", []string{"2:11: inbound[0]: the rule does nothing. Add steps, profile or messages, or ignored: true.", "3:12: outbound[0]: the rule does nothing"}, true},
	"ignored and more":           {"mapping: 1\noutbound: [{name: a, ignored: true, messages: .body}]", []string{"2:12: outbound[0]: a rule that ignores has nothing else to do"}, true},
	"an empty when":              {"mapping: 1\noutbound:\n  - name: a\n    when:\n    ignored: true\n", []string{"4:10: outbound[0].when: is nothing; a jq query is needed"}, true},
	"names taken":                {"mapping: 1\ninbound: [{name: a, ignored: true}]\noutbound: [{name: a, ignored: true}]", []string{`3:12: outbound[0]: another rule is named "a", in line 2`}, false},
	"never reached":              {"mapping: 1\noutbound:\n- {name: a, ignored: true}\n- {name: b, when: .x, ignored: true}", []string{`4:3: outbound[1]: this rule is never reached: "a" before it has no condition`}, false},
	"never reached, when: true":  {"mapping: 1\noutbound:\n- {name: a, when: true, ignored: true}\n- {name: b, ignored: true}", []string{`4:3: outbound[1]: this rule is never reached`}, false},
	"unquoted object":            {"mapping: 1\noutbound:\n- name: a\n  messages: {id: .body.id}\n", []string{"4:13: outbound[0].messages: is a mapping; a jq query is needed. Put the query in single quotes"}, true},
	"an empty query":             {"mapping: 1\noutbound: [{name: a, messages: ' '}]", []string{"2:32: outbound[0].messages: the query is empty"}, true},
	"no jq":                      {"mapping: 1\noutbound:\n- name: a\n  messages: '.body | {a: }'\n", []string{"4:26: outbound[0].messages: the query is no jq: unexpected token \"}\" (column 13 of the query)"}, false},
	"no jq, in a block":          {"mapping: 1\noutbound:\n- name: a\n  messages: |\n    .body\n    | {a: }\n", []string{"6:11: outbound[0].messages: the query is no jq: unexpected token \"}\""}, false},
	"unknown function":           {"mapping: 1\noutbound:\n- name: a\n  messages: .body | ascii_downcas\n", []string{`4:21: outbound[0].messages: the query does not compile: function not defined: ascii_downcas/0 (column 9 of the query). Did you mean "ascii_downcase"?`}, false},
	"unknown own function":       {"mapping: 1\noutbound: [{name: a, messages: pathsafe}]", []string{`2:32: outbound[0].messages: the query does not compile: function not defined: pathsafe/0 (column 1 of the query). Did you mean "path_safe"?`}, false},
	"unknown variable":           {"mapping: 1\noutbound: [{name: a, messages: '.a, $config.x'}]", []string{`2:37: outbound[0].messages: the query does not compile: variable not defined: $config (column 5 of the query). There are $vars.`}, false},
	"steps in an outbound rule":  {"mapping: 1\noutbound: [{name: a, messages: $steps.a}]", []string{"2:32: outbound[0].messages: the query does not compile: variable not defined: $steps"}, false},
	"an undeclared variable":     {"mapping: 1\nvars: {token: null}\noutbound: [{name: a, messages: '.a, $vars.tokn'}]", []string{`3:37: outbound[0].messages: there is no "tokn" in vars (column 5 of the query). Did you mean "token"?`}, false},
	"what is refused":            {"mapping: 1\noutbound: [{name: a, messages: 'env, $ENV, input, debug, (1 | halt)'}]", []string{"2:33: outbound[0].messages: env is not possible", "2:38: outbound[0].messages: $ENV is", "2:44: outbound[0].messages: input is", "2:51: outbound[0].messages: debug is", "2:63: outbound[0].messages: halt is"}, false},
	"jq's own functions":         {"mapping: 1\noutbound: [{name: a, messages: '_multiply(\"a\"; 9) | __times(1; 2)'}]", []string{"2:33: outbound[0].messages: _multiply is not possible", "2:53: outbound[0].messages: __times is not possible"}, false},
	"*=":                         {"mapping: 1\noutbound: [{name: a, messages: '.body.a *= 1e9'}]", []string{`2:41: outbound[0].messages: "*=" is not possible`}, false},
	"modules":                    {"mapping: 1\noutbound: [{name: a, messages: 'import \"a\" as a; .'}]", []string{"2:33: outbound[0].messages: modules are not possible"}, false},
	"a huge index":               {"mapping: 1\noutbound: [{name: a, messages: '.[500000000] = 1'}]", []string{"2:35: outbound[0].messages: an index is larger than 100000"}, false},
	"functions that are a query": {"mapping: 1\nfunctions: .body\noutbound: [{name: a, messages: .}]", []string{"2:12: functions: is more than definitions"}, false},
	"a bad function":             {"mapping: 1\nfunctions: |\n  def a: 1;\n  def b: nope;\noutbound: [{name: a, messages: a}]", []string{"4:10: functions: the query does not compile: function not defined: nope/0"}, false},
	"vars":                       {"mapping: 1\nvars: {a-b: 1}\noutbound: [{name: a, ignored: true}]", []string{`2:8: vars.a-b: "a-b" is no name of a variable`}, true},
	"a step without a request":   {oneStep("null"), []string{"8:18: inbound[0].steps[0].request: is nothing; a mapping is needed"}, true},
	"a request without a method": {oneStep(`{url: 'https://desk.example.com'}`), []string{`8:18: inbound[0].steps[0].request: "method" is missing`}, true},
	"a method":                   {oneStep(`{method: BREW, url: 'https://desk.example.com'}`), []string{"8:27: inbound[0].steps[0].request.method: is no method of a request"}, true},
	"a body in a GET":            {oneStep(`{method: GET, url: 'https://desk.example.com', body: .}`), []string{"8:71: inbound[0].steps[0].request.body: a GET request has no body"}, true},
	"a host from an event":       {oneStep(`{method: GET, url: '\(.data.text)/x'}`), []string{"8:37: inbound[0].steps[0].request.url: the URL does not begin with a fixed host"}, true},
	"a host with a tail":         {oneStep(`{method: GET, url: '\($vars.base)\(.data.text)'}`), []string{"8:37: inbound[0].steps[0].request.url: the URL does not begin with a fixed host"}, false},
	"a literal host with a tail": {oneStep(`{method: GET, url: 'https://desk.example.com\(.data.text)'}`), []string{"8:37: inbound[0].steps[0].request.url: the URL does not begin with a fixed host"}, false},
	"half a host":                {oneStep(`{method: GET, url: 'https://\(.data.text).example.com/'}`), []string{"8:37: inbound[0].steps[0].request.url: the URL does not begin with a fixed host"}, true},
	"a variable in disguise":     {oneStep(`{method: GET, url: '\($vars.base + .data.text)/'}`), []string{"8:37: inbound[0].steps[0].request.url: the URL does not begin with a fixed host"}, false},
	"a path alone":               {oneStep(`{method: GET, url: /messages}`), []string{"8:37: inbound[0].steps[0].request.url: the URL does not begin with a fixed host"}, true},
	"an open parenthesis":        {oneStep(`{method: GET, url: '\($vars.base)/\(.data'}`), []string{`8:52: inbound[0].steps[0].request.url: \( has no closing parenthesis`}, false},
	"a mistake in a template":    {oneStep(`{method: GET, url: '\($vars.base)/x?id=\(.data | nope)'}`), []string{`8:67: inbound[0].steps[0].request.url: the query does not compile: function not defined: nope/0 (column 9 of the query)`}, false},
	"a header of the client's":   {oneStep(`{method: GET, url: '\($vars.base)', headers: {host: x, "a b": y}}`), []string{"8:64: inbound[0].steps[0].request.headers.host: this header is set by the bridge", `8:73: inbound[0].steps[0].request.headers["a b"]: is no name of a header`}, true},
	"a header twice":             {oneStep(`{method: GET, url: '\($vars.base)', headers: {X-A: x, x-a: y}}`), []string{"8:72: inbound[0].steps[0].request.headers.x-a: this header stands here already"}, false},
	"a number as a header":       {oneStep(`{method: GET, url: '\($vars.base)', headers: {X-A: 1}}`), []string{"8:69: inbound[0].steps[0].request.headers.X-A: is a number; text is needed"}, true},
	"a status that is no ok":     {oneStep(post, "        ok: [500, x]"), []string{"9:14: inbound[0].steps[0].ok[0]: is no status from 300 to 499", "9:19: inbound[0].steps[0].ok[1]: is no status"}, true},
	"a step used before":         {oneStep(`{method: POST, url: '\($vars.base)', body: $steps.late.id}`, "      - name: late", "        request: "+post), []string{`8:61: inbound[0].steps[0].request.body: there is no step "late" before this place (column 1 of the query)`}, false},
	"a value nobody extracts":    {oneStep(post, "        extract: {id: .body.id}", "    receipt: $steps.post.ids"), []string{`10:14: inbound[0].receipt: step "post" does not extract "ids" (column 1 of the query). Add it to the step's extract. Did you mean "id"?`}, false},
	"a step's name":              {strings.Replace(oneStep(post), "name: post", "name: post it", 1), []string{"7:9: inbound[0].steps[0]: the step has no name, or one that jq cannot write"}, true},
	"two steps of one name":      {oneStep(post, "      - name: post", "        request: "+post), []string{`9:9: inbound[0].steps[1]: another step of the rule is named "post"`}, false},
	"a test of nothing":          {"mapping: 1\noutbound: [{name: a, ignored: true}]\ntests: [{name: t}]", []string{"3:9: tests[0]: a test is either inbound or outbound", "3:9: tests[0]: the test expects nothing"}, true},
	"a test with a typo":         {"mapping: 1\noutbound: [{name: a, ignored: true}]\ntests: [{name: t, outbound: {body: 1}, expect: {ignore: true}}]", []string{`3:49: tests[0].expect.ignore: unknown key "ignore". Did you mean "ignored"?`}, true},
	"a bad answer":               {"mapping: 1\ninbound: [{name: a, ignored: true}]\ntests: [{name: t, inbound: {event: {}, answers: [{status: ok}]}, expect: {ignored: true}}]", []string{"3:49: tests[0].inbound.answers: answers[0].status must be a number"}, true},
	"an inbound test's receipt":  {"mapping: 1\noutbound: [{name: a, ignored: true}]\ntests: [{name: t, outbound: {body: 1}, expect: {receipt: x}}]", []string{`3:49: tests[0].expect.receipt: unknown key "receipt"`}, false},
	"a profile nobody extracts":  {oneStep(post, "        extract: {id: .body.id}", "    profile: '{id: $steps.post.ids}'"), []string{`10:20: inbound[0].profile: step "post" does not extract "ids"`}, false},
	"a profile, dropped":         {"mapping: 1\ninbound: [{name: a, ignored: true, profile: .data}]", []string{"2:11: inbound[0]: a rule that ignores has nothing else to do. Remove ignored, or steps, receipt, profile and messages."}, true},
	"a profile, unquoted":        {oneStep(post, "    profile: {id: .data.id}"), []string{"9:14: inbound[0].profile: is a mapping; a jq query is needed"}, true},
	"an expected profile":        {"mapping: 1\ninbound: [{name: a, ignored: true}]\ntests: [{name: t, inbound: {event: {}}, expect: {profile: [1]}}]", []string{"3:59: tests[0].expect.profile: is a list; a mapping is needed"}, true},
	"a tag":                      {"mapping: 1\noutbound: !x []", []string{"2:11: outbound: YAML tags have no meaning here", "2:11: outbound: is nothing"}, true},
}

func TestMistakesAreReportedWhereTheyAre(t *testing.T) {
	for name, c := range badFiles {
		t.Run(name, func(t *testing.T) {
			m, problems := Parse("desk.yaml", []byte(c.file))
			if m != nil {
				t.Error("there is a mapping all the same")
			}
			got := make([]string, len(problems))
			for i, problem := range problems {
				got[i] = problem.String()
			}
			if !slices.EqualFunc(got, c.want, func(got, want string) bool { return strings.HasPrefix(got, "desk.yaml:"+want) }) {
				t.Errorf("got\n%s\nwant beginnings\n%s\nof\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"), c.file)
			}
		})
	}
}

func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	_, problems := Parse("desk.yaml", []byte("mapping: 3\nx: 1\ninbound: [{name: a, when: '(', messages: nope}]\noutbound: [{name: b, messages: $x}]\n"))
	if len(problems) != 5 {
		t.Errorf("%d problems, want 5: %v", len(problems), problems)
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "desk.mapping.yaml")
	if _, _, err := Load(path); err == nil {
		t.Error("a file that is not there gives no error")
	}
	if err := os.WriteFile(path, []byte("mapping: 1\noutbound: [{name: a, ignored: true}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if m, problems, err := Load(path); m == nil || len(problems) > 0 || err != nil {
		t.Errorf("%v, %v, %v", m, problems, err)
	}
	if err := os.WriteFile(path, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, problems, err := Load(path); err != nil || len(problems) != 1 || !strings.HasPrefix(problems[0].String(), path+":1:1: the file is larger") {
		t.Errorf("too large: %v, %v", problems, err)
	}
}

func TestWarnings(t *testing.T) {
	m := load(t, `
mapping: 1
inbound:
  - {name: tested, when: .type == "message.received", messages: empty}
  - {name: untested, when: .type == "message.replied", messages: empty}
  - {name: dropped, when: .type == "message.failed", ignored: true}
outbound:
  - {name: picky, when: .body.x, ignored: true}
tests:
  - {name: a, inbound: {event: {}}, expect: {}}
`)
	var got []string
	for _, warning := range m.Warnings() {
		got = append(got, warning.String())
	}
	want := []string{
		`desk.yaml:4:3: inbound: no rule takes conversation.closed: the customer has left, and nobody is told. Add a rule that tells the agent, or one with ignored: true.`,
		`desk.yaml:5:5: inbound[1]: no test reaches the rule "untested". Add one to tests, with a real payload.`,
		`desk.yaml:8:5: outbound[0]: webhooks that no rule takes are refused with 422. Add a last rule: {name: everything else, ignored: true}.`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}
