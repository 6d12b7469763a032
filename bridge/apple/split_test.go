package apple

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rivo/uniseg"
	"pgregory.net/rapid"

	"bizbridge/bridge/message"
)

func TestTextsAreCutWhereAReaderWouldPause(t *testing.T) {
	for name, test := range map[string]struct {
		text  string
		limit int
		want  []string
	}{
		"short":                             {"Hello", 10, []string{"Hello"}},
		"exactly the limit":                 {"0123456789", 10, []string{"0123456789"}},
		"white space around is dropped":     {"  Hello \n", 5, []string{"Hello"}},
		"nothing but white space":           {strings.Repeat(" \n", 20), 10, nil},
		"a paragraph before a sentence":     {"One two.\n\nThree. Four five six", 20, []string{"One two.", "Three. Four five six"}},
		"the last paragraph that fits":      {"One\n\nTwo\n\nThree four five", 14, []string{"One\n\nTwo", "Three four", "five"}},
		"a sentence before a word":          {"One two. Three four five", 20, []string{"One two.", "Three four five"}},
		"a line before a word":              {"One two\nthree four five", 18, []string{"One two", "three four five"}},
		"a line before a sentence":          {"One two\nIt is. Three four", 18, []string{"One two", "It is. Three four"}},
		"no line's number on its own":       {"10. Small\n11. Large one", 14, []string{"10. Small", "11. Large one"}},
		"a paragraph before a line":         {"One two\n\nThree\nfour five", 18, []string{"One two", "Three\nfour five"}},
		"Windows paragraph before a line":   {"One\r\n\r\nTwo\r\nthree", 12, []string{"One", "Two\r\nthree"}},
		"a question":                        {"Is it? Yes it is now", 12, []string{"Is it?", "Yes it is", "now"}},
		"a word":                            {"one two three four", 10, []string{"one two", "three four"}},
		"no abbreviation's full stop":       {"about 3.14 metres long", 12, []string{"about 3.14", "metres long"}},
		"after a hyphen":                    {"well-known thing", 8, []string{"well-", "known", "thing"}},
		"inside a word that is too long":    {"0123456789abcde", 10, []string{"0123456789", "abcde"}},
		"not too near to the beginning":     {"A. 0123456789abcdef", 12, []string{"A. 012345678", "9abcdef"}},
		"an early sentence is not enough":   {"Hi. one two three", 15, []string{"Hi. one two", "three"}},
		"Chinese, at a full stop":           {"你好。我们今天营业到八点。", 8, []string{"你好。", "我们今天营业到八", "点。"}},
		"Japanese, no stop in sight":        {"あいうえおかきくけこさし", 5, []string{"あいうえお", "かきくけこ", "さし"}},
		"families stay together":            {strings.Repeat("👨‍👩‍👧", 5), 12, []string{"👨‍👩‍👧👨‍👩‍👧", "👨‍👩‍👧👨‍👩‍👧", "👨‍👩‍👧"}},
		"flags stay together":               {strings.Repeat("🇩🇪", 4), 3, []string{"🇩🇪", "🇩🇪", "🇩🇪", "🇩🇪"}},
		"skin tones stay together":          {strings.Repeat("👍🏽", 3), 5, []string{"👍🏽👍🏽", "👍🏽"}},
		"combining marks stay together":     {strings.Repeat("e\u0301", 4), 3, []string{"e\u0301", "e\u0301", "e\u0301", "e\u0301"}},
		"one character beyond the limit":    {"a" + strings.Repeat("\u0301", 9), 4, []string{"a\u0301\u0301\u0301", "\u0301\u0301\u0301\u0301", "\u0301\u0301"}},
		"Windows line ends":                 {"One two.\r\n\r\nThree four", 14, []string{"One two.", "Three four"}},
		"invalid UTF-8 is not made worse":   {"\xff\xff\xff", 2, []string{"\xff\xff", "\xff"}},
		"invalid UTF-8 in a long character": {"a" + strings.Repeat("\u0301", 3) + "\xff", 2, []string{"a\u0301", "\u0301\u0301", "\xff"}},
	} {
		if diff := cmp.Diff(test.want, splitText(test.text, test.limit)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestOnlyLongTextsBecomeSeveralParts(t *testing.T) {
	for name, test := range map[string]struct {
		content message.Content
		parts   int
	}{
		"typing":                        {message.Typing{State: message.TypingOn}, 1},
		"short":                         {message.Text{Text: " Hi "}, 1},
		"of the limit":                  {message.Text{Text: strings.Repeat("x", MaxText)}, 1},
		"of the limit, in more bytes":   {message.Text{Text: strings.Repeat("é", MaxText)}, 1},
		"one more":                      {message.Text{Text: strings.Repeat("x", MaxText+1)}, 2},
		"one more, of white space only": {message.Text{Text: strings.Repeat("x", MaxText) + "\n"}, 1},
		"the longest":                   {message.Text{Text: strings.Repeat("x", message.MaxTextLength)}, 20},
	} {
		parts := Parts(test.content)
		if len(parts) != test.parts {
			t.Errorf("%s: %d parts", name, len(parts))
		}
		if test.parts == 1 && strings.TrimSpace(textOf(parts[0])) != strings.TrimSpace(textOf(test.content)) {
			t.Errorf("%s: altered", name)
		}
	}
	if diff := cmp.Diff([]message.Content{message.Text{Text: " Hi "}}, Parts(message.Text{Text: " Hi "})); diff != "" {
		t.Errorf("a text that fits is sent as it is: %s", diff)
	}
}

// A numbered list of any length is cut between its lines.
func TestANumberIsNotCutFromItsOption(t *testing.T) {
	var text strings.Builder
	for i := range 300 {
		fmt.Fprintf(&text, "%d. option %d – about as long as they are. Really\n", i+1, i+1)
	}
	parts := Parts(message.Text{Text: text.String()})
	if len(parts) < 3 {
		t.Fatalf("%d parts", len(parts))
	}
	for i, part := range parts {
		first, rest, _ := strings.Cut(textOf(part), "\n")
		last := rest[strings.LastIndex(rest, "\n")+1:]
		for _, line := range []string{first, last} {
			if !regexp.MustCompile(`^\d+\. option .* Really$`).MatchString(line) {
				t.Errorf("part %d has half a line: %q", i, line)
			}
		}
	}
}

func textOf(content message.Content) string {
	text, _ := content.(message.Text)
	return text.Text
}

// checkSplit asserts what must hold for any text and limit.
func checkSplit(t interface {
	Errorf(format string, args ...any)
}, text string, limit int) {
	pieces := splitText(text, limit)
	solid := func(s string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsSpace(r) {
				return -1
			}
			return r
		}, s)
	}
	var kept strings.Builder
	for _, piece := range pieces {
		kept.WriteString(solid(piece))
		if n := utf8.RuneCountInString(piece); n > limit || piece == "" || piece != strings.TrimSpace(piece) {
			t.Errorf("%q at %d: a piece %q of %d characters", text, limit, piece, n)
		}
	}
	if kept.String() != solid(text) {
		t.Errorf("%q at %d: lost or changed something: %q", text, limit, pieces)
	}
	if !utf8.ValidString(text) {
		return
	}
	// Each piece is found in the text after the one before, with nothing but white space between, and begins and ends at
	// the border of a grapheme. White space that is part of a character is left out of this: it may be trimmed.
	borders, longest := []int{0}, 0
	for graphemes := uniseg.NewGraphemes(text); graphemes.Next(); {
		_, to := graphemes.Positions()
		borders = append(borders, to)
		longest = max(longest, len(graphemes.Runes()))
		if len(graphemes.Runes()) > 1 && slices.ContainsFunc(graphemes.Runes(), unicode.IsSpace) && graphemes.Str() != "\r\n" {
			longest = limit + 1
		}
	}
	at := 0
	for _, piece := range pieces {
		begin := strings.Index(text[at:], piece) + at
		if begin < at || strings.TrimSpace(text[at:begin]) != "" {
			t.Errorf("%q at %d: %q is not where it was", text, limit, piece)
			return
		}
		at = begin + len(piece)
		if longest <= limit && (!slices.Contains(borders, begin) || !slices.Contains(borders, at)) {
			t.Errorf("%q at %d: %q cuts through a character", text, limit, piece)
		}
	}
}

func TestSplittingLosesNothingAndCutsThroughNothing(t *testing.T) {
	word := rapid.SampledFrom([]string{
		"a", "word", "Sentence.", "Really?", " ", "  ", "\n", "\n\n", "\r\n", "\t", "你好", "。", "👨‍👩‍👧‍👦", "🇩🇪", "👍🏽", "e\u0301", "한글",
		"नमस्ते", "https://example.com/a-b?c=d", "\u200d", "\ufe0f", "\u00a0", "-", "…", "\u0301",
	})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(word, 0, 60).Draw(t, "words"), "")
		checkSplit(t, text, rapid.IntRange(1, 40).Draw(t, "limit"))
	})
	rapid.Check(t, func(t *rapid.T) {
		checkSplit(t, rapid.String().Draw(t, "text"), rapid.IntRange(1, 20).Draw(t, "limit"))
	})
}

func BenchmarkSplit(b *testing.B) {
	sentence := "We have looked into your order, and it will leave our warehouse tomorrow at eight. "
	text := strings.Repeat(strings.Repeat(sentence, 6)+"\n\n", message.MaxTextLength/(6*len(sentence)+2))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if len(Parts(message.Text{Text: text})) < 20 {
			b.Fatal("too few parts")
		}
	}
}
