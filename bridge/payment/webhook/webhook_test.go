package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/message"
	"bizbridge/bridge/payment"
)

// The digits of numbers, members that are not known, spaces and doubled names: all are the phone's.
const posted = `{ "paymentToken" : {"paymentData":{"data":"a+/=<>&","n":1.10,"big":123456789012345678901234567890,"tiny":1e-400},
	"transactionIdentifier":"t-1"}, "shippingContact":{"givenName":"Ann é \u00e9 \u2028"}, "x":null }`

// plain reads JSON with the digits of its numbers.
func plain(t *testing.T, text []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

func TestTheBackendIsAskedAsDocumented(t *testing.T) {
	t.Parallel()
	open := asked
	open.Fixed = false
	const who = `"request_id":"` + requestID + `","business_id":"` + string(business) + `","customer_id":"` + string(customer) + `"`
	for name, test := range map[string]struct {
		call func(context.Context, *Provider) error
		kind string
		data string
	}{
		"authorize": {func(ctx context.Context, p *Provider) error {
			_, err := p.Authorize(ctx, consent(posted))
			return err
		}, "payment.authorize", `{` + who + `,"transaction_id":"t-1","currency":"USD","amount":"10.00","payment":` + posted + `}`},
		"authorize, the backend's total": {func(ctx context.Context, p *Provider) error {
			_, err := p.Authorize(ctx, payment.Authorization{Request: open, TransactionID: "t-1", Payment: json.RawMessage(posted)})
			return err
		}, "payment.authorize", `{` + who + `,"transaction_id":"t-1","currency":"USD","payment":` + posted + `}`},
		"update": {func(ctx context.Context, p *Provider) error {
			_, err := p.Update(ctx, payment.Update{Request: open, What: payment.ShippingContact, Payment: json.RawMessage(posted)})
			return err
		}, "payment.update", `{` + who + `,"currency":"USD","what":"contact","payment":` + posted + `}`},
		"update of nothing": {func(ctx context.Context, p *Provider) error {
			_, err := p.Update(ctx, payment.Update{Request: open, What: payment.PaymentMethod})
			return err
		}, "payment.update", `{` + who + `,"currency":"USD","what":"method","payment":null}`},
		"order": {func(ctx context.Context, p *Provider) error {
			return p.TrackOrder(ctx, open, json.RawMessage(`[{"amount":"1.50","label":"<b>"}]`))
		}, "payment.order", `{` + who + `,"items":[{"amount":"1.50","label":"<b>"}]}`},
		"status": {func(ctx context.Context, p *Provider) error {
			_, err := p.Find(ctx, payment.Request{ID: requestID, Business: business, Customer: customer})
			return err
		}, "payment.status", `{` + who + `}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t, func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, `{"status":"authorized","amount":"10.00","currency":"USD"}`)
			})
			if err := test.call(t.Context(), b.provider()); err != nil {
				t.Fatal(err)
			}
			seen := b.hooks()
			if len(seen) != 1 || seen[0].kind != test.kind {
				t.Fatalf("%+v", seen)
			}
			var body struct{ Data json.RawMessage }
			if err := json.Unmarshal([]byte(seen[0].body), &body); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(plain(t, []byte(test.data)), plain(t, body.Data)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The same consent has the same webhook-id on every replica and at every time; another has another.
func TestTheIDOfAnAuthorizationIsThatOfItsConsent(t *testing.T) {
	t.Parallel()
	b := newBackend(t, says(200, paid))
	ask := func(request, transaction string) string {
		one := consent(posted)
		one.ID, one.TransactionID = request, transaction
		if _, err := b.provider().Authorize(t.Context(), one); err != nil { // a provider of its own: another replica
			t.Fatal(err)
		}
		return b.hooks()[len(b.hooks())-1].id
	}
	first := ask("a", "b")
	if again := ask("a", "b"); again != first {
		t.Errorf("%s, then %s", first, again)
	}
	seen := map[string]bool{first: true}
	for _, other := range [][2]string{{"a", "c"}, {"b", "b"}, {"ab", ""}, {"", "ab"}, {"b", "a"}} {
		id := ask(other[0], other[1])
		if seen[id] || len(id) != 36 {
			t.Errorf("%v is %s", other, id)
		}
		seen[id] = true
	}
}

// What a status means for the money. No answer brings a second call.
func TestAnAuthorizationIsAskedOnceWhateverComes(t *testing.T) {
	t.Parallel()
	ok := &payment.Charge{Status: payment.Authorized, Amount: 1000, Currency: "USD", Ref: "ch_1"}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   *payment.Charge
		class  message.Class
	}{
		"200":           {says(200, paid), ok, 0},
		"201":           {says(201, paid), ok, 0},
		"299":           {says(299, paid), ok, 0},
		"204":           {says(204, ""), nil, message.Uncertain},
		"200, nothing":  {says(200, ""), nil, message.Uncertain},
		"200, {}":       {says(200, "{}"), nil, message.Uncertain},
		"200, null":     {says(200, "null"), nil, message.Uncertain},
		"200, a page":   {says(200, "<html>"), nil, message.Uncertain},
		"200, cut off":  {cutOff, nil, message.Uncertain},
		"200, too long": {says(200, `{"x":"`+strings.Repeat("x", 2<<20)+`","status":"declined"}`), nil, message.Uncertain},
		"302":           {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, nil, message.Uncertain},
		"307": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, nil, message.Uncertain},
		"400":   {says(400, paid), nil, message.Permanent},
		"401":   {says(401, paid), nil, message.Auth},
		"403":   {says(403, paid), nil, message.Auth},
		"404":   {says(404, paid), nil, message.Permanent},
		"408":   {says(408, paid), nil, message.Uncertain},
		"409":   {says(409, paid), nil, message.Uncertain},
		"422":   {says(422, paid), nil, message.Permanent},
		"425":   {says(425, paid), nil, message.Uncertain},
		"429":   {says(429, paid), nil, message.Throttled},
		"500":   {says(500, paid), nil, message.Uncertain},
		"502":   {says(502, paid), nil, message.Uncertain},
		"503":   {says(503, paid), nil, message.Uncertain},
		"599":   {says(599, paid), nil, message.Uncertain},
		"reset": {reset, nil, message.Uncertain},
		"late":  {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, nil, message.Uncertain},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t, test.answer)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			if name == "late" {
				ctx, cancel = context.WithTimeout(t.Context(), 150*time.Millisecond)
			}
			defer cancel()
			got, err := b.provider().Authorize(ctx, consent(posted))
			failure := message.FailureOf(err)
			if test.want != nil {
				if diff := cmp.Diff(*test.want, got); diff != "" || failure != nil {
					t.Errorf("%v %s", failure, diff)
				}
			} else if failure == nil || failure.Class != test.class || !cmp.Equal(got, payment.Charge{}) {
				t.Errorf("%+v, %v; want %v", got, failure, test.class)
			}
			if failure != nil && (strings.Contains(failure.Error(), "ch_1") || strings.Contains(failure.Error(), "hooks") || strings.Contains(failure.Error(), "Ann")) {
				t.Errorf("the failure says %q", failure.Error())
			}
			time.Sleep(20 * time.Millisecond) // for a repeat that should not be
			if n := len(b.hooks()); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// On a connection that the backend has closed meanwhile, too, nothing is sent twice.
func TestAnAuthorizationIsNotRepeatedOnAStaleConnection(t *testing.T) {
	t.Parallel()
	dies := make(chan struct{}, 1)
	b := newBackend(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-dies:
			reset(w, r)
		default:
			_, _ = io.WriteString(w, paid)
		}
	})
	p := b.provider()
	for i := range 20 {
		if _, err := p.Authorize(t.Context(), consent(posted)); err != nil {
			t.Fatal(err)
		}
		dies <- struct{}{}
		if _, err := p.Authorize(t.Context(), consent(posted)); message.FailureOf(err).Class != message.Uncertain {
			t.Fatal(err)
		}
		if n := len(b.hooks()); n != 2*i+2 {
			t.Fatalf("asked %d times", n)
		}
	}
}

func TestABackendThatIsNotThereHasChargedNothing(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(nil)
	closed.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // TCP, but never TLS
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, url := range map[string]string{"refused": closed.URL, "no TLS": "https://" + silent.Addr().String(), "no such host": "http://bridge.invalid"} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, err := newProvider(t, url).Authorize(ctx, consent(posted))
		cancel()
		if failure := message.FailureOf(err); failure == nil || failure.Class != message.Transient {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStatusIsAskedAgainUntilItIsKnown(t *testing.T) {
	t.Parallel()
	once := func(bad http.HandlerFunc) http.HandlerFunc {
		bads := make(chan struct{}, 1)
		bads <- struct{}{}
		return func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-bads:
				bad(w, r)
			default:
				_, _ = io.WriteString(w, paid)
			}
		}
	}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		found  bool
		failed bool
		calls  int
	}{
		"known": {says(200, paid), true, false, 1}, "unknown": {says(404, "not found"), true, false, 1}, // a charge that was declined: the backend knows what it took
		"503 and then": {once(says(503, "")), true, false, 2}, "reset and then": {once(reset), true, false, 2},
		"refused": {says(400, paid), false, true, 1}, "signature": {says(401, ""), false, true, 1}, "nothing": {says(200, "{}"), false, true, 1},
		"malformed": {says(200, paid[1:]), false, true, 1}, "gone": {says(410, paid), false, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t, test.answer)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			charge, err := b.provider().Find(ctx, asked)
			if charge != nil && (charge.Status == payment.Declined) != (name == "unknown") {
				t.Errorf("%+v", charge)
			}
			if (charge != nil) != test.found || (err != nil) != test.failed || len(b.hooks()) != test.calls {
				t.Errorf("%+v, %v after %d calls", charge, err, len(b.hooks()))
			}
		})
	}
}

func TestAnUpdateOrAnOrderThatIsRefusedSaysSo(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]bool{200: true, 202: true, 204: true, 302: false, 400: false, 401: false, 404: false, 500: false} {
		p := newBackend(t, says(status, map[bool]string{true: "{}"}[status == 200])).provider()
		ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
		if err := p.TrackOrder(ctx, asked, json.RawMessage("[]")); (err == nil) != want {
			t.Errorf("%d: the order: %v", status, err)
		}
		// An update needs words: what is not said is no price.
		if _, err := p.Update(ctx, payment.Update{Request: asked, What: payment.ShippingMethod}); (err == nil) != (status == 200) {
			t.Errorf("%d: the update: %v", status, err)
		}
		cancel()
	}
}

// What cannot be JSON is not sent, and not quoted either.
func TestWhatIsNoJSONIsNotSent(t *testing.T) {
	t.Parallel()
	b := newBackend(t, nil)
	_, err := b.provider().Authorize(t.Context(), consent(`{"4242424242424242":`))
	if failure := message.FailureOf(err); failure == nil || failure.Class != message.Permanent || strings.Contains(failure.Error(), "4242") || len(b.hooks()) > 0 {
		t.Errorf("%v", err)
	}
}

func TestOperationsListsAll(t *testing.T) {
	t.Parallel()
	want := []string{"payment_authorize", "payment_order", "payment_status", "payment_update"}
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(Operations))); diff != "" {
		t.Error(diff)
	}
}
