package httpclient

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"bizbridge/bridge/message"
)

// zeros is a source of any length that holds nothing in memory.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// arrival is what a peer got of an upload.
type arrival struct {
	length   int64
	encoding []string
	header   http.Header
	sum      [sha256.Size]byte
	got      int64
	err      error
}

// sink takes uploads.
func sink(t testing.TB, status int) (url string, arrivals <-chan arrival) {
	t.Helper()
	channel := make(chan arrival, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		n, err := io.Copy(sum, r.Body)
		channel <- arrival{r.ContentLength, r.TransferEncoding, r.Header.Clone(), [sha256.Size]byte(sum.Sum(nil)), n, err}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "taken")
	}))
	t.Cleanup(server.Close)
	return server.URL, channel
}

func upload(t testing.TB, c *Client, url string, body io.Reader, size int64) (*Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	return c.Upload(ctx, Call{Operation: "upload", Method: http.MethodPost, URL: url, Header: http.Header{"Content-Type": {"application/octet-stream"}}}, body, size)
}

func TestAnUploadSaysHowLongItIs(t *testing.T) {
	url, arrivals := sink(t, 200)
	c, _ := newClient(t)
	for _, size := range []int{0, 1, 4095, 4096, 32 << 10, 1<<20 + 1} {
		content := bytes.Repeat([]byte("x"), size)
		for name, source := range map[string]io.Reader{
			"all at once": struct{ io.Reader }{bytes.NewReader(content)}, "in halves": iotest.HalfReader(bytes.NewReader(content)),
			"its end with the last bytes": iotest.DataErrReader(bytes.NewReader(content)),
		} {
			resp, err := upload(t, c, url, source, int64(size))
			if err != nil || resp.Status != 200 || string(resp.Body) != "taken" {
				t.Fatalf("%d %s: %+v, %v", size, name, resp, err)
			}
			got := <-arrivals
			if got.length != int64(size) || got.encoding != nil || got.header.Get("Content-Length") != fmt.Sprint(size) || got.sum != sha256.Sum256(content) {
				t.Errorf("%d %s: %+v", size, name, got)
			}
			if got.header.Get("Authorization") != "" || got.header.Get("Cookie") != "" || got.header.Get("Expect") != "" || got.header.Get("Content-Type") != "application/octet-stream" {
				t.Errorf("%d: %v", size, got.header)
			}
		}
	}
	// A length that is not known is not made up either.
	if resp, err := upload(t, c, url, iotest.OneByteReader(strings.NewReader("abc")), -1); err != nil || resp.Status != 200 {
		t.Fatal(resp, err)
	}
	if got := <-arrivals; got.length != -1 || got.got != 3 {
		t.Errorf("%+v", got)
	}
}

var errSource = errors.New("the source's own error")

// lateReader gives its bytes only after a while: the peer has answered by then.
type lateReader struct {
	wait time.Duration
	io.Reader
}

func (l *lateReader) Read(p []byte) (int, error) { time.Sleep(l.wait); return l.Reader.Read(p) }

func TestASourceThatIsNotWhatItSaidIsBlamedItself(t *testing.T) {
	url, arrivals := sink(t, 200)
	const size = 200 << 10
	content := make([]byte, size)
	part := func(n int) io.Reader { return struct{ io.Reader }{bytes.NewReader(content[:n])} }
	for name, test := range map[string]struct {
		source io.Reader
		size   int64
		want   error
	}{
		"fails at once":                  {iotest.ErrReader(errSource), size, errSource},
		"fails in the middle":            {io.MultiReader(part(size/2), iotest.ErrReader(errSource)), size, errSource},
		"fails in place of its end":      {io.MultiReader(part(size), iotest.ErrReader(errSource)), size, errSource},
		"fails with its last bytes":      {iotest.DataErrReader(io.MultiReader(part(size), iotest.ErrReader(errSource))), size, errSource},
		"is empty":                       {part(0), size, io.ErrUnexpectedEOF},
		"has one byte less":              {part(size - 1), size, io.ErrUnexpectedEOF},
		"has one byte more":              {part(size), size - 1, errLonger},
		"has one byte more, which comes": {io.MultiReader(part(size-1), &lateReader{100 * time.Millisecond, part(1)}), size - 1, errLonger},
		"has much more":                  {zeros{}, size, errLonger},
		"should be empty":                {part(1), 0, errLonger},
		"should be empty and fails":      {iotest.ErrReader(errSource), 0, errSource},
		"fails, of unknown length":       {io.MultiReader(part(size/2), iotest.ErrReader(errSource)), -1, errSource},
	} {
		c, _ := newClient(t)
		resp, err := upload(t, c, url, test.source, test.size)
		if resp != nil || !errors.Is(err, test.want) {
			t.Errorf("%s: %v, %v", name, resp, err)
		}
		if test.size == 0 {
			continue // nothing was sent
		}
		// The peer must not take what it got for a whole file.
		select {
		case got := <-arrivals:
			if got.err == nil {
				t.Errorf("%s: the peer has %d bytes and is content", name, got.got)
			}
		case <-time.After(100 * time.Millisecond): // not even the header arrived
		}
	}
}

