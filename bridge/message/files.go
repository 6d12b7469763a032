package message

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
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

// UnmarshalJSON decodes the files one by one: encoding/json itself does not say in which of them a type is wrong.
func (f *Files) UnmarshalJSON(text []byte) error {
	var fields struct {
		Text  string            `json:"text"`
		Files []json.RawMessage `json:"files"`
	}
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	*f = Files{Text: fields.Text, Files: make([]File, len(fields.Files))}
	for i, raw := range fields.Files {
		if err := json.Unmarshal(raw, &f.Files[i]); err != nil {
			return inFile(i, err)
		}
		f.Files[i].SHA256 = "" // only the bridge may set it
	}
	return nil
}

// inFile adds to an error of encoding/json of which file it is.
func inFile(i int, err error) error {
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return err
	}
	located := *wrong
	located.Field = strings.TrimSuffix(fmt.Sprintf("files.%d.%s", i, wrong.Field), ".")
	return &located
}

func (f Files) validate(report func(pointer, rule, message string)) {
	if len(f.Files) == 0 {
		report("/files", "minItems", "must not be empty")
	}
	if len(f.Files) > MaxFiles {
		report("/files", "maxItems", fmt.Sprintf("has %d files; at most %d are possible", len(f.Files), MaxFiles))
		return
	}
	validateText(f.Text, report)
	for i, file := range f.Files {
		file.validate(func(pointer, rule, message string) { report(fmt.Sprintf("/files/%d%s", i, pointer), rule, message) })
	}
}

func (f File) validate(report func(pointer, rule, message string)) {
	switch {
	case f.Path != "":
	case f.URL == "" && f.Data == "":
		report("", "oneOf", `needs "url" or "data"`)
	case f.URL != "" && f.Data != "":
		report("", "oneOf", `must not have both "url" and "data"`)
	case f.URL != "":
		if parsed, err := url.Parse(f.URL); err != nil || (parsed.Scheme != "https" && parsed.Scheme != "http") || parsed.Hostname() == "" || parsed.User != nil {
			report("/url", "format", "must be an absolute http or https URL without a user name")
		}
	default:
		if _, err := base64.StdEncoding.DecodeString(f.Data); err != nil {
			report("/data", "contentEncoding", "must be base64 (the standard alphabet, padded)")
		}
	}
	if n := utf8.RuneCountInString(f.Name); n > maxNameLength {
		report("/name", "maxLength", fmt.Sprintf("has %d characters; at most %d are possible", n, maxNameLength))
	}
	if f.MIMEType != "" && !validMIMEType(f.MIMEType) {
		report("/mime_type", "format", "must be a media type such as image/png")
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

func (s Saved) validate(report func(pointer, rule, message string)) {
	var ref struct {
		DataRefSig string `json:"dataRefSig"`
	}
	switch {
	case len(s.DataRef) > maxDataRef:
		report("/data_ref", "maxLength", fmt.Sprintf("is larger than %d bytes", maxDataRef))
	case json.Unmarshal(s.DataRef, &ref) != nil || ref.DataRefSig == "":
		report("/data_ref", "required", "must be the data_ref of a message.sent event, unchanged: it has dataRefSig")
	}
}
