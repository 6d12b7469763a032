package signin

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"bizbridge/bridge/message"
	"bizbridge/bridge/seal"
)

var (
	urlSafe    = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	asVerifier = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`) // RFC 7636
)

// longest are the longest ids that there are.
func longest() (message.BusinessID, message.CustomerID, string, string) {
	longestCustomer := message.CustomerID("urn:mbid:" + strings.Repeat("x", 512-len("urn:mbid:")))
	return business, longestCustomer, strings.Repeat("p", maxProviderName), requestID
}

func TestLongestState(t *testing.T) {
	t.Parallel()
	p := newRig(t).replica(goodIssuer())
	b, c, provider, id := longest()
	state := p.service.State(b, c, provider, id)
	if c.Fault() != "" || len(state) > MaxState || !urlSafe.MatchString(state) || url.QueryEscape(state) != state {
		t.Errorf("%d characters, at most %d: %s", len(state), MaxState, state)
	}
	t.Logf("the longest state has %d characters", len(state))
	if _, err := open(p.service.ring, state, start); err != nil {
		t.Error(err)
	}
}

func TestStatesOpen(t *testing.T) {
	t.Parallel()
	ring, rotated := testRing(t, 1), testRing(t, 2, 1)
	rapid.Check(t, func(t *rapid.T) {
		field := func(name string, size int) string {
			return rapid.StringOfN(rapid.RuneFrom(nil, &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0x20, Hi: 0x7e, Stride: 1}}, LatinOffset: 1}), 0, size, size).Draw(t, name)
		}
		asked := request{
			business: message.BusinessID(field("business", 36)), customer: message.CustomerID(field("customer", 512)),
			provider: field("provider", maxProviderName), id: field("id", 36),
		}
		copy(asked.seed[:], rapid.SliceOfN(rapid.Byte(), seedSize, seedSize).Draw(t, "seed"))
		state := sealState(ring, asked, start.Add(time.Minute))
		if len(state) > MaxState {
			t.Fatalf("%d characters", len(state))
		}
		opened, err := open(rotated, state, start)
		if err != nil || opened != asked {
			t.Fatalf("got %+v, %v; want %+v", opened, err, asked)
		}
		if !asVerifier.MatchString(opened.verifier()) || opened.verifier() != asked.verifier() || opened.nonce() != asked.nonce() || opened.nonce() == opened.verifier() {
			t.Fatalf("verifier %s, nonce %s", opened.verifier(), opened.nonce())
		}
		if strings.Contains(state, opened.verifier()) {
			t.Fatal("the verifier can be read")
		}
	})
}

func TestEachStateIsAnother(t *testing.T) {
	t.Parallel()
	p := newRig(t).replica(goodIssuer())
	first, _ := open(p.service.ring, p.state(), start)
	second, _ := open(p.service.ring, p.state(), start)
	if first.seed == second.seed || first.verifier() == second.verifier() || first.nonce() == second.nonce() {
		t.Error("two states have the same seed")
	}
}

func FuzzOpen(f *testing.F) {
	ring := testRing(f, 1)
	b, c, provider, id := longest()
	f.Add(sealState(ring, request{business: b, customer: c, provider: provider, id: id}, start.Add(time.Hour)))
	f.Add(ring.Seal("media", "", start.Add(time.Hour), []byte("x")))
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		asked, err := open(ring, token, start)
		if err != nil {
			if asked != (request{}) || seal.Reason(err) == "" {
				t.Errorf("%+v beside %v", asked, err)
			}
			return
		}
		if got := sealState(ring, asked, start.Add(time.Hour)); len(got) != len(token) {
			t.Errorf("opens, and is not ours: %q", token)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(request{business: business, customer: customer, provider: "acme", id: requestID}))
	f.Add([]byte{1})
	f.Add(append(make([]byte, 17), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01))
	f.Fuzz(func(t *testing.T, payload []byte) {
		asked, err := decode(payload)
		if err != nil {
			return
		}
		if again, err := decode(encode(asked)); err != nil || again != asked {
			t.Errorf("%+v became %+v, %v", asked, again, err)
		}
	})
}

func BenchmarkState(b *testing.B) {
	p := newRig(b).replica(goodIssuer())
	bus, cus, provider, id := longest()
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		size = len(p.service.State(bus, cus, provider, id))
	}
	b.ReportMetric(float64(size), "chars")
}

func BenchmarkOpen(b *testing.B) {
	ring := testRing(b, 1)
	bus, cus, provider, id := longest()
	state := sealState(ring, request{business: bus, customer: cus, provider: provider, id: id}, start.Add(time.Hour))
	b.ReportAllocs()
	for b.Loop() {
		asked, err := open(ring, state, start)
		if err != nil || asked.customer != cus {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(state)), "chars")
}
