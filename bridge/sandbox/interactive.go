package sandbox

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The kinds of interactive messages, as the pages call them.
const (
	kindQuickReply = "quick_reply"
	kindListPicker = "list_picker"
	kindTimePicker = "time_picker"
	kindForm       = "form"
	kindApp        = "app"
	kindAuth       = "auth"
	kindPayment    = "payment"
	kindUnknown    = "unknown"
)

// appleKinds are the members of data that make a message one of a kind.
var appleKinds = []struct {
	member, kind string
	check        func(node)
}{
	{"quick-reply", kindQuickReply, checkQuickReply},
	{"listPicker", kindListPicker, checkListPicker},
	{"event", kindTimePicker, checkTimePicker},
	{"dynamic", kindForm, checkForm},
	{"payment", kindPayment, func(node) {}}, // takePayment checks it, and keeps what it reads
	{"notification", kindUnknown, func(node) {}},
}

// interactiveData is an interactive message, found well-formed.
type interactiveData struct {
	kind, bid, requestID, session, title, subtitle string

	signIn  *signInRequest  // of a sign-in
	payment *paymentRequest // of a payment
	raw     json.RawMessage
}

// interactive is such a message on the phone.
type interactive struct {
	Kind       string            `json:"kind"`
	Title      string            `json:"title"`
	Subtitle   string            `json:"subtitle,omitempty"`
	RequestID  string            `json:"request_id,omitempty"`
	ByRef      bool              `json:"by_ref"`     // it came, or went, by reference
	Supported  bool              `json:"supported"`  // the device can show it, or is its sender
	Answerable bool              `json:"answerable"` // by the customer, now
	Answered   bool              `json:"answered"`
	Content    json.RawMessage   `json:"content,omitempty"` // interactiveData, but for the bytes of images
	Images     map[string]string `json:"images"`            // addresses on the pages, by identifier

	SignIn  *signInView  `json:"sign_in,omitempty"` // of a sign-in, that the customer can tap
	Payment *paymentView `json:"payment,omitempty"` // of a payment that the business asks for

	saved   *savedMessage
	session string // of the bubble: every answer has it
}

// savedMessage is an interactive message that MMCS keeps, so that it can be answered and sent again.
type savedMessage struct {
	ref     dataRef
	message interactiveData // without raw
	object  *object
	key     fileKey
	bare    json.RawMessage // what it said, but for the bytes of images
	images  []string        // identifiers
}

// imageLinks are the addresses of the images on the pages.
func (saved *savedMessage) imageLinks(bubbleID string) map[string]string {
	links := map[string]string{}
	for _, identifier := range saved.images {
		links[identifier] = imageLink(bubbleID, identifier)
	}
	return links
}

// dataRef stands for an interactive message whose content is in MMCS.
type dataRef struct {
	BID             string `json:"bid"`
	Owner           string `json:"owner"`
	URL             string `json:"url"`
	Size            int64  `json:"size"`
	Signature       string `json:"signature"` // hex, in lower case here
	SignatureBase64 string `json:"signature-base64"`
	Key             string `json:"key,omitempty"` // only towards the business
	Title           string `json:"title,omitempty"`
	DataRefSig      string `json:"dataRefSig"`
}

func newDataRef(o *object, bid, title string) dataRef {
	var sig [32]byte
	rand.Read(sig[:])
	return dataRef{
		BID: bid, Owner: o.owner, URL: o.url, Size: o.size, Signature: hex.EncodeToString(o.signature),
		SignatureBase64: o.checksum(), Title: title, DataRefSig: base64.StdEncoding.EncodeToString(sig[:]),
	}
}

