package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/registry"
	"bizbridge/connectors/webhook"
	"bizbridge/connectors/webhook/webhooktest"
)

// formDesk is a helpdesk that takes multipart/form-data.
type formDesk struct {
	*httptest.Server
	mu     sync.Mutex
	got    []webhooktest.Request
	begun  int // requests, also those whose body did not come to its end
	status int
}

func startFormDesk(t *testing.T) *formDesk {
	desk := &formDesk{status: http.StatusNoContent}
	desk.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		desk.mu.Lock()
		desk.begun++
		desk.mu.Unlock()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		desk.mu.Lock()
		defer desk.mu.Unlock()
		header := r.Header.Clone()
		header.Set("Content-Length", fmt.Sprint(r.ContentLength))
		desk.got = append(desk.got, webhooktest.Request{Header: header, Body: body})
		w.WriteHeader(desk.status)
	}))
	t.Cleanup(desk.Close)
	return desk
}

// only gives the one request that came, after the library of Standard Webhooks has checked its signature.
func (d *formDesk) only(t *testing.T) webhooktest.Request {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.got) != 1 || d.begun != 1 {
		t.Fatalf("%d requests came, %d of them whole; want one", d.begun, len(d.got))
	}
	library, err := standardwebhooks.NewWebhook(webhooktest.Secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := library.Verify(d.got[0].Body, d.got[0].Header); err != nil {
		t.Errorf("the library of Standard Webhooks refuses it: %v", err)
	}
	altered := append([]byte(nil), d.got[0].Body...)
	altered[len(altered)/2] ^= 1
	if library.Verify(altered, d.got[0].Header) == nil {
		t.Error("the signature does not cover what is in the middle of the body")
	}
	return d.got[0]
}

// part is one part of a form, as the standard library reads it.
type part struct{ Field, File, Type, Content string }

func parts(t *testing.T, request webhooktest.Request) []part {
	t.Helper()
	mediaType, params, err := mime.ParseMediaType(request.Header.Get("Content-Type"))
	if err != nil || mediaType != "multipart/form-data" {
		t.Fatalf("Content-Type %q: %v", request.Header.Get("Content-Type"), err)
	}
	reader := multipart.NewReader(bytes.NewReader(request.Body), params["boundary"])
	var all []part
	for {
		next, err := reader.NextRawPart()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(next)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, part{next.FormName(), next.FileName(), next.Header.Get("Content-Type"), string(content)})
	}
}

// stream is an attachment whose bytes can be had.
type stream struct {
	io.Reader
	closed *int
}

func (s stream) Close() error { *s.closed++; return nil }

// withFile makes an attachment that is streamed from a reader.
func withFile(name, mimeType string, size int, reader io.Reader, closed *int) message.Attachment {
	return message.Attachment{ID: "id-" + name, Name: name, MIMEType: mimeType, Size: int64(size), Open: func(context.Context) (io.ReadCloser, error) {
		return stream{reader, closed}, nil
	}}
}

func eventWith(files ...message.Attachment) message.Event {
	event := events()["message.received"]
	event.Data.Attachments = files
	return event
}

func multiparts(c *webhook.Config) { c.Attachments = "multipart" }

// temporary gives the test a temporary folder of its own, which has to be empty at its end.
func temporary(t *testing.T) string {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	t.Cleanup(func() {
		if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
			t.Errorf("left on disk: %v, %v", entries, err)
		}
	})
	return folder
}

func TestFilesComeBesideTheirEventInOneSignedRequest(t *testing.T) {
	temporary(t)
	desk := startFormDesk(t)
	connector := connect(t, desk.URL+"/hooks/apple", time.Now, multiparts)
	big := strings.Repeat("\r\n--boundary--\r\n", 100_000)
	closed := 0
	expires := happened.Add(time.Hour)
	event := eventWith(
		withFile("photo.heic", "image/heic", 5, strings.NewReader("photo"), &closed),
		message.Attachment{ID: "id-film", Name: "film.mov", MIMEType: "video/quicktime", Size: 1 << 30, URL: "https://bridge.example.com/media/x/film.mov", ExpiresAt: &expires},
		withFile("Größe \"1\"; x.bin", "application/octet-stream", len(big), strings.NewReader(big), &closed),
		message.Attachment{ID: "id-gone", Name: "gone.txt", MIMEType: "text/plain", Size: 7},
		withFile("empty.txt", "text/plain", 0, strings.NewReader(""), &closed),
	)
	if err := deliver(t, connector, event); err != nil {
		t.Fatal(err)
	}
	request := desk.only(t)
	text, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	want := []part{
		{"event", "", "application/json", string(text)},
		{"file0", "photo.heic", "image/heic", "photo"},
		{"file2", "Größe \"1\"; x.bin", "application/octet-stream", big}, // by its place in attachments
		{"file4", "empty.txt", "text/plain", ""},
	}
	if diff := cmp.Diff(want, parts(t, request)); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]string{
		"Webhook-Id": string(event.Data.ID), "User-Agent": "bizbridge", "Content-Length": fmt.Sprint(len(request.Body)),
	} {
		if got := request.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if strings.Count(string(text), `"url"`) != 1 {
		t.Errorf("only the large file has a link: %s", text)
	}
	if closed != 3 {
		t.Errorf("%d streams were closed, want 3", closed)
	}
}

