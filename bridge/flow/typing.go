package flow

import (
	"context"
	"sync"
)

// typingSlots holds at most one typing indicator per conversation: a newer one, or a message, takes the place of an
// older one that is still on its way.
type typingSlots struct {
	mu     sync.Mutex
	cancel map[string]*context.CancelFunc
}

func newTypingSlots() *typingSlots {
	return &typingSlots{cancel: make(map[string]*context.CancelFunc)}
}

// supersede cancels the indicator that is on its way.
func (s *typingSlots) supersede(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replace(key, nil)
}

func (s *typingSlots) replace(key string, next *context.CancelFunc) {
	if cancel := s.cancel[key]; cancel != nil {
		(*cancel)()
	}
	if next == nil {
		delete(s.cancel, key)
		return
	}
	s.cancel[key] = next
}

// take cancels what is on its way and registers the next one. free must be called when that one is done.
func (s *typingSlots) take(ctx context.Context, key string) (taken context.Context, free func()) {
	ctx, cancel := context.WithTimeout(ctx, typingPatience)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replace(key, &cancel)
	return ctx, func() {
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.cancel[key] == &cancel {
			delete(s.cancel, key)
		}
	}
}
