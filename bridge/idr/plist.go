package idr

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
)

// binaryMagic begins Apple's binary property lists, version 00.
const binaryMagic = "bplist00"

// propertyList reads Apple's binary property list where it lies: nothing is decoded but what is asked for, so cycles,
// deep nesting and one object inside many others cost nothing. A caller follows a fixed number of references.
//
// The form: header, objects, a table with the offset of each object, and a trailer of 32 bytes with the sizes of an
// offset and of a reference, the number of objects, the top object and where the table begins.
type propertyList struct {
	raw                 []byte // header and objects
	table               []byte
	offsetSize, refSize int
	count, top          uint64
}

const trailerSize = 32

var errTruncated = errors.New("the interactive data's property list is damaged")

func openPropertyList(raw []byte) (*propertyList, error) {
	if len(raw) < len(binaryMagic)+trailerSize {
		return nil, errTruncated
	}
	body, trailer := raw[:len(raw)-trailerSize], raw[len(raw)-trailerSize:]
	list := &propertyList{
		offsetSize: int(trailer[6]), refSize: int(trailer[7]),
		count: binary.BigEndian.Uint64(trailer[8:]), top: binary.BigEndian.Uint64(trailer[16:]),
	}
	start := binary.BigEndian.Uint64(trailer[24:])
	if start < uint64(len(binaryMagic)) || start > uint64(len(body)) ||
		list.offsetSize < 1 || list.offsetSize > 8 || list.refSize < 1 || list.refSize > 8 {
		return nil, errTruncated
	}
	list.raw, list.table = body[:start], body[start:]
	if list.count > uint64(len(list.table)/list.offsetSize) {
		return nil, errTruncated
	}
	return list, nil
}

// The kinds of objects that are read: the high four bits of an object's first byte.
const (
	kindInteger = 0x1
	kindASCII   = 0x5
	kindUTF16   = 0x6
	kindUID     = 0x8
	kindArray   = 0xa
	kindDict    = 0xd
)

// element is one object: its kind and its content, which is whole.
type element struct {
	kind    byte
	content []byte
}

// at finds an object; false for what is not there or of no kind that is read.
func (l *propertyList) at(object uint64) (element, bool) {
	if object >= l.count {
		return element{}, false
	}
	offset := number(l.table[object*uint64(l.offsetSize):][:l.offsetSize])
	if offset >= uint64(len(l.raw)) {
		return element{}, false
	}
	kind, low, rest := l.raw[offset]>>4, uint64(l.raw[offset]&0xf), l.raw[offset+1:]
	if kind == kindUID {
		return take(kind, rest, low+1, 1)
	}
	if low == 0xf { // the length follows as an integer object of its own
		if len(rest) == 0 || rest[0]>>4 != kindInteger || rest[0]&0xf > 3 {
			return element{}, false
		}
		length, ok := take(kindInteger, rest[1:], 1<<(rest[0]&0xf), 1)
		if !ok {
			return element{}, false
		}
		low, rest = number(length.content), rest[1+len(length.content):]
	}
	switch kind {
	case kindASCII:
		return take(kind, rest, low, 1)
	case kindUTF16:
		return take(kind, rest, low, 2)
	case kindArray:
		return take(kind, rest, low, l.refSize)
	case kindDict:
		return take(kind, rest, low, 2*l.refSize)
	}
	return element{}, false
}

// take cuts count units out of what follows an object's head.
func take(kind byte, rest []byte, count uint64, unit int) (element, bool) {
	if count > uint64(len(rest)/unit) {
		return element{}, false
	}
	return element{kind, rest[:count*uint64(unit)]}, true
}

// number reads a big-endian number of at most eight bytes.
func number(digits []byte) uint64 {
	var n uint64
	for _, digit := range digits {
		n = n<<8 | uint64(digit)
	}
	return n
}

func (l *propertyList) text(object uint64) (string, bool) {
	found, ok := l.at(object)
	if !ok {
		return "", false
	}
	return found.text()
}

func (e element) text() (string, bool) {
	switch e.kind {
	case kindASCII:
		return string(e.content), true
	case kindUTF16:
		units := make([]uint16, len(e.content)/2)
		for i := range units {
			units[i] = binary.BigEndian.Uint16(e.content[2*i:])
		}
		return string(utf16.Decode(units)), true
	}
	return "", false
}

// is tells whether the element is this ASCII text, without making a string of it.
func (e element) is(text string) bool { return e.kind == kindASCII && string(e.content) == text }

