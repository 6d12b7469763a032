package stripe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/bridge/payment"
	"bizbridge/bridge/payment/stripe/stripetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	business = message.BusinessID("AAAAAAAA-bbbb-4ccc-8ddd-eeeeeeeeeeee")
	customer = message.CustomerID("urn:mbid:AQAAY1234567890")
	request  = "11111111-2222-8333-8444-555555555555"
	// printf %s urn:mbid:AQAAY1234567890 | sha256sum | head -c 32
	customerHash = "c4ede243e2a60647ba5dbc551053ff25"
	secret       = "4242424242424242" // in paymentData, names, contacts and whatever Stripe says
)

// rig is a bridge with an account at Stripe.
type rig struct {
	t      testing.TB
	stripe *stripetest.Server
	*Provider
}

func newRig(t testing.TB) *rig {
	t.Helper()
	server := stripetest.New()
	t.Cleanup(server.Close)
	return &rig{t, server, newProvider(t, server.URL, CaptureAutomatic)}
}

func newProvider(t testing.TB, base, capture string) *Provider {
	t.Helper()
	m := metrics.New("test", "test")
	m.ExpectPeer("payment", Operations...)
	client := httpclient.New(httpclient.Options{Peer: "payment", Metrics: m})
	t.Cleanup(client.Close)
	settings := Settings{SecretKey: stripetest.Key, BaseURL: base, Capture: capture}
	settings.Validate(func(path, message, _ string) { t.Fatalf("%s %s", path, message) })
	p := New(settings, client)
	p.pause = 20 * time.Millisecond
	return p
}

// plan lets the calls of an operation go wrong in this order, and then no more.
func (r *rig) plan(operation string, faults ...stripetest.Fault) {
	r.stripe.Plan = func(o string) stripetest.Fault {
		if o != operation || len(faults) == 0 {
			return stripetest.None
		}
		fault := faults[0]
		faults = faults[1:]
		return fault
	}
}

// ask is a consent with a card.
func ask(transaction, card string) payment.Authorization {
	data, _ := json.Marshal(map[string]string{"data": card, "signature": secret, "version": "EC_v1"})
	return payment.Authorization{
		Request:       payment.Request{ID: request, Business: business, Customer: customer, Currency: "USD", Total: 1250, Fixed: true},
		TransactionID: transaction,
		Token:         payment.Token{Data: data, DisplayName: "Visa " + secret, Network: "Visa"},
		Payment:       json.RawMessage(`{"billingContact":{"familyName":"` + secret + `"}}`),
	}
}

func (r *rig) authorize(a payment.Authorization) (payment.Charge, *message.Failure) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	charge, err := r.Authorize(ctx, a)
	r.noSecret(charge, err)
	if err == nil {
		return charge, nil
	}
	return charge, message.FailureOf(err)
}

// noSecret looks for what must not be told in what is told.
func (r *rig) noSecret(all ...any) {
	r.t.Helper()
	for _, one := range all {
		for _, text := range []string{fmt.Sprintf("%v", one), fmt.Sprintf("%#v", one), fmt.Sprintf("%+v", one)} {
			if strings.Contains(text, secret) || strings.Contains(text, stripetest.Key) || strings.Contains(text, "familyName") {
				r.t.Errorf("a secret is told: %s", text)
			}
		}
	}
}

func (r *rig) charges(want int) []stripetest.Charge {
	r.t.Helper()
	charges := r.stripe.Charges()
	if len(charges) != want {
		r.t.Fatalf("%d charges, want %d: %v", len(charges), want, charges)
	}
	return charges
}

// expect compares what an authorisation gave: a status, or "failure " and a class.
func expect(t testing.TB, want string, charge payment.Charge, failure *message.Failure) {
	t.Helper()
	got := string(charge.Status)
	if failure != nil {
		got = "failure " + failure.Class.String()
		if charge.Status != "" {
			t.Errorf("there is a charge beside a failure: %v", charge)
		}
	}
	if got != want {
		t.Errorf("got %s (%q, %v), want %s", got, charge.Reason, failure, want)
	}
}

// script answers a confirmation, and what is read after, as a test wants it.
type script struct {
	confirmStatus int
	confirm       string
	getStatus     int
	get           string
	confirms      int
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, body := http.StatusOK, `{"id":"pi_1","status":"requires_payment_method","amount":1250,"currency":"usd"}`
	switch {
	case strings.HasSuffix(r.URL.Path, "/confirm"):
		s.confirms++
		status, body = s.confirmStatus, s.confirm
	case strings.HasSuffix(r.URL.Path, "/tokens"):
		body = `{"id":"tok_1"}`
	case strings.HasSuffix(r.URL.Path, "/search"):
		body = `{"data":[]}`
	case r.Method == http.MethodGet:
		status, body = s.getStatus, s.get
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

func scripted(t testing.TB, s *script) *rig {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return &rig{t: t, Provider: newProvider(t, server.URL, CaptureAutomatic)}
}
