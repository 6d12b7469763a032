package connectors

import (
	"context"
	"errors"
	"testing"

	"bizbridge/bridge/message"
)

func TestWhatAFailureMeansForTheMessage(t *testing.T) {
	if Beside(nil) != nil || HalfDone(nil) != nil || StatusOf(nil) != 0 || StatusOf(errors.New("x")) != 0 {
		t.Error("no failure is one")
	}
	for class, want := range map[message.Class]struct{ beside, halfDone message.Class }{
		message.Transient: {message.Transient, message.Uncertain},
		message.Throttled: {message.Throttled, message.Uncertain},
		message.Canceled:  {message.Canceled, message.Uncertain},
		message.Uncertain: {message.Transient, message.Uncertain},
		message.Auth:      {message.Auth, message.Auth},
		message.Permanent: {message.Permanent, message.Permanent},
		message.Closed:    {message.Closed, message.Closed},
	} {
		failure := &message.Failure{Class: class, Status: 418, Reason: "r"}
		for what, got := range map[string]struct {
			err  error
			want message.Class
		}{"beside": {Beside(failure), want.beside}, "half done": {HalfDone(failure), want.halfDone}} {
			if is := message.FailureOf(got.err); is.Class != got.want || is.Reason != "r" || StatusOf(got.err) != 418 {
				t.Errorf("%s, %s: %v is %s, want %s", class, what, got.err, is.Class, got.want)
			}
		}
		if failure.Class != class {
			t.Errorf("%s is changed itself", class)
		}
	}
	for _, class := range []message.Class{message.Permanent, message.Auth, message.Throttled} {
		failure := &message.Failure{Class: class, Status: 418, Reason: "r"}
		if is := message.FailureOf(HalfDone(failure, message.Permanent, message.Auth)); is.Class != message.Uncertain || is.Reason != "r" || is.Status != 418 {
			t.Errorf("%s, where that is asked for: %v is %s", class, is, is.Class)
		}
	}
	if is := message.FailureOf(HalfDone(context.Canceled)); is.Class != message.Uncertain {
		t.Errorf("an error without a class: %s", is.Class)
	}
}
