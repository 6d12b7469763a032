package payment

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/message"
	"bizbridge/bridge/money"
)

func prices(cart Cart) pricing {
	return pricing{charges, func(context.Context, Update) (Cart, error) { return cart, nil }}
}

var everyUpdate = []What{PaymentMethod, ShippingContact, ShippingMethod}

func TestAnUpdateIsThePricesOfTheProvider(t *testing.T) {
	t.Parallel()
	for endpoint, test := range map[Endpoint]struct {
		fixture string
		what    What
	}{
		EndpointMethod:   {"payment-method-update-request", PaymentMethod},
		EndpointContact:  {"shipping-contact-update-request", ShippingContact},
		EndpointShipping: {"shipping-method-update-request", ShippingMethod},
	} {
		t.Run(string(endpoint), func(t *testing.T) {
			t.Parallel()
			var heard Update
			r := newRig(t, pricing{charges, func(_ context.Context, update Update) (Cart, error) {
				heard = update
				return Cart{Items: []message.LineItem{item("Item A", "1.5"), item("Discount", "-0.50"), item("Ground", "0.280")}, Total: total("1.28")}, nil
			}})
			r.merchant.Updates = everyUpdate
			body := fixture(t, test.fixture)
			got := r.post(r.seal(func(a *request) { a.Fixed = false }), endpoint, body)
			var have, want any
			if json.Unmarshal([]byte(got.Body), &have) != nil || json.Unmarshal([]byte(fixture(t, "update-response")), &want) != nil || got.Code != 200 {
				t.Fatalf("%+v", got)
			}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Error(diff)
			}
			var posted struct{ Payment json.RawMessage }
			_ = json.Unmarshal([]byte(body), &posted)
			if heard.What != test.what || string(heard.Payment) != string(posted.Payment) || heard.ID != requestID || heard.Fixed {
				t.Errorf("the provider heard %+v", heard)
			}

			r.merchant.Updates = slices.DeleteFunc(slices.Clone(everyUpdate), func(what What) bool { return what == test.what })
			if got := r.post(r.seal(), endpoint, body); got != (answer{200, strings.TrimSpace(fixture(t, "update-response-nochange"))}) {
				t.Errorf("without the update configured: %+v", got)
			}
			r.merchant.Updates, r.merchant.Provider = everyUpdate, charges
			if got := r.post(r.seal(), endpoint, body); got != (answer{200, "{}"}) {
				t.Errorf("of a provider that prices nothing: %+v", got)
			}
		})
	}
}

