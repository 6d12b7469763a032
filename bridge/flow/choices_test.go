package flow

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bizbridge/bridge/message"
)

const numbering = "Sent as a text: the customer's device does not show a quick reply. | The customer sees numbers: | 1 = Small (s) | 2 = Large (l)"

func TestANumberIsTheAnswerThatATapWouldHaveBeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper()
		one := newKeeperRig(t, k)
		result := one.showed(t, watch, sizes)
		synctest.Wait()
		wantEqual(t, "calls", k.said(), "keep; note "+numbering)
		if strings.Contains(k.kept[customer], "Large") || len(k.kept[customer]) > maxChoice {
			t.Errorf("kept is %q", k.kept[customer])
		}

		other := newKeeperRig(t, k, func(o *Options) { o.Ring = ring(t, 2, 1) }) // another replica, and the keys are being rotated
		wantNil(t, other.Inbound(t.Context(), text("2")))
		event := k.last()
		wantEqual(t, "type", event.Type, message.EventReplied)
		wantEqual(t, "words", event.Data.Text, "2")
		want := message.Reply{
			Kind: message.ReplyQuickReply, RequestID: result.Parts[0].RequestID, Title: "Large", Selections: []message.Selection{{ID: "l", Title: "Large"}},
		}
		if got := *event.Data.Reply; got.RequestID == "" || !reflect.DeepEqual(got, want) {
			t.Errorf("reply %+v, want %+v", got, want)
		}
		wantEqual(t, "calls", k.said(), "keep; note "+numbering+"; forget")
		wantEqual(t, "kept", k.kept[customer], "")
		wantNil(t, other.Inbound(t.Context(), text("1")))
		wantEqual(t, "type of another number", k.last().Type, message.EventReceived)
		one.idle(t)
		other.idle(t)
	})
}

func TestATextThatIsNoAnswerStaysOne(t *testing.T) {
	for name, change := range map[string]func(r *rig, k *keeper, in *message.Event){
		"other words": func(_ *rig, _ *keeper, in *message.Event) { in.Data.Text = "both" },
		"with a file": func(_ *rig, _ *keeper, in *message.Event) { in.Data.Attachments = []message.Attachment{{ID: "1"}} },
		"a reaction": func(_ *rig, _ *keeper, in *message.Event) {
			in.Data.Reaction = &message.Reaction{Verb: message.VerbLiked}
		},
		"another customer": func(_ *rig, k *keeper, in *message.Event) {
			in.Data.CustomerID = "urn:mbid:b3RoZXI="
			k.kept[in.Data.CustomerID] = k.kept[customer]
		},
		"forged":          func(_ *rig, k *keeper, _ *message.Event) { k.kept[customer] += "AAAA" },
		"nonsense":        func(_ *rig, k *keeper, _ *message.Event) { k.kept[customer] = "2" },
		"nothing":         func(_ *rig, k *keeper, _ *message.Event) { k.kept[customer] = "" },
		"another purpose": func(r *rig, k *keeper, _ *message.Event) { k.kept[customer] = r.sealDevice(business, customer, watch) },
		"expired":         func(*rig, *keeper, *message.Event) { time.Sleep(choiceTTL) },
		"it fails": func(_ *rig, k *keeper, _ *message.Event) {
			k.ask = func(context.Context) error { return errors.New("no") }
		},
		"it panics": func(_ *rig, k *keeper, _ *message.Event) { k.ask = func(context.Context) error { panic("bomb") } },
		"it hangs": func(_ *rig, k *keeper, _ *message.Event) {
			k.ask = func(ctx context.Context) error { return after(ctx, time.Hour) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKeeper()
				r := newKeeperRig(t, k)
				r.showed(t, watch, sizes)
				synctest.Wait()
				in := text("2")
				change(r, k, &in.Event)
				began := time.Now()
				wantNil(t, r.Inbound(t.Context(), in))
				if took := time.Since(began); took > timeout/3 {
					t.Errorf("took %v", took)
				}
				wantEqual(t, "type", k.last().Type, message.EventReceived)
				wantEqual(t, "words", k.last().Data.Text, in.Event.Data.Text)
				if k.last().Data.Reply != nil {
					t.Errorf("reply %+v", k.last().Data.Reply)
				}
				wantEqual(t, "calls", k.said(), "keep; note "+numbering)
				r.idle(t)
			})
		})
	}
}

