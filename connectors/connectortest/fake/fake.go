// Package fake has what the fake helpdesk of every connector needs: a script of what goes wrong, and an inbox that
// remembers what the helpdesk durably has. It is written with the standard library alone, so that a fake shares no code
// with the connector that is tested against it.
package fake

import (
	"bytes"
	"context"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Fault is what goes wrong with one call. The zero value is a call that goes well.
type Fault struct {
	Delay  time.Duration // before anything else happens
	Status int           // answer with this status; 0: with the right answer
	Header http.Header   // headers that go with Status
	Raw    string        // answer with these bytes and close the connection
	Reset  bool          // break the connection instead of answering
	Hang   bool          // never answer
	// Late makes the fault hit after the call was done in full: the caller does not hear that it worked. A call that
	// stores nothing goes well then, unless the fault is a Status.
	Late bool
}

func (f Fault) ok() bool { return f.Status == 0 && f.Raw == "" && !f.Reset && !f.Hang }

// RetryLater is the header of a helpdesk that wants to be left alone for so long that nobody waits for it.
func RetryLater() http.Header { return http.Header{"Retry-After": {"3600"}} }

// Script decides what goes wrong with each call. The zero value lets all calls go well.
type Script struct {
	mu       sync.Mutex
	next     []Fault
	always   func() Fault
	calls    int
	released chan struct{}
}

// Next makes the next calls fail, one with each fault.
func (s *Script) Next(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append(s.next, faults...)
}

// Always asks fault about every call that Next did not decide, until Heal.
func (s *Script) Always(fault func() Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always = fault
}

// Heal lets all further calls go well.
func (s *Script) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next, s.always = nil, nil
}

// Calls is how many calls have come.
func (s *Script) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// Release ends the calls that hang, and keeps later ones from hanging: for the end of a test.
func (s *Script) Release() {
	release := s.release()
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-release:
	default:
		close(release)
	}
}

func (s *Script) release() chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.released == nil {
		s.released = make(chan struct{})
	}
	return s.released
}

func (s *Script) decide() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if len(s.next) > 0 {
		fault := s.next[0]
		s.next = s.next[1:]
		return fault
	}
	if s.always != nil {
		return s.always()
	}
	return Fault{}
}

// Wrap puts the script before the helpdesk's API.
func (s *Script) Wrap(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body) // also lets the server notice when the caller hangs up
		if err != nil {
			return
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		fault := s.decide()
		s.wait(req.Context(), fault.Delay)
		if fault.ok() {
			api.ServeHTTP(w, req)
			return
		}
		var answer recorder
		if fault.Late {
			call := &call{}
			api.ServeHTTP(&answer, req.WithContext(context.WithValue(req.Context(), callKey{}, call)))
			if !call.stored && fault.Status == 0 {
				answer.replay(w, 0)
				return
			}
		}
		s.fail(w, req, fault, &answer)
	})
}

func (s *Script) wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
	case <-s.release():
	}
}

func (s *Script) fail(w http.ResponseWriter, req *http.Request, fault Fault, answer *recorder) {
	switch {
	case fault.Hang:
		select {
		case <-req.Context().Done():
		case <-s.release():
		}
	case fault.Reset:
		conn := hijack(w)
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	case fault.Raw != "":
		conn := hijack(w)
		_, _ = io.WriteString(conn, fault.Raw)
		_ = conn.Close()
	default:
		maps.Copy(w.Header(), fault.Header)
		answer.replay(w, fault.Status)
	}
}

func hijack(w http.ResponseWriter) net.Conn {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return conn
}

// recorder keeps an answer until it is known what becomes of it.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header {
	if r.header == nil {
		r.header = make(http.Header)
	}
	return r.header
}

func (r *recorder) WriteHeader(status int) { r.status = status }

func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

// replay sends what was recorded, under another status if one is given.
func (r *recorder) replay(w http.ResponseWriter, status int) {
	maps.Copy(w.Header(), r.header)
	if status == 0 {
		status = max(r.status, http.StatusOK)
	}
	w.WriteHeader(status)
	_, _ = w.Write(r.body.Bytes()) // refused for 204 and 304, which have no body
}

