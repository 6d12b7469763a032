package payment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
)

// SessionURL is where Apple Pay gives merchant sessions; ChinaSessionURL the same for merchants in mainland China.
const (
	SessionURL      = "https://apple-pay-gateway.apple.com/paymentservices/paymentSession"
	ChinaSessionURL = "https://cn-apple-pay-gateway.apple.com/paymentservices/paymentSession"
)

// OperationSession is the call in the metrics.
const OperationSession = "payment_session"

const maxSession = 64 << 10 // bytes; Apple's have some 4 KB

type sessionRequest struct {
	MerchantIdentifier string `json:"merchantIdentifier"`
	DomainName         string `json:"domainName"`
	DisplayName        string `json:"displayName"`
	Initiative         string `json:"initiative"`
	InitiativeContext  string `json:"initiativeContext"`
}

// newSession asks Apple Pay for a session (protocol §8.3). gateway is the address of the paymentGateway callback, for which it
// is good, once, for some five minutes. A repeat only makes another session.
func (m *Merchant) newSession(ctx context.Context, gateway string) (json.RawMessage, *message.Failure) {
	identifier := m.ID
	if m.HashID {
		sum := sha256.Sum256([]byte(m.ID))
		identifier = strings.ToUpper(hex.EncodeToString(sum[:]))
	}
	body, err := json.Marshal(sessionRequest{identifier, m.Domain, m.Name, "messaging", gateway})
	if err != nil {
		panic(err) // strings only
	}
	call := httpclient.Call{
		Operation: OperationSession, Method: http.MethodPost, URL: m.SessionURL, Body: body, Retry: httpclient.RetryNever,
		Header: http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}},
	}
	response, err := m.Session.Do(ctx, call)
	if err != nil && !refusedCertificate(err) || err == nil && response.Status >= 500 {
		// The first try stood alone: repeats may end in that time is up, which would hide the cause.
		first := err
		call.Retry = httpclient.RetryIdempotent
		response, err = m.Session.Do(ctx, call)
		if first != nil && errors.Is(err, context.DeadlineExceeded) {
			err = first
		}
	}
	if err != nil {
		return nil, unreachedSession(message.FailureOf(err))
	}
	if failure := sessionFailure(response.Status); failure != nil {
		failure.RetryAfter = response.RetryAfter
		return nil, failure
	}
	var session struct {
		Context string `json:"initiativeContext"`
	}
	switch {
	case len(response.Body) > maxSession || !isObject(response.Body) || json.Unmarshal(response.Body, &session) != nil:
		return nil, message.Failuref(message.Transient, "Apple Pay answered no merchant session: is session_url right?")
	case session.Context != "" && session.Context != gateway:
		return nil, message.Failuref(message.Transient, "Apple Pay answered the merchant session of another gateway")
	}
	return response.Body, nil
}

// unreachedSession words a call that had no answer. With TLS 1.3 a refused certificate shows only when the answer is read.
func unreachedSession(failure *message.Failure) *message.Failure {
	told := *failure
	if told.Class == message.Uncertain { // there is nothing that could have happened
		told.Class = message.Transient
	}
	told.Reason = "no merchant session from Apple Pay: " + told.Reason
	if refusedCertificate(failure) {
		told.Class = message.Auth
		told.Reason = "Apple Pay does not take the merchant identity certificate: is it expired, revoked, or of another kind (payment processing)?"
	}
	return &told
}

func refusedCertificate(err error) bool {
	failure := message.FailureOf(err)
	return failure.Err != nil && strings.Contains(failure.Err.Error(), "remote error: tls:")
}

// sessionFailure translates what Apple Pay answers into its usual cause (protocol §8.3); nil for success. What only the
// operator can mend is of class Auth: an alarm, and no mistake of the sender's.
func sessionFailure(status int) *message.Failure {
	failure := &message.Failure{Class: message.Auth, Status: status}
	switch {
	case status == http.StatusOK:
		return nil
	case status == http.StatusExpectationFailed:
		failure.Reason = "Apple Pay does not know the merchant (417): the merchant identity certificate is of another merchant_id, or the merchant id is not registered"
	case status == http.StatusBadRequest:
		failure.Reason = "Apple Pay refuses to make a session (400): domain must be the registered one, without https://, and public_url reachable from outside; else try merchant_id_hashed"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		failure.Reason = "Apple Pay does not take the merchant identity certificate: is it expired or revoked, and is it the identity, not the payment processing certificate?"
	case status == http.StatusNotFound:
		failure.Reason = "there is no Apple Pay at session_url (404)"
	case status == http.StatusTooManyRequests:
		failure.Class, failure.Reason = message.Throttled, "Apple Pay asked to slow down"
	case status >= 500:
		failure.Class, failure.Reason = message.Transient, "Apple Pay cannot make a session now"
	default:
		failure.Reason = "Apple Pay refuses to make a session"
	}
	return failure
}
