package sandbox

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

// receivedFiles posts a message.received with attachments, and gives them as the page has them.
func (w *world) receivedFiles(list ...map[string]any) []attachment {
	w.Helper()
	id := newUUID()
	data := map[string]any{"id": id, "business_id": testBusiness, "customer_id": "urn:mbid:x", "attachments": list}
	if got := postEvent(w.T, w.desk.URL, id, map[string]any{"type": "message.received", "schema": 1, "data": data}); got != 200 {
		w.Fatalf("event: %d", got)
	}
	return w.state().Conversations[0].entry(id).Attachments
}

// TestDeskLoadsFiles: the bridge is asked only when the agent opens a file, and through the pages' own origin.
func TestDeskLoadsFiles(t *testing.T) {
	w := newWorld(t)
	asked := 0
	content := []byte("0123456789")
	bridge := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked++
		switch r.URL.EscapedPath() {
		case "/media/tok%2Fen/a%20b.png":
			rw.Header().Set("Content-Type", "image/png")
			rw.Header().Set("Etag", `"e"`)
			http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(content))
		case "/media/page":
			rw.Header().Set("Content-Type", "text/html")
			_, _ = rw.Write([]byte("<script>"))
		case "/media/cut":
			rw.Header().Set("Content-Length", "1000")
			_, _ = rw.Write(content)
			_ = http.NewResponseController(rw).Flush()
			panic(http.ErrAbortHandler)
		case "/media/large":
			rw.Header().Set("Content-Length", "100000001")
		case "/media/elsewhere":
			http.Redirect(rw, r, "http://example.com/", http.StatusFound)
		default:
			http.Error(rw, "expired", http.StatusGone)
		}
	}))
	t.Cleanup(bridge.Close)
	file := func(path, mimeType string) map[string]any {
		return map[string]any{"id": "x", "name": path, "mime_type": mimeType, "size": 10, "url": bridge.URL + "/media/" + path, "expires_at": "2030-01-01T00:00:00Z", "href": "http://evil"}
	}
	files := w.receivedFiles(
		file("tok%2Fen/a%20b.png", "image/png"), file("page", "text/html"), file("cut", "video/mp4"), file("large", "video/mp4"), file("elsewhere", ""), file("gone", ""),
		map[string]any{"name": "lost", "mime_type": "image/png", "size": 3}, map[string]any{"name": "local", "url": "file:///etc/passwd"},
	)
	if asked != 0 || len(files) != 8 {
		t.Fatalf("%d files, asked %d times before anybody looked", len(files), asked)
	}
	if f := files[0]; !f.Remote || f.ExpiresAt == "" || f.Kind != "image" || !strings.HasPrefix(f.Href, "/desk/files/") {
		t.Errorf("%+v", f)
	}
	for _, f := range files[6:] {
		if f.Remote || f.Href != "" {
			t.Errorf("%+v", f)
		}
	}
	get := func(i int, headers ...string) httpReply {
		return w.ask("GET", w.pages.URL+files[i].Href, nil, headers...)
	}
	if got := get(0); got.status != 200 || !bytes.Equal(got.body, content) || got.header.Get("Content-Type") != "image/png" || !strings.Contains(got.header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%d %q %v", got.status, got.body, got.header)
	}
	if got := get(0, "Range", "bytes=2-4"); got.status != 206 || string(got.body) != "234" || got.header.Get("Content-Range") != "bytes 2-4/10" {
		t.Errorf("%d %q %v", got.status, got.body, got.header)
	}
	if got := get(1); got.header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("a page is served as %v", got.header)
	}
	if got := get(2); got.err == nil {
		t.Errorf("a file cut off looks whole: %q", got.body)
	}
	for i, want := range map[int]string{3: "too large", 4: "302", 5: "410"} {
		if got := get(i); got.status != 502 || !strings.Contains(string(got.body), want) {
			t.Errorf("%d: %d %s", i, got.status, got.body)
		}
	}
	hops := 0
	for _, h := range w.state().Hops {
		if h.Hop == deskToBridge && h.Method == "GET" && strings.HasPrefix(h.Path, "/media/") {
			hops++
		}
	}
	if hops != 7 || asked != 7 {
		t.Errorf("%d hops for %d requests", hops, asked)
	}
}

