package bridge

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"bizbridge/bridge/attachment"
	"bizbridge/bridge/media"
	"bizbridge/bridge/seal"
)

// fileStore is Apple's gateway and its store of files, written from the protocol alone.
type fileStore struct {
	server *httptest.Server
	mu     sync.Mutex
	files  map[string][]byte                  // ciphertexts by their name in the store
	sent   []appleMessage                     // what was accepted
	answer func(w http.ResponseWriter, n int) // instead of 200, for the n-th message; nil: 200
	ranges []string                           // of the downloads
	cut    int                                // downloads end after so many bytes; 0: they do not
}

// appleMessage is a message as Apple gets it.
type appleMessage struct {
	ID          string
	Body        string
	Attachments []struct {
		Name, MimeType, Size, URL, Owner, Key string
		Signature                             string `json:"signature-base64"`
	}
	header http.Header
}

func newFileStore(t *testing.T) *fileStore {
	s := &fileStore{files: map[string][]byte{}}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /v1/preUpload", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		name := fmt.Sprintf("M%d-%s", len(s.files), r.Header.Get("size"))
		s.files[name] = nil
		writeAnswer(w, map[string]any{"upload-url": s.server.URL + "/up/" + name, "mmcs-url": s.server.URL + "/" + name, "mmcs-owner": name + ".C01"})
	})
	routes.HandleFunc("POST /up/{name}", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		_, size, _ := strings.Cut(r.PathValue("name"), "-")
		if err != nil || strconv.Itoa(len(body)) != size {
			http.Error(w, "another size", http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.files[r.PathValue("name")] = body
		writeAnswer(w, map[string]any{"singleFile": map[string]any{"fileChecksum": checksum(body), "size": len(body), "receipt": "r"}})
	})
	routes.HandleFunc("GET /v1/preDownload", func(w http.ResponseWriter, r *http.Request) {
		name := r.Header.Get("url")[strings.LastIndex(r.Header.Get("url"), "/")+1:]
		s.mu.Lock()
		defer s.mu.Unlock()
		if signature := r.Header.Get("signature"); r.Header.Get("source-id") != businessID || r.Header.Get("owner") != name+".C01" || signature != checksum(s.files[name]) {
			http.Error(w, "no such file", http.StatusBadRequest)
			return
		}
		writeAnswer(w, map[string]any{"download-url": s.server.URL + "/down/" + name})
	})
	routes.HandleFunc("GET /down/{name}", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		body, cut := s.files[r.PathValue("name")], s.cut
		s.ranges = append(s.ranges, r.Header.Get("Range"))
		s.mu.Unlock()
		if cut > 0 {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			_, _ = w.Write(body[:cut])
			panic(http.ErrAbortHandler)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	})
	routes.HandleFunc("POST /v1/message", func(w http.ResponseWriter, r *http.Request) {
		got := appleMessage{header: r.Header.Clone()}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		s.sent = append(s.sent, got)
		answer, n := s.answer, len(s.sent)
		s.mu.Unlock()
		if answer != nil {
			answer(w, n)
		}
	})
	s.server = httptest.NewServer(routes)
	t.Cleanup(s.server.Close)
	return s
}

func writeAnswer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

// checksum has the form of the store's: a byte for the kind, and a SHA-1.
func checksum(body []byte) string {
	sum := sha1.Sum(body)
	return base64.StdEncoding.EncodeToString(append([]byte{0x81}, sum[:]...))
}

// crypt en- or decrypts as the tutorial describes it: AES-256 in counter mode, the counter starting at zero.
func crypt(t *testing.T, key string, body []byte) []byte {
	t.Helper()
	raw, err := hex.DecodeString(strings.TrimPrefix(key, "00"))
	if err != nil || len(raw) != 32 || len(key) != 66 {
		t.Fatalf("the key %q: %v", key, err)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, len(body))
	cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(out, body)
	return out
}

func (s *fileStore) messages() []appleMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]appleMessage(nil), s.sent...)
}

