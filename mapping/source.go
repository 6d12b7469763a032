package mapping

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
	"github.com/itchyny/gojq"
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
	path         string
	line, column int
	kind         kind
	text         string // of a text or number
	flag         bool
	items        []*node
	fields       []field // in the order of the file
}

type field struct {
	name         string
	line, column int
	value        *node
}

// child gives the value of a key, nil if there is none.
func (n *node) child(name string) *node {
	for _, f := range n.fields {
		if f.name == name {
			return f.value
		}
	}
	return nil
}

// value is the node as JSON has it: map[string]any, []any, string, json.Number, bool, nil.
func (n *node) value() any {
	switch n.kind {
	case kindBool:
		return n.flag
	case kindNumber:
		return json.Number(n.text)
	case kindText:
		return n.text
	case kindList:
		items := make([]any, len(n.items))
		for i, item := range n.items {
			items[i] = item.value()
		}
		return items
	case kindMap:
		object := make(map[string]any, len(n.fields))
		for _, f := range n.fields {
			object[f.name] = f.value.value()
		}
		return object
	}
	return nil
}

// source is a file while it is being read.
type source struct {
	file     string
	lines    []string
	problems []Problem
	time     time.Duration       // of one query
	defs     []*gojq.FuncDef     // the file's own functions
	defsBad  bool                // and they are broken: queries that miss them are not
	anchors  map[string]ast.Node // nil while the anchor's own value is read
	nodes    int
	depth    int
	tooBig   bool
}

func (s *source) add(line, column int, path, message, hint string) {
	s.problems = append(s.problems, Problem{File: s.file, Line: line, Column: column, Path: path, Message: message, Hint: hint})
}

// report adds a problem of a node.
func (s *source) report(n *node, message, hint string) {
	s.add(n.line, n.column, n.path, message, hint)
}

// read parses the file to its tree; nil if it is no YAML.
func (s *source) read(text []byte) *node {
	body, problem := parseYAML(text)
	if problem != nil {
		s.add(problem.Line, problem.Column, "", problem.Message, problem.Hint)
		return nil
	}
	s.lines = strings.Split(strings.TrimPrefix(string(text), "\uFEFF"), "\n")
	s.anchors = map[string]ast.Node{}
	root := s.node("", body)
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
	tokens := lexer.Tokenize(strings.TrimPrefix(string(text), "\uFEFF"))
	if problem := checkShape(tokens); problem != nil {
		return nil, problem
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // duplicates are reported with the rest
	if err != nil {
		return nil, syntaxProblem(err)
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
	return &Problem{Line: 1, Column: 1, Message: "the file is empty", Hint: "Start from a preset or from the example in mapping/README.md."}
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

func syntaxProblem(err error) *Problem {
	problem := &Problem{Line: 1, Column: 1, Message: "the file is not valid YAML"}
	syntax, ok := errors.AsType[*yaml.SyntaxError](err)
	if !ok {
		return problem
	}
	if tk := syntax.GetToken(); tk != nil && tk.Position != nil {
		problem.Line, problem.Column = max(tk.Position.Line, 1), max(tk.Position.Column, 1)
	}
	problem.Message = "invalid YAML: " + strings.ReplaceAll(syntax.GetMessage(), "\t", "tab")
	problem.Hint = "Check indentation and quotes here and in the line above; a query with : or # in it needs quotes, or its own lines after |."
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

// node reads one value. What cannot be read is null, and reported.
func (s *source) node(path string, syntax ast.Node) *node {
	at := startOf(syntax)
	n := &node{path: path, line: at.Line, column: at.Column, kind: kindNull}
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
			n.items = append(n.items, s.node(path+"["+strconv.Itoa(i)+"]", item))
		}
	case *ast.AnchorNode:
		name := syntax.Name.GetToken().Value
		s.anchors[name] = nil
		value := s.node(path, syntax.Value)
		s.anchors[name] = syntax.Value
		return value
	case *ast.AliasNode:
		name := syntax.Value.GetToken().Value
		target := s.anchors[name]
		if target == nil {
			s.report(n, fmt.Sprintf("alias *%s has no anchor above it", clip(name)), fmt.Sprintf("Mark a value with &%s first.", clip(name)))
			return n
		}
		return s.node(path, target)
	default:
		s.scalar(n, syntax)
	}
	return n
}

// jsonNumber is how JSON writes numbers. Others of YAML are rewritten; these keep every digit.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$`)

func (s *source) scalar(n *node, syntax ast.Node) {
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
			s.add(at.Line, at.Column, n.path, "a key must be plain text", "Write the keys out; aliases stand for whole values only.")
			continue
		}
		if first, seen := lines[key]; seen {
			s.add(at.Line, at.Column, keyPath(n.path, key), fmt.Sprintf("duplicate key %q", clip(key)), fmt.Sprintf("It stands in line %d already.", first))
			continue
		}
		lines[key] = at.Line
		n.fields = append(n.fields, field{key, at.Line, at.Column, s.node(keyPath(n.path, key), pair.Value)})
	}
}

// within gives the place of a byte of a text in the file, as far as it can be told: escapes and folded lines move it.
func (s *source) within(n *node, offset int) (line, column int) {
	offset = min(max(offset, 0), len(n.text))
	row := strings.Count(n.text[:offset], "\n")
	start := strings.LastIndexByte(n.text[:offset], '\n') + 1
	text, _, _ := strings.Cut(n.text[start:], "\n")
	before := utf8.RuneCountInString(n.text[start:offset])
	for _, guess := range []int{n.line + 1 + row, n.line + row} { // after | the text begins in the next line
		if guess < 1 || guess > len(s.lines) || text == "" {
			continue
		}
		written := s.lines[guess-1]
		from := 0
		if guess == n.line {
			from = min(len(written), n.column-1) // wrong only where wide letters stand before it
		}
		if at := strings.Index(written[from:], text); at >= 0 && (guess == n.line || strings.TrimSpace(written[:at]) == "") {
			return guess, utf8.RuneCountInString(written[:from+at]) + 1 + before
		}
	}
	return n.line, n.column
}
