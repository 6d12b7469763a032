package plaintext

import (
	"bytes"
	"strings"

	"golang.org/x/net/html"
)

// FromHTML gives the text of a document or of a part of one. Links become "text (address)". A text without any tag keeps its
// line ends: somebody wrote it who knew nothing of HTML.
//
// Tags are read one after the other, without a tree: a tree of hostile HTML is costly, or is refused.
func FromHTML(text string) string {
	var c converter
	if !strings.Contains(text, "<") {
		c.pre = 1
	}
	c.read(strings.ToValidUTF8(text, "\uFFFD"))
	return c.end()
}

// converter writes what the tags mean.
type converter struct {
	writer
	tokens *html.Tokenizer

	skipped string // the element that is being left out
	depth   int    // how many of that name are open
	link    destination
}

func (c *converter) read(text string) {
	c.tokens = html.NewTokenizer(strings.NewReader(text))
	for c.next() {
	}
}

// end gives the text.
func (c *converter) end() string {
	c.endLink()
	return strings.TrimSpace(string(c.out))
}

// next takes one token; false at the end.
func (c *converter) next() bool {
	switch c.tokens.Next() {
	case html.ErrorToken:
		return false
	case html.TextToken:
		if c.skipped == "" {
			c.loose = c.loose || bytes.IndexByte(c.tokens.Raw(), '<') >= 0
			c.text(string(c.tokens.Text()))
		}
	case html.StartTagToken, html.SelfClosingTagToken: // <p/> is a start in HTML
		name, _ := c.tokens.TagName()
		c.start(string(name))
	case html.EndTagToken:
		name, _ := c.tokens.TagName()
		c.stop(string(name))
	}
	return true
}

// leftOut are elements with all that they contain. The head is not among them: what it may contain is, and its end is
// often forgotten.
var leftOut = map[string]bool{
	"script": true, "style": true, "template": true, "title": true, "textarea": true, "iframe": true, "noembed": true,
	"noframes": true, "xmp": true, "plaintext": true,
}

// blocks are the elements that stand on lines of their own, and how many line ends are around them.
var blocks = map[string]int{
	"p": 2, "h1": 2, "h2": 2, "h3": 2, "h4": 2, "h5": 2, "h6": 2, "blockquote": 2, "pre": 2, "figure": 2, "table": 2,
	"address": 1, "article": 1, "aside": 1, "body": 1, "caption": 1, "center": 1, "dd": 1, "details": 1, "dialog": 1,
	"div": 1, "dl": 1, "dt": 1, "fieldset": 1, "figcaption": 1, "footer": 1, "form": 1, "header": 1, "hgroup": 1, "hr": 1,
	"legend": 1, "li": 1, "main": 1, "menu": 1, "nav": 1, "ol": 1, "option": 1, "search": 1, "section": 1, "summary": 1,
	"ul": 1,
}

func (c *converter) start(name string) {
	if c.skipped != "" {
		if name == c.skipped {
			c.depth++
		}
		return
	}
	if leftOut[name] {
		c.skipped, c.depth = name, 1
		return
	}
	if newlines := blocks[name]; newlines > 0 {
		c.block(newlines)
	}
	c.open(name)
}

// open does what is special about an element.
func (c *converter) open(name string) {
	switch name {
	case "br":
		c.lineBreak()
	case "hr":
		c.text("---")
		c.block(1)
	case "a":
		c.startLink(c.attribute("href"))
	case "img":
		c.describe(c.attribute("alt"))
	case "ul", "blockquote":
		c.boxes.push(box{tag: name})
	case "ol":
		number, ok := listNumber(c.attribute("start"))
		if !ok {
			number = 1
		}
		c.boxes.push(box{tag: name, number: number})
	case "li":
		c.boxes.openItem(c.attribute("value"))
	case "pre":
		c.pre++
	case "tr":
		c.endRow()
	case "td", "th":
		c.cell()
	}
}

func (c *converter) stop(name string) {
	if c.skipped != "" {
		if name == c.skipped {
			if c.depth--; c.depth == 0 {
				c.skipped = ""
			}
		}
		return
	}
	switch name {
	case "a":
		c.endLink()
	case "pre":
		c.pre = max(0, c.pre-1)
	case "tr", "table":
		c.endRow()
	}
	if newlines := blocks[name]; newlines > 0 {
		c.block(newlines) // before an item is closed, as in it all is tight
	}
	switch name {
	case "ul", "ol", "li", "blockquote":
		c.boxes.close(name)
	}
}

// attribute is that of the tag which was read last.
func (c *converter) attribute(name string) string {
	for more := true; more; {
		var key, value []byte
		key, value, more = c.tokens.TagAttr()
		if string(key) == name {
			return string(value)
		}
	}
	return ""
}

// describe writes words for an image. Unlike in a text, a "<" need not be escaped in an attribute.
func (c *converter) describe(words string) {
	c.loose = c.loose || strings.Contains(words, "<")
	c.text(words)
}
