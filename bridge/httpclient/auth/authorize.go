package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/secureurl"
)

// Grant is the way to what an operator grants once (RFC 6749, 4.1, with RFC 7636 and, on loopback, RFC 8252): show
// [Grant.URL], get the code by [Grant.Wait] or [Grant.Read], and store what [Grant.Exchange] returns.
type Grant struct {
	keeper   keeper
	settings Settings
	state    string
	verifier string
	redirect *url.URL
	listener net.Listener // nil: the operator pastes the address
	cancel   context.CancelFunc
}

// NewGrant begins a grant, and listens for the browser where redirect_url is on loopback. Close it.
func NewGrant(settings Settings, deps Deps) (*Grant, error) {
	if settings.Kind != kindAuthorizationCode {
		return nil, errors.New("kind is not oauth2_authorization_code: there is nothing to grant")
	}
	settings.Grant = "" // the old one may be broken
	var faults []error
	settings.Validate(func(path, message, _ string) { faults = append(faults, errors.New(path+" "+message)) })
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	g := &Grant{keeper: newKeeper(deps), settings: settings, state: rand.Text(), verifier: oauth2.GenerateVerifier()}
	g.keeper.ctx, g.cancel = context.WithCancel(context.Background())
	if err := g.listen(); err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

const defaultRedirect = "http://127.0.0.1:0/callback"

// listen opens the port of redirect_url, if it is one of this machine.
func (g *Grant) listen() error {
	var err error
	if g.redirect, err = url.Parse(cmp.Or(g.settings.RedirectURL, defaultRedirect)); err != nil {
		return errors.New("redirect_url is not a URL")
	}
	if g.redirect.Scheme != "http" || !secureurl.Loopback(g.redirect.Hostname()) {
		return nil
	}
	g.listener, err = net.Listen("tcp", net.JoinHostPort(g.redirect.Hostname(), port(g.redirect)))
	if err != nil {
		return fmt.Errorf("cannot listen at redirect_url: %w", err)
	}
	if g.settings.RedirectURL == "" {
		g.redirect.Host = g.listener.Addr().String()
	}
	return nil
}

// redirectURL is the same text in both requests: a provider may compare it letter by letter.
func (g *Grant) redirectURL() string {
	if g.settings.RedirectURL != "" {
		return g.settings.RedirectURL
	}
	return g.redirect.String()
}

// URL is the page on which the operator agrees.
func (g *Grant) URL() string {
	config := oauth2.Config{
		ClientID: g.settings.ClientID, RedirectURL: g.redirectURL(), Scopes: g.settings.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: g.settings.AuthorizeURL},
	}
	return config.AuthCodeURL(g.state, oauth2.S256ChallengeOption(g.verifier))
}

// Listens tells whether the browser comes back to this program. Elsewhere the operator copies the address that it ends at.
func (g *Grant) Listens() bool { return g.listener != nil }

// Read takes the code out of the address that the browser ended at.
func (g *Grant) Read(address string) (code string, err error) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.RawQuery == "" {
		return "", errors.New("that is not the whole address: it has ?code=… and state=… in it")
	}
	return g.code(u.Query())
}

var errOtherState = errors.New("the address belongs to another attempt: its state is not the one that was sent")

func (g *Grant) code(query url.Values) (string, error) {
	if subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(g.state)) != 1 {
		return "", errOtherState
	}
	if refusal := query.Get("error"); refusal != "" {
		if _, known := errorCodes[refusal]; !known {
			refusal = "an error of its own"
		}
		return "", errors.New("the provider refuses: " + refusal)
	}
	if code := query.Get("code"); code != "" {
		return code, nil
	}
	return "", errors.New("the address has no code in it")
}

// Wait waits for the browser to come back.
func (g *Grant) Wait(ctx context.Context) (code string, err error) {
	if g.listener == nil {
		return "", errors.New("redirect_url is not on this machine")
	}
	type result struct {
		code string
		err  error
	}
	results := make(chan result, 1)
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code, err := g.code(r.URL.Query())
		if r.Method != http.MethodGet || r.URL.Path != cmp.Or(g.redirect.Path, "/") || errors.Is(err, errOtherState) {
			http.Error(w, "This is not what is waited for.", http.StatusNotFound) // anyone on this machine can knock
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Connection", "close")
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, "That did not work. See the terminal.\n")
		} else {
			_, _ = io.WriteString(w, "The code has arrived. You can close this page.\n")
		}
		select {
		case results <- result{code, err}:
		default:
		}
	})}
	go func() { _ = server.Serve(g.listener) }()
	defer shutDown(server)
	select {
	case got := <-results:
		return got.code, got.err
	case <-ctx.Done():
		return "", errors.New("the browser did not come back in time")
	}
}

// shutDown lets the page reach the browser.
func shutDown(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		_ = server.Close()
	}
}

// Exchange trades the code for a grant, and returns the content of the secret file. A code lives for a minute or less and
// works once. The error is a [*message.Failure].
func (g *Grant) Exchange(ctx context.Context, code string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*fetchTime)
	defer cancel()
	values := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {g.redirectURL()}, "code_verifier": {g.verifier},
	}
	began := g.keeper.now()
	got, err := newTokenAddress(&g.keeper, g.settings).oauth(ctx, values, httpclient.RetryUnsent)
	if err != nil {
		return nil, err
	}
	file := grantFile{AccessToken: got.token, TokenType: got.scheme(), RefreshToken: got.refresh}
	if got.life > 0 {
		end := began.Add(got.life).UTC().Truncate(time.Second)
		file.ExpiresAt = &end
	}
	content, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return nil, message.Failuref(message.Permanent, "the grant cannot be written as JSON")
	}
	return append(content, '\n'), nil
}

// Close ends the listener.
func (g *Grant) Close() {
	g.cancel()
	if g.listener != nil {
		_ = g.listener.Close()
	}
	g.keeper.http.Close()
}
