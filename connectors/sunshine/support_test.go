package sunshine_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/httpclient/auth"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/connectors"
	"bizbridge/connectors/sunshine"
	"bizbridge/connectors/sunshine/sunshinetest"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	business = message.BusinessID("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")
	customer = message.CustomerID("urn:mbid:AQAAY9Jnp/tTYVWYgCZwgu/5Q2yuhkDMuHAvwRsa00tXpTWbrYthQqkqE10yQZQ+BOAAYlViARqOHUcKIHh24b3zdWDZ4dPQidMByPkAFG1qY/c2jfOf6fq41B2qDqhb+BbBcVraRFLs+c/Xmo1JJQW3Ltj4qw8=")
)

type object = map[string]any

// rig is a connector of an app.
type rig struct {
	*sunshine.Connector
	t   testing.TB
	app *sunshinetest.App
	now time.Time
	log *strings.Builder
}

func newRig(t testing.TB, changes ...func(*sunshine.Config)) *rig {
	t.Helper()
	app := sunshinetest.Start(t)
	t.Cleanup(app.Stop)
	r := &rig{t: t, app: app, now: time.Date(2026, 8, 1, 9, 0, 0, 0, time.UTC), log: &strings.Builder{}}
	settings := configure(app.URL)
	for _, change := range changes {
		change(settings)
	}
	r.Connector = connect(t, settings, func() time.Time { return r.now }, r.log)
	return r
}

// connect makes a connector as the bridge does.
func connect(t testing.TB, settings *sunshine.Config, now func() time.Time, log io.Writer) *sunshine.Connector {
	t.Helper()
	m := metrics.New("test", "test")
	authorizer, err := sunshine.Factory().Authorizer(settings, auth.Deps{Peer: "desk", Metrics: m})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(authorizer.Close)
	client := httpclient.New(httpclient.Options{Peer: "desk", Metrics: m, Auth: authorizer.For})
	t.Cleanup(client.Close)
	connector, err := sunshine.Factory().New(connectors.Environment{
		Name: "desk", HTTP: client, Logger: slog.New(slog.NewTextHandler(log, nil)), Now: now,
	}, settings)
	if err != nil {
		t.Fatal(err)
	}
	return connector.(*sunshine.Connector)
}

func (r *rig) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	r.t.Cleanup(cancel)
	return ctx
}

// deliver delivers what must be accepted.
func (r *rig) deliver(event message.Event) connectors.Receipt {
	r.t.Helper()
	receipt, err := r.Deliver(r.context(), event)
	if err != nil {
		r.t.Fatalf("%s: %v", event.Type, err)
	}
	return receipt
}

// contents are the messages of a conversation, as JSON.
func (r *rig) messages(conversation int) []object {
	r.t.Helper()
	all := r.app.Conversations()
	if conversation >= len(all) {
		r.t.Fatalf("there are %d conversations", len(all))
	}
	return all[conversation].Messages
}

func (r *rig) texts(conversation int) []string {
	r.t.Helper()
	var texts []string
	for _, one := range r.messages(conversation) {
		text, _ := one["content"].(object)["text"].(string)
		texts = append(texts, text)
	}
	return texts
}

// receive reads webhooks that must be right.
func (r *rig) receive(events ...object) []message.Outbound {
	r.t.Helper()
	outs, err := r.Receive(r.context(), sunshinetest.Post(sunshinetest.WebhookSecret, events...))
	if err != nil {
		r.t.Fatal(err)
	}
	return outs
}

var number int

// event is one of the customer's with an id of its own.
func event(kind message.EventType, changes ...func(*message.Data)) message.Event {
	number++
	data := message.Data{
		ID: message.DeriveID(string(kind), fmt.Sprint(number)), BusinessID: business, CustomerID: customer, Sealed: "c2VhbGVk",
		Device: message.Device{Locale: "en_US", Intent: "order", Group: "shop", Agent: "iPhone OS"},
	}
	for _, change := range changes {
		change(&data)
	}
	return message.Event{Type: kind, Schema: message.SchemaVersion, Timestamp: time.Now(), Data: data}
}

func text(words string) message.Event {
	return event(message.EventReceived, func(d *message.Data) { d.Text = words })
}

func class(err error) message.Class {
	failure, ok := errors.AsType[*message.Failure](err)
	if !ok {
		return -1
	}
	return failure.Class
}

// metadata are those of a conversation of the bridge's.
func metadata() object {
	return object{"apple_mbid": string(customer), "apple_business_id": string(business), "apple_context": "c2VhbGVk"}
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}
