package signin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"bizbridge/bridge/message"
	"bizbridge/bridge/page"
	"bizbridge/bridge/seal"
	"bizbridge/bridge/secureurl"
	"bizbridge/bridge/signature"
)

const (
	maxCode    = 8 << 10          // bytes; some are signed tokens
	noticeTime = 10 * time.Second // to tell the helpdesk that nobody signed in
)

// legacyRedirectURL is where a provider sends a device of the old flow back (protocol §7.4).
const legacyRedirectURL = "https://auth.businesschat.apple.com"

// Start answers GET /oauth/start, the OAuth URL that Messages opens where a provider is to see PKCE and a nonce, which
// Messages does not send. It redirects to the provider's own address and to no other.
func (s *Service) Start(w http.ResponseWriter, r *http.Request) {
	if !isGet(w, r) {
		return
	}
	address, end := s.start(r)
	if end != nil {
		end.write(w)
		return
	}
	page.Protect(w.Header())
	w.Header().Set("Location", address)
	w.WriteHeader(http.StatusFound)
}

// Callback answers GET /oauth/callback, to which providers send the browser back.
func (s *Service) Callback(w http.ResponseWriter, r *http.Request) {
	if isGet(w, r) {
		s.callback(r).write(w)
	}
}

// isGet refuses HEAD too: it would spend a code without showing what came of it.
func isGet(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet {
		return true
	}
	w.Header().Set("Allow", http.MethodGet)
	http.Error(w, "this address is opened with GET", http.StatusMethodNotAllowed)
	return false
}

func (s *Service) start(r *http.Request) (address string, end *ending) {
	query := r.URL.Query()
	asked, end := s.admit(query)
	if end != nil {
		return "", end
	}
	used := s.memory.enter(r.Context(), asked.seed)
	if used == nil {
		return "", &endLeft
	}
	defer used.leave()
	if end := used.verdict(""); end != nil {
		return "", end
	}
	address, f := s.authorization(r.Context(), asked, query)
	if f != nil {
		return "", s.fail(r.Context(), asked, used, f)
	}
	return address, nil
}

// authorization is the provider's address with everything that Messages wanted to say there, and what it cannot.
func (s *Service) authorization(ctx context.Context, asked *request, query url.Values) (string, *fault) {
	p := s.providers[asked.provider]
	if p == nil {
		return "", endMisconfigured.because("the provider is not configured any more")
	}
	if !p.settings.PKCE {
		return "", endMisconfigured.because("the OAuth URL in Apple Business Register is that of /oauth/start, but pkce is not set for the provider")
	}
	legacy := query.Get("response_encryption_key") != ""
	if legacy != asked.legacy {
		return "", endMisconfigured.because("the device does not come with the flow that it was asked for")
	}
	if f := p.checkAsked(query, legacy); f != nil {
		return "", f
	}
	found, f := p.endpoints(ctx)
	if f != nil {
		return "", f
	}
	if legacy { // the device exchanges the code itself, and has no verifier
		return p.config(found).AuthCodeURL(query.Get("state"), oauth2.SetAuthURLParam("redirect_uri", legacyRedirectURL),
			oauth2.SetAuthURLParam("response_encryption_key", query.Get("response_encryption_key"))), nil
	}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(asked.verifier())}
	if p.settings.Issuer != "" {
		options = append(options, oauth2.SetAuthURLParam("nonce", asked.nonce()))
	}
	return p.config(found).AuthCodeURL(query.Get("state"), options...), nil
}

// checkAsked compares what Messages was told, partly by Apple Business Register and partly by the sign-in message, with the
// settings. What goes on to the provider is the settings'.
func (p *provider) checkAsked(query url.Values, legacy bool) *fault {
	redirectURL, hint := p.redirectURL, "it must be the bridge's own, by public_url"
	if legacy {
		if !p.settings.Legacy {
			return endMisconfigured.because("the device came with Apple's old flow, and legacy is off for the provider")
		}
		redirectURL, hint = legacyRedirectURL, "of the old flow it must be "+legacyRedirectURL
	}
	expected := []struct{ name, value, hint string }{
		{"response_type", "code", "it must be code"},
		{"client_id", p.settings.ClientID, "correct it in Apple Business Register or in the settings"},
		{"redirect_uri", redirectURL, hint},
	}
	for _, parameter := range expected {
		if values := query[parameter.name]; len(values) != 1 || values[0] != parameter.value {
			return endMisconfigured.because("the " + parameter.name + " that Messages sent is not the one of the settings; " + parameter.hint)
		}
	}
	for _, scope := range strings.Fields(strings.Join(query["scope"], " ")) {
		if !slices.Contains(p.settings.Scopes, scope) {
			return endMisconfigured.because("Messages asked for a scope that is not among the provider's scopes")
		}
	}
	return nil
}

