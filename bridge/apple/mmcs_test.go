package apple

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/message"
)

var keyForm = regexp.MustCompile(`^00[0-9a-f]{64}$`)

// plainOf decrypts what the store has with the key of a message's entry, as a phone does.
func (s *appleStore) plainOf(t testing.TB, entry wireEntry) []byte {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	stored := s.objects[entry.URL]
	if stored == nil || !keyForm.MatchString(entry.Key) || entry.Signature != checksum(stored.ciphertext) {
		t.Fatalf("nothing is stored for %+v", entry)
	}
	return crypted(entry.Key[2:], stored.ciphertext)
}

func TestFilesAreStoredEncryptedAndNamedInTheMessage(t *testing.T) {
	s := newAppleStore(t)
	c, _ := newTestClient(t, s.URL+"/v1")
	contents := [][]byte{pattern(100_003), {}, []byte("x")}
	var counts opening
	files := []File{counts.file(contents[0]), counts.file(contents[1]), counts.file(contents[2])}
	files[2].Name, files[2].MIMEType = `a "b" é.pkpass`, "application/vnd.apple.pkpass"
	if failure := send(t, c, 5*time.Second, withFiles("Look:", files...)); failure != nil {
		t.Fatal(failure)
	}
	if steps := s.steps(); steps != "preUpload upload preUpload upload preUpload upload message" {
		t.Error(steps)
	}
	sent := s.messages(t)[0]
	if sent.Type != "text" || sent.Body != "Look:\uFFFC\uFFFC\uFFFC" || len(sent.Attachments) != len(files) {
		t.Fatalf("%+v", sent)
	}
	keys := map[string]bool{}
	for i, entry := range sent.Attachments {
		if got := s.plainOf(t, entry); !bytes.Equal(got, contents[i]) {
			t.Errorf("%d: the phone sees other bytes", i)
		}
		if entry.Name != files[i].Name || entry.MIMEType != files[i].MIMEType || entry.Size != fmt.Sprint(len(contents[i])) || !strings.HasSuffix(entry.Owner, ".C01USN00") {
			t.Errorf("%d: %+v", i, entry)
		}
		keys[entry.Key] = true
	}
	if len(keys) != len(files) {
		t.Error("a key was used twice")
	}
	if opened, closed := counts.counts(); opened != len(files) || closed != opened {
		t.Errorf("%d opened, %d closed", opened, closed)
	}
	// A string, and no members beside those that Apple documents.
	members := unmarshal[struct{ Attachments []map[string]any }](t, s.callsOf("message")[0].body).Attachments[0]
	for _, name := range []string{"name", "mimeType", "size", "signature-base64", "url", "owner", "key"} {
		if _, ok := members[name].(string); !ok {
			t.Errorf("%s is %v", name, members[name])
		}
	}
	if len(members) != 7 {
		t.Errorf("%v", members)
	}
}

func TestTheStoresCallsHaveTheHeadersThatAppleWants(t *testing.T) {
	s := newAppleStore(t)
	c, _ := newTestClient(t, s.URL+"/v1")
	var counts opening
	if failure := send(t, c, 5*time.Second, withFiles("", counts.file(pattern(12345)))); failure != nil {
		t.Fatal(failure)
	}
	asked, uploaded := s.callsOf("preUpload")[0], s.callsOf("upload")[0]
	bearer := asked.header.Get("Authorization")
	if !strings.HasPrefix(bearer, "Bearer ") || s.callsOf("message")[0].header.Get("Authorization") != bearer {
		t.Errorf("%q", bearer)
	}
	want := http.Header{
		"Authorization": {bearer}, "Source-Id": {businessA}, "Mmcs-Size": {"12345"}, "Size": {"12345"}, "User-Agent": {"bizbridge/1.2.3"}, "Accept-Encoding": {"gzip"},
	}
	if diff := cmp.Diff(want, asked.header); diff != "" || asked.uri != "/v1/preUpload" {
		t.Error(asked.uri, diff)
	}
	uploaded.header.Del("User-Agent")
	want = http.Header{"Content-Type": {"application/octet-stream"}, "Content-Length": {"12345"}, "Accept-Encoding": {"gzip"}}
	if diff := cmp.Diff(want, uploaded.header); diff != "" || !strings.HasSuffix(uploaded.uri, mixedQuery) {
		t.Error(uploaded.uri, diff)
	}
}

