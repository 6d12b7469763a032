package asapp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// maxEvent bounds one event of a stream, in bytes.
const maxEvent = 1 << 20

var errEventTooLarge = errors.New("an event is larger than 1 MB")

// serverEvent is one event of a stream of server-sent events, as the HTML standard has them.
type serverEvent struct {
	name string // "" where the server gives none
	data string
}

// eventReader reads them. The id and the time after which to come again mean nothing to ASAPP.
type eventReader struct{ lines *bufio.Scanner }

func newEventReader(stream io.Reader) *eventReader {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, maxEvent)
	splitter := &lineSplitter{}
	lines.Split(splitter.split)
	return &eventReader{lines}
}

// next gives the next event that has data. The error is io.EOF at the end of the stream; an event that was not ended by an
// empty line is not whole, and is dropped.
func (r *eventReader) next() (serverEvent, error) {
	var event serverEvent
	var data []string
	size := 0
	for r.lines.Scan() {
		line := r.lines.Text()
		if line == "" {
			if data != nil {
				event.data = strings.Join(data, "\n")
				return event, nil
			}
			event, size = serverEvent{}, 0
			continue
		}
		if size += len(line); size > maxEvent {
			return serverEvent{}, errEventTooLarge
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field { // a comment has no name
		case "event":
			event.name = value
		case "data":
			data = append(data, value)
		}
	}
	err := r.lines.Err()
	switch {
	case err == nil:
		err = io.EOF
	case errors.Is(err, bufio.ErrTooLong):
		err = errEventTooLarge
	}
	return serverEvent{}, err
}

// lineSplitter splits at LF, CRLF and CR. A CR ends its line at once: what follows may not come for long.
type lineSplitter struct {
	began   bool // the byte order mark has been looked for
	afterCR bool
}

func (s *lineSplitter) split(data []byte, atEOF bool) (advance int, token []byte, err error) {
	start := 0
	if !s.began && len(data) > 0 {
		mark := []byte("\ufeff")
		if len(data) < len(mark) && !atEOF && bytes.HasPrefix(mark, data) {
			return 0, nil, nil
		}
		s.began = true
		if bytes.HasPrefix(data, mark) {
			start = len(mark)
		}
	}
	if s.afterCR && len(data) > start {
		s.afterCR = false
		if data[start] == '\n' {
			start++
		}
	}
	end := bytes.IndexAny(data[start:], "\r\n")
	switch {
	case end < 0 && atEOF:
		return len(data), nil, nil // a line that is not ended is not whole
	case end < 0:
		return start, nil, nil
	}
	s.afterCR = data[start+end] == '\r'
	return start + end + 1, data[start : start+end], nil
}
