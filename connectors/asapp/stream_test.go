package asapp_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bizbridge/bridge/message"
	"bizbridge/connectors/asapp"
	"bizbridge/connectors/asapp/asapptest"
	"bizbridge/connectors/connectortest/fake"
)

// echo is a GenerativeAgent that says again what it was told.
func echo(_ asapptest.Conversation, text string) []asapptest.Event {
	return asapptest.Processing(asapptest.Reply("You said: " + text))
}

// begin runs a connector until its stream is open.
func begin(t *testing.T, desk *asapptest.Desk, connector *asapp.Connector) (*phone, func()) {
	t.Helper()
	p := &phone{}
	stop := run(t, connector, p.send)
	eventually(t, "the stream is open", func() bool { return desk.Opened()[connector.StreamID()] > 0 })
	return p, stop
}

func TestAConversationWithGenerativeAgent(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Cleanup(asapp.Hasten())
	desk := startDesk(t)
	desk.Answer = echo
	connector := connect(t, desk)
	p, stop := begin(t, desk, connector)
	mustDeliver(t, connector, text("Hi"))
	want := []string{"typing on", "You said: Hi", "typing off"}
	eventually(t, "an answer", func() bool { return slices.Equal(p.shows(true), want) })
	for _, out := range p.all() {
		if out.BusinessID != business || out.CustomerID != customer || out.Sealed != "c2VhbGVk" || out.Sender.Kind != message.SenderBot || out.Key == "" {
			t.Errorf("%+v", out)
		}
	}
	if got := desk.Conversations()[0].Messages; len(got) != 2 {
		t.Errorf("the bridge wrote what ASAPP has itself: %+v", got)
	}
	stop()
	desk.Stop()
}

// TestSignInHandOverAndTemplates: what GenerativeAgent asks for.
func TestSignInHandOverAndTemplates(t *testing.T) {
	t.Cleanup(asapp.Hasten())
	desk := startDesk(t)
	var journal journal
	connector := connectNamed(t, "asapp", desk, slog.New(slog.NewTextHandler(&journal, nil)), func(c *asapp.Config) { c.HandOverText = "One moment." })
	desk.Answer = func(_ asapptest.Conversation, text string) []asapptest.Event {
		switch text {
		case "balance":
			return asapptest.Processing(asapptest.Event{"type": "authenticationRequired"})
		case "human":
			return asapptest.Processing(asapptest.Reply("Sure."), asapptest.Event{"type": "transferToAgent"})
		case "sizes":
			return asapptest.Processing(asapptest.Event{"type": "transferToSystem", "systemTransfer": map[string]any{
				"referenceVariables": map[string]any{"customerName": "Ada", "nothing": nil},
				"transferVariables":  map[string]any{"listPicker": "sizes", "itemNumber": "12", "wrong name": true},
			}})
		case "also":
			return asapptest.Processing(asapptest.Event{"type": "systemTransfer", "transferToSystem": map[string]any{
				"transferVariables": map[string]any{"template": "colors"},
			}})
		}
		return asapptest.Processing(asapptest.Event{"type": "transferToSystem", "systemTransfer": map[string]any{}}, asapptest.Event{"type": "brandNew"})
	}
	p, _ := begin(t, desk, connector)
	var want []string
	for _, c := range []struct{ say, shows string }{
		{"balance", `{"kind":"signin"}`}, {"sizes", `{"kind":"template","name":"sizes","vars":{"customer_name":"Ada","item_number":"12"}}`},
		{"also", `{"kind":"template","name":"colors"}`}, {"whatever", ""}, {"human", "Sure.\nOne moment."},
	} {
		mustDeliver(t, connector, text(c.say))
		if c.shows != "" {
			want = append(want, strings.Split(c.shows, "\n")...)
		}
		eventually(t, c.say+": "+c.shows, func() bool { return slices.Equal(p.shows(false), want) })
	}
	eventually(t, "a log of the transfer to nothing", func() bool { return journal.holds("without naming a template") })
}

