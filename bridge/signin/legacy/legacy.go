// Package legacy has the keys of Apple's old sign-in (capability AUTH): the customer's device fetches the access token
// itself and sends it encrypted to a key that came with the request.
//
// The key pair of a request is derived from the master keys and the request's id. Nothing is stored, and any replica
// opens the answer.
package legacy

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf8"

	"bizbridge/bridge/seal"
)

// MaxToken is how many characters of base64 a token may have.
const MaxToken = 16 << 10

// Why a token does not open. No text has anything of the token, of what is in it or of a key.
var (
	ErrTooLong   = errors.New("the device's token is longer than 16 KB")
	ErrNotBase64 = errors.New("the device's token is not base64")
	ErrTruncated = errors.New("the device's token is cut short: it needs a public key of 97 bytes and a tag of 16")
	ErrPoint     = errors.New("the device's token does not begin with an uncompressed point of the curve P-384")
	ErrMismatch  = errors.New("the device's token is altered, or encrypted to the key of another request or of a master key that is gone")
	ErrPlaintext = errors.New("the device's token holds no access token: what is in it is empty, not UTF-8 or has control characters")
)

const purpose seal.Purpose = "legacy sign-in"

const (
	scalarSize = 48
	pointSize  = 1 + 2*scalarSize
	keySize    = 32
	nonceSize  = 16 // not the usual 12
	tagSize    = 16
	candidates = 4
)

// Keys are the key pairs of one request, one of each master key. The first is for asking, all are for the answer.
type Keys struct {
	seeds [][]byte
}

// New derives the keys of a request. Its id must be unique among all requests of the bridge.
func New(ring *seal.Ring, requestID string) *Keys {
	return &Keys{ring.Derive(purpose, requestID, candidates*scalarSize)}
}

// privateKey takes the first piece of seed that is a scalar of the curve, from 1 to its order less 1. Nearly every one
// is: one in 2^194 is not, and candidates in a row are not within the life of the universe.
func privateKey(seed []byte) *ecdh.PrivateKey {
	for ; len(seed) >= scalarSize; seed = seed[scalarSize:] {
		if key, err := ecdh.P384().NewPrivateKey(seed[:scalarSize]); err == nil {
			return key
		}
	}
	panic("legacy: no scalar in the seed")
}

// ResponseEncryptionKey is the public key as the request carries it: the uncompressed point in standard base64, which
// is the one form that devices take.
func (k *Keys) ResponseEncryptionKey() string {
	return base64.StdEncoding.EncodeToString(privateKey(k.seeds[0]).PublicKey().Bytes())
}

// Open decrypts the token of the device's answer. The error is one of this package.
func (k *Keys) Open(token string) (accessToken string, err error) {
	sealed, err := decode(token)
	if err != nil {
		return "", err
	}
	if len(sealed) < pointSize+tagSize {
		return "", ErrTruncated
	}
	point, sealed := sealed[:pointSize], sealed[pointSize:]
	ephemeral, err := ecdh.P384().NewPublicKey(point)
	if err != nil {
		return "", ErrPoint
	}
	for _, seed := range k.seeds {
		shared, err := privateKey(seed).ECDH(ephemeral)
		if err != nil {
			return "", ErrPoint // the curve has no point for which this fails
		}
		plaintext, err := open(shared, point, sealed)
		if err != nil {
			continue // perhaps asked with another master key
		}
		if !isAccessToken(plaintext) {
			return "", ErrPlaintext
		}
		return string(plaintext), nil
	}
	return "", ErrMismatch
}

// decode takes each base64 alphabet, padded or not, but no other characters and no second way to write the same bytes.
func decode(token string) ([]byte, error) {
	if len(token) > MaxToken {
		return nil, ErrTooLong
	}
	if strings.ContainsAny(token, "\r\n") { // base64 skips line ends
		return nil, ErrNotBase64
	}
	encoding := base64.StdEncoding
	if strings.ContainsAny(token, "-_") {
		encoding = base64.URLEncoding
	}
	if !strings.HasSuffix(token, "=") {
		encoding = encoding.WithPadding(base64.NoPadding)
	}
	decoded, err := encoding.Strict().DecodeString(token)
	if err != nil {
		return nil, ErrNotBase64
	}
	return decoded, nil
}

// open is what Apple's Security framework calls ECIES-Cofactor-VariableIV-X963-SHA256-AESGCM, after the agreement.
func open(shared, point, sealed []byte) ([]byte, error) {
	key, nonce := deriveKey(shared, point)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithNonceSize(block, nonceSize)
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, nonce, sealed, nil)
}

// deriveKey is the key derivation of ANSI X9.63 with SHA-256, the ephemeral public key being the shared info.
func deriveKey(shared, point []byte) (key, nonce []byte) {
	var derived []byte
	for counter := uint32(1); len(derived) < keySize+nonceSize; counter++ {
		hash := sha256.New()
		hash.Write(shared)
		hash.Write(binary.BigEndian.AppendUint32(nil, counter))
		hash.Write(point)
		derived = hash.Sum(derived)
	}
	return derived[:keySize], derived[keySize : keySize+nonceSize]
}

// isAccessToken refuses what could not stand in an Authorization header: the customer's device chose the text.
func isAccessToken(plaintext []byte) bool {
	if len(plaintext) == 0 || !utf8.Valid(plaintext) {
		return false
	}
	for _, c := range plaintext {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return true
}
