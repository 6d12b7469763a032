package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// updates tells the business of a choice, after those before it.
func (s *Sandbox) updates(t *thread, b *bubble, u payUpdate) error {
	sheet := b.Interactive.Payment.Sheet
	if _, held := s.struck(faultPayReorder); held {
		sheet.held = append(sheet.held, u)
		return nil
	}
	if !s.lanes.add("pay "+b.ID, func(context.Context) { s.runUpdate(t, b, sheet, u) }) {
		return busy()
	}
	sheet.waiting++
	sheet.settle()
	s.publishBubble(t, b)
	return nil
}

// runUpdate posts an update. A sheet does not go on without a good answer.
func (s *Sandbox) runUpdate(t *thread, b *bubble, sheet *paySheet, u payUpdate) {
	var answer *payAnswer
	err := sheet.ctx.Err()
	if err == nil {
		answer, err = s.postUpdate(sheet.ctx, sheet.request, b.Interactive.RequestID, u)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sheet.waiting--
	if b.Interactive.Payment.Sheet != sheet {
		return // the customer left
	}
	if err != nil {
		s.closeSheet(t, b, payFailed, "Payment Not Completed: "+err.Error())
		return
	}
	sheet.take(answer)
	sheet.settle()
	s.publishBubble(t, b)
}

func (s *Sandbox) postUpdate(ctx context.Context, p *paymentRequest, requestID string, u payUpdate) (*payAnswer, error) {
	status, raw, err := s.postCallback(ctx, p.endpoints[u.endpoint], callback(requestID, u.told))
	if err := s.answerFault(u.endpoint, status, err); err != nil {
		return nil, err
	}
	answer, err := parsePayAnswer(raw, u.endpoint)
	if err != nil {
		return nil, fmt.Errorf("the business's answer to %s is malformed: %w", u.endpoint, err)
	}
	return answer, nil
}

// answerFault says what is wrong with an answer before anybody has read it.
func (s *Sandbox) answerFault(endpoint string, status int, err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the business's answer to %s did not come within %v", endpoint, s.patience)
	case err != nil:
		return fmt.Errorf("%s gave no answer: %s", endpoint, errorText(err))
	case status != http.StatusOK:
		return fmt.Errorf("the business answered %d %s to %s", status, http.StatusText(status), endpoint)
	}
	return nil
}

// authorizePayment is the customer's double-click.
func (s *Sandbox) authorizePayment(c payCall) error {
	if err := c.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, b, sheet, err := s.atSheet(c)
	switch {
	case err != nil:
		return err
	case sheet.Busy == busyPaying:
		return conflict("the payment is being processed")
	case sheet.Card == "":
		return conflict("the business takes none of the customer's cards")
	case len(sheet.Errors) > 0:
		return conflict(sheet.Errors[0].Message)
	}
	if !s.lanes.add("pay "+b.ID, func(context.Context) { s.runAuthorization(t, b, sheet) }) {
		return busy()
	}
	sheet.travels(c)
	sheet.paying, sheet.Failure = true, ""
	sheet.settle()
	s.publishBubble(t, b)
	return nil
}

// runAuthorization posts the payment's token, and whatever a fault kept back after it.
func (s *Sandbox) runAuthorization(t *thread, b *bubble, sheet *paySheet) {
	s.mu.Lock()
	if b.Interactive.Payment.Sheet != sheet {
		s.mu.Unlock()
		return // an update ended it
	}
	requestID, held := b.Interactive.RequestID, sheet.held
	sheet.held = nil
	failure := error(nil)
	if len(sheet.Errors) > 0 { // an update that was waited for brought them
		failure = errors.New(sheet.Errors[0].Message)
	}
	body := sheet.authorization(requestID)
	s.mu.Unlock()
	if failure == nil {
		failure = s.postAuthorization(sheet, body)
	}
	for _, u := range held {
		_, _ = s.postUpdate(sheet.ctx, sheet.request, requestID, u) // too late to change anything
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sheet.paying = false
	if failure == nil {
		s.closeSheet(t, b, paySucceeded, "Done")
		return
	}
	sheet.Failure = "Payment Not Completed: " + failure.Error()
	sheet.settle()
	s.publishBubble(t, b)
}

// postAuthorization posts a token, and says why the payment was not completed.
func (s *Sandbox) postAuthorization(sheet *paySheet, body content) error {
	gateway := sheet.request.endpoints[gatewayURL]
	if _, twice := s.hit(faultPayTwice); twice { // at the same time: whoever charges must notice
		s.lanes.add("pay again "+newUUID(), func(ctx context.Context) { _, _, _ = s.postCallback(ctx, gateway, body) })
	}
	status, raw, err := s.postCallback(sheet.ctx, gateway, body)
	if err := s.answerFault(gatewayURL, status, err); err != nil {
		return err
	}
	answer, faults := examine(raw, "answer")
	said := ""
	if faults.err == nil {
		said = answer.need("status")
	}
	switch {
	case faults.err != nil:
		return fmt.Errorf("the business's answer to %s is malformed: %w", gatewayURL, faults.err)
	case said != "STATUS_SUCCESS":
		return fmt.Errorf("the business answered %s", shorten(said, 60))
	}
	return nil
}

// postCallback is the phone calling the business: plain JSON, without a token of Apple's, and not compressed.
func (s *Sandbox) postCallback(ctx context.Context, target string, body content) (status int, answer []byte, err error) {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body) // strings
	raw := bytes.TrimSpace(plain.Bytes())
	header := http.Header{"Content-Type": {"application/json"}}
	path := target
	if u, err := url.Parse(target); err == nil {
		path = u.RequestURI()
	}
	x := s.openHop(phoneToBridge, http.MethodPost, path, header)
	s.carry(x, raw, "", check{})
	status, answer, err = s.roundTrip(ctx, target, post{header: header, body: raw, timeout: s.patience})
	note := ""
	if err != nil {
		note = "no answer: " + errorText(err)
	}
	s.closeHop(x, status, string(answer), note)
	return status, answer, err
}
