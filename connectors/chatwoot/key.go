package chatwoot

import (
	"fmt"
	"strings"
)

// key names a message of Chatwoot for the bridge, part one of the messages that are sent for it. That of the message itself
// is needed to tell Chatwoot of a failure, and to find the message that a customer has answered.
func key(conversation, written int64, part int) string {
	if part == 0 {
		return fmt.Sprintf("%d/%d", conversation, written)
	}
	return fmt.Sprintf("%d/%d/%d", conversation, written, part)
}

func parseKey(text string) (conversation, written int64, ok bool) {
	parts := strings.Split(text, "/")
	if len(parts) < 2 {
		return 0, 0, false
	}
	conversation, ok = positive(parts[0])
	written, also := positive(parts[1])
	return conversation, written, ok && also
}
