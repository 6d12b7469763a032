package asapp_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/connectors/asapp"
	"bizbridge/connectors/asapp/asapptest"
	"bizbridge/connectors/connectortest/fake"
)

// breakFor breaks the stream of a connector, and lets ASAPP be down meanwhile. Then come the faults, the first of which is that of
// opening the stream.
func breakFor(t *testing.T, desk *asapptest.Desk, connector *asapp.Connector, meanwhile func(), then ...fake.Fault) {
	t.Helper()
	opened := desk.Opened()[connector.StreamID()]
	desk.Script.Always(func() fake.Fault { return fake.Fault{Status: http.StatusServiceUnavailable} })
	desk.Break()
	time.Sleep(50 * time.Millisecond)
	meanwhile()
	var calls atomic.Int32
	desk.Script.Always(func() fake.Fault {
		if n := int(calls.Add(1)); n <= len(then) {
			return then[n-1]
		}
		return fake.Fault{}
	})
	eventually(t, "the stream is open again", func() bool { return desk.Opened()[connector.StreamID()] > opened })
}

func handsOver() asapptest.Event { return asapptest.Event{"type": "transferToAgent"} }

// TestEachQuestionWaitsForItsOwnAnswer: the end of one is not that of the other.
func TestEachQuestionWaitsForItsOwnAnswer(t *testing.T) {
	t.Cleanup(asapp.Hasten())
	desk := startDesk(t)
	connector := connect(t, desk)
	p, _ := begin(t, desk, connector)
	mustDeliver(t, connector, text("one"))
	two := text("two")
	mustDeliver(t, connector, two)
	mustDeliver(t, connector, two) // Apple's repeat is no third
	id := desk.Conversations()[0].ID
	desk.Say(connector.StreamID(), id, asapptest.Processing(asapptest.Reply("A1"))...)
	eventually(t, "the first answer", func() bool { return slices.Contains(p.shows(true), "typing off") })
	breakFor(t, desk, connector, func() { desk.Say(connector.StreamID(), id, asapptest.Processing(asapptest.Reply("A2"))...) })
	eventually(t, "the second", func() bool { return slices.Equal(p.shows(false), []string{"A1", "A2"}) })
	desk.Say(connector.StreamID(), id, asapptest.Event{"type": "processingEnd"})
	eventually(t, "nothing is awaited any more", func() bool { return connector.Awaited() == 0 })
}

// TestAnAnswerOfSeveralBreaks: what was found after one is not all.
func TestAnAnswerOfSeveralBreaks(t *testing.T) {
	t.Cleanup(asapp.Hasten())
	desk := startDesk(t)
	connector := connect(t, desk)
	p, _ := begin(t, desk, connector)
	mustDeliver(t, connector, text("one"))
	id := desk.Conversations()[0].ID
	want := []string{}
	for _, words := range []string{"One moment please.", "Nearly there.", "42 USD"} {
		breakFor(t, desk, connector, func() { desk.Say(connector.StreamID(), id, asapptest.Reply(words)) })
		want = append(want, words)
		eventually(t, words, func() bool { return slices.Equal(p.shows(false), want) })
	}
}

// TestManyConversationsAreCaughtUp, also where ASAPP cannot list them at first, and the stream is read meanwhile.
func TestManyConversationsAreCaughtUp(t *testing.T) {
	t.Cleanup(asapp.Hasten())
	desk := startDesk(t)
	connector := connect(t, desk)
	p, _ := begin(t, desk, connector)
	mustDeliver(t, connector, text("of another matter"))
	other := desk.Conversations()[0].ID
	desk.Say(connector.StreamID(), other, asapptest.Processing(asapptest.Reply("soon"))...)
	eventually(t, "nothing is awaited", func() bool { return connector.Awaited() == 0 })
	const n = 40
	for i := range n {
		question := text("question")
		question.Data.CustomerID = message.CustomerID("urn:mbid:" + base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "customer %03d!", i)))
		mustDeliver(t, connector, question)
	}
	slow := slices.Repeat([]fake.Fault{{Delay: 300 * time.Millisecond, Status: http.StatusServiceUnavailable}}, 60)
	breakFor(t, desk, connector, func() {
		for _, c := range desk.Conversations()[1:] {
			desk.Say(connector.StreamID(), c.ID, asapptest.Processing(asapptest.Reply("answer"))...)
		}
	}, append([]fake.Fault{{}}, slow...)...)
	desk.Say(connector.StreamID(), other, asapptest.Reply("meanwhile"))
	eventually(t, "the stream is read", func() bool { return slices.Contains(p.shows(false), "meanwhile") })
	if got := len(p.shows(false)); got == n+2 {
		t.Error("only when all were caught up")
	}
	for end := time.Now().Add(20 * time.Second); len(p.shows(false)) < n+2 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if got := len(p.shows(false)); got != n+2 {
		t.Errorf("%d of %d", got, n+2)
	}
}

