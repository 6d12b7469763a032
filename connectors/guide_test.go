package connectors_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The connector of the guide compiles, and go vet has nothing to say.
func TestTheConnectorOfTheGuideCompiles(t *testing.T) {
	guide, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```go\n(package mydesk.*?)```").FindSubmatch(guide)
	if block == nil {
		t.Fatal("the guide has no connector")
	}
	dir := t.TempDir()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	for name, content := range map[string][]byte{"mydesk.go": block[1], "config.schema.json": []byte("{}")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(here, "mydesk", name)] = filepath.Join(dir, name)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.Command("go", "build", "-overlay", path, "./mydesk").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

// The guide names every optional interface, and every helpdesk has a page.
func TestTheGuideNamesEveryInterface(t *testing.T) {
	guide, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("connector.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile(`type ([A-Z]\w+) interface \{\n\tConnector\n`).FindAllSubmatch(source, -1) {
		if name := string(found[1]); name != "SelfTester" && !strings.Contains(string(guide), "`"+name+"`") {
			t.Errorf("it does not name %s", name)
		}
	}
}
