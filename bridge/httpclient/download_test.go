package httpclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"

	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
)

// trusting makes a peer and a downloader that may fetch from it.
func trusting(t testing.TB, script ...action) (*peer, *Downloader, *metrics.Metrics) {
	t.Helper()
	p, m := newPeer(t, script...), metrics.New("test", "test")
	return p, newDownloader(t, DownloaderOptions{Origins: []string{p.URL}, Metrics: m}), m
}

// begin opens a download that must begin.
func begin(t testing.TB, d *Downloader, address string) *Download {
	t.Helper()
	download, err := d.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { download.Body.Close() })
	return download
}

func TestNothingButTheQuestionIsSent(t *testing.T) {
	var asked []http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Clone())
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1", Path: "/"})
		if r.URL.Path != "/end" {
			http.Redirect(w, r, "/end", http.StatusFound)
		}
	}))
	defer server.Close()
	d := newDownloader(t, DownloaderOptions{Origins: []string{server.URL}})
	for range 2 {
		if _, err := opened(t, d, server.URL+"/?secret=1"); err != nil {
			t.Fatal(err)
		}
	}
	if len(asked) != 4 {
		t.Fatalf("%d requests", len(asked))
	}
	for _, header := range asked {
		if diff := cmp.Diff(http.Header{"User-Agent": {"bizbridge"}}, header); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAFileIsDescribedAsItsServerDescribesIt(t *testing.T) {
	for name, test := range map[string]struct {
		path, disposition, contentType string
		want                           Download
	}{
		"by its path":                        {"/a/photo.jpg?x=/y.png", "", "image/jpeg", Download{Name: "photo.jpg", MIMEType: "image/jpeg"}},
		"by its path, escaped":               {"/a%20b%2Fc%C3%A9.pdf", "", "application/pdf", Download{Name: "cé.pdf", MIMEType: "application/pdf"}},
		"by nothing":                         {"/", "", "", Download{}},
		"by its disposition":                 {"/x", `attachment; filename="a b.pdf"`, "", Download{Name: "a b.pdf"}},
		"by its disposition in UTF-8":        {"/x", `attachment; filename="e.pdf"; filename*=UTF-8''%C3%A9.pdf`, "", Download{Name: "é.pdf"}},
		"a disposition without name":         {"/x.png", "attachment", "", Download{Name: "x.png"}},
		"a disposition that cannot be read":  {"/x.png", "attachment; filename=a b.pdf", "", Download{Name: "x.png"}},
		"a folder":                           {"/a/b/", "", "", Download{Name: "b"}},
		"a type with parameters":             {"/x", "", "Text/Plain; charset=UTF-8", Download{Name: "x", MIMEType: "text/plain"}},
		"a type with parameters that are no": {"/x", "", "image/png; charset", Download{Name: "x", MIMEType: "image/png"}},
		"a type that is none":                {"/x", "", "///", Download{Name: "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, d, _ := trusting(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = nil // else the server guesses
				for header, value := range map[string]string{"Content-Disposition": test.disposition, "Content-Type": test.contentType} {
					if value != "" {
						w.Header().Set(header, value)
					}
				}
				_, _ = io.WriteString(w, "12345")
			})
			got := begin(t, d, p.URL+test.path)
			test.want.Size, test.want.Body, test.want.URL = 5, got.Body, got.URL
			if *got != test.want {
				t.Errorf("%+v, want %+v", *got, test.want)
			}
		})
	}
}

func TestAFileSaysWhereItCameFromAfterAllRedirects(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if next := map[string]string{"/short": "/a/b", "/a/b": "c/file%20name?x=1"}[r.URL.Path]; next != "" {
			http.Redirect(w, r, next, http.StatusFound)
		}
	}))
	t.Cleanup(server.Close)
	d := newDownloader(t, DownloaderOptions{Origins: []string{server.URL}})
	for path, want := range map[string]string{"/plain?a=b": "/plain?a=b", "/short": "/a/c/file%20name?x=1"} {
		if got := begin(t, d, server.URL+path).URL.String(); got != server.URL+want {
			t.Errorf("%s came from %s, want %s", path, got, want)
		}
	}
}

