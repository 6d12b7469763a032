package connectors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
)

// ReadBody reads a webhook's body whole: its signature needs the exact bytes. The bridge has already bounded it.
func ReadBody(req *http.Request) ([]byte, error) {
	body, err := io.ReadAll(req.Body)
	if err == nil {
		return body, nil
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, err
	}
	return nil, fmt.Errorf("%w: it broke off: %w", message.ErrMalformed, err)
}

// ReadSigned reads a webhook's body and verifies it, by a scheme that covers no more of the address than its query.
func ReadSigned(req *http.Request, keys *signature.Keys, now time.Time) ([]byte, error) {
	body, err := ReadBody(req)
	if err != nil {
		return nil, err
	}
	_, err = keys.Verify(signature.Request{Method: req.Method, URL: "?" + req.URL.RawQuery, Header: req.Header, Body: body}, now)
	return body, err
}

// CheckObject refuses a body that is no JSON object. The error wraps [message.ErrMalformed].
func CheckObject(body []byte) error {
	switch {
	case !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")):
		return message.ErrMalformed
	case !json.Valid(body):
		return fmt.Errorf("%w: it is not JSON", message.ErrMalformed)
	}
	return nil
}
