package attachment

import (
	"mime"
	"path"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestCleanName(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, want := range map[string]string{
		"IMG_0001.png":                "IMG_0001.png",
		"":                            "file",
		" ":                           "file",
		".":                           "file",
		"..":                          "file",
		"../../etc/passwd":            "passwd",
		`C:\Users\Ada\letter.doc`:     "letter.doc",
		`..\..\x.png`:                 "x.png",
		"dir/":                        "file",
		"a/b\\c.txt":                  "c.txt",
		".png":                        "file.png",
		".htaccess":                   "file.htaccess",
		"...x":                        "file.x",
		"a\x00b\r\nSet-Cookie: x.txt": "ab Set-Cookie_ x.txt",
		"tab\there.txt":               "tab here.txt",
		"exe\u202Egpj.exe":            "exegpj.exe",
		"\u2066a\u2069.pdf":           "a.pdf",
		"a\u200Eb\u200Fc\u061C.pdf":   "abc.pdf",
		"zero\u200Bwidth\uFEFF.pdf":   "zerowidth.pdf",
		"line\u2028sep\u2029.pdf":     "line sep .pdf",
		"\uFFFCobject.txt":            "object.txt",
		"bad\xff\xfe.txt":             "bad.txt",
		"quote\"d.txt":                "quote_d.txt",
		"a<b>:|?*.txt":                "a_b_____.txt",
		"  spaces   inside .txt ":     "spaces inside .txt",
		"trailing. . .":               "trailing",
		"Übergröße 日本語.heic":          "Übergröße 日本語.heic",
		"می\u200cخواهم.pdf":           "می\u200cخواهم.pdf",
		"👩‍👩‍👧🏴󠁧󠁢󠁥󠁮󠁧󠁿.jpg": "👩‍👩‍👧🏴󠁧󠁢󠁥󠁮󠁧󠁿.jpg",
		"archive.tar.gz":                  "archive.tar.gz",
		long + ".jpeg":                    long[:195] + ".jpeg",
		long + "." + long:                 long[:200],
		strings.Repeat("é", 150) + ".png": strings.Repeat("é", 98) + ".png",
		"file":                            "file",
	} {
		if got := CleanName(name); got != want {
			t.Errorf("%q: %q; want %q", name, got, want)
		}
	}
}

func TestCleanNamesAreSafeWhateverTheyCameFrom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
			rapid.StringOf(rapid.SampledFrom([]rune("ab./\\ \u202e\u200d\"é日\n.")))).Draw(t, "name")
		limit := rapid.SampledFrom([]int{20, 50, MaxName}).Draw(t, "limit")
		assertSafe(t, ShortName(raw, limit), limit)
	})
}

func assertSafe(t interface{ Errorf(string, ...any) }, name string, limit int) {
	switch {
	case name == "", len(name) > limit, !utf8.ValidString(name):
		t.Errorf("%q is empty, long or no UTF-8", name)
	case strings.ContainsAny(name, "/\\\"<>:|?*\x00\r\n"), strings.HasPrefix(name, "."), strings.TrimSpace(name) != name, strings.HasSuffix(name, "."):
		t.Errorf("%q is no plain name", name)
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) || unicode.IsControl(r) }):
		t.Errorf("%q turns or ends a line", name)
	case ShortName(name, limit) != name:
		t.Errorf("%q becomes %q when cleaned again", name, ShortName(name, limit))
	}
}

func TestAShortenedNameKeepsItsExtension(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stem := rapid.StringOfN(rapid.RuneFrom([]rune("aé日😀")), 30, 300, -1).Draw(t, "stem")
		if got := ShortName(stem+".heic", 50); path.Ext(got) != ".heic" {
			t.Fatalf("%q", got)
		}
	})
}

func TestANamelessFileIsNamedAfterItsType(t *testing.T) {
	for _, test := range []struct{ name, mimeType, want string }{
		{"", "image/jpeg", "file.jpg"},
		{"..", "image/heic", "file.heic"},
		{"", "text/x-vlocation", "file.loc.vcf"},
		{"", "audio/x-caf", "file.caf"},
		{"", "text/html", "file.html"},
		{"", "image/tiff", "file.tiff"},
		{"", "application/x-unheard-of", "file"},
		{"", "", "file"},
		{"IMG_1", "image/jpeg", "IMG_1"},
		{"a.png", "image/jpeg", "a.png"},
	} {
		if got := FileName(test.name, test.mimeType); got != test.want {
			t.Errorf("%q, %s: %q; want %q", test.name, test.mimeType, got, test.want)
		}
	}
}

func TestEveryTypeOfTheTableHasOneExtension(t *testing.T) {
	seen := map[string]string{}
	for extension, mimeType := range byExtension {
		if essence(mimeType) != mimeType {
			t.Errorf("%s: %s is an alias or no type", extension, mimeType)
		}
		if other, ok := seen[mimeType]; ok && preferredExtension[mimeType] == "" {
			t.Errorf("%s has %s and %s; the answer would depend on chance", mimeType, extension, other)
		}
		seen[mimeType] = extension
	}
	for alias, mimeType := range aliases {
		if essence(alias) != mimeType || essence(mimeType) != mimeType {
			t.Errorf("%s: %s", alias, mimeType)
		}
	}
}

