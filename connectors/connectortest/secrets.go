package connectortest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"bizbridge/connectors/connectortest/fake"
)

const leak = "tokeninaredirect"

// secrets: an error's text goes to logs and to senders.
func secrets(t testing.TB, r *rig) {
	if len(r.desk.Secrets) == 0 {
		t.Error("Helpdesk.Secrets is empty; name every secret of the settings, so that they can be looked for in errors")
	}
	situations := map[string]fake.Fault{
		"cancelled midway":                        {Hang: true},
		"a connection that breaks":                {Reset: true},
		"an answer that is not HTTP":              {Raw: "HTTP/1.1 banana\r\n\r\n"},
		"a redirect with a token":                 {Status: 302, Header: http.Header{"Location": {"https://elsewhere.example/?token=" + leak}}},
		"a redirect with a token to a broken URL": {Status: 302, Header: http.Header{"Location": {"https://[::1/?token=" + leak}}},
	}
	for _, status := range []int{400, 401, 403, 404, 409, 410, 422, 429, 500, 503} {
		situations[fmt.Sprint("status ", status)] = fake.Fault{Status: status, Header: fake.RetryLater()}
	}
	number := 0
	for situation, fault := range situations {
		number++
		r.desk.Script.Always(func() fake.Fault { return fault })
		ctx, cancel := context.WithTimeout(context.Background(), budget)
		if fault.Hang {
			time.AfterFunc(50*time.Millisecond, cancel)
		}
		_, err := r.connector.Deliver(ctx, text(1, number))
		cancel()
		if err == nil {
			t.Errorf("%s: Deliver gives nil", situation)
			continue
		}
		r.mustBeSilent(situation, err)
	}
	for _, forgery := range append([]fake.Forgery{fake.Malformed}, fake.Forgeries...) {
		if req := r.desk.Webhook(fake.Reply{ID: "1", Business: string(business), Customer: string(customer(1)), Text: tag(1, 1)}, forgery); req != nil {
			if _, err := r.connector.Receive(context.Background(), req); err != nil {
				r.mustBeSilent("a webhook that is "+forgery.String(), err)
			}
		}
	}
	r.desk.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), budget)
	defer cancel()
	if _, err := r.connector.Deliver(ctx, text(1, 0)); err == nil {
		t.Error("nobody listens: Deliver gives nil")
	} else {
		r.mustBeSilent("nobody listens", err)
	}
}

// mustBeSilent looks for secrets in an error, printed in every way in which somebody might print it.
func (r *rig) mustBeSilent(situation string, err error) {
	r.t.Helper()
	printed := err.Error() + fmt.Sprintf(" %v %+v %q", err, err, err)
	if strings.Contains(printed, leak) {
		r.t.Errorf("%s: the error holds the token of a URL that the helpdesk answered: %v", situation, err)
	}
	for i, secret := range r.desk.Secrets {
		if secret != "" && strings.Contains(printed, secret) {
			r.t.Errorf("%s: the error holds secret %d of the settings", situation, i)
		}
	}
	if found := tagPattern.FindString(printed); found != "" {
		r.t.Errorf("%s: the error holds what was said: %v", situation, err)
	}
}
