package libredesk_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/connectors/connectortest/fake"
)

// TestTheWidgetsLimitIsPatience: LibreDesk counts the calls of an address, and the bridge has one.
func TestTheWidgetsLimitIsPatience(t *testing.T) {
	connector, desk := rig(t)
	desk.WidgetLimit = 2
	deliver(t, connector, text("Hello"))
	for range 3 { // nothing of this goes through the widget
		deliver(t, connector, text("Hello"))
	}
	other := text("Hello")
	other.Data.CustomerID = "urn:mbid:c29tZWJvZHk="
	ctx, cancel := contextFor(t)
	defer cancel()
	_, err := connector.Deliver(ctx, other)
	if failure := message.FailureOf(err); failure == nil || failure.Class != message.Throttled || failure.RetryAfter != time.Minute {
		t.Errorf("%v", err)
	}
}

// TestAnAnswerThatIsNotLibreDesksIsNoSuccess: a login page or a proxy says 200, too.
func TestAnAnswerThatIsNotLibreDesksIsNoSuccess(t *testing.T) {
	for answer, want := range map[string]message.Class{
		"<html>Log in</html>": message.Transient, "": message.Transient, "{}": message.Transient, `{"status":"error","message":"secret"}`: message.Transient,
		`{"status":"success","data":7}`: message.Transient,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) }))
		connector := connect(t, server.URL, time.Now)
		_, err := connector.Deliver(t.Context(), text("Hello"))
		failure, ok := errors.AsType[*message.Failure](err)
		if !ok || failure.Class != want || failure.Status != 200 || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", answer, err)
		}
		server.Close()
	}
	// Where a message may have been stored, nobody knows.
	connector, desk := rig(t)
	deliver(t, connector, text("Hello"))
	desk.Script.Next(fake.Fault{}, fake.Fault{}, fake.Fault{Raw: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"})
	_, err := connector.Deliver(t.Context(), text("Hello"))
	if failure := message.FailureOf(err); failure == nil || failure.Class != message.Uncertain {
		t.Errorf("%v", err)
	}
}

// TestAttributesKeepNoMessageBack: without the newest context an answer still finds its way.
func TestAttributesKeepNoMessageBack(t *testing.T) {
	connector, desk := rig(t)
	deliver(t, connector, text("one"))
	desk.Script.Next(fake.Fault{}, fake.Fault{Status: 403})
	deliver(t, connector, text("two"))
	wantSaid(t, only(t, desk), "one", "<p>two</p>")
}

func TestWithoutThePermissionMessagesStayOutside(t *testing.T) {
	connector, desk := rig(t)
	desk.Permissions = []string{"conversations:read", "conversations:read_all", "messages:write"}
	deliver(t, connector, text("one"))
	_, err := connector.Deliver(t.Context(), text("two"))
	if failure := message.FailureOf(err); failure == nil || failure.Class != message.Auth {
		t.Errorf("%v", err)
	}
}

// TestEveryStatusOfEveryCall: each call of a delivery, a note and an end fails in its own turn.
func TestEveryStatusOfEveryCall(t *testing.T) {
	note := func(c context.Context, connector deliverer) error {
		return connector.WriteNote(c, business, customer, "note")
	}
	end := func(c context.Context, connector deliverer) error {
		return connector.RelayClose(c, event(message.EventClosed, nil))
	}
	say := func(c context.Context, connector deliverer) error {
		_, err := connector.Deliver(c, text("two"))
		return err
	}
	for name, c := range map[string]struct {
		known bool
		good  int // calls that go well before the one that does not
		do    func(context.Context, deliverer) error
	}{
		"login": {false, 1, say}, "start": {false, 2, say}, "send": {true, 2, say}, "note": {true, 1, note}, "status": {true, 1, end}, "last note": {true, 3, end},
	} {
		for status, want := range map[int]message.Class{
			302: message.Permanent, 400: message.Permanent, 401: message.Auth, 403: message.Auth, 404: message.Permanent, 409: message.Permanent, 410: message.Closed,
			413: message.Permanent, 422: message.Permanent, 429: message.Throttled, 500: message.Transient, 502: message.Transient, 503: message.Transient, 504: message.Transient,
		} {
			connector, desk := rig(t)
			if c.known {
				deliver(t, connector, text("one"))
			}
			desk.Script.Next(make([]fake.Fault, c.good)...)
			desk.Script.Next(fake.Fault{Status: status, Header: fake.RetryLater()})
			err := c.do(t.Context(), connector)
			if failure := message.FailureOf(err); failure == nil || failure.Class != want || failure.Status != status {
				t.Errorf("%s, %d: %v, want %s", name, status, err, want)
			}
		}
	}
}

type deliverer interface {
	Deliver(context.Context, message.Event) (receipt, error)
	RelayClose(context.Context, message.Event) error
	WriteNote(context.Context, message.BusinessID, message.CustomerID, string) error
}
