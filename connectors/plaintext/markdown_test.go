package plaintext_test

import (
	"strings"
	"sync"
	"testing"

	"bizbridge/connectors/plaintext"
)

func TestMarkdown(t *testing.T) {
	table{
		"nothing":             {"", ""},
		"emphasis":            {"**a** *b* __c__ _d_ ***e*** **f**:", "a b c d e f:"},
		"emphasis in Chinese": {"这是**重点**内容", "这是重点内容"},
		"headings":            {"# A\n\ntext\n## B ##\nmore", "A\n\ntext\n\nB\n\nmore"},
		"lines":               {"a\nb\\\nc  \nd\n\n\n\ne", "a\nb\nc\nd\n\ne"},
		"line ends":           {"a\r\nb\rc", "a\nb\nc"},
		"bullets":             {"- a\n* b\n", "- a\n- b"},
		"loose bullets":       {"- a\n\n- b\n\nc", "- a\n- b\n\nc"},
		"lists in lists":      {"1. a\n   - b\n     c\n2. d", "1. a\n   - b\n     c\n2. d"},
		"a list under words":  {"Bring:\n- a\n- b", "Bring:\n- a\n- b"},
		"a list below words":  {"Bring:\n\n- a\n- b\n\nBye", "Bring:\n\n- a\n- b\n\nBye"},
		"tasks":               {"- [ ] a\n- [x] b", "- [ ] a\n- [x] b"},
		"quotes":              {"> a\n> b\n\nc", "> a\n> b\n\nc"},
		"quotes in quotes":    {"> > a\n>\n> b", "> > a\n\n> b"},
		"a rule":              {"a\n\n***\n\nb", "a\n\n---\n\nb"},
		"code in a line":      {"run `rm *.tmp_*` now, `<b>`, ``a`b``", "run rm *.tmp_* now, <b>, a`b"},
		"code":                {"a\n```go\nfunc *x_y_\n\tif 1<2 {}\n```\nb", "a\n\nfunc *x_y_\n\tif 1<2 {}\n\nb"},
		"indented code":       {"a\n\n    b *c*\n      d", "a\n\nb *c*\n  d"},
		"tables":              {"a\n\n| b | **c** |\n|---|:-:|\n| 1 | 2 |\n| | 3 |", "a\n\nb | c\n1 | 2\n3"},
		"escapes":             {`\*a\* 1\. \# \_b\_ \[c\] \\ C:\new`, `*a* 1. # _b_ [c] \ C:\new`},
		"entities":            {"a &amp; b &lt;i&gt; &nosuch;", "a & b <i> &nosuch;"},
		"characters":          {"a\xff\x00\uFFFC 👩‍👧 \u200bb", "a\uFFFD 👩‍👧 b"},
	}.check(t, plaintext.FromMarkdown)
}

func TestMarkdownLinks(t *testing.T) {
	table{
		"a link":              {"[this *page*](https://example.test/a_b_c?d=1&e=2 'title') now", "this page (https://example.test/a_b_c?d=1&e=2) now"},
		"the address as text": {"[https://example.test](https://example.test/)", "https://example.test"},
		"in angle brackets":   {"<https://example.test/a> <help@example.test>", "https://example.test/a help@example.test"},
		"bare":                {"https://example.test/__init__.py?a=_b_, **https://example.test/a**, www.example.test/_a_ (https://example.test)", "https://example.test/__init__.py?a=_b_, https://example.test/a, www.example.test/_a_ (https://example.test)"},
		"a bare address":      {"help_me_@example.test", "help_me_@example.test"},
		"mail and telephone":  {"[Write](mailto:help@example.test) or [030 1234](tel:+49301234)", "Write (help@example.test) or 030 1234"},
		"scripts":             {"[a](javascript:alert(1)) [b](JaVaScRiPt:x) [c](data:text/html,x) <javascript:x>", "a b c javascript:x"},
		"images":              {"![A cat](https://example.test/cat.png) ![](x.png)", "A cat"},
		"an image as a link":  {"[![Shop](x.png)](https://example.test)", "Shop (https://example.test)"},
		"by reference":        {"see [a][1] or [Note]\n\n[1]: https://example.test\n[Note]: call", "see [a][1] or [Note]\n\n[1]: https://example.test\n[Note]: call"},
		"no links":            {"[a] (b) [c](d e) f[0](g", "[a] (b) [c](d e) f[0](g"},
	}.check(t, plaintext.FromMarkdown)
}