func TestASizeThatIsNotSaidIsNotMadeUp(t *testing.T) {
	const text = "some text"
	for name, test := range map[string]struct {
		do   action
		size int64
		want string
	}{
		"said":    {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }, int64(len(text)), text},
		"nothing": {func(w http.ResponseWriter, _ *http.Request) {}, 0, ""},
		"chunked": {func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); _, _ = io.WriteString(w, text) }, -1, text},
		"until the connection ends": {raw(func(conn *net.TCPConn) {
			_, _ = io.WriteString(conn, "HTTP/1.0 200 OK\r\n\r\n"+text)
		}), -1, text},
	} {
		p, d, _ := trusting(t, test.do)
		got := begin(t, d, p.URL)
		body, err := io.ReadAll(got.Body)
		if err != nil || string(body) != test.want || got.Size != test.size {
			t.Errorf("%s: %q, %d, %v", name, body, got.Size, err)
		}
	}
}

func TestAFileThatBreaksOffDoesNotLookWhole(t *testing.T) {
	for name, do := range map[string]action{
		"reset": resetInTheBody,
		"closed": raw(func(conn *net.TCPConn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe first half")
		}),
		"chunked, closed": raw(func(conn *net.TCPConn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
		}),
	} {
		p, d, _ := trusting(t, do)
		if body, err := io.ReadAll(begin(t, d, p.URL).Body); err == nil {
			t.Errorf("%s: %q looks whole", name, body)
		}
	}
}

func TestAnAnswersStatusTellsWhetherAnotherTryMayHelp(t *testing.T) {
	for status, want := range map[int]string{
		200: "body of OK", 204: "invalid", 206: "invalid", 300: "invalid", 304: "invalid", 400: "invalid", 401: "invalid", 403: "invalid", 404: "invalid", 410: "invalid", 451: "invalid",
		408: "transient", 429: "transient", 500: "transient", 502: "transient", 503: "transient", 504: "transient", 599: "transient",
	} {
		p, d, _ := trusting(t, answer(status))
		got, err := opened(t, d, p.URL+"/?token=hunter2")
		if got != want {
			t.Errorf("%d: %s, %v", status, got, err)
		}
		if failure, ok := errors.AsType[*message.Failure](err); ok && failure.Status != status {
			t.Errorf("%d: %+v", status, failure)
		}
		if requests, _ := p.seen(); requests != 1 {
			t.Errorf("%d: %d requests", status, requests)
		}
	}
	for name, do := range map[string]action{"reset": resetBeforeAnswer, "closed": closeBeforeAnswer, "no HTTP": noHTTP, "hangs": hang} {
		p, d, _ := trusting(t, do)
		began := time.Now()
		got, err := opened(t, d, p.URL+"/?token=hunter2")
		if took := time.Since(began); got != "transient" || took > downloadHeaderTime+time.Second {
			t.Errorf("%s: %s, %v after %s", name, got, err, took)
		}
		noSecretIn(t, err, "hunter2")
	}
	refused := refusing(t)
	got, err := opened(t, newDownloader(t, DownloaderOptions{Origins: []string{refused}}), refused+"/?token=hunter2")
	if got != "transient" {
		t.Errorf("%s, %v", got, err)
	}
	noSecretIn(t, err, "hunter2")
}

// slowly writes part after part, with a pause after each.
func slowly(pause time.Duration, parts int, part string) action {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(parts*len(part)))
		for range parts {
			if _, err := io.WriteString(w, part); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-time.After(pause):
			case <-r.Context().Done():
				return
			}
		}
	}
}

func TestAServerThatStandsStillIsLeft(t *testing.T) {
	for _, version := range []int{1, 2} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(slowly(time.Minute, 2, "half")))
		server.EnableHTTP2 = version == 2
		server.StartTLS()
		defer server.Close()
		d := newDownloader(t, DownloaderOptions{Origins: []string{server.URL}})
		d.own.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		download, began := begin(t, d, server.URL), time.Now()
		body, err := io.ReadAll(download.Body)
		took := time.Since(began)
		if string(body) != "half" || !errors.Is(err, errStalled) || took < stallTime/2 || took > stallTime+2*time.Second {
			t.Errorf("HTTP/%d: %q, %v after %s", version, body, err, took)
		}
		// Nobody stopped: it is worth another try.
		if failure := message.FailureOf(err); failure.Class != message.Transient {
			t.Errorf("HTTP/%d: %s: %v", version, failure.Class, failure)
		}
	}
}

