package mapping

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"bizbridge/bridge/message"
)

// Doer makes the requests of steps.
type Doer interface {
	// Do makes one request, and makes it again where that is harmless (see [Request.Idempotent]). Every status is an
	// answer. The error is a [*message.Failure].
	Do(ctx context.Context, request Request) (Answer, error)
	// Refused says what the status of an answer means that the step does not expect: a [*message.Failure].
	Refused(request Request, answer Answer) error
}

// Request is one request of a step, checked.
type Request struct {
	Rule, Step string
	Method     string
	URL        string
	Header     http.Header
	Body       []byte // nil: none
	// Idempotent tells that the helpdesk can get the request twice without harm: by its method, or by the word of the file.
	Idempotent bool
}

// Answer is what the helpdesk said.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Result is what became of an event.
type Result struct {
	Rule        string             // the rule that took it; "" for none
	Receipt     string             // the helpdesk's id of the message; "" for none
	Messages    []message.Outbound // what a bot answered at once
	Profile     map[string]any     // what a look-up found out about the customer; nil for nothing
	Ignored     bool               // dropped, as the file says
	Unsupported bool               // no rule takes it
}

// Deliver makes the requests that the first fitting rule says. The error is a [*message.Failure]: of the Doer, as it
// came; Transient for an answer that is not whole, or not what a step expects; Permanent where a query fails on this
// event; Invalid, with JSON pointers into the message, for a bot's answer that cannot be sent. Some of the steps may have
// been made then, and are made again on the next try.
func (m *Mapping) Deliver(ctx context.Context, event message.Event, vars Vars, do Doer) (Result, error) {
	value, err := plainJSON(event)
	if err != nil {
		return Result{}, &message.Failure{Class: message.Permanent, Reason: "mapping: the event cannot be written as JSON", Err: err}
	}
	result, err := m.deliver(ctx, value, m.vars(vars), do)
	return result, asFailure(err, message.Permanent)
}

func (m *Mapping) deliver(ctx context.Context, event any, vars map[string]any, do Doer) (Result, error) {
	for _, rule := range m.inbound {
		fits, err := rule.when.holds(ctx, event, vars, map[string]any{}, event)
		if err != nil {
			return Result{Rule: rule.name}, err
		}
		if fits {
			d := delivery{rule: rule, event: event, vars: vars, steps: map[string]any{}, do: do}
			return d.run(ctx)
		}
	}
	return Result{Unsupported: true}, nil
}

// delivery is one event on its way through one rule.
type delivery struct {
	rule  *inboundRule
	event any
	vars  map[string]any
	steps map[string]any // replaced, never changed: what queries gave may hold it
	do    Doer
}

func (d *delivery) run(ctx context.Context) (Result, error) {
	result := Result{Rule: d.rule.name, Ignored: d.rule.ignored}
	for _, s := range d.rule.steps {
		made, err := s.when.holds(ctx, d.event, d.vars, d.steps, d.event)
		var values any
		if err == nil && made {
			values, err = d.make(ctx, s)
		}
		if err != nil {
			return result, err
		}
		steps := maps.Clone(d.steps)
		steps[s.name] = values
		d.steps = steps
	}
	var err error
	if d.rule.receipt != nil {
		if result.Receipt, err = d.receipt(ctx); err != nil {
			return result, err
		}
	}
	if d.rule.profile != nil {
		if result.Profile, err = d.profile(ctx); err != nil {
			return result, err
		}
	}
	if d.rule.messages != nil {
		result.Messages, err = d.messages(ctx)
	}
	return result, err
}

