package payment

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bizbridge/bridge/message"
	"bizbridge/bridge/money"
	"bizbridge/bridge/seal"
	"bizbridge/bridge/signature"
)

func TestATokenHoldsTheWholeRequest(t *testing.T) {
	t.Parallel()
	one, other := testRing(t, 1), testRing(t, 2, 1) // the other has been rotated
	rapid.Check(t, func(t *rapid.T) {
		want := request{
			Request: Request{
				ID: rapid.String().Draw(t, "id"), Business: message.BusinessID(rapid.String().Draw(t, "business")),
				Customer: message.CustomerID(rapid.String().Draw(t, "customer")), Currency: "JPY",
				Total: money.Amount(rapid.Int64().Draw(t, "total")), Fixed: rapid.Bool().Draw(t, "fixed"),
			},
			Merchant: rapid.String().Draw(t, "merchant"), Rules: rapid.String().Draw(t, "rules"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			want.Items = append(want.Items, message.LineItem{
				Label: message.Label(rapid.String().Draw(t, "label")), Amount: rapid.String().Draw(t, "amount"), Type: message.LineItemPending,
			})
		}
		token := sealRequest(one, want, start.Add(time.Hour))
		if len(token) > MaxToken {
			t.Skip("such a request is refused")
		}
		got, err := openRequest(other, token, start)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestOnlyAWholeTokenOfThisBridgeIsAnswered(t *testing.T) {
	t.Parallel()
	r := newRig(t, charges)
	good := r.seal()
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := json.Marshal(map[string]any{"v": 1, "i": requestID, "b": business, "c": customer, "y": "USD", "t": 1000, "m": "shop"})
	if err != nil {
		t.Fatal(err)
	}
	later := start.Add(time.Hour)
	for name, test := range map[string]struct {
		token  string
		code   int
		reason signature.Reason
	}{
		"right":                    {good, 200, ""},
		"of a key that is retired": {sealRequest(testRing(t, 9, 1), asked(), later), 403, signature.UnknownKey},
		"empty":                    {"", 403, signature.Malformed},
		"made up":                  {strings.Repeat("A", 400), 403, signature.Malformed},
		"no base64":                {good[:40] + "%" + good[41:], 403, signature.Malformed},
		"with padding":             {good + "=", 403, signature.Malformed},
		"with a line end":          {good[:40] + "\n" + good[40:], 403, signature.Malformed},
		"its first half":           {good[:len(good)/2], 403, ""},
		"twice":                    {good + good, 403, ""},
		"of another version":       {base64.RawURLEncoding.EncodeToString(append([]byte{2}, raw[1:]...)), 403, signature.Malformed},
		"of another key ring":      {sealRequest(testRing(t, 2), asked(), later), 403, signature.UnknownKey},
		"of a media link":          {r.Ring.Seal("media", "", later, plain), 403, signature.Mismatch},
		"of a sign-in":             {r.Ring.Seal("state", "", later, plain), 403, signature.Mismatch},
		"of a device's context":    {r.Ring.Seal(seal.PurposeContext, "", later, plain), 403, signature.Mismatch},
		"of a subject":             {r.Ring.Seal(Purpose, string(customer), later, plain), 403, signature.Mismatch},
		"of a later bridge":        {r.Ring.Seal(Purpose, "", later, []byte(`{"v":2,"i":"`+requestID+`"}`)), 403, signature.Malformed},
		"with no JSON in it":       {r.Ring.Seal(Purpose, "", later, []byte(`{"v":1`)), 403, signature.Malformed},
		"expired":                  {sealRequest(r.Ring, asked(), start), 410, signature.Expired},
		"expired long ago":         {sealRequest(r.Ring, asked(), time.Time{}), 410, signature.Expired},
		"too long":                 {sealRequest(r.Ring, asked(func(a *request) { a.Items = []message.LineItem{item(strings.Repeat("x", 2000), "1")} }), later), 403, signature.Malformed},
		"longer than any":          {strings.Repeat("A", 1<<20), 403, signature.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(r.refused)
			got := r.post(test.token, EndpointGateway, fixture(t, "gateway-request"))
			want := failureWith(test.code)
			if test.code == 200 {
				want = success
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			switch refused := r.refused[before:]; {
			case test.code == 200 && len(refused) == 0:
			case len(refused) != 1 || test.reason != "" && refused[0] != test.reason:
				t.Errorf("counted as %v, want %q", refused, test.reason)
			}
			fallback := r.post(test.token, EndpointFallback, "")
			if fallback.Code != test.code || !strings.HasPrefix(fallback.Body, "<!doctype html>") {
				t.Errorf("the fallback answers %d", fallback.Code)
			}
		})
	}
}

func TestNoByteOfATokenCanBeAltered(t *testing.T) {
	t.Parallel()
	ring := testRing(t, 1)
	token := sealRequest(ring, asked(), start.Add(time.Hour))
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		altered := bytes.Clone(raw)
		altered[i] ^= 1 << (i % 8)
		if got, err := openRequest(ring, base64.RawURLEncoding.EncodeToString(altered), start); err == nil {
			t.Errorf("byte %d: opened as %+v", i, got)
		}
	}
	if _, err := openRequest(ring, token, start.Add(time.Hour)); !errors.Is(err, seal.ErrExpired) {
		t.Errorf("at its end: %v", err)
	}
	if _, err := openRequest(ring, token, start.Add(time.Hour-1)); err != nil {
		t.Errorf("just before: %v", err)
	}
}

// What was asked for by a merchant is never paid to another one.
func TestARequestIsOfTheMerchantThatAsked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*rig)
		code   int
	}{
		"as it was":                     {func(*rig) {}, 200},
		"the business has none":         {func(r *rig) { delete(r.Businesses, business) }, 404},
		"the business has another":      {func(r *rig) { r.Merchants["other"], r.Businesses[business] = r.merchant, "other" }, 404},
		"the merchant has vanished":     {func(r *rig) { delete(r.Merchants, "shop") }, 404},
		"there are no merchants at all": {func(r *rig) { r.Merchants, r.Businesses = nil, nil }, 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, charges)
			token := r.seal()
			test.change(r)
			for _, endpoint := range Endpoints {
				if got := r.post(token, endpoint, fixture(t, "gateway-request")); got.Code != test.code {
					t.Errorf("%s: %+v, want %d", endpoint, got, test.code)
				}
			}
			if got := len(r.payments()); (got > 0) != (test.code == 200) {
				t.Errorf("the helpdesk was told %d payments", got)
			}
		})
	}
}

