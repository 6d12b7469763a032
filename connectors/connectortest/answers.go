package connectortest

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/flow"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
	"bizbridge/connectors/connectortest/fake"
)

// answers: what a customer chose is in the helpdesk, in some words, when it is acknowledged. A helpdesk that is not said to
// show answers may drop them, and must not refuse them.
func answers(t testing.TB, r *rig) {
	shown := r.subject.Factory.Abilities.Inbound[message.EventReplied] > connectors.Dropped
	r.mustDeliver(1, 0)
	want := []string{tag(1, 0)}
	for i, kind := range message.ReplyKinds {
		failure := r.inbound(answer(kind, 1, i+1))
		if failure != nil {
			t.Errorf("the helpdesk is well, but an answer of kind %s is refused as %s: %v", kind, failure.Class, failure)
		}
		want = append(want, tag(1, i+1))
	}
	if got := r.inbox(1); shown && !slices.Equal(got, want) {
		t.Errorf("every kind of answer was acknowledged (%v), but the helpdesk has %v, want %v: use Reply.Text where there is nothing better",
			message.ReplyKinds, got, want)
	}
	r.mustDeliver(1, 100)
	if !shown {
		return
	}
	r.desk.Script.Always(func() fake.Fault { return fake.Fault{Status: r.refusal()} })
	failure := r.inbound(answer(message.ReplyListPicker, 1, 101))
	r.desk.Script.Heal()
	if failure == nil {
		t.Errorf("the helpdesk refused an answer (%d), but it was acknowledged: it is lost", r.refusal())
		return
	}
	r.mustBeSilent("a refused answer", failure)
}

// notes: what agents are told of a message reaches them, and not the customer.
func notes(t testing.TB, r *rig) {
	writer, ok := r.connector.(connectors.NoteWriter)
	if !ok {
		return
	}
	write := func(number int) error {
		ctx, cancel := context.WithTimeout(context.Background(), budget)
		defer cancel()
		return writer.WriteNote(ctx, business, customer(1), tag(1, number))
	}
	r.mustDeliver(1, 0)
	if err := write(1); err != nil {
		t.Fatalf("the helpdesk is well, but a note cannot be written: %v", err)
	}
	if found := tags(r.desk.Inbox.Conversation(string(customer(1))).Notes); !slices.Equal(found, []string{tag(1, 1)}) {
		t.Errorf("WriteNote gives nil, but the helpdesk has the notes %v, want %v", found, []string{tag(1, 1)})
	}
	if r.has(1, 1) {
		t.Error("a note is among the messages of the conversation, where it looks as if the customer or an agent had written it")
	}
	about := reply(1, 1)
	about.Note = true
	if req := r.desk.Webhook(about, fake.Genuine); req != nil {
		if outs, err := r.connector.Receive(t.Context(), req); len(outs) > 0 || err != nil {
			t.Errorf("the helpdesk's webhook about a note gives %d messages and %v, want neither: the customer would read it", len(outs), err)
		}
	}
	r.mustFail(t, "a note", func() error { return write(2) })
}

// mustFail checks a call that is best effort: it tells that it failed, says nothing that it must not, and ends in time.
func (r *rig) mustFail(t testing.TB, what string, call func() error) {
	t.Helper()
	for _, fault := range []fake.Fault{{Status: r.refusal()}, {Status: 503}, {Hang: true}} {
		r.desk.Script.Always(func() fake.Fault { return fault })
		began := time.Now()
		err := call()
		if took := time.Since(began); took > budget+slack {
			t.Errorf("%s took %v to fail; every call must end with its context", what, took)
		}
		r.desk.Script.Heal()
		if err == nil {
			t.Errorf("%s: the helpdesk failed (%+v), but the call gives nil", what, fault)
			continue
		}
		r.mustBeSilent(what, err)
	}
}

