package connectors

import (
	"fmt"

	"bizbridge/bridge/message"
)

// Level grades how well a helpdesk can do something.
type Level int

// The levels, from refusing to showing everything.
const (
	Rejected Level = iota // refused with an error
	Dropped               // taken, but nothing of it is seen
	Fallback              // something simpler stands for it
	Partial               // shown, but not all of it
	Full
)

func (l Level) String() string {
	return [...]string{"rejected", "dropped", "fallback", "partial", "full"}[l]
}

// Abilities is what a kind of helpdesk can do. What is not listed is [Dropped].
type Abilities struct {
	Inbound  map[message.EventType]Level // from the phone to the helpdesk
	Outbound map[message.Kind]Level      // from the helpdesk to the phone
	// Idempotent tells that the helpdesk recognises a repeated delivery by its id.
	Idempotent bool
}

// Takes is how well the helpdesk shows an event.
func (a Abilities) Takes(event message.EventType) Level { return levelOf(a.Inbound, event) }

// Sends is how well a kind of message of the helpdesk's reaches the phone.
func (a Abilities) Sends(kind message.Kind) Level { return levelOf(a.Outbound, kind) }

func levelOf[K comparable](levels map[K]Level, name K) Level {
	if level, listed := levels[name]; listed {
		return level
	}
	return Dropped
}

// Able is for connectors whose configuration decides what they can do, such as a mapping's rules. It narrows what the kind
// declares.
type Able interface {
	Connector
	Abilities() Abilities
}

// CheckClaims compares what a factory declares with the interfaces that its connector implements. An error is a
// programming mistake in the connector's folder.
func (f Factory) CheckClaims(connector Connector) error {
	_, relaysTyping := connector.(TypingRelay)
	_, relaysClose := connector.(CloseRelay)
	for _, claim := range []struct {
		event       message.EventType
		implemented bool
	}{
		{message.EventTypingStarted, relaysTyping},
		{message.EventTypingStopped, relaysTyping},
		{message.EventClosed, relaysClose},
	} {
		if claimed := f.Abilities.Takes(claim.event) > Dropped; claimed != claim.implemented {
			return fmt.Errorf("connector type %s: %s is declared as %s, but its interface is implemented: %t",
				f.Type, claim.event, f.Abilities.Takes(claim.event), claim.implemented)
		}
	}
	return nil
}
