package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"bizbridge/bridge/money"
	"bizbridge/bridge/payment/stripe"
	"bizbridge/bridge/secureurl"
	"bizbridge/bridge/signature"
	"bizbridge/config/yamlfile"
)

// ApplePay is whom customers pay.
type ApplePay struct {
	// The merchants that businesses are paid as, each under a name of your choice. A business has at most one.
	Merchants map[string]Merchant `json:"merchants"`
}

// Merchant is a merchant id at Apple, and the payment provider that takes the money.
type Merchant struct {
	// As registered in the Apple developer account, and entered for the business in Apple Business Register.
	MerchantID string `json:"merchant_id" jsonschema:"required,minLength=1,maxLength=128,example=merchant.com.example"`
	// Shows Apple Pay the SHA-256 of merchant_id when a session is asked for, as Apple's tutorial of 2020 says; Apple's samples
	// of 2025 show the id itself.
	MerchantIDHashed bool `json:"merchant_id_hashed" jsonschema:"default=false"`
	// The domain that was verified for the merchant id: a bare host name.
	Domain string `json:"domain" jsonschema:"required,minLength=1,example=www.example.com"`
	// What customers read, 64 characters at most.
	Name string `json:"name" jsonschema:"required,minLength=1,maxLength=64,example=Example"`
	// The merchant identity certificate: PEM text, so usually a ${file:…}.
	Cert string `json:"cert" jsonschema:"required,example=${file:/etc/bizbridge/merchant.crt}"`
	// Its private key: PEM text.
	Key Secret `json:"key" jsonschema:"required,example=${file:/etc/bizbridge/merchant.key}"`
	// Where Apple Pay gives sessions. For mainland China: https://cn-apple-pay-gateway.apple.com/paymentservices/paymentSession.
	SessionURL string `json:"session_url" jsonschema:"format=uri,default=https://apple-pay-gateway.apple.com/paymentservices/paymentSession"`
	// The content of the file by which Apple verifies the domain, served at
	// /.well-known/apple-developer-merchantid-domain-association: usually a ${file:…}.
	DomainAssociation string `json:"domain_association" jsonschema:"example=${file:/etc/bizbridge/apple-developer-merchantid-domain-association}"`
	// Where payments are processed (ISO 3166): the first is for requests that name none.
	Countries []string `json:"countries" jsonschema:"default=US,example=US"`
	// The card networks, as Apple Pay names them, for requests that name none; by default amex, discover, masterCard and visa.
	Networks []string `json:"networks" jsonschema:"minItems=1,example=visa"`
	// How long a request can be paid (5m to 12h).
	TTL Duration `json:"ttl" jsonschema:"default=1h"`
	// Prices for shipping and tax by the customer's address, for a provider that keeps no cart.
	Rules *PaymentRules `json:"rules"`
	// Who takes the money.
	Provider PaymentProvider `json:"provider" jsonschema:"required"`
}

// PaymentProvider takes the money.
type PaymentProvider struct {
	// webhook: a backend of your own. stripe: Stripe's API. test: approves without charging, with a simulator or Apple's
	// staging gateway only.
	Type string `json:"type" jsonschema:"required,enum=webhook,enum=stripe,enum=test,example=webhook"`
	// Of webhook: where the backend is asked.
	URL string `json:"url" jsonschema:"format=uri,example=https://shop.example.com/hooks/payment"`
	// Of webhook: signs what the bridge asks (whsec_…). The first signs.
	Secrets []Secret `json:"secrets" jsonschema:"example=${env:PAYMENT_SECRET}"`
	// Of webhook: the changes in the sheet that the backend prices, since it keeps the cart: method, contact, shipping.
	Updates []string `json:"updates" jsonschema:"enum=method,enum=contact,enum=shipping,example=shipping"`
	// Of webhook: the backend is told what the sheet shows when it opens.
	OrderTracking bool `json:"order_tracking" jsonschema:"default=false"`
	// Of stripe: the secret API key, sk_… or a restricted one, rk_….
	SecretKey Secret `json:"secret_key" jsonschema:"example=${env:STRIPE_SECRET_KEY}"`
	// Of stripe: automatic takes the money at once, manual reserves it until it is captured at Stripe.
	Capture string `json:"capture" jsonschema:"enum=,enum=automatic,enum=manual,example=automatic"`
	// Of stripe: another address of the API.
	APIURL string `json:"api_url" jsonschema:"format=uri,example=https://api.stripe.com"`
}

