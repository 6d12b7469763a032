package connectortest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/connectors"
	"bizbridge/connectors/connectortest/fake"
)

// recorder is a test that may fail without anybody's harm.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	skipped  bool
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}
func (r *recorder) Error(args ...any)                 { r.Errorf("%s", fmt.Sprint(args...)) }
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); runtime.Goexit() }
func (r *recorder) Fatal(args ...any)                 { r.Fatalf("%s", fmt.Sprint(args...)) }
func (r *recorder) FailNow()                          { runtime.Goexit() }
func (r *recorder) Skip(...any)                       { r.skipped = true; runtime.Goexit() }
func (r *recorder) Log(...any)                        {}
func (r *recorder) Logf(string, ...any)               {}
func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.failures) > 0
}

// verdict runs one law and gives what it complains of.
func verdict(t *testing.T, l law, subject Subject) []string {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.run(r, subject)
	}()
	<-done
	return r.failures
}

// plain is a helpdesk with the smallest API there could be, and plainConnector its connector. Each of the broken
// connectors below differs from it in one thing.
type plainConnector struct {
	connectors.Environment
	settings *plainSettings
	broken   breakage
}

type plainSettings struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// breakage is what is wrong with a connector.
type breakage struct {
	deliver func(c *plainConnector, ctx context.Context, event message.Event) error // instead of the right thing
	call    func(call *httpclient.Call)                                             // changes every call
	typing  func(call *httpclient.Call)
	receive func(c *plainConnector, req *http.Request) ([]message.Outbound, error)
	note    func(c *plainConnector, ctx context.Context, customer, text string) error
	keep    func(c *plainConnector, ctx context.Context, customer, sealed string) error
	silent  bool // relays no failures
	factory func(factory *connectors.Factory)
	// forgetful is a helpdesk that does not recognise repeats, whatever the factory declares.
	forgetful bool
}

const plainToken = "t0psecret"

func (c *plainConnector) Deliver(ctx context.Context, event message.Event) (connectors.Receipt, error) {
	if c.broken.deliver != nil {
		return connectors.Receipt{}, c.broken.deliver(c, ctx, event)
	}
	return connectors.Receipt{}, c.post(ctx, "/messages", event, nil)
}

func (c *plainConnector) RelayTyping(ctx context.Context, event message.Event) error {
	return c.post(ctx, "/typing", event, func(call *httpclient.Call) {
		call.Retry = httpclient.RetryNever
		if c.broken.typing != nil {
			c.broken.typing(call)
		}
	})
}

func (c *plainConnector) RelayClose(ctx context.Context, event message.Event) error {
	return c.post(ctx, "/close", event, nil)
}

func (c *plainConnector) RelaysFailures() bool { return !c.broken.silent }

func (c *plainConnector) WriteNote(ctx context.Context, _ message.BusinessID, customer message.CustomerID, text string) error {
	if c.broken.note != nil {
		return c.broken.note(c, ctx, string(customer), text)
	}
	return c.send(ctx, "/notes", plainMessage{Customer: string(customer), Text: text}, nil)
}

func (c *plainConnector) KeepChoice(ctx context.Context, _ message.BusinessID, customer message.CustomerID, sealed string) error {
	if c.broken.keep != nil {
		return c.broken.keep(c, ctx, string(customer), sealed)
	}
	return c.send(ctx, "/kept", plainMessage{Customer: string(customer), Text: sealed}, nil)
}

func (c *plainConnector) KeptChoice(ctx context.Context, _ message.BusinessID, customer message.CustomerID) (string, error) {
	resp, err := c.HTTP.Do(ctx, httpclient.Call{
		Operation: "kept", Method: http.MethodGet, URL: c.settings.URL + "/kept?customer=" + url.QueryEscape(string(customer)), Retry: httpclient.RetryIdempotent,
		Header: http.Header{"Authorization": {"Bearer " + c.settings.Token}},
	})
	if err != nil {
		return "", err
	}
	return string(resp.Body), connectors.StatusFailure(c.Name, resp)
}

type plainMessage struct{ ID, Customer, Text string }

