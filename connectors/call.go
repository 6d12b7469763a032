package connectors

import (
	"encoding/json"
	"fmt"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
)

// SetJSON gives a call its body, unless that is nil. The call needs a header; the error is a [*message.Failure].
func SetJSON(call *httpclient.Call, body any) error {
	if body == nil {
		return nil
	}
	text, err := json.Marshal(body)
	if err != nil {
		return &message.Failure{Class: message.Permanent, Reason: "a call cannot be written as JSON", Err: err}
	}
	call.Body = text
	call.Header.Set("Content-Type", "application/json")
	return nil
}

// Unreadable is for an answer that should be JSON and is not: something else may stand where the helpdesk should. What it
// says is left out: encoding/json may quote it.
func Unreadable(name string, resp *httpclient.Response) *message.Failure {
	return &message.Failure{
		Class: message.Transient, Status: resp.Status,
		Reason: fmt.Sprintf("%s gave an answer that cannot be read (%d)", name, resp.Status),
	}
}
