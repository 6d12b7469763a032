package httpclient

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/metrics"
)

// How one failed attempt ends under each policy: "again" means that a second attempt was made.
func TestARequestIsRepeatedOnlyWhereThatCannotDouble(t *testing.T) {
	const again = "status OK"
	for name, test := range map[string]struct {
		first                     action
		reason                    string // label of the retry
		unsent, idempotent, never string
	}{
		"reset before the answer":   {resetBeforeAnswer, "other", "uncertain", again, "uncertain"},
		"closed before the answer":  {closeBeforeAnswer, "other", "uncertain", again, "uncertain"},
		"reset in the header":       {resetInTheHeader, "other", "uncertain", again, "uncertain"},
		"an answer that is no HTTP": {noHTTP, "other", "uncertain", again, "uncertain"},
		"reset in the body":         {resetInTheBody, "", "status OK", "status OK", "status OK"},
		"200":                       {answer(200), "", "status OK", "status OK", "status OK"},
		"302":                       {answer(302, "Location", "/"), "", "status Found", "status Found", "status Found"},
		"400":                       {answer(400), "", "status Bad Request", "status Bad Request", "status Bad Request"},
		"401":                       {answer(401), "", "status Unauthorized", "status Unauthorized", "status Unauthorized"},
		"404":                       {answer(404), "", "status Not Found", "status Not Found", "status Not Found"},
		"408":                       {answer(408), "other", "status Request Timeout", again, "status Request Timeout"},
		"410":                       {answer(410), "", "status Gone", "status Gone", "status Gone"},
		"425":                       {answer(425), "other", "status Too Early", again, "status Too Early"},
		"429":                       {answer(429), "429", again, again, "status Too Many Requests"},
		"500":                       {answer(500), "other", "status Internal Server Error", again, "status Internal Server Error"},
		"502":                       {answer(502), "other", "status Bad Gateway", again, "status Bad Gateway"},
		"503":                       {answer(503), "503", again, again, "status Service Unavailable"},
		"504":                       {answer(504), "other", "status Gateway Timeout", again, "status Gateway Timeout"},
		"520 of a proxy":            {answer(520), "other", "status ", again, "status "},
	} {
		for policy, want := range map[Retry]string{RetryUnsent: test.unsent, RetryIdempotent: test.idempotent, RetryNever: test.never} {
			t.Run(fmt.Sprintf("%s/%d", name, policy), func(t *testing.T) {
				t.Parallel()
				p := newPeer(t, test.first, answer(200))
				c, m := newClient(t)
				resp, err := do(t, c, 3*time.Second, post(p.URL, policy))
				if got := ended(resp, err); got != want {
					t.Errorf("ended with %s (%v); want %s", got, err, want)
				}
				wantRequests, wantRetries := 1, map[string]float64{}
				if want == again && test.reason != "" {
					wantRequests, wantRetries = 2, map[string]float64{test.reason: 1}
				}
				requests, _ := p.seen()
				if requests != wantRequests {
					t.Errorf("%d requests were made, want %d", requests, wantRequests)
				}
				if diff := cmp.Diff(wantRetries, retries(t, m)); diff != "" {
					t.Error(diff)
				}
				for _, request := range p.list() {
					if request.Form.Get("body") != "the body" || request.Header.Get("Content-Type") != "text/plain" {
						t.Errorf("a repeat must say the same: %q %v", request.Form.Get("body"), request.Header)
					}
				}
			})
		}
	}
}

func TestWhatWasNeverSentIsTransientAndTriedUntilTimeIsUp(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never says a word
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	for name, test := range map[string]struct {
		url   string
		retry Retry
		tries uint64 // at least
	}{
		"refused":                               {refusing(t), RetryUnsent, 2},
		"refused, idempotent":                   {refusing(t), RetryIdempotent, 2},
		"refused, never":                        {refusing(t), RetryNever, 1},
		"no such host":                          {"http://host.invalid", RetryNever, 1},
		"a TLS handshake that does not end":     {"https://" + silent.Addr().String(), RetryUnsent, 1},
		"a certificate that nobody vouches for": {"", RetryNever, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.url == "" {
				p := httptest.NewUnstartedServer(nil)
				p.Config.ErrorLog = log.New(io.Discard, "", 0)
				p.StartTLS()
				defer p.Close()
				test.url = p.URL
			}
			c, m := newClient(t)
			resp, err := do(t, c, 400*time.Millisecond, post(test.url+"/hooks/hunter2?token=hunter2", test.retry))
			if got := ended(resp, err); got != "transient" {
				t.Fatalf("%s: %v", got, err)
			}
			noSecretIn(t, err, "hunter2")
			tries := attempts(t, m)["error"]
			if tries < test.tries || test.retry == RetryNever && tries != 1 {
				t.Errorf("%d tries", tries)
			}
			if got := retries(t, m)["connect"]; got != float64(tries-1) {
				t.Errorf("%d tries, but %v retries are counted", tries, got)
			}
		})
	}
}

