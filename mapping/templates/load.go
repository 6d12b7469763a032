package templates

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bizbridge/bridge/message"
	"bizbridge/config/yamlfile"
)

// Set is the templates of a configuration. It does not change, and may be used by many at once. The zero value has none.
type Set struct {
	templates map[string]*template
	files     []string
}

// Names lists the templates.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.templates)) }

// Files lists what the set was read from, pictures included: whoever reloads on changes watches these.
func (s *Set) Files() []string { return s.files }

type template struct {
	name, description string
	vars              []*variable
	languages         map[string]*element // by locale in lower case with "-"; "": all others
	place             string              // file:line
}

const (
	maxFiles     = 1000
	maxTemplates = 5000
)

// helpName is taken by the agents' command.
const helpName = "help"

// PreparePicture makes of a picture what the phone shows, of which an icon is smaller. The text of an error goes behind
// "it": "is damaged".
type PreparePicture func(picture []byte, icon bool) (png []byte, err error)

// Option changes how templates are loaded.
type Option func(*loader)

// WithPictures prepares the pictures while the templates are loaded, and not each time that they are sent: those that
// cannot be shown are problems then. Without it a picture only has to look like one.
func WithPictures(prepare PreparePicture) Option { return func(l *loader) { l.prepare = prepare } }

// Load reads the templates of all files that the patterns name, relative to base: the folder of the configuration. It
// tells every problem at once; the set is nil if one of them is more than a warning.
func Load(patterns []string, base string, options ...Option) (*Set, []Problem) {
	l := &loader{set: &Set{templates: map[string]*template{}}}
	for _, option := range options {
		option(l)
	}
	for _, path := range l.match(patterns, base) {
		l.file(path)
	}
	problems := l.problems.Sorted()
	if Fatal(problems) {
		return nil, problems
	}
	return l.set, problems
}

type loader struct {
	set      *Set
	problems yamlfile.Problems
	prepare  PreparePicture
}

// match gives the files, each once.
func (l *loader) match(patterns []string, base string) []string {
	var paths []string
	complain := func(file, message, hint string, warning bool) {
		l.problems = append(l.problems, Problem{File: file, Line: 1, Column: 1, Message: message, Hint: hint, Warning: warning})
	}
	for _, pattern := range patterns {
		full := pattern
		if !filepath.IsAbs(pattern) {
			full = filepath.Join(literal(base), filepath.FromSlash(pattern))
		}
		found, err := filepath.Glob(full)
		switch {
		case err != nil:
			complain(pattern, "this is not a pattern of file names", `"*" stands for any part of a name, "[ab]" for one of the letters.`, false)
		case len(found) == 0 && strings.ContainsAny(pattern, "*?["):
			complain(pattern, "no file has such a name", "Patterns are relative to the configuration file.", true)
		case len(found) == 0:
			complain(pattern, "the file does not exist", "Paths are relative to the configuration file.", false)
		}
		paths = append(paths, found...)
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	if len(paths) > maxFiles {
		complain(paths[maxFiles], fmt.Sprintf("there are %d files of templates; at most %d are possible", len(paths), maxFiles), "Is the pattern too wide?", false)
		paths = paths[:maxFiles]
	}
	return paths
}

// literal makes a folder's name a pattern for itself.
func literal(folder string) string {
	if filepath.Separator == '\\' { // there, patterns cannot escape
		return folder
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(folder)
}

func (l *loader) file(path string) {
	l.set.files = append(l.set.files, path)
	text, err := readFile(path)
	if err != nil {
		l.problems = append(l.problems, Problem{File: path, Line: 1, Column: 1, Message: "the file " + err.Error()})
		return
	}
	files := newFolder(filepath.Dir(path))
	files.prepare = l.prepare
	defer files.close()
	l.parse(path, text, files)
	for file := range files.seen {
		l.set.files = append(l.set.files, filepath.Join(files.path, filepath.FromSlash(file.path)))
	}
	slices.Sort(l.set.files)
	l.set.files = slices.Compact(l.set.files)
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return nil, errors.New("is not a file of text")
	}
	file, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("does not exist")
	case errors.Is(err, fs.ErrPermission):
		return nil, errors.New("may not be read by this user")
	case err != nil:
		return nil, errors.New("cannot be read")
	}
	defer func() { _ = file.Close() }()
	text, err := readBounded(file, yamlfile.MaxFile)
	if errors.Is(err, errSize) {
		return nil, fmt.Errorf("is larger than %d bytes", yamlfile.MaxFile)
	} else if err != nil {
		return nil, errors.New("cannot be read")
	}
	return text, nil
}

// parse reads the templates of one file.
func (l *loader) parse(path string, text []byte, files *folder) {
	s := &source{yamlfile.File{Name: path, Format: format}}
	defer func() { l.problems = append(l.problems, s.Problems...) }()
	root := s.Read(text)
	if root == nil || !s.is(root, yamlfile.Mapping) {
		return
	}
	s.keys(root, "templates")
	list := root.Given("templates")
	if list == nil && len(s.Problems) > 0 { // the name is misspelt
		return
	} else if list == nil {
		s.Report(root, "the file has no templates", `It begins with "templates:", and each template has its name below.`)
		return
	}
	if !s.is(list, yamlfile.Mapping) {
		return
	}
	for _, f := range list.Fields {
		l.add(s, f, files)
	}
}

