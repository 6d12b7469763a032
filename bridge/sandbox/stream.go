package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	streamBuffer    = 512              // changes that a slow page may lag behind
	streamHeartbeat = 15 * time.Second // keeps proxies and the browser sure that we live
	streamWrite     = 5 * time.Second  // deadline of one write
)

// streams are the pages that listen for changes.
type streams struct {
	last  int64 // number of the newest change
	pages map[chan []byte]struct{}
}

func newStreams() streams { return streams{pages: map[chan []byte]struct{}{}} }

// publish sends a change to every page. The caller holds s.mu, so that a page's
// snapshot and the changes after it fit together without a gap. A page that lags too
// far behind is cut off: it connects again and gets a new snapshot.
func (s *Sandbox) publish(kind string, change any) {
	s.streams.last++
	if len(s.streams.pages) == 0 {
		return
	}
	frame := s.frame(kind, change)
	for page := range s.streams.pages {
		select {
		case page <- frame:
		default:
			delete(s.streams.pages, page)
			close(page)
		}
	}
}

func (s *Sandbox) frame(kind string, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil { // every change is a plain struct of ours
		s.log.Error("sandbox: encoding a change", "kind", kind, "err", err)
		data = []byte("null")
	}
	return fmt.Appendf(nil, "id: %d\nevent: %s\ndata: %s\n\n", s.streams.last, kind, data)
}

// listen registers a page and gives it the whole state as its first frame. A page
// that reconnects gets the same: its Last-Event-ID is not needed.
func (s *Sandbox) listen() (chan []byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.streams.pages) >= maxStreams {
		return nil, false
	}
	page := make(chan []byte, streamBuffer)
	page <- s.frame("snapshot", s.snapshot())
	s.streams.pages[page] = struct{}{}
	return page, true
}

func (s *Sandbox) leave(page chan []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams.pages, page)
}

// serveEvents is GET /events: server-sent events until the page goes.
func (s *Sandbox) serveEvents(w http.ResponseWriter, r *http.Request) {
	page, ok := s.listen()
	if !ok {
		w.Header().Set("Retry-After", "5")
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	defer s.leave(page)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	out := http.NewResponseController(w)
	send := func(frame []byte) bool {
		// A writer that knows no deadlines is still written to: it is a test's recorder.
		_ = out.SetWriteDeadline(time.Now().Add(streamWrite))
		_, err := w.Write(frame)
		return err == nil && out.Flush() == nil
	}
	if !send([]byte("retry: 1000\n\n")) {
		return
	}
	beat := time.NewTicker(streamHeartbeat)
	defer beat.Stop()
	for {
		frame := []byte(": still here\n\n")
		select {
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
			return
		case <-beat.C:
		case change, open := <-page:
			if !open {
				return
			}
			frame = change
		}
		if !send(frame) {
			return
		}
	}
}

// state is everything that a page shows.
type state struct {
	Businesses    []Business      `json:"businesses"`
	Customers     []*customer     `json:"customers"`
	Threads       []*thread       `json:"threads"`
	Conversations []*conversation `json:"conversations"`
	Hops          []*hop          `json:"hops"`
	Faults        faults          `json:"faults"`
	Connector     string          `json:"connector"`
	People        []person        `json:"people"` // who can sign in
	HelpDesk      *HelpDesk       `json:"help_desk,omitempty"`
}

// snapshot collects the state. The caller holds s.mu until it is encoded.
func (s *Sandbox) snapshot() state {
	s.desk.dropSilentVisitors(s)
	return state{
		Businesses:    s.businesses,
		Customers:     nonNil(s.phones.customers),
		Threads:       nonNil(s.phones.threads),
		Conversations: nonNil(s.desk.conversations),
		Hops:          nonNil(s.traffic.hops),
		Faults:        s.faults,
		Connector:     s.connector,
		People:        people,
		HelpDesk:      s.helpDesk,
	}
}

// nonNil makes an empty list [] in JSON, not null.
func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
