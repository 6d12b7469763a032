package flow

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
)

const png = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"

func inline(text string) message.File {
	return message.File{Data: base64.StdEncoding.EncodeToString([]byte(text))}
}

// Every way in which a file can come leads to the same bytes at Apple, under the best name and type that is known.
func TestFilesReachAppleWithTheirNameAndType(t *testing.T) {
	r := newFilesRig(t)
	served := func(contentType, disposition, body string, chunked bool) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			if disposition != "" {
				w.Header().Set("Content-Disposition", disposition)
			}
			if chunked {
				w.(http.Flusher).Flush()
			}
			_, _ = io.WriteString(w, body)
		}
	}
	r.files.serve["/image.png"] = served("text/html; charset=utf-8", "", png, false)
	r.files.serve["/download"] = served("application/octet-stream", `attachment; filename="../../a.pdf"`, "%PDF-1.7", false)
	r.files.serve["/download-chunked"] = served("application/octet-stream", `attachment; filename="../../a.pdf"`, "%PDF-1.7", true)
	r.files.serve["/typed"] = served("video/quicktime", "", "moov", true)
	r.files.serve["/"] = served("", "", png, false)
	kept := filepath.Join(r.temp, "part")
	if err := os.WriteFile(kept, []byte(png), 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(file message.File, name, mimeType string) message.File {
		file.Name, file.MIMEType = name, mimeType
		return file
	}
	big := content(700_000)
	for name, test := range map[string]struct {
		file message.File
		want stored
	}{
		"data without a word":             {inline(png), stored{"file.png", "image/png", png}},
		"data with everything":            {with(inline(png), "a.gif", "image/gif"), stored{"a.gif", "image/gif", png}},
		"data with a name":                {with(inline("x"), "dir/näme.heic", ""), stored{"näme.heic", "image/heic", "x"}},
		"data of one byte":                {inline("x"), stored{"file.txt", "text/plain", "x"}},
		"a URL":                           {r.files.url("/known/700000/a.bin"), stored{"a.bin", "application/octet-stream", string(big)}},
		"a URL of unknown size":           {r.files.url("/chunked/700000/a.bin"), stored{"a.bin", "application/octet-stream", string(big)}},
		"a URL of one byte":               {with(r.files.url("/known/1/a"), "", "image/webp"), stored{"a", "image/webp", string(content(1))}},
		"a URL of the largest file":       {r.files.url("/known/1048576/a.bin"), stored{"a.bin", "application/octet-stream", string(content(maxFile))}},
		"the largest of unknown size":     {r.files.url("/chunked/1048576/a.bin"), stored{"a.bin", "application/octet-stream", string(content(maxFile))}},
		"the server's type":               {r.files.url("/image.png"), stored{"image.png", "text/html", png}},
		"the sender's type beats it":      {with(r.files.url("/image.png"), "photo.jpg", "image/jpeg"), stored{"photo.jpg", "image/jpeg", png}},
		"the server's name":               {r.files.url("/download"), stored{"a.pdf", "application/pdf", "%PDF-1.7"}},
		"the server's name, unknown size": {r.files.url("/download-chunked"), stored{"a.pdf", "application/pdf", "%PDF-1.7"}},
		"the server's type, unknown size": {with(r.files.url("/typed"), "clip", ""), stored{"clip", "video/quicktime", "moov"}},
		"a URL without a name":            {r.files.url("/"), stored{"file.png", "image/png", png}},
		"a file that came beside":         {message.File{Path: kept, SHA256: "00"}, stored{"file.png", "image/png", png}},
	} {
		t.Run(name, func(t *testing.T) {
			result, failure := r.send(t, name, test.file)
			wantNil(t, failure)
			got := r.apple.got[len(r.apple.got)-1]
			if len(got) != 1 || got[0] != test.want {
				t.Errorf("Apple has %.200q, want %.200q", got, test.want)
			}
			wantEqual(t, "size", r.apple.sent[len(r.apple.sent)-1].Files[0].Size, int64(len(test.want.content)))
			wantEqual(t, "status", result.Status, message.StatusAccepted)
			wantEqual(t, "files on disk", r.onDisk(t), 1) // the one that came beside belongs to who brought it
		})
	}
	r.files.allClosed(t, r.files.opens())
	r.idle(t)
}

