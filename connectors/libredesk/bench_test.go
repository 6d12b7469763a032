package libredesk_test

import (
	"context"
	"testing"
	"time"
)

// BenchmarkDeliver writes a message into a conversation that is there: three calls over a loopback socket.
func BenchmarkDeliver(b *testing.B) {
	connector, desk := rig(b)
	deliver(b, connector, text("Hello"))
	told := text("Hello again")
	b.ReportAllocs()
	before := desk.Script.Calls()
	for b.Loop() {
		ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
		if _, err := connector.Deliver(ctx, told); err != nil {
			b.Fatal(err)
		}
		cancel()
	}
	b.ReportMetric(float64(desk.Script.Calls()-before)/float64(b.N), "calls/op")
}

// BenchmarkReceive verifies and reads what an agent wrote, with the one call that it takes.
func BenchmarkReceive(b *testing.B) {
	connector, desk := rig(b)
	deliver(b, connector, text("Hello"))
	signed := webhook(desk.Reply(string(customer), "<p>Hi, <b>Alice</b> here &amp; happy to help</p>", false)[0])
	b.ReportAllocs()
	for b.Loop() {
		req := *signed
		req.Body, _ = signed.GetBody()
		if outs, err := connector.Receive(b.Context(), &req); err != nil || len(outs) != 1 {
			b.Fatal(err)
		}
	}
}

// BenchmarkReceiveEcho does the same with what is not for the customer: most webhooks are not, and take no call.
func BenchmarkReceiveEcho(b *testing.B) {
	connector := connect(b, "http://127.0.0.1:1", func() time.Time { return captured })
	signed := webhook(fixture(b, "message.created.contact.echo.json"))
	b.ReportAllocs()
	for b.Loop() {
		req := *signed
		req.Body, _ = signed.GetBody()
		if outs, err := connector.Receive(b.Context(), &req); err != nil || len(outs) != 0 {
			b.Fatal(err)
		}
	}
}
