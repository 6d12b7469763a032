package fileform

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"bizbridge/bridge/message"
)

func file(name, mimeType string, stream io.Reader) message.Attachment {
	return message.Attachment{
		ID: "id", Name: name, MIMEType: mimeType, Size: 5,
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(stream), nil },
	}
}

// parts reads a form: name, file name, type and bytes of each part.
func parts(t *testing.T, contentType string, body io.Reader) (all [][4]string) {
	t.Helper()
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatal(err)
	}
	for reader := multipart.NewReader(body, params["boundary"]); ; {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, [4]string{part.FormName(), part.FileName(), part.Header.Get("Content-Type"), string(data)})
	}
}

func TestStream(t *testing.T) {
	contentType, body, size := Stream("files", file(`a "b".txt`, "text/plain", nil), strings.NewReader("hello"))
	whole, err := io.ReadAll(body)
	if err != nil || int64(len(whole)) != size {
		t.Errorf("%d bytes, %v, want %d", len(whole), err, size)
	}
	if got := parts(t, contentType, strings.NewReader(string(whole))); len(got) != 1 || got[0] != [4]string{"files", `a "b".txt`, "text/plain", "hello"} {
		t.Errorf("%q", got)
	}
	for what, stream := range map[string]string{"less": "hell", "more": "hello!"} {
		_, body, _ := Stream("files", file("a", "", nil), strings.NewReader(stream))
		if _, err := io.ReadAll(body); err == nil {
			t.Errorf("a file that is %s than it says", what)
		}
	}
}

func TestWrite(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	var log strings.Builder
	form, err := Write(slog.New(slog.NewTextHandler(&log, nil)), func(w *Writer) error {
		for i, one := range []message.Attachment{
			file("broken", "text/plain", io.MultiReader(strings.NewReader("he"), iotest.ErrReader(errors.New("gone")))),
			{ID: "closed", Open: func(context.Context) (io.ReadCloser, error) { return nil, errors.New("gone") }},
			file("whole", "", strings.NewReader("hello")),
		} {
			if ok, err := w.AddFile(t.Context(), "file", one); ok != (i == 2) || err != nil {
				t.Errorf("%s: %t, %v", one.Name, ok, err)
			}
		}
		return w.WriteField("text", "Hi")
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		whole, err := io.ReadAll(form.Open())
		if err != nil || int64(len(whole)) != form.Size {
			t.Errorf("%d bytes, %v, want %d", len(whole), err, form.Size)
		}
		if got := parts(t, form.ContentType, strings.NewReader(string(whole))); len(got) != 2 ||
			got[0] != [4]string{"file", "whole", "", "hello"} || got[1] != [4]string{"text", "", "", "Hi"} {
			t.Errorf("%q", got)
		}
	}
	if n := strings.Count(log.String(), "as a link only"); n != 2 {
		t.Errorf("the log: %s", log.String())
	}
	form.Remove()
	_, err = Write(slog.New(slog.DiscardHandler), func(*Writer) error { return errors.New("full") })
	if failure := message.FailureOf(err); failure == nil || failure.Class != message.Transient || !strings.Contains(failure.Error(), "full") {
		t.Errorf("a full disk: %v", err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
	t.Setenv("TMPDIR", folder+"/none")
	if _, err := Write(slog.New(slog.DiscardHandler), nil); message.FailureOf(err).Class != message.Transient {
		t.Errorf("without a folder: %v", err)
	}
}
