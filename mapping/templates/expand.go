package templates

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"bizbridge/bridge/message"
	"bizbridge/config/yamlfile"
)

const (
	contentPointer = "/data/content"
	varsPointer    = contentPointer + "/vars/"
	maxFaults      = 100
)

// Expand makes the content of a template, in the language that it asks for, else in the device's.
func (s *Set) Expand(t message.Template, deviceLocale string) (message.Content, *message.Failure) {
	found := s.templates[t.Name]
	if found == nil {
		return nil, s.unknown(t.Name)
	}
	values, faults := found.values(t.Vars)
	if t.Locale != "" && normalLocale(t.Locale) == "" {
		faults = append(faults, message.Fault{Pointer: contentPointer + "/locale", Rule: "format", Message: "must be a language and perhaps a country, such as de or de_AT"})
	}
	if len(faults) > 0 {
		return nil, invalid(t.Name, faults)
	}
	locale := t.Locale
	if locale == "" {
		locale = deviceLocale
	}
	element := found.language(locale)
	r := &renderer{values: values}
	_, content, bad := r.render(element)
	if len(bad) > 0 {
		return nil, invalid(t.Name, found.attribute(element, values, bad))
	}
	return content, nil
}

func invalid(name string, faults []message.Fault) *message.Failure {
	return &message.Failure{Class: message.Invalid, Reason: fmt.Sprintf("the template %q cannot be sent", name), Faults: faults[:min(len(faults), maxFaults)]}
}

func (s *Set) unknown(name string) *message.Failure {
	words := "is not the name of a template"
	if near := yamlfile.Nearest(name, s.Names()); len(near) > 0 {
		words += "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return &message.Failure{
		Class: message.Invalid, Code: message.CodeUnknownTemplate, Reason: "there is no such template",
		Faults: []message.Fault{{Pointer: contentPointer + "/name", Rule: "reference", Message: words}},
	}
}

// values checks what was given for the variables, and adds the defaults.
func (t *template) values(given map[string]any) (map[string]any, []message.Fault) {
	values := make(map[string]any, len(t.vars))
	var faults []message.Fault
	fault := func(name, rule, words string) {
		faults = append(faults, message.Fault{Pointer: varsPointer + escapePointer(name), Rule: rule, Message: words})
	}
	for _, v := range t.vars {
		switch raw := given[v.name]; {
		case !missing(raw):
			value, bad := v.convert(raw)
			for _, wrong := range bad {
				fault(v.name+wrong.pointer, wrong.rule, wrong.message)
			}
			values[v.name] = value
		case v.required:
			fault(v.name, "required", "is required"+v.describe())
		case v.fallback != nil:
			values[v.name] = v.fallback
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if find(t.vars, name) == nil && len(faults) < maxFaults {
			fault(name, "additionalProperties", "is not a variable of this template; "+t.known())
		}
	}
	return values, faults
}

func (t *template) known() string {
	if len(t.vars) == 0 {
		return "it has none"
	}
	return "it has " + strings.Join(names(t.vars), ", ")
}

func (v *variable) describe() string {
	if v.description == "" {
		return ""
	}
	return ": " + v.description
}

// escapePointer keeps "/" between a variable and the number of its value: names of variables have none, and what else
// was given as a name is no more than shown.
func escapePointer(name string) string { return strings.ReplaceAll(yamlfile.OneLine(name), "~", "~0") }

// attribute tells of each fault of a content which variable is to blame, where that is plain.
func (t *template) attribute(e *element, values map[string]any, bad []message.Fault) []message.Fault {
	r := &renderer{values: values, places: map[string]*element{}, uses: map[string][]string{}}
	r.render(e)
	faults := make([]message.Fault, 0, len(bad))
	for _, fault := range bad {
		place := strings.TrimPrefix(fault.Pointer, "/")
		if place == "" {
			place = "content"
		}
		words := fmt.Sprintf("the %s of the template %s", place, fault.Message)
		pointer := contentPointer
		if name := r.blame(fault.Pointer); name != "" {
			pointer, words = varsPointer+name, "with this value "+words
		}
		faults = append(faults, message.Fault{Pointer: pointer, Rule: fault.Rule, Message: words})
	}
	return faults
}

// blame names the variable that made the value at a pointer: of several in one text the longest, and of several in
// different texts below it none.
func (r *renderer) blame(pointer string) string {
	name := ""
	for _, candidate := range r.uses[pointer] {
		if name == "" || len(textOf(r.values[candidate])) > len(textOf(r.values[name])) {
			name = candidate
		}
	}
	if name != "" {
		return name
	}
	for at, used := range r.uses {
		for _, candidate := range used {
			if !strings.HasPrefix(at, pointer+"/") {
				continue
			}
			if name != "" && name != candidate {
				return ""
			}
			name = candidate
		}
	}
	return name
}

var locale = regexp.MustCompile(`^(?i)[a-z]{2,3}([_-][a-z]{4})?([_-]([a-z]{2}|[0-9]{3}))?$`)

// normalLocale writes de_AT as de-at; "" is no locale.
func normalLocale(text string) string {
	if !locale.MatchString(text) {
		return ""
	}
	return strings.ToLower(strings.ReplaceAll(text, "_", "-"))
}

// language finds the content for a locale: de_AT, then de, then the default.
func (t *template) language(wanted string) *element {
	for name := normalLocale(wanted); name != ""; name = name[:max(strings.LastIndexByte(name, '-'), 0)] {
		if e := t.languages[name]; e != nil {
			return e
		}
	}
	return t.languages[""]
}

// languageNames lists those of a template besides the default.
func (t *template) languageNames() []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(t.languages)) {
		if name != "" {
			list = append(list, name)
		}
	}
	return list
}
