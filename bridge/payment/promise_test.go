package payment_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/bridge/payment"
	"bizbridge/bridge/payment/webhook"
	"bizbridge/bridge/seal"
	"bizbridge/bridge/signature"
)

const (
	promisedBusiness = message.BusinessID("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")
	promisedCustomer = message.CustomerID("urn:mbid:AQAAYwG2ZUKZPdu//LTRt0G/RchWT+YhFnTqjOFSrO8=")
	promisedSecret   = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
)

// impatience is how long a replica waits for the shop in these tests; a late answer takes longer.
const impatience = 150 * time.Millisecond

type hurried struct{ payment.Provider }

func (h hurried) Authorize(ctx context.Context, consent payment.Authorization) (payment.Charge, error) {
	ctx, cancel := context.WithTimeout(ctx, impatience)
	defer cancel()
	return h.Provider.Authorize(ctx, consent)
}

type try struct{ request, transaction string }

// shop is a backend that keeps the contract of bridge/payment/webhook, on a bad day.
type shop struct {
	t      testing.TB
	server *httptest.Server
	signer *signature.Standard

	mu       sync.Mutex
	random   *rand.Rand
	charges  map[string][]try        // by request
	amounts  map[string]string       // by request
	ids      map[string]map[try]bool // by webhook-id
	unknown  map[try]map[string]int  // what the bridge cannot know, by kind
	declined map[try]bool            // for good
	calls    int
}

// charge takes the money, unless the request is paid already. It gives what the answer says.
func (s *shop) charge(one try, amount string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.charges[one.request]) == 0 {
		if s.declined[one] || strings.HasSuffix(one.transaction, "-poor") {
			s.declined[one] = true
			return `{"status":"declined","reason":"no money"}`
		}
		s.charges[one.request] = append(s.charges[one.request], one)
		s.amounts[one.request] = amount
	}
	return fmt.Sprintf(`{"status":"authorized","amount":%q,"currency":"USD","provider_ref":%q}`, s.amounts[one.request], one.request)
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the bridge has left
	}
	id, err := s.signer.Verify(r.Header, body, time.Now())
	var asked struct {
		Type string `json:"type"`
		Data struct {
			RequestID     string          `json:"request_id"`
			TransactionID string          `json:"transaction_id"`
			Amount        string          `json:"amount"`
			Payment       json.RawMessage `json:"payment"`
		} `json:"data"`
	}
	if err != nil || json.Unmarshal(body, &asked) != nil || asked.Type != "payment.authorize" || !bytes.Contains(asked.Data.Payment, []byte(asked.Data.TransactionID)) {
		s.t.Errorf("%v: %s", err, body)
	}
	one := try{asked.Data.RequestID, asked.Data.TransactionID}
	s.mu.Lock()
	s.calls++
	if s.ids[id] == nil {
		s.ids[id] = map[try]bool{}
	}
	s.ids[id][one] = true
	fate := s.random.IntN(20)
	s.mu.Unlock()

	charge := func() string { return s.charge(one, asked.Data.Amount) }
	switch fate {
	case 0:
		s.untold(one, "500 before")
		w.WriteHeader(500)
	case 1:
		s.untold(one, "500 after")
		charge()
		w.WriteHeader(500)
	case 2:
		s.untold(one, "reset before")
		hangUp(w)
	case 3:
		s.untold(one, "reset after")
		charge()
		hangUp(w)
	case 4:
		s.untold(one, "late, charged at once")
		answer := charge()
		time.Sleep(2 * impatience)
		_, _ = io.WriteString(w, answer)
	case 5:
		s.untold(one, "late, charged when the bridge has left")
		time.Sleep(2 * impatience)
		_, _ = io.WriteString(w, charge())
	case 6:
		s.untold(one, "malformed")
		_, _ = io.WriteString(w, charge()[1:])
	case 7:
		s.untold(one, "cut off")
		w.Header().Set("Content-Length", "4096")
		_, _ = io.WriteString(w, charge()[:12])
	case 8:
		s.untold(one, "conflict")
		w.WriteHeader(http.StatusConflict)
	case 9: // slow, but in time
		time.Sleep(impatience / 4)
		_, _ = io.WriteString(w, charge())
	default:
		_, _ = io.WriteString(w, charge())
	}
}

func (s *shop) untold(one try, kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unknown[one] == nil {
		s.unknown[one] = map[string]int{}
	}
	s.unknown[one][kind]++
}

func hangUp(w http.ResponseWriter) {
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
}

