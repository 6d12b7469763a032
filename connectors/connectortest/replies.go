package connectortest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/attachment"
	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/connectors"
	"bizbridge/connectors/connectortest/fake"
)

func reply(conversation, number int) fake.Reply {
	return fake.Reply{
		ID: "reply " + tag(conversation, number), Business: string(business),
		Customer: string(customer(conversation)), Text: tag(conversation, number),
	}
}

// webhooks: what is genuine becomes a message, what is not is refused for its signature and becomes nothing.
func webhooks(t testing.TB, r *rig) {
	var keys []string
	for range 2 {
		outs, err := r.connector.Receive(t.Context(), r.desk.Webhook(reply(1, 1), fake.Genuine))
		if err != nil || len(outs) != 1 {
			t.Fatalf("a genuine webhook gives %d messages and error %v, want one message", len(outs), err)
		}
		out := outs[0]
		said, ok := out.Content.(message.Text)
		if !ok || tagPattern.FindString(said.Text) != tag(1, 1) || out.CustomerID != customer(1) || !out.BusinessID.Equal(business) {
			t.Errorf("a genuine webhook becomes %+v, want text %q for %s of %s", out, tag(1, 1), customer(1), business)
		}
		keys = append(keys, out.Key)
	}
	if keys[0] == "" || keys[0] != keys[1] {
		t.Errorf("the same reply has keys %q in two attempts; they must be equal, or it is sent twice", keys)
	}
	if outs, err := r.connector.Receive(t.Context(), r.desk.Webhook(reply(1, 2), fake.Genuine)); err == nil && len(outs) == 1 && outs[0].Key == keys[0] {
		t.Error("two replies have the same key; the second would be dropped as a repeat of the first")
	}
	for _, forgery := range fake.Forgeries {
		req := r.desk.Webhook(reply(1, 3), forgery)
		if req == nil {
			continue
		}
		outs, err := r.connector.Receive(t.Context(), req)
		if len(outs) > 0 || err == nil {
			t.Errorf("a webhook that is %s is accepted: %d messages, error %v", forgery, len(outs), err)
		} else if _, ok := errors.AsType[*signature.Error](err); !ok {
			t.Errorf("a webhook that is %s is refused with %T, want *signature.Error (401)", forgery, err)
		}
	}
	r.oddBodies()
	if calls := r.desk.Script.Calls(); calls > 0 {
		t.Errorf("Receive made %d calls to the helpdesk; it only verifies and parses", calls)
	}
}

// oddBodies: what is signed but senseless, too large, or broken off.
func (r *rig) oddBodies() {
	t := r.t
	if req := r.desk.Webhook(reply(1, 4), fake.Malformed); req != nil {
		outs, err := r.connector.Receive(t.Context(), req)
		failure, invalid := errors.AsType[*message.Failure](err)
		if len(outs) > 0 || !errors.Is(err, message.ErrMalformed) && (!invalid || failure.Class != message.Invalid) {
			t.Errorf("a malformed webhook gives %d messages and %v; want message.ErrMalformed or a failure of class invalid", len(outs), err)
		}
	}
	req := r.desk.Webhook(reply(1, 5), fake.Genuine)
	req.Body = http.MaxBytesReader(nil, req.Body, 8)
	_, err := r.connector.Receive(t.Context(), req)
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); !tooLarge {
		t.Errorf("a body over the limit is refused with %v; pass the *http.MaxBytesError on (413)", err)
	}
	req = r.desk.Webhook(reply(1, 6), fake.Genuine)
	req.Body = io.NopCloser(io.MultiReader(io.LimitReader(req.Body, 8), iotest.ErrReader(io.ErrUnexpectedEOF)))
	if outs, err := r.connector.Receive(t.Context(), req); len(outs) > 0 || !errors.Is(err, message.ErrMalformed) {
		t.Errorf("a body that breaks off gives %d messages and %v, want message.ErrMalformed", len(outs), err)
	}
}

// replies: agents answer several customers at once, the helpdesk resends what was not accepted, Apple fails at random.
func replies(t testing.TB, r *rig) {
	const conversations, messages = 4, 8
	r.gateway.fail(rand.New(rand.NewPCG(seed(t), 2)), 60)
	door := r.door()
	defer door.Close()
	client := door.Client()
	var agents sync.WaitGroup
	for c := range conversations {
		agents.Go(func() {
			for number := range messages {
				if fault := r.post(client, door.URL, c, number); fault != "" {
					t.Errorf("%s: %s", tag(c, number), fault)
					return
				}
			}
		})
	}
	agents.Wait()
	for c := range conversations {
		var want []string
		for number := range messages {
			want = append(want, tag(c, number))
		}
		if got := r.gateway.received(customer(c)); !slices.Equal(got, want) {
			t.Errorf("Apple got, by message id,\n%v\nfor a customer; want each once and in order:\n%v", got, want)
		}
	}
}

