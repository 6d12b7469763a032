package mapping

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"

	"bizbridge/config/yamlfile"
)

// refused are functions that have no place in a mapping, each with what to do instead.
var refused = map[string]string{
	"env":               "Put the value into vars, and its secret part into the connector's configuration.",
	"$ENV":              "Put the value into vars, and its secret part into the connector's configuration.",
	"input":             "A mapping has one input, which is the dot.",
	"inputs":            "A mapping has one input, which is the dot.",
	"input_line_number": "A mapping has one input, which is the dot.",
	"input_filename":    "A mapping has one input, which is the dot.",
	"$__prog_args":      "Use $vars.",
	"debug":             `"bizbridge mapping try" shows what a rule gives.`,
	"stderr":            `"bizbridge mapping try" shows what a rule gives.`,
	"halt":              `Use empty to give nothing, error("…") to refuse.`,
	"halt_error":        `Use empty to give nothing, error("…") to refuse.`,
	"modulemeta":        "Modules are not possible.",
	"get_search_list":   "Modules are not possible.",
	"transpose":         "It can make a large array of a small one; build the rows with range and map.",
	"fromstream":        "It can make a large array of a small one; use paths or getpath.",
}

// scope is what a query may refer to.
type scope struct {
	where string
	// extracts are the steps made before, and what each extracts.
	extracts map[string][]string
	vars     []string // of the file
	inbound  bool     // $steps and $event exist
}

func (s scope) variables() []string {
	if s.inbound {
		return []string{"$vars", "$steps", "$event"}
	}
	return []string{"$vars"}
}

// functions compiles the file's own functions, which stand before every query.
func (r *reader) functions(n *node) {
	if n.Kind != yamlfile.Text {
		r.Report(n, "is "+string(n.Kind)+"; definitions in jq are needed", "Write them after |: def words: .data.text;")
		return
	}
	in := scope{where: "functions", vars: r.vars}
	defer func() { r.defsBad = r.defs == nil }()
	parsed := r.parse(n, n.Text, 0, in)
	switch {
	case parsed == nil:
	case parsed.Term != nil || parsed.Op != 0 || len(parsed.FuncDefs) == 0:
		r.Report(n, "is more than definitions", "End each with a semicolon: def words: .data.text;")
	default:
		whole := gojq.Query{FuncDefs: parsed.FuncDefs, Term: &gojq.Term{Type: gojq.TermTypeIdentity}}
		if r.compile(n, n.Text, 0, in, &whole) != nil {
			r.defs = parsed.FuncDefs
		}
	}
}

// query compiles the query that begins at a byte of a node's text. nil, after a report, if it is none.
func (s *source) query(n *node, text string, base int, in scope) *query {
	parsed := s.parse(n, text, base, in)
	if parsed == nil {
		return nil
	}
	parsed.FuncDefs = append(slices.Clone(s.defs), parsed.FuncDefs...)
	code := s.compile(n, text, base, in, parsed)
	if code == nil {
		return nil
	}
	return &query{code: code, where: in.where, time: s.time}
}

func (s *source) fault(n *node, offset int, column int, message, hint string) {
	s.Add(s.within(n, offset), n.Path, fmt.Sprintf("%s (column %d of the query)", message, column), hint)
}

func (s *source) compile(n *node, text string, base int, in scope, parsed *gojq.Query) *gojq.Code {
	whole := *parsed
	if usesRegex(parsed) {
		whole.FuncDefs = slices.Concat(regexDefinitions, parsed.FuncDefs)
	}
	code, err := gojq.Compile(&whole, compilerOptions(in.variables())...)
	if err != nil {
		token, hint := unknownName(err, in)
		if s.defsBad && strings.HasPrefix(err.Error(), "function not defined") {
			return nil
		}
		at := find(text, token)
		s.fault(n, base+at, at+1, "the query does not compile: "+err.Error(), hint)
		return nil
	}
	return code
}