func TestAServerThatIsOnlySlowIsWaitedFor(t *testing.T) {
	p, d, _ := trusting(t, slowly(stallTime/3, 6, "part"))
	body, err := io.ReadAll(begin(t, d, p.URL).Body)
	if string(body) != strings.Repeat("part", 6) || err != nil {
		t.Errorf("%q, %v", body, err)
	}
}

// The second file of a message is opened long before the first is sent.
func TestAReaderMayTakeItsTime(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // more than sockets hold
	p, d, _ := trusting(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) })
	download := begin(t, d, p.URL)
	got := make([]byte, 0, len(content))
	for part := make([]byte, 1<<20); len(got) < len(content); {
		time.Sleep(stallTime + stallTime/4)
		n, err := io.ReadFull(download.Body, part)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, part[:n]...)
	}
	if _, err := download.Body.Read(make([]byte, 1)); !bytes.Equal(got, content) || err != io.EOF {
		t.Error("other bytes came", err)
	}
}

// noticing tells when the server has seen that the caller is gone.
func noticing(gone chan<- struct{}) action {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(gone)
	}
}

func TestACallerWhoLeavesEndsTheDownload(t *testing.T) {
	for name, leave := range map[string]func(cancel func(), body io.Closer){
		"by closing":    func(_ func(), body io.Closer) { body.Close() },
		"by cancelling": func(cancel func(), _ io.Closer) { cancel() },
	} {
		gone := make(chan struct{})
		p, d, _ := trusting(t, noticing(gone))
		ctx, cancel := context.WithCancel(t.Context())
		download, err := d.Open(ctx, p.URL)
		if err != nil {
			t.Fatal(err)
		}
		read := make(chan error, 1)
		go func() {
			_, err := io.Copy(io.Discard, download.Body)
			read <- err
		}()
		time.Sleep(20 * time.Millisecond)
		leave(cancel, download.Body)
		select {
		case <-gone:
		case <-time.After(2 * time.Second):
			t.Fatalf("%s: the server still has the connection", name)
		}
		err = <-read
		if err == nil || errors.Is(err, errStalled) {
			t.Errorf("%s: %v", name, err)
		}
		if name == "by cancelling" && message.FailureOf(err).Class != message.Canceled {
			t.Errorf("%v is not the caller's doing", err)
		}
		cancel()
		download.Body.Close()
	}
}

func TestACallerWhoLeavesBeforeTheAnswerCancels(t *testing.T) {
	p, d, _ := trusting(t, hang)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := d.Open(ctx, p.URL)
	if failure := message.FailureOf(err); failure == nil || failure.Class != message.Canceled {
		t.Errorf("%v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = d.Open(ctx, p.URL)
	if failure := message.FailureOf(err); failure == nil || failure.Class != message.Transient {
		t.Errorf("%v", err)
	}
}

func TestEveryFetchIsMeasured(t *testing.T) {
	p, d, m := trusting(t, answer(302, "Location", "/x"), answer(200), answer(404), answer(429), answer(500), resetBeforeAnswer)
	ctx, waits := WithWaits(t.Context())
	for range 5 {
		if download, err := d.Open(ctx, p.URL); err == nil {
			download.Body.Close()
		}
	}
	if _, err := opened(t, d, "http://127.0.0.1:1/"); err == nil { // refused before it is asked
		t.Error("it was fetched")
	}
	got := map[string]uint64{}
	for _, code := range metrics.StatusCodes {
		var metric dto.Metric
		if err := m.UpstreamDuration.WithLabelValues("desk", "open_file", code).(interface{ Write(*dto.Metric) error }).Write(&metric); err != nil {
			t.Fatal(err)
		}
		got[code] = metric.GetHistogram().GetSampleCount()
	}
	want := map[string]uint64{"2xx": 1, "3xx": 1, "4xx": 1, "429": 1, "5xx": 1, "error": 2}
	if !maps.Equal(got, want) || waits.Total() <= 0 {
		t.Errorf("%v after %s", got, waits.Total())
	}
}
