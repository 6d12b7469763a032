package auth

import (
	"errors"
	"strings"

	"bizbridge/bridge/signature"
)

// signingKeys are what signs by these settings.
func (s *Settings) signingKeys() (*signature.Keys, error) {
	scheme, err := s.signatureScheme()
	if err != nil {
		return nil, err
	}
	return signature.New(scheme, s.Secret.Reveal())
}

// signatureScheme is the one of the table that the settings name; else HMAC-SHA-256 over the body, written as they say.
func (s *Settings) signatureScheme() (signature.Scheme, error) {
	if s.Scheme != "" {
		return tableScheme(s.Scheme)
	}
	own := signature.Scheme{
		Header: s.header(), Prefix: spaced(s.Prefix),
		Template: "{body}", Algorithm: signature.HMACSHA256, Encoding: signature.Hex, Key: signature.KeyText,
	}
	if s.Encoding == "base64" {
		own.Encoding = signature.Base64
	}
	return own, nil
}

// tableScheme finds a scheme that can sign calls. The error completes "scheme …".
func tableScheme(name string) (signature.Scheme, error) {
	scheme, known := signature.Lookup(name)
	switch {
	case !known:
		return scheme, errors.New("is none of the known signatures")
	case scheme.Algorithm == signature.Token:
		return scheme, errors.New("signs nothing")
	case scheme.IDHeader != "":
		return scheme, errors.New("signs an id, which calls have none of")
	}
	return scheme, nil
}

// schemeNames are those that can sign calls.
func schemeNames() []string {
	var names []string
	for _, name := range signature.Names() {
		if _, err := tableScheme(name); err == nil {
			names = append(names, name)
		}
	}
	return names
}

func (s *Settings) validateSignature(report Report) {
	if s.Scheme == "" && s.Header == "" {
		report("header", "is missing", "Write the header that the API expects, or scheme.")
	}
	for name, text := range map[string]string{"header": s.Header, "encoding": s.Encoding, "prefix": s.Prefix} {
		if s.Scheme != "" && text != "" {
			report(name, "cannot stand beside scheme, which says it", "Remove it.")
		}
	}
	scheme, err := s.signatureScheme()
	if err != nil {
		report("scheme", err.Error(), "Possible: "+strings.Join(schemeNames(), ", ")+".")
		return
	}
	if s.Secret == "" {
		return // that has been told
	}
	err = scheme.CheckSecret(s.Secret.Reveal())
	if keys, _ := s.signingKeys(); keys != nil {
		err = keys.CanSign()
	}
	if err != nil {
		report("secret", err.Error(), "Write it as the API has it.")
	}
}