// parse parses and checks a query, and puts the guards into it.
func (s *source) parse(n *node, text string, base int, in scope) *gojq.Query {
	fault := func(offset int, message, hint string) { s.fault(n, base+offset, offset+1, message, hint) }
	if len(text) > maxQuery {
		s.Report(n, fmt.Sprintf("the query is longer than %d bytes", maxQuery), "Split the rule.")
		return nil
	}
	if strings.TrimSpace(text) == "" {
		s.Report(n, "the query is empty", "Write jq, such as .text, or remove the key.")
		return nil
	}
	parsed, err := gojq.Parse(text)
	if err != nil {
		offset := len(text)
		if syntax, ok := errors.AsType[*gojq.ParseError](err); ok {
			offset = max(syntax.Offset-len(syntax.Token), 0)
		}
		fault(offset, "the query is no jq: "+err.Error(), "Text of your own needs double quotes in jq; try the query with the jq program.")
		return nil
	}
	clean := true
	walk(reflect.ValueOf(parsed), func(part any) {
		for _, complaint := range lint(part, in) {
			fault(find(text, complaint.token), complaint.message, complaint.hint)
			clean = false
		}
	})
	if !clean {
		return nil
	}
	walk(reflect.ValueOf(parsed), guard)
	return parsed
}

// walk visits every part of a parsed query, outer ones first.
func walk(v reflect.Value, visit func(any)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			visit(v.Interface())
			walk(v.Elem(), visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			walk(v.Field(i), visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), visit)
		}
	}
}

type complaint struct{ token, message, hint string }

// lint says what is wrong with one part of a query.
func lint(part any, in scope) []complaint {
	switch part := part.(type) {
	case *gojq.Query:
		switch {
		case len(part.Imports) > 0 || part.Meta != nil:
			return []complaint{{"import", "modules are not possible", "Write the functions into the query."}}
		case part.Op == gojq.OpUpdateMul:
			return []complaint{{"*=", `"*=" is not possible`, "Write .a |= . * 2, or .a = .a * 2."}}
		}
	case *gojq.Func:
		if hint, ok := refused[part.Name]; ok {
			return []complaint{{part.Name, part.Name + " is not possible in a mapping", hint}}
		}
		if strings.HasPrefix(part.Name, "_") {
			return []complaint{{part.Name, fmt.Sprintf("%s is not possible: such names belong to jq itself", part.Name), "Use the operator, or another name."}}
		}
	case *gojq.FuncDef:
		if strings.HasPrefix(part.Name, "_") {
			return []complaint{{part.Name, fmt.Sprintf("%s is not possible: such names belong to jq itself", part.Name), "Use another name."}}
		}
	case *gojq.Index:
		if i, ok := literal(part.Start); ok && !part.IsSlice && i > maxIndex {
			return []complaint{{part.Start.Term.Number, fmt.Sprintf("an index is larger than %d", maxIndex), ""}}
		}
	case *gojq.Term:
		return lintReference(part, in)
	}
	return nil
}

// lintReference checks $vars.name, $steps.name and $steps.name.value.
func lintReference(term *gojq.Term, in scope) []complaint {
	if term.Type != gojq.TermTypeFunc || len(term.SuffixList) == 0 {
		return nil
	}
	name, ok := indexName(term.SuffixList[0])
	if !ok {
		return nil
	}
	switch term.Func.Name {
	case "$vars":
		if !slices.Contains(in.vars, name) {
			return []complaint{{"$vars." + name, fmt.Sprintf("there is no %q in vars", yamlfile.Clip(name)), strings.TrimSpace(yamlfile.Suggest(name, in.vars, "Possible") + " Every variable stands in vars, with null if the connector's configuration has to give it.")}}
		}
	case "$steps":
		if !in.inbound {
			return nil // told by the compiler
		}
		extracts, known := in.extracts[name]
		if !known {
			return []complaint{{"$steps." + name, fmt.Sprintf("there is no step %q before this place", yamlfile.Clip(name)), yamlfile.Suggest(name, slices.Sorted(maps.Keys(in.extracts)), "Possible")}}
		}
		if len(term.SuffixList) < 2 {
			return nil
		}
		if value, ok := indexName(term.SuffixList[1]); ok && !slices.Contains(extracts, value) {
			return []complaint{{"$steps." + name, fmt.Sprintf("step %q does not extract %q", name, yamlfile.Clip(value)), strings.TrimSpace("Add it to the step's extract. " + yamlfile.Suggest(value, extracts, "Possible"))}}
		}
	}
	return nil
}