func TestAFileOfUnknownSizeIsOnDiskOnlyUntilTheMessageIsDone(t *testing.T) {
	down := message.Failuref(message.Transient, "down")
	for name, test := range map[string]struct {
		files []string
		apple error // of the message
		class message.Class
		sent  int // on disk while Apple is asked, per file of unknown size; 0: Apple is not asked
	}{
		"sent":                      {[]string{"/chunked/1000/a"}, nil, -1, 1},
		"two sent":                  {[]string{"/chunked/1000/a", "/known/1000/a", "/chunked/1000/b"}, nil, -1, 2},
		"Apple fails":               {[]string{"/chunked/1000/a"}, down, message.Transient, 1},
		"too large":                 {[]string{"/chunked/1048577/a"}, nil, message.Invalid, 0},
		"empty":                     {[]string{"/chunked/0/a"}, nil, message.Invalid, 0},
		"broken off":                {[]string{"/broken"}, nil, message.Transient, 0},
		"the next is not there":     {[]string{"/chunked/1000/a", "/404"}, nil, message.Invalid, 0},
		"the next breaks off":       {[]string{"/chunked/1000/a", "/broken"}, nil, message.Transient, 0},
		"fetching the next panics":  {[]string{"/chunked/1000/a", "/panic"}, nil, message.Transient, 0},
		"the next breaks off later": {[]string{"/chunked/1000/a", "/broken-later"}, nil, message.Transient, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFilesRig(t)
			r.files.serve["/broken"] = raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
			r.files.serve["/broken-later"] = raw("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + strings.Repeat("x", 1000))
			most := 0
			r.apple.send = func(context.Context, apple.Outgoing) error { return test.apple }
			r.apple.spoil = func(int) error { most = max(most, r.onDisk(t)); return nil }
			var files []message.File
			for _, path := range test.files {
				files = append(files, r.files.url(path))
			}
			if name == "fetching the next panics" {
				r.sender.Files = panicking{r.files}
			}
			_, failure := r.send(t, "", files...)
			if test.class < 0 {
				wantNil(t, failure)
			} else {
				wantClass(t, failure, test.class)
			}
			wantEqual(t, "on disk while it is sent", most, test.sent)
			wantEqual(t, "on disk afterwards", r.onDisk(t), 0)
			r.idle(t)
		})
	}
}

// panicking is a connector with a bug.
type panicking struct{ *files }

func (p panicking) Open(ctx context.Context, address string) (*httpclient.Download, error) {
	if strings.HasSuffix(address, "/panic") {
		panic("nil map")
	}
	return p.files.Open(ctx, address)
}

