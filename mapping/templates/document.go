package templates

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxFile    = 1 << 20
	maxKeys    = 10_000 // the parser's time grows with their square
	maxNesting = 50     // the parser recurses
	maxNodes   = 50_000 // what aliases may blow a small file up to
)

// kind is what a node of a file is, in the words of problems.
type kind string

const (
	kindNull   kind = "nothing"
	kindBool   kind = "true or false"
	kindNumber kind = "a number"
	kindText   kind = "text"
	kindList   kind = "a list"
	kindMap    kind = "a mapping"
)

// node is one value of a file and its place.
type node struct {
	path   string
	at     token.Position
	key    *token.Position // of its key, where it has one
	kind   kind
	text   string // of a text or number
	flag   bool
	items  []*node
	fields []field // in the order of the file
}

type field struct {
	name  string
	at    token.Position
	value *node
}

// child gives the value of a key; nil if there is none, or nothing behind it.
func (n *node) child(name string) *node {
	for _, f := range n.fields {
		if f.name == name && f.value.kind != kindNull {
			return f.value
		}
	}
	return nil
}

// scalar is a node that is neither list nor mapping, as JSON has it.
func (n *node) scalar() any {
	switch n.kind {
	case kindBool:
		return n.flag
	case kindNumber:
		return json.Number(n.text)
	case kindText:
		return n.text
	}
	return nil
}

// name is what a node is called in problems: the last step of its path.
func (n *node) name() string {
	if n.path == "" {
		return "the file"
	}
	return n.path[strings.LastIndexByte(n.path, '.')+1:]
}

// source is a file while it is being read.
type source struct {
	file     string
	problems []Problem
	anchors  map[string]ast.Node // nil while the anchor's own value is read
	nodes    int
	depth    int
	tooBig   bool
}

func (s *source) add(at token.Position, path, message, hint string) {
	s.problems = append(s.problems, Problem{File: s.file, Line: max(at.Line, 1), Column: max(at.Column, 1), Path: path, Message: message, Hint: hint})
}

// report adds a problem of a value.
func (s *source) report(n *node, message, hint string) { s.add(n.at, n.path, message, hint) }

// reportKey adds a problem of the whole that stands under a key.
func (s *source) reportKey(n *node, message, hint string) {
	at := n.at
	if n.key != nil {
		at = *n.key
	}
	s.add(at, n.path, message, hint)
}

// warn is reportKey for what is allowed.
func (s *source) warn(n *node, message, hint string) {
	s.reportKey(n, message, hint)
	s.problems[len(s.problems)-1].Warning = true
}

// read parses the file to its tree; nil if it is no YAML.
func (s *source) read(text []byte) *node {
	body, problem := parseYAML(text)
	if problem != nil {
		s.add(token.Position{Line: problem.Line, Column: problem.Column}, "", problem.Message, problem.Hint)
		return nil
	}
	s.anchors = map[string]ast.Node{}
	root := s.node("", body, nil)
	if s.tooBig {
		return nil
	}
	return root
}

