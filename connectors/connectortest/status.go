package connectortest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/connectors/connectortest/fake"
)

// Statuses is what every final HTTP status of a helpdesk means, with the exceptions of one helpdesk. Of 1xx only 101 is
// final: the others announce another answer.
func Statuses(exceptions map[int]Meaning) map[int]Meaning {
	meanings := map[int]Meaning{101: Refused(message.Permanent)}
	for status := 200; status <= 299; status++ {
		meanings[status] = Meaning{Accepted: true}
	}
	for status := 300; status <= 499; status++ { // a redirect is not followed
		meanings[status] = Refused(message.Permanent)
	}
	for status := 500; status <= 599; status++ {
		meanings[status] = Refused(message.Transient)
	}
	maps.Copy(meanings, map[int]Meaning{
		401: Refused(message.Auth),
		403: Refused(message.Auth),
		408: Refused(message.Transient),
		410: Refused(message.Closed),
		425: Refused(message.Transient),
		429: Refused(message.Throttled),
	})
	maps.Copy(meanings, exceptions)
	return meanings
}

// StatusTable checks what the connector makes of every final status. It is part of [Run]; on its own it serves a
// connector whose optional calls have statuses of their own.
func StatusTable(t *testing.T, subject Subject) {
	law{"statuses", func(t testing.TB, r *rig) { statusTable(t, r) }}.run(t, subject)
}

func statusTable(t testing.TB, r *rig) {
	wrong := 0
	meanings := Statuses(r.subject.Statuses)
	for number, status := range slices.Sorted(maps.Keys(meanings)) {
		if fault := r.statusFault(number, status, meanings[status]); fault != "" {
			t.Errorf("status %d: %s", status, fault)
			wrong++
		}
		if wrong == 10 {
			t.Fatal("…")
		}
	}
}

// statusFault lets the helpdesk answer everything with one status, and tells what is wrong with what comes of it.
func (r *rig) statusFault(number, status int, want Meaning) string {
	fault := fake.Fault{Status: status, Header: fake.RetryLater(), Late: want.Accepted}
	if status == 101 {
		fault = fake.Fault{Raw: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"}
	}
	r.desk.Script.Always(func() fake.Fault { return fault })
	defer r.desk.Script.Heal()
	ctx, cancel := context.WithTimeout(context.Background(), slack)
	defer cancel()
	began := time.Now()
	_, err := r.connector.Deliver(ctx, text(1, number))
	if took := time.Since(began); took > slack/2 {
		return fmt.Sprintf("the call took %v although the helpdesk answered at once and asked for an hour's patience", took)
	}
	if want.Accepted {
		if err != nil {
			return fmt.Sprintf("is a success, but Deliver fails: %v", err)
		}
		return ""
	}
	failure, isFailure := errors.AsType[*message.Failure](err)
	switch {
	case err == nil:
		return fmt.Sprintf("is a failure (%s), but Deliver says that the helpdesk has the message", want.Class)
	case !isFailure:
		return fmt.Sprintf("Deliver's error is a %T; it must be a *message.Failure", err)
	case failure.Class != want.Class:
		return fmt.Sprintf("is %s, want %s (%v)", failure.Class, want.Class, failure)
	case failure.Status != status:
		return fmt.Sprintf("the failure names status %d", failure.Status)
	case want.Class == message.Throttled && failure.RetryAfter != time.Hour:
		return fmt.Sprintf("the helpdesk's Retry-After of an hour became %v", failure.RetryAfter)
	}
	return ""
}