// The same consent, sent again to another replica, is for the provider to know again: the bridge asks under the same names.
// The replica that knows of the charge asks nobody.
func TestAReplayAsksUnderTheSameNames(t *testing.T) {
	t.Parallel()
	var asked []Authorization
	provider := charger(func(ctx context.Context, a Authorization) (Charge, error) {
		asked = append(asked, a)
		return charges(ctx, a)
	})
	replicas := []*rig{newRig(t, provider), newRig(t, provider)}
	token := replicas[0].seal()
	for range 3 {
		for _, r := range replicas {
			if got := r.post(token, EndpointGateway, fixture(t, "gateway-request")); got != success {
				t.Errorf("%+v", got)
			}
			r.pass(time.Minute)
		}
	}
	if len(asked) != 2 || !cmp.Equal(asked[0], asked[1]) {
		t.Errorf("asked %d times", len(asked))
	}
	for _, r := range replicas {
		if diff := cmp.Diff(map[message.PaymentStatus]int{message.PaymentAuthorized: 1}, r.counts()); diff != "" {
			t.Errorf("a repeat is counted:\n%s", diff)
		}
		r.pass(time.Hour)
		if got := r.post(token, EndpointGateway, fixture(t, "gateway-request")); got != failureWith(410) || len(asked) != 2 {
			t.Errorf("after its end: %+v", got)
		}
	}
}
