package signin

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/seal"
)

// Purpose binds states to sign-in: no other token opens as one.
const Purpose seal.Purpose = "sign-in"

// MaxState is how long a state may be; Apple and providers take as much. Customer ids of 512 bytes fit, beside UUIDs.
const MaxState = 1024

const seedSize = 16

// request is what a state holds: who was asked to sign in, and where.
type request struct {
	business message.BusinessID
	customer message.CustomerID
	provider string
	id       string // of the sign-in message
	legacy   bool   // the device exchanges the code itself: no browser may come back with this state
	seed     [seedSize]byte
}

// State makes the state of a sign-in message: it names its customer to whom the provider sends back, and to nobody else.
// Each call gives another.
func (s *Service) State(business message.BusinessID, customer message.CustomerID, provider, requestID string) string {
	return s.newState(request{business: business, customer: customer, provider: provider, id: requestID})
}

// LegacyState makes the state of a sign-in message of the old flow. It is good for /oauth/start, and not for the callback.
func (s *Service) LegacyState(business message.BusinessID, customer message.CustomerID, provider, requestID string) string {
	return s.newState(request{business: business, customer: customer, provider: provider, id: requestID, legacy: true})
}

func (s *Service) newState(asked request) string {
	_, _ = rand.Read(asked.seed[:]) // never fails
	ttl := DefaultTTL
	if p := s.providers[asked.provider]; p != nil {
		ttl = p.settings.ttl()
	}
	return sealState(s.ring, asked, s.now().Add(ttl))
}

func sealState(ring *seal.Ring, asked request, expires time.Time) string {
	return ring.Seal(Purpose, "", expires, encode(asked))
}

// open gives back what [Service.State] sealed. Its errors are those of package seal.
func open(ring *seal.Ring, token string, now time.Time) (request, error) {
	if len(token) > MaxState {
		return request{}, seal.ErrMalformed
	}
	payload, err := ring.Open(Purpose, "", token, now)
	if err != nil {
		return request{}, err
	}
	return decode(payload)
}

// The payload is binary, since a state has to be short: a version, the seed, then texts with their length in front.
const (
	payloadVersion = 1
	payloadLegacy  = 2 // the same, of the old flow
)

func encode(asked request) []byte {
	version := byte(payloadVersion)
	if asked.legacy {
		version = payloadLegacy
	}
	b := append([]byte{version}, asked.seed[:]...)
	for _, field := range []string{string(asked.business), string(asked.customer), asked.provider, asked.id} {
		b = append(binary.AppendUvarint(b, uint64(len(field))), field...)
	}
	return b
}

// errPayload is for an authentic token that this version cannot read.
var errPayload = fmt.Errorf("%w of this version", seal.ErrMalformed)

func decode(payload []byte) (request, error) {
	if len(payload) < 1+seedSize || payload[0] != payloadVersion && payload[0] != payloadLegacy {
		return request{}, errPayload
	}
	asked := request{legacy: payload[0] == payloadLegacy, seed: [seedSize]byte(payload[1 : 1+seedSize])}
	rest := payload[1+seedSize:]
	var fields [4]string
	for i := range fields {
		length, size := binary.Uvarint(rest)
		if size <= 0 || length > uint64(len(rest)-size) {
			return request{}, errPayload
		}
		rest = rest[size:]
		fields[i], rest = string(rest[:length]), rest[length:]
	}
	if len(rest) > 0 {
		return request{}, errPayload
	}
	asked.business, asked.customer = message.BusinessID(fields[0]), message.CustomerID(fields[1])
	asked.provider, asked.id = fields[2], fields[3]
	return asked, nil
}

// verifier is that of PKCE: 43 characters, as RFC 7636 wants. It comes from the seed, which is random and readable for the
// bridge alone, and not from a master key: those change.
func (r *request) verifier() string { return r.derive("verifier", 32) }

// nonce is what an ID token must repeat.
func (r *request) nonce() string { return r.derive("nonce", 16) }

func (r *request) derive(info string, size int) string {
	value, err := hkdf.Key(sha256.New, r.seed[:], nil, "bizbridge sign-in "+info, size)
	if err != nil {
		panic(err) // only for lengths that HKDF cannot give
	}
	return base64.RawURLEncoding.EncodeToString(value)
}
