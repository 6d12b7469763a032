package bridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	customers           = 200
	messagesPerCustomer = 20
	failureRate         = 0.10
)

// ledger is a receiver that fails at random, recognises repeats by id, and writes down what it durably has. It judges
// in the end, not the bridge.
type ledger struct {
	server  *httptest.Server
	mu      sync.Mutex
	seen    map[string]bool
	log     map[string][]string // customer → texts in the order of acceptance
	repeats int
	random  *rand.Rand
	failed  int
}

// newLedger reads a request with parse, which gives id, customer and text; an empty text is not written down.
func newLedger(t *testing.T, seed uint64, parse func(http.Header, []byte) (id, customer, text string)) *ledger {
	l := &ledger{seen: make(map[string]bool), log: make(map[string][]string), random: rand.New(rand.NewPCG(seed, seed))}
	l.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		id, customer, text := parse(r.Header, body)
		switch l.take(id, customer, text) {
		case refuse:
			w.WriteHeader(http.StatusServiceUnavailable)
		case fail:
			w.WriteHeader(http.StatusInternalServerError)
		case takeAndDrop:
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(l.server.Close)
	return l
}

type fate int

const (
	accept fate = iota
	refuse
	fail
	takeAndDrop // taken, but the answer is lost
)

var failures = []fate{refuse, fail, takeAndDrop}

func (l *ledger) take(id, customer, text string) fate {
	l.mu.Lock()
	defer l.mu.Unlock()
	end := accept
	if l.random.Float64() < failureRate {
		l.failed++
		end = failures[l.random.IntN(3)]
	}
	if end == refuse || end == fail {
		return end
	}
	if l.seen[id] {
		l.repeats++
		return end
	}
	l.seen[id] = true
	l.log[customer] = append(l.log[customer], text)
	return end
}

// judge compares the log with what was acknowledged: everything there, once, in order.
func (l *ledger) judge(t *testing.T, direction string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	lost, doubled, reordered := 0, 0, 0
	for c := range customers {
		counts := make(map[string]int)
		last := -1
		for _, text := range l.log[customerName(c)] {
			counts[text]++
			var n int
			if _, err := fmt.Sscanf(text, "message %d", &n); err != nil {
				t.Fatalf("%s: an unknown text %q", direction, text)
			}
			if n < last {
				reordered++
			}
			last = n
		}
		for n := range messagesPerCustomer {
			switch counts[fmt.Sprintf("message %d", n)] {
			case 0:
				lost++
			case 1:
			default:
				doubled++
			}
		}
	}
	t.Logf("%s: %d acknowledged, %d lost, %d doubled, %d out of order; the receiver failed %d times and recognised %d repeats",
		direction, customers*messagesPerCustomer, lost, doubled, reordered, l.failed, l.repeats)
	if lost+doubled+reordered > 0 {
		t.Errorf("%s: lost %d, doubled %d, out of order %d", direction, lost, doubled, reordered)
	}
}

func customerName(c int) string { return fmt.Sprintf("urn:mbid:customer%04d", c) }

func parseDeskEvent(header http.Header, body []byte) (id, customer, text string) {
	var e struct {
		Data struct {
			CustomerID string `json:"customer_id"`
			Text       string `json:"text"`
		} `json:"data"`
	}
	_ = json.Unmarshal(body, &e)
	return header.Get("webhook-id"), e.Data.CustomerID, e.Data.Text
}

func parseAppleMessage(header http.Header, body []byte) (id, customer, text string) {
	var m struct{ DestinationID, Body string }
	_ = json.Unmarshal(body, &m)
	return header.Get("Id"), m.DestinationID, m.Body
}

// driver sends each customer's messages one after the other, and the same one again until it is acknowledged.
type driver struct {
	t        *testing.T
	client   *http.Client
	progress atomic.Int64
	resent   atomic.Int64
}

const maxTries = 2000 // of one message: far more than any outage of the test lasts

func (d *driver) run(request func(customer, n, try int) *http.Request) {
	var wait sync.WaitGroup
	for c := range customers {
		wait.Go(func() {
			for n := range messagesPerCustomer {
				if !d.untilAcknowledged(c, n, request) {
					d.t.Errorf("customer %d message %d was never acknowledged", c, n)
					return
				}
				d.progress.Add(1)
			}
		})
	}
	wait.Wait()
}

func (d *driver) untilAcknowledged(c, n int, request func(customer, n, try int) *http.Request) bool {
	for try := range maxTries {
		resp, err := d.client.Do(request(c, n, try))
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return true
			}
		}
		d.resent.Add(1)
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

func post(url string, header map[string]string, body []byte) *http.Request {
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	return req
}

// accounting drives both directions at once against bridges that are killed in the middle, and lets the receivers judge.
func accounting(t *testing.T, replicas int) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	desk, apple := newLedger(t, 1, parseDeskEvent), newLedger(t, 2, parseAppleMessage)
	bridges := make([]*process, replicas)
	for i := range bridges {
		bridges[i] = newProcess(t, apple.server.URL, desk.server.URL, "delivery: {timeout: 2s}\nlimits: {inbound_concurrency: 1000}\nlog: {level: error}")
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 2 * customers}
	defer transport.CloseIdleConnections()
	inbound := &driver{t: t, client: &http.Client{Transport: transport, Timeout: 10 * time.Second}}
	outbound := &driver{t: t, client: inbound.client}
	anyBridge := func(c, n, try int) string { return "http://" + bridges[(c+n+try)%replicas].listen }

	var drivers sync.WaitGroup
	drivers.Go(func() {
		inbound.run(func(c, n, try int) *http.Request {
			body := strings.ReplaceAll(phoneText(fmt.Sprintf("00000000-0000-4000-8000-%06d%06d", c, n), fmt.Sprintf("message %d", n)), customerID, customerName(c))
			return post(anyBridge(c, n, try)+"/message", appleHeader(map[string]string{"source-id": customerName(c)}), []byte(body))
		})
	})
	drivers.Go(func() {
		outbound.run(func(c, n, try int) *http.Request {
			body := []byte(sendBody(map[string]any{
				"id": fmt.Sprintf("%d-%d", c, n), "customer_id": customerName(c),
				"content": map[string]any{"kind": "text", "text": fmt.Sprintf("message %d", n)},
			}))
			return post(anyBridge(c, n, try)+"/webhooks/desk", deskHeader(fmt.Sprintf("%d-%d-%d", c, n, try), body), body)
		})
	})
	kills := killInTheMiddle(t, bridges, inbound, outbound)
	drivers.Wait()
	t.Logf("%d bridges, killed %d times; the drivers sent %d + %d messages again", replicas, kills(), inbound.resent.Load(), outbound.resent.Load())
	desk.judge(t, "inbound")
	apple.judge(t, "outbound")
}

