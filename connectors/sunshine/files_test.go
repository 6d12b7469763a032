package sunshine_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/httpclient/auth"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/connectors/connectortest/fake"
	"bizbridge/connectors/sunshine"
)

// attached is a file of a customer.
func attached(name, kind, data string, changes ...func(*message.Attachment)) message.Attachment {
	expires := time.Date(2026, 8, 2, 9, 0, 0, 0, time.UTC)
	file := message.Attachment{
		ID: "a1", Name: name, MIMEType: kind, Size: int64(len(data)), URL: "https://bridge.example.com/files/1", ExpiresAt: &expires,
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(data)), nil },
	}
	for _, change := range changes {
		change(&file)
	}
	return file
}

func withFiles(files ...message.Attachment) message.Event {
	return event(message.EventReceived, func(d *message.Data) { d.Text, d.Attachments = "Look", files })
}

func TestFilesAreUploaded(t *testing.T) {
	r := newRig(t)
	r.deliver(withFiles(attached("photo 1.png", "image/png", "a picture"), attached("über\"1.pdf", "application/pdf", "a document"), attached("empty.heic", "", "")))
	sent := r.messages(0)
	if len(sent) != 4 || sent[0]["content"].(object)["text"] != "Look" {
		t.Fatalf("the helpdesk has %v", sent)
	}
	for i, want := range []struct{ kind, name, data string }{{"image", "photo 1.png", "a picture"}, {"file", "über\"1.pdf", "a document"}, {"file", "empty.heic", ""}} {
		content := sent[i+1]["content"].(object)
		if content["type"] != want.kind || content["altText"] != want.name {
			t.Errorf("file %d is %v", i, content)
		}
		if data := r.download(t, content["mediaUrl"].(string)); data != want.data {
			t.Errorf("file %d is %q, want %q", i, data, want.data)
		}
	}
}

// download fetches a file as the bridge does: private attachments need the credentials, which go with requests to the
// app's own origin.
func (r *rig) download(t *testing.T, address string) string {
	t.Helper()
	settings, factory, m := configure(r.app.URL), sunshine.Factory(), metrics.New("test", "test")
	authorizer, err := factory.Authorizer(settings, auth.Deps{Peer: "desk", Metrics: m})
	if err != nil {
		t.Fatal(err)
	}
	defer authorizer.Close()
	downloader, err := httpclient.NewDownloader(httpclient.DownloaderOptions{Peer: "desk", Metrics: m, Origins: []string{factory.Origin(settings)}, Auth: authorizer.For})
	if err != nil {
		t.Fatal(err)
	}
	defer downloader.Close()
	file, err := downloader.Open(t.Context(), strings.ReplaceAll(address, " ", "%20"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Body.Close()
	data, err := io.ReadAll(file.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// A file that does not come, or is not taken, is a link: the message must not wait for it.
func TestFilesThatAreLinks(t *testing.T) {
	const link = "[a.png] https://bridge.example.com/files/1 (until 2026-08-02 09:00 UTC)"
	for name, c := range map[string]struct {
		file message.Attachment
		want string
	}{
		"only a link":        {attached("a.png", "image/png", "x", func(a *message.Attachment) { a.Open = nil }), link},
		"too large":          {attached("a.png", "image/png", "x", func(a *message.Attachment) { a.Size = 50<<20 + 1 }), link},
		"cannot be opened":   {attached("a.png", "image/png", "x", func(a *message.Attachment) { a.Open = failing(nil) }), link},
		"breaks off":         {attached("a.png", "image/png", "x", func(a *message.Attachment) { a.Open = failing(strings.NewReader("half")) }), link},
		"shorter than it is": {attached("a.png", "image/png", "x", func(a *message.Attachment) { a.Size = 5 }), link},
		"no link for ever":   {attached("a.png", "image/png", "x", func(a *message.Attachment) { a.Open, a.ExpiresAt = nil, nil }), "[a.png] https://bridge.example.com/files/1"},
		"cannot be had":      {attached("a.png", "image/png", "x", func(a *message.Attachment) { a.Open, a.URL = nil, "" }), "[a.png could not be fetched]"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.deliver(withFiles(c.file))
			if got := r.texts(0); len(got) != 2 || got[1] != c.want {
				t.Errorf("the helpdesk has %q, want %q", got, c.want)
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		r := newRig(t)
		r.app.RefuseFiles = true
		r.deliver(withFiles(attached("a.png", "image/png", "x")))
		if got := r.texts(0); len(got) != 2 || got[1] != link {
			t.Errorf("the helpdesk has %q, want %q", got, link)
		}
	})
}

func failing(half io.Reader) func(context.Context) (io.ReadCloser, error) {
	broken := errors.New("the file is gone")
	return func(context.Context) (io.ReadCloser, error) {
		if half == nil {
			return nil, broken
		}
		return io.NopCloser(io.MultiReader(half, failingReader{broken})), nil
	}
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

// An app that takes no files now is asked again; nothing of the message is there yet.
func TestUploadsThatHaveToWait(t *testing.T) {
	for name, c := range map[string]struct {
		fault fake.Fault
		want  message.Class
	}{
		"busy":         {fake.Fault{Status: 429, Header: fake.RetryLater()}, message.Throttled},
		"out of order": {fake.Fault{Status: 500}, message.Transient},
		"a lost call":  {fake.Fault{Reset: true}, message.Transient},
		"no access":    {fake.Fault{Status: 403}, message.Auth},
		"no answer":    {fake.Fault{Status: 201, Header: http.Header{"X-Empty": {"yes"}}}, message.Transient},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.deliver(text("before"))
			r.app.Script.Next(fake.Fault{}, c.fault)
			failed := withFiles(attached("a.png", "image/png", "x"))
			if _, err := r.Deliver(r.context(), failed); class(err) != c.want {
				t.Errorf("error %v, want %s", err, c.want)
			}
			if got := r.texts(0); len(got) != 1 {
				t.Errorf("the helpdesk has %q", got)
			}
			r.deliver(failed)
		})
	}
}
