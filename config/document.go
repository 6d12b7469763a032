package config

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// document is a parsed file: its values as JSON has them (map[string]any,
// []any, string, json.Number, bool, nil), where each of them stands, and the
// problems found so far.
type document struct {
	file     string
	root     any
	places   map[string]place // by path
	problems Problems
	// broken holds the paths that have a problem: what is wrong there has been
	// said, so later rules keep quiet about it and all below it.
	broken map[string]bool
}

// place is where a value stands in the file.
type place struct {
	line, column int
	key          *token.Position // of its key, where it has one
	expanded     bool            // its text came from a placeholder
}

// add reports what is wrong with the value at path, unless something has
// already been said of it.
func (d *document) add(path, message, hint string) {
	if d.isBroken(path) {
		return
	}
	at := d.nearest(path)
	d.addAt(token.Position{Line: at.line, Column: at.column}, path, message, hint)
	d.broken[path] = true
}

// addKey is add for a problem of the key rather than of its value.
func (d *document) addKey(path, message, hint string) {
	if d.isBroken(path) {
		return
	}
	at := d.nearest(path)
	position := token.Position{Line: at.line, Column: at.column}
	if at.key != nil {
		position = *at.key
	}
	d.addAt(position, path, message, hint)
	d.broken[path] = true
}

func (d *document) addAt(at token.Position, path, message, hint string) {
	d.problems = append(d.problems, Problem{File: d.file, Line: at.Line, Column: at.Column, Path: path, Message: message, Hint: hint})
}

