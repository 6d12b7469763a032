package opengraph

import (
	"bytes"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	textunicode "golang.org/x/text/encoding/unicode"
	"pgregory.net/rapid"
)

const address = "https://shop.example/de/shoes/42?colour=red"

func parsed(t interface{ Fatal(...any) }, text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestHeads(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		page string
		want Page
	}{
		"a news site": {
			`<!DOCTYPE html><html lang="en" prefix="og: http://ogp.me/ns#"><head><meta charset="utf-8"><title>Storm hits the coast | Daily News</title>
			<meta property="og:title" content="Storm hits the coast &amp; thousands leave"><meta property="og:type" content="article">
			<meta property="og:image" content="https://cdn.example/storm.jpg?w=1200&amp;h=630"><meta property="og:image:width" content="1200">
			<meta name="twitter:card" content="summary_large_image"><meta name="twitter:title" content="Storm"></head><body><h1>x</h1>`,
			Page{Title: "Storm hits the coast & thousands leave", Image: "https://cdn.example/storm.jpg?w=1200&h=630"},
		},
		"a shop with properties as names": {
			`<html><head><title>Shoe – Shop</title><meta name="og:title" content="Red shoe"/><meta name="og:image" content="/img/shoe.png"/></head>`,
			Page{Title: "Red shoe", Image: "https://shop.example/img/shoe.png"},
		},
		"a blog with Twitter's alone": {
			`<head><title>Home</title><meta name="twitter:title" content="A &#39;quick&#x27; post"><meta name="twitter:image:src" content="cover.webp"></head>`,
			Page{Title: "A 'quick' post", Image: "https://shop.example/de/shoes/cover.webp"},
		},
		"a page with a title alone": {"<html><head><title>\n  Hello,\n\tworld &copy; 2026\u00a0 </title></head><body>", Page{Title: "Hello, world © 2026"}},
		"a secure image": {
			`<head><meta property="og:image" content="http://a.example/1.jpg"><meta property="og:image:secure_url" content="https://a.example/1.jpg"></head>`,
			Page{Image: "https://a.example/1.jpg"},
		},
		"the second image's secure address": {
			`<head><meta property="og:image" content="http://a.example/1.jpg"><meta property="og:image" content="http://a.example/2.jpg">
			<meta property="og:image:secure_url" content="https://a.example/2.jpg"></head>`,
			Page{Image: "http://a.example/1.jpg"},
		},
		"the first image is of no use": {
			`<head><meta property="og:image" content=" "><meta property="og:image" content="data:image/png;base64,AAAA"><meta property="og:image:url" content="javascript:alert(1)">
			<meta name="twitter:image" content="//cdn.example/ok.png"></head>`,
			Page{Image: "https://cdn.example/ok.png"},
		},
		"a video file": {
			`<head><meta property="og:title" content="Clip"><meta property="og:video" content="http://v.example/c.mp4">
			<meta property="og:video:secure_url" content="https://v.example/c.mp4"><meta property="og:video:type" content="video/mp4"></head>`,
			Page{Title: "Clip", Video: Video{URL: "https://v.example/c.mp4", MIMEType: "video/mp4"}},
		},
		"a player": {
			`<head><meta property="og:title" content="Clip"><meta property="og:video:url" content="https://v.example/embed/1"><meta property="og:video:type" content="text/html"></head>`,
			Page{Title: "Clip"},
		},
		"a base": {
			`<head><meta property="og:image" content="a.png"><base target="_blank"><base href="/static/"><base href="https://other.example/"></head>`,
			Page{Image: "https://shop.example/static/a.png"},
		},
		"a base of another scheme": {
			`<head><base href="file:///etc/"><meta property="og:image" content="a.png"></head>`, Page{Image: "https://shop.example/de/shoes/a.png"},
		},
		"everything in the body": {
			`<html><head></head><body><div><meta property="og:title" content="Late"></div>`, Page{Title: "Late"},
		},
		"the body is not needed": {
			`<html><head><title>First</title></head><body><meta property="og:title" content="Injected by a comment">`, Page{Title: "First"},
		},
		"no head, no body": {`<TITLE>Plain</TITLE><META PROPERTY=OG:IMAGE CONTENT=/a.gif><p>text`, Page{Title: "Plain", Image: "https://shop.example/a.gif"}},
		"a title in a drawing": {
			`<svg><title>Icon</title></svg><svg/><title>Page</title>`, Page{Title: "Page"},
		},
		"what looks like metas": {
			`<head><!-- <meta property="og:title" content="comment"> --><script>var a = '<meta property="og:title" content="script">'</script>
			<style>/*<title>style</title>*/</style><noscript><meta property="og:title" content="noscript"></noscript><title>Real <b>one</title></head>`,
			Page{Title: "Real <b>one"},
		},
		"an empty title first": {`<head><title></title><meta property="og:title" content=""><title>Second</title></head>`, Page{Title: "Second"}},
		"two properties, two contents": {
			`<head><meta property="og:title other:title" content="One" content="Two"></head>`, Page{Title: "One"},
		},
		"characters that hide": {
			"<head><title>A\u202e\u0000B\u0007\ufffc\u200b&#x202e;C&#0;D 👩‍👩‍👧 \u200fش</title></head>", Page{Title: "ABCD 👩‍👩‍👧 \u200fش"},
		},
		"an address with spaces": {
			"<head><meta property='og:image' content=' https://a.example/my\n photo.png?x=a b '></head>", Page{Image: "https://a.example/my%20photo.png?x=a%20b"},
		},
		"an address with a password": {`<head><meta property="og:image" content="https://u:p@a.example/x.png"></head>`, Page{}},
		"cut off in a tag":           {`<head><title>Whole</title><meta property="og:title" content="Hal`, Page{Title: "Whole"}},
		"cut off in the title":       {`<head><title>Hal`, Page{Title: "Hal"}},
		"junk":                       {strings.Repeat("<div><<>></ ><!x><?php ?>", 500) + "<title>Found</title>", Page{Title: "Found"}},
		"a page of nothing":          {"", Page{}},
	} {
		for _, contentType := range []string{"text/html; charset=utf-8", "text/html", "Application/XHTML+XML", "", "text/html; charset"} {
			if test.page == "" && contentType == "" {
				continue
			}
			got, err := Read(iotest.OneByteReader(strings.NewReader(test.page)), contentType, parsed(t, address))
			if err != nil || got != test.want {
				t.Errorf("%s as %q: %+v, %v; want %+v", name, contentType, got, err, test.want)
			}
		}
	}
}

