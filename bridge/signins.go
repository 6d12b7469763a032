package bridge

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/flow"
	"bizbridge/bridge/identity"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/bridge/seal"
	"bizbridge/bridge/signature"
	"bizbridge/bridge/signin"
	"bizbridge/bridge/signin/legacy"
	"bizbridge/config"
)

const (
	oauthPeer    = "oauth" // the providers in the metrics
	callbackPath = "/oauth/callback"
	startPath    = "/oauth/start"
)

// signIns is the providers as the flow uses them.
type signIns struct {
	service    *signin.Service
	ring       *seal.Ring
	providers  map[string]signin.Provider
	businesses map[message.BusinessID]string // → provider
	callback   string
	logger     *slog.Logger
	now        func() time.Time
}

// newSignIns makes the providers ready; nil for none. It calls nobody.
func (s *site) newSignIns(a *App, ring *seal.Ring) (*signIns, error) {
	if len(s.config.SignIn.Providers) == 0 {
		return nil, nil
	}
	subjects := ring
	if key := s.config.SubjectKeyBytes(); key != nil {
		var err error
		if subjects, err = seal.NewRing(key); err != nil {
			return nil, err
		}
	}
	ins := &signIns{
		ring: ring, providers: make(map[string]signin.Provider), businesses: make(map[message.BusinessID]string),
		callback: s.config.PublicURL().String() + callbackPath, logger: s.logger, now: time.Now,
	}
	for name, provider := range s.config.SignIn.Providers {
		ins.providers[name] = providerOf(provider)
		s.metrics.ExpectProvider(name)
	}
	for _, business := range s.config.Businesses {
		ins.businesses[message.BusinessID(business.ID)] = business.SignIn
	}
	s.metrics.ExpectPeer(oauthPeer, signin.Operations...)
	var err error
	ins.service, err = signin.New(signin.Options{
		Providers: ins.providers, Ring: ring, RedirectURL: ins.callback, Memory: a.visits, Logger: s.logger,
		Subject: func(business message.BusinessID, provider, sub string) string {
			return identity.Subject(subjects, string(business), provider, sub)
		},
		Deliver: func(ctx context.Context, business message.BusinessID, customer message.CustomerID, done message.SignIn) *message.Failure {
			return s.flow.TellSignIn(ctx, business, customer, done)
		},
		Refused: func(reason signature.Reason) { s.metrics.CountSignatureFailure("state", reason) },
		Observe: func(operation string, status int, took time.Duration) {
			s.metrics.UpstreamDuration.WithLabelValues(oauthPeer, operation, metrics.StatusCode(status)).Observe(took.Seconds())
		},
	})
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, ins.service.Close)
	return ins, nil
}

func providerOf(configured config.Provider) signin.Provider {
	return signin.Provider{
		Issuer: configured.Issuer, AuthURL: configured.AuthURL, TokenURL: configured.TokenURL, UserinfoURL: configured.UserinfoURL,
		ClientID: configured.ClientID, ClientSecret: configured.ClientSecret.Reveal(), Scopes: configured.Scopes,
		Identity: configured.Identity, PKCE: configured.PKCE, TTL: configured.TTL.Std(), Legacy: configured.Legacy,
		TokenAuthMethod: configured.TokenAuthMethod,
	}
}

// flowSignIns is nil, and no nil inside an interface, where there are none.
func (s *site) flowSignIns() flow.SignIns {
	if s.signIns == nil {
		return nil
	}
	return s.signIns
}

// Provider implements [flow.SignIns].
func (i *signIns) Provider(business message.BusinessID) (name string, legacy bool) {
	name = i.businesses[business]
	return name, i.providers[name].Legacy
}

// Ask implements [flow.SignIns].
func (i *signIns) Ask(business message.BusinessID, customer message.CustomerID, requestID string, old bool) apple.OAuth {
	name := i.businesses[business]
	provider := i.providers[name]
	oauth := apple.OAuth{Scopes: provider.Scopes}
	if oauth.Scopes == nil {
		oauth.Scopes = []string{}
	}
	if old {
		oauth.State = i.service.LegacyState(business, customer, name, requestID)
		oauth.ResponseEncryptionKey, oauth.ClientSecret = i.legacyKeys(business, customer, requestID, 0).ResponseEncryptionKey(), provider.ClientSecret
		return oauth
	}
	oauth.State, oauth.RedirectURI = i.service.State(business, customer, name, requestID), i.callback
	return oauth
}

// legacyKeyDays is for how many days the keys of a request are tried: nothing is stored that could be deleted.
const legacyKeyDays = 2

// legacyKeys are those of one request of one customer, to one provider, as of some days ago: a token that was encrypted to
// them goes nowhere else.
func (i *signIns) legacyKeys(business message.BusinessID, customer message.CustomerID, requestID string, daysAgo int) *legacy.Keys {
	day := i.now().AddDate(0, 0, -daysAgo).UTC().Format(time.DateOnly)
	return legacy.New(i.ring, string(message.DeriveID(string(business), string(customer), i.businesses[business], requestID, day)))
}

// Answer implements [flow.SignIns]. In the new flow it is Apple's word only: who the customer is has been told before, by
// the exchange. In the old flow the token comes with it.
func (i *signIns) Answer(ctx context.Context, business message.BusinessID, customer message.CustomerID, answer apple.SignInAnswer) (message.SignIn, *message.Failure) {
	told := message.SignIn{
		RequestID: answer.RequestID, Status: answer.Status, Confirmed: answer.Status == message.SignInSucceeded,
	}
	switch {
	case answer.Status == message.SignInFailed:
		told.Error = explainDevice(answer)
	case answer.Legacy:
		who, err := i.openLegacy(ctx, business, customer, answer)
		failure := message.FailureOf(err)
		switch {
		case failure == nil:
			told.Identity = who
		case !failure.Class.Final():
			return told, failure // Apple comes again
		default:
			i.logger.Warn("the token of a sign-in cannot be used", "error", failure)
			told.Status, told.Confirmed, told.Error = message.SignInFailed, false, "The customer signed in, but the bridge cannot tell who it is: "+failure.Error()
		}
	}
	return told, nil
}

// openLegacy asks the provider whose token it is that the device has sent.
func (i *signIns) openLegacy(ctx context.Context, business message.BusinessID, customer message.CustomerID, answer apple.SignInAnswer) (*message.Identity, error) {
	provider := i.businesses[business]
	switch {
	case !i.providers[provider].Legacy:
		return nil, message.Failuref(message.Permanent, "Apple's old flow is switched off for the provider")
	case answer.Token == "":
		return nil, message.Failuref(message.Permanent, "the device sent no token")
	}
	var token string
	var err error
	for day := range legacyKeyDays {
		if token, err = i.legacyKeys(business, customer, answer.RequestID, day).Open(answer.Token); err == nil {
			return i.service.Identify(ctx, provider, business, token)
		}
	}
	return nil, &message.Failure{Class: message.Permanent, Reason: err.Error()}
}

func explainDevice(answer apple.SignInAnswer) string {
	if len(answer.Errors) > 0 {
		return legacy.Explain(answer.Errors[0].Domain, answer.Errors[0].Code)
	}
	if answer.ErrorCode == "access_denied" {
		return "The customer or the provider did not allow it."
	}
	return "The customer's device says that signing in failed."
}

// serveOAuth is for a bridge without providers as well: links to it may be old.
func (s *site) serveOAuth(serve func(*signin.Service, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.signIns == nil {
			http.NotFound(w, r)
			return
		}
		serve(s.signIns.service, w, r)
	}
}
