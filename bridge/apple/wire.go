package apple

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"bizbridge/bridge/attachment"
	"bizbridge/bridge/message"
)

// wireMessage is Apple's envelope (protocol §3.1). Members are kept raw: an authentic message whose parts have another
// shape than documented is handed on as unsupported, so decoding them must be able to fail one by one.
type wireMessage struct {
	id, messageType, sourceID, destinationID string

	fields struct {
		Version            json.RawMessage `json:"v"`
		ID                 json.RawMessage `json:"id"`
		Type               json.RawMessage `json:"type"`
		SourceID           json.RawMessage `json:"sourceId"`
		DestinationID      json.RawMessage `json:"destinationId"`
		Locale             json.RawMessage `json:"locale"`
		Intent             json.RawMessage `json:"intent"`
		Group              json.RawMessage `json:"group"`
		Body               json.RawMessage `json:"body"`
		Subject            json.RawMessage `json:"subject"`
		Attachments        json.RawMessage `json:"attachments"`
		InteractiveData    json.RawMessage `json:"interactiveData"`
		InteractiveDataRef json.RawMessage `json:"interactiveDataRef"`
	}
}

// decode reads the envelope. It fails only for what is no JSON object or has no id.
func decode(body []byte) (*wireMessage, error) {
	wire := &wireMessage{}
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return nil, errors.New("the body is not a JSON object")
	}
	if err := json.Unmarshal(body, &wire.fields); err != nil {
		return nil, errors.New("the body is not JSON") // the decoder's words could quote it
	}
	wire.id = text(wire.fields.ID)
	if strings.TrimSpace(wire.id) == "" {
		return nil, errors.New("the message has no id")
	}
	wire.messageType = text(wire.fields.Type)
	wire.sourceID = text(wire.fields.SourceID)
	wire.destinationID = text(wire.fields.DestinationID)
	return wire, nil
}

// text gives a JSON string, and "" for everything else.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// present tells whether a member is there: null is how some writers leave one out.
func present(raw json.RawMessage) bool { return raw != nil && string(raw) != "null" }

// integer reads a number, also one written as a string (protocol §12.7).
func integer(raw json.RawMessage) (int64, bool) {
	digits := strings.Trim(string(raw), `" `)
	n, err := strconv.ParseInt(digits, 10, 64)
	if whole, hasPoint := strings.CutSuffix(digits, ".0"); hasPoint {
		n, err = strconv.ParseInt(whole, 10, 64)
	}
	return n, err == nil
}

// agree compares the headers with the body and fills in what only the headers have. Ids are compared without regard to
// case, but for the customer's, which is opaque.
func (w *wireMessage) agree(header http.Header) error {
	if id := header.Get("Id"); id != "" && message.ParseID(id) != message.ParseID(w.id) {
		return errors.New("the id header and the body's id disagree")
	}
	source, destination := header.Get("Source-Id"), header.Get("Destination-Id")
	if w.sourceID == "" {
		w.sourceID = source
	}
	if w.destinationID == "" {
		w.destinationID = destination
	}
	switch {
	case w.sourceID == "":
		return errors.New("the message has no sourceId")
	case w.destinationID == "":
		return errors.New("the message has no destinationId")
	case source != "" && source != w.sourceID:
		return errors.New("the source-id header and the body's sourceId disagree")
	case destination != "" && !message.BusinessID(destination).Equal(message.BusinessID(w.destinationID)):
		return errors.New("the destination-id header and the body's destinationId disagree")
	}
	return nil
}

func (w *wireMessage) incoming(business message.BusinessID, header http.Header, now time.Time) *Incoming {
	incoming := &Incoming{Type: w.messageType}
	event := &incoming.Event
	event.Schema = message.SchemaVersion
	event.Timestamp = now.UTC()
	event.Data = message.Data{
		ID:         message.ParseID(w.id),
		BusinessID: business,
		CustomerID: message.CustomerID(w.sourceID),
		Device: message.Device{
			Locale:       text(w.fields.Locale),
			Intent:       text(w.fields.Intent),
			Group:        text(w.fields.Group),
			Agent:        header.Get("Device-Agent"),
			Capabilities: capabilities(header),
		},
	}
	w.fill(incoming)
	return incoming
}

