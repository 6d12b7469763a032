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

// idMemory remembers a bounded number of ids, each with what was seen under it. The
// oldest is forgotten first.
type idMemory struct {
	max   int
	order []string
	seen  map[string]string
}

func newIDMemory(limit int) idMemory {
	return idMemory{max: limit, seen: map[string]string{}}
}

func (m *idMemory) get(id string) (string, bool) {
	v, ok := m.seen[id]
	return v, ok
}

func (m *idMemory) put(id, content string) {
	if _, ok := m.seen[id]; !ok {
		if len(m.order) == m.max {
			delete(m.seen, m.order[0])
			m.order = m.order[1:]
		}
		m.order = append(m.order, id)
	}
	m.seen[id] = content
}
