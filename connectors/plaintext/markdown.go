package plaintext

import (
	"bytes"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/util"
)

// FromMarkdown gives the text of Markdown (CommonMark with tables), as [FromHTML] does: HTML in it is only read. Line ends
// stay, and so does what people write in a chat without thinking of Markdown: 2*3*4, snake_case, "3. May", "+ 49 30", a line
// of dashes, struck-out text with its "~~", links by reference.
func FromMarkdown(text string) string {
	text = sourceCleaner.Replace(strings.ToValidUTF8(text, "\uFFFD"))
	var c converter
	var page bytes.Buffer
	for fence := ""; text != ""; {
		end, goesOn := pieceEnd(text, fence)
		page.Reset()
		if err := dialect.Convert([]byte(fence+text[:end]), &page); err != nil { // a Buffer takes everything
			c.text(text[:end])
		}
		c.read(page.String())
		text, fence = text[end:], goesOn
	}
	return c.end()
}

var sourceCleaner = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "")

// dialect is CommonMark without what makes something disappear that was typed: underlined headings, and definitions of
// links. HTML is read tag by tag, so that Markdown between the tags counts.
var dialect = goldmark.New(
	goldmark.WithParser(parser.NewParser(
		parser.WithBlockParsers(
			util.Prioritized(parser.NewThematicBreakParser(), 200),
			util.Prioritized(listParser{blockParser{parser.NewListParser()}}, 300),
			util.Prioritized(itemParser{parser.NewListItemParser()}, 400),
			util.Prioritized(parser.NewCodeBlockParser(), 500),
			util.Prioritized(blockParser{parser.NewATXHeadingParser()}, 600),
			util.Prioritized(parser.NewFencedCodeBlockParser(), 700),
			util.Prioritized(blockParser{parser.NewBlockquoteParser()}, 800),
			util.Prioritized(parser.NewParagraphParser(), 1000),
		),
		parser.WithInlineParsers(
			util.Prioritized(parser.NewCodeSpanParser(), 100),
			util.Prioritized(parser.NewLinkParser(), 200),
			util.Prioritized(parser.NewAutoLinkParser(), 300),
			util.Prioritized(parser.NewRawHTMLParser(), 400),
			util.Prioritized(emphasisParser{parser.NewEmphasisParser()}, 500),
			util.Prioritized(extension.NewLinkifyParser(), 999), // what looks like emphasis in an address is none
		),
		parser.WithParagraphTransformers(util.Prioritized(tableParser{extension.NewTableParagraphTransformer()}, 200)),
		parser.WithASTTransformers(util.Prioritized(rawHTML{}, 100)),
	)),
	goldmark.WithRendererOptions(
		html.WithUnsafe(), // FromHTML reads it, no browser
		html.WithHardWraps(),
	),
	goldmark.WithExtensions(renderers{}),
)

// maxPiece is how much Markdown is parsed at once: longer than nearly all that agents write. The parser's time for hostile
// text grows with the square of its length.
const maxPiece = 4 << 10

// pieceEnd finds where to cut: where a paragraph outside of code ends, else at a line's end, else between words. A fence
// is the line with which code begins: that in which the text begins, and that with which the rest goes on.
func pieceEnd(text, fence string) (end int, goesOn string) {
	if len(text) <= maxPiece {
		return len(text), ""
	}
	var paragraph, line int
	for {
		next := strings.IndexByte(text[line:maxPiece], '\n')
		if next < 0 {
			break
		}
		words := strings.TrimSpace(text[line : line+next])
		line += next + 1
		fence = fenceAfter(words, fence)
		if words == "" && fence == "" && text[line] != ' ' && text[line] != '\t' { // an indented one goes on with what was before
			paragraph = line
		}
	}
	switch {
	case paragraph > 0:
		return paragraph, ""
	case line > 0:
		return line, fence
	}
	if between := strings.LastIndexByte(text[:maxPiece], ' '); between > 0 {
		return between, fence
	}
	return len(strings.ToValidUTF8(text[:maxPiece], "")), fence // a character is not cut in two
}

// fenceAfter tells with which line the code began in which the text is after a line; "" outside of code.
func fenceAfter(line, fence string) string {
	rest := strings.TrimLeft(line, line[:min(1, len(line))])
	marks := line[:len(line)-len(rest)]
	switch {
	case !strings.HasPrefix(marks, "```") && !strings.HasPrefix(marks, "~~~"):
		return fence
	case fence == "" && !strings.Contains(rest, "`"):
		return marks + "\n"
	case fence != "" && rest == "" && strings.HasPrefix(marks, strings.TrimSpace(fence)):
		return ""
	}
	return fence
}
