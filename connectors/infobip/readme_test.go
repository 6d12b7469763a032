package infobip_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"bizbridge/config"
	"bizbridge/connectors/infobip"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks are the code blocks that begin with these words.
func blocks(t *testing.T, info string) []string {
	t.Helper()
	var found []string
	for _, block := range regexp.MustCompile("(?ms)^ *```"+info+"\n(.*?)^ *```$").FindAllStringSubmatch(readme(t), -1) {
		found = append(found, block[1])
	}
	return found
}

func TestReadmeNamesEverythingThereIs(t *testing.T) {
	text := readme(t)
	for event := range infobip.Factory().Abilities.Inbound {
		if !strings.Contains(text, "`"+string(event)+"`") {
			t.Errorf("it does not tell of %s", event)
		}
	}
	for kind := range infobip.Factory().Abilities.Outbound {
		if !strings.Contains(text, "`"+string(kind)+"`") {
			t.Errorf("it does not tell of %s", kind)
		}
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[infobip.Config]()) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("it does not tell of %s", name)
		}
	}
}

func TestReadmeContentsAreRight(t *testing.T) {
	connector := connect(t, "http://127.0.0.1:1")
	n := 0
	for content := range strings.Lines(blocks(t, "json content")[0]) {
		n++
		if outs, err := receive(t, connector, outbound(`{"type":"JSON","json":`+content+`}`)); err != nil || len(outs) != 1 {
			t.Errorf("%s: %v", content, err)
		}
	}
	if n != 4 {
		t.Errorf("%d examples", n)
	}
}

func TestReadmeSettingsAreRight(t *testing.T) {
	for _, name := range []string{"INFOBIP_API_KEY", "INFOBIP_WEBHOOK_SECRET", "INFOBIP_SIGNING_SECRET", "INFOBIP_CLIENT_SECRET"} {
		t.Setenv(name, hunter)
	}
	examples := blocks(t, "yaml")
	if len(examples) != 3 {
		t.Fatalf("%d examples, want 3", len(examples))
	}
	const head = `
server: {public_url: "https://bridge.example.com"}
keys: [MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=]
apple: {accounts: [{msp_id: 11111111-2222-3333-4444-555555555555, secrets: [c2VjcmV0LW9mLWFwcGxl]}]}
`
	const business = "businesses: [{id: aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee, msp_id: 11111111-2222-3333-4444-555555555555, connector: infobip}]\n"
	for i, example := range examples {
		indent := example[:len(example)-len(strings.TrimLeft(example, " "))] // of the list that it stands in
		text := head + strings.ReplaceAll("\n"+example, "\n"+indent, "\n")
		if !strings.Contains(text, "businesses:") {
			text += business
		}
		folder := t.TempDir()
		for file, content := range map[string]string{"bizbridge.yaml": text, "infobip.json": ""} {
			if err := os.WriteFile(filepath.Join(folder, file), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cfg, err := config.Load(filepath.Join(folder, "bizbridge.yaml"), []config.ConnectorType{infobip.Factory().ConfigType()})
		if err != nil {
			t.Errorf("example %d: %v", i+1, err)
			continue
		}
		settings := cfg.Connectors["infobip"].Settings.(*infobip.Config)
		connect(t, "", func(c *infobip.Config) { *c = *settings })
	}
}

// TestReadmeLinksLeadSomewhere looks for the files and headings that it links to.
func TestReadmeLinksLeadSomewhere(t *testing.T) {
	text := readme(t)
	headings := map[string]bool{}
	for _, heading := range regexp.MustCompile("(?m)^##+ (.*)$").FindAllStringSubmatch(text, -1) {
		anchor := regexp.MustCompile("[^a-z0-9 -]").ReplaceAllString(strings.ToLower(heading[1]), "")
		headings["#"+strings.ReplaceAll(anchor, " ", "-")] = true
	}
	for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(text, -1) {
		switch target := link[1]; {
		case strings.HasPrefix(target, "https://"):
		case strings.HasPrefix(target, "#"):
			if !headings[target] {
				t.Errorf("no heading %s", target)
			}
		default:
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%v", err)
			}
		}
	}
}
