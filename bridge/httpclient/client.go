// Package httpclient is the one place that makes outbound HTTP clients. It decides what is tried again and when, keeps
// every call inside its deadline, and measures. Connectors and the Apple client say what to call; what an answer means
// is theirs.
package httpclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
)

const (
	maxAttempts     = 10
	firstWait       = 100 * time.Millisecond
	maxWait         = time.Second
	minAttemptTime  = 50 * time.Millisecond // less than this before the deadline, no attempt is begun
	maxResponseBody = 1 << 20
	maxRetryAfter   = 24 * time.Hour // what is longer is a mistake, and would overflow
)

// Options describes one peer.
type Options struct {
	Peer     string // the peer's name in the metrics: "apple", or the connector's
	MaxConns int    // connections to one host; 0: 64
	Metrics  *metrics.Metrics
	// TLS, when not nil, has the certificates by which the peer knows us, or by which we know it.
	TLS *tls.Config
	// Auth, when not nil, gives the credentials of a call that brings none of its own; nil for an address that must not
	// get any.
	Auth func(address *url.URL) Credentials
}

// Client calls one peer. It is safe for concurrent use and keeps connections alive.
type Client struct {
	peer      string
	metrics   *metrics.Metrics
	auth      func(*url.URL) Credentials
	retrying  *retryablehttp.Client
	transport *http.Transport
}

// Call is one request. Its body can be sent again: it is held in memory, or opened anew for each attempt.
type Call struct {
	Operation string // name of the call in the metrics, lower snake case, from a closed set
	Method    string
	URL       string
	Header    http.Header
	Body      []byte
	// OpenBody, when not nil, gives the Size bytes of a body that is too large for Body. It is called once more than there
	// are attempts, and must not read.
	OpenBody func() (io.Reader, error)
	Size     int64
	Retry    Retry
	// Silence is how long the peer may give nothing of a stream; 0: as long as is usual where somebody waits for it.
	Silence time.Duration
	// Sign, when not nil, sets what must be new on every attempt, such as a signature with its time.
	Sign func(http.Header)
	// Auth, when not nil, proves on every attempt who calls; nil: what [Options] say does.
	Auth Credentials
}

// Credentials prove to a peer who calls. One value serves one call.
type Credentials interface {
	// Prepare puts them on an attempt: header and URL are the attempt's own. The body is nil where it is a stream. An
	// error is a [*message.Failure]; the attempt is not made then, and no other.
	Prepare(ctx context.Context, attempt *http.Request, body []byte) error
	// Refused hears the status of every answer. It tells whether another attempt would have new credentials, at most
	// once in a call.
	Refused(status int) bool
	// ReadsBody tells whether Prepare needs the body, which cannot be a stream then.
	ReadsBody() bool
}

// Retry says when a call may be made again.
type Retry int

const (
	// RetryUnsent repeats what has certainly not been taken: no connection, 429 or 503.
	RetryUnsent Retry = iota
	// RetryIdempotent also repeats what may have been taken: the peer recognises a repeat.
	RetryIdempotent
	// RetryNever is for what is worth nothing later, such as typing.
	RetryNever
)

// Response is what the peer answered, whatever the status.
type Response struct {
	Status     int
	Header     http.Header
	Body       []byte        // at most 1 MB of it
	RetryAfter time.Duration // from the header; 0: none
}

// New makes the client of one peer.
func New(options Options) *Client {
	conns := options.MaxConns
	if conns <= 0 {
		conns = 64
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxConnsPerHost = conns
	transport.MaxIdleConnsPerHost = conns
	transport.MaxIdleConns = 0
	transport.MaxResponseHeaderBytes = 64 << 10
	if options.TLS != nil {
		transport.TLSClientConfig = options.TLS.Clone()
	}
	c := &Client{peer: options.Peer, metrics: options.Metrics, auth: options.Auth, transport: transport}
	c.retrying = &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport:     &attemptTransport{base: transport, peer: options.Peer, metrics: options.Metrics},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		RetryMax:     maxAttempts - 1,
		CheckRetry:   c.checkRetry,
		Backoff:      backoff,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	return c
}

// Close closes idle connections; calls under way go on.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Do makes the call and, where that cannot double anything, makes it again until the context's deadline. The error is
// always a [*message.Failure]: Transient when the peer certainly has not got the message, Uncertain when it may have,
// Canceled when the caller gave up.
func (c *Client) Do(ctx context.Context, call Call) (*Response, error) {
	began := time.Now()
	defer func() { waitsOf(ctx).add(time.Since(began)) }()
	resp, state, err := c.send(ctx, call)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	// The status is the answer. A body that breaks off is kept as far as it came: who needs it will see that it is not whole.
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxResponseBody))
	answer := &Response{Status: resp.StatusCode, Header: resp.Header, Body: body, RetryAfter: retryAfter(resp)}
	if state.mayHaveArrived && notNow(answer.Status) {
		return nil, &message.Failure{
			Class: message.Uncertain, Status: answer.Status, RetryAfter: answer.RetryAfter,
			Reason: c.peer + " did not answer one attempt and refused the next",
		}
	}
	return answer, nil
}