// takeInteractive wants an interactive message, or the reference to one that was sent before.
func (m *outbound) takeInteractive(f fields) error {
	data, ref := f["interactiveData"] != nil, f["interactiveDataRef"] != nil
	switch attachments := strings.Join(strings.Fields(string(f["attachments"])), ""); {
	case data == ref:
		return errors.New("an interactive message has either interactiveData or interactiveDataRef")
	case attachments != "" && attachments != "[]":
		return errors.New("attachments is not an empty list: an interactive message has no files")
	case ref:
		if json.Unmarshal(f["interactiveDataRef"], &m.ref) != nil || m.ref == nil {
			return errors.New("interactiveDataRef is not an object")
		}
		if sig, ok := m.ref.text("dataRefSig"); !ok || sig == "" {
			return errors.New("interactiveDataRef.dataRefSig is missing, empty or not a string")
		}
		return nil
	}
	var err error
	m.interactive, err = parseInteractive(f["interactiveData"])
	return err
}

// parseInteractive checks interactiveData by the rules of its kind.
func parseInteractive(raw json.RawMessage) (*interactiveData, error) {
	top, faults := examine(raw, "interactiveData")
	if faults.err != nil {
		return nil, faults.err
	}
	d := &interactiveData{raw: raw}
	var own bool
	d.bid, own = checkBID(top)
	d.session = top.uuid("sessionIdentifier")
	top.boolean("useLiveLayout")
	top.forbid("images belong into interactiveData.data", "images")
	if own {
		d.kind = kindApp
		checkApp(top)
	} else {
		d.checkData(top)
	}
	d.checkBubbles(top)
	return d, faults.err
}

// checkData checks what is in data: what all of Apple's own kinds share, then the kind.
func (d *interactiveData) checkData(top node) {
	data := top.object("data")
	d.checkCommon(data)
	data.forbid("it is sent to /v1/authenticate", "authenticate")
	for _, known := range appleKinds {
		switch {
		case !data.has(known.member):
		case d.kind != "":
			data.wrong(known.member, "is one kind too many")
		default:
			d.kind = known.kind
			inner := data.object(known.member)
			known.check(inner)
			if d.kind == kindPayment {
				d.payment = takePayment(inner)
			}
			d.title = shorten(inner.str("summaryText"), maxLabel) // of a quick reply
		}
	}
	if d.kind == "" {
		top.wrong("data", "has none of quick-reply, listPicker, event, dynamic, payment and notification")
	}
}

// checkCommon checks what every data has.
func (d *interactiveData) checkCommon(data node) {
	version := first(data.str("version"), data.str("mspVersion"))
	if version != "1.0" {
		data.wrong("version", `is not "1.0"`)
	}
	data.need("requestIdentifier")
	d.requestID = data.uuid("requestIdentifier")
	takeImages(data)
}

// checkBubbles checks what is shown before and after the answer.
func (d *interactiveData) checkBubbles(top node) {
	if d.kind == kindQuickReply {
		top.forbid("a quick reply has its words in summaryText", "receivedMessage", "replyMessage")
		return
	}
	for _, name := range []string{"receivedMessage", "replyMessage"} {
		if !top.has(name) && (name == "replyMessage" || d.kind == kindUnknown) {
			continue
		}
		bubble := top.object(name)
		bubble.needLabel("title")
		bubble.labels("subtitle", "imageTitle", "imageSubtitle", "secondarySubtitle", "tertiarySubtitle", "alternateTitle", "imageDescription")
		bubble.oneOf("style", "icon", "small", "large")
		bubble.image("imageIdentifier")
		if name == "receivedMessage" {
			d.title, d.subtitle = bubble.str("title"), bubble.str("subtitle")
		}
	}
}

// saveMessage puts a message into MMCS, as gateways do with whatever is large. Nobody can refer to it yet.
func (s *Sandbox) saveMessage(m *outbound) (*savedMessage, error) {
	saved := &savedMessage{key: newFileKey()}
	raw := json.RawMessage(nil)
	switch {
	case m.interactive != nil:
		raw, saved.message = m.interactive.raw, *m.interactive
		saved.message.raw = nil
	case m.link != nil:
		raw = m.link.raw
	default:
		return nil, nil
	}
	var err error
	if saved.object, err = s.store(saved.key.encrypt(bytes.NewReader(gzipped(raw))), 0x01); err != nil {
		return nil, fmt.Errorf("the message could not be kept: %w", err)
	}
	var top fields
	_ = json.Unmarshal(raw, &top) // was decoded when it was checked
	saved.bare, saved.images = maskSecrets(withoutBytes(top)), imageNames(top)
	saved.ref = newDataRef(saved.object, saved.message.bid, saved.message.title)
	return saved, nil
}