type callKey struct{}

// call notes whether a call stored something.
type call struct{ stored bool }

// Conversation is what a helpdesk has of one customer.
type Conversation struct {
	Texts  []string // the messages, in the order in which they were stored
	Typing int      // how often it was told of typing
	Closed int      // how often it was told that the customer left
	Opened bool     // whether there is a conversation at all
	Notes  []string // what only agents see
	Kept   string   // what the bridge keeps beside the conversation
}

// Inbox is what the fake durably has. The zero value is empty.
type Inbox struct {
	mu            sync.Mutex
	conversations map[string]Conversation
	ids           map[string]bool
}

// Add stores a message, unless one with the same id is already there; "" is never the same. The context is that of the
// request.
func (b *Inbox) Add(ctx context.Context, customer, id, text string) (fresh bool) {
	return b.once(ctx, customer, id, func(c *Conversation) {
		c.Texts = append(c.Texts, text)
		c.Opened = true
	})
}

// Close notes that the customer left, once for each id.
func (b *Inbox) Close(ctx context.Context, customer, id string) (fresh bool) {
	return b.once(ctx, customer, id, func(c *Conversation) { c.Closed++ })
}

// Type notes that the customer types.
func (b *Inbox) Type(customer string) {
	b.once(context.Background(), customer, "", func(c *Conversation) { c.Typing++ })
}

// Note stores what only agents see.
func (b *Inbox) Note(ctx context.Context, customer, text string) {
	b.once(ctx, customer, "", func(c *Conversation) { c.Notes = append(c.Notes, text) })
}

// Keep stores what the bridge keeps beside the conversation, in the place of what was there.
func (b *Inbox) Keep(ctx context.Context, customer, value string) {
	b.once(ctx, customer, "", func(c *Conversation) { c.Kept = value })
}

func (b *Inbox) once(ctx context.Context, customer, id string, change func(*Conversation)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if call, ok := ctx.Value(callKey{}).(*call); ok {
		call.stored = true
	}
	if id != "" && b.ids[id] {
		return false
	}
	if b.conversations == nil {
		b.conversations, b.ids = make(map[string]Conversation), make(map[string]bool)
	}
	b.ids[id] = true
	conversation := b.conversations[customer]
	change(&conversation)
	b.conversations[customer] = conversation
	return true
}

// Conversation gives what there is of one customer.
func (b *Inbox) Conversation(customer string) Conversation {
	b.mu.Lock()
	defer b.mu.Unlock()
	conversation := b.conversations[customer]
	conversation.Texts, conversation.Notes = slices.Clone(conversation.Texts), slices.Clone(conversation.Notes)
	return conversation
}

// Reply is what an agent writes.
type Reply struct {
	ID       string // the same for every attempt at the same message
	Business string
	Customer string
	Text     string
	Note     bool // only agents see it; asked only of helpdesks in which the bridge writes notes
}

// Forgery is what is wrong with a webhook.
type Forgery int

// The forgeries.
const (
	Genuine   Forgery = iota // nothing
	Unsigned                 // no signature at all
	WrongKey                 // signed with another secret
	Stale                    // signed rightly, but long ago
	Altered                  // changed after it was signed
	Malformed                // signed rightly, but not what a helpdesk sends
)

// Forgeries lists those that must be refused for their signature.
var Forgeries = []Forgery{Unsigned, WrongKey, Stale, Altered}

func (f Forgery) String() string {
	names := [...]string{"genuine", "unsigned", "signed with the wrong secret", "stale", "altered", "malformed"}
	if f < 0 || int(f) >= len(names) {
		return strconv.Itoa(int(f))
	}
	return names[f]
}

// Serve serves on a loopback address until stop, which may be called more than once.
func Serve(t interface{ Fatal(...any) }, handler http.Handler) (address string, stop func()) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		_ = server.Serve(listener)
	}()
	return "http://" + listener.Addr().String(), func() {
		_ = server.Close()
		<-finished
	}
}
