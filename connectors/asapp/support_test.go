package asapp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/httpclient/auth"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/asapp"
	"bizbridge/connectors/asapp/asapptest"
	"bizbridge/connectors/connectortest/fake"
)

const (
	business = message.BusinessID("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")
	customer = message.CustomerID("urn:mbid:AQAAY9Jnp/tTYVWYgCZwgu/5Q2yuhkDMuHAvwRsa00tXpTWbrYthQqkqE10yQZQ+BOAAYlViARqOHUcKIHh24b3zdWDZ4dPQidMByPkAFG1qY/c2jfOf6fq41B2qDqhb+BbBcVraRFLs+c/Xmo1JJQW3Ltj4qw8=")
	external = "amb_da239e8d88f4fdec6c5d7b20de8acf5816c18ce02052635c0d6d08daf876ff02"
)

var happened = time.Date(2026, 8, 1, 9, 0, 1, 0, time.UTC)

// connect makes a connector for a company, with GenerativeAgent unless a test says otherwise.
func connect(t testing.TB, desk *asapptest.Desk, changes ...func(*asapp.Config)) *asapp.Connector {
	t.Helper()
	return connectNamed(t, "asapp", desk, slog.New(slog.DiscardHandler), changes...)
}

func connectNamed(t testing.TB, name string, desk *asapptest.Desk, logger *slog.Logger, changes ...func(*asapp.Config)) *asapp.Connector {
	t.Helper()
	settings := asapp.Factory().NewConfig().(*asapp.Config)
	settings.URL, settings.APIID, settings.APISecret = desk.URL, asapptest.APIID, asapptest.APISecret
	settings.WebhookSecrets = []config.Secret{asapptest.WebhookSecret}
	for _, change := range changes {
		change(settings)
	}
	m := metrics.New("test", "test")
	authorizer, err := asapp.Factory().Authorizer(settings, auth.Deps{Peer: name, Metrics: m})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(authorizer.Close)
	client := httpclient.New(httpclient.Options{Peer: name, Metrics: m, Auth: authorizer.For})
	t.Cleanup(client.Close)
	connector, err := asapp.Factory().New(connectors.Environment{Name: name, HTTP: client, Logger: logger, Now: time.Now}, settings)
	if err != nil {
		t.Fatal(err)
	}
	return connector.(*asapp.Connector)
}

func peopleAnswer(c *asapp.Config) { c.GenerativeAgent = false }

func startDesk(t testing.TB) *asapptest.Desk {
	t.Helper()
	desk := asapptest.Start(t)
	t.Cleanup(desk.Stop)
	return desk
}

var number int

// event is a new event, of the fixtures' customer at their time.
func event(kind message.EventType, change func(*message.Data)) message.Event {
	number++
	data := message.Data{
		ID: message.DeriveID("test", string(rune(number))), BusinessID: business, CustomerID: customer, Sealed: "c2VhbGVk",
		Device: message.Device{Locale: "en_US"},
	}
	if change != nil {
		change(&data)
	}
	return message.Event{Type: kind, Schema: message.SchemaVersion, Timestamp: happened, Data: data}
}

func text(words string) message.Event {
	return event(message.EventReceived, func(d *message.Data) { d.Text = words })
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func mustDeliver(t testing.TB, connector connectors.Connector, event message.Event) connectors.Receipt {
	t.Helper()
	receipt, err := connector.Deliver(soon(t), event)
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

// told gives the texts of the only conversation, as "role: text".
func told(desk *asapptest.Desk) []string {
	var texts []string
	for _, c := range desk.Conversations() {
		for _, m := range c.Messages {
			texts = append(texts, m.Role+": "+m.Text)
		}
	}
	return texts
}

// calls gives the last parts of the paths of all calls.
func calls(desk *asapptest.Desk) []string {
	var names []string
	for _, call := range desk.Calls() {
		names = append(names, call.Method+" "+filepath.Base(call.Path))
	}
	return names
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// phone is where messages for customers end.
type phone struct {
	mu       sync.Mutex
	got      []message.Outbound
	failures []*message.Failure // of the next sends
	keys     map[string]bool
}

// send is what the bridge gives to Run: a repeat of a key sends nothing.
func (p *phone) send(ctx context.Context, out message.Outbound) *message.Failure {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ctx.Err() != nil {
		return message.FailureOf(ctx.Err())
	}
	if out.Content.Kind() != message.KindTyping && len(p.failures) > 0 {
		failure := p.failures[0]
		p.failures = p.failures[1:]
		return failure
	}
	if p.keys == nil {
		p.keys = make(map[string]bool)
	}
	if !p.keys[out.Key] {
		p.keys[out.Key] = true
		p.got = append(p.got, out)
	}
	return nil
}

// shows gives what was sent, in short; typing only on demand.
func (p *phone) shows(typing bool) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var shown []string
	for _, out := range p.got {
		switch content := out.Content.(type) {
		case message.Text:
			shown = append(shown, content.Text)
		case message.Typing:
			if typing {
				shown = append(shown, "typing "+string(content.State))
			}
		default:
			body, _ := json.Marshal(content)
			shown = append(shown, string(body))
		}
	}
	return shown
}

func (p *phone) all() []message.Outbound {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

// run runs a connector until stop is called, which waits until it has ended.
func run(t testing.TB, connector *asapp.Connector, send func(context.Context, message.Outbound) *message.Failure) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		connector.Run(ctx, send)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return stop
}

func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if so() {
			return
		}
	}
	t.Fatalf("not within 5 s: %s", what)
}

// journal is a log that can be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) holds(words string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Contains(j.text.String(), words)
}

// fakeAnswer is one answer with a body of the test's choice.
func fakeAnswer(status int, body []byte) fake.Fault {
	return fake.Fault{Raw: fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", status, http.StatusText(status), len(body), body)}
}