func TestWithoutFilesToUploadTheEventIsPlainJSON(t *testing.T) {
	desk := startDesk(t, webhooktest.Secret) // takes nothing but JSON
	connector := connect(t, desk.URL, time.Now, multiparts)
	link := message.Attachment{ID: "0", Name: "film.mov", Size: 1 << 30, URL: "https://bridge.example.com/media/x/film.mov"}
	for _, event := range []message.Event{eventWith(), eventWith(link), events()["typing.started"], events()["conversation.closed"]} {
		if err := deliver(t, connector, event); err != nil {
			t.Errorf("%s: %v", event.Type, err)
		}
	}
}

func TestUploadsAreForThoseWhoAskForThem(t *testing.T) {
	for attachments, want := range map[string]bool{"": false, "links": false, "multipart": true} {
		connector := connect(t, "http://127.0.0.1:1", time.Now, func(c *webhook.Config) { c.Attachments = attachments })
		if got := connector.(connectors.Uploader).UploadsFiles(); got != want {
			t.Errorf("attachments %q: uploads %t, want %t", attachments, got, want)
		}
	}
}

// failing gives some bytes and then an error.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the store broke off") }

// One file that could not be had once kept the words of its message back for good.
func TestAFileThatDoesNotComeIsLeftOutOfItsMessage(t *testing.T) {
	closed := 0
	good := func() message.Attachment { return withFile("a", "text/plain", 5, strings.NewReader("hello"), &closed) }
	for name, test := range map[string]struct {
		files  []message.Attachment
		want   []string // names of the parts
		closed int
	}{
		"breaks off at once": {[]message.Attachment{withFile("a", "text/plain", 5, failing{}, &closed)}, []string{"event"}, 1},
		"breaks off later": {[]message.Attachment{
			good(), withFile("b", "text/plain", 5_000_000, io.MultiReader(strings.NewReader(strings.Repeat("x", 3_000_000)), failing{}), &closed),
		}, []string{"event", "file0"}, 2},
		"cannot be opened": {[]message.Attachment{good(), {ID: "b", Name: "b", Open: func(context.Context) (io.ReadCloser, error) {
			return nil, message.Failuref(message.Permanent, "the store has other bytes")
		}}, good()}, []string{"event", "file0", "file2"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			temporary(t)
			closed = 0
			desk := startFormDesk(t)
			if err := deliver(t, connect(t, desk.URL, time.Now, multiparts), eventWith(test.files...)); err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, part := range parts(t, desk.only(t)) {
				names = append(names, part.Field)
				if part.Field != "event" && part.Content != "hello" {
					t.Errorf("%s holds %d bytes", part.Field, len(part.Content))
				}
			}
			if diff := cmp.Diff(test.want, names); diff != "" {
				t.Error(diff)
			}
			if closed != test.closed {
				t.Errorf("%d streams were closed, want %d", closed, test.closed)
			}
		})
	}
}

// A helpdesk that was busy for a moment once lost every message with a file.
func TestAMessageWithFilesIsSentAgain(t *testing.T) {
	temporary(t)
	var attempts []*http.Request
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		attempts = append(attempts, r)
		if verifier, err := standardwebhooks.NewWebhook(webhooktest.Secret); err != nil || verifier.Verify(body, r.Header) != nil {
			t.Error("the signature of an attempt does not hold")
		}
		if len(attempts) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	closed := 0
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	event := eventWith(withFile("a", "text/plain", 5, strings.NewReader("hello"), &closed))
	_, err := connect(t, server.URL, time.Now, multiparts).Deliver(ctx, event)
	if err != nil || len(attempts) != 3 {
		t.Errorf("%d attempts, %v", len(attempts), err)
	}
	for _, attempt := range attempts {
		if attempt.Header.Get("Webhook-Id") != attempts[0].Header.Get("Webhook-Id") || attempt.ContentLength <= 0 {
			t.Errorf("%v, length %d", attempt.Header, attempt.ContentLength)
		}
	}
}

