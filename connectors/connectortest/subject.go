// Package connectortest is the contract of a connector as a test suite. A connector passes it by calling [Run] with its
// factory and a fake of its helpdesk:
//
//	func TestContract(t *testing.T) {
//		connectortest.Run(t, connectortest.Subject{
//			Factory: webhook.Factory(),
//			Start:   startFake,
//			Example: `{"url": "https://desk.example.com/hooks", "secrets": ["whsec_…"]}`,
//		})
//	}
//
// The suite runs the connector inside the real flow, with its real HTTP client and over real sockets, while the fake
// fails at random. What a helpdesk's fake has to offer is in the package fake.
package connectortest

import (
	"flag"
	"net/http"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
	"bizbridge/connectors/connectortest/fake"
)

// Subject is a connector under test.
type Subject struct {
	Factory connectors.Factory
	// Start starts a fake of the helpdesk on a loopback address. The suite calls Stop.
	Start func(t testing.TB) *Helpdesk
	// Example is the connector's settings as a user may write them, as a JSON object without type and delivery.
	Example string
	// Statuses is what the helpdesk's HTTP statuses mean where that is not what they mean by default ([StatusTable]).
	Statuses map[int]Meaning
	// Refusal is a status by which the helpdesk refuses a message for good; 0: 400.
	Refusal int
}

// Helpdesk is a running fake. Its methods and fields may be used concurrently.
type Helpdesk struct {
	// Settings makes a connector for this fake: what Factory.NewConfig gives, filled.
	Settings any
	// Secrets are texts that must appear in no error and no log, such as tokens and signing secrets.
	Secrets []string

	Script *fake.Script
	Inbox  *fake.Inbox

	// Webhook makes the request with which the helpdesk tells the bridge of an agent's reply; nil for a forgery that the
	// helpdesk's scheme cannot tell from a genuine one.
	Webhook func(reply fake.Reply, forgery fake.Forgery) *http.Request

	// Stop ends the fake: nobody listens at its address any more. It may be called more than once.
	Stop func()
}

// Meaning is what an HTTP status of a helpdesk means for a delivery.
type Meaning struct {
	Accepted bool
	Class    message.Class // unless Accepted
}

// Refused is the meaning of a status that is a failure.
func Refused(class message.Class) Meaning { return Meaning{Class: class} }

var seedFlag = flag.Uint64("connectortest.seed", 0, "seed of the random failures; 0: a new one")

// seed gives the seed of one law and logs it.
func seed(t testing.TB) uint64 {
	t.Helper()
	chosen := *seedFlag
	if chosen == 0 {
		chosen = uint64(time.Now().UnixNano())
	}
	t.Logf("random failures: -connectortest.seed=%d", chosen)
	return chosen
}
