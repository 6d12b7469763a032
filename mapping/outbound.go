package mapping

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"bizbridge/bridge/message"
)

// Incoming is a webhook of the helpdesk, verified already.
type Incoming struct {
	Method string
	Header http.Header
	Query  url.Values
	Body   []byte // JSON, a form (by its Content-Type), or nothing
}

// Receive gives the messages that a webhook stands for; ignored tells that the file drops it, with 2xx for the
// helpdesk. The error wraps [message.ErrMalformed], or is a [*message.Failure]: Invalid, with JSON pointers into the
// message that the rule made.
func (m *Mapping) Receive(ctx context.Context, in Incoming, vars Vars) (messages []message.Outbound, ignored bool, err error) {
	input, err := in.value()
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", message.ErrMalformed, err)
	}
	messages, rule, err := m.receive(ctx, input, m.vars(vars))
	return messages, err == nil && rule.ignored, asFailure(err, message.Invalid)
}

func (m *Mapping) receive(ctx context.Context, input any, vars map[string]any) ([]message.Outbound, *outboundRule, error) {
	for _, rule := range m.outbound {
		fits, err := rule.when.holds(ctx, input, vars)
		if err != nil {
			return nil, rule, err
		}
		if fits {
			messages, err := rule.run(ctx, input, vars)
			return messages, rule, err
		}
	}
	return nil, nil, &message.Failure{Class: message.Invalid, Code: message.CodeUnsupported, Reason: "mapping: no rule takes this webhook; a last rule with ignored: true would drop it"}
}

func (rule *outboundRule) run(ctx context.Context, input any, vars map[string]any) ([]message.Outbound, error) {
	if rule.ignored {
		return nil, nil
	}
	outputs, err := rule.messages.all(ctx, input, vars)
	if err != nil {
		return nil, err
	}
	messages := make([]message.Outbound, len(outputs))
	for i, output := range outputs {
		if messages[i], err = decodeMessage(messageData(output), rule.name, i); err != nil {
			return nil, err
		}
	}
	return messages, nil
}

// value is the webhook as queries see it.
func (in Incoming) value() (map[string]any, error) {
	body, err := in.body()
	if err != nil {
		return nil, err
	}
	return map[string]any{"method": in.Method, "headers": headerValue(in.Header), "query": firstValues(in.Query), "body": body}, nil
}

func (in Incoming) body() (any, error) {
	if len(strings.TrimSpace(string(in.Body))) == 0 {
		return nil, nil
	}
	if mediaType, _, _ := mime.ParseMediaType(in.Header.Get("Content-Type")); mediaType == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(in.Body))
		if err != nil {
			return nil, errors.New("the body is no form")
		}
		return firstValues(form), nil
	}
	body, err := decodeJSON(in.Body)
	if err != nil {
		return nil, errors.New("the body is no JSON") // its own error quotes
	}
	return body, nil
}

func firstValues(values url.Values) map[string]any {
	first := make(map[string]any, len(values))
	for name := range values {
		first[strings.ToValidUTF8(name, "\uFFFD")] = strings.ToValidUTF8(values.Get(name), "\uFFFD")
	}
	return first
}
