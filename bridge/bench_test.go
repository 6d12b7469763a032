package bridge

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"bizbridge/config"
	"bizbridge/connectors/registry"
)

// BenchmarkEndToEnd posts texts as Apple does, over real sockets, to a desk that takes them: through a bare
// httputil.ReverseProxy that does nothing, and through the bridge with everything on (token, gzip, repeats, order,
// sealed context, signature, metrics). The ratio of the two is what counts; benchstat shows it:
//
//	go test ./bridge -run '^$' -bench EndToEnd -count 10 | benchstat -col /through -
func BenchmarkEndToEnd(b *testing.B) {
	desk := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer desk.Close()
	b.Run("through=reverseproxy", func(b *testing.B) {
		target, err := url.Parse(desk.URL)
		if err != nil {
			b.Fatal(err)
		}
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = 64
		proxy := httptest.NewServer(&httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: transport,
		})
		defer proxy.Close()
		defer transport.CloseIdleConnections()
		benchmarkPosts(b, proxy.URL+"/message")
	})
	b.Run("through=bridge", func(b *testing.B) {
		text := fmt.Sprintf(`
server: {public_url: "http://127.0.0.1"}
keys: [%q]
apple: {gateway_url: "http://127.0.0.1:1/v1", accounts: [{msp_id: %q, secrets: [%q]}]}
businesses: [{id: %q, msp_id: %q, connector: desk}]
connectors: {desk: {type: webhook, url: "%s/hook", secrets: [%q]}}
`, masterKey, mspID, appleSecret, businessID, mspID, desk.URL, deskSecret)
		cfg, err := config.Parse("bench.yaml", []byte(text), registry.ConfigTypes())
		if err != nil {
			b.Fatal(err)
		}
		public, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		admin, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		app, err := New(Options{Config: cfg, Logger: slog.New(slog.NewJSONHandler(io.Discard, nil)), Public: public, Admin: admin})
		if err != nil {
			b.Fatal(err)
		}
		finished := make(chan error, 1)
		go func() { finished <- app.Run(b.Context()) }()
		benchmarkPosts(b, "http://"+public.Addr().String()+"/message")
		b.Cleanup(func() { <-finished })
	})
}

var benchmarkID atomic.Int64 // every message is another one, whatever the benchmark

func benchmarkPosts(b *testing.B, url string) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	client := &http.Client{Transport: transport}
	defer transport.CloseIdleConnections()
	header := http.Header{}
	for name, value := range appleHeader(map[string]string{"Content-Encoding": "gzip"}) {
		header.Set(name, value)
	}
	writers := sync.Pool{New: func() any { return gzip.NewWriter(nil) }}
	b.ReportAllocs()
	b.SetParallelism(4)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := benchmarkID.Add(1)
			wire, _ := json.Marshal(map[string]any{
				"v": 1, "id": fmt.Sprintf("00000000-0000-4000-8000-%012d", n), "type": "text",
				"sourceId": fmt.Sprintf("%s%d", customerID, n%1000), "destinationId": businessID, "locale": "en_US", "body": "Hello, is my order ready?",
			})
			var body bytes.Buffer
			zip := writers.Get().(*gzip.Writer)
			zip.Reset(&body)
			_, _ = zip.Write(wire)
			_ = zip.Close()
			writers.Put(zip)
			req, err := http.NewRequest(http.MethodPost, url, &body)
			if err != nil {
				b.Error(err)
				return
			}
			req.Header = header.Clone()
			req.Header.Del("source-id")
			resp, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				b.Errorf("status %d", resp.StatusCode)
				return
			}
		}
	})
}
