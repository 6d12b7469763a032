// Package media hands out files that customers sent, without storing them: a link holds, sealed, where Apple keeps the
// file and the key that opens it, and each request streams the bytes from Apple through the decryption to the caller.
package media

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"bizbridge/bridge/attachment"
	"bizbridge/bridge/message"
	"bizbridge/bridge/seal"
	"bizbridge/bridge/signature"
)

// Purpose binds links to media: no other token opens as one.
const Purpose seal.Purpose = "media"

// Fetch streams the plaintext of a file from offset on: length bytes, or to the end when length is negative. It asks
// Apple for a fresh URL each time. Its error is a [*message.Failure]. The reader's Close is called once, possibly while a
// Read is under way, as soon as ctx is done.
type Fetch func(ctx context.Context, source attachment.Source, offset, length int64) (io.ReadCloser, error)

// Links makes links and answers requests for them. It keeps nothing between requests and serves many at once.
type Links struct {
	Ring  *seal.Ring
	Base  *url.URL // public_url
	TTL   time.Duration
	Now   func() time.Time
	Fetch Fetch

	// Patience is how long a caller may take for 64 KB, and Apple for its next bytes, before a transfer is given up; 0: 30 s.
	Patience time.Duration

	// Refused hears of every token that does not open; nil: nobody does.
	Refused func(reason signature.Reason)

	// Done hears of every transfer that was tried: the bytes that the caller was sent, and nil or what went wrong (a
	// caller who left is message.Canceled). It is called once for each, before the answer ends. nil: nobody does.
	Done func(source attachment.Source, sent int64, failure *message.Failure)
}

const defaultPatience = 30 * time.Second

func (l *Links) patience() time.Duration {
	if l.Patience > 0 {
		return l.Patience
	}
	return defaultPatience
}

// ServeHTTP answers a request for the link with this token; the file's name in the path is only for people.
func (l *Links) ServeHTTP(w http.ResponseWriter, r *http.Request, token string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		writeProblem(w, http.StatusMethodNotAllowed, "", "a file is read with GET or HEAD")
		return
	}
	file, err := l.open(token)
	if err != nil {
		l.refuse(w, err)
		return
	}
	l.describe(w.Header(), file)
	size, tag := file.source.Size, entityTag(file.source)
	switch precondition(r.Header, tag) {
	case http.StatusPreconditionFailed:
		writeProblem(w, http.StatusPreconditionFailed, "", "the file is not the one that If-Match names")
		return
	case http.StatusNotModified:
		w.Header().Del("Content-Type")
		w.Header().Del("Content-Disposition")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	wanted, satisfiable := span{0, size, false}, true
	if r.Method == http.MethodGet && rangeApplies(r.Header, tag) {
		wanted, satisfiable = parseRange(r.Header.Get("Range"), size)
	}
	if !satisfiable {
		w.Header().Set("Content-Range", contentRangeOf(size))
		writeProblem(w, http.StatusRequestedRangeNotSatisfiable, "", "the file has no such bytes; ask for one range within its size")
		return
	}
	w.Header().Set("Accept-Ranges", "bytes")
	if r.Method == http.MethodHead {
		setLength(w.Header(), size)
		w.WriteHeader(http.StatusOK)
		return
	}
	l.transfer(w, r, file.source, wanted)
}

// refuse tells the caller as little as possible: that a link has expired is worth knowing to who was given it, and
// nobody can make a token that says so.
func (l *Links) refuse(w http.ResponseWriter, err error) {
	if l.Refused != nil {
		l.Refused(seal.Reason(err))
	}
	if errors.Is(err, seal.ErrExpired) {
		writeProblem(w, http.StatusGone, message.CodeExpired, "this link has expired")
		return
	}
	writeProblem(w, http.StatusNotFound, "", "there is nothing at this path")
}
