package connectortest

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors"
)

// claims: what the registry, the list of abilities and the configuration rely on.
func claims(t testing.TB, r *rig) {
	factory := r.subject.Factory
	if factory.Type == "" || factory.Summary == "" {
		t.Errorf("Factory.Type is %q and Summary %q; both are shown to users", factory.Type, factory.Summary)
	}
	if factory.NewConfig == nil || reflect.ValueOf(factory.NewConfig()).Kind() != reflect.Pointer {
		t.Fatal("Factory.NewConfig must give a pointer to new settings")
	}
	if factory.NewConfig() == factory.NewConfig() && reflect.TypeOf(factory.NewConfig()).Elem().Size() > 0 {
		t.Error("Factory.NewConfig gives the same settings twice; two connectors of a kind would share them")
	}
	if factory.Abilities.Inbound[message.EventReceived] <= connectors.Dropped {
		t.Errorf("Abilities.Inbound does not claim %s", message.EventReceived)
	}
	if err := factory.CheckClaims(r.connector); err != nil {
		t.Error(err)
	}
	if factory.AnswerWithin < 0 || factory.AnswerWithin > 0 && factory.AnswerWithin < 500*time.Millisecond {
		t.Errorf("AnswerWithin is %v, which is too short to deliver anything", factory.AnswerWithin)
	}
}

// settings: the example loads as part of a whole configuration, a misspelt key does not.
func settings(t testing.TB, r *rig) {
	factory := r.subject.Factory
	if len(bytes.TrimSpace(factory.Schema)) <= len("{}") {
		t.Skip("the factory has no schema yet")
	}
	if r.subject.Example == "" {
		t.Fatal("Subject.Example is empty; give the settings as a user would write them")
	}
	loaded, err := load(t, factory, r.subject.Example, nil)
	if err != nil {
		t.Fatalf("the example is refused:\n%v", err)
	}
	env := connectors.Environment{Name: name, HTTP: r.http, Now: time.Now}
	if _, err := factory.New(env, loaded.Connectors["desk"].Settings); err != nil {
		t.Errorf("Factory.New refuses settings that passed the checks: %v", err)
	}
	if _, err := load(t, factory, r.subject.Example, map[string]any{"no_such_key": 1}); err == nil {
		t.Error("a key that does not exist is accepted; the schema needs additionalProperties: false")
	} else if problems, ok := errors.AsType[config.Problems](err); !ok || !strings.Contains(problems.Error(), "no_such_key") {
		t.Errorf("the problem does not name the key that does not exist: %v", err)
	}
}

// load puts a connector's keys into a configuration and loads it.
func load(t testing.TB, factory connectors.Factory, example string, more map[string]any) (*config.Config, error) {
	t.Helper()
	keys := map[string]any{"type": factory.Type}
	if err := json.Unmarshal([]byte(example), &keys); err != nil {
		t.Fatalf("Subject.Example is not a JSON object: %v", err)
	}
	for key, value := range more {
		keys[key] = value
	}
	const mspID = "11111111-2222-3333-4444-555555555555"
	document, err := json.Marshal(map[string]any{
		"server":     map[string]any{"public_url": "https://bridge.example.com"},
		"keys":       []string{"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="},
		"apple":      map[string]any{"accounts": []any{map[string]any{"msp_id": mspID, "secrets": []string{"c2VjcmV0LW9mLWFwcGxl"}}}},
		"businesses": []any{map[string]any{"id": business, "msp_id": mspID, "connector": "desk"}},
		"connectors": map[string]any{"desk": keys},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "bizbridge.yaml") // JSON is YAML
	if err := os.WriteFile(file, document, 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(file, []config.ConnectorType{factory.ConfigType()})
}
