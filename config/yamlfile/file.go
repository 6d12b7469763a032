// Package yamlfile reads the YAML files that people write for the bridge to a tree that knows the place of each value,
// and reports every mistake in them as "file:line:column: problem. hint". It bounds what a file can cost. What the
// values mean is the business of its users: the configuration, mappings, templates.
package yamlfile

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
)

const (
	// What aliases may blow a small file up to.
	maxNodes = 50_000
	maxDepth = 50
)

// Format is what the formats of files differ in.
type Format struct {
	// Empty is the hint for a file in which nothing stands.
	Empty string
	// Syntax is the hint for a line that is no YAML; "": nothing is known of it.
	Syntax func(line string) string
	// TooLarge is the problem of a file that grows too large, if more than aliases can make it so.
	TooLarge string
	// Merge has mappings take over others: "<<: *name".
	Merge bool
	// ShowPath is set in all problems.
	ShowPath bool
}

// File is a file while it is being read.
type File struct {
	Name     string
	Format   Format
	Lines    []string // of the text, once it has been read
	Problems Problems
}

// Add reports a problem.
func (f *File) Add(at Place, path, message, hint string) {
	f.Problems = append(f.Problems, Problem{
		File: f.Name, Line: at.Line, Column: at.Column, Path: path, Message: message, Hint: hint, ShowPath: f.Format.ShowPath,
	})
}

// Report adds a problem of a value.
func (f *File) Report(n *Node, message, hint string) { f.Add(n.At, n.Path, message, hint) }

// Read parses the text to its tree. It is nil, and the problem reported, if the text is no YAML or has to be refused
// for what it grows to.
func (f *File) Read(text []byte) *Node {
	body := f.parse(text)
	if body == nil {
		return nil
	}
	r := &reader{File: f, anchors: map[string]ast.Node{}}
	root := r.node("", body, nil)
	if r.tooLarge {
		return nil
	}
	return root
}

// reader turns the syntax tree into nodes.
type reader struct {
	*File
	anchors  map[string]ast.Node // nil while the anchor's own value is being read
	nodes    int
	depth    int
	tooLarge bool
}

// enter counts a step down, and tells whether it may be made.
func (r *reader) enter(at Place, path string) bool {
	r.nodes++
	r.depth++
	if r.nodes <= maxNodes && r.depth <= maxDepth {
		return true
	}
	if !r.tooLarge {
		r.Add(at, path, cmp.Or(r.Format.TooLarge, "the file nests too deep, or its aliases make it far too large"), "Write the values out.")
	}
	r.tooLarge = true
	return false
}

// node reads one value. What cannot be read is nothing, and reported.
func (r *reader) node(path string, syntax ast.Node, key *Place) *Node {
	n := &Node{Path: path, At: placeOf(syntax), Key: key, Kind: Null}
	defer func() { r.depth-- }()
	if !r.enter(n.At, path) {
		return n
	}
	switch syntax := syntax.(type) {
	case *ast.MappingNode:
		n.Kind = Mapping
		r.fields(n, map[string]int{}, syntax.Values, true)
	case *ast.MappingValueNode:
		n.Kind = Mapping
		r.fields(n, map[string]int{}, []*ast.MappingValueNode{syntax}, true)
	case *ast.SequenceNode:
		n.Kind = List
		for i, item := range syntax.Values {
			n.Items = append(n.Items, r.node(ItemPath(path, i), item, nil))
		}
	case *ast.AnchorNode:
		name := syntax.Name.GetToken().Value
		r.anchors[name] = nil
		value := r.node(path, syntax.Value, key)
		r.anchors[name] = syntax.Value
		return value
	case *ast.AliasNode: // its places and problems are those of the line that holds the value
		target := r.target(path, syntax)
		if target == nil {
			n.Bad = true
			return n
		}
		return r.node(path, target, key)
	default:
		r.scalar(n, syntax)
	}
	return n
}

