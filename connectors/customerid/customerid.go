// Package customerid writes Apple's opaque customer ids in forms that helpdesks take.
//
// An id has "/", "+" and "=", which paths and queries of many helpdesks do not survive, and about 169 characters, which
// some have no room for. There are three forms:
//
//   - [Reversible], "mbid_…": what to use wherever it fits. [Parse] is the way back.
//   - [Hashed], "amb_…": for helpdesks with less room. There is no way back, so the id itself must also be kept in an
//     attribute of the contact or conversation, and [Belongs] tells whether what comes out of it is the right one.
//   - [Email]: for helpdesks that insist on an e-mail address. Nothing can be delivered to it.
//
// [Fitting] chooses between the first two. All are the same on every call and every replica, and are made of letters,
// digits, "-" and "_" only, but for the "@" and the dot of the address.
package customerid

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"bizbridge/bridge/message"
)

const (
	applePrefix      = "urn:mbid:"
	reversiblePrefix = "mbid_"
	hashedPrefix     = "amb_"
	emailPrefix      = "amb-"
	emailDomain      = "@amb.invalid" // reserved by RFC 2606
)

// How long the forms are, in characters, all of them ASCII.
const (
	// UsualLen is the most that [Reversible] gives for the ids that Apple is known to send: 160 characters of base64 behind
	// "urn:mbid:", with or without padding. MaxLen is the most that it ever gives, as [message.CustomerID.Fault] ends an id at
	// 512.
	UsualLen = len(reversiblePrefix) + 160
	MaxLen   = len(reversiblePrefix) + (512 - len(applePrefix))
	// HashedLen is the length of [Hashed].
	HashedLen = len(hashedPrefix) + 2*sha256.Size // 68
	// EmailLen is the length of [Email].
	EmailLen = len(emailPrefix) + sha256.Size + len(emailDomain) // 48
)

// Reversible gives the form that [Parse] reads: the same bytes in the base64 of URLs, without padding. It is case-sensitive.
// false: the id is not base64 as Apple writes it, and would come back as another one; there is [Hashed].
func Reversible(id message.CustomerID) (string, bool) {
	encoded, ok := strings.CutPrefix(string(id), applePrefix)
	if !ok || id.Fault() != "" {
		return "", false
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || base64.StdEncoding.EncodeToString(raw) != encoded {
		return "", false
	}
	return reversiblePrefix + base64.RawURLEncoding.EncodeToString(raw), true
}

// Parse gives the id whose form was made by [Reversible]; false for everything else.
func Parse(form string) (message.CustomerID, bool) {
	encoded, ok := strings.CutPrefix(form, reversiblePrefix)
	if !ok || len(form) > MaxLen {
		return "", false
	}
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return "", false
	}
	id := message.CustomerID(applePrefix + base64.StdEncoding.EncodeToString(raw))
	again, ok := Reversible(id) // one id has one form: the decoder overlooks line ends and stray bits
	return id, ok && again == form
}

// Hashed gives a form of [HashedLen] characters, in lower case. It exists for every id.
func Hashed(id message.CustomerID) string { return hashedPrefix + digest(id) }

// Email gives an address of [EmailLen] characters. It is in lower case, as many helpdesks bring addresses to it and find
// contacts by them.
func Email(id message.CustomerID) string { return emailPrefix + digest(id)[:sha256.Size] + emailDomain }

func digest(id message.CustomerID) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

// Fitting gives the form for a helpdesk whose ids have at most limit characters; 0: it has no limit. That is the
// reversible one if it fits, else the hashed one: with a limit of 128, always the latter. The choice depends on the id and
// the limit only, so that a helpdesk finds the customer again. "" where neither fits, below [HashedLen].
func Fitting(id message.CustomerID, limit int) string {
	fits := func(form string) bool { return limit <= 0 || len(form) <= limit }
	if form, ok := Reversible(id); ok && fits(form) {
		return form
	}
	if form := Hashed(id); fits(form) {
		return form
	}
	return ""
}

// Belongs tells whether a form of any kind is that of the id. A helpdesk keeps the id in an attribute that people can edit
// or copy; sending to whom it names would be sending to somebody else. Upper and lower case count in the reversible form
// only.
func Belongs(form string, id message.CustomerID) bool {
	if reversible, ok := Reversible(id); ok && form == reversible {
		return true
	}
	return strings.EqualFold(form, Hashed(id)) || strings.EqualFold(form, Email(id))
}
