package signin

import (
	"context"
	"crypto/sha256"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// maxRemembered bounds the states that one replica remembers; each takes some 250 bytes.
	maxRemembered = 8192
	// maxFailures is how often one state may end without a sign-in. A person who tries again stays below; who plays with a
	// link cannot flood provider and helpdesk.
	maxFailures = 10
)

// Memory knows which states were used on this replica. It is bounded, and a help rather than the proof: the provider takes
// a code only once. It is safe for concurrent use.
type Memory struct {
	states *lru.Cache[[seedSize]byte, *usage]
}

// NewMemory makes an empty one.
func NewMemory() *Memory {
	states, err := lru.New[[seedSize]byte, *usage](maxRemembered)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	return &Memory{states}
}

// usage is what became of one state. Whoever holds its turn may read and write it.
type usage struct {
	turn     chan struct{}
	signedIn bool
	code     [sha256.Size]byte // hash of the code with which somebody signed in
	failures int
}

// enter waits for the turn of a state: a browser that asks twice must not spend the code of the first request. It gives nil
// when ctx ends before; else [usage.leave] is to be called.
func (m *Memory) enter(ctx context.Context, seed [seedSize]byte) *usage {
	used, ok := m.states.Get(seed)
	if !ok {
		used = &usage{turn: make(chan struct{}, 1)}
		if earlier, ok, _ := m.states.PeekOrAdd(seed, used); ok {
			used = earlier
		}
	}
	select {
	case used.turn <- struct{}{}:
		return used
	case <-ctx.Done():
		return nil
	}
}

func (u *usage) leave() { <-u.turn }

// verdict tells why no attempt may be made, or nil. The same code again is the same request again: a page that is reloaded.
func (u *usage) verdict(code string) *ending {
	switch {
	case u.signedIn && code != "" && u.code == sha256.Sum256([]byte(code)):
		return &endRepeated
	case u.signedIn:
		return &endUsed
	case u.failures >= maxFailures:
		return &endTooOften
	}
	return nil
}

func (u *usage) succeed(code string) { u.signedIn, u.code = true, sha256.Sum256([]byte(code)) }
