// Package secureurl says which addresses secrets may be sent to: HTTPS, or plain HTTP that does not leave the machine.
package secureurl

import (
	"net/netip"
	"net/url"
	"strings"
)

// Fault tells in words what is wrong with a configured address that gets secrets; "" for a usable one.
func Fault(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "" || !Printable(raw):
		return "is not an absolute URL"
	case u.Scheme != "https" && (u.Scheme != "http" || !Loopback(u.Hostname())):
		return "is not an HTTPS URL; http:// is for loopback only"
	case u.User != nil:
		return "holds a user name"
	case strings.Contains(raw, "#"):
		return "has a fragment"
	}
	return ""
}

// Loopback tells whether a host, without port and brackets, is this machine.
func Loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && address.IsLoopback()
}

// Printable tells whether a text is ASCII without spaces, and not empty.
func Printable(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}
