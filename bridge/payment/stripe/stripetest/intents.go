package stripetest

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The cards. They are what paymentData's member "data" holds.
const (
	CardGood       = "good"
	CardDeclined   = "declined:" // and a decline code
	CardAction     = "requires_action"
	CardProcessing = "processing"
	CardRefused    = "refused"       // Apple's token cannot be read
	CardDead       = "dead_at_token" // declined before it is tried
	CardUnfinished = "unfinished"    // 200, but the status wants a payment method
	CardInvalid    = "invalid"       // 400 at the confirmation
)

type intent struct {
	id, status, currency, capture string
	amount, received, capturable  int64
	created                       int64
	metadata                      map[string]string
	last                          object // last_payment_error
	busy                          bool
}

type token struct {
	card, transaction string
	used              bool
}

func (i *intent) show() object {
	metadata := object{}
	for k, v := range i.metadata {
		metadata[k] = v
	}
	shown := object{
		"id": i.id, "object": "payment_intent", "status": i.status, "currency": i.currency, "capture_method": i.capture,
		"amount": i.amount, "amount_received": i.received, "amount_capturable": i.capturable, "created": i.created,
		"metadata": metadata, "livemode": false, "last_payment_error": nil, "next_action": nil, "payment_method_types": []string{"card"},
	}
	if i.last != nil {
		shown["last_payment_error"] = i.last
	}
	return shown
}

// known tells whether all parameters are, and the first that is not.
func known(form url.Values, names ...string) bool {
	for name := range form {
		if !slices.Contains(names, name) {
			return false
		}
	}
	return true
}

// step is what an amount must be a multiple of.
func step(currency string) int64 {
	switch currency {
	case "isk", "ugx":
		return 100
	case "bhd", "jod", "kwd", "omr", "tnd":
		return 10
	}
	return 1
}

