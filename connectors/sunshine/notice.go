package sunshine

import (
	"strings"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// notice is what agents are told of an event that is no message of the customer. What cannot be shown stands among the
// customer's messages, in brackets.
func notice(event message.Event) string {
	text := connectors.Notice(event)
	if event.Type == message.EventUnsupported {
		return "[" + strings.Trim(text, "[]") + "]"
	}
	return text
}
