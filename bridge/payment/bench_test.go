package payment

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
)

// A consent that the provider is asked of: each has its own request.
func BenchmarkGateway(b *testing.B) {
	r := newRig(b, Test{})
	r.Logger = slog.New(slog.DiscardHandler)
	body := change(b, fixture(b, "gateway-request"), "payment.paymentToken.paymentData.data", strings.Repeat("A", 4096))
	token := r.seal()
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		r.Memory.requests.Remove(memoryKey(asked().Request))
		r.told = r.told[:0]
		recorder := httptest.NewRecorder()
		r.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)), token, EndpointGateway)
		if recorder.Code != http.StatusOK {
			b.Fatal(recorder.Body)
		}
	}
}

func BenchmarkUpdateByRules(b *testing.B) {
	r, token := byRules(b, shopRules, "10.00")
	body := sentTo(b, "US", "CA")
	b.ReportAllocs()
	for b.Loop() {
		recorder := httptest.NewRecorder()
		r.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)), token, EndpointContact)
	}
}

func BenchmarkToken(b *testing.B) {
	ring := testRing(b, 1)
	full := asked(func(a *request) {
		a.Rules = shopRules.digest()
		for _, name := range names("Item with a name ", 10) {
			a.Items = append(a.Items, message.LineItem{Label: message.Label(name), Amount: "1.00"})
		}
	})
	for name, request := range map[string]request{"plain": asked(), "10 items": full} {
		token := sealRequest(ring, request, start.Add(time.Hour))
		b.Run("seal/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sealRequest(ring, request, start.Add(time.Hour))
			}
			b.ReportMetric(float64(len(token)), "bytes/token")
		})
		b.Run("open/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := openRequest(ring, token, start); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
