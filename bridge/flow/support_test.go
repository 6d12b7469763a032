package flow

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/attachment"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/bridge/seal"
	"bizbridge/connectors"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	business = message.BusinessID("AAAAAAAA-bbbb-4ccc-8ddd-eeeeeeeeeeee")
	customer = message.CustomerID("urn:mbid:Zm9v")
	timeout  = 4 * time.Second
)

// plainDesk is a connector with no optional interface.
type plainDesk struct {
	mu      sync.Mutex
	got     []message.Event
	deliver func(ctx context.Context, event message.Event) error // nil: takes everything
}

func (d *plainDesk) Deliver(ctx context.Context, event message.Event) (connectors.Receipt, error) {
	d.mu.Lock()
	d.got = append(d.got, event)
	deliver := d.deliver
	d.mu.Unlock()
	if deliver == nil {
		return connectors.Receipt{}, nil
	}
	return connectors.Receipt{}, deliver(ctx, event)
}

func (d *plainDesk) Receive(context.Context, *http.Request) ([]message.Outbound, error) {
	return nil, nil
}

// calls gives the texts of all calls so far, in their order.
func (d *plainDesk) calls() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	texts := []string{}
	for _, event := range d.got {
		texts = append(texts, event.Data.Text)
	}
	return texts
}

// failing makes the next calls fail, one with each of the errors.
func (d *plainDesk) failing(errs ...error) {
	d.deliver = func(context.Context, message.Event) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		if len(errs) == 0 {
			return nil
		}
		err := errs[0]
		errs = errs[1:]
		return err
	}
}

// desk also relays typing and closing.
type desk struct {
	plainDesk
	typed, closed []message.Event
	relayTyping   func(ctx context.Context, event message.Event) error
	relayClose    func(ctx context.Context, event message.Event) error
}

func (d *desk) RelayTyping(ctx context.Context, event message.Event) error {
	return d.relay(ctx, event, &d.typed, d.relayTyping)
}

func (d *desk) RelayClose(ctx context.Context, event message.Event) error {
	return d.relay(ctx, event, &d.closed, d.relayClose)
}

func (d *desk) relay(ctx context.Context, event message.Event, seen *[]message.Event, answer func(context.Context, message.Event) error) error {
	d.mu.Lock()
	*seen = append(*seen, event)
	d.mu.Unlock()
	if answer == nil {
		return nil
	}
	return answer(ctx, event)
}

// gateway is Apple's side.
type gateway struct {
	mu   sync.Mutex
	sent []apple.Outgoing // every call
	send func(ctx context.Context, out apple.Outgoing) error
	clip func(link message.RichLink) (json.RawMessage, error) // nil: there is none
}

func (g *gateway) Send(ctx context.Context, out apple.Outgoing) (apple.Accepted, error) {
	g.mu.Lock()
	g.sent = append(g.sent, out)
	g.mu.Unlock()
	if g.send == nil {
		return apple.Accepted{}, nil
	}
	return apple.Accepted{}, g.send(ctx, out)
}

func (*gateway) Expand(context.Context, apple.Reference) (json.RawMessage, apple.Expansion, error) {
	return nil, apple.ExpansionFailed, message.Failuref(message.Transient, "nothing is kept here")
}

func (*gateway) Fetch(context.Context, attachment.Source, int64, int64) (io.ReadCloser, error) {
	return nil, message.Failuref(message.Transient, "nothing is kept here")
}

func (g *gateway) AppClip(_ context.Context, _ message.ID, _ message.BusinessID, link message.RichLink) (json.RawMessage, error) {
	if g.clip == nil {
		return nil, message.Failuref(message.Invalid, "Apple knows no App Clip here")
	}
	return g.clip(link)
}

func (g *gateway) calls() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	texts := []string{}
	for _, out := range g.sent {
		texts = append(texts, textOf(out.Content))
	}
	return texts
}

func textOf(content message.Content) string {
	if text, ok := content.(message.Text); ok {
		return text.Text
	}
	return string(content.(message.Typing).State)
}

type rig struct {
	*Flow
	desk    *desk
	gateway *gateway
	logs    *syncBuffer
}

func newRig(t testing.TB, changes ...func(*Options)) *rig {
	t.Helper()
	r := &rig{desk: &desk{}, gateway: &gateway{}, logs: &syncBuffer{}}
	options := Options{
		Memory: NewMemory(time.Now), Gateway: r.gateway,
		Desks:   map[message.BusinessID]*Desk{business: {Name: "desk", Connector: r.desk}},
		Ring:    ring(t, 1),
		Metrics: metrics.New("test", "test"),
		Logger:  slog.New(slog.NewTextHandler(r.logs, nil)),
		Now:     time.Now, Timeout: timeout, InboundConcurrency: 256, OutboundConcurrency: 20,
	}
	for _, change := range changes {
		change(&options)
	}
	options.Metrics.Expect(string(business), "desk")
	r.Flow = New(options)
	return r
}

