package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// TypeSend is the type of the one body that helpdesks and bots send.
const TypeSend = "message.send"

// MaxTextLength bounds one text, in characters: what is longer is a document, not a message, and would reach the phone
// as more than twenty bubbles.
const MaxTextLength = 60_000

const (
	maxKeyLength  = 512
	maxNameLength = 200
)

// ErrMalformed tells that a body is no JSON object.
var ErrMalformed = errors.New("the body is not a JSON object")

// DecodeSend reads a message.send body. files came beside it, and join those of its content. The error is ErrMalformed
// (wrapped) for what is no JSON object, and otherwise a [Failure] of class Invalid with every fault. Fields that it does
// not know are ignored.
func DecodeSend(body []byte, files ...File) (Outbound, error) {
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' {
		return Outbound{}, ErrMalformed
	}
	if !json.Valid(body) {
		return Outbound{}, fmt.Errorf("%w: %w", ErrMalformed, json.Unmarshal(body, new(any)))
	}
	d := decoder{body: body, root: contentPointer, files: files}
	envelope := jsonMembers(trimmed, "type", "timestamp", "data")
	var kind string
	var timestamp time.Time // nothing depends on it, but a wrong one tells of a sender that is wrong
	d.read("/type", envelope["type"], &kind)
	d.read("/timestamp", envelope["timestamp"], &timestamp)
	if kind != TypeSend {
		d.fault("/type", "const", "must be %q", TypeSend)
	}
	out := d.data(envelope["data"])
	d.wellFormed()
	if len(d.faults) > 0 {
		return Outbound{}, &Failure{Class: Invalid, Reason: "the message is not valid", Faults: d.faults}
	}
	return out, nil
}

// decoder collects faults. The document as a whole is valid JSON when it begins.
type decoder struct {
	body         []byte
	root         string // pointer of the content
	files        []File
	faults       []Fault
	elementsRead int // of all lists
}

// ruleType is the rule of a value that has the wrong JSON type, and was therefore not read.
const ruleType = "type"

// maxFaults bounds an answer: whoever has made so many mistakes begins with these.
const maxFaults = 100

// fault reports what is wrong at pointer, unless something more basic has been reported: of this value, of one around
// it that could not be read, or, where something is said to be missing, of what stands there and cannot be read.
func (d *decoder) fault(pointer, rule, format string, args ...any) {
	if len(d.faults) >= maxFaults {
		return
	}
	missing := rule == "required" || rule == "oneOf"
	explained := slices.ContainsFunc(d.faults, func(known Fault) bool {
		return pointer == known.Pointer || known.Rule == ruleType && within(pointer, known.Pointer) ||
			missing && within(known.Pointer, pointer)
	})
	if !explained {
		d.faults = append(d.faults, Fault{pointer, rule, fmt.Sprintf(format, args...)})
	}
}

// within tells whether pointer leads to the value at ancestor, or into it.
func within(pointer, ancestor string) bool {
	rest, ok := strings.CutPrefix(pointer, ancestor)
	return ok && (rest == "" || rest[0] == '/')
}

// object wants an object.
func (d *decoder) object(pointer string, raw json.RawMessage) bool {
	switch {
	case raw == nil:
		d.fault(pointer, "required", "is required")
		return false
	case raw[0] != '{':
		d.fault(pointer, ruleType, "must be an object")
		return false
	}
	return true
}

func (d *decoder) data(raw json.RawMessage) Outbound {
	var out Outbound
	if !d.object("/data", raw) {
		return out
	}
	data := jsonMembers(raw, "id", "business_id", "customer_id", "context", "sender", "save", "content")
	d.read("/data/id", data["id"], &out.Key)
	d.read("/data/business_id", data["business_id"], &out.BusinessID)
	d.read("/data/customer_id", data["customer_id"], &out.CustomerID)
	d.read("/data/context", data["context"], &out.Sealed)
	d.read("/data/sender", data["sender"], &out.Sender)
	d.read("/data/save", data["save"], &out.Save)
	if len(out.Key) > maxKeyLength {
		d.fault("/data/id", "maxLength", "has %d bytes; at most %d are possible", len(out.Key), maxKeyLength)
	}
	if out.BusinessID == "" {
		d.fault("/data/business_id", "required", "is required")
	}
	if words := out.CustomerID.Fault(); words != "" {
		d.fault("/data/customer_id", "customer_id", "%s", words)
	}
	out.Sender.validate(report{d, "/data/sender"})
	out.Content = d.content(data["content"])
	return out
}

