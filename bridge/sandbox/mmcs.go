package sandbox

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// MMCS is Apple's store of encrypted files. A message carries only where a file is, its signature and its key.
const (
	slotLife = 60 * time.Second // from preUpload to the upload's begin
	linkLife = 5 * time.Second  // of a download address
	maxSlots = 1000
)

type mmcs struct {
	vault   *vault
	base    string                // the gateway's own address, as it was called last
	slots   memory[*uploadSlot]   // by path and query of the upload address
	links   memory[*downloadLink] // by path and query of the download address
	objects memory[*object]       // by identifying URL
	saved   memory[*savedMessage] // by dataRefSig
	clips   memory[clipRef]       // by their own URL
	made    int                   // attachments of phones: every other one has its hex in upper case
}

func newMMCS() mmcs {
	return mmcs{
		vault: newVault(), base: "https://mmcs.invalid",
		slots: newMemory[*uploadSlot](maxSlots), links: newMemory[*downloadLink](maxSlots),
		objects: newMemory[*object](maxBlobs), saved: newMemory[*savedMessage](maxSaved),
		clips: newMemory[clipRef](maxClips),
	}
}

// object is a file in MMCS.
type object struct {
	url, owner string
	signature  []byte // 21 bytes, opaque to everybody else
	size       int64
	blob       *blob
}

func (o *object) checksum() string { return base64.StdEncoding.EncodeToString(o.signature) }

// uploadSlot is the leave to upload one file of a size.
type uploadSlot struct {
	object
	expires time.Time
	used    bool
}

// downloadLink leads to an object, or where the parameters were wrong, to none.
type downloadLink struct {
	object  *object
	expires time.Time
}

// The addresses of MMCS mix escaped and unescaped characters, as Apple's do: whoever decodes and encodes them again
// ends up elsewhere. They are therefore compared as they were sent, byte for byte.
func (m *mmcs) newIdentifier() (url, owner string) {
	id := randomHex()
	return m.base + "/mmcs/M" + id + "%2FC01+USN00=1,2?z=a%2Fb+c%3d&v=~1", "M" + id + ".C01USN00"
}

func newTransferPath(verb string) string {
	return "/mmcs/" + verb + "%2fM" + randomHex() + "+C01=USN00/(1)%2B2,3?x=a%2Fb+c%20d&y=e/f:%7e&sig=" + newToken()
}

func randomHex() string {
	var b [20]byte
	rand.Read(b[:])
	return strings.ToUpper(hex.EncodeToString(b[:]))
}

// newSignature is what MMCS computes over a ciphertext, but for its first byte.
func newSignature() hash.Hash { return sha1.New() }

func signatureOf(sum hash.Hash, prefix byte) []byte { return sum.Sum([]byte{prefix}) }

// store puts a phone's ciphertext into MMCS.
func (s *Sandbox) store(ciphertext io.Reader, prefix byte) (*object, error) {
	sum := newSignature()
	b, err := s.mmcs.vault.put(io.TeeReader(ciphertext, sum), maxFile)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := &object{signature: signatureOf(sum, prefix), size: b.size, blob: b}
	o.url, o.owner = s.mmcs.newIdentifier()
	s.mmcs.objects.put(o.url, o)
	return o, nil
}

var decimal = regexp.MustCompile(`^[0-9]{1,12}$`)

// announcedSize reads MMCS-Size or size, which must agree where both are given.
func announcedSize(h http.Header) (int64, *refusal) {
	values := append(h.Values("MMCS-Size"), h.Values("size")...)
	if len(values) == 0 {
		return 0, &refusal{http.StatusBadRequest, "neither MMCS-Size nor size is given"}
	}
	for _, value := range values {
		if value != values[0] {
			return 0, &refusal{http.StatusBadRequest, "MMCS-Size and size differ"}
		}
	}
	size, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil || !decimal.MatchString(values[0]) || size < 1 || size > maxFile {
		return 0, &refusal{http.StatusBadRequest, "the size is not a decimal number from 1 to 100000000"}
	}
	return size, nil
}