func TestMIMEType(t *testing.T) {
	png, pdf, html := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), []byte("%PDF-1.7\n"), []byte("<!DOCTYPE html><html><body>")
	heic := []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic")
	for _, test := range []struct {
		declared, name string
		head           []byte
		want           string
	}{
		{"image/heic", "IMG_1.HEIC", heic, "image/heic"},
		{"image/heif", "IMG_1.HEIC", heic, "image/heif"},
		{"audio/x-caf", "Audio Message.caf", nil, "audio/x-caf"},
		{"text/vcard", "Ada.vcf", nil, "text/vcard"},
		{"text/x-vlocation", "Place.loc.vcf", nil, "text/x-vlocation"},
		{"application/vnd.apple.pkpass", "t.pkpass", []byte("PK\x03\x04"), "application/vnd.apple.pkpass"},
		{"model/vnd.usdz+zip", "chair.usdz", []byte("PK\x03\x04"), "model/vnd.usdz+zip"},
		{"video/quicktime", "IMG_1.MOV", nil, "video/quicktime"},
		{"image/jpg", "a.jpg", nil, "image/jpeg"},
		{"IMAGE/JPEG ; q=1", "", nil, "image/jpeg"},
		{"text/plain; charset=utf-8", "", nil, "text/plain"},
		{"image/png", "page.html", html, "image/png"},
		{"", "IMG_1.HEIC", nil, "image/heic"},
		{"", "voice.CAF", nil, "audio/x-caf"},
		{"application/octet-stream", "t.pkpass", nil, "application/vnd.apple.pkpass"},
		{"application/octet-stream", "chair.usdz", nil, "model/vnd.usdz+zip"},
		{"application/octet-stream", "clip.mov", png, "video/quicktime"},
		{"public.heic", "IMG_1.heic", nil, "image/heic"},
		{"*/*", "", png, "image/png"},
		{"image/*", "", png, "image/png"},
		{"jpeg", "", png, "image/png"},
		{"image/png\r\nX-Evil: 1", "", pdf, "application/pdf"},
		{"image/", "", nil, "application/octet-stream"},
		{"", "noextension", pdf, "application/pdf"},
		{"", "noextension", html, "text/html"},
		{"", "strange.qqqq", heic, "image/heic"},
		{"", "", nil, "application/octet-stream"},
		{"", "", []byte{0, 1, 2, 3}, "application/octet-stream"},
		{"evil/type", "a.txt", nil, "text/plain"},
		{"image/" + strings.Repeat("x", 300), "a.png", nil, "image/png"},
		{"", "../../a.png\x00.html", nil, "text/html"},
		{"", "Ada.vcf.", nil, "text/vcard"},
	} {
		if got := MIMEType(test.declared, test.name, test.head); got != test.want {
			t.Errorf("%q, %q: %s; want %s", test.declared, test.name, got, test.want)
		}
	}
}

func TestAMIMETypeIsAlwaysOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		got := MIMEType(rapid.String().Draw(t, "declared"), rapid.String().Draw(t, "name"), rapid.SliceOf(rapid.Byte()).Draw(t, "head"))
		if parsed, parameters, err := mime.ParseMediaType(got); err != nil || parsed != got || len(parameters) > 0 {
			t.Fatalf("%q: %v", got, err)
		}
	})
}

func TestActiveType(t *testing.T) {
	for _, mimeType := range []string{
		"text/html", "TEXT/HTML; charset=utf-8", " text/html", "application/xhtml+xml", "image/svg+xml", "text/xml", "application/xml",
		"application/rss+xml", "application/mathml+xml", "text/javascript", "application/javascript", "application/x-javascript",
		"text/javascript1.5", "application/ecmascript", "text/css", "application/wasm", "multipart/related", "multipart/x-mixed-replace",
		"message/rfc822", "application/x-shockwave-flash", "text/xsl", "", "html", "*/*", "text/", "image/png,text/html", "text/html\n",
	} {
		if !ActiveType(mimeType) {
			t.Errorf("%q may run in a browser", mimeType)
		}
	}
	for _, mimeType := range []string{
		"image/png", "image/jpeg", "image/heic", "video/quicktime", "audio/x-caf", "text/plain", "text/vcard", "text/x-vlocation",
		"application/pdf", "application/json", "application/zip", "application/vnd.apple.pkpass", "model/vnd.usdz+zip",
		"application/octet-stream", "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	} {
		if ActiveType(mimeType) {
			t.Errorf("%q runs nowhere", mimeType)
		}
	}
}

// Seventeen random bytes once counted as text/plain in some old encoding, and the phone could not show them.
func TestBytesThatAreNoUnicodeAreNoText(t *testing.T) {
	for head, want := range map[string]string{
		"\xe1\x9a\xc5\xf0\xb3\x9d\xa7": OctetStream,
		"Grüße":                        "text/plain",
		"Gr\xc3":                       "text/plain", // cut within a character
		"\xff\xfeG\x00r\x00":           "text/plain",
	} {
		if got := MIMEType("", "", []byte(head)); got != want {
			t.Errorf("%q is %s, want %s", head, got, want)
		}
	}
}
