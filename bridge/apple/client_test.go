package apple

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
)

// gateway stands for Apple's: it answers with its script, one status per request; the last one for all that follow.
type gateway struct {
	*httptest.Server
	mu       sync.Mutex
	script   []reply
	requests []*http.Request
	bodies   []string
}

type reply struct {
	status     int // 0: the connection is reset
	body       string
	retryAfter string
}

func newGateway(t testing.TB, script ...reply) *gateway {
	t.Helper()
	g := &gateway{script: script}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	g.mu.Lock()
	g.requests, g.bodies = append(g.requests, r), append(g.bodies, string(body))
	answer := reply{status: 200}
	if len(g.script) > 0 {
		answer = g.script[min(len(g.requests), len(g.script))-1]
	}
	g.mu.Unlock()
	if answer.status == 0 {
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_ = conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}
		return
	}
	if answer.retryAfter != "" {
		w.Header().Set("Retry-After", answer.retryAfter)
	}
	w.WriteHeader(answer.status)
	_, _ = io.WriteString(w, answer.body)
}

// seen lists what came so far.
func (g *gateway) seen() ([]*http.Request, []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.requests), slices.Clone(g.bodies)
}

func newTestClient(t testing.TB, gatewayURL string) (*Client, *metrics.Metrics) {
	t.Helper()
	m := metrics.New("test", "test")
	h := httpclient.New(httpclient.Options{Peer: Peer, Metrics: m})
	t.Cleanup(h.Close)
	return NewClient(ClientOptions{
		GatewayURL: gatewayURL, Version: "1.2.3", Directory: testDirectory(), HTTP: h, Files: h, Metrics: m, Now: func() time.Time { return clock },
	}), m
}

func outgoing(content message.Content) Outgoing {
	return Outgoing{
		ID: "00000000-0000-4000-8000-000000000100", Business: businessA, Customer: customer,
		Sender: message.Sender{Kind: message.SenderAgent, Name: "Ada"}, Content: content,
	}
}

// send gives the failure, or nil.
func send(t testing.TB, c *Client, budget time.Duration, out Outgoing) *message.Failure {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), budget)
	defer cancel()
	_, err := c.Send(ctx, out)
	failure, ok := errors.AsType[*message.Failure](err)
	if (err != nil) != ok {
		t.Fatalf("%v is no failure", err)
	}
	return failure
}

func TestWhatIsSentMeansWhatAppleDocuments(t *testing.T) {
	for name, test := range map[string]struct {
		id      message.ID
		content message.Content
	}{
		"out-text.json":         {"00000000-0000-4000-8000-000000000100", message.Text{Text: "Your order is ready."}},
		"out-typing-start.json": {"00000000-0000-4000-8000-000000000101", message.Typing{State: message.TypingOn}},
		"out-typing-end.json":   {"00000000-0000-4000-8000-000000000102", message.Typing{State: message.TypingOff}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t)
			c, _ := newTestClient(t, g.URL+"/v1/") // the slash at the end does no harm
			out := outgoing(test.content)
			out.ID, out.Sender = test.id, message.Sender{Kind: message.SenderBot, Name: "bridge/1.0"}
			if failure := send(t, c, time.Second, out); failure != nil {
				t.Fatal(failure)
			}
			requests, bodies := g.seen()
			want, got := unmarshal[map[string]any](t, fixture(t, name)), unmarshal[map[string]any](t, []byte(bodies[0]))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("body: %s", diff)
			}
			captured := unmarshal[struct {
				URL     string
				Headers map[string]string
			}](t, fixture(t, "out-headers.json"))
			headers := make(map[string]string)
			for name, value := range captured.Headers {
				headers[http.CanonicalHeaderKey(name)] = value
			}
			headers["Id"] = string(test.id)
			headers["Authorization"] = "Bearer " + unmarshal[vectors](t, fixture(t, "vector-jwt.json")).OutboundWithTyp.Token
			maps.Copy(headers, map[string]string{ // what HTTP adds
				"User-Agent": "bizbridge/1.2.3", "Accept-Encoding": "gzip", "Content-Length": fmt.Sprint(len(bodies[0])),
			})
			sentHeaders := make(map[string]string)
			for name, values := range requests[0].Header {
				sentHeaders[name] = strings.Join(values, " | ")
			}
			if diff := cmp.Diff(headers, sentHeaders); diff != "" {
				t.Errorf("headers: %s", diff)
			}
			if r := requests[0]; r.Method != "POST" || !strings.HasSuffix(captured.URL, r.URL.Path) || r.URL.RawQuery != "" {
				t.Errorf("%s %s", r.Method, r.URL)
			}
		})
	}
}

