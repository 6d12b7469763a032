package payment

import (
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"bizbridge/bridge/message"
)

// maxRemembered bounds the requests whose end one replica remembers; each takes some 500 bytes.
const maxRemembered = 8192

// Memory knows what providers said on this replica. It saves asking again, and nothing depends on it. It outlives a change of
// configuration, and is safe for concurrent use.
type Memory struct {
	learning sync.Mutex // two consents to a request may end at the same time
	payments *lru.Cache[string, message.Payment]
}

// NewMemory makes an empty one.
func NewMemory() *Memory {
	payments, err := lru.New[string, message.Payment](maxRemembered)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	return &Memory{payments: payments}
}

func memoryKey(asked Request) string {
	return asked.ID + " " + string(asked.Business) + " " + string(asked.Customer)
}

// learn keeps a provider's word. news tells that it was not known: money that was taken stays taken, and what
// is uncertain of one consent stays so, whatever is said of another.
func (m *Memory) learn(asked Request, payment message.Payment) (news bool) {
	m.learning.Lock()
	defer m.learning.Unlock()
	known, ok := m.payments.Get(memoryKey(asked))
	if ok && known.Status == payment.Status && known.TransactionID == payment.TransactionID {
		return false
	}
	certain := payment.Status == message.PaymentAuthorized
	if !ok || certain || known.Status != message.PaymentAuthorized && known.Status != message.PaymentUncertain {
		m.payments.Add(memoryKey(asked), payment)
	}
	return true
}

func (m *Memory) recall(asked Request) (message.Payment, bool) {
	return m.payments.Get(memoryKey(asked))
}
