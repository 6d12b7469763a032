package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"bizbridge/config/yamlfile"
)

const (
	// FormatNetwork is the schema format of a network or a single address.
	FormatNetwork = "ip-network"
	// ConnectorNamePattern is how connectors are named: the names stand in URLs.
	ConnectorNamePattern = `^[a-z0-9][a-z0-9_-]{0,62}$`

	schemaURL = "file:///config.json"
)

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// formats are checked here; for each, what a bad value is told to be.
var formats = map[string]struct {
	valid         func(string) bool
	message, hint string
}{
	"uuid": {uuidForm.MatchString, "is not a UUID", "It has the form 11111111-2222-3333-4444-555555555555."},
	"uri":  {isAbsoluteURL, "is not an absolute URL", "Write it whole: https://host/path."},
	FormatNetwork: {
		func(s string) bool { _, err := parseNetwork(s); return err == nil },
		"is neither a network nor an IP address", "Write 10.0.0.0/8 or 10.0.0.1.",
	},
}

func isAbsoluteURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.IsAbs() && u.Hostname() != ""
}

// parseNetwork also takes a single address, as the network of that one host.
func parseNetwork(s string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(s); err == nil {
		return address.Unmap().Prefix(address.Unmap().BitLen())
	}
	prefix, err := netip.ParsePrefix(s)
	return prefix.Masked(), err
}

// structure checks a document against the schema.
type structure struct {
	*document
	schema object
	types  []string
}

// checkStructure reports every breach of the schema, and removes the values
// that break it: what remains can be decoded, and checked further.
func checkStructure(d *document, types []ConnectorType) error {
	schema, err := composeSchema(types)
	if err != nil {
		return err
	}
	compiled, err := compile(schema)
	if err != nil {
		return err
	}
	s := &structure{document: d, schema: schema}
	for _, t := range types {
		s.types = append(s.types, t.Name)
	}
	leaves := s.breaches(compiled)
	if s.coerce(leaves) {
		leaves = s.breaches(compiled)
	}
	for _, leaf := range leaves {
		s.report(leaf)
	}
	for _, leaf := range leaves {
		s.remove(leaf)
	}
	return nil
}

func compile(schema object) (*jsonschema.Schema, error) {
	compiler := jsonschema.NewCompiler()
	for name, format := range formats {
		compiler.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(v any) error {
			if text, ok := v.(string); ok && !format.valid(text) {
				return errors.New(format.message)
			}
			return nil
		}})
	}
	compiler.AssertFormat()
	if err := compiler.AddResource(schemaURL, schema); err != nil {
		return nil, err
	}
	return compiler.Compile(schemaURL)
}

// breaches validates the document and flattens the tree of errors to its leaves.
func (s *structure) breaches(compiled *jsonschema.Schema) []*jsonschema.ValidationError {
	var root *jsonschema.ValidationError
	if !errors.As(compiled.Validate(s.root), &root) {
		return nil
	}
	var leaves []*jsonschema.ValidationError
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		switch e.ErrorKind.(type) {
		case *kind.AnyOf, *kind.OneOf, *kind.PropertyNames: // their causes say nothing that one line can say
			leaves = append(leaves, e)
			return
		}
		if len(e.Causes) == 0 {
			leaves = append(leaves, e)
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	walk(root)
	slices.SortStableFunc(leaves, func(a, b *jsonschema.ValidationError) int {
		return slices.Compare(a.InstanceLocation, b.InstanceLocation) // the library walks maps in random order
	})
	return leaves
}

// coerce makes numbers and booleans of placeholders' text where the schema
// wants them, and tells whether there were any.
func (s *structure) coerce(leaves []*jsonschema.ValidationError) (changed bool) {
	for _, leaf := range leaves {
		mismatch, ok := leaf.ErrorKind.(*kind.Type)
		text, isText := s.at(leaf.InstanceLocation).(string)
		if !ok || !isText || !s.places[s.path(leaf.InstanceLocation)].expanded {
			continue
		}
		if value, ok := scalarOf(strings.TrimSpace(text), mismatch.Want); ok {
			s.set(leaf.InstanceLocation, value)
			changed = true
		}
	}
	return changed
}

var (
	integerForm = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,17})$`)
	numberForm  = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?$`)
)