// parseYAML gives the body of the one document.
func parseYAML(text []byte) (body ast.Node, problem *Problem) {
	defer func() {
		if recover() != nil { // a bug of the YAML library must not end a running bridge on reload
			body, problem = nil, &Problem{Line: 1, Column: 1, Message: "the file is not valid YAML"}
		}
	}()
	switch {
	case len(text) > maxFile:
		return nil, &Problem{Line: 1, Column: 1, Message: fmt.Sprintf("the file is larger than %d bytes", maxFile), Hint: "Is this the right file?"}
	case len(bytes.TrimSpace(text)) == 0:
		return nil, emptyFile()
	case !utf8.Valid(text):
		return nil, &Problem{Line: 1, Column: 1, Message: "the file is not UTF-8", Hint: "Save it as UTF-8 text."}
	}
	plain := strings.TrimPrefix(string(text), "\uFEFF")
	tokens := lexer.Tokenize(plain)
	if problem := checkShape(tokens); problem != nil {
		return nil, problem
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // duplicates are reported with the rest
	if err != nil {
		return nil, syntaxProblem(err, plain)
	}
	for _, document := range file.Docs {
		if _, isDirective := document.Body.(*ast.DirectiveNode); isDirective || document.Body == nil {
			continue
		}
		if body != nil {
			at := startOf(document.Body)
			return nil, &Problem{Line: at.Line, Column: at.Column, Message: "the file holds a second YAML document", Hint: `Remove "---" and what follows.`}
		}
		body = document.Body
	}
	if body == nil || body.Type() == ast.NullType {
		return nil, emptyFile()
	}
	return body, nil
}

func emptyFile() *Problem {
	return &Problem{Line: 1, Column: 1, Message: "the file is empty", Hint: `It begins with "templates:"; start from one of the examples.`}
}

// checkShape refuses what would take the parser minutes or all of its stack.
func checkShape(tokens token.Tokens) *Problem {
	keys, depth, openers, line := 0, 0, 0, 0
	for _, tk := range tokens {
		if tk.Position.Line != line {
			line, openers = tk.Position.Line, 0
		}
		switch tk.Type {
		case token.MappingValueType:
			keys++
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType:
			openers++ // "- - - -" nests without indentation
		}
		if keys > maxKeys || depth > maxNesting || openers > maxNesting {
			return &Problem{Line: line, Column: tk.Position.Column, Message: "the file has too many keys or nests too deep", Hint: "Is this the right file?"}
		}
	}
	return nil
}

// bareVariable finds a {{name}} that YAML takes for a mapping in a mapping.
var bareVariable = regexp.MustCompile(`(^|[:,\[{-])[ \t]*\{\{|[\[{][^"']*\{\{`)

func syntaxProblem(err error, text string) *Problem {
	problem := &Problem{Line: 1, Column: 1, Message: "the file is not valid YAML"}
	syntax, ok := errors.AsType[*yaml.SyntaxError](err)
	if !ok {
		return problem
	}
	line := ""
	if tk := syntax.GetToken(); tk != nil && tk.Position != nil {
		problem.Line, problem.Column = max(tk.Position.Line, 1), max(tk.Position.Column, 1)
		if lines := strings.Split(text, "\n"); problem.Line <= len(lines) {
			line = lines[problem.Line-1]
		}
	}
	problem.Message = "invalid YAML: " + clip(strings.ReplaceAll(syntax.GetMessage(), "\t", "tab"))
	switch {
	case strings.Contains(syntax.GetMessage(), "\t"):
		problem.Hint = "Indent with spaces, never with tabs."
	case bareVariable.MatchString(line):
		problem.Hint = `Put texts with {{…}} in quotes: title: "{{name}}".`
	default:
		problem.Hint = "Check indentation, quotes and brackets here and in the line above."
	}
	return problem
}

// startOf is where a node begins. The token of a mapping is its first colon.
func startOf(n ast.Node) token.Position {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return startOf(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return startOf(n.Key)
	}
	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		return *tk.Position
	}
	return token.Position{Line: 1, Column: 1}
}

// node reads one value. What cannot be read is nothing, and reported.
func (s *source) node(path string, syntax ast.Node, key *token.Position) *node {
	n := &node{path: path, at: startOf(syntax), key: key, kind: kindNull}
	s.nodes++
	s.depth++
	defer func() { s.depth-- }()
	if s.nodes > maxNodes || s.depth > maxNesting {
		if !s.tooBig {
			s.report(n, "the file nests too deep, or its aliases make it far too large", "Write the values out.")
		}
		s.tooBig = true
		return n
	}
	switch syntax := syntax.(type) {
	case *ast.MappingNode:
		s.mapping(n, syntax.Values)
	case *ast.MappingValueNode:
		s.mapping(n, []*ast.MappingValueNode{syntax})
	case *ast.SequenceNode:
		n.kind = kindList
		for i, item := range syntax.Values {
			n.items = append(n.items, s.node(path+"["+strconv.Itoa(i)+"]", item, nil))
		}
	case *ast.AnchorNode:
		name := syntax.Name.GetToken().Value
		s.anchors[name] = nil
		value := s.node(path, syntax.Value, key)
		s.anchors[name] = syntax.Value
		return value
	case *ast.AliasNode:
		name := syntax.Value.GetToken().Value
		target := s.anchors[name]
		if target == nil {
			s.report(n, fmt.Sprintf("alias *%s has no anchor above it", clip(name)), fmt.Sprintf("Mark a value with &%s first.", clip(name)))
			return n
		}
		return s.node(path, target, key)
	default:
		s.leaf(n, syntax)
	}
	return n
}