func ring(t testing.TB, seeds ...byte) *seal.Ring {
	t.Helper()
	var keys [][]byte
	for _, seed := range seeds {
		keys = append(keys, bytes.Repeat([]byte{seed}, seal.KeySize))
	}
	ring, err := seal.NewRing(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

type syncBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// text is a message of the customer; the id follows from the text.
func text(words string) *apple.Incoming { return from(customer, words) }

func from(who message.CustomerID, words string) *apple.Incoming {
	return incoming(message.EventReceived, "text", who, words)
}

func incoming(event message.EventType, appleType string, who message.CustomerID, words string) *apple.Incoming {
	return &apple.Incoming{Type: appleType, Event: message.Event{
		Type: event, Schema: message.SchemaVersion, Timestamp: time.Now(),
		Data: message.Data{
			ID: message.DeriveID(string(event), string(who), words), BusinessID: business, CustomerID: who, Text: words,
			Device: message.Device{Locale: "de_DE", Intent: "billing", Capabilities: []message.Capability{message.CapabilityList}},
		},
	}}
}

func typingFrom(who message.CustomerID, event message.EventType) *apple.Incoming {
	label := map[message.EventType]string{message.EventTypingStarted: "typing_start", message.EventTypingStopped: "typing_end"}[event]
	return incoming(event, label, who, "")
}

// reply is a message of an agent; its key follows from the text.
func reply(words string) message.Outbound {
	return message.Outbound{Key: "key of " + words, BusinessID: business, CustomerID: customer, Content: message.Text{Text: words}}
}

func agentTyping(state message.TypingState) message.Outbound {
	return message.Outbound{BusinessID: business, CustomerID: customer, Content: message.Typing{State: state}}
}

var agents = Sender{
	Source: "desk", Label: "desk", Default: message.SenderAgent,
	MaySpeakFor: func(message.BusinessID) bool { return true },
}

// after is a far side that needs some time, and notices when it is up.
func after(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return message.FailureOf(ctx.Err())
	}
}

// pass lets time go by, and what it wakes come to rest.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// value reads a counter or a gauge, or how often a histogram was told something.
func value(t testing.TB, metric any) float64 {
	t.Helper()
	var out dto.Metric
	if err := metric.(prometheus.Metric).Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.GetCounter().GetValue() + out.GetGauge().GetValue() + float64(out.GetHistogram().GetSampleCount())
}

// wantInbound checks the counter of one type: exactly these outcomes, and no others.
func (r *rig) wantInbound(t testing.TB, appleType string, want map[message.Outcome]int) {
	t.Helper()
	for _, outcome := range message.Outcomes {
		got := value(t, r.Metrics.Inbound.WithLabelValues(string(business), "desk", appleType, string(outcome)))
		if got != float64(want[outcome]) {
			t.Errorf("inbound_messages_total{type=%q,outcome=%q} is %v, want %d", appleType, outcome, got, want[outcome])
		}
	}
}

func (r *rig) wantOutbound(t testing.TB, kind message.Kind, want map[message.Outcome]int) {
	t.Helper()
	for _, outcome := range message.Outcomes {
		got := value(t, r.Metrics.Outbound.WithLabelValues(string(business), "desk", string(kind), string(outcome)))
		if got != float64(want[outcome]) {
			t.Errorf("outbound_messages_total{kind=%q,outcome=%q} is %v, want %d", kind, outcome, got, want[outcome])
		}
	}
}

func wantClass(t testing.TB, failure *message.Failure, class message.Class) {
	t.Helper()
	if failure == nil {
		t.Fatalf("no failure, want one of class %s", class)
	}
	if failure.Class != class {
		t.Fatalf("failure %q of class %s, want %s", failure, failure.Class, class)
	}
}

func wantNil(t testing.TB, failure *message.Failure) {
	t.Helper()
	if failure != nil {
		t.Fatalf("failure of class %s: %v", failure.Class, failure)
	}
}

func wantEqual[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// idle checks that nothing is left behind: lanes, slots, tries in flight, gauges.
func (r *rig) idle(t testing.TB) {
	t.Helper()
	m := r.Memory
	for name, n := range map[string]int{
		"inbound lanes": len(m.inboundLanes.last), "outbound lanes": len(m.outboundLanes.last),
		"inbound typing": len(m.inboundTyping.cancel), "outbound typing": len(m.outboundTyping.cancel),
		"inbound tries": len(m.inbound.inflight), "outbound tries": len(m.outbound.inflight), "tasks": m.tasks.running,
	} {
		wantEqual(t, name+" left behind", n, 0)
	}
	for _, direction := range metrics.Directions {
		wantEqual(t, "inflight "+direction, value(t, r.Metrics.Inflight.WithLabelValues(direction)), 0)
	}
}
