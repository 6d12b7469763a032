package mapping

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"bizbridge/config/yamlfile"
)

// Mapping is a compiled mapping file. It is safe for concurrent use.
type Mapping struct {
	Name string // the file's own words for what it speaks to

	defaults map[string]any // of vars; nil values have to be given
	inbound  []*inboundRule
	outbound []*outboundRule
	tests    []*selfTest
	warnings yamlfile.File
	places   map[string]*node // of rules, for warnings
	rules    *node            // the inbound ones; nil: the file has none
	covered  func() yamlfile.Problems
}

// inboundRule says what becomes of an event.
type inboundRule struct {
	name     string
	when     *query
	ignored  bool
	steps    []*step
	receipt  *query
	profile  *query
	messages *query
}

// step is one request.
type step struct {
	name       string
	when       *query
	method     string
	url        *template
	header     []headerTemplate
	body       *query
	idempotent bool
	ok         []int // statuses beside 2xx that are answers
	expect     *query
	extract    []extraction
}

type headerTemplate struct {
	name  string
	value *template
}

type extraction struct {
	name  string
	query *query
}

// outboundRule says what becomes of a helpdesk's webhook.
type outboundRule struct {
	name     string
	when     *query
	ignored  bool
	messages *query
}

// Load reads and compiles a mapping file. The error is the file system's; without one, a file with problems gives no
// mapping and every one of them.
func Load(path string) (*Mapping, []Problem, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxFile {
		_, problems := Parse(path, make([]byte, maxFile+1))
		return nil, problems, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("mapping: %w", err)
	}
	m, problems := Parse(path, text)
	return m, problems, nil
}

// Parse is Load for text that has been read already; the name stands in problems.
func Parse(name string, text []byte) (*Mapping, []Problem) {
	return parse(name, text, queryTime)
}

func parse(name string, text []byte, limit time.Duration) (*Mapping, []Problem) {
	s := &source{File: yamlfile.File{Name: name, Format: format}, time: limit}
	root := s.Read(text)
	var m *Mapping
	if root != nil {
		m = s.mappingFile(root)
	}
	if len(s.Problems) > 0 {
		return nil, s.Problems.Sorted()
	}
	m.covered = sync.OnceValue(func() yamlfile.Problems { return slices.Concat(m.untested(), m.untaken()) })
	return m, nil
}

// Warnings are doubtful things in a file that works: rules without a test, webhooks and events that no rule takes. The
// first call runs the file's tests.
func (m *Mapping) Warnings() []Problem {
	return slices.Concat(m.warnings.Problems, m.covered()).Sorted()
}

// untested finds the rules that no test reaches. Those that ignore need none: they do nothing that could be wrong.
func (m *Mapping) untested() yamlfile.Problems {
	reached := map[string]bool{}
	for _, rule := range m.inbound {
		reached[rule.name] = rule.ignored
	}
	for _, rule := range m.outbound {
		reached[rule.name] = rule.ignored
	}
	for _, test := range m.tests {
		reached[test.run(context.Background(), m).rule] = true
	}
	problems := yamlfile.File{Name: m.warnings.Name, Format: format}
	for _, name := range slices.Sorted(maps.Keys(m.places)) {
		if n := m.places[name]; !reached[name] {
			problems.Report(n, fmt.Sprintf("no test reaches the rule %q", yamlfile.Clip(name)), "Add one to tests, with a real payload.")
		}
	}
	return problems.Problems
}

// Vars are the values of $vars for one use of a mapping. The zero value has the file's defaults only.
type Vars struct{ values map[string]any }

// Bind makes the Vars of a connector: the file's defaults, replaced and extended by what its configuration gives. A
// secret has to be given as plain text. The error names what is missing.
func (m *Mapping) Bind(given map[string]any) (Vars, error) {
	plain, err := plainJSON(given)
	if err != nil {
		return Vars{}, errors.New("vars must be values that JSON has")
	}
	values := maps.Clone(m.defaults)
	extra, _ := plain.(map[string]any)
	maps.Copy(values, extra)
	var missing []string
	for name, value := range values {
		if value == nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return Vars{}, fmt.Errorf("the mapping needs vars that the configuration has to give: %s", strings.Join(missing, ", "))
	}
	return Vars{values}, nil
}

// Variables lists the names of $vars, and which of them the configuration has to give.
func (m *Mapping) Variables() (names, required []string) {
	for _, name := range slices.Sorted(maps.Keys(m.defaults)) {
		names = append(names, name)
		if m.defaults[name] == nil {
			required = append(required, name)
		}
	}
	return names, required
}

// With sets one variable for one use, over what Bind gave.
func (v Vars) With(name string, value any) Vars {
	values := maps.Clone(v.values)
	if values == nil {
		values = map[string]any{}
	}
	values[name] = value
	return Vars{values}
}

// LooksUp tells whether a rule of the file gives a profile.
func (m *Mapping) LooksUp() bool {
	return slices.ContainsFunc(m.inbound, func(rule *inboundRule) bool { return rule.profile != nil })
}

// LookUpFault says why the file cannot be used for look-ups, in which nobody reads receipts and messages; "" if it can.
func (m *Mapping) LookUpFault() string {
	if !m.LooksUp() {
		return "no rule of the mapping gives a profile"
	}
	for _, rule := range m.inbound {
		if rule.receipt != nil || rule.messages != nil {
			return fmt.Sprintf("rule %q gives a receipt or messages, which a look-up has no use for", rule.name)
		}
	}
	if len(m.outbound) > 0 {
		return "the mapping has outbound rules, and a look-up gets no webhooks"
	}
	return ""
}

func (m *Mapping) vars(given Vars) map[string]any {
	if given.values == nil {
		return m.defaults
	}
	return given.values
}

// plainJSON gives a value in the types that queries know, numbers exactly.
func plainJSON(v any) (any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return decodeJSON(text)
}
