package mapping

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"bizbridge/config/yamlfile"
)

// formatVersion is the version of the file format that this package reads.
const formatVersion = "1"

// reader reads one mapping file from its tree.
type reader struct {
	*source
	m     *Mapping
	names map[string]int // of rules: their lines
	vars  []string
}

// mappingFile reads the file's root.
func (s *source) mappingFile(root *node) *Mapping {
	m := &Mapping{warnings: yamlfile.File{Name: s.Name, Format: format}, defaults: map[string]any{}, places: map[string]*node{}}
	r := &reader{source: s, m: m, names: map[string]int{}}
	var functions, inbound, outbound, tests *node
	versioned := false
	ok := r.keys(root, map[string]func(*node){
		"mapping":   func(n *node) { versioned = true; r.version(n) },
		"name":      func(n *node) { m.Name = r.textOf(n) },
		"vars":      r.variables,
		"functions": func(n *node) { functions = n },
		"inbound":   func(n *node) { inbound = n },
		"outbound":  func(n *node) { outbound = n },
		"tests":     func(n *node) { tests = n },
	})
	if !ok {
		return m
	}
	if !versioned {
		s.Report(root, `"mapping" is missing`, "Begin the file with mapping: 1, the version of the format.")
	}
	if inbound == nil && outbound == nil {
		s.Report(root, "the file has no rules", `Add "inbound" for what the bridge sends, "outbound" for what it takes.`)
	}
	// Queries need to know variables and functions, wherever in the file these stand.
	if functions != nil {
		r.functions(functions)
	}
	if inbound != nil {
		m.rules = inbound
		r.rules(inbound, r.inboundRule)
	}
	if outbound != nil {
		r.rules(outbound, r.outboundRule)
		r.checkLast(outbound)
	}
	if tests != nil {
		r.tests(tests)
	}
	return m
}

// keys calls the reader of each key of a mapping, and reports keys that there are not. A key without a value is for its
// reader to refuse: an empty when must not mean always. False if n is no mapping.
func (r *reader) keys(n *node, readers map[string]func(*node)) bool {
	if n.Kind != yamlfile.Mapping {
		r.Report(n, "is "+string(n.Kind)+"; a mapping is needed", "Keys: "+strings.Join(slices.Sorted(maps.Keys(readers)), ", ")+".")
		return false
	}
	for _, f := range n.Fields {
		read, known := readers[f.Name]
		if !known {
			r.Add(f.At, f.Value.Path, fmt.Sprintf("unknown key %q", yamlfile.Clip(f.Name)), yamlfile.Suggest(f.Name, slices.Sorted(maps.Keys(readers)), "Possible"))
			continue
		}
		read(f.Value)
	}
	return true
}

// textOf reads a text of one line that is not empty.
func (r *reader) textOf(n *node) string {
	switch {
	case n.Kind != yamlfile.Text:
		r.Report(n, "is "+string(n.Kind)+"; text is needed", "Put it in quotes.")
	case strings.TrimSpace(n.Text) == "" || len(n.Text) > 200:
		r.Report(n, "is empty or longer than 200 bytes", "")
	}
	return n.Text
}

func (r *reader) flagOf(n *node) bool {
	if n.Kind != yamlfile.Boolean {
		r.Report(n, "is "+string(n.Kind)+"; true or false is needed", "")
	}
	return n.Flag
}

// itemsOf reads a list.
func (r *reader) itemsOf(n *node) []*node {
	if n.Kind != yamlfile.List {
		r.Report(n, "is "+string(n.Kind)+"; a list is needed", `Begin each item with "- ".`)
	}
	return n.Items
}

// queryOf reads a query. Unquoted {…} is YAML's, not jq's.
func (r *reader) queryOf(n *node, in scope) *query {
	switch n.Kind {
	case yamlfile.Text:
		return r.query(n, n.Text, 0, in)
	case yamlfile.Boolean, yamlfile.Number: // true and 1 are jq, too
		text := n.Text
		if n.Kind == yamlfile.Boolean {
			text = strconv.FormatBool(n.Flag)
		}
		return r.query(n, text, 0, in)
	}
	r.Report(n, "is "+string(n.Kind)+"; a jq query is needed", "Put the query in single quotes: '{text: .data.text}', or on its own lines after |.")
	return nil
}