// uploadOf is an answer of the store to the upload of one byte.
func uploadOf(sum, size string) string {
	return `{"singleFile":{"fileChecksum":` + sum + size + `,"receipt":"x"}}`
}

const sumOf21 = `"gaYZyB2loBxhOSGaXSDhdDDGMeHr"`

func TestAnAnswerThatIsNoneGetsAnotherSlotAndAnotherKey(t *testing.T) {
	for name, test := range map[string]struct {
		step  string
		fault http.HandlerFunc
	}{
		"preUpload: nothing":             {"preUpload", says(200, "")},
		"preUpload: null":                {"preUpload", says(200, "null")},
		"preUpload: a list":              {"preUpload", says(200, "[]")},
		"preUpload: a page":              {"preUpload", says(200, "<html>Welcome</html>")},
		"preUpload: half":                {"preUpload", says(200, `{"upload-url":"https://x/`)},
		"preUpload: no upload-url":       {"preUpload", says(200, `{"mmcs-url":"https://x/","mmcs-owner":"o"}`)},
		"preUpload: no mmcs-url":         {"preUpload", says(200, `{"upload-url":"https://x/","mmcs-owner":"o"}`)},
		"preUpload: no owner":            {"preUpload", says(200, `{"upload-url":"https://x/","mmcs-url":"https://x/"}`)},
		"preUpload: numbers":             {"preUpload", says(200, `{"upload-url":1,"mmcs-url":2,"mmcs-owner":3}`)},
		"preUpload: a relative address":  {"preUpload", says(200, `{"upload-url":"/x","mmcs-url":"https://x/","mmcs-owner":"o"}`)},
		"preUpload: another scheme":      {"preUpload", says(200, `{"upload-url":"file:///x","mmcs-url":"https://x/","mmcs-owner":"o"}`)},
		"preUpload: an address with a @": {"preUpload", says(200, `{"upload-url":"https://u:p@x/","mmcs-url":"https://x/","mmcs-owner":"o"}`)},
		"upload: nothing":                {"upload", says(200, "")},
		"upload: null":                   {"upload", says(200, "null")},
		"upload: a page":                 {"upload", says(200, "<html>Welcome</html>")},
		"upload: no checksum":            {"upload", says(200, `{"singleFile":{"size":1}}`)},
		"upload: an empty checksum":      {"upload", says(200, uploadOf(`""`, `,"size":1`))},
		"upload: a checksum in hex":      {"upload", says(200, uploadOf(`"81a619c81da5a01c6139219a5d20e17430c631e1eb"`, `,"size":1`))},
		"upload: 40 digits of hex":       {"upload", says(200, uploadOf(`"81a619c81da5a01c6139219a5d20e17430c631e1"`, `,"size":1`))},
		"upload: no base64":              {"upload", says(200, uploadOf(`"gaYZyB2loBxhOSGaXSDhdDDGMe_-"`, `,"size":1`))},
		"upload: base64 in two lines":    {"upload", says(200, uploadOf(`"gaYZyB2loBxhOS\nGaXSDhdDDGMeHr"`, `,"size":1`))},
		"upload: a short checksum":       {"upload", says(200, uploadOf(`"gaYZ"`, `,"size":1`))},
		"upload: a checksum of a number": {"upload", says(200, uploadOf(`1`, `,"size":1`))},
		"upload: fewer bytes":            {"upload", says(200, uploadOf(sumOf21, `,"size":0`))},
		"upload: more bytes":             {"upload", says(200, uploadOf(sumOf21, `,"size":"2"`))},
		"upload: created":                {"upload", says(201, uploadOf(sumOf21, `,"size":1`))},
		"upload: no content":             {"upload", says(204, "")},
		"upload: a redirect":             {"upload", says(307, "", "Location", "/elsewhere")},
		"upload: forbidden":              {"upload", says(403, "expired")},
		"upload: busy":                   {"upload", says(503, "")},
		"upload: broken":                 {"upload", says(500, "")},
		"upload: hangs up":               {"upload", hangsUp("")},
		"upload: hangs up while talking": {"upload", hangsUp("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"singleFile\":")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newAppleStore(t)
			c, _ := newTestClient(t, s.URL+"/v1")
			s.faults[test.step] = []http.HandlerFunc{test.fault}
			var counts opening
			if failure := send(t, c, 5*time.Second, withFiles("", counts.file([]byte("x")))); failure != nil {
				t.Fatal(failure)
			}
			want := "preUpload upload preUpload upload message"
			if test.step == "preUpload" {
				want = "preUpload preUpload upload message"
			}
			uploads := s.callsOf("upload")
			opened, closed := counts.counts()
			if steps := s.steps(); steps != want || opened != len(uploads) || closed != opened {
				t.Errorf("%s; %d opened, %d closed", steps, opened, closed)
			}
			if len(uploads) == 2 && uploads[0].uri == uploads[1].uri {
				t.Error("a slot was used twice")
			}
			if got := s.plainOf(t, s.messages(t)[0].Attachments[0]); string(got) != "x" {
				t.Errorf("%q", got)
			}

			s.forget()
			s.always[test.step] = test.fault
			failure := send(t, c, 5*time.Second, withFiles("", counts.file([]byte("x"))))
			if failure == nil || failure.Class != message.Transient || len(s.callsOf("preUpload")) != uploadTries || len(s.callsOf("message")) != 0 {
				t.Errorf("%s: %+v", s.steps(), failure)
			}
		})
	}
}

