package bridge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/flow"
	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/bridge/money"
	"bizbridge/bridge/payment"
	"bizbridge/bridge/payment/stripe"
	"bizbridge/bridge/payment/webhook"
	"bizbridge/bridge/seal"
	"bizbridge/bridge/signature"
	"bizbridge/config"
)

const (
	paymentPeer           = "payment" // Apple Pay and the payment providers in the metrics
	domainAssociationPath = "/.well-known/apple-developer-merchantid-domain-association"
	certificateWarning    = 30 * 24 * time.Hour // before it expires
)

// payments is the merchants as the flow uses them.
type payments struct{ service *payment.Service }

// newPayments makes the merchants ready; nil for none. It calls nobody.
func (s *site) newPayments(a *App, ring *seal.Ring) (*payments, error) {
	configured := s.config.ApplePay.Merchants
	if len(configured) == 0 {
		return nil, nil
	}
	merchants := make(map[string]*payment.Merchant, len(configured))
	for _, name := range slices.Sorted(maps.Keys(configured)) {
		merchant, err := s.newMerchant(name, configured[name], a.options.SessionRoots)
		if err != nil {
			return nil, fmt.Errorf("merchants.%s: %w", name, err)
		}
		merchants[name] = merchant
	}
	businesses := make(map[message.BusinessID]string)
	for _, business := range s.config.Businesses {
		businesses[message.BusinessID(business.ID)] = business.ApplePay
	}
	s.metrics.ExpectPeer(paymentPeer, payment.OperationSession)
	service, err := payment.New(payment.Options{
		Merchants: merchants, Businesses: businesses, Ring: ring, PublicURL: s.config.PublicURL().String(), Memory: a.payments, Logger: s.logger,
		Shutdown: a.memory.Shutdown(),
		Deliver: func(ctx context.Context, business message.BusinessID, customer message.CustomerID, told message.Payment) *message.Failure {
			return s.flow.TellPayment(ctx, business, customer, told)
		},
		Count:   func(status message.PaymentStatus) { s.metrics.Payments.WithLabelValues(string(status)).Inc() },
		Refused: func(reason signature.Reason) { s.metrics.CountSignatureFailure("pay", reason) },
	})
	if err != nil {
		return nil, err
	}
	return &payments{service}, nil
}

func (s *site) newMerchant(name string, configured config.Merchant, roots *x509.CertPool) (*payment.Merchant, error) {
	pair, err := tls.X509KeyPair([]byte(configured.Cert), []byte(configured.Key.Reveal()))
	if err != nil {
		return nil, fmt.Errorf("cert and key: %w", err)
	}
	s.watchCertificate(name, pair.Leaf)
	merchant := &payment.Merchant{
		ID: configured.MerchantID, HashID: configured.MerchantIDHashed, Domain: configured.Domain, Name: configured.Name,
		Countries: configured.Countries, Networks: configured.Networks, TTL: configured.TTL.Std(), SessionURL: configured.SessionURL,
		Session: s.secureClient(paymentPeer, &tls.Config{
			Certificates: []tls.Certificate{pair}, RootCAs: roots, MinVersion: tls.VersionTLS12,
		}),
		OrderTracking: configured.Provider.OrderTracking, Rules: paymentRules(configured.Rules),
	}
	for _, what := range configured.Provider.Updates {
		merchant.Updates = append(merchant.Updates, payment.What(what))
	}
	merchant.Provider, err = s.newPaymentProvider(configured.Provider)
	return merchant, err
}

// watchCertificate shows when a merchant identity certificate expires, and says so in the last month: Apple gives no sessions
// from then on, but messages go on.
func (s *site) watchCertificate(name string, certificate *x509.Certificate) {
	s.metrics.CertificateNotAfter.WithLabelValues("apple_pay." + name).Set(metrics.Seconds(certificate.NotAfter))
	expires := certificate.NotAfter.Format(time.DateOnly)
	switch left := time.Until(certificate.NotAfter); {
	case left <= 0:
		s.doubts = append(s.doubts, fmt.Sprintf("apple_pay.merchants.%s.cert expired on %s: nobody can pay. Make a new merchant identity certificate in the Apple developer account.", name, expires))
	case left < certificateWarning:
		s.doubts = append(s.doubts, fmt.Sprintf("apple_pay.merchants.%s.cert expires on %s. Make a new merchant identity certificate in the Apple developer account before that.", name, expires))
	case time.Now().Before(certificate.NotBefore):
		s.doubts = append(s.doubts, fmt.Sprintf("apple_pay.merchants.%s.cert is not valid before %s: is the clock right?", name, certificate.NotBefore.Format(time.DateOnly)))
	}
}

