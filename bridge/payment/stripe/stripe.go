package stripe

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/payment"
)

const (
	longest  = 25 * time.Second // an authorisation takes; the sheet of Apple Pay waits for about 30 s
	reserve  = 3 * time.Second  // of it are kept for looking back
	maxToken = 64 << 10         // bytes of paymentData: more than ten times what Apple writes
)

// Provider takes money through Stripe. It is safe for concurrent use and keeps nothing between calls.
type Provider struct {
	settings Settings
	client   *httpclient.Client
	pause    time.Duration // before it is asked what became of a call that is being answered elsewhere
}

var (
	_ payment.Finder        = (*Provider)(nil)
	_ payment.AmountChecker = (*Provider)(nil)
)

// New makes a provider from settings that are valid. The client is its caller's: peer "payment".
func New(settings Settings, client *httpclient.Client) *Provider {
	return &Provider{settings: settings, client: client, pause: time.Second}
}

// Format prints no secret, whatever the verb.
func (p *Provider) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "stripe.Provider at "+p.settings.base())
}

// consent is an authorisation in Stripe's terms, and how far it has come.
type consent struct {
	request     string // the request's ID in lower case
	business    string
	currency    string
	amount      int64
	transaction string
	form        url.Values // Apple's token

	intent string // Stripe's name of the PaymentIntent
	token  string // Stripe's name of Apple's token
	before bool   // somebody has asked for one of the two before: another consent, another replica
}

