package payment

import (
	"context"
	"net/http"
	"slices"

	"bizbridge/bridge/message"
	"bizbridge/bridge/money"
)

// sheetCart is what the sheet shows anew (protocol §8.5). Without members nothing changes.
type sheetCart struct {
	Items   []message.LineItem `json:"newLineItems,omitzero"`
	Total   *message.LineItem  `json:"newTotal,omitempty"`
	Methods []sheetMethod      `json:"newShippingMethods,omitempty"`
	Faults  []ContactFault     `json:"errors,omitempty"`
}

type sheetMethod struct {
	Label      message.Label `json:"label"`
	Detail     message.Label `json:"detail"`
	Amount     string        `json:"amount"`
	Identifier string        `json:"identifier"`
}

// update prices what the customer changed. Without a price that adds up the sheet gives up: the customer would not consent
// to what is charged.
func (s *Service) update(ctx context.Context, asked request, merchant *Merchant, what What, posted callback) sheetAnswer {
	if asked.Rules != "" && what == ShippingContact {
		return s.updateByRules(asked, merchant, posted)
	}
	updater, ok := merchant.Provider.(Updater)
	if !ok || !slices.Contains(merchant.Updates, what) {
		return sheetAnswer{code: http.StatusOK, cart: sheetCart{}}
	}
	ctx, cancel := context.WithTimeout(ctx, updatePatience)
	defer cancel()
	var cart Cart
	failure := s.protect(func() (err error) {
		cart, err = updater.Update(ctx, Update{Request: asked.Request, What: what, Payment: posted.payment})
		return err
	})
	if failure != nil {
		s.Logger.Warn("the payment provider did not price an update: the sheet gives up", "request", asked.ID, "what", string(what), "error", failure)
		return refusal(http.StatusServiceUnavailable)
	}
	shown, fault := cart.sheet(asked.Currency)
	if fault != "" {
		s.Logger.Error("the payment provider priced an update wrongly: the sheet gives up", "request", asked.ID, "what", string(what), "error", fault)
		return refusal(http.StatusServiceUnavailable)
	}
	return sheetAnswer{code: http.StatusOK, cart: shown.complete(merchant.totalLine(asked, asked.Total))}
}

// complete adds what Apple's samples always have in an answer that changes anything: the lines, and the total with its label.
// Only errors come without a total: nobody can consent to it before they are mended, which prices the cart anew.
func (c sheetCart) complete(total message.LineItem) sheetCart {
	if c.Items == nil && c.Total == nil && c.Methods == nil && c.Faults == nil {
		return c
	}
	if c.Total == nil {
		c.Total = &total
	}
	if c.Total.Label == "" {
		c.Total.Label = total.Label
	}
	if c.Items == nil {
		c.Items = []message.LineItem{}
	}
	return c
}

func (m *Merchant) totalLine(asked request, total money.Amount) message.LineItem {
	label := asked.Label
	if label == "" {
		label = message.CutLabel(m.Name)
	}
	return message.LineItem{Label: label, Amount: asked.Currency.Format(total), Type: message.LineItemFinal}
}

func (s *Service) updateByRules(asked request, merchant *Merchant, posted callback) sheetAnswer {
	if !merchant.keeps(asked) {
		s.Logger.Warn("the rules of the merchant have changed since the request: the sheet gives up", "request", asked.ID)
		return refusal(http.StatusServiceUnavailable)
	}
	where, known := posted.destination()
	if !known && !posted.hasContact() { // the sheet opens before an address is chosen
		return sheetAnswer{code: http.StatusOK, cart: sheetCart{}}
	}
	items, total, fault := merchant.Rules.price(asked, where)
	if !known { // nobody may consent to a price that is not known
		fault = &ContactFault{"shippingContactInvalid", "country", "Choose a country."}
	}
	if fault != nil { // the sheet wants a total, also where it shows an error
		cart := sheetCart{Faults: []ContactFault{*fault}}
		return sheetAnswer{code: http.StatusOK, cart: cart.priced(asked, asked.Items, merchant.totalLine(asked, asked.Total))}
	}
	return sheetAnswer{code: http.StatusOK, cart: sheetCart{}.priced(asked, items, merchant.totalLine(asked, total))}
}

func (c sheetCart) priced(asked request, items []message.LineItem, total message.LineItem) sheetCart {
	c.Items, c.Total = make([]message.LineItem, len(items)), &total
	for i, item := range items {
		c.Items[i] = item.Normalized(asked.Currency)
	}
	return c
}

// keeps tells whether the merchant's rules are those of the request.
func (m *Merchant) keeps(asked request) bool {
	return m.Rules != nil && m.Rules.digest() == asked.Rules
}

const (
	maxLineItems = 100
	maxMethods   = 50
	maxFaults    = 20
)

// sheet writes a cart as the sheet reads it. fault says what does not add up, "" for nothing.
func (c Cart) sheet(currency money.Currency) (cart sheetCart, fault string) {
	if len(c.Items) > maxLineItems || len(c.Methods) > maxMethods || len(c.Faults) > maxFaults {
		return sheetCart{}, "it has too many lines"
	}
	sum, fault := c.sum(currency)
	if fault != "" {
		return sheetCart{}, fault
	}
	if c.Total == nil && len(c.Items)+len(c.Methods) > 0 { // only the provider knows what it is by now
		return sheetCart{}, "it has line_items or shipping_methods, but no total"
	}
	if c.Total != nil {
		total, err := currency.Parse(c.Total.Amount)
		switch {
		case err != nil:
			return sheetCart{}, "its total " + err.Error()
		case total <= 0:
			return sheetCart{}, "its total is not more than zero"
		case len(c.Items) > 0 && total != sum:
			return sheetCart{}, "its total is not the sum of its line_items"
		}
		line := c.Total.Normalized(currency)
		line.Label = message.CutLabel(string(line.Label))
		cart.Total = &line
	}
	for _, item := range c.Items {
		item.Label = message.CutLabel(string(item.Label))
		cart.Items = append(cart.Items, item.Normalized(currency))
	}
	for _, method := range c.Methods {
		if amount, err := currency.Parse(method.Amount); err != nil || amount < 0 || method.ID == "" {
			return sheetCart{}, "one of its shipping_methods has no id, or no amount that is not negative"
		}
		method = method.Normalized(currency)
		cart.Methods = append(cart.Methods, sheetMethod{message.CutLabel(string(method.Label)), message.CutLabel(string(method.Detail)), method.Amount, method.ID})
	}
	cart.Faults = c.Faults
	return cart, ""
}

func (c Cart) sum(currency money.Currency) (money.Amount, string) {
	amounts := make([]money.Amount, 0, len(c.Items))
	for _, item := range c.Items {
		amount, err := currency.Parse(item.Amount)
		if err != nil {
			return 0, "the amount of one of its line_items " + err.Error()
		}
		amounts = append(amounts, amount)
	}
	sum, err := money.Sum(amounts...)
	if err != nil {
		return 0, "the sum of its line_items " + err.Error()
	}
	return sum, ""
}
