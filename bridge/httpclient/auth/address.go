package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
)

// tokenAddress is an address that gives tokens.
type tokenAddress struct {
	keeper     *keeper
	settings   Settings
	parameters string
}

func newTokenAddress(k *keeper, s Settings) *tokenAddress {
	parameters := s.Parameters
	if parameters == "" {
		parameters = inForm
	}
	return &tokenAddress{keeper: k, settings: s, parameters: parameters}
}

// oauth asks for a token with the client's id and secret.
func (t *tokenAddress) oauth(ctx context.Context, values url.Values, retry httpclient.Retry) (answer, error) {
	header := http.Header{}
	if t.parameters == inBasic {
		// Both are escaped first (RFC 6749, 2.3.1).
		header.Set("Authorization", basic(url.QueryEscape(t.settings.ClientID), url.QueryEscape(t.settings.ClientSecret.Reveal())))
	} else {
		values.Set("client_id", t.settings.ClientID)
		if secret := t.settings.ClientSecret.Reveal(); secret != "" {
			values.Set("client_secret", secret)
		}
	}
	for name, value := range t.settings.Fields {
		values.Set(name, value.Reveal())
	}
	got, _, err := t.ask(ctx, header, values, retry)
	return got, err
}

// ask sends the parameters and reads the answer. The error is a [*message.Failure] that quotes nothing of it.
func (t *tokenAddress) ask(ctx context.Context, header http.Header, values url.Values, retry httpclient.Retry) (answer, *httpclient.Response, error) {
	call, err := t.call(header, values)
	if err != nil {
		return answer{}, nil, message.Failuref(message.Permanent, "the address for tokens of %s is not usable", t.keeper.peer)
	}
	call.Retry = retry
	resp, err := t.keeper.http.Do(ctx, call)
	if err != nil {
		return answer{}, nil, t.unreached(err)
	}
	got, err := t.read(resp)
	if ctx.Err() != nil && err != nil { // what came may be half of it
		err = t.failure(message.Transient, resp, "was cut short")
	}
	return got, resp, err
}

func (t *tokenAddress) call(header http.Header, values url.Values) (httpclient.Call, error) {
	address, err := url.Parse(t.settings.TokenURL)
	if err != nil {
		return httpclient.Call{}, err
	}
	for name := range address.Query() {
		values.Del(name)
	}
	call := httpclient.Call{Operation: Operation, Method: http.MethodPost, Header: header}
	header.Set("Accept", "application/json")
	switch t.parameters {
	case inQuery:
		if len(values) > 0 && address.RawQuery != "" {
			address.RawQuery += "&"
		}
		address.RawQuery += values.Encode()
	case inJSON:
		header.Set("Content-Type", "application/json")
		call.Body, err = json.Marshal(plainValues(values))
	default:
		header.Set("Content-Type", "application/x-www-form-urlencoded")
		call.Body = []byte(values.Encode())
	}
	call.URL = address.String()
	return call, err
}

func plainValues(values url.Values) map[string]string {
	plain := make(map[string]string, len(values))
	for name := range values {
		plain[name] = values.Get(name)
	}
	return plain
}

// unreached translates a call that got no answer. Whatever became of it, the message itself was not sent.
func (t *tokenAddress) unreached(err error) *message.Failure {
	failure := message.FailureOf(err)
	translated := &message.Failure{
		Class: failure.Class, Status: failure.Status, RetryAfter: failure.RetryAfter,
		Reason: "no token for " + t.keeper.peer + " came", Err: err,
	}
	switch failure.Class {
	case message.Uncertain:
		translated.Class, translated.Err = message.Transient, nil // an answer that is no HTTP is quoted by its error
	case message.Canceled:
		translated.Class = message.Transient // it is only the Authorizer that can cancel a fetch
	}
	return translated
}

// The errors of the standard (RFC 6749, 4.1.2.1 and 5.2). Only these are repeated in errors and the log: another may hold
// anything.
var errorCodes = map[string]message.Class{
	"invalid_request": message.Auth, "invalid_client": message.Auth, "invalid_grant": message.Auth, "invalid_scope": message.Auth,
	"unauthorized_client": message.Auth, "unsupported_grant_type": message.Auth, "unsupported_response_type": message.Auth,
	"access_denied": message.Auth, "server_error": message.Transient, "temporarily_unavailable": message.Transient,
	"slow_down": message.Throttled,
}