// What is wrong with a file is told by its pointer, before anybody at Apple hears of it.
func TestFilesThatCannotBeSentAreNamedAndAppleIsNotAsked(t *testing.T) {
	r := newFilesRig(t)
	r.files.serve["/410"] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }
	r.files.serve["/header"] = raw("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\nx")
	r.files.serve["/endless"] = func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		for err := error(nil); err == nil; {
			_, err = w.Write(make([]byte, 64<<10))
		}
	}
	kept := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(kept, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	good := inline("x")
	for name, test := range map[string]struct {
		files   []message.File
		pointer string
		words   string
		read    int64 // at most
	}{
		"not there":                   {[]message.File{r.files.url("/404")}, "/data/content/files/0/url", "404", 0},
		"gone, which is not Apple's":  {[]message.File{r.files.url("/410")}, "/data/content/files/0/url", "410", 0},
		"a private address":           {[]message.File{good, {URL: "http://10.0.0.1/"}}, "/data/content/files/1/url", "private network", 0},
		"an address that is none":     {[]message.File{good, {URL: "ftp://x/"}}, "/data/content/files/1/url", "http or https", 0},
		"nothing in it":               {[]message.File{good, good, r.files.url("/known/0/a")}, "/data/content/files/2/url", "empty", 0},
		"nothing in it, unknown size": {[]message.File{r.files.url("/chunked/0/a")}, "/data/content/files/0/url", "empty", 0},
		"no bytes in base64":          {[]message.File{good, {Data: "\n"}}, "/data/content/files/1/data", "empty", 0},
		"no base64":                   {[]message.File{{Data: "!"}}, "/data/content/files/0/data", "base64", 0},
		"nothing came beside":         {[]message.File{good, {Path: kept}}, "/data/content/files/1", "empty", 0},
		"too many bytes in base64":    {[]message.File{inline(strings.Repeat("x", maxFile+1))}, "/data/content/files/0/data", "1048576", 0},
		"one byte too many":           {[]message.File{r.files.url("/known/1048577/a")}, "/data/content/files/0/url", "1048576", 0},
		"far too large by its header": {[]message.File{r.files.url("/header")}, "/data/content/files/0/url", "1048576", 0},
		"without an end":              {[]message.File{r.files.url("/endless")}, "/data/content/files/0/url", "1048576", maxFile + 1},
	} {
		t.Run(name, func(t *testing.T) {
			r.files.read, r.files.opened, r.files.closed = 0, nil, 0
			before := value(t, r.Metrics.Attachments.WithLabelValues("outbound", "refused"))
			result, failure := r.send(t, name, test.files...)
			wantClass(t, failure, message.Invalid)
			wantEqual(t, "code", failure.SenderCode(), message.CodeInvalid)
			if len(failure.Faults) != 1 || failure.Faults[0].Pointer != test.pointer || failure.Faults[0].Rule == "" || !strings.Contains(failure.Faults[0].Message, test.words) {
				t.Errorf("faults %+v, want one at %s about %q", failure.Faults, test.pointer, test.words)
			}
			if !reflect.DeepEqual(result, message.SendResult{}) {
				t.Errorf("result %+v, although nothing was tried", result)
			}
			wantEqual(t, "calls to Apple", len(r.apple.sent), 0)
			wantEqual(t, "on disk", r.onDisk(t), 0)
			if r.files.read > test.read+32<<10 {
				t.Errorf("%d bytes were read, want at most about %d", r.files.read, test.read)
			}
			wantEqual(t, "files counted as refused", value(t, r.Metrics.Attachments.WithLabelValues("outbound", "refused"))-before, float64(len(test.files)))
		})
	}
	wantEqual(t, "conversation.closed events", len(r.desk.closed), 0)
	r.idle(t)
}

