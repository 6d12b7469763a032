package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"mime"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// answer is what an address for tokens gave.
type answer struct {
	token     string
	tokenType string
	refresh   string
	life      time.Duration // 0: not said
	code      string        // of an error
}

// The names under which providers give the same. The standard's (RFC 6749, 5.1) come first.
var (
	tokenNames   = []string{"access_token", "accessToken", "token", "JWT", "jwt"}
	typeNames    = []string{"token_type", "tokenType"}
	refreshNames = []string{"refresh_token", "refreshToken"}
	lifeNames    = []string{"expires_in", "expiresIn"}
)

// maxToken is more than any server takes in a header.
const maxToken = 16 << 10

// What is wrong with an answer. None of it quotes it.
var (
	errWebPage    = errors.New("a web page instead of a token")
	errNoJSON     = errors.New("something that is not JSON")
	errNoToken    = errors.New("no token")
	errOddToken   = errors.New("a token with characters that no header keeps")
	errLongToken  = errors.New("a token that is too long for a header")
	errOddType    = errors.New("a token of a type that no header keeps")
	errOddRefresh = errors.New("a refresh token that is not text")
)

// parseAnswer reads an answer: a JSON object, or a form where the content type says so. The token stands under field, or
// under one of its usual names. An answer that tells of an error has no token, and is none here.
func parseAnswer(contentType string, body []byte, field string) (answer, error) {
	fields, err := readFields(contentType, body)
	if err != nil {
		return answer{}, err
	}
	parsed := answer{
		token: text(fields.first(tokenNames)), tokenType: text(fields.first(typeNames)), refresh: text(fields.first(refreshNames)),
		life: seconds(fields.first(lifeNames)), code: fields.errorCode(),
	}
	if field != "" {
		parsed.token = text(fields.at(field))
	}
	if parsed.code != "" {
		return answer{code: parsed.code}, nil
	}
	return parsed, parsed.check()
}

func (a *answer) check() error {
	switch {
	case a.token == "":
		return errNoToken
	case len(a.token) > maxToken:
		return errLongToken
	case !visible(a.token):
		return errOddToken
	case a.tokenType != "" && !headerName.MatchString(a.tokenType):
		return errOddType
	case a.refresh != "" && !visible(a.refresh):
		return errOddRefresh
	}
	return nil
}

// fields are the members of an answer.
type fields map[string]json.RawMessage

func readFields(contentType string, body []byte) (fields, error) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	media, _, _ := mime.ParseMediaType(contentType)
	switch {
	case media == "application/x-www-form-urlencoded":
		return readForm(body)
	case media == "text/html" || bytes.HasPrefix(body, []byte("<")):
		return nil, errWebPage
	}
	var f fields
	err := json.Unmarshal(body, &f)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok && syntax.Offset >= int64(len(body)) && len(body) > 0 && body[0] == '{' {
		return nil, io.ErrUnexpectedEOF // it began as an object and broke off
	}
	if err != nil || f == nil {
		return nil, errNoJSON
	}
	return f, nil
}

func readForm(body []byte) (fields, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errNoJSON
	}
	f := fields{}
	for name := range values {
		f[name], _ = json.Marshal(values.Get(name))
	}
	return f, nil
}

func (f fields) first(names []string) json.RawMessage {
	for _, name := range names {
		if value, ok := f[name]; ok && string(value) != "null" {
			return value
		}
	}
	return nil
}

// at finds a member by its path: "data.token".
func (f fields) at(path string) json.RawMessage {
	name, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		return f[name]
	}
	var inner fields
	if json.Unmarshal(f[name], &inner) != nil {
		return nil
	}
	return inner.at(rest)
}

// errorCode is the standard's (RFC 6749, 5.2), or a word for an error of another form.
func (f fields) errorCode() string {
	value, ok := f["error"]
	switch {
	case !ok || string(value) == "null" || string(value) == `""` || string(value) == "false":
		return ""
	case text(value) != "":
		return text(value)
	}
	return "error"
}

func text(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}

// seconds reads a number, or a text with one: 3599, "28799", 3600.0. What makes no sense counts as not said.
func seconds(value json.RawMessage) time.Duration {
	number := string(value)
	if s := text(value); s != "" {
		number = strings.TrimSpace(s)
	}
	parsed, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(parsed) || parsed <= 0 {
		return 0
	}
	return time.Duration(min(parsed, longestLife.Seconds()) * float64(time.Second))
}

// scheme is what stands before a token in the Authorization header.
func (a *answer) scheme() string {
	switch strings.ToLower(a.tokenType) {
	case "", "bearer", "bearertoken", "bearer_token": // gateways say so and mean the standard's
		return "Bearer"
	}
	return a.tokenType
}
