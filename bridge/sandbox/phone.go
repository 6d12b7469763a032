package sandbox

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// device is a kind of device that a customer may use.
type device struct {
	Name         string   `json:"name"`  // of the control API
	Agent        string   `json:"agent"` // Apple's device-agent header
	Capabilities []string `json:"capabilities"`
	upperCaseIDs bool     // some devices write UUIDs in upper case
}

var devices = []device{
	{Name: "iphone", Agent: "iPhone OS", Capabilities: []string{"LIST", "TIME", "AUTH", "AUTH2", "QUICK", "FORM"}},
	{Name: "mac", Agent: "Mac OS X", Capabilities: []string{"LIST", "TIME", "AUTH", "AUTH2", "QUICK"}, upperCaseIDs: true},
	{Name: "watch", Agent: "Watch OS", Capabilities: []string{}},
	{Name: "old_iphone", Agent: "iPhone OS", Capabilities: []string{"LIST", "TIME", "AUTH"}},
}

// shows tells whether the device can show a kind of interactive message. What it cannot show is a placeholder.
func (d device) shows(message interactiveData) bool {
	can := func(capability string) bool { return slices.Contains(d.Capabilities, capability) }
	switch message.kind {
	case kindQuickReply:
		return can("QUICK")
	case kindListPicker:
		return can("LIST")
	case kindTimePicker:
		return can("TIME")
	case kindForm:
		return can("FORM")
	case kindAuth:
		return message.signIn.fits(d)
	case kindApp: // needs no capability, but a device that apps of Messages run on
		return d.Agent == "iPhone OS"
	}
	return true
}

func deviceNamed(name string) (device, error) {
	i := slices.IndexFunc(devices, func(d device) bool { return d.Name == name })
	if i < 0 {
		return device{}, badRequest("no such device")
	}
	return devices[i], nil
}

// customer is a person with an Apple ID. The far side never learns more of them than
// an opaque id per business.
type customer struct {
	Key       string `json:"key"`
	Label     string `json:"label"`
	Device    device `json:"device"`
	Locale    string `json:"locale"`
	SignedOut bool   `json:"signed_out"`
	NoPay     bool   `json:"no_apple_pay"` // Apple Pay is not set up on their devices
}

// thread is one customer's conversation with one business.
type thread struct {
	Customer    string    `json:"customer"`
	BusinessID  string    `json:"business_id"`
	OpaqueID    string    `json:"opaque_id"`
	Started     bool      `json:"started"`           // the customer has written at least once
	Deleted     bool      `json:"deleted"`           // and deleted the conversation since
	TypingUntil int64     `json:"typing_until"`      // milliseconds; the business types until then
	Launch      *launch   `json:"launch,omitempty"`  // of an entry link, until the first text takes it along
	Bubbles     []*bubble `json:"bubbles,omitempty"` // in snapshots
	Reset       bool      `json:"reset,omitempty"`   // in changes: forget the bubbles
	person      *customer // whose thread it is
}

// launch is what an entry link carries.
type launch struct {
	Intent string `json:"intent"`
	Group  string `json:"group"`
}

// What can become of a message of the customer's.
const (
	sending      = "sending"
	delivered    = "delivered"
	notDelivered = "not_delivered"
)

// bubble is one message on the phone.
type bubble struct {
	ID        string    `json:"id"`
	From      string    `json:"from"` // "customer" or "business"
	Text      string    `json:"text"` // with a U+FFFC for each file
	At        time.Time `json:"at"`
	Status    string    `json:"status,omitempty"` // of the customer's own
	Reason    string    `json:"reason,omitempty"` // why it was not delivered
	Automated bool      `json:"automated,omitempty"`
	Repeats   int       `json:"repeats,omitempty"` // times that the bridge sent it again
	Reaction  *reaction `json:"reaction,omitempty"`

	Files       []*shownFile `json:"files,omitempty"`
	Interactive *interactive `json:"interactive,omitempty"`
	Link        *link        `json:"link,omitempty"`

	request *phoneRequest // what was posted, for a resend
	twice   bool          // it is to be delivered twice
	unseen  bool          // Apple took it, but the phone shows nothing
}

// reaction is the customer's tapback on a bubble. It is a message of its own.
type reaction struct {
	ID      string `json:"id"`
	Verb    string `json:"verb"`
	Status  string `json:"status"`
	Removed bool   `json:"removed,omitempty"`

	request *phoneRequest
}

type phones struct {
	customers []*customer
	threads   []*thread
	made      int
	files     memory[*phoneFile]
}

func newPhones() phones { return phones{files: newMemory[*phoneFile](maxShownFiles)} }

type customerSpec struct {
	Label  string `json:"label"`
	Device string `json:"device"`
	Locale string `json:"locale"`
}