func (r *reader) templateOf(n *node, read func(*node, scope) *template, in scope) *template {
	if n.Kind != yamlfile.Text {
		r.Report(n, "is "+string(n.Kind)+"; text is needed", `Write text, with \(…) around jq: Bearer \($vars.token).`)
		return nil
	}
	return read(n, in)
}

func (r *reader) version(n *node) {
	if n.Kind != yamlfile.Number || n.Text != formatVersion {
		r.Report(n, "this version of the format is not known", "This program reads mapping: 1.")
	}
}

func (r *reader) variables(n *node) {
	if n.Kind != yamlfile.Mapping {
		r.Report(n, "is "+string(n.Kind)+"; a mapping is needed", "Write each variable with its default, or null if the configuration has to give it.")
		return
	}
	for _, f := range n.Fields {
		if !variable.MatchString("$vars." + f.Name) {
			r.Add(f.At, f.Value.Path, fmt.Sprintf("%q is no name of a variable", yamlfile.Clip(f.Name)), "Use letters, digits and _.")
		}
		r.m.defaults[f.Name] = f.Value.Value()
		r.vars = append(r.vars, f.Name)
	}
}

// rules reads a list of rules, and finds those that are never reached.
func (r *reader) rules(n *node, read func(*node) (name string, always bool)) {
	final := ""
	for _, item := range r.itemsOf(n) {
		if final != "" {
			r.Report(item, fmt.Sprintf("this rule is never reached: %q before it has no condition", yamlfile.Clip(final)), "Give that rule a when, or put it last.")
		}
		name, always := read(item)
		if name == "" {
			if item.Kind == yamlfile.Mapping {
				r.Report(item, "the rule has no name", "Names stand in errors and tests: name: text.")
			}
		} else if line, taken := r.names[name]; taken {
			r.Report(item, fmt.Sprintf("another rule is named %q, in line %d", yamlfile.Clip(name), line), "Names are unique in the whole file.")
		} else {
			r.names[name] = item.At.Line
			r.m.places[name] = item
		}
		if always && final == "" {
			final = name
		}
	}
}

// checkLast warns of webhooks that no rule takes: the helpdesk is told of an error then.
func (r *reader) checkLast(n *node) {
	if len(n.Items) == 0 || n.Items[len(n.Items)-1].Kind != yamlfile.Mapping {
		return
	}
	last := n.Items[len(n.Items)-1]
	if last.Child("when") != nil {
		r.m.warnings.Report(last, "webhooks that no rule takes are refused with 422", "Add a last rule: {name: everything else, ignored: true}.")
	}
}

// nameOf finds the name before the rest is read: it stands in the errors of queries.
func nameOf(n *node) string {
	if name := n.Child("name"); name != nil && name.Kind == yamlfile.Text {
		return name.Text
	}
	return ""
}

// always tells whether a rule has no condition.
func always(n *node) bool {
	when := n.Child("when")
	return when == nil || when.Kind == yamlfile.Boolean && when.Flag || when.Kind == yamlfile.Text && strings.TrimSpace(when.Text) == "true"
}

