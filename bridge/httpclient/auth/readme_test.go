package auth

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"testing"

	"github.com/goccy/go-yaml"
)

// Every piece of configuration in the README is valid, and every kind has one.
func TestTheREADMEIsRight(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1) {
		source := regexp.MustCompile(`\$\{env:[A-Z_]+\}`).ReplaceAll(block[1], []byte("x"))
		source = regexp.MustCompile(`\$\{file:[^}]+\}`).ReplaceAll(source, []byte(`""`))
		data, err := yaml.YAMLToJSON(source)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		var file struct {
			Auth []Settings `json:"auth"`
		}
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&file); err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		for _, fault := range faults(file.Auth...) {
			t.Errorf("%s: %v", source, fault)
		}
		for _, s := range file.Auth {
			shown[s.Kind] = true
		}
	}
	for _, kind := range kinds() {
		if !shown[kind] {
			t.Errorf("%s has no example", kind)
		}
	}
}
