package payment

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bizbridge/bridge/message"
	"bizbridge/bridge/money"
)

// basic asks for 10.00 USD.
func basic(changes ...func(*message.PaymentRequest)) message.PaymentRequest {
	content := message.PaymentRequest{CurrencyCode: "USD", LineItems: []message.LineItem{item("Item 1", "10")}}
	for _, change := range changes {
		change(&content)
	}
	return content
}

func toAnAddress(content *message.PaymentRequest) {
	content.RequiredShippingContactFields = []message.ContactField{message.ContactName, message.ContactPost}
}

func TestAskGivesOnlyTheAddressesThatAreConfigured(t *testing.T) {
	t.Parallel()
	apple := newApplePay(t)
	rules := &Rules{Currency: "USD"}
	for name, test := range map[string]struct {
		merchant func(*Merchant)
		content  message.PaymentRequest
		want     []Endpoint
	}{
		"nothing":           {func(*Merchant) {}, basic(), nil},
		"all updates":       {func(m *Merchant) { m.Updates = []What{PaymentMethod, ShippingContact, ShippingMethod} }, basic(), []Endpoint{EndpointMethod, EndpointContact, EndpointShipping}},
		"one update":        {func(m *Merchant) { m.Updates = []What{ShippingMethod} }, basic(), []Endpoint{EndpointShipping}},
		"order tracking":    {func(m *Merchant) { m.OrderTracking = true }, basic(), []Endpoint{EndpointOrderTracking}},
		"rules, an address": {func(m *Merchant) { m.Rules = rules }, basic(toAnAddress), []Endpoint{EndpointContact}},
		"rules, no address": {func(m *Merchant) { m.Rules = rules }, basic(), nil},
		"rules, billing only": {func(m *Merchant) { m.Rules = rules }, basic(func(c *message.PaymentRequest) {
			c.RequiredBillingContactFields = []message.ContactField{message.ContactPost}
		}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, charges)
			r.askAt(apple)
			test.merchant(r.merchant)
			asked, failure := r.Ask(t.Context(), business, customer, requestID, test.content)
			if failure != nil {
				t.Fatal(failure)
			}
			want := append([]Endpoint{EndpointGateway, EndpointFallback}, test.want...)
			slices.Sort(want)
			if diff := cmp.Diff(want, slices.Sorted(maps.Keys(asked.Addresses))); diff != "" {
				t.Error(diff)
			}
			for endpoint, address := range asked.Addresses {
				path, ok := strings.CutPrefix(address, publicURL+"/pay/")
				token, last, _ := strings.Cut(path, "/")
				if !ok || last != string(endpoint) {
					t.Errorf("%s is %s", endpoint, address)
				}
				opened, err := openRequest(r.Ring, token, start.Add(DefaultTTL-1))
				if err != nil || opened.ID != requestID || opened.Customer != customer || opened.Business != business || opened.Total != 1000 ||
					opened.Fixed != (len(r.merchant.Updates) == 0) || opened.Merchant != "shop" || (opened.Rules != "") != (name == "rules, an address") {
					t.Errorf("the token holds %+v, %v", opened, err)
				}
				if _, err := openRequest(r.Ring, token, start.Add(DefaultTTL)); err == nil {
					t.Error("the token does not end")
				}
			}
		})
	}
}

func TestAskFillsInWhatTheContentLeavesOut(t *testing.T) {
	t.Parallel()
	r := newRig(t, charges)
	r.askAt(newApplePay(t))
	r.merchant.Countries = []string{"DE", "US"}
	asked, failure := r.Ask(t.Context(), business, customer, requestID, basic())
	if failure != nil {
		t.Fatal(failure)
	}
	got := []any{asked.MerchantID, asked.MerchantName, asked.CountryCode, asked.Networks}
	if diff := cmp.Diff([]any{"merchant.com.example", message.Label("Example Store"), "DE", []string{"visa"}}, got); diff != "" {
		t.Error(diff)
	}
	asked, failure = r.Ask(t.Context(), business, customer, requestID, basic(func(c *message.PaymentRequest) {
		c.MerchantName, c.CountryCode, c.FallbackURL = "Other", "FR", "https://shop.example.com/pay"
	}))
	if failure != nil || asked.MerchantName != "Other" || asked.CountryCode != "FR" || asked.Addresses[EndpointFallback] != "https://shop.example.com/pay" {
		t.Errorf("%+v, %v", asked, failure)
	}
}

func TestARequestEnds(t *testing.T) {
	t.Parallel()
	for ttl, want := range map[time.Duration]time.Duration{0: time.Hour, -time.Hour: time.Hour, 5 * time.Minute: 5 * time.Minute, 48 * time.Hour: MaxTTL} {
		if got := (&Merchant{TTL: ttl}).ttl(); got != want {
			t.Errorf("%v: %v", ttl, got)
		}
	}
}

