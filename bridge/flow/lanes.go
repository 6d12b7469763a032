package flow

import (
	"context"
	"sync"
)

// lanes keeps what belongs to one conversation in order, and lets different conversations pass each other.
type lanes struct {
	mu   sync.Mutex
	last map[string]*ticket // the newest ticket of each lane that is in use

	waiting map[string]int // tickets that have not been left, by lane
}

func newLanes() *lanes { return &lanes{last: make(map[string]*ticket), waiting: make(map[string]int)} }

// ticket is a place in a lane. Its turn comes when everyone before has left.
type ticket struct {
	lanes  *lanes
	key    string
	place  int             // how many tickets of the lane were taken and not left before this one
	before <-chan struct{} // nil: the lane was free
	left   chan struct{}
}

// join takes the next place in the lane. Every ticket must be left, whether or not its turn was waited for.
func (l *lanes) join(key string) *ticket {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &ticket{lanes: l, key: key, left: make(chan struct{})}
	if ahead := l.last[key]; ahead != nil {
		t.before = ahead.left
		t.place = l.waiting[key]
	}
	l.waiting[key]++
	l.last[key] = t
	return t
}

// wait returns nil when it is the ticket's turn.
func (t *ticket) wait(ctx context.Context) error {
	if t.before == nil {
		return ctx.Err()
	}
	select {
	case <-t.before:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave lets the next one go: at once if this one had its turn, else when everyone ahead has left too.
func (t *ticket) leave() {
	if t.before == nil {
		t.release()
		return
	}
	select {
	case <-t.before:
		t.release()
	default:
		go func() {
			<-t.before
			t.release()
		}()
	}
}

func (t *ticket) release() {
	t.lanes.mu.Lock()
	defer t.lanes.mu.Unlock()
	close(t.left)
	if t.lanes.waiting[t.key]--; t.lanes.waiting[t.key] == 0 {
		delete(t.lanes.waiting, t.key)
	}
	if t.lanes.last[t.key] == t {
		delete(t.lanes.last, t.key)
	}
}
