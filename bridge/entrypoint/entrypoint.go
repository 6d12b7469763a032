// Package entrypoint makes what a customer taps or scans to begin a conversation: the URL that opens Messages, a QR code
// of it and a link for a web page (protocol §1.4). Only customers begin conversations, so that every business needs one.
package entrypoint

import (
	"fmt"
	"html"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// base is the page of Apple's that opens Messages, followed by the business id.
const base = "https://bcrw.apple.com/urn:biz:"

// Link says with whom a conversation begins, and about what. Intent and Group come back as such with the customer's first
// text; Body stands in the field in which they write, and they may change it.
type Link struct {
	Business            string // as Apple Business Register shows it
	Intent, Group, Body string // "" leaves one out
}

// URL is the link itself. Spaces are %20: what reads the query need not know the + of HTML's forms.
func (l Link) URL() string {
	var query []string
	for _, each := range [][2]string{{"biz-intent-id", l.Intent}, {"biz-group-id", l.Group}, {"body", l.Body}} {
		if each[1] != "" {
			query = append(query, each[0]+"="+strings.ReplaceAll(url.QueryEscape(each[1]), "+", "%20"))
		}
	}
	if len(query) == 0 {
		return base + l.Business
	}
	return base + l.Business + "?" + strings.Join(query, "&")
}

// Check tells what of the link cannot come through: text that is no UTF-8, and control characters but for line breaks in
// the body.
func (l Link) Check() error {
	for _, each := range []struct{ name, text, allowed string }{
		{"intent", l.Intent, ""}, {"group", l.Group, ""}, {"body", l.Body, "\n\r\t"},
	} {
		if !utf8.ValidString(each.text) {
			return fmt.Errorf("%s: is not valid UTF-8", each.name)
		}
		for _, r := range each.text {
			if unicode.IsControl(r) && !strings.ContainsRune(each.allowed, r) {
				return fmt.Errorf("%s: holds the control character %U", each.name, r)
			}
		}
	}
	return nil
}

// Snippet is a link for a web page. It needs no script of anybody: devices without Messages show Apple's page instead.
func (l Link) Snippet(words string) string {
	return fmt.Sprintf(`<a href="%s" rel="noopener">%s</a>`, html.EscapeString(l.URL()), html.EscapeString(words))
}

// MapsPattern is what a route's match.intent has to be for customers who come from a place in Apple Maps: its address is
// their intent, with + for spaces and what else Apple changes (protocol §1.4). All but letters and digits may be anything.
func MapsPattern(address string) string {
	words := strings.FieldsFunc(address, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) == 0 {
		return ""
	}
	return strings.Join(words, "*") + "*"
}
