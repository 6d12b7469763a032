package sandbox

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
)

// vectorFile is the vector's ciphertext, uploaded, as an attachment.
func (w *world) vectorFile(mimeType string) map[string]any {
	w.Helper()
	sealed, _ := hex.DecodeString(vectorCipher)
	up := w.uploaded(sealed)
	return map[string]any{
		"name": "fox.txt", "mimeType": mimeType, "size": itoa(len(sealed)), "signature-base64": up.checksum,
		"url": up.url, "owner": up.owner, "key": vectorKey,
	}
}

func TestAttachmentRules(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	file := w.vectorFile("text/plain")
	with := func(name string, value any) func(map[string]any) {
		return func(f map[string]any) { f[name] = value }
	}
	for _, c := range []struct {
		name   string
		spoil  func(map[string]any)
		status int
		reason string
	}{
		{"good", func(map[string]any) {}, 200, ""},
		{"good, once more", func(map[string]any) {}, 200, ""},
		{"key in lower case", with("key", strings.ToLower(vectorKey)), 200, ""},
		{"no name", with("name", ""), 400, "attachments[0]: name"},
		{"no mimeType", with("mimeType", nil), 400, "mimeType"},
		{"mimeType no type", with("mimeType", "png"), 400, "mimeType"},
		{"size a number", with("size", 40), 400, "size is missing, empty or not a string"},
		{"size in words", with("size", "forty"), 400, "digits"},
		{"size of the wrong file", with("size", "41"), 400, "size is not that of the upload"},
		{"no key", with("key", nil), 400, "key"},
		{"key without 00", with("key", vectorKey[2:]), 400, "key"},
		{"key in base64", with("key", base64.StdEncoding.EncodeToString([]byte(vectorKey))), 400, "key"},
		{"signature in hex", with("signature-base64", strings.Repeat("81", 21)), 400, "signature-base64"},
		{"another signature", with("signature-base64", base64.StdEncoding.EncodeToString(make([]byte, 21))), 400, "fileChecksum"},
		{"no url", with("url", nil), 400, "url"},
		{"another url", with("url", "https://example.com/x"), 400, "no uploaded file"},
		{"url unescaped", func(f map[string]any) { f["url"], _ = url.QueryUnescape(f["url"].(string)) }, 400, "no uploaded file"},
		{"another owner", with("owner", "M1"), 400, "owner"},
		{"upload address as url", with("url", w.slot("40").put), 400, "no uploaded file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spoilt := map[string]any{}
			for k, v := range file {
				spoilt[k] = v
			}
			c.spoil(spoilt)
			got := postToGateway(t, w.gateway.URL, func(q *gatewayRequest) {
				q.set("destinationId", w.s.phones.threads[0].OpaqueID)
				q.body["body"], q.body["attachments"] = "Look: \uFFFC", []any{spoilt}
			})
			if got.status != c.status || !strings.Contains(got.body, c.reason) {
				t.Errorf("%d %q, want %d and %q", got.status, got.body, c.status, c.reason)
			}
		})
	}
	got := postToGateway(t, w.gateway.URL, func(q *gatewayRequest) {
		q.set("destinationId", w.s.phones.threads[0].OpaqueID)
		q.body["body"], q.body["attachments"] = "\uFFFC", []any{file, file}
	})
	if got.status != 400 || !strings.Contains(got.body, "U+FFFC") {
		t.Errorf("two attachments, one mark: %+v", got)
	}
}

