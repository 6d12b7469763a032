package identity

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"bizbridge/bridge/seal"
)

// An identity counts when a provider has told it and Apple has confirmed it, and these two facts may reach two replicas,
// of which none stores anything. So the helpdesk keeps both, sealed, and shows them when it asks for a token.
const (
	purposeAssertion    seal.Purpose = "identity assertion"
	purposeConfirmation seal.Purpose = "sign-in confirmation"

	// ProofTTL is how long an assertion and a confirmation hold.
	ProofTTL = 24 * time.Hour
	// MaxProof is in characters: neither is ever longer.
	MaxProof = 8 << 10
	// maxProofContent is what fits into MaxProof, in bytes of JSON.
	maxProofContent = 6000
)

// Request is one request to sign in: who was asked, and where.
type Request struct {
	Business string `json:"business"`
	Customer string `json:"customer"`
	Provider string `json:"provider"`
	ID       string `json:"request_id"`
}

// Is tells whether both are the same request. Ids that are UUIDs come in either case.
func (r Request) Is(other Request) bool {
	return strings.EqualFold(r.Business, other.Business) && r.Customer == other.Customer && r.Provider == other.Provider &&
		strings.EqualFold(r.ID, other.ID)
}

// Assertion is who somebody has proved to be at a provider, when opening the link of a request.
type Assertion struct {
	Request
	Subject   string         `json:"subject"`
	Claims    map[string]any `json:"claims,omitempty"`
	Confirmed bool           `json:"confirmed,omitempty"` // Apple's word came with it: the old flow
}

// SealAssertion makes an assertion that its bridge believes again, for [ProofTTL]. Claims that do not fit are left out, the
// largest first. It is "" for a request that is too long to be one of the bridge's.
func SealAssertion(ring *seal.Ring, a Assertion, now time.Time) string {
	claims := a.Claims
	a.Claims = nil
	a.Claims = fitting(claims, maxProofContent-len(encode(a))-len(`,"claims":{}`))
	return sealProof(ring, purposeAssertion, a, now)
}

// OpenAssertion gives back what [SealAssertion] sealed. The errors are those of package seal.
func OpenAssertion(ring *seal.Ring, token string, now time.Time) (Assertion, error) {
	var a Assertion
	return a, openProof(ring, purposeAssertion, token, now, &a)
}

// SealConfirmation makes of Apple's word, that the customer's device has signed in, one that its bridge believes again. It
// is "" for a request that is too long to be one of the bridge's.
func SealConfirmation(ring *seal.Ring, r Request, now time.Time) string {
	return sealProof(ring, purposeConfirmation, r, now)
}

// OpenConfirmation gives back what [SealConfirmation] sealed. The errors are those of package seal.
func OpenConfirmation(ring *seal.Ring, token string, now time.Time) (Request, error) {
	var r Request
	return r, openProof(ring, purposeConfirmation, token, now, &r)
}

func sealProof(ring *seal.Ring, purpose seal.Purpose, proof any, now time.Time) string {
	content := encode(proof)
	if len(content) > maxProofContent {
		return ""
	}
	return ring.Seal(purpose, "", now.Add(ProofTTL), content)
}

func openProof(ring *seal.Ring, purpose seal.Purpose, token string, now time.Time, proof any) error {
	if len(token) > MaxProof {
		return seal.ErrMalformed
	}
	content, err := ring.Open(purpose, "", token, now)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber() // an id of 17 digits stays what it is
	if decoder.Decode(proof) != nil {
		return seal.ErrMalformed
	}
	return nil
}

func encode(proof any) []byte {
	content, err := json.Marshal(proof)
	if err != nil {
		panic(err) // texts, and claims that have been encoded before
	}
	return content
}

// fitting keeps what fits into so many bytes, the smallest first: of one large claim and many small ones, the many stay.
func fitting(claims map[string]any, space int) map[string]any {
	type claim struct {
		name string
		size int
		text json.RawMessage
	}
	sorted := make([]claim, 0, len(claims))
	for name, value := range claims {
		if text, err := json.Marshal(value); err == nil {
			sorted = append(sorted, claim{name, len(encode(name)) + len(":") + len(text) + len(","), text})
		}
	}
	slices.SortFunc(sorted, func(a, b claim) int { return cmp.Or(a.size-b.size, strings.Compare(a.name, b.name)) })
	kept := map[string]any{}
	for _, each := range sorted {
		if space -= each.size; space < 0 {
			break
		}
		kept[each.name] = each.text
	}
	return kept
}

// Attributes are what tokens can be made of: the claims as the provider gives them, and subject. An address or a phone
// number that the provider calls unverified is left out: anybody can claim to have it.
func (a Assertion) Attributes() map[string]any {
	attributes := make(map[string]any, len(a.Claims)+1)
	for name, value := range a.Claims {
		if !denied(a.Claims[name+"_verified"]) {
			attributes[name] = value
		}
	}
	attributes["subject"] = a.Subject
	return attributes
}

// denied reads a claim such as email_verified, which some providers write as a text.
func denied(verified any) bool {
	text, ok := verified.(string)
	return verified == false || ok && !strings.EqualFold(text, "true")
}
