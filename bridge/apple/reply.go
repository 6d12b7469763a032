package apple

import (
	"bytes"
	"encoding/json"
	"strings"

	"bizbridge/bridge/message"
)

// wireReply is an interactiveData object that a customer's device made (protocol §3.7). Both generations of each name are
// read.
type wireReply struct {
	BID               string          `json:"bid"`
	URL               string          `json:"URL"`
	SessionIdentifier flexibleText    `json:"sessionIdentifier"`
	SessionID         flexibleText    `json:"sessionId"`
	Data              wireReplyData   `json:"data"`
	ReplyMessage      wireReplyBubble `json:"replyMessage"`
	ReceivedMessage   wireReplyBubble `json:"receivedMessage"`
}

type wireReplyData struct {
	RequestIdentifier flexibleText    `json:"requestIdentifier"`
	SessionIdentifier flexibleText    `json:"sessionIdentifier"`
	ReplyMessage      wireReplyBubble `json:"replyMessage"`
	Authenticate      json.RawMessage `json:"authenticate"`
	Payment           json.RawMessage `json:"payment"`
	QuickReply        json.RawMessage `json:"quick-reply"`
	ListPicker        json.RawMessage `json:"listPicker"`
	Event             json.RawMessage `json:"event"`
	TimePicker        json.RawMessage `json:"timePicker"`
	Dynamic           json.RawMessage `json:"dynamic"`
	Notification      json.RawMessage `json:"notification"`
	Selections        json.RawMessage `json:"selections"` // of a form, as archives have it (protocol §6.3)
}

type wireReplyBubble struct {
	Title          flexibleText `json:"title"`
	Subtitle       flexibleText `json:"subtitle"`
	AlternateTitle flexibleText `json:"alternateTitle"` // what the phone shows instead of the title
}

// parseReply reads an answer. signInOrPayment tells of those that are no answer to show.
func parseReply(interactiveData json.RawMessage) (reply message.Reply, signInOrPayment bool) {
	var wire wireReply
	lenient(interactiveData, &wire)
	data := wire.Data
	reply = message.Reply{
		Kind:      message.ReplyUnknown,
		RequestID: firstText(data.RequestIdentifier),
		SessionID: firstText(wire.SessionIdentifier, wire.SessionID, data.SessionIdentifier),
	}
	data.ReplyMessage.show(&reply)
	wire.ReplyMessage.show(&reply)
	switch {
	case present(data.Authenticate), present(data.Payment):
		return reply, true
	case data.choose(&reply):
	case wire.ofAnApp():
		reply.Kind, reply.URL = message.ReplyApp, wire.URL
		wire.ReceivedMessage.show(&reply) // apps draw their answer there; anywhere else this is the question
	}
	return reply, false
}

// ofAnApp tells whether a message that is none of Apple's kinds comes from an app of somebody else.
func (w *wireReply) ofAnApp() bool {
	return !strings.HasPrefix(w.BID, appleExtensions) && (w.BID != "" || w.URL != "")
}

// show takes over the words of a bubble, unless another one had words already.
func (b wireReplyBubble) show(reply *message.Reply) {
	if reply.Title == "" && reply.Subtitle == "" {
		reply.Title, reply.Subtitle = firstText(b.AlternateTitle, b.Title), firstText(b.Subtitle)
	}
}

// choose finds out what kind of message was answered, and how, in the order of protocol §3.7. A kind of another type than
// documented is none.
func (d *wireReplyData) choose(reply *message.Reply) (known bool) {
	switch {
	case isObject(d.QuickReply):
		quickReplyAnswer(d.QuickReply, reply)
	case isObject(d.ListPicker):
		listPickerAnswer(d.ListPicker, reply)
	case isObject(d.Event):
		timePickerAnswer(d.Event, reply)
	case isObject(d.TimePicker):
		var legacy struct {
			Event json.RawMessage `json:"event"`
		}
		lenient(d.TimePicker, &legacy)
		timePickerAnswer(legacy.Event, reply)
	case isObject(d.Dynamic), isArray(d.Selections):
		formAnswer(d.Dynamic, d.Selections, reply)
	case isObject(d.Notification):
		invitationAnswer(d.Notification, reply)
	default:
		return false
	}
	return true
}

// maxSelections bounds an answer: a form's question is repeated beside each choice. It is more than a picker can offer,
// and than anybody fills in.
const maxSelections = 2 * message.MaxItems

// selectOne adds a choice that says anything.
func selectOne(reply *message.Reply, chosen message.Selection) {
	says := chosen.ID != "" || chosen.Title != "" || chosen.Value != "" || chosen.Start != nil
	if says && len(reply.Selections) < maxSelections {
		reply.Selections = append(reply.Selections, chosen)
	}
}

// lenient reads what it can: members of another type than expected are left empty, since one odd member must not cost
// the whole answer.
func lenient(raw json.RawMessage, target any) { _ = json.Unmarshal(raw, target) }

func isObject(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }

func isArray(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '[' }

// flexibleText is a string, also where a device writes a number, and "" where it writes anything else.
type flexibleText string

// UnmarshalJSON never fails.
func (f *flexibleText) UnmarshalJSON(raw []byte) error {
	*f = ""
	switch {
	case raw[0] == '"':
		return json.Unmarshal(raw, (*string)(f))
	case raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9':
		*f = flexibleText(raw)
	}
	return nil
}

// list is an array of at most maxSelections objects; empty where a device writes anything else. An element of another
// type keeps its place: choices may be told by their places.
type list[T any] []T

// UnmarshalJSON never fails.
func (l *list[T]) UnmarshalJSON(raw []byte) error {
	*l = nil
	elements := json.NewDecoder(bytes.NewReader(raw))
	if first, _ := elements.Token(); first != json.Delim('[') {
		return nil
	}
	for elements.More() && len(*l) < maxSelections {
		var element T
		_ = elements.Decode(&element) // see lenient
		*l = append(*l, element)
	}
	return nil
}

// truth reads true, also as a string or a number.
func truth(raw json.RawMessage) bool {
	text := strings.Trim(string(raw), `"`)
	return text == "true" || text == "1"
}

// firstText gives the first text that says something.
func firstText[T ~string](texts ...T) string {
	for _, text := range texts {
		if trimmed := strings.TrimSpace(string(text)); trimmed != "" {
			return trimmed
		}
	}
	return ""
}