// The choice is forgotten when the helpdesk has the answer, not before; and an answer is not lost because it cannot be.
func TestAChoiceIsForgottenAfterItsUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper()
		r := newKeeperRig(t, k)
		r.showed(t, watch, sizes)
		synctest.Wait()
		k.failing(message.Failuref(message.Transient, "down"), message.Failuref(message.Uncertain, "no answer"))
		for _, class := range []message.Class{message.Transient, message.Uncertain} {
			wantClass(t, r.Inbound(t.Context(), text("2")), class)
			wantEqual(t, "type", k.last().Type, message.EventReplied)
		}
		k.keep = func(ctx context.Context, _ string) error { return after(ctx, time.Hour) }
		began := time.Now()
		wantNil(t, r.Inbound(t.Context(), text("2")))
		if took := time.Since(began); took > timeout/3 {
			t.Errorf("forgetting took %v", took)
		}
		wantEqual(t, "type", k.last().Type, message.EventReplied)
		wantEqual(t, "marked as a possible repeat", k.last().Data.PossibleRepeat, true)
		if !strings.Contains(r.logs.String(), "still kept") {
			t.Errorf("the log says %s", r.logs)
		}
		r.idle(t)
	})
}

// The question is over when somebody wrote on: "2" is then the answer to that, or to nothing.
func TestALaterTextForgetsTheChoice(t *testing.T) {
	files := message.RichLink{URL: "https://example.com"}
	for name, test := range map[string]struct {
		later   message.Outbound
		forgets bool
	}{
		"an agent's text":  {contentFrom(message.SenderAgent, message.Text{Text: "Anything else?"}), true},
		"a bot's text":     {contentFrom(message.SenderBot, message.Text{Text: "Anything else?"}), true},
		"typing":           {contentFrom(message.SenderAgent, message.Typing{State: message.TypingOn}), false},
		"the same again":   {contentFrom(message.SenderBot, sizes), false},
		"a link":           {contentFrom(message.SenderAgent, files), false}, // beside the question
		"another question": {contentFrom(message.SenderBot, message.QuickReply{Prompt: "Which?", Options: sizes.Options}), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKeeper()
				r := newKeeperRig(t, k, withCards(t, true))
				r.showed(t, watch, sizes)
				_, failure := r.showFrom(t, agents, watch, test.later)
				wantNil(t, failure)
				synctest.Wait()
				wantNil(t, r.Inbound(t.Context(), text("2")))
				want := map[bool]message.EventType{true: message.EventReceived, false: message.EventReplied}[test.forgets]
				wantEqual(t, "type of a number", k.last().Type, want)
				r.showFrom(t, agents, watch, contentFrom(message.SenderAgent, message.Text{Text: "Bye"}))
				calls := len(k.calls)
				synctest.Wait()
				wantEqual(t, "calls where nothing is kept", len(k.calls), calls) // it is only asked
				r.idle(t)
			})
		})
	}
}

// A text that was not sent changes nothing.
func TestATextThatFailsForgetsNoChoice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper()
		r := newKeeperRig(t, k)
		r.showed(t, watch, sizes)
		r.gateway.failing(message.Failuref(message.Transient, "down"))
		_, failure := r.show(t, watch, message.Text{Text: "Hi"})
		wantClass(t, failure, message.Transient)
		synctest.Wait()
		wantNil(t, r.Inbound(t.Context(), text("2")))
		wantEqual(t, "type of a number", k.last().Type, message.EventReplied)
		r.idle(t)
	})
}

