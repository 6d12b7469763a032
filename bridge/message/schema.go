package message

import (
	_ "embed"
	"encoding/json"
	"strings"
)

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (2020-12) of the canonical messages: a document is one event or one message.send.
func Schema() []byte { return schema }

// SchemaDefinitions is the $defs member of [Schema].
func SchemaDefinitions() json.RawMessage {
	var document struct {
		Defs json.RawMessage `json:"$defs"`
	}
	if err := json.Unmarshal(schema, &document); err != nil {
		panic(err) // embedded, and read by a test
	}
	return json.RawMessage(strings.TrimSpace(string(document.Defs)))
}
