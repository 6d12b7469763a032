package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"time"

	"bizbridge/bridge/message"
)

// Signer signs one attempt: it sees all of it, and sets headers. A body that is empty is nil.
type Signer interface {
	Sign(attempt *http.Request, body []byte, now time.Time) error
}

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
	signer Signer
	peer   string
	now    func() time.Time
}

func (s signed) prepare(_ context.Context, attempt *http.Request, body []byte) (*token, error) {
	if s.signer.Sign(attempt, body, s.now()) != nil {
		return nil, message.Failuref(message.Permanent, "the call to %s cannot be signed", s.peer)
	}
	return nil, nil
}

// bodySigner is the scheme of most: HMAC-SHA-256 over the body.
type bodySigner struct {
	secret         []byte
	header, prefix string
	encode         func([]byte) string
}

func newBodySigner(s Settings) Signer {
	signer := &bodySigner{secret: []byte(s.Secret.Reveal()), header: s.header(), prefix: spaced(s.Prefix), encode: hex.EncodeToString}
	if s.Encoding == "base64" {
		signer.encode = base64.StdEncoding.EncodeToString
	}
	return signer
}

func (s *bodySigner) Sign(attempt *http.Request, body []byte, _ time.Time) error {
	mac := hmac.New(sha256.New, s.secret)
	mac.Write(body)
	attempt.Header.Set(s.header, s.prefix+s.encode(mac.Sum(nil)))
	return nil
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
