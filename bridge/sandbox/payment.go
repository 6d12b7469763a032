package sandbox

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// sheetPatience is how long a payment sheet waits for an answer of the business's.
const sheetPatience = 30 * time.Second

// The states of a payment on the phone.
const (
	payOpen    = "open"    // its sheet is
	payLeaving = "leaving" // a page opens in its place
	payDone    = "done"    // its sheet was closed
)

// What came of a payment, when its sheet was closed. The first three are what the phone tells the business.
const (
	paySucceeded   = "success"
	payFailed      = "failure"
	payCanceled    = "canceled"
	payElsewhere   = "fallback"    // the device has no Apple Pay, and a page was shown
	payUnavailable = "unavailable" // nor is there a page
)

// paymentView is a payment as the phone shows it.
type paymentView struct {
	Invalid string `json:"invalid,omitempty"` // why the bubble says "Invalid Payment Request"

	State  string    `json:"state"`            // "", "open", "leaving" or "done"
	Result string    `json:"result,omitempty"` // of one that is done
	Text   string    `json:"text,omitempty"`   // in words
	Page   string    `json:"page,omitempty"`   // what was read where the fallback led
	Sheet  *paySheet `json:"sheet,omitempty"`

	request   *paymentRequest
	presented bool // the order was told
}

func newPaymentView(p *paymentRequest, session error) *paymentView {
	view := &paymentView{request: p}
	if session != nil {
		text := session.Error()
		view.Invalid = strings.ToUpper(text[:1]) + text[1:] + "."
	}
	return view
}

// payCall is the customer at a payment: opening its sheet, choosing in it, paying, or leaving it.
type payCall struct {
	Customer string `json:"customer"`
	Business string `json:"business"`
	ID       string `json:"id"`

	Card    string `json:"card"` // to choose one, as are the next
	Contact string `json:"contact"`
	Method  string `json:"method"`

	Format string `json:"format"` // of what is told in the end; the last that was said counts
	Twice  bool   `json:"twice"`
}

// payable finds the bubble of a payment, on a phone that can show its sheet.
func (s *Sandbox) payable(c payCall) (*thread, *bubble, error) {
	t, err := s.usableThread(c.Customer, c.Business)
	if err != nil {
		return nil, nil, err
	}
	b := t.bubble(c.ID)
	switch {
	case b == nil || b.From != "business" || b.Interactive == nil || b.Interactive.Payment == nil:
		return nil, nil, notFound("no such payment from the business")
	case b.Interactive.Payment.Invalid != "":
		return nil, nil, conflict("Invalid Payment Request. " + b.Interactive.Payment.Invalid)
	}
	return t, b, nil
}

// atSheet is payable for a sheet that is open.
func (s *Sandbox) atSheet(c payCall) (*thread, *bubble, *paySheet, error) {
	t, b, err := s.payable(c)
	if err != nil {
		return nil, nil, nil, err
	}
	if b.Interactive.Payment.State != payOpen {
		return nil, nil, nil, conflict("the payment sheet is not open")
	}
	return t, b, b.Interactive.Payment.Sheet, nil
}

func (c *payCall) check() error {
	switch c.Format {
	case "", formatInline, formatJSON, formatBplist:
		return nil
	}
	return badRequest("format is inline, json or bplist")
}

// openPayment is the customer tapping a payment.
func (s *Sandbox) openPayment(c payCall) error {
	if err := c.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, b, err := s.payable(c)
	if err != nil {
		return err
	}
	view := b.Interactive.Payment
	switch {
	case view.State == payOpen, view.State == payLeaving:
		return conflict("this payment is open")
	case view.Result == paySucceeded:
		return conflict("this was paid")
	case t.person.NoPay:
		return s.payElsewhere(t, b)
	}
	view.State, view.Result, view.Text, view.Page = payOpen, "", "", ""
	view.Sheet = newPaySheet(s.ctx, view.request)
	view.Sheet.travels(c)
	s.publishBubble(t, b)
	if url := view.request.endpoints[orderURL]; url != "" && !view.presented {
		view.presented = true
		order := view.Sheet.order(b.Interactive.RequestID)
		s.lanes.add("order "+b.ID, func(ctx context.Context) { s.postCallback(ctx, url, order) }) // nothing waits for its answer
	}
	if view.request.endpoints[contactURL] != "" {
		return s.updates(t, b, contactUpdate(view.Sheet.contact()))
	}
	return nil
}