// send makes the call until there is an answer or no time.
func (c *Client) send(ctx context.Context, call Call) (*http.Response, *callState, error) {
	call.Auth = c.credentials(call)
	state := &callState{operation: call.Operation, retry: call.Retry, sign: call.Sign, auth: call.Auth, body: call.Body}
	if call.OpenBody != nil && call.Auth != nil && call.Auth.ReadsBody() {
		return nil, nil, c.unsignable()
	}
	var body any = call.Body
	if call.OpenBody != nil {
		body = retryablehttp.ReaderFunc(call.OpenBody)
	}
	req, err := retryablehttp.NewRequestWithContext(context.WithValue(ctx, callStateKey{}, state), call.Method, call.URL, body)
	if err != nil {
		return nil, nil, c.unusable()
	}
	if call.OpenBody != nil {
		req.ContentLength = call.Size // else it would be sent in chunks
	}
	for name, values := range call.Header {
		req.Header[name] = values
	}
	resp, err := c.retrying.Do(req)
	if err != nil {
		return nil, nil, state.failure(ctx, c.peer, err)
	}
	return resp, state, nil
}

// credentials are the call's own, or those of all calls to its address.
func (c *Client) credentials(call Call) Credentials {
	if call.Auth != nil || c.auth == nil {
		return call.Auth
	}
	address, err := url.Parse(call.URL)
	if err != nil {
		return nil // no request can be made of it either
	}
	return c.auth(address)
}

func (c *Client) unusable() *message.Failure {
	return message.Failuref(message.Permanent, "the address of %s is not usable", c.peer)
}

func (c *Client) unsignable() *message.Failure {
	return message.Failuref(message.Permanent, "a call to %s cannot be signed, for its body is a stream", c.peer)
}

type callStateKey struct{}

// callState follows one call through its attempts.
type callState struct {
	operation      string
	retry          Retry
	sign           func(http.Header)
	auth           Credentials
	body           []byte           // for auth
	unprepared     *message.Failure // why auth could not prepare the last attempt
	renewed        bool             // the last attempt was refused, and the next would have new credentials
	retryFor       string           // why the next attempt is made
	status         int              // of the last attempt that was answered; 0: none was
	connected      bool             // the last attempt had a connection but no answer: the peer may have read the request
	mayHaveArrived bool             // so for any attempt that got no answer
}

func (s *callState) failure(ctx context.Context, peer string, err error) *message.Failure {
	failure := &message.Failure{Class: message.Transient, Status: s.status, Err: plain(err)}
	switch {
	case s.mayHaveArrived:
		failure.Class, failure.Reason = message.Uncertain, peer+" did not answer"
	case s.unprepared != nil:
		return s.unprepared
	case errors.Is(ctx.Err(), context.Canceled):
		failure.Class, failure.Reason = message.Canceled, "stopped before "+peer+" was reached"
	case s.status == http.StatusTooManyRequests:
		failure.Class, failure.Reason = message.Throttled, peer+" asked to slow down until time was up"
	case s.status != 0:
		failure.Reason = fmt.Sprintf("%s answered %d until time was up", peer, s.status)
	default:
		failure.Reason = peer + " cannot be reached"
	}
	return failure
}

// plain takes the URL out of an error: it may hold a token, and the peer's name says enough.
func plain(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// checkRetry is called after each attempt. It never returns an error of its own: that would hide the attempt's.
func (c *Client) checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	state := ctx.Value(callStateKey{}).(*callState)
	if ctx.Err() != nil {
		return false, err
	}
	reason := state.retryReason(resp, err)
	if reason == "" || !timeFor(ctx, resp) {
		return false, err
	}
	state.retryFor = reason
	return true, nil
}

// retryReason gives the label of the retry that is due, or "" where a repeat could double or would not help.
func (s *callState) retryReason(resp *http.Response, err error) string {
	idempotent := s.retry == RetryIdempotent
	switch {
	case s.retry == RetryNever || s.unprepared != nil:
		return ""
	case err == nil && s.renewed:
		return "refused"
	case err != nil && !s.connected:
		return "connect"
	case err != nil && idempotent:
		return "other"
	case err != nil:
		return ""
	case resp.StatusCode == http.StatusTooManyRequests:
		return "429"
	case resp.StatusCode == http.StatusServiceUnavailable:
		return "503"
	case idempotent && notNow(resp.StatusCode):
		return "other"
	}
	return ""
}

// notNow tells whether the peer refused this attempt, but not the message for good.
func notNow(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

// timeFor tells whether another attempt could still be made before the deadline. Without a deadline there is none: a
// call that nobody bounds is not repeated.
func timeFor(ctx context.Context, resp *http.Response) bool {
	deadline, ok := ctx.Deadline()
	if !ok {
		return false
	}
	wait := retryAfter(resp)
	if wait == 0 {
		wait = firstWait
	}
	return time.Until(deadline) > wait+minAttemptTime
}

// backoff waits as long as the peer asks (timeFor has seen that it fits), else exponentially; half of it is jitter.
func backoff(_, _ time.Duration, attempt int, resp *http.Response) time.Duration {
	if resp != nil && resp.StatusCode == http.StatusUnauthorized {
		return 0 // it is made again with new credentials, and need not wait
	}
	if wait := retryAfter(resp); wait > 0 {
		return wait
	}
	wait := min(firstWait<<attempt, maxWait)
	return wait/2 + rand.N(wait/2)
}

// retryAfter reads the header in both of its forms (RFC 9110, 10.2.3); 0 for none.
func retryAfter(resp *http.Response) time.Duration {
	if resp == nil {
		return 0
	}
	text := resp.Header.Get("Retry-After")
	seconds, err := strconv.ParseUint(text, 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(time.Until(at), 0), maxRetryAfter)
	}
	return 0
}