func (l *loader) add(s *source, f field, files *folder) {
	known := l.set.templates[f.Name]
	switch {
	case !message.TemplateName.MatchString(f.Name):
		s.Add(f.At, f.Value.Path, fmt.Sprintf("%q cannot be the name of a template", yamlfile.OneLine(f.Name)), "Use lower-case letters, digits, - and _, at most 64.")
	case f.Name == helpName:
		s.Add(f.At, f.Value.Path, `no template can have the name "help"`, "/help lists the templates.")
	case known != nil:
		s.Add(f.At, f.Value.Path, fmt.Sprintf("there are two templates %q", f.Name), "The other stands in "+known.place+".")
	case len(l.set.templates) == maxTemplates:
		s.Add(f.At, f.Value.Path, fmt.Sprintf("there are more than %d templates", maxTemplates), "")
	default:
		l.set.templates[f.Name] = s.template(f, files)
	}
}

// template reads one. What is wrong in it is reported.
func (s *source) template(f field, files *folder) *template {
	n := f.Value
	t := &template{name: f.Name, languages: map[string]*element{}, place: fmt.Sprintf("%s:%d", s.Name, f.At.Line)}
	if n.Kind == yamlfile.Null {
		s.reportKey(n, fmt.Sprintf("the template %q is empty", f.Name), `It needs "content" or "languages".`)
		return t
	}
	if !s.is(n, yamlfile.Mapping) {
		return t
	}
	s.keys(n, "description", "vars", "content", "languages")
	t.description = s.description(n)
	t.vars = s.variables(n.Given("vars"))
	c := &compiler{source: s, files: files, vars: t.vars, used: map[string]bool{}}
	c.contents(t, n)
	if s.hasFault(n.Path) {
		return t // trying it would only repeat what has been said
	}
	for _, v := range t.vars {
		if !c.used[v.name] {
			s.warn(v.at, fmt.Sprintf("the variable %q is used nowhere", v.name), fmt.Sprintf("Write {{%s}} where it belongs, or take it away.", v.name))
		}
	}
	for _, language := range slices.Sorted(maps.Keys(t.languages)) {
		s.try(t, t.languages[language])
	}
	return t
}

// hasFault tells whether something is wrong below a path.
func (s *source) hasFault(path string) bool {
	return slices.ContainsFunc(s.Problems, func(p Problem) bool {
		return !p.Warning && (p.Path == path || strings.HasPrefix(p.Path, path+"."))
	})
}

// contents reads the content, or that of each language.
func (c *compiler) contents(t *template, n *node) {
	single, several := n.Given("content"), n.Given("languages")
	switch {
	case single != nil && several != nil:
		c.reportKey(single, `"content" and "languages" cannot stand side by side`, `Move the content to languages.default.content.`)
	case single != nil:
		c.language(t, "", single)
	case several == nil:
		c.reportKey(n, fmt.Sprintf("the template %q has no content", t.name), `It needs "content" or "languages".`)
	case c.is(several, yamlfile.Mapping):
		c.languages(t, several)
	}
}

func (c *compiler) languages(t *template, n *node) {
	for _, f := range n.Fields {
		name := ""
		if f.Name != "default" {
			if name = normalLocale(f.Name); name == "" {
				c.Add(f.At, f.Value.Path, fmt.Sprintf("%q is not a language", yamlfile.OneLine(f.Name)), "Write default, or a language and perhaps a country: de, de_AT.")
				continue
			}
		}
		if t.languages[name] != nil {
			c.Add(f.At, f.Value.Path, fmt.Sprintf("%s stands here twice", f.Name), "")
			continue
		}
		if f.Value.Kind != yamlfile.Mapping {
			c.reportKey(f.Value, fmt.Sprintf("%s must be a mapping with content", f.Name), "")
			t.languages[name] = &element{at: f.Value} // said: it is not missing
			continue
		}
		c.keys(f.Value, "content")
		if content := f.Value.Given("content"); content == nil {
			c.reportKey(f.Value, f.Name+" has no content", "")
		} else {
			c.language(t, name, content)
		}
	}
	if n.Given("default") == nil {
		c.reportKey(n, `"languages" has no default`, "Customers with any other language get it.")
	}
}

// language reads one content.
func (c *compiler) language(t *template, name string, n *node) {
	t.languages[name] = &element{at: n}
	if !c.is(n, yamlfile.Mapping) {
		return
	}
	switch kind := n.Given("kind"); {
	case kind == nil:
		c.reportKey(n, "the content has no kind", "Write kind: quick_reply, list_picker, time_picker, form, rich_link or text.")
		return
	case !c.is(kind, yamlfile.Text):
		return
	case strings.Contains(kind.Text, "{{"):
		c.Report(kind, "the kind cannot have variables", "")
		return
	case kind.Text == string(message.KindTemplate) || kind.Text == string(message.KindTyping):
		c.Report(kind, fmt.Sprintf("a template cannot be of kind %q", kind.Text), "")
		return
	case !slices.Contains(message.Kinds, message.Kind(kind.Text)):
		c.Report(kind, fmt.Sprintf("unknown kind %q", yamlfile.OneLine(kind.Text)), yamlfile.Suggest(kind.Text, usableKinds(), "Possible"))
		return
	}
	t.languages[name] = c.compile(n)
}

func usableKinds() []string {
	var list []string
	for _, kind := range message.Kinds {
		if kind != message.KindTemplate && kind != message.KindTyping {
			list = append(list, string(kind))
		}
	}
	return list
}
