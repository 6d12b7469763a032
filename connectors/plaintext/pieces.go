package plaintext

import (
	"strings"
	"unicode/utf16"
)

// Cut shortens a text to a number of UTF-16 units, in which helpdesks count at worst.
func Cut(text string, most int) string {
	units := 0
	for i, r := range text {
		if units += utf16.RuneLen(r); units > most {
			return text[:i]
		}
	}
	return text
}

// Pieces cuts a text into pieces of at most that many UTF-16 units, 2 or more, between lines or words where there are some.
func Pieces(text string, most int) []string {
	var pieces []string
	for text = strings.TrimSpace(text); text != ""; {
		piece := Cut(text, most)
		if end := strings.LastIndexAny(piece, " \n"); len(piece) < len(text) && end > len(piece)/2 {
			piece = piece[:end]
		}
		pieces = append(pieces, strings.TrimSpace(piece))
		text = strings.TrimSpace(text[len(piece):])
	}
	return pieces
}