// What may pass is no fault of the message: the sender hears that it may try again, and when it does so, all is well.
func TestAFileThatCannotBeFetchedNowIsWorthAnotherTry(t *testing.T) {
	for name, serve := range map[string]http.HandlerFunc{
		"503":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"429":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"no answer": raw(""),
		"no HTTP":   raw("220 smtp.example.com ESMTP\r\n"),
		"silent":    func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() },
		"silent after its start": func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(content(600))
			w.(http.Flusher).Flush()
			<-req.Context().Done()
		},
		"silent, unknown size": func(w http.ResponseWriter, req *http.Request) {
			_, _ = w.Write(content(600))
			w.(http.Flusher).Flush()
			<-req.Context().Done()
		},
		"broken off at once":            raw("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
		"broken off early":              raw("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + strings.Repeat("x", 100)),
		"broken off late":               raw("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + strings.Repeat("x", 999)),
		"broken off, of unknown size":   raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
		"a Content-Length far too long": raw("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", 100_000)),
	} {
		t.Run(name, func(t *testing.T) {
			r := newFilesRig(t, func(o *Options) { o.Timeout = 300 * time.Millisecond })
			r.files.serve["/file"] = serve
			began := time.Now()
			result, failure := r.send(t, "look", r.files.url("/file"))
			wantClass(t, failure, message.Transient)
			if failure.Reason == "" || len(failure.Faults) > 0 {
				t.Errorf("failure %+v needs words, and no fault of the message", failure)
			}
			wantEqual(t, "status", result.Status, message.StatusFailed)
			if len(result.Parts) != 1 || result.Parts[0].Code != message.CodeUnavailable || result.Parts[0].ID == "" {
				t.Errorf("parts %+v", result.Parts)
			}
			wantEqual(t, "messages at Apple", len(r.apple.sent), 0)
			r.wantFiles(t, "outbound", map[string]int{"failed": 1})
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("that took %v", took)
			}
			r.files.mu.Lock()
			r.files.serve["/file"] = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "well") }
			r.files.mu.Unlock()
			again, failure := r.send(t, "look", r.files.url("/file"))
			wantNil(t, failure)
			wantEqual(t, "id", again.Parts[0].ID, result.Parts[0].ID)
			wantEqual(t, "content", r.apple.got[0][0].content, "well")
			wantEqual(t, "on disk", r.onDisk(t), 0)
			r.wantFiles(t, "outbound", map[string]int{"failed": 1, "streamed": 1})
			r.wantBytes(t, "outbound", "streamed", 4)
			r.idle(t)
		})
	}
}

// HTTP ends a body where Content-Length says: what a server sends beyond is not the file. A connector's own opener may
// miscount either way.
func TestASizeThatIsALie(t *testing.T) {
	t.Run("a Content-Length too short", func(t *testing.T) {
		r := newFilesRig(t)
		r.files.serve["/file"] = raw("HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n" + strings.Repeat("x", 1000))
		_, failure := r.send(t, "", r.files.url("/file"))
		wantNil(t, failure)
		wantEqual(t, "bytes at Apple", len(r.apple.got[0][0].content), 600)
	})
	for name, test := range map[string]struct{ said, is int }{
		"fewer than sniffed": {600, 100}, "one fewer": {1000, 999}, "one more": {1000, 1001}, "many more": {1000, 100_000}, "some instead of one": {1, 5},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFilesRig(t)
			r.files.open = func(int) (*httpclient.Download, error) {
				return download(int64(test.said), strings.Repeat("x", test.is)), nil
			}
			_, failure := r.send(t, "", r.files.url("/file"))
			wantClass(t, failure, message.Transient)
			wantEqual(t, "reason", failure.Reason, "the file's server broke off")
			wantEqual(t, "messages at Apple", len(r.apple.sent), 0)
			r.files.allClosed(t, r.files.opens())
		})
	}
}