func TestTheAnswerToAnUploadHasItsClass(t *testing.T) {
	for status, class := range map[int]message.Class{
		503: message.Transient, 429: message.Throttled, 413: message.Permanent, 400: message.Permanent, 401: message.Auth, 410: message.Closed,
		307: message.Permanent,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			temporary(t)
			closed := 0
			desk := startFormDesk(t)
			desk.status = status
			err := deliver(t, connect(t, desk.URL, time.Now, multiparts), eventWith(withFile("a", "text/plain", 5, strings.NewReader("hello"), &closed)))
			if failure, ok := errors.AsType[*message.Failure](err); !ok || failure.Class != class {
				t.Errorf("error %v, want class %s", err, class)
			}
			desk.only(t)
		})
	}
}

func TestAHelpdeskThatCannotBeReachedOrDoesNotAnswer(t *testing.T) {
	closed := 0
	event := func() message.Event {
		return eventWith(withFile("a", "text/plain", 5, strings.NewReader("hello"), &closed))
	}
	t.Run("not there", func(t *testing.T) {
		temporary(t)
		err := deliver(t, connect(t, "http://127.0.0.1:1", time.Now, multiparts), event())
		if failure, ok := errors.AsType[*message.Failure](err); !ok || failure.Class != message.Transient {
			t.Errorf("error %v, want class %s", err, message.Transient)
		}
	})
	t.Run("no answer", func(t *testing.T) {
		temporary(t)
		silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			panic(http.ErrAbortHandler)
		}))
		defer silent.Close()
		err := deliver(t, connect(t, silent.URL, time.Now, multiparts), event())
		if failure, ok := errors.AsType[*message.Failure](err); !ok || failure.Class != message.Uncertain {
			t.Errorf("error %v, want class %s: it may have taken the message", err, message.Uncertain)
		}
	})
	t.Run("out of time", func(t *testing.T) {
		temporary(t)
		ctx, cancel := contextFor(t, 100*time.Millisecond)
		defer cancel()
		silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}))
		defer silent.Close()
		_, err := connect(t, silent.URL, time.Now, multiparts).Deliver(ctx, event())
		if failure, ok := errors.AsType[*message.Failure](err); !ok || failure.Class != message.Uncertain {
			t.Errorf("error %v, want class %s", err, message.Uncertain)
		}
	})
}

func TestWithoutADiskTheHelpdeskHearsLater(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()+"/missing")
	desk, closed := startFormDesk(t), 0
	err := deliver(t, connect(t, desk.URL, time.Now, multiparts), eventWith(withFile("a", "text/plain", 5, strings.NewReader("hello"), &closed)))
	if failure, ok := errors.AsType[*message.Failure](err); !ok || failure.Class != message.Transient || desk.begun > 0 {
		t.Errorf("error %v after %d requests, want class %s", err, desk.begun, message.Transient)
	}
}

func TestTheConfigurationTakesOnlyTheWaysThatThereAre(t *testing.T) {
	const template = `
server: {public_url: "https://bridge.example.com"}
keys: ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]
apple: {accounts: [{msp_id: 11111111-2222-3333-4444-555555555555, secrets: ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="]}]}
businesses: [{id: aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee, msp_id: 11111111-2222-3333-4444-555555555555, connector: desk}]
connectors:
  desk:
    type: webhook
    url: https://desk.example.com
    secrets: ["%s"]
    %s
`
	for line, want := range map[string]string{ // "": not valid
		"":                       "links",
		"attachments: links":     "links",
		"attachments: multipart": "multipart",
		"attachments: Multipart": "", "attachments: inline": "", "attachments: true": "", "attachments: [links]": "", `attachments: ""`: "",
	} {
		cfg, err := config.Parse("test.yaml", fmt.Appendf(nil, template, webhooktest.Secret, line), registry.ConfigTypes())
		if err != nil || want == "" {
			if want != "" || err == nil || !strings.Contains(err.Error(), "attachments") {
				t.Errorf("%q: %v, want valid: %t", line, err, want != "")
			}
			continue
		}
		if got := cfg.Connectors["desk"].Settings.(*webhook.Config).Attachments; got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
