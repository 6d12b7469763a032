package flow

import (
	"context"
	"log/slog"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// tellClosed lets the helpdesk know that the customer had left, which Apple says only when something is sent.
func (f *Flow) tellClosed(ctx context.Context, desk *Desk, out message.Outbound, device message.Device, result message.SendResult) {
	relay, ok := desk.Connector.(connectors.CloseRelay)
	if !ok {
		return
	}
	event := f.aftermath(message.EventClosed, out, device, result.Parts[len(result.Parts)-1].ID)
	f.tell(ctx, desk, "close", event, func(ctx context.Context) error { return relay.RelayClose(ctx, event) })
}

// tellSent gives the sender Apple's reference to a message that was sent with save.
func (f *Flow) tellSent(ctx context.Context, desk *Desk, out message.Outbound, device message.Device, result message.SendResult) {
	for _, part := range result.Parts {
		if desk == nil || part.DataRef == nil {
			continue
		}
		event := f.aftermath(message.EventSent, out, device, part.ID)
		event.Data.Sent = &message.Sent{MessageID: string(part.ID), DataRef: part.DataRef}
		f.tell(ctx, desk, "interactive", event, func(ctx context.Context) error {
			_, err := desk.Connector.Deliver(ctx, event)
			return err
		})
	}
}

// aftermath makes an event about a message that was sent. Apple gave it no id, so it has a derived one.
func (f *Flow) aftermath(eventType message.EventType, out message.Outbound, device message.Device, about message.ID) message.Event {
	return message.Event{
		Type: eventType, Schema: message.SchemaVersion, Timestamp: f.Now().UTC(),
		Data: message.Data{
			ID:         message.Subject(eventType, out.BusinessID, out.CustomerID, string(about)),
			BusinessID: out.BusinessID, CustomerID: out.CustomerID, Device: device,
			Sealed: f.sealDevice(out.BusinessID, out.CustomerID, device),
		},
	}
}

// tell delivers an event that the answer to the sender does not wait for. It takes its place in the conversation before
// the sender is answered, so that it does not overtake what the customer writes next.
func (f *Flow) tell(ctx context.Context, desk *Desk, appleType string, event message.Event, deliver func(context.Context) error) {
	began := f.Now()
	turn := f.Memory.inboundLanes.join(conversation(event.Data.BusinessID, event.Data.CustomerID))
	f.background(func(shutdown context.Context) {
		defer turn.leave()
		budget, cancel := context.WithTimeout(shutdown, f.Timeout)
		defer cancel()
		failure := message.FailureOf(turn.wait(budget))
		if failure == nil {
			failure = f.protect(desk.Name, func() error { return deliver(budget) })
		}
		outcome, level := message.OutcomeAccepted, slog.LevelInfo
		if failure != nil {
			outcome, level = failure.Class.Outcome(), slog.LevelError // nobody will say it again
		}
		f.Metrics.Inbound.WithLabelValues(string(event.Data.BusinessID), desk.Name, appleType, string(outcome)).Inc()
		f.log(ctx, level, "inbound", event.Data.ID, event.Data.BusinessID, event.Data.CustomerID, desk.Name, string(event.Type), outcome, failure, f.Now().Sub(began))
	})
}