func TestOnlyBotsAreMarkedAsAutomatic(t *testing.T) {
	g := newGateway(t)
	c, _ := newTestClient(t, g.URL)
	for i, kind := range []message.SenderKind{message.SenderAgent, message.SenderBot, ""} {
		out := outgoing(message.Text{Text: "Hi"})
		out.Sender.Kind = kind
		if failure := send(t, c, time.Second, out); failure != nil {
			t.Fatal(failure)
		}
		requests, _ := g.seen()
		values, want := requests[i].Header["Auto-Reply"], []string(nil)
		if kind == message.SenderBot {
			want = []string{"true"}
		}
		if !slices.Equal(values, want) {
			t.Errorf("%q: %q", kind, values)
		}
	}
}

func TestTheAgentsNameIsMadeFitForAHeader(t *testing.T) {
	g := newGateway(t)
	c, _ := newTestClient(t, g.URL)
	for name, want := range map[string]string{
		"Ada": "Ada", "": "bizbridge/1.2.3", "  ": "bizbridge/1.2.3", "Zoë": "Zo", "Юлия": "bizbridge/1.2.3",
		"Ada\r\nAuto-Reply: true": "AdaAuto-Reply: true", "A\x00\td\x7fa": "Ada", " Ada Lovelace ": "Ada Lovelace",
		strings.Repeat("a", 65): strings.Repeat("a", 64), strings.Repeat("é", 100) + "b": "b",
	} {
		out := outgoing(message.Text{Text: "Hi"})
		out.Sender.Name = name
		if failure := send(t, c, time.Second, out); failure != nil {
			t.Fatal(failure)
		}
		requests, _ := g.seen()
		last := requests[len(requests)-1]
		if got := last.Header.Get("Msp-Agent"); got != want || last.Header.Get("Auto-Reply") != "" {
			t.Errorf("%q: %q", name, got)
		}
	}
}

func TestABusinessIsSentForUnderItsRegisteredIdWithItsOwnAccount(t *testing.T) {
	g := newGateway(t)
	c, _ := newTestClient(t, g.URL)
	out := outgoing(message.Text{Text: "Hi"})
	out.Business = message.BusinessID(strings.ToLower(businessB))
	if failure := send(t, c, time.Second, out); failure != nil {
		t.Fatal(failure)
	}
	requests, bodies := g.seen()
	wire := unmarshal[map[string]any](t, []byte(bodies[0]))
	if requests[0].Header.Get("Source-Id") != businessB || wire["sourceId"] != businessB {
		t.Errorf("%v %v", requests[0].Header, wire)
	}
	token := strings.TrimPrefix(requests[0].Header.Get("Authorization"), "Bearer ")
	claims := unmarshal[map[string]any](t, claimsOf(t, token))
	if claims["iss"] != mspB || claims["iat"] != float64(clock.Unix()) || len(claims) != 2 {
		t.Errorf("%v", claims)
	}
	out.Business = stranger
	if failure := send(t, c, time.Second, out); failure == nil || failure.Class != message.Permanent {
		t.Errorf("%v", failure)
	}
	if requests, _ = g.seen(); len(requests) != 1 {
		t.Error("something was sent for a business that nobody configured")
	}
}