func (r *reader) inboundRule(n *node) (string, bool) {
	rule := &inboundRule{name: nameOf(n)}
	in := scope{where: fmt.Sprintf("rule %q", rule.name), extracts: map[string][]string{}, vars: r.vars, inbound: true}
	at := func(key string) scope {
		here := in
		here.where += ", " + key
		return here
	}
	var receipt, profile, messages *node
	ok := r.keys(n, map[string]func(*node){
		"name":     func(n *node) { r.textOf(n) },
		"when":     func(n *node) { rule.when = r.queryOf(n, scope{where: at("when").where, vars: r.vars, inbound: true}) },
		"ignored":  func(n *node) { rule.ignored = r.flagOf(n) },
		"steps":    func(n *node) { rule.steps = r.steps(n, in) },
		"receipt":  func(n *node) { receipt = n },
		"profile":  func(n *node) { profile = n },
		"messages": func(n *node) { messages = n },
	})
	if receipt != nil {
		rule.receipt = r.queryOf(receipt, at("receipt"))
	}
	if profile != nil {
		rule.profile = r.queryOf(profile, at("profile"))
	}
	if messages != nil {
		rule.messages = r.queryOf(messages, at("messages"))
	}
	has := n.Child("steps") != nil || messages != nil || profile != nil
	switch {
	case !ok:
	case rule.ignored && (has || receipt != nil):
		r.Report(n, "a rule that ignores has nothing else to do", "Remove ignored, or steps, receipt, profile and messages.")
	case !rule.ignored && !has:
		r.Report(n, "the rule does nothing", "Add steps, profile or messages, or ignored: true.")
	}
	r.m.inbound = append(r.m.inbound, rule)
	return rule.name, ok && always(n)
}

func (r *reader) outboundRule(n *node) (string, bool) {
	rule := &outboundRule{name: nameOf(n)}
	in := func(key string) scope {
		return scope{where: fmt.Sprintf("rule %q, %s", rule.name, key), vars: r.vars}
	}
	ok := r.keys(n, map[string]func(*node){
		"name":     func(n *node) { r.textOf(n) },
		"when":     func(n *node) { rule.when = r.queryOf(n, in("when")) },
		"ignored":  func(n *node) { rule.ignored = r.flagOf(n) },
		"messages": func(n *node) { rule.messages = r.queryOf(n, in("messages")) },
	})
	has := n.Child("messages") != nil
	switch {
	case !ok:
	case rule.ignored && has:
		r.Report(n, "a rule that ignores has nothing else to do", "Remove ignored or messages.")
	case !rule.ignored && !has:
		r.Report(n, "the rule does nothing", "Add messages, or ignored: true.")
	}
	r.m.outbound = append(r.m.outbound, rule)
	return rule.name, ok && always(n)
}

// steps reads the steps in their order, and notes in the scope what each of them extracts.
func (r *reader) steps(n *node, in scope) []*step {
	items := r.itemsOf(n)
	if n.Kind == yamlfile.List && len(items) == 0 {
		r.Report(n, "there are no steps", "Add one, or ignored: true.")
	}
	const most = 10
	if len(items) > most {
		r.Report(n, fmt.Sprintf("there are more than %d steps", most), "All of them have to fit into one delivery.")
	}
	var steps []*step
	for _, item := range items {
		s := r.step(item, in)
		steps = append(steps, s)
		if _, taken := in.extracts[s.name]; taken {
			r.Report(item, fmt.Sprintf("another step of the rule is named %q", yamlfile.Clip(s.name)), "")
		}
		names := []string{}
		for _, e := range s.extract {
			names = append(names, e.name)
		}
		in.extracts[s.name] = names
	}
	return steps
}

func (r *reader) step(n *node, in scope) *step {
	s := &step{name: nameOf(n)}
	in.extracts = maps.Clone(in.extracts)
	prefix := fmt.Sprintf("%s, step %q, ", in.where, s.name)
	at := func(key string) scope {
		here := in
		here.where = prefix + key
		return here
	}
	request := false
	var idempotent *bool
	ok := r.keys(n, map[string]func(*node){
		"name":       func(n *node) { r.textOf(n) },
		"when":       func(n *node) { s.when = r.queryOf(n, at("when")) },
		"idempotent": func(n *node) { flag := r.flagOf(n); idempotent = &flag },
		"request":    func(n *node) { request = true; r.request(n, s, at) },
		"ok":         func(n *node) { s.ok = r.statuses(n) },
		"expect":     func(n *node) { s.expect = r.queryOf(n, at("expect")) },
		"extract":    func(n *node) { s.extract = r.extractions(n, at) },
	})
	s.idempotent = slices.Contains([]string{http.MethodGet, http.MethodPut, http.MethodDelete}, s.method)
	if idempotent != nil {
		s.idempotent = *idempotent
	}
	switch {
	case !ok:
	case !variable.MatchString("$vars." + s.name):
		r.Report(n, "the step has no name, or one that jq cannot write after $steps.", "Use letters, digits and _: name: find.")
	case !request:
		r.Report(n, "the step has no request", "Add request: {method: POST, url: …, body: …}.")
	}
	return s
}

