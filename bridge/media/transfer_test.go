package media

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"bizbridge/bridge/attachment"
	"bizbridge/bridge/message"
)

var errBroken = errors.New("broken")

// instead answers with another reader than the file's.
func instead(r io.Reader) func(io.ReadCloser) io.ReadCloser {
	return func(io.ReadCloser) io.ReadCloser { return io.NopCloser(r) }
}

func TestAFileThatIsNotWhatWasPromisedNeverLooksWhole(t *testing.T) {
	const size = 3*bufferSize + 100
	whole := content(size + 10)
	small := content(100)
	for name, test := range map[string]struct {
		size    int64
		fail    error
		instead io.Reader
		status  int // 0: the connection is cut after the header
	}{
		"fetch refused":           {size: size, fail: message.Failuref(message.Permanent, "gone"), status: 502},
		"fetch throttled":         {size: size, fail: message.Failuref(message.Throttled, "later"), status: 502},
		"fetch failed plainly":    {size: size, fail: errBroken, status: 502},
		"nothing":                 {size: size, instead: strings.NewReader(""), status: 502},
		"fails at once":           {size: size, instead: iotest.ErrReader(errBroken), status: 502},
		"panics":                  {size: size, instead: panicking{}, status: 502},
		"never gives a byte":      {size: size, instead: silence{}, status: 502},
		"small file is short":     {size: 100, instead: bytes.NewReader(small[:99]), status: 0},
		"small file is longer":    {size: 99, instead: bytes.NewReader(small), status: 502},
		"small file fails late":   {size: 100, instead: io.MultiReader(bytes.NewReader(small), iotest.ErrReader(errBroken)), status: 502},
		"empty file is not empty": {size: 0, instead: bytes.NewReader(small), status: 502},
		"short by one":            {size: size, instead: bytes.NewReader(whole[:size-1]), status: 0},
		"short by much":           {size: size, instead: bytes.NewReader(whole[:bufferSize]), status: 0},
		"longer by one":           {size: size, instead: bytes.NewReader(whole[:size+1]), status: 0},
		"breaks off":              {size: size, instead: io.MultiReader(bytes.NewReader(whole[:size/2]), iotest.ErrReader(errBroken)), status: 0},
		"breaks off at the end":   {size: size, instead: io.MultiReader(bytes.NewReader(whole[:size]), iotest.ErrReader(errBroken)), status: 0},
		"byte by byte, short":     {size: size, instead: iotest.OneByteReader(bytes.NewReader(whole[:3000])), status: 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 1)
			source := b.put("clip.mov", "video/quicktime", nil)
			source.Size = test.size
			b.store.fail = test.fail
			if test.instead != nil {
				b.store.spoil = instead(test.instead)
			}
			got := b.ask("GET", b.link(source))
			ended := <-b.ends
			if ended.failure == nil {
				t.Errorf("counted as whole")
			}
			if fetched, closed := b.store.counts(); test.fail == nil && fetched != closed {
				t.Errorf("%d fetched, %d closed", fetched, closed)
			}
			if test.status != 0 {
				if got.err != nil || got.StatusCode != test.status || ended.sent != 0 {
					t.Fatalf("%+v, %v, %d sent", got.Response, got.err, ended.sent)
				}
				assertProblem(t, got, "unavailable")
				return
			}
			if got.err == nil {
				t.Errorf("%d, %d bytes of %d without an error", got.StatusCode, len(got.content), test.size)
			}
			if int64(len(got.content)) >= test.size || ended.sent >= test.size {
				t.Errorf("the caller got %d bytes, %d were counted", len(got.content), ended.sent)
			}
		})
	}
}

// panicking is a reader with a programming error.
type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("oops") }

// silence is a reader that never gives anything.
type silence struct{}

func (silence) Read([]byte) (int, error) { return 0, nil }

func TestAFailureKeepsItsClass(t *testing.T) {
	b := newBench(t, 1)
	b.store.fail = &message.Failure{Class: message.Throttled, Reason: "later", Err: errBroken}
	b.ask("GET", b.link(b.put("photo.png", "image/png", content(10))))
	if ended := <-b.ends; ended.failure.Class != message.Throttled || !errors.Is(ended.failure, errBroken) {
		t.Errorf("%+v", ended.failure)
	}
}

// TestReadsOfEveryShape gives the file in every way in which a reader may.
func TestReadsOfEveryShape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(0, 300).Draw(t, "size")
		have := rapid.OneOf(rapid.Just(size), rapid.IntRange(0, 310)).Draw(t, "have")
		promised, whole := content(have), content(310)
		var reader io.Reader = bytes.NewReader(promised)
		for _, wrap := range rapid.SliceOfN(rapid.SampledFrom([]func(io.Reader) io.Reader{
			iotest.OneByteReader, iotest.HalfReader, func(r io.Reader) io.Reader { return &stutter{reader: r} },
		}), 0, 3).Draw(t, "shape") {
			reader = wrap(reader)
		}
		if rapid.Bool().Draw(t, "end comes with the last bytes") {
			reader = iotest.DataErrReader(reader)
		}
		var got bytes.Buffer
		buffer := make([]byte, rapid.IntRange(1, 100).Draw(t, "buffer"))
		_, err := io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{&exactReader{reader: reader, left: int64(size)}}, buffer)
		switch {
		case have == size && (err != nil || got.Len() != size):
			t.Fatalf("%d of %d bytes, %v", got.Len(), size, err)
		case have != size && (err == nil || got.Len() > 0 && got.Len() >= size):
			t.Fatalf("%d of %d bytes of %d, %v", got.Len(), size, have, err)
		case !bytes.HasPrefix(whole, got.Bytes()):
			t.Fatal("other bytes")
		}
	})
}

