package signature

import (
	"crypto/sha1"
	"crypto/sha256"
	"strconv"
	"strings"
	"time"
)

// Scheme is how one sender proves that a request is its own. All of it is fixed by the table: nothing of it is taken
// from a request, so nobody who sends one can choose a weaker way.
type Scheme struct {
	Name   string
	Source string // the page on which the vendor says so

	// Where the proof stands.
	Header string
	Field  string // a member of the JSON body, instead of a header
	Prefix string // before the proof
	List   bool   // several proofs, separated by spaces; one that fits is enough

	// What is signed: the text with its {placeholders} filled; "" where the proof is the secret itself.
	Template  string
	Algorithm Mechanism
	Encoding  Encoding
	Key       KeyForm

	// What the text needs beside the request.
	IDHeader   string
	TimeHeader string
	TimeField  string // a member of the JSON body, instead of a header
	Time       Unit
	Tolerance  time.Duration // how far the time may be from ours, either way
}

// Mechanism is the algorithm that makes the proof.
type Mechanism string

// The mechanisms. SHA256 is no MAC but a hash of the secret and the text, one after the other. Token is no signature:
// the proof is the secret.
const (
	HMACSHA1   Mechanism = "HMAC-SHA-1"
	HMACSHA256 Mechanism = "HMAC-SHA-256"
	SHA256     Mechanism = "SHA-256"
	RSASHA256  Mechanism = "RSA-SHA-256"
	Token      Mechanism = "token"
)

// size is how long a proof is; 0: that depends.
func (m Mechanism) size() int {
	switch m {
	case HMACSHA1:
		return sha1.Size
	case HMACSHA256, SHA256:
		return sha256.Size
	}
	return 0
}

// Encoding is how the proof is written.
type Encoding string

// The encodings.
const (
	Hex    Encoding = "hex"
	Base64 Encoding = "base64"
	Plain  Encoding = "plain"
)

// KeyForm is how a secret is written.
type KeyForm string

// The forms: a text that is used as it is, base64 after whsec_, and an RSA key.
const (
	KeyText  KeyForm = "text"
	KeyWhsec KeyForm = "whsec_"
	KeyPEM   KeyForm = "PEM"
)

// Unit is how a time is written.
type Unit string

// The units.
const (
	Seconds      Unit = "seconds"
	Milliseconds Unit = "milliseconds"
	ISO8601      Unit = "ISO 8601"
)

func (u Unit) read(text string) (time.Time, bool) {
	if u == ISO8601 {
		at, err := time.Parse(time.RFC3339, text)
		return at, err == nil
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if u == Milliseconds {
		return time.UnixMilli(number), err == nil
	}
	return time.Unix(number, 0), err == nil
}

func (u Unit) write(at time.Time) string {
	switch u {
	case ISO8601:
		return at.UTC().Format(time.RFC3339)
	case Milliseconds:
		return strconv.FormatInt(at.UnixMilli(), 10)
	}
	return strconv.FormatInt(at.Unix(), 10)
}

// CoversURL tells whether [Request.URL] has to be what the sender called, and not just its query.
func (s Scheme) CoversURL() bool { return strings.Contains(s.Template, "{url") }

// CoversForm tells whether only forms can be signed, and bodies whose hash the URL holds.
func (s Scheme) CoversForm() bool { return strings.Contains(s.Template, "{form}") }

// Lookup finds a scheme by its name.
func Lookup(name string) (Scheme, bool) {
	for _, scheme := range schemes {
		if scheme.Name == name {
			return scheme, true
		}
	}
	return Scheme{}, false
}

// TokenIn is the scheme of senders that cannot sign: a header has the secret as it is.
func TokenIn(header string) Scheme {
	return Scheme{Header: header, Algorithm: Token, Encoding: Plain, Key: KeyText}
}

// Names are those of all schemes, in the order of the table.
func Names() []string {
	names := make([]string, len(schemes))
	for i, scheme := range schemes {
		names[i] = scheme.Name
	}
	return names
}