// post sends one webhook, again until it is accepted. Then Apple must have it.
func (r *rig) post(client *http.Client, address string, conversation, number int) (fault string) {
	for range 100 {
		req := r.desk.Webhook(reply(conversation, number), fake.Genuine)
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return err.Error()
		}
		sent, err := http.NewRequest(req.Method, address+req.URL.RequestURI(), bytes.NewReader(body))
		if err != nil {
			return err.Error()
		}
		sent.Header = req.Header
		resp, err := client.Do(sent)
		if err != nil {
			return err.Error()
		}
		answer, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		switch {
		case resp.StatusCode == http.StatusOK && !slices.Contains(r.gateway.received(customer(conversation)), tag(conversation, number)):
			return "accepted, but Apple does not have it"
		case resp.StatusCode == http.StatusOK:
			return ""
		case resp.StatusCode != http.StatusServiceUnavailable:
			return fmt.Sprintf("a genuine webhook is refused: %d %s", resp.StatusCode, answer)
		}
	}
	return "not accepted in 100 tries, although Apple has recovered"
}

// door is the bridge's side of the webhook: verify, send, answer.
func (r *rig) door() *httptest.Server {
	sender := r.end().Sender
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		outs, err := r.connector.Receive(req.Context(), req)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, out := range outs {
			if _, failure := r.flow.Outbound(req.Context(), sender, out); failure != nil {
				status := http.StatusServiceUnavailable
				if failure.Class.Final() {
					status = http.StatusUnprocessableEntity
				}
				http.Error(w, failure.Error(), status)
				return
			}
		}
	}))
}

// failures: a helpdesk that does not read the answers to its webhooks shows what became of its messages, among the messages
// of the conversation or in a note.
func failures(t testing.TB, r *rig) {
	relay, ok := r.connector.(connectors.FailureRelay)
	if !ok || !relay.RelaysFailures() {
		return
	}
	if claimed := r.subject.Factory.Abilities.Inbound[message.EventFailed]; claimed <= connectors.Dropped {
		t.Errorf("RelaysFailures is true, but Abilities.Inbound has %s as %s", message.EventFailed, claimed)
	}
	r.mustDeliver(1, 0)
	outs, err := r.connector.Receive(t.Context(), r.desk.Webhook(reply(1, 1), fake.Genuine))
	if err != nil || len(outs) != 1 {
		t.Fatalf("a genuine webhook gives %d messages and error %v, want one message", len(outs), err)
	}
	const reason = "the customer is signed out everywhere"
	r.gateway.refuse(message.Failuref(message.Unreachable, reason))
	_, failure := r.flow.Outbound(context.Background(), r.end().Sender, outs[0])
	r.gateway.refuse(nil)
	if failure == nil {
		t.Fatal("Apple refused a message, but it counts as sent")
	}
	r.flow.RelayFailure(context.Background(), r.end(), outs[0], failure)
	shown := func() bool {
		conversation := r.desk.Inbox.Conversation(string(customer(1)))
		return slices.ContainsFunc(slices.Concat(conversation.Texts, conversation.Notes), func(text string) bool { return strings.Contains(text, reason) })
	}
	if !within(slack, shown) {
		t.Errorf("a message was refused for good, and message.failed delivered, but the helpdesk does not show failed.reason (%q)", reason)
	}
	failed := event(message.EventFailed, 1, 3)
	failed.Data.Failed = &message.Failed{MessageID: "key", Code: message.CodeInvalid, Reason: tag(1, 3)}
	r.mustFail(t, "telling of a message that failed", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), budget)
		defer cancel()
		_, err := r.connector.Deliver(ctx, failed)
		return err
	})
	r.mustDeliver(1, 4)
}

// gateway is Apple's side: it recognises a repeat by its id.
type gateway struct {
	mu   sync.Mutex
	rand *rand.Rand
	left int              // failures that are still to come
	no   *message.Failure // for everything
	ids  map[message.ID]bool
	got  map[message.CustomerID][]string
}

func newGateway() *gateway {
	return &gateway{ids: make(map[message.ID]bool), got: make(map[message.CustomerID][]string)}
}

// fail lets a number of calls fail at random.
func (g *gateway) fail(rand *rand.Rand, times int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rand, g.left = rand, times
}

// refuse makes every call fail in this way; nil: no more.
func (g *gateway) refuse(failure *message.Failure) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.no = failure
}

func (g *gateway) received(who message.CustomerID) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.got[who])
}

// Send implements [flow.Gateway].
func (g *gateway) Send(_ context.Context, out apple.Outgoing) (apple.Accepted, error) {
	time.Sleep(time.Millisecond)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.no != nil {
		return apple.Accepted{}, g.no
	}
	chance := 9
	if g.left > 0 {
		g.left--
		chance = g.rand.IntN(6)
	}
	if chance == 0 {
		return apple.Accepted{}, message.Failuref(message.Transient, "no connection")
	}
	if said, ok := out.Content.(message.Text); ok && !g.ids[out.ID] {
		g.ids[out.ID] = true
		g.got[out.Customer] = append(g.got[out.Customer], tagPattern.FindString(said.Text))
	}
	if chance == 1 {
		return apple.Accepted{}, message.Failuref(message.Uncertain, "no answer")
	}
	return apple.Accepted{}, nil
}

func (*gateway) Expand(context.Context, apple.Reference) (json.RawMessage, apple.Expansion, error) {
	return nil, apple.ExpansionFailed, message.Failuref(message.Transient, "nothing is kept here")
}

func (*gateway) Fetch(context.Context, attachment.Source, int64, int64) (io.ReadCloser, error) {
	return nil, message.Failuref(message.Transient, "nothing is kept here")
}

func (*gateway) AppClip(context.Context, message.ID, message.BusinessID, message.RichLink) (json.RawMessage, error) {
	return nil, message.Failuref(message.Invalid, "there are no App Clips here")
}
