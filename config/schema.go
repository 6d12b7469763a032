package config

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// coreSchema is generated from the types in config.go. What it says of a
// connector is type and delivery; the rest is the business of the type.
//
//go:embed schema.json
var coreSchema []byte

//go:embed example.yaml
var example []byte

// Example returns a configuration file in which every key has a comment. It
// loads as it is once the variables that it names are set.
func Example() []byte { return bytes.Clone(example) }

// Schema returns the JSON Schema of the whole file, for editors: they see the
// file before its placeholders are expanded, so it takes placeholders everywhere.
func Schema(types []ConnectorType) ([]byte, error) {
	doc, err := composeSchema(types)
	if err != nil {
		return nil, err
	}
	takePlaceholders(doc)
	return json.MarshalIndent(doc, "", "  ")
}

type object = map[string]any

// commonKeys are the keys that every connector has beside its type and its own.
var commonKeys = []string{"delivery", "attachment_hosts", "identity"}

// composeSchema adds one branch per connector type to the core.
func composeSchema(types []ConnectorType) (object, error) {
	doc, err := parseObject(coreSchema)
	if err != nil {
		return nil, fmt.Errorf("config: schema.json: %w", err)
	}
	defs := doc["$defs"].(object)
	connector := defs["Connector"].(object)
	properties := connector["properties"].(object)
	names, branches := []any{}, []any{}
	for _, t := range types {
		branch, err := connectorBranch(t, properties, defs)
		if err != nil {
			return nil, fmt.Errorf("config: schema of connector type %s: %w", t.Name, err)
		}
		defs[t.Name] = branch
		names = append(names, t.Name)
		branches = append(branches, object{
			"if":   object{"properties": object{"type": object{"const": t.Name}}, "required": []any{"type"}},
			"then": object{"$ref": "#/$defs/" + t.Name},
		})
	}
	if len(types) > 0 { // an empty enum or allOf is no valid schema
		properties["type"].(object)["enum"] = names
		connector["allOf"] = branches
	}
	return doc, nil
}

// connectorBranch makes a type's own schema describe a whole connector, and
// moves its definitions to the others, under the type's name.
func connectorBranch(t ConnectorType, common, defs object) (object, error) {
	branch := object{"type": "object", "additionalProperties": false}
	if len(t.Schema) > 0 {
		var err error
		if branch, err = parseObject(t.Schema); err != nil {
			return nil, err
		}
	}
	prefixRefs(branch, t.Name+".")
	if own, ok := branch["$defs"].(object); ok {
		for name, def := range own {
			defs[t.Name+"."+name] = def
		}
	}
	for _, key := range []string{"$schema", "$id", "$defs"} {
		delete(branch, key)
	}
	properties, ok := branch["properties"].(object)
	if !ok {
		properties = object{}
		branch["properties"] = properties
	}
	properties["type"] = object{"const": t.Name}
	for _, key := range commonKeys {
		properties[key] = maps.Clone(common[key].(object))
	}
	return branch, nil
}

func parseObject(data []byte) (object, error) {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	o, ok := value.(object)
	if !ok {
		return nil, fmt.Errorf("is no JSON object")
	}
	return o, nil
}

// prefixRefs renames the definitions that a schema refers to.
func prefixRefs(value any, prefix string) {
	switch v := value.(type) {
	case object:
		if ref, ok := v["$ref"].(string); ok {
			v["$ref"] = strings.Replace(ref, "#/$defs/", "#/$defs/"+prefix, 1)
		}
		for _, child := range v {
			prefixRefs(child, prefix)
		}
	case []any:
		for _, child := range v {
			prefixRefs(child, prefix)
		}
	}
}

// restrictions are the keywords that the text of a placeholder could break.
var restrictions = []string{"enum", "pattern", "format", "minLength", "maxLength"}

// takePlaceholders lets every restricted scalar be a placeholder instead.
func takePlaceholders(schema object) {
	for _, group := range []string{"properties", "patternProperties", "$defs"} {
		children, _ := schema[group].(object)
		for name, child := range children {
			if child, ok := child.(object); ok {
				children[name] = placeholderOr(child)
			}
		}
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if child, ok := schema[key].(object); ok {
			schema[key] = placeholderOr(child)
		}
	}
}

func placeholderOr(schema object) object {
	takePlaceholders(schema)
	restricted := slices.ContainsFunc(restrictions, func(key string) bool { _, has := schema[key]; return has })
	if t, _ := schema["type"].(string); !restricted && !slices.Contains([]string{"integer", "number", "boolean"}, t) {
		return schema
	}
	wrapped := object{"anyOf": []any{schema, object{"type": "string", "pattern": `\$\{(env|file):`}}}
	for _, key := range []string{"description", "default", "examples"} { // where editors look for them
		if value, has := schema[key]; has {
			wrapped[key] = value
			delete(schema, key)
		}
	}
	return wrapped
}
