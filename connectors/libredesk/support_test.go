package libredesk_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/libredesk"
	"bizbridge/connectors/libredesk/libredesktest"
)

const business = message.BusinessID("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")

// customer is one of Apple's length, and what stands for it in LibreDesk.
const (
	customer = message.CustomerID("urn:mbid:AQAAY9Jnp/tTYVWYgCZwgu/5Q2yuhkDMuHAvwRsa00tXpTWbrYthQqkqE10yQZQ+BOAAYlViARqOHUcKIHh24b3zdWDZ4dPQidMByPkAFG1qY/c2jfOf6fq41B2qDqhb+BbBcVraRFLs+c/Xmo1JJQW3Ltj4qw8=")
	hashed   = "amb_da239e8d88f4fdec6c5d7b20de8acf5816c18ce02052635c0d6d08daf876ff02"
)

// settings are those of the fake.
func settings(url string) *libredesk.Config {
	return &libredesk.Config{
		URL: url, APIKey: libredesktest.APIKey, APISecret: libredesktest.APISecret,
		InboxID: libredesktest.InboxID, InboxSecret: libredesktest.InboxSecret,
		WebhookSecrets: []config.Secret{libredesktest.WebhookSecret},
	}
}

// connect makes a connector for a desk.
func connect(t testing.TB, url string, now func() time.Time) *libredesk.Connector {
	t.Helper()
	return connectWith(t, settings(url), now, discard)
}

func connectWith(t testing.TB, cfg *libredesk.Config, now func() time.Time, logger *slog.Logger) *libredesk.Connector {
	t.Helper()
	env := environment(t)
	env.Logger, env.Now = logger, now
	connector, err := libredesk.Factory().New(env, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return connector.(*libredesk.Connector)
}

// rig is a connector with a desk of its own.
func rig(t testing.TB) (*libredesk.Connector, *libredesktest.Desk) {
	t.Helper()
	desk := libredesktest.Start(t)
	t.Cleanup(desk.Stop)
	return connect(t, desk.URL, time.Now), desk
}

// event is something that the customer did.
func event(kind message.EventType, change func(*message.Data)) message.Event {
	data := message.Data{
		ID: message.DeriveID(string(kind)), BusinessID: business, CustomerID: customer, Sealed: "c2VhbGVk",
		Device: message.Device{Locale: "de_DE", Intent: "order"},
	}
	if change != nil {
		change(&data)
	}
	return message.Event{Type: kind, Schema: message.SchemaVersion, Timestamp: time.Now(), Data: data}
}

func text(words string) message.Event {
	return event(message.EventReceived, func(data *message.Data) { data.Text = words })
}

// deliver delivers an event that nothing stands in the way of.
func deliver(t testing.TB, connector connectors.Connector, told message.Event) connectors.Receipt {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	receipt, err := connector.Deliver(ctx, told)
	if err != nil {
		t.Fatalf("%s: %v", told.Type, err)
	}
	return receipt
}

// fixture reads a file of testdata/desk, and gives the member of the payload if one is named.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", "desk", name))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func decode(t testing.TB, body []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatal(err)
	}
}

func contextFor(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), 5*time.Second)
}

type receipt = connectors.Receipt

// opening is the Open of a file.
func opening(content string, failure error) func(context.Context) (io.ReadCloser, error) {
	return func(context.Context) (io.ReadCloser, error) {
		if failure != nil {
			return nil, failure
		}
		return io.NopCloser(strings.NewReader(content)), nil
	}
}

func environment(t testing.TB) connectors.Environment {
	client := httpclient.New(httpclient.Options{Peer: "desk", Metrics: metrics.New("test", "test")})
	t.Cleanup(client.Close)
	return connectors.Environment{Name: "desk", HTTP: client, Logger: discard, Now: time.Now}
}
