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
		callback: s.config.PublicURL().String() + callbackPath, logger: s.logger,
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
	oauth := apple.OAuth{Scopes: provider.Scopes, State: i.service.State(business, customer, name, requestID)}
	if oauth.Scopes == nil {
		oauth.Scopes = []string{}
	}
	if old {
		oauth.ResponseEncryptionKey, oauth.ClientSecret = legacy.New(i.ring, requestID).ResponseEncryptionKey(), provider.ClientSecret
		return oauth
	}
	oauth.RedirectURI = i.callback
	return oauth
}

// Answer implements [flow.SignIns]. In the new flow it is Apple's word only: who the customer is has been told before, by
// the exchange. In the old flow the token comes with it.
func (i *signIns) Answer(ctx context.Context, business message.BusinessID, answer apple.SignInAnswer) message.SignIn {
	told := message.SignIn{
		RequestID: answer.RequestID, Status: answer.Status, Confirmed: answer.Status == message.SignInSucceeded,
	}
	switch {
	case answer.Status == message.SignInFailed:
		told.Error = explainDevice(answer)
	case answer.Token != "" && told.Confirmed:
		token, err := legacy.New(i.ring, answer.RequestID).Open(answer.Token)
		if err == nil {
			told.Identity, err = i.service.Identify(ctx, i.businesses[business], business, token)
		}
		if err != nil {
			i.logger.Warn("the token of a sign-in cannot be used", "error", err)
			told.Status, told.Confirmed, told.Error = message.SignInFailed, false, "The customer signed in, but the bridge cannot tell who it is: "+err.Error()
		}
	}
	return told
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