func (c *plainConnector) post(ctx context.Context, path string, event message.Event, change func(*httpclient.Call)) error {
	sent := plainMessage{string(event.Data.ID), string(event.Data.CustomerID), event.Data.Text}
	if event.Data.Reply != nil {
		sent.Text = event.Data.Reply.Text()
	}
	if event.Data.Failed != nil {
		sent.Text = "Not sent: " + event.Data.Failed.Reason
	}
	return c.send(ctx, path, sent, change)
}

func (c *plainConnector) send(ctx context.Context, path string, sent plainMessage, change func(*httpclient.Call)) error {
	body, _ := json.Marshal(sent)
	call := httpclient.Call{
		Operation: "message", Method: http.MethodPost, URL: c.settings.URL + path, Body: body, Retry: httpclient.RetryIdempotent,
		Header: http.Header{"Authorization": {"Bearer " + c.settings.Token}},
	}
	if c.broken.call != nil {
		c.broken.call(&call)
	}
	if change != nil {
		change(&call)
	}
	resp, err := c.HTTP.Do(ctx, call)
	if err != nil {
		return err
	}
	return connectors.StatusFailure(c.Name, resp)
}

func (c *plainConnector) Receive(_ context.Context, req *http.Request) ([]message.Outbound, error) {
	if c.broken.receive != nil {
		return c.broken.receive(c, req)
	}
	if req.Header.Get("Authorization") != "Bearer "+c.settings.Token {
		return nil, &signature.Error{Reason: signature.Mismatch, Text: "the token is wrong"}
	}
	return c.parse(req)
}

func (c *plainConnector) parse(req *http.Request) ([]message.Outbound, error) {
	return c.parseAll(req, false)
}

func (c *plainConnector) parseAll(req *http.Request, notes bool) ([]message.Outbound, error) {
	body, err := connectors.ReadBody(req)
	if err != nil {
		return nil, err
	}
	var about struct{ Note bool }
	if json.Unmarshal(body, &about) == nil && about.Note && !notes {
		return nil, nil
	}
	out, err := message.DecodeSend(body)
	if err != nil {
		return nil, err
	}
	return []message.Outbound{out}, nil
}

// plainSubject is the connector with one thing wrong, or none.
func plainSubject(broken breakage) Subject {
	factory := connectors.Factory{
		Type: "plain", Summary: "a helpdesk for tests",
		NewConfig: func() any { return &plainSettings{} },
		Schema: []byte(`{"type": "object", "additionalProperties": false, "required": ["url", "token"],
			"properties": {"url": {"type": "string"}, "token": {"type": "string"}}}`),
		Abilities: connectors.Abilities{
			Inbound: map[message.EventType]connectors.Level{
				message.EventReceived: connectors.Full, message.EventReplied: connectors.Fallback, message.EventClosed: connectors.Full,
				message.EventFailed:        connectors.Full,
				message.EventTypingStarted: connectors.Full, message.EventTypingStopped: connectors.Full,
			},
			Idempotent: true,
		},
		New: func(env connectors.Environment, settings any) (connectors.Connector, error) {
			return &plainConnector{Environment: env, settings: settings.(*plainSettings), broken: broken}, nil
		},
	}
	if broken.factory != nil {
		broken.factory(&factory)
	}
	return Subject{
		Factory: factory, Start: func(t testing.TB) *Helpdesk { return startPlain(t, factory.Abilities.Idempotent && !broken.forgetful) },
		Example: `{"url": "https://desk.example.com", "token": "x"}`,
	}
}

