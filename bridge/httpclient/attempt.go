package httpclient

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
)

// attemptTransport sees every single attempt. It has no method but RoundTrip on purpose: retryablehttp would otherwise
// close the whole pool of connections whenever one call fails.
type attemptTransport struct {
	base    *http.Transport
	peer    string
	metrics *metrics.Metrics
}

func (t *attemptTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	state := req.Context().Value(callStateKey{}).(*callState)
	var connected atomic.Bool // the transport's goroutine may still run when RoundTrip is back
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	if state.retryFor != "" {
		t.metrics.UpstreamRetries.WithLabelValues(t.peer, state.retryFor).Inc()
		state.retryFor = ""
	}
	attempt := req.WithContext(httptrace.WithClientTrace(req.Context(), trace))
	if state.sign != nil {
		attempt.Header = req.Header.Clone()
		state.sign(attempt.Header)
	}
	if err := state.prepare(req, attempt); err != nil {
		return nil, err
	}
	began := time.Now()
	resp, err := t.base.RoundTrip(attempt)
	if err == nil && resp.StatusCode == http.StatusSwitchingProtocols {
		_ = resp.Body.Close() // it is a connection now, which nobody would ever end
		resp.Body = http.NoBody
	}
	status := 0
	if resp != nil {
		status = resp.StatusCode
		state.status = status
		state.renewed = state.auth != nil && state.auth.Refused(status)
		// http.Client makes an error, with the address in it, of an answer whose Location it cannot read.
		if _, unreadable := resp.Location(); unreadable != nil {
			resp.Header.Del("Location")
		}
	}
	t.metrics.UpstreamDuration.WithLabelValues(t.peer, state.operation, metrics.StatusCode(status)).Observe(time.Since(began).Seconds())
	state.connected = err != nil && connected.Load()
	state.mayHaveArrived = state.mayHaveArrived || state.connected
	return resp, err
}

// prepare puts the credentials on an attempt, which shares nothing with the request that the next one is made from.
func (s *callState) prepare(req, attempt *http.Request) error {
	if s.auth == nil {
		return nil
	}
	address := *req.URL
	attempt.URL, attempt.Header = &address, attempt.Header.Clone()
	err := s.auth.Prepare(req.Context(), attempt, s.body)
	if err == nil {
		return nil
	}
	if req.Body != nil {
		_ = req.Body.Close() // as a RoundTripper has to
	}
	s.unprepared = message.FailureOf(err)
	return s.unprepared
}

// Waits adds up the time that one message spent waiting for peers, so that the bridge's own time can be told.
type Waits struct{ total atomic.Int64 }

type waitsKey struct{}

// WithWaits gives a context in which calls add their time to the returned Waits.
func WithWaits(ctx context.Context) (context.Context, *Waits) {
	waits := &Waits{}
	return context.WithValue(ctx, waitsKey{}, waits), waits
}

func waitsOf(ctx context.Context) *Waits {
	waits, _ := ctx.Value(waitsKey{}).(*Waits)
	return waits
}

func (w *Waits) add(d time.Duration) {
	if w != nil {
		w.total.Add(int64(d))
	}
}

// Total is the time waited so far.
func (w *Waits) Total() time.Duration { return time.Duration(w.total.Load()) }
