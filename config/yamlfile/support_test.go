package yamlfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// read reads a file that may have problems.
func read(text string, format Format) (*Node, []string) {
	f := &File{Name: "f.yaml", Format: format}
	root := f.Read([]byte(text))
	var lines []string
	for _, p := range f.Problems.Sorted() {
		lines = append(lines, strings.TrimPrefix(p.String(), "f.yaml:"))
	}
	return root, lines
}

func same(t *testing.T, name string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func stairs(steps int) string {
	var text strings.Builder
	for i := range steps {
		text.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return text.String()
}
