package yamlfile

import (
	"bytes"
	"cmp"
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
	// MaxFile bounds a file: more is a mistake.
	MaxFile = 1 << 20
	// maxKeys bounds the mapping keys: the parser's time grows with their square.
	maxKeys = 10_000
	// maxNesting bounds how deep lists and mappings nest: the parser recurses.
	maxNesting = 100
)

const notYAML = "the file is not valid YAML"

// lineBreaks makes all one: the library counts some lines twice that end in "\r\n".
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// parse parses the text to the body of its one document. Without one, a problem has been reported: nothing more can be
// said of the file.
func (f *File) parse(data []byte) (body ast.Node) {
	defer func() {
		if recover() != nil { // a bug of the YAML library must not end a running bridge on reload
			body = nil
			f.Add(Place{1, 1}, "", notYAML, "")
		}
	}()
	if !f.isText(data) {
		return nil
	}
	text := lineBreaks.Replace(strings.TrimPrefix(string(data), "\uFEFF"))
	f.Lines = strings.Split(text, "\n")
	tokens := lexer.Tokenize(text)
	if !f.isBounded(tokens) {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // duplicates are reported with the rest
	if err != nil {
		f.syntaxError(err)
		return nil
	}
	return f.onlyDocument(file)
}

// isText refuses what is no text, or nothing that somebody wrote by its size.
func (f *File) isText(data []byte) bool {
	line := 1
	switch {
	case len(data) > MaxFile:
		f.Add(Place{1, 1}, "", fmt.Sprintf("the file is larger than %d bytes", MaxFile), "Is this the right file?")
	case len(bytes.TrimSpace(data)) == 0:
		f.addEmpty()
	case utf8.Valid(data):
		return true
	default:
		for row := range bytes.Lines(data) {
			if !utf8.Valid(row) {
				break
			}
			line++
		}
		f.Add(Place{line, 1}, "", "the file is not UTF-8", "Save it as UTF-8 text.")
	}
	return false
}

func (f *File) addEmpty() { f.Add(Place{1, 1}, "", "the file is empty", f.Format.Empty) }

// isBounded refuses what would take the parser minutes or all of its stack.
func (f *File) isBounded(tokens token.Tokens) bool {
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
			f.Add(Place{line, tk.Position.Column}, "", "the file has too many keys or nests too deep", "Is this the right file?")
			return false
		}
	}
	return true
}

// onlyDocument returns the body of the file's one document.
func (f *File) onlyDocument(file *ast.File) (body ast.Node) {
	for _, doc := range file.Docs {
		if _, isDirective := doc.Body.(*ast.DirectiveNode); isDirective || doc.Body == nil {
			continue
		}
		if body != nil {
			f.Add(placeOf(doc.Body), "", "the file holds a second YAML document", `Keep one document: remove "---" and what follows.`)
			return nil
		}
		body = doc.Body
	}
	if body == nil || body.Type() == ast.NullType {
		f.addEmpty()
		return nil
	}
	return body
}

// syntaxError puts the parser's error into words. The parser quotes at most one character or a version of the file, so
// it gives no secret away.
func (f *File) syntaxError(err error) {
	syntax, ok := errors.AsType[*yaml.SyntaxError](err)
	if !ok {
		f.Add(Place{1, 1}, "", notYAML, "")
		return
	}
	at, line := Place{1, 1}, ""
	if tk := syntax.GetToken(); tk != nil && tk.Position != nil {
		at = placeAt(*tk.Position)
		if at.Line <= len(f.Lines) {
			line = f.Lines[at.Line-1]
		}
	}
	hint := "Check indentation, quotes and brackets here and in the line above."
	if strings.Contains(syntax.GetMessage(), "\t") {
		hint = "Indent with spaces, never with tabs."
	} else if f.Format.Syntax != nil {
		hint = cmp.Or(f.Format.Syntax(line), hint)
	}
	f.Add(at, "", "invalid YAML: "+OneLine(strings.ReplaceAll(syntax.GetMessage(), "\t", "tab")), hint)
}

// placeOf is where a node begins. The token of a mapping is its first colon.
func placeOf(n ast.Node) Place {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return placeOf(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return placeOf(n.Key)
	}
	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		return placeAt(*tk.Position)
	}
	return Place{1, 1}
}

func placeAt(at token.Position) Place { return Place{max(at.Line, 1), max(at.Column, 1)} }
