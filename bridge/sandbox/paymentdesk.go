package sandbox

import "cmp"

// paymentEvent is what the bridge tells of a payment: a step of it.
type paymentEvent struct {
	RequestID     string `json:"request_id"`
	Status        string `json:"status"` // authorized, failed, canceled, uncertain or completed
	Amount        string `json:"amount"`
	Currency      string `json:"currency"`
	TransactionID string `json:"transaction_id"`
	ProviderRef   string `json:"provider_ref"`
	Summary       string `json:"summary"`
}

// deskPayment is one request to pay, as far as the desk has heard of it.
type deskPayment struct {
	RequestID     string `json:"request_id"`
	Status        string `json:"status"` // the newest that counts
	Amount        string `json:"amount,omitempty"`
	Currency      string `json:"currency,omitempty"`
	TransactionID string `json:"transaction_id,omitempty"`
	ProviderRef   string `json:"provider_ref,omitempty"`
	Steps         int    `json:"steps"` // that were told
}

func paidStatus(status string) bool { return status == "authorized" || status == "completed" }

// take adds a step, and tells whether it counts: money that was taken is not untaken by what is told of another try.
func (d *deskPayment) take(e *paymentEvent) bool {
	d.Steps++
	if d.Status == "completed" || paidStatus(d.Status) && !paidStatus(e.Status) {
		return false
	}
	d.Status = e.Status
	for _, each := range []struct {
		into  *string
		value string
	}{{&d.Amount, e.Amount}, {&d.Currency, e.Currency}, {&d.TransactionID, e.TransactionID}, {&d.ProviderRef, e.ProviderRef}} {
		*each.into = cmp.Or(each.value, *each.into)
	}
	return true
}

// receivePayment makes a step a line of its conversation, or alters the line of its request.
func (s *Sandbox) receivePayment(c *conversation, id string, e *paymentEvent) {
	var line *entry
	for _, each := range c.Entries {
		if each.Payment != nil && each.Payment.RequestID == e.RequestID && e.RequestID != "" {
			line = each
		}
	}
	isNew := line == nil
	if isNew {
		line = &entry{ID: cmp.Or(id, newUUID()), Kind: entryPayment, Payment: &deskPayment{RequestID: e.RequestID}}
	}
	if line.Payment.take(e) {
		line.Text = cmp.Or(shorten(e.Summary, maxTextRunes), "Payment "+e.Status)
	}
	c.Preview = shorten(line.Text, 80)
	if isNew {
		s.addEntry(c, line)
		return
	}
	s.publishEntry(c, line)
}
