package httpclient

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"bizbridge/bridge/signature"
)

func TestRetryAfterIsReadInBothFormsAndBounded(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "1": time.Second, "120": 2 * time.Minute, "-1": 0, "1.5": 0, "soon": 0, "0x10": 0,
		"86401": maxRetryAfter, "9223372036": maxRetryAfter, "99999999999999999999999": maxRetryAfter,
		"Fri, 31 Dec 1999 23:59:59 GMT":                                  0,
		"Fri, 31 Dec 9999 23:59:59 GMT":                                  maxRetryAfter,
		time.Now().Add(time.Minute).UTC().Format(http.TimeFormat):        time.Minute,
		time.Now().Add(time.Minute).UTC().Format(time.RFC850):            time.Minute,
		time.Now().Add(time.Minute).UTC().Format("2006-01-02T15:04:05Z"): 0,
	} {
		got := retryAfter(&http.Response{Header: http.Header{"Retry-After": {text}}})
		if got < want-2*time.Second || got > want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestRetryAfterIsWaitedForOrTheAnswerIsGivenAtOnce(t *testing.T) {
	for name, test := range map[string]struct {
		header   string
		budget   time.Duration
		requests int
		min, max time.Duration
	}{
		"fits":                  {"1", 3 * time.Second, 2, time.Second, 1500 * time.Millisecond},
		"beyond the deadline":   {"1", 900 * time.Millisecond, 1, 0, slack},
		"a day":                 {"86400", 900 * time.Millisecond, 1, 0, slack},
		"absurd":                {"99999999999999999999", 900 * time.Millisecond, 1, 0, slack},
		"the end of the world":  {"Fri, 31 Dec 9999 23:59:59 GMT", 900 * time.Millisecond, 1, 0, slack},
		"in the past":           {"Fri, 31 Dec 1999 23:59:59 GMT", 2 * time.Second, 2, 0, time.Second},
		"not readable: as none": {"soon", 2 * time.Second, 2, 0, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, answer(503, "Retry-After", test.header), answer(200))
			c, _ := newClient(t)
			began := time.Now()
			resp, err := do(t, c, test.budget, post(p.URL, RetryUnsent))
			took := time.Since(began)
			if err != nil {
				t.Fatal(err)
			}
			if requests, _ := p.seen(); requests != test.requests || took < test.min || took > test.max {
				t.Errorf("%d requests in %s", requests, took)
			}
			if test.requests == 1 && (resp.Status != 503 || resp.RetryAfter < time.Second-time.Millisecond) {
				t.Errorf("the caller must hear how long to wait: %d %s", resp.Status, resp.RetryAfter)
			}
		})
	}
}

func TestTheDeadlineIsKeptWhateverThePeerDoes(t *testing.T) {
	drip := action(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, "x")
			w.(http.Flusher).Flush()
			time.Sleep(10 * time.Millisecond)
		}
	})
	for name, do1 := range map[string]action{
		"hangs": hang, "drips": drip, "is busy": answer(503), "resets": resetBeforeAnswer, "fails": answer(500),
		"is busy and drips": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503); drip(w, r) },
	} {
		for _, budget := range []time.Duration{time.Millisecond, 60 * time.Millisecond, 300 * time.Millisecond} {
			t.Run(name+"/"+budget.String(), func(t *testing.T) {
				t.Parallel()
				p := newPeer(t, do1)
				c, _ := newClient(t)
				_, _ = do(t, c, budget, post(p.URL, RetryIdempotent)) // do itself looks at the time
			})
		}
	}
}

func TestOneFailedCallDoesNotCloseThePool(t *testing.T) {
	const width = 4
	together := func(do action) action { // lets nobody go before all have come, so that each has a connection of its own
		var barrier sync.WaitGroup
		barrier.Add(width)
		return func(w http.ResponseWriter, r *http.Request) { barrier.Done(); barrier.Wait(); do(w, r) }
	}
	var script []action
	for range 2 {
		wave := together(answer(200))
		for range width {
			script = append(script, wave)
		}
		script = append(script, answer(503), answer(410), answer(200))
	}
	p := newPeer(t, script...)
	c, _ := newClient(t)
	wave := func() {
		var group sync.WaitGroup
		for range width {
			group.Go(func() { _, _ = do(t, c, 2*time.Second, post(p.URL, RetryNever)) })
		}
		group.Wait()
	}
	wave()
	_, before := p.seen()
	_, _ = do(t, c, 2*time.Second, post(p.URL, RetryNever)) // 503
	_, _ = do(t, c, 2*time.Second, post(p.URL, RetryNever)) // 410
	_, _ = do(t, c, 2*time.Second, post(p.URL, RetryNever))
	_, _ = do(t, c, 200*time.Millisecond, post(refusing(t), RetryUnsent)) // another host fails
	wave()
	if _, after := p.seen(); before != width || after != width {
		t.Errorf("%d connections, then %d; want %d all the time", before, after, width)
	}
}

func TestALostConnectionCostsOnlyItself(t *testing.T) {
	p := newPeer(t, answer(200), answer(200), resetBeforeAnswer, answer(200))
	c, _ := newClient(t)
	for range 6 {
		_, _ = do(t, c, time.Second, post(p.URL, RetryNever))
	}
	if requests, conns := p.seen(); requests != 6 || conns != 2 {
		t.Errorf("%d requests over %d connections, want 6 over 2", requests, conns)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := newPeer(t, answer(200))
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, location := range map[string]string{
			"other host": elsewhere.URL + "/?token=hunter2", "same host": "/elsewhere", "not readable": "http://[::1%zz/?token=hunter2", "none": "",
		} {
			p := newPeer(t, answer(status, "Location", location), answer(200))
			c, m := newClient(t)
			resp, err := do(t, c, time.Second, post(p.URL, RetryIdempotent))
			if err != nil || resp.Status != status {
				t.Errorf("%d to %s: %s %v", status, name, ended(resp, err), err)
			}
			if requests, _ := p.seen(); requests != 1 || attempts(t, m)["3xx"] != 1 {
				t.Errorf("%d to %s: %d requests, %v", status, name, requests, attempts(t, m))
			}
		}
	}
	if requests, _ := elsewhere.seen(); requests != 0 {
		t.Errorf("%d requests went to the other host", requests)
	}
}

