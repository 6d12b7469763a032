package sandbox

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
)

// Property lists in Apple's binary format, as far as archives of a URL need it: nil is of no use there, and so are
// dates, sets and numbers with a fraction.

// uid refers to an object of an archive, which is how NSKeyedArchiver links them.
type uid int

// archiveURL is an archive of a dictionary with a URL and a session, as a device keeps an answer.
func archiveURL(url, session string) []byte {
	objects := []any{
		"$null",
		dict{{"NS.keys", []any{uid(2), uid(3)}}, {"NS.objects", []any{uid(4), uid(5)}}, {"$class", uid(8)}},
		"URL", "sessionIdentifier",
		dict{{"NS.base", uid(0)}, {"NS.relative", uid(6)}, {"$class", uid(7)}},
		session, url,
		dict{{"$classname", "NSURL"}, {"$classes", []any{"NSURL", "NSObject"}}},
		dict{{"$classname", "NSDictionary"}, {"$classes", []any{"NSDictionary", "NSObject"}}},
	}
	return encodePlist(dict{
		{"$version", 100000}, {"$archiver", "NSKeyedArchiver"},
		{"$top", dict{{"root", uid(1)}}}, {"$objects", objects},
	})
}

// unarchiveURL finds the URL, and the session where there is one.
func unarchiveURL(raw []byte) (url, session string, err error) {
	decoded, err := decodePlist(raw)
	if err != nil {
		return "", "", err
	}
	top, _ := decoded.(map[string]any)
	archive, _ := top["$objects"].([]any)
	roots, _ := top["$top"].(map[string]any)
	follow := func(v any) any {
		if at, ok := v.(uid); ok && int(at) < len(archive) {
			return archive[at]
		}
		return nil
	}
	root, _ := follow(roots["root"]).(map[string]any)
	keys, _ := root["NS.keys"].([]any)
	values, _ := root["NS.objects"].([]any)
	for i := range min(len(keys), len(values)) {
		switch follow(keys[i]) {
		case "URL":
			archived, _ := follow(values[i]).(map[string]any)
			url, _ = follow(archived["NS.relative"]).(string)
		case "sessionIdentifier":
			session, _ = follow(values[i]).(string)
		}
	}
	if url == "" {
		return "", "", errors.New("the archive has no URL")
	}
	return url, session, nil
}

// dict is a dictionary to encode, in order.
type dict []struct {
	key   string
	value any
}

type plistWriter struct {
	body    bytes.Buffer
	offsets []uint32
}

const plistHeader = "bplist00"

// encodePlist writes references and offsets of a fixed width, which is wasteful but allowed.
func encodePlist(root any) []byte {
	w := &plistWriter{}
	top := w.add(root)
	out := bytes.NewBufferString(plistHeader)
	out.Write(w.body.Bytes())
	table := out.Len()
	for _, offset := range w.offsets {
		_ = binary.Write(out, binary.BigEndian, offset+uint32(len(plistHeader)))
	}
	out.Write([]byte{0, 0, 0, 0, 0, 0, 4, 2}) // widths of offsets and of references
	for _, n := range []int{len(w.offsets), top, table} {
		_ = binary.Write(out, binary.BigEndian, uint64(n))
	}
	return out.Bytes()
}

// add writes an object after those that it holds, and gives its number.
func (w *plistWriter) add(v any) int {
	var head []byte
	switch v := v.(type) {
	case uid:
		head = []byte{0x80, byte(v)}
	case int:
		head = binary.BigEndian.AppendUint32([]byte{0x12}, uint32(v))
	case string:
		head = plistString(v)
	case []any:
		var refs []byte
		for _, each := range v {
			refs = binary.BigEndian.AppendUint16(refs, uint16(w.add(each)))
		}
		head = append(plistCount(0xa0, len(v)), refs...)
	case dict:
		var keys, values []byte
		for _, pair := range v {
			keys = binary.BigEndian.AppendUint16(keys, uint16(w.add(pair.key)))
			values = binary.BigEndian.AppendUint16(values, uint16(w.add(pair.value)))
		}
		head = append(append(plistCount(0xd0, len(v)), keys...), values...)
	}
	w.offsets = append(w.offsets, uint32(w.body.Len()))
	w.body.Write(head)
	return len(w.offsets) - 1
}

// plistString writes ASCII as it is, and anything else in UTF-16.
func plistString(text string) []byte {
	if !strings.ContainsFunc(text, func(r rune) bool { return r > 0x7f }) {
		return append(plistCount(0x50, len(text)), text...)
	}
	units := utf16.Encode([]rune(text))
	head := plistCount(0x60, len(units))
	for _, unit := range units {
		head = binary.BigEndian.AppendUint16(head, unit)
	}
	return head
}