// choices: what the bridge gives to keep comes back as it was, to the same conversation alone, until it is forgotten.
func choices(t testing.TB, r *rig) {
	keeper, ok := r.connector.(connectors.ChoiceKeeper)
	if !ok {
		return
	}
	keep := func(conversation int, sealed string) {
		t.Helper()
		if err := keeper.KeepChoice(t.Context(), business, customer(conversation), sealed); err != nil {
			t.Fatalf("the helpdesk is well, but a choice of %d bytes cannot be kept: %v", len(sealed), err)
		}
	}
	want := func(conversation int, what, sealed string) {
		t.Helper()
		kept, err := keeper.KeptChoice(t.Context(), business, customer(conversation))
		if err != nil || kept != sealed {
			t.Errorf("%s: %d bytes come back (%.20q…), error %v; want %d (%.20q…), byte for byte", what, len(kept), kept, err, len(sealed), sealed)
		}
	}
	r.mustDeliver(1, 0)
	r.mustDeliver(2, 0)
	before := r.inbox(1)
	want(1, "nothing was kept", "")
	first, second := sealed(t, 2000), sealed(t, 100)
	keep(1, first)
	want(1, "kept", first)
	want(2, "kept for another customer", "")
	keep(1, second)
	want(1, "kept instead", second)
	keep(1, "")
	want(1, "forgotten", "")
	keep(1, "")
	if after := r.inbox(1); !slices.Equal(before, after) {
		t.Errorf("what is kept is among the messages: %v", after)
	}
	r.mustFail(t, "keeping a choice", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), budget)
		defer cancel()
		return keeper.KeepChoice(ctx, business, customer(2), first)
	})
	r.desk.Script.Always(func() fake.Fault { return fake.Fault{Hang: true} })
	ctx, cancel := context.WithTimeout(context.Background(), budget)
	defer cancel()
	began := time.Now()
	_, err := keeper.KeptChoice(ctx, business, customer(2))
	if took := time.Since(began); took > budget+slack || err == nil {
		t.Errorf("asking a helpdesk that hangs for a choice took %v and gives %v; the call must fail with its context", took, err)
	}
	r.desk.Script.Release()
	r.desk.Script.Heal()
	r.numbers()
}

// sealed is a text like those that the bridge seals.
func sealed(t testing.TB, length int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	random := rand.New(rand.NewPCG(seed(t), 3))
	var text strings.Builder
	for range length {
		text.WriteByte(alphabet[random.IntN(len(alphabet))])
	}
	return text.String()
}

// numbers: a list is sent to a watch as a numbered text, and the customer's number is its answer.
func (r *rig) numbers() {
	r.t.Helper()
	fromWatch := text(3, 0)
	fromWatch.Data.Device = message.Device{Agent: "Watch OS", Capabilities: message.ParseCapabilities("")}
	if failure := r.inbound(fromWatch); failure != nil {
		r.t.Fatalf("the helpdesk is well, but a message is refused as %s: %v", failure.Class, failure)
	}
	sender := flow.Sender{Source: name, Label: name, Default: message.SenderBot, MaySpeakFor: func(message.BusinessID) bool { return true }}
	_, failure := r.flow.Outbound(context.Background(), sender, message.Outbound{
		Key: "numbers", BusinessID: business, CustomerID: customer(3), Content: message.QuickReply{Prompt: "Which one?", Options: []message.Option{
			{ID: "1", Title: message.Label(tag(3, 1))}, {ID: "2", Title: message.Label(tag(3, 2))},
		}},
	})
	if failure != nil {
		r.t.Fatalf("a numbered text cannot be sent: %v", failure)
	}
	number := event(message.EventReceived, 3, 3) // waits for the choice to be kept
	number.Data.Device, number.Data.Text = fromWatch.Data.Device, "2"
	if failure := r.inbound(number); failure != nil {
		r.t.Fatalf("a number is refused as %s: %v", failure.Class, failure)
	}
	if !r.has(3, 2) {
		r.t.Errorf("the customer answered 2, but the helpdesk has %v, want the option's words %s", r.inbox(3), tag(3, 2))
	}
}