// jsonNumber is how JSON writes numbers. Others of YAML are rewritten; these keep every digit.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$`)

func (s *source) leaf(n *node, syntax ast.Node) {
	number := func(formatted string) {
		n.kind, n.text = kindNumber, formatted
		if written := syntax.GetToken().Value; jsonNumber.MatchString(written) {
			n.text = written
		}
	}
	switch syntax := syntax.(type) {
	case *ast.NullNode:
	case *ast.BoolNode:
		n.kind, n.flag = kindBool, syntax.Value
	case *ast.IntegerNode:
		number(fmt.Sprint(syntax.Value))
	case *ast.FloatNode:
		number(strconv.FormatFloat(syntax.Value, 'g', -1, 64))
	case *ast.StringNode:
		n.kind, n.text = kindText, syntax.Value
	case *ast.LiteralNode:
		n.kind, n.text = kindText, syntax.Value.Value
	case *ast.TagNode:
		s.report(n, "YAML tags have no meaning here", "Remove the tag; put text in quotes.")
	default: // infinity, not-a-number
		s.report(n, "this value has no meaning here", "")
	}
	if !utf8.ValidString(n.text) { // an escape can spell half a character
		s.report(n, "this text is not Unicode", "Write the characters out.")
		n.text = strings.ToValidUTF8(n.text, "\uFFFD")
	}
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func keyPath(path, key string) string {
	switch {
	case !plainKey.MatchString(key):
		return path + "[" + strconv.Quote(clip(key)) + "]"
	case path == "":
		return clip(key)
	}
	return path + "." + clip(key)
}

func (s *source) mapping(n *node, pairs []*ast.MappingValueNode) {
	n.kind = kindMap
	lines := map[string]int{}
	for _, pair := range pairs {
		at := startOf(pair.Key)
		key := pair.Key.GetToken().Value
		if _, isScalar := pair.Key.(ast.ScalarNode); !isScalar || pair.Key.IsMergeKey() {
			s.add(at, n.path, "a key must be plain text", "Write the keys out; aliases stand for whole values only.")
			continue
		}
		if first, seen := lines[key]; seen {
			s.add(at, keyPath(n.path, key), fmt.Sprintf("duplicate key %q", clip(key)), fmt.Sprintf("It stands in line %d already.", first))
			continue
		}
		lines[key] = at.Line
		n.fields = append(n.fields, field{key, at, s.node(keyPath(n.path, key), pair.Value, &at)})
	}
}

// is tells whether a value has the wanted kind, and reports one that has not.
func (s *source) is(n *node, wanted kind) bool {
	if n.kind == wanted {
		return true
	}
	hint := ""
	if wanted == kindText && (n.kind == kindNumber || n.kind == kindBool) {
		hint = "Put it in quotes."
	}
	s.report(n, fmt.Sprintf("%s must be %s; here is %s", n.name(), wanted, n.kind), hint)
	return false
}

// keys reports the keys of a mapping that have no meaning.
func (s *source) keys(n *node, known ...string) {
	for _, f := range n.fields {
		if !slices.Contains(known, f.name) {
			s.add(f.at, f.value.path, fmt.Sprintf("unknown key %q", clip(f.name)), suggest(f.name, known))
		}
	}
}