// What is refused costs no session.
func TestAskRefusesWhatWouldBeChargedOtherwise(t *testing.T) {
	t.Parallel()
	rules := &Rules{Currency: "USD", Shipping: []ShippingRule{{Label: "Shipping", Amount: 500}}}
	pending := func(c *message.PaymentRequest) {
		c.Total = &message.LineItem{Amount: "10.00", Type: message.LineItemPending}
	}
	priced := func(c *message.PaymentRequest) {
		c.ShippingMethods = []message.ShippingMethod{{ID: "a", Label: "Free", Amount: "0.00"}, {ID: "b", Label: "Ground", Amount: "0.28"}}
	}
	for name, test := range map[string]struct {
		merchant func(*rig)
		content  message.PaymentRequest
		want     string // pointer and rule; or the code
	}{
		"no merchant":                      {func(r *rig) { r.Businesses = nil }, basic(), "unsupported"},
		"no merchant of this name":         {func(r *rig) { r.Merchants = nil }, basic(), "unsupported"},
		"a pending total":                  {func(*rig) {}, basic(pending), "/data/content/total/type pending"},
		"a pending total, and rules":       {func(r *rig) { r.merchant.Rules = rules }, basic(pending, toAnAddress), "/data/content/total/type pending"},
		"a pending total, and updates":     {func(r *rig) { r.merchant.Updates = []What{ShippingContact} }, basic(pending), ""},
		"priced shipping":                  {func(*rig) {}, basic(priced), "/data/content/shipping_methods/1/amount shipping"},
		"priced shipping, other updates":   {func(r *rig) { r.merchant.Updates = []What{ShippingContact, PaymentMethod} }, basic(priced), "/data/content/shipping_methods/1/amount shipping"},
		"priced shipping, and rules":       {func(r *rig) { r.merchant.Rules = rules }, basic(priced, toAnAddress), "/data/content/shipping_methods/1/amount shipping"},
		"priced shipping, and its updates": {func(r *rig) { r.merchant.Updates = []What{ShippingMethod} }, basic(priced), ""},
		"another currency than the rules":  {func(r *rig) { r.merchant.Rules = rules }, basic(toAnAddress, func(c *message.PaymentRequest) { c.CurrencyCode = "EUR" }), "/data/content/currency_code currency"},
		"another currency, but no address": {func(r *rig) { r.merchant.Rules = rules }, basic(func(c *message.PaymentRequest) { c.CurrencyCode = "EUR" }), ""},
		"items that fit into no address": {func(r *rig) { r.merchant.Rules = rules }, basic(toAnAddress, func(c *message.PaymentRequest) {
			c.LineItems = slices.Repeat([]message.LineItem{item(strings.Repeat("a", 100), "1")}, 20)
		}), "/data/content/line_items maxLength"},
		"many items without rules": {func(*rig) {}, basic(func(c *message.PaymentRequest) {
			c.LineItems = slices.Repeat([]message.LineItem{item(strings.Repeat("a", 100), "1")}, 100)
		}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			apple, r := newApplePay(t), newRig(t, charges)
			r.askAt(apple)
			test.merchant(r)
			asked, failure := r.Ask(t.Context(), business, customer, requestID, test.content)
			if test.want == "" {
				if failure != nil || asked.Session == nil {
					t.Fatalf("%+v, %v", asked, failure)
				}
				return
			}
			if failure == nil || failure.Class != message.Invalid {
				t.Fatalf("asked: %+v, %v", asked, failure)
			}
			got := string(failure.SenderCode())
			if len(failure.Faults) > 0 {
				got = failure.Faults[0].Pointer + " " + failure.Faults[0].Rule
			}
			if got != test.want {
				t.Errorf("refused as %q, want %q", got, test.want)
			}
			if n := apple.count(); n > 0 {
				t.Errorf("%d sessions were made", n)
			}
		})
	}
}

// Each try has a session and a token of its own: a session serves once.
func TestEachAskHasASessionOfItsOwn(t *testing.T) {
	t.Parallel()
	apple, r := newApplePay(t), newRig(t, charges)
	r.askAt(apple)
	sessions, tokens := map[string]bool{}, map[string]bool{}
	for range 3 {
		asked, failure := r.Ask(t.Context(), business, customer, requestID, basic())
		if failure != nil {
			t.Fatal(failure)
		}
		var session struct{ Nonce, InitiativeContext string }
		if json.Unmarshal(asked.Session, &session) != nil || session.InitiativeContext != asked.Addresses[EndpointGateway] {
			t.Errorf("the session is %s", asked.Session)
		}
		sessions[session.Nonce], tokens[asked.Addresses[EndpointGateway]] = true, true
	}
	if len(sessions) != 3 || len(tokens) != 3 || apple.count() != 3 {
		t.Errorf("%d sessions, %d tokens", len(sessions), len(tokens))
	}
}

