package payment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/money"
	"bizbridge/bridge/seal"
)

// Purpose binds callback tokens to payments: no other token opens as one.
const Purpose seal.Purpose = "payment"

// MaxToken is how long a token may be; the whole address of a callback stays below MaxAddress, too.
const (
	MaxToken   = 1800
	MaxAddress = 2000
)

// request is what a callback's address holds: everything that a replica needs that has never heard of it.
type request struct {
	Request
	Merchant string // its name in the settings
	// Label is that of the total, where the sheet may show another total; "": the merchant's name.
	Label message.Label
	// Of a merchant with rules: what they price, and which rules these are.
	Items []message.LineItem
	Rules string
}

// sealedRequest is a request in JSON, with names that take no room in an address.
type sealedRequest struct {
	Version  int                `json:"v"`
	ID       string             `json:"i"`
	Business message.BusinessID `json:"b"`
	Customer message.CustomerID `json:"c"`
	Currency money.Currency     `json:"y"`
	Total    money.Amount       `json:"t"`
	Fixed    bool               `json:"f,omitempty"`
	Merchant string             `json:"m"`
	Label    message.Label      `json:"n,omitempty"`
	Items    []sealedItem       `json:"l,omitempty"`
	Rules    string             `json:"r,omitempty"`
}

type sealedItem struct {
	Label  message.Label        `json:"l"`
	Amount string               `json:"a"`
	Type   message.LineItemType `json:"t,omitempty"`
}

const sealedVersion = 1

func sealRequest(ring *seal.Ring, asked request, expires time.Time) string {
	sealed := sealedRequest{
		Version: sealedVersion, ID: asked.ID, Business: asked.Business, Customer: asked.Customer, Currency: asked.Currency,
		Total: asked.Total, Fixed: asked.Fixed, Merchant: asked.Merchant, Label: asked.Label, Rules: asked.Rules,
	}
	for _, item := range asked.Items {
		sealed.Items = append(sealed.Items, sealedItem(item))
	}
	var plain bytes.Buffer
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false) // "&" would take six bytes
	if err := encoder.Encode(sealed); err != nil {
		panic(err) // strings and numbers only
	}
	return ring.Seal(Purpose, "", expires, bytes.TrimSuffix(plain.Bytes(), []byte("\n")))
}

// openRequest reads what [sealRequest] wrote. Its errors are those of package seal.
func openRequest(ring *seal.Ring, token string, now time.Time) (request, error) {
	if len(token) > MaxToken {
		return request{}, seal.ErrMalformed
	}
	plain, err := ring.Open(Purpose, "", token, now)
	if err != nil {
		return request{}, err
	}
	var sealed sealedRequest
	if err := json.Unmarshal(plain, &sealed); err != nil || sealed.Version != sealedVersion {
		return request{}, fmt.Errorf("%w of this version", seal.ErrMalformed)
	}
	asked := request{
		Request: Request{
			ID: sealed.ID, Business: sealed.Business, Customer: sealed.Customer, Currency: sealed.Currency, Total: sealed.Total, Fixed: sealed.Fixed,
		},
		Merchant: sealed.Merchant, Label: sealed.Label, Rules: sealed.Rules,
	}
	for _, item := range sealed.Items {
		asked.Items = append(asked.Items, message.LineItem(item))
	}
	return asked, nil
}
