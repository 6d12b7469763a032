package bridge

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

const transferSize = 100_000_000 // the largest file that Apple takes

// newBulkStore is Apple's gateway and store, and a file server, for files of which only the size matters.
func newBulkStore(tb testing.TB, size int64) *httptest.Server {
	tb.Helper()
	block := make([]byte, 256<<10)
	stream := func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", fmt.Sprint(size))
		w.Header().Set("Content-Type", "application/octet-stream")
		for left := size; left > 0; {
			n, err := w.Write(block[:min(left, int64(len(block)))])
			if err != nil {
				return
			}
			left -= int64(n)
		}
	}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	mux.HandleFunc("GET /v1/preUpload", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"upload-url":"%s/upload","mmcs-url":"https://mmcs.example/x","mmcs-owner":"x"}`, server.URL)
	})
	mux.HandleFunc("POST /upload", func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, `{"singleFile":{"fileChecksum":"%s","size":%d,"receipt":"x"}}`, base64.StdEncoding.EncodeToString(make([]byte, 21)), n)
	})
	mux.HandleFunc("POST /v1/message", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /v1/preDownload", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"download-url":"%s/download"}`, server.URL)
	})
	mux.HandleFunc("GET /download", func(w http.ResponseWriter, _ *http.Request) { stream(w) })
	mux.HandleFunc("GET /file.bin", func(w http.ResponseWriter, _ *http.Request) { stream(w) })
	tb.Cleanup(server.Close)
	return server
}

func phoneFile(id string, size int64) []byte {
	body, _ := json.Marshal(map[string]any{
		"v": 1, "id": id, "type": "text", "sourceId": customerID, "destinationId": businessID, "body": "\uFFFC",
		"attachments": []any{map[string]any{
			"name": "file.bin", "mimeType": "application/octet-stream", "size": size, "url": "https://mmcs.example/M%2Fx+y", "owner": "M.C01",
			"signature-base64": base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0x81}, 21)), "key": "00" + strings.Repeat("ab", 32),
		}},
	})
	return body
}

// link sends a file from the phone and gives the link that the desk is told.
func link(tb testing.TB, bridge string, desk *far, id string, size int64) string {
	tb.Helper()
	resp, err := http.DefaultClient.Do(post(bridge+"/message", appleHeader(nil), phoneFile(id, size)))
	if err != nil {
		tb.Fatal(err)
	}
	resp.Body.Close()
	for _, got := range desk.all() {
		var event struct {
			Data struct {
				ID          string
				Attachments []struct{ URL string }
			}
		}
		if json.Unmarshal(got.body, &event) == nil && event.Data.ID == id && len(event.Data.Attachments) == 1 {
			return event.Data.Attachments[0].URL
		}
	}
	tb.Fatalf("the desk got no link (Apple hears %d)", resp.StatusCode)
	return ""
}

func download(tb testing.TB, url string, want int64) {
	resp, err := http.DefaultClient.Do(mustRequest(http.MethodGet, url, nil))
	if err != nil {
		tb.Error(err)
		return
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != want {
		tb.Errorf("%d of %d bytes came (%d): %v", n, want, resp.StatusCode, err)
	}
}

func mustRequest(method, url string, body io.Reader) *http.Request {
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		panic(err)
	}
	return req
}

func sendFile(tb testing.TB, bridge, key, url string) {
	body := []byte(sendBody(map[string]any{
		"id": key, "customer_id": "urn:mbid:" + key, "content": map[string]any{"kind": "files", "files": []any{map[string]any{"url": url}}},
	}))
	resp, err := http.DefaultClient.Do(post(bridge+"/webhooks/desk", deskHeader(key, body), body))
	if err != nil {
		tb.Error(err)
		return
	}
	defer resp.Body.Close()
	if answer, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || !bytes.Contains(answer, []byte(`"accepted"`)) {
		tb.Errorf("%d %s", resp.StatusCode, answer)
	}
}

const transferConfig = "delivery: {timeout: 60s}\nlimits: {outbound_concurrency: 64}\nlog: {level: error}"

// BenchmarkTransferMemory moves 64 files of 100 MB at once through a bridge in a process of its own, first to the desk,
// then to the phone, and shows by how much its peak resident memory grew:
//
//	go test ./bridge -run '^$' -bench TransferMemory -benchtime 1x
func BenchmarkTransferMemory(b *testing.B) {
	const concurrent = 64
	store, desk := newBulkStore(b, transferSize), newFar(b)
	p := newProcess(b, store.URL, desk.server.URL, transferConfig+"\nnetwork: {allow_private: [127.0.0.1]}")
	bridge := "http://" + p.listen
	for direction, transfer := range map[string]func(i int){
		"in": func(i int) {
			download(b, link(b, bridge, desk, fmt.Sprintf("00000000-0000-4000-8000-%012d", i), transferSize), transferSize)
		},
		"out": func(i int) { sendFile(b, bridge, fmt.Sprintf("file-%d-%d", i, b.N), store.URL+"/file.bin") },
	} {
		b.Run("direction="+direction, func(b *testing.B) {
			before := p.memory("VmHWM")
			b.SetBytes(concurrent * transferSize)
			for b.Loop() {
				var wait sync.WaitGroup
				for i := range concurrent {
					wait.Go(func() { transfer(i) })
				}
				wait.Wait()
			}
			b.ReportMetric(before/1e6, "MB-peak-before")
			b.ReportMetric(p.memory("VmHWM")/1e6, "MB-peak-after")
		})
	}
}

