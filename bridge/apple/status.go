package apple

import (
	"net/http"

	"bizbridge/bridge/message"
)

// statusMeanings is what Apple's answers mean (protocol §2.4 and §10.2). What is not listed follows from its hundred.
var statusMeanings = map[int]struct {
	class  message.Class
	reason string
}{
	http.StatusBadRequest:            {message.Invalid, "Apple refused the message as malformed"},
	http.StatusUnauthorized:          {message.Auth, "Apple does not accept our token: check the MSP id, the secret and the clock"},
	http.StatusForbidden:             {message.Auth, "Apple does not accept our token: check the MSP id, the secret and the clock"},
	http.StatusNotFound:              {message.Unreachable, "the customer cannot be reached: signed out, or not on the account's list of testers"},
	http.StatusRequestTimeout:        {message.Transient, "Apple timed out"},
	http.StatusGone:                  {message.Closed, "the customer closed the conversation; only the customer can open it again"},
	http.StatusRequestEntityTooLarge: {message.Permanent, "the message is too large for Apple"},
	http.StatusTooEarly:              {message.Transient, "Apple asked for a later attempt"},
	http.StatusTooManyRequests:       {message.Throttled, "Apple asked to slow down"},
}

// statusFailure tells what an answer of Apple means; nil for success.
func statusFailure(status int) *message.Failure {
	if status >= 200 && status < 300 {
		return nil
	}
	if meaning, ok := statusMeanings[status]; ok {
		return &message.Failure{Class: meaning.class, Reason: meaning.reason, Status: status}
	}
	if status >= 500 {
		return &message.Failure{Class: message.Transient, Reason: "Apple's gateway failed", Status: status}
	}
	return &message.Failure{Class: message.Permanent, Reason: "Apple refused the message", Status: status}
}
