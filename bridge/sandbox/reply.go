package sandbox

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

// answerByRef is the customer answering an interactive message with so much content that Apple delivers a reference to
// it. The payload is packed JSON, or where archived is set, an archive as devices make it.
func (s *Sandbox) answerByRef(customerKey, businessID, id string, archived bool) (string, error) {
	s.mu.Lock()
	t, err := s.usableThread(customerKey, businessID)
	var asked *interactive
	if err == nil {
		if b := t.bubble(id); b != nil && b.From == "business" {
			asked = b.Interactive
		}
	}
	s.mu.Unlock()
	switch {
	case err != nil:
		return "", err
	case asked == nil:
		return "", notFound("no such interactive message from the business")
	}
	original, err := s.content(asked.saved)
	if err != nil {
		return "", conflict("this message can no longer be answered: " + err.Error())
	}
	reply := composeReply(asked.saved.message, original)
	key := newFileKey()
	o, err := s.store(key.encrypt(bytes.NewReader(gzipped(reply.payload(archived)))), 0x01)
	if err != nil {
		return "", conflict("MMCS is full: " + err.Error())
	}
	ref := newDataRef(o, asked.saved.message.bid, reply.title)
	ref.Key = key.String()

	s.mu.Lock()
	defer s.mu.Unlock()
	m := t.message("interactive")
	ref.Size = s.announced(ref.Size)
	m.InteractiveDataRef = &ref
	shown := &interactive{Title: reply.title, Subtitle: reply.subtitle, RequestID: asked.RequestID, ByRef: true}
	return s.customerSends(t, &bubble{Interactive: shown}, m)
}

// reply is the content of an answer: what interactiveData holds beside its bid.
type reply struct {
	title, subtitle, session string

	data map[string]any
}

// composeReply chooses the first of whatever there is to choose from.
func composeReply(asked interactiveData, original fields) reply {
	var data, received, replied map[string]any
	_ = json.Unmarshal(original["data"], &data) // was decoded when it came
	_ = json.Unmarshal(original["receivedMessage"], &received)
	_ = json.Unmarshal(original["replyMessage"], &replied)
	if replied == nil {
		replied = map[string]any{"title": asked.title}
	}
	chosen := choose(data)
	if chosen != "" {
		replied["subtitle"] = chosen
	}
	answer := map[string]any{"version": "1.0", "requestIdentifier": asked.requestID, "replyMessage": replied}
	if received != nil {
		answer["receivedMessage"] = received
	}
	for _, name := range []string{"images", "listPicker", "event", "quick-reply"} { // images are why replies get large
		if data[name] != nil {
			answer[name] = data[name]
		}
	}
	r := reply{session: asked.session, data: answer}
	if r.session == "" {
		r.session = newUUID()
	}
	r.title, _ = replied["title"].(string)
	r.subtitle, _ = replied["subtitle"].(string)
	if r.title == "" {
		r.title = asked.title
	}
	return r
}

// choose reduces the content to the customer's choice, and names it.
func choose(data map[string]any) string {
	if picker, ok := data["listPicker"].(map[string]any); ok {
		section, items := firstOf(picker, "sections"), map[string]any(nil)
		if section != nil {
			items = firstOf(section, "items")
		}
		return nameOf(items, "title")
	}
	if event, ok := data["event"].(map[string]any); ok {
		return nameOf(firstOf(event, "timeslots"), "startTime")
	}
	if quick, ok := data["quick-reply"].(map[string]any); ok {
		items, _ := quick["items"].([]any)
		delete(quick, "summaryText")
		if len(items) > 0 {
			item, _ := items[0].(map[string]any)
			quick["selectedIndex"], quick["selectedIdentifier"] = 0, item["identifier"]
			return nameOf(item, "title")
		}
	}
	return ""
}

// firstOf leaves only the first entry of a list, and gives it.
func firstOf(of map[string]any, list string) map[string]any {
	entries, _ := of[list].([]any)
	if len(entries) == 0 {
		return nil
	}
	of[list] = entries[:1]
	first, _ := entries[0].(map[string]any)
	return first
}

