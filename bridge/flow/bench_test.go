package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/attachment"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// The benchmarks show what the flows cost beyond the two sides: connector and gateway do nothing.

type noDesk struct{}

func (noDesk) Deliver(context.Context, message.Event) (connectors.Receipt, error) {
	return connectors.Receipt{}, nil
}
func (noDesk) Receive(context.Context, *http.Request) ([]message.Outbound, error) { return nil, nil }

func newBenchmark(b *testing.B) *rig {
	r := newRig(b, func(o *Options) {
		o.Logger = slog.New(slog.DiscardHandler)
		o.InboundConcurrency, o.OutboundConcurrency = 1<<20, 1<<20
		o.Gateway = noGateway{}
		o.Desks[business].Connector = noDesk{}
	})
	b.ReportAllocs()
	b.ResetTimer()
	return r
}

type noGateway struct{}

func (noGateway) Send(context.Context, apple.Outgoing) (apple.Accepted, error) {
	return apple.Accepted{}, nil
}

func (noGateway) Expand(context.Context, apple.Reference) (json.RawMessage, apple.Expansion, error) {
	return nil, apple.ExpansionFailed, message.Failuref(message.Transient, "nothing is kept here")
}

func (noGateway) Fetch(context.Context, attachment.Source, int64, int64) (io.ReadCloser, error) {
	return nil, message.Failuref(message.Transient, "nothing is kept here")
}

func BenchmarkInbound(b *testing.B) {
	for _, conversations := range []int{1, 10_000} {
		b.Run(fmt.Sprintf("conversations=%d", conversations), func(b *testing.B) {
			r := newBenchmark(b)
			var n atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := n.Add(1)
					in := from(message.CustomerID(fmt.Sprint("urn:mbid:", i%int64(conversations))), "hello")
					in.Event.Data.ID = message.ID(fmt.Sprint(i))
					if failure := r.Inbound(b.Context(), in); failure != nil {
						b.Error(failure)
					}
				}
			})
		})
	}
}

func BenchmarkInboundDuplicate(b *testing.B) {
	r := newBenchmark(b)
	in := text("hello")
	for b.Loop() {
		if failure := r.Inbound(b.Context(), in); failure != nil {
			b.Fatal(failure)
		}
	}
}

func BenchmarkOutbound(b *testing.B) {
	for _, conversations := range []int{1, 10_000} {
		b.Run(fmt.Sprintf("conversations=%d", conversations), func(b *testing.B) {
			r := newBenchmark(b)
			sealed := r.sealDevice(business, customer, message.Device{Locale: "de_DE"})
			var n atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := n.Add(1)
					out := reply("hello")
					out.Key, out.Sealed = fmt.Sprint(i), sealed
					if conversations > 1 {
						out.CustomerID = message.CustomerID(fmt.Sprint("urn:mbid:", i%int64(conversations)))
						out.Sealed = ""
					}
					if _, failure := r.Outbound(b.Context(), agents, out); failure != nil {
						b.Error(failure)
					}
				}
			})
		})
	}
}

func (noGateway) AppClip(context.Context, message.ID, message.BusinessID, message.RichLink) (json.RawMessage, error) {
	return nil, message.Failuref(message.Invalid, "there are no App Clips here")
}
