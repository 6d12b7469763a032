package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"
)

// example writes a schema as YAML: descriptions become comments, examples and
// defaults become values, and what is optional and has no default is commented out.
type example struct {
	root, connector *jsonschema.Schema
	text            strings.Builder
}

const commentWidth = 92

// comment writes the description, wrapped.
func (e *example) comment(indent, description string) {
	line := indent + "#"
	for word := range strings.FieldsSeq(description) {
		if len(line)+1+len(word) > commentWidth {
			e.text.WriteString(line + "\n")
			line = indent + "#"
		}
		line += " " + word
	}
	if description != "" {
		e.text.WriteString(line + "\n")
	}
}

// property writes one key with its comment and its value.
func (e *example) property(indent, key string, property *jsonschema.Schema, required bool) {
	e.comment(indent, property.Description)
	required = required || key == "connector" // or routes, which few need
	target := deref(e.root, property)
	if key == "connectors" {
		e.connectors()
		return
	}
	if target.Properties != nil && (required || len(target.Required) == 0) { // a section: its keys decide for themselves
		fmt.Fprintf(&e.text, "%s%s:\n", indent, key)
		e.properties(indent+"  ", target)
		return
	}
	var value strings.Builder
	inner := &example{root: e.root}
	inner.value(indent, property)
	fmt.Fprintf(&value, "%s%s:%s", indent, key, inner.text.String())
	text := value.String()
	if !required && property.Default == nil {
		text = commentOut(indent, text)
	}
	e.text.WriteString(text)
}

func (e *example) properties(indent string, object *jsonschema.Schema) {
	for pair := object.Properties.Oldest(); pair != nil; pair = pair.Next() {
		e.property(indent, pair.Key, pair.Value, slices.Contains(object.Required, pair.Key))
	}
}

// value writes what stands after "key:", the end of the line included.
func (e *example) value(indent string, property *jsonschema.Schema) {
	if named := property.AdditionalProperties; property.Type == "object" && named != nil && deref(e.root, named).Properties != nil {
		entry := &example{root: e.root}
		entry.properties(indent+"    ", deref(e.root, named))
		e.text.WriteString("\n" + indent + "  # A name of your choice.\n" + indent + "  acme:\n" + entry.text.String())
		return
	}
	if section := deref(e.root, property); section.Properties != nil {
		e.text.WriteString("\n")
		e.properties(indent+"  ", section)
		return
	}
	if property.Type != "array" {
		fmt.Fprintf(&e.text, " %s\n", scalar(property))
		return
	}
	item := deref(e.root, property.Items)
	if item.Properties == nil {
		fmt.Fprintf(&e.text, "\n%s  - %s\n", indent, scalar(item))
		return
	}
	keys := &example{root: e.root}
	keys.properties(indent+"    ", item)
	e.text.WriteString("\n" + dash(indent+"  ", keys.text.String()))
}

// connectors writes the one connector of the example.
func (e *example) connectors() {
	e.text.WriteString("connectors:\n  desk:\n")
	e.properties("    ", e.root.Definitions["Connector"])
	own := &example{root: e.connector}
	own.properties("    ", e.connector)
	e.text.WriteString(own.text.String())
}

// dash puts the "-" of a list item before its first key. The comment above that
// key moves above the item.
func dash(indent, keys string) string {
	lines := strings.SplitAfter(keys, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			lines[i] = indent + "- " + strings.TrimLeft(line, " ")
			break
		}
		lines[i] = indent + strings.TrimLeft(line, " ")
	}
	return strings.Join(lines, "")
}

// commentOut puts "#" before every line that is no comment already. There is no
// space after it, which tells a key from a comment.
func commentOut(indent, text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		rest := strings.TrimPrefix(line, indent)
		out.WriteString(indent + "#" + rest)
	}
	return out.String()
}

// scalar is the example of a value, or its default.
func scalar(schema *jsonschema.Schema) string {
	var value any = ""
	switch {
	case len(schema.Examples) > 0:
		value = schema.Examples[0]
	case schema.Default != nil:
		value = schema.Default
	case schema.Type == "object":
		value = struct{}{}
	}
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // a default that config cannot print
	}
	var text string
	if json.Unmarshal(data, &text) != nil {
		return string(data)
	}
	_, noNumber := strconv.ParseFloat(text, 64)
	if text == "" || noNumber == nil || strings.ContainsAny(text[:1], `*:&!%@-?|>[]{}"'#`) || strings.ContainsAny(text, " #") {
		return string(data) // JSON's quoting is YAML's
	}
	return text
}
