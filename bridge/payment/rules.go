package payment

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"bizbridge/bridge/message"
	"bizbridge/bridge/money"
)

// Rules price shipping and tax by where an order goes, and by nothing else: the address comes with the customer's consent,
// so that what is charged follows from it on any replica. They are for merchants whose provider keeps no cart.
type Rules struct {
	Currency money.Currency
	Shipping []ShippingRule // the first that matches; none: the order cannot go there
	Taxes    []TaxRule      // the first that matches; none: no tax
}

// ShippingRule is what shipping costs.
type ShippingRule struct {
	Countries []string // ISO 3166; none: everywhere
	Label     message.Label
	Amount    money.Amount
	FreeOver  money.Amount // of the goods, from which it costs nothing; 0: never
}

// TaxRule is a tax on top of the prices.
type TaxRule struct {
	Countries []string // ISO 3166; none: everywhere
	Regions   []string // states or provinces, in the words of the customer's phone; none: all
	Label     message.Label
	Rate      money.Rate
	Shipping  bool // it is on the shipping, too
}

// digest names the rules, so that a request can be recognised that was made under others.
func (r *Rules) digest() string {
	plain, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings and numbers only
	}
	sum := sha256.Sum256(plain)
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// price adds to what was asked for what it costs to bring it there. The fault is for the sheet: that the order cannot go
// there.
func (r *Rules) price(asked request, where destination) (items []message.LineItem, total money.Amount, fault *ContactFault) {
	shipping := slices.IndexFunc(r.Shipping, func(rule ShippingRule) bool { return covers(rule.Countries, where.country) })
	if shipping < 0 && len(r.Shipping) > 0 {
		return nil, 0, &ContactFault{"addressUnserviceable", "country", "This order cannot be sent to this country."}
	}
	items, total = slices.Clone(asked.Items), asked.Total
	var postage money.Amount
	if shipping >= 0 {
		rule := r.Shipping[shipping]
		if postage = rule.Amount; rule.FreeOver > 0 && asked.Total >= rule.FreeOver {
			postage = 0
		}
		items, total = append(items, r.line(rule.Label, postage)), total+postage
	}
	tax := slices.IndexFunc(r.Taxes, func(rule TaxRule) bool {
		return covers(rule.Countries, where.country) && covers(rule.Regions, where.region)
	})
	if tax >= 0 {
		rule, base := r.Taxes[tax], asked.Total
		if rule.Shipping {
			base += postage
		}
		amount := rule.Rate.Of(base)
		items, total = append(items, r.line(rule.Label, amount)), total+amount
	}
	return items, total, nil
}

func (r *Rules) line(label message.Label, amount money.Amount) message.LineItem {
	return message.LineItem{Label: label, Amount: r.Currency.Format(amount), Type: message.LineItemFinal}
}

func covers(list []string, one string) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(entry string) bool { return strings.EqualFold(entry, one) })
}