// addCustomer makes a customer with a thread, and so an opaque id, per business.
func (s *Sandbox) addCustomer(spec customerSpec) (customer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &s.phones
	if len(p.customers) >= maxCustomers {
		return customer{}, conflict("there are enough customers; restart to begin anew")
	}
	uses, err := deviceNamed(first(spec.Device, devices[0].Name))
	if err != nil {
		return customer{}, err
	}
	p.made++
	c := &customer{
		Key: fmt.Sprintf("c%d", p.made), Label: shorten(strings.TrimSpace(spec.Label), 40),
		Device: uses, Locale: shorten(spec.Locale, 20),
	}
	if c.Label == "" {
		c.Label = fmt.Sprintf("Customer %d", p.made)
	}
	if c.Locale == "" {
		c.Locale = "en_US"
	}
	p.customers = append(p.customers, c)
	s.publish("customer", c)
	for _, b := range s.businesses {
		t := &thread{Customer: c.Key, BusinessID: b.ID, OpaqueID: newOpaqueID(), person: c}
		p.threads = append(p.threads, t)
		s.publish("thread", t.meta())
	}
	return *c, nil
}

// threadOf finds a thread; an empty business means the first.
func (s *Sandbox) threadOf(customerKey, businessID string) (*thread, error) {
	if b, ok := s.business(businessID); ok {
		for _, t := range s.phones.threads {
			if t.Customer == customerKey && t.BusinessID == b.ID {
				return t, nil
			}
		}
	}
	return nil, notFound("no such customer or business")
}

// meta is the thread without its bubbles, as changes tell it.
func (t *thread) meta() thread {
	m := *t
	m.Bubbles = nil
	return m
}

func (t *thread) bubble(id string) *bubble {
	for _, b := range t.Bubbles {
		if b.ID == id {
			return b
		}
	}
	return nil
}

// bubbleChange tells a page of a new or altered bubble.
type bubbleChange struct {
	Customer   string  `json:"customer"`
	BusinessID string  `json:"business_id"`
	Bubble     *bubble `json:"bubble"`
}

// publishBubble tells the pages of a bubble, unless its conversation was deleted in
// the meantime.
func (s *Sandbox) publishBubble(t *thread, b *bubble) {
	if t.bubble(b.ID) != b {
		return
	}
	s.publish("bubble", bubbleChange{t.Customer, t.BusinessID, b})
}

func (s *Sandbox) addBubble(t *thread, b *bubble) {
	s.hideChips(t)
	if len(t.Bubbles) >= maxBubbles {
		t.Bubbles = slices.Delete(t.Bubbles, 0, len(t.Bubbles)-maxBubbles+1)
	}
	t.Bubbles = append(t.Bubbles, b)
	s.publishBubble(t, b)
}