// choosePayment is the customer choosing a card, a contact or a way of shipping.
func (s *Sandbox) choosePayment(c payCall) error {
	if err := c.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, b, sheet, err := s.atSheet(c)
	if err != nil {
		return err
	}
	if sheet.Busy == busyPaying {
		return conflict("the payment is being processed")
	}
	sheet.travels(c)
	chosen, err := sheet.choose(c)
	if err != nil {
		return err
	}
	s.publishBubble(t, b)
	if b.Interactive.Payment.request.endpoints[chosen.endpoint] == "" {
		return nil
	}
	return s.updates(t, b, chosen)
}

// cancelPayment is the customer leaving the sheet. What is under way is given up.
func (s *Sandbox) cancelPayment(c payCall) error {
	if err := c.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, b, sheet, err := s.atSheet(c)
	if err != nil {
		return err
	}
	if sheet.Busy == busyPaying {
		return conflict("the payment is being processed")
	}
	sheet.travels(c)
	result, words := payCanceled, "You left without paying."
	if sheet.Failure != "" {
		result, words = payFailed, "Payment Not Completed"
	}
	s.closeSheet(t, b, result, words)
	return nil
}

// closeSheet ends a sheet, and has the phone tell the business.
func (s *Sandbox) closeSheet(t *thread, b *bubble, result, words string) {
	view := b.Interactive.Payment
	sheet := view.Sheet
	sheet.stop()
	view.State, view.Result, view.Text, view.Sheet = payDone, result, words, nil
	b.Interactive.Answerable = result != paySucceeded
	s.publishBubble(t, b)
	c := answerCall{t.Customer, t.BusinessID, b.ID, nil, cmp.Or(sheet.format, formatJSON), sheet.twice}
	s.lanes.add("paid "+b.ID, func(context.Context) { s.tellPayment(c, result) })
}

// tellPayment is the phone telling what came of a payment: nobody should believe it without asking who was paid.
func (s *Sandbox) tellPayment(c answerCall, result string) {
	if _, lost := s.hit(faultPayUntold); lost {
		return
	}
	find := func() (*thread, *bubble, error) {
		return s.payable(payCall{Customer: c.customer, Business: c.business, ID: c.id})
	}
	s.mu.Lock()
	_, b, err := find()
	s.mu.Unlock()
	if err != nil {
		return // the conversation was deleted
	}
	asked := b.Interactive
	original, err := s.content(asked.saved)
	if err != nil {
		original = fields{} // it was dropped to make room: its words are in asked, too
	}
	r := composePayment(asked, contentOf(original), result)
	_, untold := s.deliverReply(c, r, find)
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, b, err := find(); untold != nil && err == nil {
		asked.Payment.Text += " The business was not told: " + untold.Error()
		s.publishBubble(t, b)
	}
}

// composePayment makes the message that tells of a payment, with the words of the request.
func composePayment(asked *interactive, top content, result string) *reply {
	r := &reply{bid: asked.saved.message.bid, session: asked.session}
	r.data = content{"version": "1.0", "requestIdentifier": asked.RequestID, "payment": content{"state": result}}
	if received := top.object("receivedMessage"); received != nil {
		r.data["receivedMessage"] = received
	}
	r.conclude(top.object("replyMessage"), asked.Title)
	r.label = map[string]string{payFailed: "Payment Not Completed", payCanceled: "Payment canceled"}[result]
	return r
}

// payElsewhere opens the business's page for devices without Apple Pay.
func (s *Sandbox) payElsewhere(t *thread, b *bubble) error {
	view := b.Interactive.Payment
	view.State, view.Result, view.Page = payDone, payUnavailable, ""
	view.Text = "Apple Pay is not available on this device, and the business named no page to pay at instead."
	target, err := url.Parse(view.request.endpoints[fallbackURL])
	if err == nil && target.Host != "" {
		view.State, view.Result, view.Text = payLeaving, payElsewhere, "Opening the page of "+target.Host+"…"
		if !s.lanes.add("pay "+b.ID, func(ctx context.Context) { s.openFallback(ctx, t, b, target) }) {
			return busy()
		}
	}
	s.publishBubble(t, b)
	return nil
}

