package message

import (
	"bytes"
	"encoding/json"
	"iter"
	"slices"
	"unicode/utf8"
)

// The functions below take a document apart that is known to be valid JSON, without copying it: encoding/json goes
// through every part several times, and contents with pictures in them are large.

// jsonMembers are those of an object's members that have one of the names, each with the value that comes last.
func jsonMembers(raw []byte, names ...string) map[string]json.RawMessage {
	members := make(map[string]json.RawMessage)
	for i := space(raw, 1); raw[i] != '}'; {
		end := valueEnd(raw, i)
		name := jsonString(raw[i:end])
		start := space(raw, space(raw, end)+1) // after the colon
		end = valueEnd(raw, start)
		if slices.Contains(names, name) {
			members[name] = raw[start:end:end]
		}
		i = afterComma(raw, end)
	}
	return members
}

// jsonElements are the elements of an array.
func jsonElements(raw []byte) iter.Seq[json.RawMessage] {
	return func(yield func(json.RawMessage) bool) {
		for i := space(raw, 1); raw[i] != ']'; {
			end := valueEnd(raw, i)
			if !yield(raw[i:end:end]) {
				return
			}
			i = afterComma(raw, end)
		}
	}
}

// jsonString is the text of a string.
func jsonString(raw []byte) string {
	inside := raw[1 : len(raw)-1]
	if bytes.IndexByte(inside, '\\') < 0 && utf8.Valid(inside) {
		return string(inside)
	}
	var text string
	_ = json.Unmarshal(raw, &text) // it is valid
	return text
}

func space(raw []byte, i int) int {
	for raw[i] == ' ' || raw[i] == '\t' || raw[i] == '\n' || raw[i] == '\r' {
		i++
	}
	return i
}

// afterComma is where the next member or element begins, or the container ends.
func afterComma(raw []byte, i int) int {
	if i = space(raw, i); raw[i] == ',' {
		return space(raw, i+1)
	}
	return i
}

// valueEnd is the end of the value at i.
func valueEnd(raw []byte, i int) int {
	for depth := 0; ; {
		switch raw[i] {
		case '"':
			i = stringEnd(raw, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		default:
			i++
			if depth == 0 { // a number, true, false or null
				for i < len(raw) && bytes.IndexByte([]byte(" \t\r\n,]}"), raw[i]) < 0 {
					i++
				}
			}
		}
		if depth == 0 {
			return i
		}
	}
}

// stringEnd is the end of the string at i: its first quote before which no odd number of backslashes stands.
func stringEnd(raw []byte, i int) int {
	for i++; ; i++ {
		i += bytes.IndexByte(raw[i:], '"')
		backslashes := 0
		for raw[i-1-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return i + 1
		}
	}
}
