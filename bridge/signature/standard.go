// Package signature signs and verifies webhooks.
//
// The one scheme so far is Standard Webhooks 1.0.0 (https://www.standardwebhooks.com): HMAC-SHA-256 over
// id.timestamp.body with a secret written as whsec_ and base64.
package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
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

// Reason tells why a signature was refused; it is a label of the metrics, so the set is closed.
type Reason string

// The reasons.
const (
	Missing    Reason = "missing"
	Malformed  Reason = "malformed"
	Mismatch   Reason = "mismatch"
	Stale      Reason = "stale"
	Audience   Reason = "audience"
	Algorithm  Reason = "algorithm"
	UnknownKey Reason = "unknown_key"
	Expired    Reason = "expired"
	Purpose    Reason = "purpose"
)

// Reasons lists them all.
var Reasons = []Reason{Missing, Malformed, Mismatch, Stale, Audience, Algorithm, UnknownKey, Expired, Purpose}

// Error is a signature that was refused. Its text may go to whoever sent it: it says what to correct, and nothing of
// the secret.
type Error struct {
	Reason Reason
	Text   string
}

func (e *Error) Error() string { return e.Text }

// Standard signs with its first secret and verifies with all.
type Standard struct {
	keys [][]byte
}

// NewStandard reads secrets as [ParseSecret] does, the first of which signs. An error names the
// position of the secret, never its text.
func NewStandard(secrets ...string) (*Standard, error) {
	if len(secrets) == 0 {
		return nil, errors.New("at least one secret is needed")
	}
	scheme := &Standard{}
	for i, secret := range secrets {
		key, err := ParseSecret(secret)
		if err != nil {
			return nil, fmt.Errorf("secret %d %w", i+1, err)
		}
		scheme.keys = append(scheme.keys, key)
	}
	return scheme, nil
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

func sign(key []byte, id, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return mac.Sum(nil)
}

// Sign sets the three headers. Each attempt at the same message carries the same id and a new time.
func (s *Standard) Sign(header http.Header, id string, now time.Time, body []byte) {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	header.Set(HeaderID, id)
	header.Set(HeaderTimestamp, timestamp)
	header.Set(HeaderSignature, "v1,"+base64.StdEncoding.EncodeToString(sign(s.keys[0], id, timestamp, body)))
}

// SignReader is [Standard.Sign] for a body that is too large to be held: it is read to its end.
func (s *Standard) SignReader(header http.Header, id string, now time.Time, body io.Reader) error {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, s.keys[0])
	mac.Write([]byte(id + "." + timestamp + "."))
	if _, err := io.Copy(mac, body); err != nil {
		return err
	}
	header.Set(HeaderID, id)
	header.Set(HeaderTimestamp, timestamp)
	header.Set(HeaderSignature, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return nil
}

// maxSignatures bounds the work that one header can cause; a rotation needs two.
const maxSignatures = 10

// Verify checks the headers against the raw body and returns the webhook's id. The error is always an [*Error].
func (s *Standard) Verify(header http.Header, body []byte, now time.Time) (id string, err error) {
	id, timestamp, signatures := header.Get(HeaderID), header.Get(HeaderTimestamp), header.Get(HeaderSignature)
	if id == "" || timestamp == "" || signatures == "" {
		return "", &Error{Missing, "webhook-id, webhook-timestamp and webhook-signature are needed"}
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return "", &Error{Malformed, "webhook-timestamp is not a number of seconds"}
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > Tolerance || age < -Tolerance {
		return "", &Error{Stale, "webhook-timestamp is more than five minutes from now; check the clock, and sign each attempt anew"}
	}
	candidates := s.candidates(signatures)
	if len(candidates) == 0 {
		return "", &Error{Malformed, "webhook-signature holds no v1,<base64> of 32 bytes"}
	}
	for _, key := range s.keys {
		expected := sign(key, id, timestamp, body)
		for _, candidate := range candidates {
			if hmac.Equal(expected, candidate) {
				return id, nil
			}
		}
	}
	return "", &Error{Mismatch, "no webhook-signature fits; sign id.timestamp.body, with the raw body and the shared secret"}
}

func (s *Standard) candidates(signatures string) [][]byte {
	var candidates [][]byte
	for _, field := range strings.Fields(signatures) {
		text, ok := strings.CutPrefix(field, "v1,")
		if !ok {
			continue // v1a is asymmetric; others do not exist yet
		}
		if mac, err := base64.StdEncoding.DecodeString(text); err == nil && len(mac) == sha256.Size {
			candidates = append(candidates, mac)
		}
		if len(candidates) == maxSignatures {
			break
		}
	}
	return candidates
}
