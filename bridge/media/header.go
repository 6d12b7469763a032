package media

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"bizbridge/bridge/attachment"
	"bizbridge/bridge/message"
)

// contentPolicy keeps what a file holds from doing anything, should a browser show it as a page of its own: no scripts, no
// forms, nothing loaded but the file itself. Browsers' own players load that by this policy, and from an origin of their
// own they may not: allow-same-origin gives a page without scripts nothing else.
const contentPolicy = "sandbox allow-same-origin; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'"

// describe sets everything that an answer with the file has, but for its length.
func (l *Links) describe(header http.Header, file sealed) {
	contentType, disposition := presentation(file.source.MIMEType)
	header.Set("Content-Type", contentType)
	header.Set("Content-Disposition", contentDisposition(disposition, file.source.Name))
	header.Set("ETag", entityTag(file.source))
	// The bytes never change, but the link stops working; and a proxy that compresses would break ranges.
	left := max(0, int64(file.expires.Sub(l.Now()).Seconds()))
	header.Set("Cache-Control", fmt.Sprintf("private, no-transform, max-age=%d", left))
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Content-Security-Policy", contentPolicy)
	header.Set("Cross-Origin-Resource-Policy", "cross-origin") // helpdesks show pictures in their own pages
}

// presentation decides whether a browser may show a file in place: pictures, sound, film, plain text and PDF. Everything
// else is for download, and what could run hides its type too.
func presentation(mimeType string) (contentType, disposition string) {
	if attachment.ActiveType(mimeType) {
		return attachment.OctetStream, "attachment"
	}
	top, _, _ := strings.Cut(mimeType, "/")
	switch {
	case top == "image", top == "audio", top == "video", mimeType == "text/plain", mimeType == "application/pdf":
		return mimeType, "inline"
	}
	return mimeType, "attachment"
}

// contentDisposition names the file as RFC 6266 wants it: in ASCII for old receivers, and exactly where that differs.
func contentDisposition(disposition, name string) string {
	name = attachment.CleanName(name)
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '%' { // some receivers decode a percent sign here
			return '_'
		}
		return r
	}, name)
	value := disposition + `; filename="` + plain + `"` // CleanName leaves no quotation mark and no backslash
	if plain != name {
		value += "; filename*=UTF-8''" + extendedValue(name)
	}
	return value
}

// extendedValue escapes everything but the attr-char of RFC 8187.
func extendedValue(text string) string {
	var escaped strings.Builder
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("!#$&+-.^_`|~", c) >= 0:
			escaped.WriteByte(c)
		default:
			fmt.Fprintf(&escaped, "%%%02X", c)
		}
	}
	return escaped.String()
}

// entityTag is the same from every replica and under every key of the ring, for every link to the same file. The file's
// key, which has the entropy of any secret, keeps the hash from telling anything.
func entityTag(source attachment.Source) string {
	h := sha256.New()
	h.Write([]byte("bizbridge media etag\x00"))
	h.Write(source.Key[:])
	for _, field := range []string{source.URL, source.Owner, string(source.Signature)} {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(field)))
		h.Write(length[:])
		h.Write([]byte(field))
	}
	_ = binary.Write(h, binary.BigEndian, source.Size)
	return `"` + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16]) + `"`
}

func setLength(header http.Header, length int64) {
	header.Set("Content-Length", strconv.FormatInt(length, 10))
}

// problem is an error answer (RFC 9457), as everywhere in the bridge.
type problem struct {
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Code   message.Code `json:"code,omitempty"`
	Detail string       `json:"detail,omitempty"`
}

func writeProblem(w http.ResponseWriter, status int, code message.Code, detail string) {
	header := w.Header()
	header.Del("Content-Disposition")
	header.Del("ETag")
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(problem{"about:blank", http.StatusText(status), status, code, detail}) // the caller may be gone
}
