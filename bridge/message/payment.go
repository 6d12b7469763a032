package message

import (
	"regexp"
	"slices"

	"bizbridge/bridge/money"
)

// PaymentStatus is how far a payment came.
type PaymentStatus string

// The steps of a payment. Amounts come with authorized and completed only, and are the provider's word.
const (
	PaymentAuthorized PaymentStatus = "authorized" // the provider has charged it
	PaymentFailed     PaymentStatus = "failed"     // it has not, and says so
	PaymentCanceled   PaymentStatus = "canceled"   // the customer left the sheet, and nothing was charged
	PaymentUncertain  PaymentStatus = "uncertain"  // nobody has said: it is to be looked up at the provider
	PaymentCompleted  PaymentStatus = "completed"  // the phone is done, and the provider has charged it
)

// PaymentStatuses lists them all.
var PaymentStatuses = []PaymentStatus{PaymentAuthorized, PaymentFailed, PaymentCanceled, PaymentUncertain, PaymentCompleted}

// Payment tells of a step of a payment.
type Payment struct {
	RequestID string        `json:"request_id"` // of the payment message; SendResult told it
	Status    PaymentStatus `json:"status"`
	// Amount, in decimals, and Currency are what was charged, as the provider says.
	Amount   string         `json:"amount,omitempty"`
	Currency money.Currency `json:"currency,omitempty"`
	// TransactionID is Apple's name of the customer's consent, ProviderRef the provider's of the payment.
	TransactionID string `json:"transaction_id,omitempty"`
	ProviderRef   string `json:"provider_ref,omitempty"`
	Summary       string `json:"summary"` // in words, for the agent
	// ShippingContact is where the order goes, if that was asked for; with authorized. It is personal data: never in the log.
	ShippingContact *ShippingContact `json:"shipping_contact,omitempty"`
}

// ShippingContact is what the customer gave in the payment sheet.
type ShippingContact struct {
	GivenName          string   `json:"given_name,omitempty"`
	FamilyName         string   `json:"family_name,omitempty"`
	EmailAddress       string   `json:"email_address,omitempty"`
	PhoneNumber        string   `json:"phone_number,omitempty"`
	AddressLines       []string `json:"address_lines,omitempty"`
	SubLocality        string   `json:"sub_locality,omitempty"`
	Locality           string   `json:"locality,omitempty"`
	PostalCode         string   `json:"postal_code,omitempty"`
	AdministrativeArea string   `json:"administrative_area,omitempty"`
	Country            string   `json:"country,omitempty"`
	CountryCode        string   `json:"country_code,omitempty"`
}

// PaymentRequest asks the customer for money with Apple Pay (protocol §8.4).
type PaymentRequest struct {
	Received *Bubble `json:"received,omitempty"` // nil: who asks, and for how much
	Reply    *Bubble `json:"reply,omitempty"`    // nil: Apple's own words
	Images   []Image `json:"images,omitempty"`

	MerchantName Label          `json:"merchant_name,omitempty"` // "": the one of the business's merchant
	CountryCode  string         `json:"country_code,omitempty"`  // ISO 3166; "": the merchant's
	CurrencyCode money.Currency `json:"currency_code"`
	LineItems    []LineItem     `json:"line_items,omitempty"`
	// Total is the sum of the items; nil says it under the merchant's name.
	Total *LineItem `json:"total,omitempty"`

	ShippingMethods               []ShippingMethod `json:"shipping_methods,omitempty"`
	RequiredBillingContactFields  []ContactField   `json:"required_billing_contact_fields,omitempty"`
	RequiredShippingContactFields []ContactField   `json:"required_shipping_contact_fields,omitempty"`

	SupportedNetworks    []string `json:"supported_networks,omitempty"`    // none: the merchant's
	MerchantCapabilities []string `json:"merchant_capabilities,omitempty"` // none: 3-D Secure, credit and debit cards
	SupportedCountries   []string `json:"supported_countries,omitempty"`   // of the cards' issuers; none: all

	FallbackURL string `json:"fallback_url,omitempty"` // for devices without Apple Pay; "": a page of the bridge's
}