// BenchmarkTransfer streams a file of 32 MB over real sockets: as a plain copy, and through the bridge with encryption
// and everything else. The ratio is what counts.
func BenchmarkTransfer(b *testing.B) {
	const size = 32 << 20
	store, desk := newBulkStore(b, size), newFar(b)
	p := newProcess(b, store.URL, desk.server.URL, transferConfig+"\nnetwork: {allow_private: [127.0.0.1]}")
	bridge := "http://" + p.listen
	plain := newCopier(b, store.URL)
	fileLink := link(b, bridge, desk, "00000000-0000-4000-8000-000000000001", size)
	run := func(name string, transfer func(i int)) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for i := 0; b.Loop(); i++ {
				transfer(i)
			}
		})
	}
	run("direction=in/through=copy", func(int) { download(b, plain+"/in", size) })
	run("direction=in/through=bridge", func(int) { download(b, fileLink, size) })
	run("direction=out/through=copy", func(int) { download(b, plain+"/out", 0) })
	run("direction=out/through=bridge", func(i int) {
		sendFile(b, bridge, fmt.Sprintf("out-%d-%d", b.N, time.Now().UnixNano()), store.URL+"/file.bin")
	})
}

const copierVariable = "BIZBRIDGE_TEST_COPIER" // the store's URL: this test binary then is a copier at the address after it

// newCopier starts a process of its own, like the bridge's, that copies as simply as Go can: from the store to the
// caller, or from a file server to the store.
func newCopier(b *testing.B, store string) string {
	address := freeAddress(b)
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), copierVariable+"="+store+" "+address)
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	for range 500 {
		if resp, err := http.Get("http://" + address + "/ready"); err == nil {
			resp.Body.Close()
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	return "http://" + address
}

func serveCopies(store, address string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ready", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /in", func(w http.ResponseWriter, _ *http.Request) {
		resp, err := http.Get(store + "/download")
		if err != nil {
			panic(err)
		}
		defer resp.Body.Close()
		w.Header().Set("Content-Length", fmt.Sprint(resp.ContentLength))
		_, _ = io.Copy(w, resp.Body)
	})
	mux.HandleFunc("GET /out", func(w http.ResponseWriter, _ *http.Request) {
		file, err := http.Get(store + "/file.bin")
		if err != nil {
			panic(err)
		}
		defer file.Body.Close()
		req := mustRequest(http.MethodPost, store+"/upload", file.Body)
		req.ContentLength = file.ContentLength
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			panic(err)
		}
		resp.Body.Close()
	})
	return http.ListenAndServe(address, mux)
}

// A link that one replica made is served by another, also when the first was killed in the middle of a download.
func TestALinkOutlivesTheReplicaThatMadeIt(t *testing.T) {
	const size = 40 << 20
	store, desk := newBulkStore(t, size), newFar(t)
	first := newProcess(t, store.URL, desk.server.URL, "")
	second := newProcess(t, store.URL, desk.server.URL, "")
	url := link(t, "http://"+first.listen, desk, "00000000-0000-4000-8000-000000000001", size)
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, resp.Body, 1<<20); err != nil {
		t.Fatal(err)
	}
	first.kill()
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("the download of the killed replica ended as if it were whole, after %d bytes", n)
	}
	resp.Body.Close()
	download(t, strings.Replace(url, first.listen, second.listen, 1), size)
	http.DefaultClient.CloseIdleConnections()
}

// As many slow readers of a link as there are places for messages once stopped all messages and all other links.
func TestSlowReadersOfLinksHoldNothingElseUp(t *testing.T) {
	store, desk := newBulkStore(t, transferSize), newFar(t)
	p := newProcess(t, store.URL, desk.server.URL, "limits: {outbound_concurrency: 2}")
	bridge := "http://" + p.listen
	url := link(t, bridge, desk, "00000000-0000-4000-8000-000000000001", transferSize)
	for range 4 {
		resp, err := http.Get(url) // and nobody reads it
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("a link answers %d", resp.StatusCode)
		}
	}
	body := []byte(sendBody(nil))
	resp, err := http.DefaultClient.Do(post(bridge+"/webhooks/desk", deskHeader("1", body), body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("a message is answered with %d", resp.StatusCode)
	}
	p.kill() // and with it the transfers
}