// PaymentRules price a request by where the order goes. They count where the request asks for the shipping address (post).
type PaymentRules struct {
	// The currency of the amounts (ISO 4217); requests in another are refused.
	Currency string `json:"currency" jsonschema:"required,example=USD"`
	// What shipping costs: the first entry that matches. Where none does, the order cannot be sent there.
	Shipping []ShippingRule `json:"shipping"`
	// Taxes on top of the prices: the first entry that matches. Where none does, there is no tax.
	Taxes []TaxRule `json:"taxes"`
}

// ShippingRule is what shipping costs.
type ShippingRule struct {
	// In decimals: "4.90".
	Amount string `json:"amount" jsonschema:"required,example=4.90"`
	// ISO 3166; none: everywhere.
	Countries []string `json:"countries" jsonschema:"example=US"`
	// What the customer reads.
	Label string `json:"label" jsonschema:"minLength=1,maxLength=100,default=Shipping"`
	// The price of the goods from which shipping is free.
	FreeOver string `json:"free_over" jsonschema:"example=50.00"`
}

// TaxRule is a tax.
type TaxRule struct {
	// Of the goods: "8.25".
	Percent string `json:"percent" jsonschema:"required,example=8.25"`
	// ISO 3166; none: everywhere.
	Countries []string `json:"countries" jsonschema:"example=US"`
	// States or provinces, as phones write them; none: all.
	Regions []string `json:"regions" jsonschema:"example=CA"`
	// What the customer reads.
	Label string `json:"label" jsonschema:"minLength=1,maxLength=100,default=Tax"`
	// The tax is on the shipping, too.
	Shipping bool `json:"shipping" jsonschema:"default=false"`
}

// UnmarshalJSON sets the defaults of a merchant.
func (m *Merchant) UnmarshalJSON(data []byte) error {
	type fields Merchant // without this method
	filled := fields{
		SessionURL: "https://apple-pay-gateway.apple.com/paymentservices/paymentSession", Countries: []string{"US"}, TTL: Duration(time.Hour),
		Networks: []string{"amex", "discover", "masterCard", "visa"},
	}
	err := json.Unmarshal(data, &filled)
	*m = Merchant(filled)
	return err
}

// UnmarshalJSON sets the defaults of a price for shipping.
func (s *ShippingRule) UnmarshalJSON(data []byte) error {
	type fields ShippingRule // without this method
	filled := fields{Label: "Shipping"}
	err := json.Unmarshal(data, &filled)
	*s = ShippingRule(filled)
	return err
}

// UnmarshalJSON sets the defaults of a tax.
func (t *TaxRule) UnmarshalJSON(data []byte) error {
	type fields TaxRule // without this method
	filled := fields{Label: "Tax"}
	err := json.Unmarshal(data, &filled)
	*t = TaxRule(filled)
	return err
}

// The kinds of payment providers.
const (
	ProviderWebhook = "webhook"
	ProviderStripe  = "stripe"
	ProviderTest    = "test"
)

// StagingHost is Apple's gateway for tests (protocol §1.1).
const StagingHost = "mspgw-int.push.apple.com"