func TestEncodings(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		page        string
		contentType string
		want        string
	}{
		"by the server":         {encoded(t, charmap.ISO8859_1.NewEncoder().String, "<title>Café</title>"), "text/html; charset=ISO-8859-1", "Café"},
		"by the page":           {encoded(t, japanese.ShiftJIS.NewEncoder().String, `<meta charset="shift_jis"><title>東京</title>`), "text/html", "東京"},
		"by http-equiv":         {encoded(t, charmap.Windows1251.NewEncoder().String, `<meta http-equiv="Content-Type" content="text/html; charset=windows-1251"><title>Привет</title>`), "text/html", "Привет"},
		"ISO-2022-JP":           {encoded(t, japanese.ISO2022JP.NewEncoder().String, "<title>東京</title>"), "text/html; charset=iso-2022-jp", "東京"},
		"UTF-16 with its mark":  {encoded(t, textunicode.UTF16(textunicode.LittleEndian, textunicode.UseBOM).NewEncoder().String, "<title>Café</title>"), "text/html", "Café"},
		"UTF-16, no type":       {encoded(t, textunicode.UTF16(textunicode.LittleEndian, textunicode.UseBOM).NewEncoder().String, "<title>Café</title>"), "", "Café"},
		"UTF-8 with its mark":   {"\ufeff<title>Café</title>", "text/html", "Café"},
		"the server is wrong":   {"<title>Café</title>", "text/html; charset=iso-8859-1", "Café"},
		"the page is wrong":     {`<meta charset="windows-1252"><title>Café</title>`, "text/html", "Café"},
		"nobody says":           {strings.Repeat("<!-- ascii -->", 200) + "<title>Café</title>", "text/html", "Café"},
		"nobody says, not UTF8": {"<title>Caf\xe9</title>", "text/html", "Café"},
		"an unknown name":       {"<title>Café</title>", "text/html; charset=klingon", "Café"},
		"not what it says":      {"<title>Caf\xe9!</title>", "text/html; charset=utf-8", "Caf!"},
		"a forbidden one":       {"<title>Hello</title>", "text/html; charset=iso-2022-kr", "Hello"},
		"cut within a character": {
			"<title>Café</title>" + strings.Repeat("x", peeked-len("<title>Café</title>")-1) + "é", "text/html; charset=iso-8859-1", "Café",
		},
	} {
		page, err := Read(strings.NewReader(test.page), test.contentType, parsed(t, address))
		if err != nil || page.Title != test.want {
			t.Errorf("%s: %q, %v; want %q", name, page.Title, err, test.want)
		}
	}
}

