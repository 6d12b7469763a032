package flow

import (
	"context"
	"encoding/json"
	"time"

	"bizbridge/bridge/fallback"
	"bizbridge/bridge/message"
	"bizbridge/bridge/seal"
	"bizbridge/connectors"
)

const (
	choiceTTL = 72 * time.Hour
	maxChoice = 8 << 10 // bytes of a sealed choice: more than helpdesks keep beside a conversation
)

// keepChoice gives the helpdesk the numbering of a text, sealed, to keep beside the conversation. It takes its place in
// the conversation before the sender is answered, so that the customer's answer finds it there.
func (f *Flow) keepChoice(desk *Desk, out message.Outbound, choice fallback.Choice) {
	keeper, ok := desk.Connector.(connectors.ChoiceKeeper)
	if !ok {
		return
	}
	plain, err := json.Marshal(choice)
	if err != nil { // a time in the year 10000, say: Apple has the message, so that nothing may fail any more
		f.Logger.Warn("the numbering of a text cannot be written: the answer to it stays a text", "connector", desk.Name, "error", err)
		return
	}
	sealed := f.Ring.Seal(seal.PurposeChoice, conversation(out.BusinessID, out.CustomerID), f.Now().Add(choiceTTL), plain)
	if len(sealed) > maxChoice {
		f.Logger.Info("a numbered text has too many options to be kept: the answer to it stays a text", "connector", desk.Name)
		sealed = "" // and an older one must not be taken for it
	}
	f.inTurn(desk, out, "the numbering of a text cannot be kept: the answer to it stays a text", func(ctx context.Context) error {
		return keeper.KeepChoice(ctx, out.BusinessID, out.CustomerID, sealed)
	})
}

// forgetChoice ends the wait for an answer by a number: another text came after the question. Helpdesks are asked first,
// since what is written there may be seen.
func (f *Flow) forgetChoice(desk *Desk, out message.Outbound) {
	keeper, ok := desk.Connector.(connectors.ChoiceKeeper)
	if !ok {
		return
	}
	f.inTurn(desk, out, "an old numbering may still be kept: a number answers it", func(ctx context.Context) error {
		kept, err := keeper.KeptChoice(ctx, out.BusinessID, out.CustomerID)
		if err != nil || kept == "" {
			return err
		}
		return keeper.KeepChoice(ctx, out.BusinessID, out.CustomerID, "")
	})
}

// chosen makes an answer of a text that is a number, or the words of an option, where a numbered text waits for one. A text
// that is not stays what it is, and so does every text while the helpdesk cannot say what it keeps.
func (f *Flow) chosen(ctx context.Context, desk *Desk, event *message.Event) (forget func()) {
	keeper, ok := desk.Connector.(connectors.ChoiceKeeper)
	if !ok || event.Type != message.EventReceived || len(event.Data.Attachments) > 0 || event.Data.Reaction != nil {
		return func() {}
	}
	choice, ok := f.kept(ctx, desk, keeper, event.Data)
	if !ok {
		return func() {}
	}
	reply, ok := choice.Reply(event.Data.Text)
	if !ok {
		return func() {}
	}
	event.Type, event.Data.Reply = message.EventReplied, &reply
	business, customer := event.Data.BusinessID, event.Data.CustomerID
	return func() {
		ctx, cancel := partOf(ctx)
		defer cancel()
		if failure := f.protect(desk.Name, func() error { return keeper.KeepChoice(ctx, business, customer, "") }); failure != nil {
			f.Logger.Warn("a numbering that was answered is still kept: another number answers it again", "connector", desk.Name, "error", failure)
		}
	}
}

// kept asks the helpdesk for the choice that waits, and does not wait for long.
func (f *Flow) kept(ctx context.Context, desk *Desk, keeper connectors.ChoiceKeeper, data message.Data) (choice fallback.Choice, ok bool) {
	ctx, cancel := partOf(ctx)
	defer cancel()
	var sealed string
	failure := f.protect(desk.Name, func() (err error) {
		sealed, err = keeper.KeptChoice(ctx, data.BusinessID, data.CustomerID)
		return err
	})
	if failure != nil {
		f.Logger.Warn("the helpdesk does not say which numbering it keeps: the message stays a text", "connector", desk.Name, "error", failure)
		return choice, false
	}
	if sealed == "" {
		return choice, false
	}
	plain, err := f.Ring.Open(seal.PurposeChoice, conversation(data.BusinessID, data.CustomerID), sealed, f.Now())
	if err == nil {
		err = json.Unmarshal(plain, &choice)
	}
	return choice, err == nil
}

// tellNote shows a note to the agent in the helpdesk, where it has notes. Senders find it in their answer as well.
func (f *Flow) tellNote(desk *Desk, out message.Outbound, note string) {
	writer, ok := desk.Connector.(connectors.NoteWriter)
	if !ok {
		return
	}
	f.inTurn(desk, out, "a note cannot be written", func(ctx context.Context) error {
		return writer.WriteNote(ctx, out.BusinessID, out.CustomerID, note)
	})
}

// inTurn makes a call to the helpdesk that nobody waits for, in the order of what goes there, and leaves time for what
// comes behind it. complaint is what the log says where it fails.
func (f *Flow) inTurn(desk *Desk, out message.Outbound, complaint string, call func(ctx context.Context) error) {
	turn := f.Memory.inboundLanes.join(conversation(out.BusinessID, out.CustomerID))
	f.background(func(shutdown context.Context) {
		defer turn.leave()
		ctx, cancel := context.WithTimeout(shutdown, f.Timeout)
		defer cancel()
		failure := message.FailureOf(turn.wait(ctx))
		if failure == nil {
			ctx, cancel := halfOf(ctx)
			defer cancel()
			failure = f.protect(desk.Name, func() error { return call(ctx) })
		}
		if failure != nil {
			f.Logger.Warn(complaint, "connector", desk.Name, "error", failure)
		}
	})
}
