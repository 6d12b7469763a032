package plaintext

import "unicode/utf8"

// maxNewlines is one empty line.
const maxNewlines = 2

// writer puts a text together. Spaces and line ends wait until something visible follows, so that none are left over.
type writer struct {
	out      []byte
	newlines int    // wait
	spaces   []byte // wait, behind the line ends
	pre      int    // how many elements are open in which white space counts
	lines    int    // how many were begun
	loose    bool   // a "<" stood in the text without being escaped: it must not become a tag's
	mark     int    // where the first visible character came since mark was set to unset

	boxes boxes
	row   row
}

// unset is a place where nothing has been written yet.
const unset = -1

func (w *writer) atLineStart() bool { return len(w.out) == 0 || w.newlines > 0 }

// text writes what a reader is to see, without what cannot be seen.
func (w *writer) text(text string) {
	for _, r := range text {
		switch kindOf(r) {
		case visible:
			w.put(r)
		case space:
			w.space(r)
		case wideSpace:
			w.spaces = utf8.AppendRune(w.spaces, r)
		case joiner:
			w.join(r)
		}
	}
}

func (w *writer) space(r rune) {
	switch {
	case w.pre > 0 && (r == ' ' || r == '\t'):
		w.spaces = append(w.spaces, byte(r))
	case w.pre > 0:
		w.lineBreak()
	case w.atLineStart() || w.row.gaps > 0: // nothing to keep apart
	case len(w.spaces) == 0 || w.spaces[len(w.spaces)-1] != ' ':
		w.spaces = append(w.spaces, ' ')
	}
}

// join writes a character that joins two others or keeps them from it, as emoji, Persian and Indic scripts need it. Where
// it has nothing to join it only hides from filters of mail.
func (w *writer) join(r rune) {
	last, _ := utf8.DecodeLastRune(w.out)
	if w.atLineStart() || w.row.gaps > 0 || len(w.spaces) > 0 || kindOf(last) == joiner {
		return
	}
	w.out = utf8.AppendRune(w.out, r)
}

func (w *writer) put(r rune) {
	w.begin()
	if w.loose && beginsTag(r) && len(w.out) > 0 && w.out[len(w.out)-1] == '<' {
		w.out = append(w.out, ' ') // what was left out between them kept a tag from being one
	}
	if w.mark == unset {
		w.mark = len(w.out)
	}
	w.out = utf8.AppendRune(w.out, r)
}

// beginsTag tells whether "<" and this character make a tag or a comment.
func beginsTag(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '/' || r == '!' || r == '?'
}

// begin writes what waits.
func (w *writer) begin() {
	if w.atLineStart() {
		if len(w.out) > 0 {
			w.out = append(w.out, "\n\n"[:w.newlines]...)
		}
		w.newlines = 0
		w.lines++
		w.out = w.boxes.appendPrefix(w.out)
		w.row.gaps = 0 // empty cells that begin a row
	}
	w.out = w.row.appendGaps(w.out, w.lines)
	w.out = append(w.out, w.spaces...)
	w.spaces = w.spaces[:0]
}

// lineBreak ends the line, even an empty one.
func (w *writer) lineBreak() {
	if w.row.fresh() {
		return
	}
	w.newlines = min(w.newlines+1, maxNewlines)
	w.spaces = w.spaces[:0]
}

// block ends the line if there is something on it, and leaves an empty line for 2. Lists and tables stay together.
func (w *writer) block(newlines int) {
	if w.row.fresh() {
		return
	}
	if w.atLineStart() && len(w.spaces) > 0 && w.pre == 0 {
		w.lineBreak() // a line with nothing but a hard space is how editors write an empty one
	}
	if w.boxes.inItem() || w.row.cells > 0 {
		newlines = 1
	}
	w.newlines = max(w.newlines, newlines)
	w.spaces = w.spaces[:0]
}

// behind writes directly behind the last character, before all that waits.
func (w *writer) behind(text string) { w.out = append(w.out, text...) }