func TestAStoreMayLeaveOutTheSizeOrWriteItAsText(t *testing.T) {
	for _, size := range []string{"", `,"size":1`, `,"size":"1"`, `,"size":null`} {
		s := newAppleStore(t)
		c, _ := newTestClient(t, s.URL+"/v1")
		s.always["upload"] = says(200, uploadOf(sumOf21, size))
		var counts opening
		if failure := send(t, c, time.Second, withFiles("", counts.file([]byte("x")))); failure != nil || s.messages(t)[0].Attachments[0].Signature != strings.Trim(sumOf21, `"`) {
			t.Errorf("%q: %v", size, failure)
		}
	}
}

func TestAnotherTryEncryptsWithAnotherKey(t *testing.T) {
	s := newAppleStore(t)
	c, _ := newTestClient(t, s.URL+"/v1")
	first := make(chan []byte, 1)
	s.faults["upload"] = []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		first <- body
		w.WriteHeader(500)
	}}
	content := pattern(1000)
	var counts opening
	if failure := send(t, c, 5*time.Second, withFiles("", counts.file(content))); failure != nil {
		t.Fatal(failure)
	}
	entry, lost := s.messages(t)[0].Attachments[0], <-first
	if !bytes.Equal(s.plainOf(t, entry), content) || bytes.Equal(crypted(entry.Key[2:], lost), content) || len(lost) != len(content) {
		t.Error("the key is the one that the first try used")
	}
}

func TestARefusedTokenIsReplacedOnceAlsoForFiles(t *testing.T) {
	for _, step := range []string{"preUpload", "preDownload"} {
		for _, status := range []int{401, 403} {
			s := newAppleStore(t)
			c, _ := newTestClient(t, s.URL+"/v1")
			do := func() error {
				if step == "preUpload" {
					var counts opening
					if failure := send(t, c, 5*time.Second, withFiles("", counts.file([]byte("x")))); failure != nil {
						return failure
					}
					return nil
				}
				_, err := fetched(t, c, s, []byte("x"), 0, -1)
				return err
			}
			s.faults[step] = []http.HandlerFunc{says(status, "")}
			if err := do(); err != nil || len(s.callsOf(step)) != 2 {
				t.Errorf("%s %d: %s, %v", step, status, s.steps(), err)
			}
			s.forget()
			s.always[step] = says(status, "")
			if err := do(); message.FailureOf(err) == nil || message.FailureOf(err).Class != message.Auth || len(s.callsOf(step)) != 2 {
				t.Errorf("%s %d: %s, %v", step, status, s.steps(), err)
			}
		}
	}
}

