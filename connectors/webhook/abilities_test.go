package webhook_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/webhook"
)

// TestAMappingCanDoWhatItsRulesSay grades what check shows, and what becomes of events without a rule.
func TestAMappingCanDoWhatItsRulesSay(t *testing.T) {
	folder := t.TempDir()
	text := `
mapping: 1
name: Texts only
vars: {base: null}
inbound:
  - {name: text, when: .type == "message.received", steps: [{name: post, request: {method: POST, url: '\($vars.base)/x', body: .}}]}
  - {name: replies, when: .type == "message.replied", ignored: true}
outbound: [{name: all, ignored: true}]
`
	if err := os.WriteFile(filepath.Join(folder, "m.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	client := httpclient.New(httpclient.Options{Peer: "desk", Metrics: metrics.New("test", "test")})
	t.Cleanup(client.Close)
	connector, err := webhook.Factory().New(connectors.Environment{Name: "desk", Dir: folder, HTTP: client, Logger: slog.New(slog.DiscardHandler), Now: time.Now},
		&webhook.Config{URL: "http://127.0.0.1:9", Secrets: []config.Secret{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, Mapping: "m.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	can := connector.(connectors.Able).Abilities()
	for event, want := range map[message.EventType]connectors.Level{
		message.EventReceived: connectors.Full, message.EventReplied: connectors.Dropped, message.EventUnsupported: connectors.Rejected,
		message.EventTypingStarted: connectors.Dropped, message.EventClosed: connectors.Dropped,
	} {
		if got := can.Inbound[event]; got != want {
			t.Errorf("%s is %s, want %s", event, got, want)
		}
	}
	closed := message.Event{Type: message.EventClosed, Schema: 1, Timestamp: time.Now(), Data: message.Data{ID: "i", BusinessID: "b", CustomerID: "urn:mbid:c"}}
	if err := connector.(connectors.CloseRelay).RelayClose(t.Context(), closed); err != nil {
		t.Errorf("an end that no rule takes is %v: Apple would hear 503 for what nobody can repeat", err)
	}
	unsupported := closed
	unsupported.Type = message.EventUnsupported
	if _, err := connector.Deliver(t.Context(), unsupported); !errors.As(err, new(*message.Failure)) {
		t.Errorf("a message that no rule takes vanishes: %v", err)
	}
	if connector.(connectors.FailureRelay).RelaysFailures() {
		t.Error("failures come back without a rule for them")
	}
}
