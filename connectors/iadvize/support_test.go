package iadvize_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/iadvize"
	"bizbridge/connectors/iadvize/iadvizetest"
)

// connect makes a connector without an HTTP client: it would panic if it called anybody. Its log is written to log.
func connect(t testing.TB, log *bytes.Buffer, secrets ...config.Secret) connectors.Connector {
	t.Helper()
	if len(secrets) == 0 {
		secrets = []config.Secret{iadvizetest.Secret}
	}
	logger := slog.New(slog.DiscardHandler)
	if log != nil {
		logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	connector, err := iadvize.Factory().New(connectors.Environment{Name: "iadvize", Logger: logger, Now: time.Now}, &iadvize.Config{Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	return connector
}

func testdata(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func failureIn(t testing.TB, err error) *message.Failure {
	t.Helper()
	failure, ok := errors.AsType[*message.Failure](err)
	if !ok {
		t.Fatalf("the error is %T (%v), want *message.Failure", err, err)
	}
	return failure
}

// said is what a customer writes, in tests.
const (
	said     = "my parcel has not come"
	business = message.BusinessID("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")
	customer = message.CustomerID("urn:mbid:AQAAY3VzdG9tZXI=")
)

func event(kind message.EventType) message.Event {
	return message.Event{Type: kind, Schema: message.SchemaVersion, Timestamp: time.Now(), Data: message.Data{
		ID: message.DeriveID(string(kind)), BusinessID: business, CustomerID: customer, Text: said,
	}}
}
