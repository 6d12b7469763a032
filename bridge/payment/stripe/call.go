package stripe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
)

// The operations of the metrics.
const (
	opCreate  = "payment_intent_create"
	opToken   = "payment_token"
	opMark    = "payment_intent_update"
	opConfirm = "payment_intent_confirm"
	opGet     = "payment_intent_get"
	opSearch  = "payment_intent_search"
)

// Operations are the calls to Stripe, as the metrics name them.
var Operations = []string{opCreate, opToken, opMark, opConfirm, opGet, opSearch}

// What the operations are called in words.
var operationWords = map[string]string{
	opCreate: "to make a PaymentIntent", opToken: "the Apple Pay token", opConfirm: "to confirm the PaymentIntent",
	opMark: "to note a refusal in the PaymentIntent", opGet: "to show the PaymentIntent", opSearch: "to search for PaymentIntents",
}

// APIVersion is the version of Stripe's API that this package was written for. It is sent with every call.
const APIVersion = "2025-09-30.clover"

const (
	firstWait = 100 * time.Millisecond
	lastWait  = 2 * time.Second
	maxKey    = 255 // characters of an idempotency key
)

// idempotencyKey names what must be done once. Parts that Stripe might not take as they are become a hash of them.
func idempotencyKey(prefix string, parts ...string) string {
	name := strings.Join(parts, "-")
	odd := strings.ContainsFunc(name, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '-'
	})
	if odd || len(prefix)+len(name) > maxKey {
		sum := sha256.Sum256([]byte(name))
		name = "sha256-" + hex.EncodeToString(sum[:])
	}
	return prefix + name
}

// post changes something. Without a key Stripe does it each time.
func (p *Provider) post(ctx context.Context, operation, path, key string, form url.Values, retry httpclient.Retry) (*httpclient.Response, *message.Failure) {
	header := p.header()
	header["Content-Type"] = []string{"application/x-www-form-urlencoded"}
	// In lower case, since net/http repeats a POST by itself when it sees "Idempotency-Key" and the connection breaks before an
	// answer. What is repeated is for this package to say. Names of headers have no case.
	if key != "" {
		header["idempotency-key"] = []string{key}
	}
	return p.do(ctx, httpclient.Call{
		Operation: operation, Method: http.MethodPost, URL: p.settings.base() + path, Header: header,
		Body: []byte(form.Encode()), Retry: retry,
	})
}

// postHarmless makes a call that moves no money, and makes it again while time lasts.
func (p *Provider) postHarmless(ctx context.Context, operation, path, key string, form url.Values) (*httpclient.Response, *message.Failure) {
	for wait := firstWait; ; wait *= 2 {
		resp, failure := p.post(ctx, operation, path, key, form, httpclient.RetryIdempotent)
		if failure != nil {
			return nil, harmless(failure)
		}
		// The same call is being answered elsewhere: to another replica, or to an attempt that was given up.
		if resp.Status != http.StatusConflict || wait > lastWait || !sleep(ctx, wait) {
			return resp, nil
		}
	}
}

func (p *Provider) get(ctx context.Context, operation, path string) (*httpclient.Response, *message.Failure) {
	resp, failure := p.do(ctx, httpclient.Call{
		Operation: operation, Method: http.MethodGet, URL: p.settings.base() + path, Header: p.header(), Retry: httpclient.RetryIdempotent,
	})
	return resp, harmless(failure)
}

func (p *Provider) header() http.Header {
	return http.Header{
		"Authorization":  {"Bearer " + p.settings.SecretKey},
		"Stripe-Version": {APIVersion},
		"Accept":         {"application/json"},
	}
}

func (p *Provider) do(ctx context.Context, call httpclient.Call) (*httpclient.Response, *message.Failure) {
	resp, err := p.client.Do(ctx, call)
	if err != nil {
		return nil, message.FailureOf(err)
	}
	return resp, nil
}

// harmless says of a call that moves no money that it took none, whether it arrived or not.
func harmless(failure *message.Failure) *message.Failure {
	if failure == nil || failure.Class != message.Uncertain {
		return failure
	}
	known := *failure
	known.Class = message.Transient
	return &known
}

// uncertain says of a failure that the money may have been taken.
func uncertain(failure *message.Failure) *message.Failure {
	open := *failure
	open.Class = message.Uncertain
	return &open
}

// refused is what Stripe's refusal of a call means, where the money is not concerned.
func refused(operation string, resp *httpclient.Response) *message.Failure {
	failure := &message.Failure{
		Class: message.Permanent, Status: resp.Status, RetryAfter: resp.RetryAfter,
		Reason: fmt.Sprintf("Stripe refused %s: %d", operationWords[operation], resp.Status),
	}
	if code := readFault(resp.Body).Code; refusals[code] {
		failure.Reason += " " + code
	}
	switch resp.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		failure.Class = message.Auth
	case http.StatusTooManyRequests:
		failure.Class = message.Throttled
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusFailedDependency, http.StatusTooEarly:
		failure.Class = message.Transient
	default:
		if resp.Status >= 500 {
			failure.Class = message.Transient
		}
	}
	return failure
}

// unreadable is for an answer that is not what Stripe documents.
func unreadable(operation string, resp *httpclient.Response) *message.Failure {
	return &message.Failure{
		Class: message.Transient, Status: resp.Status,
		Reason: fmt.Sprintf("Stripe was asked %s and gave an answer that cannot be read", operationWords[operation]),
	}
}

// sleep waits, unless time is up before.
func sleep(ctx context.Context, wait time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
