package media

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bizbridge/bridge/attachment"
	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
)

func TestAFileComesAsItWasSent(t *testing.T) {
	b := newBench(t, 1)
	for _, size := range []int{0, 1, 15, 16, 17, 1000, bufferSize - 1, bufferSize, bufferSize + 1, 3*bufferSize + 5} {
		want := content(size)
		link := b.link(b.put("photo-"+strconv.Itoa(size)+".png", "image/png", want))
		got := b.ask("GET", link)
		if got.err != nil || got.StatusCode != 200 || !bytes.Equal(got.content, want) || got.ContentLength != int64(size) {
			t.Errorf("%d bytes: %+v, %d bytes, %v", size, got.Response, len(got.content), got.err)
		}
		if ended := <-b.ends; ended.failure != nil || ended.sent != int64(size) {
			t.Errorf("%d bytes: ended with %+v", size, ended)
		}
	}
	if fetched, closed := b.store.counts(); fetched != closed {
		t.Errorf("%d fetched, %d closed", fetched, closed)
	}
}

func TestTheAnswersHeaders(t *testing.T) {
	b := newBench(t, 1)
	got := b.ask("GET", b.link(b.put("photo.png", "image/png", content(10))))
	for name, want := range map[string]string{
		"Content-Type":                 "image/png",
		"Content-Length":               "10",
		"Content-Disposition":          `inline; filename="photo.png"`,
		"Accept-Ranges":                "bytes",
		"Cache-Control":                "private, no-transform, max-age=3600",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Content-Security-Policy":      contentPolicy,
		"Cross-Origin-Resource-Policy": "cross-origin",
		"Last-Modified":                "",
		"Content-Encoding":             "",
		"Set-Cookie":                   "",
	} {
		if value := got.Header.Get(name); value != want {
			t.Errorf("%s: %q; want %q", name, value, want)
		}
	}
	if tag := got.Header.Get("ETag"); len(tag) != 24 || tag[0] != '"' {
		t.Errorf("ETag: %s", tag)
	}
}

func TestACacheKeepsAFileNoLongerThanItsLinkWorks(t *testing.T) {
	b := newBench(t, 1)
	link := b.link(b.put("photo.png", "image/png", content(10)))
	b.sleep(time.Hour - 90*time.Second)
	if got := b.ask("HEAD", link).Header.Get("Cache-Control"); got != "private, no-transform, max-age=90" {
		t.Errorf("%s", got)
	}
}

func TestWhatRunsInABrowserIsOnlyForDownload(t *testing.T) {
	b := newBench(t, 1)
	for _, test := range []struct{ name, mimeType, contentType, disposition string }{
		{"a.png", "image/png", "image/png", "inline"},
		{"a.heic", "image/heic", "image/heic", "inline"},
		{"a.jpg", "image/jpg", "image/jpeg", "inline"},
		{"a.mov", "video/quicktime", "video/quicktime", "inline"},
		{"a.caf", "audio/x-caf", "audio/x-caf", "inline"},
		{"a.pdf", "application/pdf", "application/pdf", "inline"},
		{"a.txt", "text/plain", "text/plain", "inline"},
		{"a.vcf", "text/vcard", "text/vcard", "attachment"},
		{"a.pkpass", "application/vnd.apple.pkpass", "application/vnd.apple.pkpass", "attachment"},
		{"a.html", "text/html", "application/octet-stream", "attachment"},
		{"a.html", "text/html; charset=utf-8", "application/octet-stream", "attachment"},
		{"a.html", "", "application/octet-stream", "attachment"},
		{"a.svg", "image/svg+xml", "application/octet-stream", "attachment"},
		{"a.svg", "", "application/octet-stream", "attachment"},
		{"a.xhtml", "application/xhtml+xml", "application/octet-stream", "attachment"},
		{"a.xml", "text/xml", "application/octet-stream", "attachment"},
		{"a.js", "application/javascript", "application/octet-stream", "attachment"},
		{"a", "no type", "application/octet-stream", "attachment"},
		{"a", "image/png\r\nX-Evil: 1", "application/octet-stream", "attachment"},
	} {
		got := b.ask("HEAD", b.link(b.put(test.name, test.mimeType, content(10))))
		disposition, _, _ := strings.Cut(got.Header.Get("Content-Disposition"), ";")
		if got.Header.Get("Content-Type") != test.contentType || disposition != test.disposition || got.Header.Get("X-Evil") != "" {
			t.Errorf("%s, %q: %v", test.name, test.mimeType, got.Header)
		}
	}
}