func (s *site) newPaymentProvider(configured config.PaymentProvider) (payment.Provider, error) {
	client := s.client(paymentPeer, s.config.Limits.InboundConcurrency, nil)
	switch configured.Type {
	case config.ProviderWebhook:
		secrets := make([]string, len(configured.Secrets))
		for i, secret := range configured.Secrets {
			secrets[i] = secret.Reveal()
		}
		signer, err := signature.NewStandard(secrets...)
		if err != nil {
			return nil, fmt.Errorf("provider.secrets: %w", err)
		}
		s.metrics.ExpectPeer(paymentPeer, webhook.Operations...)
		return &webhook.Provider{URL: configured.URL, HTTP: client, Signer: signer, Now: time.Now}, nil
	case config.ProviderStripe:
		s.metrics.ExpectPeer(paymentPeer, stripe.Operations...)
		return stripe.New(configured.Stripe(), client), nil
	case config.ProviderTest:
		return payment.Test{}, nil
	}
	return nil, fmt.Errorf("provider.type %q is not known", configured.Type)
}

// paymentRules reads what the configuration has checked.
func paymentRules(configured *config.PaymentRules) *payment.Rules {
	if configured == nil {
		return nil
	}
	currency := money.Currency(configured.Currency)
	amount := func(text string) money.Amount {
		if text == "" {
			return 0
		}
		parsed, err := currency.Parse(text)
		if err != nil {
			panic(err) // it was checked
		}
		return parsed
	}
	rules := &payment.Rules{Currency: currency}
	for _, rule := range configured.Shipping {
		rules.Shipping = append(rules.Shipping, payment.ShippingRule{
			Countries: rule.Countries, Label: message.CutLabel(rule.Label), Amount: amount(rule.Amount), FreeOver: amount(rule.FreeOver),
		})
	}
	for _, rule := range configured.Taxes {
		rate, err := money.ParseRate(rule.Percent)
		if err != nil {
			panic(err) // it was checked
		}
		rules.Taxes = append(rules.Taxes, payment.TaxRule{
			Countries: rule.Countries, Regions: rule.Regions, Label: message.CutLabel(rule.Label), Rate: rate, Shipping: rule.Shipping,
		})
	}
	return rules
}

// flowPayments is nil, and no nil inside an interface, where there are none.
func (s *site) flowPayments() flow.Payments {
	if s.payments == nil {
		return nil
	}
	return s.payments
}

// Ask implements [flow.Payments].
func (p *payments) Ask(ctx context.Context, business message.BusinessID, customer message.CustomerID, requestID string, content message.PaymentRequest) (apple.Payment, *message.Failure) {
	asked, failure := p.service.Ask(ctx, business, customer, requestID, content)
	return apple.Payment{
		MerchantID: asked.MerchantID, MerchantName: asked.MerchantName, CountryCode: asked.CountryCode, Networks: asked.Networks, Session: asked.Session,
		Endpoints: apple.PaymentEndpoints{
			PaymentGateway: asked.Addresses[payment.EndpointGateway], Fallback: asked.Addresses[payment.EndpointFallback],
			OrderTracking: asked.Addresses[payment.EndpointOrderTracking], PaymentMethodUpdate: asked.Addresses[payment.EndpointMethod],
			ShippingContactUpdate: asked.Addresses[payment.EndpointContact], ShippingMethodUpdate: asked.Addresses[payment.EndpointShipping],
		},
	}, failure
}

// Answer implements [flow.Payments].
func (p *payments) Answer(ctx context.Context, business message.BusinessID, customer message.CustomerID, answer apple.PaymentAnswer) *message.Payment {
	return p.service.Answer(ctx, business, customer, answer.RequestID, answer.Status)
}

// paymentRoutes are there for a bridge without merchants as well: requests to it may be old.
func (s *site) paymentRoutes(public *gin.RouterGroup) {
	serve := func(endpoint payment.Endpoint) gin.HandlerFunc {
		return func(c *gin.Context) {
			if s.payments == nil {
				http.NotFound(c.Writer, c.Request)
				return
			}
			s.payments.service.ServeHTTP(c.Writer, c.Request, c.Param("token"), endpoint)
		}
	}
	for _, endpoint := range payment.Endpoints {
		public.POST("/pay/:token/"+string(endpoint), serve(endpoint))
	}
	public.GET("/pay/:token/"+string(payment.EndpointFallback), serve(payment.EndpointFallback))
}

// getDomainAssociation serves the file by which Apple verifies a merchant's domain: that of the merchant of the host that is
// asked for, or of the only one that has such a file.
func (s *site) getDomainAssociation(w http.ResponseWriter, r *http.Request) {
	host, _, _ := strings.Cut(r.Host, ":")
	var found []string
	for _, name := range slices.Sorted(maps.Keys(s.config.ApplePay.Merchants)) {
		merchant := s.config.ApplePay.Merchants[name]
		if merchant.DomainAssociation == "" {
			continue
		}
		if strings.EqualFold(merchant.Domain, host) {
			found = []string{merchant.DomainAssociation}
			break
		}
		found = append(found, merchant.DomainAssociation)
	}
	if len(slices.Compact(found)) != 1 {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write([]byte(found[0]))
}

func (s *site) secureClient(peer string, tlsConfig *tls.Config) *httpclient.Client {
	client := httpclient.New(httpclient.Options{Peer: peer, Metrics: s.metrics, TLS: tlsConfig})
	s.closers = append(s.closers, client.Close)
	return client
}