// LineItem is one line of the sheet. The total is one, too.
type LineItem struct {
	Label  Label        `json:"label,omitempty"`
	Amount string       `json:"amount,omitempty"` // decimal: "12.50"
	Type   LineItemType `json:"type,omitempty"`
}

// LineItemType tells whether an amount is known.
type LineItemType string

// The types; "" is final.
const (
	LineItemFinal   LineItemType = "final"
	LineItemPending LineItemType = "pending"
)

// ShippingMethod is one way to deliver, to choose from in the sheet.
type ShippingMethod struct {
	ID     string `json:"id"`
	Label  Label  `json:"label"`
	Detail Label  `json:"detail,omitempty"`
	Amount string `json:"amount"`
}

// Normalized is the line as Apple wants it: with all decimals of the currency, and with a type.
func (l LineItem) Normalized(currency money.Currency) LineItem {
	l.Amount = normalized(l.Amount, currency)
	if l.Type == "" {
		l.Type = LineItemFinal
	}
	return l
}

// Normalized writes the amount with all decimals of the currency.
func (m ShippingMethod) Normalized(currency money.Currency) ShippingMethod {
	m.Amount = normalized(m.Amount, currency)
	return m
}

func normalized(text string, currency money.Currency) string {
	amount, err := currency.Parse(text)
	if err != nil {
		return text // of a content that was not valid
	}
	return currency.Format(amount)
}

// ContactField is what the sheet asks of a contact, in Apple's words.
type ContactField string

// The fields: Messages says "post" for an address.
const (
	ContactPost  ContactField = "post"
	ContactName  ContactField = "name"
	ContactPhone ContactField = "phone"
	ContactEmail ContactField = "email"
)

// Kind is [KindPayment].
func (PaymentRequest) Kind() Kind { return KindPayment }

// MarshalJSON writes the content with its kind.
func (p PaymentRequest) MarshalJSON() ([]byte, error) {
	type fields PaymentRequest // without this method
	return marshalContent(KindPayment, fields(p))
}

const (
	maxLineItems       = 100
	maxShippingMethods = 50
	maxNames           = 50 // of networks and of countries
)

