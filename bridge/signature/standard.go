package signature

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// The headers of Standard Webhooks.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// Tolerance is how far a webhook's time may be from ours, either way.
const Tolerance = 5 * time.Minute

// Standard is [Keys] of Standard Webhooks 1.0.0 (https://www.standardwebhooks.com), the scheme that the bridge itself
// uses: HMAC-SHA-256 over id.timestamp.body with a secret written as whsec_ and base64.
type Standard struct{ keys *Keys }

// NewStandard reads secrets as [ParseSecret] does, the first of which signs. An error names the
// position of the secret, never its text.
func NewStandard(secrets ...string) (*Standard, error) {
	scheme, _ := Lookup(StandardWebhooks)
	keys, err := New(scheme, secrets...)
	if err != nil {
		return nil, err
	}
	return &Standard{keys}, nil
}

// ParseSecret reads one secret in the form whsec_<base64 of 24 to 64 bytes>. The error completes "the secret …" and
// holds nothing of it.
func ParseSecret(secret string) ([]byte, error) {
	text, ok := strings.CutPrefix(strings.TrimSpace(secret), "whsec_")
	if !ok {
		return nil, errors.New("does not begin with whsec_")
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		key, err = base64.RawStdEncoding.DecodeString(text)
	}
	if err != nil {
		return nil, errors.New("is not base64 after whsec_")
	}
	if len(key) < 24 || len(key) > 64 {
		return nil, fmt.Errorf("has %d bytes; 24 to 64 are needed", len(key))
	}
	return key, nil
}

// Sign sets the three headers. Each attempt at the same message carries the same id and a new time.
func (s *Standard) Sign(header http.Header, id string, now time.Time, body []byte) {
	_ = s.keys.Sign(Request{Header: header, Body: body}, id, now) // a template of id, time and body cannot fail
}

// SignReader is [Standard.Sign] for a body that is too large to be held: it is read to its end.
func (s *Standard) SignReader(header http.Header, id string, now time.Time, body io.Reader) error {
	ts := s.keys.scheme.Time.write(now)
	mac := s.keys.keys[0].(digest)()
	mac.Write([]byte(id + "." + ts + "."))
	if _, err := io.Copy(mac, body); err != nil {
		return err
	}
	s.keys.set(Request{Header: header}, id, ts, mac.Sum(nil))
	return nil
}

// Verify checks the headers against the raw body and returns the webhook's id. The error is always an [*Error].
func (s *Standard) Verify(header http.Header, body []byte, now time.Time) (id string, err error) {
	return s.keys.Verify(Request{Header: header, Body: body}, now)
}
