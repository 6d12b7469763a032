package config

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const metaSchema = "https://json-schema.org/draft/2020-12/schema"

// compileWhole checks a schema against the meta-schema and compiles it.
func compileWhole(t *testing.T, schema []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := parseObject(schema)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := jsonschema.NewCompiler().Compile(metaSchema)
	if err != nil {
		t.Fatal(err)
	}
	if doc["$schema"] != metaSchema {
		t.Errorf("$schema is %v", doc["$schema"])
	}
	if err := meta.Validate(doc); err != nil {
		t.Errorf("is no valid schema: %v", err)
	}
	compiled, err := compile(doc)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func TestSchemasAreValid(t *testing.T) {
	compileWhole(t, coreSchema)
	for _, types := range [][]ConnectorType{nil, testTypes()} {
		schema, err := Schema(types)
		if err != nil {
			t.Fatal(err)
		}
		compileWhole(t, schema)
		again, err := Schema(types)
		if err != nil || !bytes.Equal(schema, again) {
			t.Errorf("the schema is another one each time: %v", err)
		}
	}
}

// TestEditorSchema has the schema for editors take files as they are written,
// placeholders included, and still refuse mistakes.
func TestEditorSchema(t *testing.T) {
	schema, err := Schema(testTypes())
	if err != nil {
		t.Fatal(err)
	}
	compiled := compileWhole(t, schema)
	check := func(text string) error {
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		return compiled.Validate(doc)
	}
	everything := read(t, "testdata/ok-everything.yaml")
	for name, text := range map[string]string{"minimal": minimal(t), "everything": everything} {
		if err := check(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"unknown key":         strings.Replace(everything, "log: {", "log: {colour: true, ", 1),
		"wrong enum":          strings.Replace(everything, "level: debug", "level: loud", 1),
		"wrong duration":      strings.Replace(everything, "1m30s", "ninety", 1),
		"connector's own key": strings.Replace(everything, "retries: 3", "retrys: 3", 1),
		"connector's range":   strings.Replace(everything, "retries: 3", "retries: 30", 1),
		"connector's type":    strings.Replace(everything, "type: webhook", "type: webhok", 1),
	} {
		if text == everything || check(text) == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestBrokenConnectorSchema(t *testing.T) {
	for name, schema := range map[string]string{
		"no JSON": `{`, "no object": `[]`, "no schema": `{"type": "objekt"}`, "no target": `{"properties": {"a": {"$ref": "#/$defs/Missing"}}}`,
	} {
		types := []ConnectorType{{Name: "webhook", New: func() any { return &struct{}{} }, Schema: []byte(schema)}}
		if _, err := parse("x.yaml", []byte(minimal(t)), types, fakeResolver()); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestExampleLoads(t *testing.T) {
	// The connector of the example is the real one, which this package cannot import: its schema judges.
	types := []ConnectorType{{
		Name: "webhook", New: func() any { return &map[string]any{} }, Schema: []byte(read(t, "../connectors/webhook/config.schema.json")),
	}}
	loads := func(what, text string) *Config {
		t.Helper()
		c, err := parse("example.yaml", []byte(text), types, fakeResolver())
		if err != nil {
			t.Fatalf("%s: %v\n%s", what, err, text)
		}
		return c
	}
	loads("as it is", string(Example()))

	// With every optional key too: "#key" is a key, "# text" a comment.
	dir := t.TempDir()
	cert, key := selfSigned(t)
	write(t, filepath.Join(dir, "tls.crt"), cert)
	write(t, filepath.Join(dir, "tls.key"), key)
	write(t, filepath.Join(dir, "grant.json"), "")
	write(t, filepath.Join(dir, "logo.png"), read(t, "testdata/logo.png"))
	write(t, filepath.Join(dir, "merchant.crt"), cert)
	write(t, filepath.Join(dir, "merchant.key"), key)
	write(t, filepath.Join(dir, "apple-developer-merchantid-domain-association"), "7B2276657273696F6E223A317D")
	private, _ := rsaPair(t)
	_, public := rsaPair(t)
	write(t, filepath.Join(dir, "identity.pem"), private)
	write(t, filepath.Join(dir, "helpdesk.pub.pem"), public)
	text := strings.ReplaceAll(string(Example()), "${file:/etc/bizbridge/", "${file:")
	for range 4 { // a key that is commented out may hold others
		text = uncomment(text)
	}
	text = without(text, "secret_key:", "capture:", "api_url:", "updates:", "affinity:", "routes:") // of other providers than the example's
	resolve := systemResolver(dir)
	resolve.env = fakeResolver().env
	c, err := parse(filepath.Join(dir, "example.yaml"), []byte(text), types, resolve)
	if err != nil {
		t.Fatalf("uncommented: %v\n%s", err, text)
	}
	if len(c.API.Keys) != 1 || c.API.Keys[0].EventsTo != "desk" || c.Server.TLS.Cert != cert || len(c.Network.AllowPrivate) != 1 {
		t.Errorf("uncommented: %+v", c)
	}
}

// without takes out keys, and what is indented below them.
func without(text string, keys ...string) string {
	var out strings.Builder
	below := -1 // the indent of the key that is being taken out
	for line := range strings.Lines(text) {
		trimmed := strings.TrimLeft(line, " ")
		if indent := len(line) - len(trimmed); below >= 0 && indent > below {
			continue
		} else if below = -1; slices.ContainsFunc(keys, func(key string) bool { return strings.HasPrefix(trimmed, key) }) {
			below = indent
			continue
		}
		out.WriteString(line)
	}
	return out.String()
}

func uncomment(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		if rest, ok := strings.CutPrefix(line[len(indent):], "#"); ok && rest != "\n" && (rest[0] != ' ' || strings.HasPrefix(strings.TrimLeft(rest, " "), "#") || isItem(rest)) {
			line = indent + rest
		}
		out.WriteString(line)
	}
	return out.String()
}

// isItem tells a nested key of a commented-out block from a comment: it is
// indented by two spaces or more.
func isItem(rest string) bool { return strings.HasPrefix(rest, "  ") }

// TestExampleComments has a comment above every key.
func TestExampleComments(t *testing.T) {
	previous := ""
	for line := range strings.Lines(string(Example())) {
		key := strings.TrimLeft(strings.TrimRight(line, "\n"), " #-")
		isKey := strings.Contains(key, ":") && !strings.HasPrefix(strings.TrimLeft(line, " #"), "- $") && !isProse(line)
		if isKey && key != "desk:" && !isProse(previous) {
			t.Errorf("no comment above %q", line)
		}
		if len(strings.TrimRight(line, "\n")) > 100 {
			t.Errorf("long line: %q", line)
		}
		previous = line
	}
}

func isProse(line string) bool {
	trimmed := strings.TrimLeft(line, " ")
	for strings.HasPrefix(trimmed, "#  ") { // a comment inside of a commented-out block
		trimmed = strings.TrimLeft(trimmed[1:], " ")
	}
	return strings.HasPrefix(trimmed, "# ")
}

func TestExampleIsACopy(t *testing.T) {
	Example()[0] = 'X'
	if Example()[0] == 'X' {
		t.Error("the embedded example can be changed")
	}
	if _, err := os.Stat("example.yaml"); err != nil {
		t.Error(err)
	}
}