func (s *Server) create(form url.Values, fault Fault) (*answer, bool) {
	amount, err := strconv.ParseInt(form.Get("amount"), 10, 64)
	currency, capture := form.Get("currency"), form.Get("capture_method")
	switch {
	case !known(form, "amount", "currency", "capture_method", "payment_method_types[]", "metadata[request_id]", "metadata[business_id]", "metadata[customer]"):
		return problem(400, "invalid_request_error", "parameter_unknown"), false
	case err != nil || len(currency) != 3 || currency != strings.ToLower(currency), capture != "automatic" && capture != "manual":
		return problem(400, "invalid_request_error", "parameter_invalid_integer"), false
	case amount < 50 && step(currency) == 1 && currency != "jpy":
		return problem(400, "invalid_request_error", "amount_too_small"), false
	case amount%step(currency) != 0:
		return problem(400, "invalid_request_error", "invalid_charge_amount_no_decimal_compatible"), false
	}
	if fault == OtherAmount {
		amount += 100
	}
	i := &intent{
		id: newID("pi_"), status: "requires_payment_method", currency: currency, capture: capture, amount: amount, created: time.Now().Unix(),
		metadata: map[string]string{
			"request_id": form.Get("metadata[request_id]"), "business_id": form.Get("metadata[business_id]"), "customer": form.Get("metadata[customer]"),
		},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.intents[i.id] = i
	s.order = append(s.order, i.id)
	return shown(200, i.show()), true
}

func (s *Server) tokenize(form url.Values) (*answer, bool) {
	var data struct{ Data string }
	if !known(form, "pk_token", "pk_token_instrument_name", "pk_token_payment_network", "pk_token_transaction_id") ||
		json.Unmarshal([]byte(form.Get("pk_token")), &data) != nil || form.Get("pk_token_transaction_id") == "" {
		return problem(400, "invalid_request_error", "parameter_unknown"), false
	}
	switch data.Data {
	case CardRefused:
		return problem(400, "invalid_request_error", ""), true
	case CardDead:
		return problem(402, "card_error", "card_declined", "decline_code", "card_not_supported"), true
	}
	id := newID("tok_")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[id] = &token{card: data.Data, transaction: form.Get("pk_token_transaction_id")}
	return shown(200, object{"id": id, "object": "token", "type": "card", "used": false}), true
}

// confirm charges. While it is at it, the PaymentIntent looks as before, and no other confirmation gets at it.
func (s *Server) confirm(id string, form url.Values, fault Fault) (*answer, bool) {
	s.mu.Lock()
	i, t := s.intents[id], s.tokens[form.Get("payment_method_data[card][token]")]
	refusal, save := s.check(i, t, form, fault)
	if refusal != nil {
		s.mu.Unlock()
		return refusal, save
	}
	i.busy, t.used = true, true
	s.mu.Unlock()
	if s.Latency != nil {
		time.Sleep(s.Latency())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i.busy = false
	return s.attempt(i, t, fault), true
}

func (s *Server) check(i *intent, t *token, form url.Values, fault Fault) (refusal *answer, save bool) {
	switch {
	case !known(form, "payment_method_data[type]", "payment_method_data[card][token]", "error_on_requires_action") ||
		form.Get("payment_method_data[type]") != "card" || form.Get("error_on_requires_action") != "true":
		return problem(400, "invalid_request_error", "parameter_unknown"), false
	case i == nil || t == nil:
		return problem(404, "invalid_request_error", "resource_missing"), false
	case i.busy || fault == LockTimeout:
		return problem(429, "invalid_request_error", "lock_timeout"), false
	case i.status != "requires_payment_method" && i.status != "requires_confirmation":
		return problem(400, "invalid_request_error", "payment_intent_unexpected_state", "payment_intent", i.show()), true
	case t.used:
		return problem(400, "invalid_request_error", "token_already_used"), true
	case t.card == CardInvalid:
		return problem(400, "invalid_request_error", "payment_intent_incompatible_payment_method"), true
	}
	return nil, false
}

// attempt is the work of the card networks.
func (s *Server) attempt(i *intent, t *token, fault Fault) *answer {
	code, declined := strings.CutPrefix(t.card, CardDeclined)
	switch {
	case declined:
		return i.fail("card_declined", code)
	case t.card == CardAction:
		return i.fail("authentication_required", "authentication_not_handled")
	case t.card == CardUnfinished:
		i.fail("card_declined", "insufficient_funds")
		return shown(200, i.show())
	}
	taken := i.amount
	if fault == OtherAmount {
		taken += 100
	}
	switch {
	case t.card == CardProcessing:
		i.status = "processing"
	case i.capture == "manual":
		i.status, i.capturable = "requires_capture", taken
	default:
		i.status, i.received = "succeeded", taken
	}
	s.charges = append(s.charges, Charge{i.metadata["request_id"], t.transaction, i.id, i.currency, taken})
	return shown(200, i.show())
}

func (i *intent) fail(code, declineCode string) *answer {
	i.last = object{"type": "card_error", "code": code, "decline_code": declineCode, "message": "words for people", "charge": newID("ch_")}
	return problem(402, "card_error", code, "decline_code", declineCode, "payment_intent", i.show())
}

// update changes metadata. "[last_payment_error] will be cleared if the PaymentIntent is later updated for any reason."
func (s *Server) update(id string, form url.Values) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.intents[id]
	switch {
	case !known(form, "metadata[refused]"):
		return problem(400, "invalid_request_error", "parameter_unknown")
	case i == nil:
		return problem(404, "invalid_request_error", "resource_missing")
	case i.busy:
		return problem(429, "invalid_request_error", "lock_timeout")
	}
	i.metadata["refused"] = form.Get("metadata[refused]")
	if !s.KeepErrors {
		i.last = nil
	}
	return shown(200, i.show())
}

func (s *Server) show(id string) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.intents[id]
	if i == nil {
		return problem(404, "invalid_request_error", "resource_missing")
	}
	return shown(200, i.show())
}

// search sees what was indexed.
func (s *Server) search(query string) *answer {
	name, value, ok := strings.Cut(query, ":")
	if !ok || name != "metadata['request_id']" || len(value) < 2 || value[0] != '\'' || value[len(value)-1] != '\'' {
		return problem(400, "invalid_request_error", "")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []object{}
	for _, id := range slices.Backward(s.order) {
		if old, ok := s.indexed[id]; ok && strings.EqualFold(old["metadata"].(object)["request_id"].(string), value[1:len(value)-1]) {
			found = append(found, old)
		}
	}
	return shown(200, object{"object": "search_result", "data": found, "has_more": false, "next_page": nil})
}