// read translates an answer.
func (t *tokenAddress) read(resp *httpclient.Response) (answer, error) {
	got, err := parseAnswer(resp.Header.Get("Content-Type"), resp.Body, t.settings.TokenField)
	class, known := errorCodes[got.code]
	switch {
	case notNow(resp.Status):
		return answer{}, t.failure(statusClass(resp.Status), resp, fmt.Sprintf("answers %d", resp.Status))
	case known:
		return answer{}, t.failure(class, resp, "refuses: "+got.code+t.hint(got.code))
	case resp.Status >= 300 && resp.Status < 400:
		return answer{}, t.failure(message.Auth, resp, fmt.Sprintf("answers %d: redirects are not followed, write the final address into token_url", resp.Status))
	case resp.Status == http.StatusNotFound || resp.Status == http.StatusMethodNotAllowed || resp.Status == http.StatusGone:
		return answer{}, t.failure(message.Auth, resp, fmt.Sprintf("answers %d: is token_url right?", resp.Status))
	case resp.Status < 200 || resp.Status >= 300:
		return answer{}, t.failure(message.Auth, resp, fmt.Sprintf("refuses with %d", resp.Status))
	case got.code != "":
		return answer{}, t.failure(message.Auth, resp, "refuses with an error of its own")
	case len(resp.Body) >= maxBody:
		return answer{}, t.failure(message.Auth, resp, "answers more than 1 MB: is token_url right?")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return answer{}, t.failure(message.Transient, resp, "broke off")
	case err != nil:
		return got, t.failure(message.Auth, resp, "answers "+err.Error()+": is token_url right?")
	}
	return got, nil
}

// maxBody is how much of an answer is read.
const maxBody = 1 << 20

func (t *tokenAddress) hint(code string) string {
	if code == "invalid_grant" && t.settings.Kind == kindAuthorizationCode {
		return "; " + grantHint(t.keeper.peer)
	}
	return ""
}

func (t *tokenAddress) failure(class message.Class, resp *httpclient.Response, what string) *message.Failure {
	return &message.Failure{
		Class: class, Status: resp.Status, RetryAfter: resp.RetryAfter,
		Reason: "the address for tokens of " + t.keeper.peer + " " + what,
	}
}

func notNow(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooEarly || status == http.StatusTooManyRequests || status >= 500
}

func statusClass(status int) message.Class {
	if status == http.StatusTooManyRequests {
		return message.Throttled
	}
	return message.Transient
}

// value is the header value of a token: the configured prefix, or the token's type.
func (t *tokenAddress) value(got answer) string {
	prefix := t.settings.Prefix
	if prefix == "" {
		prefix = got.scheme()
	}
	return spaced(prefix) + got.token
}

// clientPart is oauth2_client_credentials.
type clientPart struct {
	*keeper
	slot    slot
	address *tokenAddress
}

func (p *clientPart) prepare(ctx context.Context, attempt *http.Request, _ []byte) (*token, error) {
	t := p.slot.fresh(p.now())
	if t == nil {
		var err error
		if t, err = p.slot.renew(ctx, p.keeper, p.fetch); err != nil {
			return nil, err
		}
	}
	attempt.Header[p.address.settings.header()] = t.value
	return t, nil
}

func (p *clientPart) fetch(ctx context.Context) (*token, error) {
	values := url.Values{"grant_type": {"client_credentials"}}
	if scopes := p.address.settings.Scopes; len(scopes) > 0 {
		values.Set("scope", strings.Join(scopes, " "))
	}
	began := p.now()
	got, err := p.address.oauth(ctx, values, httpclient.RetryIdempotent)
	if err != nil {
		return nil, err
	}
	return newToken(p.address.value(got), began, got.life), nil
}

// remaining is how long something that ends at a time is good for.
func remaining(end, now time.Time) time.Duration { return max(end.Sub(now), 0) }
