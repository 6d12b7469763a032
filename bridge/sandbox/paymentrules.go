package sandbox

import (
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// paymentRequest is what a business asks to be paid, found well-formed.
type paymentRequest struct {
	merchantID, merchantName, country, currency string

	items     []payLine
	total     payLine
	methods   []shippingMethod
	networks  []string
	canDo     []string // capabilities
	billing   []string // fields of the contacts that the business wants
	shipping  []string
	endpoints map[string]string

	session   json.RawMessage
	sessionID string
}

// payLine is a line of a payment: an item, or the total.
type payLine struct {
	Label  string `json:"label"`
	Amount string `json:"amount"`
	Type   string `json:"type,omitempty"`
}

type shippingMethod struct {
	ID     string `json:"identifier"`
	Label  string `json:"label"`
	Detail string `json:"detail,omitempty"`
	Amount string `json:"amount"`
}

// The addresses of a business that the phone calls.
const (
	gatewayURL  = "paymentGatewayUrl"
	fallbackURL = "fallbackUrl"
	orderURL    = "orderTrackingUrl"
	cardURL     = "paymentMethodUpdateUrl"
	contactURL  = "shippingContactUpdateUrl"
	methodURL   = "shippingMethodUpdateUrl"
)

var (
	payEndpoints = []string{gatewayURL, fallbackURL, orderURL, cardURL, contactURL, methodURL}

	// payNetworks are those of Apple's examples, and the others of Apple Pay JS.
	payNetworks = []string{
		"amex", "bancomat", "bancontact", "cartesBancaires", "chinaUnionPay", "dankort", "discover", "eftpos", "electron", "elo", "girocard",
		"interac", "jcb", "mada", "maestro", "masterCard", "mir", "privateLabel", "visa", "vPay",
	}
	payCapabilities = []string{"supports3DS", "supportsCredit", "supportsDebit", "supportsEMV"}
	contactFields   = []string{"post", "name", "phone", "email"}
)

// takePayment checks data.payment.
func takePayment(payment node) *paymentRequest {
	payment.knows("paymentRequest", "merchantSession", "endpoints")
	p := &paymentRequest{}
	p.takeRequest(payment.object("paymentRequest"))
	p.takeEndpoints(payment.object("endpoints"))
	p.session = payment.fields["merchantSession"]
	session := payment.object("merchantSession")
	p.sessionID = session.need("merchantSessionIdentifier")
	if initiated := session.need("initiativeContext"); initiated != p.endpoints[gatewayURL] {
		session.wrong("initiativeContext", "is not endpoints.paymentGatewayUrl: payment gateway url mismatch")
	}
	return p
}

func (p *paymentRequest) takeRequest(request node) {
	request.knows("lineItems", "total", "applePay", "merchantName", "countryCode", "currencyCode", "supportedCountries",
		"requiredBillingContactFields", "requiredShippingContactFields", "shippingMethods")
	p.items, p.total = request.sums("lineItems", "total")
	p.merchantName = request.label("merchantName")
	p.country = request.code("countryCode", countryForm, "two capital letters of ISO 3166")
	p.currency = request.code("currencyCode", currencyForm, "three capital letters of ISO 4217")
	if request.has("supportedCountries") {
		for _, country := range request.words("supportedCountries", nil, 0) {
			if !countryForm.MatchString(country) {
				request.wrong("supportedCountries", "has %q, which is not two capital letters of ISO 3166", shorten(country, 40))
			}
		}
	}
	p.billing = request.words("requiredBillingContactFields", contactFields, 0)
	p.shipping = request.words("requiredShippingContactFields", contactFields, 0)
	p.methods = request.shippingMethods("shippingMethods")
	apple := request.object("applePay")
	apple.knows("merchantIdentifier", "supportedNetworks", "merchantCapabilities")
	p.merchantID = apple.need("merchantIdentifier")
	p.networks = apple.words("supportedNetworks", payNetworks, 1)
	p.canDo = apple.words("merchantCapabilities", payCapabilities, 1)
}

func (p *paymentRequest) takeEndpoints(endpoints node) {
	endpoints.knows(payEndpoints...)
	p.endpoints = map[string]string{gatewayURL: endpoints.callbackURL(gatewayURL)}
	for _, name := range payEndpoints[1:] {
		if endpoints.has(name) {
			p.endpoints[name] = endpoints.callbackURL(name)
		}
	}
}

var (
	countryForm  = regexp.MustCompile(`^[A-Z]{2}$`)
	currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)
	amountForm   = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,4})?$`)
)

func (n node) code(name string, form *regexp.Regexp, want string) string {
	text := n.need(name)
	if !form.MatchString(text) {
		n.wrong(name, "is %q, which is not %s", shorten(text, 40), want)
	}
	return text
}

// words reads a list of strings, each once, and of some where those are given. It may be absent where none are needed.
func (n node) words(name string, known []string, least int) []string {
	var list []string
	switch {
	case !n.has(name) && least == 0:
		return nil
	case !n.has(name):
		n.wrong(name, "is missing")
	case json.Unmarshal(n.fields[name], &list) != nil || list == nil:
		n.wrong(name, "is not a list of strings")
	case len(list) < least:
		n.wrong(name, "is empty")
	}
	for i, word := range list {
		switch {
		case slices.Contains(list[:i], word):
			n.wrong(name, "has %q twice", shorten(word, 40))
		case known != nil && !slices.Contains(known, word):
			n.wrong(name, "has %q, which is none of %s", shorten(word, 40), strings.Join(known, ", "))
		}
	}
	return list
}

// amount reads a decimal string. Zero stands for what is none.
func (n node) amount(name string) (string, *big.Rat) {
	text := n.need(name)
	if !amountForm.MatchString(text) {
		n.wrong(name, "is %q, which is not a decimal number such as 12.50, as a string", shorten(text, 40))
		return "0", new(big.Rat)
	}
	value, _ := new(big.Rat).SetString(text) // has the form
	return text, value
}

func (n node) payLine() (payLine, *big.Rat) {
	n.knows("label", "amount", "type")
	line := payLine{Label: n.needLabel("label"), Type: n.oneOf("type", "final", "pending")}
	amount, value := n.amount("amount")
	line.Amount = amount
	return line, value
}

// sums reads lines and their total, which is more than nothing, and what the lines come to where there are any.
func (n node) sums(items, total string) (lines []payLine, sum payLine) {
	added := new(big.Rat)
	for _, item := range n.list(items, 0) {
		line, value := item.payLine()
		lines = append(lines, line)
		added.Add(added, value)
	}
	sum, value := n.object(total).payLine()
	switch {
	case value.Sign() <= 0:
		n.wrong(total, "has the amount %s: it must be more than 0", sum.Amount)
	case len(lines) > 0 && added.Cmp(value) != 0:
		n.wrong(total, "has the amount %s, and the lines come to %s", sum.Amount, plainAmount(added))
	}
	return lines, sum
}

func (n node) shippingMethods(name string) (methods []shippingMethod) {
	seen := map[string]bool{}
	for _, entry := range n.list(name, 0) {
		entry.knows("identifier", "label", "detail", "amount")
		amount, value := entry.amount("amount")
		if value.Sign() < 0 {
			entry.wrong("amount", "is less than 0")
		}
		methods = append(methods, shippingMethod{entry.identifier("identifier", seen), entry.needLabel("label"), entry.label("detail"), amount})
	}
	return methods
}

// plainAmount writes an amount as devices do: without zeros at the end.
func plainAmount(value *big.Rat) string {
	text := value.FloatString(4)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// normalised is an amount as devices write it back: 1.50 is 1.5, and 2.00 is 2.
func normalised(amount string) string {
	value, ok := new(big.Rat).SetString(amount)
	if !ok {
		return amount
	}
	return plainAmount(value)
}

// sameValue tells whether JSON says what a value of ours does.
func sameValue(raw []byte, want any) bool {
	made, err := json.Marshal(want)
	var a, b any
	return err == nil && json.Unmarshal(raw, &a) == nil && json.Unmarshal(made, &b) == nil && reflect.DeepEqual(a, b)
}

// claimSession judges a payment by what Apple Pay knows of its merchant and its session. What is wrong with the session alone
// shows on the phone only.
func (s *Sandbox) claimSession(p *paymentRequest) (session error, refused error) {
	const where = "interactiveData.data.payment.paymentRequest.applePay.merchantIdentifier"
	switch {
	case s.sessions == nil:
		return nil, refusedPayment(where, "is not registered for this business: it has no merchant")
	case strings.EqualFold(p.merchantID, s.sessions.merchant.hash()):
		return nil, refusedPayment(where, "is the hash: merchant identifier mismatch, the identifier itself is wanted")
	case p.merchantID != s.sessions.merchant.ID:
		return nil, refusedPayment(where, "is not the one that is registered for this business")
	}
	return s.sessions.use(p.session, p.sessionID, s.now()), nil
}

func refusedPayment(where, what string) error { return fmt.Errorf("%s %s", where, what) }
