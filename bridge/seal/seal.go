// Package seal keeps what the bridge must remember in the hands of others: sealed, expiring, purpose-bound tokens, and
// keyed hashes of what must not be seen. Any replica with the same keys opens what another sealed.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"bizbridge/bridge/signature"
)

// KeySize is the length of a master key in bytes.
const KeySize = 32

// Purpose binds a token to its use: a token sealed for one is refused for every other.
type Purpose string

// PurposeContext is for what the bridge wants to know again of a customer's device when the helpdesk answers.
const PurposeContext Purpose = "context"

// PurposeChoice is for the options of a numbered text, kept beside its conversation in the helpdesk.
const PurposeChoice Purpose = "choice"

// Why a token does not open. They are told apart for the operator's metric; whoever sent the token learns nothing.
var (
	ErrMalformed  = errors.New("not a token")
	ErrUnknownKey = errors.New("sealed with a key that is not in the key ring")
	ErrMismatch   = errors.New("altered, or sealed for another purpose or subject")
	ErrExpired    = errors.New("expired")
)

// Reason is how the metrics name why a token does not open.
func Reason(err error) signature.Reason {
	switch {
	case errors.Is(err, ErrExpired):
		return signature.Expired
	case errors.Is(err, ErrUnknownKey):
		return signature.UnknownKey
	case errors.Is(err, ErrMismatch):
		return signature.Mismatch
	}
	return signature.Malformed
}

const (
	version   = 1
	keyIDSize = 4
	headSize  = 1 + keyIDSize
	timeSize  = 8
	overhead  = headSize + 12 + timeSize + 16 // version and key id, nonce, expiry, tag
	hashSize  = 12
)

// Ring is an ordered list of master keys: the first seals, all open. It is safe for concurrent use.
type Ring struct {
	keys    []ringKey
	hashKey []byte
}

type ringKey struct {
	master []byte
	id     [keyIDSize]byte
	aeads  sync.Map // Purpose → cipher.AEAD: sub-keys are derived once
}

// NewRing makes a ring of at least one master key of [KeySize] bytes each.
func NewRing(masters ...[]byte) (*Ring, error) {
	if len(masters) == 0 {
		return nil, errors.New("a key ring needs at least one key")
	}
	ring := &Ring{keys: make([]ringKey, len(masters))}
	for i, master := range masters {
		if len(master) != KeySize {
			return nil, fmt.Errorf("key %d has %d bytes; %d are needed", i+1, len(master), KeySize)
		}
		key := &ring.keys[i]
		key.master = master
		copy(key.id[:], key.derive("key id"))
	}
	ring.hashKey = ring.keys[0].derive("log hash")
	return ring, nil
}

func (k *ringKey) derive(info string) []byte {
	derived, err := hkdf.Key(sha256.New, k.master, nil, "bizbridge "+info, KeySize)
	if err != nil {
		panic(err) // only for lengths that HKDF cannot give
	}
	return derived
}

func (k *ringKey) aead(purpose Purpose) cipher.AEAD {
	if cached, ok := k.aeads.Load(purpose); ok {
		return cached.(cipher.AEAD)
	}
	block, err := aes.NewCipher(k.derive("seal " + string(purpose)))
	if err != nil {
		panic(err) // the key's length is right
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	k.aeads.Store(purpose, aead)
	return aead
}

// Seal makes a URL-safe token out of plaintext. It opens only for the same purpose and subject (for example the
// customer it is about), until expires.
func (r *Ring) Seal(purpose Purpose, subject string, expires time.Time, plaintext []byte) string {
	key := &r.keys[0]
	sealed := make([]byte, 0, overhead+len(plaintext))
	sealed = append(sealed, version)
	sealed = append(sealed, key.id[:]...)
	content := make([]byte, timeSize, timeSize+len(plaintext))
	binary.BigEndian.PutUint64(content, uint64(expires.Unix()))
	content = append(content, plaintext...)
	sealed = key.aead(purpose).Seal(sealed, nil, content, []byte(subject))
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// Open gives back what was sealed, or one of the errors of this package.
func (r *Ring) Open(purpose Purpose, subject, token string, now time.Time) ([]byte, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || strings.ContainsAny(token, "\r\n") || len(sealed) < overhead || sealed[0] != version { // base64 skips line ends
		return nil, ErrMalformed
	}
	known := false
	for i := range r.keys {
		key := &r.keys[i]
		if [keyIDSize]byte(sealed[1:headSize]) != key.id {
			continue
		}
		known = true
		content, err := key.aead(purpose).Open(nil, nil, sealed[headSize:], []byte(subject))
		if err != nil {
			continue // another key may have the same short id
		}
		expires := binary.BigEndian.Uint64(content)
		if expires > math.MaxInt64 || !now.Before(time.Unix(int64(expires), 0)) {
			return nil, ErrExpired
		}
		return content[timeSize:], nil
	}
	if !known {
		return nil, ErrUnknownKey
	}
	return nil, ErrMismatch
}

// Hash stands for an id in logs: the same id gives the same hash, and without the key nobody gets back to the id.
func (r *Ring) Hash(id string) string {
	mac := hmac.New(sha256.New, r.hashKey)
	mac.Write([]byte(id))
	return hex.EncodeToString(mac.Sum(nil)[:hashSize])
}

// Derive gives size bytes, at most 8160, for a subject from each master key, the sealing one first. The same are given
// again at any time, so nobody keeps them; as a rotation may come between, whoever needs them again tries all.
func (r *Ring) Derive(purpose Purpose, subject string, size int) [][]byte {
	values := make([][]byte, len(r.keys))
	for i := range r.keys {
		// The purpose has a key of its own, so that no purpose and subject are another pair's, run together.
		value, err := hkdf.Expand(sha256.New, r.keys[i].derive("derive "+string(purpose)), subject, size)
		if err != nil {
			panic(err) // only for lengths that HKDF cannot give
		}
		values[i] = value
	}
	return values
}
