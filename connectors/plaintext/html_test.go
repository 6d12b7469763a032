package plaintext_test

import (
	"strings"
	"testing"

	"bizbridge/connectors/plaintext"
)

// table is input and what becomes of it.
type table map[string]struct{ in, want string }

func (c table) check(t *testing.T, convert func(string) string) {
	t.Helper()
	for name, c := range c {
		t.Run(name, func(t *testing.T) {
			if got := convert(c.in); got != c.want {
				t.Errorf("%q\n got %q\nwant %q", c.in, got, c.want)
			}
		})
	}
}

func TestHTMLBlocks(t *testing.T) {
	table{
		"nothing":                  {"", ""},
		"words":                    {"Hello", "Hello"},
		"lines without any tag":    {" a\r\n  b\n\n\n\nc &amp; d ", "a\n  b\n\nc & d"},
		"white space between tags": {"<div>\n  a \t b\n</div>\n<div> c</div>", "a b\nc"},
		"paragraphs":               {"<p>a</p><p>b</p>", "a\n\nb"},
		"divisions":                {"<div>a</div><div>b</div>", "a\nb"},
		"nested divisions":         {"<div><div>a</div></div><div><div>b</div></div>", "a\nb"},
		"a division in a line":     {"a<div>b</div>c", "a\nb\nc"},
		"breaks":                   {"a<br>b<br/>c<br><br><br><br>d", "a\nb\nc\n\nd"},
		"a break that ends":        {"<p>a<br></p><p>b</p>", "a\n\nb"},
		"an empty line":            {"<div>a</div><div><br></div><div>b</div>", "a\n\nb"},
		"a hard space's line":      {"<div>a</div><div>&nbsp;</div><div>b</div>", "a\n\nb"},
		"empty paragraphs":         {"<p>a</p><p></p><p> </p><p>b</p>", "a\n\nb"},
		"headings":                 {"<h1>T</h1>a<h2>U</h2>b", "T\n\na\n\nU\n\nb"},
		"a rule":                   {"a<hr>b", "a\n---\nb"},
		"a quote":                  {"a<blockquote><p>b</p><p>c<br>d</p></blockquote>e", "a\n\n> b\n\n> c\n> d\n\ne"},
		"a quote in a quote":       {"<blockquote>a<blockquote>b</blockquote>c</blockquote>", "> a\n\n> > b\n\n> c"},
		"code":                     {"a<pre><code>if x {\n\ty()\n}\n</code></pre>b", "a\n\nif x {\n\ty()\n}\n\nb"},
		"code without an end":      {"<pre>a\n b", "a\n b"},
		"ends without a start":     {"a</p></div></li></ul></blockquote></pre></td></table></a>b", "a\n\nb"},
		"self-closing":             {"<p/>a<p/>b<div/>c", "a\n\nb\nc"},
		"a definition":             {"<dl><dt>a</dt><dd>b</dd></dl>", "a\nb"},
	}.check(t, plaintext.FromHTML)
}

func TestHTMLLists(t *testing.T) {
	table{
		"bullets":                 {"a<ul><li>b</li><li>c</li></ul>d", "a\n- b\n- c\nd"},
		"numbers":                 {"<ol><li>a</li><li>b</li></ol>", "1. a\n2. b"},
		"numbers from":            {`<ol start="9"><li>a<li>b<li value="20">c<li>d</ol>`, "9. a\n10. b\n20. c\n21. d"},
		"numbers that are none":   {`<ol start="-1"><li>a<li value="x">b<li value="9999999999">c</ol>`, "1. a\n2. b\n3. c"},
		"paragraphs in items":     {"<ul><li><p>a</p></li><li><p>b</p><p>c</p></li></ul><p>d</p>", "- a\n- b\n  c\n\nd"},
		"lists in lists":          {"<ul><li>a<ol><li>b<br>c</li></ol></li><li>d</li></ul>", "- a\n  1. b\n     c\n- d"},
		"a list beside its item":  {"<ul><li>a</li><ul><li>b</li></ul><li>c</li></ul>", "- a\n- b\n- c"},
		"empty items":             {"<ul><li></li><li> <p></p></li><li>a</li></ul>", "- a"},
		"an item without a list":  {"<li>a</li>b", "- a\nb"},
		"a quote in a list":       {"<ul><li>a<blockquote>b</blockquote></li></ul>", "- a\n  > b"},
		"deeper than is shown":    {strings.Repeat("<ul><li>", 9) + "a" + strings.Repeat("</li></ul>", 9) + "<p>b</p>", "- - - - - a\n\nb"},
		"a link in a list":        {`<ul><li><a href="https://example.test/a">https://example.test/a</a></li></ul>`, "- https://example.test/a"},
		"a link around a list":    {`<a href="https://example.test"><ul><li>a</li></ul></a>b`, "- a (https://example.test)\nb"},
		"items that do not close": {"<ul><li>a<li>b<ul><li>c<li>d</ul><li>e</ul>f", "- a\n- b\n  - c\n  - d\n- e\nf"},
	}.check(t, plaintext.FromHTML)
}

