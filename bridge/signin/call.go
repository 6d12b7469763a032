package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"
)

// The operations of the metrics.
const (
	opDiscovery = "discovery"
	opKeys      = "jwks"
	opToken     = "token"
	opUserinfo  = "userinfo"
)

// What the operations are called in words.
var operationWords = map[string]string{
	opDiscovery: "discovery document", opKeys: "key set", opToken: "token endpoint", opUserinfo: "userinfo endpoint",
}

const (
	maxAnswer        = 1_000_000 // bytes; less than what x/oauth2 reads, so that it is here that too much is noticed
	maxAnswerHeader  = 64 << 10
	connsPerProvider = 32
)

// callTime bounds one call to a provider. A variable for tests only.
var callTime = 10 * time.Second

// caller makes the calls to providers: one client for each operation.
type caller struct {
	clients map[string]*http.Client
	close   func()
}

func newCaller(transport http.RoundTripper, observe func(string, int, time.Duration)) *caller {
	c := &caller{clients: make(map[string]*http.Client, len(Operations)), close: func() {}}
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.MaxResponseHeaderBytes = maxAnswerHeader
		own.MaxConnsPerHost = connsPerProvider
		own.MaxIdleConnsPerHost = connsPerProvider
		transport, c.close = own, own.CloseIdleConnections
	}
	if observe == nil {
		observe = func(string, int, time.Duration) {}
	}
	for _, operation := range Operations {
		c.clients[operation] = &http.Client{Transport: &guard{transport, operation, callTime, observe}}
	}
	return c
}

// guard measures a call and bounds its time and its answer. The libraries above it put what was answered into their errors, and lose the
// rest: what the errors of this package are made of is noted here.
type guard struct {
	base      http.RoundTripper
	operation string
	time      time.Duration
	observe   func(operation string, status int, took time.Duration)
}

func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), g.time) // the client's own would sometimes be taken for the caller's leaving
	req = req.Clone(ctx)
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "application/json") // some token endpoints answer a form otherwise
	}
	note := noteOf(req.Context())
	began := time.Now()
	resp, err := g.base.RoundTrip(req)
	if err != nil {
		cancel()
		g.observe(g.operation, 0, time.Since(began))
		note.err = err
		return nil, err
	}
	g.observe(g.operation, resp.StatusCode, time.Since(began))
	if resp.StatusCode == http.StatusSwitchingProtocols {
		_ = resp.Body.Close() // it is a connection now, which nobody would ever end
		resp.Body = http.NoBody
	}
	note.status = resp.StatusCode
	note.mediaType, _, _ = mime.ParseMediaType(resp.Header.Get("Content-Type"))
	resp.Header.Del("Location") // a redirect is never followed: code and secret are for the address in the settings
	resp.Body = &boundedBody{resp.Body, maxAnswer, note, cancel}
	return resp, nil
}

// note is what is known of a call that did not work out.
type note struct {
	operation string
	status    int
	mediaType string
	err       error // of the connection, or of reading the answer
}

type noteKey struct{}

func withNote(ctx context.Context, operation string) (context.Context, *note) {
	n := &note{operation: operation}
	return context.WithValue(ctx, noteKey{}, n), n
}

func noteOf(ctx context.Context) *note {
	if n, ok := ctx.Value(noteKey{}).(*note); ok {
		return n
	}
	return &note{}
}

var errTooLarge = errors.New("the answer is larger than 1 MB")

// boundedBody ends an answer that is too large with an error.
type boundedBody struct {
	io.ReadCloser
	left   int
	note   *note
	cancel context.CancelFunc
}

func (b *boundedBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if n > b.left {
		n, err = b.left, errTooLarge
	}
	b.left -= n
	if err != nil && err != io.EOF {
		b.note.err = err
	}
	return n, err
}

// fault says in words why a call did not give what it should. unusable completes "it answered …" for an answer that came.
func (n *note) fault(ctx context.Context, unusable string) *fault {
	what := "its " + operationWords[n.operation] + " "
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return endLeft.because("")
	case errors.Is(n.err, errTooLarge):
		return endUnverified.because(what + "answered more than 1 MB")
	case ctx.Err() != nil, errors.Is(n.err, context.DeadlineExceeded):
		return endUnavailable.because(what + "did not answer in time")
	case n.status == 0:
		return endUnavailable.because(what + "cannot be reached")
	case n.err != nil:
		return endUnavailable.because(what + "broke off its answer")
	case n.status >= 500 || n.status == http.StatusTooManyRequests:
		return endUnavailable.because(fmt.Sprintf("%sanswered %d", what, n.status))
	case n.status >= 300 && n.status < 400:
		return endMisconfigured.because(fmt.Sprintf("%sanswered %d, and redirects are not followed; correct its address", what, n.status))
	case n.mediaType == "text/html" || n.mediaType == "application/xhtml+xml":
		return endMisconfigured.because(fmt.Sprintf("%sanswered %d with a web page instead of JSON; correct its address", what, n.status))
	case n.status >= 400:
		return endRefused.because(fmt.Sprintf("%sanswered %d", what, n.status))
	}
	return endUnverified.because(what + "answered " + unusable)
}

// get reads a JSON object. bearer is the token to show, or "".
func (c *caller) get(ctx context.Context, operation, address, bearer string) ([]byte, *fault) {
	ctx, n := withNote(ctx, operation)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, endMisconfigured.because("the address of its " + operationWords[operation] + " is not usable")
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := c.clients[operation].Do(req)
	if err != nil {
		return nil, n.fault(ctx, "")
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	var object map[string]json.RawMessage
	switch {
	case err != nil || resp.StatusCode != http.StatusOK:
		return nil, n.fault(ctx, "not 200 OK")
	case n.mediaType == "application/jwt":
		return nil, endMisconfigured.because("its " + operationWords[operation] + " answers signed (JWT); have it answer JSON, or take the identity from the ID token")
	case json.Unmarshal(body, &object) != nil || object == nil:
		return nil, n.fault(ctx, "something else than a JSON object")
	}
	return body, nil
}
