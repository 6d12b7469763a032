package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
	"bizbridge/mapping"
)

// mapped is a helpdesk that speaks a JSON of its own: a mapping translates both ways.
type mapped struct {
	*Connector
	mapping *mapping.Mapping
	vars    mapping.Vars
}

var (
	_ connectors.TypingRelay = (*mapped)(nil)
	_ connectors.CloseRelay  = (*mapped)(nil)
	_ connectors.Uploader    = (*mapped)(nil)
	_ connectors.SelfTester  = (*mapped)(nil)
)

// presetPrefix names one of the mappings that come with the bridge, instead of a file.
const presetPrefix = "preset:"

// LoadMapping reads the mapping that settings name; nil where they name none. The error has a line for every problem.
func (c *Config) LoadMapping(dir string) (*mapping.Mapping, error) {
	if c.Mapping == "" {
		return nil, nil
	}
	if name, ok := strings.CutPrefix(c.Mapping, presetPrefix); ok {
		return mapping.Preset(name)
	}
	return connectors.LoadMapping(dir, c.Mapping)
}

// Bind gives the mapping its variables; base is the helpdesk's URL unless the settings say otherwise. The error names
// every variable that is missing or that the mapping does not have, and no value.
func (c *Config) Bind(m *mapping.Mapping) (mapping.Vars, error) {
	names, _ := m.Variables()
	vars := map[string]any{"base": c.URL}
	var faults []string
	for _, name := range slices.Sorted(maps.Keys(c.Vars)) {
		if vars[name] = c.Vars[name].Reveal(); !slices.Contains(names, name) {
			faults = append(faults, fmt.Sprintf("the mapping has no variable %q; it has: %s", name, cmp.Or(strings.Join(names, ", "), "none")))
		}
	}
	if _, given := c.Vars["base"]; !given && slices.Contains(names, "base") && strings.Contains(c.URL, "?") {
		faults = append(faults, "base is missing: url has a query (?…), behind which no path can stand")
	}
	bound, err := m.Bind(vars)
	if err != nil {
		faults = append(faults, err.Error())
	}
	if len(faults) > 0 {
		return mapping.Vars{}, errors.New(strings.Join(faults, "; "))
	}
	return bound, nil
}

func newMapped(plain *Connector, cfg *Config) (connectors.Connector, error) {
	loaded, err := cfg.LoadMapping(plain.Dir)
	if err != nil {
		return nil, err
	}
	if loaded.LooksUp() {
		return nil, errors.New("mapping: a rule gives a profile, which is for the mapping of a look-up: name the file in profile.mapping")
	}
	vars, err := cfg.Bind(loaded)
	if err != nil {
		return nil, fmt.Errorf("vars: %w", err)
	}
	return &mapped{plain, loaded, vars}, nil
}

// Deliver makes the calls that the mapping says.
func (m *mapped) Deliver(ctx context.Context, event message.Event) (connectors.Receipt, error) {
	calls := &caller{Connector: m.Connector, id: event.Data.ID, retry: httpclient.RetryUnsent}
	result, err := m.mapping.Deliver(ctx, event, m.vars, calls)
	if err == nil {
		err = sameIDs(result.Messages)
	}
	switch {
	case err != nil:
		return connectors.Receipt{}, calls.outcome(err)
	case result.Unsupported:
		return connectors.Receipt{}, &message.Failure{
			Class: message.Permanent, Code: message.CodeUnsupported, Reason: fmt.Sprintf("no rule of the mapping takes %s", event.Type),
		}
	}
	return connectors.Receipt{ID: result.Receipt, Messages: result.Messages}, nil
}

// RelayTyping makes them once; a mapping without a rule for typing drops it.
func (m *mapped) RelayTyping(ctx context.Context, event message.Event) error {
	_, err := m.mapping.Deliver(ctx, event, m.vars, &caller{Connector: m.Connector, id: event.Data.ID, retry: httpclient.RetryNever})
	return err
}

// RelayClose is like Deliver, but a mapping without a rule for it drops it: nobody could try that again.
func (m *mapped) RelayClose(ctx context.Context, event message.Event) error {
	_, err := m.Deliver(ctx, event)
	if failure := message.FailureOf(err); failure != nil && failure.Code == message.CodeUnsupported {
		return nil
	}
	return err
}