func TestEveryStatusOfAppleHasItsClass(t *testing.T) {
	special := map[int]message.Class{
		400: message.Invalid, 401: message.Auth, 403: message.Auth, 404: message.Unreachable, 408: message.Transient,
		410: message.Closed, 413: message.Permanent, 425: message.Transient, 429: message.Throttled,
	}
	for status := 101; status < 600; status++ {
		failure := statusFailure(status)
		want, ok := special[status]
		switch {
		case status >= 200 && status < 300:
			if failure != nil {
				t.Errorf("%d: %v", status, failure)
			}
			continue
		case ok:
		case status >= 500:
			want = message.Transient
		default:
			want = message.Permanent
		}
		if failure == nil || failure.Class != want || failure.Status != status || failure.Reason == "" {
			t.Errorf("%d: %+v, want %s", status, failure, want)
		}
	}
}

// The same over a socket, with all that is tried again until the answer stands.
func TestWhatAppleAnswersDecidesHowASendEnds(t *testing.T) {
	for name, test := range map[string]struct {
		script   []reply
		class    message.Class
		ok       bool
		requests int // 0: two or more
		retries  map[string]float64
	}{
		"200":                      {[]reply{{status: 200}}, 0, true, 1, nil},
		"202":                      {[]reply{{status: 202}}, 0, true, 1, nil},
		"400":                      {[]reply{{status: 400}}, message.Invalid, false, 1, nil},
		"404":                      {[]reply{{status: 404}}, message.Unreachable, false, 1, nil},
		"410":                      {[]reply{{status: 410}}, message.Closed, false, 1, nil},
		"413":                      {[]reply{{status: 413}}, message.Permanent, false, 1, nil},
		"302":                      {[]reply{{status: 302}}, message.Permanent, false, 1, nil},
		"401, then fine":           {[]reply{{status: 401}, {status: 200}}, 0, true, 2, map[string]float64{"refused": 1}},
		"403, then fine":           {[]reply{{status: 403}, {status: 200}}, 0, true, 2, map[string]float64{"refused": 1}},
		"401 always":               {[]reply{{status: 401}}, message.Auth, false, 2, map[string]float64{"refused": 1}},
		"401, then closed":         {[]reply{{status: 401}, {status: 410}}, message.Closed, false, 2, map[string]float64{"refused": 1}},
		"500, then fine":           {[]reply{{status: 500}, {status: 200}}, 0, true, 2, map[string]float64{"other": 1}},
		"503, then fine":           {[]reply{{status: 503}, {status: 200}}, 0, true, 2, map[string]float64{"503": 1}},
		"429, then fine":           {[]reply{{status: 429}, {status: 200}}, 0, true, 2, map[string]float64{"429": 1}},
		"408, then fine":           {[]reply{{status: 408}, {status: 200}}, 0, true, 2, map[string]float64{"other": 1}},
		"503, 401, then fine":      {[]reply{{status: 503}, {status: 401}, {status: 200}}, 0, true, 3, map[string]float64{"503": 1, "refused": 1}},
		"reset, then fine":         {[]reply{{}, {status: 200}}, 0, true, 2, map[string]float64{"other": 1}},
		"reset, then closed":       {[]reply{{}, {status: 410}}, message.Closed, false, 2, map[string]float64{"other": 1}},
		"reset always":             {[]reply{{}}, message.Uncertain, false, 0, nil},
		"reset, then busy":         {[]reply{{}, {status: 503, retryAfter: "60"}}, message.Uncertain, false, 2, map[string]float64{"other": 1}},
		"busy longer than we have": {[]reply{{status: 503, retryAfter: "60"}}, message.Transient, false, 1, nil},
		"slow down, longer":        {[]reply{{status: 429, retryAfter: "60"}}, message.Throttled, false, 1, nil},
		"busy for ever":            {[]reply{{status: 503, retryAfter: "99999999999999999999"}}, message.Transient, false, 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, test.script...)
			c, m := newTestClient(t, g.URL)
			failure := send(t, c, 700*time.Millisecond, outgoing(message.Text{Text: "Hi"}))
			if (failure == nil) != test.ok || failure != nil && failure.Class != test.class {
				t.Errorf("ended with %v", failure)
			}
			requests, bodies := g.seen()
			if n := len(requests); n != test.requests && (test.requests > 0 || n < 2) {
				t.Errorf("%d requests", n)
			}
			for i, request := range requests { // the same id and body on every try
				if request.Header.Get("Id") != "00000000-0000-4000-8000-000000000100" || bodies[i] != bodies[0] {
					t.Errorf("try %d: %v %s", i, request.Header, bodies[i])
				}
			}
			if test.requests == 0 {
				return
			}
			for _, reason := range metrics.RetryReasons {
				var metric dto.Metric
				if err := m.UpstreamRetries.WithLabelValues(Peer, reason).Write(&metric); err != nil {
					t.Fatal(err)
				}
				if got := metric.GetCounter().GetValue(); got != test.retries[reason] {
					t.Errorf("%v retries for %s", got, reason)
				}
			}
		})
	}
}

