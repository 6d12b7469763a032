package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
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

// DecodeSend reads a message.send body. files came beside it, and join those of its content. The error is ErrMalformed (wrapped) for what is no JSON object, and otherwise
// a [Failure] of class Invalid with every fault. Fields that it does not know are ignored.
func DecodeSend(body []byte, files ...File) (Outbound, error) {
	var envelope struct {
		Type      json.RawMessage `json:"type"`
		Timestamp json.RawMessage `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return Outbound{}, ErrMalformed
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return Outbound{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	d := decoder{body: body, files: files}
	var kind string
	var timestamp time.Time // nothing depends on it, but a wrong one tells of a sender that is wrong
	d.member("/type", envelope.Type, &kind)
	if kind != TypeSend {
		d.fault("/type", "const", "must be %q", TypeSend)
	}
	d.member("/timestamp", envelope.Timestamp, &timestamp)
	out := d.data(envelope.Data)
	d.wellFormed()
	if len(d.faults) > 0 {
		return Outbound{}, &Failure{Class: Invalid, Reason: "the message is not valid", Faults: d.faults}
	}
	return out, nil
}

// decoder collects faults. The document as a whole is valid JSON when it begins.
type decoder struct {
	body   []byte
	files  []File
	faults []Fault
}

// fault reports what is wrong at pointer, unless something more basic has been reported there.
func (d *decoder) fault(pointer, rule, format string, args ...any) {
	if !slices.ContainsFunc(d.faults, func(known Fault) bool { return known.Pointer == pointer }) {
		d.faults = append(d.faults, Fault{pointer, rule, fmt.Sprintf(format, args...)})
	}
}

// member decodes a value; one that is missing or null leaves target as it is, one of the wrong type is a fault.
func (d *decoder) member(pointer string, raw json.RawMessage, target any) bool {
	if raw == nil {
		return true
	}
	err := json.Unmarshal(raw, target)
	if err == nil {
		return true
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if wrong.Field != "" {
			pointer += "/" + strings.ReplaceAll(wrong.Field, ".", "/")
		}
		d.fault(pointer, "type", "must be %s", jsonType(wrong.Type))
		return false
	}
	d.fault(pointer, "format", "must be an RFC 3339 time such as 2026-01-01T00:00:00Z") // only times have a format so far
	return false
}

func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice, reflect.Array:
		return "an array"
	}
	return "a number"
}

// object decodes a required object.
func (d *decoder) object(pointer string, raw json.RawMessage, target any) bool {
	switch {
	case raw == nil:
		d.fault(pointer, "required", "is required")
		return false
	case raw[0] != '{':
		d.fault(pointer, "type", "must be an object")
		return false
	}
	return d.member(pointer, raw, target)
}

func (d *decoder) data(raw json.RawMessage) Outbound {
	var data struct {
		Key        json.RawMessage `json:"id"`
		BusinessID json.RawMessage `json:"business_id"`
		CustomerID json.RawMessage `json:"customer_id"`
		Sealed     json.RawMessage `json:"context"`
		Sender     json.RawMessage `json:"sender"`
		Save       json.RawMessage `json:"save"`
		Content    json.RawMessage `json:"content"`
	}
	var out Outbound
	if !d.object("/data", raw, &data) {
		return out
	}
	d.member("/data/id", data.Key, &out.Key)
	d.member("/data/business_id", data.BusinessID, &out.BusinessID)
	d.member("/data/customer_id", data.CustomerID, &out.CustomerID)
	d.member("/data/context", data.Sealed, &out.Sealed)
	d.member("/data/save", data.Save, &out.Save)
	if len(out.Key) > maxKeyLength {
		d.fault("/data/id", "maxLength", "has %d bytes; at most %d are possible", len(out.Key), maxKeyLength)
	}
	if out.BusinessID == "" {
		d.fault("/data/business_id", "required", "is required")
	}
	if words := out.CustomerID.Fault(); words != "" {
		d.fault("/data/customer_id", "customer_id", "%s", words)
	}
	out.Sender = d.sender(data.Sender)
	out.Content = d.content(data.Content)
	return out
}

func (d *decoder) sender(raw json.RawMessage) Sender {
	var members struct {
		Kind json.RawMessage `json:"kind"`
		Name json.RawMessage `json:"name"`
	}
	var sender Sender
	if !d.member("/data/sender", raw, &members) {
		return sender
	}
	d.member("/data/sender/kind", members.Kind, &sender.Kind)
	d.member("/data/sender/name", members.Name, &sender.Name)
	switch sender.Kind {
	case "", SenderAgent, SenderBot:
	default:
		d.fault("/data/sender/kind", "enum", `must be "agent" or "bot"`)
	}
	if len(sender.Name) > maxNameLength {
		d.fault("/data/sender/name", "maxLength", "has %d bytes; at most %d are possible", len(sender.Name), maxNameLength)
	}
	return sender
}

// contentDecoders has one line per kind.
var contentDecoders = map[Kind]func(*decoder, json.RawMessage) Content{
	KindText:   decodeContent[Text],
	KindFiles:  decodeContent[Files],
	KindSaved:  decodeContent[Saved],
	KindTyping: decodeContent[Typing],
}

const contentPointer = "/data/content"

func (d *decoder) content(raw json.RawMessage) Content {
	var head struct {
		Kind Kind `json:"kind"`
	}
	if !d.object(contentPointer, raw, &head) {
		return nil
	}
	decode, ok := contentDecoders[head.Kind]
	if !ok {
		d.fault(contentPointer+"/kind", "enum", "must be one of %s", kindList())
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
	if !d.object(contentPointer, raw, &content) {
		return nil
	}
	if files, ok := any(&content).(*Files); ok {
		files.Files = append(files.Files, d.files...)
	} else if len(d.files) > 0 {
		d.fault(contentPointer+"/kind", "const", "must be %q: files came with the message", KindFiles)
	}
	content.validate(func(pointer, rule, message string) { d.fault(contentPointer+pointer, rule, "%s", message) })
	return content
}

func (t Text) validate(report func(pointer, rule, message string)) {
	if strings.TrimSpace(t.Text) == "" {
		report("/text", "minLength", "must not be empty")
	}
	validateText(t.Text, report)
}

func validateText(text string, report func(pointer, rule, message string)) {
	if n := utf8.RuneCountInString(text); n > MaxTextLength {
		report("/text", "maxLength", fmt.Sprintf("has %d characters; at most %d are possible", n, MaxTextLength))
	}
	if strings.ContainsRune(text, AttachmentMark) {
		report("/text", "character", "must not contain U+FFFC, which marks the place of an attachment")
	}
}

// AttachmentMark is U+FFFC, which holds the place of an attachment in Apple's texts.
const AttachmentMark = '\uFFFC'

func (t Typing) validate(report func(pointer, rule, message string)) {
	if !slices.Contains([]TypingState{TypingOn, TypingOff}, t.State) {
		report("/state", "enum", `must be "on" or "off"`)
	}
}