// TestPhoneShowsFiles: what decrypts to its type is shown as such, the rest as an icon.
func TestPhoneShowsFiles(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	pixel, err := os.ReadFile("testdata/pixel.png")
	if err != nil {
		t.Fatal(err)
	}
	sealed := openIndependently(t, pixel, vectorKey) // the same both ways
	up := w.uploaded(sealed)
	image := map[string]any{"name": "a/b.png", "mimeType": "image/png", "size": itoa(len(sealed)), "signature-base64": up.checksum, "url": up.url, "owner": up.owner, "key": vectorKey}
	wrong := map[string]any{}
	for k, v := range image {
		wrong[k] = v
	}
	wrong["key"] = "00" + strings.Repeat("ab", 32)
	got := postToGateway(t, w.gateway.URL, func(q *gatewayRequest) {
		q.set("destinationId", w.s.phones.threads[0].OpaqueID)
		q.body["body"] = "\uFFFC\uFFFCand\uFFFC\uFFFC"
		q.body["attachments"] = []any{w.vectorFile("text/plain"), image, wrong, w.vectorFile("image/jpeg")}
	})
	if got.status != 200 {
		t.Fatal(got)
	}
	files := w.state().Threads[0].Bubbles[1].Files
	shown := ""
	for _, f := range files {
		shown += fmt.Sprint(f.Kind, " ", f.Broken, " ")
	}
	if shown != "file false image false file true file true " {
		t.Fatal(shown)
	}
	read := func(f *shownFile, headers ...string) httpReply {
		return w.ask("GET", w.pages.URL+f.Href, nil, headers...)
	}
	if got := read(files[0]); string(got.body) != vectorPlain || got.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%q %v", got.body, got.header)
	}
	if got := read(files[0], "Range", "bytes=4-8"); got.status != 206 || string(got.body) != "quick" {
		t.Errorf("%d %q", got.status, got.body)
	}
	if got := read(files[1]); !bytes.Equal(got.body, pixel) || got.header.Get("Content-Type") != "image/png" ||
		!strings.Contains(got.header.Get("Content-Security-Policy"), "sandbox") || got.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d bytes, %v", len(got.body), got.header)
	}
	if got := w.ask("GET", w.pages.URL+"/phone/files/none/x", nil); got.status != 404 {
		t.Errorf("unknown file: %d", got.status)
	}
	w.call("/api/phone/tapback", map[string]any{"customer": w.customer, "id": w.state().Threads[0].Bubbles[1].ID, "verb": "liked"}, 202)
}

// staged puts a file onto the phone or the desk.
func (w *world) staged(side, name, mimeType string, content []byte) shownFile {
	w.Helper()
	got := w.ask("PUT", w.pages.URL+"/api/"+side+"/files?name="+url.QueryEscape(name)+"&type="+url.QueryEscape(mimeType), bytes.NewReader(content))
	var f shownFile
	decodeInto(w.T, got.body, &f)
	if got.status != http.StatusCreated || f.ID == "" || f.Size != int64(len(content)) {
		w.Fatalf("PUT: %d %s", got.status, got.body)
	}
	return f
}

// fetched gets a customer's file as the bridge does.
func (w *world) fetched(a map[string]any) []byte {
	w.Helper()
	raw, err := hex.DecodeString(a["signature"].(string))
	if err != nil || base64.StdEncoding.EncodeToString(raw) != a["signature-base64"] {
		w.Errorf("signatures %v and %v", a["signature"], a["signature-base64"])
	}
	_, answer := w.apple("GET", "preDownload", nil, "MMCS-Url", a["url"].(string), "MMCS-Signature", a["signature-base64"].(string), "MMCS-Owner", a["owner"].(string))
	got := w.ask("GET", answer["download-url"].(string), nil)
	return openIndependently(w.T, got.body, a["key"].(string))
}