var (
	countryCode = regexp.MustCompile(`^[A-Z]{2}$`)
	cardNetwork = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{1,31}$`)

	contactFields        = []ContactField{ContactPost, ContactName, ContactPhone, ContactEmail}
	merchantCapabilities = []string{"supports3DS", "supportsCredit", "supportsDebit", "supportsEMV"}
)

func (p PaymentRequest) validate(r report) {
	images := r.images(p.Images)
	if p.Received != nil {
		r.bubble("/received", *p.Received, images)
	}
	if p.Reply != nil {
		r.bubble("/reply", *p.Reply, images)
	}
	p.validateAmounts(r)
	p.validateShipping(r)
	if p.CountryCode != "" {
		r.country("/country_code", p.CountryCode)
	}
	r.count("/supported_networks", len(p.SupportedNetworks), 0, maxNames)
	for i, network := range p.SupportedNetworks {
		if !cardNetwork.MatchString(network) {
			r.at("/supported_networks/%d", i).fault("", "pattern", "must be a card network as Apple Pay names it, such as visa or masterCard")
		}
	}
	for i, capability := range p.MerchantCapabilities {
		if !slices.Contains(merchantCapabilities, capability) {
			r.at("/merchant_capabilities/%d", i).fault("", "enum", "must be one of %q", merchantCapabilities)
		}
	}
	r.count("/supported_countries", len(p.SupportedCountries), 0, 300)
	for i, country := range p.SupportedCountries {
		r.at("/supported_countries/%d", i).country("", country)
	}
	if p.FallbackURL != "" {
		r.secureLink("/fallback_url", p.FallbackURL)
	}
}

func (r report) country(pointer, code string) {
	if !countryCode.MatchString(code) {
		r.fault(pointer, "pattern", "must be a country of ISO 3166 in two capital letters, such as US")
	}
}

// validateAmounts checks that everything adds up.
func (p PaymentRequest) validateAmounts(r report) {
	if !p.CurrencyCode.Known() {
		if p.CurrencyCode == "" {
			r.fault("/currency_code", "required", "is required")
		} else {
			r.fault("/currency_code", "currency", "is not a currency of ISO 4217, such as USD or EUR")
		}
		return // nothing else can be said of amounts
	}
	r.count("/line_items", len(p.LineItems), 0, maxLineItems)
	sum, whole := p.sum(r)
	if p.Total != nil {
		r.lineItemType("/total/type", p.Total.Type)
	}
	if p.Total == nil || p.Total.Amount == "" {
		if len(p.LineItems) == 0 {
			r.fault("/total/amount", "required", "is required where there are no line_items")
		} else if whole && sum <= 0 {
			r.fault("/line_items", "minimum", "make %s together, which is not more than zero", p.CurrencyCode.Format(sum))
		}
		return
	}
	total, ok := r.amount("/total/amount", p.CurrencyCode, p.Total.Amount)
	switch {
	case !ok:
	case total <= 0:
		r.fault("/total/amount", "minimum", "must be more than zero")
	case whole && len(p.LineItems) > 0 && total != sum:
		r.fault("/total/amount", "total", "is %s, but the line items make %s", p.CurrencyCode.Format(total), p.CurrencyCode.Format(sum))
	}
}

// sum adds the line items; whole tells whether all of them could be read.
func (p PaymentRequest) sum(r report) (sum money.Amount, whole bool) {
	whole = !r.misread("/line_items")
	var amounts []money.Amount
	for i, item := range p.LineItems {
		at := r.at("/line_items/%d", i)
		at.required("/label", item.Label)
		at.lineItemType("/type", item.Type)
		amount, ok := at.amount("/amount", p.CurrencyCode, item.Amount)
		whole = whole && ok
		amounts = append(amounts, amount)
	}
	sum, err := money.Sum(amounts...)
	if err != nil {
		r.fault("/line_items", "maximum", "make more together than can be counted")
	}
	return sum, whole && err == nil
}

func (p PaymentRequest) validateShipping(r report) {
	r.contactFields("/required_billing_contact_fields", p.RequiredBillingContactFields)
	r.contactFields("/required_shipping_contact_fields", p.RequiredShippingContactFields)
	r.count("/shipping_methods", len(p.ShippingMethods), 0, maxShippingMethods)
	seen := make(map[string]bool)
	for i, method := range p.ShippingMethods {
		at := r.at("/shipping_methods/%d", i)
		at.unique("/id", method.ID, seen)
		at.required("/label", method.Label)
		if !p.CurrencyCode.Known() {
			continue
		}
		if amount, ok := at.amount("/amount", p.CurrencyCode, method.Amount); ok && amount < 0 {
			at.fault("/amount", "minimum", "must not be negative")
		}
	}
}

func (r report) contactFields(pointer string, fields []ContactField) {
	for i, field := range fields {
		at := r.at("%s/%d", pointer, i)
		switch {
		case !slices.Contains(contactFields, field):
			at.fault("", "enum", "must be one of %q", contactFields)
		case slices.Index(fields, field) < i:
			at.fault("", "uniqueItems", "stands there twice")
		}
	}
}

func (r report) lineItemType(pointer string, itemType LineItemType) {
	if itemType != "" && itemType != LineItemFinal && itemType != LineItemPending {
		r.fault(pointer, "enum", `must be "final" or "pending"`)
	}
}

func (r report) amount(pointer string, currency money.Currency, text string) (money.Amount, bool) {
	if text == "" {
		r.fault(pointer, "required", "is required, as a decimal number in quotes")
		return 0, false
	}
	amount, err := currency.Parse(text)
	if err != nil {
		r.fault(pointer, "amount", "%v", err)
		return 0, false
	}
	return amount, true
}

// Sum is the amount of the total of a valid request.
func (p PaymentRequest) Sum() money.Amount {
	if p.Total != nil && p.Total.Amount != "" {
		amount, _ := p.CurrencyCode.Parse(p.Total.Amount)
		return amount
	}
	var sum money.Amount
	for _, item := range p.LineItems {
		amount, _ := p.CurrencyCode.Parse(item.Amount)
		sum += amount
	}
	return sum
}

// Pictures implements [Pictured].
func (p PaymentRequest) Pictures() []Picture {
	var references []string
	for _, bubble := range []*Bubble{p.Received, p.Reply} {
		if bubble != nil {
			references = append(references, bubble.Image)
		}
	}
	return referred(p.Images, references...)
}
