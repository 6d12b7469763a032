package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"bizbridge/bridge/attachment"
	"bizbridge/bridge/message"
)

// A transfer holds three buffers of a file, whatever the file's size: one is read and decrypted, one waits, one is sent.
// That the three overlap is what keeps decryption from costing speed.
const bufferSize = 128 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// transfer sends one part of a file. What goes wrong before the first byte is a 502; after it the connection is cut, so
// that nobody takes a piece for the whole.
func (l *Links) transfer(w http.ResponseWriter, r *http.Request, source attachment.Source, wanted span) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	t := &transferring{writer: w, controller: http.NewResponseController(w), patience: l.patience()}
	t.watchdog = time.AfterFunc(t.patience, func() { cancel(errSilent) })
	defer t.watchdog.Stop()

	err := t.run(ctx, l.Fetch, source, wanted)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause // that the read failed is only what followed from it
	}
	if l.Done != nil {
		l.Done(source, t.sent, failureOf(err))
	}
	switch {
	case err == nil:
	case t.begun || r.Context().Err() != nil:
		panic(http.ErrAbortHandler)
	default:
		writeProblem(w, http.StatusBadGateway, message.CodeUnavailable, "Apple did not give the file; try again")
	}
}

// What an answer of Apple's can have wrong, and what a caller can.
var (
	errShort   = errors.New("the file ended before its promised size")
	errLonger  = errors.New("the file is longer than its promised size")
	errSilent  = errors.New("no byte came for too long")
	errRefused = errors.New("the caller took no more bytes")
)

// failureOf words an error for the log and the metrics.
func failureOf(err error) *message.Failure {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errRefused):
		return &message.Failure{Class: message.Canceled, Reason: "the caller left", Err: err}
	}
	return message.FailureOf(err)
}

// transferring is one transfer under way.
type transferring struct {
	writer     http.ResponseWriter
	controller *http.ResponseController
	patience   time.Duration
	watchdog   *time.Timer // runs while Apple is waited for
	begun      bool        // the status is out
	sent       int64
	readErr    error // why there are no more pieces; set before their channel is closed
}

// piece is what one read gave.
type piece struct {
	buffer *[bufferSize]byte
	size   int
}

func (t *transferring) run(ctx context.Context, fetch Fetch, source attachment.Source, wanted span) error {
	length := int64(-1) // of the whole file, so that a longer one shows
	if wanted.partial {
		length = wanted.length
	}
	body, err := fetch(ctx, source, wanted.start, length)
	if err != nil {
		return err
	}
	pieces := make(chan piece, 1)
	var reading sync.WaitGroup
	defer reading.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	reading.Go(func() { t.read(ctx, body, wanted.length, pieces) })
	for p := range pieces {
		if !t.begun {
			t.begin(source, wanted)
		}
		err := t.write(p.buffer[:p.size])
		buffers.Put(p.buffer)
		if err != nil {
			return err
		}
	}
	return t.readErr
}

// read hands on length bytes of body, piece by piece, and closes it. A Read under way ends when ctx does.
func (t *transferring) read(ctx context.Context, body io.ReadCloser, length int64, pieces chan<- piece) {
	defer close(pieces)
	defer func() {
		if cause := recover(); cause != nil { // here it would end the whole process
			t.readErr = fmt.Errorf("the fetch panicked: %v", cause)
		}
	}()
	closeBody := sync.OnceFunc(func() { _ = body.Close() }) // what Close could say does not matter any more
	defer closeBody()
	defer context.AfterFunc(ctx, closeBody)()

	exact := &exactReader{reader: body, left: length}
	for {
		p := piece{buffer: buffers.Get().(*[bufferSize]byte)}
		t.watchdog.Reset(t.patience)
		var err error
		p.size, err = exact.Read(p.buffer[:])
		t.watchdog.Stop()
		if err != nil && err != io.EOF {
			t.readErr = err
			return
		}
		select {
		case pieces <- p:
		case <-ctx.Done():
			t.readErr = ctx.Err()
			return
		}
		if err == io.EOF {
			return
		}
	}
}

// begin sends the header: from here on the answer is the file or an aborted connection.
func (t *transferring) begin(source attachment.Source, wanted span) {
	status, header := http.StatusOK, t.writer.Header()
	if wanted.partial {
		status = http.StatusPartialContent
		header.Set("Content-Range", wanted.contentRange(source.Size))
	}
	setLength(header, wanted.length)
	t.begun = true
	t.writer.WriteHeader(status)
}

// writeSize is what a caller has to take within its patience.
const writeSize = 64 << 10

// write gives the caller one piece.
func (t *transferring) write(content []byte) error {
	for part := range slices.Chunk(content, writeSize) {
		_ = t.controller.SetWriteDeadline(time.Now().Add(t.patience)) // a writer without deadlines is not a socket
		n, err := t.writer.Write(part)
		t.sent += int64(n)
		if err != nil {
			return errors.Join(errRefused, err)
		}
	}
	return nil
}

// exactReader reads exactly left bytes and then io.EOF. It holds the last of them back until it has seen that there are
// no more: a file that is longer or shorter than promised is an error, and never looks whole.
type exactReader struct {
	reader io.Reader
	left   int64
}

// maxEmptyReads is how often a reader may give nothing and no error, as in package bufio.
const maxEmptyReads = 100

func (e *exactReader) Read(p []byte) (int, error) {
	if int64(len(p)) > e.left {
		p = p[:e.left]
	}
	n, err := 0, error(nil)
	for empty := 0; n == 0 && err == nil && len(p) > 0; empty++ {
		if empty == maxEmptyReads {
			return 0, io.ErrNoProgress
		}
		n, err = e.reader.Read(p)
	}
	e.left -= int64(n)
	switch {
	case err != nil && err != io.EOF:
		return 0, err
	case e.left > 0 && err == io.EOF:
		return 0, errShort
	case e.left > 0:
		return n, nil
	case err == nil:
		err = e.end()
	}
	if err != io.EOF {
		return 0, err
	}
	return n, io.EOF
}

// end makes sure that nothing follows: io.EOF is what it should find.
func (e *exactReader) end() error {
	var next [1]byte
	for range maxEmptyReads {
		switch n, err := e.reader.Read(next[:]); {
		case n > 0:
			return errLonger
		case err != nil:
			return err
		}
	}
	return io.ErrNoProgress
}
