package asapp

import (
	"context"
	"net/http"
	"net/url"
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
	since time.Time // of the oldest question that is not answered; zero: there is none
	after string    // the id of its message; "": not known
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
func (w *watch) expect(conversation string, who customer, now time.Time) {
	w.change(conversation, func(known *watched) {
		known.customer = who
		if known.since.IsZero() || now.Sub(known.since) > answerTime {
			known.since, known.after = now, ""
		}
	})
}

// asked notes which message the question was.
func (w *watch) asked(conversation, id string) {
	w.change(conversation, func(known *watched) {
		if !known.since.IsZero() && known.after == "" {
			known.after = id
		}
	})
}

// settled notes that nothing more will come.
func (w *watch) settled(conversation string) {
	w.change(conversation, func(known *watched) { known.since, known.after = time.Time{}, "" })
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
func (w *watch) waiting(now time.Time) map[string]watched {
	w.mu.Lock()
	defer w.mu.Unlock()
	due := make(map[string]watched)
	for _, conversation := range w.conversations.Keys() {
		known, _ := w.conversations.Peek(conversation)
		if !known.since.IsZero() && now.Sub(known.since) <= answerTime {
			due[conversation] = known
		}
	}
	return due
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
