package mapping

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestPresets(t *testing.T) {
	if names := Presets(); !slices.Equal(names, []string{"chat", "rasa", "ticket"}) {
		t.Fatalf("presets %v", names)
	}
	if _, err := Preset("rassa"); err == nil || !strings.Contains(err.Error(), `"rasa"`) {
		t.Errorf("error %v, want the name that was meant", err)
	}
	for _, name := range Presets() {
		t.Run(name, func(t *testing.T) {
			if _, err := Preset(name); err != nil {
				t.Fatal(err)
			}
			text, err := PresetSource(name)
			if err != nil {
				t.Fatal(err)
			}
			checkWhole(t, string(text))
			for _, need := range []string{"# Follows: ", "# Not tried here: "} {
				if !bytes.Contains(text, []byte(need)) {
					t.Errorf("the comment has no %q", need)
				}
			}
		})
	}
}

// checkWhole wants a file without warnings, whose tests pass.
func checkWhole(t *testing.T, text string) {
	t.Helper()
	m := load(t, text)
	for _, warning := range m.Warnings() {
		t.Errorf("warning: %s", warning)
	}
	results := m.Test(t.Context())
	if len(results) == 0 {
		t.Error("no tests")
	}
	for _, result := range results {
		if !result.OK {
			t.Errorf("%s:\n%s", result.Name, result.Diff)
		}
	}
}

// TestPresetTestsCanFail breaks each expectation of each preset in turn.
func TestPresetTestsCanFail(t *testing.T) {
	for _, name := range Presets() {
		m, err := Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range m.tests {
			for key, value := range test.expect {
				broken := map[string]any{}
				for k, v := range test.expect {
					broken[k] = v
				}
				switch value := value.(type) {
				case []any:
					broken[key] = value[:len(value)-1]
				case bool:
					broken[key] = !value
				default:
					broken[key] = "something else"
				}
				if len(test.run(t.Context(), m).diff(broken)) == 0 {
					t.Errorf("%s: %s: passes with another %s", name, test.name, key)
				}
			}
		}
	}
}

var fence = regexp.MustCompile("(?ms)^```yaml mapping\n(.*?)^```$")

func TestTheReadmesExampleWorks(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := fence.FindAllSubmatch(readme, -1)
	if len(examples) != 1 {
		t.Fatalf("%d examples, want 1", len(examples))
	}
	checkWhole(t, string(examples[0][1]))
	for _, name := range Presets() {
		if !bytes.Contains(readme, []byte("(presets/"+name+".yaml)")) {
			t.Errorf("the table of presets has no %s", name)
		}
	}
	for name := range functions {
		if !bytes.Contains(readme, []byte("| `"+name+"` |")) {
			t.Errorf("the table of functions has no %s", name)
		}
	}
}
