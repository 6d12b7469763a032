package templates

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"bizbridge/bridge/message"
	"bizbridge/config/yamlfile"
)

const (
	maxVariables   = 100
	maxEnum        = 100
	maxDescription = 300 // characters
	maxPattern     = 500
)

// variables reads the vars of a template.
func (s *source) variables(n *node) []*variable {
	if n == nil || !s.is(n, yamlfile.Mapping) {
		return nil
	}
	if len(n.Fields) > maxVariables {
		s.Report(n, fmt.Sprintf("has %d variables; at most %d are possible", len(n.Fields), maxVariables), "")
		return nil
	}
	var vars []*variable
	for _, f := range n.Fields {
		if !message.TemplateName.MatchString(f.Name) {
			s.Add(f.At, f.Value.Path, fmt.Sprintf("%q cannot be the name of a variable", yamlfile.OneLine(f.Name)), "Use lower-case letters, digits, - and _.")
			continue
		}
		vars = append(vars, s.variable(f))
	}
	return vars
}

// variable reads one. What is wrong in it is reported, and left out.
func (s *source) variable(f field) *variable {
	v := &variable{name: f.Name, kind: typeString, at: f.Value}
	n := f.Value
	if n.Kind == yamlfile.Null { // "store:" alone is a text
		return v
	}
	if !s.is(n, yamlfile.Mapping) {
		return v
	}
	if word, ok := s.text(n, "type"); ok {
		if v.kind = varType(word); !slices.Contains(varTypes, word) {
			s.Report(n.Given("type"), fmt.Sprintf("unknown type %q", yamlfile.OneLine(word)), yamlfile.Suggest(word, varTypes, "Possible"))
			v.kind = typeString
			return v
		}
	}
	s.keys(n, v.keys(n)...)
	v.description = s.description(n)
	v.required = s.flag(n, "required")
	v.list = s.flag(n, "list")
	if v.list && v.kind == typeBoolean {
		s.Report(n.Given("list"), "a list of true and false has no use", "")
	}
	s.bounds(v, n)
	s.pattern(v, n)
	s.enum(v, n)
	v.example = s.given(v, n, "example")
	v.fallback = s.given(v, n, "default")
	if v.required && n.Given("default") != nil {
		s.Report(n.Given("required"), "a variable with a default is never missing", `Take away "required" or "default".`)
	}
	s.sampled(v, n)
	return v
}

// keys are those that have a meaning for the type; all where another would only repeat a problem.
func (v *variable) keys(n *node) []string {
	known := []string{"type", "description", "required", "default", "example", "list"}
	switch v.kind {
	case typeString:
		known = append(known, "max_length", "pattern", "enum")
	case typeURL:
		known = append(known, "max_length", "pattern")
	case typeInteger:
		known = append(known, "min", "max", "enum")
	case typeNumber:
		known = append(known, "min", "max")
	}
	if list := n.Given("list"); list != nil && list.Flag {
		known = append(known, "min_items", "max_items")
	}
	return known
}

// sampled wants a value with which the content can be tried.
func (s *source) sampled(v *variable, n *node) {
	if v.list && len(v.enum) > 0 && len(v.enum) < v.minItems {
		s.Report(n.Given("enum"), fmt.Sprintf("%s has fewer values than min_items asks for", called(n)), "No value can be given twice.")
	}
	if v.example != nil || n.Given("example") != nil || n.Given("enum") != nil {
		return
	}
	if v.fallback != nil {
		if v.pattern != nil {
			v.example = v.fallback
		}
		return
	}
	if n.Given("default") == nil && (v.pattern != nil || v.check(v.generate(0)) != nil) {
		s.reportKey(n, fmt.Sprintf("the variable %q needs an example", v.name), "Write example: with a value that fits; the template is tried with it, and people see it in /help.")
	}
}

func (s *source) bounds(v *variable, n *node) {
	v.min, v.max = s.number(n, "min"), s.number(n, "max")
	if v.min != nil && v.max != nil && *v.min > *v.max {
		s.Report(n.Given("max"), "max is less than min", "")
	}
	v.maxLength = s.count(n, "max_length", 1, message.MaxTextLength, 0)
	v.minItems = s.count(n, "min_items", 1, maxListItems, 1)
	v.maxItems = s.count(n, "max_items", 1, maxListItems, maxListItems)
	if v.minItems > v.maxItems {
		s.Report(n.Given("min_items"), "min_items is more than max_items", "")
		v.minItems = v.maxItems
	}
}

