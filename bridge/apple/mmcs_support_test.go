package apple

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"bizbridge/bridge/attachment"
	"bizbridge/bridge/message"
)

// appleStore stands for Apple's gateway and store together. It is made from the protocol's pages alone: nothing of it is
// the bridge's own code.
type appleStore struct {
	*httptest.Server
	mu      sync.Mutex
	calls   []call
	faults  map[string][]http.HandlerFunc // by step: what is done instead, one per call; nil: the right thing
	always  map[string]http.HandlerFunc   // by step: what is done instead, every time
	slots   map[string]slot               // by upload address
	objects map[string]*object            // by mmcs-url
	links   map[string]*object            // by download address; each serves once
	deaf    bool                          // the store does not know Range
	begun   time.Time
}

type call struct {
	step, uri string
	header    http.Header
	length    int64
	body      []byte
}

type slot struct {
	size int64
	url  string
}

type object struct {
	url, owner string
	signature  []byte
	ciphertext []byte
}

func newAppleStore(t testing.TB) *appleStore {
	t.Helper()
	s := &appleStore{
		faults: map[string][]http.HandlerFunc{}, always: map[string]http.HandlerFunc{}, slots: map[string]slot{},
		objects: map[string]*object{}, links: map[string]*object{}, begun: time.Now(),
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// Escapes of both cases, characters that need none but have one, and such that could have one.
const (
	mixedPath  = "%2fM11%2B(1)+C01=USN00,~a%7eb"
	mixedQuery = "?x=a%2Fb+c%20d&y=e/f:%7e&z='!*'&empty=&sig=%C3%a9"
)

func (s *appleStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	step := strings.TrimPrefix(r.URL.Path, "/v1/")
	for prefix, name := range map[string]string{"/put": "upload", "/get": "download"} {
		if strings.HasPrefix(r.RequestURI, prefix) {
			step = name
		}
	}
	s.mu.Lock()
	index := len(s.calls)
	s.calls = append(s.calls, call{step: step, uri: r.RequestURI, header: r.Header.Clone(), length: r.ContentLength})
	fault := s.always[step]
	if queue := s.faults[step]; len(queue) > 0 {
		fault, s.faults[step] = queue[0], queue[1:]
	}
	s.mu.Unlock()
	if fault != nil {
		fault(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // nothing is stored of what does not come whole
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[index].body = body
	switch step {
	case "preUpload":
		s.preUpload(w, r)
	case "upload":
		s.upload(w, r, body)
	case "preDownload":
		s.preDownload(w, r)
	case "download":
		s.download(w, r)
	case "message":
	default:
		http.NotFound(w, r)
	}
}

func (s *appleStore) preUpload(w http.ResponseWriter, r *http.Request) {
	size, err := strconv.ParseInt(r.Header.Get("MMCS-Size"), 10, 64)
	if err != nil || r.Method != http.MethodGet || r.Header.Get("size") != r.Header.Get("MMCS-Size") {
		http.Error(w, "bad size", http.StatusBadRequest)
		return
	}
	address := fmt.Sprintf("/put%s/%d%s", mixedPath, len(s.calls), mixedQuery)
	url := fmt.Sprintf("https://p00-content.icloud.com/M%d%s%s", len(s.calls), mixedPath, mixedQuery)
	s.slots[address] = slot{size, url}
	_, _ = fmt.Fprintf(w, `{"upload-url":%q,"mmcs-url":%q,"mmcs-owner":"M%d.C01USN00"}`, s.URL+address, url, len(s.calls))
}

func (s *appleStore) upload(w http.ResponseWriter, r *http.Request, body []byte) {
	slot, ok := s.slots[r.RequestURI]
	delete(s.slots, r.RequestURI)
	if !ok || r.Method != http.MethodPost || r.ContentLength != slot.size || r.TransferEncoding != nil || int64(len(body)) != slot.size || r.Header.Get("Authorization") != "" {
		http.Error(w, "bad upload", http.StatusBadRequest)
		return
	}
	s.objects[slot.url] = &object{url: slot.url, ciphertext: body}
	_, _ = fmt.Fprintf(w, `{"singleFile":{"fileChecksum":%q,"size":%d,"receipt":"x"}}`, checksum(body), slot.size)
}

func checksum(ciphertext []byte) string {
	sum := sha1.Sum(ciphertext)
	return base64.StdEncoding.EncodeToString(append([]byte{0x81}, sum[:]...))
}

func (s *appleStore) preDownload(w http.ResponseWriter, r *http.Request) {
	object := s.objects[r.Header.Get("MMCS-Url")]
	if object == nil || r.Header.Get("MMCS-Owner") != object.owner || r.Header.Get("MMCS-Signature") != base64.StdEncoding.EncodeToString(object.signature) {
		object = nil // an address comes all the same
	}
	address := fmt.Sprintf("/get%s/%d%s", mixedPath, len(s.calls), mixedQuery)
	s.links[address] = object
	_, _ = fmt.Fprintf(w, `{"download-url":%q}`, s.URL+address)
}

func (s *appleStore) download(w http.ResponseWriter, r *http.Request) {
	object := s.links[r.RequestURI]
	delete(s.links, r.RequestURI)
	if object == nil || r.Header.Get("Authorization") != "" {
		_, _ = io.WriteString(w, "garbage")
		return
	}
	if s.deaf {
		w.Header().Set("Content-Length", strconv.Itoa(len(object.ciphertext)))
		_, _ = w.Write(object.ciphertext)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", s.begun, bytes.NewReader(object.ciphertext))
}

// steps lists what was called, in order.
func (s *appleStore) steps() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var steps []string
	for _, call := range s.calls {
		steps = append(steps, call.step)
	}
	return strings.Join(steps, " ")
}

func (s *appleStore) callsOf(step string) []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.calls), func(c call) bool { return c.step != step })
}

func (s *appleStore) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

func (s *appleStore) stored() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.objects)
}

