package stripe

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/payment"
)

const (
	longest  = 20 * time.Second // an authorisation takes where its caller has no limit of its own
	reserve  = 3 * time.Second  // of it are kept for looking back
	glance   = 2 * time.Second  // a search takes that can be done without
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

// owner is whose a payment is, as the metadata says.
type owner struct {
	request  string // its ID in lower case
	business string // its ID in lower case
	customer string // a hash: Stripe has no need of the name that Apple gave
}

func newOwner(requestID string, request payment.Request) owner {
	sum := sha256.Sum256([]byte(request.Customer))
	return owner{requestID, strings.ToLower(string(request.Business)), hex.EncodeToString(sum[:16])}
}

// consent is an authorisation in Stripe's terms, and how far it has come.
type consent struct {
	owner
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
	ctx, cancel := bounded(ctx)
	defer cancel()
	charge, failure := p.authorize(ctx, c)
	if failure != nil {
		return payment.Charge{}, failure
	}
	return *charge, nil
}

// bounded sets a limit where the caller has none.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, longest)
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
		owner: newOwner(request, a.Request), currency: strings.ToLower(string(a.Currency)), amount: amount,
		transaction: a.TransactionID, form: form,
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
	switch {
	case charge != nil || failure != nil:
	case c.before:
		charge, failure = p.again(ctx, c)
	default:
		charge, failure = p.forgotten(ctx, c)
	}
	if charge != nil || failure != nil {
		return charge, failure
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

// again looks at a PaymentIntent that somebody has asked for before: what Stripe said is as old as the first time. Where a card
// was refused, that is noted before there is another attempt. Else Find could take the old refusal for the end while the new
// attempt is under way. An update is documented to remove the old refusal, but nothing counts on that.
func (p *Provider) again(ctx context.Context, c *consent) (*payment.Charge, *message.Failure) {
	now, failure := p.read(ctx, c.intent)
	if failure != nil {
		return nil, uncertain(failure)
	}
	if charge, failure := now.decided(); charge != nil || failure != nil || now.LastError == nil {
		return charge, failure
	}
	form := url.Values{"metadata[refused]": {now.LastError.attempt()}}
	resp, failure := p.postHarmless(ctx, opMark, "/v1/payment_intents/"+c.intent, "", form)
	if failure == nil && resp.Status != http.StatusOK {
		failure = refused(opMark, resp)
	}
	if failure != nil {
		return nil, uncertain(failure)
	}
	return nil, nil
}

// forgotten looks for the PaymentIntent of a request whose key Stripe has forgotten, since the one that was made now would be
// another. A search that fails keeps nobody from paying: keys are kept for longer than requests can be paid. One that finds
// something does, until it is known what became of that.
func (p *Provider) forgotten(ctx context.Context, c *consent) (*payment.Charge, *message.Failure) {
	within, cancel := context.WithTimeout(ctx, share(ctx, glance))
	defer cancel()
	found, failure := p.search(within, c.owner)
	if failure != nil {
		return nil, nil
	}
	others := slices.DeleteFunc(found, func(i intent) bool { return i.ID == c.intent })
	charge, failure := p.outcome(ctx, others)
	if failure != nil {
		return nil, uncertain(failure)
	}
	if charge != nil && charge.Status == payment.Declined {
		return nil, nil
	}
	return charge, nil
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
		"metadata[customer]":     {c.customer},
	}
	resp, failure := p.postHarmless(ctx, opCreate, "/v1/payment_intents", idempotencyKey("bizbridge-intent-", c.request), form)
	switch {
	case failure != nil:
		return nil, failure
	case resp.Status == http.StatusConflict:
		return nil, uncertain(refused(opCreate, resp)) // somebody else is at it
	case resp.Status != http.StatusOK && readFault(resp.Body).Type == typeIdempotency:
		return p.otherTotal(ctx, c.owner)
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
// now; but it may have been then, and the search may not know of it yet.
func (p *Provider) otherTotal(ctx context.Context, o owner) (*payment.Charge, *message.Failure) {
	charge, failure := p.find(ctx, o)
	switch {
	case failure != nil:
		return nil, uncertain(failure)
	case charge == nil:
		return nil, message.Failuref(message.Uncertain, "the request was first authorised for another total, and Stripe's search does not tell whether that was paid")
	case charge.Status == payment.Declined:
		charge.Reason = reasonOtherTotal
	}
	return charge, nil
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