func nameOf(entry map[string]any, field string) string {
	name, _ := entry[field].(string)
	return name
}

// payload is what devices put into MMCS: JSON, or an NSKeyedArchiver's property list whose URL carries the parts in
// its query, each as base64 of JSON.
func (r reply) payload(archived bool) []byte {
	if !archived {
		raw, _ := json.Marshal(map[string]any{"sessionIdentifier": r.session, "data": r.data})
		return raw
	}
	rest := map[string]any{}
	var query []string
	for name, value := range r.data {
		if name == "receivedMessage" || name == "replyMessage" {
			query = append(query, name+"="+queryPart(value))
			continue
		}
		rest[name] = value
	}
	query = append(query, "data="+queryPart(rest))
	return archiveURL("?"+strings.Join(query, "&"), r.session)
}

func queryPart(value any) string {
	raw, _ := json.Marshal(value)
	// Only what must be is escaped: '+' and '/' stand as they are, which readers of forms take for a space.
	return strings.ReplaceAll(base64.StdEncoding.EncodeToString(raw), "=", "%3D")
}

// decodePayload is POST /v1/decodePayload: from what a device put into MMCS, decrypted, to JSON.
func (s *Sandbox) decodePayload(c call) (result, *refusal) {
	if _, no := s.hit(faultDecodeForbidden); no {
		return result{}, forbidden("fault: decodePayload is forbidden")
	}
	bid := c.header.Get("bid")
	if bid == "" {
		return result{}, malformed(errors.New("the header bid is missing"))
	}
	data, err := decodeReply(c.body)
	if err != nil {
		return result{}, malformed(err)
	}
	if data["bid"] == nil {
		data["bid"], _ = json.Marshal(bid)
	}
	if _, flat := s.hit(faultDecodeFlat); flat {
		return result{answer: data}, nil
	}
	return result{answer: map[string]any{"v": 1, "type": "interactive", "interactiveData": data}}, nil
}

// decodeReply reads a payload, packed or not, to the content of interactiveData.
func decodeReply(raw []byte) (fields, error) {
	raw, err := unpacked(raw)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(raw, []byte("bplist00")) {
		return decodeArchive(raw)
	}
	var data, inner fields
	if json.Unmarshal(raw, &data) != nil || data == nil {
		return nil, errors.New("the payload is neither JSON nor a property list: was it decrypted with the key?")
	}
	if data["interactiveData"] != nil && json.Unmarshal(data["interactiveData"], &inner) == nil && inner != nil {
		data = inner
	}
	if data["data"] == nil {
		return nil, errors.New("the payload has no data")
	}
	return data, nil
}

// decodeArchive reads the query of an archived URL.
func decodeArchive(raw []byte) (fields, error) {
	query, session, err := unarchiveURL(raw)
	if err != nil {
		return nil, err
	}
	parts := fields{}
	for pair := range strings.SplitSeq(strings.TrimPrefix(query, "?"), "&") {
		name, value, _ := strings.Cut(pair, "=")
		decoded, err := base64.StdEncoding.DecodeString(strings.NewReplacer("%3D", "=", "%3d", "=", "%2B", "+", "%2b", "+", "%2F", "/", "%2f", "/").Replace(value))
		if err != nil || !json.Valid(decoded) {
			return nil, errors.New("the archived URL's " + shorten(name, 40) + " is not base64 of JSON")
		}
		parts[name] = decoded
	}
	var data fields
	if json.Unmarshal(parts["data"], &data) != nil || data == nil {
		data = fields{}
	}
	for _, name := range []string{"receivedMessage", "replyMessage"} {
		if parts[name] != nil {
			data[name] = parts[name]
		}
	}
	if data["version"] == nil {
		data["version"] = json.RawMessage(`"1.0"`)
	}
	top := fields{}
	top["data"], _ = json.Marshal(data)
	if session != "" {
		top["sessionIdentifier"], _ = json.Marshal(session)
	}
	return top, nil
}
