package flow

import "sync"

// tasks counts goroutines that nobody waits for but a shutdown. Unlike with a [sync.WaitGroup], new ones may begin
// while it waits.
type tasks struct {
	mu      sync.Mutex
	running int
	waiting chan struct{} // closed when the last one ends; nil while nobody waits
}

func (t *tasks) run(work func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running++
	go func() {
		defer t.end()
		work()
	}()
}

func (t *tasks) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running--
	if t.running == 0 && t.waiting != nil {
		close(t.waiting)
		t.waiting = nil
	}
}

// idle gives a channel that is closed as soon as nothing runs.
func (t *tasks) idle() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running == 0 {
		idle := make(chan struct{})
		close(idle)
		return idle
	}
	if t.waiting == nil {
		t.waiting = make(chan struct{})
	}
	return t.waiting
}