// TestEachReplicaHearsItsOwnAnswers, and events of strangers are nobody's.
func TestEachReplicaHearsItsOwnAnswers(t *testing.T) {
	t.Cleanup(asapp.Hasten())
	desk := startDesk(t)
	desk.Answer = echo
	quiet := slog.New(slog.DiscardHandler)
	one, two := connectNamed(t, "one", desk, quiet), connectNamed(t, "two", desk, quiet)
	if one.StreamID() == two.StreamID() || connectNamed(t, "one", desk, quiet).StreamID() != one.StreamID() {
		t.Fatal("streams are to be one for each replica, whatever configuration it loads")
	}
	first, _ := begin(t, desk, one)
	second, _ := begin(t, desk, two)
	mustDeliver(t, one, text("one"))
	mustDeliver(t, two, text("two"))
	eventually(t, "both are answered", func() bool { return len(first.shows(false)) == 1 && len(second.shows(false)) == 1 })
	if first.shows(false)[0] != "You said: one" || second.shows(false)[0] != "You said: two" {
		t.Errorf("%q %q", first.shows(false), second.shows(false))
	}
	reply := map[string]any{"messageId": "m", "text": "for a stranger"}
	known := desk.Conversations()[0]
	desk.Broadcast(
		asapptest.Event{"conversationId": "01J4XAMPLE0000000000009999", "externalConversationId": "33411121", "type": "reply", "reply": reply},         // of another channel
		asapptest.Event{"conversationId": "01J4XAMPLE0000000000009999", "externalConversationId": "amb_unknown", "type": "reply", "reply": reply},      // deleted
		asapptest.Event{"raw": "event: generative-agent-message\ndata: {\"type\n\n"}, asapptest.Event{"raw": "data: 7\n\n: nothing\n\ndata: null\n\n"}, // not what it should be
		asapptest.Event{"conversationId": known.ID, "externalConversationId": known.ExternalID, "type": "reply", "reply": map[string]any{"messageId": "m", "text": "**Done**, see [this](https://a.example/b)"}},
	)
	eventually(t, "the last is sent", func() bool { return len(first.shows(false)) == 2 })
	if got := first.shows(false)[1]; got != "Done, see this (https://a.example/b)" {
		t.Errorf("%q", got)
	}
}

// TestAnotherReplicaFindsTheCustomer in the conversation's metadata, unless somebody has changed them.
func TestAnotherReplicaFindsTheCustomer(t *testing.T) {
	t.Cleanup(asapp.Hasten())
	desk := startDesk(t)
	quiet := slog.New(slog.DiscardHandler)
	mustDeliver(t, connectNamed(t, "one", desk, quiet), text("Hi"))
	two := connectNamed(t, "two", desk, quiet)
	p, _ := begin(t, desk, two)
	id := desk.Conversations()[0].ID
	desk.Change(id, func(c *asapptest.Conversation) { c.Metadata["apple_mbid"] = "urn:mbid:c29tZWJvZHkgZWxzZQ==" })
	desk.Say(two.StreamID(), id, asapptest.Reply("to somebody else"))
	time.Sleep(50 * time.Millisecond)
	desk.Change(id, func(c *asapptest.Conversation) { c.Metadata["apple_mbid"] = string(customer) })
	desk.Script.Next(fake.Fault{Status: 500}, fake.Fault{Status: 400}, fake.Fault{Reset: true})
	desk.Say(two.StreamID(), id, asapptest.Reply("lost, as ASAPP refuses to say whose it is"))
	time.Sleep(400 * time.Millisecond)
	desk.Say(two.StreamID(), id, asapptest.Reply("to the customer"))
	eventually(t, "an answer", func() bool { return len(p.shows(false)) == 1 })
	if !slices.Contains(told(desk), "system: Not sent to the customer: an answer of GenerativeAgent (invalid).") {
		t.Errorf("nobody is told of the answer that was lost: %q", told(desk))
	}
	if out := p.all()[0]; out.CustomerID != customer || out.Sealed != "c2VhbGVk" || p.shows(false)[0] != "to the customer" {
		t.Errorf("%+v", out)
	}
}

// TestAStreamThatBreaksIsOpenedAgain, with the same id and another address, and what came meanwhile is found.
func TestAStreamThatBreaksIsOpenedAgain(t *testing.T) {
	for name, keeps := range map[string]bool{"ASAPP keeps the events": true, "ASAPP forgets them": false} {
		t.Run(name, func(t *testing.T) {
			t.Cleanup(asapp.Hasten())
			desk := startDesk(t)
			desk.KeepsEvents = keeps
			desk.Answer = echo
			connector := connect(t, desk)
			p, _ := begin(t, desk, connector)
			mustDeliver(t, connector, text("one"))
			eventually(t, "the first answer", func() bool { return len(p.shows(false)) == 1 })
			desk.Script.Always(func() fake.Fault { return fake.Fault{Status: 503} })
			desk.Break()
			time.Sleep(50 * time.Millisecond)
			desk.Script.Heal()
			desk.Break()
			mustDeliver(t, connector, text("two"))
			mustDeliver(t, connector, text("three"))
			want := []string{"You said: one", "You said: two", "You said: three"}
			eventually(t, fmt.Sprint(want), func() bool { return slices.Equal(p.shows(false), want) })
			if opened := desk.Opened(); len(opened) != 1 || opened[connector.StreamID()] < 2 {
				t.Errorf("%v", opened)
			}
		})
	}
}

