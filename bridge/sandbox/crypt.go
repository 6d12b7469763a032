package sandbox

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"
)

// fileKey is the AES-256 key of one file. A file is encrypted in counter mode from an all-zero block, so that a key
// must never be used twice.
type fileKey [32]byte

func newFileKey() (k fileKey) {
	rand.Read(k[:])
	return k
}

var keyForm = regexp.MustCompile(`^00[0-9a-fA-F]{64}$`)

// parseFileKey reads a key as messages carry it: 00, then the key in hex of either case.
func parseFileKey(text string) (k fileKey, err error) {
	if !keyForm.MatchString(text) {
		return k, errors.New(`key is not "00" followed by 64 hexadecimal digits`)
	}
	_, err = hex.Decode(k[:], []byte(text[2:]))
	return k, err
}

func (k fileKey) String() string { return "00" + hex.EncodeToString(k[:]) }

// from is the key stream from an offset on. Encrypting and decrypting are the same.
func (k fileKey) from(offset int64) cipher.Stream {
	block, err := aes.NewCipher(k[:])
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	var counter [aes.BlockSize]byte
	binary.BigEndian.PutUint64(counter[8:], uint64(offset)/aes.BlockSize)
	stream := cipher.NewCTR(block, counter[:])
	skipped := make([]byte, offset%aes.BlockSize)
	stream.XORKeyStream(skipped, skipped)
	return stream
}

func (k fileKey) encrypt(plain io.Reader) io.Reader {
	return cipher.StreamReader{S: k.from(0), R: plain}
}

// plainView reads a ciphertext decrypted, from any offset.
type plainView struct {
	io.ReadSeekCloser // the ciphertext

	key fileKey
}

func (v *plainView) Read(p []byte) (int, error) {
	at, err := v.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	n, err := v.ReadSeekCloser.Read(p)
	v.key.from(at).XORKeyStream(p[:n], p[:n])
	return n, err
}

// family is how a type is shown: image, video, audio, or as an icon.
func family(mimeType string) string {
	kind, _, _ := strings.Cut(strings.ToLower(mimeType), "/")
	switch kind {
	case "image", "video", "audio":
		return kind
	}
	return "file"
}

// fits tells whether a file's first bytes can be of its announced type. A device finds out the same way: what does
// not look like an image after decryption is shown as an icon. Unknown types fit everything.
func fits(mimeType string, head []byte) bool {
	mediaType, _, err := mime.ParseMediaType(mimeType)
	if err != nil {
		mediaType = strings.ToLower(mimeType)
	}
	sniffed := http.DetectContentType(head)
	boxed := len(head) >= 12 && isBox(string(head[4:8]))
	switch kind := family(mediaType); {
	case mediaType == "image/svg+xml":
		return bytes.Contains(bytes.ToLower(head), []byte("<"))
	case kind == "image":
		return family(sniffed) == "image" || boxed || hasMagic(head, "II*\x00", "MM\x00*", "\xff\x0a")
	case kind == "video":
		return family(sniffed) == "video" || boxed || sniffed == "application/ogg" || hasMagic(head, "\x00\x00\x01\xba", "\x00\x00\x01\xb3", "\x47")
	case kind == "audio":
		return family(sniffed) == "audio" || boxed || sniffed == "application/ogg" || sniffed == "video/webm" ||
			hasMagic(head, "caff", "fLaC", "#!AMR") || len(head) > 1 && head[0] == 0xff && head[1]&0xe0 == 0xe0
	case mediaType == "application/pdf":
		return sniffed == mediaType
	case mediaType == "application/zip", mediaType == "application/vnd.apple.pkpass", mediaType == "model/vnd.usdz+zip":
		return hasMagic(head, "PK\x03\x04", "PK\x05\x06")
	case strings.HasPrefix(mediaType, "text/"), mediaType == "application/json":
		return readable(head)
	}
	return true
}

// isBox knows the first box of QuickTime, MPEG-4 and HEIF files.
func isBox(name string) bool {
	switch name {
	case "ftyp", "moov", "mdat", "wide", "free", "skip", "pnot":
		return true
	}
	return false
}

func hasMagic(head []byte, magics ...string) bool {
	for _, magic := range magics {
		if strings.HasPrefix(string(head), magic) {
			return true
		}
	}
	return false
}

// readable is UTF-8, maybe cut within a rune, or UTF-16 with its mark.
func readable(head []byte) bool {
	if hasMagic(head, "\xff\xfe", "\xfe\xff") {
		return true
	}
	for cut := range min(utf8.UTFMax, len(head)+1) {
		if part := head[:len(head)-cut]; utf8.Valid(part) {
			return !bytes.ContainsRune(part, 0)
		}
	}
	return false
}

// fileSize is a size in few characters.
func fileSize(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f KB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
