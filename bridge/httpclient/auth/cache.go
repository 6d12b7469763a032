package auth

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
)

const (
	fetchTime    = 10 * time.Second // for one token, repeats included
	patience     = time.Second      // for a new token while the old one is still good
	earliest     = time.Minute      // before its end, a token is replaced, or
	earliestPart = 10               // in the last tenth of its time, if that is less
	unknownLife  = 5 * time.Minute  // of a token whose provider does not say
	longestLife  = 365 * 24 * time.Hour
	keepRefused  = 30 * time.Second // for a token that was refused although it was new
	rememberAuth = 10 * time.Second // that a provider refused to give a token
	longestPause = time.Minute      // that a provider can ask for
	tokenConns   = 8
)

// keeper is what all tokens of an [Authorizer] share.
type keeper struct {
	peer string
	http *httpclient.Client
	log  *slog.Logger
	now  func() time.Time
	ctx  context.Context // ends with the Authorizer; a fetch outlives the call that began it, for others wait too
}

// token is a header value that was given for some time.
type token struct {
	value   []string  // shared by all requests, which do not change it
	stale   time.Time // when another is got; zero: never
	expires time.Time // zero: not known, or never
	lasting bool      // there is no other: it is used until an operator grants one
	givenUp atomic.Bool
	kept    atomic.Int64 // until when it is not given up, in Unix nanoseconds
}

// newToken makes a token that was asked for at began and is good for life; 0 stands for a life that is not known.
func newToken(value string, began time.Time, life time.Duration) *token {
	if life <= 0 {
		life = unknownLife
	}
	return &token{value: []string{value}, stale: began.Add(life - min(earliest, life/earliestPart)), expires: began.Add(life)}
}

// usable tells whether the token has neither expired nor been refused.
func (t *token) usable(now time.Time) bool {
	return t != nil && !t.givenUp.Load() && (t.expires.IsZero() || now.Before(t.expires))
}

func (t *token) fresh(now time.Time) bool {
	return t.usable(now) && (t.stale.IsZero() || now.Before(t.stale))
}

// giveUp takes a token that was refused out of use. It is false where no other would help.
func (t *token) giveUp(k *keeper) bool {
	now := k.now()
	if now.UnixNano() < t.kept.Load() {
		return false
	}
	if t.lasting {
		k.log.Warn("the granted token is refused; if that goes on: "+grantHint(k.peer), "connector", k.peer)
		t.keep(now.Add(keepRefused)) // else every call would say so
		return false
	}
	t.givenUp.Store(true)
	return true
}

func (t *token) keep(until time.Time) { t.kept.Store(until.UnixNano()) }

// slot is the place of one token.
type slot struct {
	flight  singleflight.Group
	current atomic.Pointer[token]
	failed  atomic.Pointer[failed]
}

// failed is a refusal that is remembered, so that a provider is not asked again with every call.
type failed struct {
	failure *message.Failure
	until   time.Time
}

// fresh gives the token, if it need not be replaced.
func (s *slot) fresh(now time.Time) *token {
	if t := s.current.Load(); t.fresh(now) {
		return t
	}
	return nil
}

// renew gets a new token. All callers wait for the same fetch. While the old token is good they do not wait long, and a
// fetch that fails does no harm.
func (s *slot) renew(ctx context.Context, k *keeper, fetch func(context.Context) (*token, error)) (*token, error) {
	now := k.now()
	old := s.current.Load()
	if !old.usable(now) {
		old = nil
	}
	if failed := s.failed.Load(); failed != nil && now.Before(failed.until) {
		return either(old, failed.failure)
	}
	var impatient <-chan time.Time
	if old != nil {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		impatient = timer.C
	}
	select {
	case done := <-s.flight.DoChan("", func() (any, error) { return s.fetch(k, fetch) }):
		if done.Err != nil {
			return either(old, message.FailureOf(done.Err))
		}
		return done.Val.(*token), nil
	case <-impatient:
		return old, nil
	case <-ctx.Done():
		return nil, outOfTime(ctx, k.peer)
	}
}

func either(old *token, failure *message.Failure) (*token, error) {
	if old != nil {
		return old, nil
	}
	return nil, failure
}

func outOfTime(ctx context.Context, peer string) *message.Failure {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &message.Failure{Class: message.Canceled, Reason: "stopped before a token for " + peer + " came", Err: ctx.Err()}
	}
	return &message.Failure{Class: message.Transient, Reason: "no token for " + peer + " came in time", Err: ctx.Err()}
}

// fetch runs once for all who wait.
func (s *slot) fetch(k *keeper, fetch func(context.Context) (*token, error)) (any, error) {
	if t := s.fresh(k.now()); t != nil {
		return t, nil // another fetch ended between the caller's look and now
	}
	ctx, cancel := context.WithTimeout(k.ctx, fetchTime)
	defer cancel()
	t, err := fetch(ctx)
	if err != nil {
		failure := message.FailureOf(err)
		s.remember(failure, k.now())
		k.log.Warn("no token", "connector", k.peer, "problem", failure.Error())
		return nil, failure
	}
	s.failed.Store(nil)
	s.current.Store(t)
	return t, nil
}

func (s *slot) remember(failure *message.Failure, now time.Time) {
	pause := min(failure.RetryAfter, longestPause)
	if failure.Class == message.Auth {
		pause = max(pause, rememberAuth)
	}
	if pause > 0 {
		s.failed.Store(&failed{failure, now.Add(pause)})
	}
}
