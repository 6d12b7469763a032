package httpclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// stallTime is how long a stream may stand still.
const stallTime = 20 * time.Second

// Stream is an answer whose body is read as it comes. Close it.
type Stream struct {
	Status int
	Header http.Header
	Size   int64 // of the body; -1: the peer does not say
	Body   io.ReadCloser
}

// Open makes a call like [Client.Do], but leaves the body to the caller. The context bounds the whole stream; one that
// stands still for long ends by itself.
func (c *Client) Open(ctx context.Context, call Call) (*Stream, error) {
	began := time.Now()
	defer func() { waitsOf(ctx).add(time.Since(began)) }()
	ctx, cancel := context.WithCancelCause(ctx)
	header := time.AfterFunc(stallTime, func() { cancel(errStalled) })
	resp, _, err := c.send(ctx, call)
	if !header.Stop() || err != nil {
		cancel(errStalled)
		if err == nil {
			_ = resp.Body.Close()
			err = (&callState{}).failure(ctx, c.peer, errStalled)
		}
		return nil, err
	}
	return &Stream{Status: resp.StatusCode, Header: resp.Header, Size: resp.ContentLength, Body: guardStall(resp.Body, cancel)}, nil
}

// Upload sends size bytes of body in one attempt: a stream cannot be sent twice, so trying again is the caller's, with a
// new one. The error is a [*message.Failure]; an error of body itself is passed through.
func (c *Client) Upload(ctx context.Context, call Call, body io.Reader, size int64) (*Response, error) {
	began := time.Now()
	defer func() { waitsOf(ctx).add(time.Since(began)) }()
	state := &callState{operation: call.Operation}
	source := &sourceReader{Reader: body}
	req, err := http.NewRequestWithContext(context.WithValue(ctx, callStateKey{}, state), call.Method, call.URL, source)
	if err != nil {
		return nil, c.unusable()
	}
	if size == 0 {
		req.Body = http.NoBody // else an unknown length would be assumed
	}
	req.ContentLength = size
	for name, values := range call.Header {
		req.Header[name] = values
	}
	resp, err := c.retrying.HTTPClient.Do(req)
	if err != nil {
		if broken := source.failed.Load(); broken != nil {
			return nil, *broken
		}
		return nil, state.failure(ctx, c.peer, err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxResponseBody))
	return &Response{Status: resp.StatusCode, Header: resp.Header, Body: answer, RetryAfter: retryAfter(resp)}, nil
}

// sourceReader remembers why the source failed: the transport would blame the connection. It may still be read from when
// the request is over.
type sourceReader struct {
	io.Reader
	failed atomic.Pointer[error]
}

func (s *sourceReader) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.failed.Store(&err)
	}
	return n, err
}

var errStalled = errors.New("nothing came for too long")

// stallGuard ends a download that stands still.
type stallGuard struct {
	body   io.ReadCloser
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func (g *stallGuard) Read(p []byte) (int, error) {
	n, err := g.body.Read(p)
	if n > 0 {
		g.timer.Reset(stallTime)
	}
	return n, err
}

func (g *stallGuard) Close() error {
	g.timer.Stop()
	defer g.cancel(nil)
	return g.body.Close()
}

func guardStall(body io.ReadCloser, cancel context.CancelCauseFunc) io.ReadCloser {
	return &stallGuard{body: body, cancel: cancel, timer: time.AfterFunc(stallTime, func() { cancel(errStalled) })}
}
