package media

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bizbridge/bridge/attachment"
	"bizbridge/bridge/message"
	"bizbridge/bridge/seal"
	"bizbridge/bridge/signature"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Unix(1_700_000_000, 0)

func ring(t testing.TB, keys ...byte) *seal.Ring {
	t.Helper()
	masters := make([][]byte, len(keys))
	for i, key := range keys {
		masters[i] = bytes.Repeat([]byte{key}, seal.KeySize)
	}
	r, err := seal.NewRing(masters...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// store stands for Apple: ciphertexts by URL, and a way to go wrong.
type store struct {
	mu      sync.Mutex
	files   map[string][]byte
	fetched int
	closed  int
	asked   []span

	fail  error                             // of the fetch
	spoil func(io.ReadCloser) io.ReadCloser // what comes instead
}

func (s *store) fetch(ctx context.Context, source attachment.Source, offset, length int64) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetched++
	s.asked = append(s.asked, span{offset, length, length >= 0})
	if s.fail != nil {
		return nil, s.fail
	}
	content := s.files[source.URL][offset:]
	if length >= 0 {
		content = content[:length]
	}
	body := io.NopCloser(source.Key.Stream(bytes.NewReader(content), offset))
	if s.spoil != nil {
		body = s.spoil(body)
	}
	return &closeCounter{body, s, false}, nil
}

type closeCounter struct {
	io.ReadCloser
	store  *store
	closed bool
}

func (c *closeCounter) Close() error {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	if c.closed {
		panic("closed twice")
	}
	c.closed = true
	c.store.closed++
	return c.ReadCloser.Close()
}

func (s *store) counts() (fetched, closed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetched, s.closed
}

// end is how Done was told of a transfer.
type end struct {
	sent    int64
	failure *message.Failure
}

// bench is one replica over a real socket, with its Apple.
type bench struct {
	t       testing.TB
	links   *Links
	store   *store
	server  *httptest.Server
	client  *http.Client
	mu      sync.Mutex
	now     time.Time
	refused []signature.Reason
	ends    chan end
	narrow  atomic.Bool // the kernel holds little of what the caller has not taken
}

func newBench(t testing.TB, keys ...byte) *bench {
	t.Helper()
	b := &bench{t: t, now: start, store: &store{files: map[string][]byte{}}, ends: make(chan end, 1000)}
	b.links = &Links{
		Ring: ring(t, keys...), TTL: time.Hour, Fetch: b.store.fetch, Now: b.time,
		Refused: func(reason signature.Reason) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.refused = append(b.refused, reason)
		},
		Done: func(_ attachment.Source, sent int64, failure *message.Failure) { b.ends <- end{sent, failure} },
	}
	b.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/bridge/media/"), "/")
		b.links.ServeHTTP(w, r, token)
	}))
	b.server.Config.ConnContext = func(ctx context.Context, connection net.Conn) context.Context {
		if b.narrow.Load() {
			_ = connection.(*net.TCPConn).SetWriteBuffer(16 << 10)
		}
		return ctx
	}
	b.server.Start()
	base, err := url.Parse(b.server.URL + "/bridge/")
	if err != nil {
		t.Fatal(err)
	}
	b.links.Base = base
	b.client = &http.Client{Transport: &http.Transport{DisableCompression: true}}
	t.Cleanup(func() {
		b.client.CloseIdleConnections()
		b.server.Close()
	})
	return b
}

func (b *bench) time() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) sleep(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

func (b *bench) reasons() []signature.Reason {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]signature.Reason(nil), b.refused...)
}

// put gives Apple a file, encrypted, and names its coordinates.
func (b *bench) put(name, mimeType string, content []byte) attachment.Source {
	b.t.Helper()
	source := attachment.Source{
		Business: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", URL: "https://p00-content.icloud.com/M" + name + ".C01USN00",
		Owner: "M" + name + ".C01USN00", Signature: bytes.Repeat([]byte{0x81}, 21), Key: attachment.NewKey(),
		Name: name, MIMEType: mimeType, Size: int64(len(content)),
	}
	encrypted, err := io.ReadAll(source.Key.Stream(bytes.NewReader(content), 0))
	if err != nil {
		b.t.Fatal(err)
	}
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	b.store.files[source.URL] = encrypted
	return source
}

func (b *bench) link(source attachment.Source) string {
	b.t.Helper()
	link, _, err := b.links.New(source)
	if err != nil {
		b.t.Fatal(err)
	}
	return link
}

type answer struct {
	*http.Response
	content []byte
	err     error // of reading the content
}

// ask sends a request with the headers, given as name and value in turn.
func (b *bench) ask(method, link string, headers ...string) answer {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), method, link, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	response, err := b.client.Do(request)
	if err != nil {
		return answer{err: err}
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return answer{response, content, err}
}

// content is random, so that no part of it looks like another.
func content(size int) []byte {
	random := rand.NewChaCha8([32]byte{7})
	content := make([]byte, size)
	_, _ = random.Read(content)
	return content
}

// same compares what links hold.
func same(a, b sealed) bool {
	if !a.expires.Equal(b.expires) || !bytes.Equal(a.source.Signature, b.source.Signature) {
		return false
	}
	a.source.Signature, b.source.Signature = nil, nil
	return reflect.DeepEqual(a.source, b.source)
}
