package plaintext

import (
	"strconv"
	"strings"
)

// maxBoxes is how many lists, items and quotes are shown in one another: five lists. A phone is narrow, and the prefix of
// a line must not grow with the input.
const maxBoxes = 10

// box is an open element that shows before each line, or a list that numbers its items.
type box struct {
	tag    string // blockquote, ul, ol or li
	number int    // ol: of the next item
	marker string // li
	shown  bool   // li: the marker is written
}

// boxes are those that are open, the innermost last.
type boxes struct {
	open []box
	over int // how many were opened beyond maxBoxes
}

func (b *boxes) push(opened box) {
	if len(b.open) == maxBoxes {
		b.over++
		return
	}
	b.open = append(b.open, opened)
}

// close closes an element and what is open in it. The end of an item counts in its own list only.
func (b *boxes) close(tag string) {
	if b.over > 0 {
		b.over--
		return
	}
	for i := len(b.open) - 1; i >= 0; i-- {
		if b.open[i].tag == tag {
			b.open = b.open[:i]
			return
		}
		if tag == "li" && b.open[i].isList() {
			return
		}
	}
}

func (b box) isList() bool { return b.tag == "ul" || b.tag == "ol" }

// openItem opens an item, and closes the one before it: its end tag may be left out. value is the number that it was
// given, or "".
func (b *boxes) openItem(value string) {
	if b.over == 0 {
		b.close("li")
	}
	item := box{tag: "li", marker: "- "}
	if n := len(b.open); n > 0 && b.open[n-1].tag == "ol" && b.over == 0 {
		item.marker = b.open[n-1].nextNumber(value)
	}
	b.push(item)
}

// nextNumber is what stands before an item of a numbered list. "2)" keeps its parenthesis: Markdown gives it on.
func (b *box) nextNumber(value string) string {
	digits, parenthesis := strings.CutSuffix(value, ")")
	if number, ok := listNumber(digits); ok {
		b.number = number
	} else {
		digits = strconv.Itoa(b.number)
	}
	b.number++
	if parenthesis {
		return digits + ") "
	}
	return digits + ". "
}

// listNumber reads the number of a list or an item, of up to nine digits as in Markdown.
func listNumber(text string) (int, bool) {
	if len(text) > 9 || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	number, err := strconv.Atoi(text)
	return number, err == nil
}

func (b *boxes) inItem() bool {
	for _, opened := range b.open {
		if opened.tag == "li" {
			return true
		}
	}
	return false
}

// appendPrefix writes what stands before a line.
func (b *boxes) appendPrefix(out []byte) []byte {
	for i := range b.open {
		switch opened := &b.open[i]; {
		case opened.tag == "blockquote":
			out = append(out, "> "...)
		case opened.tag == "li" && !opened.shown:
			opened.shown = true
			out = append(out, opened.marker...)
		case opened.tag == "li":
			out = append(out, "   "[:min(3, len(opened.marker))]...)
		}
	}
	return out
}

// row is the row of a table that is being written. Cells stand beside one another, but begin a line of their own behind one
// that has several: whole letters are set in tables.
type row struct {
	cells int // how many were begun; 0 outside of a row
	line  int // the line on which the cell's text begins, or unset
	gaps  int // the borders of cells that wait
}

// fresh tells whether a cell is open that has no text yet.
func (r *row) fresh() bool { return r.cells > 0 && r.line == unset }

func (r *row) appendGaps(out []byte, line int) []byte {
	if r.gaps > 0 {
		for range r.gaps {
			out = append(out, " |"...)
		}
		out = append(out, ' ')
		r.gaps = 0
	}
	if r.line == unset {
		r.line = line
	}
	return out
}

// cell begins one.
func (w *writer) cell() {
	switch {
	case w.row.cells == 0:
		w.block(1)
	case w.row.line == unset && w.newlines > 0: // nothing in the row yet
	case w.row.line == unset || w.row.line == w.lines:
		w.newlines = 0
		w.row.gaps++
	default:
		w.block(1)
	}
	w.spaces = w.spaces[:0]
	w.row.cells++
	w.row.line = unset
}

// endRow ends one, and what waits in it.
func (w *writer) endRow() {
	w.row = row{}
	w.block(1)
}
