package sandbox

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMerchantCertificate(t *testing.T) {
	certPEM, keyPEM := testSessions().ClientCertificate()
	block, _ := pem.Decode(certPEM)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if key, ok := c.PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() != 2048 || c.Subject.CommonName != "Apple Pay Merchant Identity:"+testMerchant || merchantOf(c) != testMerchant {
		t.Errorf("%v", c.Subject)
	}
	if months := time.Now().AddDate(0, 25, 0).Sub(c.NotAfter); months < 0 || months > time.Hour {
		t.Errorf("valid until %v", c.NotAfter)
	}
	if block, _ := pem.Decode(keyPEM); block == nil || !strings.Contains(block.Type, "PRIVATE KEY") {
		t.Error("no key")
	}
	for _, m := range []Merchant{{}, {ID: "a b", Domain: "x"}, {ID: "a"}, {ID: "a", Domain: "https://x"}} {
		if _, err := NewMerchantSessions(m); err == nil {
			t.Errorf("%+v is taken", m)
		}
	}
}

func TestMerchantSessions(t *testing.T) {
	w := newPayWorld(t)
	ask := func(edits ...edit) providerAnswer {
		t.Helper()
		return postSession(t, w.merchant, w.sessions.URL, edited(fixture(t, "pay-merchant-session-request"), edits...))
	}
	one, two := ask(), ask()
	want := fixture(t, "pay-merchant-session-response")
	if diff := cmp.Diff(names(want), names(one.body)); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"domainName", "displayName", "initiative", "initiativeContext", "signedProperties", "retries"} {
		if diff := cmp.Diff(want[name], one.body[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if one.body["expiresAt"].(float64)-one.body["epochTimestamp"].(float64) != 300_000 || one.body["merchantSessionIdentifier"] == two.body["merchantSessionIdentifier"] || one.body["nonce"] == two.body["nonce"] {
		t.Errorf("%v %v", one.body, two.body)
	}
	sum := sha256.Sum256([]byte(testMerchant))
	for _, c := range []struct {
		edits  []edit
		status int
		reason string
	}{
		{[]edit{{"merchantIdentifier", hex.EncodeToString(sum[:])}}, 200, ""},
		{[]edit{{"initiativeContext", "http://127.0.0.1:1/pay"}}, 200, ""},
		{[]edit{{"displayName", strings.Repeat("é", 64)}}, 200, ""},
		{[]edit{{"merchantIdentifier", "merchant.com.other"}}, 417, "merchantIdentifier"},
		{[]edit{{"merchantIdentifier", gone}}, 400, "merchantIdentifier is missing"},
		{[]edit{{"domainName", "https://www.example.com"}}, 400, "domainName"},
		{[]edit{{"domainName", "example.com"}}, 400, "not registered"},
		{[]edit{{"domainName", gone}}, 400, "domainName is missing"},
		{[]edit{{"displayName", strings.Repeat("e", 65)}}, 400, "64"},
		{[]edit{{"displayName", ""}}, 400, "displayName"},
		{[]edit{{"initiative", "web"}}, 400, "initiative"},
		{[]edit{{"initiative", gone}}, 400, "initiative"},
		{[]edit{{"initiativeContext", "http://pay.example.com/"}}, 400, "https"},
		{[]edit{{"initiativeContext", "pay.example.com"}}, 400, "absolute"},
		{[]edit{{"initiativeContext", gone}}, 400, "initiativeContext is missing"},
		{[]edit{{"initiativecontext", "x"}}, 400, "no member"},
	} {
		if got := ask(c.edits...); got.status != c.status || !strings.Contains(got.raw, c.reason) {
			t.Errorf("%v: %d %s", c.edits, got.status, got.raw)
		}
	}
	if got := postSession(t, w.merchant, w.sessions.URL, "nonsense"); got.status != 400 {
		t.Errorf("%d %s", got.status, got.raw)
	}
	if got := postSession(t, w.merchant, w.sessions.URL, `{"x":"`+strings.Repeat("x", maxSessionBody)+`"}`); got.status != 413 {
		t.Errorf("%d %s", got.status, got.raw)
	}
	hop := w.state().Hops[len(w.state().Hops)-1]
	if hop.Hop != bridgeToPay || hop.Path != "/paymentservices/paymentSession" || hop.Check.State != "ok" {
		t.Errorf("%+v", hop)
	}
}

// TestMerchantSessionsWantACertificate: none, one of another authority, and another merchant's.
func TestMerchantSessionsWantACertificate(t *testing.T) {
	w := newPayWorld(t)
	stranger, err := newCertificates(Merchant{ID: testMerchant})
	if err != nil {
		t.Fatal(err)
	}
	request := fixture(t, "pay-merchant-session-request")
	for name, certificate := range map[string]func() ([]byte, []byte){"none": nil, "another authority's": stranger.ClientCertificate} {
		if got := postSession(t, clientWith(t, certificate), w.sessions.URL, request); got.status != 0 || !strings.Contains(got.raw, "tls") {
			t.Errorf("%s: %d %s", name, got.status, got.raw)
		}
	}
	other := clientWith(t, func() ([]byte, []byte) {
		certPEM, keyPEM, err := testSessions().signMerchant("merchant.com.other")
		if err != nil {
			t.Fatal(err)
		}
		return certPEM, keyPEM
	})
	if got := postSession(t, other, w.sessions.URL, request); got.status != 417 || !strings.Contains(got.raw, "merchant.com.other") {
		t.Errorf("another merchant's: %d %s", got.status, got.raw)
	}
	plain := serveTest(t, w.s.MerchantSessions())
	if got := postSession(t, http.DefaultClient, plain, request); got.status != 417 {
		t.Errorf("without TLS: %d %s", got.status, got.raw)
	}
	without := serveTest(t, newWorld(t).s.MerchantSessions())
	if got := postSession(t, http.DefaultClient, without, request); got.status != 404 {
		t.Errorf("without a merchant: %d %s", got.status, got.raw)
	}
}

// TestSessionsAreBounded: the oldest is forgotten, and so a message with it is as good as fabricated.
func TestSessionsAreBounded(t *testing.T) {
	m := &MerchantSessions{merchant: Merchant{ID: "m", Domain: "d"}, given: newMemory[*merchantSession](2)}
	now := time.Now()
	var raws [][]byte
	var ids []string
	for range 3 {
		given := m.remember("M", "https://x", now)
		raws, ids = append(raws, marshalled(given)), append(ids, given.str("merchantSessionIdentifier"))
	}
	for i, want := range []error{errFabricated, nil, nil} {
		if err := m.use(raws[i], ids[i], now); err != want {
			t.Errorf("%d: %v", i, err)
		}
	}
	if err := m.use(raws[1], ids[1], now); err != errUsed {
		t.Error(err)
	}
	given := m.remember("M", "https://x", now)
	id := given.str("merchantSessionIdentifier")
	if err := m.use(marshalled(given), id, now.Add(sessionLife+time.Second)); err != errStale {
		t.Error(err)
	}
	given["nonce"] = "0"
	if err := m.use(marshalled(given), "SSH", now); err != errFabricated {
		t.Error(err)
	}
}