// indexName is the name in .name, ."name" and ["name"].
func indexName(suffix *gojq.Suffix) (string, bool) {
	index := suffix.Index
	switch {
	case index == nil || index.IsSlice:
		return "", false
	case index.Name != "":
		return index.Name, true
	case index.Str != nil && index.Str.Queries == nil:
		return index.Str.Str, true
	case index.Start != nil && index.Start.Term != nil && index.Start.Term.Type == gojq.TermTypeString && index.Start.Term.Str.Queries == nil && len(index.Start.Term.SuffixList) == 0:
		return index.Start.Term.Str.Str, true
	}
	return "", false
}

func literal(q *gojq.Query) (int, bool) {
	if q == nil || q.Term == nil || q.Term.Type != gojq.TermTypeNumber {
		return 0, false
	}
	f, err := strconv.ParseFloat(q.Term.Number, 64)
	return int(min(f, 1<<40)), err == nil
}

// guard puts bounded functions in the place of what could grow without bound in one step.
func guard(part any) {
	call := func(name string, args ...*gojq.Query) *gojq.Query {
		return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name, Args: args}}}
	}
	through := func(q *gojq.Query, name string) *gojq.Query {
		return &gojq.Query{Op: gojq.OpPipe, Left: q, Right: call(name)}
	}
	switch part := part.(type) {
	case *gojq.Query:
		if part.Op == gojq.OpMul {
			*part = gojq.Query{FuncDefs: part.FuncDefs, Term: call(guardTimes, part.Left, part.Right).Term}
		}
	case *gojq.Index:
		if _, isLiteral := literal(part.Start); part.Start == nil || part.IsSlice || isLiteral {
			return
		}
		if term := part.Start.Term; term == nil || term.Type != gojq.TermTypeString {
			part.Start = through(part.Start, guardIndex)
		}
	case *gojq.Func:
		switch {
		case part.Name == "getpath" && len(part.Args) == 1, part.Name == "setpath" && len(part.Args) == 2:
			part.Args[0] = through(part.Args[0], guardPath)
		case slices.Contains([]string{"index", "rindex", "indices"}, part.Name) && len(part.Args) == 1:
			part.Args[0] = call(guardSeek, part.Args[0])
		}
	}
}

// usesRegex tells whether a query names one of the functions that stand in the place of jq's own.
func usesRegex(parsed *gojq.Query) bool {
	found := false
	walk(reflect.ValueOf(parsed), func(part any) {
		call, isCall := part.(*gojq.Func)
		found = found || isCall && slices.ContainsFunc(regexDefinitions, func(def *gojq.FuncDef) bool { return def.Name == call.Name })
	})
	return found
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// find gives the place of a name in a query, as well as it can be told from outside the parser.
func find(text, token string) int {
	pattern := regexp.QuoteMeta(token)
	if plainName.MatchString(strings.TrimPrefix(token, "$")) {
		pattern = `(?:^|[^A-Za-z0-9_.$])(` + pattern + `)(?:[^A-Za-z0-9_]|$)`
	} else {
		pattern = "(" + pattern + ")"
	}
	if at := regexp.MustCompile(pattern).FindStringSubmatchIndex(text); at != nil {
		return at[2]
	}
	return 0
}

var unknown = regexp.MustCompile(`^(function|variable) not defined: ([^/]+)`)

// unknownName finds in an error of the compiler which name it is about.
func unknownName(err error, in scope) (token, hint string) {
	match := unknown.FindStringSubmatch(err.Error())
	switch {
	case match == nil:
		return "", ""
	case match[1] == "variable":
		return match[2], "There are " + strings.Join(in.variables(), ", ") + "."
	}
	return match[2], suggestFunction(match[2])
}

func suggestFunction(name string) string {
	known := slices.Collect(maps.Keys(functions))
	builtins, _ := mustCompile("builtins").Run(nil).Next()
	names, _ := builtins.([]any)
	for _, signature := range names {
		text, _ := signature.(string)
		text, _, _ = strings.Cut(text, "/")
		if _, bad := refused[text]; !bad {
			known = append(known, text)
		}
	}
	slices.Sort(known)
	if hint := yamlfile.Suggest(name, known, "Possible"); strings.HasPrefix(hint, "Did") {
		return hint
	}
	return "jq has no such function; beside jq's own there are " + strings.Join(slices.Sorted(maps.Keys(functions)), ", ") + ". Text needs double quotes."
}
