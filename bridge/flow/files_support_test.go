package flow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/attachment"
	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
)

// appleStore is Apple's side, which takes files as Apple's client does: exactly as many bytes as were promised, and a
// second try after a failure that may pass.
type appleStore struct {
	gateway
	got   [][]stored // the files of every message that was accepted
	whole int        // uploads that came to their end
	spoil func(upload int) error
	ref   json.RawMessage // given to every message that is sent with save

	expand func(ctx context.Context) (json.RawMessage, apple.Expansion, error)
	fetch  func(ctx context.Context, source attachment.Source) (io.ReadCloser, error)
}

// stored is a file as Apple has it.
type stored struct{ name, mimeType, content string }

func (s *appleStore) Send(ctx context.Context, out apple.Outgoing) (apple.Accepted, error) {
	var files []stored
	var err error
	for _, file := range out.Files {
		var content []byte
		for range 2 {
			if content, err = s.upload(ctx, file); err == nil || message.FailureOf(err).Class != message.Transient {
				break
			}
		}
		if err != nil {
			return apple.Accepted{}, err
		}
		files = append(files, stored{file.Name, file.MIMEType, string(content)})
	}
	if _, err := s.gateway.Send(ctx, out); err != nil {
		return apple.Accepted{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, files)
	if out.Save {
		return apple.Accepted{DataRef: s.ref}, nil
	}
	return apple.Accepted{}, nil
}

func (s *appleStore) upload(ctx context.Context, file apple.File) ([]byte, error) {
	stream, err := file.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	content, err := io.ReadAll(httpclient.Exactly(stream, file.Size))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.whole++
	if s.spoil != nil {
		err = s.spoil(s.whole)
	}
	return content, err
}

func (s *appleStore) Expand(ctx context.Context, _ apple.Reference) (json.RawMessage, apple.Expansion, error) {
	return s.expand(ctx)
}

func (s *appleStore) Fetch(ctx context.Context, source attachment.Source, _, _ int64) (io.ReadCloser, error) {
	return s.fetch(ctx, source)
}

const (
	maxFile   = 1 << 20
	inlineMax = 64 << 10
)

// filesRig is a rig whose temporary folder is its own.
type filesRig struct {
	*rig
	apple  *appleStore
	files  *files
	sender Sender
	temp   string
}

func newFilesRig(t *testing.T, changes ...func(*Options)) *filesRig {
	t.Helper()
	r := &filesRig{apple: &appleStore{}, files: newFiles(t), temp: t.TempDir()}
	t.Setenv("TMPDIR", r.temp)
	r.rig = newRig(t, append([]func(*Options){func(o *Options) {
		o.Gateway, o.MaxFile, o.InlineMax = r.apple, maxFile, inlineMax
	}}, changes...)...)
	r.sender = agents
	r.sender.Files = r.files
	return r
}

// onDisk counts what lies in the temporary folder.
func (r *filesRig) onDisk(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir(r.temp)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// send sends files with a text under a key that follows from them.
func (r *filesRig) send(t *testing.T, text string, files ...message.File) (message.SendResult, *message.Failure) {
	t.Helper()
	return r.Outbound(t.Context(), r.sender, message.Outbound{
		Key: fmt.Sprint("key of ", text, len(files)), BusinessID: business, CustomerID: customer,
		Content: message.Files{Text: text, Files: files},
	})
}

// wantFiles checks attachments_total of one direction: exactly these outcomes, and no others.
func (r *filesRig) wantFiles(t testing.TB, direction string, want map[string]int) {
	t.Helper()
	for _, outcome := range []string{"streamed", "linked", "refused", "failed"} {
		got := value(t, r.Metrics.Attachments.WithLabelValues(direction, outcome))
		if got != float64(want[outcome]) {
			t.Errorf("attachments_total{direction=%q,outcome=%q} is %v, want %d", direction, outcome, got, want[outcome])
		}
	}
}

func (r *filesRig) wantBytes(t testing.TB, direction, outcome string, want int) {
	t.Helper()
	wantEqual(t, "bytes "+direction+" "+outcome, value(t, r.Metrics.AttachmentBytes.WithLabelValues(direction, outcome)), float64(want))
}

// files is the sender's server of files, fetched by the real downloader, and what was asked of it.
type files struct {
	*httpclient.Downloader
	server *httptest.Server
	mu     sync.Mutex
	opened []string                                  // the paths, one for each time
	read   int64                                     // bytes that were read of answers
	closed int                                       // bodies that were closed
	serve  map[string]http.HandlerFunc               // by path, besides those that are always there
	open   func(n int) (*httpclient.Download, error) // instead of the server; nil: the server
}

func newFiles(t *testing.T) *files {
	f := &files{serve: map[string]http.HandlerFunc{}}
	f.server = httptest.NewServer(http.HandlerFunc(f.answer))
	downloader, err := httpclient.NewDownloader(httpclient.DownloaderOptions{
		Peer: "desk", AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Metrics: newRig(t).Metrics,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.Downloader = downloader
	t.Cleanup(func() {
		downloader.Close()
		f.server.CloseClientConnections()
		f.server.Close()
		downloader.Close()
	})
	return f
}

// answer serves /known/N/name and /chunked/N/name, N bytes with and without their number, and what a test has added.
func (f *files) answer(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	serve := f.serve[r.URL.Path]
	f.mu.Unlock()
	if serve != nil {
		serve(w, r)
		return
	}
	steps := strings.Split(r.URL.Path, "/")
	if len(steps) != 4 {
		http.NotFound(w, r)
		return
	}
	n, err := strconv.Atoi(steps[2])
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	switch steps[1] {
	case "known":
		w.Header().Set("Content-Length", steps[2])
	case "chunked":
		w.(http.Flusher).Flush()
	}
	_, _ = w.Write(content(n))
}

// raw answers with these bytes and ends the connection.
func raw(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(connection, text)
		_ = connection.Close()
	}
}

// Open implements [FileOpener].
func (f *files) Open(ctx context.Context, address string) (*httpclient.Download, error) {
	f.mu.Lock()
	f.opened = append(f.opened, strings.TrimPrefix(address, f.server.URL))
	open, n := f.open, len(f.opened)
	f.mu.Unlock()
	var download *httpclient.Download
	var err error
	if open != nil {
		download, err = open(n)
	} else {
		download, err = f.Downloader.Open(ctx, address)
	}
	if err != nil {
		return nil, err
	}
	download.Body = &watchedBody{download.Body, f, sync.Once{}}
	return download, nil
}

func (f *files) opens() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.opened)
}

// url names a file of the server.
func (f *files) url(path string) message.File { return message.File{URL: f.server.URL + path} }

type watchedBody struct {
	io.ReadCloser
	files *files
	once  sync.Once
}

func (w *watchedBody) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.files.mu.Lock()
	defer w.files.mu.Unlock()
	w.files.read += int64(n)
	return n, err
}

func (w *watchedBody) Close() error {
	w.once.Do(func() {
		w.files.mu.Lock()
		defer w.files.mu.Unlock()
		w.files.closed++
	})
	return w.ReadCloser.Close()
}

// allClosed checks that no stream of the sender's server was left open.
func (f *files) allClosed(t testing.TB, bodies int) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	wantEqual(t, "streams closed", f.closed, bodies)
}

// content is the same n random bytes every time.
func content(n int) []byte {
	text := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(text)
	return text
}

// download is what a connector that opens files itself may give.
func download(size int64, body string) *httpclient.Download {
	return &httpclient.Download{Size: size, Body: io.NopCloser(strings.NewReader(body))}
}

// brokenReader gives some bytes and then an error.
func brokenReader(text string) io.ReadCloser {
	return io.NopCloser(io.MultiReader(bytes.NewReader([]byte(text)), failingReader{}))
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func (*appleStore) AppClip(context.Context, message.ID, message.BusinessID, message.RichLink) (json.RawMessage, error) {
	return nil, message.Failuref(message.Invalid, "there are no App Clips here")
}
