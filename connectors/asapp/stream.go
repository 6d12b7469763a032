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
	catchUpTime = 2 * time.Minute  // for what was missed in between, in one conversation
	listTime    = 15 * time.Second // each time that it is asked for
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
	lanes := newLanes(c.Logger, func(event agentEvent) {
		if event.missed != nil {
			c.lookBack(working, event, send)
		} else {
			c.handle(working, event, send)
		}
	})
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
	c.catchUp(lanes)
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
			c.watch.hear(event) // afterwards: a stop waits for what is awaited, or is in a lane
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

// catchUp looks for answers that came while no stream was open, while this one is read. Whether ASAPP keeps them for the
// stream is not said; what comes twice has the same key.
func (c *Connector) catchUp(lanes *lanes) {
	for conversation, missed := range c.watch.waiting(c.Now()) {
		lanes.look(agentEvent{ConversationID: conversation, missed: &missed})
	}
}

// lookBack sends what was said in a conversation while no stream was open. What comes over the stream waits for it.
func (c *Connector) lookBack(ctx context.Context, look agentEvent, send sender) {
	pause := sendPause
	for end := time.Now().Add(catchUpTime); ; pause = min(2*pause, longPause) {
		answers, state, err := c.missed(ctx, look)
		if err == nil {
			c.noteState(ctx, look.ConversationID, state)
			for _, said := range answers {
				event := agentEvent{ConversationID: look.ConversationID, Type: eventReply}
				event.Reply.MessageID, event.Reply.Text = said.ID, said.Text
				c.handle(ctx, event, send)
			}
			return
		}
		failure := message.FailureOf(err)
		if failure.Class.Final() || ctx.Err() != nil || time.Now().Add(pause).After(end) {
			c.Logger.Error("answers of GenerativeAgent may have been missed", "class", failure.Class, "error", failure)
			c.tell(ctx, look.ConversationID, "GenerativeAgent could not be heard for a while. The customer may have missed what it said.")
			return
		}
		c.Logger.Warn("it cannot be found out yet what GenerativeAgent has said while its stream was not open", "error", failure)
		rest(ctx, max(pause, min(failure.RetryAfter, longPause)))
	}
}

// missed lists the answers to what the oldest question was, and tells how GenerativeAgent stands. What people say has the
// same role and comes by the webhook: once they have taken over, nothing of the list is sent.
func (c *Connector) missed(ctx context.Context, look agentEvent) (answers []storedMessage, state string, err error) {
	select {
	case c.looking <- struct{}{}:
		defer func() { <-c.looking }()
	case <-ctx.Done():
		return nil, "", ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	messages, err := c.messages(ctx, look.ConversationID)
	if err != nil {
		return nil, "", err
	}
	who, ours, err := c.customerOf(ctx, look.ConversationID)
	if err != nil || !ours {
		return nil, "", err
	}
	state, err = c.state(ctx, who.id) // after the list: people who are in the list have taken over by now
	if err != nil || state == stateTransferredToAgent {
		return nil, state, err
	}
	return answersIn(messages, look.missed.after), state, nil
}

// noteState tells the agents what the list of messages does not show: GenerativeAgent waits for something of which no event has told.
func (c *Connector) noteState(ctx context.Context, conversation, state string) {
	var text string
	switch state {
	case stateWaitingForAuth:
		text = "It waits for the customer to sign in, who may not have been asked to."
	case stateTransferredToSystem:
		text = "It waits for an answer to a rich message, which the customer may not have got."
	case stateTransferredToAgent:
		text = "It has handed over to people. The customer may have missed what it said before."
	default:
		return
	}
	if c.watch.news(conversation, state) {
		c.Logger.Warn("what GenerativeAgent asked for may have been missed while its stream was not open", "state", state)
		c.tell(ctx, conversation, "GenerativeAgent could not be heard for a while. "+text)
	}
	if state == stateTransferredToAgent {
		c.watch.handedOver(conversation)
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
			c.tell(ctx, event.ConversationID, fmt.Sprintf("Not sent to the customer: an answer of GenerativeAgent (%s).", failure.SenderCode()))
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

// tell tells the agents, best effort: nobody else will.
func (c *Connector) tell(ctx context.Context, conversation, text string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	if _, err := c.note(ctx, conversation, text, c.Now()); err != nil {
		c.Logger.Warn("a note cannot be written", "error", err)
	}
}