func TestAnAnswerIsReadUpToItsLimitAndKeptWhereItBreaksOff(t *testing.T) {
	huge := action(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 3<<20)) })
	p := newPeer(t, huge, resetInTheBody, answer(204), answer(200, "X-Desk", "7"))
	c, _ := newClient(t)
	for _, want := range []int{maxResponseBody, len("the first half"), 0, len("body of OK")} {
		resp, err := do(t, c, 2*time.Second, post(p.URL, RetryNever))
		if err != nil || len(resp.Body) != want {
			t.Errorf("%v, %v; want %d bytes", resp, err, want)
		}
	}
}

func TestEveryAttemptIsSignedAnew(t *testing.T) {
	p := newPeer(t, answer(503), answer(429), answer(200))
	c, _ := newClient(t)
	call, n := post(p.URL, RetryUnsent), 0
	call.Sign = func(header http.Header) {
		n++
		header.Set("Webhook-Signature", strconv.Itoa(n))
	}
	if _, err := do(t, c, 4*time.Second, call); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, request := range p.list() {
		got = append(got, request.Header.Get("Webhook-Signature"))
	}
	if diff := cmp.Diff([]string{"1", "2", "3"}, got); diff != "" {
		t.Error(diff)
	}
	if len(call.Header) != 1 {
		t.Errorf("the caller's header was written to: %v", call.Header)
	}
}

func TestEveryAttemptIsMeasured(t *testing.T) {
	t.Parallel()
	p := newPeer(t, answer(503), resetBeforeAnswer, answer(429), answer(302), answer(404))
	c, m := newClient(t)
	for range 2 {
		_, _ = do(t, c, 4*time.Second, post(p.URL, RetryIdempotent))
	}
	if diff := cmp.Diff(map[string]uint64{"5xx": 1, "error": 1, "429": 1, "3xx": 1, "4xx": 1}, attempts(t, m)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]float64{"503": 1, "other": 1, "429": 1}, retries(t, m)); diff != "" {
		t.Error(diff)
	}
}

func TestWaitsAddUpOverCallsAndAttempts(t *testing.T) {
	t.Parallel()
	slow := action(func(w http.ResponseWriter, _ *http.Request) { time.Sleep(60 * time.Millisecond); w.WriteHeader(200) })
	p := newPeer(t, slow, answer(503, "Retry-After", "1"), slow)
	c, _ := newClient(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	ctx, waits := WithWaits(ctx)
	for range 2 {
		if _, err := c.Do(ctx, post(p.URL, RetryUnsent)); err != nil {
			t.Fatal(err)
		}
	}
	if total := waits.Total(); total < 1120*time.Millisecond || total > 1400*time.Millisecond {
		t.Errorf("%s of 1.12 s", total)
	}
}

// The same over a network that is ill rather than a peer that is.
func TestToxicNetworks(t *testing.T) {
	for name, test := range map[string]struct {
		toxic     string
		retry     Retry
		want      string
		delivered bool
	}{
		"slow":                   {`{"type":"latency","attributes":{"latency":50}}`, RetryUnsent, "status OK", true},
		"too slow":               {`{"type":"latency","attributes":{"latency":600}}`, RetryIdempotent, "uncertain", true},
		"reset on the way there": {`{"type":"reset_peer","stream":"upstream","attributes":{"timeout":0}}`, RetryUnsent, "uncertain", false},
		"reset on the way back":  {`{"type":"reset_peer","stream":"downstream","attributes":{"timeout":50}}`, RetryUnsent, "uncertain", true},
		"silence":                {`{"type":"timeout","attributes":{"timeout":0}}`, RetryIdempotent, "uncertain", true},
		"answer cut":             {`{"type":"limit_data","attributes":{"bytes":10}}`, RetryUnsent, "uncertain", true},
		"in slices":              {`{"type":"slicer","attributes":{"average_size":3,"delay":100}}`, RetryUnsent, "status OK", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, answer(200))
			server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
			proxy := toxiproxy.NewProxy(server, "desk", "127.0.0.1:0", p.Listener.Addr().String())
			if err := proxy.Start(); err != nil {
				t.Fatal(err)
			}
			defer proxy.Stop()
			if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(test.toxic)); err != nil {
				t.Fatal(err)
			}
			c, _ := newClient(t)
			resp, err := do(t, c, 400*time.Millisecond, post("http://"+proxy.Listen, test.retry))
			if got := ended(resp, err); got != test.want {
				t.Errorf("%s: %v", got, err)
			}
			if requests, _ := p.seen(); (requests > 0) != test.delivered {
				t.Errorf("%d requests arrived", requests)
			}
		})
	}
}

func BenchmarkSignPost(b *testing.B) {
	p := newPeer(b, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	c, _ := newClient(b)
	signer, err := signature.NewStandard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		b.Fatal(err)
	}
	call := post(p.URL, RetryIdempotent)
	call.Body = []byte(strings.Repeat("x", 700))
	call.Sign = func(header http.Header) { signer.Sign(header, "id", time.Now(), call.Body) }
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Do(ctx, call); err != nil {
			b.Fatal(err)
		}
	}
}