// People write in a chat without thinking of Markdown.
func TestWhatOnlyLooksLikeMarkdown(t *testing.T) {
	for _, text := range []string{
		"snake_case and other_snake_case", "2*3*4 = 24", "a*b*c, 10*12 cm", "2 * 3 * 4", "1. Januar", "1. April\n3. Mai\n24. Dezember",
		"1986. What a year", "#hashtag #2", "+ 49 30 1234\n+ 49 30 5678", "Total\n---", "Anna\n--\nExample Ltd", "a\n===", "5 > 3 and 2 < 4",
		"I <3 you", ":-) ;-* *g", "~~10 €~~ 8 €, ca. ~5", "*.txt and *.pdf", "$_POST, 100%, a & b, a|b", "¹ * see below", "(c) [1] {x} ^y", "- 5 °C\n- 3 °C",
		"Hello,\n\nthe first paragraph\nwith two lines.\n\nBye", "C:\\Users\\x", "...\n- a\n- b", "007. Bond", "1) a\n5) b", "5.", "2)", "-", "*", "#", "# 1", ">", "> 5", "1. 2.", "a\n-", "- ", "***!", "[]", "()", "`", "\\",
	} {
		if got, want := plaintext.FromMarkdown(text), strings.TrimSpace(text); got != want {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestHTMLInMarkdown(t *testing.T) {
	table{
		"tags":                 {"a <b>b</b> <u onclick=x>*c*</u><br>d", "a b c\nd"},
		"blocks":               {"<div>\n*a*\n</div>\n\n<ul><li>b</li></ul>", "a\n\n- b"},
		"a link":               {`<a href="https://example.test">a</a> <a href="javascript:x">b</a>`, "a (https://example.test) b"},
		"script":               {"a <script>alert('*1*')</script> b", "a b"},
		"script over lines":    {"a\n<script>\n\nalert(1)\n\n</script>\nb", "a\n\nb"},
		"comments":             {"a <!-- b\nc --> d", "a d"},
		"a word about script":  {"Remove the <script> tag\n\nand say `</script>`", "Remove the <script> tag\n\nand say </script>"},
		"a word about others":  {"a <plaintext> b </plaintext> c <!-- d\n\n<title\nx> e", "a <plaintext> b c <!-- d\n\n<title x> e"},
		"an end before":        {"a </style> b <style> c", "a b <style> c"},
		"escaped":              {`\<b> &lt;i&gt;`, "<b> <i>"},
		"an image":             {`<img src=x onerror=alert(1) alt="A cat">`, "A cat"},
		"an unusual attribute": {"<b x='`'>a</b>", "a"},
	}.check(t, plaintext.FromMarkdown)
}

// Code that is longer than a piece stays code, and what follows does not become it.
func TestLongCode(t *testing.T) {
	code := strings.Repeat("a = *b* # ```c```\n", 1000)
	got := plaintext.FromMarkdown("**Try**\n~~~~py\n" + code + "~~~\n~~~~\nand **say**")
	got = strings.ReplaceAll(got, "\n\n", "\n") // there is an empty line at each cut
	if want := "Try\n" + code + "~~~\nand say"; got != want {
		t.Errorf("%d bytes, want %d: …%q", len(got), len(want), got[len(got)-80:])
	}
}

// A long text is parsed in pieces, which must not show.
func TestLongMarkdown(t *testing.T) {
	for name, unit := range map[string]struct{ in, want string }{
		"paragraphs":     {"Some **bold** words.\nAnd _more_.\n\n", "Some bold words.\nAnd more.\n\n"},
		"long lists":     {"- a\n\n  b\n\n", "- a\n  b\n"},
		"code":           {"```\n*a*\n\n*b*\n```\n\n", "*a*\n\n*b*\n\n"},
		"nothing to cut": {"*ä*", "ä"},
	} {
		t.Run(name, func(t *testing.T) {
			const times = 4000
			got := plaintext.FromMarkdown(strings.Repeat(unit.in, times))
			if name == "nothing to cut" {
				got = strings.NewReplacer("\n", "", "*", "").Replace(got) // at a cut, a mark may be left
			}
			if name == "long lists" {
				got = strings.ReplaceAll(got, "\n\n", "\n")
			}
			if want := strings.TrimSpace(strings.Repeat(unit.want, times)); got != want {
				t.Errorf("%d bytes, want %d: %q…", len(got), len(want), got[:200])
			}
		})
	}
}

func TestAtTheSameTime(t *testing.T) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if got := plaintext.FromMarkdown("1. *a*\n2. [b](https://example.test)\n\n|c|\n|-|\n|d|"); got != "1. a\n2. b (https://example.test)\n\nc\nd" {
					t.Errorf("%q", got)
				}
			}
		})
	}
	all.Wait()
}
