package flow

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/message"
)

// answered is an answer of the customer under an id of its own.
func answered(id string, reply message.Reply) *apple.Incoming {
	in := incoming(message.EventReplied, "interactive", customer, id)
	in.Event.Data.Text, in.Event.Data.Reply = "", &reply
	return in
}

func TestTheSameTapIsDeliveredOnce(t *testing.T) {
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	tap := message.Reply{Kind: message.ReplyListPicker, RequestID: "r", SessionID: "s", Title: "Large", Selections: []message.Selection{{ID: "l", Title: "Large"}}}
	change := func(change func(*message.Reply)) message.Reply {
		other := tap
		change(&other)
		return other
	}
	for name, test := range map[string]struct {
		second message.Reply
		wait   time.Duration
		calls  int
	}{
		"at once":                   {tap, 0, 1},
		"a moment later":            {tap, tapWindow - 1, 1},
		"tapped again":              {tap, tapWindow, 2},
		"another bubble's words":    {change(func(r *message.Reply) { r.Title = "You chose Large" }), time.Second, 1},
		"another choice":            {change(func(r *message.Reply) { r.Selections = []message.Selection{{ID: "s", Title: "Small"}} }), time.Second, 2},
		"another time":              {change(func(r *message.Reply) { r.Selections = []message.Selection{{ID: "l", Title: "Large", Start: &start}} }), time.Second, 2},
		"another session":           {change(func(r *message.Reply) { r.SessionID = "t" }), time.Second, 2},
		"another request":           {change(func(r *message.Reply) { r.RequestID = "q" }), time.Second, 2},
		"no session":                {change(func(r *message.Reply) { r.SessionID = "" }), time.Second, 2},
		"nothing that can be told":  {change(func(r *message.Reply) { r.Selections = nil }), time.Second, 2},
		"another answer of the app": {change(func(r *message.Reply) { r.URL = "?move=2" }), time.Second, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				wantNil(t, r.Inbound(t.Context(), answered("1", tap)))
				time.Sleep(test.wait)
				wantNil(t, r.Inbound(t.Context(), answered("2", test.second)))
				wantEqual(t, "calls", len(r.desk.got), test.calls)
				wantEqual(t, "duplicates", value(t, r.Metrics.DuplicatesDropped.WithLabelValues("apple")), float64(2-test.calls))
				r.wantInbound(t, "interactive", outcomes{message.OutcomeAccepted: test.calls, message.OutcomeDuplicate: 2 - test.calls})
				r.idle(t)
			})
		})
	}
}

// Two answers that cannot be told apart by what was chosen are told apart by what their bubbles say.
func TestAnswersWithoutSelectionsAreToldApartByTheirWords(t *testing.T) {
	r := newRig(t)
	for i, title := range []string{"yes", "no", "no"} {
		wantNil(t, r.Inbound(t.Context(), answered(string(rune('1'+i)), message.Reply{Kind: message.ReplyUnknown, SessionID: "s", Title: title})))
	}
	wantEqual(t, "calls", len(r.desk.got), 2)
}

func TestATapCountsForItsCustomer(t *testing.T) {
	r := newRig(t)
	tap := message.Reply{Kind: message.ReplyQuickReply, SessionID: "s"}
	wantNil(t, r.Inbound(t.Context(), answered("1", tap)))
	other := answered("2", tap)
	other.Event.Data.CustomerID = "urn:mbid:b3RoZXI="
	wantNil(t, r.Inbound(t.Context(), other))
	wantEqual(t, "calls", len(r.desk.got), 2)
}

// What the helpdesk did not take is not known: the other copy of the tap is its second chance.
func TestTheOtherCopyOfATapIsDeliveredWhereTheFirstFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		tap := message.Reply{Kind: message.ReplyQuickReply, SessionID: "s"}
		first := true
		r.desk.deliver = func(ctx context.Context, _ message.Event) error {
			_ = after(ctx, time.Second)
			if first {
				first = false
				return message.Failuref(message.Transient, "down")
			}
			return nil
		}
		go func() { _ = r.Inbound(context.Background(), answered("1", tap)) }()
		synctest.Wait()
		wantNil(t, r.Inbound(t.Context(), answered("2", tap))) // waits for the first
		wantNil(t, r.Inbound(t.Context(), answered("1", tap))) // Apple's next try of it
		wantEqual(t, "calls", len(r.desk.got), 2)
		r.wantInbound(t, "interactive", outcomes{message.OutcomeTransient: 1, message.OutcomeAccepted: 1, message.OutcomeDuplicate: 1})
		r.idle(t)
	})
}

func TestTheFilesOfAnAppsAnswerBelongToIt(t *testing.T) {
	r := newInboundRig(t)
	reply := message.Reply{Kind: message.ReplyApp, SessionID: "s", URL: "?photo"}
	for _, id := range []string{"1", "2"} {
		in := withFiles("look", 1, inlineMax+1)
		in.Type, in.Event.Type, in.Event.Data.ID, in.Event.Data.Reply = "interactive", message.EventReplied, message.ID(id), &reply
		wantNil(t, r.Inbound(t.Context(), in))
		wantEqual(t, "files of Apple's message", len(in.Event.Data.Attachments), 2)
	}
	wantEqual(t, "events", len(r.uploader.plainDesk.got), 1)
	data := r.got().Data
	wantEqual(t, "files of the answer", len(data.Reply.Files), 2)
	wantEqual(t, "files of the message", len(data.Attachments), 0)
	if data.Reply.Files[0].Open == nil || !strings.HasPrefix(data.Reply.Files[1].URL, "https://") {
		t.Errorf("files %+v", data.Reply.Files)
	}
	wantEqual(t, "files of Apple's answer", len(reply.Files), 0)
	r.wantFiles(t, "inbound", map[string]int{"linked": 1}) // a copy that is dropped makes no links
}
