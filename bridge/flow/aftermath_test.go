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
	"bizbridge/connectors"
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

// relay is a helpdesk that reads no answers to its webhooks.
type relay struct {
	*desk
	off bool
}

func (r *relay) RelaysFailures() bool { return !r.off }

// relayingKeeper has notes too.
type relayingKeeper struct{ *keeper }

func (relayingKeeper) RelaysFailures() bool { return true }

func withRelay(relay connectors.Connector) func(*Options) {
	return func(o *Options) {
		o.Desks = map[message.BusinessID]*Desk{business: {Name: "desk", Connector: relay, Sender: agents}}
	}
}

// failed gives the events of this type so far.
func (d *plainDesk) failed() []message.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	var events []message.Event
	for _, event := range d.got {
		if event.Type == message.EventFailed {
			events = append(events, event)
		}
	}
	return events
}

// A helpdesk that reads no answers hears of every end that is none of success, and of nothing that it tries again itself.
func TestAHelpdeskThatReadsNoAnswersHearsOfFinalFailures(t *testing.T) {
	for class := message.Transient; class <= message.Canceled; class++ {
		t.Run(class.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &relay{desk: &desk{}}
				r := newRig(t, withRelay(d))
				out := reply("hello")
				out.Sealed = r.sealDevice(business, customer, phone)
				out.BusinessID = message.BusinessID(strings.ToLower(string(business)))
				for range 2 { // a helpdesk may repeat its webhook
					r.gateway.failing(message.Failuref(class, "said Apple"))
					_, failure := r.Outbound(t.Context(), agents, out)
					wantClass(t, failure, class)
					r.RelayFailure(t.Context(), r.Desks[business], out, failure)
					synctest.Wait()
				}
				told := d.failed()
				if !class.Final() || class == message.Closed {
					wantEqual(t, "message.failed events", len(told), 0)
					wantEqual(t, "conversation.closed events", len(d.closed) > 0, class == message.Closed)
					r.idle(t)
					return
				}
				if len(told) != 1 {
					t.Fatalf("%d events, want 1", len(told))
				}
				want := message.Event{Type: message.EventFailed, Schema: message.SchemaVersion, Timestamp: time.Now().UTC(), Data: message.Data{
					ID:         message.Subject(message.EventFailed, business, customer, "desk key of hello"),
					BusinessID: business, CustomerID: customer, Device: phone, Sealed: told[0].Data.Sealed,
					Failed: &message.Failed{MessageID: "key of hello", Code: class.Code(), Reason: "said Apple"},
				}}
				if !reflect.DeepEqual(told[0], want) {
					t.Errorf("event %+v, want %+v", told[0], want)
				}
				if again, err := r.openDevice(business, customer, told[0].Data.Sealed); err != nil || !reflect.DeepEqual(again, phone) {
					t.Errorf("the event's context opens to %+v, %v", again, err)
				}
				wantEqual(t, "conversation.closed events", len(d.closed), 0)
				r.idle(t)
			})
		})
	}
}

func TestWhoHearsOfNoFailure(t *testing.T) {
	refusal := message.Failuref(message.Invalid, "no")
	for name, test := range map[string]struct {
		connector connectors.Connector
		desk      *Desk
		change    func(*message.Outbound)
	}{
		"a helpdesk that reads its answers": {connector: &desk{}},
		"one that shows none":               {connector: &relay{desk: &desk{}, off: true}},
		"another helpdesk":                  {connector: &relay{desk: &desk{}}, desk: &Desk{Name: "other", Connector: &relay{desk: &desk{}}}},
		"of a business that is not known":   {connector: &relay{desk: &desk{}}, change: func(out *message.Outbound) { out.BusinessID = "x" }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, withRelay(test.connector))
				about, out := test.desk, reply("hello")
				if about == nil {
					about = r.Desks[business]
				}
				if test.change != nil {
					test.change(&out)
				}
				r.RelayFailure(t.Context(), about, out, refusal)
				synctest.Wait()
				if other, ok := about.Connector.(*relay); ok {
					wantEqual(t, "events", len(other.failed()), 0)
				}
				for _, outcome := range message.Outcomes {
					wantEqual(t, "told", value(t, r.Metrics.Inbound.WithLabelValues(string(business), "desk", "text", string(outcome))), 0)
				}
				r.idle(t)
			})
		})
	}
}