func TestHostileNamesBreakNeitherHeaderNorPath(t *testing.T) {
	b := newBench(t, 1)
	names := []string{
		`a"; filename="evil.exe`, "a\r\nX-Evil: 1.txt", "../../etc/passwd", `C:\x.txt`, "exe\u202egpj.exe", "日本語.png", "ünï.pdf",
		"50%25.txt", "a;b=c.txt", "a'b(c).txt", "?x=1#y.png", "\xff\xfe.png", "", ".", "..", strings.Repeat("日", 300) + ".jpeg",
		strings.Repeat("😀", 60) + ".heic", "nul\x00.txt", " ", "+ &.txt", "a%2Fb%5Cc.txt", "%", `back\slash\`,
	}
	for i, name := range names {
		source := b.put(strconv.Itoa(i), "image/png", content(3))
		source.Name = name
		link := b.link(source)
		got := b.ask("GET", link)
		if got.err != nil || got.StatusCode != 200 || !bytes.Equal(got.content, content(3)) {
			t.Errorf("%q: %s: %+v, %v", name, link, got.Response, got.err)
			continue
		}
		if got.Header.Get("X-Evil") != "" || len(got.Header.Values("Content-Disposition")) != 1 {
			t.Errorf("%q: %v", name, got.Header)
		}
		// The standard library reads filename* where it is there.
		disposition, parameters, err := mime.ParseMediaType(got.Header.Get("Content-Disposition"))
		if want := attachment.FileName(name, "image/png"); err != nil || disposition != "inline" || parameters["filename"] != want {
			t.Errorf("%q: %s is read as %q, %v; want %q", name, got.Header.Get("Content-Disposition"), parameters["filename"], err, want)
		}
		parsed, err := url.Parse(link)
		if err != nil || strings.Count(parsed.Path, "/") != 4 || parsed.RawQuery+parsed.Fragment != "" {
			t.Errorf("%q: %s, %v", name, link, err)
			continue
		}
		if base := path.Base(parsed.Path); base != attachment.ShortName(base, pathName) || base == "/" {
			t.Errorf("%q: the path ends with %q", name, base)
		}
	}
}

func TestContentDispositionHasBothForms(t *testing.T) {
	for name, want := range map[string]string{
		"a b.txt":   `inline; filename="a b.txt"`,
		"ünï.pdf":   `inline; filename="_n_.pdf"; filename*=UTF-8''%C3%BCn%C3%AF.pdf`,
		"50%.txt":   `inline; filename="50_.txt"; filename*=UTF-8''50%25.txt`,
		`a"b\c.txt`: `inline; filename="c.txt"`,
	} {
		if got := contentDisposition("inline", name); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

func TestALinkIsNoLongerThanBrowsersTake(t *testing.T) {
	b := newBench(t, 1)
	b.links.Base, _ = url.Parse("https://messages-bridge.customer-service.example.com/apple/bridge")
	customer := strings.Repeat("x", 169) // the customer is in no link; no other id is as long
	longest := attachment.Source{
		Business: "AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE", URL: "https://p00-content.icloud.com/" + strings.Repeat("u", 569),
		Owner: strings.Repeat("o", 100), Signature: make([]byte, 21), Name: strings.Repeat("日", 65) + ".jpeg",
		MIMEType: "application/vnd.openxmlformats-officedocument.presentationml.presentation", Size: 100e6,
	}
	usual := b.put(strings.Repeat("0", 40), "image/jpeg", nil)
	usual.Name = "IMG_0001.jpeg"
	realistic := longest
	realistic.Owner = longest.URL[200:300]
	ascii := longest
	ascii.Name = strings.Repeat("n", 195) + ".jpeg"
	wordy := longest
	wordy.Business = message.BusinessID(customer)
	for name, source := range map[string]attachment.Source{
		"usual": usual, "longest": longest, "owner in the URL": realistic, "ASCII name": ascii, "business id of 169": wordy,
	} {
		link, expires, err := b.links.New(source)
		if err != nil || len(link) > MaxLink {
			t.Errorf("%s: %d characters, %v", name, len(link), err)
			continue
		}
		t.Logf("%s: %d characters", name, len(link))
		file, err := b.links.open(tokenOf(link))
		if err != nil || !file.expires.Equal(expires) || file.source.Name != source.Name || file.source.URL != source.URL || file.source.Owner != source.Owner {
			t.Errorf("%s: %+v, %v", name, file, err)
		}
	}
}

func tokenOf(link string) string {
	_, rest, _ := strings.Cut(link, "/media/")
	token, _, _ := strings.Cut(rest, "/")
	return token
}

func TestALinkGivesUpItsNameBeforeItsCoordinates(t *testing.T) {
	b := newBench(t, 1)
	shortened, refused := 0, 0
	for size := 600; size < 2500; size += 10 {
		source := attachment.Source{
			Business: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", URL: "https://p.icloud.com/" + strings.Repeat("u", size-21), Owner: strings.Repeat("o", 100),
			Signature: make([]byte, 21), Name: strings.Repeat("n", 195) + ".jpeg", MIMEType: "image/jpeg", Size: 5,
		}
		link, _, err := b.links.New(source)
		if err != nil {
			refused++
			continue
		}
		file, err := b.links.open(tokenOf(link))
		switch {
		case err != nil || len(link) > MaxLink || file.source.URL != source.URL || file.source.Owner != source.Owner:
			t.Fatalf("URL of %d: %d characters, %v", size, len(link), err)
		case refused > 0:
			t.Fatalf("URL of %d fits, a shorter one did not", size)
		case file.source.Name != source.Name:
			shortened++
			if path.Ext(file.source.Name) != ".jpeg" {
				t.Errorf("URL of %d: %s", size, file.source.Name)
			}
		}
	}
	if shortened == 0 || refused == 0 {
		t.Errorf("%d shortened, %d refused", shortened, refused)
	}
}

func TestNewRefusesWhatCannotBeFetched(t *testing.T) {
	b := newBench(t, 1)
	for _, source := range []attachment.Source{{}, {URL: "https://x", Size: -1}} {
		if link, _, err := b.links.New(source); err == nil {
			t.Error(link)
		}
	}
}

func TestAPayloadSurvivesEveryValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 80, 200)
		source := attachment.Source{
			Business: message.BusinessID(rapid.OneOf(text, rapid.StringMatching(`[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`)).Draw(t, "business")),
			URL:      text.Draw(t, "url"), Owner: text.Draw(t, "owner"), Signature: rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "signature"),
			Name: text.Draw(t, "name"), MIMEType: text.Draw(t, "type"), Size: rapid.Int64Range(0, 1<<50).Draw(t, "size"),
			Key: attachment.Key(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key")),
		}
		if rapid.Bool().Draw(t, "owner in URL") {
			source.URL += source.Owner + "x"
		}
		file := sealed{source, start}
		payload := encode(file)
		got, err := decode(payload)
		if err != nil || !same(got, file) {
			t.Fatalf("%+v, %v; want %+v", got, err, file)
		}
		cut := rapid.IntRange(0, len(payload)-1).Draw(t, "cut")
		if _, err := decode(payload[:cut]); err == nil {
			t.Fatalf("the first %d of %d bytes were enough", cut, len(payload))
		}
		if _, err := decode(append(payload, 0)); err == nil {
			t.Fatal("more was not noticed")
		}
	})
}