func TestHTMLTables(t *testing.T) {
	table{
		"rows":             {"a<table><tr><th>b</th><th>c</th></tr><tr><td>1</td><td>2</td></tr></table>d", "a\n\nb | c\n1 | 2\n\nd"},
		"paragraphs":       {"<table><tr><td><p>a</p></td><td><p>b</p></td></tr><tr><td><p>c</p></td><td>d</td></tr></table>", "a | b\nc | d"},
		"empty cells":      {"<table><tr><td></td><td>a</td><td> </td><td>b</td><td>&nbsp;</td></tr><tr><td></td></tr></table>c", "a | | b\n\nc"},
		"ends left out":    {"<table><tr><td>a<td>b<tr><td>c<td>d</table>", "a | b\nc | d"},
		"a letter in one":  {"<table><tr><td><p>a</p><p>b</p></td><td>c</td></tr></table>d", "a\nb\nc\n\nd"},
		"a table in one":   {"<table><tr><td><table><tr><td>a</td><td>b</td></tr></table></td></tr><tr><td>c</td></tr></table>", "a | b\n\nc"},
		"a list in one":    {"<table><tr><td><ul><li>a</li><li>b</li></ul></td><td>c</td></tr></table>", "- a\n- b\nc"},
		"cells without it": {"<td>a</td><td>b</td>", "a | b"},
	}.check(t, plaintext.FromHTML)
}

func TestHTMLLinks(t *testing.T) {
	table{
		"a link":               {`see <a href="https://example.test/a?b=1&amp;c=2">this page </a>now`, "see this page (https://example.test/a?b=1&c=2) now"},
		"the address as text":  {`<a href="https://example.test/">https://example.test</a>`, "https://example.test"},
		"without the scheme":   {`<a href="https://www.example.test/%C3%A4/">example.test/ä</a>`, "example.test/ä"},
		"another address":      {`<a href="https://example.test/b">https://example.test/a</a>`, "https://example.test/a (https://example.test/b)"},
		"bold":                 {`<b>a <a href="https://example.test"><i>b</i></a></b>`, "a b (https://example.test)"},
		"no text":              {`a <a href="https://example.test"> </a> b`, "a https://example.test b"},
		"an image":             {`<a href="https://example.test"><img src="x" alt="Shop"></a>`, "Shop (https://example.test)"},
		"an image that is mum": {`<a href="https://example.test"><img src="x"></a>`, "https://example.test"},
		"no end":               {`<a href="https://example.test">a<p>b`, "a\n\nb (https://example.test)"},
		"no end before one":    {`<a href="https://example.test/a">a <a href="https://example.test/b">b</a>`, "a (https://example.test/a) b (https://example.test/b)"},
		"a link around blocks": {`<a href="https://example.test"><div>a</div><div>b</div></a><p>c</p>`, "a\nb (https://example.test)\n\nc"},
		"no scheme":            {`<a href="//example.test">a</a>`, "a (https://example.test)"},
		"upper case":           {`<A HREF="HTTPS://example.test">a</A>`, "a (HTTPS://example.test)"},
		"spaces and lines":     {"<a href=\" https://example.test/a b\n\t<i>\">a</a>", "a (https://example.test/a%20b%3Ci%3E)"},
		"script":               {`<a href="javascript:alert(1)">a</a>`, "a"},
		"hidden script":        {"<a href=\" \x01java\nscript&#58;alert(1)\">a</a>", "a"},
		"data, file, nothing":  {`<a href="data:text/html,x">a</a> <a href="file:///x">b</a> <a href="">c</a> <a>d</a> <a href="https://">e</a>`, "a b c d e"},
		"places on the page":   {`<a href="#x">a</a> <a href="/x">b</a> <a href="cid:1">c</a> <a name="y">d</a>`, "a b c d"},
		"mail":                 {`<a href="mailto:help@example.test?subject=x">help@example.test</a>`, "help@example.test"},
		"mail behind a word":   {`<a href="mailto:help%40example.test?subject=x">Write</a>`, "Write (help@example.test)"},
		"telephone":            {`<a href="tel:+49301234567">030 123 45 67</a>`, "030 123 45 67"},
		"telephone, a word":    {`<a href="tel:+49301234567">Call us</a>`, "Call us (+49301234567)"},
		"two of one attribute": {`<a href="https://example.test/a" href="https://example.test/b">a</a>`, "a (https://example.test/a)"},
	}.check(t, plaintext.FromHTML)
}