// capabilities reads the header under today's and under its old name (protocol §2.5). nil: there is neither, so that nothing
// is known; a header that is there and empty is what a Watch sends.
func capabilities(header http.Header) []message.Capability {
	today, old := header.Values("Capability-List"), header.Values("Capabilities")
	if today == nil && old == nil {
		return nil
	}
	list := strings.Join(today, ",")
	if list == "" {
		list = strings.Join(old, ",")
	}
	return message.ParseCapabilities(list)
}

// fill sets the event's type and what belongs to it, for every type of protocol §3.2.
func (w *wireMessage) fill(incoming *Incoming) {
	event := &incoming.Event
	if version, ok := integer(w.fields.Version); present(w.fields.Version) && (!ok || version != 1) {
		incoming.Type = "unknown"
		w.unsupported(event, "The customer sent a message of a newer version of Apple's protocol.")
		return
	}
	switch w.messageType {
	case "text":
		w.fillText(incoming)
	case "typing_start":
		event.Type = message.EventTypingStarted
	case "typing_end":
		event.Type = message.EventTypingStopped
	case "close":
		event.Type = message.EventClosed
	case "interactive":
		w.fillInteractive(incoming)
	default:
		incoming.Type = "unknown"
		w.unsupported(event, "The customer sent a message of a kind that cannot be shown here.")
	}
}

func (w *wireMessage) fillText(incoming *Incoming) {
	event := &incoming.Event
	body := text(w.fields.Body)
	w.attachments(incoming)
	if present(w.fields.Body) && !isString(w.fields.Body) {
		w.unsupported(event, "The customer sent a text whose form is not known.")
		return
	}
	if strings.ContainsRune(body, message.AttachmentMark) {
		body = strings.TrimSpace(strings.ReplaceAll(body, string(message.AttachmentMark), ""))
	}
	if body == "" && len(event.Data.Attachments) == 0 {
		w.unsupported(event, "The customer sent an empty message.")
		return
	}
	event.Type = message.EventReceived
	event.Data.Text = body
	event.Data.Subject = text(w.fields.Subject)
	event.Data.Reaction = parseTapback(body)
}

func isString(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '"' }

// attachments lists the files of a text. What is not the list of objects that Apple documents is listed too, without its
// bytes: the words beside it must not be lost.
func (w *wireMessage) attachments(incoming *Incoming) {
	if !present(w.fields.Attachments) {
		return
	}
	var entries []json.RawMessage
	if json.Unmarshal(w.fields.Attachments, &entries) != nil {
		entries = []json.RawMessage{w.fields.Attachments}
	}
	data := &incoming.Event.Data
	for i, entry := range entries {
		var file wireFile
		_ = json.Unmarshal(entry, &file) // what cannot be read stays empty: the file is listed, without its bytes
		source, err := file.source(data.BusinessID)
		listed := message.Attachment{
			ID: fmt.Sprintf("%s-%d", data.ID, i+1), Name: attachment.FileName(source.Name, source.MIMEType),
			MIMEType: attachment.MIMEType(source.MIMEType, source.Name, nil), Size: source.Size,
		}
		data.Attachments = append(data.Attachments, listed)
		if err != nil {
			incoming.Files = append(incoming.Files, nil)
			continue
		}
		incoming.Files = append(incoming.Files, &source)
	}
}

// wireFile is where Apple keeps something, in an attachment or in an interactiveDataRef.
type wireFile struct {
	Name            string          `json:"name"`
	MIMEType        string          `json:"mimeType"`
	Size            json.RawMessage `json:"size"`
	Signature       string          `json:"signature"`
	SignatureBase64 string          `json:"signature-base64"`
	URL             string          `json:"url"`
	Owner           string          `json:"owner"`
	Key             string          `json:"key"`
}

const maxCoordinate = 2000 // bytes of a URL or an owner; Apple's have about a hundred

