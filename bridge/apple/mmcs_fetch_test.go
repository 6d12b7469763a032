package apple

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/message"
)

// fetched stores a file and fetches a part of it.
func fetched(t testing.TB, c *Client, s *appleStore, plain []byte, offset, length int64) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	stream, err := c.Fetch(ctx, s.put(plain), offset, length)
	if err != nil {
		if _, ok := errors.AsType[*message.Failure](err); !ok {
			t.Errorf("%v is no failure", err)
		}
		return nil, err
	}
	defer stream.Close()
	return io.ReadAll(stream)
}

func TestAFileIsAskedForByBothSetsOfHeaders(t *testing.T) {
	s := newAppleStore(t)
	c, _ := newTestClient(t, s.URL+"/v1")
	plain := pattern(1000)
	if got, err := fetched(t, c, s, plain, 0, -1); err != nil || !bytes.Equal(got, plain) {
		t.Fatal(err)
	}
	source := s.put(plain)
	signature := base64.StdEncoding.EncodeToString(source.Signature)
	if !strings.ContainsAny(signature, "+/") || !strings.Contains(source.URL, "%2f") || !strings.Contains(source.URL, "%2F") {
		t.Fatal("the test proves nothing")
	}
	asked, loaded := s.callsOf("preDownload")[0], s.callsOf("download")[0]
	want := http.Header{
		"Mmcs-Url": {source.URL}, "Url": {source.URL}, "Mmcs-Owner": {source.Owner}, "Owner": {source.Owner}, "Mmcs-Signature": {signature}, "Signature": {signature},
		"Source-Id": {businessA}, "User-Agent": {"bizbridge/1.2.3"}, "Accept-Encoding": {"gzip"}, "Authorization": asked.header["Authorization"],
	}
	if diff := cmp.Diff(want, asked.header); diff != "" || asked.uri != "/v1/preDownload" || !strings.HasPrefix(asked.header.Get("Authorization"), "Bearer ") {
		t.Error(asked.uri, diff)
	}
	// The store is asked without a token, under the very address that it gave.
	want = http.Header{"User-Agent": {"bizbridge/1.2.3"}, "Accept-Encoding": {"identity"}}
	if diff := cmp.Diff(want, loaded.header); diff != "" || !strings.Contains(loaded.uri, "/get"+mixedPath+"/") || !strings.HasSuffix(loaded.uri, mixedQuery) {
		t.Error(loaded.uri, diff)
	}
}

func TestAnyPartOfAFileIsFetched(t *testing.T) {
	t.Parallel()
	plain := pattern(70_000)
	size := int64(len(plain))
	for _, deaf := range []bool{false, true} {
		s := newAppleStore(t)
		s.deaf = deaf
		c, _ := newTestClient(t, s.URL+"/v1")
		for _, part := range [][2]int64{
			{0, -1}, {0, size}, {0, 1}, {0, 15}, {0, 16}, {0, 17}, {0, size - 1}, {1, -1}, {1, 1}, {15, 2}, {16, 16}, {17, 31}, {33, 40_000}, {40_000, -1},
			{size - 1, 1}, {size - 1, -1}, {size - 17, 17}, {size - 17, 16}, {0, 0}, {5, 0}, {size, 0}, {size, -1},
		} {
			offset, length := part[0], part[1]
			want := plain[offset:]
			if length >= 0 {
				want = want[:length]
			}
			s.forget()
			got, err := fetched(t, c, s, plain, offset, length)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("deaf %v, %v: %d bytes, %v", deaf, part, len(got), err)
			}
			if calls := s.callsOf("download"); len(want) == 0 && len(calls) != 0 {
				t.Errorf("%v: Apple was asked for nothing", part)
			} else if len(want) > 0 {
				wanted := fmt.Sprintf("bytes=%d-%d", offset, offset+int64(len(want))-1)
				if int64(len(want)) == size {
					wanted = ""
				}
				if got := calls[0].header.Get("Range"); got != wanted {
					t.Errorf("%v: Range %q", part, got)
				}
			}
		}
		s.forget()
		for _, part := range [][2]int64{{-1, 1}, {-1, -1}, {size + 1, -1}, {size + 1, 0}, {0, size + 1}, {size, 1}, {1, size}, {1 << 62, 1 << 62}, {1, 1<<63 - 1}} {
			if _, err := fetched(t, c, s, plain, part[0], part[1]); message.FailureOf(err) == nil || message.FailureOf(err).Class != message.Permanent {
				t.Errorf("%v: %v", part, err)
			}
		}
		if steps := s.steps(); steps != "" {
			t.Errorf("Apple was asked for parts that cannot be: %s", steps)
		}
		if got, err := fetched(t, c, s, nil, 0, -1); err != nil || len(got) != 0 {
			t.Errorf("an empty file: %q, %v", got, err)
		}
	}
}

