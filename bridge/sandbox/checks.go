package sandbox

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLabel is how many characters Apple takes of a string that it renders.
const maxLabel = 200

// node is a JSON object under examination. Its methods read members and note what is wrong; the first thing noted is
// what the business hears.
type node struct {
	fields
	path string // by which errors name it
	exam *exam
}

// exam is what all nodes of a message share.
type exam struct {
	err    error
	images map[string]bool // identifiers of the images that came along
}

// examine begins with an object, found by name among its parent's members.
func examine(raw json.RawMessage, name string) (node, *exam) {
	e := &exam{images: map[string]bool{}}
	n := node{path: name, exam: e}
	n.fields = n.decode(raw, name)
	return n, e
}

func (n node) decode(raw json.RawMessage, path string) (f fields) {
	switch {
	case raw == nil:
		n.exam.fail(path, "is missing")
	case json.Unmarshal(raw, &f) != nil || f == nil:
		n.exam.fail(path, "is not an object")
	}
	return f
}

func (e *exam) fail(path, format string, args ...any) {
	if e.err == nil {
		e.err = fmt.Errorf("%s %s", path, fmt.Sprintf(format, args...))
	}
}

// wrong notes a fault of a member.
func (n node) wrong(name, format string, args ...any) {
	n.exam.fail(n.at(name), format, args...)
}

func (n node) at(name string) string { return n.path + "." + name }

func (n node) has(name string) bool { return n.fields[name] != nil }

// forbid notes members that must not be there.
func (n node) forbid(why string, names ...string) {
	for _, name := range names {
		if n.has(name) {
			n.wrong(name, "must not be there: %s", why)
		}
	}
}

// str reads a string that may be absent.
func (n node) str(name string) string {
	text, ok := n.text(name)
	if !ok && n.has(name) {
		n.wrong(name, "is not a string")
	}
	return text
}

// need reads a string that must be there, and not empty.
func (n node) need(name string) string {
	if !n.has(name) {
		n.wrong(name, "is missing")
	}
	text := n.str(name)
	if strings.TrimSpace(text) == "" {
		n.wrong(name, "is empty")
	}
	return text
}

// label reads a string that Apple renders, and that may be absent.
func (n node) label(name string) string {
	text := n.str(name)
	if count := utf8.RuneCountInString(text); count > maxLabel {
		n.wrong(name, "has %d characters: what is shown has %d at most", count, maxLabel)
	}
	for _, r := range text {
		if !printable(r) {
			n.wrong(name, "contains %U, which is not printable", r)
		}
	}
	return text
}

func (n node) labels(names ...string) {
	for _, name := range names {
		n.label(name)
	}
}

// needLabel is label for one that must be there.
func (n node) needLabel(name string) string {
	n.need(name)
	return n.label(name)
}

// printable leaves the joiners and marks of direction that emoji and scripts need, and characters newer than ours.
func printable(r rune) bool {
	switch {
	case unicode.IsControl(r), unicode.In(r, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs, unicode.Noncharacter_Code_Point):
		return false
	}
	return r != utf8.RuneError && r != '\uFFFC' && r != '\uFEFF'
}

var integerForm = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,15})$`)

// integer reads a whole number, written without a fraction. Absent, it is 0.
func (n node) integer(name string, least, most int) int {
	if !n.has(name) {
		return 0
	}
	if !integerForm.Match(n.fields[name]) {
		n.wrong(name, "is not an integer")
		return 0
	}
	value, _ := strconv.Atoi(string(n.fields[name])) // its digits fit
	if value < least || value > most {
		n.wrong(name, "is %d, which is not from %d to %d", value, least, most)
		return 0
	}
	return value
}

func (n node) needInteger(name string, least, most int) int {
	if !n.has(name) {
		n.wrong(name, "is missing")
	}
	return n.integer(name, least, most)
}

// number reads a number that may have a fraction.
func (n node) number(name string, least, most float64) {
	var value float64
	switch {
	case !n.has(name):
		n.wrong(name, "is missing")
	case json.Unmarshal(n.fields[name], &value) != nil || string(n.fields[name]) == "null":
		n.wrong(name, "is not a number")
	case value < least || value > most:
		n.wrong(name, "is not from %g to %g", least, most)
	}
}

// boolean reads true or false. Absent, it is false.
func (n node) boolean(name string) bool {
	switch value := string(n.fields[name]); value {
	case "", "false", "true":
		return value == "true"
	}
	n.wrong(name, "is neither true nor false")
	return false
}

// oneOf wants one of some strings, or none at all.
func (n node) oneOf(name string, values ...string) string {
	text := n.str(name)
	if n.has(name) && !slices.Contains(values, text) {
		n.wrong(name, "is %q, which is none of %s", shorten(text, 40), strings.Join(values, ", "))
	}
	return text
}

// object reads an object that must be there.
func (n node) object(name string) node {
	inner := node{path: n.at(name), exam: n.exam}
	inner.fields = n.decode(n.fields[name], inner.path)
	return inner
}

// list reads a list of objects, of which there must be at least some.
func (n node) list(name string, least int) []node {
	var raw []json.RawMessage
	switch {
	case !n.has(name) && least == 0:
		return nil
	case !n.has(name):
		n.wrong(name, "is missing")
		return nil
	case json.Unmarshal(n.fields[name], &raw) != nil || raw == nil:
		n.wrong(name, "is not a list")
		return nil
	case len(raw) < least:
		n.wrong(name, "has %d entries: at least %d are wanted", len(raw), least)
	}
	list := make([]node, len(raw))
	for i, one := range raw {
		list[i] = node{path: fmt.Sprintf("%s[%d]", n.at(name), i), exam: n.exam}
		list[i].fields = n.decode(one, list[i].path)
	}
	return list
}

// identifier reads a name that must be there once only.
func (n node) identifier(name string, seen map[string]bool) string {
	id := n.need(name)
	if seen[id] && id != "" {
		n.wrong(name, "is used twice: %q", shorten(id, 40))
	}
	seen[id] = true
	return id
}

func (n node) uuid(name string) string {
	text := n.str(name)
	if n.has(name) && !uuidForm.MatchString(text) {
		n.wrong(name, "is not a UUID")
	}
	return text
}

// image wants a reference, where there is one, to lead to an image of the message.
func (n node) image(name string) {
	if id := n.str(name); n.has(name) && !n.exam.images[id] {
		n.wrong(name, "names %q, which is not among interactiveData.data.images", shorten(id, 40))
	}
}

// webURL wants an absolute address with one of some schemes.
func (n node) webURL(name string, schemes ...string) string {
	text := n.need(name)
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme) || strings.ContainsFunc(text, unicode.IsSpace):
		n.wrong(name, "is not an absolute URL with %s", strings.Join(schemes, " or "))
	case len(text) > maxURL:
		n.wrong(name, "has %d bytes, of at most %d", len(text), maxURL)
	}
	return text
}
