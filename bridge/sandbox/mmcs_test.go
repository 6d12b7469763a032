package sandbox

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The vector of Apple's tutorial's key; the ciphertext was made with OpenSSL.
const (
	vectorKey    = "0012E9F08B6B0CCC36DF688BF167FAF7BF3E7E696D1A66E98C9E9949131C9F8E07"
	vectorPlain  = "The quick brown fox jumps over the dog!!"
	vectorCipher = "136e444b21e55ee9d959fba88c4ebba209bf457195fa6e419dad52d19d33697c9ee4071f51a0b829"
)

func TestFileKeyVector(t *testing.T) {
	key, err := parseFileKey(vectorKey)
	if err != nil {
		t.Fatal(err)
	}
	sealed, _ := hex.DecodeString(vectorCipher)
	got, _ := io.ReadAll(key.encrypt(strings.NewReader(vectorPlain)))
	if !bytes.Equal(got, sealed) || !strings.EqualFold(key.String(), vectorKey) {
		t.Errorf("%x", got)
	}
	view := &plainView{inMemory{bytes.NewReader(sealed)}, key}
	for offset := range len(sealed) {
		if _, err := view.Seek(int64(offset), io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(view); string(got) != vectorPlain[offset:] {
			t.Fatalf("from %d: %q", offset, got)
		}
	}
	for _, bad := range []string{"", vectorKey[2:], "01" + vectorKey[2:], vectorKey + "00", "00" + strings.Repeat("x", 64)} {
		if _, err := parseFileKey(bad); err == nil {
			t.Errorf("%q is taken for a key", bad)
		}
	}
}

// openIndependently decrypts in the plainest way there is.
func openIndependently(t *testing.T, sealed []byte, key string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(key[2:])
	if err != nil || key[:2] != "00" {
		t.Fatalf("key %q", key)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		t.Fatal(err)
	}
	plain := make([]byte, len(sealed))
	cipher.NewCTR(block, make([]byte, 16)).XORKeyStream(plain, sealed)
	return plain
}

func testToken(t *testing.T) string {
	t.Helper()
	key, _ := base64.StdEncoding.DecodeString(testSecret)
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iss": testMSP, "iat": time.Now().Unix()}).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + token
}

type httpReply struct {
	status int
	header http.Header
	body   []byte
	err    error // of reading the body
}

// ask does one request, with headers in pairs.
func (w *world) ask(method, target string, body io.Reader, headers ...string) httpReply {
	w.Helper()
	request, err := http.NewRequest(method, target, body)
	if err != nil {
		w.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	return httpReply{response.StatusCode, response.Header, raw, err}
}

// apple asks one of the gateway's routes with a good token, and decodes its answer.
func (w *world) apple(method, path string, body io.Reader, headers ...string) (httpReply, map[string]any) {
	w.Helper()
	got := w.ask(method, w.gateway.URL+"/v1/"+path, body, append([]string{"Authorization", testToken(w.T), "Source-Id", testBusiness}, headers...)...)
	var answer map[string]any
	if got.status == http.StatusOK && json.Unmarshal(got.body, &answer) != nil {
		w.Fatalf("%s: %s", path, got.body)
	}
	return got, answer
}

type slotted struct{ put, url, owner, checksum string }

// slot asks for a slot.
func (w *world) slot(size string) slotted {
	w.Helper()
	got, answer := w.apple("GET", "preUpload", nil, "MMCS-Size", size, "size", size)
	if got.status != http.StatusOK {
		w.Fatalf("preUpload: %d %s", got.status, got.body)
	}
	return slotted{answer["upload-url"].(string), answer["mmcs-url"].(string), answer["mmcs-owner"].(string), ""}
}

func (w *world) uploaded(sealed []byte) slotted {
	w.Helper()
	slot := w.slot(itoa(len(sealed)))
	got := w.ask("POST", slot.put, bytes.NewReader(sealed))
	var answer struct {
		SingleFile struct {
			FileChecksum, Receipt string
			Size                  int
		}
	}
	if err := json.Unmarshal(got.body, &answer); err != nil || got.status != 200 || answer.SingleFile.Size != len(sealed) || answer.SingleFile.Receipt == "" {
		w.Fatalf("upload: %d %s (%v)", got.status, got.body, err)
	}
	slot.checksum = answer.SingleFile.FileChecksum
	return slot
}

func itoa(n int) string { raw, _ := json.Marshal(n); return string(raw) }

func TestPreUploadRules(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name    string
		headers []string
		status  int
		reason  string
	}{
		{"MMCS-Size", []string{"MMCS-Size", "69"}, 200, ""},
		{"size", []string{"size", "69"}, 200, ""},
		{"both", []string{"MMCS-Size", "69", "size", "69"}, 200, ""},
		{"100 MB", []string{"size", "100000000"}, 200, ""},
		{"neither", nil, 400, "neither"},
		{"they differ", []string{"MMCS-Size", "69", "size", "70"}, 400, "differ"},
		{"zero", []string{"size", "0"}, 400, "decimal"},
		{"negative", []string{"size", "-1"}, 400, "decimal"},
		{"signed", []string{"size", "+1"}, 400, "decimal"},
		{"hexadecimal", []string{"size", "0x10"}, 400, "decimal"},
		{"too large", []string{"size", "100000001"}, 400, "decimal"},
		{"no token", []string{"size", "69", "Authorization", ""}, 401, "missing"},
		{"bad token", []string{"size", "69", "Authorization", "Bearer x.y.z"}, 403, ""},
		{"no business", []string{"size", "69", "Source-Id", ""}, 400, "Source-Id"},
		{"unknown business", []string{"size", "69", "Source-Id", "x"}, 404, "unknown business"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, answer := w.apple("GET", "preUpload", nil, c.headers...)
			if got.status != c.status || !strings.Contains(string(got.body), c.reason) {
				t.Fatalf("%d %s, want %d and %q", got.status, got.body, c.status, c.reason)
			}
			if c.status != 200 {
				return
			}
			for _, name := range []string{"upload-url", "mmcs-url", "mmcs-owner"} {
				if value, _ := answer[name].(string); value == "" || name != "mmcs-owner" && !strings.HasPrefix(value, w.gateway.URL+"/") {
					t.Errorf("%s: %q", name, value)
				}
			}
		})
	}
}