// Authorize takes the money that a request asks for, once.
func (p *Provider) Authorize(ctx context.Context, authorization payment.Authorization) (payment.Charge, error) {
	c, failure := newConsent(authorization)
	if failure != nil {
		return payment.Charge{}, failure
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	charge, failure := p.authorize(ctx, c)
	if failure != nil {
		return payment.Charge{}, failure
	}
	return *charge, nil
}

// newConsent refuses, before Stripe hears of it, what cannot be paid there.
func newConsent(a payment.Authorization) (*consent, *message.Failure) {
	if !a.Fixed {
		return nil, &message.Failure{
			Class: message.Permanent, Code: message.CodeUnsupported, Reason: "Stripe keeps no cart: only a request with a fixed total can be paid there",
		}
	}
	request, ok := requestID(a.ID)
	if !ok {
		return nil, message.Failuref(message.Invalid, "the request has no UUID")
	}
	if a.TransactionID == "" {
		return nil, message.Failuref(message.Invalid, "the consent has no transaction identifier")
	}
	amount, err := toStripe(a.Currency, a.Total)
	if err != nil {
		return nil, message.Failuref(message.Permanent, "the total cannot be paid through Stripe: %v", err)
	}
	form, ok := tokenForm(a)
	if !ok {
		return nil, message.Failuref(message.Invalid, "the consent has no payment data")
	}
	return &consent{
		request: request, business: strings.ToLower(string(a.Business)), currency: strings.ToLower(string(a.Currency)),
		amount: amount, transaction: a.TransactionID, form: form,
	}, nil
}

// tokenForm is Apple's token as Stripe's own SDK for iOS sends it. The contacts stay here.
func tokenForm(a payment.Authorization) (url.Values, bool) {
	var data bytes.Buffer
	if len(a.Token.Data) > maxToken || json.Compact(&data, a.Token.Data) != nil || !bytes.HasPrefix(data.Bytes(), []byte("{")) {
		return nil, false
	}
	form := url.Values{"pk_token": {data.String()}, "pk_token_transaction_id": {a.TransactionID}}
	if a.Token.DisplayName != "" {
		form.Set("pk_token_instrument_name", a.Token.DisplayName)
	}
	if a.Token.Network != "" {
		form.Set("pk_token_payment_network", a.Token.Network)
	}
	return form, true
}

// requestID gives a UUID in lower case, so that one request has one name, and nothing in it that means something in a query.
func requestID(text string) (string, bool) {
	if len(text) != 36 {
		return "", false
	}
	for i, r := range []byte(text) {
		hyphen := i == 8 || i == 13 || i == 18 || i == 23
		if hyphen != (r == '-') || !hyphen && !strings.ContainsRune("0123456789abcdefABCDEF", rune(r)) {
			return "", false
		}
	}
	return strings.ToLower(text), true
}

func (p *Provider) authorize(ctx context.Context, c *consent) (*payment.Charge, *message.Failure) {
	charge, failure := p.create(ctx, c)
	if charge != nil || failure != nil {
		return charge, failure
	}
	if c.before {
		// What Stripe said is as old as the first time, so it is asked anew.
		now, failure := p.read(ctx, c.intent)
		if failure != nil {
			return nil, uncertain(failure)
		}
		if charge, failure := now.decided(); charge != nil || failure != nil {
			return charge, failure
		}
	}
	charge, failure = p.tokenize(ctx, c)
	if charge == nil && failure == nil {
		charge, failure = p.confirm(ctx, c)
	}
	if failure != nil && c.before && passing(failure.Class) {
		return nil, uncertain(failure) // it says nothing of those who were here before, and may be paying now
	}
	return charge, failure
}

// passing tells whether a failure was Stripe's or the network's of the moment: the same call made elsewhere may have worked.
func passing(class message.Class) bool {
	return class == message.Transient || class == message.Throttled || class == message.Canceled
}

// create finds out the request's one PaymentIntent, whoever asked for it first. It charges nothing.
func (p *Provider) create(ctx context.Context, c *consent) (*payment.Charge, *message.Failure) {
	form := url.Values{
		"amount":                 {strconv.FormatInt(c.amount, 10)},
		"currency":               {c.currency},
		"capture_method":         {p.settings.capture()},
		"payment_method_types[]": {"card"},
		"metadata[request_id]":   {c.request},
		"metadata[business_id]":  {c.business},
	}
	resp, failure := p.postHarmless(ctx, opCreate, "/v1/payment_intents", idempotencyKey("bizbridge-intent-", c.request), form)
	switch {
	case failure != nil:
		return nil, failure
	case resp.Status == http.StatusConflict:
		return nil, uncertain(refused(opCreate, resp)) // somebody else is at it
	case resp.Status != http.StatusOK && readFault(resp.Body).Type == typeIdempotency:
		return p.otherTotal(ctx, c.request)
	case resp.Status != http.StatusOK:
		return nil, refused(opCreate, resp)
	}
	made := readIntent(resp.Body)
	if made == nil {
		return nil, unreadable(opCreate, resp)
	}
	if made.Amount == nil || *made.Amount != c.amount || !strings.EqualFold(made.Currency, c.currency) {
		return nil, message.Failuref(message.Permanent, "Stripe made a PaymentIntent of another amount than it was asked for")
	}
	c.intent, c.before = made.ID, replayed(resp)
	return nil, nil
}

// replayed tells whether an answer is one that Stripe gave before, under the same key.
func replayed(resp *httpclient.Response) bool {
	return resp.Header.Get("Idempotent-Replayed") == "true"
}

// otherTotal is for a request that Stripe knows with another total, or from before the settings changed. Nothing is charged
// now; but it may have been then.
func (p *Provider) otherTotal(ctx context.Context, request string) (*payment.Charge, *message.Failure) {
	charge, failure := p.find(ctx, request)
	if failure != nil {
		return nil, uncertain(failure)
	}
	if charge != nil && charge.Status != payment.Declined {
		return charge, nil
	}
	return &payment.Charge{Status: payment.Declined, Reason: reasonOtherTotal}, nil
}

// tokenize hands Apple's token to Stripe. It charges nothing.
func (p *Provider) tokenize(ctx context.Context, c *consent) (*payment.Charge, *message.Failure) {
	resp, failure := p.postHarmless(ctx, opToken, "/v1/tokens", idempotencyKey("bizbridge-token-", c.transaction), c.form)
	switch {
	case failure != nil:
		return nil, failure
	case resp.Status != http.StatusOK:
		fault := readFault(resp.Body)
		if resp.Status == http.StatusPaymentRequired && fault.Type == typeCard {
			return &payment.Charge{Status: payment.Declined, Ref: c.intent, Reason: fault.words()}, nil
		}
		if resp.Status == http.StatusConflict || fault.Type == typeIdempotency {
			return nil, uncertain(refused(opToken, resp)) // this very consent is, or was, given elsewhere
		}
		return nil, refused(opToken, resp)
	}
	c.token, c.before = readToken(resp.Body), c.before || replayed(resp)
	if c.token == "" {
		return nil, unreadable(opToken, resp)
	}
	return nil, nil
}
