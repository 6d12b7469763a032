package plaintext

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"
)

func TestPieces(t *testing.T) {
	for text, want := range map[string][]string{
		"": nil, " \n ": nil, "short": {"short"}, "one two three": {"one two", "three"}, "onetwo\nthree": {"onetwo", "three"}, "a bcdefghijk": {"a bcdefg", "hijk"},
		"😀😀😀😀😀": {"😀😀😀😀", "😀"},
	} {
		if got := Pieces(text, 8); !slices.Equal(got, want) {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	if got := Cut("a😀b", 2); got != "a" {
		t.Errorf("%q", got)
	}
}

func TestPiecesLoseNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, most := rapid.StringOf(rapid.RuneFrom([]rune("ab \nä😀"))).Draw(t, "text"), rapid.IntRange(2, 9).Draw(t, "most")
		pieces := Pieces(text, most)
		for _, piece := range pieces {
			if n := len(utf16.Encode([]rune(piece))); n > most || piece == "" || strings.TrimSpace(piece) != piece {
				t.Errorf("%q has %d units, want at most %d", piece, n, most)
			}
		}
		solid := func(text string) string { return strings.Join(strings.Fields(text), "") }
		if got := solid(strings.Join(pieces, "")); got != solid(text) {
			t.Errorf("%q becomes %q", text, pieces)
		}
	})
}