func TestWhatDoesNotOpen(t *testing.T) {
	b := newBench(t, 1)
	source := b.put("photo.png", "image/png", content(10))
	good := tokenOf(b.link(source))
	other := newBench(t, 2)
	expires := start.Add(time.Hour)
	payload := encode(sealed{source, expires})
	altered := []byte(good)
	replacement := byte('A') // another character of the same alphabet
	if altered[len(altered)/2] == replacement {
		replacement = 'B'
	}
	altered[len(altered)/2] = replacement
	for name, test := range map[string]struct {
		token  string
		later  time.Duration
		status int
		code   string
		reason signature.Reason
	}{
		"good":             {good, 0, 200, "", ""},
		"the last second":  {good, time.Hour - time.Second, 200, "", ""},
		"expired":          {good, time.Hour, 410, "expired", signature.Expired},
		"long expired":     {good, 1000 * time.Hour, 410, "expired", signature.Expired},
		"altered":          {string(altered), 0, 404, "", signature.Mismatch},
		"altered, expired": {string(altered), time.Hour, 404, "", signature.Mismatch},
		"foreign key":      {tokenOf(other.link(source)), 0, 404, "", signature.UnknownKey},
		"another purpose":  {b.links.Ring.Seal("context", "", expires, payload), 0, 404, "", signature.Mismatch},
		"another subject":  {b.links.Ring.Seal(Purpose, "x", expires, payload), 0, 404, "", signature.Mismatch},
		"another version":  {b.links.Ring.Seal(Purpose, "", expires, append([]byte{2}, payload[1:]...)), 0, 404, "", signature.Malformed},
		"nothing sealed":   {b.links.Ring.Seal(Purpose, "", expires, nil), 0, 404, "", signature.Malformed},
		"truncated":        {good[:40], 0, 404, "", signature.Malformed},
		"cut":              {good[:len(good)-4], 0, 404, "", signature.Mismatch},
		"a word":           {"token", 0, 404, "", signature.Malformed},
		"escaped":          {"%00", 0, 404, "", signature.Malformed},
		"none":             {"", 0, 404, "", signature.Malformed},
		"very long":        {strings.Repeat("A", 5000), 0, 404, "", signature.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			b.mu.Lock()
			b.now, b.refused = start.Add(test.later), nil
			b.mu.Unlock()
			fetched, _ := b.store.counts()
			for _, method := range []string{"GET", "HEAD"} {
				got := b.ask(method, b.links.Base.String()+"media/"+test.token+"/photo.png")
				if got.err != nil || got.StatusCode != test.status {
					t.Fatalf("%s: %+v, %v", method, got.Response, got.err)
				}
				if test.status != 200 && method == "GET" {
					assertProblem(t, got, test.code)
				}
			}
			var want []signature.Reason
			if test.reason != "" {
				want = []signature.Reason{test.reason, test.reason}
			}
			if got := b.reasons(); !slices.Equal(got, want) {
				t.Errorf("%v; want %v", got, want)
			}
			if after, _ := b.store.counts(); test.status != 200 && after != fetched {
				t.Error("Apple was asked")
			}
		})
	}
}

