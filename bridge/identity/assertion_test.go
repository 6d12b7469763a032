package identity

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bizbridge/bridge/seal"
)

func asserted() Assertion {
	return Assertion{
		Request: Request{Business: business, Customer: "urn:mbid:AA+/b==", Provider: "acme", ID: "00000000-0000-4000-8000-000000000900"},
		Subject: "amb_1", Claims: map[string]any{"email": "ada@example.com", "id": json.Number("9007199254740993")},
	}
}

func TestAnAssertionOpensOnEveryReplicaUntilItExpires(t *testing.T) {
	for _, confirmed := range []bool{false, true} {
		want := asserted()
		want.Confirmed = confirmed
		token := SealAssertion(ring(t, 1), want, now)
		got, err := OpenAssertion(ring(t, 2, 1), token, now.Add(ProofTTL-time.Second))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := OpenAssertion(ring(t, 1), token, now.Add(ProofTTL)); !errors.Is(err, seal.ErrExpired) {
			t.Errorf("after 24 hours: %v", err)
		}
		if _, err := OpenAssertion(ring(t, 2), token, now); !errors.Is(err, seal.ErrUnknownKey) {
			t.Errorf("another bridge's: %v", err)
		}
		if strings.Contains(token, "ada") {
			t.Error("it is not sealed")
		}
	}
}

func TestAConfirmationOpensOnEveryReplicaUntilItExpires(t *testing.T) {
	want := asserted().Request
	token := SealConfirmation(ring(t, 1), want, now)
	got, err := OpenConfirmation(ring(t, 2, 1), token, now.Add(ProofTTL-time.Second))
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := OpenConfirmation(ring(t, 1), token, now.Add(ProofTTL)); !errors.Is(err, seal.ErrExpired) {
		t.Errorf("after 24 hours: %v", err)
	}
}

func TestNoProofIsAnother(t *testing.T) {
	r := ring(t, 1)
	a, content := asserted(), encode(asserted())
	assertion, confirmation := SealAssertion(r, a, now), SealConfirmation(r, a.Request, now)
	tokens := map[string]string{
		"a confirmation": confirmation, "an assertion": assertion, "nothing": "", "a word": "word", "an end of line": assertion + "\n",
		"too long":   strings.Repeat("A", MaxProof+1),
		"a context":  r.Seal(seal.PurposeContext, "", now.Add(time.Hour), content),
		"a sign-in":  r.Seal("sign-in", "", now.Add(time.Hour), content),
		"of another": r.Seal(purposeAssertion, "somebody", now.Add(time.Hour), content),
		"no JSON":    r.Seal(purposeAssertion, "", now.Add(time.Hour), []byte("x")),
		"a list":     r.Seal(purposeConfirmation, "", now.Add(time.Hour), []byte("[]")),
		"altered":    "A" + strings.ToLower(assertion[1:]),
	}
	for name, token := range tokens {
		if got, err := OpenAssertion(r, token, now); err == nil && token != assertion {
			t.Errorf("%s is an assertion: %+v", name, got)
		}
		if got, err := OpenConfirmation(r, token, now); err == nil && token != confirmation {
			t.Errorf("%s is a confirmation: %+v", name, got)
		}
	}
}

