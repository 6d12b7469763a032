package webhook

import (
	"maps"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
	"bizbridge/mapping"
)

var (
	_ connectors.Able         = (*mapped)(nil)
	_ connectors.FailureRelay = (*mapped)(nil)
)

// Abilities are those of the mapping: an event without a rule is refused, or dropped where nobody waits for it, and without
// rules for webhooks the helpdesk only answers.
func (m *mapped) Abilities() connectors.Abilities {
	can := Factory().Abilities
	can.Inbound = maps.Clone(can.Inbound)
	for event := range can.Inbound {
		can.Inbound[event] = m.takes(event)
	}
	return can
}

func (m *mapped) takes(event message.EventType) connectors.Level {
	switch m.mapping.Takes(event) {
	case mapping.Full:
		return connectors.Full
	case mapping.Ignored:
		return connectors.Dropped
	}
	if event.Typing() || event == message.EventClosed {
		return connectors.Dropped
	}
	return connectors.Rejected
}

// RelaysFailures is so where a rule takes them: nobody reads what the bridge answers to a webhook of a foreign JSON.
func (m *mapped) RelaysFailures() bool { return m.mapping.Takes(message.EventFailed) == mapping.Full }
