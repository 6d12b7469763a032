package asapp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
)

// What a stream is given. Variables for tests only.
var (
	openTime    = 15 * time.Second // to be opened; the URL is good for 30 s
	silence     = 5 * time.Minute  // without a sign of ASAPP: how often it gives one is not documented
	firstPause  = time.Second      // before it is opened again
	longPause   = 30 * time.Second
	goodLife    = 10 * time.Second // a stream that lived so long was well, and is opened again at once
	catchUpTime = 5 * time.Second  // for what was missed in between
	lastWords   = 5 * time.Second  // for answers that are under way when the bridge stops
)

type sender = func(context.Context, message.Outbound) *message.Failure

// Run reads GenerativeAgent's stream of this replica, and opens it again whenever it ends. When ctx ends it still waits for
// the answers to questions that were asked, for a moment.
func (c *Connector) Run(ctx context.Context, send sender) {
	if !c.settings.GenerativeAgent {
		return
	}
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	lanes := newLanes(func(event agentEvent) { c.handle(working, event, send) })
	defer context.AfterFunc(ctx, func() { c.stopSoon(working, lanes, stop) })()
	defer lanes.wait()
	pause := firstPause
	for ctx.Err() == nil {
		began := time.Now()
		err := c.listen(working, lanes)
		if ctx.Err() != nil {
			break
		}
		if time.Since(began) >= goodLife {
			c.Logger.Debug("the stream of GenerativeAgent ended and is opened again", "error", err)
			pause = firstPause
			continue
		}
		c.Logger.Warn("the stream of GenerativeAgent broke; its answers wait until it is open again", "error", err, "pause", pause)
		rest(ctx, pause/2+rand.N(pause/2))
		pause = min(2*pause, longPause)
	}
}

// stopSoon ends the reading as soon as no answer is due, and none is on its way.
func (c *Connector) stopSoon(ctx context.Context, lanes *lanes, stop func()) {
	end := time.Now().Add(lastWords)
	for (len(c.watch.waiting(c.Now())) > 0 || lanes.busy()) && time.Now().Before(end) && ctx.Err() == nil {
		rest(ctx, 50*time.Millisecond)
	}
	stop()
}

// rest waits, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// listen opens the stream and reads it to its end.
func (c *Connector) listen(ctx context.Context, lanes *lanes) error {
	stream, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer stream.Body.Close()
	c.catchUp(ctx, lanes)
	events := newEventReader(stream.Body)
	for {
		raw, err := events.next()
		if errors.Is(err, io.EOF) {
			return errors.New("ASAPP ended it")
		}
		if err != nil {
			return err
		}
		if raw.name == "status" { // ASAPP's sign that it is there
			continue
		}
		event, ours, err := readEvent(raw.data)
		if err != nil {
			c.Logger.Warn("an event of GenerativeAgent cannot be read", "error", err)
			continue
		}
		if ours {
			lanes.add(ctx, event)
		}
	}
}

// open asks for an address, which is good for one use within 30 seconds, and uses it.
func (c *Connector) open(ctx context.Context) (*httpclient.Stream, error) {
	address, err := c.streamURL(ctx, c.stream)
	if err != nil {
		return nil, err
	}
	// Its proof is in the address: it goes to another host, and the API key must not.
	stream, err := c.HTTP.Open(ctx, httpclient.Call{
		Operation: opStream, Method: http.MethodGet, URL: address, Retry: httpclient.RetryNever, Silence: silence,
		Header: http.Header{"Accept": {"text/event-stream"}, "Cache-Control": {"no-cache"}, "User-Agent": {"bizbridge"}},
	})
	if err != nil {
		return nil, err
	}
	if stream.Status != http.StatusOK {
		_ = stream.Body.Close()
		return nil, message.Failuref(message.Transient, "%s answers %d instead of a stream", c.Name, stream.Status)
	}
	return stream, nil
}

// streamURL gives an address for a stream.
func (c *Connector) streamURL(ctx context.Context, id string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	var made struct {
		URL string `json:"streamingUrl"`
	}
	err := c.call(ctx, opStreamURL, http.MethodPost, "/generativeagent/v1/streams", map[string]string{"streamId": id}, &made)
	if err != nil {
		return "", err
	}
	parsed, err := url.Parse(made.URL)
	own, _ := url.Parse(c.url)
	if err != nil || parsed.Host == "" || parsed.Scheme != "https" && parsed.Scheme != own.Scheme {
		return "", message.Failuref(message.Permanent, "%s answers no usable address of a stream", c.Name)
	}
	return made.URL, nil
}

