package message

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/money"
)

// pay is a payment with these members.
func pay(members string) string { return `{"kind":"payment",` + members + `}` }

const tenDollars = `"currency_code":"USD","line_items":[{"label":"Item 1","amount":"10.00"}]`

func TestAPaymentThatIsWrongSaysWhere(t *testing.T) {
	t.Parallel()
	many := func(n int, one string) string {
		list := make([]string, n)
		for i := range list {
			list[i] = strings.ReplaceAll(one, "#", fmt.Sprint(i))
		}
		return "[" + strings.Join(list, ",") + "]"
	}
	for members, want := range map[string][]string{
		tenDollars: nil,
		`"currency_code":"USD","total":{"amount":"10"}`:                                      nil,
		`"currency_code":"USD","total":{"label":"Total","amount":"10.000","type":"pending"}`: nil,
		tenDollars + `,"total":{"label":"Total"}`:                                            nil,
		tenDollars + `,"total":{"amount":"10"}`:                                              nil,
		`"currency_code":"JPY","line_items":[{"label":"A","amount":"1200"},{"label":"B","amount":"-200","type":"pending"}],"total":{"amount":"1000"}`:                          nil,
		tenDollars + `,"country_code":"US","supported_countries":["US","DE"],"supported_networks":["visa","masterCard"],"merchant_capabilities":["supports3DS","supportsEMV"]`: nil,
		tenDollars + `,"shipping_methods":[{"id":"a","label":"Free","amount":"0"}],"fallback_url":"https://shop.example.com/pay"`:                                              nil,

		`"line_items":[{"label":"Item 1","amount":"10.00"}]`:                                                                       {"/currency_code required"},
		`"currency_code":"usd","total":{"amount":"10"}`:                                                                            {"/currency_code currency"},
		`"currency_code":"XAU","total":{"amount":"10"}`:                                                                            {"/currency_code currency"},
		`"currency_code":7,"total":{"amount":"10"}`:                                                                                {"/currency_code type"},
		`"currency_code":"USD"`:                                                                                                    {"/total/amount required"},
		`"currency_code":"USD","line_items":[],"total":{}`:                                                                         {"/total/amount required"},
		`"currency_code":"USD","total":{"amount":"0.00"}`:                                                                          {"/total/amount minimum"},
		`"currency_code":"USD","total":{"amount":"-10"}`:                                                                           {"/total/amount minimum"},
		`"currency_code":"USD","total":{"amount":"10.001"}`:                                                                        {"/total/amount amount"},
		`"currency_code":"USD","total":{"amount":"10,00"}`:                                                                         {"/total/amount amount"},
		`"currency_code":"USD","total":{"amount":"1e3"}`:                                                                           {"/total/amount amount"},
		`"currency_code":"USD","total":{"amount":"$10"}`:                                                                           {"/total/amount amount"},
		`"currency_code":"USD","total":{"amount":"99999999999999999999"}`:                                                          {"/total/amount amount"},
		`"currency_code":"JPY","total":{"amount":"10.50"}`:                                                                         {"/total/amount amount"},
		`"currency_code":"USD","total":{"amount":10}`:                                                                              {"/total/amount type"},
		`"currency_code":"USD","total":{"amount":"10","type":"Final"}`:                                                             {"/total/type enum"},
		tenDollars + `,"total":{"amount":"10.01"}`:                                                                                 {"/total/amount total"},
		tenDollars + `,"total":"10.00"`:                                                                                            {"/total type"},
		`"currency_code":"USD","line_items":[{"label":"A","amount":"-1"}]`:                                                         {"/line_items minimum"},
		`"currency_code":"USD","line_items":[{"label":"A","amount":"1"},{"label":"B","amount":"-1"}]`:                              {"/line_items minimum"},
		`"currency_code":"USD","line_items":[{"amount":"1"}]`:                                                                      {"/line_items/0/label required"},
		`"currency_code":"USD","line_items":[{"label":"A"}]`:                                                                       {"/line_items/0/amount required"},
		`"currency_code":"USD","line_items":[{"label":"A","amount":"x"}],"total":{"amount":"3"}`:                                   {"/line_items/0/amount amount"},
		`"currency_code":"USD","line_items":[{"label":"A","amount":"1","type":"free"}]`:                                            {"/line_items/0/type enum"},
		`"currency_code":"USD","line_items":"none","total":{"amount":"1"}`:                                                         {"/line_items type"},
		`"currency_code":"USD","line_items":[{"label":"A","amount":"9999999999999.99"},{"label":"B","amount":"9999999999999.99"}]`: {"/line_items maximum"},
		`"currency_code":"USD","line_items":` + many(101, `{"label":"A","amount":"1"}`):                                            {"/line_items maxItems"},

		tenDollars + `,"country_code":"USA"`:                                                                         {"/country_code pattern"},
		tenDollars + `,"country_code":"us"`:                                                                          {"/country_code pattern"},
		tenDollars + `,"supported_countries":["US","Germany"]`:                                                       {"/supported_countries/1 pattern"},
		tenDollars + `,"supported_networks":["visa","master card"]`:                                                  {"/supported_networks/1 pattern"},
		tenDollars + `,"supported_networks":` + many(51, `"visa#"`):                                                  {"/supported_networks maxItems"},
		tenDollars + `,"merchant_capabilities":["3DS"]`:                                                              {"/merchant_capabilities/0 enum"},
		tenDollars + `,"required_shipping_contact_fields":["postalAddress"]`:                                         {"/required_shipping_contact_fields/0 enum"},
		tenDollars + `,"required_billing_contact_fields":["post","name","post"]`:                                     {"/required_billing_contact_fields/2 uniqueItems"},
		tenDollars + `,"shipping_methods":[{"label":"A","amount":"0"}]`:                                              {"/shipping_methods/0/id required"},
		tenDollars + `,"shipping_methods":[{"id":"a","amount":"0"}]`:                                                 {"/shipping_methods/0/label required"},
		tenDollars + `,"shipping_methods":[{"id":"a","label":"A"}]`:                                                  {"/shipping_methods/0/amount required"},
		tenDollars + `,"shipping_methods":[{"id":"a","label":"A","amount":"-1"}]`:                                    {"/shipping_methods/0/amount minimum"},
		tenDollars + `,"shipping_methods":[{"id":"a","label":"A","amount":"0"},{"id":"a","label":"B","amount":"0"}]`: {"/shipping_methods/1/id uniqueItems"},
		tenDollars + `,"shipping_methods":` + many(51, `{"id":"#","label":"A","amount":"0"}`):                        {"/shipping_methods maxItems"},
		tenDollars + `,"fallback_url":"http://shop.example.com/pay"`:                                                 {"/fallback_url format"},
		tenDollars + `,"fallback_url":"javascript:alert(1)"`:                                                         {"/fallback_url format"},
		tenDollars + `,"received":{"title":"T","image":"1"}`:                                                         {"/received/image reference"},
	} {
		if got := payFaults(t, members); !cmp.Equal(want, got) {
			t.Errorf("%s\n%s", members, cmp.Diff(want, got))
		}
	}
}