func TestWhatMayHaveArrivedIsUncertain(t *testing.T) {
	for name, test := range map[string]struct {
		script []action
		retry  Retry
		want   string
	}{
		"no answer in time":                       {[]action{hang}, RetryUnsent, "uncertain"},
		"no answer in time, idempotent":           {[]action{hang}, RetryIdempotent, "uncertain"},
		"no answer in time, never":                {[]action{hang}, RetryNever, "uncertain"},
		"lost again and again":                    {[]action{resetBeforeAnswer}, RetryIdempotent, "uncertain"},
		"refused first, then lost":                {[]action{answer(503), resetBeforeAnswer}, RetryUnsent, "uncertain"},
		"lost, then never again not busy":         {[]action{resetBeforeAnswer, answer(503)}, RetryIdempotent, "uncertain"},
		"lost, then throttled":                    {[]action{resetBeforeAnswer, answer(429, "Retry-After", "60")}, RetryIdempotent, "uncertain"},
		"lost, then timed out by the peer itself": {[]action{resetBeforeAnswer, answer(408)}, RetryIdempotent, "uncertain"},
		"lost, then too early":                    {[]action{resetBeforeAnswer, answer(425)}, RetryIdempotent, "uncertain"},
		"lost, then taken":                        {[]action{resetBeforeAnswer, answer(200)}, RetryIdempotent, "status OK"},
		"lost, then refused for good":             {[]action{resetBeforeAnswer, answer(410)}, RetryIdempotent, "status Gone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, test.script...)
			c, _ := newClient(t)
			resp, err := do(t, c, 500*time.Millisecond, post(p.URL+"/?token=hunter2", test.retry))
			if got := ended(resp, err); got != test.want {
				t.Errorf("%s: %v", got, err)
			}
			if err != nil {
				noSecretIn(t, err, "hunter2", "/?")
			}
		})
	}
}

func TestAPeerThatStaysBusyIsTransientOrThrottled(t *testing.T) {
	for status, want := range map[int]string{503: "transient", 429: "throttled"} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, answer(status))
			c, m := newClient(t)
			resp, err := do(t, c, 600*time.Millisecond, post(p.URL, RetryUnsent))
			// Either the last answer, or, where time was up while waiting, a failure that says the same. On a busy machine
			// the deadline may cut an attempt itself: then nobody knows.
			if got := ended(resp, err); got != want && got != "status "+http.StatusText(status) && got != "uncertain" {
				t.Errorf("%s: %v", got, err)
			}
			requests, _ := p.seen()
			if requests < 2 {
				t.Errorf("%d requests", requests)
			}
			if got := retries(t, m)[fmt.Sprint(status)]; got != float64(requests-1) && got != float64(requests) {
				t.Errorf("%d requests, but %v retries are counted", requests, got)
			}
		})
	}
}

func TestAtMostTenAttemptsAreMade(t *testing.T) {
	if testing.Short() {
		t.Skip("takes five seconds")
	}
	t.Parallel()
	p := newPeer(t, answer(503))
	c, m := newClient(t)
	resp, err := do(t, c, 30*time.Second, post(p.URL, RetryUnsent))
	requests, _ := p.seen()
	if ended(resp, err) != "status Service Unavailable" || requests != maxAttempts || retries(t, m)["503"] != maxAttempts-1 {
		t.Errorf("%d requests, %v, %s", requests, retries(t, m), ended(resp, err))
	}
}

func TestACallThatNobodyBoundsIsNotRepeated(t *testing.T) {
	p := newPeer(t, answer(503))
	c, _ := newClient(t)
	resp, err := c.Do(context.Background(), post(p.URL, RetryIdempotent))
	if requests, _ := p.seen(); ended(resp, err) != "status Service Unavailable" || requests != 1 {
		t.Errorf("%d requests: %s", requests, ended(resp, err))
	}
}

func TestAPeerThatComesBackIsReached(t *testing.T) {
	address := strings.TrimPrefix(refusing(t), "http://")
	up := make(chan *http.Server, 1)
	timer := time.AfterFunc(200*time.Millisecond, func() {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Error(err)
			close(up)
			return
		}
		server := &http.Server{Handler: http.HandlerFunc(answer(200))}
		up <- server
		_ = server.Serve(listener)
	})
	defer timer.Stop()
	c, _ := newClient(t)
	resp, err := do(t, c, 4*time.Second, post("http://"+address, RetryUnsent))
	if got := ended(resp, err); got != "status OK" {
		t.Errorf("%s: %v", got, err)
	}
	if server := <-up; server != nil {
		server.Close()
	}
}

func TestACallerWhoGoesAwayCancels(t *testing.T) {
	for name, test := range map[string]struct {
		script []action
		after  time.Duration
		want   string
	}{
		"before anything was sent": {[]action{answer(200)}, 0, "canceled"},
		"between two attempts":     {[]action{answer(503, "Retry-After", "2")}, 150 * time.Millisecond, "canceled"},
		"during an attempt":        {[]action{hang}, 100 * time.Millisecond, "uncertain"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, test.script...)
			c, _ := newClient(t)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if test.after == 0 {
				cancel()
			} else {
				time.AfterFunc(test.after, cancel)
			}
			began := time.Now()
			resp, err := c.Do(ctx, post(p.URL, RetryUnsent))
			if got := ended(resp, err); got != test.want {
				t.Errorf("%s: %v", got, err)
			}
			if took := time.Since(began); took > test.after+slack {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestAnAddressThatIsNoneIsPermanentAndNotShown(t *testing.T) {
	c, _ := newClient(t)
	_, err := do(t, c, time.Second, post("http://exa mple.com/?token=hunter2", RetryUnsent))
	if ended(nil, err) != "permanent" {
		t.Error(err)
	}
	noSecretIn(t, err, "hunter2", "exa mple")
}

// A peer that switched protocols and kept the connection open once held a call past its deadline.
func TestSwitchingProtocolsIsNoAnswer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var held []net.Conn
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			held = append(held, conn)
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
				continue
			}
			_, _ = conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"))
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-accepting
		for _, conn := range held {
			conn.Close()
		}
	})
	client := New(Options{Peer: "desk", Metrics: metrics.New("test", "")})
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	resp, err := client.Do(ctx, Call{Operation: "webhook", Method: http.MethodPost, URL: "http://" + listener.Addr().String()})
	if err != nil || resp.Status != http.StatusSwitchingProtocols || len(resp.Body) != 0 {
		t.Errorf("%+v, %v", resp, err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v", took)
	}
}
