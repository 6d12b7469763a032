package attachment

import (
	"bytes"
	"mime"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"
)

// OctetStream is the type of a file of which nothing is known.
const OctetStream = "application/octet-stream"

// maxType is above every registered type; RFC 6838 allows 127 characters on each side.
const maxType = 255

// byExtension has the types that devices send and that the tables of operating systems lack or differ on.
var byExtension = map[string]string{
	".heic": "image/heic", ".heif": "image/heif", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif",
	".webp": "image/webp", ".tif": "image/tiff", ".tiff": "image/tiff", ".svg": "image/svg+xml", ".dng": "image/x-adobe-dng",
	".mov": "video/quicktime", ".mp4": "video/mp4", ".m4v": "video/x-m4v", ".3gp": "video/3gpp",
	".caf": "audio/x-caf", ".m4a": "audio/mp4", ".mp3": "audio/mpeg", ".wav": "audio/wav", ".aac": "audio/aac", ".amr": "audio/amr",
	".vcf": "text/vcard", ".ics": "text/calendar", ".txt": "text/plain", ".csv": "text/csv", ".rtf": "application/rtf",
	".html": "text/html", ".htm": "text/html", ".js": "text/javascript", ".json": "application/json", ".xml": "application/xml",
	".pdf": "application/pdf", ".zip": "application/zip", ".pkpass": "application/vnd.apple.pkpass",
	".pkpasses": "application/vnd.apple.pkpasses", ".usdz": "model/vnd.usdz+zip", ".reality": "model/vnd.reality",
	".pages": "application/vnd.apple.pages", ".numbers": "application/vnd.apple.numbers", ".key": "application/vnd.apple.keynote",
	".doc": "application/msword", ".xls": "application/vnd.ms-excel", ".ppt": "application/vnd.ms-powerpoint",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}

// preferredExtension is for types that have several in the table, or none: a place from Maps is a vCard of one address.
var preferredExtension = map[string]string{
	"image/jpeg": ".jpg", "image/tiff": ".tiff", "text/html": ".html", "text/x-vlocation": ".loc.vcf",
}

// aliases are names that occur for types that have a registered one.
var aliases = map[string]string{
	"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png", "image/tif": "image/tiff",
	"video/mov": "video/quicktime", "audio/mp3": "audio/mpeg", "audio/caf": "audio/x-caf", "audio/x-wav": "audio/wav",
	"text/x-vcard": "text/vcard", "text/directory": "text/vcard", "application/x-pdf": "application/pdf",
	"application/x-javascript": "text/javascript", "application/javascript": "text/javascript", "text/xml": "application/xml",
	"application/x-zip-compressed": "application/zip", "application/vnd-apple.pkpass": "application/vnd.apple.pkpass",
	"model/usd": "model/vnd.usdz+zip", "model/usdz": "model/vnd.usdz+zip",
}

var topLevels = []string{"application", "audio", "chemical", "font", "image", "message", "model", "multipart", "text", "video"}

// MIMEType tells a file's type: the declared one where it is one, else by the name's extension, else by the first bytes.
// It never has parameters, and is [OctetStream] where nothing helps.
func MIMEType(declared, name string, head []byte) string {
	if known := essence(declared); known != "" && known != OctetStream {
		return known
	}
	extension := strings.ToLower(path.Ext(CleanName(name)))
	if known := byExtension[extension]; known != "" {
		return known
	}
	if known := essence(mime.TypeByExtension(extension)); known != "" && known != OctetStream {
		return known
	}
	if len(head) == 0 {
		return OctetStream
	}
	known := essence(mimetype.Detect(head).String())
	if known == "" || (strings.HasPrefix(known, "text/") && !isUnicode(head)) {
		return OctetStream
	}
	return known
}

// isUnicode tells whether head is the beginning of a UTF-8 text, or says of itself that it is another Unicode text. A
// few bytes of anything pass for a text in some old encoding, which phones do not know.
func isUnicode(head []byte) bool {
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return true
	}
	for cut := range min(utf8.UTFMax, len(head)) { // the last character may be cut
		if utf8.Valid(head[:len(head)-cut]) {
			return true
		}
	}
	return false
}

// essence is type/subtype in lower case under its registered name, or "" for what is no type.
func essence(text string) string {
	text, _, _ = strings.Cut(text, ";")
	text = strings.ToLower(strings.TrimSpace(text))
	top, sub, _ := strings.Cut(text, "/")
	if len(text) > maxType || !slices.Contains(topLevels, top) || !isRestrictedName(sub) {
		return ""
	}
	if registered, ok := aliases[text]; ok {
		return registered
	}
	return text
}

// isRestrictedName follows RFC 6838 §4.2, so wildcards and whatever could end a header are out.
func isRestrictedName(sub string) bool {
	for i := range len(sub) {
		c := sub[i]
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("!#$&-^_.+", rune(c))) {
			return false
		}
	}
	return sub != ""
}

// extensionOf gives the extension of a type, or "" where none is usual.
func extensionOf(mimeType string) string {
	known := essence(mimeType)
	if extension, ok := preferredExtension[known]; ok {
		return extension
	}
	for extension, candidate := range byExtension {
		if candidate == known {
			return extension
		}
	}
	return ""
}

var activeTypes = map[string]bool{
	"text/html": true, "text/javascript": true, "text/ecmascript": true, "application/ecmascript": true, "application/x-ecmascript": true,
	"text/jscript": true, "text/livescript": true, "text/x-javascript": true, "text/x-ecmascript": true, "text/vbscript": true,
	"text/css": true, "text/xsl": true, "text/x-component": true, "text/cache-manifest": true, "application/wasm": true,
	"application/hta": true, "application/x-shockwave-flash": true, "application/java-archive": true, "application/x-java-applet": true,
	"application/xml": true, "application/xml-dtd": true, "message/rfc822": true, "message/external-body": true,
}

// ActiveType tells whether a browser may run what is in a file of this type, or fetch what it names. Such a file is only
// ever offered for download, as [OctetStream]. What is no type counts as active, since a browser would guess.
func ActiveType(mimeType string) bool {
	known := essence(mimeType)
	return known == "" || activeTypes[known] || strings.HasSuffix(known, "+xml") || strings.HasPrefix(known, "multipart/") ||
		strings.HasPrefix(known, "text/javascript1.")
}
