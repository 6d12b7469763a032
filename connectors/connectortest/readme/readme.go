// Package readme tests the README in the folder of a test: that it leaves nothing out, and that its examples and links work.
package readme

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors"
)

// Text is the README.
func Text(t testing.TB) string {
	t.Helper()
	return read(t, "README.md")
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Blocks are the code blocks with an info string, such as "json content", without the indent of a list that they stand in.
func Blocks(t testing.TB, info string) []string {
	t.Helper()
	var found []string
	for _, block := range regexp.MustCompile("(?ms)^( *)```"+regexp.QuoteMeta(info)+"\n(.*?)^ *```$").FindAllStringSubmatch(Text(t), -1) {
		found = append(found, strings.ReplaceAll("\n"+block[2], "\n"+block[1], "\n")[1:])
	}
	if len(found) == 0 {
		t.Fatalf("the README has no block of %s", info)
	}
	return found
}

// Tells checks that names stand in it as code.
func Tells[S ~string](t testing.TB, names ...S) {
	t.Helper()
	text := Text(t)
	for _, name := range names {
		if !strings.Contains(text, "`"+string(name)+"`") {
			t.Errorf("the README does not tell of %s", name)
		}
	}
}

// HasKeys checks that a table has every key of the settings of a connector in its first column.
func HasKeys(t testing.TB, settings any) {
	t.Helper()
	text := Text(t)
	for _, setting := range reflect.VisibleFields(reflect.TypeOf(settings)) {
		name, _, _ := strings.Cut(setting.Tag.Get("json"), ",")
		if !setting.Anonymous && !regexp.MustCompile("(?m)^\\|[^|\n]*`"+regexp.QuoteMeta(name)+"`").MatchString(text) {
			t.Errorf("no table of the README has the key %s", name)
		}
	}
}

// HasLevels checks that a table has every event in its first column, and how well it is shown in its last.
func HasLevels(t testing.TB, events map[message.EventType]connectors.Level) {
	t.Helper()
	text := Text(t)
	for event, level := range events {
		row := regexp.MustCompile("(?m)^\\|[^|\n]*`" + regexp.QuoteMeta(string(event)) + "`[^|\n]*\\|.*\\| " + level.String() + " \\|$")
		if level > connectors.Dropped && !row.MatchString(text) {
			t.Errorf("no table of the README has %s as %s", event, level)
		}
	}
}

// head is what every configuration has beside connectors and businesses.
const head = `
server: {public_url: "https://bridge.example.com"}
keys: [MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=]
apple: {accounts: [{msp_id: 11111111-2222-3333-4444-555555555555, secrets: [c2VjcmV0LW9mLWFwcGxl]}]}
`

var (
	firstConnector = regexp.MustCompile(`(?m)^connectors:\n  (\w+):`)
	variable       = regexp.MustCompile(`\$\{env:([A-Z_]+)\}`)
)

// Load loads an example as part of a whole configuration. What it leaves out is added: a business of its first connector,
// and secrets for the variables that the test has not set. Files lie beside the configuration, in the folder.
func Load(t testing.TB, example string, files map[string]string, kinds ...config.ConnectorType) (loaded *config.Config, folder string) {
	t.Helper()
	for _, name := range variable.FindAllStringSubmatch(example, -1) {
		if os.Getenv(name[1]) == "" {
			t.Setenv(name[1], "secret-of-"+name[1])
		}
	}
	text := head + example
	if first := firstConnector.FindStringSubmatch(example); first != nil && !strings.Contains(example, "businesses:") {
		text += "businesses: [{id: aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee, msp_id: 11111111-2222-3333-4444-555555555555, connector: " + first[1] + "}]\n"
	}
	folder = t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, content := range files {
		write(name, content)
	}
	loaded, err := config.Load(write("bizbridge.yaml", text), kinds)
	if err != nil {
		t.Fatalf("the README's example: %v\n%s", err, example)
	}
	return loaded, folder
}

// LinksLeadSomewhere looks for the files and headings that it links to.
func LinksLeadSomewhere(t testing.TB) {
	t.Helper()
	for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(Text(t), -1) {
		path, heading, inside := strings.Cut(link[1], "#")
		switch {
		case strings.HasPrefix(link[1], "https://"):
			continue
		case path == "":
			path = "README.md"
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("a link of the README leads nowhere: %v", err)
		} else if inside && !hasHeading(read(t, path), heading) {
			t.Errorf("%s has no heading #%s", path, heading)
		}
	}
}

func hasHeading(text, anchor string) bool {
	for _, heading := range regexp.MustCompile("(?m)^##* (.*)$").FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N}_ -]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		if strings.ReplaceAll(name, " ", "-") == anchor {
			return true
		}
	}
	return false
}