// TestWhatWasMissedComesFirst, before what the stream brings.
func TestWhatWasMissedComesFirst(t *testing.T) {
	t.Cleanup(asapp.Hasten())
	desk := startDesk(t)
	connector := connect(t, desk)
	p, _ := begin(t, desk, connector)
	mustDeliver(t, connector, text("one"))
	id := desk.Conversations()[0].ID
	breakFor(t, desk, connector, func() { desk.Say(connector.StreamID(), id, asapptest.Reply("first")) },
		fake.Fault{}, fake.Fault{Delay: 200 * time.Millisecond})
	desk.Say(connector.StreamID(), id, asapptest.Reply("second"), asapptest.Event{"type": "processingEnd"})
	eventually(t, "both", func() bool { return slices.Equal(p.shows(false), []string{"first", "second"}) })
}

// TestWhatCannotBeListedIsTold.
func TestWhatCannotBeListedIsTold(t *testing.T) {
	t.Cleanup(asapp.Hasten())
	desk := startDesk(t)
	var journal journal
	connector := connectNamed(t, "asapp", desk, slog.New(slog.NewTextHandler(&journal, nil)))
	begin(t, desk, connector)
	mustDeliver(t, connector, text("one"))
	breakFor(t, desk, connector, func() {}, fake.Fault{}, fake.Fault{Status: http.StatusBadRequest})
	eventually(t, "a note", func() bool {
		return slices.Contains(told(desk), "system: GenerativeAgent could not be heard for a while. The customer may have missed what it said.")
	})
	if !journal.holds("may have been missed") {
		t.Error("the log says nothing")
	}
}

// TestWhatIsNoMessageIsNotedAfterABreak, once, unless an event has told it.
func TestWhatIsNoMessageIsNotedAfterABreak(t *testing.T) {
	for want, event := range map[string]asapptest.Event{
		"sign in":             {"type": "authenticationRequired"},
		"rich message":        {"type": "transferToSystem", "systemTransfer": map[string]any{"transferVariables": map[string]any{"template": "sizes"}}},
		"handed over to peop": handsOver(),
	} {
		for _, missed := range []bool{true, false} {
			t.Run(fmt.Sprint(want, " missed ", missed), func(t *testing.T) {
				t.Cleanup(asapp.Hasten())
				desk := startDesk(t)
				connector := connect(t, desk, func(c *asapp.Config) { c.HandOverText = "One moment." })
				p, _ := begin(t, desk, connector)
				mustDeliver(t, connector, text("one"))
				id := desk.Conversations()[0].ID
				say := func() { desk.Say(connector.StreamID(), id, event) }
				if !missed {
					say()
					eventually(t, "it is shown", func() bool { return len(p.shows(false)) == 1 })
					say = func() {}
				}
				notes := func() (n int) {
					for _, said := range told(desk) {
						if strings.HasPrefix(said, "system: GenerativeAgent could not be heard") && strings.Contains(said, want) {
							n++
						}
					}
					return n
				}
				breakFor(t, desk, connector, say)
				if missed {
					eventually(t, "a note", func() bool { return notes() == 1 })
				}
				breakFor(t, desk, connector, func() {})
				time.Sleep(50 * time.Millisecond)
				if got := notes(); got == 1 != missed {
					t.Errorf("%d notes: %q", got, told(desk))
				}
			})
		}
	}
}

