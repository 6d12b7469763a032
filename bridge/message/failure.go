package message

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Class is the closed set of ways in which a call to the far side can fail. It decides retry, answer and metric.
type Class int

// The classes.
const (
	Transient   Class = iota // not now; the same call may work later
	Permanent                // the far side refuses this message for good
	Throttled                // the far side asks for patience
	Auth                     // the far side does not accept our credentials: an alarm
	Closed                   // the conversation was closed, or the far side is gone for good (410)
	Unreachable              // Apple cannot reach this customer now (404)
	Invalid                  // the content is wrong; the faults say where
	Uncertain                // sent, but no answer: the far side may have it
	Canceled                 // we stopped: shutdown, or the caller went away before anything was sent
)

// Code names a failure towards senders: in problem+json, in answers to webhooks and in message.failed.
type Code string

// The codes, a closed set of the HTTP contract.
const (
	CodeMalformed        Code = "malformed"
	CodeUnauthorized     Code = "unauthorized"
	CodeForbidden        Code = "forbidden"
	CodeUnknownBusiness  Code = "unknown_business"
	CodeUnknownConnector Code = "unknown_connector"
	CodeUnknownTemplate  Code = "unknown_template"
	CodeConflict         Code = "conflict"
	CodeTooLarge         Code = "too_large"
	CodeInvalid          Code = "invalid"
	CodeUnsupported      Code = "unsupported"
	CodeDeviceUnknown    Code = "device_unknown"
	CodeClosed           Code = "closed"
	CodeUnreachable      Code = "unreachable"
	CodeExpired          Code = "expired"
	CodeRateLimited      Code = "rate_limited"
	CodeUnavailable      Code = "unavailable"
	CodeUncertain        Code = "uncertain"
)

// Outcome is how a message ended, as the metrics count it.
type Outcome string

// The outcomes, a closed set of the metrics contract.
const (
	OutcomeAccepted    Outcome = "accepted"
	OutcomeQueued      Outcome = "queued"
	OutcomeDuplicate   Outcome = "duplicate"
	OutcomeUnsupported Outcome = "unsupported"
	OutcomeTransient   Outcome = "failed_transient"
	OutcomePermanent   Outcome = "failed_permanent"
	OutcomeThrottled   Outcome = "throttled"
	OutcomeAuth        Outcome = "unauthorized"
	OutcomeClosed      Outcome = "closed"
	OutcomeUnreachable Outcome = "unreachable"
	OutcomeInvalid     Outcome = "invalid"
	OutcomeUncertain   Outcome = "uncertain"
	OutcomeCanceled    Outcome = "canceled"
)

// Outcomes lists them all.
var Outcomes = []Outcome{
	OutcomeAccepted, OutcomeQueued, OutcomeDuplicate, OutcomeUnsupported, OutcomeTransient, OutcomePermanent,
	OutcomeThrottled, OutcomeAuth, OutcomeClosed, OutcomeUnreachable, OutcomeInvalid, OutcomeUncertain, OutcomeCanceled,
}

type classMeaning struct {
	name    string
	outcome Outcome
	code    Code
	final   bool
}

var classes = [...]classMeaning{
	Transient:   {"transient", OutcomeTransient, CodeUnavailable, false},
	Permanent:   {"permanent", OutcomePermanent, CodeInvalid, true},
	Throttled:   {"throttled", OutcomeThrottled, CodeRateLimited, false},
	Auth:        {"auth", OutcomeAuth, CodeUnavailable, false},
	Closed:      {"closed", OutcomeClosed, CodeClosed, true},
	Unreachable: {"unreachable", OutcomeUnreachable, CodeUnreachable, true},
	Invalid:     {"invalid", OutcomeInvalid, CodeInvalid, true},
	Uncertain:   {"uncertain", OutcomeUncertain, CodeUncertain, false},
	Canceled:    {"canceled", OutcomeCanceled, CodeUnavailable, false},
}

func (c Class) String() string { return classes[c].name }

// Outcome is the class's label in the metrics.
func (c Class) Outcome() Outcome { return classes[c].outcome }

// Code is how the class is named towards senders.
func (c Class) Code() Code { return classes[c].code }

// Final tells whether repeating the same message is pointless: an outcome rather than an error.
func (c Class) Final() bool { return classes[c].final }

// Fault is one thing that is wrong with a message, in the form of the HTTP contract.
type Fault struct {
	Pointer string `json:"pointer"` // JSON pointer, rooted at the body
	Rule    string `json:"rule"`    // short name of the rule that was broken
	Message string `json:"message"` // what is wrong and what would be right
}

// Failure is an error with a [Class]. Its text goes to logs and senders: no secret and no content of a message in it.
type Failure struct {
	Class      Class
	Code       Code // towards senders; "": the class's own
	Reason     string
	Status     int           // the far side's HTTP status; 0: it gave none
	RetryAfter time.Duration // how long the far side wants to be left alone; 0: it did not say
	Faults     []Fault       // for Invalid
	Err        error         // the cause, or nil
}

func (f *Failure) Error() string {
	text := f.Reason
	if f.Err != nil {
		if text != "" {
			text += ": "
		}
		text += f.Err.Error()
	}
	for i, fault := range f.Faults {
		if i == 0 {
			text += ":"
		}
		text += fmt.Sprintf(" %s %s;", fault.Pointer, fault.Message)
	}
	return text
}

func (f *Failure) Unwrap() error { return f.Err }

// SenderCode is the code under which a sender hears of the failure.
func (f *Failure) SenderCode() Code {
	if f.Code != "" {
		return f.Code
	}
	return f.Class.Code()
}

// Failuref makes a failure out of a class and a reason.
func Failuref(class Class, format string, args ...any) *Failure {
	return &Failure{Class: class, Reason: fmt.Sprintf(format, args...)}
}

// FailureOf finds the [Failure] in err. An error without one is classified: a cancelled context is Canceled, everything
// else Transient, since a programming error in a connector must not make messages vanish. nil gives nil.
func FailureOf(err error) *Failure {
	if err == nil {
		return nil
	}
	if failure, ok := errors.AsType[*Failure](err); ok {
		return failure
	}
	switch {
	case errors.Is(err, context.Canceled):
		return &Failure{Class: Canceled, Reason: "stopped", Err: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &Failure{Class: Transient, Reason: "out of time", Err: err}
	}
	return &Failure{Class: Transient, Err: err}
}