// sendText is the customer pressing Send.
func (s *Sandbox) sendText(customerKey, businessID, text string) (string, error) {
	if strings.TrimSpace(text) == "" || utf8.RuneCountInString(text) > maxTextRunes || strings.ContainsRune(text, '\uFFFC') {
		return "", badRequest("the text is empty or too long")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.usableThread(customerKey, businessID)
	if err != nil {
		return "", err
	}
	m := t.message("text")
	m.Body = text
	return s.customerSends(t, &bubble{Text: text}, m)
}

// customerSends sends a message and shows it as a bubble.
func (s *Sandbox) customerSends(t *thread, b *bubble, m appleMessage) (string, error) {
	launched := t.Launch
	if launched != nil && m.Type == "text" { // Apple tells intent and group once, with the first text
		m.Intent, m.Group, t.Launch = launched.Intent, launched.Group, nil
	}
	request := newPhoneRequest(t, m)
	if b.twice {
		again := m
		again.ID = t.message(m.Type).ID
		request.again = newPhoneRequest(t, again)
	}
	b.ID, b.From, b.At, b.Status, b.request = m.ID, "customer", s.now(), sending, request
	if !s.dispatch(request, func(reason string) { b.Status, b.Reason = outcome(reason), reason; s.publishBubble(t, b) }) {
		t.Launch = launched
		return "", busy()
	}
	s.reopen(t)
	s.addBubble(t, b)
	return b.ID, nil
}

// usableThread is threadOf for a phone that is signed in.
func (s *Sandbox) usableThread(customerKey, businessID string) (*thread, error) {
	t, err := s.threadOf(customerKey, businessID)
	if err == nil && t.person.SignedOut {
		return nil, conflict("this phone is signed out")
	}
	return t, err
}

// reopen marks the conversation as open: for a business the customer has now
// written, or come back after a deletion, with the same opaque id.
func (s *Sandbox) reopen(t *thread) {
	t.Started, t.Deleted = true, false
	s.publish("thread", t.meta())
}

func outcome(reason string) string {
	if reason == "" {
		return delivered
	}
	return notDelivered
}

// resend repeats a message or reaction that was not delivered: same id, same content.
func (s *Sandbox) resend(customerKey, businessID, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.usableThread(customerKey, businessID)
	if err != nil {
		return err
	}
	for _, b := range t.Bubbles {
		if b.ID == id && b.Status == notDelivered {
			b.Status, b.Reason = sending, ""
			s.reopen(t)
			return s.dispatchAgain(t, b, b.request, func(reason string) { b.Status, b.Reason = outcome(reason), reason })
		}
		if r := b.Reaction; r != nil && r.ID == id && r.Status == notDelivered {
			r.Status = sending
			s.reopen(t)
			return s.dispatchAgain(t, b, r.request, func(reason string) { r.Status = outcome(reason) })
		}
	}
	return notFound("no such message waits to be sent again")
}

func (s *Sandbox) dispatchAgain(t *thread, b *bubble, request *phoneRequest, settle func(reason string)) error {
	if !s.dispatch(request, func(reason string) { settle(reason); s.publishBubble(t, b) }) {
		settle("too much is waiting to be sent")
		return busy()
	}
	s.publishBubble(t, b)
	return nil
}

// customerTypes sends typing_start, or typing_end where the field was cleared. It
// may be the very first thing that a business hears of a customer.
func (s *Sandbox) customerTypes(customerKey, businessID string, on bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.usableThread(customerKey, businessID)
	if err != nil {
		return err
	}
	kind := "typing_end"
	if on {
		kind = "typing_start"
	}
	if !s.dispatch(newPhoneRequest(t, t.message(kind)), func(string) {}) {
		return busy()
	}
	s.reopen(t)
	return nil
}

// deleteConversation forgets the conversation on the phone and tells the business
// with a close.
func (s *Sandbox) deleteConversation(customerKey, businessID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.usableThread(customerKey, businessID)
	if err != nil {
		return err
	}
	if !t.Started || t.Deleted {
		return conflict("there is no conversation to delete")
	}
	if !s.dispatch(newPhoneRequest(t, t.message("close")), func(string) {}) {
		return busy()
	}
	t.Deleted, t.Bubbles, t.TypingUntil, t.Launch = true, nil, 0, nil
	change := t.meta()
	change.Reset = true
	s.publish("thread", change)
	return nil
}

// switchDevice is the customer going on with another device of theirs.
func (s *Sandbox) switchDevice(customerKey, name string) error {
	uses, err := deviceNamed(name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.phones.customers {
		if c.Key == customerKey {
			c.Device = uses
			s.publish("customer", c)
			return nil
		}
	}
	return notFound("no such customer")
}

// setApplePay sets Apple Pay up on the customer's devices, or removes it.
func (s *Sandbox) setApplePay(customerKey string, on bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.phones.customers {
		if c.Key == customerKey {
			c.NoPay = !on
			s.publish("customer", c)
			return nil
		}
	}
	return notFound("no such customer")
}

func (s *Sandbox) setSignedOut(customerKey string, on bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.phones.customers {
		if c.Key == customerKey {
			c.SignedOut = on
			s.publish("customer", c)
			return nil
		}
	}
	return notFound("no such customer")
}

// linkTarget is what opening an entry link leads to.
type linkTarget struct {
	BusinessID string `json:"business_id"`
	Body       string `json:"body"` // prefilled, for the customer to send
	launch
}

// openLink is the customer following an entry link, such as
// https://bcrw.apple.com/urn:biz:<id>?biz-intent-id=…&biz-group-id=…&body=…
func (s *Sandbox) openLink(customerKey, link string) (linkTarget, error) {
	u, err := url.Parse(strings.TrimSpace(link))
	if err != nil || u.Scheme != "https" || u.Host != "bcrw.apple.com" {
		return linkTarget{}, badRequest("an entry link begins with https://bcrw.apple.com/")
	}
	id, ok := strings.CutPrefix(strings.TrimPrefix(u.Path, "/"), "urn:biz:")
	if !ok || id == "" {
		return linkTarget{}, badRequest("the link's path must be urn:biz: and a business id")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return linkTarget{}, badRequest("the link's query is not well-formed")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.usableThread(customerKey, id)
	if err != nil {
		return linkTarget{}, err
	}
	from := launch{Intent: shorten(query.Get("biz-intent-id"), 500), Group: shorten(query.Get("biz-group-id"), 500)}
	t.Launch = &from
	s.publish("thread", t.meta())
	return linkTarget{BusinessID: t.BusinessID, Body: shorten(query.Get("body"), 2000), launch: from}, nil
}

func badRequest(text string) error { return apiError{http.StatusBadRequest, text} }
func notFound(text string) error   { return apiError{http.StatusNotFound, text} }
func conflict(text string) error   { return apiError{http.StatusConflict, text} }
func busy() error {
	return apiError{http.StatusTooManyRequests, "too much is waiting to be sent"}
}