func TestWhatIsKeptAndNoted(t *testing.T) {
	var many message.ListPicker
	many.Received.Title, many.Sections = "Many", []message.Section{{}}
	for i := range 200 {
		many.Sections[0].Items = append(many.Sections[0].Items, message.Item{ID: fmt.Sprint(i), Title: message.Label(fmt.Sprint("item ", i))})
	}
	form := message.Form{Received: message.Bubble{Title: "F"}, Pages: []message.Page{{ID: "1", Type: message.PageInput, Title: "Name?"}}}
	for name, test := range map[string]struct {
		content message.Content
		device  message.Device
		calls   []string // how each begins
	}{
		"a text":                 {message.Text{Text: "Hi"}, watch, nil},
		"shown as it is":         {sizes, phone, nil},
		"unknown device":         {sizes, message.Device{}, nil},
		"numbered":               {sizes, watch, []string{"keep", "note Sent as a text"}},
		"no numbers":             {form, watch, []string{"note Sent as a text"}},
		"too long to be kept":    {many, watch, []string{"forget", "note Sent as a text"}}, // an older choice is not its own
		"a time that is no JSON": {yearTenThousand(), watch, []string{"note Sent as a text"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKeeper()
				r := newKeeperRig(t, k)
				r.showed(t, test.device, test.content)
				synctest.Wait()
				wantEqual(t, "calls", len(k.calls), len(test.calls))
				for i, begin := range test.calls {
					if i < len(k.calls) && !strings.HasPrefix(k.calls[i], begin) {
						t.Errorf("call %d is %q, want %q", i, k.calls[i], begin)
					}
				}
				r.idle(t)
			})
		})
	}
}

func yearTenThousand() message.TimePicker {
	west := time.FixedZone("west", -3600)
	return message.TimePicker{Received: message.Bubble{Title: "When?"}, Appoint: message.Appointment{
		Slots: []message.Slot{{ID: "1", Start: time.Date(9999, 12, 31, 23, 30, 0, 0, west)}},
	}}
}

// A message that Apple refused changes nothing in the helpdesk.
func TestNothingIsKeptOrNotedOfWhatWasNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper()
		r := newKeeperRig(t, k)
		r.gateway.failing(message.Failuref(message.Transient, "down"))
		_, failure := r.show(t, watch, sizes)
		wantClass(t, failure, message.Transient)
		synctest.Wait()
		wantEqual(t, "calls", k.said(), "")
		r.showed(t, watch, sizes)
		r.showed(t, watch, sizes) // a repeat
		synctest.Wait()
		wantEqual(t, "calls", k.said(), "keep; note "+numbering)
	})
}

// Notes come in the order of the conversation, behind what is still on its way; nobody waits for them, and what fails is logged.
func TestNotesKeepTheOrderAndHoldNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper()
		r := newKeeperRig(t, k)
		k.deliver = func(ctx context.Context, event message.Event) error {
			k.called("deliver " + event.Data.Text)
			return after(ctx, time.Second)
		}
		k.keep = func(context.Context, string) error { panic("bomb") }
		k.note = func(ctx context.Context) error { return after(ctx, time.Hour) }
		go func() { _ = r.Inbound(context.Background(), text("before")) }()
		synctest.Wait()
		began := time.Now()
		r.showed(t, watch, sizes)
		wantEqual(t, "time until the answer", time.Since(began), 0)
		wantNil(t, r.Inbound(t.Context(), text("after")))
		wantEqual(t, "calls", k.said(), "deliver before; keep; note "+numbering+"; deliver after")
		synctest.Wait()
		for _, complaint := range []string{"the numbering of a text cannot be kept", "a note cannot be written"} {
			if !strings.Contains(r.logs.String(), complaint) {
				t.Errorf("the log does not say %q: %s", complaint, r.logs)
			}
		}
		r.idle(t)
	})
}
