package sandbox

import (
	"bytes"
	"encoding/json"
)

// maxInlineReply is the size up to which Messages delivers an answer as it is. A larger one goes by reference.
const maxInlineReply = 10 << 10

// The ways that an answer can travel. Without one, its size decides.
const (
	formatInline = "inline"
	formatJSON   = "json"   // a reference to JSON
	formatBplist = "bplist" // a reference to an archive, as devices make it
)

// answerCall is the customer answering an interactive message.
type answerCall struct {
	customer, business, id string

	answer json.RawMessage // nothing: the first choice
	format string
	twice  bool
}

// answerChoice is what the customer chose. Each kind has its own member.
type answerChoice struct {
	Index *int         `json:"index"`
	Items []string     `json:"items"`
	Slot  string       `json:"slot"`
	Pages []pageAnswer `json:"pages"`
	URL   string       `json:"url"`

	given bool
}

// choiceMembers are the members of an answer by the kind that they answer.
var choiceMembers = map[string]string{
	kindQuickReply: "index", kindListPicker: "items", kindTimePicker: "slot", kindForm: "pages", kindApp: "url",
}

// parseChoice reads an answer, which has what its kind needs and nothing else.
func parseChoice(raw json.RawMessage, kind string) (c answerChoice, err error) {
	var members fields
	switch err := json.Unmarshal(raw, &members); {
	case len(raw) == 0, string(raw) == "null":
		return c, nil
	case err != nil:
		return c, badRequest("answer is not an object")
	}
	want := choiceMembers[kind]
	for name := range members {
		if name != want {
			return c, badRequest("answer." + shorten(name, 40) + " does not belong to an answer to this kind")
		}
	}
	if value := members[want]; value == nil || string(value) == "null" {
		return c, badRequest("answer." + want + " is missing")
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return c, badRequest("answer does not fit: " + err.Error())
	}
	c.given = true
	return c, nil
}

// answer is the customer answering an interactive message.
func (s *Sandbox) answer(c answerCall) (string, error) {
	switch c.format {
	case "", formatInline, formatJSON, formatBplist:
	default:
		return "", badRequest("format is inline, json or bplist")
	}
	asked, err := s.askedBy(c)
	if err != nil {
		return "", err
	}
	choice, err := parseChoice(c.answer, asked.Kind)
	if err != nil {
		return "", err
	}
	original, err := s.content(asked.saved)
	if err != nil {
		return "", conflict("this message can no longer be answered: " + err.Error())
	}
	r, err := s.composeReply(asked, original, choice)
	if err != nil {
		return "", err
	}
	return s.deliverReply(c, r, func() (*thread, *bubble, error) { return s.askedBubble(c) })
}

// askedBy gives a copy of what is to be answered.
func (s *Sandbox) askedBy(c answerCall) (asked interactive, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, b, err := s.askedBubble(c)
	if err == nil {
		asked = *b.Interactive
	}
	return asked, err
}

func (s *Sandbox) askedBubble(c answerCall) (*thread, *bubble, error) {
	t, err := s.usableThread(c.customer, c.business)
	if err != nil {
		return nil, nil, err
	}
	switch b := t.bubble(c.id); {
	case b == nil || b.From != "business" || b.Interactive == nil:
		return nil, nil, notFound("no such interactive message from the business")
	case !b.Interactive.Supported:
		return nil, nil, conflict("this device could not show the message")
	case b.Interactive.Kind == kindAuth:
		return nil, nil, conflict("a sign-in is not answered, but gone through: /api/phone/sign-in")
	case b.Interactive.Kind == kindPayment:
		return nil, nil, conflict("a payment is not answered, but paid: /api/phone/pay/open")
	case !canAnswer(b.Interactive.Kind):
		return nil, nil, conflict("the simulator cannot answer this kind yet")
	case !b.Interactive.Answerable:
		return nil, nil, conflict("the buttons are gone: another message followed")
	default:
		return t, b, nil
	}
}

// deliverReply sends an answer as it is or, where it is large or was asked for, by reference. It calls find for what is
// answered, which may have gone in the meantime.
func (s *Sandbox) deliverReply(c answerCall, r *reply, find func() (*thread, *bubble, error)) (string, error) {
	body := r.interactiveData()
	var ref *dataRef
	if c.format == formatJSON || c.format == formatBplist || c.format == "" && len(body) > maxInlineReply {
		key := newFileKey()
		o, err := s.store(key.encrypt(bytes.NewReader(gzipped(r.payload(c.format == formatBplist)))), 0x01)
		if err != nil {
			return "", conflict("MMCS is full: " + err.Error())
		}
		made := newDataRef(o, r.bid, r.title)
		made.Key = key.String()
		ref = &made
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, b, err := find()
	if err != nil {
		return "", err
	}
	asked := b.Interactive
	m := t.message("interactive")
	if ref != nil {
		ref.Size = s.announced(ref.Size)
		m.InteractiveDataRef = ref
	} else {
		m.InteractiveData = body
	}
	shown := &interactive{
		Kind: asked.Kind, Title: first(r.label, r.title), Subtitle: r.subtitle, RequestID: asked.RequestID, ByRef: ref != nil, Supported: true,
		Content: r.shown(body), Images: asked.Images,
	}
	id, err := s.customerSends(t, &bubble{Interactive: shown, twice: c.twice}, m)
	if err == nil {
		asked.Answered = true
		s.publishBubble(t, b)
	}
	return id, err
}
