package payment

import (
	"context"

	lru "github.com/hashicorp/golang-lru/v2"

	"bizbridge/bridge/message"
)

const (
	// maxRemembered bounds the requests that one replica remembers; each takes some 600 bytes.
	maxRemembered = 8192
	// maxConsents is how often one request may be consented to on one replica. A person who tries another card stays far
	// below; who plays with a callback's address cannot flood provider and helpdesk.
	maxConsents = 20
)

// Memory knows what providers said on this replica. It saves asking again, and no money depends on it. It outlives a change of
// configuration, and is safe for concurrent use.
type Memory struct {
	requests *lru.Cache[string, *remembered]
}

// remembered is what is known of one request. Whoever holds its turn may read and write it.
type remembered struct {
	turn     chan struct{}
	consents int
	heard    bool // the provider was asked
	asked    Request
	payment  message.Payment
}

// NewMemory makes an empty one.
func NewMemory() *Memory {
	requests, err := lru.New[string, *remembered](maxRemembered)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	return &Memory{requests}
}

func memoryKey(asked Request) string {
	return asked.ID + " " + string(asked.Business) + " " + string(asked.Customer)
}

// enter waits for the turn of a request: two consents to it go to the provider one after the other. nil: ctx ended before; else
// [remembered.leave] is to be called.
func (m *Memory) enter(ctx context.Context, asked Request) *remembered {
	known, ok := m.requests.Get(memoryKey(asked))
	if !ok {
		known = &remembered{turn: make(chan struct{}, 1)}
		if earlier, ok, _ := m.requests.PeekOrAdd(memoryKey(asked), known); ok {
			known = earlier
		}
	}
	select {
	case known.turn <- struct{}{}:
		return known
	case <-ctx.Done():
		return nil
	}
}

func (r *remembered) leave() { <-r.turn }

// learn keeps a provider's word. news tells that it was not known. Money that was taken stays taken, and what is uncertain of
// one consent stays so, whatever is said of another.
func (r *remembered) learn(asked Request, payment message.Payment) (news bool) {
	known := r.payment
	if r.heard && known.Status == payment.Status && known.TransactionID == payment.TransactionID {
		return false
	}
	settled := known.Status == message.PaymentAuthorized
	open := known.Status == message.PaymentUncertain && known.TransactionID != payment.TransactionID
	if !r.heard || payment.Status == message.PaymentAuthorized || !settled && !open {
		r.heard, r.asked, r.payment = true, asked, payment
	}
	return true
}
