package chatwoot_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
)

// BenchmarkDeliver writes one message over a loopback socket, in three calls, to a Chatwoot that does nothing.
func BenchmarkDeliver(b *testing.B) {
	desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case strings.HasSuffix(req.URL.Path, "/conversations"):
			_, _ = fmt.Fprintf(w, `{"payload": [{"id": 118, "inbox_id": 7, "status": "open", "meta": {"sender": {"custom_attributes": {
				"apple_mbid": %q, "apple_business_id": %q, "apple_context": "x", "apple_context_since": "2026-08-01", "apple_locale": "en_US",
				"apple_device": "iPhone", "apple_capabilities": "QUICK LIST FORM"}}}}]}`, customer, business)
		default:
			_, _ = fmt.Fprint(w, `{"id": 42}`)
		}
	}))
	defer desk.Close()
	to := connect(b, desk.URL)
	what := event(message.EventReceived, "a", said("Hello"))
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
			if _, err := to.Deliver(ctx, what); err != nil {
				b.Error(err)
			}
			cancel()
		}
	})
}

// BenchmarkReceive verifies and reads one message.
func BenchmarkReceive(b *testing.B) {
	desk, from := offline(b)
	signed := desk.Post(begun(b, "message_created.outgoing.text.json"))
	b.ReportAllocs()
	for b.Loop() {
		req := *signed
		req.Body, _ = signed.GetBody()
		if _, err := from.Receive(b.Context(), &req); err != nil {
			b.Fatal(err)
		}
	}
}