func TestARetryAfterReachesTheCaller(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"60": time.Minute, time.Now().Add(time.Minute).UTC().Format(http.TimeFormat): time.Minute, "99999999999999999999": 24 * time.Hour,
	} {
		g := newGateway(t, reply{status: 429, retryAfter: header})
		c, _ := newTestClient(t, g.URL)
		failure := send(t, c, time.Second, outgoing(message.Text{Text: "Hi"}))
		if failure == nil || failure.RetryAfter > want || failure.RetryAfter < want-2*time.Second {
			t.Errorf("%s: %+v", header, failure)
		}
	}
}

func TestTypingIsTriedOnceOnly(t *testing.T) {
	for _, answer := range []reply{{status: 503}, {status: 429}, {status: 401}, {status: 500}, {}} {
		g := newGateway(t, answer)
		c, _ := newTestClient(t, g.URL)
		failure := send(t, c, time.Second, outgoing(message.Typing{State: message.TypingOn}))
		if requests, _ := g.seen(); failure == nil || len(requests) != 1 {
			t.Errorf("%d: %d requests, %v", answer.status, len(requests), failure)
		}
	}
}

func TestWhatAppleSaysAboutARefusalIsCutToALine(t *testing.T) {
	for body, want := range map[string]string{
		"":     "Apple refused the message as malformed",
		" \n ": "Apple refused the message as malformed",
		"Third party interactive data\n disallows use of 'data'": "Apple refused the message as malformed: Third party interactive data disallows use of 'data'",
		"a\xffb":                    "Apple refused the message as malformed: ab",
		strings.Repeat("é", 10_000): "Apple refused the message as malformed: " + strings.Repeat("é", 200) + "…",
	} {
		g := newGateway(t, reply{status: 400, body: body})
		c, _ := newTestClient(t, g.URL)
		if failure := send(t, c, time.Second, outgoing(message.Text{Text: "Hi"})); failure == nil || failure.Error() != want {
			t.Errorf("%q: %v", body, failure)
		}
	}
}

func TestNoFailureShowsATokenOrAnAddress(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	bearer := tokenPart(t)
	for name, url := range map[string]string{
		"refused": "http://" + listener.Addr().String() + "/v1?token=hunter2", "no address": "http://exa mple/?token=hunter2",
		"reset": newGateway(t, reply{}).URL + "/v1?token=hunter2", "401": newGateway(t, reply{status: 401}).URL + "/v1?token=hunter2",
		"503": newGateway(t, reply{status: 503, retryAfter: "9"}).URL + "/v1?token=hunter2",
		"500": newGateway(t, reply{status: 500, body: "hunter2"}).URL + "/v1?token=hunter2",
		"302": newGateway(t, reply{status: 302}).URL + "/v1?token=hunter2",
	} {
		c, _ := newTestClient(t, url)
		failure := send(t, c, 300*time.Millisecond, outgoing(message.Text{Text: "a secret told to a friend"}))
		if failure == nil {
			t.Errorf("%s: no failure", name)
			continue
		}
		for _, secret := range []string{"hunter2", bearer, "a secret told", customer, secretText} {
			if strings.Contains(failure.Error(), secret) {
				t.Errorf("%s: %q shows %q", name, failure, secret)
			}
		}
	}
}
