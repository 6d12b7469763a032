package infobip_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/httpclient/auth"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/infobip"
	"bizbridge/connectors/infobip/infobiptest"
)

const (
	business = message.BusinessID("b1")
	customer = message.CustomerID("urn:mbid:AQAAY9Jnp/tTYVWYgCZwgu/5Q2yuhkDMuHAvwRsa00tXpTWbrYthQqkqE10yQZQ+BOAAYlViARqOHUcKIHh24b3zdWDZ4dPQidMByPkAFG1qY/c2jfOf6fq41B2qDqhb+BbBcVraRFLs+c/Xmo1JJQW3Ltj4qw8=")
	hunter   = "hunter2-hunter2-hunter2"
)

var happened = time.UnixMilli(1785574920000)

// connect makes a connector for an account, of product conversations unless a test says otherwise.
func connect(t testing.TB, url string, changes ...func(*infobip.Config)) connectors.Connector {
	t.Helper()
	settings := &infobip.Config{
		URL: url, APIKey: infobiptest.APIKey, Channels: []infobip.Channel{{ID: infobiptest.Channel, BusinessID: business}},
		SigningSecrets: []config.Secret{infobiptest.SigningSecret},
	}
	for _, change := range changes {
		change(settings)
	}
	m := metrics.New("test", "test")
	authorizer, err := infobip.Factory().Authorizer(settings, auth.Deps{Peer: "infobip", Metrics: m})
	if err != nil {
		t.Fatal(err)
	}
	if authorizer != nil {
		t.Cleanup(authorizer.Close)
	}
	client := httpclient.New(httpclient.Options{Peer: "infobip", Metrics: m, Auth: authorizer.For})
	t.Cleanup(client.Close)
	connector, err := infobip.Factory().New(connectors.Environment{
		Name: "infobip", HTTP: client, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return happened },
	}, settings)
	if err != nil {
		t.Fatal(err)
	}
	return connector
}

func answers(c *infobip.Config) { c.Product = "answers" }

func closingText(c *infobip.Config) { c.ClosingText = "Bye." }

func startDesk(t testing.TB) *infobiptest.Desk {
	t.Helper()
	desk := infobiptest.Start(t)
	t.Cleanup(desk.Stop)
	return desk
}

func event(kind message.EventType, change func(*message.Data)) message.Event {
	data := message.Data{
		ID: "9d1c2b5e-0000-4000-8000-000000000001", BusinessID: business, CustomerID: customer,
		Device: message.Device{Intent: "order", Group: "shop", Locale: "en_US"},
	}
	if change != nil {
		change(&data)
	}
	return message.Event{Type: kind, Schema: message.SchemaVersion, Timestamp: happened, Data: data}
}

func said(text string) message.Event {
	return event(message.EventReceived, func(d *message.Data) { d.Text = text })
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func deliver(t testing.TB, connector connectors.Connector, event message.Event) error {
	_, err := connector.Deliver(soon(t), event)
	return err
}

func mustDeliver(t testing.TB, connector connectors.Connector, event message.Event) {
	t.Helper()
	if err := deliver(t, connector, event); err != nil {
		t.Fatal(err)
	}
}

// receive gives the connector a body that is signed.
func receive(t testing.TB, connector connectors.Connector, body string) ([]message.Outbound, error) {
	return connector.Receive(t.Context(), infobiptest.Signed(infobiptest.SigningSecret, happened, body))
}

func classOf(err error) message.Class {
	if failure, ok := errors.AsType[*message.Failure](err); ok {
		return failure.Class
	}
	return -1
}

func payload(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// statuses answers everything with one status.
type statuses int

func (s statuses) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(int(s))
	_, _ = w.Write([]byte(`{}`))
}

func secrets(texts ...string) []config.Secret {
	var list []config.Secret
	for _, text := range texts {
		list = append(list, config.Secret(text))
	}
	return list
}
