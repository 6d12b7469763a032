package flow

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// bot answers at once.
type bot struct {
	*desk
	answers []message.Outbound
}

func (b *bot) Deliver(ctx context.Context, event message.Event) (connectors.Receipt, error) {
	_, err := b.desk.Deliver(ctx, event)
	return connectors.Receipt{Messages: b.answers}, err
}

// What a bot answered at once is with Apple before the customer's message counts as delivered, and each answer once.
func TestABotsAnswersAreSentBeforeItsMessageIsAcknowledged(t *testing.T) {
	for name, test := range map[string]struct {
		apple []error // what Apple says to each call
		tries []message.Class
		sent  []string
		logs  string
	}{
		"both":     {nil, nil, []string{"one", "two"}, ""},
		"not now":  {[]error{nil, message.Failuref(message.Throttled, "slow down")}, []message.Class{message.Transient}, []string{"one", "two", "two"}, ""},
		"not sure": {[]error{message.Failuref(message.Uncertain, "no answer")}, []message.Class{message.Transient}, []string{"one", "one", "two"}, ""},
		"for good": {[]error{message.Failuref(message.Invalid, "no")}, nil, []string{"one", "two"}, "a message that cannot be sent"},
		"not at all": {[]error{message.Failuref(message.Closed, "left"), message.Failuref(message.Closed, "left")}, nil, []string{"one", "two"},
			"a message that cannot be sent"},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bot{desk: &desk{}, answers: []message.Outbound{reply("one"), reply("two")}}
			r := newRig(t, func(o *Options) {
				o.Desks = map[message.BusinessID]*Desk{business: {Name: "desk", Connector: b, Sender: agents}}
			})
			r.gateway.failing(test.apple...)
			for _, class := range test.tries {
				wantClass(t, r.Inbound(t.Context(), text("hello")), class)
			}
			wantNil(t, r.Inbound(t.Context(), text("hello")))
			if got := r.gateway.calls(); !slices.Equal(got, test.sent) {
				t.Errorf("sent %q, want %q", got, test.sent)
			}
			r.Memory.Drain(t.Context())
			got := slices.DeleteFunc(b.got, func(event message.Event) bool { return event.Type != message.EventReceived })
			wantEqual(t, "marked as a possible repeat", got[len(got)-1].Data.PossibleRepeat, len(test.tries) > 0)
			if !strings.Contains(r.logs.String(), test.logs) {
				t.Errorf("the log says %s", r.logs)
			}
			r.idle(t)
		})
	}
}

// A bot that answers at once never hears an answer to its answer: what is refused for good comes as an event.
func TestABotHearsOfItsDirectAnswersThatAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		apple error
		code  message.Code // "": it is not told
	}{
		"refused":       {message.Failuref(message.Invalid, "no"), message.CodeInvalid},
		"signed out":    {message.Failuref(message.Unreachable, "no"), message.CodeUnreachable},
		"accepted":      {nil, ""},
		"not now":       {message.Failuref(message.Throttled, "no"), ""},
		"the end of it": {message.Failuref(message.Closed, "no"), ""}, // conversation.closed says it
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bot{desk: &desk{}, answers: []message.Outbound{reply("one"), reply("two")}}
				r := newRig(t, withRelay(b)) // no relay: bots read the answers to their webhooks, and these have none
				r.gateway.failing(test.apple)
				failure := r.Inbound(t.Context(), text("hello"))
				wantEqual(t, "not delivered", failure != nil, name == "not now")
				synctest.Wait()
				told := b.failed()
				if test.code == "" {
					wantEqual(t, "message.failed events", len(told), 0)
				} else if len(told) != 1 || *told[0].Data.Failed != (message.Failed{MessageID: "key of one", Code: test.code, Reason: "no"}) {
					t.Fatalf("told is %+v", told)
				}
				// Its answers to the event are not sent: they could go on for ever.
				want := map[bool]int{true: 1, false: 2}[name == "not now"]
				wantEqual(t, "calls", len(r.gateway.sent), want)
				accepted := map[bool]int{true: 2, false: 1}[test.code != ""]
				if name != "not now" {
					r.wantInbound(t, "text", outcomes{message.OutcomeAccepted: accepted})
				}
				r.idle(t)
			})
		})
	}
}