func (s *source) pattern(v *variable, n *node) {
	text, ok := s.text(n, "pattern")
	if !ok {
		return
	}
	compiled, err := regexp.Compile(`^(?:` + text + `)$`)
	if err != nil || len(text) > maxPattern {
		s.Report(n.Given("pattern"), "the pattern is not a regular expression of RE2", `In quotes '…' a backslash is one backslash: '[A-Z]{2}\d+'.`)
		return
	}
	v.pattern, v.patternText = compiled, text
}

func (s *source) enum(v *variable, n *node) {
	list := n.Given("enum")
	if list == nil || !s.is(list, yamlfile.List) {
		return
	}
	if len(list.Items) == 0 || len(list.Items) > maxEnum {
		s.Report(list, fmt.Sprintf("must have from 1 to %d values", maxEnum), "")
		return
	}
	var values []any
	for _, item := range list.Items {
		value, bad := v.single(scalar(item))
		switch {
		case bad != nil:
			s.Report(item, "this value does not fit: it "+bad.message, quoteHint(v, item))
		case slices.Contains(values, value):
			s.Report(item, "this value stands here twice", "")
		default:
			values = append(values, value)
		}
	}
	v.enum = values // after the loop: single checks against it
}

// given reads an example or a default.
func (s *source) given(v *variable, n *node, key string) any {
	at := n.Given(key)
	if at == nil {
		return nil
	}
	raw := scalar(at)
	if at.Kind == yamlfile.List && v.list {
		list := make([]any, len(at.Items))
		for i, item := range at.Items {
			list[i] = scalar(item)
		}
		raw = list
	}
	if at.Kind == yamlfile.Mapping || at.Kind == yamlfile.List && !v.list {
		s.Report(at, fmt.Sprintf("%s must be one value; here is %s", key, at.Kind), "")
		return nil
	}
	value, bad := v.convert(raw)
	for _, wrong := range bad {
		place := at
		if i, _ := indexOf(wrong.pointer); wrong.pointer != "" && i < len(at.Items) {
			place = at.Items[i]
		}
		s.Report(place, fmt.Sprintf("the %s does not fit: it %s", key, wrong.message), quoteHint(v, place))
	}
	if bad != nil {
		return nil
	}
	return value
}

func indexOf(pointer string) (i int, err error) {
	_, err = fmt.Sscanf(pointer, "/%d", &i)
	return i, err
}

func quoteHint(v *variable, n *node) string {
	if v.kind == typeString && (n.Kind == yamlfile.Number || n.Kind == yamlfile.Boolean) {
		return "Put it in quotes."
	}
	return ""
}

// description is one line for /help.
func (s *source) description(n *node) string {
	text, _ := s.text(n, "description")
	if utf8.RuneCountInString(text) > maxDescription {
		s.Report(n.Given("description"), fmt.Sprintf("the description has more than %d characters", maxDescription), "")
	}
	return strings.Join(strings.Fields(text), " ")
}

func (s *source) text(n *node, key string) (string, bool) {
	value := n.Given(key)
	if value == nil || !s.is(value, yamlfile.Text) {
		return "", false
	}
	return value.Text, true
}

func (s *source) flag(n *node, key string) bool {
	value := n.Given(key)
	return value != nil && s.is(value, yamlfile.Boolean) && value.Flag
}

func (s *source) number(n *node, key string) *float64 {
	value := n.Given(key)
	if value == nil || !s.is(value, yamlfile.Number) {
		return nil
	}
	number, err := json.Number(value.Text).Float64()
	if err != nil {
		s.Report(value, "this number is out of range", "")
		return nil
	}
	return &number
}

// count reads a whole number within bounds.
func (s *source) count(n *node, key string, least, most, absent int) int {
	number := s.number(n, key)
	if number == nil {
		return absent
	}
	if *number != float64(int(*number)) || int(*number) < least || int(*number) > most {
		s.Report(n.Given(key), fmt.Sprintf("%s must be a whole number from %d to %d", key, least, most), "")
		return absent
	}
	return int(*number)
}
