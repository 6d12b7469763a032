package sandbox

import (
	"encoding/json"
	"io"
	"math/big"
	"net/http"
)

// maxTill is how many payments the till remembers.
const maxTill = 500

// till is a payment provider's side of the shop: it prices what the customer chooses, and charges.
type till struct {
	bills memory[*bill] // by request id
}

func newTill() till { return till{newMemory[*bill](maxTill)} }

// bill is one request to be paid.
type bill struct {
	cart    *cart // none where the desk did not send it
	country string
	method  string

	paid  *tillAnswer            // the one success that a request can have
	tries map[string]*tillAnswer // by transaction
	last  *tillAnswer
}

func newBill(c *cart) *bill { return &bill{cart: c, tries: map[string]*tillAnswer{}} }

// tillCall is a call of the bridge's.
type tillCall struct {
	Type string `json:"type"`
	Data struct {
		RequestID     string `json:"request_id"`
		TransactionID string `json:"transaction_id"`
		Currency      string `json:"currency"`
		Amount        string `json:"amount"`
		What          string `json:"what"`
		Payment       struct {
			ShippingContact struct {
				CountryCode string `json:"countryCode"`
				Country     string `json:"country"`
			} `json:"shippingContact"`
			ShippingMethod struct {
				Identifier string `json:"identifier"`
			} `json:"shippingMethod"`
			PaymentToken json.RawMessage `json:"paymentToken"`
		} `json:"payment"`
	} `json:"data"`
}

// tillAnswer is what became of an authorization.
type tillAnswer struct {
	Status   string `json:"status"` // authorized, declined or pending
	Amount   string `json:"amount,omitempty"`
	Currency string `json:"currency,omitempty"`
	Ref      string `json:"provider_ref,omitempty"`
}

const (
	tillAuthorized = "authorized"
	tillDeclined   = "declined"
	tillPending    = "pending"
)

// serveTill is POST /hooks/payment: a signed call, answered at once.
func (s *Sandbox) serveTill(w http.ResponseWriter, r *http.Request) {
	x := s.openHop(bridgeToDesk, r.Method, r.URL.RequestURI(), r.Header)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	forged := checkWebhook(s.deskKey, r.Header, body, s.now())
	s.carry(x, body, "", webhookCheck(forged))
	var c tillCall
	switch {
	case err != nil:
		refused := unreadable(err, maxBody)
		s.answerHook(w, x, refused.status, refused.reason)
		return
	case forged != nil:
		s.answerHook(w, x, http.StatusUnauthorized, forged.Error())
		return
	case json.Unmarshal(body, &c) != nil || c.Data.RequestID == "":
		s.answerHook(w, x, http.StatusBadRequest, "the call is not JSON with a data.request_id")
		return
	}
	if s.tillFault(w, x) {
		return
	}
	status, answer := s.answerTill(c)
	if answer == nil {
		w.WriteHeader(status)
		s.closeHop(x, status, "", "")
		return
	}
	raw, _ := json.Marshal(answer) // made of strings
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(raw) // a bridge that has gone needs no answer
	s.closeHop(x, status, string(raw), "")
}

// tillFault answers in place of a till in trouble, or makes it slow.
func (s *Sandbox) tillFault(w http.ResponseWriter, x *hop) (answered bool) {
	if delay, late := s.hit(faultTillLate); late {
		s.pause(delay)
	}
	if s.unlucky() {
		s.answerHook(w, x, http.StatusServiceUnavailable, "fault: the payment provider is down")
		return true
	}
	if _, garbage := s.hit(faultTillGarbage); garbage {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"status":"auth`)
		s.closeHop(x, http.StatusOK, `{"status":"auth`, "fault: what it answers is no JSON")
		return true
	}
	return false
}

// unlucky tells whether a call fails by chance. Those that do not are not counted.
func (s *Sandbox) unlucky() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.faults.find(faultTillRandom).On || !s.chance() {
		return false
	}
	s.struck(faultTillRandom)
	return true
}

// answerTill answers a call.
func (s *Sandbox) answerTill(c tillCall) (status int, answer any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.tills.bills.get(c.Data.RequestID)
	switch c.Type {
	case "payment.authorize":
		if !ok {
			known = newBill(nil)
			s.tills.bills.put(c.Data.RequestID, known)
		}
		return http.StatusOK, s.charge(known, c)
	case "payment.status":
		if !ok || known.last == nil {
			return http.StatusNotFound, failure("nobody asked to charge for this request")
		}
		return http.StatusOK, s.decided(known)
	case "payment.update":
		if !ok || known.cart == nil {
			return http.StatusOK, obj{}
		}
		return http.StatusOK, known.reprice(c)
	case "payment.order":
		return http.StatusNoContent, nil
	}
	return http.StatusBadRequest, failure("no such type")
}

// charge authorizes a payment, once for a request and once for a transaction, however often it is asked.
func (s *Sandbox) charge(b *bill, c tillCall) *tillAnswer {
	if b.paid != nil {
		return b.paid
	}
	if before := b.tries[c.Data.TransactionID]; before != nil && before.Status == tillDeclined {
		return before
	}
	if b.last != nil && b.last.Status == tillPending {
		return s.decided(b)
	}
	made := &tillAnswer{Status: tillAuthorized, Amount: c.Data.Amount, Currency: c.Data.Currency, Ref: "till_" + newToken()[:12]}
	if b.cart != nil {
		made.Amount, made.Currency = b.cart.format(b.total()), b.cart.currency
	}
	if _, declines := s.struck(faultTillDeclines); declines || made.Amount == "" {
		made = &tillAnswer{Status: tillDeclined, Ref: made.Ref}
	} else if _, pending := s.struck(faultTillPending); pending {
		made.Status = tillPending
	} else if _, other := s.struck(faultTillAmount); other {
		made.Amount = anotherAmount(made.Amount)
	}
	b.tries[c.Data.TransactionID], b.last = made, made
	if made.Status == tillAuthorized {
		b.paid = made
	}
	return made
}

// decided is the newest answer. What was pending is authorized once the fault is off.
func (s *Sandbox) decided(b *bill) *tillAnswer {
	if b.last.Status != tillPending {
		return b.last
	}
	if _, still := s.struck(faultTillPending); still {
		return b.last
	}
	done := *b.last
	done.Status = tillAuthorized
	b.last, b.paid = &done, &done
	return b.paid
}

// anotherAmount contradicts what the customer agreed to.
func anotherAmount(amount string) string {
	value, ok := new(big.Rat).SetString(amount)
	if !ok {
		return amount
	}
	return value.Add(value, big.NewRat(1, 1)).FloatString(decimalsOf(amount))
}
