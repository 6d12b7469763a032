package chatwoot_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors/chatwoot"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReadmeNamesEverythingThereIs(t *testing.T) {
	text := readme(t)
	for event, level := range chatwoot.Factory().Abilities.Inbound {
		row := regexp.MustCompile(`(?m)^\|[^|\n]*` + regexp.QuoteMeta("`"+string(event)+"`") + `.*\| ` + level.String() + ` \|$`)
		if !row.MatchString(text) {
			t.Errorf("no row says of %s that it is %s", event, level)
		}
	}
	for _, setting := range reflect.VisibleFields(reflect.TypeFor[chatwoot.Config]()) {
		name, _, _ := strings.Cut(setting.Tag.Get("json"), ",")
		if !regexp.MustCompile(`(?m)^\| [^|]*` + "`" + name + "`").MatchString(text) {
			t.Errorf("no table has the key %s", name)
		}
	}
	source, err := os.ReadFile("attributes.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile(`attr\w+ += "(apple_\w+)"`).FindAllStringSubmatch(string(source), -1) {
		if !strings.Contains(text, "`"+found[1]+"`") {
			t.Errorf("no table has the attribute %s", found[1])
		}
	}
}

func TestReadmeConfigurationLoads(t *testing.T) {
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(readme(t))
	if block == nil {
		t.Fatal("there is no example")
	}
	for _, name := range []string{"CHATWOOT_INBOX", "CHATWOOT_TOKEN", "CHATWOOT_WEBHOOK_SECRET"} {
		t.Setenv(name, "s3cr3t")
	}
	file := filepath.Join(t.TempDir(), "bizbridge.yaml")
	text := block[1] + `
server: {public_url: "https://bridge.example.com"}
keys: ["MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="]
apple: {accounts: [{msp_id: 11111111-2222-3333-4444-555555555555, secrets: ["c2VjcmV0LW9mLWFwcGxl"]}]}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(file, []config.ConnectorType{chatwoot.Factory().ConfigType()}); err != nil {
		t.Error(err)
	}
}

// TestTheSchemaHasEveryKey: it is generated, once the connector is in the registry.
func TestTheSchemaHasEveryKey(t *testing.T) {
	var schema struct {
		Properties map[string]struct{ Description string }
		Required   []string
	}
	if err := json.Unmarshal(chatwoot.Factory().Schema, &schema); err != nil {
		t.Fatal(err)
	}
	for _, setting := range reflect.VisibleFields(reflect.TypeFor[chatwoot.Config]()) {
		name, _, _ := strings.Cut(setting.Tag.Get("json"), ",")
		if schema.Properties[name].Description == "" {
			t.Errorf("the schema does not describe %s", name)
		}
	}
}

func TestEveryEventHasALevel(t *testing.T) {
	if len(message.EventTypes) != len(chatwoot.Factory().Abilities.Inbound) {
		t.Error("an event has no level")
	}
}
