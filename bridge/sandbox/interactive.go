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
)

// interactiveData is an interactive message, as far as the simulator reads it.
type interactiveData struct {
	bid, requestID, session, title, subtitle string

	raw json.RawMessage
}

// interactive is such a message on the phone, shown as a neutral bubble with its title.
type interactive struct {
	Title      string `json:"title"`
	Subtitle   string `json:"subtitle,omitempty"`
	RequestID  string `json:"request_id,omitempty"`
	ByRef      bool   `json:"by_ref,omitempty"`     // it came, or went, by reference
	Answerable bool   `json:"answerable,omitempty"` // the business's, and the phone still has its content

	saved *savedMessage
}

// savedMessage is an interactive message that MMCS keeps, so that it can be answered and sent again.
type savedMessage struct {
	ref     dataRef
	message interactiveData // without raw
	object  *object
	key     fileKey
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

// takeInteractive wants an interactive message, or the reference to one that was sent before. The rules of the
// single kinds are not checked yet.
func (m *outbound) takeInteractive(f fields) error {
	data, ref := f["interactiveData"] != nil, f["interactiveDataRef"] != nil
	switch {
	case data == ref:
		return errors.New("an interactive message has either interactiveData or interactiveDataRef")
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

func parseInteractive(raw json.RawMessage) (*interactiveData, error) {
	var top, data, received, quick fields
	if json.Unmarshal(raw, &top) != nil || top == nil {
		return nil, errors.New("interactiveData is not an object")
	}
	d := &interactiveData{raw: raw}
	var ok bool
	if d.bid, ok = top.text("bid"); !ok || d.bid == "" {
		return nil, errors.New("interactiveData.bid is missing, empty or not a string")
	}
	if json.Unmarshal(top["data"], &data) != nil || data == nil {
		return nil, errors.New("interactiveData.data is missing or not an object")
	}
	if d.requestID, ok = data.text("requestIdentifier"); !ok || d.requestID == "" {
		return nil, errors.New("interactiveData.data.requestIdentifier is missing, empty or not a string")
	}
	d.session, _ = top.text("sessionIdentifier")
	_ = json.Unmarshal(top["receivedMessage"], &received) // quick replies have none
	d.title, _ = received.text("title")
	d.subtitle, _ = received.text("subtitle")
	if _ = json.Unmarshal(data["quick-reply"], &quick); d.title == "" {
		d.title, _ = quick.text("summaryText")
	}
	d.title, d.subtitle = shorten(d.title, 512), shorten(d.subtitle, 512)
	return d, nil
}

// saveMessage puts a message into MMCS, as gateways do with whatever is large. Nobody can refer to it yet.
func (s *Sandbox) saveMessage(m *outbound) (*savedMessage, error) {
	key := newFileKey()
	o, err := s.store(key.encrypt(bytes.NewReader(gzipped(m.interactive.raw))), 0x01)
	if err != nil {
		return nil, fmt.Errorf("the message could not be kept: %w", err)
	}
	message := *m.interactive
	message.raw = nil
	return &savedMessage{ref: newDataRef(o, message.bid, message.title), message: message, object: o, key: key}, nil
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
func (s *Sandbox) receiveInteractive(b *bubble, m *outbound, prepared *savedMessage) error {
	saved := prepared
	if m.ref != nil {
		var err error
		if saved, err = s.mmcs.referredTo(m.ref); err != nil {
			return err
		}
	} else {
		s.mmcs.saved.put(saved.ref.DataRefSig, saved)
	}
	b.Interactive = &interactive{
		Title: saved.message.title, Subtitle: saved.message.subtitle, RequestID: saved.message.requestID,
		ByRef: m.ref != nil, Answerable: true, saved: saved,
	}
	return nil
}

// referredTo finds the message of a reference, which must be as it was given out.
func (m *mmcs) referredTo(ref fields) (*savedMessage, error) {
	sig, _ := ref.text("dataRefSig")
	saved, ok := m.saved.get(sig)
	if !ok {
		return nil, errors.New("interactiveDataRef.dataRefSig is that of no message known here")
	}
	given, _ := json.Marshal(saved.ref)
	var want fields
	_ = json.Unmarshal(given, &want)
	for name, value := range want {
		if !sameJSON(value, ref[name]) {
			return nil, fmt.Errorf("interactiveDataRef.%s is not as it was given", name)
		}
	}
	return saved, nil
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
