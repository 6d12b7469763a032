package templates

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/message"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func lines(problems []Problem) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(p.String() + "\n")
	}
	return b.String()
}

// set loads templates that are valid.
func set(t testing.TB, text string) *Set {
	t.Helper()
	s, problems := Load([]string{"t.yaml"}, write(t, map[string]string{"t.yaml": text}))
	if len(problems) > 0 {
		t.Fatal(lines(problems))
	}
	return s
}

// write makes a folder with files.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// TestMistakes has one file per kind of mistake in testdata, and beside it what the loader says of it.
func TestMistakes(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	for _, path := range paths {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			s, problems := Load([]string{name}, "testdata")
			if (s == nil) != Fatal(problems) {
				t.Errorf("a set: %v, but %v", s != nil, problems)
			}
			if strings.HasPrefix(name, "ok-") {
				if len(problems) > 0 {
					t.Error(lines(problems))
				}
				return
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".txt", lines(problems))
		})
	}
}

// TestPatterns: relative to the folder of the configuration, each file once, and what is missing is told.
func TestPatterns(t *testing.T) {
	t.Parallel()
	base := write(t, map[string]string{
		"[a]/a.yaml":     "templates: {a: {content: {kind: text, text: a}}}",
		"[a]/b.yaml":     "templates: {b: {content: {kind: text, text: b}}}",
		"[a]/b.txt":      "no",
		"[a]/sub/c.yaml": "templates: {a: {content: {kind: text, text: a}}}",
	}) + "/[a]"
	cases := map[string]struct {
		patterns []string
		names    []string
		want     string
	}{
		"none":           {nil, nil, ""},
		"all, and twice": {[]string{"./*.yaml", "a.yaml", base[:len(base)-4] + "/?a]/a.yaml"}, []string{"a", "b"}, ""},
		"above":          {[]string{"../?a]/a.yaml"}, []string{"a"}, ""},
		"no match":       {[]string{"*.yml"}, nil, "*.yml:1:1: warning: no file has such a name. Patterns are relative to the configuration file.\n"},
		"no file":        {[]string{"z.yaml"}, nil, "z.yaml:1:1: the file does not exist. Paths are relative to the configuration file.\n"},
		"no pattern":     {[]string{"[a.yaml"}, nil, "[a.yaml:1:1: this is not a pattern of file names. \"*\" stands for any part of a name, \"[ab]\" for one of the letters.\n"},
		"a folder":       {[]string{"sub"}, nil, base + "/sub:1:1: the file is not a file of text.\n"},
		"same name":      {[]string{"*/c.yaml", "*.yaml"}, nil, base + "/sub/c.yaml:1:13: there are two templates \"a\". The other stands in " + base + "/a.yaml:1.\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, problems := Load(c.patterns, base)
			if got := lines(problems); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			if s == nil {
				s = &Set{}
			}
			if diff := cmp.Diff(c.names, s.Names()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestFolderIsTheLimit: neither a link nor a pipe leads out of the folder of the templates, and large files stay out.
func TestFolderIsTheLimit(t *testing.T) {
	t.Parallel()
	pixel, err := os.ReadFile("testdata/pixel.png")
	if err != nil {
		t.Fatal(err)
	}
	const content = "templates: {a: {content: {kind: rich_link, url: 'https://example.com/', image: {file: FILE}}}}"
	base := write(t, map[string]string{
		"secret.png":   string(pixel),
		"in/inner.png": string(pixel),
		"in/large.png": string(pixel) + strings.Repeat("\x00", MaxPicture),
		"in/empty.png": "",
		"in/fits.png":  string(pixel) + strings.Repeat("\x00", MaxPicture-len(pixel)),
	})
	for link, target := range map[string]string{"out.png": "../secret.png", "absolute.png": base + "/secret.png", "inside.png": "inner.png"} {
		if err := os.Symlink(target, filepath.Join(base, "in", link)); err != nil {
			t.Skip(err)
		}
	}
	for file, want := range map[string]string{
		"inner.png": "", "./inner.png": "", "inside.png": "", "fits.png": "",
		"out.png": "cannot be read", "absolute.png": "cannot be read", "../secret.png": "is not in the folder",
		"large.png": "is larger than", "empty.png": "is empty",
	} {
		path := strings.NewReplacer("/", "_").Replace(file) + ".yaml"
		if err := os.WriteFile(filepath.Join(base, "in", path), []byte(strings.Replace(content, "FILE", file, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		_, problems := Load([]string{"in/" + path}, base)
		if want == "" && len(problems) > 0 || want != "" && !strings.Contains(lines(problems), want) {
			t.Errorf("%s: %v, want %q", file, problems, want)
		}
	}
}

// TestExamples: the library in examples is valid, in both languages, and says what the expansion of it is.
func TestExamples(t *testing.T) {
	t.Parallel()
	s, problems := Load([]string{"*.yaml"}, "examples")
	if len(problems) > 0 {
		t.Fatal(lines(problems))
	}
	want := map[string]message.Kind{
		"appointment": message.KindTimePicker, "ask": message.KindQuickReply, "mugs": message.KindListPicker,
		"opening-hours": message.KindQuickReply, "order-status": message.KindQuickReply, "survey": message.KindForm,
		"payment": message.KindPayment, "order": message.KindPayment,
	}
	if len(s.Names()) != len(want) {
		t.Errorf("got %v", s.Names())
	}
	var all strings.Builder
	all.WriteString(s.Help("") + "\n")
	for _, name := range s.Names() {
		help := s.Help(name)
		all.WriteString("\n" + help + "\n")
		_, example, _ := strings.Cut(help, "\nExample: ")
		line, is, err := ParseLine(example)
		if !is || err != nil {
			t.Fatalf("%s: %v, %v", example, is, err)
		}
		texts := map[string]bool{}
		for _, locale := range []string{"en_US", "de_DE"} {
			content, failure := s.Expand(line.Template(), locale)
			if failure != nil {
				t.Fatalf("%s: %v", example, failure)
			}
			if content.Kind() != want[name] {
				t.Errorf("%s: got %s", name, content.Kind())
			}
			texts[asJSON(t, content)] = true
		}
		if len(texts) != 2 && name != "ask" {
			t.Errorf("%s: German is English", name)
		}
	}
	golden(t, "testdata/help.txt", all.String())
	content, _ := s.Expand(message.Template{Name: "mugs"}, "")
	for _, image := range content.(message.ListPicker).Images {
		if !strings.HasPrefix(image.Data, "iVBORw0KGgo") {
			t.Errorf("%s: got %.20q", image.ID, image.Data)
		}
	}
	wantFiles := []string{"appointment.yaml", "payment.yaml", "pictures/blue.png", "pictures/red.png", "products.yaml", "service.yaml", "survey.yaml"}
	for i, name := range wantFiles {
		wantFiles[i] = filepath.Join("examples", name)
	}
	if diff := cmp.Diff(wantFiles, s.Files()); diff != "" {
		t.Error(diff)
	}
}
