package auth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
)

func grantHint(peer string) string { return `let an operator run "bizbridge auth ` + peer + `" again` }

// grantFile is what "bizbridge auth CONNECTOR" writes. It reads a provider's own answer as well.
type grantFile struct {
	AccessToken  string     `json:"access_token,omitempty"`
	TokenType    string     `json:"token_type,omitempty"`
	RefreshToken string     `json:"refresh_token,omitempty"`
	ExpiresAt    *time.Time `json:"expires_at,omitempty"` // of the access token; nil: not known
}

// readGrant reads the file; its errors complete "grant …".
func readGrant(content string) (grantFile, error) {
	if strings.TrimSpace(content) == "" {
		return grantFile{}, nil
	}
	var file grantFile
	fields, err := readFields("", []byte(content))
	if err != nil {
		return file, errors.New("is not the JSON of a grant")
	}
	if json.Unmarshal([]byte(content), &file) != nil {
		return file, errors.New("has a value of the wrong type in it")
	}
	got := answer{token: text(fields.first(tokenNames)), tokenType: text(fields.first(typeNames)), refresh: text(fields.first(refreshNames))}
	file.AccessToken, file.TokenType, file.RefreshToken = got.token, got.tokenType, got.refresh
	switch err := got.check(); {
	case got.token == "" && got.refresh == "":
		return file, errors.New("holds neither an access token nor a refresh token")
	case err != nil && !errors.Is(err, errNoToken):
		return file, errors.New("holds " + err.Error())
	case got.refresh != "" && !visible(got.refresh):
		return file, errors.New("holds " + errOddRefresh.Error())
	}
	return file, nil
}

// grantPart is oauth2_authorization_code: what an operator granted once, refreshed ever after.
type grantPart struct {
	*keeper
	address *tokenAddress
	file    string // that the grant came from
	*grantState
}

// grantState outlives a new configuration, for it may hold the only refresh token that still works.
type grantState struct {
	slot    slot
	mu      sync.Mutex
	refresh string
	rotated bool // it is no longer the file's
}

func newGrantPart(k *keeper, s Settings, deps Deps) (*grantPart, error) {
	p := &grantPart{keeper: k, address: newTokenAddress(k, s), file: deps.GrantFile}
	if p.file == "" {
		p.file = "that grant was read from"
	}
	if p.grantState = inherited(deps.Previous, s); p.grantState != nil {
		return p, nil
	}
	file, err := readGrant(s.Grant.Reveal())
	if err != nil {
		return nil, err
	}
	p.grantState = &grantState{refresh: file.RefreshToken}
	if file.AccessToken != "" {
		p.slot.current.Store(p.granted(file))
	}
	return p, nil
}

// inherited finds what a former Authorizer made of the same grant.
func inherited(previous *Authorizer, s Settings) *grantState {
	if previous == nil {
		return nil
	}
	for _, part := range previous.parts {
		if old, ok := part.(*grantPart); ok && sameGrant(&old.address.settings, &s) {
			return old.grantState
		}
	}
	return nil
}

func sameGrant(a, b *Settings) bool {
	return a.Grant == b.Grant && a.Grant != "" && a.TokenURL == b.TokenURL && a.ClientID == b.ClientID && a.Prefix == b.Prefix
}

// granted is the access token of the file.
func (p *grantPart) granted(file grantFile) *token {
	value := p.address.value(answer{token: file.AccessToken, tokenType: file.TokenType})
	lasting := file.RefreshToken == ""
	switch {
	case file.ExpiresAt != nil:
		life := remaining(*file.ExpiresAt, p.now())
		t := &token{value: []string{value}, stale: file.ExpiresAt.Add(-min(earliest, life/earliestPart)), expires: *file.ExpiresAt, lasting: lasting}
		if lasting {
			t.stale = t.expires // nothing could take its place
		}
		return t
	case lasting:
		return &token{value: []string{value}, lasting: true} // until it is refused
	}
	return &token{value: []string{value}, stale: p.now(), expires: p.now().Add(unknownLife)} // it may be old: another is got first
}

func (p *grantPart) prepare(ctx context.Context, attempt *http.Request, _ []byte) (*token, error) {
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

// fetch is made by one at a time.
func (p *grantPart) fetch(ctx context.Context) (*token, error) {
	p.mu.Lock()
	refresh := p.refresh
	p.mu.Unlock()
	switch {
	case refresh == "" && p.address.settings.Grant == "":
		return nil, message.Failuref(message.Auth, `nothing is granted to %s yet: let an operator run "bizbridge auth %s"`, p.peer, p.peer)
	case refresh == "":
		return nil, message.Failuref(message.Auth, "what was granted to %s has expired: %s", p.peer, grantHint(p.peer))
	}
	began := p.now()
	// A repeat of what may have arrived could look like a stolen token where providers replace it with every use.
	got, err := p.address.oauth(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}, httpclient.RetryUnsent)
	if err != nil {
		return nil, err
	}
	p.keepNewest(got.refresh)
	return newToken(p.address.value(got), began, got.life), nil
}

// keepNewest remembers a refresh token that replaces the former one. The file cannot be written here: it may be
// read-only, and other replicas read it too.
func (p *grantPart) keepNewest(refresh string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if refresh == "" || refresh == p.refresh {
		return
	}
	p.refresh = refresh
	if !p.rotated {
		p.log.Warn("the provider replaces the refresh token with every use: the newest one is only in memory, and the file's may not "+
			"work after a restart or for other replicas; ask the provider for refresh tokens that stay",
			"connector", p.peer, "file", p.file)
	}
	p.rotated = true
}