var methods = []string{http.MethodDelete, http.MethodGet, http.MethodPatch, http.MethodPost, http.MethodPut}

func (r *reader) request(n *node, s *step, at func(string) scope) {
	ok := r.keys(n, map[string]func(*node){
		"method": func(n *node) {
			if s.method = n.Text; !slices.Contains(methods, s.method) {
				r.Report(n, "is no method of a request", "Possible: "+strings.Join(methods, ", ")+".")
			}
		},
		"url":     func(n *node) { s.url = r.templateOf(n, r.address, at("request.url")) },
		"headers": func(n *node) { r.headers(n, s, at) },
		"body":    func(n *node) { s.body = r.queryOf(n, at("request.body")) },
	})
	if !ok {
		return
	}
	for _, key := range []string{"method", "url"} {
		if n.Child(key) == nil {
			r.Report(n, fmt.Sprintf("%q is missing", key), `For example: request: {method: POST, url: '\($vars.base)/messages', body: '{text: .data.text}'}.`)
		}
	}
	if body := n.Child("body"); body != nil && (s.method == http.MethodGet || s.method == http.MethodDelete) {
		r.Report(body, "a "+s.method+" request has no body", `Put values into the url: ?id=\(.data.id).`)
	}
}

// ownHeaders are set by the HTTP client.
var ownHeaders = []string{"Connection", "Content-Length", "Host", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

func (r *reader) headers(n *node, s *step, at func(string) scope) {
	if n.Kind != yamlfile.Mapping {
		r.Report(n, "is "+string(n.Kind)+"; a mapping is needed", `For example: headers: {Authorization: 'Bearer \($vars.token)'}.`)
		return
	}
	seen := map[string]bool{}
	for _, f := range n.Fields {
		name := http.CanonicalHeaderKey(f.Name)
		switch {
		case !isToken(f.Name):
			r.Add(f.At, f.Value.Path, "is no name of a header", "")
		case slices.Contains(ownHeaders, name):
			r.Add(f.At, f.Value.Path, "this header is set by the bridge", "Remove it.")
		case seen[name]:
			r.Add(f.At, f.Value.Path, "this header stands here already, in another case", "Remove one.")
		}
		seen[name] = true
		if value := r.templateOf(f.Value, r.template, at("request.headers."+f.Name)); value != nil {
			s.header = append(s.header, headerTemplate{name, value})
		}
	}
}

// isToken tells whether a text can be the name of a header (RFC 9110, 5.6.2).
func isToken(text string) bool {
	return text != "" && strings.Trim(text, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func (r *reader) statuses(n *node) []int {
	var statuses []int
	for _, item := range r.itemsOf(n) {
		status, err := strconv.Atoi(item.Text)
		if err != nil || item.Kind != yamlfile.Number || status < 300 || status > 499 {
			r.Report(item, "is no status from 300 to 499", "2xx is always an answer; ok: [404] makes a 404 one, too.")
		}
		statuses = append(statuses, status)
	}
	return statuses
}

func (r *reader) extractions(n *node, at func(string) scope) []extraction {
	if n.Kind != yamlfile.Mapping {
		r.Report(n, "is "+string(n.Kind)+"; a mapping is needed", "For example: extract: {id: .body.id}.")
		return nil
	}
	var extractions []extraction
	for _, f := range n.Fields {
		if !variable.MatchString("$vars." + f.Name) {
			r.Add(f.At, f.Value.Path, "is no name that jq can write after a dot", "Use letters, digits and _.")
		}
		extractions = append(extractions, extraction{f.Name, r.queryOf(f.Value, at("extract."+f.Name))})
	}
	return extractions
}