// put keeps a file as a customer's device would, and gives its coordinates.
func (s *appleStore) put(plain []byte) attachment.Source {
	key := attachment.Key{1, 2, 3}
	o := &object{
		url: "https://p00-content.icloud.com/M" + mixedPath + mixedQuery, owner: "M11.C01USN00", signature: bytes.Repeat([]byte{0xfb}, 21),
		ciphertext: crypted(hex.EncodeToString(key[:]), plain),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[o.url] = o
	return attachment.Source{Business: businessA, URL: o.url, Owner: o.owner, Signature: o.signature, Key: key, Size: int64(len(plain))}
}

// crypted is AES-256-CTR from zero as the standard library has it; it encrypts and decrypts.
func crypted(hexKey string, text []byte) []byte {
	key, err := hex.DecodeString(hexKey)
	if err != nil {
		panic(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	out := make([]byte, len(text))
	cipher.NewCTR(block, make([]byte, 16)).XORKeyStream(out, text)
	return out
}

// pattern is content in which every place is different.
func pattern(size int) []byte {
	content := make([]byte, 0, size+8)
	for i := 0; len(content) < size; i++ {
		content = fmt.Appendf(content, "%07x ", i)
	}
	return content[:size]
}

// says answers without doing anything.
func says(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// hangsUp ends the connection; without words, or in the middle of the answer.
func hangsUp(words string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, words)
		if words == "" {
			_ = conn.(*net.TCPConn).SetLinger(0)
		}
		conn.Close()
	}
}

func hangs(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// opening counts how often a file was opened and closed.
type opening struct {
	mu             sync.Mutex
	opened, closed int
}

func (o *opening) file(content []byte) File {
	return o.reading(int64(len(content)), func(int) io.Reader { return bytes.NewReader(content) })
}

// reading makes a file whose source may be another one each time.
func (o *opening) reading(size int64, source func(try int) io.Reader) File {
	return File{Name: "photo.jpg", MIMEType: "image/jpeg", Size: size, Open: o.open(source)}
}

func (o *opening) open(source func(try int) io.Reader) func(context.Context) (io.ReadCloser, error) {
	return func(context.Context) (io.ReadCloser, error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.opened++
		return &countedFile{source(o.opened), o}, nil
	}
}

type countedFile struct {
	io.Reader
	count *opening
}

func (f *countedFile) Close() error {
	f.count.mu.Lock()
	defer f.count.mu.Unlock()
	f.count.closed++
	return nil
}

func (o *opening) counts() (opened, closed int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.opened, o.closed
}

// wireEntry is an attachment as Apple reads it (protocol §5.4).
type wireEntry struct {
	Name, MIMEType, Size, URL, Owner, Key string
	Signature                             string `json:"signature-base64"`
}

type wireText struct {
	Type, Body  string
	Attachments []wireEntry
}

func (s *appleStore) messages(t testing.TB) []wireText {
	t.Helper()
	var messages []wireText
	for _, call := range s.callsOf("message") {
		messages = append(messages, unmarshal[wireText](t, call.body))
	}
	return messages
}

func withFiles(text string, files ...File) Outgoing {
	out := outgoing(message.Files{Text: text})
	out.Files = files
	return out
}
