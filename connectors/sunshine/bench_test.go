package sunshine_test

import (
	"context"
	"io"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/connectors/sunshine/sunshinetest"
)

// BenchmarkDeliver finds the conversation and posts one text, over a loopback socket: two calls.
func BenchmarkDeliver(b *testing.B) {
	r := newRig(b)
	r.deliver(text("before"))
	b.ReportAllocs()
	for b.Loop() {
		ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
		if _, err := r.Deliver(ctx, text("Hello")); err != nil {
			b.Fatal(err)
		}
		cancel()
	}
}

// BenchmarkReceive verifies and reads one webhook with a text.
func BenchmarkReceive(b *testing.B) { benchmarkReceive(b, "conversation_message.business.text.json") }

// BenchmarkReceiveCarousel is the same with a list to choose from.
func BenchmarkReceiveCarousel(b *testing.B) {
	benchmarkReceive(b, "conversation_message.business.carousel.json")
}

func benchmarkReceive(b *testing.B, name string) {
	connector := connect(b, configure("http://127.0.0.1:1"), nowhere, io.Discard)
	genuine := sunshinetest.PostBody(sunshinetest.WebhookSecret, marked(b, payload(b, name)))
	var outs []message.Outbound
	b.ReportAllocs()
	for b.Loop() {
		req := *genuine
		req.Body, _ = genuine.GetBody()
		var err error
		if outs, err = connector.Receive(b.Context(), &req); err != nil || len(outs) == 0 {
			b.Fatal(outs, err)
		}
	}
}