func encoded(t *testing.T, encode func(string) (string, error), text string) string {
	t.Helper()
	out, err := encode(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestOtherTypes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		contentType, body, image string
		err                      error
	}{
		{"image/jpeg", "\xff\xd8\xff", address, nil},
		{"IMAGE/PNG; x=y", "", address, nil},
		{"", "\x89PNG\r\n\x1a\n", address, nil},
		{"image/svg+xml", "<svg/>", "", ErrNotHTML},
		{"application/pdf", "%PDF-", "", ErrNotHTML},
		{"application/json", "{}", "", ErrNotHTML},
		{"text/plain", "<title>x</title>", "", ErrNotHTML},
		{"", "%PDF-1.7", "", ErrNotHTML},
		{"nonsense", "\x00\x01\x02", "", ErrNotHTML},
	} {
		page, err := Read(strings.NewReader(test.body), test.contentType, parsed(t, address))
		if !errors.Is(err, test.err) || page != (Page{Image: test.image}) {
			t.Errorf("%q: %+v, %v", test.contentType, page, err)
		}
	}
	if page, err := Read(strings.NewReader("<title>x</title><meta property=og:image content=a.png>"), "text/html", nil); err != nil || page != (Page{Title: "x"}) {
		t.Errorf("without a base: %+v, %v", page, err)
	}
}

func TestAnImageIsNotRead(t *testing.T) {
	t.Parallel()
	page, err := Read(iotest.ErrReader(errors.New("read")), "image/png", parsed(t, address))
	if err != nil || page.Image != address {
		t.Errorf("%+v, %v", page, err)
	}
}

// counting counts the bytes that are taken from an endless page.
type counting struct {
	page string
	read int
}

func (c *counting) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], c.page[(c.read+n)%len(c.page):])
	}
	c.read += n
	return n, nil
}

func TestLittleIsRead(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		page string
		most int
	}{
		"the head is enough": {"<head><title>x</title></head>" + strings.Repeat("text ", 1000), 2 * peeked},
		"no end":             {"<p>text", maxPage},
		"a huge attribute":   {"<meta content='" + strings.Repeat("x", 1<<20), maxPage},
		"many attributes":    {"<meta " + strings.Repeat("a=b ", 1<<18), maxPage},
		"a huge comment":     {"<!-- " + strings.Repeat("x", 1<<20), maxPage},
		"a huge title":       {"<title>" + strings.Repeat("x ", 1<<19), maxPage},
	} {
		r := &counting{page: test.page}
		page, err := Read(r, "text/html", parsed(t, address))
		if err != nil || r.read > test.most || utf8.RuneCountInString(page.Title) > maxTitle {
			t.Errorf("%s: %d bytes, %q, %v", name, r.read, page.Title, err)
		}
	}
}

func TestAReaderThatFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("reset")
	for _, test := range []struct {
		page  string
		title string
	}{{"", ""}, {"<head><title>Kept</title>", "Kept"}} {
		page, err := Read(io.MultiReader(strings.NewReader(test.page), iotest.ErrReader(broken)), "text/html", parsed(t, address))
		if !errors.Is(err, broken) || page.Title != test.title {
			t.Errorf("%q: %+v, %v", test.page, page, err)
		}
	}
	// What came before is enough here.
	page, err := Read(io.MultiReader(strings.NewReader("<title>Kept</title></head>"), iotest.ErrReader(broken)), "text/html", parsed(t, address))
	if err != nil || page.Title != "Kept" {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	family := "👩‍👩‍👧‍👦" // 7 characters to Unicode, one to the eye
	for name, test := range map[string]struct{ text, want string }{
		"it fits":           {strings.Repeat("x", 200), strings.Repeat("x", 200)},
		"no word":           {strings.Repeat("x", 201), strings.Repeat("x", 199) + "…"},
		"words":             {strings.Repeat("word ", 50), strings.TrimSpace(strings.Repeat("word ", 40)) + "…"},
		"a word ends there": {strings.Repeat("x", 199) + " more", strings.Repeat("x", 199) + "…"},
		"a comma":           {strings.Repeat("x", 150) + ", " + strings.Repeat("y", 100), strings.Repeat("x", 150) + "…"},
		"a far space":       {"a " + strings.Repeat("x", 300), "a " + strings.Repeat("x", 197) + "…"},
		"families":          {strings.Repeat(family, 30), strings.Repeat(family, 28) + "…"},
		"one of marks":      {"a" + strings.Repeat("\u0301", 300), "a" + strings.Repeat("\u0301", 198) + "…"},
		"Japanese":          {strings.Repeat("東", 300), strings.Repeat("東", 199) + "…"},
	} {
		if got := cut(test.text); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// check is what holds for every page.
func check(t interface{ Fatalf(string, ...any) }, page Page) {
	switch {
	case utf8.RuneCountInString(page.Title) > maxTitle || !utf8.ValidString(page.Title) || page.Title != strings.TrimSpace(page.Title) ||
		strings.Contains(page.Title, "  ") || strings.ContainsFunc(page.Title, unicode.IsControl):
		t.Fatalf("title %q", page.Title)
	case (page.Video.URL == "") != (page.Video.MIMEType == ""):
		t.Fatalf("%+v", page.Video)
	}
	for _, text := range []string{page.Image, page.Video.URL} {
		if text == "" {
			continue
		}
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || len(text) > maxURL {
			t.Fatalf("%q, %v", text, err)
		}
	}
}

func TestTitlesOfAnyText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 400, -1).Draw(t, "title")
		escaped := strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;").Replace(text)
		page, err := Read(strings.NewReader(`<meta property="og:title" content="`+escaped+`">`), "text/html; charset=utf-8", parsed(t, address))
		if err != nil {
			t.Fatal(err)
		}
		check(t, page)
		if want := cut(clean(text)); page.Title != want {
			t.Fatalf("%q, want %q", page.Title, want)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`<head><base href="/x"><title>a&amp;b</title><meta property="og:image" content="a.png"><meta property="og:video" content="v.mp4"><meta property="og:video:type" content="video/mp4"></head>`), "text/html")
	f.Add([]byte("\xff\xfe<\x00t\x00i\x00t\x00l\x00e\x00>\x00a\x00"), "")
	f.Add([]byte("<svg><title>x</svg><title>\x1b$B"), "text/html; charset=iso-2022-jp")
	f.Add([]byte("\x89PNG\r\n\x1a\n"), "image/png")
	f.Add([]byte("<meta content=x property=og:title name=og:title><body><meta name=twitter:image content=http://[::1]/>"), "application/xhtml+xml; charset=gb18030")
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		page, err := Read(bytes.NewReader(body), contentType, parsed(t, address))
		if err != nil && !errors.Is(err, ErrNotHTML) {
			t.Fatal(err)
		}
		check(t, page)
	})
}

func BenchmarkRead(b *testing.B) {
	head := `<!DOCTYPE html><html><head><meta charset="utf-8"><title>Shop</title>` + strings.Repeat(`<link rel="preload" href="/a.js" as="script"><script>let a = 1 < 2</script>`, 300) +
		`<meta property="og:title" content="Red shoe"><meta property="og:image" content="/a.png"></head>`
	page, base := head+strings.Repeat("<p>text</p>", 10_000), parsed(b, address)
	b.SetBytes(int64(len(head)))
	b.ReportAllocs()
	for b.Loop() {
		if got, err := Read(strings.NewReader(page), "text/html", base); err != nil || got.Title != "Red shoe" {
			b.Fatal(got, err)
		}
	}
}