// desk is a helpdesk that keeps all it hears.
type desk struct {
	mu   sync.Mutex
	told map[try][]message.Payment
}

func (d *desk) deliver(_ context.Context, _ message.BusinessID, _ message.CustomerID, told message.Payment) *message.Failure {
	d.mu.Lock()
	defer d.mu.Unlock()
	one := try{told.RequestID, told.TransactionID}
	d.told[one] = append(d.told[one], told)
	return nil
}

// replica is one bridge over HTTP.
func replica(t testing.TB, ring *seal.Ring, provider payment.Provider, session string, sessions *httpclient.Client, hears *desk, log io.Writer) (*payment.Service, *httptest.Server) {
	t.Helper()
	service, err := payment.New(payment.Options{
		Merchants: map[string]*payment.Merchant{"shop": {
			ID: "merchant.com.example", Domain: "www.example.com", Name: "Example Store", Countries: []string{"US"}, SessionURL: session, Session: sessions, Provider: hurried{provider},
		}},
		Businesses: map[message.BusinessID]string{promisedBusiness: "shop"}, Ring: ring, PublicURL: "http://bridge.example", Memory: payment.NewMemory(),
		Deliver: hears.deliver, Logger: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /pay/{token}/{endpoint}", func(w http.ResponseWriter, r *http.Request) {
		service.ServeHTTP(w, r, r.PathValue("token"), payment.Endpoint(r.PathValue("endpoint")))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return service, server
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// A thousand consents, doubled and out of order, over two replicas that know nothing of each other, to a shop that fails in
// every way: no request is charged twice, and what the helpdesk hears is true.
func TestNoRequestIsChargedTwiceAndNobodyIsToldWhatIsNotSo(t *testing.T) {
	t.Parallel()
	const requests, posts, phones = 100, 1000, 32
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	signer, err := signature.NewStandard(promisedSecret)
	if err != nil {
		t.Fatal(err)
	}
	backend := &shop{
		t: t, signer: signer, random: rand.New(rand.NewPCG(seed, 1)), charges: map[string][]try{}, amounts: map[string]string{},
		ids: map[string]map[try]bool{}, unknown: map[try]map[string]int{}, declined: map[try]bool{},
	}
	backend.server = httptest.NewServer(backend)
	t.Cleanup(backend.server.Close)
	apple := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	t.Cleanup(apple.Close)
	measured := metrics.New("test", "test")
	client := httpclient.New(httpclient.Options{Peer: "payment", Metrics: measured})
	t.Cleanup(client.Close)
	ring, err := seal.NewRing(bytes.Repeat([]byte{7}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	hears, log := &desk{told: map[try][]message.Payment{}}, &lockedBuffer{}
	provider := &webhook.Provider{URL: backend.server.URL, HTTP: client, Signer: signer, Now: time.Now}
	service, first := replica(t, ring, provider, apple.URL, client, hears, log)
	_, second := replica(t, ring, provider, apple.URL, client, hears, log)

	// What was asked for, and the consents to it: up to three for a request, each posted some three times.
	amounts, paths, tokens := map[string]string{}, map[string]string{}, []string(nil)
	for i := range requests {
		id, amount := fmt.Sprintf("00000000-0000-4000-8000-%012d", i), fmt.Sprintf("%d.%02d", i+1, i)
		asked, failure := service.Ask(t.Context(), promisedBusiness, promisedCustomer, id, message.PaymentRequest{
			CurrencyCode: "USD", Total: &message.LineItem{Amount: amount},
		})
		if failure != nil {
			t.Fatal(failure)
		}
		amounts[id], paths[id] = amount, strings.TrimPrefix(asked.Addresses[payment.EndpointGateway], "http://bridge.example")
		tokens = append(tokens, strings.Split(paths[id], "/")[2])
	}
	plan := make([]try, posts)
	random := rand.New(rand.NewPCG(seed, 2))
	for i := range plan {
		plan[i] = try{fmt.Sprintf("00000000-0000-4000-8000-%012d", i%requests), fmt.Sprintf("%d-%d", i%requests, random.IntN(3))}
		if strings.HasSuffix(plan[i].transaction, "-2") && i%3 == 0 {
			plan[i].transaction += "-poor"
		}
	}
	random.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })

	phone := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: phones}}
	t.Cleanup(phone.CloseIdleConnections)
	succeeded := make([]bool, posts)
	work := make(chan int)
	var group sync.WaitGroup
	for range phones {
		group.Go(func() {
			for i := range work {
				base := []string{first.URL, second.URL}[i%2]
				succeeded[i] = consentTo(t, phone, base+paths[plan[i].request], plan[i], i%17 == 0)
			}
		})
	}
	for i := range plan {
		work <- i
	}
	close(work)
	group.Wait()
	first.Close() // waits for what phones have left
	second.Close()
	backend.server.Close()

	backend.mu.Lock()
	defer backend.mu.Unlock()
	hears.mu.Lock()
	defer hears.mu.Unlock()
	for request, made := range backend.charges {
		if len(made) != 1 || backend.amounts[request] != amounts[request] {
			t.Errorf("%s was charged %v, %s instead of %s", request, made, backend.amounts[request], amounts[request])
		}
	}
	for i, one := range plan {
		if succeeded[i] && len(backend.charges[one.request]) == 0 {
			t.Errorf("a sheet says that %v is paid, which is not", one)
		}
	}
	if backend.calls > posts {
		t.Errorf("%d posts became %d calls", posts, backend.calls)
	}
	names := map[try]string{}
	for id, tries := range backend.ids {
		for one := range tries {
			if len(tries) != 1 || names[one] != "" {
				t.Errorf("the webhook-id %s is of %v, and of %s", id, tries, names[one])
			}
			names[one] = id
		}
	}
	counted := map[message.PaymentStatus]int{}
	for one, told := range hears.told {
		charged := slices.Contains(backend.charges[one.request], one)
		for _, payment := range told {
			counted[payment.Status]++
			switch {
			case payment.Status == message.PaymentAuthorized && (len(backend.charges[one.request]) == 0 || payment.Amount != amounts[one.request] || payment.Currency != "USD"):
				t.Errorf("told that %v is paid, %s %s, which is not so", one, payment.Amount, payment.Currency)
			case payment.Status == message.PaymentFailed && charged:
				t.Errorf("told that %v failed, which was charged: %s", one, payment.Summary)
			}
		}
	}
	kinds := map[string]int{}
	for one, unknown := range backend.unknown {
		for kind, n := range unknown {
			kinds[kind] += n
		}
		if !slices.ContainsFunc(hears.told[one], func(told message.Payment) bool { return told.Status == message.PaymentUncertain }) {
			t.Errorf("nobody was told that %v is uncertain (%v): %+v", one, unknown, hears.told[one])
		}
	}
	if len(kinds) != 9 || counted[message.PaymentAuthorized] == 0 || counted[message.PaymentFailed] == 0 || counted[message.PaymentUncertain] == 0 {
		t.Errorf("too little happened: %v, %v", kinds, counted)
	}
	t.Logf("%d of %d requests charged; %d calls; told %v; the bridge could not know %v", len(backend.charges), requests, backend.calls, counted, kinds)
	nothingGotOut(t, log.String()+gathered(t, measured), append(tokens, "EC_v1", "Visa 1234", "1 Example Way", "+15555550100", "urn:mbid", "SECRETDATA"))
}

// consentTo posts as a phone does; one that hurries hangs up. It tells whether the sheet says Done.
func consentTo(t testing.TB, phone *http.Client, address string, one try, hurries bool) bool {
	body := fmt.Sprintf(`{"requestIdentifier":%q,"version":"1.0","payment":{"paymentToken":{"paymentData":{"version":"EC_v1","data":"SECRETDATA"},"paymentMethod":{"displayName":"Visa 1234"},"transactionIdentifier":%q},"shippingContact":{"addressLines":["1 Example Way"],"phoneNumber":"+15555550100"}}}`,
		one.request, one.transaction)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if hurries {
		time.AfterFunc(5*time.Millisecond, cancel)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return false
	}
	response, err := phone.Do(request)
	if err != nil {
		if !hurries {
			t.Error(err)
		}
		return false
	}
	defer response.Body.Close()
	heard, err := io.ReadAll(response.Body)
	if !hurries && (err != nil || response.StatusCode != http.StatusOK) {
		t.Errorf("%d %s, %v", response.StatusCode, heard, err)
	}
	return strings.Contains(string(heard), "STATUS_SUCCESS")
}

func gathered(t testing.TB, m *metrics.Metrics) string {
	families, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, family := range families {
		text.WriteString(family.String())
	}
	return text.String()
}

func nothingGotOut(t testing.TB, output string, secrets []string) {
	if output == "" {
		t.Error("there is no output to search")
	}
	found := map[string]bool{}
	for _, secret := range secrets {
		if strings.Contains(output, secret) {
			found[secret] = true
		}
	}
	if len(found) > 0 {
		t.Errorf("in the log or the metrics: %v", slices.Collect(maps.Keys(found)))
	}
}