// The answers of all kinds, to the byte.
func TestWhatTheSheetHears(t *testing.T) {
	t.Parallel()
	faults := []ContactFault{{Code: "addressUnserviceable", ContactField: "postalCode", Message: "Not there."}}
	free := message.ShippingMethod{ID: "ship_1", Label: "Free", Amount: "0"}
	carts := map[string]Cart{
		"nothing":             {},
		"total only":          {Total: total("10")},
		"total without label": {Total: &message.LineItem{Amount: "10"}},
		"pending":             {Items: []message.LineItem{{Label: "Tax", Amount: "10", Type: message.LineItemPending}}, Total: &message.LineItem{Label: "Total", Amount: "10", Type: message.LineItemPending}},
		"all":                 {Items: []message.LineItem{item("A <b>", "3"), item("B", "-1")}, Total: total("2.0000"), Methods: []message.ShippingMethod{free, {ID: "ship_2", Label: "Ground", Detail: "5 days", Amount: "0.28"}}, Faults: faults},
		"errors only":         {Faults: faults},
		"labels cut":          {Total: &message.LineItem{Label: message.Label(strings.Repeat("long ", 60) + "\n"), Amount: "1"}},
		// What does not add up ends the sheet.
		"no total":                  {Items: []message.LineItem{item("A", "3")}},
		"methods without a total":   {Methods: []message.ShippingMethod{free}},
		"another sum":               {Items: []message.LineItem{item("A", "3")}, Total: total("2.99")},
		"zero":                      {Total: total("0.00")},
		"negative":                  {Total: total("-1")},
		"a total that is none":      {Total: total("ten")},
		"too precise":               {Total: total("1.001")},
		"an exponent":               {Total: total("1e1")},
		"an empty amount":           {Items: []message.LineItem{item("A", "")}, Total: total("1")},
		"an amount that is none":    {Items: []message.LineItem{item("A", "1,00")}, Total: total("1")},
		"a sum too large":           {Items: slices.Repeat([]message.LineItem{item("A", "9999999999999.99")}, 2), Total: total("1")},
		"far too large":             {Total: total(strings.Repeat("9", 30))},
		"too many lines":            {Items: slices.Repeat([]message.LineItem{item("A", "1")}, 101), Total: total("101")},
		"too many methods":          {Total: total("1"), Methods: slices.Repeat([]message.ShippingMethod{free}, 51)},
		"too many errors":           {Total: total("1"), Faults: slices.Repeat(faults, 21)},
		"a method without id":       {Total: total("1"), Methods: []message.ShippingMethod{{Label: "Free", Amount: "0"}}},
		"a method that is negative": {Total: total("1"), Methods: []message.ShippingMethod{{ID: "a", Label: "Free", Amount: "-0.01"}}},
		"a method without amount":   {Total: total("1"), Methods: []message.ShippingMethod{{ID: "a", Label: "Free"}}},
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(carts)) {
		r := newRig(t, prices(carts[name]))
		r.merchant.Updates = everyUpdate
		got := r.post(r.seal(func(a *request) { a.Fixed = false }), EndpointContact, fixture(t, "shipping-contact-update-request"))
		fmt.Fprintf(&text, "%s\n%d %s\n\n", name, got.Code, got.Body)
	}
	golden(t, "sheet.golden", []byte(text.String()))
}

func TestAProviderThatDoesNotPriceEndsTheSheet(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"refused": message.Failuref(message.Permanent, "no"), "not reached": message.Failuref(message.Transient, "no"),
		"uncertain": message.Failuref(message.Uncertain, "no"), "late": context.DeadlineExceeded,
	} {
		r := newRig(t, pricing{charges, func(context.Context, Update) (Cart, error) { return Cart{Total: total("1")}, err }})
		r.merchant.Updates = everyUpdate
		if got := r.post(r.seal(), EndpointContact, fixture(t, "shipping-contact-update-request")); got != failureWith(503) {
			t.Errorf("%s: %+v", name, got)
		}
		if told := r.payments(); told != nil || len(r.counts()) > 0 {
			t.Errorf("%s: the helpdesk heard %+v", name, told)
		}
	}
}

func TestAnUpdateHasFifteenSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, pricing{charges, func(ctx context.Context, _ Update) (Cart, error) {
			<-ctx.Done()
			return Cart{}, ctx.Err()
		}})
		r.merchant.Updates = everyUpdate
		began := time.Now()
		got := r.post(r.seal(), EndpointShipping, fixture(t, "shipping-method-update-request"))
		if took := time.Since(began); got != failureWith(503) || took != updatePatience {
			t.Errorf("%+v after %v", got, took)
		}
	})
}

// What the sheet shows is read in the currency of the request, whatever its decimals.
func TestAnUpdateIsInTheCurrencyOfTheRequest(t *testing.T) {
	t.Parallel()
	for currency, want := range map[money.Currency]answer{
		"USD": {200, `{"newLineItems":[],"newTotal":{"label":"Total","amount":"12.50","type":"final"}}`},
		"KWD": {200, `{"newLineItems":[],"newTotal":{"label":"Total","amount":"12.500","type":"final"}}`},
		"JPY": failureWith(503), "XXX": failureWith(503),
	} {
		r := newRig(t, prices(Cart{Total: total("12.50")}))
		r.merchant.Updates = everyUpdate
		if got := r.post(r.seal(func(a *request) { a.Currency = currency }), EndpointContact, fixture(t, "shipping-contact-update-request")); got != want {
			t.Errorf("%s: %+v", currency, got)
		}
	}
}