// opened gives the files of a message as the phone reads them.
func (s *fileStore) opened(t *testing.T, m appleMessage) []string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var files []string
	for _, file := range m.Attachments {
		name := strings.TrimSuffix(file.Owner, ".C01")
		body := s.files[name]
		if file.URL != s.server.URL+"/"+name || file.Signature != checksum(body) || file.Size != strconv.Itoa(len(body)) {
			t.Errorf("the coordinates of %+v do not fit", file)
		}
		files = append(files, string(crypt(t, file.Key, body)))
	}
	return files
}

const fileKey = "00000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

// fromPhoneWith is the body of a text with one file, which the store has then.
func (s *fileStore) fromPhoneWith(t *testing.T, id, name, mimeType string, content []byte) string {
	t.Helper()
	encrypted := crypt(t, fileKey, content)
	s.mu.Lock()
	defer s.mu.Unlock()
	object := "P" + id
	s.files[object] = encrypted
	var body map[string]any
	_ = json.Unmarshal([]byte(phoneText(id, "look \uFFFC")), &body)
	body["attachments"] = []any{map[string]any{
		"name": name, "mimeType": mimeType, "size": len(content), "signature-base64": checksum(encrypted),
		"url": s.server.URL + "/" + object, "owner": object + ".C01", "key": fileKey,
	}}
	text, _ := json.Marshal(body)
	return string(text)
}

// newFilesWorld is a world whose Apple is a store. changes are old and new pieces of the configuration's text.
func newFilesWorld(t *testing.T, s *fileStore, changes ...string) *world {
	t.Helper()
	w := newWorld(t)
	w.configText += "media: {max_size: 200KB, ttl: 1h}\n"
	changes = append([]string{w.apple.server.URL, s.server.URL}, changes...)
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(w.configText, changes[i]) {
			t.Fatalf("%q is not in the configuration", changes[i])
		}
		w.configText = strings.Replace(w.configText, changes[i], changes[i+1], 1)
	}
	if err := w.app.Reload(); err != nil {
		t.Fatal(err)
	}
	return w
}

// linkOf lets a customer send a file and gives the link that the helpdesk gets, relative to the bridge, with its entry in the event.
func (w *world) linkOf(s *fileStore, id, name, mimeType string, content []byte) (string, map[string]any) {
	w.t.Helper()
	if got := w.fromPhone(s.fromPhoneWith(w.t, id, name, mimeType, content)); got.status != http.StatusOK {
		w.t.Fatalf("Apple hears %d: %s", got.status, got.body)
	}
	requests := w.desk.all()
	files := data(w.t, requests[len(requests)-1])["attachments"].([]any)
	if len(files) != 1 {
		w.t.Fatalf("%d files, want 1", len(files))
	}
	file := files[0].(map[string]any)
	link, ok := strings.CutPrefix(fmt.Sprint(file["url"]), "http://127.0.0.1/base")
	if !ok {
		w.t.Fatalf("the link %v is not below public_url", file["url"])
	}
	return link, file
}

var photo = bytes.Repeat([]byte("a photo, but not a small one. "), 5000)

