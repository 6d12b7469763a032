package apple

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/message"
)

// samplePayment is what Apple's samples have beside the content.
func samplePayment(t *testing.T, sample map[string]any) Payment {
	t.Helper()
	payment := sample["data"].(map[string]any)["payment"].(map[string]any)
	session, err := json.Marshal(payment["merchantSession"])
	if err != nil {
		t.Fatal(err)
	}
	prepared := Payment{MerchantID: "merchant.com.example", MerchantName: "Example Store", CountryCode: "US", Session: session}
	endpoints, err := json.Marshal(payment["endpoints"])
	if err != nil || json.Unmarshal(endpoints, &prepared.Endpoints) != nil {
		t.Fatal(err)
	}
	return prepared
}

// TestAPaymentAsksWhatAppleDocuments sends Apple's samples, and compares them but for what is said otherwise: the version has
// its newer name, and every bubble a style.
func TestAPaymentAsksWhatAppleDocuments(t *testing.T) {
	for name, content := range map[string]message.PaymentRequest{
		"out-apple-pay-basic.json": {
			CurrencyCode: "USD", LineItems: []message.LineItem{{Label: "Item 1", Amount: "10"}}, Total: &message.LineItem{Label: "Your total"},
			SupportedNetworks:    []string{"amex", "visa", "discover", "masterCard", "chinaUnionPay", "interac", "privateLabel"},
			MerchantCapabilities: []string{"supportsDebit", "supportsCredit", "supportsEMV", "supports3DS"},
		},
		"out-apple-pay-rich.json": {
			CurrencyCode: "USD", Total: &message.LineItem{Label: "Your total", Amount: "1.0"},
			LineItems:                     []message.LineItem{{Label: "Item A", Amount: "1.5", Type: message.LineItemFinal}, {Label: "Discount", Amount: "-0.5"}},
			SupportedNetworks:             []string{"amex", "visa", "discover", "masterCard"},
			MerchantCapabilities:          []string{"supportsDebit", "supportsCredit", "supports3DS"},
			RequiredBillingContactFields:  []message.ContactField{"post"},
			RequiredShippingContactFields: []message.ContactField{"post", "name", "phone", "email"},
			ShippingMethods: []message.ShippingMethod{
				{ID: "ship_1", Label: "Free", Detail: "8 to 10 days", Amount: "0"}, {ID: "ship_2", Label: "Ground", Detail: "5 to 7 days", Amount: "0.28"},
			},
			Images:   []message.Image{{ID: "1"}},
			Received: &message.Bubble{Title: "Your order", Subtitle: "Tap to pay", Style: message.StyleLarge, Image: "1"},
			Reply:    &message.Bubble{Title: "Paid", Style: message.StyleLarge, Image: "1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			sample := unmarshal[map[string]any](t, fixture(t, name))["interactiveData"].(map[string]any)
			out := signInOut
			out.Content, out.Payment = content, samplePayment(t, sample)
			data := sample["data"].(map[string]any)
			if images, ok := data["images"].([]any); ok {
				var png []byte
				if err := json.Unmarshal([]byte(`"`+images[0].(map[string]any)["data"].(string)+`"`), &png); err != nil {
					t.Fatal(err)
				}
				out.Pictures = map[string][]byte{"1": png}
			}
			delete(data, "mspVersion")
			data["version"] = "1.0"
			request := data["payment"].(map[string]any)["paymentRequest"].(map[string]any)
			request["merchantName"] = "Example Store"
			for _, fields := range []string{"requiredBillingContactFields", "requiredShippingContactFields"} {
				if list, ok := request[fields].([]any); ok && len(list) == 0 {
					delete(request, fields) // none is none
				}
			}
			got := posted(t, out)["interactiveData"].(map[string]any)
			if name == "out-apple-pay-basic.json" { // it has words of its own
				sample["receivedMessage"] = map[string]any{"style": "icon", "title": "Example Store", "subtitle": "10.00 USD"}
				delete(sample, "replyMessage")
			}
			if diff := cmp.Diff(any(sample), any(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestAPaymentSaysTheDefaults leaves out what may be.
func TestAPaymentSaysTheDefaults(t *testing.T) {
	out := signInOut
	out.Content = message.PaymentRequest{CurrencyCode: "JPY", LineItems: []message.LineItem{{Label: "Tea", Amount: "1200.0", Type: message.LineItemPending}}}
	out.Payment = Payment{MerchantID: "merchant.com.example", MerchantName: "Tea House", CountryCode: "JP", Networks: []string{"jcb"}, Session: json.RawMessage(`{"a":1}`),
		Endpoints: PaymentEndpoints{PaymentGateway: "https://bridge.example.com/pay/t/paymentGateway"}}
	payment := posted(t, out)["interactiveData"].(map[string]any)["data"].(map[string]any)["payment"].(map[string]any)
	want := map[string]any{
		"paymentRequest": map[string]any{
			"lineItems": []any{map[string]any{"label": "Tea", "amount": "1200", "type": "pending"}},
			"total":     map[string]any{"label": "Tea House", "amount": "1200", "type": "final"},
			"applePay": map[string]any{
				"merchantIdentifier": "merchant.com.example", "supportedNetworks": []any{"jcb"},
				"merchantCapabilities": []any{"supports3DS", "supportsCredit", "supportsDebit"},
			},
			"merchantName": "Tea House", "countryCode": "JP", "currencyCode": "JPY",
		},
		"merchantSession": map[string]any{"a": 1.0},
		"endpoints":       map[string]any{"paymentGatewayUrl": "https://bridge.example.com/pay/t/paymentGateway"},
	}
	if diff := cmp.Diff(want, payment); diff != "" {
		t.Error(diff)
	}
}

// TestARefusedPaymentSaysWhereToLook translates Apple's 400 (protocol §8.3).
func TestARefusedPaymentSaysWhereToLook(t *testing.T) {
	g := newGateway(t, reply{status: http.StatusBadRequest})
	c, _ := newTestClient(t, g.URL)
	out := signInOut
	out.Content, out.Payment = message.PaymentRequest{CurrencyCode: "USD", Total: &message.LineItem{Amount: "1"}}, Payment{Session: json.RawMessage(`{}`)}
	failure := send(t, c, time.Second, out)
	if failure == nil || failure.Class != message.Invalid || !strings.Contains(failure.Reason, "Apple Business Register") {
		t.Errorf("%+v", failure)
	}
}

// TestEveryEndOfAPaymentIsRead takes whatever devices may say: Apple prints no list.
func TestEveryEndOfAPaymentIsRead(t *testing.T) {
	for payment, want := range map[string]message.PaymentStatus{
		`{"state":"success"}`:        message.PaymentCompleted,
		`{"state":"STATUS_SUCCESS"}`: message.PaymentCompleted,
		`{"state":"Authorized"}`:     message.PaymentCompleted,
		`{"status":"completed"}`:     message.PaymentCompleted,
		`{"state":"failure"}`:        message.PaymentFailed,
		`{"state":"STATUS_FAILURE"}`: message.PaymentFailed,
		`{"state":"cancelled"}`:      message.PaymentCanceled,
		`{"state":"canceled"}`:       message.PaymentCanceled,
		`{"state":"<opaque>"}`:       "",
		`{"state":7}`:                "",
		`{"state":{"a":[1]}}`:        "",
		`{}`:                         "",
		`[]`:                         "",
		`"success"`:                  "",
	} {
		got := parsePayment([]byte(`{"data":{"requestIdentifier":"00000000-0000-4000-8000-00000000090A","payment":` + payment + `}}`))
		if got == nil || got.Status != want || got.RequestID != "00000000-0000-4000-8000-00000000090a" {
			t.Errorf("%s: %+v, want %q", payment, got, want)
		}
	}
	for _, none := range []string{`{}`, `{"data":{"payment":null}}`, `[]`, `{"data":7}`} {
		if got := parsePayment([]byte(none)); got != nil {
			t.Errorf("%s: %+v", none, got)
		}
	}
}