// stutter gives nothing on every other read.
type stutter struct {
	reader io.Reader
	odd    bool
}

func (s *stutter) Read(p []byte) (int, error) {
	if s.odd = !s.odd; s.odd {
		return 0, nil
	}
	return s.reader.Read(p)
}

// stream is a body that gives bytes without end until it is closed, or hangs after so many.
type stream struct {
	hangAfter int64
	given     int64
	once      sync.Once
	closed    chan struct{}
}

func newStream(hangAfter int64) *stream {
	return &stream{hangAfter: hangAfter, closed: make(chan struct{})}
}

func (s *stream) Read(p []byte) (int, error) {
	if s.given >= s.hangAfter {
		<-s.closed
	}
	select {
	case <-s.closed:
		return 0, io.ErrClosedPipe
	default:
	}
	s.given += int64(len(p))
	return len(p), nil
}

func (s *stream) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func (s *stream) fetch(context.Context, attachment.Source, int64, int64) (io.ReadCloser, error) {
	return s, nil
}

const endless = 1 << 40

func TestACallerWhoLeavesEndsTheFetchAtOnce(t *testing.T) {
	for name, hangAfter := range map[string]int64{"before the first byte": 0, "in the middle": 10 * bufferSize, "while bytes come": endless} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 1)
			body := newStream(hangAfter)
			b.links.Fetch = body.fetch
			source := b.put("clip.mov", "video/quicktime", nil)
			source.Size = endless
			connection := dial(t, b, b.link(source))
			if hangAfter > 0 {
				if _, err := io.CopyN(io.Discard, connection, bufferSize); err != nil {
					t.Fatal(err)
				}
			} else {
				time.Sleep(20 * time.Millisecond) // until the handler is in its read
			}
			left := time.Now()
			_ = connection.Close()
			select {
			case <-body.closed:
				t.Logf("closed %v after the caller left", time.Since(left))
			case <-time.After(5 * time.Second):
				t.Fatal("the fetch goes on")
			}
			if ended := <-b.ends; ended.failure == nil || ended.failure.Class != message.Canceled {
				t.Errorf("%+v", ended.failure)
			}
		})
	}
}

// dial sends a GET over a bare connection with a small receive buffer.
func dial(t *testing.T, b *bench, link string) net.Conn {
	t.Helper()
	parsed, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	connection, err := net.Dial("tcp", parsed.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	_ = connection.(*net.TCPConn).SetReadBuffer(4096)
	if _, err := io.WriteString(connection, "GET "+parsed.EscapedPath()+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return connection
}

func TestACallerWhoTakesNothingIsGivenUp(t *testing.T) {
	b := newBench(t, 1)
	body := newStream(endless)
	b.links.Fetch, b.links.Patience = body.fetch, 100*time.Millisecond
	source := b.put("clip.mov", "video/quicktime", nil)
	source.Size = endless
	dial(t, b, b.link(source))
	select {
	case <-body.closed:
	case <-time.After(10 * time.Second):
		t.Fatal("the caller is waited for")
	}
	if ended := <-b.ends; ended.failure == nil || ended.failure.Class != message.Canceled || ended.sent == 0 {
		t.Errorf("%+v", ended)
	}
}

func TestASlowCallerIsNotGivenUp(t *testing.T) {
	if testing.Short() {
		t.Skip("takes five seconds")
	}
	b := newBench(t, 1)
	const size = 16 * bufferSize
	b.links.Patience = 3 * time.Second // twenty times what one write takes
	b.narrow.Store(true)
	connection := dial(t, b, b.link(b.put("clip.mov", "video/quicktime", content(size))))
	_ = connection.(*net.TCPConn).SetReadBuffer(32 << 10)
	response, err := http.ReadResponse(bufio.NewReader(slowly{connection}), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	began := time.Now()
	got, err := io.ReadAll(response.Body)
	if err != nil || !bytes.Equal(got, content(size)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if took := time.Since(began); took < b.links.Patience {
		t.Errorf("took %v: not slow enough to show anything", took)
	}
}

type slowly struct{ net.Conn }

func (s slowly) Read(p []byte) (int, error) {
	time.Sleep(8 * time.Millisecond)
	return s.Conn.Read(p[:min(len(p), 4<<10)])
}

func TestAppleFallingSilentIsGivenUp(t *testing.T) {
	for name, hangAfter := range map[string]int64{"before the first byte": 0, "in the middle": 2 * bufferSize} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 1)
			body := newStream(hangAfter)
			b.links.Fetch, b.links.Patience = body.fetch, 100*time.Millisecond
			source := b.put("clip.mov", "video/quicktime", nil)
			source.Size = endless
			got := b.ask("GET", b.link(source))
			if hangAfter == 0 && (got.err != nil || got.StatusCode != 502) || hangAfter > 0 && got.err == nil {
				t.Errorf("%+v, %v", got.Response, got.err)
			}
			if ended := <-b.ends; ended.failure == nil || ended.failure.Class != message.Transient || ended.sent != hangAfter {
				t.Errorf("%+v", ended)
			}
		})
	}
}

