package identity

import (
	"encoding/binary"
	"encoding/hex"

	"bizbridge/bridge/seal"
)

const (
	purposeSubject seal.Purpose = "pairwise subject"

	subjectPrefix = "amb_"
	subjectSize   = 24 // bytes: no two customers meet
)

// Subject is the identifier of a person towards the helpdesk of one business: unique, always the same and opaque. A
// customer has another opaque id at each device or Apple Account; whoever signed in as the same subject of the same
// provider is one person. Businesses cannot compare the identifiers of their customers.
//
// It comes from the first key of the ring. Give it a ring of a key that is kept for good: after that of a rotated ring,
// the same person is another. [Subjects] has the earlier ones.
func Subject(ring *seal.Ring, business, provider, subject string) string {
	return Subjects(ring, business, provider, subject)[0]
}

// Subjects are the identifiers of a person by each key of the ring, the one of [Subject] first.
func Subjects(ring *seal.Ring, business, provider, subject string) []string {
	var about []byte
	for _, part := range []string{business, provider, subject} { // each with its length, so that no two triples are the same
		about = binary.BigEndian.AppendUint64(about, uint64(len(part)))
		about = append(about, part...)
	}
	values := ring.Derive(purposeSubject, string(about), subjectSize)
	subjects := make([]string, len(values))
	for i, value := range values {
		subjects[i] = subjectPrefix + hex.EncodeToString(value)
	}
	return subjects
}
