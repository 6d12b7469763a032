package payment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"bizbridge/bridge/message"
)

// marks are put into every text that a phone posts, so that whatever of it gets out is seen.
const mark = "LEAK-4242424242424242"

// marked puts the mark into every string below payment, but for the transaction.
func marked(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			if name != "transactionIdentifier" && name != "countryCode" {
				value[name] = marked(member)
			}
		}
	case []any:
		for i, member := range value {
			value[i] = marked(member)
		}
	case string:
		return value + mark
	}
	return value
}

// Whatever goes wrong, what a phone posted, the address it posted to and who it is are in no log, no error and no label.
// That the other tests leak nothing is seen at the end of each.
func TestNothingOfAPaymentGetsOut(t *testing.T) {
	t.Parallel()
	var root map[string]any
	if err := json.Unmarshal([]byte(fixture(t, "gateway-request")), &root); err != nil {
		t.Fatal(err)
	}
	marked(root["payment"])
	whole, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	bodies := map[string]string{"whole": string(whole)}
	for n := 1; n < len(whole); n += 97 {
		bodies[fmt.Sprintf("cut at %d", n)] = string(whole[:n])
	}
	for _, path := range []string{"payment", "payment.paymentToken", "payment.paymentToken.paymentData", "payment.paymentToken.transactionIdentifier", "payment.shippingContact", "requestIdentifier"} {
		for _, value := range []any{mark, 7, []string{mark}, map[string]any{mark: mark}} {
			bodies[fmt.Sprintf("%s is %v", path, value)] = change(t, string(whole), path, value)
		}
	}
	providers := map[string]Provider{
		"charges": charges, "declines": answers(Charge{Status: Declined, Reason: "no"}, nil), "contradicts": answers(Charge{Status: Authorized, Amount: 1, Currency: "EUR"}, nil),
		"fails": answers(Charge{}, errors.New(mark)), "is uncertain": failing(message.Uncertain, "no answer"),
		"panics": charger(func(_ context.Context, consent Authorization) (Charge, error) { panic(string(consent.Payment)) }),
		"tracks": tracking{charges, func(context.Context, Request, json.RawMessage) error {
			return message.Failuref(message.Permanent, "no")
		}},
		"prices": pricing{charges, func(context.Context, Update) (Cart, error) {
			return Cart{Items: []message.LineItem{item(mark, mark)}, Total: total(mark)}, nil
		}},
	}
	for _, name := range slices.Sorted(maps.Keys(providers)) {
		r := newRig(t, providers[name])
		r.secrets = append(r.secrets, "LEAK")
		r.merchant.Updates, r.merchant.OrderTracking = everyUpdate, true
		r.helpdesk = func() *message.Failure { return message.Failuref(message.Transient, "the helpdesk cannot be reached") }
		token := r.seal()
		for _, body := range bodies {
			for _, endpoint := range Endpoints {
				if heard := r.post(token, endpoint, body); strings.Contains(heard.Body, "LEAK") {
					t.Errorf("%s answers %s", endpoint, heard.Body)
				}
			}
		}
		r.Answer(t.Context(), business, customer, requestID, "")
		for status := range r.counts() {
			if !slices.Contains(message.PaymentStatuses, status) {
				t.Errorf("counted as %q", status)
			}
		}
		for _, told := range r.payments() {
			// The name of the card is for the agent; where the order goes, for the helpdesk.
			if strings.Contains(strings.ReplaceAll(told.Summary, "Visa 1234"+mark, ""), "LEAK") {
				t.Errorf("the agent reads %q", told.Summary)
			}
		}
		if r.logged() == "" {
			t.Errorf("%s: nothing was logged, so nothing was searched", name)
		}
	}
}
