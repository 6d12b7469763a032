// Package attachment is what a file in Messages for Business is: where Apple keeps it, the key that opens it, and how it
// is named and typed towards people and browsers.
//
// Apple's cipher is AES-256 in counter mode with a counter that starts at zero (protocol §5.1). The ciphertext is as long
// as the file, so files are en- and decrypted as streams from any offset. There is no integrity check in it: whoever
// reads a file compares its length with the one that was promised.
package attachment

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// KeySize is the length of a [Key] in bytes.
const KeySize = 32

// keyPrefix stands before the digits of every key on the wire.
const keyPrefix = "00"

// Key is a file's AES-256 key: fresh for each file, since the counter always starts at zero. It prints as *** wherever
// fmt, slog and encoding/json can be told so. They cannot inside an unexported field, so do not print a struct with one.
type Key [KeySize]byte

// NewKey makes a random key.
func NewKey() Key {
	var k Key
	_, _ = rand.Read(k[:]) // it never fails
	return k
}

// ParseKey reads a key as Apple writes it: "00" and 64 hex digits of either case. The error holds nothing of the key.
func ParseKey(text string) (Key, error) {
	var k Key
	digits, ok := strings.CutPrefix(text, keyPrefix)
	switch {
	case text == "":
		return Key{}, errors.New("the key is missing")
	case len(text) != len(keyPrefix)+hex.EncodedLen(KeySize):
		return Key{}, fmt.Errorf("the key has %d characters; 00 and %d hex digits are needed", len(text), hex.EncodedLen(KeySize))
	case !ok:
		return Key{}, errors.New("the key does not begin with 00")
	}
	if _, err := hex.Decode(k[:], []byte(digits)); err != nil {
		return Key{}, errors.New("the key has characters that are no hex digits") // hex's own words quote one
	}
	return k, nil
}

// Encode writes the key for Apple: "00" and lower-case hex digits.
func (k Key) Encode() string { return keyPrefix + hex.EncodeToString(k[:]) }

const redacted = "***"

func (Key) String() string { return redacted }

// GoString answers %#v.
func (Key) GoString() string { return redacted }

// Format answers every verb, so that %x does not print the bytes.
func (Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue answers slog.
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON answers encoding/json.
func (Key) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText answers every other encoder.
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Stream gives a reader that en- or decrypts r, whose first byte is at offset of the file.
func (k Key) Stream(r io.Reader, offset int64) io.Reader {
	if offset < 0 {
		panic("attachment: negative offset")
	}
	block, err := aes.NewCipher(k[:])
	if err != nil {
		panic(err) // the key's length is right
	}
	var counter [aes.BlockSize]byte
	binary.BigEndian.PutUint64(counter[8:], uint64(offset)/aes.BlockSize)
	stream := cipher.NewCTR(block, counter[:])
	if inside := offset % aes.BlockSize; inside > 0 { // what the block's first bytes were encrypted with is not needed
		var skipped [aes.BlockSize]byte
		stream.XORKeyStream(skipped[:inside], skipped[:inside])
	}
	return cipher.StreamReader{S: stream, R: r}
}
