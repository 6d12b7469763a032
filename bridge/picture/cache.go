package picture

import (
	"context"
	"crypto/sha256"
	"math"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Cache keeps images that were made to fit, so that another try need not make them again: a list of photographs may take
// longer than its message has time. Nobody may change what it gives. It is safe for concurrent use.
type Cache struct {
	limit int                                                               // bytes
	png   func(ctx context.Context, data []byte, limit int) ([]byte, error) // [PNG], but for tests

	mu     sync.Mutex
	made   *simplelru.LRU[cacheKey, []byte]
	bytes  int
	making map[cacheKey]chan struct{} // closed when the try has ended, well or not
}

type cacheKey struct {
	source [sha256.Size]byte
	limit  int
}

// perEntry is about what an entry takes besides its image.
const perEntry = 250

// NewCache makes a cache of at most so many bytes.
func NewCache(limit int) *Cache {
	c := &Cache{limit: limit, png: PNG, making: make(map[cacheKey]chan struct{})}
	c.made, _ = simplelru.NewLRU(math.MaxInt32, func(_ cacheKey, png []byte) { c.bytes -= len(png) + perEntry })
	return c
}

// PNG is [PNG], unless the same was made before. Of the same image at the same time one is made; who waits for it makes
// it after all if the first one fails, perhaps for want of time.
func (c *Cache) PNG(ctx context.Context, data []byte, limit int) ([]byte, error) {
	key := cacheKey{sha256.Sum256(data), limit}
	for {
		c.mu.Lock()
		png, ok := c.made.Get(key)
		other := c.making[key]
		if !ok && other == nil {
			c.making[key] = make(chan struct{})
		}
		c.mu.Unlock()
		switch {
		case ok:
			return png, nil
		case other == nil:
			return c.make(ctx, key, data)
		}
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (c *Cache) make(ctx context.Context, key cacheKey, data []byte) (png []byte, err error) {
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if png != nil && err == nil {
			c.keep(key, png)
		}
		close(c.making[key])
		delete(c.making, key)
	}()
	return c.png(ctx, data, key.limit)
}

func (c *Cache) keep(key cacheKey, png []byte) {
	c.made.Add(key, png)
	c.bytes += len(png) + perEntry
	for c.bytes > c.limit {
		c.made.RemoveOldest()
	}
}
