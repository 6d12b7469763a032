package message

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// wellFormed reports every string that is no Unicode text: invalid UTF-8, or an escape of half a surrogate pair.
// encoding/json would turn both into U+FFFD without a word, and the customer would read something that nobody wrote.
func (d *decoder) wellFormed() {
	if utf8.Valid(d.body) && !mayHoldSurrogate(d.body) {
		return
	}
	walker := stringWalker{decoder: json.NewDecoder(bytes.NewReader(d.body)), body: d.body}
	walker.report = func() {
		if len(d.faults) < 20 { // one is enough to refuse it; a body full of them must not become a long answer
			d.fault(walker.pointer(), "unicode", "has half a surrogate pair or invalid UTF-8; send well-formed Unicode")
		}
	}
	walker.value()
}

func mayHoldSurrogate(body []byte) bool {
	return bytes.Contains(body, []byte(`\ud`)) || bytes.Contains(body, []byte(`\uD`))
}

// stringWalker goes through a JSON document that has already been decoded once, so errors only end the walk.
type stringWalker struct {
	decoder *json.Decoder
	body    []byte
	path    []string // where the walk is
	report  func()   // called for every string that is not well-formed
}

func (w *stringWalker) next() (json.Token, []byte, bool) {
	start := w.decoder.InputOffset()
	token, err := w.decoder.Token()
	return token, w.body[start:w.decoder.InputOffset()], err == nil
}

func (w *stringWalker) value() bool {
	token, raw, ok := w.next()
	if !ok {
		return false
	}
	switch token {
	case json.Delim('{'):
		return w.members()
	case json.Delim('['):
		return w.elements()
	}
	if _, isString := token.(string); isString && !wellFormedString(raw) {
		w.report()
	}
	return true
}

func (w *stringWalker) members() bool {
	for w.decoder.More() {
		key, raw, ok := w.next()
		name, _ := key.(string)
		if !ok || !w.step(name, !wellFormedString(raw)) {
			return false
		}
	}
	_, _, ok := w.next()
	return ok
}

func (w *stringWalker) elements() bool {
	for i := 0; w.decoder.More(); i++ {
		if !w.step(strconv.Itoa(i), false) {
			return false
		}
	}
	_, _, ok := w.next()
	return ok
}

// step walks the value of one member or element.
func (w *stringWalker) step(name string, badName bool) bool {
	w.path = append(w.path, name)
	defer func() { w.path = w.path[:len(w.path)-1] }()
	if badName {
		w.report()
	}
	return w.value()
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

// maxPointer keeps what the answer repeats of the body short; a longer pointer ends at an ancestor.
const maxPointer = 1000

func (w *stringWalker) pointer() string {
	var pointer strings.Builder
	for _, name := range w.path {
		step := "/" + pointerEscaper.Replace(strings.ToValidUTF8(name, "\uFFFD"))
		if pointer.Len()+len(step) > maxPointer {
			break
		}
		pointer.WriteString(step)
	}
	return pointer.String()
}

// wellFormedString looks at the source of one JSON string (with what stands before it: separators and white space).
func wellFormedString(raw []byte) bool {
	if !utf8.Valid(raw) {
		return false
	}
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		if i+1 < len(raw) && raw[i+1] != 'u' {
			i++ // an escape of one character: \\ must not make a following u look like an escape
			continue
		}
		unit := escapedUnit(raw, i)
		switch {
		case unit >= 0xDC00 && unit <= 0xDFFF:
			return false
		case unit >= 0xD800 && unit <= 0xDBFF:
			if low := escapedUnit(raw, i+6); low < 0xDC00 || low > 0xDFFF {
				return false
			}
			i += 6
		}
		i += 5
	}
	return true
}

// escapedUnit reads the UTF-16 unit of a \uXXXX at i; -1 where there is none.
func escapedUnit(raw []byte, i int) int64 {
	if i+6 > len(raw) || raw[i] != '\\' || raw[i+1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseInt(string(raw[i+2:i+6]), 16, 32)
	if err != nil {
		return -1
	}
	return unit
}