func TestASecondTryFetchesTheFileAgain(t *testing.T) {
	flaky := func(n int) error {
		if n == 1 {
			return message.Failuref(message.Transient, "the store answers 500")
		}
		return nil
	}
	for name, path := range map[string]string{"known size": "/known/5000/a", "unknown size": "/chunked/5000/a"} {
		t.Run(name, func(t *testing.T) {
			r := newFilesRig(t)
			r.apple.spoil = flaky
			_, failure := r.send(t, "", r.files.url(path))
			wantNil(t, failure)
			wantEqual(t, "content", r.apple.got[0][0].content, string(content(5000)))
			opens := map[string]int{"known size": 2, "unknown size": 1}[name] // what is on disk need not be fetched again
			wantEqual(t, "times fetched", r.files.opens(), opens)
			r.files.allClosed(t, opens)
			wantEqual(t, "on disk", r.onDisk(t), 0)
		})
	}
	t.Run("broken off at first", func(t *testing.T) {
		r := newFilesRig(t)
		r.files.open = func(n int) (*httpclient.Download, error) {
			if n == 1 {
				return &httpclient.Download{Size: 1000, Body: brokenReader(strings.Repeat("x", 700))}, nil
			}
			return download(1000, strings.Repeat("y", 1000)), nil
		}
		_, failure := r.send(t, "", r.files.url("/file"))
		wantNil(t, failure)
		wantEqual(t, "content", r.apple.got[0][0].content, strings.Repeat("y", 1000))
		r.files.allClosed(t, 2)
	})
	t.Run("gone meanwhile", func(t *testing.T) {
		r := newFilesRig(t)
		r.apple.spoil = flaky
		r.files.open = func(n int) (*httpclient.Download, error) {
			if n == 1 {
				return download(5, "hello"), nil
			}
			return nil, message.Failuref(message.Closed, "the helpdesk answers 410")
		}
		result, failure := r.send(t, "", r.files.url("/file"))
		wantClass(t, failure, message.Invalid)
		wantEqual(t, "status", result.Status, message.StatusFailed)
		if len(failure.Faults) != 1 || failure.Faults[0].Pointer != "/data/content/files/0/url" {
			t.Errorf("faults %+v", failure.Faults)
		}
		r.wantFiles(t, "outbound", map[string]int{"refused": 1})
	})
}

// A file's server speaks of the file: whatever its connector makes of that, it is no word of Apple's on the customer.
func TestTheClassOfAFilesFailureIsTheFilesOwn(t *testing.T) {
	for class := message.Transient; class <= message.Canceled; class++ {
		t.Run(class.String(), func(t *testing.T) {
			r := newFilesRig(t)
			r.files.open = func(int) (*httpclient.Download, error) { return nil, message.Failuref(class, "said the helpdesk") }
			want := class
			switch class {
			case message.Permanent, message.Closed, message.Unreachable:
				want = message.Invalid
			case message.Uncertain:
				want = message.Transient
			}
			_, failure := r.send(t, "", r.files.url("/file"))
			wantClass(t, failure, want)
			if !strings.Contains(failure.Error(), "said the helpdesk") {
				t.Errorf("failure %v", failure)
			}
			wantEqual(t, "conversation.closed events", len(r.desk.closed), 0)
			r.idle(t)
		})
	}
}

// kindsAndIDs gives what Apple was sent, in order.
func (r *filesRig) kindsAndIDs() []string {
	var calls []string
	for _, out := range r.apple.sent {
		calls = append(calls, fmt.Sprintf("%s of %d with %d %s", out.Content.Kind(), len(textOfFiles(out.Content)), len(out.Files), out.ID))
	}
	return calls
}

func textOfFiles(content message.Content) string {
	if files, ok := content.(message.Files); ok {
		return files.Text
	}
	return content.(message.Text).Text
}

func TestALongTextComesBeforeItsFilesAndAShortOneWithThem(t *testing.T) {
	r := newFilesRig(t)
	short, failure := r.send(t, "look", inline("1"), r.files.url("/known/10/a"), inline("2"))
	wantNil(t, failure)
	wantEqual(t, "parts", len(short.Parts), 1)
	wantEqual(t, "kind", short.Parts[0].Kind, message.KindFiles)
	wantEqual(t, "first file", r.apple.got[0][0].content, "1")
	wantEqual(t, "second file", r.apple.got[0][1].content, string(content(10)))
	wantEqual(t, "third file", r.apple.got[0][2].content, "2")

	result, failure := r.send(t, long, inline("1"))
	wantNil(t, failure)
	var kinds []message.Kind
	seen := map[message.ID]bool{}
	for _, part := range result.Parts {
		kinds = append(kinds, part.Kind)
		seen[part.ID] = true
	}
	if want := []message.Kind{message.KindText, message.KindText, message.KindText, message.KindFiles}; !slices.Equal(kinds, want) || len(seen) != 4 {
		t.Errorf("parts %v with %d ids, want %v", kinds, len(seen), want)
	}
	id := func(i int) string { return string(result.Parts[i].ID) }
	want := []string{"text of 3000 with 0 " + id(0), "text of 3000 with 0 " + id(1), "text of 10 with 0 " + id(2), "files of 0 with 1 " + id(3)}
	if got := r.kindsAndIDs()[1:]; !slices.Equal(got, want) {
		t.Errorf("Apple got\n%q, want\n%q", got, want)
	}
	other := newFilesRig(t) // ids do not depend on the replica
	again, failure := other.send(t, long, inline("1"))
	wantNil(t, failure)
	if !reflect.DeepEqual(result, again) {
		t.Errorf("two replicas gave\n%+v\n%+v", result, again)
	}
}

