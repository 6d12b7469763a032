package httpclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"bizbridge/bridge/message"
)

// stallTime is how long a peer may give nothing of a stream that somebody waits for. A variable for tests only.
var stallTime = 20 * time.Second

// Stream is an answer whose body is read as it comes. Close it.
type Stream struct {
	Status int
	Header http.Header
	Size   int64 // of the body; -1: the peer does not say
	Body   io.ReadCloser
}

// Open makes a call like [Client.Do], but leaves the body to the caller. The context bounds the whole stream; one that
// gives nothing for long ends by itself. What was answered is not asked for again.
func (c *Client) Open(ctx context.Context, call Call) (*Stream, error) {
	began := time.Now()
	defer func() { waitsOf(ctx).add(time.Since(began)) }()
	ctx, cancel := context.WithCancelCause(ctx)
	header := time.AfterFunc(stallTime, func() { cancel(errStalled) })
	resp, _, err := c.send(ctx, call)
	stalled := !header.Stop()
	if err == nil && !stalled {
		return &Stream{Status: resp.StatusCode, Header: resp.Header, Size: resp.ContentLength, Body: guardStall(ctx, resp.Body, cancel, call.Silence)}, nil
	}
	if err == nil {
		_ = resp.Body.Close()
		err = &message.Failure{Class: message.Uncertain, Reason: c.peer + " did not answer", Err: errStalled}
	}
	// It was not the caller who stopped.
	if failure := message.FailureOf(err); stalled && failure.Class == message.Canceled {
		err = &message.Failure{Class: message.Transient, Reason: c.peer + " cannot be reached", Err: errStalled}
	}
	cancel(nil)
	return nil, err
}

// Upload sends size bytes of body in one attempt: a stream cannot be sent twice, so trying again is the caller's, with a
// new one. The error is a [*message.Failure]; an error of body itself is passed through, and so is that it holds fewer
// or more bytes than size. A negative size is one that is not known.
func (c *Client) Upload(ctx context.Context, call Call, body io.Reader, size int64) (*Response, error) {
	began := time.Now()
	defer func() { waitsOf(ctx).add(time.Since(began)) }()
	call.Auth = c.credentials(call)
	if call.Auth != nil && call.Auth.ReadsBody() {
		return nil, c.unsignable()
	}
	state := &callState{operation: call.Operation, auth: call.Auth}
	if size >= 0 {
		body = Exactly(body, size)
	}
	source := &sourceReader{Reader: body}
	req, err := http.NewRequestWithContext(context.WithValue(ctx, callStateKey{}, state), call.Method, call.URL, source)
	if err != nil {
		return nil, c.unusable()
	}
	if size == 0 {
		req.Body = http.NoBody // else an unknown length would be assumed
		if _, err := source.Read(nil); !errors.Is(err, io.EOF) {
			return nil, err
		}
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
	// A peer that is content with half of a body has not got what the caller wanted to send.
	if broken := source.failed.Load(); broken != nil && resp.StatusCode < http.StatusMultipleChoices {
		return nil, *broken
	}
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
		broken := err // not err itself, which would cost memory with every Read
		s.failed.Store(&broken)
	}
	return n, err
}

// What a stream of a promised size can have wrong.
var (
	errShort  = fmt.Errorf("fewer bytes came than were promised: %w", io.ErrUnexpectedEOF)
	errLonger = errors.New("more bytes came than were promised")
)

// Exactly passes size bytes on and fails for more and for fewer. It holds the last of them back until it has seen that
// none follow: a stream that is too short or too long never looks whole to who counts its bytes.
func Exactly(r io.Reader, size int64) io.Reader { return &exactReader{reader: r, left: size} }

type exactReader struct {
	reader io.Reader
	left   int64
	ended  error // what every later Read gives
}

func (e *exactReader) Read(p []byte) (int, error) {
	if e.ended != nil {
		return 0, e.ended
	}
	if int64(len(p)) > e.left {
		p = p[:e.left]
	}
	n, err := 0, error(nil)
	if e.left > 0 {
		n, err = e.reader.Read(p)
		e.left -= int64(n)
	}
	whole := e.left == 0
	if whole && err == nil {
		err = e.end()
	}
	if err == io.EOF && !whole {
		err = errShort
	}
	e.ended = err
	if whole && err != io.EOF {
		n = 0
	}
	return n, err
}

// maxEmptyReads is how often a reader may give nothing and no error, as in package bufio.
const maxEmptyReads = 100

// end finds io.EOF where nothing follows.
func (e *exactReader) end() error {
	var next [1]byte
	for range maxEmptyReads {
		switch n, err := e.reader.Read(next[:]); {
		case n > 0:
			return errLonger
		case err != nil:
			return err
		}
	}
	return io.ErrNoProgress
}

var errStalled = errors.New("nothing came for too long")

// stallGuard ends a stream whose peer stands still. The time that its reader takes between two reads does not count: it
// may be sending to somebody slow.
type stallGuard struct {
	ctx    context.Context // of the request
	body   io.ReadCloser
	cancel context.CancelCauseFunc
	timer  *time.Timer // runs while a Read waits
	most   time.Duration
}

// guardStall lets a peer give nothing for so long at most; 0: stallTime.
func guardStall(ctx context.Context, body io.ReadCloser, cancel context.CancelCauseFunc, most time.Duration) io.ReadCloser {
	if most == 0 {
		most = stallTime
	}
	guard := &stallGuard{ctx: ctx, body: body, cancel: cancel, most: most, timer: time.AfterFunc(most, func() { cancel(errStalled) })}
	guard.timer.Stop()
	return guard
}

func (g *stallGuard) Read(p []byte) (int, error) {
	g.timer.Reset(g.most)
	n, err := g.body.Read(p)
	g.timer.Stop()
	if err != nil && !errors.Is(err, io.EOF) && errors.Is(context.Cause(g.ctx), errStalled) {
		err = errStalled // that the read was cancelled only followed from it
	}
	return n, err
}

func (g *stallGuard) Close() error {
	defer g.cancel(nil)
	return g.body.Close()
}
