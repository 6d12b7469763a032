// Package idr reads what stands behind an Interactive Data Reference: the answer to an interactive message that was too
// large for the message itself (protocol §6).
//
// Apple's decodePayload is the way to read it, and [Envelope] takes its answer. [Decode] is for when Apple cannot: it
// reads the archive itself, well enough to show the answer. Both read bytes from outside: the time and memory that they
// take are bounded by [MaxSize], whatever the bytes say.
package idr

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxSize bounds what is read, also after inflating. The images of a list picker, which answers echo, are 5 MB at most,
// and their base64 within base64 is not twice as much.
const MaxSize = 16 << 20

// Errors of this package; their texts hold nothing of what was read.
var (
	ErrTooLarge = fmt.Errorf("the interactive data is larger than %d bytes", MaxSize)
	ErrForm     = errors.New("the interactive data has an unknown form")
)

// Decode reads the decrypted bytes of a reference and gives the interactiveData object, in the shape that a reply has
// without a reference. From an archive it has what the archive's address carries: data with the messages and the answer,
// and the session.
func Decode(plain []byte) (json.RawMessage, error) {
	inflated, err := inflate(plain)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(inflated, []byte(binaryMagic)) {
		return decodeArchive(inflated)
	}
	return Envelope(inflated)
}

func inflate(plain []byte) ([]byte, error) {
	if len(plain) > MaxSize {
		return nil, ErrTooLarge
	}
	if !bytes.HasPrefix(plain, []byte{0x1f, 0x8b}) {
		return plain, nil
	}
	zip, err := gzip.NewReader(bytes.NewReader(plain))
	if err != nil {
		return nil, fmt.Errorf("the interactive data cannot be inflated: %w", err)
	}
	inflated, err := io.ReadAll(io.LimitReader(zip, MaxSize+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the interactive data cannot be inflated: %w", err)
	case len(inflated) > MaxSize:
		return nil, ErrTooLarge
	}
	return inflated, nil
}

// Envelope takes the interactiveData object out of JSON: the member of that name (form A of protocol §6.2), or the
// object itself (form B) where it has a member that says so.
func Envelope(raw []byte) (json.RawMessage, error) {
	if len(raw) > MaxSize {
		return nil, ErrTooLarge
	}
	outer := object(raw)
	if outer == nil {
		return nil, ErrForm
	}
	if inner := outer["interactiveData"]; isObject(inner) {
		return inner, nil
	}
	for _, member := range []string{"data", "URL", "bid"} {
		if _, ok := outer[member]; ok {
			return bytes.TrimSpace(raw), nil
		}
	}
	return nil, ErrForm
}

// object reads one level of a JSON object; nil for everything else.
func object(raw []byte) map[string]json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return nil
	}
	return members
}

// isObject and isArray look at valid JSON without white space around it, as a [json.RawMessage] member is.
func isObject(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }

func isArray(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '[' }
