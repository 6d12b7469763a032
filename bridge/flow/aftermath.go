package flow

import (
	"context"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// tellClosed lets the helpdesk know that the customer had left, which Apple says only when something is sent.
func (f *Flow) tellClosed(desk *Desk, out message.Outbound, device message.Device, result message.SendResult) {
	relay, ok := desk.Connector.(connectors.CloseRelay)
	if !ok {
		return
	}
	event := f.aftermath(message.EventClosed, out, device, result.Parts[len(result.Parts)-1].ID)
	f.tell(desk, event, func(ctx context.Context) error { return relay.RelayClose(ctx, event) })
}

// tellSent gives the sender Apple's reference to a message that was sent with save.
func (f *Flow) tellSent(desk *Desk, out message.Outbound, device message.Device, result message.SendResult) {
	for _, part := range result.Parts {
		if desk == nil || part.DataRef == nil {
			continue
		}
		event := f.aftermath(message.EventSent, out, device, part.ID)
		event.Data.Sent = &message.Sent{MessageID: string(part.ID), DataRef: part.DataRef}
		f.tell(desk, event, func(ctx context.Context) error {
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

// tell delivers an event that the answer to the sender does not wait for.
func (f *Flow) tell(desk *Desk, event message.Event, deliver func(context.Context) error) {
	f.background(func(ctx context.Context) {
		began := f.Now()
		ctx, cancel := context.WithTimeout(ctx, f.Timeout)
		defer cancel()
		failure := f.protect(desk.Name, func() error { return deliver(ctx) })
		outcome := message.OutcomeAccepted
		if failure != nil {
			outcome = failure.Class.Outcome()
		}
		f.log(logLevel(failure), "inbound", event.Data.ID, event.Data.BusinessID, event.Data.CustomerID, desk.Name, string(event.Type), outcome, failure, f.Now().Sub(began))
	})
}