// TestAnAssertionIsNeverTooLong has claims of any size cut, the largest first, and nothing else.
func TestAnAssertionIsNeverTooLong(t *testing.T) {
	r := ring(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		want := asserted()
		want.Customer = "urn:mbid:" + strings.Repeat("x", rapid.IntRange(1, 503).Draw(t, "customer"))
		want.Claims = map[string]any{}
		for _, name := range rapid.SliceOfNDistinct(rapid.String(), 0, 30, rapid.ID).Draw(t, "names") {
			want.Claims[name] = strings.Repeat(rapid.SampledFrom([]string{"a", "<", "é", "\x00", "🙂"}).Draw(t, "letter"), rapid.IntRange(0, 7000).Draw(t, "size"))
		}
		token := SealAssertion(r, want, now)
		if token == "" || len(token) > MaxProof {
			t.Fatalf("%d characters", len(token))
		}
		got, err := OpenAssertion(r, token, now)
		if err != nil || got.Request != want.Request || got.Subject != want.Subject {
			t.Fatalf("%+v, %v", got, err)
		}
		used, smallest := len(encode(got)), maxProofContent
		for name, value := range want.Claims {
			kept, ok := got.Claims[name]
			if ok && kept != value {
				t.Fatalf("%q was altered", name)
			}
			if !ok {
				smallest = min(smallest, len(encode(name))+len(encode(value))+2)
			}
		}
		if len(got.Claims) < len(want.Claims) && used+smallest+len(`,"claims":{}`) <= maxProofContent {
			t.Errorf("a claim of %d bytes would have fitted beside %d", smallest, used)
		}
	})
	small, large := asserted(), asserted()
	large.Claims = map[string]any{"email": "ada@example.com", "picture": strings.Repeat("x", 9000)}
	got, err := OpenAssertion(r, SealAssertion(r, large, now), now)
	if err != nil || !reflect.DeepEqual(got.Claims, map[string]any{"email": "ada@example.com"}) {
		t.Errorf("%v, %v", got.Claims, err)
	}
	if len(large.Claims) != 2 {
		t.Error("the caller's claims were changed")
	}
	small.ID = strings.Repeat("x", MaxProof)
	if SealAssertion(r, small, now) != "" || SealConfirmation(r, small.Request, now) != "" {
		t.Error("a request of any length is sealed")
	}
}

func TestOnlyTheSameRequestIsTheSame(t *testing.T) {
	one := asserted().Request
	same := one
	same.Business, same.ID = strings.ToUpper(one.Business), strings.ToUpper(one.ID)
	if !one.Is(same) || !one.Is(one) {
		t.Error("UUIDs come in either case")
	}
	for _, change := range []func(*Request){
		func(r *Request) { r.Business = "bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee" }, func(r *Request) { r.Customer = strings.ToUpper(r.Customer) },
		func(r *Request) { r.Provider = "other" }, func(r *Request) { r.ID = "00000000-0000-4000-8000-000000000901" },
		func(r *Request) { *r = Request{} },
	} {
		other := one
		change(&other)
		if one.Is(other) || other.Is(one) {
			t.Errorf("%+v is the same", other)
		}
	}
}

func TestUnverifiedAddressesAreNoAttributes(t *testing.T) {
	for name, test := range map[string]struct {
		verified any
		left     bool
	}{
		"verified": {true, true}, "unverified": {false, false}, "verified in words": {"true", true}, "unverified in words": {"false", false},
		"nobody says": {nil, true}, "an empty word": {"", false},
	} {
		a := Assertion{Subject: "amb_1", Claims: map[string]any{
			"sub": "ada", "subject": "somebody else", "email": "ada@example.com", "phone_number": "+33 1", "phone_number_verified": false,
		}}
		if test.verified != nil {
			a.Claims["email_verified"] = test.verified
		}
		got := a.Attributes()
		if _, ok := got["email"]; ok != test.left {
			t.Errorf("%s: email: %v", name, ok)
		}
		if _, ok := got["phone_number"]; ok || got["subject"] != "amb_1" || got["sub"] != "ada" {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// FuzzOpenAssertion has nothing open but what was sealed. Each process of a fuzzer seals it anew.
func FuzzOpenAssertion(f *testing.F) {
	r, want := ring(f, 1), asserted()
	f.Add(SealAssertion(r, want, now))
	f.Add(SealConfirmation(r, want.Request, now))
	f.Add("AVNlYWxlZA")
	f.Fuzz(func(t *testing.T, token string) {
		if got, err := OpenAssertion(r, token, now); err == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%q opens: %+v", token, got)
		}
	})
}