func (s Sender) validate(r report) {
	switch s.Kind {
	case "", SenderAgent, SenderBot:
	default:
		r.fault("/kind", "enum", `must be "agent" or "bot"`)
	}
	if len(s.Name) > maxNameLength {
		r.fault("/name", "maxLength", "has %d bytes; at most %d are possible", len(s.Name), maxNameLength)
	}
}

// contentDecoders has one line per kind.
var contentDecoders = map[Kind]func(*decoder, json.RawMessage) Content{
	KindText:       decodeContent[Text],
	KindFiles:      decodeContent[Files],
	KindRichLink:   decodeContent[RichLink],
	KindQuickReply: decodeContent[QuickReply],
	KindListPicker: decodeContent[ListPicker],
	KindTimePicker: decodeContent[TimePicker],
	KindForm:       decodeContent[Form],
	KindApp:        decodeContent[App],
	KindSignIn:     decodeContent[SignInRequest],
	KindPayment:    decodeContent[PaymentRequest],
	KindTyping:     decodeContent[Typing],
	KindTemplate:   decodeContent[Template],
	KindSaved:      decodeContent[Saved],
}

const contentPointer = "/data/content"

func (d *decoder) content(raw json.RawMessage) Content {
	if !d.object(d.root, raw) {
		return nil
	}
	var kind Kind
	d.read(d.root+"/kind", jsonMembers(raw, "kind")["kind"], &kind)
	decode, ok := contentDecoders[kind]
	if !ok {
		d.fault(d.root+"/kind", "enum", "must be one of %s", kindList())
		return nil
	}
	return decode(d, raw)
}

func kindList() string {
	names := make([]string, len(Kinds))
	for i, kind := range Kinds {
		names[i] = `"` + string(kind) + `"`
	}
	return strings.Join(names, ", ")
}

func decodeContent[C Content](d *decoder, raw json.RawMessage) Content {
	var content C
	d.read(d.root, raw, &content)
	if files, ok := any(&content).(*Files); ok {
		for i := range files.Files {
			files.Files[i].SHA256 = "" // only the bridge may set it
		}
		files.Files = append(files.Files, d.files...)
	} else if len(d.files) > 0 {
		d.fault(d.root+"/kind", "const", "must be %q: files came with the message", KindFiles)
	}
	content.validate(report{d, d.root})
	return content
}

// DecodeContent reads content that did not come in a message.send, such as a template's. Faults have pointers relative to
// the content; where there are some, the content is nil.
func DecodeContent(raw []byte) (Content, []Fault) {
	if !json.Valid(raw) {
		return nil, []Fault{{"", "format", "is not JSON"}}
	}
	d := decoder{body: raw}
	content := d.content(bytes.TrimSpace(raw))
	d.wellFormed()
	if len(d.faults) > 0 {
		return nil, d.faults
	}
	return content, nil
}

func (t Text) validate(r report) {
	if strings.TrimSpace(t.Text) == "" {
		r.fault("/text", "minLength", "must not be empty")
	}
	validateText(t.Text, r)
}

func validateText(text string, r report) {
	if n := utf8.RuneCountInString(text); n > MaxTextLength {
		r.fault("/text", "maxLength", "has %d characters; at most %d are possible", n, MaxTextLength)
	}
	if strings.ContainsRune(text, AttachmentMark) {
		r.fault("/text", "character", "must not contain U+FFFC, which marks the place of an attachment")
	}
}

// AttachmentMark is U+FFFC, which holds the place of an attachment in Apple's texts.
const AttachmentMark = '\uFFFC'

func (t Typing) validate(r report) {
	if !slices.Contains([]TypingState{TypingOn, TypingOff}, t.State) {
		r.fault("/state", "enum", `must be "on" or "off"`)
	}
}
