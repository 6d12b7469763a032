package sandbox

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// What a sheet waits for.
const (
	busyUpdating = "updating"
	busyPaying   = "paying"
)

// paySheet is a payment sheet that is open.
type paySheet struct {
	Merchant string           `json:"merchant"`
	Currency string           `json:"currency"`
	Items    []payLine        `json:"items"`
	Total    payLine          `json:"total"`
	Methods  []shippingMethod `json:"methods"`
	Method   string           `json:"method"`
	Cards    []payCard        `json:"cards"`
	Card     string           `json:"card"` // none where the business takes none of the customer's
	Contacts []payContact     `json:"contacts"`
	Contact  string           `json:"contact"`
	Busy     string           `json:"busy,omitempty"`
	Errors   []payError       `json:"errors,omitempty"`  // why the business does not ship there
	Failure  string           `json:"failure,omitempty"` // why it was not paid, after a try

	request *paymentRequest
	waiting int         // updates that were not answered
	paying  bool        // an authorization is under way
	held    []payUpdate // that the fault keeps back until the payment was authorized

	format string
	twice  bool
	ctx    context.Context
	stop   context.CancelFunc
}

func newPaySheet(ctx context.Context, p *paymentRequest) *paySheet {
	sheet := &paySheet{
		Merchant: p.total.Label, Currency: p.currency, Items: slices.Clone(p.items), Total: p.total, Methods: slices.Clone(p.methods),
		Cards: cardsFor(p), request: p,
	}
	sheet.ctx, sheet.stop = context.WithCancel(ctx)
	if p.merchantName != "" {
		sheet.Merchant = p.merchantName
	}
	if len(sheet.Methods) > 0 {
		sheet.Method = sheet.Methods[0].ID
	}
	if len(sheet.Cards) > 0 {
		sheet.Card = sheet.Cards[0].Key
	}
	if len(p.shipping) > 0 || len(p.methods) > 0 || p.endpoints[contactURL] != "" {
		sheet.Contacts, sheet.Contact = payContacts, payContacts[0].Key
	}
	return sheet
}

// travels notes how the business is to be told in the end.
func (p *paySheet) travels(c payCall) {
	if c.Format != "" {
		p.format = c.Format
	}
	p.twice = p.twice || c.Twice
}

// settle brings Busy up to date.
func (p *paySheet) settle() {
	switch {
	case p.paying:
		p.Busy = busyPaying
	case p.waiting > 0:
		p.Busy = busyUpdating
	default:
		p.Busy = ""
	}
}

func (p *paySheet) contact() payContact {
	i := slices.IndexFunc(payContacts, func(c payContact) bool { return c.Key == p.Contact })
	return payContacts[max(i, 0)]
}

// payUpdate is a choice that the business is told of.
type payUpdate struct {
	endpoint string
	told     content
}

func contactUpdate(c payContact) payUpdate {
	return payUpdate{contactURL, content{"shippingContact": c.redacted()}}
}

// choose takes a choice of one thing.
func (p *paySheet) choose(c payCall) (chosen payUpdate, err error) {
	switch {
	case c.Card != "" && c.Contact == "" && c.Method == "":
		i := slices.IndexFunc(p.Cards, func(card payCard) bool { return card.Key == c.Card })
		if i < 0 {
			return chosen, badRequest("card is none that the business takes: " + keysOf(p.Cards, func(card payCard) string { return card.Key }))
		}
		p.Card = c.Card
		return payUpdate{cardURL, content{"paymentMethod": content{"type": p.Cards[i].Type}}}, nil
	case c.Contact != "" && c.Card == "" && c.Method == "":
		if !slices.ContainsFunc(p.Contacts, func(contact payContact) bool { return contact.Key == c.Contact }) {
			return chosen, badRequest("contact is none of this sheet: " + keysOf(p.Contacts, func(contact payContact) string { return contact.Key }))
		}
		p.Contact, p.Errors = c.Contact, nil
		return contactUpdate(p.contact()), nil
	case c.Method != "" && c.Card == "" && c.Contact == "":
		i := slices.IndexFunc(p.Methods, func(m shippingMethod) bool { return m.ID == c.Method })
		if i < 0 {
			return chosen, badRequest("method is none of this sheet: " + keysOf(p.Methods, func(m shippingMethod) string { return m.ID }))
		}
		p.Method = c.Method
		m := p.Methods[i]
		return payUpdate{methodURL, content{"shippingMethod": content{
			"label": m.Label, "amount": normalised(m.Amount), "type": "Final", "detail": m.Detail, "identifier": m.ID,
		}}}, nil
	}
	return chosen, badRequest("choose one of card, contact and method")
}

func keysOf[T any](list []T, key func(T) string) string {
	keys := make([]string, len(list))
	for i, each := range list {
		keys[i] = key(each)
	}
	return strings.Join(keys, ", ")
}

