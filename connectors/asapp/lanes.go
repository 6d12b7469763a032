package asapp

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
)

// maxWaiting is how many events may wait to be sent; the stream is not read any further then.
const maxWaiting = 1024

// lanes keeps the events of one conversation in order, while those of others do not wait for them.
type lanes struct {
	work    func(agentEvent)
	logger  *slog.Logger
	places  chan struct{}
	workers sync.WaitGroup

	mu      sync.Mutex
	waiting map[string][]agentEvent // by conversation; it is there as long as somebody works on it
}

func newLanes(logger *slog.Logger, work func(agentEvent)) *lanes {
	return &lanes{work: work, logger: logger, places: make(chan struct{}, maxWaiting), waiting: make(map[string][]agentEvent)}
}

// add hands an event over. It waits where too many are waiting.
func (l *lanes) add(ctx context.Context, event agentEvent) {
	select {
	case l.places <- struct{}{}:
	case <-ctx.Done():
		l.logger.Warn("an event of GenerativeAgent is not sent any more: the bridge stops", "type", event.Type)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue(event)
}

// look hands over a question for what was missed, once for each conversation. It takes no place: there are no more of them
// than conversations are remembered, and none may be dropped or hold up the stream.
func (l *lanes) look(event agentEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.ContainsFunc(l.waiting[event.ConversationID], func(waiting agentEvent) bool { return waiting.missed != nil }) {
		l.queue(event)
	}
}

func (l *lanes) queue(event agentEvent) {
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
		l.do(queue[0])
	}
}

// do works on one event. A panic, which would end the whole bridge here, ends this one.
func (l *lanes) do(event agentEvent) {
	defer func() {
		if cause := recover(); cause != nil { // of which only the type is told: it may quote what was said
			l.logger.Error("panic while sending an answer of GenerativeAgent", "type", event.Type, "panic", fmt.Sprintf("%T", cause))
		}
		if event.missed == nil {
			<-l.places
		}
	}()
	l.work(event)
}

func (l *lanes) wait() { l.workers.Wait() }

// busy tells whether an event is waiting or being sent.
func (l *lanes) busy() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting) > 0
}
