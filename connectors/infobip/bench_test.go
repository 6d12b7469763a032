package infobip_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"bizbridge/connectors/infobip/infobiptest"
)

// BenchmarkDeliver posts one text over a loopback socket to an Infobip that does nothing.
func BenchmarkDeliver(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"status":"MESSAGE_ACCEPTED"}`))
	}))
	defer server.Close()
	connector := connect(b, server.URL)
	event := said("Hello from Messages")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := connector.Deliver(b.Context(), event); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReceive verifies and reads a list.
func BenchmarkReceive(b *testing.B) {
	connector := connect(b, "http://127.0.0.1:1")
	signed := infobiptest.Signed(infobiptest.SigningSecret, happened, payload(b, "open_channel.outbound.json"))
	b.ReportAllocs()
	for b.Loop() {
		req := *signed
		req.Body, _ = signed.GetBody()
		if _, err := connector.Receive(b.Context(), &req); err != nil {
			b.Fatal(err)
		}
	}
}
