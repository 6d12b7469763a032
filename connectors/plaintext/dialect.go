package plaintext

import (
	"bytes"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// blockParser leaves lines alone that would have no words left: the whole answer of somebody may be "5." or "#1".
type blockParser struct{ parser.BlockParser }

func (p blockParser) Open(parent ast.Node, reader text.Reader, pc parser.Context) (ast.Node, parser.State) {
	if line, _ := reader.PeekLine(); len(bytes.Trim(line, "0123456789-*.)#> \t\n")) == 0 {
		return nil, parser.NoChildren
	}
	return p.BlockParser.Open(parent, reader, pc)
}

// listParser leaves "+" alone: in a chat it begins telephone numbers.
type listParser struct{ blockParser }

func (listParser) Trigger() []byte { return []byte("-*0123456789") }

// itemParser keeps the numbers that were typed, and a ")" behind them. Markdown counts on from the first, which makes other
// dates of "1. April" and "3. May".
type itemParser struct{ parser.BlockParser }

func (p itemParser) Open(parent ast.Node, reader text.Reader, pc parser.Context) (ast.Node, parser.State) {
	line, _ := reader.PeekLine()
	item, state := p.BlockParser.Open(parent, reader, pc)
	if item != nil && parent.(*ast.List).IsOrdered() {
		line = bytes.TrimLeft(line, " \t")
		digits := len(line) - len(bytes.TrimLeft(line, "0123456789"))
		item.SetAttributeString("value", bytes.TrimSuffix(bytes.Clone(line[:digits+1]), []byte(".")))
	}
	return item, state
}

// emphasisParser leaves asterisks alone that stand between letters or digits: 2*3*4.
type emphasisParser struct{ parser.InlineParser }

func (p emphasisParser) Parse(parent ast.Node, block text.Reader, pc parser.Context) ast.Node {
	line, segment := block.PeekLine()
	stars := len(line) - len(bytes.TrimLeft(line, "*"))
	before := block.PrecendingCharacter()
	if stars > 0 && stars < len(line) && before < 0x80 && util.IsAlphaNumeric(byte(before)) && util.IsAlphaNumeric(line[stars]) {
		block.Advance(stars)
		return ast.NewTextSegment(segment.WithStop(segment.Start + stars))
	}
	return p.InlineParser.Parse(parent, block, pc)
}

// tableParser leaves tables alone that are too wide for any phone: each of their rows becomes as wide as the first, even an
// empty one. A line with nothing but dashes divides a text, and makes no table of it.
type tableParser struct{ parser.ParagraphTransformer }

const maxColumns = 20

func (p tableParser) Transform(node *ast.Paragraph, reader text.Reader, pc parser.Context) {
	lines := node.Lines()
	for i := range lines.Len() {
		segment := lines.At(i)
		line := segment.Value(reader.Source())
		if bytes.Count(line, []byte("|")) > maxColumns || len(bytes.Trim(line, "-: \t\n")) == 0 {
			return
		}
	}
	p.ParagraphTransformer.Transform(node, reader, pc)
}

// renderers are for what is not plain CommonMark here.
type renderers struct{}

func (renderers) Extend(m goldmark.Markdown) {
	m.Renderer().AddOptions(renderer.WithNodeRenderers(
		util.Prioritized(renderers{}, 100), util.Prioritized(extension.NewTableHTMLRenderer(), 500),
	))
}

func (renderers) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindParagraph, renderParagraph)
}

// renderParagraph leaves empty lines around a paragraph only where they were typed: "Bring:" and a list stay together.
// FromHTML reads a bare <p> as an empty line.
func renderParagraph(w util.BufWriter, _ []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	apart := func(node ast.Node) string {
		if node != nil && node.HasBlankPreviousLines() {
			return "<p>"
		}
		return ""
	}
	if entering {
		_, err := w.WriteString(apart(node) + "<div>")
		return ast.WalkContinue, err
	}
	_, err := w.WriteString("</div>" + apart(node.NextSibling()))
	return ast.WalkContinue, err
}

// rawHTML makes words of tags that would take all that follows with them. Somebody who writes of the <script> tag does not
// begin a script.
type rawHTML struct{}

func (rawHTML) Transform(document *ast.Document, reader text.Reader, _ parser.Context) {
	var tags []*ast.RawHTML
	_ = ast.Walk(document, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if tag, ok := node.(*ast.RawHTML); ok && entering {
			tags = append(tags, tag)
		}
		return ast.WalkContinue, nil
	})
	ended := make(map[string]bool)
	for i := len(tags) - 1; i >= 0; i-- {
		name, isEnd := tagName(tags[i], reader.Source())
		switch {
		case isEnd:
			ended[name] = true
		case leftOut[name] && (!ended[name] || name == "plaintext"): // which has no end
			replaceWithWords(tags[i])
		}
	}
}

func tagName(tag *ast.RawHTML, source []byte) (name string, isEnd bool) {
	first := tag.Segments.At(0)
	words := bytes.TrimPrefix(first.Value(source), []byte("<"))
	words, isEnd = bytes.CutPrefix(words, []byte("/"))
	if end := bytes.IndexAny(words, " \t\n/>"); end >= 0 {
		words = words[:end]
	}
	return string(bytes.ToLower(words)), isEnd
}

func replaceWithWords(tag *ast.RawHTML) {
	parent := tag.Parent()
	for i := range tag.Segments.Len() {
		parent.InsertBefore(parent, tag, ast.NewTextSegment(tag.Segments.At(i)))
	}
	parent.RemoveChild(parent, tag)
}