// SelfTest runs the mapping's own tests.
func (m *mapped) SelfTest(ctx context.Context) (run int, failed, warnings []string) {
	return connectors.SelfTestMapping(ctx, "connectors."+m.Name+".mapping", m.mapping)
}

// UploadsFiles is false: the mapping sees links.
func (*mapped) UploadsFiles() bool { return false }

// Receive verifies a webhook and reads it by the mapping.
func (m *mapped) Receive(ctx context.Context, req *http.Request) ([]message.Outbound, error) {
	body, err := connectors.ReadBody(req)
	if err != nil {
		return nil, err
	}
	id, err := m.genuine(req, body)
	if err != nil {
		return nil, err
	}
	messages, _, err := m.mapping.Receive(ctx, mapping.Incoming{
		Method: req.Method, Header: req.Header, Query: req.URL.Query(), Body: body,
	}, m.vars)
	if err != nil {
		return nil, err
	}
	if err := giveKeys(messages, cmp.Or(req.Header.Get("Idempotency-Key"), id)); err != nil {
		return nil, err
	}
	if err := sameIDs(messages); err != nil {
		return nil, err
	}
	return messages, nil
}

// giveKeys names the messages that have no id of their own after their webhook, the same way on every repeat of it.
func giveKeys(messages []message.Outbound, webhook string) error {
	for i := range messages {
		if messages[i].Key != "" || webhook == "" {
			continue
		}
		key, err := message.HeaderKey(webhook)
		if err != nil {
			return err
		}
		if i > 0 {
			key = string(message.DeriveID("mapping message", key, strconv.Itoa(i)))
		}
		messages[i].Key = key
	}
	return nil
}

// sameIDs refuses different messages under one id: the second would pass for a repeat of the first.
func sameIDs(messages []message.Outbound) error {
	for i, one := range messages {
		for j, other := range messages[:i] {
			same := one.Key != "" && one.Key == other.Key && one.CustomerID == other.CustomerID && one.BusinessID.Equal(other.BusinessID)
			if same && !reflect.DeepEqual(one, other) {
				return &message.Failure{
					Class: message.Invalid, Reason: fmt.Sprintf("mapping: message %d", i+1),
					Faults: []message.Fault{{Pointer: "/data/id", Rule: "unique", Message: fmt.Sprintf("must not be the one of message %d", j+1)}},
				}
			}
		}
	}
	return nil
}

// caller makes the calls of a mapping for one event, one after the other.
type caller struct {
	*Connector
	id    message.ID
	retry httpclient.Retry
	last  *httpclient.Response
	// taken: a step that must not be made twice was.
	taken bool
}

// Do implements [mapping.Doer].
func (c *caller) Do(ctx context.Context, request mapping.Request) (mapping.Answer, error) {
	retry := c.retry
	if request.Idempotent && retry == httpclient.RetryUnsent {
		retry = httpclient.RetryIdempotent
	}
	if request.Header.Get("User-Agent") == "" {
		request.Header.Set("User-Agent", "bizbridge")
	}
	if retry != httpclient.RetryIdempotent {
		connectors.HideKey(request.Header)
	}
	resp, err := c.HTTP.Do(ctx, httpclient.Call{
		Operation: "webhook", Method: request.Method, URL: request.URL, Header: request.Header, Body: request.Body, Retry: retry,
		Sign: c.sign(request.Method, request.URL, string(c.id)+"/"+request.Step, request.Body),
	})
	if err != nil {
		return mapping.Answer{}, err
	}
	c.last = resp
	c.taken = c.taken || !request.Idempotent && resp.Status >= 200 && resp.Status <= 299
	return mapping.Answer{Status: resp.Status, Header: resp.Header, Body: resp.Body}, nil
}

// Refused implements [mapping.Doer].
func (c *caller) Refused(mapping.Request, mapping.Answer) error {
	return connectors.StatusFailure(c.Name, c.last)
}

// outcome is why a delivery failed. After a step that must not be made twice, the next try is a possible repeat.
func (c *caller) outcome(err error) error {
	if c.taken {
		return connectors.HalfDone(err)
	}
	return message.FailureOf(err)
}
