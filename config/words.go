package config

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemaOf returns the part of the schema that a value breaks.
func (s *structure) schemaOf(e *jsonschema.ValidationError) object {
	_, fragment, _ := strings.Cut(e.SchemaURL, "#")
	if decoded, err := url.PathUnescape(fragment); err == nil {
		fragment = decoded
	}
	var at any = s.schema
	for step := range strings.SplitSeq(strings.TrimPrefix(fragment, "/"), "/") {
		o, ok := at.(object)
		if !ok {
			return nil
		}
		if step != "" {
			at = o[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
		}
	}
	o, _ := at.(object)
	return o
}

// describe returns the first sentence of the key's description.
func (s *structure) describe(e *jsonschema.ValidationError) string {
	return firstSentence(s.schemaOf(e))
}

// propertyHint describes a key that is missing.
func (s *structure) propertyHint(e *jsonschema.ValidationError, key string) string {
	properties, _ := s.schemaOf(e)["properties"].(object)
	property, _ := properties[key].(object)
	return firstSentence(property)
}

func firstSentence(schema object) string {
	description, _ := schema["description"].(string)
	if sentence, _, found := strings.Cut(description, ". "); found {
		return sentence + "."
	}
	return description
}

// exampleHint shows what a good value looks like.
func (s *structure) exampleHint(e *jsonschema.ValidationError) string {
	schema := s.schemaOf(e)
	if examples, ok := schema["examples"].([]any); ok && len(examples) > 0 {
		return fmt.Sprintf("For example: %v.", examples[0])
	}
	if value, ok := schema["default"]; ok {
		return fmt.Sprintf("For example: %v.", value)
	}
	return firstSentence(schema)
}

// knownKeys lists the keys of the mapping that breaks the schema.
func (s *structure) knownKeys(e *jsonschema.ValidationError) []string {
	properties, _ := s.schemaOf(e)["properties"].(object)
	return slices.Sorted(maps.Keys(properties))
}
