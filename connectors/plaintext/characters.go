package plaintext

import "unicode"

// kind is what a character is to the writer.
type kind int

const (
	visible   kind = iota
	space          // ASCII's: many are one
	wideSpace      // those that stay
	joiner         // means something between two others only
	invisible      // left out
)

func kindOf(r rune) kind {
	switch {
	case r > ' ' && r < 0x7F:
		return visible
	case r == ' ' || r == '\n' || r == '\t' || r == '\r' || r == '\f' || r == '\v' || r == 0x85 || r == 0x2028 || r == 0x2029:
		return space
	case r == 0x200C || r == 0x200D: // zero-width non-joiner and joiner
		return joiner
	case unicode.IsControl(r) || hides(r):
		return invisible
	case unicode.IsSpace(r):
		return wideSpace
	}
	return visible
}

// hides tells of the characters that hide in mail to track it or to fill its preview, and of Apple's placeholder of a file.
// Marks of direction stay, as Arabic and Hebrew need them, but not the two that turn around what is written.
func hides(r rune) bool {
	switch r {
	case 0x00AD, // soft hyphen
		0x034F,         // combining grapheme joiner
		0x180E,         // Mongolian vowel separator
		0x200B,         // zero-width space
		0x202D, 0x202E, // overrides of direction
		0x2060, 0x2061, 0x2062, 0x2063, 0x2064, // word joiner, invisible operators
		0xFEFF, // byte order mark
		0xFFFC:
		return true
	}
	return false
}