// callback is the body of a callback, all but what is its own.
func callback(requestID string, payment content) content {
	return content{"requestIdentifier": requestID, "version": "1.0", "payment": payment}
}

// order is what the sheet shows at first: its lines, and the total as the last, as devices list them.
func (p *paySheet) order(requestID string) content {
	items := []content{}
	for _, line := range append(slices.Clone(p.Items), p.Total) {
		kind := "Final"
		if line.Type == "pending" {
			kind = "Pending"
		}
		items = append(items, content{"label": line.Label, "amount": normalised(line.Amount), "type": kind})
	}
	body := callback(requestID, content{"summaryItems": items})
	body["errors"] = []any{}
	return body
}

// authorization is the customer's consent, with a token of the right shape. What it would hold encrypted is noise.
func (p *paySheet) authorization(requestID string) content {
	card := p.Cards[slices.IndexFunc(p.Cards, func(card payCard) bool { return card.Key == p.Card })]
	transaction := noiseHex(32)
	paid := content{"paymentToken": content{
		"paymentData": content{
			"version": "EC_v1", "data": randomBase64(320), "signature": randomBase64(1400),
			"header": content{"ephemeralPublicKey": ephemeralKey(), "publicKeyHash": randomBase64(32), "transactionId": transaction},
		},
		"paymentMethod":         content{"displayName": card.Name, "network": card.Network, "type": card.Type},
		"transactionIdentifier": strings.ToUpper(transaction),
	}}
	if billing := payContacts[0].fields(p.request.billing); billing != nil { // the cards are Ann's
		paid["billingContact"] = billing
	}
	if shipping := p.contact().fields(p.request.shipping); shipping != nil {
		paid["shippingContact"] = shipping
	}
	return callback(requestID, paid)
}

func randomBase64(bytes int) string {
	raw := make([]byte, bytes)
	rand.Read(raw)
	return base64.StdEncoding.EncodeToString(raw)
}

// ephemeralKey is a public key as tokens have one.
func ephemeralKey() string {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		panic(err) // the system gives no random numbers
	}
	der, err := x509.MarshalPKIXPublicKey(key.PublicKey())
	if err != nil {
		panic(err) // it is a key
	}
	return base64.StdEncoding.EncodeToString(der)
}

// payAnswer is a business's answer to an update, found well-formed.
type payAnswer struct {
	empty   bool // nothing changes
	items   []payLine
	total   payLine
	methods []shippingMethod // nil: they stay
	errors  []payError
}

// payError is why a business does not ship to a contact.
type payError struct {
	Code    string `json:"code"`
	Field   string `json:"contact_field,omitempty"`
	Message string `json:"message"`
}

var (
	payErrorCodes  = []string{"shippingContactInvalid", "billingContactInvalid", "addressUnserviceable", "unknown"}
	payErrorFields = []string{
		"phoneNumber", "emailAddress", "name", "givenName", "familyName", "phoneticName", "postalAddress", "addressLines", "locality", "subLocality",
		"postalCode", "administrativeArea", "subAdministrativeArea", "country", "countryCode",
	}
)

// parsePayAnswer reads what a business answers to an update. Only that of a contact has new methods, and errors.
func parsePayAnswer(raw []byte, endpoint string) (*payAnswer, error) {
	n, faults := examine(raw, "answer")
	if faults.err != nil {
		return nil, faults.err
	}
	if len(n.fields) == 0 {
		return &payAnswer{empty: true}, nil
	}
	a := &payAnswer{}
	n.knows("newLineItems", "newTotal", "newShippingMethods", "errors")
	if !n.has("newLineItems") {
		n.wrong("newLineItems", "is missing")
	}
	a.items, a.total = n.sums("newLineItems", "newTotal")
	if endpoint != contactURL {
		n.forbid("it belongs to the answer to a shipping contact", "newShippingMethods", "errors")
	}
	if n.has("newShippingMethods") {
		a.methods = append([]shippingMethod{}, n.shippingMethods("newShippingMethods")...)
	}
	for _, e := range n.list("errors", 0) {
		e.knows("code", "contactField", "message")
		e.need("code")
		a.errors = append(a.errors, payError{e.oneOf("code", payErrorCodes...), e.oneOf("contactField", payErrorFields...), e.label("message")})
	}
	return a, faults.err
}

// take changes the sheet by an answer. Of new methods the first is chosen, as on devices.
func (p *paySheet) take(a *payAnswer) {
	if a.empty {
		return
	}
	p.Items, p.Total = a.items, a.total
	if p.Errors = a.errors; len(p.Errors) > 0 {
		for i := range p.Errors {
			if p.Errors[i].Message == "" {
				p.Errors[i].Message = fmt.Sprintf("%s does not ship there.", p.Merchant)
			}
		}
	}
	if a.methods != nil {
		p.Methods, p.Method = a.methods, ""
		if len(a.methods) > 0 {
			p.Method = a.methods[0].ID
		}
	}
}
