package flow

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// laneModel is what lanes should do, written as lists.
type laneModel struct {
	lanes *lanes
	queue map[string][]*member // everyone who has not left, in the order of joining
}

type member struct {
	*ticket
	turn   atomic.Bool // wait returned nil
	ended  atomic.Bool // wait returned an error
	cancel context.CancelFunc
}

func (m *laneModel) members() []*member {
	var all []*member
	for _, key := range []string{"a", "b", "c"} {
		all = append(all, m.queue[key]...)
	}
	return all
}

func (m *laneModel) join(key string, patience time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	joined := &member{ticket: m.lanes.join(key), cancel: cancel}
	m.queue[key] = append(m.queue[key], joined)
	go func() {
		err := joined.wait(ctx)
		joined.turn.Store(err == nil)
		joined.ended.Store(err != nil)
	}()
}

func (m *laneModel) leave(who *member) {
	who.cancel()
	who.leave()
	m.queue[who.key] = slices.DeleteFunc(m.queue[who.key], func(other *member) bool { return other == who })
}

func TestLanesKeepTheOrderOfEachKey(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rapid.SyncTest(rt, func(rt *rapid.T) {
			m := &laneModel{lanes: newLanes(), queue: make(map[string][]*member)}
			rt.Repeat(map[string]func(*rapid.T){
				"join": func(rt *rapid.T) {
					m.join(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "key"), rapid.SampledFrom([]time.Duration{time.Second, time.Hour}).Draw(rt, "patience"))
				},
				"leave": func(rt *rapid.T) { // with or without having had its turn
					if all := m.members(); len(all) > 0 {
						m.leave(all[rapid.IntRange(0, len(all)-1).Draw(rt, "who")])
					}
				},
				"time": func(rt *rapid.T) { time.Sleep(2 * time.Second) },
				"": func(rt *rapid.T) {
					synctest.Wait()
					for key, queue := range m.queue {
						for i, who := range queue {
							if who.turn.Load() && i > 0 {
								rt.Fatalf("lane %s: number %d has its turn while %d are ahead", key, i, i)
							}
							if i == 0 && !who.turn.Load() && !who.ended.Load() {
								rt.Fatalf("lane %s: the first one still waits", key)
							}
						}
					}
				},
			})
			for _, who := range m.members() {
				m.leave(who)
			}
			synctest.Wait()
			if len(m.lanes.last) != 0 {
				rt.Fatalf("everyone has left, but %d lanes are kept", len(m.lanes.last))
			}
		})
	})
}

func TestLaneTurnAfterTheDeadlineIsNoTurn(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	lane := newLanes()
	free := lane.join("a")
	if err := free.wait(ctx); err == nil {
		t.Error("a free lane gave a turn to somebody whose time is up")
	}
	free.leave()
	wantEqual(t, "lanes kept", len(lane.last), 0)
}
