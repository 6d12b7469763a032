package flow

import (
	"context"
	"log/slog"
	"strings"

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

// RelayFailure lets a helpdesk that does not read the answers to its webhooks know of a message of its own that was not
// sent. It does nothing for others, nor for a failure after which they try again.
func (f *Flow) RelayFailure(ctx context.Context, desk *Desk, out message.Outbound, failure *message.Failure) {
	if RelaysFailures(desk) {
		f.tellFailed(ctx, desk, out, failure)
	}
}

// RelaysFailures tells whether a helpdesk hears of messages of its own that were not sent.
func RelaysFailures(desk *Desk) bool {
	relay, ok := desk.Connector.(connectors.FailureRelay)
	return ok && relay.RelaysFailures()
}

// tellFailed lets a helpdesk know of a message of its own that will never be sent, once per key. That the customer left is
// told by conversation.closed instead. The message is named by its key: its sender saw no other id.
func (f *Flow) tellFailed(ctx context.Context, desk *Desk, out message.Outbound, failure *message.Failure) {
	business := f.businesses[strings.ToLower(string(out.BusinessID))]
	again := !failure.Class.Final() && !desk.PostsOnce
	if !f.serves(desk, business) || again || failure.Class == message.Closed {
		return
	}
	out.BusinessID = business
	device, _ := f.knownDevice(out)
	event := f.aftermath(message.EventFailed, out, device, message.ID(desk.Sender.Source+" "+out.Key))
	event.Data.Failed = &message.Failed{MessageID: out.Key, Code: failure.SenderCode(), Reason: inWords(failure)}
	appleType := "text"
	if out.Content != nil && out.Content.Kind().Interactive() {
		appleType = "interactive"
	}
	f.tell(ctx, desk, appleType, event, func(ctx context.Context) error {
		return f.once(ctx, repeatKey(event), func() error {
			_, err := desk.Connector.Deliver(ctx, event)
			return err
		})
	})
}

// once makes a call to the helpdesk that was not made yet, as far as this replica knows.
func (f *Flow) once(ctx context.Context, key string, call func() error) error {
	_, _, failure := f.Memory.inbound.do(ctx, key, "", func() (struct{}, *message.Failure) {
		return struct{}{}, message.FailureOf(call())
	})
	if failure != nil {
		return failure
	}
	return nil
}

// refusedLine tells whether what an agent typed was refused before Apple was asked. A text that is none but a text is sent:
// it was a template's line, whose answer most agents never see.
func refusedLine(out message.Outbound, result message.SendResult, failure *message.Failure) bool {
	_, typed := out.Content.(message.Text)
	return typed && out.Sender.Kind == message.SenderAgent && result.Status == "" &&
		failure.Class == message.Invalid && failure.Code != message.CodeConflict
}

// noteRefusal tells the agent why a line was not sent, once per key, where message.failed does not.
func (f *Flow) noteRefusal(desk *Desk, sender Sender, out message.Outbound, failure *message.Failure) {
	writer, ok := desk.Connector.(connectors.NoteWriter)
	if !ok || sender.Source == desk.Sender.Source && RelaysFailures(desk) {
		return
	}
	f.inTurn(desk, out, "a note cannot be written", func(ctx context.Context) error {
		return f.once(ctx, "note "+out.RepeatKey(sender.Source), func() error {
			return writer.WriteNote(ctx, out.BusinessID, out.CustomerID, "Not sent: "+inWords(failure))
		})
	})
}

// aftermath makes an event about a message that was sent. Apple gave it no id, so it has a derived one.
func (f *Flow) aftermath(eventType message.EventType, out message.Outbound, device message.Device, about message.ID) message.Event {
	event := message.Event{
		Type: eventType, Schema: message.SchemaVersion, Timestamp: f.Now().UTC(),
		Data: message.Data{
			ID:         message.Subject(eventType, out.BusinessID, out.CustomerID, string(about)),
			BusinessID: out.BusinessID, CustomerID: out.CustomerID, Device: device,
		},
	}
	if !device.Unknown() { // receivers keep the newest context: one that knows nothing must not replace what they have
		event.Data.Sealed = f.sealDevice(out.BusinessID, out.CustomerID, device)
	}
	return event
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
