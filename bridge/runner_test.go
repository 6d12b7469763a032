package bridge

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
	"bizbridge/connectors/registry"
)

// reader is a helpdesk that is read over a connection of the bridge's own.
type reader struct {
	connectors.Connector
	calls *readerCalls
}

type readerCalls struct {
	running, began atomic.Int32
	panics, last   atomic.Bool
	sent           chan *message.Failure
}

func (r *reader) Run(ctx context.Context, send func(context.Context, message.Outbound) *message.Failure) {
	r.calls.running.Add(1)
	defer r.calls.running.Add(-1)
	if r.calls.began.Add(1) == 1 {
		r.calls.sent <- send(ctx, message.Outbound{Key: "1", BusinessID: businessID, CustomerID: customerID, Content: message.Text{Text: "From a stream"}})
	}
	if r.calls.panics.Load() {
		panic("a stream of another kind")
	}
	<-ctx.Done()
	if r.calls.last.Load() {
		r.calls.sent <- send(context.WithoutCancel(ctx), message.Outbound{Key: "last", BusinessID: businessID, CustomerID: customerID, Content: message.Text{Text: "The last word"}})
	}
}

func (r *reader) Deliver(context.Context, message.Event) (connectors.Receipt, error) {
	return connectors.Receipt{}, nil
}

func (r *reader) Receive(context.Context, *http.Request) ([]message.Outbound, error) { return nil, nil }

// withReader makes a type of connector that this test alone has.
func withReader(t *testing.T, calls *readerCalls) func(string) string {
	t.Helper()
	original := registry.Factories
	t.Cleanup(func() { registry.Factories = original })
	registry.Factories = append(append([]connectors.Factory{}, original...), connectors.Factory{
		Type: "reader", Summary: "a test", NewConfig: func() any { return &struct{}{} }, Schema: []byte(`{"type":"object"}`),
		New: func(connectors.Environment, any) (connectors.Connector, error) { return &reader{calls: calls}, nil },
	})
	return func(text string) string {
		return strings.Replace(text, "connectors:", "connectors:\n  stream: {type: reader}", 1)
	}
}

// TestAConnectorThatReadsIsRunWhileItIsInUse, and its messages go the way of all others.
func TestAConnectorThatReadsIsRunWhileItIsInUse(t *testing.T) {
	calls := &readerCalls{sent: make(chan *message.Failure, 1)}
	change := withReader(t, calls)
	w := newWorld(t, change, func(text string) string { return strings.Replace(text, "connector: desk", "connector: stream", 1) })
	select {
	case failure := <-calls.sent:
		if failure != nil {
			t.Fatal(failure)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it is not run")
	}
	if err := w.app.Reload(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for (calls.began.Load() != 2 || calls.running.Load() != 1) && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	if calls.began.Load() != 2 || calls.running.Load() != 1 {
		t.Errorf("after a reload it was begun %d times, and runs %d times", calls.began.Load(), calls.running.Load())
	}
	calls.panics.Store(true)
	if err := w.app.Reload(); err != nil { // the bridge goes on
		t.Fatal(err)
	}
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	if calls.running.Load() != 0 {
		t.Error("it outlives the bridge")
	}
}

// TestWhatIsReadAtTheEndIsStillSent: a question that was asked before the bridge stops may be answered meanwhile.
func TestWhatIsReadAtTheEndIsStillSent(t *testing.T) {
	calls := &readerCalls{sent: make(chan *message.Failure, 2)}
	calls.last.Store(true)
	change := withReader(t, calls)
	w := newWorld(t, change, func(text string) string { return strings.Replace(text, "connector: desk", "connector: stream", 1) })
	<-calls.sent
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	if failure := <-calls.sent; failure != nil {
		t.Errorf("the last word is not sent: %v", failure)
	}
}

// TestAWebhookWithNothingToSendIsCounted: an operator sees that events come which the bridge has no use for.
func TestAWebhookWithNothingToSendIsCounted(t *testing.T) {
	calls := &readerCalls{sent: make(chan *message.Failure, 1)}
	w := newWorld(t, withReader(t, calls))
	const ignored = `bizbridge_webhooks_ignored_total{connector="stream"}`
	if before := w.metric(ignored); before != 0 {
		t.Fatalf("%s is %v before anything came", ignored, before)
	}
	if got := w.do(http.MethodPost, "/webhooks/stream", nil, []byte(`{"event":"unheard_of"}`)); got.status != http.StatusOK {
		t.Fatalf("an unknown event got %d: %s", got.status, got.body)
	}
	if after := w.metric(ignored); after != 1 {
		t.Errorf("%s is %v after one webhook", ignored, after)
	}
}