// catchUp looks for answers that came while no stream was open. Whether ASAPP keeps them for the stream is not said; what
// comes twice has the same key.
func (c *Connector) catchUp(ctx context.Context, lanes *lanes) {
	ctx, cancel := context.WithTimeout(ctx, catchUpTime)
	defer cancel()
	for conversation, known := range c.watch.waiting(c.Now()) {
		messages, err := c.messages(ctx, conversation)
		if err != nil {
			c.Logger.Warn("answers of GenerativeAgent may have been missed", "error", err)
			continue
		}
		answers := answersIn(messages, known.after)
		if len(answers) > 0 {
			c.watch.settled(conversation) // what still comes, comes over the stream
		}
		for _, said := range answers {
			event := agentEvent{ConversationID: conversation, Type: eventReply}
			event.Reply.MessageID, event.Reply.Text = said.ID, said.Text
			lanes.add(ctx, event)
		}
	}
}

// answersIn are the messages after a question, or after the last thing that the customer said.
func answersIn(messages []storedMessage, after string) (answers []storedMessage) {
	asked := slices.IndexFunc(messages, func(said storedMessage) bool { return after != "" && said.ID == after })
	for i, said := range messages {
		if asked < 0 && said.Sender.Role == roleCustomer {
			answers = nil
		}
		if i > asked && said.Sender.Role == roleAgent {
			answers = append(answers, said)
		}
	}
	return answers
}

// What a message to a customer is given.
var (
	sendFor   = 10 * time.Minute
	sendPause = time.Second
)

// handle sends what an event says. It is tried until Apple has it or has refused it, or until it is old.
func (c *Connector) handle(ctx context.Context, event agentEvent, send sender) {
	if event.Type == eventProcessingEnd {
		defer c.watch.settled(event.ConversationID)
	}
	content, key := c.contentOf(event)
	if content == nil {
		if event.Type == eventToSystem || event.Type == eventSystemTransfer {
			c.Logger.Warn("GenerativeAgent handed over to a system without naming a template; the README tells how it does")
		}
		return
	}
	pause := sendPause
	for end := time.Now().Add(sendFor); ; pause = min(2*pause, longPause) {
		failure, told := c.sendOne(ctx, event, key, content, send)
		over := ctx.Err() != nil || time.Now().Add(pause).After(end)
		switch {
		case failure == nil || told && failure.Class.Final() || content.Kind() == message.KindTyping:
			return
		case over || failure.Class.Final():
			c.Logger.Error("an answer of GenerativeAgent did not reach the customer", "class", failure.Class, "error", failure)
			c.noteLost(ctx, event.ConversationID, failure)
			return
		}
		rest(ctx, max(pause, min(failure.RetryAfter, longPause)))
	}
}

// sendOne sends it once. told says that a final failure is one of Apple, of which the agents hear by themselves.
func (c *Connector) sendOne(ctx context.Context, event agentEvent, key string, content message.Content, send sender) (failure *message.Failure, told bool) {
	finding, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	who, ours, err := c.customerOf(finding, event.ConversationID)
	if err != nil {
		return message.FailureOf(err), false
	}
	if !ours {
		c.Logger.Warn("an event of GenerativeAgent is about a conversation whose metadata names no customer of the bridge")
		return nil, false
	}
	return send(ctx, message.Outbound{
		Key: key, BusinessID: who.business, CustomerID: who.id, Sealed: who.sealed, Sender: message.Sender{Kind: message.SenderBot}, Content: content,
	}), true
}

// noteLost tells the agents, best effort: nobody else will.
func (c *Connector) noteLost(ctx context.Context, conversation string, failure *message.Failure) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	if _, err := c.note(ctx, conversation, fmt.Sprintf("Not sent to the customer: an answer of GenerativeAgent (%s).", failure.SenderCode()), c.Now()); err != nil {
		c.Logger.Warn("a note cannot be written", "error", err)
	}
}
