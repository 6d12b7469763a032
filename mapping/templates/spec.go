package templates

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"bizbridge/bridge/message"
)

const (
	maxVariables   = 100
	maxEnum        = 100
	maxDescription = 300 // characters
	maxPattern     = 500
)

// variables reads the vars of a template.
func (s *source) variables(n *node) []*variable {
	if n == nil || !s.is(n, kindMap) {
		return nil
	}
	if len(n.fields) > maxVariables {
		s.report(n, fmt.Sprintf("has %d variables; at most %d are possible", len(n.fields), maxVariables), "")
		return nil
	}
	var vars []*variable
	for _, f := range n.fields {
		if !message.TemplateName.MatchString(f.name) {
			s.add(f.at, f.value.path, fmt.Sprintf("%q cannot be the name of a variable", clip(f.name)), "Use lower-case letters, digits, - and _.")
			continue
		}
		vars = append(vars, s.variable(f))
	}
	return vars
}

// variable reads one. What is wrong in it is reported, and left out.
func (s *source) variable(f field) *variable {
	v := &variable{name: f.name, kind: typeString, at: f.value}
	n := f.value
	if n.kind == kindNull { // "store:" alone is a text
		return v
	}
	if !s.is(n, kindMap) {
		return v
	}
	if word, ok := s.text(n, "type"); ok {
		if v.kind = varType(word); !slices.Contains(varTypes, word) {
			s.report(n.child("type"), fmt.Sprintf("unknown type %q", clip(word)), suggest(word, varTypes))
			v.kind = typeString
			return v
		}
	}
	s.keys(n, v.keys(n)...)
	v.description = s.description(n)
	v.required = s.flag(n, "required")
	v.list = s.flag(n, "list")
	if v.list && v.kind == typeBoolean {
		s.report(n.child("list"), "a list of true and false has no use", "")
	}
	s.bounds(v, n)
	s.pattern(v, n)
	s.enum(v, n)
	v.example = s.given(v, n, "example")
	v.fallback = s.given(v, n, "default")
	if v.required && n.child("default") != nil {
		s.report(n.child("required"), "a variable with a default is never missing", `Take away "required" or "default".`)
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
	if list := n.child("list"); list != nil && list.flag {
		known = append(known, "min_items", "max_items")
	}
	return known
}

// sampled wants a value with which the content can be tried.
func (s *source) sampled(v *variable, n *node) {
	if v.list && len(v.enum) > 0 && len(v.enum) < v.minItems {
		s.report(n.child("enum"), fmt.Sprintf("%s has fewer values than min_items asks for", n.name()), "No value can be given twice.")
	}
	if v.example != nil || n.child("example") != nil || n.child("enum") != nil {
		return
	}
	if v.fallback != nil {
		if v.pattern != nil {
			v.example = v.fallback
		}
		return
	}
	if n.child("default") == nil && (v.pattern != nil || v.check(v.generate(0)) != nil) {
		s.reportKey(n, fmt.Sprintf("the variable %q needs an example", v.name), "Write example: with a value that fits; the template is tried with it, and people see it in /help.")
	}
}

func (s *source) bounds(v *variable, n *node) {
	v.min, v.max = s.number(n, "min"), s.number(n, "max")
	if v.min != nil && v.max != nil && *v.min > *v.max {
		s.report(n.child("max"), "max is less than min", "")
	}
	v.maxLength = s.count(n, "max_length", 1, message.MaxTextLength, 0)
	v.minItems = s.count(n, "min_items", 1, maxListItems, 1)
	v.maxItems = s.count(n, "max_items", 1, maxListItems, maxListItems)
	if v.minItems > v.maxItems {
		s.report(n.child("min_items"), "min_items is more than max_items", "")
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
		s.report(n.child("pattern"), "the pattern is not a regular expression of RE2", `In quotes '…' a backslash is one backslash: '[A-Z]{2}\d+'.`)
		return
	}
	v.pattern, v.patternText = compiled, text
}

func (s *source) enum(v *variable, n *node) {
	list := n.child("enum")
	if list == nil || !s.is(list, kindList) {
		return
	}
	if len(list.items) == 0 || len(list.items) > maxEnum {
		s.report(list, fmt.Sprintf("must have from 1 to %d values", maxEnum), "")
		return
	}
	var values []any
	for _, item := range list.items {
		value, bad := v.single(item.scalar())
		switch {
		case bad != nil:
			s.report(item, "this value does not fit: it "+bad.message, quoteHint(v, item))
		case slices.Contains(values, value):
			s.report(item, "this value stands here twice", "")
		default:
			values = append(values, value)
		}
	}
	v.enum = values // after the loop: single checks against it
}

// given reads an example or a default.
func (s *source) given(v *variable, n *node, key string) any {
	at := n.child(key)
	if at == nil {
		return nil
	}
	raw := at.scalar()
	if at.kind == kindList && v.list {
		list := make([]any, len(at.items))
		for i, item := range at.items {
			list[i] = item.scalar()
		}
		raw = list
	}
	if at.kind == kindMap || at.kind == kindList && !v.list {
		s.report(at, fmt.Sprintf("%s must be one value; here is %s", key, at.kind), "")
		return nil
	}
	value, bad := v.convert(raw)
	for _, wrong := range bad {
		place := at
		if i, _ := indexOf(wrong.pointer); wrong.pointer != "" && i < len(at.items) {
			place = at.items[i]
		}
		s.report(place, fmt.Sprintf("the %s does not fit: it %s", key, wrong.message), quoteHint(v, place))
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
	if v.kind == typeString && (n.kind == kindNumber || n.kind == kindBool) {
		return "Put it in quotes."
	}
	return ""
}

// description is one line for /help.
func (s *source) description(n *node) string {
	text, _ := s.text(n, "description")
	if utf8.RuneCountInString(text) > maxDescription {
		s.report(n.child("description"), fmt.Sprintf("the description has more than %d characters", maxDescription), "")
	}
	return strings.Join(strings.Fields(text), " ")
}

func (s *source) text(n *node, key string) (string, bool) {
	value := n.child(key)
	if value == nil || !s.is(value, kindText) {
		return "", false
	}
	return value.text, true
}

func (s *source) flag(n *node, key string) bool {
	value := n.child(key)
	return value != nil && s.is(value, kindBool) && value.flag
}

func (s *source) number(n *node, key string) *float64 {
	value := n.child(key)
	if value == nil || !s.is(value, kindNumber) {
		return nil
	}
	number, err := json.Number(value.text).Float64()
	if err != nil {
		s.report(value, "this number is out of range", "")
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
		s.report(n.child(key), fmt.Sprintf("%s must be a whole number from %d to %d", key, least, most), "")
		return absent
	}
	return int(*number)
}
