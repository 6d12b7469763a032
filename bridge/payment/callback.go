package payment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

const (
	maxCallback    = 64 << 10 // bytes; an Apple Pay token has some 4 KB
	maxTransaction = 256      // bytes of a transactionIdentifier, which is 64 digits
)

// callback is what a device posts (protocol §8.5).
type callback struct {
	requestID string
	payment   json.RawMessage // an object, as it came
	items     json.RawMessage // summaryItems of orderTracking, an array, as it came
}

// decodeCallback reads a body. Its errors say which member is wrong and quote nothing: there is payment data in it.
func decodeCallback(body []byte) (callback, error) {
	var wire struct {
		RequestIdentifier json.RawMessage `json:"requestIdentifier"`
		Payment           json.RawMessage `json:"payment"`
		SummaryItems      json.RawMessage `json:"summaryItems"`
	}
	if !isObject(bytes.TrimLeft(body, " \t\r\n")) || json.Unmarshal(body, &wire) != nil {
		return callback{}, errors.New("the body is no JSON object")
	}
	var id string
	if json.Unmarshal(wire.RequestIdentifier, &id) != nil || id == "" {
		return callback{}, errors.New("requestIdentifier is missing, or no string")
	}
	if wire.Payment != nil && string(wire.Payment) != "null" && !isObject(wire.Payment) {
		return callback{}, errors.New("payment is no object")
	}
	found := callback{requestID: strings.ToLower(id), payment: wire.Payment, items: wire.SummaryItems}
	if found.items == nil && isObject(found.payment) { // one source has them inside, as everything else
		var inside struct {
			SummaryItems json.RawMessage `json:"summaryItems"`
		}
		_ = json.Unmarshal(found.payment, &inside) // it is an object
		found.items = inside.SummaryItems
	}
	return found, nil
}

// consent reads what the gateway is posted.
func (c callback) consent() (transactionID string, token Token, err error) {
	var wire struct {
		Token struct {
			Data          json.RawMessage `json:"paymentData"`
			TransactionID json.RawMessage `json:"transactionIdentifier"`
			Method        json.RawMessage `json:"paymentMethod"`
		} `json:"paymentToken"`
	}
	if !isObject(c.payment) || json.Unmarshal(c.payment, &wire) != nil {
		return "", Token{}, errors.New("payment.paymentToken is missing, or no object")
	}
	if !isObject(wire.Token.Data) {
		return "", Token{}, errors.New("payment.paymentToken.paymentData is missing, or no object")
	}
	if json.Unmarshal(wire.Token.TransactionID, &transactionID) != nil || transactionID == "" {
		return "", Token{}, errors.New("payment.paymentToken.transactionIdentifier is missing, or no string")
	}
	if len(transactionID) > maxTransaction || strings.ContainsFunc(transactionID, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", Token{}, fmt.Errorf("payment.paymentToken.transactionIdentifier must be at most %d printable characters", maxTransaction)
	}
	var method struct {
		DisplayName json.RawMessage `json:"displayName"`
		Network     json.RawMessage `json:"network"`
	}
	_ = json.Unmarshal(wire.Token.Method, &method) // only for people: without it they read less
	return transactionID, Token{Data: wire.Token.Data, DisplayName: text(method.DisplayName), Network: text(method.Network)}, nil
}

func isObject(raw []byte) bool { return len(raw) > 0 && raw[0] == '{' }

// text gives a JSON string, and "" for everything else.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}
