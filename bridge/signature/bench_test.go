package signature

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"
)

// BenchmarkSchemes signs and verifies a kilobyte by every scheme.
func BenchmarkSchemes(b *testing.B) {
	now, body := time.Unix(1785574920, 0), []byte(`{"secret_key":"hunter2","timestamp":"2026-08-01T09:02:00Z","text":"`+strings.Repeat("x", 1000)+`"}`)
	sum := sha256.Sum256(body)
	for _, s := range schemes {
		k := keysOf(b, s.Name, secretOf(s))
		req := Request{Method: "POST", URL: "https://bridge.example.com/hook?bodySHA256=" + hex.EncodeToString(sum[:]), Header: http.Header{}, Body: body}
		if s.Field == "" {
			b.Run("sign/"+s.Name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := k.Sign(req, "msg_1", now); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run("verify/"+s.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := k.Verify(req, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
