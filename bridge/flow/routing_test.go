package flow

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"bizbridge/bridge/message"
)

// house is a helpdesk that can say where a conversation is open.
type house struct {
	desk
	open  bool
	err   error
	asked int
	slow  time.Duration
}

func (h *house) HasOpenConversation(ctx context.Context, _ message.BusinessID, _ message.CustomerID) (bool, error) {
	h.asked++
	if h.slow > 0 {
		select {
		case <-time.After(h.slow):
		case <-ctx.Done():
			return false, &message.Failure{Class: message.Transient, Err: ctx.Err()}
		}
	}
	return h.open, h.err
}

type routedRig struct {
	*rig
	billing, shop, rest *house
}

// newRoutedRig has three helpdesks: for intents that begin with billing, for the group vip in English, and for the rest.
func newRoutedRig(t *testing.T) *routedRig {
	r := &routedRig{billing: &house{}, shop: &house{}, rest: &house{}}
	named := func(name string, h *house) *Desk {
		return &Desk{Name: name, Connector: h, Sender: Sender{
			Source: "connector:" + name, Label: name, Default: message.SenderAgent, MaySpeakFor: func(message.BusinessID) bool { return true },
		}}
	}
	billing, shop, rest := named("billing", r.billing), named("shop", r.shop), named("rest", r.rest)
	r.rig = newRig(t, func(o *Options) {
		o.Desks = map[message.BusinessID]*Desk{business: rest}
		o.Routes = map[message.BusinessID][]Route{business: {
			{Desk: billing, Intent: "billing*"}, {Desk: shop, Group: "vip", Locale: "en_*"}, {Desk: rest},
		}}
	})
	return r
}

func (r *routedRig) text(t *testing.T, id, intent, group, locale string) *message.Failure {
	t.Helper()
	in := incoming(message.EventReceived, "text", customer, "Hello")
	in.Event.Data.ID = message.ID(id)
	in.Event.Data.Intent, in.Event.Data.Group, in.Event.Data.Locale = intent, group, locale
	return r.Inbound(t.Context(), in)
}

func (r *routedRig) got() [3]int {
	return [3]int{len(r.billing.got), len(r.shop.got), len(r.rest.got)}
}

func TestTheFirstTextChoosesTheHelpdesk(t *testing.T) {
	for name, test := range map[string]struct {
		intent, group, locale string
		want                  [3]int
	}{
		"intent":               {"billing_invoice", "", "en_US", [3]int{1, 0, 0}},
		"intent, other case":   {"Billing", "", "", [3]int{1, 0, 0}},
		"intent before group":  {"billing", "vip", "en_US", [3]int{1, 0, 0}},
		"group and locale":     {"", "vip", "en_GB", [3]int{0, 1, 0}},
		"group of another one": {"", "vip", "de_DE", [3]int{0, 0, 1}},
		"nothing":              {"", "", "", [3]int{0, 0, 1}},
		"hostile":              {"billing\nx", "", "", [3]int{1, 0, 0}},
		"not a pattern":        {"b.lling", "", "", [3]int{0, 0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRoutedRig(t)
				wantNil(t, r.text(t, "1", test.intent, test.group, test.locale))
				wantEqual(t, "delivered", r.got(), test.want)
			})
		})
	}
}

// TestAnOpenConversationWins over every match, also on a replica that has never seen it.
func TestAnOpenConversationWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoutedRig(t)
		r.shop.open = true
		wantNil(t, r.text(t, "1", "billing", "", ""))
		wantEqual(t, "delivered", r.got(), [3]int{0, 1, 0})
	})
}

// TestTheConversationStays goes on where it began, without asking again for some minutes; an intent begins another one.
func TestTheConversationStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoutedRig(t)
		wantNil(t, r.text(t, "1", "billing", "", ""))
		wantNil(t, r.text(t, "2", "", "", ""))
		wantEqual(t, "asked", r.rest.asked, 1)
		time.Sleep(homeFor + time.Second)
		r.billing.open = true
		wantNil(t, r.text(t, "3", "", "", ""))
		wantEqual(t, "asked after a while", r.rest.asked, 2)
		wantEqual(t, "delivered", r.got(), [3]int{3, 0, 0})
		r.billing.open = false
		wantNil(t, r.text(t, "4", "shop", "vip", "en_US"))
		wantEqual(t, "delivered", r.got(), [3]int{3, 1, 0})
	})
}

// TestNothingIsDeliveredWhereAHelpdeskCannotSay: a second conversation would be opened elsewhere. One that has it is enough.
func TestNothingIsDeliveredWhereAHelpdeskCannotSay(t *testing.T) {
	for name, test := range map[string]struct {
		open bool
		err  error
		slow time.Duration
		want [3]int
	}{
		"failed":             {false, message.Failuref(message.Auth, "401"), 0, [3]int{}},
		"panicked by error":  {false, errors.New("boom"), 0, [3]int{}},
		"slow":               {false, nil, time.Hour, [3]int{}},
		"another one has it": {true, message.Failuref(message.Transient, "down"), 0, [3]int{1, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRoutedRig(t)
				r.billing.open, r.rest.err, r.rest.slow = test.open, test.err, test.slow
				began := time.Now()
				failure := r.text(t, "1", "", "", "")
				wantEqual(t, "delivered", r.got(), test.want)
				if test.want == [3]int{} {
					wantClass(t, failure, message.Transient)
				}
				if took := time.Since(began); took > timeout {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// TestTypingAndLeavingOpenNothing: neither asks for a conversation that is not there.
func TestTypingAndLeavingOpenNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoutedRig(t)
		wantNil(t, r.Inbound(t.Context(), incoming(message.EventTypingStarted, "typing_start", customer, "")))
		wantNil(t, r.Inbound(t.Context(), incoming(message.EventClosed, "close", customer, "")))
		r.idle(t)
		wantEqual(t, "delivered", r.got(), [3]int{})
		r.shop.open = true
		wantNil(t, r.text(t, "1", "", "", ""))
		wantNil(t, r.Inbound(t.Context(), incoming(message.EventClosed, "close", customer, "")))
		r.shop.open = false
		wantNil(t, r.text(t, "2", "billing", "", ""))
		wantEqual(t, "the next one begins anew", len(r.billing.got), 1)
	})
}

// TestWhoAnswersHasTheConversation: what an agent of one helpdesk sends, and what becomes of it, is that helpdesk's.
func TestWhoAnswersHasTheConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoutedRig(t)
		sender := r.Routes[business][1].Desk.Sender
		_, failure := r.Outbound(t.Context(), sender, message.Outbound{Key: "k", BusinessID: business, CustomerID: customer, Content: message.Text{Text: "Hi"}})
		wantNil(t, failure)
		wantNil(t, r.text(t, "1", "", "", ""))
		wantEqual(t, "delivered", r.got(), [3]int{0, 1, 0})
		wantNil(t, r.TellPayment(t.Context(), business, customer, message.Payment{RequestID: "r", Status: message.PaymentAuthorized}))
		synctest.Wait()
		wantEqual(t, "delivered", r.got(), [3]int{0, 2, 0})
		r.idle(t)
	})
}