// TestWhatPeopleSayIsNotSentTwice: it comes by the webhook, and stands in the list like what GenerativeAgent says.
func TestWhatPeopleSayIsNotSentTwice(t *testing.T) {
	for _, missed := range []bool{true, false} {
		t.Run(fmt.Sprint("hand-over missed ", missed), func(t *testing.T) {
			t.Cleanup(asapp.Hasten())
			desk := startDesk(t)
			connector := connect(t, desk)
			p, _ := begin(t, desk, connector)
			mustDeliver(t, connector, text("human please"))
			id := desk.Conversations()[0].ID
			desk.Say(connector.StreamID(), id, asapptest.Reply("Sure."))
			eventually(t, "an answer", func() bool { return len(p.shows(false)) == 1 })
			if !missed {
				desk.Say(connector.StreamID(), id, handsOver()) // without a processingEnd
				eventually(t, "nothing is awaited", func() bool { return connector.Awaited() == 0 })
			}
			breakFor(t, desk, connector, func() {
				if missed {
					desk.Say(connector.StreamID(), id, handsOver())
				}
				desk.Change(id, func(c *asapptest.Conversation) {
					c.Messages = append(c.Messages, asapptest.Message{ID: "01J4XAMPLE0000000000007777", Role: "agent", Sender: "ada", Text: "Hi, Ada here", Created: time.Now()})
				})
			})
			eventually(t, "nothing is awaited", func() bool { return connector.Awaited() == 0 })
			time.Sleep(100 * time.Millisecond)
			if got := p.shows(false); !slices.Equal(got, []string{"Sure."}) {
				t.Errorf("%q", got)
			}
		})
	}
}

// TestAReloadKnowsWhatIsAwaited: the connector of the next configuration goes on where this one was.
func TestAReloadKnowsWhatIsAwaited(t *testing.T) {
	t.Cleanup(asapp.Hasten())
	desk := startDesk(t)
	before := connect(t, desk)
	mustDeliver(t, before, text("one"))
	desk.Say(before.StreamID(), desk.Conversations()[0].ID, asapptest.Processing(asapptest.Reply("A1"))...)
	p, _ := begin(t, desk, connect(t, desk))
	eventually(t, "the answer", func() bool { return slices.Equal(p.shows(false), []string{"A1"}) })
}

// TestAPanicEndsOneEvent, neither the bridge nor the conversation.
func TestAPanicEndsOneEvent(t *testing.T) {
	t.Cleanup(asapp.Hasten())
	desk := startDesk(t)
	desk.Answer = echo
	var journal journal
	connector := connectNamed(t, "asapp", desk, slog.New(slog.NewTextHandler(&journal, nil)))
	p := &phone{}
	stop := run(t, connector, func(ctx context.Context, out message.Outbound) *message.Failure {
		if said, ok := out.Content.(message.Text); ok && strings.Contains(said.Text, "hunter2") {
			panic(said.Text)
		}
		return p.send(ctx, out)
	})
	eventually(t, "the stream is open", func() bool { return desk.Open() == 1 })
	mustDeliver(t, connector, text("hunter2"))
	for range 1100 { // more than may wait: each gives its place back
		desk.Say(connector.StreamID(), desk.Conversations()[0].ID, asapptest.Reply("hunter2"))
	}
	mustDeliver(t, connector, text("Hi"))
	eventually(t, "the next answer", func() bool { return slices.Equal(p.shows(false), []string{"You said: Hi"}) })
	stop()
	if !journal.holds("panic=string") || journal.holds("hunter2") {
		t.Error("the log is not as it should be")
	}
}

// TestKeysTellEventsApart, also those that share an id or have none.
func TestKeysTellEventsApart(t *testing.T) {
	connector := connect(t, startDesk(t))
	const about = `"conversationId":"1","externalConversationId":"amb_1"`
	seen := make(map[string]string)
	for _, data := range []string{
		`{"generativeAgentMessageId":"7","type":"processingStart",` + about + `}`,
		`{"generativeAgentMessageId":"7","type":"processingEnd",` + about + `}`,
		`{"generativeAgentMessageId":"7","type":"processingEnd","conversationId":"2","externalConversationId":"amb_2"}`,
		`{"type":"authenticationRequired",` + about + `}`,
		`{"type":"authenticationRequired","at":2,` + about + `}`,
	} {
		_, key, _, err := connector.ContentOf(data)
		if _, again, _, _ := connector.ContentOf(data); err != nil || key == "" || again != key || seen[key] != "" {
			t.Errorf("%s has the key %q, then %q, as has %s; %v", data, key, again, seen[key], err)
		}
		seen[key] = data
	}
}