func scalarOf(text string, want []string) (any, bool) {
	switch {
	case slices.Contains(want, "boolean") && (text == "true" || text == "false"):
		return text == "true", true
	case slices.Contains(want, "integer") && integerForm.MatchString(text), slices.Contains(want, "number") && numberForm.MatchString(text):
		return json.Number(text), true
	default:
		return nil, false
	}
}

// report puts one breach into words.
func (s *structure) report(e *jsonschema.ValidationError) {
	path := s.path(e.InstanceLocation)
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, key := range k.Properties {
			s.reportUnknown(e, path, key)
		}
	case *kind.Required:
		for _, key := range k.Missing {
			s.reportMissing(e, path, key)
		}
	case *kind.PropertyNames: // the library gives a wrong location for these, so core uses patternProperties
		s.source.Add(yamlfile.Place{Line: 1, Column: 1}, "", fmt.Sprintf("a key cannot be named %q", yamlfile.Clip(k.Property)), s.describe(e))
	case *kind.Enum:
		s.reportEnum(e, path, k)
	default:
		message, hint := s.breach(e, path)
		s.add(path, message, hint)
	}
}

// breach words the breaches that concern one value and quote nothing of it.
func (s *structure) breach(e *jsonschema.ValidationError, path string) (message, hint string) {
	name := path
	if name == "" {
		name = "the file"
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		got := typeNames[k.Got]
		if k.Got == "number" && slices.Contains(k.Want, "integer") {
			got = "a fraction"
		}
		return fmt.Sprintf("%s must be %s, not %s", name, wanted(k.Want), got), s.typeHint(e, k)
	case *kind.Pattern:
		return name + " has the wrong form", s.exampleHint(e)
	case *kind.Format:
		return name + " " + formats[k.Want].message, formats[k.Want].hint
	case *kind.MinItems, *kind.MinProperties:
		return name + " is empty", "It needs at least one entry."
	case *kind.MinLength:
		if k.Want == 1 {
			return name + " is empty", s.describe(e)
		}
		return fmt.Sprintf("%s is shorter than %d characters", name, k.Want), s.describe(e)
	case *kind.MaxLength:
		return fmt.Sprintf("%s is longer than %d characters", name, k.Want), s.describe(e)
	case *kind.MaxItems:
		return fmt.Sprintf("%s has more than %d entries", name, k.Want), s.describe(e)
	case *kind.Minimum:
		return fmt.Sprintf("%s must be %s or more", name, k.Want.RatString()), s.describe(e)
	case *kind.Maximum:
		return fmt.Sprintf("%s must be %s or less", name, k.Want.RatString()), s.describe(e)
	case *kind.UniqueItems:
		return name + " has an entry twice", fmt.Sprintf("Entries %d and %d are the same.", k.Duplicates[0]+1, k.Duplicates[1]+1)
	default:
		return name + " is not valid", s.describe(e)
	}
}

var typeNames = map[string]string{
	"object": "a mapping", "array": "a list", "string": "text", "integer": "a whole number",
	"number": "a number", "boolean": "true or false", "null": "empty",
}

func wanted(types []string) string {
	words := make([]string, len(types))
	for i, t := range types {
		words[i] = typeNames[t]
	}
	return strings.Join(words, " or ")
}

// typeHint tells the usual reason for a wrong type.
func (s *structure) typeHint(e *jsonschema.ValidationError, k *kind.Type) string {
	scalar := k.Got == "number" || k.Got == "boolean" || k.Got == "integer"
	switch {
	case slices.Contains(k.Want, "string") && scalar:
		if example := s.exampleHint(e); example != "" {
			return example
		}
		return "Put it in quotes."
	case slices.Contains(k.Want, "array") && (scalar || k.Got == "string"):
		return `Write it as a list: ["…"].`
	case slices.Contains(k.Want, "array") && k.Got == "object":
		return `Start each entry with "- ".`
	case slices.Contains(k.Want, "object"):
		return yamlfile.Suggest("", s.knownKeys(e), "Its keys")
	default:
		return s.exampleHint(e)
	}
}

