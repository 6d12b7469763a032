package plaintext_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"bizbridge/connectors/plaintext"
)

// fault tells what is wrong with a text that was made of the input; "" for nothing.
func fault(input, got string) string {
	switch {
	case !utf8.ValidString(got):
		return "is not UTF-8"
	case strings.Contains(got, "\n\n\n"):
		return "has three line ends in a row"
	case strings.TrimSpace(got) != got:
		return "has white space around it"
	case strings.ContainsAny(got, "\uFFFC\u200b\ufeff\u00ad\u202e\x00\x1b\r\u0085"):
		return "has what nobody sees"
	case len(got) > len(input)*plaintext.MaxGrowth+64:
		return "is too long"
	}
	for line := range strings.Lines(got) {
		if line = strings.TrimSuffix(line, "\n"); line != strings.TrimRight(line, " \t\u00a0") {
			return "has a space before a line end"
		}
	}
	return ""
}

// tagIn finds what HTML takes for a tag or a comment; "" for nothing.
func tagIn(text string) string {
	for tokens := html.NewTokenizer(strings.NewReader(text)); ; {
		switch tokens.Next() {
		case html.TextToken:
		case html.ErrorToken:
			if !errors.Is(tokens.Err(), io.EOF) {
				return tokens.Err().Error()
			}
			return ""
		default:
			return string(tokens.Raw())
		}
	}
}

func checkHTML(t interface{ Fatalf(string, ...any) }, input string) {
	got := plaintext.FromHTML(input)
	if fault := fault(input, got); fault != "" {
		t.Fatalf("%q: %q %s", input, got, fault)
	}
	if !strings.Contains(input, "&") { // nothing is escaped
		if tag := tagIn(got); tag != "" {
			t.Fatalf("%q: %q has the tag %q", input, got, tag)
		}
	}
	if !strings.ContainsAny(got, "<&") {
		if again := plaintext.FromHTML(got); again != got {
			t.Fatalf("%q: %q becomes %q", input, got, again)
		}
	}
}

func checkMarkdown(t interface{ Fatalf(string, ...any) }, input string) {
	got := plaintext.FromMarkdown(input)
	if fault := fault(input, got); fault != "" {
		t.Fatalf("%q: %q %s", input, got, fault)
	}
}

// pieces are put together to what looks like HTML or Markdown.
func pieces() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		piece := rapid.OneOf(
			rapid.SampledFrom([]string{
				"<p>", "</p>", "<br>", "<ul>", "</ul>", "<ol start=7>", "</ol>", "<li>", "</li>", "<blockquote>", "</blockquote>", "<pre>", "</pre>",
				"<table>", "<tr>", "<td>", "</td>", "</tr>", "</table>", "<a href='https://a.test/<b>'>", "<a href=javascript:x>", "</a>", "<img alt='<i>x'>",
				"<script>", "</script>", "<style>", "</style>", "<!--", "-->", "<template>", "</template>", "<hr>", "<", ">", "/", "&lt;", "&nbsp;", "&zwnj;",
				"*", "**", "_", "`", "```\n", "> ", "- ", "1. ", "# ", "[", "](", ")", "![", "\\", "|", "|-|-|\n", "\n", "\n\n", "    ", "~~~\n", "a@b.test", "www.a.test",
				"\u200b", "\u200d", "\u200c", "\uFFFC", "\u00a0", "\xff", "👩", "\u202e", "\u2028", "\r", "\x00",
			}),
			rapid.StringMatching(`[a-z0-9 ]{1,5}`), rapid.StringN(0, 4, -1),
		)
		return strings.Join(rapid.SliceOfN(piece, 0, 40).Draw(t, "pieces"), "")
	})
}

func TestAnyHTML(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkHTML(t, pieces().Draw(t, "text")) })
}

func TestAnyMarkdown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkMarkdown(t, pieces().Draw(t, "text")) })
}

// Words are left alone, and what was made of them is the same again.
func TestPlainText(t *testing.T) {
	words := rapid.StringMatching(`[A-Za-zäß€😀אبか0-9,;:?!'"(/% ]{0,30}`)
	rapid.Check(t, func(t *rapid.T) {
		var lines []string
		for range rapid.IntRange(1, 6).Draw(t, "lines") {
			lines = append(lines, strings.Join(strings.Fields(words.Draw(t, "line")), " "))
		}
		text := strings.Join(lines, "\n")
		for strings.Contains(text, "\n\n\n") {
			text = strings.ReplaceAll(text, "\n\n\n", "\n\n")
		}
		text = strings.TrimSpace(text)
		for language, convert := range converters {
			if got := convert(text); got != text {
				t.Fatalf("%s: %q became %q", language, text, got)
			}
		}
	})
}

// Whatever is written between well-formed tags, no tag is left of them.
func TestHTMLInMarkdownGoes(t *testing.T) {
	tag := rapid.SampledFrom([]string{"<b>", "</b>", "<br/>", "<img src=x onerror=y>", "<a href='javascript:z'>", "</a>", "<p class=c>", "<script>x</script>", "<!-- c -->"})
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		for range rapid.IntRange(0, 20).Draw(t, "parts") {
			text.WriteString(tag.Draw(t, "tag") + rapid.StringMatching(`[a-z]{1,3}[ \n]?`).Draw(t, "words"))
		}
		if got := plaintext.FromMarkdown(text.String()); strings.ContainsAny(got, "<>") {
			t.Fatalf("%q: %q", text.String(), got)
		}
	})
}

func FuzzFromHTML(f *testing.F) {
	for _, unit := range hostile {
		f.Add(strings.Repeat(unit, 5))
	}
	f.Add(replyHTML)
	f.Fuzz(func(t *testing.T, text string) { checkHTML(t, text) })
}

func FuzzFromMarkdown(f *testing.F) {
	for _, unit := range hostile {
		f.Add(strings.Repeat(unit, 5))
	}
	f.Add(replyMarkdown)
	f.Fuzz(func(t *testing.T, text string) { checkMarkdown(t, text) })
}
