package sandbox

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

// reply is the content of an answer.
type reply struct {
	bid, session, title, subtitle string

	alternate string  // title, where the device chose it
	label     string  // what the phone shows in place of the title, where nothing good came of it
	top       content // of an app's answer, which has no data
	data      content
	private   bool
}

// composeReply makes the answer to a message from what it asked and what was chosen.
func (s *Sandbox) composeReply(asked interactive, original fields, choice answerChoice) (*reply, error) {
	r := &reply{bid: asked.saved.message.bid, session: asked.session}
	top := contentOf(original)
	if asked.Kind == kindApp {
		return r, answerApp(top, choice, r)
	}
	data := top.object("data")
	r.data = content{"version": "1.0", "requestIdentifier": asked.RequestID}
	for name, value := range map[string]any{"receivedMessage": top["receivedMessage"], "images": data["images"]} {
		if value != nil {
			r.data[name] = value // images are why replies get large
		}
	}
	var err error
	switch asked.Kind {
	case kindQuickReply:
		return r, answerQuickReply(data, choice, r)
	case kindListPicker:
		err = answerListPicker(data, choice, r)
	case kindTimePicker:
		err = answerTimePicker(data, choice, s.now(), r)
	case kindForm:
		err = answerForm(data, choice, s.now(), r)
	}
	r.conclude(top.object("replyMessage"), asked.Title)
	return r, err
}

// conclude makes the bubble that follows the answer: the business's words, and the choice.
func (r *reply) conclude(replied content, askedTitle string) {
	if replied == nil {
		replied = content{"title": askedTitle}
	}
	if r.alternate != "" {
		replied["title"], replied["alternateTitle"] = r.title, r.alternate
	}
	if r.subtitle != "" {
		replied["subtitle"] = r.subtitle
	}
	r.title, r.subtitle = replied.str("title"), replied.str("subtitle")
	r.data["replyMessage"] = replied
}

// interactiveData is the answer as it stands in a message.
func (r *reply) interactiveData() json.RawMessage {
	top := content{"bid": r.bid, "sessionIdentifier": r.session}
	for name, value := range r.top {
		top[name] = value
	}
	if r.data != nil {
		top["data"] = r.data
	}
	raw, _ := json.Marshal(top) // made of JSON
	return raw
}

// shown is the answer as the phone shows it: what was filled into a private form stays out of the transcript.
func (r *reply) shown(body json.RawMessage) json.RawMessage {
	var top, data fields
	_ = json.Unmarshal(body, &top)
	if r.private && json.Unmarshal(top["data"], &data) == nil {
		delete(data, "dynamic")
		top["data"], _ = json.Marshal(data)
	}
	return withoutBytes(top)
}

// content is an object that was checked when it came, to make another from. Its numbers are as they were written.
type content map[string]any

func contentOf(f fields) content {
	raw, _ := json.Marshal(f)
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var c content
	_ = decoder.Decode(&c)
	return c
}

func (c content) str(name string) string {
	text, _ := c[name].(string)
	return text
}

func (c content) object(name string) content {
	inner, _ := c[name].(map[string]any)
	return inner
}

func (c content) objects(name string) (list []content) {
	entries, _ := c[name].([]any)
	for _, entry := range entries {
		inner, _ := entry.(map[string]any)
		list = append(list, inner)
	}
	return list
}

// only is a copy of some of the members.
func (c content) only(names ...string) content {
	part := content{}
	for _, name := range names {
		if value, ok := c[name]; ok {
			part[name] = value
		}
	}
	return part
}

// payload is what devices put into MMCS: JSON, or an NSKeyedArchiver's property list whose URL carries the parts in
// its query, each as base64 of JSON.
func (r *reply) payload(archived bool) []byte {
	switch {
	case archived && r.data == nil: // the URL is the app's own, and all that is left
		return archiveURL(r.top.str("URL"), r.session)
	case !archived:
		whole := content{"sessionIdentifier": r.session}
		for name, value := range r.top {
			whole[name] = value
		}
		if r.data != nil {
			whole["data"] = r.data
		}
		raw, _ := json.Marshal(whole)
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
	data, err := decodeReply(c.body, bid)
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
func decodeReply(raw []byte, bid string) (fields, error) {
	raw, err := unpacked(raw)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(raw, []byte("bplist00")) {
		return decodeArchive(raw, bid)
	}
	var data, inner fields
	if json.Unmarshal(raw, &data) != nil || data == nil {
		return nil, errors.New("the payload is neither JSON nor a property list: was it decrypted with the key?")
	}
	if data["interactiveData"] != nil && json.Unmarshal(data["interactiveData"], &inner) == nil && inner != nil {
		data = inner
	}
	if data["data"] == nil && (bid == appleBID || data["URL"] == nil) {
		return nil, errors.New("the payload has no data")
	}
	return data, nil
}

// decodeArchive reads the query of an archived URL.
func decodeArchive(raw []byte, bid string) (fields, error) {
	query, session, err := unarchiveURL(raw)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(bid, bidPrefix) && bid != appleBID { // an app's URL is its own
		raw, _ := json.Marshal(map[string]string{"URL": query, "sessionIdentifier": session})
		var top fields
		return top, json.Unmarshal(raw, &top)
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
