package picture

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// counting is a cache whose images are made by make, and how often that was.
func counting(limit int, make func(ctx context.Context, data []byte) ([]byte, error)) (*Cache, *atomic.Int32) {
	c, calls := NewCache(limit), new(atomic.Int32)
	c.png = func(ctx context.Context, data []byte, _ int) ([]byte, error) {
		calls.Add(1)
		return make(ctx, data)
	}
	return c, calls
}

func TestWhatWasMadeIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	c, calls := counting(10_000, func(_ context.Context, data []byte) ([]byte, error) {
		if string(data) == "no image" {
			return nil, refusedf(nil, "is no image")
		}
		return append([]byte("PNG of "), data...), nil
	})
	for i, test := range []struct {
		data  string
		limit int
		calls int32
	}{{"a", 100, 1}, {"a", 100, 1}, {"b", 100, 2}, {"a", 50, 3}, {"a", 100, 3}, {"no image", 100, 4}, {"no image", 100, 5}} {
		out, err := c.PNG(t.Context(), []byte(test.data), test.limit)
		if (err == nil) != (string(out) == "PNG of "+test.data) || calls.Load() != test.calls {
			t.Errorf("%d: %q, %v, %d calls", i, out, err, calls.Load())
		}
	}
	if len(c.making) != 0 {
		t.Errorf("%d tries go on", len(c.making))
	}
}

func TestACacheHasABound(t *testing.T) {
	t.Parallel()
	c, calls := counting(3*(1000+perEntry), func(_ context.Context, data []byte) ([]byte, error) {
		return bytes.Repeat(data[:1], 1000*len(data)), nil
	})
	for i, want := range []struct {
		data string
		kept int
	}{{"a", 1}, {"b", 2}, {"c", 3}, {"a", 3}, {"d", 3}, {"a", 3}, {"ee", 2}, {"ffff", 0}} {
		if _, err := c.PNG(t.Context(), []byte(want.data), 1); err != nil || c.made.Len() != want.kept || c.bytes > c.limit {
			t.Errorf("%d: %d images in %d bytes, %v", i, c.made.Len(), c.bytes, err)
		}
	}
	if calls.Load() != 6 || c.bytes != 0 { // "b" went first, not "a"
		t.Errorf("%d calls, %d bytes", calls.Load(), c.bytes)
	}
}

func TestTheSameAtTheSameTimeIsMadeOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		c, calls := counting(10_000, func(ctx context.Context, data []byte) ([]byte, error) {
			select {
			case <-goOn:
				return data, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
		ask := func(ctx context.Context, want error) func() {
			return func() {
				if _, err := c.PNG(ctx, []byte("a"), 1); !errors.Is(err, want) {
					t.Errorf("%v, want %v", err, want)
				}
			}
		}
		var tries sync.WaitGroup
		first, giveUp := context.WithCancel(t.Context())
		tries.Go(ask(first, context.Canceled))
		synctest.Wait()
		second, leave := context.WithCancel(t.Context())
		tries.Go(ask(second, context.Canceled))
		for range 3 {
			tries.Go(ask(t.Context(), nil))
		}
		synctest.Wait()
		leave() // while it waits for the first
		synctest.Wait()
		if calls.Load() != 1 {
			t.Errorf("%d calls while one is made", calls.Load())
		}
		giveUp() // one of the others goes on
		synctest.Wait()
		close(goOn)
		tries.Wait()
		if calls.Load() != 2 || len(c.making) != 0 {
			t.Errorf("%d calls, %d go on", calls.Load(), len(c.making))
		}
	})
}

func TestATryThatPanicsHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	c, calls := counting(10_000, nil)
	c.png = func(context.Context, []byte, int) ([]byte, error) { panic("bomb") }
	for range 2 {
		func() {
			defer func() { _ = recover() }()
			_, _ = c.PNG(t.Context(), []byte("a"), 1)
		}()
	}
	if len(c.making) != 0 || calls.Load() != 0 || c.made.Len() != 0 {
		t.Errorf("%d go on", len(c.making))
	}
}