func TestAFileOfACustomerIsBehindALinkThatWorks(t *testing.T) {
	s := newFileStore(t)
	w := newFilesWorld(t, s)
	began := time.Now()
	link, file := w.linkOf(s, "00000000-0000-4000-8000-000000000001", "Größe.jpg", "image/jpeg", photo)
	expires, err := time.Parse(time.RFC3339, fmt.Sprint(file["expires_at"]))
	if err != nil || expires.Before(began.Add(59*time.Minute)) || expires.After(began.Add(61*time.Minute)) {
		t.Errorf("expires_at is %v (%v), want an hour from now", file["expires_at"], err)
	}
	delete(file, "url")
	delete(file, "expires_at")
	diff(t, "entry of the file", file, map[string]any{"id": "00000000-0000-4000-8000-000000000001-1", "name": "Größe.jpg", "mime_type": "image/jpeg", "size": float64(len(photo))})

	whole := w.do("GET", link, nil, nil)
	if whole.status != http.StatusOK || whole.body != string(photo) {
		t.Fatalf("GET: %d with %d bytes, want 200 with the photo's %d", whole.status, len(whole.body), len(photo))
	}
	for name, want := range map[string]string{
		"Content-Type": "image/jpeg", "X-Content-Type-Options": "nosniff", "Accept-Ranges": "bytes", "Content-Length": fmt.Sprint(len(photo)),
		"Content-Disposition": `inline; filename="Gr__e.jpg"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.jpg`,
	} {
		if got := whole.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !strings.Contains(whole.header.Get("Cache-Control"), "private") || whole.header.Get("ETag") == "" {
		t.Errorf("Cache-Control %q, ETag %q", whole.header.Get("Cache-Control"), whole.header.Get("ETag"))
	}

	head := w.do("HEAD", link, nil, nil)
	if head.status != http.StatusOK || head.body != "" || head.header.Get("Content-Length") != fmt.Sprint(len(photo)) || head.header.Get("ETag") != whole.header.Get("ETag") {
		t.Errorf("HEAD: %d, %q, %v", head.status, head.body, head.header)
	}
	for asked, want := range map[string]string{
		"bytes=0-0": string(photo[:1]), "bytes=100001-100050": string(photo[100001:100051]), "bytes=-17": string(photo[len(photo)-17:]),
		"bytes=149990-": string(photo[149990:]), "bytes=149990-999999": string(photo[149990:]),
	} {
		got := w.do("GET", link, map[string]string{"Range": asked}, nil)
		if got.status != http.StatusPartialContent || got.body != want || !strings.HasSuffix(got.header.Get("Content-Range"), fmt.Sprintf("/%d", len(photo))) {
			t.Errorf("%s: %d with %q (%s), want 206 with %q", asked, got.status, got.body, got.header.Get("Content-Range"), want)
		}
	}
	s.mu.Lock()
	ranges := s.ranges
	s.mu.Unlock()
	if len(ranges) != 6 || ranges[0] != "" {
		t.Errorf("Apple's store was asked for %q; HEAD needs nothing of it, a range not the whole", ranges)
	}
	if got := w.do("GET", link, map[string]string{"Range": "bytes=150000-"}, nil); got.status != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("a range behind the end: %d", got.status)
	}
	if got := w.do("GET", link, map[string]string{"If-None-Match": whole.header.Get("ETag")}, nil); got.status != http.StatusNotModified {
		t.Errorf("If-None-Match: %d", got.status)
	}
	if got := w.do("POST", link, nil, nil); got.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", got.status)
	}
	for series, want := range map[string]float64{
		`bizbridge_attachments_total{direction="inbound",outcome="linked"}`:   1,
		`bizbridge_attachments_total{direction="inbound",outcome="streamed"}`: 6,
	} {
		if got := w.metric(series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
}

// A link that does not open tells nothing: not why, and nothing of what is in it.
func TestALinkThatIsNotGenuineIsNotFoundAndTellsNothing(t *testing.T) {
	s := newFileStore(t)
	w := newFilesWorld(t, s)
	link, _ := w.linkOf(s, "00000000-0000-4000-8000-000000000001", "secret-name.png", "image/png", photo)
	token := strings.Split(link, "/")[2]
	requests := w.desk.all()
	sealedContext := fmt.Sprint(data(t, requests[len(requests)-1])["context"])
	middle := len(token) / 2
	flipped := token[:middle] + string("AB"[min(1, strings.Index("A", token[middle:middle+1])+1)]) + token[middle+1:]
	foreign, _, err := foreignLinks(t, []byte("another key of thirty-two bytes!"), time.Hour).New(aSource(s))
	if err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]string{
		"altered": flipped, "shortened": token[:len(token)-1], "longer": token + "A", "empty-ish": "A", "no token": "....", "nothing of it": strings.Repeat("A", len(token)),
		"another purpose": sealedContext, "another bridge": strings.Split(foreign, "/")[5],
	} {
		for _, method := range []string{"GET", "HEAD"} {
			got := w.do(method, "/media/"+wrong+"/secret-name.png", nil, nil)
			if got.status != http.StatusNotFound {
				t.Errorf("%s: %s gives %d, want 404", name, method, got.status)
			}
			if method == "HEAD" {
				continue
			}
			problemOf(t, got)
			diff(t, name, got.json(t), map[string]any{"type": "about:blank", "title": "Not Found", "status": 404.0, "detail": "there is nothing at this path"})
			if got.header.Get("Content-Disposition")+got.header.Get("ETag")+got.header.Get("Location") != "" {
				t.Errorf("%s: the header tells %v", name, got.header)
			}
		}
	}
	if strings.Contains(w.logs.String(), token) || strings.Contains(w.logs.String(), "secret-name") {
		t.Error("the log holds a token, or the name of a file")
	}
	if len(s.ranges) > 0 {
		t.Error("Apple's store was asked")
	}
	if got := w.do("GET", strings.Replace(link, "secret-name", "any-other-name", 1), nil, nil); got.body != string(photo) {
		t.Errorf("the name in the path is only for people, but another one gives %d", got.status)
	}
}

