package asapp

import (
	"context"
	"sync"
)

// maxWaiting is how many events may wait to be sent; the stream is not read any further then.
const maxWaiting = 1024

// lanes keeps the events of one conversation in order, while those of others do not wait for them.
type lanes struct {
	work    func(agentEvent)
	places  chan struct{}
	workers sync.WaitGroup

	mu      sync.Mutex
	waiting map[string][]agentEvent // by conversation; it is there as long as somebody works on it
}

func newLanes(work func(agentEvent)) *lanes {
	return &lanes{work: work, places: make(chan struct{}, maxWaiting), waiting: make(map[string][]agentEvent)}
}

// add hands an event over. It waits where too many are waiting.
func (l *lanes) add(ctx context.Context, event agentEvent) {
	select {
	case l.places <- struct{}{}:
	case <-ctx.Done():
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	queue, busy := l.waiting[event.ConversationID]
	l.waiting[event.ConversationID] = append(queue, event)
	if !busy {
		l.workers.Go(func() { l.run(event.ConversationID) })
	}
}

func (l *lanes) run(conversation string) {
	for {
		l.mu.Lock()
		queue := l.waiting[conversation]
		if len(queue) == 0 {
			delete(l.waiting, conversation)
			l.mu.Unlock()
			return
		}
		l.waiting[conversation] = queue[1:]
		l.mu.Unlock()
		l.work(queue[0])
		<-l.places
	}
}

func (l *lanes) wait() { l.workers.Wait() }

// busy tells whether an event is waiting or being sent.
func (l *lanes) busy() bool { return len(l.places) > 0 }