// reportUnknown reports a key that the schema does not have.
func (s *structure) reportUnknown(e *jsonschema.ValidationError, path, key string) {
	full := yamlfile.KeyPath(path, key)
	if path == "connectors" {
		s.addKey(full, fmt.Sprintf("a connector cannot be named %q", yamlfile.Clip(key)),
			`A name has lower-case letters, digits, "-" and "_", starts with a letter or a digit, and has 63 characters at most.`)
		return
	}
	message := fmt.Sprintf("unknown key %q", yamlfile.Clip(key))
	if path != "" {
		message += " in " + path
	}
	s.addKey(full, message, yamlfile.Suggest(key, s.knownKeys(e), "Known keys"))
}

// reportMissing reports a required key. Its description says what to write.
func (s *structure) reportMissing(e *jsonschema.ValidationError, path, key string) {
	full := yamlfile.KeyPath(path, key)
	if s.places[full] != (place{}) { // the key is there, without a value that could be read
		s.add(full, full+" is empty", s.propertyHint(e, key))
		return
	}
	s.addKey(full, full+" is missing", s.propertyHint(e, key))
}

// reportEnum reports a value that is none of the possible ones.
func (s *structure) reportEnum(e *jsonschema.ValidationError, path string, k *kind.Enum) {
	var choices []string
	for _, want := range k.Want {
		choices = append(choices, fmt.Sprint(want))
	}
	got, isText := k.Got.(string)
	if strings.HasSuffix(path, ".affinity") && got == "kv" {
		s.add(path, "affinity kv is not in this version", "Write lookup.")
		return
	}
	mode := path == "delivery.mode" || strings.HasPrefix(path, "connectors.") && strings.HasSuffix(path, ".delivery")
	if mode && got == "queue" {
		s.add(path, "queue mode is not in this version", "Write direct, or leave the key out.")
		return
	}
	what, list := "value", "Possible values"
	if strings.HasPrefix(path, "connectors.") && slices.Equal(choices, s.types) {
		what, list = "connector type", "Known types"
	}
	message := fmt.Sprintf("%s has an unknown %s", path, what)
	if isText && !s.places[path].expanded { // a placeholder's text may be a secret in the wrong place
		message += fmt.Sprintf(" %q", yamlfile.Clip(got))
	}
	s.add(path, message, yamlfile.Suggest(got, choices, list))
}

// remove takes the values away that break the schema. A list keeps its length,
// so that the paths of its other items stay true.
func (s *structure) remove(e *jsonschema.ValidationError) {
	switch k := e.ErrorKind.(type) {
	case *kind.Required, *kind.MinItems, *kind.MinProperties:
	case *kind.AdditionalProperties:
		for _, key := range k.Properties {
			s.set(append(slices.Clone(e.InstanceLocation), key), nil)
		}
	case *kind.PropertyNames: // there is no telling which
	default:
		s.set(e.InstanceLocation, nil)
	}
}

// at returns the value at a location, nil where there is none.
func (s *structure) at(location []string) any {
	value := s.root
	for _, step := range location {
		switch v := value.(type) {
		case object:
			value = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

func (s *structure) set(location []string, value any) {
	if len(location) == 0 {
		s.root = value
		return
	}
	last := location[len(location)-1]
	switch parent := s.at(location[:len(location)-1]).(type) {
	case object:
		if value == nil {
			delete(parent, last)
		} else {
			parent[last] = value
		}
	case []any:
		if i, err := strconv.Atoi(last); err == nil && i < len(parent) {
			parent[i] = value
		}
	}
}

// path turns the schema library's location into ours.
func (s *structure) path(location []string) string {
	path := ""
	for i, step := range location {
		if _, isList := s.at(location[:i]).([]any); isList {
			path += "[" + step + "]"
		} else {
			path = yamlfile.KeyPath(path, step)
		}
	}
	return path
}
