package idr

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
)

// decodeArchive reads the keyed archive of an MSMessage. Its address is a query string whose values are JSON in base64
// (protocol §6.3); the session's name stands beside it.
func decodeArchive(raw []byte) (json.RawMessage, error) {
	list, err := openPropertyList(raw)
	if err != nil {
		return nil, err
	}
	archive, err := list.archive()
	if err != nil {
		return nil, err
	}
	query, ok := archive.address()
	if !ok {
		return nil, ErrForm
	}
	data := decodeQuery(query)
	if len(data) == 0 {
		return nil, ErrForm
	}
	interactive := map[string]any{"data": data}
	if session, ok := archive.text("sessionIdentifier"); ok && len(session) <= maxPlainText {
		interactive["sessionIdentifier"] = session
	}
	return json.Marshal(interactive)
}

// Both are far above what Apple sends: a handful of parameters, and identifiers of 36 characters.
const (
	maxParameters = 64
	maxPlainText  = 255
)

// decodeQuery brings the values into the shape of a reply's data. What is neither JSON in base64 nor one of the few plain
// texts is left out: nobody would know what it means.
func decodeQuery(query string) map[string]json.RawMessage {
	parameters := map[string]json.RawMessage{}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil || value == "" || parameters[name] != nil || len(parameters) == maxParameters {
			continue
		}
		decoded := decodeValue(value)
		if decoded == nil && (name == "requestIdentifier" || name == "version" || name == "mspVersion") {
			decoded = plainText(value)
		}
		if decoded != nil {
			parameters[name] = decoded
		}
	}
	return replyData(parameters)
}

// replyData unpacks the members that the address has a level deeper or higher than a reply.
func replyData(parameters map[string]json.RawMessage) map[string]json.RawMessage {
	data := object(parameters["data"])
	if data == nil {
		data = map[string]json.RawMessage{}
	}
	delete(parameters, "data")
	if selections, ok := parameters["selections"]; ok { // a form's answer
		delete(parameters, "selections")
		if _, known := data["dynamic"]; !known {
			if inner, wrapped := object(selections)["selections"]; wrapped {
				selections = inner
			}
			if isArray(selections) {
				data["dynamic"], _ = json.Marshal(map[string]json.RawMessage{"selections": selections})
			}
		}
	}
	for name, value := range parameters {
		if _, known := data[name]; !known {
			data[name] = value
		}
	}
	return data
}

// base64Forms brings every alphabet to one. A plus may have become a space when somebody read the query string.
var base64Forms = strings.NewReplacer(" ", "+", "-", "+", "_", "/")

// decodeValue gives the JSON object or array that a value holds, or nil. PathUnescape leaves a plus alone.
func decodeValue(value string) json.RawMessage {
	text, err := url.PathUnescape(value)
	if err != nil {
		return nil
	}
	decoded, err := base64.RawStdEncoding.DecodeString(base64Forms.Replace(strings.TrimRight(text, "= ")))
	if err != nil || !json.Valid(decoded) {
		return nil
	}
	if raw := json.RawMessage(bytes.TrimSpace(decoded)); isObject(raw) || isArray(raw) {
		return raw
	}
	return nil
}

func plainText(value string) json.RawMessage {
	text, err := url.QueryUnescape(value)
	if err != nil || len(text) > maxPlainText {
		return nil
	}
	raw, err := json.Marshal(text)
	if err != nil {
		return nil
	}
	return raw
}