// postForm posts an event with files beside it.
func (w *world) postForm(event string, spoil func(http.Header, []byte) []byte, files ...[3]string) int {
	w.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if event != "" {
		_ = form.WriteField("event", event)
	}
	for _, file := range files {
		part, _ := form.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {fmt.Sprintf(`form-data; name=%q; filename=%q`, file[0], file[1])}, "Content-Type": {"image/png"},
		})
		_, _ = io.WriteString(part, file[2])
	}
	_ = form.Close()
	raw := body.Bytes()
	header := independentSignature(testDesk, newUUID(), time.Now(), raw)
	header.Set("Content-Type", form.FormDataContentType())
	if spoil != nil {
		raw = spoil(header, raw)
	}
	request, _ := http.NewRequest(http.MethodPost, w.desk.URL+"/hooks/apple", bytes.NewReader(raw))
	request.Header = header
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

func TestDeskTakesForms(t *testing.T) {
	w := newWorld(t)
	event := `{"type":"message.received","schema":1,"data":{"id":"m1","business_id":"b","customer_id":"c","text":"Two","attachments":[{"name":"a.png","mime_type":"image/png","size":5},{"name":"big.bin","mime_type":"application/x-big","size":100000}]}}`
	big := strings.Repeat("x", 100_000)
	if got := w.postForm(event, nil, [3]string{"file0", "ignored", "01234"}, [3]string{"file1", "big.bin", big}); got != 200 {
		t.Fatal(got)
	}
	files := w.state().Conversations[0].Entries[0].Attachments
	if len(files) != 2 || files[0].Name != "a.png" || files[0].Remote || files[1].Size != 100_000 {
		t.Fatalf("%+v", files)
	}
	for i, want := range []string{"01234", big} {
		if got := w.ask("GET", w.pages.URL+files[i].Href, nil); string(got.body) != want {
			t.Errorf("file %d: %d with %d bytes", i, got.status, len(got.body))
		}
	}
	if got := w.ask("GET", w.desk.URL+"/files/"+files[0].ID+"/a.png", nil); got.status != 404 {
		t.Errorf("a customer's file is offered to the world: %d", got.status)
	}
	if h := w.state().Hops[0]; !strings.Contains(h.Body, "message.received") || !strings.Contains(h.Encoded, "2 files") || h.Check.State != "ok" {
		t.Errorf("%+v", h)
	}
	png := [3]string{"file0", "a", "1"}
	for _, c := range []struct {
		name  string
		event string
		spoil func(http.Header, []byte) []byte
		files [][3]string
		want  int
	}{
		{"no files", event, nil, nil, 200},
		{"altered", event, func(_ http.Header, b []byte) []byte { return bytes.Replace(b, []byte("Two"), []byte("Ten"), 1) }, [][3]string{png}, 401},
		{"unsigned", event, func(h http.Header, b []byte) []byte { h.Del("webhook-signature"); return b }, [][3]string{png}, 401},
		{"no event", "", nil, [][3]string{png}, 400},
		{"event no JSON", "{", nil, nil, 400},
		{"out of order", event, nil, [][3]string{{"file1", "a", "1"}}, 400},
		{"another part", event, nil, [][3]string{{"x", "a", "1"}}, 400},
		{"wrong boundary", event, func(h http.Header, b []byte) []byte {
			h.Set("Content-Type", "multipart/form-data; boundary=x")
			return b
		}, nil, 400},
		{"no boundary", event, func(h http.Header, b []byte) []byte { h.Set("Content-Type", "multipart/form-data"); return b }, nil, 400},
	} {
		if got := w.postForm(c.event, c.spoil, c.files...); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// posted runs a stand-in for the bridge that keeps what the desk posts.
func (w *world) posted() <-chan sendMessage {
	got := make(chan sendMessage, 8)
	bridge := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var one sendMessage
		_ = json.NewDecoder(r.Body).Decode(&one)
		got <- one
		_, _ = rw.Write([]byte(`{"id":"x","status":"accepted"}`))
	}))
	w.Cleanup(bridge.Close)
	w.s.SetBridgeURL(bridge.URL)
	return got
}

