package chatwoot_test

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/connectors"
	"bizbridge/connectors/chatwoot"
	"bizbridge/connectors/chatwoot/chatwoottest"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	business = message.BusinessID("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")
	// customer and its source id are those of the fixtures.
	customer = message.CustomerID("urn:mbid:AQAAY9Jnp/tTYVWYgCZwgu/5Q2yuhkDMuHAvwRsa00tXpTWbrYthQqkqE10yQZQ+BOAAYlViARqOHUcKIHh24b3zdWDZ4dPQidMByPkAFG1qY/c2jfOf6fq41B2qDqhb+BbBcVraRFLs+c/Xmo1JJQW3Ltj4qw8=")
	source   = "mbid_AQAAY9Jnp_tTYVWYgCZwgu_5Q2yuhkDMuHAvwRsa00tXpTWbrYthQqkqE10yQZQ-BOAAYlViARqOHUcKIHh24b3zdWDZ4dPQidMByPkAFG1qY_c2jfOf6fq41B2qDqhb-BbBcVraRFLs-c_Xmo1JJQW3Ltj4qw8"
)

// happened is when the fixtures happened.
var happened = time.Unix(1785574920, 0)

func clock() time.Time { return happened }

// connector is the connector under test with all that it implements.
type connector interface {
	connectors.TypingRelay
	connectors.CloseRelay
	connectors.ConversationFinder
	connectors.FailureRelay
	connectors.Uploader
	connectors.NoteWriter
	connectors.ChoiceKeeper
	connectors.Checker
}

// connect makes a connector for a Chatwoot at an address.
func connect(t testing.TB, url string, changes ...func(*chatwoot.Config)) connector {
	t.Helper()
	return connectAt(t, url, clock, slog.New(slog.DiscardHandler), changes...)
}

func connectAt(t testing.TB, url string, now func() time.Time, logger *slog.Logger, changes ...func(*chatwoot.Config)) connector {
	t.Helper()
	client := httpclient.New(httpclient.Options{Peer: "desk", Metrics: metrics.New("test", "test")})
	t.Cleanup(client.Close)
	made, err := chatwoot.Factory().New(connectors.Environment{Name: "desk", HTTP: client, Logger: logger, Now: now}, settings(url, changes...))
	if err != nil {
		t.Fatal(err)
	}
	return made.(connector)
}

func startDesk(t testing.TB, options chatwoottest.Options) *chatwoottest.Desk {
	t.Helper()
	if options.Clock == nil {
		options.Clock = clock
	}
	desk := chatwoottest.Start(t, options)
	t.Cleanup(desk.Stop)
	return desk
}

// both are a Chatwoot and its connector.
func both(t testing.TB, options chatwoottest.Options, changes ...func(*chatwoot.Config)) (*chatwoottest.Desk, connector) {
	t.Helper()
	desk := startDesk(t, options)
	return desk, connect(t, desk.URL, changes...)
}

// event is something that the customer of the fixtures did.
func event(kind message.EventType, id message.ID, changes ...func(*message.Data)) message.Event {
	data := message.Data{
		ID: id, BusinessID: business, CustomerID: customer, Sealed: "c2VhbGVk",
		Device: message.Device{Locale: "en_US", Agent: "iPhone", Capabilities: message.ParseCapabilities("LIST,QUICK,FORM")},
	}
	for _, change := range changes {
		change(&data)
	}
	return message.Event{Type: kind, Schema: message.SchemaVersion, Timestamp: happened, Data: data}
}

func said(text string) func(*message.Data) { return func(data *message.Data) { data.Text = text } }

// deliver hands over an event that nothing stands in the way of.
func deliver(t testing.TB, to connectors.Connector, what message.Event) connectors.Receipt {
	t.Helper()
	receipt, err := try(t, to, what)
	if err != nil {
		t.Fatalf("%s: %v", what.Type, err)
	}
	return receipt
}

func try(t testing.TB, to connectors.Connector, what message.Event) (connectors.Receipt, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return to.Deliver(ctx, what)
}

// open begins the conversation of the customer and gives its number.
func open(t testing.TB, desk *chatwoottest.Desk, to connectors.Connector) int64 {
	t.Helper()
	deliver(t, to, event(message.EventReceived, "first", said("Hello")))
	return newest(t, desk).ID
}

func newest(t testing.TB, desk *chatwoottest.Desk) chatwoottest.State {
	t.Helper()
	all := desk.Conversations(string(customer))
	if len(all) == 0 {
		t.Fatal("there is no conversation")
	}
	return all[len(all)-1]
}

// shown is what agents see of a conversation, activities left out.
func shown(state chatwoottest.State) []string {
	var lines []string
	for _, each := range state.Messages {
		switch {
		case each.Type == chatwoottest.Activity:
			continue
		case each.Private:
			lines = append(lines, "note: "+each.Content)
		case each.Type == chatwoottest.Incoming:
			lines = append(lines, "in: "+each.Content)
		default:
			lines = append(lines, "out: "+each.Content)
		}
	}
	return lines
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// begun is a fixture as it is where the bridge began the conversation: the fixtures know nothing of several businesses.
func begun(t testing.TB, name string) []byte {
	t.Helper()
	return []byte(strings.ReplaceAll(string(fixture(t, name)), `"apple_mbid"`,
		`"apple_business_id": "`+string(business)+`", "apple_context": "c2VhbGVk", "apple_mbid"`))
}

// receive reads a body as if Chatwoot had posted it.
func receive(t testing.TB, from connectors.Connector, desk *chatwoottest.Desk, body []byte) ([]message.Outbound, error) {
	t.Helper()
	return from.Receive(t.Context(), desk.Post(body))
}

// offline is a Chatwoot that only signs webhooks, and its connector.
func offline(t testing.TB) (*chatwoottest.Desk, connector) {
	t.Helper()
	desk := chatwoottest.New("http://127.0.0.1:1", chatwoottest.Options{Clock: clock})
	return desk, connect(t, desk.URL)
}

func pretty(t testing.TB, value any) string {
	t.Helper()
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

// golden compares with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// stream is a file of a customer's whose bytes can be had.
func stream(name, kind, content string) message.Attachment {
	return message.Attachment{
		ID: name, Name: name, MIMEType: kind, Size: int64(len(content)), URL: "https://bridge.example.com/media/" + name,
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil },
	}
}

// fetch downloads a file as an agent would.
func fetch(t testing.TB, address string) string {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", address, resp.Status, err)
	}
	return string(text)
}

var discard = slog.New(slog.DiscardHandler)
