package libredesk_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors/libredesk"
	"bizbridge/connectors/libredesk/libredesktest"
)

func TestReadmeNamesEverythingThereIs(t *testing.T) {
	body, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(body)
	for _, kind := range message.EventTypes {
		if !strings.Contains(text, "`"+string(kind)+"`") {
			t.Errorf("it does not tell of %s", kind)
		}
	}
	for _, setting := range reflect.VisibleFields(reflect.TypeFor[libredesk.Config]()) {
		if name := "`" + setting.Tag.Get("json") + "`"; !regexp.MustCompile(`(?m)^\| .*` + name + `.* \|`).MatchString(text) {
			t.Errorf("no table has the key %s", name)
		}
	}
	for _, permission := range libredesktest.AllPermissions() {
		if !strings.Contains(text, "`"+permission+"`") {
			t.Errorf("it does not ask for the permission %s", permission)
		}
	}
	connector, desk := rig(t)
	deliver(t, connector, event(message.EventReceived, func(d *message.Data) { d.Text, d.Device.Group = "Hello", "sales" }))
	for name := range only(t, desk).Attributes {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("it does not tell of the attribute %s", name)
		}
	}
}

func TestReadmesConfigurationLoads(t *testing.T) {
	body, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(body), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	for _, name := range regexp.MustCompile(`\$\{env:([A-Z_]+)\}`).FindAllStringSubmatch(example, -1) {
		t.Setenv(name[1], "secret-of-"+name[1])
	}
	path := filepath.Join(t.TempDir(), "bizbridge.yaml")
	whole := example + `
server: {public_url: "https://bridge.example.com"}
keys: ["MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="]
apple: {accounts: [{msp_id: 11111111-2222-3333-4444-555555555555, secrets: ["c2VjcmV0LW9mLWFwcGxl"]}]}
`
	if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, []config.ConnectorType{libredesk.Factory().ConfigType()})
	if err != nil {
		t.Fatal(err)
	}
	loaded := cfg.Connectors["desk"].Settings.(*libredesk.Config)
	if loaded.InboxID != libredesktest.InboxID || !slices.Equal(loaded.WebhookSecrets, []config.Secret{"secret-of-LIBREDESK_WEBHOOK_SECRET"}) {
		t.Errorf("%+v", loaded)
	}
}
