package payment

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
)

// authority makes certificates, as Apple does.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t}
	pair := a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "Test CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.cert, a.key = pair.Leaf, pair.PrivateKey.(*ecdsa.PrivateKey)
	return a
}

func (a *authority) issue(template *x509.Certificate) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber, template.NotBefore = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

var userID = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1} // of the subject; Apple writes the merchant id there

func (a *authority) merchant(id string) tls.Certificate {
	return a.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: "Apple Pay Merchant Identity:" + id, ExtraNames: []pkix.AttributeTypeAndValue{{Type: userID, Value: id}}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// applePay gives merchant sessions to who has a merchant identity certificate.
type applePay struct {
	*authority
	server *httptest.Server

	mu     sync.Mutex
	asked  []sessionRequest
	answer func(w http.ResponseWriter, r *http.Request, asked sessionRequest)
}

func newApplePay(t testing.TB) *applePay { return newApplePayWith(t, 0) }

func newApplePayWith(t testing.TB, version uint16) *applePay {
	t.Helper()
	a := &applePay{authority: newAuthority(t)}
	a.server = httptest.NewUnstartedServer(a)
	a.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	a.server.TLS = &tls.Config{
		Certificates: []tls.Certificate{a.issue(&x509.Certificate{DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: a.pool(), MinVersion: version, MaxVersion: version,
	}
	a.server.StartTLS()
	t.Cleanup(a.server.Close)
	return a
}

func (a *applePay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var asked sessionRequest
	_ = json.NewDecoder(r.Body).Decode(&asked)
	a.mu.Lock()
	a.asked = append(a.asked, asked)
	answer := a.answer
	a.mu.Unlock()
	if answer != nil {
		answer(w, r, asked)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"nonce": rand.Text(), "initiativeContext": asked.InitiativeContext})
}

func (a *applePay) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.asked)
}

// client is the bridge with a certificate.
func (a *applePay) client(certificates ...tls.Certificate) *httpclient.Client {
	client := httpclient.New(httpclient.Options{
		Peer: "payment", Metrics: metrics.New("test", "test"),
		TLS: &tls.Config{Certificates: certificates, RootCAs: a.pool(), ServerName: "localhost", MinVersion: tls.VersionTLS12},
	})
	a.t.Cleanup(client.Close)
	return client
}

func (r *rig) askAt(apple *applePay) {
	r.merchant.SessionURL = apple.server.URL + "/paymentservices/paymentSession"
	r.merchant.Session = apple.client(apple.merchant(r.merchant.ID))
}

const gateway = "https://pay.example.com/paymentGateway" // of the fixtures

func TestASessionIsAskedForAsAppleWritesAndPassedOnUntouched(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			apple := newApplePayWith(t, version)
			answer := fixture(t, "merchant-session-response") + "  \n" // with its spaces, and whatever
			var request, user string
			var header http.Header
			apple.answer = func(w http.ResponseWriter, r *http.Request, asked sessionRequest) {
				text, _ := json.Marshal(asked)
				request, header = r.Method+" "+r.URL.Path+" "+string(text), r.Header
				for _, attribute := range r.TLS.PeerCertificates[0].Subject.Names {
					if attribute.Type.Equal(userID) {
						user, _ = attribute.Value.(string)
					}
				}
				_, _ = io.WriteString(w, answer)
			}
			r := newRig(t, charges)
			r.askAt(apple)
			session, failure := r.merchant.newSession(t.Context(), gateway)
			if failure != nil || string(session) != answer {
				t.Fatalf("%s, %v", session, failure)
			}
			var compact sessionRequest
			if err := json.Unmarshal([]byte(fixture(t, "merchant-session-request")), &compact); err != nil {
				t.Fatal(err)
			}
			want, _ := json.Marshal(compact)
			if diff := cmp.Diff("POST /paymentservices/paymentSession "+string(want), request); diff != "" {
				t.Error(diff)
			}
			if user != "merchant.com.example" || header.Get("Content-Type") != "application/json" {
				t.Errorf("asked by %q with %v", user, header)
			}
		})
	}
}

func TestTheMerchantIDCanBeHashed(t *testing.T) {
	t.Parallel()
	apple, r := newApplePay(t), newRig(t, charges)
	r.askAt(apple)
	r.merchant.HashID = true
	if _, failure := r.merchant.newSession(t.Context(), gateway); failure != nil {
		t.Fatal(failure)
	}
	// printf %s merchant.com.example | sha256sum
	if got := apple.asked[0].MerchantIdentifier; got != "224D417877B0EBD0C882C2D68E557A781092803CC75887CC11D2D954D77EAC59" {
		t.Errorf("%s", got)
	}
}