func TestAPeerThatIsContentWithHalfOfASourceIsNot(t *testing.T) {
	p := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.ReadFull(r.Body, make([]byte, 10))
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		_, _ = io.Copy(io.Discard, r.Body) // it answers before the source fails, and ends its answer after that
	}))
	defer p.Close()
	c, _ := newClient(t)
	resp, err := upload(t, c, p.URL, io.MultiReader(strings.NewReader("0123456789"), &lateReader{50 * time.Millisecond, iotest.ErrReader(errSource)}), 20)
	if resp != nil || !errors.Is(err, errSource) {
		t.Errorf("%v, %v", resp, err)
	}
}

func TestAnEarlyRefusalOfAnUploadIsHeard(t *testing.T) {
	p := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(http.StatusForbidden)
		w.(http.Flusher).Flush()
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer p.Close()
	c, _ := newClient(t)
	began := time.Now()
	resp, err := upload(t, c, p.URL, io.LimitReader(zeros{}, 50_000_000), 50_000_000)
	if err != nil || resp.Status != http.StatusForbidden || time.Since(began) > 2*time.Second {
		t.Errorf("%+v, %v", resp, err)
	}
}

func TestAPeerThatNeverReadsHoldsAnUploadToItsDeadlineOnly(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() // connections wait in its queue
	var read atomic.Int64
	source := io.TeeReader(io.LimitReader(zeros{}, 50_000_000), counter{&read})
	for name, test := range map[string]struct {
		context func() (context.Context, func())
		want    message.Class
	}{
		"time is up": {func() (context.Context, func()) {
			return context.WithTimeout(t.Context(), 200*time.Millisecond)
		}, message.Uncertain},
		"the caller leaves": {func() (context.Context, func()) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(200*time.Millisecond, cancel)
			return ctx, cancel
		}, message.Uncertain},
	} {
		c, _ := newClient(t)
		ctx, cancel := test.context()
		began := time.Now()
		resp, err := c.Upload(ctx, Call{Operation: "upload", Method: http.MethodPost, URL: "http://" + listener.Addr().String() + "/?token=hunter2"}, source, 50_000_000)
		cancel()
		if failure := message.FailureOf(err); resp != nil || failure == nil || failure.Class != test.want || time.Since(began) > time.Second {
			t.Fatalf("%s: %+v, %v after %s", name, resp, err, time.Since(began))
		}
		noSecretIn(t, err, "hunter2")
		after := read.Load()
		time.Sleep(20 * time.Millisecond)
		if after == 50_000_000 || read.Load() != after {
			t.Errorf("%s: the source is still read", name)
		}
	}
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) { c.n.Add(int64(len(p))); return len(p), nil }

func TestAnUploadIsOneAttempt(t *testing.T) {
	for name, do := range map[string]action{"503": answer(503), "429": answer(429, "Retry-After", "1"), "reset": resetBeforeAnswer, "307": answer(307, "Location", "/x")} {
		p := newPeer(t, do)
		c, m := newClient(t)
		ctx, waits := WithWaits(t.Context())
		_, _ = c.Upload(ctx, Call{Operation: "webhook", Method: http.MethodPost, URL: p.URL}, strings.NewReader("abc"), 3)
		if requests, _ := p.seen(); requests != 1 || len(retries(t, m)) != 0 || len(attempts(t, m)) != 1 || waits.Total() <= 0 {
			t.Errorf("%s: %d requests, %v, %v", name, requests, retries(t, m), attempts(t, m))
		}
	}
	c, _ := newClient(t)
	if resp, err := upload(t, c, refusing(t)+"/?token=hunter2", strings.NewReader("abc"), 3); ended(resp, err) != "transient" {
		t.Errorf("%v, %v", resp, err)
	} else {
		noSecretIn(t, err, "hunter2")
	}
	if resp, err := upload(t, c, "http://exa mple/?hunter2", strings.NewReader("abc"), 3); ended(resp, err) != "permanent" {
		t.Errorf("%v, %v", resp, err)
	}
}

func TestMemoryDoesNotGrowWithAFile(t *testing.T) {
	const size = 50_000_000
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.CopyN(w, zeros{}, size)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer server.Close()
	c, _ := newClient(t)
	d := newDownloader(t, DownloaderOptions{Origins: []string{server.URL}})
	for name, transfer := range map[string]func() (int64, error){
		"upload": func() (int64, error) {
			_, err := upload(t, c, server.URL, io.LimitReader(zeros{}, size), size)
			return size, err
		},
		"open": func() (int64, error) {
			stream, err := c.Open(t.Context(), Call{Operation: "download", Method: http.MethodGet, URL: server.URL})
			if err != nil {
				return 0, err
			}
			defer stream.Body.Close()
			return io.Copy(io.Discard, stream.Body)
		},
		"download": func() (int64, error) { return io.Copy(io.Discard, begin(t, d, server.URL).Body) },
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		n, err := transfer()
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; n != size || err != nil || grown > size/10 {
			t.Errorf("%s: %d bytes, %v; %d bytes of memory were taken in all", name, n, err, grown)
		}
	}
}

