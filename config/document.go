package config

import (
	"strings"
	"unicode/utf8"

	"bizbridge/config/yamlfile"
)

// Problem is one mistake in a configuration file.
type Problem = yamlfile.Problem

// Problems is every mistake in a file, in the order of its lines.
type Problems = yamlfile.Problems

// format is what makes a YAML file a configuration.
var format = yamlfile.Format{
	Empty: "Start from config/example.yaml.",
	Syntax: func(line string) string {
		if strings.Contains(line, "${") && strings.ContainsAny(line, "[{") {
			return `Put the placeholder in quotes: ["${env:NAME}"].`
		}
		return ""
	},
	TooLarge: "the file nests too deep, or its aliases and placeholders make it far too large",
	Merge:    true,
}

// document is a parsed file: its values as JSON has them (map[string]any,
// []any, string, json.Number, bool, nil), where each of them stands, and the
// problems found so far.
type document struct {
	source *yamlfile.File
	tree   *yamlfile.Node
	root   any
	places map[string]place // by path
	// files names the files that texts are the content of, by path; nil: none are.
	files map[string]string
	// broken holds the paths that have a problem: what is wrong there has been
	// said, so later rules keep quiet about it and all below it.
	broken map[string]bool
}

// place is where a value stands in the file.
type place struct {
	at       yamlfile.Place
	key      *yamlfile.Place // of its key, where it has one
	expanded bool            // its text came from a placeholder
}

// add reports what is wrong with the value at path, unless something has
// already been said of it.
func (d *document) add(path, message, hint string) {
	if d.isBroken(path) {
		return
	}
	d.source.Add(d.nearest(path).at, path, message, hint)
	d.broken[path] = true
}

// addKey is add for a problem of the key rather than of its value.
func (d *document) addKey(path, message, hint string) {
	if d.isBroken(path) {
		return
	}
	place := d.nearest(path)
	at := place.at
	if place.key != nil {
		at = *place.key
	}
	d.source.Add(at, path, message, hint)
	d.broken[path] = true
}

// isBroken tells whether a problem has been found at the path or above it.
func (d *document) isBroken(path string) bool {
	for p := path; ; p = yamlfile.ParentPath(p) {
		if d.broken[p] {
			return true
		}
		if p == "" {
			return false
		}
	}
}

// hasBroken tells whether a problem has been found at the path or below it.
func (d *document) hasBroken(path string) bool {
	if d.isBroken(path) {
		return true
	}
	for p := range d.broken {
		if rest, below := strings.CutPrefix(p, path); below && (rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

// nearest finds the place of a path, or of what would hold it.
func (d *document) nearest(path string) place {
	for p := path; ; p = yamlfile.ParentPath(p) {
		if found, ok := d.places[p]; ok {
			if p != path && found.key != nil { // a missing key is missing from its parent: point at the parent's name
				found.at = *found.key
			}
			return found
		}
		if p == "" {
			return place{at: yamlfile.Place{Line: 1, Column: 1}}
		}
	}
}

// maxExpanded is what placeholders may blow a small file up to.
const maxExpanded = 16 << 20

// builder turns the tree of a file into a document.
type builder struct {
	*document
	resolve resolver
	bytes   int
	tooBig  bool
}

// build reads a document. It is not whole if the file had to be refused for
// what it grows to.
func build(source *yamlfile.File, root *yamlfile.Node, resolve resolver) (d *document, whole bool) {
	b := &builder{
		document: &document{source: source, tree: root, places: map[string]place{}, broken: map[string]bool{}},
		resolve:  resolve,
	}
	b.root = b.value(root)
	return b.document, !b.tooBig
}

// value gives a node without keys that have no value. These count as absent,
// so that a section whose keys are all commented out means its defaults.
func (b *builder) value(n *yamlfile.Node) any {
	b.places[n.Path] = place{at: n.At, key: n.Key}
	if n.Bad {
		b.broken[n.Path] = true
	}
	switch {
	case n.Kind == yamlfile.Mapping:
		values := object{}
		for _, f := range n.Fields {
			if value := b.value(f.Value); value != nil {
				values[f.Name] = value
			}
		}
		return values
	case n.Kind == yamlfile.List:
		items := make([]any, len(n.Items))
		for i, item := range n.Items {
			items[i] = b.value(item)
		}
		return items
	case n.Kind == yamlfile.Text && !n.Bad:
		return b.text(n)
	default:
		return n.Value()
	}
}

// text expands the placeholders of a string.
func (b *builder) text(n *yamlfile.Node) any {
	if file := fileOf(n.Text); file != "" {
		if b.files == nil {
			b.files = map[string]string{}
		}
		b.files[n.Path] = file
		if b.resolve.absent != nil && b.resolve.absent(n.Path) {
			return nil
		}
	}
	expanded, bad := b.resolve.expand(n.Text)
	for _, c := range bad {
		b.source.Report(n, c.message, c.hint)
		b.broken[n.Path] = true
	}
	if !utf8.ValidString(expanded) {
		b.add(n.Path, "the placeholder stands for binary data", "Only text can be used here; encode it as base64.")
		return nil
	}
	if b.bytes += len(expanded); b.bytes > maxExpanded {
		if !b.tooBig {
			b.add(n.Path, format.TooLarge, "Write the values out.")
		}
		b.tooBig = true
		return nil
	}
	b.places[n.Path] = place{at: n.At, key: n.Key, expanded: expanded != n.Text}
	return expanded
}
