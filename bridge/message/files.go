package message

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// MaxFiles bounds the files of one message.
const MaxFiles = 20

// Files is one or more files, with a text beside them if there is one.
type Files struct {
	Text  string `json:"text,omitempty"`
	Files []File `json:"files"`
}

// File is a file to send: by URL, which the bridge fetches, or with its bytes.
type File struct {
	URL      string `json:"url,omitempty"`
	Data     string `json:"data,omitempty"`      // base64
	Name     string `json:"name,omitempty"`      // "": from the server's answer or the URL
	MIMEType string `json:"mime_type,omitempty"` // "": from the server's answer, the name or the bytes
	// SHA256 stands for the bytes of a file that came beside the message (multipart/form-data), Path is where they are
	// until the message is done. The bridge sets both.
	SHA256 string `json:"sha256,omitempty"`
	Path   string `json:"-"`
}

// Kind is [KindFiles].
func (Files) Kind() Kind { return KindFiles }

// MarshalJSON writes the content with its kind.
func (f Files) MarshalJSON() ([]byte, error) {
	type fields Files // without this method
	return marshalContent(KindFiles, fields(f))
}

func (f Files) validate(r report) {
	if len(f.Files) == 0 {
		r.fault("/files", "minItems", "must not be empty")
	}
	if len(f.Files) > MaxFiles {
		r.fault("/files", "maxItems", "has %d files; at most %d are possible", len(f.Files), MaxFiles)
		return
	}
	validateText(f.Text, r)
	for i, file := range f.Files {
		file.validate(r.at("/files/%d", i))
	}
}

func (f File) validate(r report) {
	if f.Path == "" {
		r.asset(Asset{f.URL, f.Data})
	}
	if n := utf8.RuneCountInString(f.Name); n > maxNameLength {
		r.fault("/name", "maxLength", "has %d characters; at most %d are possible", n, maxNameLength)
	}
	if f.MIMEType != "" && !validMIMEType(f.MIMEType) {
		r.fault("/mime_type", "format", "must be a media type such as image/png")
	}
}

func validMIMEType(text string) bool {
	kind, subtype, ok := strings.Cut(text, "/")
	return ok && kind != "" && subtype != "" && len(text) <= 127 &&
		strings.Trim(kind+subtype, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&-^_.+") == ""
}

// Saved is an interactive message that was sent with save, sent again by its reference.
type Saved struct {
	DataRef json.RawMessage `json:"data_ref"` // of the message.sent event, unchanged
}

// Kind is [KindSaved].
func (Saved) Kind() Kind { return KindSaved }

// MarshalJSON writes the content with its kind.
func (s Saved) MarshalJSON() ([]byte, error) {
	type fields Saved // without this method
	return marshalContent(KindSaved, fields(s))
}

const maxDataRef = 64 << 10

func (s Saved) validate(r report) {
	var ref struct {
		DataRefSig string `json:"dataRefSig"`
	}
	switch {
	case len(s.DataRef) > maxDataRef:
		r.fault("/data_ref", "maxLength", "is larger than %d bytes", maxDataRef)
	case json.Unmarshal(s.DataRef, &ref) != nil || ref.DataRefSig == "":
		r.fault("/data_ref", "required", "must be the data_ref of a message.sent event, unchanged: it has dataRefSig")
	}
}
