package payment

import (
	"context"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"bizbridge/bridge/message"
	"bizbridge/bridge/money"
)

var shopRules = Rules{
	Currency: "USD",
	Shipping: []ShippingRule{
		{Countries: []string{"US", "CA"}, Label: "Ground", Amount: 500, FreeOver: 5000},
		{Countries: []string{"DE"}, Label: "Post", Amount: 1500},
	},
	Taxes: []TaxRule{
		{Countries: []string{"US"}, Regions: []string{"CA", "California"}, Label: "Sales tax", Rate: 82_500},
		{Countries: []string{"US"}, Regions: []string{"WA"}, Label: "Sales tax", Rate: 100_000, Shipping: true},
		{Countries: []string{"CA"}, Label: "GST", Rate: 50_000},
	},
}

// byRules is a rig whose merchant has rules, and a token under them.
func byRules(t testing.TB, rules Rules, amount string) (*rig, string) {
	t.Helper()
	r := newRig(t, charges)
	r.merchant.Rules = &rules
	goods, err := rules.Currency.Parse(amount)
	if err != nil {
		t.Fatal(err)
	}
	return r, r.seal(func(a *request) {
		a.Currency, a.Total, a.Rules, a.Items = rules.Currency, goods, rules.digest(), []message.LineItem{item("Goods", amount)}
	})
}

func TestRulesPriceByTheAddress(t *testing.T) {
	t.Parallel()
	const nowhere = "cannot go there"
	for name, test := range map[string]struct {
		goods, country, region, total string
	}{
		"shipping and a tax on the goods": {"10.00", "US", "CA", "15.83"}, // 82.5 cents, halves upwards
		"in other words":                  {"10.00", "us", "california", "15.83"},
		"a tax on the shipping, too":      {"10.00", "US", "WA", "16.50"},
		"no tax":                          {"10.00", "US", "OR", "15.00"},
		"no region":                       {"10.00", "US", "", "15.00"},
		"just not free":                   {"49.99", "US", "OR", "54.99"},
		"free":                            {"50.00", "US", "OR", "50.00"},
		"free, so no tax on it":           {"50.00", "US", "WA", "55.00"},
		"a region elsewhere":              {"10.00", "CA", "CA", "15.50"}, // Canada
		"never free":                      {"9999.00", "DE", "BE", "10014.00"},
		"not served":                      {"10.00", "FR", "CA", nowhere},
		"not a country":                   {"10.00", "Atlantis", "", nowhere},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, token := byRules(t, shopRules, test.goods)
			sheet, shown := sheetOf(t, "USD", r.post(token, EndpointContact, sentTo(t, test.country, test.region)))
			told := r.post(token, EndpointGateway, sentTo(t, test.country, test.region))
			last := r.payments()[0]
			if test.total == nowhere {
				if len(sheet.Faults) != 1 || sheet.Faults[0].Code != "addressUnserviceable" || sheet.Total.Amount != test.goods {
					t.Errorf("the sheet shows %+v", sheet)
				}
				if told.Body != `{"status":"STATUS_INVALID_SHIPPING_POSTAL_ADDRESS"}` || last.Status != message.PaymentFailed {
					t.Errorf("%+v, %+v", told, last)
				}
				return
			}
			if got := money.Currency("USD").Format(shown); got != test.total || told != success || last.Amount != test.total || len(sheet.Faults) > 0 {
				t.Errorf("shown %s, charged %+v; want %s", got, last, test.total)
			}
		})
	}
}

