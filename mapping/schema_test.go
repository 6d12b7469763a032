package mapping

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// fileSchema compiles the JSON Schema that editors use.
func fileSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("mapping.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("mapping.schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("mapping.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// plain is a file as JSON: null if it is no YAML.
func plain(t testing.TB, file string) any {
	t.Helper()
	s := &source{}
	root := s.Read([]byte(file))
	if root == nil {
		return nil
	}
	text, err := json.Marshal(root.Value())
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestTheSchemaAgreesWithTheLoader(t *testing.T) {
	schema := fileSchema(t)
	for _, name := range Presets() {
		text, err := PresetSource(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(plain(t, string(text))); err != nil {
			t.Errorf("preset %s: %v", name, err)
		}
	}
	for name, file := range map[string]string{"a rule": lookup, "tests": tested + "    inbound: {event: {}}\n    expect: {}", "outbound": replies} {
		if err := schema.Validate(plain(t, file)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range badFiles {
		if err := schema.Validate(plain(t, c.file)); (err != nil) != c.schema {
			t.Errorf("%s: error %v, want one: %t", name, err, c.schema)
		}
	}
}
