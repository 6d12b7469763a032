package apple

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"bizbridge/bridge/attachment"
)

// benchSize is a film of half a minute.
const benchSize = 32 << 20

// benchStore has one file and forgets what it gets: it costs as little as a store can.
func benchStore(b *testing.B) (url string) {
	content := make([]byte, benchSize)
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	b.Cleanup(server.Close)
	mux.HandleFunc("GET /v1/preUpload", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"upload-url":"`+server.URL+`/put","mmcs-url":"https://p00-content.icloud.com/M1","mmcs-owner":"M1"}`)
	})
	mux.HandleFunc("GET /v1/preDownload", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"download-url":"`+server.URL+`/get"}`)
	})
	mux.HandleFunc("POST /put", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r.Body}, make([]byte, 64<<10))
		_, _ = io.WriteString(w, uploadOf(sumOf21, ""))
	})
	mux.HandleFunc("GET /get", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", clock, bytes.NewReader(content))
	})
	return server.URL
}

// BenchmarkUpload compares a file on its way to Apple, slot and all, with the same bytes posted as they are.
func BenchmarkUpload(b *testing.B) {
	url, content := benchStore(b), make([]byte, benchSize)
	source := func() io.Reader { return struct{ io.Reader }{bytes.NewReader(content)} }
	b.Run("via=plain", func(b *testing.B) {
		b.SetBytes(benchSize)
		b.ReportAllocs()
		for b.Loop() {
			req, err := http.NewRequest(http.MethodPost, url+"/put", source())
			if err != nil {
				b.Fatal(err)
			}
			req.ContentLength = benchSize
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		http.DefaultClient.CloseIdleConnections()
	})
	b.Run("via=bridge", func(b *testing.B) {
		c, _ := newTestClient(b, url+"/v1")
		business, _ := c.directory.Business(businessA)
		file := File{Size: benchSize, Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(source()), nil }}
		b.SetBytes(benchSize)
		b.ReportAllocs()
		for b.Loop() {
			if _, failure := c.upload(b.Context(), business, file); failure != nil {
				b.Fatal(failure)
			}
		}
	})
}

// BenchmarkFetch compares a customer's file, decrypted, with the same bytes fetched as they are.
func BenchmarkFetch(b *testing.B) {
	url, buffer := benchStore(b), make([]byte, 64<<10)
	drain := func(b *testing.B, body io.ReadCloser) {
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{body}, buffer)
		if body.Close(); n != benchSize || err != nil {
			b.Fatal(n, err)
		}
	}
	b.Run("via=plain", func(b *testing.B) {
		b.SetBytes(benchSize)
		b.ReportAllocs()
		for b.Loop() {
			resp, err := http.DefaultClient.Get(url + "/get")
			if err != nil {
				b.Fatal(err)
			}
			drain(b, resp.Body)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	b.Run("via=bridge", func(b *testing.B) {
		c, _ := newTestClient(b, url+"/v1")
		source := attachment.Source{Business: businessA, URL: "https://p00-content.icloud.com/M1", Owner: "M1", Signature: make([]byte, 21), Size: benchSize}
		b.SetBytes(benchSize)
		b.ReportAllocs()
		for b.Loop() {
			stream, err := c.Fetch(b.Context(), source, 0, -1)
			if err != nil {
				b.Fatal(err)
			}
			drain(b, stream)
		}
	})
}
