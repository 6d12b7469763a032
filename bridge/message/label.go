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

// mendLabel takes out what Apple refuses and nobody would see: line ends and tabs become spaces, since they separate
// words, and other control characters vanish.
func mendLabel(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) && unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.IsControl(r) || r == AttachmentMark || r == '\uFEFF' || unicode.Is(unicode.Noncharacter_Code_Point, r):
			return -1
		}
		return r
	}, strings.ReplaceAll(text, "\r\n", "\n"))
	return strings.TrimSpace(text)
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
