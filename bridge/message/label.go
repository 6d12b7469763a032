package message

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxLabel is the longest text that Apple renders in an interactive message, in characters (protocol §4.17).
const MaxLabel = 200

// Label is a text that Apple renders in an interactive message: one line of printable characters, at most [MaxLabel].
// The decoder mends what only needs trimming.
type Label string

// mendLabel takes out what Apple refuses as not printable (protocol §4.17): line ends and tabs become spaces, since they
// separate words; what nobody would see, characters of private use, which every font draws otherwise, and U+FFFD, which
// stands for what was lost before, vanish. Joiners, variation selectors, tags and marks of direction stay: emoji and
// scripts need them.
func mendLabel(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) && unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp):
			return ' '
		case invisible(r) || unicode.Is(unicode.Co, r) || r == utf8.RuneError:
			return -1
		}
		return r
	}, strings.ReplaceAll(text, "\r\n", "\n"))
	return strings.TrimSpace(text)
}

// invisible tells of characters that are for programs, not for people.
func invisible(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Noncharacter_Code_Point) || r == AttachmentMark || r == '\uFEFF'
}

// CutLabel makes a label of any text. What is too long is cut at a word and ends in "…".
func CutLabel(text string) Label {
	text = mendLabel(text)
	if utf8.RuneCountInString(text) <= MaxLabel {
		return Label(text)
	}
	short := string([]rune(text)[:MaxLabel-1])
	if cut := strings.LastIndexByte(short, ' '); cut > len(short)/2 {
		short = short[:cut]
	}
	return Label(strings.TrimSpace(short) + "…")
}