var (
	countryForm = regexp.MustCompile(`^[A-Z]{2}$`)
	networkForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{1,31}$`)
	domainForm  = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)
)

// applePay checks the merchants.
func (r *rules) applePay() {
	merchants := r.config.ApplePay.Merchants
	names := slices.Sorted(maps.Keys(merchants))
	for _, name := range names {
		r.merchant(yamlfile.KeyPath("apple_pay.merchants", name), merchants[name])
	}
	for i, business := range r.config.Businesses {
		path := yamlfile.ItemPath("businesses", i) + ".apple_pay"
		if business.ApplePay != "" && !slices.Contains(names, business.ApplePay) && !r.hasBroken("apple_pay") {
			r.add(path, path+" is none of apple_pay.merchants", yamlfile.Suggest(business.ApplePay, names, "Merchants"))
		}
	}
}

func (r *rules) merchant(path string, m Merchant) {
	if !domainForm.MatchString(m.Domain) && m.Domain != "" {
		r.add(path+".domain", path+".domain is not a bare host name", "Write it as registered at Apple: www.example.com, without https:// and without a path.")
	}
	if u, err := url.Parse(m.SessionURL); err != nil || u.Scheme != "https" || u.Host == "" {
		r.add(path+".session_url", path+".session_url is not an HTTPS URL", "Apple Pay knows the merchant by its certificate, for which there must be TLS.")
	}
	if t := m.TTL.Std(); t < 5*time.Minute || t > 12*time.Hour {
		r.add(path+".ttl", path+".ttl is not between 5m and 12h", "1h is the default. Providers remember a request for a day: a longer one could be charged twice.")
	}
	r.list(path+".countries", m.Countries, countryForm, `Write ISO 3166 in capitals: [US].`)
	r.list(path+".networks", m.Networks, networkForm, "Write them as Apple Pay does: [amex, masterCard, visa].")
	if len(m.Countries) == 0 {
		r.add(path+".countries", path+".countries is empty", "Apple wants to know where payments are processed: [US].")
	}
	r.merchantCertificate(path, m)
	r.paymentProvider(path+".provider", m)
	if m.Rules != nil {
		r.paymentRules(path+".rules", *m.Rules)
	}
}

func (r *rules) list(path string, entries []string, form *regexp.Regexp, hint string) {
	for i, entry := range entries {
		if !form.MatchString(entry) {
			item := yamlfile.ItemPath(path, i)
			r.add(item, item+" has the wrong form", hint)
		}
	}
}

// merchantCertificate checks that certificate and key belong together, and to the merchant.
func (r *rules) merchantCertificate(path string, m Merchant) {
	if m.Cert == "" || m.Key == "" || r.isBroken(path+".cert") || r.isBroken(path+".key") {
		return
	}
	r.pem(path+".cert", m.Cert)
	r.pem(path+".key", m.Key.Reveal())
	pair, err := tls.X509KeyPair([]byte(m.Cert), []byte(m.Key.Reveal()))
	if err != nil {
		r.add(path+".cert", path+".cert and "+path+".key are no pair", "The key must be the one of whose certificate signing request Apple made the certificate. Apple's .cer file is not PEM: openssl x509 -inform der -in merchant_id.cer -out merchant.crt")
		return
	}
	switch subject := pair.Leaf.Subject.CommonName; {
	case strings.Contains(subject, "Payment Processing"):
		r.add(path+".cert", path+".cert is the payment processing certificate", "It is for the payment provider. The bridge needs the merchant identity certificate.")
	case !isOfMerchant(pair.Leaf, m.MerchantID):
		r.add(path+".cert", path+".cert is the certificate of another merchant id", "Its subject says "+yamlfile.Clip(subject)+". Correct merchant_id, or make a certificate for it.")
	}
}

// userID is the attribute of a certificate's subject in which Apple writes the merchant id.
var userID = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}

// isOfMerchant tells whether a certificate can be a merchant's: one that names no merchant at all may be of any.
func isOfMerchant(certificate *x509.Certificate, merchantID string) bool {
	for _, attribute := range certificate.Subject.Names {
		if attribute.Type.Equal(userID) {
			return attribute.Value == merchantID
		}
	}
	name := certificate.Subject.CommonName
	return !strings.Contains(name, "merchant.") || strings.Contains(name, merchantID)
}

func (r *rules) paymentProvider(path string, m Merchant) {
	p := m.Provider
	own := map[string]string{"url": ProviderWebhook, "secrets": ProviderWebhook, "updates": ProviderWebhook, "order_tracking": ProviderWebhook,
		"secret_key": ProviderStripe, "capture": ProviderStripe, "api_url": ProviderStripe}
	set := map[string]bool{"url": p.URL != "", "secrets": len(p.Secrets) > 0, "updates": len(p.Updates) > 0, "order_tracking": p.OrderTracking,
		"secret_key": p.SecretKey != "", "capture": p.Capture != "", "api_url": p.APIURL != ""}
	for _, key := range slices.Sorted(maps.Keys(own)) {
		if set[key] && p.Type != "" && own[key] != p.Type {
			r.add(path+"."+key, fmt.Sprintf("%s.%s is for the type %s", path, key, own[key]), "Remove it, or change the type.")
		}
	}
	switch p.Type {
	case ProviderWebhook:
		r.paymentWebhook(path, m)
	case ProviderStripe:
		p.Stripe().Validate(func(key, message, hint string) { r.add(path+"."+key, path+"."+key+" "+message, hint) })
	case ProviderTest:
		gateway, err := url.Parse(r.config.Apple.GatewayURL)
		if err != nil || !secureurl.Loopback(gateway.Hostname()) && gateway.Hostname() != StagingHost {
			r.add(path+".type", path+".type is test, which approves without charging", "It is for a simulator on this machine, or for Apple's staging gateway ("+StagingHost+"). For real customers set a real provider.")
		}
	}
}

func (r *rules) paymentWebhook(path string, m Merchant) {
	p := m.Provider
	if p.URL == "" {
		r.addKey(path+".url", path+".url is missing", "It is where the backend is asked: https://shop.example.com/hooks/payment.")
	} else {
		r.address(path+".url", p.URL, "Apple Pay tokens go there")
	}
	if len(p.Secrets) == 0 {
		r.addKey(path+".secrets", path+".secrets is missing", "The backend must know that it is the bridge who asks. Make one with: echo whsec_$(openssl rand -base64 32)")
	}
	for i, secret := range p.Secrets {
		if _, err := signature.ParseSecret(secret.Reveal()); err != nil {
			item := yamlfile.ItemPath(path+".secrets", i)
			r.add(item, item+" "+err.Error(), "Make one with: echo whsec_$(openssl rand -base64 32)")
		}
	}
	for i, what := range p.Updates {
		if slices.Index(p.Updates, what) < i {
			item := yamlfile.ItemPath(path+".updates", i)
			r.add(item, item+" stands there twice", "Remove it.")
		}
	}
	if m.Rules != nil && len(p.Updates) > 0 {
		r.add(path+".updates", path+".updates cannot stand beside rules", "Either the backend prices what the customer changes, or the rules do.")
	}
}

func (r *rules) paymentRules(path string, rules PaymentRules) {
	currency := money.Currency(rules.Currency)
	if !currency.Known() {
		r.add(path+".currency", path+".currency is not a currency of ISO 4217", "Write it in capitals: USD.")
		return
	}
	for i, rule := range rules.Shipping {
		item := yamlfile.ItemPath(path+".shipping", i)
		r.list(item+".countries", rule.Countries, countryForm, "Write ISO 3166 in capitals: [US].")
		r.paymentAmount(item+".amount", currency, rule.Amount)
		if rule.FreeOver != "" {
			r.paymentAmount(item+".free_over", currency, rule.FreeOver)
			if over, err := currency.Parse(rule.FreeOver); err == nil && over == 0 {
				r.add(item+".free_over", item+".free_over is zero", "Remove it, and set amount: \"0\" where shipping is always free.")
			}
		}
	}
	for i, rule := range rules.Taxes {
		item := yamlfile.ItemPath(path+".taxes", i)
		r.list(item+".countries", rule.Countries, countryForm, "Write ISO 3166 in capitals: [US].")
		if _, err := money.ParseRate(rule.Percent); err != nil {
			r.add(item+".percent", item+".percent "+err.Error(), `Write it in quotes: "8.25".`)
		}
	}
}

func (r *rules) paymentAmount(path string, currency money.Currency, text string) {
	if amount, err := currency.Parse(text); err != nil {
		r.add(path, path+" "+err.Error(), `Write it in quotes: "4.90".`)
	} else if amount < 0 {
		r.add(path, path+" is negative", "Write what it costs.")
	}
}

// Stripe is how the bridge is known at Stripe.
func (p *PaymentProvider) Stripe() stripe.Settings {
	return stripe.Settings{SecretKey: p.SecretKey.Reveal(), BaseURL: p.APIURL, Capture: p.Capture}
}

// testPayments warns of merchants that charge nobody.
func (c *Config) testPayments() (warnings []string) {
	for _, name := range slices.Sorted(maps.Keys(c.ApplePay.Merchants)) {
		provider := c.ApplePay.Merchants[name].Provider
		key := provider.SecretKey.Reveal()
		switch {
		case provider.Type == ProviderTest:
			warnings = append(warnings, fmt.Sprintf("apple_pay.merchants.%s.provider.type is test: requests are approved, and nobody is charged.", name))
		case strings.HasPrefix(key, "sk_test_"), strings.HasPrefix(key, "rk_test_"):
			warnings = append(warnings, fmt.Sprintf("apple_pay.merchants.%s.provider.secret_key is one of Stripe's test mode: nobody is charged.", name))
		}
	}
	return warnings
}
