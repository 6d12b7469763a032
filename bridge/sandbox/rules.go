package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// outbound is a message from a business to a customer, found well-formed.
type outbound struct {
	ID, Type, SourceID, DestinationID, Body string

	Automated bool
	content   string // digest of everything, to tell a repeat from a re-used id

	files       []sentFile
	interactive *interactiveData
	ref         fields // interactiveDataRef
	wantsRef    bool   // include-data-ref
	link        *richLink
	clip        fields // richLinkDataRef
}

// fields is a JSON object. It is a map, since decoding into a struct would let names
// in the wrong case pass.
type fields map[string]json.RawMessage

func (f fields) text(name string) (value string, ok bool) {
	if len(f[name]) == 0 || f[name][0] != '"' {
		return "", false
	}
	return value, json.Unmarshal(f[name], &value) == nil
}

// outboundTypes are the types that a business may send, each with the taker of what
// is its own.
var outboundTypes = map[string]func(*outbound, fields) error{
	"text":         (*outbound).takeText,
	"typing_start": (*outbound).takeTyping,
	"typing_end":   (*outbound).takeTyping,
	"interactive":  (*outbound).takeInteractive,
	"richLink":     (*outbound).takeLink,
}

// parseMessage checks everything about a message that does not depend on the state
// of the world.
func parseMessage(h http.Header, body []byte) (*outbound, *refusal) {
	f, err := parseBody(h, body)
	if err != nil {
		return nil, malformed(err)
	}
	m := &outbound{}
	if err := m.takeEnvelope(h, f); err != nil {
		return nil, malformed(err)
	}
	takeType, ok := outboundTypes[m.Type]
	switch {
	case m.Type == "close":
		return nil, malformed(fmt.Errorf("a business must not send close"))
	case !ok:
		return nil, malformed(fmt.Errorf("type %q is not known", shorten(m.Type, 40)))
	}
	if err := takeType(m, f); err != nil {
		return nil, malformed(err)
	}
	m.content = digest(h, body)
	return m, nil
}

func malformed(err error) *refusal { return &refusal{http.StatusBadRequest, err.Error()} }

// parseBody wants one plain JSON object: bodies to Apple are never compressed.
func parseBody(h http.Header, body []byte) (fields, error) {
	if h.Get("Content-Encoding") != "" || bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		return nil, fmt.Errorf("the body is compressed: requests to Apple are plain JSON")
	}
	if kind, _, err := mime.ParseMediaType(h.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, fmt.Errorf("Content-Type is not application/json")
	}
	if !utf8.Valid(body) {
		return nil, fmt.Errorf("the body is not UTF-8")
	}
	var f fields
	if err := json.Unmarshal(body, &f); err != nil || f == nil {
		return nil, fmt.Errorf("the body is not a JSON object")
	}
	return f, nil
}

// takeEnvelope checks what every type has, and that headers and body agree.
func (m *outbound) takeEnvelope(h http.Header, f fields) error {
	for _, both := range []struct {
		header, field string
		into          *string
	}{
		{"id", "id", &m.ID},
		{"Source-Id", "sourceId", &m.SourceID},
		{"Destination-Id", "destinationId", &m.DestinationID},
	} {
		value, ok := f.text(both.field)
		header := h.Get(both.header)
		switch {
		case header == "":
			return fmt.Errorf("the header %s is missing", both.header)
		case !ok || value == "":
			return fmt.Errorf("%s is missing or not a string", both.field)
		case header != value:
			return fmt.Errorf("the header %s and the body's %s differ", both.header, both.field)
		}
		*both.into = value
	}
	if !uuidForm.MatchString(m.ID) {
		return fmt.Errorf("id is not a UUID")
	}
	if string(f["v"]) != "1" {
		return fmt.Errorf("v is not the integer 1")
	}
	var ok bool
	if m.Type, ok = f.text("type"); !ok {
		return fmt.Errorf("type is missing or not a string")
	}
	if _, ok := f.text("locale"); !ok && f["locale"] != nil {
		return fmt.Errorf("locale is not a string")
	}
	for name, into := range map[string]*bool{"auto-reply": &m.Automated, "include-data-ref": &m.wantsRef} {
		switch values := h.Values(name); {
		case len(values) == 0:
		case len(values) == 1 && (values[0] == "true" || values[0] == "false"):
			*into = values[0] == "true"
		default:
			return fmt.Errorf(`%s is neither "true" nor "false"`, name)
		}
	}
	return nil
}

// takeText checks a text. Each attachment needs its U+FFFC in the body.
func (m *outbound) takeText(f fields) error {
	body, ok := f.text("body")
	if !ok || body == "" {
		return fmt.Errorf("body is missing, empty or not a string")
	}
	m.Body = body
	if subject, ok := f.text("subject"); f["subject"] != nil && (!ok || utf8.RuneCountInString(subject) > 200) {
		return fmt.Errorf("subject is not a string of at most 200 characters")
	}
	var attachments []fields
	if f["attachments"] != nil && json.Unmarshal(f["attachments"], &attachments) != nil {
		return fmt.Errorf("attachments is not a list of objects")
	}
	if marks := strings.Count(body, "\uFFFC"); marks != len(attachments) {
		return fmt.Errorf("body has %d of U+FFFC for %d attachments", marks, len(attachments))
	}
	if len(attachments) > maxFilesPerMessage {
		return fmt.Errorf("there are more than %d attachments", maxFilesPerMessage)
	}
	for i, attachment := range attachments {
		file, err := parseSentFile(attachment)
		if err != nil {
			return fmt.Errorf("attachments[%d]: %w", i, err)
		}
		m.files = append(m.files, file)
	}
	return nil
}

// takeTyping checks a typing indicator, which has no content.
func (m *outbound) takeTyping(f fields) error {
	for _, name := range []string{"body", "attachments", "interactiveData", "interactiveDataRef", "richLinkData", "richLinkDataRef"} {
		if f[name] != nil {
			return fmt.Errorf("a typing indicator has no %s", name)
		}
	}
	return nil
}

// digest is the same for two bodies that mean the same, however they are spaced.
func digest(h http.Header, body []byte) string {
	var value any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	_ = decoder.Decode(&value) // was decoded once before
	canonical, _ := json.Marshal(value)
	sum := sha256.Sum256(append(canonical, h.Get("auto-reply")...))
	return hex.EncodeToString(sum[:])
}