func TestARepeatOfFilesThatWereSentFetchesNothing(t *testing.T) {
	r := newFilesRig(t)
	first, failure := r.send(t, "", r.files.url("/known/10/a"), r.files.url("/chunked/10/a"))
	wantNil(t, failure)
	again, failure := r.send(t, "", r.files.url("/known/10/a"), r.files.url("/chunked/10/a"))
	wantNil(t, failure)
	if !reflect.DeepEqual(first, again) {
		t.Errorf("the repeat was answered with %+v, the first with %+v", again, first)
	}
	wantEqual(t, "times fetched", r.files.opens(), 2)
	wantEqual(t, "messages at Apple", len(r.apple.sent), 1)
	_, failure = r.send(t, "", r.files.url("/known/10/a"), r.files.url("/known/10/b"))
	wantEqual(t, "code for another file", failure.SenderCode(), message.CodeConflict)
	r.wantFiles(t, "outbound", map[string]int{"streamed": 2})
	r.wantBytes(t, "outbound", "streamed", 20)
}

func TestAHalfSentLongTextWithAFileIsResumed(t *testing.T) {
	r := newFilesRig(t)
	r.apple.failing(nil, nil, nil, message.Failuref(message.Throttled, "slow down"))
	result, failure := r.send(t, long, r.files.url("/known/10/a"))
	wantClass(t, failure, message.Throttled)
	wantEqual(t, "status of the texts", result.Parts[2].Status, message.StatusAccepted)
	wantEqual(t, "status of the file", result.Parts[3].Status, message.StatusFailed)
	r.wantFiles(t, "outbound", map[string]int{"failed": 1})

	again, failure := r.send(t, long, r.files.url("/known/10/a"))
	wantNil(t, failure)
	wantEqual(t, "messages at Apple", len(r.apple.sent), 5)
	wantEqual(t, "the last is the file", r.apple.sent[4].ID, again.Parts[3].ID)
	wantEqual(t, "times fetched", r.files.opens(), 2)
	r.wantFiles(t, "outbound", map[string]int{"failed": 1, "streamed": 1})
	r.idle(t)
}

func TestFilesAreNotMeasuredAsOverhead(t *testing.T) {
	r := newFilesRig(t)
	_, failure := r.send(t, "", inline("x"))
	wantNil(t, failure)
	wantEqual(t, "overhead observed", value(t, r.Metrics.Overhead.WithLabelValues("outbound")), 0)
}

func TestADiskThatFailsIsNotTheSendersFault(t *testing.T) {
	r := newFilesRig(t)
	t.Setenv("TMPDIR", filepath.Join(r.temp, "missing"))
	_, failure := r.send(t, "", r.files.url("/chunked/10/a"))
	wantClass(t, failure, message.Transient)
	if !errors.Is(failure, os.ErrNotExist) || !strings.Contains(failure.Reason, "disk") {
		t.Errorf("failure %v", failure)
	}
	_, failure = r.send(t, "other", message.File{Path: filepath.Join(r.temp, "missing")})
	wantClass(t, failure, message.Transient)
	if strings.Contains(failure.Reason, r.temp) {
		t.Errorf("the reason tells of a path: %s", failure.Reason)
	}
	r.files.allClosed(t, 1)
}
