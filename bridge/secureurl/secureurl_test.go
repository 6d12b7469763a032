package secureurl_test

import (
	"testing"

	"bizbridge/bridge/secureurl"
)

func TestFault(t *testing.T) {
	const (
		none     = ""
		relative = "is not an absolute URL"
		plain    = "is not an HTTPS URL; http:// is for loopback only"
	)
	for raw, want := range map[string]string{
		"https://login.example.com/a?b=c":   none,
		"https://[2001:db8::1]:8443":        none,
		"http://127.0.0.1:8080":             none,
		"http://127.255.0.9":                none,
		"http://[::1]:8080/x":               none,
		"http://LocalHost":                  none,
		"":                                  relative,
		"login.example.com":                 relative,
		"https://":                          relative,
		"https://:443":                      relative,
		"https://exämple.com":               relative,
		"https://example.com/a b":           relative,
		"https://example.com/\n":            relative,
		"http://login.example.com":          plain,
		"http://10.0.0.1":                   plain,
		"http://localhost.example.com":      plain,
		"http://127.0.0.1.example.com":      plain,
		"ftp://127.0.0.1":                   plain,
		"https://user@example.com":          "holds a user name",
		"https://example.com/#":             "has a fragment",
		"https://example.com/#access_token": "has a fragment",
	} {
		if got := secureurl.Fault(raw); got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
}