func assertProblem(t *testing.T, got answer, code string) {
	t.Helper()
	var problem struct {
		Type, Title, Code, Detail string
		Status                    int
	}
	err := json.Unmarshal(got.content, &problem)
	if err != nil || got.Header.Get("Content-Type") != "application/problem+json" || problem.Type != "about:blank" ||
		problem.Title != http.StatusText(got.StatusCode) || problem.Status != got.StatusCode || problem.Code != code {
		t.Errorf("%s: %s, %v", got.Header.Get("Content-Type"), got.content, err)
	}
	if got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("ETag") != "" || got.Header.Get("Content-Disposition") != "" {
		t.Errorf("%v", got.Header)
	}
}

func TestEveryAlteredByteIsNoticed(t *testing.T) {
	b := newBench(t, 1)
	token := tokenOf(b.link(b.put("photo.png", "image/png", content(10))))
	for i := range token {
		for _, replacement := range []byte{'A', 'z', '-', '!', '/'} {
			if token[i] == replacement {
				continue
			}
			altered := token[:i] + string(replacement) + token[i+1:]
			recorder := httptest.NewRecorder()
			b.links.ServeHTTP(recorder, httptest.NewRequest("GET", "/", nil), altered)
			if recorder.Code != 404 {
				t.Fatalf("character %d as %c: %d", i, replacement, recorder.Code)
			}
		}
	}
	raw, _ := base64.RawURLEncoding.DecodeString(token)
	for i := range raw {
		raw[i] ^= 0x10
		if _, err := b.links.open(base64.RawURLEncoding.EncodeToString(raw)); err == nil {
			t.Fatalf("byte %d", i)
		}
		raw[i] ^= 0x10
	}
	if fetched, _ := b.store.counts(); fetched != 0 {
		t.Error("Apple was asked")
	}
}

