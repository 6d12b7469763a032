// Package signature signs and verifies webhooks and calls, each in one of the schemes of a table: Standard Webhooks, which
// is the bridge's own, and those of the helpdesks. The README of this folder lists them.
package signature

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