// make makes one request and extracts from its answer.
func (d *delivery) make(ctx context.Context, s *step) (any, error) {
	request, err := d.request(ctx, s)
	if err != nil {
		return nil, err
	}
	answer, err := d.do.Do(ctx, request)
	if err != nil {
		return nil, err
	}
	if (answer.Status < 200 || answer.Status > 299) && !slices.Contains(s.ok, answer.Status) {
		return nil, d.do.Refused(request, answer)
	}
	if s.expect == nil && len(s.extract) == 0 {
		return map[string]any{}, nil // nobody reads the answer: whatever it is, the helpdesk has taken the request
	}
	seen, err := answerValue(answer)
	if err != nil {
		return nil, message.Failuref(message.Transient, "mapping: rule %q, step %q: the answer (%d) is not whole: %s", request.Rule, request.Step, answer.Status, err)
	}
	expected, err := s.expect.holds(ctx, seen, d.vars, d.steps, d.event)
	switch {
	case err != nil:
		return nil, err
	case !expected: // nobody knows whether the helpdesk has it: it must not vanish
		return nil, message.Failuref(message.Transient, "mapping: %s: the answer (%d) is not what the step expects", s.expect.where, answer.Status)
	}
	values := map[string]any{}
	for _, e := range s.extract {
		if values[e.name], err = e.query.first(ctx, seen, d.vars, d.steps, d.event); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// headerValue has the names in lower case; values of one name are joined.
func headerValue(header http.Header) map[string]any {
	values := make(map[string]any, len(header))
	for name, lines := range header {
		values[strings.ToLower(name)] = strings.ToValidUTF8(strings.Join(lines, ", "), "\uFFFD")
	}
	return values
}

// decodeJSON reads exactly one value, numbers as they are written.
func decodeJSON(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("more than one JSON value")
	}
	return value, nil
}

func (d *delivery) receipt(ctx context.Context) (string, error) {
	value, err := d.rule.receipt.first(ctx, d.event, d.vars, d.steps, d.event)
	if err != nil || value == nil {
		return "", err
	}
	text, ok := plainText(value)
	const most = 256
	if !ok || len(text) > most {
		return "", d.rule.receipt.failed("is no text or number of at most %d bytes", most)
	}
	return text, nil
}

// maxProfile is how much JSON a profile may be: it goes to the helpdesk with a message.
const maxProfile = 64 << 10

// profile reads what a look-up found out, in values that any JSON encoder takes: jq knows numbers that JSON has not.
func (d *delivery) profile(ctx context.Context) (map[string]any, error) {
	value, err := d.rule.profile.first(ctx, d.event, d.vars, d.steps, d.event)
	if err != nil || value == nil {
		return nil, err
	}
	if _, ok := value.(map[string]any); !ok {
		return nil, d.rule.profile.failed("is neither an object nor null")
	}
	text, err := encode(value)
	if err != nil {
		return nil, d.rule.profile.failed("gives what JSON cannot hold")
	}
	if len(text) > maxProfile {
		return nil, d.rule.profile.failed("gives more than %d bytes", maxProfile)
	}
	plain, err := decodeJSON(text)
	profile, ok := plain.(map[string]any)
	if err != nil || !ok {
		return nil, d.rule.profile.failed("gives what JSON cannot hold")
	}
	return profile, nil
}

// messages reads what a bot answered. Each message gets what it does not say from the event; its key is the same on
// every repeat that gives the same content, so that nothing is sent twice. A bot that answers otherwise on a repeat has
// sent another message: under the same key it would pass for a conflict, and be lost.
func (d *delivery) messages(ctx context.Context) ([]message.Outbound, error) {
	outputs, err := d.rule.messages.all(ctx, d.event, d.vars, d.steps, d.event)
	if err != nil {
		return nil, err
	}
	event, _ := d.event.(map[string]any)
	about, _ := event["data"].(map[string]any)
	messages := make([]message.Outbound, len(outputs))
	for i, output := range outputs {
		data := messageData(output)
		if data["customer_id"] == nil {
			data["customer_id"] = about["customer_id"]
		}
		for _, key := range []string{"business_id", "context"} {
			if data[key] == nil && data["customer_id"] == about["customer_id"] {
				data[key] = about[key]
			}
		}
		if data["id"] == nil {
			content, err := encode(data["content"])
			if err != nil {
				return nil, d.rule.messages.failed("gives what JSON cannot hold")
			}
			data["id"] = string(message.DeriveID("mapping reply", fmt.Sprint(about["id"]), fmt.Sprint(i), string(content)))
		}
		if data["sender"] == nil {
			data["sender"] = map[string]any{}
		}
		if sender, ok := data["sender"].(map[string]any); ok && sender["kind"] == nil {
			sender = maps.Clone(sender)
			sender["kind"] = string(message.SenderBot)
			data["sender"] = sender
		}
		if messages[i], err = decodeMessage(data, d.rule.name, i); err != nil {
			return nil, err
		}
	}
	return messages, nil
}

// messageData takes a content object, or the data of a message with its content in it.
func messageData(output any) map[string]any {
	object, ok := output.(map[string]any)
	if _, isContent := object["kind"]; !ok || isContent {
		return map[string]any{"content": output}
	}
	return maps.Clone(object)
}

// decodeMessage checks one message as if it had come from the helpdesk in the bridge's own format.
func decodeMessage(data map[string]any, rule string, i int) (message.Outbound, error) {
	for key, value := range data { // an absent value is null in jq
		if value == nil {
			delete(data, key)
		}
	}
	body, err := encode(map[string]any{"type": message.TypeSend, "data": data})
	if err != nil {
		return message.Outbound{}, err
	}
	out, err := message.DecodeSend(body)
	if err == nil {
		return out, nil
	}
	failure := &message.Failure{Class: message.Invalid, Err: err}
	if known, ok := errors.AsType[*message.Failure](err); ok {
		copied := *known
		failure = &copied
	}
	failure.Reason = fmt.Sprintf("mapping: rule %q, message %d: %s", rule, i+1, failure.Reason)
	return message.Outbound{}, failure
}