func aSource(s *fileStore) attachment.Source {
	return attachment.Source{
		Business: businessID, URL: s.server.URL + "/P", Owner: "P.C01", Signature: make([]byte, 21), Key: attachment.NewKey(),
		Name: "a.png", MIMEType: "image/png", Size: 5,
	}
}

// foreignLinks makes links apart from any running bridge.
func foreignLinks(t *testing.T, key []byte, ttl time.Duration) *media.Links {
	t.Helper()
	ring, err := seal.NewRing(key)
	if err != nil {
		t.Fatal(err)
	}
	base, err := url.Parse("http://127.0.0.1/base")
	if err != nil {
		t.Fatal(err)
	}
	return &media.Links{Ring: ring, Base: base, TTL: ttl, Now: time.Now}
}

func TestALinkThatHasExpiredSaysSo(t *testing.T) {
	s := newFileStore(t)
	w := newFilesWorld(t, s)
	key, _ := base64.StdEncoding.DecodeString(masterKey)
	link, _, err := foreignLinks(t, key, -time.Second).New(aSource(s))
	if err != nil {
		t.Fatal(err)
	}
	got := w.do("GET", strings.TrimPrefix(link, "http://127.0.0.1/base"), nil, nil)
	if got.status != http.StatusGone || problemOf(t, got) != "expired" {
		t.Errorf("%d: %s, want 410 expired", got.status, got.body)
	}
	if got := w.metric(`bizbridge_signature_failures_total{reason="expired",source="media"}`); got != 1 {
		t.Errorf("counted %v times", got)
	}
	if len(s.ranges) > 0 {
		t.Error("Apple's store was asked")
	}
}

// Nothing is kept: any replica that has the key, as first or as second, serves the link of another.
func TestALinkWorksAtEveryReplicaAndAfterARotation(t *testing.T) {
	const newKey = "bmV3LWtleS1vZi10aGUtYnJpZGdlLTMyLWJ5dGVzLSE="
	s := newFileStore(t)
	first := newFilesWorld(t, s)
	link, _ := first.linkOf(s, "00000000-0000-4000-8000-000000000001", "a.jpg", "image/jpeg", photo)
	tag := first.do("HEAD", link, nil, nil).header.Get("ETag")
	if err := first.stop(); err != nil { // as if it had been killed
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		keys string
		want int
	}{
		"the same keys":             {fmt.Sprintf(`[%q]`, masterKey), 200},
		"a new key, the old second": {fmt.Sprintf(`[%q, %q]`, newKey, masterKey), 200},
		"the new key made known":    {fmt.Sprintf(`[%q, %q]`, masterKey, newKey), 200},
		"the old key has gone":      {fmt.Sprintf(`[%q]`, newKey), 404},
	} {
		t.Run(name, func(t *testing.T) {
			other := newFilesWorld(t, s, fmt.Sprintf("keys: [%q]", masterKey), "keys: "+test.keys)
			got := other.do("GET", link, map[string]string{"Range": "bytes=70000-70099", "If-Range": tag}, nil)
			if test.want == 404 {
				if got.status != 404 || problemOf(t, got) != "none" {
					t.Errorf("%d: %s", got.status, got.body)
				}
				return
			}
			if got.status != http.StatusPartialContent || got.body != string(photo[70000:70100]) {
				t.Errorf("%d with %q", got.status, got.body) // a download that broke off goes on at another replica
			}
			if got := other.do("GET", link, nil, nil); got.body != string(photo) {
				t.Errorf("%d with %d bytes", got.status, len(got.body))
			}
		})
	}
}