func plistCount(kind byte, n int) []byte {
	if n < 15 {
		return []byte{kind | byte(n)}
	}
	return binary.BigEndian.AppendUint32([]byte{kind | 15, 0x12}, uint32(n))
}

// plistReader reads a property list that may have been made to harm: every index is checked, and depth is bounded.
type plistReader struct {
	raw                  []byte
	offsetWidth, width   int
	table, count, budget uint64
}

var errPlist = errors.New("the property list is damaged")

func decodePlist(raw []byte) (any, error) {
	if len(raw) < len(plistHeader)+32 {
		return nil, errPlist
	}
	tail := raw[len(raw)-32:]
	r := &plistReader{
		raw: raw, offsetWidth: int(tail[6]), width: int(tail[7]),
		count: binary.BigEndian.Uint64(tail[8:]), table: binary.BigEndian.Uint64(tail[24:]), budget: 100_000,
	}
	if r.offsetWidth < 1 || r.offsetWidth > 8 || r.width < 1 || r.width > 8 || r.count > uint64(len(raw)) {
		return nil, errPlist
	}
	return r.object(binary.BigEndian.Uint64(tail[16:]), 0)
}

func (r *plistReader) number(at uint64, width int) (n uint64, err error) {
	part, err := r.slice(at, uint64(width))
	for _, b := range part {
		n = n<<8 | uint64(b)
	}
	return n, err
}

func (r *plistReader) slice(at, n uint64) ([]byte, error) {
	size := uint64(len(r.raw))
	if at > size || n > size-at {
		return nil, errPlist
	}
	return r.raw[at : at+n], nil
}

func (r *plistReader) object(number uint64, depth int) (any, error) {
	if number >= r.count || depth > 32 || r.budget == 0 {
		return nil, errPlist
	}
	r.budget--
	at, err := r.number(r.table+number*uint64(r.offsetWidth), r.offsetWidth)
	if err != nil {
		return nil, err
	}
	mark, err := r.number(at, 1)
	if err != nil {
		return nil, err
	}
	at++
	kind, n := mark>>4, mark&15
	switch kind {
	case 0x0:
		return map[uint64]any{8: false, 9: true}[n], nil
	case 0x1:
		v, err := r.number(at, 1<<min(n, 4))
		return int64(v), err
	case 0x8:
		v, err := r.number(at, int(n)+1)
		return uid(min(v, 1<<30)), err
	}
	if n == 15 { // the count follows as a number
		size, err := r.number(at, 1)
		if err != nil || size>>4 != 1 || size&15 > 3 {
			return nil, errPlist
		}
		width := 1 << (size & 15)
		if n, err = r.number(at+1, width); err != nil {
			return nil, err
		}
		at += 1 + uint64(width)
	}
	return r.sized(kind, at, n, depth)
}

func (r *plistReader) sized(kind, at, n uint64, depth int) (any, error) {
	if n > uint64(len(r.raw)) {
		return nil, errPlist
	}
	switch kind {
	case 0x4, 0x5:
		part, err := r.slice(at, n)
		return string(part), err
	case 0x6:
		part, err := r.slice(at, n*2)
		units := make([]uint16, len(part)/2)
		for i := range units {
			units[i] = binary.BigEndian.Uint16(part[i*2:])
		}
		return string(utf16.Decode(units)), err
	case 0xa:
		return r.list(at, n, depth)
	case 0xd:
		keys, err := r.list(at, n, depth)
		if err != nil {
			return nil, err
		}
		values, err := r.list(at+n*uint64(r.width), n, depth)
		if err != nil {
			return nil, err
		}
		m := make(map[string]any, n)
		for i, key := range keys {
			m[fmt.Sprint(key)] = values[i]
		}
		return m, nil
	}
	return nil, fmt.Errorf("the property list has an object of kind %x", kind)
}

func (r *plistReader) list(at, n uint64, depth int) ([]any, error) {
	list := make([]any, 0, min(n, 1000))
	for i := range n {
		number, err := r.number(at+i*uint64(r.width), r.width)
		if err != nil {
			return nil, err
		}
		v, err := r.object(number, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// unpacked inflates what is packed with gzip, to a limit.
func unpacked(raw []byte) ([]byte, error) {
	if !bytes.HasPrefix(raw, []byte{0x1f, 0x8b}) {
		return raw, nil
	}
	unzip, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, errors.New("the payload begins like gzip and is not")
	}
	plain, err := io.ReadAll(io.LimitReader(unzip, maxPayload+1))
	if err != nil || len(plain) > maxPayload {
		return nil, errors.New("the payload is damaged gzip, or too large")
	}
	return plain, nil
}
