package asapp

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"bizbridge/bridge/message"
	"bizbridge/connectors/customerid"
)

// customer is whom a conversation is with, and what is known of their device.
type customer struct {
	business message.BusinessID
	id       message.CustomerID
	sealed   string
}

// answerTime is how long GenerativeAgent may take; after it, nobody waits for an answer any more.
const answerTime = 10 * time.Minute

// watch keeps in mind whom this replica has asked for. That saves asking ASAPP about each event, and tells which answers may
// have been missed while a stream was being opened again. Nothing but time is lost with it.
type watch struct {
	mu            sync.Mutex
	conversations *lru.Cache[string, watched]
}

type watched struct {
	customer
	open  []question // those that are not answered, oldest first
	heard string     // the state that the last event since then has led to; "": to none that matters
}

type question struct {
	key string // a repeat has the same
	at  time.Time
	id  string // of its message; "": not known
}

func (q question) old(now time.Time) bool { return now.Sub(q.at) > answerTime }

// due is a conversation in which an answer is awaited.
type due struct {
	after string // the id of the oldest question's message; "": not known
}

// watches are those of all streams: a configuration that is loaded again goes on with the same.
var watches sync.Map

func watchOf(stream string) *watch {
	known, _ := watches.LoadOrStore(stream, newWatch())
	return known.(*watch)
}

func newWatch() *watch {
	conversations, err := lru.New[string, watched](remembered)
	if err != nil {
		panic(err) // the size is a positive constant
	}
	return &watch{conversations: conversations}
}

func (w *watch) change(conversation string, change func(*watched)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	known, _ := w.conversations.Get(conversation)
	change(&known)
	w.conversations.Add(conversation, known)
}

// expect notes that an answer will come. It is called before the question is asked.
func (w *watch) expect(conversation string, who customer, key string, now time.Time) {
	w.change(conversation, func(known *watched) {
		known.customer, known.heard = who, ""
		known.open = slices.DeleteFunc(known.open, func(q question) bool { return q.old(now) })
		if !slices.ContainsFunc(known.open, func(q question) bool { return q.key == key }) {
			known.open = append(known.open, question{key: key, at: now})
		}
	})
}

// asked notes which message the question was.
func (w *watch) asked(conversation, key, id string) {
	w.change(conversation, func(known *watched) {
		if i := slices.IndexFunc(known.open, func(q question) bool { return q.key == key }); i >= 0 && id != "" {
			known.open[i].id = id
		}
	})
}

// hear notes what an event means for what is awaited. An end is that of one question; which one, it does not say. People who
// take over answer by another way.
func (w *watch) hear(event agentEvent) {
	switch event.Type {
	case eventProcessingEnd:
		w.change(event.ConversationID, func(known *watched) { known.open = known.open[min(1, len(known.open)):] })
	case eventAuthRequired, eventAuthRequested:
		w.change(event.ConversationID, func(known *watched) { known.heard = stateWaitingForAuth })
	case eventToSystem, eventSystemTransfer:
		w.change(event.ConversationID, func(known *watched) { known.heard = stateTransferredToSystem })
	case eventToAgent:
		w.handedOver(event.ConversationID)
	}
}

// handedOver notes that people have taken over.
func (w *watch) handedOver(conversation string) {
	w.change(conversation, func(known *watched) { known.open, known.heard = nil, stateTransferredToAgent })
}

// news notes that a conversation is in a state, and tells whether no event has said so.
func (w *watch) news(conversation, state string) (news bool) {
	w.change(conversation, func(known *watched) { news, known.heard = known.heard != state, state })
	return news
}

// know notes whom a conversation is with.
func (w *watch) know(conversation string, who customer) {
	w.change(conversation, func(known *watched) { known.customer = who })
}

func (w *watch) get(conversation string) (watched, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	known, ok := w.conversations.Get(conversation)
	return known, ok && known.id != ""
}

// waiting lists the conversations in which an answer is due.
func (w *watch) waiting(now time.Time) map[string]due {
	w.mu.Lock()
	defer w.mu.Unlock()
	waiting := make(map[string]due)
	for _, conversation := range w.conversations.Keys() {
		known, _ := w.conversations.Peek(conversation)
		if i := slices.IndexFunc(known.open, func(q question) bool { return !q.old(now) }); i >= 0 {
			waiting[conversation] = due{known.open[i].id}
		}
	}
	return waiting
}

// conversation asks ASAPP for a conversation; nil for none.
func (c *Connector) conversation(ctx context.Context, id string) (*conversation, error) {
	var found conversation
	err := c.call(ctx, opFind, http.MethodGet, conversationsPath+"/"+url.PathEscape(id), nil, &found)
	if unknown(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &found, nil
}

// customerOf tells whom a conversation is with. false: it is of another channel, or somebody has changed its metadata.
func (c *Connector) customerOf(ctx context.Context, id string) (customer, bool, error) {
	if known, ok := c.watch.get(id); ok {
		return known.customer, true, nil
	}
	found, err := c.conversation(ctx, id)
	if err != nil || found == nil {
		return customer{}, false, err
	}
	who := customer{
		business: message.BusinessID(found.Metadata[metaBusiness]), id: message.CustomerID(found.Metadata[metaCustomer]), sealed: found.Metadata[metaContext],
	}
	if who.business == "" || who.id.Fault() != "" || !customerid.Belongs(found.ExternalID, who.id) {
		return customer{}, false, nil
	}
	c.watch.know(id, who)
	return who, true, nil
}
