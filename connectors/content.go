package connectors

import (
	"encoding/json"
	"strings"

	"bizbridge/bridge/message"
)

// Sound tells whether the bridge takes a content. A connector that makes one of what a helpdesk shows has to say it in
// plainer words otherwise.
func Sound(content message.Content) bool {
	raw, err := json.Marshal(content)
	if err != nil {
		return false
	}
	_, faults := message.DecodeContent(raw)
	return len(faults) == 0
}

// Words are those of a customer's message, below its subject.
func Words(data message.Data) string { return strings.TrimSpace(data.Subject + "\n" + data.Text) }