func TestRulesTakeNothingThatTheCustomerHasNotSeen(t *testing.T) {
	t.Parallel()
	chooseCountry := answer{200, `{"newLineItems":[{"label":"Goods","amount":"10.00","type":"final"}],"newTotal":{"label":"Example Store","amount":"10.00","type":"final"},` +
		`"errors":[{"code":"shippingContactInvalid","contactField":"country","message":"Choose a country."}]}`}
	other := shopRules
	other.Shipping = shopRules.Shipping[:1]
	for name, test := range map[string]struct {
		change func(*rig)
		body   string
		update answer
		sheet  string
	}{
		"other rules":   {func(r *rig) { r.merchant.Rules = &other }, sentTo(t, "US", "CA"), failureWith(503), "STATUS_FAILURE"},
		"rules no more": {func(r *rig) { r.merchant.Rules = nil }, sentTo(t, "US", "CA"), failureWith(503), "STATUS_FAILURE"},
		// The sheet opens before there is an address; a consent without one cannot be priced.
		"no country": {func(*rig) {}, fixture(t, "gateway-request"), chooseCountry, "STATUS_INVALID_SHIPPING_POSTAL_ADDRESS"},
		"no contact": {func(*rig) {}, change(t, fixture(t, "gateway-request"), "payment.shippingContact", gone{}), answer{200, "{}"}, "STATUS_INVALID_SHIPPING_POSTAL_ADDRESS"},
		"a country that is a list": {func(*rig) {}, change(t, fixture(t, "gateway-request"), "payment.shippingContact", map[string]any{"countryCode": []string{"US"}}),
			chooseCountry, "STATUS_INVALID_SHIPPING_POSTAL_ADDRESS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, token := byRules(t, shopRules, "10.00")
			r.merchant.Provider = charger(func(context.Context, Authorization) (Charge, error) {
				t.Error("the provider was asked")
				return Charge{}, nil
			})
			test.change(r)
			if got := r.post(token, EndpointContact, test.body); got != test.update {
				t.Errorf("%+v", got)
			}
			if got := r.post(token, EndpointGateway, test.body); got.Body != `{"status":"`+test.sheet+`"}` {
				t.Errorf("%+v", got)
			}
			if told := r.payments(); len(told) != 1 || told[0].Status != message.PaymentFailed || !strings.HasPrefix(told[0].Summary, "Nothing was charged") {
				t.Errorf("%+v", told)
			}
		})
	}
}

// With a total and no lines, the sheet must still add up.
func TestRulesPriceARequestWithoutLines(t *testing.T) {
	t.Parallel()
	r := newRig(t, charges)
	r.askAt(newApplePay(t))
	rules := shopRules
	r.merchant.Rules = &rules
	asked, failure := r.Ask(t.Context(), business, customer, requestID, message.PaymentRequest{
		CurrencyCode: "USD", Total: &message.LineItem{Label: "Your order", Amount: "10"}, RequiredShippingContactFields: []message.ContactField{message.ContactPost},
	})
	if failure != nil {
		t.Fatal(failure)
	}
	token := strings.Split(strings.TrimPrefix(asked.Addresses[EndpointContact], publicURL+"/pay/"), "/")[0]
	if _, total := sheetOf(t, "USD", r.post(token, EndpointContact, sentTo(t, "US", "CA"))); total != 1583 {
		t.Errorf("the sheet shows %d", total)
	}
}

func TestADigestIsOfEverythingInTheRules(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for name, change := range map[string]func(*Rules){
		"as they are": func(*Rules) {}, "currency": func(r *Rules) { r.Currency = "CAD" }, "no shipping": func(r *Rules) { r.Shipping = nil },
		"amount": func(r *Rules) {
			r.Shipping = []ShippingRule{{Countries: []string{"US", "CA"}, Label: "Ground", Amount: 501, FreeOver: 5000}}
		},
		"country": func(r *Rules) {
			r.Shipping = []ShippingRule{{Countries: []string{"US"}, Label: "Ground", Amount: 500, FreeOver: 5000}}
		},
		"rate": func(r *Rules) { r.Taxes = []TaxRule{{Rate: 1}} }, "shipping": func(r *Rules) { r.Taxes = []TaxRule{{Rate: 1, Shipping: true}} },
		"region": func(r *Rules) { r.Taxes = []TaxRule{{Rate: 1, Regions: []string{"A"}}} }, "no taxes": func(r *Rules) { r.Taxes = nil },
	} {
		rules := shopRules
		change(&rules)
		digest := rules.digest()
		if digest != rules.digest() || seen[digest] != "" {
			t.Errorf("%s is %s, as is %s", name, digest, seen[digest])
		}
		seen[digest] = name
	}
}

