package flow

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bizbridge/bridge/message"
)

type profiler = func(ctx context.Context, event message.Event, firstSeen bool) (map[string]any, *message.Failure)

func withProfile(look profiler) func(*Options) {
	return func(o *Options) { o.Desks[business].Profile = look }
}

var ada = map[string]any{"name": "Ada"}

func TestTheHelpdeskGetsTheProfile(t *testing.T) {
	asked := []string{}
	r := newRig(t, withProfile(func(_ context.Context, event message.Event, firstSeen bool) (map[string]any, *message.Failure) {
		asked = append(asked, fmt.Sprintf("%s %s %t", event.Type, event.Data.Text, firstSeen))
		if !firstSeen {
			return nil, nil
		}
		return ada, nil
	}))
	r.desk.failing(message.Failuref(message.Transient, "down"))
	wantClass(t, r.Inbound(t.Context(), text("one")), message.Transient)
	wantNil(t, r.Inbound(t.Context(), text("one"))) // the helpdesk has nothing yet
	wantNil(t, r.Inbound(t.Context(), text("two")))
	wantNil(t, r.Inbound(t.Context(), from("urn:mbid:other", "three")))
	wantNil(t, r.Inbound(t.Context(), incoming(message.EventUnsupported, "unknown", customer, "four")))
	wantNil(t, r.Inbound(t.Context(), incoming(message.EventClosed, "close", customer, "")))
	wantNil(t, r.Inbound(t.Context(), text("five")))
	wantNil(t, r.TellSignIn(t.Context(), business, customer, message.SignIn{Provider: "acme", RequestID: "r", Status: message.SignInSucceeded}))
	want := []string{
		"message.received one true", "message.received one true", "message.received two false", "message.received three true",
		"message.received five true", "signin.completed  false",
	}
	if !slices.Equal(asked, want) {
		t.Errorf("asked\n%q, want\n%q", asked, want)
	}
	var got []string
	for _, event := range append(slices.Clone(r.desk.got), r.desk.closed...) {
		got = append(got, fmt.Sprint(event.Data.Text, " ", event.Data.Profile["name"]))
	}
	if want := []string{"one Ada", "one Ada", "two <nil>", "three Ada", "four <nil>", "five Ada", " <nil>", " <nil>"}; !slices.Equal(got, want) {
		t.Errorf("the helpdesk got\n%q, want\n%q", got, want)
	}
	r.idle(t)
}

func TestAReplyHasAProfile(t *testing.T) {
	r := newRig(t, withProfile(func(context.Context, message.Event, bool) (map[string]any, *message.Failure) { return ada, nil }))
	in := incoming(message.EventReplied, "interactive", customer, "")
	in.Event.Data.Reply = &message.Reply{Kind: message.ReplyQuickReply}
	wantNil(t, r.Inbound(t.Context(), in))
	if got := r.desk.got[0].Data.Profile; !reflect.DeepEqual(got, ada) {
		t.Errorf("profile %v", got)
	}
	if in.Event.Data.Profile != nil {
		t.Error("the caller's event was changed")
	}
}

// TestALookUpNeverKeepsAMessageBack lets the look-up go wrong in every way.
func TestALookUpNeverKeepsAMessageBack(t *testing.T) {
	slow := func(ctx context.Context, _ message.Event, _ bool) (map[string]any, *message.Failure) {
		err := after(ctx, time.Hour)
		return ada, message.FailureOf(err)
	}
	for name, c := range map[string]struct {
		look   profiler
		budget time.Duration
		took   time.Duration
		logged string
	}{
		"failing": {func(context.Context, message.Event, bool) (map[string]any, *message.Failure) {
			return ada, message.Failuref(message.Permanent, "no such account")
		}, timeout, 0, "level=WARN"},
		"refusing": {func(context.Context, message.Event, bool) (map[string]any, *message.Failure) {
			return nil, message.Failuref(message.Auth, "wrong key")
		}, timeout, 0, "level=ERROR"},
		"slow":                {slow, timeout, timeout / 3, "level=WARN"},
		"slow, with patience": {slow, time.Minute, 1500 * time.Millisecond, "level=WARN"},
		"panicking": {func(context.Context, message.Event, bool) (map[string]any, *message.Failure) {
			panic(errors.New("a bug"))
		}, timeout, 0, "level=WARN"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, withProfile(c.look), func(o *Options) { o.Timeout = c.budget })
				began := time.Now()
				wantNil(t, r.Inbound(t.Context(), text("my words")))
				if took := time.Since(began).Round(time.Millisecond); took != c.took.Round(time.Millisecond) {
					t.Errorf("the message waited %s, want %s", took, c.took)
				}
				if len(r.desk.got) != 1 || r.desk.got[0].Data.Profile != nil {
					t.Errorf("the helpdesk got %+v", r.desk.got)
				}
				const words = "the customer's profile cannot be looked up"
				var lines []string
				for line := range strings.Lines(r.logs.String()) {
					if strings.Contains(line, words) {
						lines = append(lines, line)
					}
				}
				if len(lines) != 1 || !strings.Contains(lines[0], c.logged) {
					t.Errorf("logged %q, want one line of %s", lines, c.logged)
				}
				for _, hidden := range []string{"my words", "Ada", string(customer)} {
					if strings.Contains(r.logs.String(), hidden) {
						t.Errorf("the log holds %q", hidden)
					}
				}
				r.wantInbound(t, "text", outcomes{message.OutcomeAccepted: 1})
				r.idle(t)
			})
		})
	}
}

func TestTypingLooksNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := []bool{}
		r := newRig(t, withProfile(func(_ context.Context, _ message.Event, firstSeen bool) (map[string]any, *message.Failure) {
			first = append(first, firstSeen)
			return ada, nil
		}))
		wantNil(t, r.Inbound(t.Context(), typingFrom(customer, started)))
		synctest.Wait()
		if len(first) != 0 || len(r.desk.typed) != 1 || r.desk.typed[0].Data.Profile != nil {
			t.Errorf("asked %d times; typing %+v", len(first), r.desk.typed)
		}
		wantNil(t, r.Inbound(t.Context(), text("hello"))) // and does not take its place
		if !slices.Equal(first, []bool{true}) {
			t.Errorf("asked %v", first)
		}
		r.idle(t)
	})
}