// target finds what an alias stands for; nil if nothing, and reported.
func (r *reader) target(path string, alias *ast.AliasNode) ast.Node {
	name := alias.Value.GetToken().Value
	target, known := r.anchors[name]
	switch {
	case target != nil:
		return target
	case known && r.Format.Merge: // mappings that take over themselves are a mistake of its own
		r.Add(placeOf(alias), path, fmt.Sprintf("alias *%s lies inside its own anchor", OneLine(name)), "Write the value out.")
	default:
		r.Add(placeOf(alias), path, fmt.Sprintf("alias *%s has no anchor above it", OneLine(name)), fmt.Sprintf("Mark a value with &%s first.", OneLine(name)))
	}
	return nil
}

// JSONNumber is how JSON writes numbers. Others of YAML are rewritten; these keep every digit.
var JSONNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$`)

func (r *reader) scalar(n *Node, syntax ast.Node) {
	number := func(formatted string) {
		n.Kind, n.Text = Number, formatted
		if written := syntax.GetToken().Value; JSONNumber.MatchString(written) {
			n.Text = written
		}
	}
	switch syntax := syntax.(type) {
	case *ast.NullNode:
	case *ast.BoolNode:
		n.Kind, n.Flag = Boolean, syntax.Value
	case *ast.IntegerNode:
		number(fmt.Sprint(syntax.Value))
	case *ast.FloatNode:
		number(strconv.FormatFloat(syntax.Value, 'g', -1, 64))
	case *ast.StringNode:
		n.Kind, n.Text = Text, syntax.Value
	case *ast.LiteralNode:
		n.Kind, n.Text = Text, syntax.Value.Value
	case *ast.TagNode:
		r.refuse(n, "YAML tags have no meaning here", "Remove the tag; put text in quotes.")
	default: // infinity, not-a-number
		r.refuse(n, "this value has no meaning here", "")
	}
	if !utf8.ValidString(n.Text) { // an escape can spell half a character
		r.refuse(n, "this text is not Unicode", "Write the characters out.")
		n.Text = strings.ToValidUTF8(n.Text, "\uFFFD")
	}
}

func (r *reader) refuse(n *Node, message, hint string) {
	r.Report(n, message, hint)
	n.Bad = true
}

// fields reads the keys of a mapping, and then those that it takes over. lines has the keys that are taken.
func (r *reader) fields(n *Node, lines map[string]int, pairs []*ast.MappingValueNode, own bool) {
	var merges []ast.Node
	for _, pair := range pairs {
		if pair.Key.IsMergeKey() && r.Format.Merge {
			merges = append(merges, pair.Value)
			continue
		}
		key, ok := r.keyName(n.Path, pair.Key)
		if !ok {
			continue
		}
		at := placeOf(pair.Key)
		switch first, taken := lines[key]; {
		case !taken:
			lines[key] = at.Line
			n.Fields = append(n.Fields, Field{key, at, r.node(KeyPath(n.Path, key), pair.Value, &at)})
		case own:
			r.Add(at, KeyPath(n.Path, key), fmt.Sprintf("duplicate key %q", Clip(key)), fmt.Sprintf("It stands in line %d already.", first))
		}
	}
	for _, source := range merges {
		r.merge(n, lines, source)
	}
}

func (r *reader) keyName(path string, key ast.MapKeyNode) (string, bool) {
	switch key.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		if !key.IsMergeKey() {
			return key.GetToken().Value, true
		}
	}
	r.Add(placeOf(key), path, "a key must be plain text", "Write the keys out; aliases stand for whole values only.")
	return "", false
}

// merge reads "<<: *alias" or "<<: [*a, *b]": keys that the mapping has itself win. Anchors that name each other could go
// on for ever.
func (r *reader) merge(n *Node, lines map[string]int, source ast.Node) {
	at := placeOf(source)
	defer func() { r.depth-- }()
	if !r.enter(n.At, n.Path) {
		return
	}
	switch s := source.(type) {
	case *ast.SequenceNode:
		for _, item := range s.Values {
			r.merge(n, lines, item)
		}
		return
	case *ast.AliasNode:
		if source = r.target(n.Path, s); source == nil {
			n.Bad = true
			return
		}
	case *ast.AnchorNode:
		r.anchors[s.Name.GetToken().Value] = s.Value
		source = s.Value
	}
	if taken, ok := source.(*ast.MappingNode); ok {
		r.fields(n, lines, taken.Values, false)
	} else {
		r.Add(at, n.Path, `"<<" takes a mapping`, `Write "<<: *name", where &name marks a mapping.`)
	}
}
