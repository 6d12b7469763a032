package webhook

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/message"
	"bizbridge/bridge/payment"
)

func TestAChargeIsReadOrNot(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]*payment.Charge{
		paid: {Status: payment.Authorized, Amount: 1000, Currency: "USD", Ref: "ch_1"},
		`{"status":"authorized","amount":10.50,"currency":"usd"}`:               {Status: payment.Authorized, Amount: 1050, Currency: "USD"},
		`{"status":"authorized","amount":"1200","currency":"JPY","reason":"a"}`: {Status: payment.Authorized, Amount: 1200, Currency: "JPY", Reason: "a"},
		`{"status":"pending","amount":"0.10","currency":"EUR"}`:                 {Status: payment.Pending, Amount: 10, Currency: "EUR"},
		`{"status":"authorized","amount":"-1","currency":"USD"}`:                {Status: payment.Authorized, Amount: -100, Currency: "USD"}, // seen by the service
		`{"status":"declined"}`:                                                    {Status: payment.Declined},
		`{"status":"declined","amount":"10.00","currency":"USD"}`:                  {Status: payment.Declined},
		`{"status":"declined","amount":null,"reason":"no\nmoney","new":[1]}`:       {Status: payment.Declined, Reason: "no money"},
		`{"status":"declined","errors":[{"code":"billingContactInvalid"}]}`:        {Status: payment.Declined, Faults: []payment.ContactFault{{Code: "billingContactInvalid"}}},
		`{"status":"declined","errors":[{"code":"?"}]}`:                            {Status: payment.Declined},
		`{"status":"authorized","amount":"10.00"}`:                                 nil,
		`{"status":"authorized","currency":"USD"}`:                                 nil,
		`{"status":"authorized","amount":"","currency":"USD"}`:                     nil,
		`{"status":"authorized","amount":"10.001","currency":"USD"}`:               nil,
		`{"status":"authorized","amount":1e1,"currency":"USD"}`:                    nil,
		`{"status":"authorized","amount":"1e1","currency":"USD"}`:                  nil,
		`{"status":"authorized","amount":"ten","currency":"USD"}`:                  nil,
		`{"status":"authorized","amount":true,"currency":"USD"}`:                   nil,
		`{"status":"authorized","amount":{"value":"10.00"},"currency":"USD"}`:      nil,
		`{"status":"authorized","amount":"10.00","currency":"XXX"}`:                nil,
		`{"status":"authorized","amount":"10.00","currency":7}`:                    nil,
		`{"status":"Authorized","amount":"10.00","currency":"USD"}`:                nil,
		`{"status":"succeeded","amount":"10.00","currency":"USD"}`:                 nil,
		`{"status":null,"amount":"10.00","currency":"USD"}`:                        nil,
		`{"status":["authorized"],"amount":"10.00","currency":"USD"}`:              nil,
		`{"status":"authorized","amount":"99999999999999999999","currency":"USD"}`: nil,
		`{"amount":"10.00","currency":"USD"}`:                                      nil,
		`[` + paid + `]`:                                                           nil, paid + paid: nil, `"authorized"`: nil, "": nil, "null": nil, "authorized": nil,
	} {
		got, ok := decodeCharge([]byte(body))
		if ok != (want != nil) {
			t.Errorf("%s: read %v", body, ok)
			continue
		}
		if ok {
			if diff := cmp.Diff(*want, got); diff != "" {
				t.Errorf("%s: %s", body, diff)
			}
		}
	}
}

func TestACartIsReadOrNot(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]*payment.Cart{
		`{}`:          {},
		` {"new":1} `: {},
		`{"line_items":[],"shipping_methods":null,"errors":[]}`: {},
		`{"line_items":[{"label":"A\nB","amount":1.50,"type":"pending"}],"total":{"amount":"1.5"}}`: {
			Items: []message.LineItem{{Label: "A B", Amount: "1.50", Type: "pending"}}, Total: &message.LineItem{Amount: "1.5"}},
		`{"shipping_methods":[{"id":"a","label":"L","detail":"D","amount":"0"}]}`:                {Methods: []message.ShippingMethod{{ID: "a", Label: "L", Detail: "D", Amount: "0"}}},
		`{"errors":[{"code":"addressUnserviceable","contact_field":"country","message":"No."}]}`: {Faults: []payment.ContactFault{{Code: "addressUnserviceable", ContactField: "country", Message: "No."}}},
		`{"errors":[{"code":"unknown"}]}`:                                                        nil,
		`{"errors":[{}]}`:                                                                        nil,
		`{"errors":"no"}`:                                                                        nil,
		`{"errors":[` + strings.Repeat(`{"code":"billingContactInvalid"},`, 20) + `{"code":"billingContactInvalid"}]}`: nil,
		`{"total":{"amount":"1","type":"Final"}}`:                    nil,
		`{"line_items":[{"label":"A","amount":"1","type":"maybe"}]}`: nil,
		`{"line_items":{"label":"A","amount":"1"}}`:                  nil,
		`{"line_items":[{"label":"A","amount":[1]}]}`:                nil,
		`{"total":"1"}`: nil, "": nil, "[]": nil, "<html>": nil, `{"total":`: nil, `{}{}`: nil, "null": nil, " null ": nil, `"{}"`: nil,
	} {
		got, ok := decodeCart([]byte(body))
		if ok != (want != nil) {
			t.Errorf("%s: read %v", body, ok)
			continue
		}
		if ok {
			if diff := cmp.Diff(*want, got); diff != "" {
				t.Errorf("%s: %s", body, diff)
			}
		}
	}
}

func FuzzDecodeCharge(f *testing.F) {
	for _, body := range []string{paid, `{"status":"declined","errors":[{"code":"billingContactInvalid"}]}`, `{"status":"pending","amount":1e3,"currency":"jpy"}`, `{"status":"pending","currency":"none"}`, "null"} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		charge, ok := decodeCharge(body)
		if !ok {
			return
		}
		if !json.Valid(body) || !slices.Contains([]payment.ChargeStatus{payment.Authorized, payment.Declined, payment.Pending}, charge.Status) {
			t.Fatalf("%s: %+v", body, charge)
		}
		without := charge.Status == payment.Declined || charge.Status == payment.Pending && charge.Currency == ""
		if without == charge.Currency.Known() || without && charge.Amount != 0 {
			t.Fatalf("%s: %+v", body, charge)
		}
		if len(charge.Faults) > maxErrors || len([]rune(charge.Reason+charge.Ref)) > 2*message.MaxLabel {
			t.Fatalf("%+v", charge)
		}
	})
}

func FuzzDecodeCart(f *testing.F) {
	for _, body := range []string{`{}`, `{"line_items":[{"label":"A","amount":1.50}],"total":{"label":"T","amount":"1.5"}}`, `{"shipping_methods":[{"id":"a","amount":"0"}],"errors":[{"code":"addressUnserviceable"}]}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		cart, ok := decodeCart(body)
		if !ok {
			return
		}
		for _, one := range cart.Faults {
			if !slices.Contains(errorCodes, one.Code) {
				t.Fatalf("%+v", one)
			}
		}
		for _, item := range cart.Items {
			if len([]rune(string(item.Label))) > message.MaxLabel || item.Type != "" && item.Type != message.LineItemFinal && item.Type != message.LineItemPending {
				t.Fatalf("%+v", item)
			}
		}
	})
}
