package webhook_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"bizbridge/connectors/connectortest/fake"
	"bizbridge/connectors/webhook"
	"bizbridge/connectors/webhook/webhooktest"
)

// BenchmarkDeliver writes, signs and posts one event over a loopback socket to a helpdesk that does nothing.
func BenchmarkDeliver(b *testing.B) { benchmarkDeliver(b) }

// BenchmarkDeliverMapped is the same with a mapping, to the same helpdesk: the difference is what the translation costs.
func BenchmarkDeliverMapped(b *testing.B) { benchmarkDeliver(b, ownDesk) }

func benchmarkDeliver(b *testing.B, changes ...func(*webhook.Config)) {
	desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer desk.Close()
	connector := connect(b, desk.URL, time.Now, changes...)
	event := events()["message.received"]
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			ctx, cancel := contextFor(b, time.Minute)
			if _, err := connector.Deliver(ctx, event); err != nil {
				b.Error(err)
			}
			cancel()
		}
	})
}

// BenchmarkReceive verifies and reads one message.
func BenchmarkReceive(b *testing.B) {
	connector := connect(b, "http://127.0.0.1:1", func() time.Time { return happened })
	body := send(`"id":"42"`, `"sender":{"kind":"agent","name":"Ada"}`)
	signed := webhooktest.Post(webhooktest.VerifySecret, "msg_1", happened, body)
	b.ReportAllocs()
	for b.Loop() {
		req := *signed
		req.Body, _ = signed.GetBody()
		if _, err := connector.Receive(b.Context(), &req); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReceiveMapped is the same of a helpdesk with its own JSON.
func BenchmarkReceiveMapped(b *testing.B) {
	connector := connect(b, "http://127.0.0.1:1", time.Now, ownDesk)
	signed := webhooktest.OwnWebhook(fake.Reply{
		ID: "42", Business: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", Customer: "urn:mbid:AQAAY3VzdG9tZXI=", Text: "Hi",
	}, fake.Genuine)
	b.ReportAllocs()
	for b.Loop() {
		req := *signed
		req.Body, _ = signed.GetBody()
		if _, err := connector.Receive(b.Context(), &req); err != nil {
			b.Fatal(err)
		}
	}
}