var (
	countries = rapid.SampledFrom([]string{"US", "us", "CA", "DE", "FR", "JP", " DE ", "", "Atlantis"})
	regions   = rapid.SampledFrom([]string{"", "CA", "ca", "California", "WA", "Île-de-France", "\tWA\n", strings.Repeat("x", 300)})
)

func drawRules(t *rapid.T) Rules {
	list := func(from *rapid.Generator[string], name string) []string {
		return rapid.SliceOfN(from, 0, 3).Draw(t, name)
	}
	rules := Rules{Currency: rapid.SampledFrom([]money.Currency{"USD", "JPY", "KWD"}).Draw(t, "currency")}
	for range rapid.IntRange(0, 3).Draw(t, "shipping") {
		rules.Shipping = append(rules.Shipping, ShippingRule{
			Countries: list(countries, "countries"), Label: "Shipping", Amount: money.Amount(rapid.IntRange(0, 5000).Draw(t, "amount")),
			FreeOver: money.Amount(rapid.IntRange(0, 20000).Draw(t, "free over")),
		})
	}
	for range rapid.IntRange(0, 3).Draw(t, "taxes") {
		rules.Taxes = append(rules.Taxes, TaxRule{
			Countries: list(countries, "countries"), Regions: list(regions, "regions"), Label: "Tax",
			Rate: money.Rate(rapid.IntRange(0, int(money.MaxRate)).Draw(t, "rate")), Shipping: rapid.Bool().Draw(t, "on shipping"),
		})
	}
	return rules
}

// What the sheet shows for a contact by its last update is what is charged for the same contact, by any replica: or nothing is.
func TestWhatTheSheetShowsIsWhatIsCharged(t *testing.T) {
	t.Parallel()
	rig := newRig(t, charges)
	outcomes := map[message.PaymentStatus]int{}
	rapid.Check(t, func(t *rapid.T) {
		rules := drawRules(t)
		goods := money.Amount(rapid.IntRange(1, 1_000_000).Draw(t, "goods"))
		rig.merchant.Rules, rig.Memory = &rules, NewMemory()
		token := rig.seal(func(a *request) {
			a.Currency, a.Total, a.Rules, a.Items = rules.Currency, goods, rules.digest(), []message.LineItem{item("Goods", rules.Currency.Format(goods))}
		})
		var body string
		var shown money.Amount
		var sheet sheetCart
		for range rapid.IntRange(1, 3).Draw(t, "updates") { // the customer changes her mind
			body = sentTo(rig.t, countries.Draw(t, "country"), regions.Draw(t, "region"))
			sheet, shown = sheetOf(t, rules.Currency, rig.post(token, EndpointContact, body))
		}
		rig.told = nil
		told := rig.post(token, EndpointGateway, body)
		payment := rig.payments()[0]
		outcomes[payment.Status]++
		if unpriced := shown == 0 || len(sheet.Faults) > 0; unpriced != (payment.Status == message.PaymentFailed) || unpriced != (told != success) {
			t.Fatalf("the sheet shows %+v and hears %+v; the helpdesk hears %+v", sheet, told, payment)
		}
		if payment.Status == message.PaymentAuthorized && payment.Amount != rules.Currency.Format(shown) {
			t.Fatalf("the sheet shows %s, and %s is charged", sheet.Total.Amount, payment.Amount)
		}
		if shown > 0 && shown < goods {
			t.Fatalf("%d are shown for goods of %d", shown, goods)
		}
	})
	if outcomes[message.PaymentAuthorized] == 0 || outcomes[message.PaymentFailed] == 0 {
		t.Errorf("%v", outcomes)
	}
}