func TestUploadRules(t *testing.T) {
	w := newWorld(t)
	five := func() io.Reader { return strings.NewReader("12345") }
	for _, c := range []struct {
		name   string
		do     func(put string) httpReply
		status int
	}{
		{"good", func(put string) httpReply { return w.ask("POST", put, five()) }, 200},
		{"with a type", func(put string) httpReply {
			return w.ask("POST", put, five(), "Content-Type", "application/octet-stream")
		}, 200},
		{"Authorization", func(put string) httpReply { return w.ask("POST", put, five(), "Authorization", "Bearer x") }, 400},
		{"short", func(put string) httpReply { return w.ask("POST", put, strings.NewReader("1234")) }, 400},
		{"long", func(put string) httpReply { return w.ask("POST", put, strings.NewReader("123456")) }, 400},
		{"empty", func(put string) httpReply { return w.ask("POST", put, nil) }, 400},
		{"compressed", func(put string) httpReply { return w.ask("POST", put, five(), "Content-Encoding", "gzip") }, 400},
		{"chunked", func(put string) httpReply { return w.ask("POST", put, io.MultiReader(five())) }, 411},
		{"PUT", func(put string) httpReply { return w.ask("PUT", put, five()) }, 405},
		{"GET", func(put string) httpReply { return w.ask("GET", put, nil) }, 404},
		{"twice", func(put string) httpReply { w.ask("POST", put, five()); return w.ask("POST", put, five()) }, 409},
		{"refused, then good", func(put string) httpReply { w.ask("POST", put, nil); return w.ask("POST", put, five()) }, 200},
		{"encoded again", func(put string) httpReply {
			u, _ := url.Parse(put)
			u.RawPath, u.RawQuery = "", u.Query().Encode()
			return w.ask("POST", u.String(), five())
		}, 404},
		{"path unescaped", func(put string) httpReply { return w.ask("POST", strings.Replace(put, "%2f", "/", 1), five()) }, 404},
		{"escape in the other case", func(put string) httpReply { return w.ask("POST", strings.Replace(put, "%2f", "%2F", 1), five()) }, 404},
		{"plus escaped", func(put string) httpReply { return w.ask("POST", strings.Replace(put, "+", "%2B", 1), five()) }, 404},
		{"late", func(put string) httpReply {
			w.s.now = func() time.Time { return time.Now().Add(slotLife + time.Second) }
			defer func() { w.s.now = time.Now }()
			return w.ask("POST", put, five())
		}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.do(w.slot("5").put); got.status != c.status {
				t.Errorf("%d %s, want %d", got.status, got.body, c.status)
			}
		})
	}
}

