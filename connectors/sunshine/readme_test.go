package sunshine_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/sunshine"
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
	for event, level := range sunshine.Factory().Abilities.Inbound {
		row := regexp.MustCompile(`(?m)^\|[^|]*` + "`" + regexp.QuoteMeta(string(event)) + "`" + `[^|]*\|[^|]*\| ` + level.String() + ` \|$`)
		if level > connectors.Dropped && !row.MatchString(text) {
			t.Errorf("no row of a table has %s as %s", event, level)
		}
	}
	for _, setting := range reflect.VisibleFields(reflect.TypeFor[sunshine.Config]()) {
		name, _, _ := strings.Cut(setting.Tag.Get("json"), ",")
		if !regexp.MustCompile("(?m)^\\|[^|]*`" + name + "`").MatchString(text) {
			t.Errorf("no table has the key %s", name)
		}
	}
	source, err := os.ReadFile("api.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range regexp.MustCompile(`"(apple_[a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
		if !strings.Contains(text, "`"+key[1]+"`") {
			t.Errorf("it does not tell of %s", key[1])
		}
	}
}

// TestReadmeSettingsAreRight loads the example, and makes a connector of it.
func TestReadmeSettingsAreRight(t *testing.T) {
	t.Setenv("SUNSHINE_KEY_SECRET", "s3cret")
	t.Setenv("SUNSHINE_WEBHOOK_SECRET", "8564b3e6a8b20a4bdb68b05ce9bc5936")
	example := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(readme(t))[1]
	const head = `
server: {public_url: "https://bridge.example.com"}
keys: [MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=]
apple: {accounts: [{msp_id: 11111111-2222-3333-4444-555555555555, secrets: [c2VjcmV0LW9mLWFwcGxl]}]}
`
	file := filepath.Join(t.TempDir(), "bizbridge.yaml")
	if err := os.WriteFile(file, []byte(head+strings.ReplaceAll("\n"+example, "\n   ", "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := config.Load(file, []config.ConnectorType{sunshine.Factory().ConfigType()})
	if err != nil {
		t.Fatal(err)
	}
	connect(t, loaded.Connectors["desk"].Settings.(*sunshine.Config), nowhere, &strings.Builder{})
}

// TestReadmeLinksLeadSomewhere looks for the files that it links to.
func TestReadmeLinksLeadSomewhere(t *testing.T) {
	for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(readme(t), -1) {
		if strings.HasPrefix(link[1], "https://") {
			continue
		}
		if _, err := os.Stat(link[1]); err != nil {
			t.Error(err)
		}
	}
}