func TestAnyReplicaServesALinkThroughARotation(t *testing.T) {
	steps := [][]byte{{1}, {1, 2}, {2, 1}, {2}}
	want := content(100)
	for i := range len(steps) - 1 {
		one, other := newBench(t, steps[i]...), newBench(t, steps[i+1]...)
		source := one.put("photo.png", "image/png", want)
		other.store.files = one.store.files
		var tags []string
		for _, pair := range [][2]*bench{{one, other}, {other, one}} {
			link := pair[1].links.Base.String() + "media/" + tokenOf(pair[0].link(source)) + "/x"
			got := pair[1].ask("GET", link)
			if got.err != nil || got.StatusCode != 200 || !bytes.Equal(got.content, want) {
				t.Errorf("step %d: %+v, %v", i, got.Response, got.err)
				continue
			}
			tags = append(tags, got.Header.Get("ETag"))
		}
		if len(tags) != 2 || tags[0] != tags[1] {
			t.Errorf("step %d: a resumed download would start again: %v", i, tags)
		}
	}
}

func TestFilesHaveTheirOwnTags(t *testing.T) {
	base := attachment.Source{URL: "u", Owner: "o", Signature: []byte("s"), Size: 1}
	key, size, owner, moved := base, base, base, base
	key.Key[31], size.Size, owner.Owner = 1, 2, "p"
	moved.URL, moved.Owner = "uo", ""
	seen := map[string]bool{}
	for _, source := range []attachment.Source{base, key, size, owner, moved} {
		seen[entityTag(source)] = true
	}
	renamed := base
	renamed.Name = "x"
	if len(seen) != 5 || entityTag(renamed) != entityTag(base) {
		t.Errorf("%v", seen)
	}
}

func TestHEADSaysEverythingAndFetchesNothing(t *testing.T) {
	b := newBench(t, 1)
	link := b.link(b.put("photo.png", "image/png", content(1000)))
	head, get := b.ask("HEAD", link), b.ask("GET", link)
	for name := range get.Header {
		if name != "Date" && head.Header.Get(name) != get.Header.Get(name) {
			t.Errorf("%s: %q; GET has %q", name, head.Header.Get(name), get.Header.Get(name))
		}
	}
	if head.StatusCode != 200 || len(head.content) > 0 || head.ContentLength != 1000 {
		t.Errorf("%+v", head.Response)
	}
	if ranged := b.ask("HEAD", link, "Range", "bytes=0-1"); ranged.StatusCode != 200 || ranged.ContentLength != 1000 { // defined for GET only
		t.Errorf("%+v", ranged.Response)
	}
	if fetched, _ := b.store.counts(); fetched != 1 {
		t.Errorf("%d fetches", fetched)
	}
}

func TestOtherMethods(t *testing.T) {
	b := newBench(t, 1)
	link := b.link(b.put("photo.png", "image/png", content(10)))
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "get"} {
		got := b.ask(method, link)
		if got.err != nil || got.StatusCode != 405 || got.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %+v, %v", method, got.Response, got.err)
			continue
		}
		assertProblem(t, got, "")
	}
}

