package mapping

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"bizbridge/bridge/message"
)

// IdempotencyHeader is set on every request, unless the file sets it: the same on every try of the same step for the
// same event.
const IdempotencyHeader = "Idempotency-Key"

// request builds what a step sends.
func (d *delivery) request(ctx context.Context, s *step) (Request, error) {
	where := fmt.Sprintf("rule %q, step %q, ", d.rule.name, s.name)
	request := Request{Rule: d.rule.name, Step: s.name, Method: s.method, Header: http.Header{}, Idempotent: s.idempotent}
	var err error
	if request.URL, err = s.url.text(ctx, percent, d.event, d.vars, d.steps, d.event); err != nil {
		return request, err
	}
	if err := checkURL(request.URL); err != nil {
		return request, &queryError{where: where + "request.url", words: err.Error()}
	}
	for _, h := range s.header {
		value, err := h.value.text(ctx, verbatim, d.event, d.vars, d.steps, d.event)
		if err != nil {
			return request, err
		}
		if !validHeader(value) {
			return request, &queryError{where: where + "request.headers." + h.name, words: "has characters that no header can have"}
		}
		request.Header[h.name] = []string{value}
	}
	if s.body != nil {
		if err := d.body(ctx, s, &request); err != nil {
			return request, err
		}
	}
	d.setDefaults(&request)
	return request, nil
}

func verbatim(text string) string { return text }

// validHeader refuses what would end the header or be cut on the way.
func validHeader(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return value == strings.TrimSpace(value)
}

func (d *delivery) body(ctx context.Context, s *step, request *Request) error {
	value, err := s.body.first(ctx, d.event, d.vars, d.steps, d.event)
	if err != nil {
		return err
	}
	if value == nil {
		return s.body.failed("gives nothing; leave body out for a request without one")
	}
	if request.Body, err = encode(value); err != nil {
		return s.body.failed("gives what JSON cannot hold")
	}
	return nil
}

func (d *delivery) setDefaults(request *Request) {
	if request.Body != nil && request.Header.Get("Content-Type") == "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if _, set := request.Header[IdempotencyHeader]; !set {
		event, _ := d.event.(map[string]any)
		about, _ := event["data"].(map[string]any)
		request.Header.Set(IdempotencyHeader, string(message.DeriveID("mapping step", fmt.Sprint(about["id"]), d.rule.name, request.Step)))
	}
}
