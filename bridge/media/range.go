package media

import (
	"fmt"
	"math"
	"net/http"
	"strings"
)

// span is the part of a file that is asked for.
type span struct {
	start, length int64
	partial       bool // a range was asked for, and is answered as one
}

// contentRange is the header of a partial answer.
func (s span) contentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", s.start, s.start+s.length-1, size)
}

// contentRangeOf is the header of an answer without the range that was asked for.
func contentRangeOf(size int64) string { return fmt.Sprintf("bytes */%d", size) }

// parseRange reads a Range header (RFC 9110 §14.2) for a file of this size. Several ranges, and units other than bytes,
// are answered with the whole file, as the RFC allows or demands; so is every range of an empty file. ok is false for
// what lies outside the file or is no range.
func parseRange(header string, size int64) (wanted span, ok bool) {
	whole := span{0, size, false}
	unit, set, found := strings.Cut(header, "=")
	if header == "" || size == 0 || found && !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return whole, true
	}
	var only string
	for spec := range strings.SplitSeq(set, ",") {
		if spec = strings.Trim(spec, " \t"); spec == "" {
			continue
		}
		if only != "" {
			return whole, true
		}
		only = spec
	}
	first, last, found := strings.Cut(only, "-")
	if !found {
		return span{}, false
	}
	return byteRange(first, last, size)
}

// byteRange reads first-last, first- and -suffix.
func byteRange(first, last string, size int64) (wanted span, ok bool) {
	if first == "" {
		suffix, ok := position(last)
		suffix = min(suffix, size)
		return span{size - suffix, suffix, true}, ok && suffix > 0
	}
	start, ok := position(first)
	if !ok || start >= size {
		return span{}, false
	}
	end := size - 1
	if last != "" {
		asked, ok := position(last)
		if !ok || asked < start {
			return span{}, false
		}
		end = min(end, asked)
	}
	return span{start, end - start + 1, true}, true
}

// maxPosition keeps one more digit from overflowing.
const maxPosition = (math.MaxInt64 - 9) / 10

// position reads digits; a number too large to count with is as good as the largest.
func position(digits string) (int64, bool) {
	var n int64
	for i := range len(digits) {
		digit := digits[i]
		if digit < '0' || digit > '9' {
			return 0, false
		}
		n = min(n, maxPosition)*10 + int64(digit-'0')
	}
	return n, digits != ""
}

// precondition evaluates If-Match and If-None-Match (RFC 9110 §13.2.2): 412, 304, or 0 to go on. A file has no time of
// its own, so conditions on one are ignored.
func precondition(header http.Header, tag string) int {
	if condition := header.Values("If-Match"); condition != nil && !matches(condition, tag, false) {
		return http.StatusPreconditionFailed
	}
	if condition := header.Values("If-None-Match"); condition != nil && matches(condition, tag, true) {
		return http.StatusNotModified
	}
	return 0
}

// rangeApplies evaluates If-Range, which takes one strong tag; a date fits nothing.
func rangeApplies(header http.Header, tag string) bool {
	condition := header.Get("If-Range")
	return condition == "" || condition == tag
}

// matches looks for the tag in a list. Our tags have no commas and no quotation marks inside, so nothing else in the
// list needs to be understood.
func matches(condition []string, tag string, weak bool) bool {
	for entry := range strings.SplitSeq(strings.Join(condition, ","), ",") {
		entry = strings.Trim(entry, " \t")
		if weak {
			entry = strings.TrimPrefix(entry, "W/")
		}
		if entry == tag || entry == "*" {
			return true
		}
	}
	return false
}