func TestConditions(t *testing.T) {
	b := newBench(t, 1)
	want := content(100)
	link := b.link(b.put("photo.png", "image/png", want))
	tag := b.ask("HEAD", link).Header.Get("ETag")
	date := start.Format(http.TimeFormat)
	for name, test := range map[string]struct {
		headers []string
		status  int
	}{
		"If-None-Match":                     {[]string{"If-None-Match", tag}, 304},
		"If-None-Match, weak":               {[]string{"If-None-Match", "W/" + tag}, 304},
		"If-None-Match, list":               {[]string{"If-None-Match", `"other", ` + tag}, 304},
		"If-None-Match, two lines":          {[]string{"If-None-Match", `"other"`, "If-None-Match", tag}, 304},
		"If-None-Match, any":                {[]string{"If-None-Match", "*"}, 304},
		"If-None-Match, other":              {[]string{"If-None-Match", `"other"`}, 200},
		"If-None-Match, no tag":             {[]string{"If-None-Match", strings.Trim(tag, `"`)}, 200},
		"If-None-Match before Range":        {[]string{"If-None-Match", tag, "Range", "bytes=0-9"}, 304},
		"If-None-Match before a bad Range":  {[]string{"If-None-Match", tag, "Range", "bytes=1000-"}, 304},
		"If-Match":                          {[]string{"If-Match", tag}, 200},
		"If-Match, any":                     {[]string{"If-Match", "*"}, 200},
		"If-Match, other":                   {[]string{"If-Match", `"other"`}, 412},
		"If-Match, weak":                    {[]string{"If-Match", "W/" + tag}, 412},
		"If-Modified-Since":                 {[]string{"If-Modified-Since", date}, 200},
		"If-Unmodified-Since":               {[]string{"If-Unmodified-Since", date}, 200},
		"If-Range":                          {[]string{"If-Range", tag, "Range", "bytes=0-9"}, 206},
		"If-Range, other":                   {[]string{"If-Range", `"other"`, "Range", "bytes=0-9"}, 200},
		"If-Range, weak":                    {[]string{"If-Range", "W/" + tag, "Range", "bytes=0-9"}, 200},
		"If-Range, date":                    {[]string{"If-Range", date, "Range", "bytes=0-9"}, 200},
		"If-Range, other, with a bad Range": {[]string{"If-Range", `"other"`, "Range", "bytes=1000-"}, 200},
		"If-Range without Range":            {[]string{"If-Range", tag}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			before, _ := b.store.counts()
			got := b.ask("GET", link, test.headers...)
			if got.err != nil || got.StatusCode != test.status {
				t.Fatalf("%+v, %v", got.Response, got.err)
			}
			switch test.status {
			case 200:
				if !bytes.Equal(got.content, want) {
					t.Errorf("%d bytes", len(got.content))
				}
			case 206:
				if !bytes.Equal(got.content, want[:10]) {
					t.Errorf("%d bytes", len(got.content))
				}
			case 304:
				if len(got.content) > 0 || got.Header.Get("ETag") != tag || got.Header.Get("Cache-Control") == "" || got.Header.Get("Content-Type") != "" {
					t.Errorf("%v", got.Header)
				}
			case 412:
				assertProblem(t, got, "")
			}
			if after, _ := b.store.counts(); test.status >= 300 && after != before {
				t.Error("Apple was asked")
			}
		})
	}
}

func TestRanges(t *testing.T) {
	b := newBench(t, 1)
	want := content(100)
	link := b.link(b.put("clip.mov", "video/quicktime", want))
	for header, test := range map[string]struct {
		status     int
		first, end int // of the content
	}{
		"bytes=0-0":                            {206, 0, 1},
		"bytes=0-99":                           {206, 0, 100},
		"bytes=0-100":                          {206, 0, 100},
		"bytes=17-33":                          {206, 17, 34},
		"bytes=99-":                            {206, 99, 100},
		"bytes=0-":                             {206, 0, 100},
		"bytes=-1":                             {206, 99, 100},
		"bytes=-100":                           {206, 0, 100},
		"bytes=-1000":                          {206, 0, 100},
		"Bytes=0-1":                            {206, 0, 2},
		"bytes= 5-6 ":                          {206, 5, 7},
		"bytes=,5-6,":                          {206, 5, 7},
		"bytes=0-99999999999999999999999":      {206, 0, 100},
		"bytes=-99999999999999999999999":       {206, 0, 100},
		"bytes=0-9223372036854775807":          {206, 0, 100},
		"bytes=0-9223372036854775808":          {206, 0, 100},
		"bytes=0-1,5-6":                        {200, 0, 100},
		"bytes=0-1,500-600":                    {200, 0, 100},
		"bytes=" + strings.Repeat("0-,", 2000): {200, 0, 100},
		"items=0-1":                            {200, 0, 100},
		"":                                     {200, 0, 100},
		"bytes=100-":                           {416, 0, 0},
		"bytes=100-200":                        {416, 0, 0},
		"bytes=-0":                             {416, 0, 0},
		"bytes=5-4":                            {416, 0, 0},
		"bytes=99999999999999999999999-":       {416, 0, 0},
		"bytes=9223372036854775807-9223372036854775808": {416, 0, 0},
		"bytes=":      {416, 0, 0},
		"bytes":       {416, 0, 0},
		"bytes=x-":    {416, 0, 0},
		"bytes=-":     {416, 0, 0},
		"bytes=--5":   {416, 0, 0},
		"bytes=5":     {416, 0, 0},
		"bytes=1-2-3": {416, 0, 0},
		"bytes=+1-2":  {416, 0, 0},
		"bytes=1e1-":  {416, 0, 0},
		"bytes=١-٢":   {416, 0, 0},
	} {
		got := b.ask("GET", link, "Range", header)
		if got.err != nil || got.StatusCode != test.status {
			t.Errorf("%.60s: %+v, %v", header, got.Response, got.err)
			continue
		}
		contentRange := ""
		switch test.status {
		case 206:
			contentRange = fmt.Sprintf("bytes %d-%d/100", test.first, test.end-1)
		case 416:
			contentRange = "bytes */100"
			assertProblem(t, got, "")
		}
		if got.Header.Get("Content-Range") != contentRange {
			t.Errorf("%.60s: Content-Range %q", header, got.Header.Get("Content-Range"))
		}
		if test.status != 416 && (!bytes.Equal(got.content, want[test.first:test.end]) || got.ContentLength != int64(test.end-test.first)) {
			t.Errorf("%.60s: %x", header, got.content)
		}
	}
}

