package connectors_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/connectors"
	"bizbridge/connectors/registry"
)

type core struct{}

func (core) Deliver(context.Context, message.Event) (connectors.Receipt, error) {
	return connectors.Receipt{}, nil
}
func (core) Receive(context.Context, *http.Request) ([]message.Outbound, error) { return nil, nil }

type typist struct{ core }

func (typist) RelayTyping(context.Context, message.Event) error { return nil }

type closer struct{ core }

func (closer) RelayClose(context.Context, message.Event) error { return nil }

func TestCheckClaims(t *testing.T) {
	full, dropped := connectors.Full, connectors.Dropped
	typing := map[message.EventType]connectors.Level{message.EventTypingStarted: full, message.EventTypingStopped: full}
	for name, c := range map[string]struct {
		connector connectors.Connector
		claims    map[message.EventType]connectors.Level
		fault     string
	}{
		"nothing claimed, nothing implemented": {core{}, nil, ""},
		"declared as dropped":                  {core{}, map[message.EventType]connectors.Level{message.EventClosed: dropped}, ""},
		"typing":                               {typist{}, typing, ""},
		"half of typing":                       {typist{}, map[message.EventType]connectors.Level{message.EventTypingStarted: full}, "typing.stopped"},
		"typing, not claimed":                  {typist{}, nil, "typing.started"},
		"typing, not implemented":              {core{}, typing, "typing.started"},
		"close":                                {closer{}, map[message.EventType]connectors.Level{message.EventClosed: connectors.Fallback}, ""},
		"close, not claimed":                   {closer{}, nil, "conversation.closed"},
		"close, not implemented":               {core{}, map[message.EventType]connectors.Level{message.EventClosed: full}, "conversation.closed"},
	} {
		t.Run(name, func(t *testing.T) {
			err := connectors.Factory{Type: "x", Abilities: connectors.Abilities{Inbound: c.claims}}.CheckClaims(c.connector)
			if (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
				t.Errorf("error %v, want one about %q", err, c.fault)
			}
		})
	}
}

func TestLevelsAreInOrderAndNamed(t *testing.T) {
	var names []string
	for level := connectors.Rejected; level <= connectors.Full; level++ {
		names = append(names, level.String())
	}
	if got := strings.Join(names, " < "); got != "rejected < dropped < fallback < partial < full" {
		t.Error(got)
	}
}

func TestReadBody(t *testing.T) {
	read := func(body io.Reader, limit int64) ([]byte, error) {
		return connectors.ReadBody(&http.Request{Body: http.MaxBytesReader(nil, io.NopCloser(body), limit)})
	}
	if body, err := read(strings.NewReader("hello"), 5); err != nil || string(body) != "hello" {
		t.Errorf("%q, %v", body, err)
	}
	_, err := read(strings.NewReader("hello"), 4)
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); !tooLarge || errors.Is(err, message.ErrMalformed) {
		t.Errorf("too large: %v", err)
	}
	if _, err := read(io.MultiReader(strings.NewReader("he"), iotest.ErrReader(io.ErrUnexpectedEOF)), 9); !errors.Is(err, message.ErrMalformed) {
		t.Errorf("broken off: %v", err)
	}
}

func TestReadSigned(t *testing.T) {
	keys, err := signature.New(signature.TokenIn("X-Token"), "s3cret")
	if err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]bool{"s3cret": true, "secret": false, "": false} {
		req := httptest.NewRequest(http.MethodPost, "/webhooks/desk", strings.NewReader("hello"))
		req.Header.Set("X-Token", token)
		body, err := connectors.ReadSigned(req, keys, time.Now())
		if _, refused := errors.AsType[*signature.Error](err); refused == want || want && string(body) != "hello" {
			t.Errorf("%q: %q, %v", token, body, err)
		}
	}
}

func TestCheckObject(t *testing.T) {
	for body, want := range map[string]bool{` {"a": 1}`: true, "": false, "[]": false, "null": false, `{"a"`: false, "\ufeff{}": false} {
		if err := connectors.CheckObject([]byte(body)); (err == nil) != want || err != nil && !errors.Is(err, message.ErrMalformed) {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func TestRegistry(t *testing.T) {
	seen := make(map[string]bool)
	for i, factory := range registry.Factories {
		if seen[factory.Type] {
			t.Errorf("type %s is listed twice", factory.Type)
		}
		seen[factory.Type] = true
		if found, ok := registry.Find(factory.Type); !ok || found.Type != factory.Type {
			t.Errorf("type %s is not found", factory.Type)
		}
		if kind := registry.ConfigTypes()[i]; kind.Name != factory.Type || kind.New == nil {
			t.Errorf("the configuration knows type %s as %+v", factory.Type, kind)
		}
	}
	if _, ok := registry.Find("fax"); ok {
		t.Error("a type that does not exist is found")
	}
}