// content is what the message said. It fails where it was dropped to make room.
func (s *Sandbox) content(saved *savedMessage) (fields, error) {
	sealed, err := s.mmcs.vault.open(saved.object.blob)
	if err != nil {
		return nil, err
	}
	defer sealed.Close()
	unzip, err := gzip.NewReader(&plainView{sealed, saved.key})
	if err != nil {
		return nil, err
	}
	var top fields
	return top, json.NewDecoder(io.LimitReader(unzip, maxMessage)).Decode(&top)
}

// receiveInteractive makes a bubble of an interactive message, or of the reference to one.
func (s *Sandbox) receiveInteractive(t *thread, b *bubble, m *outbound, prepared *savedMessage) error {
	saved := prepared
	if m.ref != nil {
		var err error
		if saved, err = s.mmcs.referredTo(m.ref); err != nil {
			return err
		}
	}
	message := saved.message
	var session error
	if message.payment != nil {
		var refused error
		if session, refused = s.claimSession(message.payment); refused != nil {
			return refused
		}
	}
	if m.ref == nil {
		s.mmcs.saved.put(saved.ref.DataRefSig, saved)
	}
	supported := t.person.Device.shows(message)
	b.Interactive = &interactive{
		Kind: message.kind, Title: message.title, Subtitle: message.subtitle, RequestID: message.requestID,
		ByRef: m.ref != nil, Supported: supported, Answerable: supported && canAnswer(message.kind),
		Content: saved.bare, Images: saved.imageLinks(b.ID), saved: saved, session: first(message.session, newUUID()),
	}
	if supported && message.signIn != nil {
		b.Interactive.Answerable, b.Interactive.SignIn = true, s.newSignInView(message.signIn)
	}
	if message.payment != nil {
		b.unseen = session == errFabricated
		b.Interactive.Answerable, b.Interactive.Payment = session == nil, newPaymentView(message.payment, session)
	}
	return nil
}

// canAnswer tells of which kinds the simulator's phone knows how to answer.
func canAnswer(kind string) bool {
	switch kind {
	case kindQuickReply, kindListPicker, kindTimePicker, kindForm, kindApp:
		return true
	}
	return false
}

// hideChips takes the buttons of quick replies away: another message follows.
func (s *Sandbox) hideChips(t *thread) {
	for _, b := range t.Bubbles {
		if i := b.Interactive; i != nil && i.Kind == kindQuickReply && i.Answerable {
			i.Answerable = false
			s.publishBubble(t, b)
		}
	}
}

// referredTo finds the message of a reference, which must be as it was given out.
func (m *mmcs) referredTo(ref fields) (*savedMessage, error) {
	sig, _ := ref.text("dataRefSig")
	saved, ok := m.saved.get(sig)
	if !ok {
		return nil, errors.New("interactiveDataRef.dataRefSig is that of no message known here")
	}
	if name, same := sameObject(saved.ref, ref); !same {
		return nil, fmt.Errorf("interactiveDataRef.%s is not as it was given", name)
	}
	return saved, nil
}

// sameObject tells whether what was given out came back, and if not, which member differs.
func sameObject(want any, got fields) (member string, same bool) {
	raw, _ := json.Marshal(want)
	var members fields
	_ = json.Unmarshal(raw, &members)
	for name, value := range members {
		if !sameJSON(value, got[name]) {
			return name, false
		}
	}
	return "", true
}

// sameJSON compares two numbers or strings.
func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && x == y
}

// savedAnswer is what an interactive message is answered with: nothing, or the reference that was asked for.
func (b *bubble) savedAnswer(m *outbound) result {
	if b.Interactive == nil || !m.wantsRef {
		return result{}
	}
	return result{answer: map[string]any{"dataRef": b.Interactive.saved.ref}}
}

func gzipped(raw []byte) []byte {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = zip.Write(raw)
	_ = zip.Close() // a bytes.Buffer takes everything
	return packed.Bytes()
}
