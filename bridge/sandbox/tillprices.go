package sandbox

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"
)

// cart is what the desk asked the customer to pay.
type cart struct {
	currency string
	decimals int
	label    string // of the total
	items    []payLine
	goods    *big.Rat
	methods  []tillMethod
	ships    bool // it goes somewhere, and so shipping and tax depend on where
}

// tillMethod is a way of shipping, in the bridge's words.
type tillMethod struct {
	ID     string `json:"id"`
	Label  string `json:"label"`
	Detail string `json:"detail,omitempty"`
	Amount string `json:"amount"`
}

// shopCountry is where the shop is: shipping elsewhere costs more.
const shopCountry = "US"

// taxes are the countries that the shop ships to, with what they tax, in percent. Somewhere else nothing is shipped.
var taxes = map[string]int64{"US": 8, "DE": 19, "GB": 20}

// abroad is what shipping to another country costs in addition.
var abroad = big.NewRat(5, 1)

// cartOf reads a cart from a content of the desk's. It finds none in what the bridge would not take.
func cartOf(raw []byte) *cart {
	var content struct {
		Kind     string                      `json:"kind"`
		Currency string                      `json:"currency_code"`
		Items    []payLine                   `json:"line_items"`
		Total    struct{ Label, Amount any } `json:"total"`
		Methods  []tillMethod                `json:"shipping_methods"`
		Wanted   []string                    `json:"required_shipping_contact_fields"`
	}
	if json.Unmarshal(raw, &content) != nil || content.Kind != kindPayment {
		return nil
	}
	c := &cart{currency: content.Currency, items: content.Items, goods: new(big.Rat), methods: content.Methods, decimals: currencyDecimals(content.Currency)}
	c.label, _ = content.Total.Label.(string)
	c.label = first(c.label, "Total")
	for _, item := range c.items {
		if !c.add(item.Amount) {
			return nil
		}
	}
	if whole, _ := content.Total.Amount.(string); len(c.items) == 0 && !c.add(whole) {
		return nil
	}
	c.ships = len(c.methods) > 0 || slices.Contains(content.Wanted, "post")
	return c
}

func (c *cart) add(amount string) bool {
	value, ok := new(big.Rat).SetString(amount)
	if ok {
		c.goods.Add(c.goods, value)
	}
	return ok
}

func currencyDecimals(currency string) int {
	switch currency {
	case "JPY", "KRW", "CLP", "VND":
		return 0
	case "KWD", "BHD", "OMR", "JOD", "TND":
		return 3
	}
	return 2
}

func (c *cart) format(value *big.Rat) string { return value.FloatString(c.decimals) }

func decimalsOf(amount string) int {
	_, fraction, _ := strings.Cut(amount, ".")
	return len(fraction)
}

// billLine is a line of the bill that is not the desk's.
type billLine struct {
	label string
	value *big.Rat
}

// extras are shipping and tax, as far as it is known where the goods go.
func (b *bill) extras() (lines []billLine) {
	c := b.cart
	if !c.ships || b.country == "" {
		return nil
	}
	taxed := new(big.Rat).Set(c.goods)
	if m := b.chosen(); m != nil {
		price := b.price(*m)
		lines = append(lines, billLine{m.Label, price})
		taxed.Add(taxed, price)
	}
	if percent := taxes[b.country]; percent > 0 {
		tax := taxed.Mul(taxed, big.NewRat(percent, 100))
		exact, _ := new(big.Rat).SetString(c.format(tax)) // has the form
		lines = append(lines, billLine{"Tax (" + b.country + ")", exact})
	}
	return lines
}

// chosen is the method of shipping; the first, until the customer chooses.
func (b *bill) chosen() *tillMethod {
	i := slices.IndexFunc(b.cart.methods, func(m tillMethod) bool { return m.ID == b.method })
	if len(b.cart.methods) == 0 {
		return nil
	}
	return &b.cart.methods[max(i, 0)]
}

func (b *bill) price(m tillMethod) *big.Rat {
	price, ok := new(big.Rat).SetString(m.Amount)
	if !ok {
		price = new(big.Rat)
	}
	if b.country != "" && b.country != shopCountry && price.Sign() > 0 { // what is collected costs nothing
		price.Add(price, abroad)
	}
	return price
}

func (b *bill) total() *big.Rat {
	sum := new(big.Rat).Set(b.cart.goods)
	for _, line := range b.extras() {
		sum.Add(sum, line.value)
	}
	return sum
}

// reprice answers what the customer chose, in the bridge's words. A card changes nothing.
func (b *bill) reprice(c tillCall) obj {
	told := obj{}
	switch c.Data.What {
	case "contact":
		where := c.Data.Payment.ShippingContact
		b.country, b.method = where.CountryCode, "" // devices choose the first of the new methods
		if _, served := taxes[b.country]; !served {
			told["errors"] = arr{obj{"code": "addressUnserviceable", "contact_field": "country", "message": "We do not ship to " + first(where.Country, "there") + "."}}
			b.country = ""
			break
		}
		if len(b.cart.methods) > 0 {
			methods := arr{}
			for _, m := range b.cart.methods {
				m.Amount = b.cart.format(b.price(m))
				methods = append(methods, m)
			}
			told["shipping_methods"] = methods
		}
	case "shipping":
		b.method = c.Data.Payment.ShippingMethod.Identifier
	default:
		return told
	}
	lines := arr{}
	for _, item := range b.cart.items {
		lines = append(lines, item)
	}
	if len(lines) == 0 { // the sheet wants lines beside a total
		lines = append(lines, obj{"label": b.cart.label, "amount": b.cart.format(b.cart.goods)})
	}
	for _, extra := range b.extras() {
		lines = append(lines, obj{"label": extra.label, "amount": b.cart.format(extra.value)})
	}
	told["line_items"] = lines
	told["total"] = obj{"label": b.cart.label, "amount": b.cart.format(b.total())}
	return told
}

// learnCart keeps the cart of a content that the desk sent, by the request id that the bridge gave it.
func (s *Sandbox) learnCart(wire []byte, requestID string) {
	var sent struct {
		Data struct {
			Content json.RawMessage `json:"content"`
		} `json:"data"`
	}
	if requestID == "" || json.Unmarshal(wire, &sent) != nil {
		return
	}
	if c := cartOf(sent.Data.Content); c != nil {
		s.tills.bills.put(requestID, newBill(c))
	}
}
