package bridge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"bizbridge/bridge/message"
)

func TestFilesOfAFormReachApplesStoreEncryptedAndDecryptToTheSameBytes(t *testing.T) {
	w, s := newFormWorld(t)
	exact := strings.Repeat("x", 200_000) // media.max_size
	got := w.postForm(form(t,
		messagePart(map[string]any{"id": "k", "content": map[string]any{"kind": "files", "text": "look", "files": []any{map[string]any{"data": "aGVsbG8=", "name": "hello.txt"}}}}),
		formPart{"file", "Größe.jpg", "image/jpeg", string(photo[:150_000])},
		formPart{"anything", "../../etc/\u202egpj.zip", "", "PK"},
		formPart{"no name", "", "application/pdf", "%PDF-1.7"},
	))
	if got.status != http.StatusOK {
		t.Fatalf("%d: %s", got.status, got.body)
	}
	answer := got.json(t)
	diff(t, "status", []any{answer["id"], answer["status"], len(answer["parts"].([]any))}, []any{"k", "accepted", 1})
	sent := s.messages()[0]
	diff(t, "text", sent.Body, "look\uFFFC\uFFFC\uFFFC\uFFFC")
	var names []string
	for _, file := range sent.Attachments {
		names = append(names, file.Name+" "+file.MimeType)
	}
	diff(t, "names and types", names, []string{"hello.txt text/plain", "Größe.jpg image/jpeg", "gpj.zip application/zip", "file.pdf application/pdf"})
	if files := s.opened(t, sent); strings.Join(files, "|") != strings.Join([]string{"hello", string(photo[:150_000]), "PK", "%PDF-1.7"}, "|") {
		t.Errorf("the phone reads %d files of other bytes", len(files))
	}
	for name, stored := range s.files {
		if bytes.Contains(stored, []byte("photo")) || bytes.Contains(stored, []byte("hello")) {
			t.Errorf("%s is not encrypted", name)
		}
	}
	if got := w.postForm(form(t, messagePart(map[string]any{"id": "exact"}), formPart{"f", "a.bin", "", exact})); got.status != http.StatusOK {
		t.Errorf("a file of just media.max_size: %d %s", got.status, got.body)
	}
	for series, want := range map[string]float64{
		`bizbridge_attachments_total{direction="outbound",outcome="streamed"}`:      5,
		`bizbridge_attachment_bytes_total{direction="outbound",outcome="streamed"}`: 5 + 150_000 + 2 + 8 + 200_000,
	} {
		if got := w.metric(series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
}

func TestAFormThatIsNotRightIsRefusedWithItsReason(t *testing.T) {
	w, s := newFormWorld(t)
	good := messagePart(map[string]any{"id": "k"})
	file := formPart{"f", "a.txt", "text/plain", "hello"}
	many := []formPart{good}
	for range 21 {
		many = append(many, file)
	}
	kind := func(content map[string]any) formPart { return messagePart(map[string]any{"content": content}) }
	large := func(n int) formPart { return formPart{"f", "a.bin", "", strings.Repeat("x", n)} }
	for name, test := range map[string]struct {
		parts   []formPart
		status  int
		code    string
		faults  string
		in      string // the detail
		content string // type; "": that of the form
		cut     int    // bytes that are missing at the end
	}{
		"the first part is a file": {[]formPart{file, good}, 400, "malformed", "", `"message"`, "", 0},
		"no parts":                 {nil, 400, "malformed", "", "", "", 0},
		"the message is no JSON":   {[]formPart{{"message", "", "", "hello"}, file}, 400, "malformed", "", "JSON", "", 0},
		"a text with a file":       {[]formPart{kind(map[string]any{"kind": "text", "text": "hi"}), file}, 422, "invalid", "/data/content/kind const", "", "", 0},
		"a form without files":     {[]formPart{good}, 422, "invalid", "/data/content/files minItems", "", "", 0},
		"an empty file":            {[]formPart{good, file, {"f", "a", "", ""}}, 422, "invalid", "/data/content/files/1 file", "", "", 0},
		"a name too long":          {[]formPart{good, {"f", strings.Repeat("n", 1000), "", "x"}}, 422, "invalid", "/data/content/files/0/name maxLength", "", "", 0},
		"too many files":           {many, 422, "invalid", "/data/content/files maxItems", "", "", 0},
		"a file too large":         {[]formPart{good, large(200_001)}, 413, "too_large", "", "media.max_size", "", 0},
		"files too large together": {[]formPart{good, large(150_000), large(150_000)}, 413, "too_large", "", "media.max_size", "", 0},
		"the message is too large": {[]formPart{{"message", "", "", sendBody(map[string]any{"x": strings.Repeat("x", 65_000)})}, file}, 413, "too_large", "", "limits.max_body", "", 0},
		"without a boundary":       {[]formPart{good, file}, 400, "malformed", "", "", "multipart/form-data", 0},
		"with another boundary":    {[]formPart{good, file}, 400, "malformed", "", "", "multipart/form-data; boundary=other", 0},
		"cut in its last boundary": {[]formPart{good, file}, 400, "malformed", "", "multipart", "", 6},
		"cut before the last one":  {[]formPart{good, file}, 400, "malformed", "", "multipart", "", 68},
		"cut within a file":        {[]formPart{good, large(1000)}, 400, "malformed", "", "multipart", "", 500},
		"cut within the message":   {[]formPart{good}, 400, "malformed", "", "multipart", "", 100},
	} {
		t.Run(name, func(t *testing.T) {
			contentType, body := form(t, test.parts...)
			if test.content != "" {
				contentType = test.content
			}
			got := w.postForm(contentType, body[:len(body)-test.cut])
			if got.status != test.status || problemOf(t, got) != test.code {
				t.Fatalf("%d: %s, want %d %s", got.status, got.body, test.status, test.code)
			}
			if faults := pointers(t, got); faults != test.faults {
				t.Errorf("faults %q, want %q", faults, test.faults)
			}
			if detail := fmt.Sprint(got.json(t)["detail"]); !strings.Contains(detail, test.in) || strings.Contains(detail, "/tmp") {
				t.Errorf("detail %q, want %q in it", detail, test.in)
			}
			wantNoTemporaryFiles(t)
		})
	}
	if n := len(s.messages()); n > 0 {
		t.Errorf("%d messages were sent", n)
	}
	if got := w.do("POST", "/v1/messages", map[string]string{"Authorization": "Bearer wrong", "Content-Type": "multipart/form-data; boundary=x"}, []byte("--x")); got.status != http.StatusUnauthorized {
		t.Errorf("a wrong token: %d", got.status)
	}
}

// A form that was cut between two files must not look whole: the second would be lost without a word.
func TestAFormIsWholeOnlyWithItsLastBoundary(t *testing.T) {
	w, s := newFormWorld(t)
	contentType, body := form(t, messagePart(map[string]any{"id": "k"}), formPart{"f", "a.txt", "text/plain", "hello"}, formPart{"f", "b.txt", "text/plain", "world"})
	second := bytes.LastIndex(body, []byte("--"+strings.TrimPrefix(contentType, "multipart/form-data; boundary=")+"\r\n"))
	for cut := second; cut < len(body)-2; cut++ { // everywhere from the second file's boundary to the last boundary's dashes
		if got := w.postForm(contentType, body[:cut]); got.status != http.StatusBadRequest || problemOf(t, got) != "malformed" {
			t.Errorf("cut after %q: %d %s", body[second:cut], got.status, got.body)
		}
	}
	if got := w.postForm(contentType, body[:len(body)-2]); got.status != http.StatusOK { // some leave out the last line end
		t.Errorf("without the last line end: %d %s", got.status, got.body)
	}
	if got := w.postForm(contentType, append(body, "an epilogue"...)); got.status != http.StatusOK {
		t.Errorf("with an epilogue: %d %s", got.status, got.body)
	}
	if sent := s.messages(); len(sent) != 1 || len(sent[0].Attachments) != 2 {
		t.Errorf("sent %+v", sent)
	}
}

// Who sends thousands of little files is stopped at the first that is too many.
func TestTooManyFilesAreRefusedBeforeTheRestHasCome(t *testing.T) {
	w, _ := newFormWorld(t)
	parts := []formPart{messagePart(map[string]any{"id": "k"})}
	for range 22 {
		parts = append(parts, formPart{"f", "a.txt", "text/plain", "hello"})
	}
	contentType, body := form(t, parts...)
	connection := w.begin(contentType, 1<<20)    // of which net/http would wait for the last 256 KB before it answers
	_, _ = connection.Write(body[:len(body)-70]) // all but the last boundary
	_ = connection.SetReadDeadline(time.Now().Add(5 * time.Second))
	line := make([]byte, 12)
	if _, err := io.ReadFull(connection, line); err != nil || string(line) != "HTTP/1.1 422" {
		t.Errorf("%q, %v", line, err)
	}
	_ = connection.Close()
}

func TestARepeatOfAFormSendsNothingAndOtherBytesAreAConflict(t *testing.T) {
	w, s := newFormWorld(t)
	send := func(content string) answer {
		return w.postForm(form(t, messagePart(map[string]any{"id": "k"}), formPart{"f", "a.txt", "text/plain", content}))
	}
	first, again, other := send("hello"), send("hello"), send("hallo")
	if first.status != http.StatusOK || again.status != http.StatusOK || first.body != again.body {
		t.Errorf("first %d %s, again %d %s", first.status, first.body, again.status, again.body)
	}
	if other.status != http.StatusConflict || problemOf(t, other) != "conflict" {
		t.Errorf("other bytes: %d %s", other.status, other.body)
	}
	if len(s.messages()) != 1 || len(s.files) != 1 {
		t.Errorf("%d messages and %d files at Apple, want one of each", len(s.messages()), len(s.files))
	}
}

func TestAFormThatFailedAtAppleIsSentWhenItComesAgain(t *testing.T) {
	w, s := newFormWorld(t)
	s.answer = func(w http.ResponseWriter, n int) {
		if n == 1 {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}
	send := func() answer {
		return w.postForm(form(t, messagePart(map[string]any{"id": "k"}), formPart{"f", "a.txt", "text/plain", "hello"}))
	}
	if got := send(); got.status != http.StatusTooManyRequests {
		t.Errorf("%d: %s", got.status, got.body)
	}
	wantNoTemporaryFiles(t)
	if got := send(); got.status != http.StatusOK {
		t.Errorf("%d: %s", got.status, got.body)
	}
	sent := s.messages()
	if len(sent) != 2 || sent[0].ID != sent[1].ID || s.opened(t, sent[1])[0] != "hello" {
		t.Errorf("sent %+v", sent)
	}
	if sent[0].Attachments[0].Key == sent[1].Attachments[0].Key {
		t.Error("two uploads have one key")
	}
}

// The server's limits are for small bodies: neither the one for reading nor the one for answering ends a form that
// still comes.
func TestASlowFormKeepsTheConnectionAsLongAsSomethingComes(t *testing.T) {
	w, s := newFormWorld(t)
	impatient := httptest.NewUnstartedServer(http.HandlerFunc(w.app.servePublic))
	impatient.Config.ReadTimeout, impatient.Config.WriteTimeout = 200*time.Millisecond, 300*time.Millisecond
	impatient.Start()
	defer impatient.Close()
	contentType, body := form(t, messagePart(map[string]any{"id": "k"}), formPart{"f", "a.bin", "", string(photo[:100_000])})
	resp, err := slowly(t, impatient.URL+"/base/v1/messages", contentType, body, 10, 60*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%d: %s %v", resp.StatusCode, answer, err)
	}
	if sent := s.messages(); len(sent) != 1 || s.opened(t, sent[0])[0] != string(photo[:100_000]) {
		t.Errorf("%d messages at Apple", len(sent))
	}
	plain, err := slowly(t, impatient.URL+"/base/v1/messages", "application/json", []byte(sendBody(nil)), 10, 60*time.Millisecond)
	if err == nil {
		_ = plain.Body.Close()
		if plain.StatusCode == http.StatusOK {
			t.Error("the server has no limit at all, so this test proves nothing")
		}
	}
}

func TestASenderWhoLeavesInTheMiddleLeavesNothingBehind(t *testing.T) {
	w, s := newFormWorld(t)
	contentType, body := form(t, messagePart(map[string]any{"id": "k"}), formPart{"f", "a.bin", "", string(photo[:100_000])})
	connection := w.begin(contentType, len(body))
	_, _ = connection.Write(body[:50_000])
	until(t, "the file is on disk", func() bool { return len(temporaryFiles(t)) == 1 })
	_ = connection.Close()
	until(t, "nothing is on disk", func() bool { return len(temporaryFiles(t)) == 0 })
	if len(s.messages()) > 0 {
		t.Error("half a form was sent")
	}
}

func TestADiskThatFailsIsNoFaultOfTheForm(t *testing.T) {
	w, _ := newFormWorld(t)
	folder := os.Getenv("TMPDIR")
	t.Setenv("TMPDIR", folder+"/missing")
	got := w.postForm(form(t, messagePart(map[string]any{"id": "k"}), formPart{"f", "a.txt", "", "hello"}))
	t.Setenv("TMPDIR", folder)
	if got.status != http.StatusServiceUnavailable || problemOf(t, got) != "unavailable" || strings.Contains(got.body, folder) {
		t.Errorf("%d: %s", got.status, got.body)
	}
}

func TestADiskThatIsFullIsNoFaultOfTheForm(t *testing.T) {
	_, err := diskWriter{fullDisk{}}.Write([]byte("x"))
	if failure := message.FailureOf(partError(err)); failure.Class != message.Transient || !errors.Is(failure, syscall.ENOSPC) || errors.Is(failure, message.ErrMalformed) {
		t.Errorf("%v", failure)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// A URL in a message of the API has no helpdesk to vouch for it.
func TestAFileAtAPrivateAddressIsRefusedWithItsPointer(t *testing.T) {
	w, s := newFormWorld(t)
	body := sendBody(map[string]any{"content": map[string]any{"kind": "files", "files": []any{
		map[string]any{"data": "aGk="}, map[string]any{"url": s.server.URL + "/secret"},
	}}})
	got := w.do("POST", "/v1/messages", map[string]string{"Authorization": "Bearer " + apiToken}, []byte(body))
	if got.status != http.StatusUnprocessableEntity || pointers(t, got) != "/data/content/files/1/url file" {
		t.Errorf("%d: %s", got.status, got.body)
	}
	// The helpdesk's own origin is trusted as it is written.
	empty := w.fromDesk("1", sendBody(map[string]any{"content": map[string]any{"kind": "files", "files": []any{
		map[string]any{"url": w.desk.server.URL + "/files/a.txt"}, // it answers with nothing in it
	}}}))
	if empty.status != http.StatusUnprocessableEntity || !strings.Contains(empty.body, "empty") {
		t.Errorf("%d: %s", empty.status, empty.body)
	}
	if n := len(s.messages()); n > 0 {
		t.Errorf("%d messages were sent", n)
	}
}

// With attachments: multipart the files come beside the event, and what is larger than inline_max is a link.
func TestFilesOfACustomerComeBesideTheEventWhereAskedFor(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := newFileStore(t)
	w := newFilesWorld(t, s, "type: webhook, url", "type: webhook, attachments: multipart, url", "{timeout: 1s}", "{timeout: 2s, inline_max: 100KB}")
	small := photo[:90_000]
	if got := w.fromPhone(s.fromPhoneWith(t, "00000000-0000-4000-8000-000000000001", "small.jpg", "image/jpeg", small)); got.status != http.StatusOK {
		t.Fatalf("%d: %s", got.status, got.body)
	}
	request := w.desk.all()[0]
	verifySignature(t, request)
	form := formOf(t, request.header.Get("Content-Type"), request.body)
	if len(form) != 2 || form[0].name != "event" || form[1].name != "file0" || form[1].file != "small.jpg" || form[1].content != string(small) {
		t.Errorf("the form has %d parts: %.100q", len(form), fmt.Sprint(form))
	}
	if !strings.Contains(form[0].content, `"url"`) {
		t.Errorf("it has no link, should the bytes not come: %s", form[0].content)
	}
	link, _ := w.linkOf(s, "00000000-0000-4000-8000-000000000002", "large.jpg", "image/jpeg", photo)
	if got := w.do("GET", link, nil, nil); got.body != string(photo) {
		t.Errorf("%d", got.status)
	}

	s.mu.Lock()
	s.cut = 50_000
	s.mu.Unlock()
	link = w.linkInForm(s, "00000000-0000-4000-8000-000000000003", small)
	s.mu.Lock()
	s.cut = 0
	s.mu.Unlock()
	if got := w.do("GET", link, nil, nil); got.body != string(small) {
		t.Errorf("the link of a file that did not come beside its event: %d", got.status)
	}
	wantNoTemporaryFiles(t)
	for series, want := range map[string]float64{
		`bizbridge_attachments_total{direction="inbound",outcome="streamed"}`:      3, // one beside its event, two by their links
		`bizbridge_attachments_total{direction="inbound",outcome="linked"}`:        1,
		`bizbridge_attachments_total{direction="inbound",outcome="failed"}`:        1,
		`bizbridge_attachment_bytes_total{direction="inbound",outcome="streamed"}`: float64(2*len(small) + len(photo)),
	} {
		if got := w.metric(series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
}