// TestAnAnswerIsTriedUntilAppleHasIt, in the order of its conversation, and told when it is lost.
func TestAnAnswerIsTriedUntilAppleHasIt(t *testing.T) {
	t.Cleanup(asapp.Hasten())
	desk := startDesk(t)
	desk.Answer = func(_ asapptest.Conversation, text string) []asapptest.Event {
		return asapptest.Processing(asapptest.Reply(text+" 1"), asapptest.Reply(text+" 2"))
	}
	connector := connect(t, desk)
	p, _ := begin(t, desk, connector)
	p.failures = []*message.Failure{message.Failuref(message.Transient, "x"), message.Failuref(message.Uncertain, "x"), {Class: message.Throttled, RetryAfter: time.Millisecond}}
	mustDeliver(t, connector, text("a"))
	eventually(t, "both", func() bool { return slices.Equal(p.shows(false), []string{"a 1", "a 2"}) })
	p.mu.Lock()
	p.failures = []*message.Failure{message.Failuref(message.Unreachable, "x")}
	p.mu.Unlock()
	mustDeliver(t, connector, text("b"))
	eventually(t, "what is refused is not tried again", func() bool { return slices.Equal(p.shows(false), []string{"a 1", "a 2", "b 2"}) })
	asapp.SetSendFor(20 * time.Millisecond)
	p.mu.Lock()
	p.failures = slices.Repeat([]*message.Failure{message.Failuref(message.Transient, "x")}, 20)
	p.mu.Unlock()
	mustDeliver(t, connector, text("c"))
	eventually(t, "a note", func() bool {
		return slices.Contains(told(desk), "system: Not sent to the customer: an answer of GenerativeAgent (unavailable).")
	})
}

// TestOneSlowCustomerDoesNotHoldUpOthers.
func TestOneSlowCustomerDoesNotHoldUpOthers(t *testing.T) {
	t.Cleanup(asapp.Hasten())
	desk := startDesk(t)
	desk.Answer = echo
	connector := connect(t, desk)
	p := &phone{}
	var tries atomic.Int32
	run(t, connector, func(ctx context.Context, out message.Outbound) *message.Failure {
		if out.CustomerID == customer && out.Content.Kind() == message.KindText {
			tries.Add(1)
			return message.Failuref(message.Transient, "x")
		}
		return p.send(ctx, out)
	})
	eventually(t, "the stream is open", func() bool { return desk.Open() == 1 })
	slow, quick := text("slow"), text("quick")
	quick.Data.CustomerID = "urn:mbid:c29tZWJvZHkgZWxzZQ=="
	mustDeliver(t, connector, slow)
	eventually(t, "it is tried", func() bool { return tries.Load() > 1 })
	mustDeliver(t, connector, quick)
	eventually(t, "the other", func() bool { return slices.Equal(p.shows(false), []string{"You said: quick"}) })
}

// TestAStopWaitsForAnswersThatAreDue, but not for long.
func TestAStopWaitsForAnswersThatAreDue(t *testing.T) {
	t.Cleanup(asapp.Hasten())
	desk := startDesk(t)
	connector := connect(t, desk)
	p, stop := begin(t, desk, connector)
	mustDeliver(t, connector, text("Hi"))
	id := desk.Conversations()[0].ID
	go func() {
		time.Sleep(50 * time.Millisecond)
		desk.Say(connector.StreamID(), id, asapptest.Processing(asapptest.Reply("just in time"))...)
	}()
	stop()
	if got := p.shows(false); !slices.Equal(got, []string{"just in time"}) {
		t.Errorf("%q", got)
	}
	again := connect(t, desk)
	_, stop = begin(t, desk, again)
	mustDeliver(t, again, text("nobody answers"))
	began := time.Now()
	stop()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("a stop took %v", took)
	}
}