func startPlain(t testing.TB, idempotent bool) *Helpdesk {
	desk := &Helpdesk{Script: &fake.Script{}, Inbox: &fake.Inbox{}, Secrets: []string{plainToken}}
	api := http.NewServeMux()
	handle := func(path string, do func(ctx context.Context, sent plainMessage)) {
		api.HandleFunc("POST "+path, func(w http.ResponseWriter, req *http.Request) {
			var sent plainMessage
			if err := json.NewDecoder(req.Body).Decode(&sent); err != nil || req.Header.Get("Authorization") != "Bearer "+plainToken {
				http.Error(w, "no", http.StatusForbidden)
				return
			}
			if !idempotent {
				sent.ID = ""
			}
			do(req.Context(), sent)
		})
	}
	handle("/messages", func(ctx context.Context, sent plainMessage) {
		desk.Inbox.Add(ctx, sent.Customer, sent.ID, sent.Text)
	})
	handle("/close", func(ctx context.Context, sent plainMessage) { desk.Inbox.Close(ctx, sent.Customer, sent.ID) })
	handle("/notes", func(ctx context.Context, sent plainMessage) { desk.Inbox.Note(ctx, sent.Customer, sent.Text) })
	handle("/kept", func(ctx context.Context, sent plainMessage) { desk.Inbox.Keep(ctx, sent.Customer, sent.Text) })
	api.HandleFunc("GET /kept", func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.WriteString(w, desk.Inbox.Conversation(req.URL.Query().Get("customer")).Kept)
	})
	handle("/typing", func(_ context.Context, sent plainMessage) { desk.Inbox.Type(sent.Customer) })
	address, stop := fake.Serve(t, desk.Script.Wrap(api))
	desk.Settings, desk.Stop = &plainSettings{URL: address, Token: plainToken}, stop
	desk.Webhook = plainWebhook
	return desk
}

