package sandbox

import (
	"context"
	"sync"
)

// lanes run jobs in order within a lane, and lanes beside each other. A lane's
// goroutine lives only while it has work.
type lanes struct {
	ctx     context.Context
	mu      sync.Mutex
	closed  bool
	waiting map[string][]func(context.Context) // a lane that runs has an entry, maybe empty
	running sync.WaitGroup
}

func newLanes(ctx context.Context) *lanes {
	return &lanes{ctx: ctx, waiting: map[string][]func(context.Context){}}
}

// add puts a job into a lane. It answers false where the lane is full or the
// sandbox closed.
func (l *lanes) add(lane string, job func(context.Context)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	queue, runs := l.waiting[lane]
	if len(queue) >= maxWaiting {
		return false
	}
	l.waiting[lane] = append(queue, job)
	if !runs {
		l.running.Go(func() { l.run(lane) })
	}
	return true
}

func (l *lanes) run(lane string) {
	for {
		l.mu.Lock()
		queue := l.waiting[lane]
		if len(queue) == 0 || l.closed {
			delete(l.waiting, lane)
			l.mu.Unlock()
			return
		}
		job := queue[0]
		l.waiting[lane] = queue[1:]
		l.mu.Unlock()
		job(l.ctx)
	}
}

// close drops what waits, and returns when no lane runs any more. Jobs under way
// are told to hurry by the context, which must have been cancelled.
func (l *lanes) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.running.Wait()
}
