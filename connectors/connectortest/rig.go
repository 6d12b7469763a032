package connectortest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/flow"
	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/httpclient/auth"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/bridge/seal"
	"bizbridge/connectors"
)

const (
	business = message.BusinessID("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")
	name     = "desk-under-test"

	// budget is the time of one delivery. It leaves room for one or two tries of the HTTP client.
	budget = 400 * time.Millisecond
)

// slack is what a busy machine may add before something counts as hanging.
var slack = 3 * time.Second

// rig is the connector between a fake helpdesk and a fake of Apple's gateway, in the real flow.
type rig struct {
	t         testing.TB
	subject   Subject
	desk      *Helpdesk
	http      *httpclient.Client
	auth      *auth.Authorizer // nil: the settings ask for none
	connector connectors.Connector
	memory    *flow.Memory
	flow      *flow.Flow
	gateway   *gateway
	log       *journal
}

func start(t testing.TB, subject Subject) *rig {
	t.Helper()
	r := &rig{t: t, subject: subject, desk: subject.Start(t), gateway: newGateway(), log: &journal{}}
	measures := metrics.New("test", "test")
	measures.Expect(string(business), name)
	logger := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	authorizer, err := subject.Factory.Authorizer(r.desk.Settings, auth.Deps{Peer: name, Metrics: measures, Logger: logger})
	if err != nil {
		r.desk.Stop()
		t.Fatalf("Factory.Auth gives settings that cannot be used: %v", err)
	}
	r.auth = authorizer
	r.http = httpclient.New(httpclient.Options{Peer: name, Metrics: measures, Auth: authorizer.For})
	connector, err := subject.Factory.New(connectors.Environment{Name: name, HTTP: r.http, Logger: logger, Now: time.Now}, r.desk.Settings)
	if err != nil {
		r.desk.Stop()
		t.Fatalf("Factory.New refuses the settings of the fake helpdesk: %v", err)
	}
	ring, err := seal.NewRing(bytes.Repeat([]byte{7}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	r.connector = connector
	r.memory = flow.NewMemory(time.Now)
	r.flow = flow.New(flow.Options{
		Memory: r.memory, Gateway: r.gateway,
		Desks: map[message.BusinessID]*flow.Desk{business: r.end()},
		Ring:  ring, Metrics: measures, Logger: logger, Now: time.Now,
		Timeout: budget, InboundConcurrency: 256, OutboundConcurrency: 20,
	})
	return r
}

// end is the connector as the flow sees it.
func (r *rig) end() *flow.Desk {
	return &flow.Desk{
		Name: name, Connector: r.connector, AnswerWithin: r.subject.Factory.AnswerWithin,
		Sender: flow.Sender{
			Source: name, Label: name, Default: message.SenderAgent, Timeout: r.subject.Factory.AnswerWithin,
			MaySpeakFor: func(message.BusinessID) bool { return true },
		},
	}
}

// stop ends everything and reads the log.
func (r *rig) stop() {
	r.t.Helper()
	over, cancel := context.WithCancel(context.Background())
	cancel()
	r.desk.Script.Release()
	r.memory.Drain(over)
	r.http.Close()
	if r.auth != nil {
		r.auth.Close()
	}
	r.desk.Stop()
	r.http.Close() // what had been in use until then
	for what, pattern := range map[string]*regexp.Regexp{"what was said": tagPattern, "who said it": regexp.MustCompile("urn:mbid:")} {
		if line := pattern.FindString(r.log.String()); line != "" {
			r.t.Errorf("the log holds %s (%q); a connector never logs a body or an id of a customer:\n%s", what, line, r.log.line(line))
		}
	}
	for i, secret := range r.desk.Secrets {
		if strings.Contains(r.log.String(), secret) {
			r.t.Errorf("the log holds secret %d of the settings", i)
		}
	}
}

// journal is a log that can be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) line(with string) string {
	for line := range strings.Lines(j.String()) {
		if strings.Contains(line, with) {
			return line
		}
	}
	return ""
}

// A tag is a message that can be told from all others, however a helpdesk dresses it up.
var tagPattern = regexp.MustCompile(`tagx[0-9]+x[0-9]+x`)

func tag(conversation, number int) string { return fmt.Sprintf("tagx%dx%dx", conversation, number) }

func customer(conversation int) message.CustomerID {
	return message.CustomerID(fmt.Sprintf("urn:mbid:Y29udmVyc2F0aW9u%d", conversation))
}

// tags finds the tags in texts, in their order.
func tags(texts []string) []string {
	var found []string
	for _, text := range texts {
		found = append(found, tagPattern.FindString(text))
	}
	return found
}

// has tells whether the helpdesk has the message now.
func (r *rig) has(conversation, number int) bool {
	return slices.Contains(r.inbox(conversation), tag(conversation, number))
}

// inbox gives the tags that the helpdesk has of a conversation.
func (r *rig) inbox(conversation int) []string {
	return tags(r.desk.Inbox.Conversation(string(customer(conversation))).Texts)
}

func text(conversation, number int) message.Event {
	return event(message.EventReceived, conversation, number)
}

func event(kind message.EventType, conversation, number int) message.Event {
	data := message.Data{
		ID:         message.DeriveID(string(kind), fmt.Sprint(conversation), fmt.Sprint(number)),
		BusinessID: business, CustomerID: customer(conversation), Sealed: "c2VhbGVk",
		Device: message.Device{Locale: "en_US"},
	}
	if kind == message.EventReceived {
		data.Text = tag(conversation, number)
	}
	return message.Event{Type: kind, Schema: message.SchemaVersion, Timestamp: time.Now(), Data: data}
}

// answer is an answer to an interactive message, as phones send them: without a text.
func answer(kind message.ReplyKind, conversation, number int) message.Event {
	words := tag(conversation, number)
	reply := &message.Reply{Kind: kind, RequestID: string(message.DeriveID("request", words)), SessionID: string(message.DeriveID("session", words)), Title: words}
	switch kind {
	case message.ReplyApp:
		reply.URL = "?answer=" + words
	case message.ReplyTimePicker:
		start := time.Date(2030, 1, 1, 9, 0, 0, 0, time.UTC)
		reply.Selections = []message.Selection{{ID: "1", Start: &start, Duration: 1800}}
	case message.ReplyForm:
		reply.Selections = []message.Selection{{ID: "1", Title: words, Value: words, Page: "p", Subtitle: "Which one?"}}
	case message.ReplyQuickReply, message.ReplyListPicker:
		reply.Selections = []message.Selection{{ID: "1", Title: words}}
	}
	answer := event(message.EventReplied, conversation, number)
	answer.Data.Reply = reply
	return answer
}

var appleTypes = map[message.EventType]string{
	message.EventReceived: "text", message.EventReplied: "interactive", message.EventClosed: "close",
	message.EventTypingStarted: "typing_start", message.EventTypingStopped: "typing_end",
}

// errHung stands for a call that did not come back in time.
var errHung = message.Failuref(message.Transient, "the suite's own: the call hangs")

// inbound carries an event through the flow. It gives errHung when that takes longer than its budget allows.
func (r *rig) inbound(in message.Event) *message.Failure {
	r.t.Helper()
	answer := make(chan *message.Failure, 1)
	go func() {
		answer <- r.flow.Inbound(context.Background(), &apple.Incoming{Event: in, Type: appleTypes[in.Type]})
	}()
	select {
	case failure := <-answer:
		return failure
	case <-time.After(budget + slack):
		r.t.Errorf("a delivery has not come back %v after its deadline of %v; every call must end with its context", slack, budget)
		r.desk.Script.Release()
		return errHung
	}
}

// mustDeliver carries a message that nothing stands in the way of.
func (r *rig) mustDeliver(conversation, number int) {
	r.t.Helper()
	if failure := r.inbound(text(conversation, number)); failure != nil {
		r.t.Fatalf("the helpdesk is well, but a message is refused as %s: %v", failure.Class, failure)
	}
	if !r.has(conversation, number) {
		r.t.Fatalf("a message was acknowledged (nil error), but the helpdesk does not have it; it has %v", r.inbox(conversation))
	}
}

// within waits until something is so.
func within(d time.Duration, so func() bool) bool {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if so() {
			return true
		}
	}
	return so()
}
