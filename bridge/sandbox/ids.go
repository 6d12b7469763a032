package sandbox

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"strings"
)

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// newUUID makes a random UUID, version 4, in lower case.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// newOpaqueID makes an opaque customer id: urn:mbid: and 160 characters of
// standard base64. It always contains '/', '+' and '=', as real ones do now and
// then: whoever forgets to escape them shall find out in the sandbox.
func newOpaqueID() string {
	raw := make([]byte, 119) // 119 bytes give 160 characters, the last a '='
	for {
		rand.Read(raw)
		copy(raw, []byte{1, 0, 0})
		id := base64.StdEncoding.EncodeToString(raw)
		if strings.Contains(id, "/") && strings.Contains(id, "+") {
			return "urn:mbid:" + id
		}
	}
}

// memory remembers a bounded number of things by name. The oldest is forgotten first.
type memory[V any] struct {
	max   int
	order []string
	seen  map[string]V
}

// idMemory remembers ids, each with what was seen under it.
type idMemory = memory[string]

func newMemory[V any](limit int) memory[V] {
	return memory[V]{max: limit, seen: map[string]V{}}
}

func newIDMemory(limit int) idMemory { return newMemory[string](limit) }

func (m *memory[V]) get(id string) (V, bool) {
	v, ok := m.seen[id]
	return v, ok
}

func (m *memory[V]) put(id string, value V) {
	if _, ok := m.seen[id]; !ok {
		if len(m.order) == m.max {
			delete(m.seen, m.order[0])
			m.order = m.order[1:]
		}
		m.order = append(m.order, id)
	}
	m.seen[id] = value
}

// newToken makes an unguessable name that may stand in a URL as it is.
func newToken() string {
	var b [18]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}
