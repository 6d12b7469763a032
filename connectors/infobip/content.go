package infobip

import (
	"encoding/json"
	"strings"

	"bizbridge/bridge/message"
)

// contentOf reads the body of a message through the Open Channel. The error is a [message.Failure].
func contentOf(raw json.RawMessage) (message.Content, error) {
	var given body
	if json.Unmarshal(raw, &given) != nil {
		return nil, invalid("/message/body", "type", "must be an object with a type")
	}
	var members map[string]any
	switch given.Type {
	case typeText:
		members = map[string]any{"kind": message.KindText, "text": given.Text}
	case typeImage:
		members = filesContent(given.Caption, given.URL, "")
	case typeAudio:
		members = filesContent("", given.URL, "")
	case typeFile:
		members = filesContent("", given.URL, given.Filename)
	case typeJSON:
		return jsonContent(given.JSON)
	default:
		return nil, invalid("/message/body/type", "enum", "must be TEXT, JSON, IMAGE, AUDIO or FILE")
	}
	text, err := json.Marshal(members)
	if err != nil {
		return nil, invalid("/message/body", "type", "cannot be read")
	}
	return decode(text)
}

func filesContent(text, url, name string) map[string]any {
	return map[string]any{"kind": message.KindFiles, "text": text, "files": []map[string]string{{"url": url, "name": name}}}
}

// jsonContent reads a rich message: data.content of the bridge's own format.
func jsonContent(raw json.RawMessage) (message.Content, error) {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || members == nil {
		return nil, invalid("/message/body/json", "type", "must be an object with a kind, such as list_picker")
	}
	var kind message.Kind
	_ = json.Unmarshal(members["kind"], &kind) // decode says what is wrong
	if !lengthen(kind, members) {
		return decode(raw) // as it is: a data_ref must not be changed in any way
	}
	text, err := json.Marshal(members)
	if err != nil {
		return nil, invalid("/message/body/json", "type", "cannot be read")
	}
	return decode(text)
}

// lengthen puts what is written in short, a title and a flat list of items, where the format has it. It tells whether
// there was something.
func lengthen(kind message.Kind, members map[string]json.RawMessage) (changed bool) {
	move := func(short, long, before, after string) {
		value, given := members[short]
		if _, written := members[long]; given && !written {
			members[long] = json.RawMessage(before + string(value) + after)
			changed = true
		}
	}
	switch kind {
	case message.KindQuickReply:
		move("title", "prompt", "", "")
		move("items", "options", "", "")
	case message.KindListPicker:
		move("title", "received", `{"title":`, "}")
		move("items", "sections", `[{"items":`, "}]")
	case message.KindTimePicker, message.KindForm:
		move("title", "received", `{"title":`, "}")
	}
	return changed
}

func decode(raw []byte) (message.Content, error) {
	content, faults := message.DecodeContent(raw)
	if len(faults) > 0 {
		return nil, &message.Failure{Class: message.Invalid, Reason: "the message is not valid", Faults: faults}
	}
	return content, nil
}

func invalid(pointer, rule, text string) *message.Failure {
	return &message.Failure{Class: message.Invalid, Reason: "the message is not valid", Faults: []message.Fault{{Pointer: pointer, Rule: rule, Message: text}}}
}

// between tells whether a message goes from the customer to the channel. Channels are UUIDs, in either case.
func between(from, to, customer, channel string) bool {
	return from == customer && strings.EqualFold(to, channel)
}

// clip shortens a text to a number of characters.
func clip(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