// TestMMCSRoundTrip uploads a file and gets it back, with either set of headers.
func TestMMCSRoundTrip(t *testing.T) {
	w := newWorld(t)
	for _, size := range []int{1, 69, blobInMemory, blobInMemory + 1, 1 << 20} {
		sealed := make([]byte, size)
		_, _ = io.ReadFull(newFileKey().encrypt(zeros{}), sealed)
		up := w.uploaded(sealed)
		if raw, err := base64.StdEncoding.DecodeString(up.checksum); err != nil || len(raw) != 21 || raw[0] != 0x81 {
			t.Errorf("checksum %q", up.checksum)
		}
		for _, names := range [][3]string{{"MMCS-Url", "MMCS-Signature", "MMCS-Owner"}, {"url", "signature", "owner"}} {
			_, answer := w.apple("GET", "preDownload", nil, names[0], up.url, names[1], up.checksum, names[2], up.owner)
			link, _ := answer["download-url"].(string)
			for range 2 { // usable more than once
				if got := w.ask("GET", link, nil); got.status != 200 || !bytes.Equal(got.body, sealed) {
					t.Fatalf("%d bytes: %d with %d bytes", size, got.status, len(got.body))
				}
			}
			if got := w.ask("GET", link, nil, "Range", "bytes=0-0"); got.status != 206 || !bytes.Equal(got.body, sealed[:1]) {
				t.Errorf("range: %d with %d bytes", got.status, len(got.body))
			}
		}
	}
	entries, err := os.ReadDir(w.s.mmcs.vault.dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("%d temporary files (%v)", len(entries), err)
	}
	w.s.Close()
	if _, err := os.Stat(w.s.mmcs.vault.dir); !os.IsNotExist(err) {
		t.Errorf("temporary files outlive Close: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestPreDownloadRules(t *testing.T) {
	w := newWorld(t)
	sealed := []byte("some ciphertext")
	up := w.uploaded(sealed)
	signature, _ := base64.StdEncoding.DecodeString(up.checksum)
	other := base64.StdEncoding.EncodeToString(make([]byte, 21))
	for _, c := range []struct {
		name                  string
		url, signature, owner string
		more                  []string
		status                int
		good                  bool
	}{
		{name: "right", url: up.url, signature: up.checksum, owner: up.owner, status: 200, good: true},
		{name: "both sets", url: up.url, signature: up.checksum, owner: up.owner, more: []string{"url", up.url, "signature", up.checksum, "owner", up.owner}, status: 200, good: true},
		{name: "another signature", url: up.url, signature: other, owner: up.owner, status: 200},
		{name: "another owner", url: up.url, signature: up.checksum, owner: "M1", status: 200},
		{name: "unknown url", url: up.url + "x", signature: up.checksum, owner: up.owner, status: 200},
		{name: "url unescaped", url: strings.Replace(up.url, "%2F", "/", 1), signature: up.checksum, owner: up.owner, status: 200},
		{name: "signature in hex", url: up.url, signature: hex.EncodeToString(signature), owner: up.owner, status: 400},
		{name: "signature not base64", url: up.url, signature: "!", owner: up.owner, status: 400},
		{name: "no signature", url: up.url, owner: up.owner, status: 400},
		{name: "no url", signature: up.checksum, owner: up.owner, status: 400},
		{name: "no owner", url: up.url, signature: up.checksum, status: 400},
		{name: "no token", url: up.url, signature: up.checksum, owner: up.owner, more: []string{"Authorization", ""}, status: 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			headers := append([]string{"MMCS-Url", c.url, "MMCS-Signature", c.signature, "MMCS-Owner", c.owner}, c.more...)
			got, answer := w.apple("GET", "preDownload", nil, headers...)
			if got.status != c.status {
				t.Fatalf("%d %s", got.status, got.body)
			}
			if strings.Contains(c.name, "base64") && strings.TrimSpace(string(got.body)) != "not authorized" {
				t.Errorf("%s", got.body)
			}
			if c.status != 200 {
				return
			}
			data := w.ask("GET", answer["download-url"].(string), nil)
			if data.status != 200 || bytes.Equal(data.body, sealed) != c.good {
				t.Errorf("%d with %d bytes", data.status, len(data.body))
			}
		})
	}
	link := func() string {
		_, answer := w.apple("GET", "preDownload", nil, "MMCS-Url", up.url, "MMCS-Signature", up.checksum, "MMCS-Owner", up.owner)
		return answer["download-url"].(string)
	}
	if got := w.ask("GET", link(), nil, "Authorization", testToken(t)); got.status != 400 {
		t.Errorf("with Authorization: %d", got.status)
	}
	if got := w.ask("GET", strings.Replace(link(), "+", "%2B", 1), nil); got.status != 404 {
		t.Errorf("encoded again: %d", got.status)
	}
	late := link()
	w.s.now = func() time.Time { return time.Now().Add(linkLife + time.Second) }
	if got := w.ask("GET", late, nil); got.status != 403 {
		t.Errorf("late: %d", got.status)
	}
	w.s.now = time.Now
}

func TestMMCSFaults(t *testing.T) {
	w := newWorld(t)
	sealed := bytes.Repeat([]byte("0123456789"), 30_000)
	up := w.uploaded(sealed)
	get := func() httpReply {
		_, answer := w.apple("GET", "preDownload", nil, "MMCS-Url", up.url, "MMCS-Signature", up.checksum, "MMCS-Owner", up.owner)
		return w.ask("GET", answer["download-url"].(string), nil)
	}
	w.fault(faultMMCSGarbage, true)
	if got := get(); got.status != 200 || len(got.body) != len(sealed) || bytes.Equal(got.body, sealed) {
		t.Errorf("garbage: %d with %d bytes", got.status, len(got.body))
	}
	w.fault(faultMMCSGarbage, false)
	w.fault(faultMMCSCut, true)
	if got := get(); got.status != 200 || got.err == nil || len(got.body) > len(sealed)/2 {
		t.Errorf("cut: %d with %d bytes, %v", got.status, len(got.body), got.err)
	}
	w.fault(faultMMCSCut, false)
	w.call("/api/faults", map[string]any{"name": faultMMCSSlow, "on": true, "delay_ms": 80}, 202)
	begin := time.Now()
	if got := get(); got.status != 200 || time.Since(begin) < 80*time.Millisecond {
		t.Errorf("slow: %d after %v", got.status, time.Since(begin))
	}
	w.fault(faultMMCSSlow, false)
	w.fault(faultAppleDown, true)
	if got, _ := w.apple("GET", "preUpload", nil, "size", "1"); got.status != 503 {
		t.Errorf("down: %d", got.status)
	}
}

// TestVaultIsBounded fills a vault beyond its room.
func TestVaultIsBounded(t *testing.T) {
	v := newVault()
	v.max, v.count = 300<<10, 4
	defer v.close()
	put := func(size int) *blob {
		b, err := v.put(io.LimitReader(zeros{}, int64(size)), maxFile)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	small := put(10)
	large := put(200 << 10)
	put(100 << 10)
	if _, err := v.open(small); err == nil {
		t.Error("the oldest is still there")
	}
	r, err := v.open(large)
	if err != nil {
		t.Fatal(err)
	}
	put(250 << 10)
	if v.used > v.max || len(v.blobs) != 1 {
		t.Errorf("%d bytes in %d blobs", v.used, len(v.blobs))
	}
	if raw, err := io.ReadAll(r); err != nil || len(raw) != 200<<10 {
		t.Errorf("who reads what is dropped gets %d bytes, %v", len(raw), err)
	}
	r.Close()
	if _, err := v.put(io.LimitReader(zeros{}, 301<<10), maxFile); err == nil {
		t.Error("more than fits was taken")
	}
	if _, err := v.put(io.LimitReader(zeros{}, 11), 10); err == nil {
		t.Error("more than the limit was taken")
	}
	if _, err := v.put(io.LimitReader(zeros{}, 200<<10), 150<<10); err == nil {
		t.Error("more than the limit was taken into a file")
	}
	if v.used != 0 {
		t.Errorf("%d bytes leaked", v.used)
	}
	for range 9 {
		put(1)
	}
	if len(v.blobs) != 4 {
		t.Errorf("%d blobs", len(v.blobs))
	}
	if left, _ := os.ReadDir(v.dir); len(left) != 0 {
		t.Errorf("%d files left", len(left))
	}
}