func TestPhoneSendsFiles(t *testing.T) {
	w := newWorld(t)
	content := map[string][]byte{"a.png": []byte("\x89PNG\r\n\x1a\n…"), "notes": bytes.Repeat([]byte("x"), 200<<10)}
	first := w.staged("phone", "a.png", "image/png", content["a.png"])
	second := w.staged("phone", "notes", "", content["notes"])
	if first.Kind != "image" || second.MimeType != "application/octet-stream" {
		t.Errorf("%+v %+v", first, second)
	}
	body := map[string]any{"customer": w.customer, "text": "Two files", "files": []string{first.ID, second.ID}}
	w.call("/api/phone/send", body, 202)
	w.eventually("delivery", func(s state) bool {
		return len(s.Threads[0].Bubbles) == 1 && s.Threads[0].Bubbles[0].Status == delivered
	})
	w.call("/api/phone/send", body, 409) // a key is used once
	post := w.bridge.posts()[0].body
	if post["body"] != "\uFFFC\uFFFCTwo files" || post["type"] != "text" {
		t.Errorf("%v", post)
	}
	list, _ := post["attachments"].([]any)
	cases := map[bool]bool{}
	for _, each := range list {
		a := each.(map[string]any)
		plain := content[a["name"].(string)]
		if size, _ := a["size"].(float64); int(size) != len(plain) {
			t.Errorf("size %v", a["size"])
		}
		if !bytes.Equal(w.fetched(a), plain) {
			t.Errorf("%s does not decrypt", a["name"])
		}
		cases[a["signature"] == strings.ToUpper(a["signature"].(string))] = true
	}
	if len(list) != 2 || len(cases) != 2 || list[0].(map[string]any)["key"] == list[1].(map[string]any)["key"] {
		t.Errorf("%d attachments, in cases %v", len(list), cases)
	}
	if got := w.ask("GET", w.pages.URL+first.Href, nil); !bytes.Equal(got.body, content["a.png"]) {
		t.Errorf("the phone shows %q", got.body)
	}

	w.fault(faultSizeLie, true)
	third := w.staged("phone", "c.txt", "text/plain", []byte("12345"))
	w.call("/api/phone/send", map[string]any{"customer": w.customer, "files": []string{third.ID}}, 202)
	w.eventually("the third", func(state) bool { return len(w.bridge.posts()) == 2 })
	lie := w.bridge.posts()[1].body
	if a := lie["attachments"].([]any)[0].(map[string]any); a["size"] != 1005.0 || lie["body"] != "\uFFFC" {
		t.Errorf("%v", lie)
	}
	w.call("/api/phone/send", map[string]any{"customer": w.customer, "files": []string{"none"}}, 409)
	w.call("/api/phone/send", map[string]any{"customer": w.customer, "files": make([]string, maxFilesPerMessage+1)}, 400)
	w.call("/api/phone/send", map[string]any{"customer": w.customer, "text": "\uFFFC", "files": []string{first.ID}}, 400)
}

func TestFilesAreBounded(t *testing.T) {
	w := newWorld(t)
	got := w.ask("PUT", w.pages.URL+"/api/phone/files?name=x", io.LimitReader(zeros{}, maxFile+1))
	if got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", got.status, got.body)
	}
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if w.s.mmcs.vault.used != 0 {
		t.Errorf("%d bytes are kept", w.s.mmcs.vault.used)
	}
}

func TestFits(t *testing.T) {
	for _, c := range []struct {
		mimeType, head string
		want           bool
	}{
		{"image/png", "\x89PNG\r\n\x1a\n", true}, {"image/jpg", "\xff\xd8\xff\xe0", true}, {"image/jpeg", "\x89PNG\r\n\x1a\n", true},
		{"image/heic", "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", true}, {"image/svg+xml", `<svg xmlns="x">`, true},
		{"video/quicktime", "\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00", true}, {"video/mp4", "\x00\x00\x00\x08wide\x00\x00\x00\x00", true},
		{"audio/x-caf", "caff\x00\x01", true}, {"audio/mpeg", "\xff\xfb\x90", true}, {"audio/mp4", "\x00\x00\x00\x18ftypM4A \x00\x00\x00\x00", true},
		{"application/pdf", "%PDF-1.7", true}, {"text/plain", "Grüße", true}, {"text/plain", "Gr\xc3", true}, {"text/vcard", "", true},
		{"application/vnd.apple.pkpass", "PK\x03\x04", true}, {"application/x-thing", "\x00\x01", true},
		{"image/png", "", false}, {"image/png", "\x13\x6e\x44\x4b", false}, {"video/mp4", "\x13\x6e\x44\x4b\x13\x6e\x44\x4b\x13\x6e\x44\x4b", false},
		{"audio/x-caf", "\x13\x6e", false}, {"application/pdf", "PDF", false}, {"text/plain", "a\x00b", false}, {"text/plain", "\xff\xd8\xff\xe0abc", false},
		{"model/vnd.usdz+zip", "ZIP", false}, {"image/svg+xml", "\x01\x02", false},
	} {
		if got := fits(c.mimeType, []byte(c.head)); got != c.want {
			t.Errorf("%s %q: %v", c.mimeType, c.head, got)
		}
	}
}
