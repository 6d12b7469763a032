package bridge

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// formPart is one part of a form.
type formPart struct{ name, file, contentType, content string }

func form(t *testing.T, parts ...formPart) (contentType string, body []byte) {
	t.Helper()
	var out bytes.Buffer
	writer := multipart.NewWriter(&out)
	for _, part := range parts {
		header := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name=%q`, part.name)}}
		if part.file != "" {
			header.Set("Content-Disposition", multipart.FileContentDisposition(part.name, part.file))
		}
		if part.contentType != "" {
			header.Set("Content-Type", part.contentType)
		}
		to, err := writer.CreatePart(header)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(to, part.content)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return writer.FormDataContentType(), out.Bytes()
}

func formOf(t *testing.T, contentType string, body []byte) []formPart {
	t.Helper()
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatal(err)
	}
	reader := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	var parts []formPart
	for {
		part, err := reader.NextPart()
		if err == io.EOF {
			return parts
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, formPart{part.FormName(), part.FileName(), part.Header.Get("Content-Type"), string(content)})
	}
}

func verifySignature(t *testing.T, got received) {
	t.Helper()
	verifier, err := standardwebhooks.NewWebhook(deskSecret)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify(got.body, got.header); err != nil {
		t.Errorf("the signature: %v", err)
	}
}

// messagePart is the JSON of a message with files beside it.
func messagePart(fields map[string]any) formPart {
	if fields["content"] == nil {
		fields["content"] = map[string]any{"kind": "files", "text": "look"}
	}
	return formPart{"message", "", "application/json", sendBody(fields)}
}

// newFormWorld is a world with a temporary folder of its own, which has to be empty at its end.
func newFormWorld(t *testing.T) (*world, *fileStore) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	s := newFileStore(t)
	w := newFilesWorld(t, s)
	t.Cleanup(func() { wantNoTemporaryFiles(t) })
	return w, s
}

func (w *world) postForm(contentType string, body []byte) answer {
	w.t.Helper()
	return w.do("POST", "/v1/messages", map[string]string{"Authorization": "Bearer " + apiToken, "Content-Type": contentType}, body)
}

// begin sends the header of a form.
func (w *world) begin(contentType string, length int) net.Conn {
	w.t.Helper()
	connection, err := net.Dial("tcp", w.app.PublicAddr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	fmt.Fprintf(connection, "POST /base/v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", apiToken, contentType, length)
	return connection
}

// linkInForm lets a customer send a file that Apple's store does not give whole. The words must come all the same.
func (w *world) linkInForm(s *fileStore, id string, content []byte) string {
	w.t.Helper()
	got := w.fromPhone(s.fromPhoneWith(w.t, id, "small.jpg", "image/jpeg", content))
	requests := w.desk.all()
	request := requests[len(requests)-1]
	verifySignature(w.t, request)
	form := formOf(w.t, request.header.Get("Content-Type"), request.body)
	if got.status != http.StatusOK || len(form) != 1 || !strings.Contains(form[0].content, id) {
		w.t.Fatalf("%d, %d parts: %.300q", got.status, len(form), fmt.Sprint(form))
	}
	_, rest, _ := strings.Cut(form[0].content, `"url":"http://127.0.0.1/base`)
	link, _, _ := strings.Cut(rest, `"`)
	return link
}

// pointers lists the faults of a 422 as "pointer rule".
func pointers(t *testing.T, a answer) string {
	t.Helper()
	var all []string
	faults, _ := a.json(t)["errors"].([]any)
	for _, fault := range faults {
		fault := fault.(map[string]any)
		all = append(all, fmt.Sprint(fault["pointer"], " ", fault["rule"]))
	}
	return strings.Join(all, ", ")
}

// slowly posts a body in pieces, with a pause before each, and gives the answer.
func slowly(t *testing.T, address, contentType string, body []byte, pieces int, pause time.Duration) (*http.Response, error) {
	t.Helper()
	reader, writer := io.Pipe()
	go func() {
		size := len(body)/pieces + 1
		for len(body) > 0 {
			time.Sleep(pause)
			n := min(size, len(body))
			if _, err := writer.Write(body[:n]); err != nil {
				return
			}
			body = body[n:]
		}
		_ = writer.Close()
	}()
	req, err := http.NewRequest("POST", address, reader)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = int64(len(body))
	req.Header.Set("Authorization", "Bearer "+apiToken)
	req.Header.Set("Content-Type", contentType)
	return http.DefaultClient.Do(req)
}

func temporaryFiles(t *testing.T) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func wantNoTemporaryFiles(t *testing.T) {
	t.Helper()
	if entries := temporaryFiles(t); len(entries) > 0 {
		t.Errorf("left on disk: %v", entries)
	}
}

func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for range 300 {
		if so() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("it does not come about that %s", what)
}
