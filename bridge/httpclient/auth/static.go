package auth

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
)

// fixed is a header whose value never changes.
type fixed struct {
	header string
	value  []string // shared by all requests, which do not change it
}

func (f fixed) prepare(_ context.Context, attempt *http.Request, _ []byte) (*token, error) {
	attempt.Header[f.header] = f.value
	return nil, nil
}

// inURL is a parameter of the URL that never changes.
type inURL struct{ name, value string }

func (p inURL) prepare(_ context.Context, attempt *http.Request, _ []byte) (*token, error) {
	if attempt.URL.RawQuery != "" {
		attempt.URL.RawQuery += "&" // what stands there is left as it is
	}
	attempt.URL.RawQuery += url.QueryEscape(p.name) + "=" + url.QueryEscape(p.value)
	return nil, nil
}

// signed is a signature of each attempt.
type signed struct {
	keys *signature.Keys
	peer string
	now  func() time.Time
}

func (s signed) prepare(_ context.Context, attempt *http.Request, body []byte) (*token, error) {
	req := signature.Request{Method: attempt.Method, URL: attempt.URL.String(), Header: attempt.Header, Body: body}
	if s.keys.Sign(req, "", s.now()) != nil {
		return nil, message.Failuref(message.Permanent, "the call to %s cannot be signed", s.peer)
	}
	return nil, nil
}

// spaced puts a space after a prefix that ends in a letter or digit: YAML loses the one that was written.
func spaced(prefix string) string {
	if prefix == "" {
		return ""
	}
	switch last := prefix[len(prefix)-1]; {
	case last >= 'a' && last <= 'z', last >= 'A' && last <= 'Z', last >= '0' && last <= '9':
		return prefix + " "
	}
	return prefix
}

func basic(username, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password))
}
