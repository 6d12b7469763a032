package payment

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"bizbridge/bridge/message"
	"bizbridge/bridge/money"
	"bizbridge/bridge/seal"
	"bizbridge/bridge/signature"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files")

const (
	business  = message.BusinessID("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")
	customer  = message.CustomerID("urn:mbid:AQAAYwG2ZUKZPdu//LTRt0G/RchWT+YhFnTqjOFSrO8=")
	requestID = "00000000-0000-4000-8000-000000000900" // of the fixtures
	publicURL = "https://bridge.example.com/base"
)

var start = time.Unix(1_700_000_000, 0)

func testRing(t testing.TB, keys ...byte) *seal.Ring {
	t.Helper()
	masters := make([][]byte, len(keys))
	for i, key := range keys {
		masters[i] = bytes.Repeat([]byte{key}, seal.KeySize)
	}
	ring, err := seal.NewRing(masters...)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// The providers: each can only what its methods say.
type charger func(context.Context, Authorization) (Charge, error)

func (c charger) Authorize(ctx context.Context, consent Authorization) (Charge, error) {
	return c(ctx, consent)
}

type finding struct {
	charger
	find func(context.Context, Request) (*Charge, error)
}

func (f finding) Find(ctx context.Context, request Request) (*Charge, error) {
	return f.find(ctx, request)
}

type pricing struct {
	charger
	update func(context.Context, Update) (Cart, error)
}

func (p pricing) Update(ctx context.Context, update Update) (Cart, error) {
	return p.update(ctx, update)
}

type tracking struct {
	charger
	track func(context.Context, Request, json.RawMessage) error
}

func (p tracking) TrackOrder(ctx context.Context, request Request, items json.RawMessage) error {
	return p.track(ctx, request, items)
}

// charges everything that is asked for.
var charges charger = func(_ context.Context, consent Authorization) (Charge, error) {
	return Charge{Status: Authorized, Amount: consent.Total, Currency: consent.Currency, Ref: "ch_1"}, nil
}

func answers(charge Charge, err error) charger {
	return func(context.Context, Authorization) (Charge, error) { return charge, err }
}

func failing(class message.Class, reason string) charger {
	return answers(Charge{}, message.Failuref(class, "%s", reason))
}

// rig is one replica with one merchant and a helpdesk. When a test ends, all that was logged is searched for what must not
// be there.
type rig struct {
	t testing.TB
	*Service
	merchant *Merchant

	mu       sync.Mutex
	at       time.Time
	told     []message.Payment
	counted  map[message.PaymentStatus]int
	refused  []signature.Reason
	log      bytes.Buffer
	secrets  []string
	helpdesk func() *message.Failure
}

func newRig(t testing.TB, provider Provider) *rig {
	t.Helper()
	r := &rig{t: t, at: start, counted: map[message.PaymentStatus]int{}}
	r.merchant = &Merchant{
		ID: "merchant.com.example", Domain: "www.example.com", Name: "Example Store", Countries: []string{"US"}, Networks: []string{"visa"}, Provider: provider,
	}
	service, err := New(Options{
		Merchants: map[string]*Merchant{"shop": r.merchant}, Businesses: map[message.BusinessID]string{business: "shop"},
		Ring: testRing(t, 1), PublicURL: publicURL + "/", Memory: NewMemory(), Deliver: r.deliver,
		Logger: slog.New(slog.NewJSONHandler(r, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true})), Now: r.now,
		Count:   func(status message.PaymentStatus) { r.mu.Lock(); r.counted[status]++; r.mu.Unlock() },
		Refused: func(reason signature.Reason) { r.mu.Lock(); r.refused = append(r.refused, reason); r.mu.Unlock() },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Service = service
	t.Cleanup(r.searchSecrets)
	return r
}

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = r.at.Add(d)
}

// Write takes the log.
func (r *rig) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

func (r *rig) logged() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

func (r *rig) deliver(ctx context.Context, b message.BusinessID, c message.CustomerID, payment message.Payment) *message.Failure {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b != business || !strings.HasPrefix(string(c), "urn:mbid:") || ctx.Err() != nil {
		r.t.Errorf("told to %s, %s, %v", b, c, ctx.Err())
	}
	r.told = append(r.told, payment)
	if r.helpdesk != nil {
		return r.helpdesk()
	}
	return nil
}

// payments is what the helpdesk was told so far.
func (r *rig) payments() []message.Payment {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.told)
}