func TestTheFetchItselfMayHang(t *testing.T) {
	b := newBench(t, 1)
	b.links.Patience = 100 * time.Millisecond
	b.links.Fetch = func(ctx context.Context, _ attachment.Source, _, _ int64) (io.ReadCloser, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if got := b.ask("GET", b.link(b.put("clip.mov", "video/quicktime", content(1)))); got.err != nil || got.StatusCode != 502 {
		t.Errorf("%+v, %v", got.Response, got.err)
	}
	if ended := <-b.ends; ended.failure == nil || ended.failure.Class != message.Transient {
		t.Errorf("%+v", ended)
	}
}

func TestManyAtOnceInConstantMemory(t *testing.T) {
	b := newBench(t, 1)
	const size, callers = 32 << 20, 16
	b.links.Fetch = func(_ context.Context, source attachment.Source, offset, _ int64) (io.ReadCloser, error) {
		return io.NopCloser(source.Key.Stream(io.LimitReader(zeros{}, size-offset), offset)), nil
	}
	source := b.put("clip.mov", "video/quicktime", nil)
	source.Size = size
	link := b.link(source)
	runtime.GC()
	before := heap()
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			response, err := b.client.Get(link)
			if err != nil {
				t.Error(err)
				return
			}
			defer response.Body.Close()
			if n, err := io.Copy(io.Discard, response.Body); err != nil || n != size {
				t.Errorf("%d bytes, %v", n, err)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	peak := before
	for ticks := time.Tick(2 * time.Millisecond); ; {
		select {
		case <-ticks:
			peak = max(peak, heap())
			continue
		case <-done:
		}
		break
	}
	grown := int64(peak-before) >> 20
	t.Logf("%d callers of %d MB: the heap grew by %d MB", callers, size>>20, grown)
	if grown > callers*4*bufferSize>>20+16 { // and what waits for the garbage collector
		t.Errorf("the heap grew by %d MB", grown)
	}
}

func heap() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapInuse
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// BenchmarkDownload streams a file over real sockets: Apple, a hop, one or eight callers. The hop is a handler that copies
// what it gets, unencrypted, or a link with everything on. They take turns, so that whatever else the machine does slows
// both; ratio is the link's speed in terms of the copy's, by the medians:
//
//	go test ./bridge/media -run '^$' -bench Download -benchtime 50x
func BenchmarkDownload(b *testing.B) {
	const size = 64 << 20
	apple := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		setLength(w.Header(), size)
		piece := make([]byte, 64<<10)
		for range size / len(piece) {
			_, _ = w.Write(piece)
		}
	}))
	defer apple.Close()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 8}}
	defer client.CloseIdleConnections()
	get := func(ctx context.Context, address string) io.ReadCloser {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			panic(err)
		}
		response, err := client.Do(request)
		if err != nil {
			panic(err)
		}
		return response.Body
	}
	copier := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := get(r.Context(), apple.URL)
		defer body.Close()
		setLength(w.Header(), size)
		_, _ = io.Copy(w, body)
	}))
	defer copier.Close()
	bench := newBench(b, 1)
	bench.links.Done = nil
	bench.links.Fetch = func(ctx context.Context, source attachment.Source, offset, _ int64) (io.ReadCloser, error) {
		body := get(ctx, apple.URL)
		return struct {
			io.Reader
			io.Closer
		}{source.Key.Stream(body, offset), body}, nil
	}
	source := bench.put("clip.mov", "video/quicktime", nil)
	source.Size = size
	link := bench.link(source)
	download := func(address string, callers int) time.Duration {
		began := time.Now()
		var group sync.WaitGroup
		for range callers {
			group.Go(func() {
				body := get(b.Context(), address)
				defer body.Close()
				n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, body, make([]byte, 64<<10))
				if err != nil || n != size {
					b.Errorf("%d bytes, %v", n, err)
				}
			})
		}
		group.Wait()
		return time.Since(began)
	}
	for _, callers := range []int{1, 8} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			var copied, linked []time.Duration
			for b.Loop() {
				copied = append(copied, download(copier.URL, callers))
				linked = append(linked, download(link, callers))
			}
			slices.Sort(copied)
			slices.Sort(linked)
			plain, ours := copied[len(copied)/2].Seconds(), linked[len(linked)/2].Seconds()
			b.ReportMetric(plain/ours, "ratio")
			b.ReportMetric(float64(callers)*size/1e6/plain, "copy-MB/s")
			b.ReportMetric(float64(callers)*size/1e6/ours, "link-MB/s")
		})
	}
}
