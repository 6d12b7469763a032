package message

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A small body must not ask for much work.
const (
	maxElements    = 1000     // of one list
	maxAllElements = 10_000   // of all lists of a content together
	maxMap         = 64 << 10 // bytes
)

var (
	rawType  = reflect.TypeFor[json.RawMessage]()
	timeType = reflect.TypeFor[time.Time]()
	textType = reflect.TypeFor[Label]()
)

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// read decodes raw into the variable to which target points.
func (d *decoder) read(pointer string, raw json.RawMessage, target any) {
	d.value(pointer, raw, reflect.ValueOf(target).Elem())
}

// value decodes raw into target. encoding/json says of a wrong type at most the names of the members that lead to it;
// here each fault has the pointer of the very value. Members that are missing or null leave target as it is, and names
// count exactly as they are documented.
func (d *decoder) value(pointer string, raw json.RawMessage, target reflect.Value) {
	if isNull(raw) || len(d.faults) >= maxFaults {
		return
	}
	switch target.Kind() {
	case reflect.Pointer:
		target.Set(reflect.New(target.Type().Elem()))
		d.value(pointer, raw, target.Elem())
	case reflect.Struct:
		if target.Type() == timeType {
			d.time(pointer, raw, target)
			return
		}
		d.members(pointer, raw, target)
	case reflect.Slice:
		if target.Type() == rawType {
			target.SetBytes(bytes.Clone(raw))
			return
		}
		d.elements(pointer, raw, target)
	case reflect.String:
		d.text(pointer, raw, target)
	case reflect.Int, reflect.Int64:
		d.integer(pointer, raw, target)
	case reflect.Map:
		if len(raw) > maxMap {
			d.fault(pointer, "maxLength", "has %d bytes; at most %d are possible", len(raw), maxMap)
			return
		}
		d.any(pointer, raw, target)
	default: // true or false, and numbers
		d.any(pointer, raw, target)
	}
}

func (d *decoder) any(pointer string, raw json.RawMessage, target reflect.Value) {
	if json.Unmarshal(raw, target.Addr().Interface()) != nil {
		d.fault(pointer, ruleType, "must be %s", jsonType(target.Type()))
	}
}

func (d *decoder) members(pointer string, raw json.RawMessage, target reflect.Value) {
	if raw[0] != '{' {
		d.fault(pointer, ruleType, "must be an object")
		return
	}
	names := make([]string, target.NumField())
	required := make([]bool, len(names))
	for i := range names {
		name, options, _ := strings.Cut(target.Type().Field(i).Tag.Get("json"), ",")
		names[i], required[i] = name, options == ""
	}
	members := jsonMembers(raw, names...)
	for i, name := range names {
		if name == "-" {
			continue
		}
		d.value(pointer+"/"+name, members[name], target.Field(i))
		if required[i] && isNull(members[name]) && isNumber(target.Field(i).Kind()) { // its zero would look like a value
			d.fault(pointer+"/"+name, "required", "is required")
		}
	}
}

func isNumber(kind reflect.Kind) bool {
	return kind == reflect.Int || kind == reflect.Int64 || kind == reflect.Float64
}

func (d *decoder) elements(pointer string, raw json.RawMessage, target reflect.Value) {
	if raw[0] != '[' {
		d.fault(pointer, ruleType, "must be an array")
		return
	}
	var elements []json.RawMessage
	for element := range jsonElements(raw) {
		if elements = append(elements, element); len(elements) > maxElements {
			d.fault(pointer, "maxItems", "has more than %d entries", maxElements)
			return
		}
	}
	if d.elementsRead += len(elements); d.elementsRead > maxAllElements {
		d.fault(pointer, "maxItems", "makes more than %d entries in all lists together", maxAllElements)
		return
	}
	target.Set(reflect.MakeSlice(target.Type(), len(elements), len(elements)))
	for i, element := range elements {
		at := pointer + "/" + strconv.Itoa(i)
		d.value(at, element, target.Index(i))
		if isNull(element) {
			d.fault(at, ruleType, "must be %s", jsonType(target.Type().Elem()))
		}
	}
}

