package flow

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bizbridge/bridge/message"
)

const reference = `{"bid":"b","url":"u","dataRefSig":"s"}`

func saved(key string) message.Outbound {
	return message.Outbound{
		Key: key, BusinessID: business, CustomerID: customer, Save: true,
		Content: message.Saved{DataRef: json.RawMessage(reference)},
	}
}

// newSavingRig is a rig in a bubble whose Apple gives references.
func newSavingRig(t *testing.T) (*inboundRig, Sender, *desk) {
	r := newInboundRigIn(t)
	r.apple.ref = json.RawMessage(reference)
	listener := &desk{}
	sender := agents
	sender.Events = &Desk{Name: "desk", Connector: listener}
	return r, sender, listener
}

func TestTheReferenceOfASavedMessageIsInTheAnswerAndToldToTheSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, sender, listener := newSavingRig(t)
		device := message.Device{Locale: "fr_FR", Group: "vip", Capabilities: []message.Capability{message.CapabilityForm}}
		out := saved("1")
		out.Sealed = r.sealDevice(business, customer, device)
		result, failure := r.Outbound(t.Context(), sender, out)
		wantNil(t, failure)
		synctest.Wait()
		wantEqual(t, "data_ref of the part", string(result.Parts[0].DataRef), reference)
		wantEqual(t, "asked Apple to save", r.apple.sent[0].Save, true)
		if len(listener.plainDesk.got) != 1 {
			t.Fatalf("%d events, want 1", len(listener.plainDesk.got))
		}
		event := listener.plainDesk.got[0]
		part := result.Parts[0].ID
		want := message.Event{Type: message.EventSent, Schema: message.SchemaVersion, Timestamp: time.Now().UTC(), Data: message.Data{
			ID: message.Subject(message.EventSent, business, customer, string(part)), BusinessID: business, CustomerID: customer, Device: device,
			Sealed: event.Data.Sealed, Sent: &message.Sent{MessageID: string(part), DataRef: json.RawMessage(reference)},
		}}
		if !reflect.DeepEqual(event, want) {
			t.Errorf("event %+v, want %+v", event, want)
		}
		if again, err := r.openDevice(business, customer, event.Data.Sealed); err != nil || !reflect.DeepEqual(again, device) {
			t.Errorf("the event's context opens to %+v, %v", again, err)
		}
		again, failure := r.Outbound(t.Context(), sender, out)
		wantNil(t, failure)
		synctest.Wait()
		wantEqual(t, "data_ref in the answer to a repeat", string(again.Parts[0].DataRef), reference)
		wantEqual(t, "events after a repeat", len(listener.plainDesk.got), 1)
		r.idle(t)
	})
}

func TestNobodyIsToldOfAReferenceThatThereIsNot(t *testing.T) {
	for name, change := range map[string]func(r *inboundRig, sender *Sender, out *message.Outbound){
		"save was not asked for":   func(_ *inboundRig, _ *Sender, out *message.Outbound) { out.Save = false },
		"Apple gives none":         func(r *inboundRig, _ *Sender, _ *message.Outbound) { r.apple.ref = nil },
		"the sender hears nothing": func(_ *inboundRig, sender *Sender, _ *message.Outbound) { sender.Events = nil },
		"Apple refuses the message": func(r *inboundRig, _ *Sender, _ *message.Outbound) {
			r.apple.failing(message.Failuref(message.Invalid, "no"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, sender, listener := newSavingRig(t)
				out := saved("1")
				change(r, &sender, &out)
				_, _ = r.Outbound(t.Context(), sender, out)
				synctest.Wait()
				wantEqual(t, "events", len(listener.plainDesk.got)+len(r.uploader.plainDesk.got), 0)
				r.idle(t)
			})
		})
	}
}

// The answer to the sender waits for Apple alone; a helpdesk that does not take the event is logged.
func TestAHelpdeskThatHangsDoesNotDelayTheAnswer(t *testing.T) {
	for name, deliver := range map[string]func(ctx context.Context) error{
		"hangs":  func(ctx context.Context) error { return after(ctx, time.Hour) },
		"fails":  func(context.Context) error { return errors.New("no") },
		"panics": func(context.Context) error { panic("nil map") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, sender, listener := newSavingRig(t)
				listener.deliver = func(ctx context.Context, _ message.Event) error { return deliver(ctx) }
				began := time.Now()
				result, failure := r.Outbound(t.Context(), sender, saved("1"))
				wantNil(t, failure)
				wantEqual(t, "time until the answer", time.Since(began), 0)
				wantEqual(t, "status", result.Status, message.StatusAccepted)
				pass(timeout)
				r.idle(t)
				if logs := r.logs.String(); logs == "" || !containsAll(logs, "message.sent", string(message.OutcomeTransient)) {
					t.Errorf("the log says %s", logs)
				}
			})
		})
	}
}

func containsAll(text string, words ...string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
