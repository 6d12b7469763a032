package message

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
)

// BusinessID names one Messages for Business account. It is a UUID; Apple and people write it in either case, so
// compare it with [BusinessID.Equal] and send it on as it was registered.
type BusinessID string

// Equal tells whether both name the same business.
func (b BusinessID) Equal(other BusinessID) bool { return strings.EqualFold(string(b), string(other)) }

// CustomerID is Apple's opaque id of one customer towards one business: "urn:mbid:" and base64, about 169 characters.
// It is compared byte for byte and never parsed.
type CustomerID string

// maxCustomerID is above the 255 that Apple asks receivers to store; it only bounds what a forger can send.
const maxCustomerID = 512

// Fault tells in words what is wrong with the id, or returns "" for one that can be sent to Apple. An id ends up in a
// header, so it is printable ASCII without spaces.
func (c CustomerID) Fault() string {
	switch {
	case c == "":
		return "is required"
	case !strings.HasPrefix(string(c), "urn:mbid:") || len(c) == len("urn:mbid:"):
		return `must be the customer_id of an event; it begins with "urn:mbid:"`
	case len(c) > maxCustomerID:
		return fmt.Sprintf("has %d characters; at most %d are possible", len(c), maxCustomerID)
	}
	for i := range len(c) {
		if c[i] <= ' ' || c[i] > '~' {
			return "has characters that no customer_id has; pass it on byte for byte"
		}
	}
	return ""
}

// ID names one message: Apple's, in lower case, for what comes from a phone, a derived one for what goes to it.
type ID string

// ParseID brings Apple's id to the one form in which ids are compared (protocol §12.33: devices send either case).
func ParseID(s string) ID { return ID(strings.ToLower(strings.TrimSpace(s))) }

// DeriveID makes a UUID (version 8) out of parts. The same parts give the same id on every retry and every replica, and
// no two different lists of parts give the same one: each is hashed with its length.
func DeriveID(parts ...string) ID {
	h := sha256.New()
	var length [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write([]byte(part))
	}
	u := h.Sum(nil)[:16]
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return ID(fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16]))
}