// No customer is asked for by these calls: that one is out of reach, or has closed the conversation, would be made up.
func TestARefusalOfTheStoresCallsSaysNothingOfTheCustomer(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]message.Class{
		400: message.Invalid, 404: message.Permanent, 410: message.Permanent, 413: message.Permanent, 429: message.Throttled, 500: message.Transient, 503: message.Transient,
	} {
		s := newAppleStore(t)
		c, _ := newTestClient(t, s.URL+"/v1")
		s.always["preUpload"], s.always["preDownload"] = says(status, "", "Retry-After", "60"), says(status, "", "Retry-After", "60")
		var counts opening
		if failure := send(t, c, 300*time.Millisecond, withFiles("", counts.file([]byte("x")))); failure == nil || failure.Class != want {
			t.Errorf("%d: %+v", status, failure)
		}
		if _, err := fetched(t, c, s, []byte("x"), 0, -1); message.FailureOf(err) == nil || message.FailureOf(err).Class != want {
			t.Errorf("%d: %v", status, err)
		}
		if opened, _ := counts.counts(); opened != 0 || len(s.callsOf("message")) != 0 {
			t.Errorf("%d: %s, %d opened", status, s.steps(), opened)
		}
	}
}

func TestAnAddressWithoutTLSIsForASandboxOnThisMachineOnly(t *testing.T) {
	t.Parallel()
	for address, want := range map[string][2]bool{ // beside Apple's gateway, beside a sandbox
		"https://p00-content.icloud.com/x?y=z": {true, true}, "https://127.0.0.1/": {true, true}, "HTTPS://x/": {true, true},
		"http://p00-content.icloud.com/x": {false, true}, "http://127.0.0.1:1/": {false, true},
		"ftp://x/": {}, "//x/": {}, "/x": {}, "": {}, "https:///x": {}, "https://:443/": {}, "https://u@x/": {}, "https:x": {}, "file:///x": {}, "https://[::1/": {},
	} {
		for i, gateway := range []string{"https://mspgw.push.apple.com/v1", "http://127.0.0.1:8080/v1"} {
			c, _ := newTestClient(t, gateway)
			if got := c.acceptable(address); got != want[i] {
				t.Errorf("%s beside %s: %v", address, gateway, got)
			}
		}
	}
	for gateway, want := range map[string]bool{
		"http://127.0.0.1/v1": true, "http://localhost:1/v1": true, "http://[::1]:1/v1": true, "https://127.0.0.1/v1": false, "http://10.0.0.1/v1": false, "http://mspgw.example.com/v1": false,
	} {
		if c, _ := newTestClient(t, gateway); c.loopback != want {
			t.Errorf("%s: %v", gateway, !want)
		}
	}
	// And it is not called.
	s := newAppleStore(t)
	c, _ := newTestClient(t, s.URL+"/v1")
	c.loopback = false
	var counts opening
	if failure := send(t, c, time.Second, withFiles("", counts.file([]byte("x")))); failure == nil || s.steps() != "preUpload preUpload" {
		t.Errorf("%s, %v", s.steps(), failure)
	}
	s.forget()
	if _, err := fetched(t, c, s, []byte("x"), 0, -1); err == nil || s.steps() != "preDownload" {
		t.Errorf("%s, %v", s.steps(), err)
	}
}