// preUpload is GET /v1/preUpload.
func (s *Sandbox) preUpload(c call) (result, *refusal) {
	size, refused := announcedSize(c.header)
	if refused != nil {
		return result{}, refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	slot := &uploadSlot{object: object{size: size}, expires: s.now().Add(slotLife)}
	slot.url, slot.owner = s.mmcs.newIdentifier()
	path := newTransferPath("put")
	s.mmcs.slots.put(path, slot)
	return result{note: "a slot for " + fileSize(size), answer: map[string]string{
		"upload-url": c.base + path, "mmcs-url": slot.url, "mmcs-owner": slot.owner,
	}}, nil
}

// preDownload is GET /v1/preDownload. Like Apple it answers 200 to parameters that lead nowhere.
func (s *Sandbox) preDownload(c call) (result, *refusal) {
	h := c.header
	url, signature, owner := h.Get("MMCS-Url"), h.Get("MMCS-Signature"), h.Get("MMCS-Owner")
	if url == "" && signature == "" && owner == "" {
		url, signature, owner = h.Get("url"), h.Get("signature"), h.Get("owner")
	}
	if url == "" || signature == "" || owner == "" {
		return result{}, &refusal{http.StatusBadRequest, "one of MMCS-Url, MMCS-Signature and MMCS-Owner, or of url, signature and owner, is missing"}
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(signature)
	if err != nil {
		return result{}, &refusal{http.StatusBadRequest, "not authorized"} // in Apple's words
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	link, note := &downloadLink{expires: s.now().Add(linkLife)}, "the parameters fit no file: garbage will come"
	if o, ok := s.mmcs.objects.get(url); ok && o.owner == owner && string(o.signature) == string(raw) {
		link.object, note = o, "a link to "+fileSize(o.size)
	}
	path := newTransferPath("get")
	s.mmcs.links.put(path, link)
	return result{note: note, answer: map[string]string{"download-url": c.base + path}}, nil
}

// sentFile is an attachment of a business's message.
type sentFile struct {
	name, mimeType, url, owner, checksum string

	size int64
	key  fileKey
}

// parseSentFile checks one entry of attachments.
func parseSentFile(f fields) (file sentFile, err error) {
	var size, key string
	for _, want := range []struct {
		name string
		into *string
	}{
		{"name", &file.name}, {"mimeType", &file.mimeType}, {"size", &size}, {"signature-base64", &file.checksum},
		{"url", &file.url}, {"owner", &file.owner}, {"key", &key},
	} {
		value, ok := f.text(want.name)
		if !ok || value == "" {
			return file, fmt.Errorf("%s is missing, empty or not a string", want.name)
		}
		*want.into = value
	}
	if !decimal.MatchString(size) {
		return file, fmt.Errorf("size is not a string of decimal digits")
	}
	if file.size, err = strconv.ParseInt(size, 10, 64); err != nil {
		return file, err
	}
	if kind, sub, ok := strings.Cut(file.mimeType, "/"); !ok || kind == "" || sub == "" {
		return file, fmt.Errorf("mimeType is not a MIME type")
	}
	if raw, err := base64.StdEncoding.Strict().DecodeString(file.checksum); err != nil || len(raw) != 21 {
		return file, fmt.Errorf("signature-base64 is not 21 bytes in base64")
	}
	file.key, err = parseFileKey(key)
	return file, err
}

// uploadOf finds the uploaded file that an attachment speaks of.
func (m *mmcs) uploadOf(file sentFile) (*object, error) {
	o, ok := m.objects.get(file.url)
	switch {
	case !ok:
		return nil, fmt.Errorf("url is that of no uploaded file: it must be the mmcs-url, unaltered")
	case o.owner != file.owner:
		return nil, fmt.Errorf("owner is not the mmcs-owner of the upload")
	case o.checksum() != file.checksum:
		return nil, fmt.Errorf("signature-base64 is not the fileChecksum of the upload")
	case o.size != file.size:
		return nil, fmt.Errorf("size is not that of the upload, %d", o.size)
	}
	return o, nil
}