// references are the objects that an array or one half of a dictionary names.
type references struct {
	raw  []byte
	size int
}

func (r references) len() int { return len(r.raw) / r.size }

func (r references) at(i int) uint64 { return number(r.raw[i*r.size:][:r.size]) }

func (l *propertyList) array(object uint64) (references, bool) {
	found, ok := l.at(object)
	return references{found.content, l.refSize}, ok && found.kind == kindArray
}

// member looks a key up in a dictionary.
func (l *propertyList) member(object uint64, key string) (uint64, bool) {
	found, ok := l.at(object)
	if !ok || found.kind != kindDict {
		return 0, false
	}
	half := len(found.content) / 2
	keys, values := references{found.content[:half], l.refSize}, references{found.content[half:], l.refSize}
	for i := range keys.len() {
		if candidate, ok := l.at(keys.at(i)); ok && candidate.is(key) {
			return values.at(i), true
		}
	}
	return 0, false
}

// keyedArchive is what NSKeyedArchiver makes: a list of objects that name one another by their place in it.
type keyedArchive struct {
	list    *propertyList
	objects references
}

func (l *propertyList) archive() (keyedArchive, error) {
	member, ok := l.member(l.top, "$objects")
	if !ok {
		return keyedArchive{}, fmt.Errorf("%w: a property list, but no keyed archive", ErrForm)
	}
	objects, ok := l.array(member)
	if !ok {
		return keyedArchive{}, errTruncated
	}
	return keyedArchive{l, objects}, nil
}

// resolve follows a UID to the object of the archive that it names; other objects stand for themselves.
func (a keyedArchive) resolve(object uint64) (uint64, bool) {
	found, ok := a.list.at(object)
	if !ok || found.kind != kindUID {
		return object, ok
	}
	if len(found.content) > 8 {
		return 0, false
	}
	place := number(found.content)
	if place >= uint64(a.objects.len()) {
		return 0, false
	}
	return a.objects.at(int(place)), true
}

// follow looks a member of an object up and resolves it.
func (a keyedArchive) follow(object uint64, key string) (uint64, bool) {
	member, ok := a.list.member(object, key)
	if !ok {
		return 0, false
	}
	return a.resolve(member)
}

// rootMember looks a key up in the root object: an NSDictionary keeps its keys and its values in two lists.
func (a keyedArchive) rootMember(key string) (uint64, bool) {
	top, ok := a.list.member(a.list.top, "$top")
	if !ok {
		return 0, false
	}
	root, ok := a.follow(top, "root")
	if !ok {
		return 0, false
	}
	keyList, ok := a.follow(root, "NS.keys")
	if !ok {
		return a.follow(root, key) // an object with members of its own
	}
	valueList, _ := a.follow(root, "NS.objects")
	keys, isKeys := a.list.array(keyList)
	values, isValues := a.list.array(valueList)
	if !isKeys || !isValues {
		return 0, false
	}
	for i := range min(keys.len(), values.len()) {
		if name, ok := a.resolve(keys.at(i)); ok {
			if candidate, ok := a.list.at(name); ok && candidate.is(key) {
				return a.resolve(values.at(i))
			}
		}
	}
	return 0, false
}

// text gives a member of the root that is a string.
func (a keyedArchive) text(key string) (string, bool) {
	object, ok := a.rootMember(key)
	if !ok {
		return "", false
	}
	return a.string(object)
}

// string reads a string, also one that the archive keeps as an object of its own.
func (a keyedArchive) string(object uint64) (string, bool) {
	if inner, ok := a.follow(object, "NS.string"); ok {
		object = inner
	}
	return a.list.text(object)
}

// address gives the query string of the message's URL: where it belongs, else the first text that looks like one.
func (a keyedArchive) address() (string, bool) {
	if object, ok := a.rootMember("URL"); ok {
		if relative, ok := a.follow(object, "NS.relative"); ok {
			object = relative
		}
		if text, ok := a.string(object); ok {
			if _, query, ok := strings.Cut(text, "?"); ok {
				return query, true
			}
		}
	}
	for i := range a.objects.len() {
		candidate, ok := a.list.at(a.objects.at(i))
		if !ok || !candidate.looksLikeQuery() {
			continue
		}
		if text, ok := candidate.text(); ok {
			return text[1:], true
		}
	}
	return "", false
}

func (e element) looksLikeQuery() bool {
	return e.kind == kindASCII && len(e.content) > 0 && e.content[0] == '?' ||
		e.kind == kindUTF16 && len(e.content) > 1 && e.content[0] == 0 && e.content[1] == '?'
}
