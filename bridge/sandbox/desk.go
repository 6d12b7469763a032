package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// customerTyping is how long a customer's typing shows without word of its end.
const customerTyping = 60 * time.Second

// desk is a small helpdesk: it knows of customers only what webhooks told it.
type desk struct {
	conversations []*conversation
	seen          idMemory // webhook-ids
	made          int

	vault *vault
	files memory[*deskFile]
	base  string // the desk's own address, as the bridge called it last
}

func newDesk() desk {
	return desk{seen: newIDMemory(maxSeenIDs), vault: newVault(), files: newMemory[*deskFile](maxShownFiles)}
}

// conversation is all that the desk knows of one customer of one business.
type conversation struct {
	Key          string   `json:"key"`
	BusinessID   string   `json:"business_id"`
	CustomerID   string   `json:"customer_id"`
	Context      string   `json:"context"` // opaque, the newest; echoed in answers
	Locale       string   `json:"locale"`
	Intent       string   `json:"intent"`
	Group        string   `json:"group"`
	Device       string   `json:"device"`
	Capabilities []string `json:"capabilities"`
	Unread       int      `json:"unread"`
	Closed       bool     `json:"closed"`
	// Visitor marks one who types but has not written yet. Typing opens no
	// conversation: a visitor who stops is forgotten.
	Visitor     bool      `json:"visitor"`
	TypingUntil int64     `json:"typing_until"` // milliseconds
	LastAt      time.Time `json:"last_at"`
	Preview     string    `json:"preview"`
	// Person is who signed in, once Apple has confirmed it.
	Person  *deskPerson `json:"person,omitempty"`
	Entries []*entry    `json:"entries,omitempty"` // in snapshots

	agentTypes bool // the bridge was told that the agent types
	toldAt     time.Time
}

// The kinds of an entry.
const (
	entryCustomer = "customer"
	entryAgent    = "agent"
	entryReaction = "reaction"
	entryReply    = "reply" // the customer's answer to an interactive message
	entrySignIn   = "signin"
	entryPayment  = "payment"
	entryNote     = "note"
)

// entry is one line of a conversation.
type entry struct {
	ID          string       `json:"id"`
	Kind        string       `json:"kind"`
	Text        string       `json:"text"`
	At          time.Time    `json:"at"`
	Attachments []attachment `json:"attachments,omitempty"`
	Reaction    *reactedTo   `json:"reaction,omitempty"`
	Sender      *sender      `json:"sender,omitempty"` // of the desk's own, as are the next
	Status      string       `json:"status,omitempty"`
	Code        string       `json:"code,omitempty"`
	Reason      string       `json:"reason,omitempty"`
	Level       string       `json:"level,omitempty"` // of a note: "info" or "warning"
	Save        bool         `json:"save,omitempty"`  // was sent with save
	Saved       *savedRef    `json:"saved,omitempty"` // of a note: can be sent again

	Reply     json.RawMessage `json:"reply,omitempty"`     // as the bridge told it
	Fallbacks []fallback      `json:"fallbacks,omitempty"` // what the bridge sent instead
	Note      string          `json:"note,omitempty"`      // the bridge's words for the agent
	Errors    []contentError  `json:"errors,omitempty"`    // why the bridge refused

	SignIn  *deskSignIn  `json:"signin,omitempty"`  // how far a sign-in has come
	Payment *deskPayment `json:"payment,omitempty"` // how far a payment has come

	parts []string // ids that Apple saw
	wire  []byte   // what was posted, while it may be posted again
}

// fallback tells that a content was sent as another kind.
type fallback struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Reason string `json:"reason"`
}