func plainWebhook(reply fake.Reply, forgery fake.Forgery) *http.Request {
	body := fmt.Sprintf(`{"type":"message.send","note":%t,"data":{"id":%q,"business_id":%q,"customer_id":%q,"content":{"kind":"text","text":%q}}}`,
		reply.Note, reply.ID, reply.Business, reply.Customer, reply.Text)
	token := plainToken
	switch forgery {
	case fake.WrongKey:
		token = "guessed"
	case fake.Malformed:
		body = "[" + body
	case fake.Stale, fake.Altered: // a bearer token knows no time and covers no body
		return nil
	}
	req, err := http.NewRequest(http.MethodPost, "http://bridge.test/webhooks/plain", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	if forgery != fake.Unsigned {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req
}

func TestAGoodConnectorPasses(t *testing.T) { Run(t, plainSubject(breakage{})) }

func TestAGoodConnectorOfASimpleHelpdeskPasses(t *testing.T) {
	Run(t, plainSubject(breakage{
		call:    func(call *httpclient.Call) { call.Retry = httpclient.RetryUnsent },
		factory: func(factory *connectors.Factory) { factory.Abilities.Idempotent = false },
		silent:  true,
	}))
}

// coreConnector hides the optional interfaces.
type coreConnector struct{ connectors.Connector }

func TestAGoodConnectorWithoutOptionsPasses(t *testing.T) {
	Run(t, plainSubject(breakage{factory: func(factory *connectors.Factory) {
		inner := factory.New
		factory.New = func(env connectors.Environment, settings any) (connectors.Connector, error) {
			connector, err := inner(env, settings)
			return coreConnector{connector}, err
		}
		factory.Abilities.Inbound = map[message.EventType]connectors.Level{message.EventReceived: connectors.Full}
	}}))
}

func (c *plainConnector) right(ctx context.Context, event message.Event) error {
	return c.post(ctx, "/messages", event, nil)
}

func TestBrokenConnectorsFail(t *testing.T) {
	const (
		chaotic  = "under random failures nothing is lost, doubled, reordered or acknowledged early"
		silent   = "errors hold no secret"
		answered = "a lost answer is uncertain, and repeated only where that cannot double"
		refused  = "a refusal for good is reported and not tried again"
		timely   = "a helpdesk that hangs does not outlast the deadline"
		typed    = "typing is never tried twice and never blocks a message"
		genuine  = "webhooks are taken only when they are genuine"
		claimed  = "the factory is complete and claims what it implements"
		stored   = "a message is in the helpdesk when it is acknowledged"
		stopped  = "a shutdown in the middle loses nothing"
		once     = "what an agent sends reaches Apple once and in order"
		statuses = "every status of the helpdesk has its class"
		replied  = "an answer to an interactive message is delivered like a message"
		noted    = "a note is for agents alone"
		kept     = "a kept choice comes back byte for byte"
		failed   = "a message that fails is shown where answers are not read"
	)
	normal := slack
	slack = time.Second
	defer func() { slack = normal }()
	var pending sync.WaitGroup
	t.Cleanup(pending.Wait)
	later := func(c *plainConnector, ctx context.Context, event message.Event, wait time.Duration) {
		pending.Go(func() {
			time.Sleep(wait)
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = c.right(ctx, event)
		})
	}
	var sent atomic.Int64
	var held sync.Map // customer → the event that is held back
	for _, c := range []struct {
		name       string
		law        string
		complaints []string // one of them must be among what the law says
		broken     breakage
	}{
		{"acknowledges before the helpdesk has it", stored, []string{"helpdesk does not have it"}, breakage{
			deliver: func(c *plainConnector, ctx context.Context, event message.Event) error {
				later(c, ctx, event, 0)
				return nil
			}}},
		{"acknowledges early under failures only", chaotic, []string{"acknowledged early"}, breakage{
			deliver: func(c *plainConnector, ctx context.Context, event message.Event) error {
				if err := c.right(ctx, event); err != nil && message.FailureOf(err).Class == message.Transient {
					later(c, ctx, event, 10*time.Millisecond)
				}
				return nil
			}}},
		{"loses what was refused", refused, []string{"it is lost"}, breakage{
			deliver: func(c *plainConnector, ctx context.Context, event message.Event) error {
				_ = c.right(ctx, event)
				return nil
			}}},
		{"loses every twentieth", chaotic, []string{"is lost"}, breakage{
			deliver: func(c *plainConnector, ctx context.Context, event message.Event) error {
				if sent.Add(1)%20 == 0 {
					return nil
				}
				return c.right(ctx, event)
			}}},
		{"doubles: the helpdesk does not know ids after all", chaotic, []string{"although the factory declares Idempotent"}, breakage{forgetful: true}},
		{"doubles: a new id for each try", answered, []string{"after a repeat"}, breakage{
			deliver: func(c *plainConnector, ctx context.Context, event message.Event) error {
				event.Data.ID = message.ID(fmt.Sprint(rand.Int64()))
				return c.right(ctx, event)
			}}},
		{"doubles: repeats what may have arrived without a key", answered, []string{"must not be sent again by itself"}, breakage{
			factory: func(factory *connectors.Factory) { factory.Abilities.Idempotent = false },
		}},
		{"reorders: holds every other message back", chaotic, []string{"order of a conversation", "acknowledged early"}, breakage{
			deliver: func(c *plainConnector, ctx context.Context, event message.Event) error {
				if _, already := held.LoadOrStore(event.Data.CustomerID, event); !already {
					return nil
				}
				if err := c.right(ctx, event); err != nil {
					return err
				}
				if before, ok := held.LoadAndDelete(event.Data.CustomerID); ok {
					return c.right(ctx, before.(message.Event))
				}
				return nil
			}}},
		{"hangs: forgets the context", timely, []string{"the call hangs", "has not come back"}, breakage{
			deliver: func(c *plainConnector, _ context.Context, event message.Event) error {
				return c.right(context.Background(), event)
			}}},
		{"gives up for good at a shutdown", stopped, []string{"nobody will try again"}, breakage{
			deliver: func(c *plainConnector, ctx context.Context, event message.Event) error {
				if err := c.right(ctx, event); err != nil {
					return message.Failuref(message.Permanent, "given up")
				}
				return nil
			}}},
		{"does not stop at a shutdown", stopped, []string{"the shutdown took"}, breakage{
			deliver: func(c *plainConnector, ctx context.Context, event message.Event) error {
				if err := c.right(ctx, event); err != nil {
					time.Sleep(slack + slack/10)
					return err
				}
				return nil
			}}},
		{"reports a refusal as temporary", refused, []string{"tried again for nothing"}, breakage{
			deliver: func(c *plainConnector, ctx context.Context, event message.Event) error {
				if err := c.right(ctx, event); err != nil {
					return message.Failuref(message.Transient, "failed")
				}
				return nil
			}}},
		{"reports a refusal as final when it is temporary", statuses, []string{"is permanent, want transient"}, breakage{
			deliver: func(c *plainConnector, ctx context.Context, event message.Event) error {
				if err := c.right(ctx, event); err != nil {
					failure := *message.FailureOf(err)
					failure.Class = message.Permanent
					return &failure
				}
				return nil
			}}},
		{"calls a lost answer transient", answered, []string{"possible repeat"}, breakage{
			factory: func(factory *connectors.Factory) { factory.Abilities.Idempotent = false },
			call:    func(call *httpclient.Call) { call.Retry = httpclient.RetryUnsent },
			deliver: func(c *plainConnector, ctx context.Context, event message.Event) error {
				if err := c.right(ctx, event); err != nil {
					return message.Failuref(message.Transient, "failed")
				}
				return nil
			}}},
		{"puts its token into an error", silent, []string{"holds secret"}, breakage{
			deliver: func(c *plainConnector, ctx context.Context, event message.Event) error {
				if err := c.right(ctx, event); err != nil {
					return fmt.Errorf("with token %s: %w", c.settings.Token, err)
				}
				return nil
			}}},
		{"puts what was said into an error", silent, []string{"what was said"}, breakage{
			deliver: func(c *plainConnector, ctx context.Context, event message.Event) error {
				if err := c.right(ctx, event); err != nil {
					return fmt.Errorf("%s: %w", event.Data.Text, err)
				}
				return nil
			}}},
		{"logs what was said", stored, []string{"the log holds what was said"}, breakage{
			deliver: func(c *plainConnector, ctx context.Context, event message.Event) error {
				c.Logger.Debug("delivering", "text", event.Data.Text)
				return c.right(ctx, event)
			}}},
		{"leaves a goroutine behind", stored, []string{"goroutines"}, breakage{
			deliver: func(c *plainConnector, ctx context.Context, event message.Event) error {
				pending.Go(func() { time.Sleep(2 * time.Second) })
				return c.right(ctx, event)
			}}},
		{"retries typing", typed, []string{"tried again"}, breakage{
			typing: func(call *httpclient.Call) { call.Retry = httpclient.RetryUnsent }}},
		{"claims less than it implements", claimed, []string{"typing.started"}, breakage{
			factory: func(factory *connectors.Factory) {
				factory.Abilities.Inbound = map[message.EventType]connectors.Level{message.EventReceived: connectors.Full}
			}}},
		{"takes unsigned webhooks", genuine, []string{"unsigned is accepted"}, breakage{
			receive: func(c *plainConnector, req *http.Request) ([]message.Outbound, error) { return c.parse(req) }}},
		{"gives every attempt another key", genuine, []string{"must be equal"}, breakage{receive: freshKey}},
		{"gives every attempt another key", once, []string{"Apple got"}, breakage{receive: freshKey}},
		{"knows only the texts of messages", replied, []string{"use Reply.Text"}, breakage{
			deliver: func(c *plainConnector, ctx context.Context, event message.Event) error {
				event.Data.Reply = nil
				return c.right(ctx, event)
			}}},
		{"drops answers", replied, []string{"use Reply.Text"}, breakage{
			deliver: func(c *plainConnector, ctx context.Context, event message.Event) error {
				if event.Type == message.EventReplied {
					return nil
				}
				return c.right(ctx, event)
			}}},
		{"refuses answers of a kind", replied, []string{"refused as permanent"}, breakage{
			deliver: func(c *plainConnector, ctx context.Context, event message.Event) error {
				if event.Type == message.EventReplied && event.Data.Reply.Kind == message.ReplyInvitation {
					return message.Failuref(message.Permanent, "unknown kind")
				}
				return c.right(ctx, event)
			}}},
		{"loses answers that were refused", replied, []string{"it is lost"}, breakage{
			deliver: func(c *plainConnector, ctx context.Context, event message.Event) error {
				if err := c.right(ctx, event); event.Type != message.EventReplied {
					return err
				}
				return nil
			}}},
		{"shows notes as messages", noted, []string{"among the messages"}, breakage{
			note: func(c *plainConnector, ctx context.Context, customer, text string) error {
				return c.send(ctx, "/messages", plainMessage{Customer: customer, Text: text}, nil)
			}}},
		{"drops notes", noted, []string{"has the notes"}, breakage{
			note: func(*plainConnector, context.Context, string, string) error { return nil }}},
		{"sends notes to the customer", noted, []string{"the customer would read it"}, breakage{
			receive: func(c *plainConnector, req *http.Request) ([]message.Outbound, error) { return c.parseAll(req, true) }}},
		{"puts notes into errors", noted, []string{"what was said"}, breakage{
			note: func(c *plainConnector, ctx context.Context, customer, text string) error {
				if err := c.send(ctx, "/notes", plainMessage{Customer: customer, Text: text}, nil); err != nil {
					return fmt.Errorf("%s: %w", text, err)
				}
				return nil
			}}},
		{"keeps choices in lower case", kept, []string{"byte for byte"}, breakage{
			keep: func(c *plainConnector, ctx context.Context, customer, sealed string) error {
				return c.send(ctx, "/kept", plainMessage{Customer: customer, Text: strings.ToLower(sealed)}, nil)
			}}},
		{"keeps choices cut off", kept, []string{"kept: 255 bytes"}, breakage{
			keep: func(c *plainConnector, ctx context.Context, customer, sealed string) error {
				return c.send(ctx, "/kept", plainMessage{Customer: customer, Text: sealed[:min(len(sealed), 255)]}, nil)
			}}},
		{"forgets no choice", kept, []string{"forgotten: 100 bytes"}, breakage{
			keep: func(c *plainConnector, ctx context.Context, customer, sealed string) error {
				if sealed == "" {
					return nil
				}
				return c.send(ctx, "/kept", plainMessage{Customer: customer, Text: sealed}, nil)
			}}},
		{"keeps one choice for all", kept, []string{"kept for another customer"}, breakage{
			keep: func(c *plainConnector, ctx context.Context, _, sealed string) error {
				for i := range 4 {
					if err := c.send(ctx, "/kept", plainMessage{Customer: string(customer(i)), Text: sealed}, nil); err != nil {
						return err
					}
				}
				return nil
			}}},
		{"shows no failures", failed, []string{"does not show failed.reason"}, breakage{
			deliver: func(c *plainConnector, ctx context.Context, event message.Event) error {
				if event.Type == message.EventFailed {
					return nil
				}
				return c.right(ctx, event)
			}}},
		{"does not claim that it shows failures", failed, []string{"RelaysFailures is true"}, breakage{
			factory: func(factory *connectors.Factory) { delete(factory.Abilities.Inbound, message.EventFailed) }}},
		{"loses failures that it could not show", failed, []string{"but the call gives nil"}, breakage{
			deliver: func(c *plainConnector, ctx context.Context, event message.Event) error {
				if err := c.right(ctx, event); event.Type != message.EventFailed {
					return err
				}
				return nil
			}}},
		{"does not tell that nothing was kept", kept, []string{"but the call gives nil"}, breakage{
			keep: func(c *plainConnector, ctx context.Context, customer, sealed string) error {
				_ = c.send(ctx, "/kept", plainMessage{Customer: customer, Text: sealed}, nil)
				return nil
			}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := slices.IndexFunc(laws, func(l law) bool { return l.name == c.law })
			failures := verdict(t, laws[i], plainSubject(c.broken))
			said := strings.Join(failures, "\n")
			if !slices.ContainsFunc(c.complaints, func(words string) bool { return strings.Contains(said, words) }) {
				t.Errorf("the law %q does not find it; it says %q, want one of %q", c.law, said, c.complaints)
			}
		})
	}
}

func freshKey(c *plainConnector, req *http.Request) ([]message.Outbound, error) {
	if req.Header.Get("Authorization") == "" {
		return nil, &signature.Error{Reason: signature.Missing, Text: "no token"}
	}
	outs, err := c.parse(req)
	for i := range outs {
		outs[i].Key = fmt.Sprint(rand.Int64())
	}
	return outs, err
}
