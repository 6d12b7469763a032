package flow

import (
	"context"
	"slices"
	"strings"
	"testing"

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
			wantEqual(t, "marked as a possible repeat", b.got[len(b.got)-1].Data.PossibleRepeat, len(test.tries) > 0)
			if !strings.Contains(r.logs.String(), test.logs) {
				t.Errorf("the log says %s", r.logs)
			}
			r.Memory.Drain(t.Context())
			r.idle(t)
		})
	}
}