func TestHTMLLeftOut(t *testing.T) {
	table{
		"a document":           {"<!DOCTYPE html><html><head><title>T</title><style>p{}</style><meta charset=x></head><body><p>a</p></body></html>", "a"},
		"a head with no end":   {"<head><title>T</title><body>a", "a"},
		"script":               {"a<script>if (1 < 2) '<b>x</b>'</script>b", "ab"},
		"script with no end":   {"a<script>b", "a"},
		"style, upper case":    {"a<STYLE>b</STYLE>c", "ac"},
		"templates":            {"a<template>b<template>c</template>d</template>e", "ae"},
		"comments":             {"a<!-- b -->c<!--[if mso]>d<![endif]-->e<!---->f", "acef"},
		"a frame":              {"a<iframe src=x>b</iframe>c", "ac"},
		"instructions":         {"a<?xml b?><![CDATA[c]]>d", "ad"},
		"images":               {`<img alt="A cat" src="x"> <img src="x"> <img alt="😀">`, "A cat 😀"},
		"tags in words":        {`<img alt="<b>x</b>">`, "< b>x< /b>"},
		"tags in tags":         {"<<i>b>x<<i>/b>", "< b>x< /b>"},
		"tags round junk":      {"<p><\u200bb>", "< b>"},
		"escaped tags":         {"<p>&lt;b&gt; &amp;lt;", "<b> &lt;"},
		"no tags":              {"1 < 2, I <3 you, a<", "1 < 2, I <3 you, a<"},
		"word's own tags":      {"<p>a<o:p></o:p></p><p>b", "a\n\nb"},
		"a tag with no end":    {"a <b", "a"},
		"attributes with tags": {`<b title="<p>x</p>">a</b>`, "a"},
	}.check(t, plaintext.FromHTML)
}

func TestCharacters(t *testing.T) {
	table{
		"entities":            {"<b>&lt;&amp;&quot;&#39;&euro;&#8364;&#x1F600;&nosuch;&", "<&\"'€€😀&nosuch;&"},
		"hard spaces":         {"<b>10&nbsp;€&nbsp;</b>", "10\u00a0€"},
		"emoji":               {"<p>👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🏴󠁧󠁢󠁥󠁮󠁧󠁿 1️⃣</p>", "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🏴󠁧󠁢󠁥󠁮󠁧󠁿 1️⃣"},
		"Persian":             {"<p>می\u200cخواهم</p>", "می\u200cخواهم"},
		"Malayalam":           {"<p>അവന്\u200d വന്നു</p>", "അവന്\u200d വന്നു"},
		"Hebrew":              {"<p>\u200fשלום \u2067abc\u2069</p>", "\u200fשלום \u2067abc\u2069"},
		"overrides":           {"<p>\u202eabc\u202c</p>", "abc\u202c"},
		"Apple's placeholder": {"a\uFFFCb", "ab"},
		"mail's preview":      {"<div>a&#847;&zwnj;&nbsp;&#847;&zwnj;&nbsp;&#8203;&#xFEFF;&shy;</div>b", "a\u200c\nb"},
		"joiners at a start":  {"<p>\u200d\u200ca \u200db\u200c\u200c\u200cc", "a b\u200cc"},
		"controls":            {"a\x00b\x1b[1mc\u0085d\x7f", "ab[1mc\nd"},
		"invalid UTF-8":       {"a\xffb\xe2\x82", "a\uFFFDb\uFFFD"},
		"half a pair":         {"<b>&#xD83D;", "\uFFFD"},
		"line separators":     {"a\u2028b\u2029c", "a\nb\nc"},
	}.check(t, plaintext.FromHTML)
}
