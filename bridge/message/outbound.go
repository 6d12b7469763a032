package message

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// Kind names what a message shows in Messages: the content.kind of the event format.
type Kind string

// The kinds that this version sends.
const (
	KindText       Kind = "text"
	KindFiles      Kind = "files"
	KindRichLink   Kind = "rich_link"
	KindQuickReply Kind = "quick_reply"
	KindListPicker Kind = "list_picker"
	KindTimePicker Kind = "time_picker"
	KindForm       Kind = "form"
	KindApp        Kind = "app"
	KindSignIn     Kind = "signin"
	KindPayment    Kind = "payment"
	KindTyping     Kind = "typing"
	KindTemplate   Kind = "template"
	KindSaved      Kind = "saved"
)

// Kinds lists them in the order of the documentation.
var Kinds = []Kind{
	KindText, KindFiles, KindRichLink, KindQuickReply, KindListPicker, KindTimePicker, KindForm, KindApp, KindSignIn, KindPayment,
	KindTyping, KindTemplate, KindSaved,
}

// Interactive tells whether the customer's answer to a message of this kind names the message.
func (k Kind) Interactive() bool {
	switch k {
	case KindQuickReply, KindListPicker, KindTimePicker, KindForm, KindSignIn, KindPayment:
		return true
	}
	return false
}

// Content is what a message shows; one type per [Kind].
type Content interface {
	Kind() Kind
	// validate reports every fault, with JSON pointers relative to the content.
	validate(report)
}

// Text is plain text; Messages shows no Markdown and no HTML.
type Text struct {
	Text string `json:"text"`
}

// Kind is [KindText].
func (Text) Kind() Kind { return KindText }

// MarshalJSON writes the content with its kind.
func (t Text) MarshalJSON() ([]byte, error) {
	type fields Text // without this method
	return marshalContent(KindText, fields(t))
}

// marshalContent writes an object with the kind before its fields.
func marshalContent(kind Kind, fields any) ([]byte, error) {
	object, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	head := `{"kind":"` + string(kind) + `"`
	if len(object) > len("{}") {
		head += ","
	}
	return append([]byte(head), object[1:]...), nil
}

// TypingState is "on" while somebody writes an answer.
type TypingState string

// The two states.
const (
	TypingOn  TypingState = "on"
	TypingOff TypingState = "off"
)

// Typing shows or hides the typing dots on the phone.
type Typing struct {
	State TypingState `json:"state"`
}

// Kind is [KindTyping].
func (Typing) Kind() Kind { return KindTyping }

// MarshalJSON writes the content with its kind.
func (t Typing) MarshalJSON() ([]byte, error) {
	type fields Typing // without this method
	return marshalContent(KindTyping, fields(t))
}

// SenderKind tells Apple whether a person or a program wrote the message (its auto-reply header).
type SenderKind string

// The two kinds of senders.
const (
	SenderAgent SenderKind = "agent"
	SenderBot   SenderKind = "bot"
)

// Sender is who wrote a message on the business's side.
type Sender struct {
	Kind SenderKind `json:"kind,omitempty"` // "": the default of the door through which the message came
	Name string     `json:"name,omitempty"`
}

// Outbound is one message of an agent or a bot on its way to a customer.
type Outbound struct {
	Key        string     `json:"id,omitempty"` // idempotency key of the sender; one key is one message, however often it is sent
	BusinessID BusinessID `json:"business_id"`
	CustomerID CustomerID `json:"customer_id"`
	Sealed     string     `json:"context,omitempty"` // the newest context of the customer's events
	Sender     Sender     `json:"sender"`
	Save       bool       `json:"save,omitempty"` // ask Apple for a reference by which the message can be sent again
	Content    Content    `json:"content"`
}

// EncodeSend writes the body that [DecodeSend] reads.
func EncodeSend(out Outbound, now time.Time) ([]byte, error) {
	return json.Marshal(struct {
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      Outbound  `json:"data"`
	}{TypeSend, now, out})
}

// HeaderKey takes an idempotency key from a header, where nothing has checked it yet. The error is a [Failure].
func HeaderKey(key string) (string, error) {
	if len(key) > maxKeyLength || !utf8.ValidString(key) {
		return "", Failuref(Invalid, "the idempotency key must be UTF-8 of at most %d bytes", maxKeyLength)
	}
	return key, nil
}

// Status is how far a message came.
type Status string

// The three ends of a message: accepted by the far side, in the durable queue, or reported failed.
const (
	StatusAccepted Status = "accepted"
	StatusQueued   Status = "queued"
	StatusFailed   Status = "failed"
)

// SendResult is the answer to one [Outbound].
type SendResult struct {
	ID     string `json:"id"` // the sender's key
	Status Status `json:"status"`
	Code   Code   `json:"code,omitempty"`   // why it failed
	Reason string `json:"reason,omitempty"` // the same in words
	Parts  []Part `json:"parts"`
	// Fallbacks tells what was sent as something simpler, and Note says it in words for the agent, with the numbering
	// that the customer sees where options became a text.
	Fallbacks []Fallback `json:"fallbacks,omitempty"`
	Note      string     `json:"note,omitempty"`
}

// Fallback is one step down: a kind of message was sent as another, simpler one.
type Fallback struct {
	From   Kind           `json:"from"`
	To     Kind           `json:"to"`
	Reason FallbackReason `json:"reason"`
}

// FallbackReason tells why something simpler was sent, or, for an unknown device, why it may not be seen.
type FallbackReason string

// The reasons, a closed set of the metrics contract.
const (
	FallbackDevice        FallbackReason = "device"
	FallbackHelpdesk      FallbackReason = "helpdesk"
	FallbackLimit         FallbackReason = "limit"
	FallbackUnknownDevice FallbackReason = "unknown_device"
)

// Part is one Apple message of a send: a long text becomes several.
type Part struct {
	ID     ID     `json:"id"` // the id that Apple saw
	Kind   Kind   `json:"kind"`
	Status Status `json:"status"`
	Code   Code   `json:"code,omitempty"`
	// RequestID is what the answer to an interactive message names it by.
	RequestID string `json:"request_id,omitempty"`
	// DataRef is Apple's reference to a message that was sent with save; message.sent carries it too.
	DataRef json.RawMessage `json:"data_ref,omitempty"`
}

// RepeatKey is one for all tries of the same message, and differs for all others. source is the door through which it
// came.
func (o Outbound) RepeatKey(source string) string {
	return string(DeriveID("send", source, string(o.BusinessID), string(o.CustomerID), o.Key))
}

// PartID is the id under which Apple sees a part: the same on every try and every replica.
func (o Outbound) PartID(source string, part int) ID {
	return DeriveID("part", source, string(o.BusinessID), string(o.CustomerID), o.Key, strconv.Itoa(part))
}

// RequestID is the requestIdentifier of an interactive part: a UUID, as Apple wants it, the same on every try.
func (o Outbound) RequestID(source string, part int) string {
	return string(DeriveID("request", source, string(o.BusinessID), string(o.CustomerID), o.Key, strconv.Itoa(part)))
}
