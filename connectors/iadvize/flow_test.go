package iadvize_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/flow"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/bridge/seal"
	"bizbridge/connectors"
)

// TestInTheFlow is what the contract suite would check of a connector that takes nothing: a refusal reaches Apple as one
// and is final, typing and leaving pass without one, and the log says why, but not what was said or by whom.
func TestInTheFlow(t *testing.T) {
	ring, err := seal.NewRing(bytes.Repeat([]byte{7}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	measures := metrics.New("test", "test")
	measures.Expect(string(business), "iadvize")
	var log bytes.Buffer
	memory := flow.NewMemory(time.Now)
	flows := flow.New(flow.Options{
		Memory: memory, Desks: map[message.BusinessID]*flow.Desk{business: {Name: "iadvize", Connector: connect(t, nil), Replies: connectors.Rejected}},
		Ring: ring, Metrics: measures, Logger: slog.New(slog.NewTextHandler(&log, nil)), Now: time.Now,
		Timeout: time.Second, InboundConcurrency: 4, OutboundConcurrency: 4,
	})
	for kind, appleType := range map[message.EventType]string{
		message.EventReceived: "text", message.EventReplied: "interactive", message.EventTypingStarted: "typing_start", message.EventClosed: "close",
	} {
		carried := event(kind)
		if kind == message.EventReplied {
			carried.Data.Reply = &message.Reply{Kind: message.ReplyQuickReply, RequestID: "1", Title: said, Selections: []message.Selection{{ID: "1", Title: said}}}
		}
		failure := flows.Inbound(t.Context(), &apple.Incoming{Event: carried, Type: appleType})
		switch refused := kind == message.EventReceived || kind == message.EventReplied; {
		case !refused && failure != nil:
			t.Errorf("%s, which nobody waits for, is refused: %v", kind, failure)
		case refused && (failure == nil || !failure.Class.Final()):
			t.Errorf("%s: %v, want a refusal for good", kind, failure)
		}
	}
	memory.Drain(context.Background())
	if !strings.Contains(log.String(), "connector of another type") {
		t.Errorf("the log does not say what to do: %s", &log)
	}
	for _, secret := range []string{said, "urn:mbid:"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}