func TestAnEmptyFileHasNoRanges(t *testing.T) {
	b := newBench(t, 1)
	link := b.link(b.put("empty.txt", "text/plain", nil))
	for _, header := range []string{"bytes=0-", "bytes=0-0", "bytes=-5"} {
		if got := b.ask("GET", link, "Range", header); got.err != nil || got.StatusCode != 200 || got.ContentLength != 0 {
			t.Errorf("%s: %+v, %v", header, got.Response, got.err)
		}
	}
}

func TestOnlyTheRangeIsFetched(t *testing.T) {
	b := newBench(t, 1)
	b.ask("GET", b.link(b.put("clip.mov", "video/quicktime", content(100))), "Range", "bytes=17-33")
	if want := (span{17, 17, true}); len(b.store.asked) != 1 || b.store.asked[0] != want {
		t.Errorf("%v", b.store.asked)
	}
}

func TestRangesAreThoseOfTheStandardLibrary(t *testing.T) {
	b := newBench(t, 1)
	want := content(70_000)
	size := len(want)
	source := b.put("clip.mov", "video/quicktime", want)
	token := tokenOf(b.link(source))
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.OneOf(rapid.IntRange(0, 40), rapid.IntRange(0, size+20), rapid.IntRange(size-5, size+5))
		first, second := number.Draw(t, "first"), number.Draw(t, "second")
		header := rapid.SampledFrom([]string{
			fmt.Sprintf("bytes=%d-%d", min(first, second), max(first, second)), fmt.Sprintf("bytes=%d-%d", first, second),
			fmt.Sprintf("bytes=%d-", first), fmt.Sprintf("bytes=-%d", first+1),
		}).Draw(t, "header")
		request := httptest.NewRequest("GET", "/", nil)
		request.Header.Set("Range", header)
		request.Header.Set("If-Range", rapid.SampledFrom([]string{"", entityTag(source), `"other"`}).Draw(t, "condition"))
		ours, theirs := httptest.NewRecorder(), httptest.NewRecorder()
		b.links.ServeHTTP(ours, request, token)
		theirs.Header().Set("ETag", entityTag(source))
		theirs.Header().Set("Content-Type", "video/quicktime")
		http.ServeContent(theirs, request, "", time.Time{}, bytes.NewReader(want))
		if ours.Code != theirs.Code || ours.Code == 206 && ours.Header().Get("Content-Range") != theirs.Header().Get("Content-Range") {
			t.Fatalf("%s: %d %s; want %d %s", header, ours.Code, ours.Header().Get("Content-Range"), theirs.Code, theirs.Header().Get("Content-Range"))
		}
		if ours.Code != 416 && (!bytes.Equal(ours.Body.Bytes(), theirs.Body.Bytes()) || ours.Header().Get("Content-Length") != theirs.Header().Get("Content-Length")) {
			t.Fatalf("%s: %d bytes; want %d", header, ours.Body.Len(), theirs.Body.Len())
		}
		for len(b.ends) > 0 {
			<-b.ends
		}
	})
}
