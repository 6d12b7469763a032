package signature

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Keys are the secrets of one scheme: the first signs, all verify. They are safe for concurrent use.
type Keys struct {
	scheme   Scheme
	template []part
	keys     []key
}

// New reads the secrets of a scheme. An error names the position of the secret, never its text.
func New(scheme Scheme, secrets ...string) (*Keys, error) {
	if len(secrets) == 0 {
		return nil, errors.New("at least one secret is needed")
	}
	k := &Keys{scheme: scheme, template: parts(scheme.Template)}
	for i, secret := range secrets {
		parsed, err := scheme.newKey(secret)
		if err != nil {
			return nil, fmt.Errorf("secret %d %w", i+1, err)
		}
		k.keys = append(k.keys, parsed)
	}
	return k, nil
}

// maxProofs bounds the work that one header can cause; a rotation needs two.
const maxProofs = 10

// Verify checks a request and returns its id, where the scheme has one. The error is always an [*Error].
func (k *Keys) Verify(req Request, now time.Time) (id string, err error) {
	id, ts, given, err := k.read(req)
	if err != nil {
		return "", err
	}
	if ts != "" {
		if err := k.checkTime(k.scheme.TimeHeader, ts, now); err != nil {
			return "", err
		}
	}
	proofs := k.proofs(given)
	if len(proofs) == 0 {
		return "", k.malformed()
	}
	text, err := k.text(req, id, ts)
	if err != nil {
		return "", err
	}
	if !k.fits(text, proofs) {
		return "", k.mismatch()
	}
	return id, k.checkBodyTime(req.Body, now)
}

// read takes what stands beside the body. All of it has to be there.
func (k *Keys) read(req Request) (id, ts, proof string, err error) {
	take := func(name string) string {
		if name == "" {
			return ""
		}
		value := req.Header.Get(name)
		if value == "" && err == nil {
			err = &Error{Missing, "the header " + name + " is missing"}
		}
		return value
	}
	id, ts, proof = take(k.scheme.IDHeader), take(k.scheme.TimeHeader), take(k.scheme.Header)
	if field := k.scheme.Field; field != "" {
		if proof = member(req.Body, field); proof == "" {
			err = &Error{Missing, "the body has no " + field}
		}
	}
	return id, ts, proof, err
}

func (k *Keys) checkTime(place, text string, now time.Time) error {
	at, ok := k.scheme.Time.read(text)
	if !ok {
		return &Error{Malformed, fmt.Sprintf("%s is no time in %s", place, k.scheme.Time)}
	}
	if age := now.Sub(at); age > k.scheme.Tolerance || age < -k.scheme.Tolerance {
		return &Error{Stale, fmt.Sprintf("%s is more than %d minutes from now; check the clock, and sign each attempt anew",
			place, int(k.scheme.Tolerance.Minutes()))}
	}
	return nil
}

// checkBodyTime looks at a time that is part of what was signed. So a body without one has none.
func (k *Keys) checkBodyTime(body []byte, now time.Time) error {
	if k.scheme.TimeField == "" {
		return nil
	}
	text := member(body, k.scheme.TimeField)
	if text == "" {
		return nil
	}
	return k.checkTime(k.scheme.TimeField, text, now)
}

// proofs are those of a header that could be right.
func (k *Keys) proofs(given string) [][]byte {
	if !k.scheme.List {
		if proof, ok := k.decode(given); ok {
			return [][]byte{proof}
		}
		return nil
	}
	var proofs [][]byte
	for field := range strings.FieldsSeq(given) {
		if proof, ok := k.decode(field); ok {
			proofs = append(proofs, proof)
		}
		if len(proofs) == maxProofs {
			break
		}
	}
	return proofs
}

func (k *Keys) decode(given string) (proof []byte, ok bool) {
	given, ok = strings.CutPrefix(given, k.scheme.Prefix)
	if !ok {
		return nil, false
	}
	var err error
	switch k.scheme.Encoding {
	case Hex:
		proof, err = hex.DecodeString(given)
	case Base64:
		proof, err = base64.StdEncoding.Strict().DecodeString(given)
	default:
		proof = []byte(given)
	}
	size := k.scheme.Algorithm.size()
	return proof, err == nil && len(proof) > 0 && (size == 0 || len(proof) == size)
}

func (k *Keys) encode(proof []byte) string {
	switch k.scheme.Encoding {
	case Hex:
		return k.scheme.Prefix + hex.EncodeToString(proof)
	case Base64:
		return k.scheme.Prefix + base64.StdEncoding.EncodeToString(proof)
	}
	return k.scheme.Prefix + string(proof)
}

func (k *Keys) fits(text, proofs [][]byte) bool {
	for _, key := range k.keys {
		for _, proof := range proofs {
			if key.fits(text, proof) {
				return true
			}
		}
	}
	return false
}

func (k *Keys) place() string { return cmp.Or(k.scheme.Header, k.scheme.Field) }

func (k *Keys) malformed() *Error {
	return &Error{Malformed, fmt.Sprintf("%s holds no %s<%s of %s>", k.place(), k.scheme.Prefix, k.scheme.Encoding, k.scheme.Algorithm)}
}

func (k *Keys) mismatch() *Error {
	if k.scheme.Algorithm == Token {
		return &Error{Mismatch, k.place() + " has none of the secrets"}
	}
	return &Error{Mismatch, fmt.Sprintf("no %s fits; sign %s, with the raw body and the right secret", k.place(), k.scheme.Template)}
}

// CanSign tells why these keys cannot sign. The error completes "the secret …".
func (k *Keys) CanSign() error {
	if k.scheme.Field != "" {
		return errors.New("has to stand in the body, which is not ours to change")
	}
	if first, ok := k.keys[0].(rsaKey); ok && first.private == nil {
		return errPublicKey
	}
	return nil
}

// Sign sets the headers of the scheme. Each attempt at the same call carries the same id and a new time.
func (k *Keys) Sign(req Request, id string, now time.Time) error {
	if err := k.CanSign(); err != nil {
		return err
	}
	ts := k.scheme.Time.write(now)
	text, err := k.text(req, id, ts)
	if err != nil {
		return err
	}
	proof, err := k.keys[0].sign(text)
	if err != nil {
		return err
	}
	k.set(req, id, ts, proof)
	return nil
}

func (k *Keys) set(req Request, id, ts string, proof []byte) {
	if k.scheme.IDHeader != "" {
		req.Header.Set(k.scheme.IDHeader, id)
	}
	if k.scheme.TimeHeader != "" {
		req.Header.Set(k.scheme.TimeHeader, ts)
	}
	req.Header.Set(k.scheme.Header, k.encode(proof))
}
