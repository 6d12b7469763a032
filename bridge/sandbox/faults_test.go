package sandbox

import (
	"net/http"
	"testing"
	"time"
)

func (w *world) count(name string) int { return w.state().Faults.find(name).Count }

func TestDeskFaults(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		fault, text, outcome string
		answered             int
	}{
		{faultDeskDown, "one", notDelivered, 503},
		{faultDeskRefuse, "two", notDelivered, 400},
	} {
		w.fault(c.fault, true)
		w.phoneSays(c.text, c.outcome)
		w.fault(c.fault, false)
		if n := w.count(c.fault); n != 1 {
			t.Errorf("%s counted %d", c.fault, n)
		}
		hops := w.state().Hops
		found := false
		for _, h := range hops {
			found = found || h.Hop == bridgeToDesk && h.Status == c.answered && h.Check.State == "ok"
		}
		if !found {
			t.Errorf("%s: no hop with %d", c.fault, c.answered)
		}
	}
	w.call("/api/faults", map[string]any{"name": faultDeskSlow, "on": true, "delay_ms": 80}, 202)
	begin := time.Now()
	w.phoneSays("three", delivered)
	if took := time.Since(begin); took < 80*time.Millisecond {
		t.Errorf("the slow desk took %v", took)
	}
	w.call("/api/faults", map[string]any{"name": "gremlins", "on": true}, 404)
	w.call("/api/faults", map[string]any{"name": faultDeskSlow, "on": true, "delay_ms": 60000}, 400)
	w.call("/api/faults", map[string]any{"name": faultDeskDown, "on": true, "delay_ms": 100}, 400)
}

func TestDuplicates(t *testing.T) {
	w := newWorld(t)
	w.fault(faultDuplicate, true)
	w.phoneSays("Hello", delivered)
	w.eventually("both to be answered", func(s state) bool {
		done := 0
		for _, h := range s.Hops {
			if h.Done && h.Hop == phoneToBridge {
				done++
			}
		}
		return done == 2
	})
	posts := w.bridge.posts()
	if posts[0].body["id"] != posts[1].body["id"] {
		t.Error("two ids")
	}
	if n := len(w.state().Conversations[0].Entries); n != 1 {
		t.Errorf("the desk shows %d", n)
	}
}

func TestAppleFaults(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	send := func() gatewayAnswer {
		return postToGateway(t, w.gateway.URL, func(q *gatewayRequest) { q.set("destinationId", w.s.phones.threads[0].OpaqueID) })
	}
	w.fault(faultAppleDown, true)
	if got := send(); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") != "1" {
		t.Errorf("down: %+v", got)
	}
	w.fault(faultAppleDown, false)
	w.fault(faultAppleDrop, true)
	if got := send(); got.err == nil {
		t.Errorf("drop: %+v", got)
	}
	w.fault(faultAppleDrop, false)
	w.call("/api/faults", map[string]any{"name": faultAppleSlow, "on": true, "delay_ms": 80}, 202)
	begin := time.Now()
	if got := send(); got.status != 200 || time.Since(begin) < 80*time.Millisecond {
		t.Errorf("slow: %+v after %v", got, time.Since(begin))
	}
	if n := len(w.state().Threads[0].Bubbles); n != 3 { // the customer's, the dropped, the slow
		t.Errorf("%d bubbles", n)
	}
}

// TestCloseEndsWaiting closes the sandbox while a slow desk holds a request.
func TestCloseEndsWaiting(t *testing.T) {
	w := newWorld(t)
	w.call("/api/faults", map[string]any{"name": faultDeskSlow, "on": true, "delay_ms": 20000}, 202)
	w.call("/api/phone/send", map[string]any{"customer": w.customer, "text": "Hello"}, 202)
	w.eventually("the hop", func(s state) bool { return len(s.Hops) == 2 })
	begin := time.Now()
	w.s.Close()
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("Close took %v", took)
	}
	w.call("/api/phone/send", map[string]any{"customer": w.customer, "text": "Hello"}, 429)
}