func (s *Service) callback(r *http.Request) *ending {
	ctx, query := r.Context(), r.URL.Query()
	asked, end := s.admit(query)
	if end != nil {
		return end
	}
	if asked.legacy { // its answer comes from the device alone
		s.refused(signature.Purpose)
		return &endInvalid
	}
	used := s.memory.enter(ctx, asked.seed)
	if used == nil {
		return &endLeft
	}
	defer used.leave()
	code := query.Get("code")
	if end := used.verdict(code); end != nil {
		if end == &endUsed {
			s.refused(signature.Stale)
		}
		return end
	}
	if f := s.complete(ctx, asked, query); f != nil {
		return s.fail(ctx, asked, used, f)
	}
	used.succeed(code)
	s.count(asked.provider, message.SignInSucceeded)
	return &endSucceeded
}

// admit opens the state. What it says is believed from here on; without it nobody is told anything.
func (s *Service) admit(query url.Values) (*request, *ending) {
	states := query["state"]
	switch {
	case len(states) == 0 || states[0] == "":
		s.refused(signature.Missing)
		return nil, &endInvalid
	case len(states) > 1:
		s.refused(signature.Malformed)
		return nil, &endInvalid
	}
	asked, err := open(s.ring, states[0], s.now())
	if err != nil {
		s.refused(seal.Reason(err))
		if errors.Is(err, seal.ErrExpired) {
			return nil, &endExpired
		}
		return nil, &endInvalid
	}
	return &asked, nil
}

// complete finds out who signed in and hands it to the helpdesk.
func (s *Service) complete(ctx context.Context, asked *request, query url.Values) *fault {
	p := s.providers[asked.provider]
	if p == nil {
		return endMisconfigured.because("the provider is not configured any more")
	}
	code, f := p.answer(ctx, query)
	if f != nil {
		return f
	}
	who, f := p.signIn(ctx, asked, code)
	if f != nil {
		return f
	}
	signIn := s.event(asked, message.SignInSucceeded)
	signIn.Identity = s.identityOf(asked.business, asked.provider, who)
	if failure := s.deliver(ctx, asked.business, asked.customer, signIn); failure != nil {
		return endUndelivered.because(failure.Class.String())
	}
	return nil
}

// Error codes of authorization endpoints: those of RFC 6749 and OpenID Connect, and what others say instead.
var (
	cancelErrors   = []string{"access_denied", "user_cancelled_authorize", "user_cancelled_login"}
	answerErrors   = []string{"invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope", "interaction_required", "login_required", "account_selection_required", "consent_required"}
	passingErrors  = []string{"server_error", "temporarily_unavailable"}
	soleParameters = []string{"code", "error", "iss"}
)

// answer reads what the provider gave to the browser. Everything but the state may be of somebody else's making. The issuer
// is compared before anything else is believed (RFC 9207).
func (p *provider) answer(ctx context.Context, query url.Values) (code string, f *fault) {
	for _, name := range soleParameters {
		if len(query[name]) > 1 {
			return "", endNoCode.because("the address has more than one " + name)
		}
	}
	issuer := query.Get("iss")
	if issuer != "" && p.settings.Issuer != "" && issuer != p.settings.Issuer {
		return "", endMixedUp.because("it names another issuer (iss)")
	}
	switch problem := query.Get("error"); {
	case problem == "":
	case slices.Contains(cancelErrors, problem):
		return "", endCanceled.because("")
	case slices.Contains(passingErrors, problem):
		return "", endUnavailable.because(problem)
	case slices.Contains(answerErrors, problem):
		return "", endRefused.because(problem)
	default:
		return "", endRefused.because("with an error code of its own")
	}
	code = query.Get("code")
	if len(code) > maxCode || !secureurl.Printable(strings.ReplaceAll(code, " ", "_")) { // RFC 6749 has spaces in codes
		return "", endNoCode.because("")
	}
	return code, p.missesIssuer(ctx, query)
}

// missesIssuer is the other half of RFC 9207: a code that comes without an issuer, though the provider always names it, may
// be another provider's, and is not sent to this one.
func (p *provider) missesIssuer(ctx context.Context, query url.Values) *fault {
	if p.settings.Issuer == "" || query.Get("iss") != "" {
		return nil
	}
	found, f := p.endpoints(ctx)
	if f == nil && found.TellsIssuer {
		return endMixedUp.because("it names no issuer (iss), which this provider always does")
	}
	return f
}

func (s *Service) event(asked *request, status message.SignInStatus) message.SignIn {
	return message.SignIn{Provider: asked.provider, RequestID: asked.id, Status: status}
}

// fail tells the helpdesk why nobody signed in, also when the browser is gone.
func (s *Service) fail(ctx context.Context, asked *request, used *usage, f *fault) *ending {
	used.failures++
	name := asked.provider
	if s.providers[name] == nil {
		name = UnknownProvider
	}
	s.count(name, f.end.status)
	if f.end == &endUndelivered {
		s.logger.Warn("a sign-in could not be delivered", "provider", name, "class", f.detail)
		return f.end // and nor could this
	}
	if f.end.status == message.SignInFailed {
		s.logger.Warn("a sign-in failed", "provider", name, "problem", f.Error())
	}
	signIn := s.event(asked, f.end.status)
	signIn.Error = f.Error()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noticeTime)
	defer cancel()
	if failure := s.deliver(ctx, asked.business, asked.customer, signIn); failure != nil {
		s.logger.Warn("the end of a sign-in could not be delivered", "provider", name, "class", failure.Class.String())
	}
	return f.end
}