func TestDeskSendsFiles(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	posted := w.posted()
	small, large := []byte("a small one"), bytes.Repeat([]byte("x"), maxInline+1)
	one := w.staged("desk", "a.txt", "text/plain", small)
	two := w.staged("desk", "b c.html", "text/html", large)
	send := map[string]any{"conversation": "k1", "text": "Here", "files": []string{one.ID, two.ID}, "save": true}
	id, _ := w.call("/api/desk/send", send, 202)["id"].(string)
	data := (<-posted).Data
	files := data.Content.Files
	if data.Content.Kind != "files" || data.Content.Text != "Here" || !data.Save || len(files) != 2 {
		t.Fatalf("%+v", data)
	}
	if raw, err := base64.StdEncoding.DecodeString(files[0].Data); err != nil || !bytes.Equal(raw, small) || files[0].URL != "" || files[0].Name != "a.txt" || files[0].MimeType != "text/plain" {
		t.Errorf("%+v", files[0])
	}
	if files[1].Data != "" || !strings.HasPrefix(files[1].URL, w.desk.URL+"/files/") || len(files[1].URL) < len(w.desk.URL)+30 {
		t.Errorf("%+v", files[1])
	}
	if got := w.ask("GET", files[1].URL, nil); got.status != 200 || !bytes.Equal(got.body, large) || !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%d with %d bytes, %v", got.status, len(got.body), got.header)
	}
	w.fault(faultDeskDown, true)
	if got := w.ask("GET", files[1].URL, nil); got.status != 503 {
		t.Errorf("a desk that is down: %d", got.status)
	}
	w.fault(faultDeskDown, false)
	w.eventually("acceptance", func(s state) bool { return s.Conversations[0].entry(id).Status == statusAccepted })
	if e := w.state().Conversations[0].entry(id); len(e.Attachments) != 2 || !e.Save || e.Attachments[0].Href == "" {
		t.Errorf("%+v", e)
	}
	w.call("/api/desk/send", map[string]any{"conversation": "k1", "files": []string{"none"}}, 409)
	w.call("/api/desk/send", map[string]any{"conversation": "k1"}, 400)

	// However many small ones there are, a message stays small.
	var many []string
	for i := range 8 {
		many = append(many, w.staged("desk", fmt.Sprint(i), "", bytes.Repeat([]byte("x"), maxInline)).ID)
	}
	w.call("/api/desk/send", map[string]any{"conversation": "k1", "files": many}, 202)
	inline := 0
	for _, f := range (<-posted).Data.Content.Files {
		inline += len(f.Data)
	}
	if inline > maxInlines*4/3+100 {
		t.Errorf("%d bytes inline", inline)
	}
}

func TestDeskSendsSavedMessages(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	customer := w.state().Conversations[0].CustomerID
	event := map[string]any{"type": "message.sent", "schema": 1, "data": map[string]any{
		"id": "s1", "business_id": testBusiness, "customer_id": customer,
		"sent": map[string]any{"message_id": "m9", "data_ref": map[string]any{"dataRefSig": "abc", "size": 7}},
	}}
	if got := postEvent(t, w.desk.URL, "evt_s1", event); got != 200 {
		t.Fatal(got)
	}
	posted := w.posted()
	w.call("/api/desk/saved", map[string]any{"conversation": "k1", "id": "s1"}, 202)
	content := (<-posted).Data.Content
	if content.Kind != "saved" || string(content.DataRef) != `{"dataRefSig":"abc","size":7}` {
		t.Errorf("%+v %s", content, content.DataRef)
	}
	w.call("/api/desk/saved", map[string]any{"conversation": "k1", "id": "none"}, 404)

	w.call("/api/desk/send", map[string]any{"conversation": "k1", "content": map[string]any{"kind": "quick_reply", "prompt": "Well?"}, "save": true}, 202)
	if data := (<-posted).Data; data.Content.Kind != "quick_reply" || !data.Save {
		t.Errorf("%+v", data)
	}
	w.call("/api/desk/send", map[string]any{"conversation": "k1", "content": map[string]any{}}, 400)
	w.call("/api/desk/send", map[string]any{"conversation": "k1", "content": 7}, 400)
}