// A type that could run in a browser is offered for download only, and a file that Apple does not have whole never looks whole.
func TestALinkIsSafeToFollow(t *testing.T) {
	s := newFileStore(t)
	w := newFilesWorld(t, s)
	page, _ := w.linkOf(s, "00000000-0000-4000-8000-000000000001", "page.html", "text/html", []byte("<script>alert(1)</script>"))
	got := w.do("GET", page, nil, nil)
	if got.header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment;") {
		t.Errorf("HTML comes as %q, %q", got.header.Get("Content-Type"), got.header.Get("Content-Disposition"))
	}
	if got.header.Get("Content-Security-Policy") == "" {
		t.Error("there is no Content-Security-Policy")
	}

	link, _ := w.linkOf(s, "00000000-0000-4000-8000-000000000002", "a.jpg", "image/jpeg", photo)
	s.mu.Lock()
	s.cut = 100_000
	s.mu.Unlock()
	resp, err := http.Get(w.url + link)
	if err != nil {
		return // aborted before the header: as good
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil && resp.StatusCode == http.StatusOK {
		t.Errorf("a file that broke off at Apple's looks whole, with %d bytes", len(body))
	}
	s.mu.Lock()
	s.cut = 0
	s.files = map[string][]byte{}
	s.mu.Unlock()
	gone := w.do("GET", link, nil, nil)
	if gone.status != http.StatusBadGateway || problemOf(t, gone) != "unavailable" {
		t.Errorf("a file that Apple has no more: %d %s", gone.status, gone.body)
	}
	if strings.Contains(w.logs.String(), s.server.URL) || strings.Contains(gone.body, s.server.URL) {
		t.Error("Apple's coordinates are in the log or in the answer")
	}
}

// A saved message gives its reference in the answer and as an event to the key's helpdesk, and is sent again by it.
func TestASavedMessageIsSentAgainByItsReference(t *testing.T) {
	const reference = `{"bid":"b","url":"u","size":123,"dataRefSig":"s"}`
	s := newFileStore(t)
	s.answer = func(w http.ResponseWriter, n int) {
		if n == 2 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = io.WriteString(w, `{"dataRef":`+reference+`}`)
	}
	w := newFilesWorld(t, s, `businesses: ["*"]}`, `businesses: ["*"], events_to: desk}`)
	var ref any
	_ = json.Unmarshal([]byte(reference), &ref)
	header := map[string]string{"Authorization": "Bearer " + apiToken}
	first := w.do("POST", "/v1/messages", header, []byte(sendBody(map[string]any{"id": "1", "save": true, "content": map[string]any{"kind": "saved", "data_ref": ref}})))
	if first.status != http.StatusOK {
		t.Fatalf("%d: %s", first.status, first.body)
	}
	part := first.json(t)["parts"].([]any)[0].(map[string]any)
	diff(t, "data_ref of the part", part["data_ref"], ref)
	told := event(t, w.desk.wait(t, 1)[0])
	diff(t, "type", told["type"], "message.sent")
	diff(t, "sent", told["data"].(map[string]any)["sent"], map[string]any{"message_id": part["id"], "data_ref": ref})
	if s.messages()[0].header.Get("include-data-ref") != "true" {
		t.Error("Apple was not asked for a reference")
	}
	again := w.do("POST", "/v1/messages", maps.Clone(header), []byte(sendBody(map[string]any{"id": "2", "content": map[string]any{"kind": "saved", "data_ref": ref}})))
	if again.status != http.StatusUnprocessableEntity || !strings.Contains(again.body, "does not know the saved message") {
		t.Errorf("a reference that Apple refuses: %d %s", again.status, again.body)
	}
}