func (d *decoder) text(pointer string, raw json.RawMessage, target reflect.Value) {
	if raw[0] != '"' {
		d.fault(pointer, ruleType, "must be a string")
		return
	}
	text := jsonString(raw)
	if target.Type() == textType {
		text = mendLabel(text)
		if n := utf8.RuneCountInString(text); n > MaxLabel {
			d.fault(pointer, "maxLength", "has %d characters; Apple shows at most %d", n, MaxLabel)
		}
	}
	target.SetString(text)
}

func (d *decoder) integer(pointer string, raw json.RawMessage, target reflect.Value) {
	number, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || number != math.Trunc(number) || math.Abs(number) > 1<<53 {
		d.fault(pointer, ruleType, "must be a whole number")
		return
	}
	target.SetInt(int64(number))
}

func (d *decoder) time(pointer string, raw json.RawMessage, target reflect.Value) {
	if raw[0] != '"' {
		d.fault(pointer, ruleType, "must be a string")
		return
	}
	text := jsonString(raw)
	parsed, err := time.Parse(time.RFC3339, text)
	if _, unwritable := parsed.MarshalText(); err != nil || unwritable != nil || text[13] != ':' || strings.Contains(text, ",") {
		// time.Parse also takes 9:00 for 09:00, a comma before parts of a second, and an offset of a whole day
		d.fault(pointer, "format", "must be an RFC 3339 time such as 2026-01-01T00:00:00Z")
		return
	}
	target.Set(reflect.ValueOf(parsed))
}

func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Pointer:
		return jsonType(t.Elem())
	}
	return "a number"
}

// report takes the faults of one part of a content, with JSON pointers relative to that part.
type report struct {
	decoder *decoder
	pointer string
}

func (r report) fault(pointer, rule, format string, args ...any) {
	r.decoder.fault(r.pointer+pointer, rule, format, args...)
}

// at is the report for a part of what is being validated.
func (r report) at(format string, args ...any) report {
	return report{r.decoder, r.pointer + fmt.Sprintf(format, args...)}
}

// misread tells whether a value at pointer, or in it, had the wrong type: what refers to it cannot be judged then.
func (r report) misread(pointer string) bool {
	return slices.ContainsFunc(r.decoder.faults, func(known Fault) bool {
		return known.Rule == ruleType && within(known.Pointer, r.pointer+pointer)
	})
}

// required wants a text that is not empty.
func (r report) required(pointer string, text Label) {
	if text == "" {
		r.fault(pointer, "required", "is required, and must not be empty")
	}
}

// count bounds the length of a list.
func (r report) count(pointer string, n, least, most int) {
	switch {
	case n < least && least == 1:
		r.fault(pointer, "minItems", "must not be empty")
	case n < least:
		r.fault(pointer, "minItems", "has %d; at least %d are needed", n, least)
	case n > most:
		r.fault(pointer, "maxItems", "has %d; at most %d are possible", n, most)
	}
}

const maxIDLength = 256

// id wants an id that comes back from the phone as it was sent. The empty one is nobody's fault here.
func (r report) id(pointer, id string) {
	switch {
	case len(id) > maxIDLength:
		r.fault(pointer, "maxLength", "has %d bytes; at most %d are possible", len(id), maxIDLength)
	case strings.TrimSpace(id) != id || strings.ContainsFunc(id, invisible):
		r.fault(pointer, "character", "must have no control characters and no white space around it")
	}
}

// unique wants ids that are there and different from each other. The map is shared by all that must differ.
func (r report) unique(pointer, id string, seen map[string]bool) {
	r.id(pointer, id)
	switch {
	case id == "":
		r.fault(pointer, "required", "is required, and must not be empty")
	case seen[id]:
		r.fault(pointer, "uniqueItems", "is used twice: an answer could not tell which was meant")
	}
	seen[id] = true
}
