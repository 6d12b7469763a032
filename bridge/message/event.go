package message

import (
	"context"
	"encoding/json"
	"io"
	"time"
)

// EventType names what happened on the customer's side.
type EventType string

// What the bridge tells a helpdesk. Receivers ignore types that they do not know.
const (
	EventReceived      EventType = "message.received"
	EventReplied       EventType = "message.replied"
	EventUnsupported   EventType = "message.unsupported"
	EventSent          EventType = "message.sent"
	EventFailed        EventType = "message.failed"
	EventSignIn        EventType = "signin.completed"
	EventPayment       EventType = "payment.updated"
	EventTypingStarted EventType = "typing.started"
	EventTypingStopped EventType = "typing.stopped"
	EventClosed        EventType = "conversation.closed"
)

// EventTypes lists them in the order of the documentation.
var EventTypes = []EventType{
	EventReceived, EventReplied, EventUnsupported, EventSent, EventFailed, EventSignIn, EventPayment, EventTypingStarted,
	EventTypingStopped, EventClosed,
}

// Typing tells whether the type is ephemeral: best effort, answered at once, never queued, never retried.
func (t EventType) Typing() bool { return t == EventTypingStarted || t == EventTypingStopped }

// SchemaVersion is the version of the event format; it grows only when a reader of the old one would go wrong.
const SchemaVersion = 1

// Event is one thing that a customer did, on its way to a helpdesk. Treat it as immutable: several may read it at once.
type Event struct {
	Type      EventType `json:"type"`
	Schema    int       `json:"schema"`
	Timestamp time.Time `json:"timestamp"` // when the bridge got it: Apple sends no time
	Data      Data      `json:"data"`
}

// Data is the content of an [Event]. Which of the pointers are set follows from the type.
type Data struct {
	ID         ID         `json:"id"` // Apple's message id in lower case; derived from type and subject where there is none
	BusinessID BusinessID `json:"business_id"`
	CustomerID CustomerID `json:"customer_id"`
	Sealed     string     `json:"context"` // opaque; a sender echoes it, so that the bridge knows the Device again
	Device

	// PossibleRepeat marks the next try after one whose outcome nobody knows: the helpdesk may have it already.
	PossibleRepeat bool `json:"possible_repeat,omitempty"`

	// Profile is what the operator's own API says of the customer: message.received, message.replied, signin.completed. It
	// is personal data like what was said: never in the log.
	Profile map[string]any `json:"profile,omitempty"`

	Text        string       `json:"text,omitempty"`        // message.received
	Subject     string       `json:"subject,omitempty"`     // message.received: iMessage's rare subject line
	Attachments []Attachment `json:"attachments,omitempty"` // message.received
	Reaction    *Reaction    `json:"reaction,omitempty"`    // message.received: set when the text is a tapback

	Reply   *Reply   `json:"reply,omitempty"`   // message.replied
	SignIn  *SignIn  `json:"signin,omitempty"`  // signin.completed
	Payment *Payment `json:"payment,omitempty"` // payment.updated

	AppleType string `json:"apple_type,omitempty"` // message.unsupported: Apple's name of the type
	Note      string `json:"note,omitempty"`       // message.unsupported: what to tell an agent

	Sent   *Sent   `json:"sent,omitempty"`   // message.sent
	Failed *Failed `json:"failed,omitempty"` // message.failed
}

// Files lists the files of an event, those of an app's answer too.
func (d Data) Files() []Attachment {
	if d.Reply != nil && len(d.Reply.Files) > 0 {
		return d.Reply.Files
	}
	return d.Attachments
}

// Attachment is a file that a customer sent.
type Attachment struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	MIMEType  string     `json:"mime_type"`
	Size      int64      `json:"size"`                 // bytes
	URL       string     `json:"url,omitempty"`        // "": the bytes cannot be had
	ExpiresAt *time.Time `json:"expires_at,omitempty"` // when URL stops working

	// Open streams the bytes, exactly Size of them. It is set only for helpdesks that take uploads, and only where size
	// and time allow. URL is there all the same: a file that does not come must not keep the message back. Who calls Open
	// closes what it gives. The error is a [*Failure].
	Open func(ctx context.Context) (io.ReadCloser, error) `json:"-"`
}

// Sent tells of a message that was sent with save.
type Sent struct {
	MessageID string          `json:"message_id"`
	DataRef   json.RawMessage `json:"data_ref"` // for content of kind saved, unchanged
}

// Failed tells of a message that did not reach the customer, to a sender who would not hear of it otherwise.
type Failed struct {
	MessageID string `json:"message_id"` // the sender's key, or the id that Apple saw
	Code      Code   `json:"code"`
	Reason    string `json:"reason"`
}

// Verb is what a tapback says.
type Verb string

// The tapbacks of Messages (protocol §3.4).
const (
	VerbLiked      Verb = "liked"
	VerbLoved      Verb = "loved"
	VerbDisliked   Verb = "disliked"
	VerbLaughed    Verb = "laughed"
	VerbEmphasized Verb = "emphasized"
	VerbQuestioned Verb = "questioned"
	VerbReacted    Verb = "reacted" // with an emoji or a sticker
)

// Reaction is a tapback, recognised from the English text in which Apple sends it. The text itself stays in Data.Text:
// other languages are not recognised, and nothing is dropped.
type Reaction struct {
	Verb    Verb   `json:"verb"`
	Emoji   string `json:"emoji,omitempty"`
	Removed bool   `json:"removed,omitempty"`
	Quoted  string `json:"quoted"` // the message that was reacted to, or what stands for it ("an image")
}

// Subject gives an id to an event that Apple gave none: derived from the type and from what it is about, so that every
// retry and every replica tells of it under the same one.
func Subject(t EventType, business BusinessID, customer CustomerID, about string) ID {
	return DeriveID("event", string(t), string(business), string(customer), about)
}
