package bridge

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/flow"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/bridge/seal"
	"bizbridge/config"
	"bizbridge/connectors"
)

// deafDesk is a helpdesk that reads no answers to its webhooks. Its webhooks bring what receive gives.
type deafDesk struct {
	receive func() ([]message.Outbound, error)
	hears   bool
	mu      sync.Mutex
	told    []message.Event
}

func (d *deafDesk) RelaysFailures() bool { return !d.hears }

func (d *deafDesk) Deliver(_ context.Context, event message.Event) (connectors.Receipt, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = append(d.told, event)
	return connectors.Receipt{}, nil
}

func (d *deafDesk) Receive(context.Context, *http.Request) ([]message.Outbound, error) {
	return d.receive()
}

// refusingApple is a gateway that refuses everything in one way.
type refusingApple struct {
	flow.Gateway
	failure error
}

func (a refusingApple) Send(context.Context, apple.Outgoing) (apple.Accepted, error) {
	return apple.Accepted{}, a.failure
}

// A helpdesk that does not read the answers to its webhooks hears of what was refused before Apple was asked, of what Apple
// refused, and of what could not even be read whole.
func TestAHelpdeskThatReadsNoAnswersHearsWhatBecameOfItsWebhooks(t *testing.T) {
	text := message.Outbound{Key: "key", BusinessID: businessID, CustomerID: customerID, Content: message.Text{Text: "Hi"}}
	other := text
	other.Key = "other"
	template := text
	template.Content = message.Template{Name: "none"}
	invalid := &message.Failure{Class: message.Invalid, Reason: "the message is not valid", Faults: []message.Fault{
		{Pointer: "/data/content/text", Rule: "maxLength", Message: "is too long"},
	}}
	for name, test := range map[string]struct {
		messages []message.Outbound
		err      error
		apple    error
		hears    bool
		status   int
		told     string // code and reason; "": nothing
	}{
		"sent":                          {[]message.Outbound{text}, nil, nil, false, 200, ""},
		"refused by Apple":              {[]message.Outbound{text}, nil, message.Failuref(message.Unreachable, "signed out"), false, 200, "unreachable: signed out"},
		"refused before":                {[]message.Outbound{template}, nil, nil, false, 200, "unknown_template: no templates are configured"},
		"refused before others":         {[]message.Outbound{template, other}, nil, nil, false, 200, "unknown_template: no templates are configured"},
		"refused before, alone":         {[]message.Outbound{template}, nil, nil, true, 422, ""},
		"refused before, not alone":     {[]message.Outbound{other, template}, nil, nil, true, 200, ""},
		"not read whole":                {[]message.Outbound{{Key: "key", BusinessID: businessID, CustomerID: customerID}}, invalid, nil, false, 422, "invalid: the message is not valid: /data/content/text is too long"},
		"not read at all":               {nil, invalid, nil, false, 422, ""},
		"not now":                       {[]message.Outbound{text}, nil, message.Failuref(message.Throttled, "slow down"), false, 429, ""},
		"the customer left":             {[]message.Outbound{text}, nil, message.Failuref(message.Closed, "gone"), false, 200, ""},
		"a helpdesk that reads answers": {[]message.Outbound{text}, nil, message.Failuref(message.Unreachable, "signed out"), true, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ring, err := seal.NewRing(bytes.Repeat([]byte{7}, seal.KeySize))
			if err != nil {
				t.Fatal(err)
			}
			connector := &deafDesk{receive: func() ([]message.Outbound, error) { return test.messages, test.err }, hears: test.hears}
			desk := &flow.Desk{Name: "desk", Connector: connector, Sender: flow.Sender{
				Source: "connector:desk", Label: "desk", Default: message.SenderAgent, MaySpeakFor: func(message.BusinessID) bool { return true },
			}}
			memory, measures := flow.NewMemory(time.Now), metrics.New("test", "test")
			logger := slog.New(slog.DiscardHandler)
			cfg := &config.Config{}
			cfg.Limits.MaxBody, cfg.Delivery.Timeout = 1<<20, config.Duration(time.Second)
			s := &site{
				config: cfg, metrics: measures, logger: logger, desks: map[string]*flow.Desk{"desk": desk},
				flow: flow.New(flow.Options{
					Memory: memory, Gateway: refusingApple{failure: test.apple}, Desks: map[message.BusinessID]*flow.Desk{businessID: desk},
					Ring: ring, Metrics: measures, Logger: logger, Now: time.Now, Timeout: time.Second, InboundConcurrency: 1, OutboundConcurrency: 1,
				}),
			}
			w := httptest.NewRecorder()
			s.webhook(w, httptest.NewRequest(http.MethodPost, "/webhooks/desk", strings.NewReader("{}")), "desk")
			memory.Drain(t.Context())
			if w.Code != test.status {
				body, _ := io.ReadAll(w.Body)
				t.Errorf("answered with %d, want %d: %s", w.Code, test.status, body)
			}
			said := ""
			for _, event := range connector.told {
				if event.Type != message.EventFailed || event.Data.Failed.MessageID != "key" {
					raw, _ := json.Marshal(event)
					t.Errorf("told is %s", raw)
					continue
				}
				said += string(event.Data.Failed.Code) + ": " + event.Data.Failed.Reason
			}
			if said != test.told {
				t.Errorf("told is %q, want %q", said, test.told)
			}
		})
	}
}

// TestAHelpdeskThatPostsOnceIsAnsweredAndTold: it would take a status for the reason, and never come again.
func TestAHelpdeskThatPostsOnceIsAnsweredAndTold(t *testing.T) {
	desk := &flow.Desk{Connector: &deafDesk{}, PostsOnce: true}
	patient := &flow.Desk{Connector: &deafDesk{}}
	reads := &flow.Desk{Connector: &deafDesk{hears: true}, PostsOnce: true}
	notNow, never := message.Failuref(message.Transient, "not now"), message.Failuref(message.Invalid, "no")
	tried := message.SendResult{Status: message.StatusFailed}
	for name, test := range map[string]struct {
		desk     *flow.Desk
		messages int
		result   message.SendResult
		failure  *message.Failure
		want     bool
	}{
		"once, not now":              {desk, 1, message.SendResult{}, notNow, true},
		"once, tried":                {desk, 1, tried, notNow, true},
		"once, refused":              {desk, 1, message.SendResult{}, never, true},
		"again, not now":             {patient, 1, message.SendResult{}, notNow, false},
		"again, refused":             {patient, 1, message.SendResult{}, never, true},
		"reads, not now":             {reads, 1, message.SendResult{}, notNow, false},
		"reads, refused":             {reads, 1, message.SendResult{}, never, false},
		"reads, refused with others": {reads, 2, message.SendResult{}, never, true},
		"reads, not now with others": {reads, 2, message.SendResult{}, notNow, false},
	} {
		if got := toldOtherwise(test.desk, test.messages, test.result, test.failure); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
