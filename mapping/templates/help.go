package templates

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"bizbridge/bridge/message"
	"bizbridge/config/yamlfile"
)

// Help answers /help: the list of all templates for no name, otherwise one with its variables and an example.
func (s *Set) Help(name string) string {
	if name == "" {
		return s.list()
	}
	t := s.templates[strings.ToLower(name)]
	if t == nil {
		words := fmt.Sprintf("There is no template %q.", yamlfile.OneLine(name))
		if near := yamlfile.Nearest(name, s.Names()); len(near) > 0 {
			words += " Did you mean " + strings.Join(near, " or ") + "?"
		}
		return words + " /help lists them all."
	}
	return t.help()
}

func (s *Set) list() string {
	if len(s.templates) == 0 {
		return "There are no templates."
	}
	var b strings.Builder
	b.WriteString("Templates. /help name tells more of one.")
	for _, name := range s.Names() {
		t := s.templates[name]
		b.WriteString("\n" + t.usage())
		if t.description != "" {
			b.WriteString(" – " + t.description)
		}
	}
	return b.String()
}

// usage is the line with what it must have.
func (t *template) usage() string {
	line := "/" + t.name
	for _, v := range t.vars {
		if v.required {
			line += " " + v.name + "=…"
		}
	}
	return line
}

func (t *template) help() string {
	var b strings.Builder
	b.WriteString("/" + t.name)
	if t.description != "" {
		b.WriteString(" – " + t.description)
	}
	for _, v := range t.vars {
		b.WriteString("\n  " + v.help())
	}
	if languages := t.languageNames(); len(languages) > 0 {
		b.WriteString("\nLanguages: " + strings.Join(languages, ", ") + "; all others get the default.")
	}
	b.WriteString("\nExample: " + t.exampleLine())
	return b.String()
}

// exampleLine has what must be given; all variables if none must.
func (t *template) exampleLine() string {
	words := []string{"/" + t.name}
	some := false
	for _, v := range t.vars {
		some = some || v.required
	}
	for _, v := range t.vars {
		if v.required || !some {
			words = append(words, v.name+"="+quoteValue(v.text(v.shown())))
		}
	}
	return strings.Join(words, " ")
}

func (v *variable) shown() any {
	if v.example != nil {
		return v.example
	}
	return v.sample(min(max(v.minItems, 2), v.maxItems))
}

// help is one line: "store (text, required, at most 40 characters): where you are".
func (v *variable) help() string {
	facts := []string{v.typeName()}
	if v.required {
		facts = append(facts, "required")
	}
	if v.min != nil {
		facts = append(facts, "at least "+textOf(*v.min))
	}
	if v.max != nil {
		facts = append(facts, "at most "+textOf(*v.max))
	}
	if v.maxLength > 0 {
		facts = append(facts, "at most "+plural(v.maxLength, "character"))
	}
	if v.minItems > 1 {
		facts = append(facts, "at least "+plural(v.minItems, "value"))
	}
	if v.list && v.maxItems < maxListItems {
		facts = append(facts, "at most "+plural(v.maxItems, "value"))
	}
	if v.pattern != nil && v.example != nil {
		facts = append(facts, "such as "+quoteValue(v.text(v.example)))
	}
	if v.fallback != nil {
		facts = append(facts, "default "+quoteValue(v.text(v.fallback)))
	}
	line := v.name + " (" + strings.Join(facts, ", ") + ")"
	if v.description != "" {
		line += ": " + v.description
	}
	return line
}

func (v *variable) typeName() string {
	name := map[varType]string{
		typeString: "text", typeInteger: "whole number", typeNumber: "number", typeBoolean: "yes or no", typeDate: "day as 2030-02-24",
		typeDatetime: "time as 2030-02-24T09:00:00+01:00", typeURL: "web address",
	}[v.kind]
	if len(v.enum) > 0 {
		name = "one of " + joined(v.enum, " | ")
	}
	if v.list {
		name += `, several with ";" between them`
	}
	return name
}

// Explain puts what [ParseLine] or [Set.Expand] said of a line into words for the agent who wrote it.
func (s *Set) Explain(line Line, err error) string {
	words := "The line was not sent: " + err.Error()
	if failure, ok := errors.AsType[*message.Failure](err); ok && len(failure.Faults) > 0 {
		words = "The line was not sent:"
		for _, fault := range failure.Faults {
			words += "\n  " + subject(fault.Pointer) + sentence(fault.Message)
		}
	}
	if t := s.templates[line.Name]; t != nil {
		return words + "\n" + t.help()
	}
	return words + "\n/help lists the templates. To send a text that begins with /, write // instead."
}

func sentence(text string) string {
	if strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}

// subject names what a pointer leads to, as far as an agent wrote it.
func subject(pointer string) string {
	if name, ok := strings.CutPrefix(pointer, varsPointer); ok {
		name, index, isList := strings.Cut(name, "/")
		if i, err := strconv.Atoi(index); isList && err == nil {
			name += ", value " + strconv.Itoa(i+1) + ","
		}
		return name + " "
	}
	if pointer == contentPointer+"/name" {
		return "The name "
	}
	return ""
}