func payFaults(t *testing.T, members string) (faults []string) {
	t.Helper()
	body := sendBody(pay(members))
	if _, err := DecodeSend([]byte(body)); err == nil {
		return nil
	}
	for _, fault := range faultsOf(t, body) {
		faults = append(faults, strings.TrimPrefix(fault, "/data/content"))
	}
	return faults
}

func TestTheSumOfAPayment(t *testing.T) {
	t.Parallel()
	for members, want := range map[string]money.Amount{
		tenDollars: 1000, tenDollars + `,"total":{"label":"Total"}`: 1000, `"currency_code":"KWD","total":{"amount":"1.5"}`: 1500,
		`"currency_code":"USD","line_items":[{"label":"A","amount":"1.50"},{"label":"B","amount":"-0.50"}]`: 100,
	} {
		content, faults := DecodeContent([]byte(pay(members)))
		if request, ok := content.(PaymentRequest); !ok || faults != nil || request.Sum() != want || request.Kind() != KindPayment {
			t.Errorf("%s: %+v, %v", members, content, faults)
		}
	}
}

func TestLinesAreWrittenAsAppleWants(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"1.5": "1.50", "-0.50": "-0.50", "2": "2.00", "0": "0.00", "no": "no"} {
		line := LineItem{Label: "A", Amount: text}.Normalized("USD")
		if line != (LineItem{"A", want, LineItemFinal}) {
			t.Errorf("%s became %+v", text, line)
		}
		if method := (ShippingMethod{ID: "a", Amount: text}).Normalized("USD"); method.Amount != want || method.ID != "a" {
			t.Errorf("%s became %+v", text, method)
		}
	}
	if line := (LineItem{Amount: "1.5", Type: LineItemPending}).Normalized("JPY"); line != (LineItem{"", "1.5", LineItemPending}) {
		t.Errorf("%+v", line)
	}
}

func TestAPaymentShowsItsPictures(t *testing.T) {
	t.Parallel()
	content, faults := DecodeContent([]byte(pay(tenDollars + `,"images":[{"id":"1","data":"aGVsbG8="},{"id":"2","url":"https://example.com/2.png"}],"received":{"title":"T","image":"2"},"reply":{"title":"R"}`)))
	request, ok := content.(PaymentRequest)
	if !ok || faults != nil || len(request.Pictures()) != 1 || request.Pictures()[0].URL == "" {
		t.Errorf("%+v, %v", content, faults)
	}
}

// A step is told with the members of the contract, and no address where there is none.
func TestAStepOfAPaymentAsItIsTold(t *testing.T) {
	t.Parallel()
	for want, payment := range map[string]Payment{
		`{"request_id":"r","status":"failed","summary":"s"}`: {RequestID: "r", Status: PaymentFailed, Summary: "s"},
		`{"request_id":"r","status":"authorized","amount":"1.00","currency":"USD","transaction_id":"t","provider_ref":"p","summary":"s","shipping_contact":{"given_name":"Ann","address_lines":["1"]}}`: {
			RequestID: "r", Status: PaymentAuthorized, Amount: "1.00", Currency: "USD", TransactionID: "t", ProviderRef: "p", Summary: "s",
			ShippingContact: &ShippingContact{GivenName: "Ann", AddressLines: []string{"1"}},
		},
	} {
		got, err := json.Marshal(payment)
		if err != nil || string(got) != want {
			t.Errorf("%s, %v", got, err)
		}
	}
}
