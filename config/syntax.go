package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	// maxKeys bounds the mapping keys: the parser's time grows with their square.
	maxKeys = 10_000
	// maxNesting bounds how deep lists and mappings nest: the parser recurses.
	maxNesting = 100
)

// parseSyntax parses the text to the body of its one document. The problem, if
// there is one, is a syntax error: nothing more can be said of the file.
func parseSyntax(data []byte) (body ast.Node, problem *Problem) {
	defer func() {
		if recover() != nil { // a bug of the YAML library must not end a running bridge on reload
			body, problem = nil, &Problem{Line: 1, Column: 1, Message: "the file is not valid YAML"}
		}
	}()
	if problem := checkText(data); problem != nil {
		return nil, problem
	}
	text := strings.TrimPrefix(string(data), "\uFEFF")
	tokens := lexer.Tokenize(text)
	if problem := checkShape(tokens); problem != nil {
		return nil, problem
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // duplicates are reported with the rest
	if err != nil {
		return nil, syntaxProblem(err, text)
	}
	return onlyDocument(file)
}

// checkText refuses what is no text, or no configuration by its size.
func checkText(data []byte) *Problem {
	switch {
	case len(data) > maxFile:
		return &Problem{Line: 1, Column: 1, Message: fmt.Sprintf("the file is larger than %d bytes", maxFile), Hint: "Is this the right file?"}
	case len(bytes.TrimSpace(data)) == 0:
		return emptyFile()
	case utf8.Valid(data):
		return nil
	}
	line := 1
	for row := range bytes.Lines(data) {
		if !utf8.Valid(row) {
			break
		}
		line++
	}
	return &Problem{Line: line, Column: 1, Message: "the file is not UTF-8", Hint: "Save it as UTF-8 text."}
}

func emptyFile() *Problem {
	return &Problem{Line: 1, Column: 1, Message: "the file is empty", Hint: "Start from config/example.yaml."}
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

// onlyDocument returns the body of the file's one document.
func onlyDocument(file *ast.File) (ast.Node, *Problem) {
	var body ast.Node
	for _, doc := range file.Docs {
		if _, isDirective := doc.Body.(*ast.DirectiveNode); isDirective || doc.Body == nil {
			continue
		}
		if body != nil {
			at := startOf(doc.Body)
			return nil, &Problem{Line: at.Line, Column: at.Column, Message: "the file holds a second YAML document", Hint: `Keep one document: remove "---" and what follows.`}
		}
		body = doc.Body
	}
	if body == nil || body.Type() == ast.NullType {
		return nil, emptyFile()
	}
	return body, nil
}

// syntaxProblem puts the parser's error into words. The parser quotes at most
// one character or a version of the file, so it gives no secret away.
func syntaxProblem(err error, text string) *Problem {
	problem := &Problem{Line: 1, Column: 1, Message: "the file is not valid YAML"}
	var syntax *yaml.SyntaxError
	if !errors.As(err, &syntax) {
		return problem
	}
	line := ""
	if tk := syntax.GetToken(); tk != nil && tk.Position != nil {
		problem.Line, problem.Column = max(tk.Position.Line, 1), max(tk.Position.Column, 1)
		if lines := strings.Split(text, "\n"); problem.Line <= len(lines) {
			line = lines[problem.Line-1]
		}
	}
	problem.Message = "invalid YAML: " + strings.ReplaceAll(syntax.GetMessage(), "\t", "tab")
	switch {
	case strings.Contains(syntax.GetMessage(), "\t"):
		problem.Hint = "Indent with spaces, never with tabs."
	case strings.Contains(line, "${") && strings.ContainsAny(line, "[{"):
		problem.Hint = `Put the placeholder in quotes: ["${env:NAME}"].`
	default:
		problem.Hint = "Check indentation, quotes and brackets here and in the line above."
	}
	return problem
}

// startOf is where a node begins. The token of a mapping is its first colon.
func startOf(node ast.Node) token.Position {
	switch n := node.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return startOf(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return startOf(n.Key)
	}
	if tk := node.GetToken(); tk != nil && tk.Position != nil {
		return *tk.Position
	}
	return token.Position{Line: 1, Column: 1}
}
