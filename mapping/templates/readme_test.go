package templates

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"bizbridge/bridge/message"
)

var (
	yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	lineInRow = regexp.MustCompile("(?m)^\\| `(/[^`]*)` \\|")
)

// TestREADME: the templates of the README load, its lines are lines, and its mistake is one.
func TestREADME(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	pixel, err := os.ReadFile("examples/pictures/red.png")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"pictures/red.png": string(pixel)}
	blocks := yamlBlock.FindAllStringSubmatch(string(text), -1)
	for i, block := range blocks {
		files[string(rune('a'+i))+".yaml"] = block[1]
	}
	s, problems := Load([]string{"*.yaml"}, write(t, files))
	if len(problems) > 0 || len(blocks) != 3 {
		t.Fatal(len(blocks), lines(problems))
	}
	rows := lineInRow.FindAllStringSubmatch(string(text), -1)
	if len(rows) != 6 {
		t.Fatalf("%d lines", len(rows))
	}
	for _, row := range rows {
		line, is, err := ParseLine(row[1])
		if escaped := strings.HasPrefix(row[1], "//"); is == escaped || err != nil {
			t.Errorf("%s: %v, %v", row[1], is, err)
		} else if escaped && Unescape(row[1]) != row[1][1:] {
			t.Errorf("%s is not escaped", row[1])
		} else if is && line.Name != helpName {
			if _, failure := s.Expand(line.Template(), ""); failure != nil {
				t.Error(failure)
			}
		}
	}
	_, problems = Load([]string{"hours.yaml"}, write(t, map[string]string{"hours.yaml": strings.Replace(blocks[0][1], "required", "requird", 1)}))
	const want = `hours.yaml:5:29: unknown key "requird". Did you mean "required"?`
	if got := lines(problems); !strings.Contains(got, want) || !strings.Contains(string(text), want) {
		t.Errorf("got %s", got)
	}
	_, failure := s.Expand(message.Template{Name: "opening-hours", Vars: map[string]any{"store": strings.Repeat("x", 51)}}, "")
	if fault := failure.Faults[0]; fault.Pointer != "/data/content/vars/store" || fault.Message != "has 51 characters; at most 40 are possible" {
		t.Errorf("got %+v", fault)
	}
}
