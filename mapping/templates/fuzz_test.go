package templates

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
)

// FuzzLoad: no file makes the loader panic or take long, or report a problem without a place; what it accepts can be
// sent with the values that /help shows, and helps.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "examples/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			f.Fatal(pattern, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Add([]byte(allTypes))
	f.Add([]byte(languages))
	f.Fuzz(func(t *testing.T, text []byte) {
		start := time.Now()
		files := newFolder(".")
		files.read = func(path string, _ use) (string, string, string) { // no file of the machine is read
			if strings.HasSuffix(path, ".png") {
				return "AAAA", "", ""
			}
			return "", "the file does not exist", ""
		}
		l := &loader{set: &Set{templates: map[string]*template{}}}
		l.parse("fuzz.yaml", text, files)
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("took %v", took)
		}
		for _, p := range l.problems {
			if p.Line < 1 || p.Column < 1 || p.Message == "" || p.File != "fuzz.yaml" || strings.Contains(p.String(), "\n") {
				t.Errorf("%+v", p)
			}
		}
		if Fatal(l.problems) {
			return
		}
		l.set.Help("")
		for _, name := range l.set.Names() {
			found := l.set.templates[name]
			for language := range found.languages {
				values := found.samples(false)
				if _, failure := l.set.Expand(message.Template{Name: name, Vars: values}, language); failure != nil {
					t.Fatalf("%s in %q with %v: %v", name, language, values, failure)
				}
			}
			line, is, err := ParseLine(found.exampleLine())
			if !is || err != nil || line.Name != name {
				t.Fatalf("%s: %v, %v", found.exampleLine(), is, err)
			}
		}
	})
}