func (r *rig) counts() map[message.PaymentStatus]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counted
}

// private is what the fixtures hold of payment data and of people, and what tests put beside it.
var private = []string{
	"EC_v1", "ephemeralPublicKey", "base64", "Visa 1234", "Ann", "1 Example Way", "Sampletown", "00000\"", "ann@example.com", "+15555550100",
	"4242424242424242", "urn:mbid", "AQAAYwG2",
}

func (r *rig) searchSecrets() {
	output := r.logged()
	for _, secret := range append(slices.Clone(private), r.secrets...) {
		if strings.Contains(output, secret) {
			r.t.Errorf("%q is in the log:\n%s", secret, output)
		}
	}
}

// asked is a request for 10.00 USD.
func asked(changes ...func(*request)) request {
	a := request{Request: Request{ID: requestID, Business: business, Customer: customer, Currency: "USD", Total: 1000, Fixed: true}, Merchant: "shop"}
	for _, change := range changes {
		change(&a)
	}
	return a
}

func (r *rig) seal(changes ...func(*request)) string {
	token := sealRequest(r.Ring, asked(changes...), r.now().Add(time.Hour))
	r.secrets = append(r.secrets, token)
	return token
}

// answer is what a sheet hears.
type answer struct {
	Code int
	Body string
}

func (r *rig) post(token string, endpoint Endpoint, body string) answer {
	recorder := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodPost, "/pay/"+"t/"+string(endpoint), strings.NewReader(body))
	r.ServeHTTP(recorder, request, token, endpoint)
	if got := recorder.Header().Get("Cache-Control"); got != "no-store" {
		r.t.Errorf("Cache-Control: %q", got)
	}
	return answer{recorder.Code, strings.TrimSuffix(recorder.Body.String(), "\n")}
}

var (
	success = answer{200, `{"status":"STATUS_SUCCESS"}`}
	failure = answer{200, `{"status":"STATUS_FAILURE"}`}
)

func failureWith(code int) answer { return answer{code, `{"status":"STATUS_FAILURE"}`} }

func fixture(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

type gone struct{} // takes a member out

// change sets a member, by its path with dots, to a value.
func change(t testing.TB, document, path string, value any) string {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal([]byte(document), &root); err != nil {
		t.Fatal(err)
	}
	at, names := root, strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		next, ok := at[name].(map[string]any)
		if !ok {
			t.Fatalf("%s is not in the document", path)
		}
		at = next
	}
	if at[names[len(names)-1]] = value; value == any(gone{}) {
		delete(at, names[len(names)-1])
	}
	text, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// consent is the gateway's fixture with another transaction.
func consent(t testing.TB, transaction string) string {
	return change(t, fixture(t, "gateway-request"), "payment.paymentToken.transactionIdentifier", transaction)
}

// sentTo is the gateway's fixture with a shipping address.
func sentTo(t testing.TB, country, region string) string {
	return change(t, fixture(t, "gateway-request"), "payment.shippingContact", map[string]any{"countryCode": country, "administrativeArea": region})
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); go test -update writes it:\n%s", name, diff)
	}
}

func item(label, amount string) message.LineItem {
	return message.LineItem{Label: message.Label(label), Amount: amount}
}

func total(amount string) *message.LineItem {
	return &message.LineItem{Label: "Total", Amount: amount}
}

// sheetOf reads what an update shows, and checks that it adds up.
func sheetOf(t interface{ Fatalf(string, ...any) }, currency money.Currency, told answer) (sheet sheetCart, total money.Amount) {
	if told.Code != http.StatusOK || json.Unmarshal([]byte(told.Body), &sheet) != nil {
		t.Fatalf("the sheet heard %+v", told)
	}
	if sheet.Total == nil {
		return sheet, 0
	}
	total, err := currency.Parse(sheet.Total.Amount)
	if err != nil || total <= 0 {
		t.Fatalf("the total %+v: %v", sheet.Total, err)
	}
	var sum money.Amount
	for _, line := range sheet.Items {
		amount, err := currency.Parse(line.Amount)
		if err != nil {
			t.Fatalf("the line %+v: %v", line, err)
		}
		sum += amount
	}
	if len(sheet.Items) > 0 && sum != total {
		t.Fatalf("the lines %+v make %s, not %s", sheet.Items, currency.Format(sum), sheet.Total.Amount)
	}
	return sheet, total
}

func names(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return list
}
