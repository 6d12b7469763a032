package mapping

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strings"

	"bizbridge/bridge/message"
	"bizbridge/config/yamlfile"
)

// Trial is what one rule makes of one payload.
type Trial struct {
	Rule     string `json:"rule"`
	Fits     bool   `json:"fits"` // its when holds; the rest is shown even if not
	Ignored  bool   `json:"ignored,omitempty"`
	Requests []any  `json:"requests,omitempty"`
	Receipt  string `json:"receipt,omitempty"`
	Messages []any  `json:"messages,omitempty"`
	Profile  any    `json:"profile,omitempty"`
	Error    string `json:"error,omitempty"` // with the values of the payload in it: not for logs
}

// String is the trial as indented JSON.
func (t Trial) String() string {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(t) // into memory, and of JSON values
	return text.String()
}

// Try runs one rule on a payload, without any connection. For an inbound rule that is an event, or
// {"event": …, "answers": […]} with what the helpdesk says to each step; for an outbound rule the body of a webhook, or
// an object of nothing but body, headers, query and method, any of them. The error says that there is no such rule, or
// that the payload is no JSON.
func (m *Mapping) Try(ctx context.Context, rule string, payload []byte, vars Vars) (Trial, error) {
	value, err := decodeJSON(payload)
	if err != nil {
		return Trial{}, fmt.Errorf("the payload is no JSON: %w", err)
	}
	object, _ := value.(map[string]any)
	for _, candidate := range m.inbound {
		if candidate.name == rule {
			return m.tryInbound(ctx, candidate, object, m.vars(vars))
		}
	}
	for _, candidate := range m.outbound {
		if candidate.name == rule {
			return m.tryOutbound(ctx, candidate, value, m.vars(vars)), nil
		}
	}
	names := slices.Sorted(maps.Keys(m.places))
	return Trial{}, fmt.Errorf("there is no rule %q. %s", yamlfile.Clip(rule), yamlfile.Suggest(rule, names, "Possible"))
}

func (m *Mapping) tryInbound(ctx context.Context, rule *inboundRule, payload map[string]any, vars map[string]any) (Trial, error) {
	do := &script{}
	if event, wrapped := payload["event"].(map[string]any); wrapped {
		var err error
		if do.answers, err = answersOf(payload["answers"]); err != nil {
			return Trial{}, err
		}
		payload = event
	}
	event := completeEvent(payload)
	trial := Trial{Rule: rule.name}
	fits, err := rule.when.holds(ctx, event, vars, map[string]any{}, event)
	trial.Fits = fits
	if err == nil {
		d := delivery{rule: rule, event: event, vars: vars, steps: map[string]any{}, do: do}
		var result Result
		result, err = d.run(ctx)
		trial.Ignored, trial.Receipt, trial.Messages = result.Ignored, result.Receipt, messageValues(result.Messages)
		trial.Profile = profileValue(result.Profile)
	}
	trial.Requests = requestValues(do.requests)
	trial.fail(err)
	return trial, nil
}

func (m *Mapping) tryOutbound(ctx context.Context, rule *outboundRule, payload any, vars map[string]any) Trial {
	input := webhookInput(payload)
	trial := Trial{Rule: rule.name, Ignored: rule.ignored}
	fits, err := rule.when.holds(ctx, input, vars)
	trial.Fits = fits
	if err == nil {
		var messages []message.Outbound
		messages, err = rule.run(ctx, input, vars)
		trial.Messages = messageValues(messages)
	}
	trial.fail(err)
	return trial
}

// webhookInput is a webhook as queries see it, of its body or of all its parts.
func webhookInput(payload any) map[string]any {
	input := map[string]any{"method": http.MethodPost, "headers": map[string]any{}, "query": map[string]any{}, "body": payload}
	object, _ := payload.(map[string]any)
	for name := range object {
		if _, isPart := input[name]; !isPart {
			return input
		}
	}
	if len(object) > 0 {
		input["body"] = nil
		maps.Copy(input, object)
	}
	if headers, ok := input["headers"].(map[string]any); ok {
		lower := make(map[string]any, len(headers))
		for name, value := range headers {
			lower[strings.ToLower(name)] = value
		}
		input["headers"] = lower
	}
	return input
}

func (t *Trial) fail(err error) {
	if err != nil {
		t.Error = detail(err)
	}
}

// answersOf reads answers as they stand in files: [{status, headers, body}].
func answersOf(value any) ([]Answer, error) {
	items, ok := value.([]any)
	if value != nil && !ok {
		return nil, fmt.Errorf("answers must be an array")
	}
	var answers []Answer
	for i, item := range items {
		object, _ := item.(map[string]any)
		answer := Answer{Status: http.StatusOK, Header: http.Header{}}
		if status, given := object["status"]; given {
			number, _ := status.(json.Number)
			n, err := number.Int64()
			if err != nil || n < 100 || n > 599 {
				return nil, fmt.Errorf("answers[%d].status must be a number from 100 to 599", i)
			}
			answer.Status = int(n)
		}
		headers, _ := object["headers"].(map[string]any)
		for name, line := range headers {
			answer.Header.Set(name, fmt.Sprint(line))
		}
		answer.Header.Del("Content-Length") // of the bytes that this body was written down from
		if body := object["body"]; body != nil {
			answer.Body, _ = encode(body)
		}
		answers = append(answers, answer)
	}
	return answers, nil
}

// completeEvent adds what every event has, so that a test lists only what it is about.
func completeEvent(event map[string]any) map[string]any {
	complete := map[string]any{"type": string(message.EventReceived), "schema": json.Number("1"), "timestamp": "2026-01-02T03:04:05Z"}
	data := map[string]any{
		"id": "0a11b7a8-6f1d-4a3e-9d7b-000000000001", "business_id": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
		"customer_id": "urn:mbid:AQAAY3VzdG9tZXI+Lw==", "context": "AVNlYWxlZA",
	}
	given, _ := event["data"].(map[string]any)
	maps.Copy(complete, event)
	maps.Copy(data, given)
	complete["data"] = data
	return complete
}

// exact reads a number without loss; false where its exponent is beyond reason.
func exact(n json.Number) (*big.Rat, bool) {
	if !yamlfile.JSONNumber.MatchString(string(n)) {
		return nil, false
	}
	return new(big.Rat).SetString(string(n))
}