// contentError is one thing that is wrong with a content.
type contentError struct {
	Pointer string `json:"pointer"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
}

// savedRef is what a message.sent tells of a message that was sent with save.
type savedRef struct {
	MessageID string          `json:"message_id"`
	DataRef   json.RawMessage `json:"data_ref"`
}

type reactedTo struct {
	Verb    string `json:"verb"`
	Emoji   string `json:"emoji"`
	Removed bool   `json:"removed"`
	Quoted  string `json:"quoted"`
}

type sender struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// Desk is the helpdesk's webhook endpoint, and beside it that of its till, which takes payments. Another helpdesk posts its own
// webhooks here, below the path that they have at the bridge.
func (s *Sandbox) Desk() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hooks/apple", s.serveHook)
	mux.HandleFunc("POST /hooks/payment", s.serveTill)
	mux.HandleFunc("GET /files/{id}/{name}", s.serveOutgoing)
	if s.helpDesk != nil {
		mux.HandleFunc("POST /webhooks/"+s.connector, s.serveRelay)
	}
	return mux
}

// serveHook is POST /hooks/apple: one signed event.
func (s *Sandbox) serveHook(w http.ResponseWriter, r *http.Request) {
	x := s.openHop(bridgeToDesk, r.Method, r.URL.RequestURI(), r.Header)
	body, refused := s.readHook(w, r)
	s.carry(x, body.event, body.shown, webhookCheck(body.signature))
	if refused != nil {
		s.answerHook(w, x, refused.status, refused.reason)
		return
	}
	if body.signature != nil {
		s.answerHook(w, x, http.StatusUnauthorized, body.signature.Error())
		return
	}
	if s.hookFault(w, x) {
		return
	}
	var e event
	if err := json.Unmarshal(body.event, &e); err != nil || e.Type == "" {
		s.answerHook(w, x, http.StatusBadRequest, "the event is not JSON with a type")
		return
	}
	s.noteBase(r)
	note := s.receive(r.Header.Get("webhook-id"), e, body.files)
	w.WriteHeader(http.StatusOK)
	s.closeHop(x, http.StatusOK, "", note)
}

// noteBase remembers where the bridge reaches the desk: files are offered at the same address.
func (s *Sandbox) noteBase(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.desk.base = "http://" + r.Host
	if r.TLS != nil {
		s.desk.base = "https://" + r.Host
	}
}

// hookFault answers in place of a desk in trouble, or makes it slow.
func (s *Sandbox) hookFault(w http.ResponseWriter, x *hop) (answered bool) {
	if _, down := s.hit(faultDeskDown); down {
		s.answerHook(w, x, http.StatusServiceUnavailable, "fault: the desk is down")
		return true
	}
	if _, refuse := s.hit(faultDeskRefuse); refuse {
		s.answerHook(w, x, http.StatusBadRequest, "fault: the desk refuses")
		return true
	}
	if delay, slow := s.hit(faultDeskSlow); slow {
		s.pause(delay)
	}
	return false
}

func (s *Sandbox) answerHook(w http.ResponseWriter, x *hop, status int, reason string) {
	http.Error(w, reason, status)
	s.closeHop(x, status, reason, "")
}

func webhookCheck(err error) check {
	if err != nil {
		return check{"bad", err.Error()}
	}
	return check{"ok", "Standard Webhooks, v1"}
}

func (d *desk) find(key string) *conversation {
	i := slices.IndexFunc(d.conversations, func(c *conversation) bool { return c.Key == key })
	if i < 0 {
		return nil
	}
	return d.conversations[i]
}

func (d *desk) of(businessID, customerID string) *conversation {
	i := slices.IndexFunc(d.conversations, func(c *conversation) bool {
		return c.BusinessID == businessID && c.CustomerID == customerID
	})
	if i < 0 {
		return nil
	}
	return d.conversations[i]
}

// conversationOf finds a conversation, or begins it. The one that was quiet for
// longest makes room where there are too many.
func (s *Sandbox) conversationOf(businessID, customerID string) *conversation {
	if c := s.desk.of(businessID, customerID); c != nil {
		return c
	}
	if len(s.desk.conversations) >= maxConversations {
		s.dropConversation(slices.MinFunc(s.desk.conversations, func(a, b *conversation) int {
			return a.LastAt.Compare(b.LastAt)
		}))
	}
	s.desk.made++
	c := &conversation{
		Key: fmt.Sprintf("k%d", s.desk.made), BusinessID: businessID, CustomerID: customerID,
		LastAt: s.now(),
	}
	s.desk.conversations = append(s.desk.conversations, c)
	return c
}

func (s *Sandbox) dropConversation(c *conversation) {
	s.desk.conversations = slices.DeleteFunc(s.desk.conversations, func(x *conversation) bool { return x == c })
	s.publish("conversation_gone", struct {
		Key string `json:"key"`
	}{c.Key})
}

// dropSilentVisitors forgets those who typed a while ago and never wrote.
func (d *desk) dropSilentVisitors(s *Sandbox) {
	now := s.now().UnixMilli()
	for _, c := range slices.Clone(d.conversations) {
		if c.Visitor && c.TypingUntil < now {
			s.dropConversation(c)
		}
	}
}

func (s *Sandbox) publishConversation(c *conversation) {
	meta := *c
	meta.Entries = nil
	s.publish("conversation", meta)
}

// entryChange tells a page of a new or altered entry.
type entryChange struct {
	Conversation string `json:"conversation"`
	Entry        *entry `json:"entry"`
}

func (s *Sandbox) publishEntry(c *conversation, e *entry) {
	s.publish("entry", entryChange{c.Key, e})
}

func (s *Sandbox) addEntry(c *conversation, e *entry) {
	if len(c.Entries) >= maxEntries {
		c.Entries = slices.Delete(c.Entries, 0, len(c.Entries)-maxEntries+1)
	}
	e.At = s.now()
	c.Entries = append(c.Entries, e)
	c.LastAt = e.At
	s.publishEntry(c, e)
}

// readConversation is the agent looking at a conversation.
func (s *Sandbox) readConversation(key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.desk.find(key)
	if c == nil {
		return notFound("no such conversation")
	}
	if c.Unread > 0 {
		c.Unread = 0
		s.publishConversation(c)
	}
	return nil
}