// printable is what a customer id may be made of.
func printable(n int) *rapid.Generator[string] {
	return rapid.Map(rapid.SliceOfN(rapid.ByteRange(0x21, 0x7e), n, n), func(b []byte) string { return string(b) })
}

// However long the customer's id and the public URL are, an address is one that works, or there is none.
func TestNoAddressIsTooLong(t *testing.T) {
	t.Parallel()
	apple, r := newApplePay(t), newRig(t, charges)
	r.askAt(apple)
	refused := 0
	rapid.Check(t, func(t *rapid.T) {
		public := "https://" + strings.Repeat("h", rapid.IntRange(1, 1200).Draw(t, "host")) + ".example"
		service := r.Options
		service.PublicURL = public
		merchant := *r.merchant
		service.Merchants = map[string]*Merchant{"shop": &merchant}
		content := basic(toAnAddress)
		if rapid.Bool().Draw(t, "rules") {
			merchant.Rules = &Rules{Currency: "USD", Taxes: []TaxRule{{Label: "Tax", Rate: 82_500}}}
		} else if rapid.Bool().Draw(t, "updates") {
			merchant.Updates = []What{PaymentMethod, ShippingContact, ShippingMethod}
		}
		content.LineItems = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) message.LineItem {
			return item(rapid.StringN(1, 60, -1).Draw(t, "label"), "1")
		}), 1, 20).Draw(t, "items")
		customer := message.CustomerID("urn:mbid:" + printable(512-9).Draw(t, "customer"))
		if customer.Fault() != "" {
			t.Fatal(customer.Fault())
		}
		s, err := New(service)
		if err != nil {
			t.Fatal(err)
		}
		asked, failure := s.Ask(context.Background(), business, customer, requestID, content)
		if failure != nil {
			if failure.Class != message.Invalid || len(failure.Faults) != 1 {
				t.Fatal(failure)
			}
			refused++
			return
		}
		for endpoint, address := range asked.Addresses {
			if len(address) >= 2000 {
				t.Fatalf("the address of %s has %d characters", endpoint, len(address))
			}
		}
		token := strings.Split(strings.TrimPrefix(asked.Addresses[EndpointGateway], public+"/pay/"), "/")[0]
		if _, err := openRequest(s.Ring, token, start); err != nil {
			t.Fatalf("what was asked for cannot be paid: %v", err)
		}
	})
	if refused == 0 {
		t.Error("none was too long")
	}
}

// A customer id of the greatest length fits beside a public URL of a usual one.
func TestTheLongestCustomerIDFits(t *testing.T) {
	t.Parallel()
	r := newRig(t, charges)
	r.askAt(newApplePay(t))
	for _, character := range []string{"A", "<", "&", `"`, `\`, "~"} {
		id := message.CustomerID("urn:mbid:" + strings.Repeat(character, 512-9))
		if _, failure := r.Ask(t.Context(), business, id, requestID, basic()); failure != nil {
			t.Errorf("%s: %v", character, failure)
		}
	}
}

func TestTheTotalIsWhatTheContentMakes(t *testing.T) {
	t.Parallel()
	r := newRig(t, charges)
	r.askAt(newApplePay(t))
	for currency, want := range map[money.Currency]money.Amount{"USD": 1000, "JPY": 10, "KWD": 10000} {
		asked, failure := r.Ask(t.Context(), business, customer, strings.ToLower("id-"+string(currency)), basic(func(c *message.PaymentRequest) { c.CurrencyCode = currency }))
		if failure != nil {
			t.Fatal(failure)
		}
		token := strings.Split(strings.TrimPrefix(asked.Addresses[EndpointGateway], publicURL+"/pay/"), "/")[0]
		got := r.post(token, EndpointGateway, change(t, fixture(t, "gateway-request"), "requestIdentifier", "ID-"+string(currency)))
		told := r.payments()
		if got != success || told[len(told)-1].Amount != currency.Format(want) || told[len(told)-1].Currency != currency {
			t.Errorf("%s: %+v", currency, told)
		}
		if page := r.post(token, EndpointFallback, ""); !strings.Contains(page.Body, fmt.Sprintf("asks for %s %s.", currency.Format(want), currency)) {
			t.Errorf("the fallback says %s", page.Body)
		}
	}
	if got := r.post("x", EndpointFallback, ""); got.Code != http.StatusForbidden {
		t.Errorf("%+v", got)
	}
}
