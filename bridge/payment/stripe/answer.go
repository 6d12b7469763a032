package stripe

import (
	"encoding/json"
	"strings"

	"bizbridge/bridge/message"
	"bizbridge/bridge/payment"
)

// What Stripe says of a PaymentIntent.
const (
	statusSucceeded       = "succeeded"
	statusRequiresCapture = "requires_capture"
	statusProcessing      = "processing"
	statusCanceled        = "canceled"
	statusRequiresPayment = "requires_payment_method"
)

// What Stripe says of an error.
const (
	typeCard            = "card_error"
	typeInvalid         = "invalid_request_error"
	typeIdempotency     = "idempotency_error"
	codeUnexpectedState = "payment_intent_unexpected_state"
	codeLockTimeout     = "lock_timeout"
	codeTokenUsed       = "token_already_used"
	codeKeyInUse        = "idempotency_key_in_use"
)

// What Stripe calls things.
const (
	intentPrefix = "pi_"
	tokenPrefix  = "tok_"
	chargePrefix = "ch_"
	maxID        = 255
)

const (
	reasonCanceled   = "the payment was cancelled at Stripe"
	reasonOtherTotal = "the request was first authorised for another total; a new request is needed"
	reasonReserved   = "reserved, to be captured at Stripe"
	reasonTest       = "a test: nobody was charged"
	reasonUnreadable = "Stripe has taken a payment, but does not tell how much in a way that can be read"
)

// intent is what is read of a PaymentIntent.
type intent struct {
	ID               string          `json:"id"`
	Status           string          `json:"status"`
	Amount           *int64          `json:"amount"`
	AmountReceived   *int64          `json:"amount_received"`
	AmountCapturable *int64          `json:"amount_capturable"`
	Currency         string          `json:"currency"`
	LiveMode         *bool           `json:"livemode"`
	Metadata         json.RawMessage `json:"metadata"`
	LastError        *fault          `json:"last_payment_error"`
}

// fault is what is read of an error. Its message and its parameters are not: they can hold what the customer typed.
type fault struct {
	Type        string  `json:"type"`
	Code        string  `json:"code"`
	DeclineCode string  `json:"decline_code"`
	Charge      string  `json:"charge"` // the attempt that failed
	Intent      *intent `json:"payment_intent"`
}

// identifier tells whether a text can stand in a path as Stripe's name of something.
func identifier(text, prefix string) bool {
	rest, ok := strings.CutPrefix(text, prefix)
	return ok && rest != "" && len(text) <= maxID && !strings.ContainsFunc(rest, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '_'
	})
}

// readIntent gives nil for what is no PaymentIntent.
func readIntent(body []byte) *intent {
	var i intent
	if json.Unmarshal(body, &i) != nil || !identifier(i.ID, intentPrefix) || i.Status == "" {
		return nil
	}
	return &i
}

// readIntents gives false for what is no list of PaymentIntents.
func readIntents(body []byte) ([]intent, bool) {
	var list struct {
		Data *[]intent `json:"data"`
	}
	if json.Unmarshal(body, &list) != nil || list.Data == nil {
		return nil, false
	}
	for _, i := range *list.Data {
		if !identifier(i.ID, intentPrefix) {
			return nil, false
		}
	}
	return *list.Data, true
}

// metadata is what this package writes to a PaymentIntent.
type metadata struct {
	Request  string `json:"request_id"`
	Business string `json:"business_id"`
	Customer string `json:"customer"`
	Refused  string `json:"refused"` // the failed attempt after which there was another
}

// metadata gives nothing for what this package has not written.
func (i *intent) metadata() (m metadata) {
	if json.Unmarshal(i.Metadata, &m) != nil {
		return metadata{}
	}
	return m
}

// of tells whether this is a request's.
func (i *intent) of(o owner) bool {
	m := i.metadata()
	return strings.EqualFold(m.Request, o.request) && strings.EqualFold(m.Business, o.business) && m.Customer == o.customer
}

// readToken gives "" for what is no token.
func readToken(body []byte) string {
	var token struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(body, &token) != nil || !identifier(token.ID, tokenPrefix) {
		return ""
	}
	return token.ID
}

// readFault gives an empty fault for what is no error of Stripe's: a proxy's page, half an answer.
func readFault(body []byte) fault {
	var answer struct {
		Error fault `json:"error"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return fault{}
	}
	return answer.Error
}

// decided tells what has become of a payment for good. Both are nil where that is open: a status that wants a payment method
// or a confirmation is also shown while another confirmation is on its way through Stripe.
func (i *intent) decided() (*payment.Charge, *message.Failure) {
	if i == nil {
		return nil, nil
	}
	switch i.Status {
	case statusSucceeded:
		return i.taken(payment.Authorized, i.AmountReceived)
	case statusRequiresCapture:
		return i.taken(payment.Authorized, i.AmountCapturable)
	case statusProcessing:
		return i.taken(payment.Pending, i.Amount)
	case statusCanceled:
		return i.declined(reasonCanceled), nil
	}
	return nil, nil
}

// settled is decided, and also tells of a card that was refused, unless another attempt may be under way: each that follows a
// refusal leaves a mark of that refusal first.
func (i *intent) settled() (*payment.Charge, *message.Failure) {
	charge, failure := i.decided()
	if charge != nil || failure != nil || i.Status != statusRequiresPayment || i.LastError == nil {
		return charge, failure
	}
	if refused := i.metadata().Refused; refused != "" && (i.LastError.attempt() == noAttempt || i.LastError.attempt() == refused) {
		return nil, nil
	}
	return i.declined(i.LastError.words()), nil
}

const noAttempt = "unnamed"

// attempt names the attempt that failed.
func (f *fault) attempt() string {
	if identifier(f.Charge, chargePrefix) {
		return f.Charge
	}
	return noAttempt
}

// taken says what Stripe says, also where it is not what was asked for: the caller compares.
func (i *intent) taken(status payment.ChargeStatus, n *int64) (*payment.Charge, *message.Failure) {
	if n == nil {
		return nil, message.Failuref(message.Uncertain, "%s", reasonUnreadable)
	}
	currency, amount, err := fromStripe(i.Currency, *n)
	if err != nil {
		return nil, message.Failuref(message.Uncertain, "%s", reasonUnreadable)
	}
	return &payment.Charge{Status: status, Amount: amount, Currency: currency, Ref: i.ID, Reason: i.remark()}, nil
}

// remark is what is special about what was taken.
func (i *intent) remark() string {
	var remarks []string
	if i.Status == statusRequiresCapture {
		remarks = append(remarks, reasonReserved)
	}
	if i.LiveMode != nil && !*i.LiveMode {
		remarks = append(remarks, reasonTest)
	}
	return strings.Join(remarks, "; ")
}

func (i *intent) declined(reason string) *payment.Charge {
	return &payment.Charge{Status: payment.Declined, Ref: i.ID, Reason: reason}
}