func open(t testing.TB, c *Client, budget time.Duration, url string) (*Stream, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), budget)
	t.Cleanup(cancel)
	return c.Open(ctx, Call{Operation: "webhook", Method: http.MethodGet, URL: url, Retry: RetryIdempotent})
}

func TestAStreamIsAskedForAgainOnlyBeforeItsFirstByte(t *testing.T) {
	p := newPeer(t, answer(503), resetBeforeAnswer, answer(200))
	c, m := newClient(t)
	stream, err := open(t, c, 5*time.Second, p.URL)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(stream.Body)
	stream.Body.Close()
	requests, _ := p.seen()
	if string(body) != "body of OK" || err != nil || stream.Status != 200 || stream.Size != int64(len(body)) || requests != 3 || retries(t, m)["503"] != 1 {
		t.Errorf("%q, %v, %+v after %d requests", body, err, stream, requests)
	}

	p = newPeer(t, resetInTheBody, answer(200))
	if stream, err = open(t, c, 5*time.Second, p.URL); err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	body, err = io.ReadAll(stream.Body)
	if requests, _ := p.seen(); err == nil || requests != 1 || string(body) == "body of OK" {
		t.Errorf("%q, %v after %d requests", body, err, requests)
	}
}

func TestAStreamWithoutAnAnswerFails(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	hanging := newPeer(t, hang)
	for name, test := range map[string]struct{ url, want string }{
		"the peer has the question": {hanging.URL, "uncertain"},
		"no connection comes about": {"https://" + silent.Addr().String(), "transient"},
	} {
		c, _ := newClient(t)
		began := time.Now()
		_, err := c.Open(t.Context(), Call{Operation: "webhook", Method: http.MethodGet, URL: test.url + "/?token=hunter2"})
		if got := ended(nil, err); got != test.want || time.Since(began) > stallTime+time.Second {
			t.Errorf("%s: %s, %v after %s", name, got, err, time.Since(began))
		}
		noSecretIn(t, err, "hunter2")
	}
	c, _ := newClient(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Open(ctx, Call{Operation: "webhook", Method: http.MethodGet, URL: hanging.URL}); ended(nil, err) != "canceled" {
		t.Error(err)
	}
}

func TestAStreamThatStandsStillEnds(t *testing.T) {
	p := newPeer(t, slowly(time.Minute, 2, "half"))
	c, _ := newClient(t)
	stream, err := open(t, c, 10*time.Second, p.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	began := time.Now()
	body, err := io.ReadAll(stream.Body)
	if string(body) != "half" || !errors.Is(err, errStalled) || time.Since(began) > stallTime+time.Second {
		t.Errorf("%q, %v", body, err)
	}

	p = newPeer(t, slowly(time.Minute, 2, "half"))
	if stream, err = open(t, c, 150*time.Millisecond, p.URL); err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	body, err = io.ReadAll(stream.Body)
	if string(body) != "half" || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%q, %v", body, err)
	}
}

// A stream of events may be silent for as long as its reader says.
func TestAStreamMayBeSilentForLonger(t *testing.T) {
	p := newPeer(t, slowly(stallTime+stallTime/4, 2, "part"))
	c, _ := newClient(t)
	stream, err := c.Open(t.Context(), Call{Operation: "stream", Method: http.MethodGet, URL: p.URL, Retry: RetryNever, Silence: 10 * stallTime})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	if body, err := io.ReadAll(stream.Body); string(body) != "partpart" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
}

func TestExactlyTheSizeComesOrAnError(t *testing.T) {
	const text = "0123456789"
	for size := range len(text) + 3 {
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"as it is": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "with its end": iotest.DataErrReader,
			"in halves": iotest.HalfReader,
		} {
			got, err := io.ReadAll(Exactly(wrap(strings.NewReader(text)), int64(size)))
			switch {
			case size == len(text) && (err != nil || string(got) != text):
				t.Errorf("%d %s: %q, %v", size, name, got, err)
			case size < len(text) && (!errors.Is(err, errLonger) || size > 0 && len(got) >= size):
				t.Errorf("%d %s: %q, %v; a piece looks whole", size, name, got, err)
			case size > len(text) && !errors.Is(err, io.ErrUnexpectedEOF):
				t.Errorf("%d %s: %q, %v", size, name, got, err)
			}
		}
	}
	// Who asks again hears the same.
	r := Exactly(strings.NewReader("12"), 1)
	for range 3 {
		if n, err := r.Read(make([]byte, 4)); n != 0 || !errors.Is(err, errLonger) {
			t.Errorf("%d, %v", n, err)
		}
	}
	if got, err := io.ReadAll(Exactly(nothing{}, 0)); len(got) != 0 || !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("%q, %v", got, err)
	}
}

// nothing gives neither bytes nor an end.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }
