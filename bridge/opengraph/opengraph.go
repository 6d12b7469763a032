// Package opengraph reads what a web page says of itself to those who link to it: its title, an image, a video.
//
// The names are those of the Open Graph protocol (ogp.me) and of Twitter's cards, with the title element for pages that
// have neither. Apple's rules of August 2026 want every text that is shown with a link to be printable and to have at most
// 200 characters, and [Page] keeps to them.
//
// Pages come from anyone. At most 512 KB of one are read, nothing is fetched, and no script runs.
package opengraph

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding/unicode"
)

const (
	maxPage  = 512 << 10 // bytes that are read
	peeked   = 32 << 10  // bytes by which the encoding is told
	maxTitle = 200       // characters
	maxURL   = 8192      // bytes
)

// ErrNotHTML is for what is neither a page nor an image.
var ErrNotHTML = errors.New("the address leads to neither a web page nor an image")

// Page is what a page says of itself. What it does not say is empty.
type Page struct {
	Title string // one line of at most 200 characters
	Image string // an absolute http or https URL
	Video Video  // or nothing
}

// Video is a file that plays by itself: players that are pages are left out.
type Video struct {
	URL      string // an absolute http or https URL
	MIMEType string
}

// Read reads a page, or as much of it as is needed: normally its head. The content type is the server's, and may be empty;
// base is the address under which the page was found, after redirects. What is an image is its own image, and is not
// read. An error of r comes with what was found before it.
func Read(r io.Reader, contentType string, base *url.URL) (Page, error) {
	buffered := bufio.NewReaderSize(io.LimitReader(r, maxPage), peeked)
	head, err := peek(buffered, contentType)
	kind := mediaType(contentType)
	if kind == "" {
		kind = sniffed(head)
	}
	switch {
	case kind == "image/svg+xml": // drawn by what a browser does
		return Page{}, ErrNotHTML
	case strings.HasPrefix(kind, "image/"):
		return Page{Image: absolute(base)}, nil
	case kind != "text/html" && kind != "application/xhtml+xml":
		return Page{}, ErrNotHTML
	case err != nil && len(head) == 0:
		return Page{}, fmt.Errorf("the page cannot be read: %w", err)
	}
	return readHTML(decoded(buffered, head, contentType), base)
}

// peek looks at the beginning, where the content type does not forbid it. An error comes again with the next read.
func peek(r *bufio.Reader, contentType string) ([]byte, error) {
	if strings.HasPrefix(mediaType(contentType), "image/") {
		return nil, nil
	}
	head, err := r.Peek(peeked)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return head, err
}

// sniffed is the type of a page whose server says none. Few pages begin as the standard's list wants; a text without a
// tag has nothing to say anyway.
func sniffed(head []byte) string {
	kind := mediaType(http.DetectContentType(head))
	if strings.HasPrefix(kind, "text/") {
		return "text/html"
	}
	return kind
}

func mediaType(header string) string {
	parsed, _, err := mime.ParseMediaType(header)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) { // with which the type itself is there
		return ""
	}
	return parsed
}

// decoded is the page in UTF-8. What the server and the page say of their encoding is often wrong, and what is UTF-8 by
// chance is not: so that comes first.
func decoded(r io.Reader, head []byte, contentType string) io.Reader {
	if isUTF8(head) {
		// Replaces what is invalid further down, and takes out the mark at the beginning.
		return unicode.UTF8BOM.NewDecoder().Reader(r)
	}
	known, name, _ := charset.DetermineEncoding(head, contentType)
	if name == "utf-8" || name == "replacement" { // the second is for those that browsers refuse
		return unicode.UTF8BOM.NewDecoder().Reader(r)
	}
	return known.NewDecoder().Reader(r)
}

// isUTF8 tells whether a text has characters beyond ASCII, and all of them are UTF-8. The last may be cut off.
func isUTF8(head []byte) bool {
	if len(head) == peeked {
		for cut := 1; cut < utf8.UTFMax; cut++ {
			if last := head[len(head)-cut:]; utf8.RuneStart(last[0]) {
				if !utf8.FullRune(last) {
					head = head[:len(head)-cut]
				}
				break
			}
		}
	}
	return bytes.ContainsFunc(head, func(r rune) bool { return r >= utf8.RuneSelf }) && utf8.Valid(head)
}

func readHTML(r io.Reader, base *url.URL) (Page, error) {
	tokens := html.NewTokenizer(r)
	var found findings
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			if err := tokens.Err(); !errors.Is(err, io.EOF) {
				return found.page(base), fmt.Errorf("the page cannot be read: %w", err)
			}
			return found.page(base), nil
		case html.StartTagToken:
			found.start(tokens, false)
		case html.SelfClosingTagToken:
			found.start(tokens, true)
		case html.EndTagToken:
			found.end(tokens)
		case html.TextToken:
			found.text(tokens)
		}
		if found.done {
			return found.page(base), nil
		}
	}
}
