package webhook

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"bizbridge/bridge/message"
	"bizbridge/bridge/money"
	"bizbridge/bridge/payment"
)

// decimal is an amount in quotes, or as a JSON number, whose digits are taken as they are written.
type decimal string

// UnmarshalJSON takes strings and numbers.
func (d *decimal) UnmarshalJSON(raw []byte) error {
	var number json.Number // reads both, and checks the form
	if err := json.Unmarshal(raw, &number); err != nil {
		return err
	}
	*d = decimal(number)
	return nil
}

type wireError struct {
	Code         string `json:"code"`
	ContactField string `json:"contact_field"`
	Message      string `json:"message"`
}

const maxErrors = 20

var errorCodes = []string{"shippingContactInvalid", "billingContactInvalid", "addressUnserviceable"}

// faults reads errors. ok is false where one of them is none that a sheet knows.
func faults(wire []wireError) (list []payment.ContactFault, ok bool) {
	if len(wire) > maxErrors {
		return nil, false
	}
	for _, one := range wire {
		if !slices.Contains(errorCodes, one.Code) {
			return nil, false
		}
		list = append(list, payment.ContactFault{
			Code: one.Code, ContactField: string(message.CutLabel(one.ContactField)), Message: string(message.CutLabel(one.Message)),
		})
	}
	return list, true
}

// decodeCharge reads the answer to payment.authorize and payment.status. ok is false for what says nothing that can be
// relied on. Whether the amount is the right one is not seen here.
func decodeCharge(body []byte) (charge payment.Charge, ok bool) {
	var wire struct {
		Status      payment.ChargeStatus `json:"status"`
		Amount      json.RawMessage      `json:"amount"`
		Currency    money.Currency       `json:"currency"`
		ProviderRef string               `json:"provider_ref"`
		Reason      string               `json:"reason"`
		Errors      json.RawMessage      `json:"errors"`
	}
	if json.Unmarshal(body, &wire) != nil {
		return payment.Charge{}, false
	}
	charge = payment.Charge{
		Status: wire.Status, Currency: money.Currency(strings.ToUpper(string(wire.Currency))), Ref: string(message.CutLabel(wire.ProviderRef)), Reason: string(message.CutLabel(wire.Reason)),
	}
	switch wire.Status {
	case payment.Declined:
		charge.Currency = ""
		var told []wireError
		_ = json.Unmarshal(wire.Errors, &told)
		charge.Faults, _ = faults(told) // without them the sheet says less
		return charge, true
	case payment.Authorized, payment.Pending:
		if wire.Status == payment.Pending && wire.Amount == nil {
			charge.Currency = "" // of nothing
			return charge, true
		}
		var amount decimal
		if json.Unmarshal(wire.Amount, &amount) != nil {
			return payment.Charge{}, false
		}
		var err error
		charge.Amount, err = charge.Currency.Parse(string(amount))
		return charge, err == nil
	}
	return payment.Charge{}, false
}

// decodeCart reads the answer to payment.update. Whether it adds up is not seen here.
func decodeCart(body []byte) (cart payment.Cart, ok bool) {
	type lineItem struct {
		Label  string               `json:"label"`
		Amount decimal              `json:"amount"`
		Type   message.LineItemType `json:"type"`
	}
	var wire struct {
		LineItems       []lineItem `json:"line_items"`
		Total           *lineItem  `json:"total"`
		ShippingMethods []struct {
			ID     string  `json:"id"`
			Label  string  `json:"label"`
			Detail string  `json:"detail"`
			Amount decimal `json:"amount"`
		} `json:"shipping_methods"`
		Errors []wireError `json:"errors"`
	}
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) || json.Unmarshal(body, &wire) != nil { // null says nothing
		return payment.Cart{}, false
	}
	line := func(item lineItem) message.LineItem {
		ok = ok && (item.Type == "" || item.Type == message.LineItemFinal || item.Type == message.LineItemPending)
		return message.LineItem{Label: message.CutLabel(item.Label), Amount: string(item.Amount), Type: item.Type}
	}
	cart.Faults, ok = faults(wire.Errors)
	for _, item := range wire.LineItems {
		cart.Items = append(cart.Items, line(item))
	}
	if wire.Total != nil {
		total := line(*wire.Total)
		cart.Total = &total
	}
	for _, method := range wire.ShippingMethods {
		cart.Methods = append(cart.Methods, message.ShippingMethod{
			ID: method.ID, Label: message.CutLabel(method.Label), Detail: message.CutLabel(method.Detail), Amount: string(method.Amount),
		})
	}
	return cart, ok
}
