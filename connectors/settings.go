package connectors

import (
	"fmt"
	"regexp"
	"strings"

	"bizbridge/bridge/httpclient/auth"
	"bizbridge/config"
)

// ShortestToken is how long a secret of the operator's own has to be, in bytes.
const ShortestToken = 16

// ValidateToken checks a secret that comes in a header as it is.
func ValidateToken(path string, token config.Secret, report auth.Report) {
	switch text := token.Reveal(); {
	case strings.TrimSpace(text) != text || strings.ContainsAny(text, "\r\n\x00"):
		report(path, "has white space around it or a line break in it, which no header keeps", "Remove it.")
	case len(text) < ShortestToken:
		report(path, fmt.Sprintf("is shorter than %d characters", ShortestToken), "Make one with: openssl rand -hex 24.")
	}
}

// headerName is what HTTP calls a token.
var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

// ValidateHeader checks the name of a header.
func ValidateHeader(path, name string, report auth.Report) {
	if !headerName.MatchString(name) {
		report(path, "is no name of a header", "Write the name alone, such as X-Webhook-Token.")
	}
}

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// IsUUID tells whether a text is a UUID, in either case.
func IsUUID(text string) bool { return uuidForm.MatchString(text) }
