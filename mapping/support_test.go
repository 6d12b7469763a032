package mapping

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
)

var happened = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const customer = "urn:mbid:AQAAY3VzdG9tZXI+Lw=="

// received is an event as the bridge makes it.
func received(id, text string) message.Event {
	return message.Event{Type: message.EventReceived, Schema: message.SchemaVersion, Timestamp: happened, Data: message.Data{
		ID: message.ID(id), BusinessID: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", CustomerID: customer, Sealed: "AVNlYWxlZA", Text: text,
	}}
}

// patience is for tests that are not about time: a busy machine must not fail them.
const patience = time.Minute

// load compiles a file that has to be right.
func load(t testing.TB, text string) *Mapping {
	t.Helper()
	m, problems := parse("desk.yaml", []byte(text), patience)
	for _, problem := range problems {
		t.Errorf("%s", problem)
	}
	if m == nil {
		t.FailNow()
	}
	return m
}

// oneStep is a file with one inbound rule of one step, in which lines can be set.
func oneStep(request string, more ...string) string {
	return fmt.Sprintf(`
mapping: 1
vars: {base: "https://desk.example.com", token: t0ken}
inbound:
  - name: text
    steps:
      - name: post
        request: %s
%s
`, request, strings.Join(more, "\n"))
}

const post = `{method: POST, url: '\($vars.base)/messages', body: '{text: .data.text}'}`

// desk is a Doer that answers from a list and remembers.
type desk struct {
	answers  []Answer
	err      error
	requests []Request
}

func (d *desk) Do(_ context.Context, request Request) (Answer, error) {
	d.requests = append(d.requests, request)
	if d.err != nil {
		return Answer{}, d.err
	}
	if len(d.answers) == 0 {
		return Answer{Status: http.StatusOK}, nil
	}
	answer := d.answers[0]
	d.answers = d.answers[1:]
	return answer, nil
}

func (d *desk) Refused(_ Request, answer Answer) error {
	return &message.Failure{Class: message.Throttled, Status: answer.Status, Reason: "the desk says no"}
}

func answer(status int, body string) Answer {
	return Answer{Status: status, Header: http.Header{"X-Id": {"h1"}}, Body: []byte(body)}
}

// failure wants an error to be a failure of a class, and gives it.
func failure(t testing.TB, err error, class message.Class) *message.Failure {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want class %s", class)
	}
	found, ok := err.(*message.Failure)
	if !ok {
		t.Fatalf("error %T %v, want a *message.Failure", err, err)
	}
	if found.Class != class {
		t.Fatalf("class %s (%v), want %s", found.Class, err, class)
	}
	return found
}