func TestASourceThatIsNotWhatItSaidIsNeverSentAsAWholeFile(t *testing.T) {
	t.Parallel()
	content := pattern(100_000)
	part := func(n int) io.Reader { return bytes.NewReader(content[:n]) }
	broken := &message.Failure{Class: message.Transient, Reason: "the sender broke off"}
	for name, source := range map[string]func() io.Reader{
		"fails at once":            func() io.Reader { return iotest.ErrReader(broken) },
		"fails in the middle":      func() io.Reader { return io.MultiReader(part(50_000), iotest.ErrReader(broken)) },
		"fails in place of an end": func() io.Reader { return io.MultiReader(part(100_000), iotest.ErrReader(broken)) },
		"is shorter":               func() io.Reader { return part(99_999) },
		"is empty":                 func() io.Reader { return part(0) },
		"is longer":                func() io.Reader { return io.MultiReader(part(100_000), part(1)) },
	} {
		s := newAppleStore(t)
		c, _ := newTestClient(t, s.URL+"/v1")
		var counts opening
		failure := send(t, c, 5*time.Second, withFiles("", counts.reading(int64(len(content)), func(int) io.Reader { return source() })))
		opened, closed := counts.counts()
		if failure == nil || failure.Class != message.Transient || opened != uploadTries || closed != opened || len(s.callsOf("message")) != 0 {
			t.Errorf("%s: %v; %d opened, %d closed; %s", name, failure, opened, closed, s.steps())
		}
		if strings.HasPrefix(name, "fails") && !errors.Is(failure, broken) {
			t.Errorf("%s: %v is not the source's", name, failure)
		}
		if n := s.stored(); n != 0 {
			t.Errorf("%s: the store has %d whole files", name, n)
		}

		// One that recovers is sent.
		failure = send(t, c, 5*time.Second, withFiles("", counts.reading(int64(len(content)), func(try int) io.Reader {
			if try == uploadTries+1 {
				return source()
			}
			return part(100_000)
		})))
		if failure != nil || !bytes.Equal(s.plainOf(t, s.messages(t)[0].Attachments[0]), content) {
			t.Errorf("%s: %v", name, failure)
		}
	}
}

func TestASourceThatCannotBeOpenedEndsTheMessage(t *testing.T) {
	for class, tries := range map[message.Class]int{message.Invalid: 1, message.Permanent: 1, message.Canceled: 1, message.Transient: uploadTries} {
		s := newAppleStore(t)
		c, _ := newTestClient(t, s.URL+"/v1")
		file := File{Name: "x", MIMEType: "image/png", Size: 1, Open: func(context.Context) (io.ReadCloser, error) {
			return nil, message.Failuref(class, "gone")
		}}
		failure := send(t, c, time.Second, withFiles("", file))
		if failure == nil || failure.Class != class || failure.Reason != "gone" || len(s.callsOf("preUpload")) != tries || len(s.callsOf("upload")) != 0 {
			t.Errorf("%s: %v, %s", class, failure, s.steps())
		}
	}
}

func TestAnUploadEndsWithItsTimeOrItsCaller(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		step string
		stop bool
		want message.Class
	}{
		"upload, time is up":           {"upload", false, message.Transient},
		"upload, the caller leaves":    {"upload", true, message.Canceled},
		"preUpload, time is up":        {"preUpload", false, message.Transient},
		"preUpload, the caller leaves": {"preUpload", true, message.Canceled},
	} {
		s := newAppleStore(t)
		c, _ := newTestClient(t, s.URL+"/v1")
		s.always[test.step] = hangs
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if test.stop {
			ctx, cancel = context.WithCancel(t.Context())
			time.AfterFunc(200*time.Millisecond, cancel)
		}
		var counts opening
		began := time.Now()
		_, err := c.Send(ctx, withFiles("", counts.file(pattern(1000))))
		cancel()
		failure := message.FailureOf(err)
		opened, closed := counts.counts()
		if failure == nil || failure.Class != test.want || time.Since(began) > 2*time.Second || len(s.callsOf("message")) != 0 || opened != closed {
			t.Errorf("%s: %+v after %s, %s", name, failure, time.Since(began), s.steps())
		}
		if strings.Contains(fmt.Sprint(err), hex.EncodeToString([]byte("put"))) || strings.Contains(fmt.Sprint(err), "sig=") {
			t.Errorf("%v holds the address", err)
		}
	}
}