// isBroken tells whether a problem has been found at the path or above it.
func (d *document) isBroken(path string) bool {
	for p := path; ; p = parentPath(p) {
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
	for p := path; ; p = parentPath(p) {
		if at, ok := d.places[p]; ok {
			if p != path && at.key != nil { // a missing key is missing from its parent: point at the parent's name
				at.line, at.column = at.key.Line, at.key.Column
			}
			return at
		}
		if p == "" {
			return place{line: 1, column: 1}
		}
	}
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// keyPath is the path of a key of the mapping at path.
func keyPath(path, key string) string {
	switch {
	case !plainKey.MatchString(key):
		return path + "[" + strconv.Quote(clip(key)) + "]"
	case path == "":
		return clip(key)
	default:
		return path + "." + clip(key)
	}
}

func itemPath(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// parentPath cuts the last step off a path.
func parentPath(path string) string {
	if quoted := strings.LastIndex(path, `["`); quoted >= 0 && strings.HasSuffix(path, `"]`) {
		return path[:quoted]
	}
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

const (
	// What aliases and placeholders may blow a small file up to.
	maxNodes    = 50_000
	maxExpanded = 16 << 20
	maxDepth    = 50
)

// builder turns the syntax tree into a document.
type builder struct {
	*document
	resolve resolver
	anchors map[string]ast.Node // nil while the anchor's own value is being read
	nodes   int
	depth   int
	bytes   int
	tooBig  bool
}

// build reads a document. It is not whole if the file had to be refused for
// what it grows to.
func build(file string, body ast.Node, resolve resolver) (d *document, whole bool) {
	b := &builder{
		document: &document{file: file, places: map[string]place{}, broken: map[string]bool{}},
		resolve:  resolve,
		anchors:  map[string]ast.Node{},
	}
	b.root = b.value("", body, nil)
	return b.document, !b.tooBig
}

// value reads a node. What cannot be read is nil, and reported.
func (b *builder) value(path string, node ast.Node, key *token.Position) any {
	at := startOf(node)
	b.places[path] = place{line: at.Line, column: at.Column, key: key}
	b.nodes++
	b.depth++
	defer func() { b.depth-- }()
	if b.nodes > maxNodes || b.depth > maxDepth {
		return b.refuseSize(path)
	}
	switch n := node.(type) {
	case *ast.MappingNode:
		return b.mapping(path, n.Values)
	case *ast.MappingValueNode:
		return b.mapping(path, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		items := make([]any, len(n.Values))
		for i, item := range n.Values {
			items[i] = b.value(itemPath(path, i), item, nil)
		}
		return items
	case *ast.AnchorNode:
		return b.anchored(path, n, key)
	case *ast.AliasNode:
		return b.alias(path, n, key)
	case *ast.TagNode:
		b.add(path, "YAML tags have no meaning here", "Remove the tag; put text in quotes.")
		return nil
	default:
		return b.scalar(path, node)
	}
}

func (b *builder) refuseSize(path string) any {
	if !b.tooBig {
		b.tooBig = true
		b.add(path, "the file nests too deep, or its aliases and placeholders make it far too large", "Write the values out.")
	}
	return nil
}

// scalar reads text, numbers and the rest.
func (b *builder) scalar(path string, node ast.Node) any {
	switch n := node.(type) {
	case *ast.NullNode:
		return nil
	case *ast.BoolNode:
		return n.Value
	case *ast.IntegerNode:
		return json.Number(fmt.Sprint(n.Value))
	case *ast.FloatNode:
		return json.Number(strconv.FormatFloat(n.Value, 'g', -1, 64))
	case *ast.StringNode:
		return b.text(path, n.Value)
	case *ast.LiteralNode:
		return b.text(path, n.Value.Value)
	default: // infinity, not-a-number: no key takes them
		b.add(path, "this value has no meaning here", "")
		return nil
	}
}

// text expands the placeholders of a string.
func (b *builder) text(path, text string) any {
	expanded, bad := b.resolve.expand(text)
	for _, c := range bad {
		at := b.places[path]
		b.addAt(token.Position{Line: at.line, Column: at.column}, path, c.message, c.hint)
		b.broken[path] = true
	}
	if !utf8.ValidString(expanded) {
		b.add(path, "the placeholder stands for binary data", "Only text can be used here; encode it as base64.")
		return nil
	}
	if b.bytes += len(expanded); b.bytes > maxExpanded {
		return b.refuseSize(path)
	}
	if at := b.places[path]; expanded != text {
		at.expanded = true
		b.places[path] = at
	}
	return expanded
}

// mapping reads the keys of a mapping. A key without a value counts as absent,
// so that a section whose keys are all commented out means its defaults.
func (b *builder) mapping(path string, pairs []*ast.MappingValueNode) any {
	values := map[string]any{}
	lines := map[string]int{}
	var merges []*ast.MappingValueNode
	for _, pair := range pairs {
		if pair.Key.IsMergeKey() {
			merges = append(merges, pair)
			continue
		}
		key, ok := b.keyName(path, pair.Key)
		if !ok {
			continue
		}
		if first, seen := lines[key]; seen {
			b.addAt(startOf(pair.Key), keyPath(path, key), fmt.Sprintf("duplicate key %q", clip(key)), fmt.Sprintf("It stands in line %d already.", first))
			continue
		}
		b.pair(path, values, lines, key, pair)
	}
	for _, pair := range merges {
		b.merge(path, values, lines, pair.Value)
	}
	return values
}

func (b *builder) keyName(path string, node ast.MapKeyNode) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return n.GetToken().Value, true
	default:
		b.addAt(startOf(node), path, "a key must be plain text", "")
		return "", false
	}
}

// merge reads "<<: *alias" or "<<: [*a, *b]": keys that the mapping has itself win.
func (b *builder) merge(path string, values map[string]any, lines map[string]int, node ast.Node) {
	at := startOf(node)
	switch n := node.(type) {
	case *ast.SequenceNode:
		for _, item := range n.Values {
			b.merge(path, values, lines, item)
		}
		return
	case *ast.AliasNode:
		target, ok := b.target(path, n)
		if !ok {
			return
		}
		node = target
	case *ast.AnchorNode:
		b.anchors[n.Name.GetToken().Value] = n.Value
		node = n.Value
	}
	source, ok := node.(*ast.MappingNode)
	if !ok {
		b.addAt(at, path, `"<<" takes a mapping`, `Write "<<: *name", where &name marks a mapping.`)
		return
	}
	for _, pair := range source.Values {
		if pair.Key.IsMergeKey() {
			b.mergeNested(path, values, lines, pair.Value)
			continue
		}
		key, ok := b.keyName(path, pair.Key)
		if _, own := lines[key]; ok && !own {
			b.pair(path, values, lines, key, pair)
		}
	}
}

// mergeNested merges what a merged mapping merges itself. Anchors that name
// each other could go on for ever.
func (b *builder) mergeNested(path string, values map[string]any, lines map[string]int, node ast.Node) {
	b.nodes++
	b.depth++
	defer func() { b.depth-- }()
	if b.nodes > maxNodes || b.depth > maxDepth {
		b.refuseSize(path)
		return
	}
	b.merge(path, values, lines, node)
}

// pair reads one key and its value.
func (b *builder) pair(path string, values map[string]any, lines map[string]int, key string, pair *ast.MappingValueNode) {
	at := startOf(pair.Key)
	lines[key] = at.Line
	if value := b.value(keyPath(path, key), pair.Value, &at); value != nil {
		values[key] = value
	}
}

// anchored reads a value and remembers it under the anchor's name.
func (b *builder) anchored(path string, n *ast.AnchorNode, key *token.Position) any {
	name := n.Name.GetToken().Value
	b.anchors[name] = nil
	value := b.value(path, n.Value, key)
	b.anchors[name] = n.Value
	return value
}

// alias reads the anchor's value again, so that its places and problems are
// those of the line that holds the text.
func (b *builder) alias(path string, n *ast.AliasNode, key *token.Position) any {
	target, ok := b.target(path, n)
	if !ok {
		return nil
	}
	return b.value(path, target, key)
}

func (b *builder) target(path string, n *ast.AliasNode) (ast.Node, bool) {
	name := n.Value.GetToken().Value
	target, known := b.anchors[name]
	switch {
	case target != nil:
		return target, true
	case known:
		b.addAt(startOf(n), path, fmt.Sprintf("alias *%s lies inside its own anchor", clip(name)), "Write the value out.")
	default:
		b.addAt(startOf(n), path, fmt.Sprintf("alias *%s has no anchor above it", clip(name)), fmt.Sprintf("Mark a value with &%s first.", clip(name)))
	}
	b.broken[path] = true
	return nil, false
}