// killInTheMiddle kills each bridge without warning when a third, and again when half, of the messages are through, and
// starts it again.
func killInTheMiddle(t *testing.T, bridges []*process, drivers ...*driver) (count func() int) {
	total := int64(len(drivers) * customers * messagesPerCustomer)
	done := make(chan int, 1)
	go func() {
		kills := 0
		defer func() { done <- kills }()
		deadline := time.Now().Add(2 * time.Minute)
		for _, share := range []int64{3, 2} {
			for i, bridge := range bridges {
				due := total/share + int64(i)*total/20
				for progress(drivers) < due {
					if time.Now().After(deadline) {
						t.Error("no progress")
						return
					}
					time.Sleep(time.Millisecond)
				}
				bridge.kill()
				kills++
				bridge.start()
			}
		}
	}()
	return func() int { return <-done }
}

func progress(drivers []*driver) (sum int64) {
	for _, d := range drivers {
		sum += d.progress.Load()
	}
	return sum
}

// A bridge that is killed at any moment loses nothing that it has acknowledged.
func TestNothingAcknowledgedIsLostWhenTheBridgeIsKilled(t *testing.T) { accounting(t, 1) }

// The same with two replicas behind a load balancer that spreads requests without looking at them.
func TestNothingAcknowledgedIsLostWithTwoReplicasAndNoHashing(t *testing.T) { accounting(t, 2) }