func TestWhatApplePayAnswersHasACauseThatPeopleCanRead(t *testing.T) {
	t.Parallel()
	status := func(code int, header ...string) func(http.ResponseWriter, *http.Request, sessionRequest) {
		return func(w http.ResponseWriter, _ *http.Request, _ sessionRequest) {
			if len(header) > 0 {
				w.Header().Set(header[0], header[1])
			}
			w.WriteHeader(code)
			_, _ = io.WriteString(w, `{"statusMessage":"4242424242424242"}`)
		}
	}
	body := func(text string) func(http.ResponseWriter, *http.Request, sessionRequest) {
		return func(w http.ResponseWriter, _ *http.Request, _ sessionRequest) { _, _ = io.WriteString(w, text) }
	}
	for name, test := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request, sessionRequest)
		class  message.Class
		words  string
	}{
		"417":               {status(417), message.Auth, "does not know the merchant (417)"},
		"400":               {status(400), message.Auth, "public_url"},
		"401":               {status(401), message.Auth, "identity certificate"},
		"403":               {status(403), message.Auth, "identity certificate"},
		"404":               {status(404), message.Auth, "session_url (404)"},
		"418":               {status(418), message.Auth, "refuses"},
		"201":               {status(201), message.Auth, "refuses"},
		"a redirect":        {status(302, "Location", "/elsewhere"), message.Auth, "refuses"},
		"429":               {status(429), message.Throttled, "slow down"},
		"500":               {status(500), message.Transient, "Apple Pay"},
		"503":               {status(503, "Retry-After", "7"), message.Transient, "cannot make a session now"},
		"nothing":           {body(""), message.Transient, "session_url right"},
		"a page":            {body("<!doctype html><title>Sign in to the WiFi</title>"), message.Transient, "session_url right"},
		"a list":            {body(`[{}]`), message.Transient, "session_url right"},
		"null":              {body(`null`), message.Transient, "session_url right"},
		"half an object":    {body(`{"nonce":"4242424242424242`), message.Transient, "session_url right"},
		"two objects":       {body(`{}{}`), message.Transient, "session_url right"},
		"too much":          {body(`{"nonce":"` + strings.Repeat("x", 64<<10) + `"}`), message.Transient, "session_url right"},
		"of another":        {body(`{"initiativeContext":"https://evil.example/paymentGateway"}`), message.Transient, "another gateway"},
		"a strange context": {body(`{"initiativeContext":7}`), message.Transient, "session_url right"},
		"hangs up": {func(w http.ResponseWriter, _ *http.Request, _ sessionRequest) {
			if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
				_ = conn.Close()
			}
		}, message.Transient, "no merchant session from Apple Pay"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			apple, r := newApplePay(t), newRig(t, charges)
			r.askAt(apple)
			apple.answer = test.answer
			ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
			defer cancel()
			asked, failure := r.Ask(ctx, business, customer, requestID, basic())
			if failure == nil || failure.Class != test.class || !strings.Contains(failure.Error(), test.words) || asked.Session != nil {
				t.Fatalf("%+v %v; want %v with %q", asked, failure, test.class, test.words)
			}
			for _, secret := range append(private, "/pay/", r.Ring.Hash("x")) {
				if strings.Contains(failure.Error(), secret) {
					t.Errorf("%q is in %q", secret, failure.Error())
				}
			}
			if name == "503" && failure.RetryAfter != 7*time.Second {
				t.Errorf("to be tried after %v", failure.RetryAfter)
			}
		})
	}
}

// A certificate that is refused is the operator's matter, and is told in words, whichever version of TLS says it.
func TestARefusedCertificateIsAnAlarm(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		apple := newApplePayWith(t, version)
		for certificate, pair := range map[string][]tls.Certificate{
			"of another authority": {newAuthority(t).merchant("merchant.com.example")},
			"expired":              {apple.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "merchant"}, NotAfter: time.Now().Add(-time.Minute), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})},
			"none":                 nil,
		} {
			t.Run(name+" "+certificate, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, charges)
				r.askAt(apple)
				r.merchant.Session = apple.client(pair...)
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				defer cancel()
				_, failure := r.merchant.newSession(ctx, gateway)
				if failure == nil || failure.Class != message.Auth || !strings.Contains(failure.Reason, "merchant identity certificate") {
					t.Errorf("%v", failure)
				}
			})
		}
	}
}

// A server that is not Apple's gets nothing, and the operator reads that it is its certificate that is doubted.
func TestAnotherServerGetsNothing(t *testing.T) {
	t.Parallel()
	apple, r := newApplePay(t), newRig(t, charges)
	r.askAt(apple)
	r.merchant.Session = newApplePay(t).client(apple.merchant(r.merchant.ID)) // which trusts another authority
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, failure := r.merchant.newSession(ctx, gateway)
	if failure == nil || failure.Class != message.Transient || !strings.Contains(failure.Error(), "certificate") || apple.count() > 0 {
		t.Errorf("%v", failure)
	}
}

func TestASlowApplePayIsLeftInTime(t *testing.T) {
	t.Parallel()
	apple, r := newApplePay(t), newRig(t, charges)
	r.askAt(apple)
	done := make(chan struct{})
	apple.answer = func(http.ResponseWriter, *http.Request, sessionRequest) { <-done }
	t.Cleanup(func() { close(done) })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, failure := r.Ask(ctx, business, customer, requestID, basic())
	if failure == nil || failure.Class != message.Transient || !errors.Is(failure, context.DeadlineExceeded) {
		t.Errorf("%v", failure)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("after %v", took)
	}
}