func (s *Sandbox) openFallback(ctx context.Context, t *thread, b *bubble, target *url.URL) {
	ctx, stop := context.WithTimeout(ctx, webTimeout)
	defer stop()
	v := s.newWebView(func(*url.URL) bool { return false })
	v.elsewhere = phoneToWeb
	page, err := v.open(ctx, http.MethodGet, target, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	view := b.Interactive.Payment
	view.State = payDone
	if err != nil {
		view.Text = "Apple Pay is not available on this device, and no page opened: " + err.Error() + "."
	} else {
		view.Text = fmt.Sprintf("Apple Pay is not available on this device. %s showed this page (%d).", page.at.Host, page.status)
		view.Page = page.text
	}
	s.publishBubble(t, b)
}

// payCard is one of the customer's cards.
type payCard struct {
	Key     string `json:"key"`
	Name    string `json:"name"`
	Network string `json:"network"` // as devices name it
	Type    string `json:"type"`

	accepted, capability string // as requests name them
}

var payCards = []payCard{
	{"visa", "Visa 1234", "Visa", "Credit", "visa", "supportsCredit"},
	{"mastercard", "Mastercard 5678", "MasterCard", "Debit", "masterCard", "supportsDebit"},
	{"amex", "American Express 9012", "AmEx", "Credit", "amex", "supportsCredit"},
}

// cardsFor are the cards that a business takes: of its networks and, where it says which, of credit or debit.
func cardsFor(p *paymentRequest) (cards []payCard) {
	picky := slices.Contains(p.canDo, "supportsCredit") || slices.Contains(p.canDo, "supportsDebit")
	for _, card := range payCards {
		if slices.Contains(p.networks, card.accepted) && (!picky || slices.Contains(p.canDo, card.capability)) {
			cards = append(cards, card)
		}
	}
	return cards
}

// payContact is somebody whom goods can be sent to.
type payContact struct {
	Key     string `json:"key"`
	Name    string `json:"name"`
	Address string `json:"address"`

	given, family, phoneticGiven, phoneticFamily string
	street, city, area, postalCode               string
	country, countryCode, phone, email           string
}

var payContacts = withWords([]payContact{
	{Key: "ann", given: "Ann", family: "Example", street: "1 Example Way", city: "Sampletown", area: "CA", postalCode: "00000",
		country: "United States", countryCode: "US", phone: "+15555550100", email: "ann@example.com"},
	{Key: "ben", given: "Ben", family: "Beispiel", street: "Musterstraße 12", city: "Musterstadt", postalCode: "12345",
		country: "Germany", countryCode: "DE", phone: "+4915555550100", email: "ben@example.com"},
	{Key: "cleo", given: "Cleo", family: "Sample", street: "3 Sample Street", city: "Exampleton", postalCode: "EX1 1AB",
		country: "United Kingdom", countryCode: "GB", phone: "+447700900100", email: "cleo@example.com"},
	{Key: "hana", given: "花", family: "見本", phoneticGiven: "ハナ", phoneticFamily: "ミホン", street: "見本町1-2-3", city: "例市", area: "東京都",
		postalCode: "100-0000", country: "Japan", countryCode: "JP", phone: "+815055550100", email: "hana@example.com"},
})

func withWords(contacts []payContact) []payContact {
	for i := range contacts {
		c := &contacts[i]
		c.Name = c.given + " " + c.family
		c.Address = strings.Join(slices.DeleteFunc([]string{c.street, strings.TrimSpace(c.postalCode + " " + c.city), c.area, c.country}, func(part string) bool { return part == "" }), ", ")
	}
	return contacts
}

// redacted is what a business learns of an address before the customer has paid: where to, but not to whom.
func (c payContact) redacted() content {
	told := c.post()
	told["givenName"], told["familyName"], told["phoneticGivenName"], told["phoneticFamilyName"] = "", "", "", ""
	told["addressLines"] = []string{""}
	if outward, _, ok := strings.Cut(c.postalCode, " "); ok && c.countryCode == "GB" {
		told["postalCode"] = outward
	}
	return told
}

func (c payContact) post() content {
	return content{
		"addressLines": []string{c.street}, "locality": c.city, "subLocality": "", "administrativeArea": c.area,
		"postalCode": c.postalCode, "country": c.country, "countryCode": c.countryCode,
	}
}

// fields are the parts of a contact that a business wants. An address has a name over it.
func (c payContact) fields(wanted []string) content {
	if len(wanted) == 0 {
		return nil
	}
	told := content{}
	if slices.Contains(wanted, "post") {
		told = c.post()
	}
	if slices.Contains(wanted, "post") || slices.Contains(wanted, "name") {
		told["givenName"], told["familyName"] = c.given, c.family
		told["phoneticGivenName"], told["phoneticFamilyName"] = c.phoneticGiven, c.phoneticFamily
	}
	if slices.Contains(wanted, "phone") {
		told["phoneNumber"] = c.phone
	}
	if slices.Contains(wanted, "email") {
		told["emailAddress"] = c.email
	}
	return told
}