// answers gives a download's status, headers and bytes; a negative length leaves it out.
func answers(status, length int, body []byte, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if length >= 0 {
			w.Header().Set("Content-Length", fmt.Sprint(length))
		}
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		if length < 0 {
			w.(http.Flusher).Flush()
		}
		_, _ = w.Write(body)
	}
}

func TestAFileThatIsNotAsPromisedNeverLooksWhole(t *testing.T) {
	const size, offset, length = 50_000, 1000, 3000
	whole := pattern(size)
	part := whole[offset : offset+length]
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		early  bool // it is known before the first byte
	}{
		"shorter":                       {answers(200, size-1, whole[:size-1]), true},
		"longer":                        {answers(200, size+1, append(whole[:size:size], 'x')), true},
		"empty":                         {answers(200, 0, nil), true},
		"a page":                        {answers(200, -1, []byte("<html>not here</html>")), false},
		"garbage":                       {says(200, "garbage"), true},
		"breaks off":                    {answers(200, size, whole[:size/2]), false},
		"breaks off before the part":    {answers(200, size, whole[:offset/2]), false},
		"shorter, without a length":     {answers(200, -1, whole[:size-1]), false},
		"longer, without a length":      {answers(200, -1, append(whole[:size:size], 'x')), false},
		"empty, without a length":       {answers(200, -1, nil), false},
		"hangs up":                      {hangsUp(""), true},
		"hangs up in the body":          {hangsUp("HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n0000000 "), false},
		"no content":                    {says(204, ""), true},
		"a redirect":                    {says(302, "", "Location", "/v1/preUpload"), true},
		"forbidden":                     {says(403, "expired"), true},
		"not found":                     {says(404, "gone"), true},
		"gone":                          {says(410, ""), true},
		"not satisfiable":               {says(416, ""), true},
		"broken":                        {says(500, ""), true},
		"part: no Content-Range":        {answers(206, length, part), true},
		"part: another one":             {answers(206, length, part, "Content-Range", "bytes 0-2999/50000"), true},
		"part: shorter":                 {answers(206, length-1, part[1:], "Content-Range", "bytes 1000-3998/50000"), true},
		"part: longer":                  {answers(206, length+1, whole[offset:offset+length+1], "Content-Range", "bytes 1000-4000/50000"), true},
		"part: shorter than it says":    {answers(206, length-1, part[1:], "Content-Range", "bytes 1000-3999/50000"), true},
		"part: longer than it says":     {answers(206, length+1, whole[offset:offset+length+1], "Content-Range", "bytes 1000-3999/50000"), true},
		"part: of a file of other size": {answers(206, length, part, "Content-Range", "bytes 1000-3999/50001"), true},
		"part: junk":                    {answers(206, length, part, "Content-Range", "bytes 1000-3999junk"), true},
		"part: other units":             {answers(206, length, part, "Content-Range", "items 1000-3999/50000"), true},
		"part: numbers that overflow":   {answers(206, length, part, "Content-Range", "bytes 1000-99999999999999999999/50000"), true},
		"part: shorter, no length":      {answers(206, -1, part[1:], "Content-Range", "bytes 1000-3999/50000"), false},
		"part: longer, no length":       {answers(206, -1, whole[offset:offset+length+1], "Content-Range", "bytes 1000-3999/50000"), false},
		"part: breaks off":              {answers(206, length, part[:10], "Content-Range", "bytes 1000-3999/50000"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newAppleStore(t)
			c, _ := newTestClient(t, s.URL+"/v1")
			s.always["download"] = test.answer
			for _, wanted := range [][2]int64{{0, -1}, {offset, length}, {offset, -1}} {
				promised := wanted[1]
				if promised < 0 {
					promised = size - wanted[0]
				}
				if wanted[1] == length && slices.Contains([]string{"longer, without a length", "shorter, without a length", "breaks off"}, name) {
					continue // behind the part is where it goes wrong, and nobody looks there
				}
				got, err := fetched(t, c, s, whole, wanted[0], wanted[1])
				if err == nil || errors.Is(err, io.EOF) || int64(len(got)) >= promised {
					t.Errorf("%v: %d bytes, %v", wanted, len(got), err)
					continue
				}
				if test.early && got != nil {
					t.Errorf("%v: bytes were handed out before %v", wanted, err)
				}
				if class := message.FailureOf(err).Class; class != message.Transient && class != message.Permanent {
					t.Errorf("%v: %s, %v", wanted, class, err)
				}
				if strings.Contains(err.Error(), "sig=") {
					t.Errorf("%v holds the address", err)
				}
			}
		})
	}
}

