package flow

import (
	"context"
	"log/slog"

	"bizbridge/bridge/message"
)

// tellsWho are the events with which a helpdesk hears who the customer is.
func tellsWho(event message.EventType) bool {
	return event == message.EventReceived || event == message.EventReplied || event == message.EventSignIn
}

// lookUp puts into an event what the operator's API says of the customer. A message must not wait for that API for long,
// nor be lost by it: whatever goes wrong there is logged, and the helpdesk gets the message without.
func (f *Flow) lookUp(ctx context.Context, desk *Desk, event *message.Event) {
	key := conversation(event.Data.BusinessID, event.Data.CustomerID)
	if event.Type == message.EventClosed {
		f.Memory.met.Remove(key)
	}
	if desk.Profile == nil || !tellsWho(event.Type) {
		return
	}
	ctx, cancel := partOf(ctx)
	defer cancel()
	firstSeen := !f.Memory.met.Contains(key)
	var profile map[string]any
	failure := f.protect("the API of profiles", func() error {
		found, failure := desk.Profile(ctx, *event, firstSeen)
		if failure != nil { // not as an error that holds a nil
			return failure
		}
		profile = found
		return nil
	})
	if failure == nil {
		event.Data.Profile = profile
		return
	}
	f.Logger.LogAttrs(ctx, logLevel(failure), "the customer's profile cannot be looked up",
		slog.String("id", string(event.Data.ID)), slog.String("business", string(event.Data.BusinessID)),
		slog.String("customer", f.Ring.Hash(string(event.Data.CustomerID))), slog.String("connector", desk.Name),
		slog.String("type", string(event.Type)), slog.String("error", failure.Error()))
}

// meet remembers that the helpdesk has something of a conversation, until the customer leaves.
func (f *Flow) meet(desk *Desk, event message.Event) {
	if desk.Profile != nil && tellsWho(event.Type) {
		f.Memory.met.Add(conversation(event.Data.BusinessID, event.Data.CustomerID), struct{}{})
	}
}
