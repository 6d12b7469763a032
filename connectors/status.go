package connectors

import (
	"fmt"
	"net/http"
	"slices"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
)

// StatusFailure tells what a helpdesk's HTTP status means for a delivery; nil for 2xx. A connector whose helpdesk means
// something else by a status looks at that one first.
func StatusFailure(name string, resp *httpclient.Response) error {
	failure := &message.Failure{Status: resp.Status, RetryAfter: resp.RetryAfter}
	switch status := resp.Status; {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		failure.Class, failure.Reason = message.Auth, "refuses our credentials or signature"
	case status == http.StatusGone:
		failure.Class, failure.Reason = message.Closed, "says that its address is gone for good"
	case status == http.StatusTooManyRequests:
		failure.Class, failure.Reason = message.Throttled, "asks to slow down"
	case status == http.StatusRequestTimeout || status == http.StatusTooEarly || status >= 500:
		failure.Class, failure.Reason = message.Transient, "failed"
	case status >= 300 && status < 400:
		failure.Class, failure.Reason = message.Permanent, "answers with a redirect, which is not followed: configure the final URL"
	default:
		failure.Class, failure.Reason = message.Permanent, "refuses the message"
	}
	failure.Reason = fmt.Sprintf("%s %s (%d)", name, failure.Reason, resp.Status)
	return failure
}

// StatusOf is the helpdesk's HTTP status behind an error; 0 where it gave none.
func StatusOf(err error) int {
	if failure := message.FailureOf(err); failure != nil {
		return failure.Status
	}
	return 0
}

// Beside is the failure of a call other than the one that hands over the message: whatever became of it, the helpdesk has
// not got the message.
func Beside(err error) error { return reclassify(err, message.Transient, message.Uncertain) }

// HalfDone is a failure after something was taken that would come again: the next try is marked as a possible repeat. So are
// those after a failure of the classes in also, where a refusal does not keep the whole message from coming again.
func HalfDone(err error, also ...message.Class) error {
	return reclassify(err, message.Uncertain, append(also, message.Transient, message.Throttled, message.Canceled)...)
}

func reclassify(err error, to message.Class, from ...message.Class) error {
	failure := message.FailureOf(err)
	switch {
	case failure == nil:
		return nil
	case !slices.Contains(from, failure.Class):
		return failure
	}
	changed := *failure
	changed.Class = to
	return &changed
}
