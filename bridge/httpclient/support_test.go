package httpclient

import (
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "32") // these tests wait, they do not compute
	goleak.VerifyTestMain(m)
}

// slack is how much later than its deadline a call may end.
const slack = 100 * time.Millisecond

// action is what a peer does with one request.
type action func(w http.ResponseWriter, r *http.Request)

func answer(status int, headers ...string) action {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "body of "+http.StatusText(status))
	}
}

// raw takes the connection out of the server's hands.
func raw(do func(conn *net.TCPConn)) action {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		do(conn.(*net.TCPConn))
	}
}

func reset(conn *net.TCPConn) { _ = conn.SetLinger(0) }

var (
	resetBeforeAnswer = raw(reset)
	closeBeforeAnswer = raw(func(*net.TCPConn) {})
	resetInTheHeader  = raw(func(conn *net.TCPConn) { _, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-"); reset(conn) })
	resetInTheBody    = raw(func(conn *net.TCPConn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe first half")
		time.Sleep(20 * time.Millisecond) // a reset overtakes what is on its way
		reset(conn)
	})
	noHTTP = raw(func(conn *net.TCPConn) { _, _ = io.WriteString(conn, "220 mail.example.com ESMTP\r\n") })
	hang   = action(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
)

// peer plays its script, one action per request; the last one for all that follow.
type peer struct {
	*httptest.Server
	mu       sync.Mutex
	script   []action
	requests []*http.Request // with their bodies read into Form["body"]
	conns    int
}

func newPeer(t testing.TB, script ...action) *peer {
	t.Helper()
	p := &peer{script: script}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(p.serve))
	p.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.conns++
		}
	}
	p.Start()
	t.Cleanup(p.Close)
	return p
}

func (p *peer) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	r.Form = map[string][]string{"body": {string(body)}}
	p.requests = append(p.requests, r)
	do := p.script[min(len(p.requests), len(p.script))-1]
	p.mu.Unlock()
	do(w, r)
}

func (p *peer) seen() (requests, conns int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.requests), p.conns
}

func (p *peer) list() []*http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// refusing gives an address on which nobody listens.
func refusing(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return "http://" + listener.Addr().String()
}

func newClient(t testing.TB) (*Client, *metrics.Metrics) {
	t.Helper()
	m := metrics.New("test", "test")
	c := New(Options{Peer: "desk", Metrics: m})
	t.Cleanup(c.Close)
	return c, m
}

func post(url string, retry Retry) Call {
	return Call{
		Operation: "webhook", Method: http.MethodPost, URL: url, Retry: retry, Body: []byte("the body"),
		Header: http.Header{"Content-Type": {"text/plain"}},
	}
}

// ended is how a call ended: "status 200", or "uncertain 0" for a failure.
func ended(resp *Response, err error) string {
	if err == nil {
		return "status " + http.StatusText(resp.Status)
	}
	failure, ok := errors.AsType[*message.Failure](err)
	if !ok {
		return "not a failure: " + err.Error()
	}
	return failure.Class.String()
}

// do makes a call with a budget and checks that it is kept.
func do(t testing.TB, c *Client, budget time.Duration, call Call) (*Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), budget)
	defer cancel()
	began := time.Now()
	resp, err := c.Do(ctx, call)
	if took := time.Since(began); took > budget+slack {
		t.Errorf("took %s of %s", took, budget)
	}
	if (resp == nil) == (err == nil) {
		t.Errorf("got %v and %v", resp, err)
	}
	return resp, err
}

// retries reads the counter by reason; it leaves out what is zero.
func retries(t testing.TB, m *metrics.Metrics) map[string]float64 {
	t.Helper()
	counts := make(map[string]float64)
	for _, reason := range metrics.RetryReasons {
		var metric dto.Metric
		if err := m.UpstreamRetries.WithLabelValues("desk", reason).Write(&metric); err != nil {
			t.Fatal(err)
		}
		if n := metric.GetCounter().GetValue(); n > 0 {
			counts[reason] = n
		}
	}
	return counts
}

// attempts reads the number of measured requests by class of answer; it leaves out what is zero.
func attempts(t testing.TB, m *metrics.Metrics) map[string]uint64 {
	t.Helper()
	counts := make(map[string]uint64)
	for _, code := range metrics.StatusCodes {
		var metric dto.Metric
		histogram := m.UpstreamDuration.WithLabelValues("desk", "webhook", code).(interface{ Write(*dto.Metric) error })
		if err := histogram.Write(&metric); err != nil {
			t.Fatal(err)
		}
		if n := metric.GetHistogram().GetSampleCount(); n > 0 {
			counts[code] = n
		}
	}
	return counts
}

func noSecretIn(t *testing.T, err error, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%q holds %q", err, secret)
		}
	}
}