// source reads the coordinates. With an error, what is known of the file is there all the same.
func (f wireFile) source(business message.BusinessID) (attachment.Source, error) {
	size, hasSize := integer(f.Size)
	source := attachment.Source{Business: business, URL: f.URL, Owner: f.Owner, Name: f.Name, MIMEType: f.MIMEType, Size: max(size, 0)}
	var keyErr, signatureErr error
	source.Key, keyErr = attachment.ParseKey(f.Key)
	source.Signature, signatureErr = attachment.ParseSignature(f.Signature, f.SignatureBase64)
	err := errors.Join(keyErr, signatureErr)
	if !hasSize || size < 0 {
		err = errors.Join(err, errors.New("the size is not a number of bytes"))
	}
	for _, coordinate := range []string{f.URL, f.Owner} {
		if coordinate == "" || len(coordinate) > maxCoordinate || strings.ContainsFunc(coordinate, func(r rune) bool { return r <= ' ' || r > '~' }) {
			err = errors.Join(err, errors.New("url and owner must be printable ASCII"))
		}
	}
	return source, err
}

// fillInteractive reads the answer to an interactive message: what is there inline, where it has a known kind; else what
// the reference leads to, which has to be fetched first.
func (w *wireMessage) fillInteractive(incoming *Incoming) {
	w.attachments(incoming)
	var reference struct {
		wireFile
		BID   string       `json:"bid"`
		Title flexibleText `json:"title"`
	}
	lenient(w.fields.InteractiveDataRef, &reference)
	title := firstText(reference.Title)
	if incoming.answer(w.fields.InteractiveData, message.Reply{Title: title}) {
		return
	}
	if source, err := reference.source(incoming.Event.Data.BusinessID); err == nil {
		incoming.Reference = &Reference{Source: source, BID: reference.BID, Title: title}
	}
}

// Answer puts what [Client.Expand] has read into the event.
func (in *Incoming) Answer(interactiveData json.RawMessage) {
	known := message.Reply{Title: in.Reference.Title}
	if in.Event.Data.Reply != nil {
		known = *in.Event.Data.Reply
	}
	in.answer(interactiveData, known)
}

// answer makes the event of an interactive answer. known is what was known of it before, and counts where the answer
// itself does not say. complete tells that nothing is to be looked for elsewhere.
func (in *Incoming) answer(interactiveData json.RawMessage, known message.Reply) (complete bool) {
	reply, signInOrPayment := parseReply(interactiveData)
	if signInOrPayment { // the bubble says "You signed in" whether or not that is so
		in.SignIn, in.Payment = parseSignIn(interactiveData), parsePayment(interactiveData)
		in.cannotShow("The customer answered a sign-in or payment request, which cannot be shown here.")
		return true
	}
	complete = reply.Kind != message.ReplyUnknown && (reply.Kind != message.ReplyApp || reply.URL != "")
	if reply.Kind == message.ReplyUnknown && known.Kind != "" {
		reply.Kind = known.Kind
	}
	if reply.Title == "" && reply.Subtitle == "" {
		reply.Title, reply.Subtitle = known.Title, known.Subtitle
	}
	reply.RequestID = firstText(reply.RequestID, known.RequestID)
	reply.SessionID = firstText(reply.SessionID, known.SessionID)
	if reply.Kind == message.ReplyUnknown && reply.Text() == "" {
		in.cannotShow("The customer answered an interactive message, which cannot be shown here.")
		return complete
	}
	in.Event.Type, in.Event.Data.Reply = message.EventReplied, &reply
	in.Event.Data.AppleType, in.Event.Data.Note = "", ""
	return complete
}

// cannotShow tells of an answer without showing it.
func (in *Incoming) cannotShow(note string) {
	in.Event.Type, in.Event.Data.Reply = message.EventUnsupported, nil
	in.Event.Data.AppleType, in.Event.Data.Note = in.Type, note
}

const maxAppleType = 64

func (w *wireMessage) unsupported(event *message.Event, note string) {
	event.Type = message.EventUnsupported
	event.Data.AppleType = w.messageType
	if len(event.Data.AppleType) > maxAppleType {
		event.Data.AppleType = strings.ToValidUTF8(event.Data.AppleType[:maxAppleType], "")
	}
	event.Data.Note = note
}
