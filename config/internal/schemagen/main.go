// Command schemagen writes what is generated from the configuration's types and
// their comments: config/schema.json, config/example.yaml and each connector's
// config.schema.json. It runs in the
// folder config, by "go generate ./config".
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"bizbridge/config"
	"bizbridge/connectors/registry"
)

func main() {
	files, err := generateAll()
	if err == nil {
		err = write(files)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}

// generateAll returns every generated file by its path in the module.
func generateAll() (map[string][]byte, error) {
	g, err := newGenerator()
	if err != nil {
		return nil, err
	}
	core, err := coreSchema(g)
	if err != nil {
		return nil, err
	}
	schema, err := encode(core)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{filepath.Join(g.root, "config", "schema.json"): schema}
	for _, factory := range registry.Factories {
		settings, err := g.generate(factory.NewConfig())
		if err != nil {
			return nil, err
		}
		if files[filepath.Join(g.root, "connectors", factory.Type, "config.schema.json")], err = encode(settings); err != nil {
			return nil, err
		}
		if factory.Type == exampleConnector {
			files[filepath.Join(g.root, "config", "example.yaml")] = exampleFile(core, settings)
		}
	}
	return files, nil
}

// exampleConnector is the kind of helpdesk that the example configures.
const exampleConnector = "webhook"

// coreSchema adds what Go's types cannot say: how connectors are named, and
// that their own keys are described elsewhere.
func coreSchema(g *generator) (*jsonschema.Schema, error) {
	core, err := g.generate(config.Default())
	if err != nil {
		return nil, err
	}
	core.Title = "bizbridge configuration"
	connectors, _ := core.Properties.Get("connectors")
	connectors.PatternProperties = map[string]*jsonschema.Schema{config.ConnectorNamePattern: connectors.AdditionalProperties}
	connectors.AdditionalProperties = jsonschema.FalseSchema
	one := uint64(1)
	connectors.MinProperties = &one
	core.Definitions["Connector"].AdditionalProperties = nil
	return core, nil
}

func write(files map[string][]byte) error {
	for path, data := range files {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

const header = `# The configuration of bizbridge. Every key has its comment; a key that is commented
# out is optional, and a value that is not is required or the default.
#
# ${env:NAME} takes a value from the environment, ${file:/path} from a file (its
# path is absolute, or relative to this file). "bizbridge check" tells every mistake.
`

// exampleFile writes the commented example: the core's keys, and one connector.
func exampleFile(core, connector *jsonschema.Schema) []byte {
	e := example{root: core, connector: connector}
	e.text.WriteString(header)
	for pair := core.Properties.Oldest(); pair != nil; pair = pair.Next() {
		e.text.WriteString("\n")
		e.property("", pair.Key, pair.Value, slices.Contains(core.Required, pair.Key))
	}
	return []byte(strings.TrimRight(e.text.String(), "\n") + "\n")
}
