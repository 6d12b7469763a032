// Package auth proves to the APIs of customers and helpdesks who calls: with what never changes (a password, a token, a
// key), with a signature of each request, or with tokens that it gets, keeps until shortly before they expire, and
// replaces when they are refused. What it keeps is a cache: every replica can get its own.
//
// Credentials go to the API's own origins, and to the configured address for tokens. No error and no line of the log
// holds one.
package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
)

// Operation is the name of a call for a token in the metrics.
const Operation = "token"

// Deps is what an [Authorizer] works with.
type Deps struct {
	Peer    string   // the peer's name in metrics, errors and the log: the connector's
	Origins []string // URLs of the API: credentials go to their scheme, host and port, and nowhere else
	Metrics *metrics.Metrics
	Logger  *slog.Logger // nil: none
	// GrantFile names the file that the grant came from, for the log.
	GrantFile string
	// Previous is the Authorizer that this one replaces when the configuration is loaded anew. A grant that its provider
	// has replaced in the meantime is taken over.
	Previous *Authorizer
	// Now is the clock; nil: the system's.
	Now func() time.Time
}

// part is one of the proofs that combine.
type part interface {
	// prepare puts the proof on an attempt. It returns the token that it used, if any.
	prepare(ctx context.Context, attempt *http.Request, body []byte) (*token, error)
}

// Authorizer makes the credentials of the calls to one API. It is safe for concurrent use.
type Authorizer struct {
	keeper
	origins   []*url.URL
	parts     []part
	readsBody bool
	stop      context.CancelFunc
}

// New makes an Authorizer of settings that [Validate] finds nothing wrong with.
func New(settings []Settings, deps Deps) (*Authorizer, error) {
	var faults []error
	Validate("auth", settings, func(path, message, _ string) { faults = append(faults, errors.New(path+" "+message)) })
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	a := &Authorizer{keeper: newKeeper(deps)}
	for _, text := range deps.Origins {
		origin, err := url.Parse(text)
		if err != nil || origin.Host == "" {
			return nil, errors.New("an origin is not a URL")
		}
		a.origins = append(a.origins, origin)
	}
	a.ctx, a.stop = context.WithCancel(context.Background())
	for i, s := range settings {
		made, err := a.part(s, deps)
		if err != nil {
			a.Close()
			return nil, fmt.Errorf("auth[%d] %w", i, err)
		}
		a.parts = append(a.parts, made)
		a.readsBody = a.readsBody || s.Kind == kindHMAC
	}
	slices.SortStableFunc(a.parts, signedLast)
	return a, nil
}

// signedLast puts signatures behind the rest, which may change the address that they cover.
func signedLast(one, other part) int {
	late := func(p part) int {
		if _, is := p.(signed); is {
			return 1
		}
		return 0
	}
	return late(one) - late(other)
}

func newKeeper(deps Deps) keeper {
	k := keeper{peer: deps.Peer, now: deps.Now, log: deps.Logger}
	if k.now == nil {
		k.now = time.Now
	}
	if k.log == nil {
		k.log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	k.http = httpclient.New(httpclient.Options{Peer: deps.Peer, MaxConns: tokenConns, Metrics: deps.Metrics})
	return k
}

func (a *Authorizer) part(s Settings, deps Deps) (part, error) {
	switch s.Kind {
	case kindBasic:
		return fixed{s.header(), []string{basic(s.Username, s.Password.Reveal())}}, nil
	case kindBearer:
		prefix := s.Prefix
		if prefix == "" {
			prefix = "Bearer"
		}
		return fixed{s.header(), []string{spaced(prefix) + s.Token.Reveal()}}, nil
	case kindAPIKey:
		if s.Query != "" {
			return inURL{s.Query, s.Key.Reveal()}, nil
		}
		return fixed{s.header(), []string{spaced(s.Prefix) + s.Key.Reveal()}}, nil
	case kindHMAC:
		keys, err := s.signingKeys()
		return signed{keys, deps.Peer, a.now}, err
	case kindClientCredentials:
		return &clientPart{keeper: &a.keeper, address: newTokenAddress(&a.keeper, s)}, nil
	case kindAuthorizationCode:
		return newGrantPart(&a.keeper, s, deps)
	default: // customer_token, as Validate has seen
		return newCustomerPart(&a.keeper, s)
	}
}

// Close ends what is under way for tokens.
func (a *Authorizer) Close() {
	a.stop()
	a.http.Close()
}

// Session is the credentials of one call. It goes into [httpclient.Call.Auth].
func (a *Authorizer) Session() *Session { return &Session{authorizer: a} }

// Session follows one call through its attempts.
type Session struct {
	authorizer *Authorizer
	used       [maxSettings]*token // by the last attempt
	refreshed  bool                // the call has had its one refresh
}

var _ httpclient.Credentials = (*Session)(nil)

// Prepare puts the credentials on an attempt, and gets those that are missing or about to expire. The error is a
// [*message.Failure] without a secret in it.
func (s *Session) Prepare(ctx context.Context, attempt *http.Request, body []byte) error {
	a := s.authorizer
	if !a.owns(attempt.URL) {
		return message.Failuref(message.Permanent, "the credentials of %s are for its own address only", a.peer)
	}
	for i, part := range a.parts {
		used, err := part.prepare(ctx, attempt, body)
		if err != nil {
			return err
		}
		s.used[i] = used
	}
	return nil
}

// Refused hears how an attempt was answered. After the first 401 of a call its tokens are given up, and it is true: the
// next attempt gets others. When those are refused too, they are kept for a while, for others would fare no better.
func (s *Session) Refused(status int) bool {
	if status != http.StatusUnauthorized {
		return false
	}
	again := false
	for _, used := range s.used {
		switch {
		case used == nil:
		case s.refreshed:
			used.keep(s.authorizer.now().Add(keepRefused))
		case used.giveUp(&s.authorizer.keeper):
			again = true
		}
	}
	s.refreshed = true
	return again
}

// ReadsBody tells whether a signature covers the body.
func (s *Session) ReadsBody() bool { return s.authorizer.readsBody }

// For gives the credentials of one call to an address; nil where that is not the API's own. It goes into
// [httpclient.Options.Auth]. A nil Authorizer has none for anybody.
func (a *Authorizer) For(address *url.URL) httpclient.Credentials {
	if a == nil || !a.owns(address) {
		return nil
	}
	return a.Session()
}

// owns tells whether an address is the API's own.
func (a *Authorizer) owns(u *url.URL) bool {
	for _, origin := range a.origins {
		if strings.EqualFold(origin.Scheme, u.Scheme) && strings.EqualFold(origin.Hostname(), u.Hostname()) && port(origin) == port(u) {
			return true
		}
	}
	return false
}

func port(u *url.URL) string {
	switch port := u.Port(); {
	case port != "":
		return port
	case strings.EqualFold(u.Scheme, "https"):
		return "443"
	}
	return "80"
}