// A failure that cannot be told is an error of the log, and may be told by the next try.
func TestAFailureThatTheHelpdeskDoesNotTakeIsLoggedAndToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &relay{desk: &desk{}}
		r := newRig(t, withRelay(d))
		d.failing(message.Failuref(message.Transient, "down"))
		for range 2 {
			r.RelayFailure(t.Context(), r.Desks[business], reply("hello"), message.Failuref(message.Invalid, "no"))
			synctest.Wait()
		}
		wantEqual(t, "calls", len(d.failed()), 2)
		if !containsAll(r.logs.String(), "level=ERROR", string(message.EventFailed), "down") {
			t.Errorf("the log says %s", r.logs)
		}
		r.wantInbound(t, "text", outcomes{message.OutcomeTransient: 1, message.OutcomeAccepted: 1})
		r.idle(t)
	})
}

// What is wrong reaches somebody who reads only this, in a bounded text.
func TestAFailureInWords(t *testing.T) {
	many := make([]message.Fault, 1000)
	for i := range many {
		many[i] = message.Fault{Pointer: "/data/content/items/1", Message: "is wröng"}
	}
	for name, test := range map[string]struct {
		failure message.Failure
		want    string
	}{
		"reason":    {message.Failure{Class: message.Unreachable, Reason: "signed out"}, "signed out"},
		"no reason": {message.Failure{Class: message.Invalid}, "invalid"},
		"faults": {message.Failure{Class: message.Invalid, Reason: "the message is not valid", Faults: []message.Fault{
			{Pointer: "/data/content/text", Message: "is required"}, {Pointer: "/data/x", Message: "is not known"},
		}}, "the message is not valid: /data/content/text is required; /data/x is not known"},
		"said once":         {message.Failure{Class: message.Invalid, Reason: "is too long", Faults: []message.Fault{{Pointer: "/data/content", Message: "is too long"}}}, "is too long"},
		"without the cause": {message.Failure{Class: message.Permanent, Reason: "no", Err: errors.New("secret")}, "no"},
	} {
		wantEqual(t, name, inWords(&test.failure), test.want)
	}
	long := inWords(&message.Failure{Class: message.Invalid, Reason: "the message is not valid", Faults: many})
	if runes := []rune(long); len(runes) != maxReason || !strings.HasSuffix(long, "…") {
		t.Errorf("%d characters: %s", len(runes), long)
	}
}

// The answer to a template's line is read by nobody but a program: what is wrong with it stands in a note.
func TestAnAgentReadsWhyALineWasRefused(t *testing.T) {
	line := contentFrom(message.SenderAgent, message.Text{Text: "/shoes"})
	for name, test := range map[string]struct {
		out     message.Outbound
		relays  bool
		apple   error
		refused bool
		want    string
	}{
		"a template that there is not": {out: line, refused: true, want: "note Not sent: there is no such template"},
		"a bot's":                      {out: contentFrom(message.SenderBot, message.Template{Name: "shoes"}), refused: true},
		"a text that Apple refuses":    {out: contentFrom(message.SenderAgent, message.Text{Text: "Hi"}), apple: message.Failuref(message.Invalid, "no"), refused: true},
		"a good one":                   {out: contentFrom(message.SenderAgent, message.Text{Text: "/sizes"})},
		"told by message.failed":       {out: line, relays: true, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKeeper()
				var connector connectors.Connector = k
				if test.relays {
					connector = relayingKeeper{k}
				}
				r := newKeeperRig(t, k, withTemplates, withRelay(connector))
				r.gateway.failing(test.apple)
				for range 2 {
					_, failure := r.showFrom(t, agents, phone, test.out)
					if test.apple == nil {
						wantEqual(t, "refused", failure != nil, test.refused)
					}
					synctest.Wait()
				}
				wantEqual(t, "calls", k.said(), test.want)
				r.idle(t)
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

// TestAHelpdeskThatPostsOnceHearsOfEverythingThatWasNotSent: nobody would send it again.
func TestAHelpdeskThatPostsOnceHearsOfEverythingThatWasNotSent(t *testing.T) {
	for _, class := range []message.Class{message.Transient, message.Throttled, message.Auth, message.Uncertain, message.Canceled, message.Closed} {
		for _, once := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				d := &relay{desk: &desk{}}
				r := newRig(t, withRelay(d))
				r.Desks[business].PostsOnce = once
				r.RelayFailure(t.Context(), r.Desks[business], reply("hello"), message.Failuref(class, "no"))
				synctest.Wait()
				r.idle(t)
				want := 0
				if once && class != message.Closed { // that is told by conversation.closed
					want = 1
				}
				wantEqual(t, class.String()+" told", len(d.failed()), want)
			})
		}
	}
}