// TestAnAPIThatIsDown is asked again with pauses, and the log says nothing of addresses and keys.
func TestAnAPIThatIsDown(t *testing.T) {
	t.Cleanup(asapp.Hasten())
	desk := startDesk(t)
	desk.Script.Always(func() fake.Fault { return fake.Fault{Status: 403} })
	var journal journal
	connector := connectNamed(t, "asapp", desk, slog.New(slog.NewTextHandler(&journal, nil)))
	stop := run(t, connector, (&phone{}).send)
	eventually(t, "it is asked again", func() bool { return desk.Script.Calls() > 3 })
	desk.Script.Heal()
	eventually(t, "it is open", func() bool { return desk.Open() == 1 })
	for i := range 3 {
		desk.Break()
		eventually(t, "it is open again", func() bool { return desk.Opened()[connector.StreamID()] > i+1 })
	}
	stop()
	if !journal.holds("broke") || journal.holds("t0ken") || journal.holds(asapptest.APISecret) {
		t.Error("the log is not as it should be")
	}
}

func TestWithoutGenerativeAgentNothingRuns(t *testing.T) {
	desk := startDesk(t)
	connector := connect(t, desk, peopleAnswer)
	connector.Run(t.Context(), (&phone{}).send)
	if desk.Script.Calls() > 0 {
		t.Error("a stream was opened")
	}
}

func TestServerSentEvents(t *testing.T) {
	for name, c := range map[string]struct{ stream, want string }{
		"plain":              {"data: a\n\n", "=a"},
		"named":              {"event: x\ndata: a\n\ndata: b\n\n", "x=a =b"},
		"lines":              {"data: a\ndata: b\ndata\n\n", "=a\nb\n"},
		"line ends":          {"event: x\r\ndata: a\r\n\r\ndata: b\r\rdata: c\n\n", "x=a =b =c"},
		"no space":           {"data:a\ndata:  b\n\n", "=a\n b"},
		"comments":           {": hi\n\n:\ndata: a\n: b\n\n", "=a"},
		"no data":            {"event: x\n\ndata: a\n\n", "=a"},
		"not whole":          {"data: a\n\ndata: b\n", "=a"},
		"a byte order mark":  {"\ufeffdata: a\n\n", "=a"},
		"other fields":       {"id: 1\nretry: 5\nwhat: x\ndata: a\n\n", "=a"},
		"nothing":            {"", ""},
		"a mark that is one": {"\ufeff", ""},
	} {
		names, datas, err := asapp.Events(c.stream)
		var got []string
		for i := range names {
			got = append(got, names[i]+"="+datas[i])
		}
		if strings.Join(got, " ") != c.want || err != io.EOF {
			t.Errorf("%s: %q, %v; want %q", name, strings.Join(got, " "), err, c.want)
		}
	}
	for _, stream := range []string{"data: " + strings.Repeat("x", 2<<20), strings.Repeat("data: "+strings.Repeat("x", 1000)+"\n", 2000)} {
		if _, _, err := asapp.Events(stream); err == io.EOF || err == nil {
			t.Errorf("an event without end gives %v", err)
		}
	}
}

func FuzzEvents(f *testing.F) {
	f.Add("event: generative-agent-message\ndata: {\"type\":\"reply\",\"conversationId\":\"1\",\"externalConversationId\":\"amb_1\",\"reply\":{\"text\":\"a\"}}\n\n")
	f.Add("data: {\"type\":\"transferToSystem\",\"systemTransfer\":{\"transferVariables\":{\"template\":\"a\"}}}\r\r")
	f.Add("\ufeff:\r\n\n")
	desk := asapptest.Start(f)
	f.Cleanup(desk.Stop)
	connector := connect(f, desk, func(c *asapp.Config) { c.HandOverText = "x" })
	f.Fuzz(func(t *testing.T, stream string) {
		names, datas, err := asapp.Events(stream)
		if err == nil || len(names) != len(datas) {
			t.Fatalf("%v", err)
		}
		for _, data := range datas {
			content, key, ours, err := connector.ContentOf(data)
			if err != nil && (content != nil || ours) {
				t.Fatalf("%q: %v and %v", data, content, err)
			}
			if content != nil && key == "" {
				t.Fatalf("%q has no key", data)
			}
			if template, ok := content.(message.Template); ok {
				for name := range template.Vars {
					if !message.TemplateName.MatchString(name) {
						t.Fatalf("%q gives the variable %q", data, name)
					}
				}
			}
		}
	})
}