func TestAPartWhoseFilesSizeIsNotSaidIsTaken(t *testing.T) {
	plain := pattern(100)
	s := newAppleStore(t)
	c, _ := newTestClient(t, s.URL+"/v1")
	source := s.put(plain)
	s.always["download"] = answers(206, 10, s.objects[source.URL].ciphertext[20:30], "Content-Range", "bytes 20-29/*")
	if got, err := fetched(t, c, s, plain, 20, 10); err != nil || !bytes.Equal(got, plain[20:30]) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAnAnswerToPreDownloadThatIsNoneIsTransient(t *testing.T) {
	for _, body := range []string{
		"", "null", "[]", "<html>", `{}`, `{"download-url":""}`, `{"download-url":1}`, `{"download-url":"/x"}`, `{"download-url":"file:///x"}`, `{"download-url":"https://"}`,
		`{"download-url":"https://u:p@x/"}`, `{"download-url":"https://[::1/"}`,
	} {
		s := newAppleStore(t)
		c, _ := newTestClient(t, s.URL+"/v1")
		s.always["preDownload"] = says(200, body)
		if _, err := fetched(t, c, s, []byte("x"), 0, -1); message.FailureOf(err) == nil || message.FailureOf(err).Class != message.Transient || s.steps() != "preDownload" {
			t.Errorf("%q: %s, %v", body, s.steps(), err)
		}
	}
	s := newAppleStore(t)
	c, _ := newTestClient(t, s.URL+"/v1")
	source := s.put([]byte("x"))
	source.Business = stranger
	if _, err := c.Fetch(t.Context(), source, 0, -1); message.FailureOf(err) == nil || message.FailureOf(err).Class != message.Permanent || s.steps() != "" {
		t.Errorf("%s, %v", s.steps(), err)
	}
}

// dripping sends the head of a file and then nothing, until the caller is gone.
func dripping(head []byte, size int, gone chan<- struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(size))
		_, _ = w.Write(head)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(gone)
	}
}

func TestASlowStoreHoldsNobodyBeyondItsTime(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"preDownload", "download"} {
		s := newAppleStore(t)
		c, _ := newTestClient(t, s.URL+"/v1")
		s.always[step] = hangs
		began := time.Now()
		if _, err := fetched(t, c, s, pattern(10), 0, -1); message.FailureOf(err) == nil || message.FailureOf(err).Class != message.Transient || time.Since(began) > 3*time.Second {
			t.Errorf("%s: %v after %s", step, err, time.Since(began))
		}
	}
	s := newAppleStore(t)
	c, _ := newTestClient(t, s.URL+"/v1")
	gone := make(chan struct{})
	s.always["download"] = dripping(pattern(100), 1000, gone)
	if got, err := fetched(t, c, s, pattern(1000), 0, -1); len(got) != 100 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	<-gone
}

func TestACallerWhoLeavesInTheMiddleEndsTheDownload(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(cancel func(), stream io.Closer){
		"by closing":    func(_ func(), stream io.Closer) { stream.Close() },
		"by cancelling": func(cancel func(), _ io.Closer) { cancel() },
	} {
		s := newAppleStore(t)
		c, _ := newTestClient(t, s.URL+"/v1")
		gone := make(chan struct{})
		s.always["download"] = dripping(pattern(100), 1000, gone)
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := c.Fetch(ctx, s.put(pattern(1000)), 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(stream, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		leave(cancel, stream)
		select {
		case <-gone:
		case <-time.After(2 * time.Second):
			t.Errorf("%s: the store still has the connection", name)
		}
		if n, err := stream.Read(make([]byte, 10)); n != 0 || err == nil || err == io.EOF {
			t.Errorf("%s: %d, %v", name, n, err)
		}
		cancel()
		stream.Close()
	}
	s := newAppleStore(t)
	c, _ := newTestClient(t, s.URL+"/v1")
	s.always["download"] = hangs
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := c.Fetch(ctx, s.put(pattern(10)), 0, -1); message.FailureOf(err) == nil || message.FailureOf(err).Class != message.Canceled {
		t.Error(err)
	}
}
