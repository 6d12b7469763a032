package idr

import (
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// What a property list holds, beside string and []any.
type (
	wide string         // written as UTF-16
	uid  uint64         // a place in the archive
	dict map[string]any // written in the order of its keys
	same int            // an object that is there already
)

// writer writes binary property lists, right and wrong ones.
type writer struct {
	objects             [][]byte
	offsetSize, refSize int
}

func (w *writer) add(value any) int {
	place := len(w.objects)
	if again, ok := value.(same); ok {
		return int(again)
	}
	w.objects = append(w.objects, nil)
	var object []byte
	switch value := value.(type) {
	case string:
		object = append(head(kindASCII, len(value)), value...)
	case wide:
		units := utf16.Encode([]rune(string(value)))
		object = head(kindUTF16, len(units))
		for _, unit := range units {
			object = binary.BigEndian.AppendUint16(object, unit)
		}
	case uid:
		object = binary.BigEndian.AppendUint64([]byte{kindUID<<4 | 7}, uint64(value))
	case []any:
		object = head(kindArray, len(value))
		for _, element := range value {
			object = w.reference(object, w.add(element))
		}
	case dict:
		keys := slices.Sorted(maps.Keys(value))
		object = head(kindDict, len(keys))
		for _, key := range keys {
			object = w.reference(object, w.add(key))
		}
		for _, key := range keys {
			object = w.reference(object, w.add(value[key]))
		}
	}
	w.objects[place] = object
	return place
}

func head(kind byte, count int) []byte {
	if count < 15 {
		return []byte{kind<<4 | byte(count)}
	}
	return binary.BigEndian.AppendUint64([]byte{kind<<4 | 15, kindInteger<<4 | 3}, uint64(count))
}

func (w *writer) reference(to []byte, place int) []byte {
	return appendNumber(to, uint64(place), w.refSize)
}

func appendNumber(to []byte, n uint64, size int) []byte {
	return append(to, binary.BigEndian.AppendUint64(nil, n)[8-size:]...)
}

func (w *writer) bytes() []byte {
	raw := []byte(binaryMagic)
	var table []byte
	for _, object := range w.objects {
		table = appendNumber(table, uint64(len(raw)), w.offsetSize)
		raw = append(raw, object...)
	}
	start := len(raw)
	raw = append(raw, table...)
	raw = append(raw, 0, 0, 0, 0, 0, 0, byte(w.offsetSize), byte(w.refSize))
	for _, n := range []int{len(w.objects), 0, start} {
		raw = binary.BigEndian.AppendUint64(raw, uint64(n))
	}
	return raw
}

// archive is a keyed archive as messages have it: a root with members, and the objects that they name.
type archive struct {
	objects             []any
	members             []string // of the root
	rootName            string
	offsetSize, refSize int
	repeated            any
	times               int
}

func newArchive(address, session any) *archive {
	a := &archive{objects: []any{"$null", nil}, rootName: "root", offsetSize: 4, refSize: 4}
	if address != nil {
		if _, isUID := address.(uid); !isUID {
			a.objects = append(a.objects, address)
			address = uid(len(a.objects) - 1)
		}
		a.with("URL", dict{"NS.base": uid(0), "NS.relative": address})
	}
	if session != nil {
		a.with("sessionIdentifier", session)
	}
	return a
}

func (a *archive) with(key string, value any) *archive {
	a.members = append(a.members, key)
	a.objects = append(a.objects, key, value)
	return a
}

func (a *archive) add(value any) *archive {
	a.objects = append(a.objects, value)
	return a
}

func (a *archive) sizes(offset, reference int) *archive {
	a.offsetSize, a.refSize = offset, reference
	return a
}

func (a *archive) top(name string) *archive {
	a.rootName = name
	return a
}

// repeat lets the list of objects name one text over and over.
func (a *archive) repeat(value any, times int) *archive {
	a.repeated, a.times = value, times
	return a
}

func (a *archive) bytes() []byte {
	keys, values := []any{}, []any{}
	for i, object := range a.objects {
		if key, ok := object.(string); ok && len(keys) < len(a.members) && key == a.members[len(keys)] {
			keys, values = append(keys, uid(i)), append(values, uid(i+1))
		}
	}
	a.objects[1] = dict{"NS.keys": keys, "NS.objects": values}
	w := &writer{offsetSize: a.offsetSize, refSize: a.refSize}
	objects := a.objects
	if a.times > 0 {
		w.objects = append(w.objects, nil)
		again := w.add(a.repeated)
		objects = append(objects, slices.Repeat([]any{same(again)}, a.times)...)
		top := &writer{objects: w.objects, offsetSize: a.offsetSize, refSize: a.refSize}
		place := top.add(dict{"$objects": objects, "$top": dict{a.rootName: uid(1)}})
		top.objects[0] = top.objects[place] // the top object is the first
		return top.bytes()
	}
	w.add(dict{"$archiver": "NSKeyedArchiver", "$objects": objects, "$top": dict{a.rootName: uid(1)}})
	return w.bytes()
}

// trailer overwrites one number of the trailer.
func trailer(raw []byte, at int, n uint64) []byte {
	binary.BigEndian.PutUint64(raw[len(raw)-trailerSize+at:], n)
	return raw
}

// sizes overwrites the sizes of offsets and references.
func sizes(raw []byte, offset, reference byte) []byte {
	raw[len(raw)-trailerSize+6], raw[len(raw)-trailerSize+7] = offset, reference
	return raw
}

// hugeCounts gives every object with a count the largest there is.
func hugeCounts(query string) []byte {
	w := &writer{offsetSize: 8, refSize: 8}
	for _, kind := range []byte{kindDict, kindArray, kindASCII, kindUTF16} {
		w.objects = append(w.objects, binary.BigEndian.AppendUint64([]byte{kind<<4 | 15, kindInteger<<4 | 3}, 1<<63-1+uint64(kind)))
	}
	w.add(query)
	return w.bytes()
}

func manyNames(count int) string {
	var query strings.Builder
	query.WriteString("?")
	for i := range count {
		query.WriteString(strconv.Itoa(i))
		query.WriteString("=e30&")
	}
	return query.String()
}
