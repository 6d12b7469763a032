package payment

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/money"
)

func FuzzCallback(f *testing.F) {
	for _, name := range []string{"gateway-request", "shipping-contact-update-request", "payment-method-update-request", "shipping-method-update-request", "update-response"} {
		f.Add([]byte(fixture(f, name)))
	}
	for _, body := range []string{"", "{}", "null", `{"requestIdentifier":"a","payment":{"summaryItems":[1]}}`, `{"requestIdentifier":"a","payment":{"shippingContact":{"addressLines":["a",1,null,["b"]]}}}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		posted, err := decodeCallback(body)
		if err != nil {
			if strings.Contains(err.Error(), "Visa") {
				t.Fatal(err)
			}
			return
		}
		if posted.requestID == "" || posted.payment != nil && !json.Valid(posted.payment) || posted.items != nil && !json.Valid(posted.items) {
			t.Fatalf("%+v", posted)
		}
		transaction, token, err := posted.consent()
		if err == nil && (transaction == "" || len(transaction) > maxTransaction || strings.ContainsAny(transaction, " \r\n\x00") || !isObject(token.Data) || !json.Valid(token.Data)) {
			t.Fatalf("%q, %+v", transaction, token)
		}
		where, ok := posted.destination()
		if ok != (where.country != "") && ok {
			t.Fatalf("%+v", where)
		}
		if to := posted.deliverTo(); to != nil {
			if len(to.AddressLines) > maxAddressLines || ok && !strings.EqualFold(to.CountryCode, where.country) {
				t.Fatalf("%+v, %+v", to, where)
			}
			for _, line := range append(to.AddressLines, to.GivenName, to.PostalCode, to.EmailAddress) {
				if len([]rune(line)) > message.MaxLabel || strings.ContainsAny(line, "\r\n\x00\x1b") {
					t.Fatalf("%q", line)
				}
			}
		}
	})
}

func FuzzOpenRequest(f *testing.F) {
	ring := testRing(f, 1)
	f.Add(sealRequest(ring, asked(), start.Add(time.Hour)), []byte(`{"v":1}`))
	f.Add("", []byte(`{"v":1,"i":"a","t":1e3}`))
	f.Add(strings.Repeat("A", 100), []byte(`{"v":1,"l":[{"l":"a","a":"1"},null]}`))
	f.Fuzz(func(t *testing.T, token string, plain []byte) {
		if got, err := openRequest(ring, token, start); err == nil && sealRequest(ring, got, start) == "" {
			t.Fatal("opened, but cannot be sealed")
		}
		// What a later bridge may have sealed is read, or refused.
		opened, err := openRequest(ring, ring.Seal(Purpose, "", start.Add(1), plain), start.Add(-time.Second))
		if err != nil {
			return
		}
		again, err := openRequest(ring, sealRequest(ring, opened, start.Add(time.Hour)), start)
		if err == nil && (again.ID != opened.ID || again.Total != opened.Total || len(again.Items) != len(opened.Items)) {
			t.Fatalf("%+v became %+v", opened, again)
		}
	})
}

func FuzzCartSheet(f *testing.F) {
	f.Add("USD", "1.50", "-0.50", "1.00", "0.28", "a")
	f.Add("JPY", "1e3", "99999999999999999999", "0", "-1", "")
	f.Add("KWD", "10000000000.000", "10000000000.000", "20000000000", "0", "x")
	f.Fuzz(func(t *testing.T, code, one, other, sum, method, id string) {
		currency := money.Currency(code)
		cart := Cart{
			Items: []message.LineItem{item("A", one), item("B", other)}, Total: total(sum),
			Methods: []message.ShippingMethod{{ID: id, Label: "M", Amount: method}},
		}
		shown, fault := cart.sheet(currency)
		if fault != "" {
			if shown.Total != nil || shown.Items != nil || strings.Contains(fault, "%!") {
				t.Fatalf("%+v, %q", shown, fault)
			}
			return
		}
		text, err := json.Marshal(shown)
		if err != nil {
			t.Fatal(err)
		}
		if _, total := sheetOf(t, currency, answer{200, string(text)}); total <= 0 || total > money.Max {
			t.Fatalf("%s", text)
		}
		if amount, err := currency.Parse(shown.Methods[0].Amount); err != nil || amount < 0 || currency.Format(amount) != shown.Methods[0].Amount {
			t.Fatalf("%s", text)
		}
	})
}
