package signin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"golang.org/x/oauth2"

	"bizbridge/bridge/message"
	"bizbridge/bridge/secureurl"
)

// signIn exchanges a code and tells who signed in.
func (p *provider) signIn(ctx context.Context, asked *request, code string) (*person, *fault) {
	found, f := p.endpoints(ctx)
	if f != nil {
		return nil, f
	}
	verifier, nonce := "", ""
	if p.settings.PKCE {
		verifier, nonce = asked.verifier(), asked.nonce()
	}
	token, f := p.exchange(ctx, found, code, verifier)
	if f != nil {
		return nil, f
	}
	idToken, _ := token.Extra("id_token").(string)
	if idToken == "" && p.settings.identity() == IdentityIDToken {
		return nil, endUnverified.because("its token endpoint gave no ID token; is openid among the scopes that Apple Business Register and the provider know?")
	}
	var signedIn *person
	if idToken != "" && p.settings.Issuer != "" {
		if signedIn, f = p.verifyIDToken(ctx, found, idToken, token.AccessToken, nonce); f != nil {
			return nil, f
		}
	}
	if p.settings.identity() == IdentityIDToken {
		return signedIn, nil
	}
	told, f := p.userinfo(ctx, found, token.AccessToken)
	switch {
	case f != nil:
		return nil, f
	case signedIn != nil && told.sub != signedIn.sub:
		return nil, endUnverified.because("its userinfo endpoint speaks of another person than the ID token (sub)")
	}
	return told, nil
}

// config is made anew for each call: it must not remember an AuthStyle by itself.
func (p *provider) config(found *endpoints) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.settings.ClientID, ClientSecret: p.settings.ClientSecret, RedirectURL: p.redirectURL, Scopes: p.settings.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: found.Auth, TokenURL: found.Token},
	}
}

// exchange buys tokens with a code. How the client shows its secret is tried out only where nobody says, and only when the
// provider did not know the client, so had not looked at the code: oauth2.AuthStyleAutoDetect would send the code again
// after any error, and the second answer, that it is used, would hide the first.
func (p *provider) exchange(ctx context.Context, found *endpoints, code, verifier string) (*oauth2.Token, *fault) {
	var first *fault
	for _, style := range p.authStyles(found) {
		token, f, unknownClient := p.exchangeOnce(ctx, found, style, code, verifier)
		if f == nil {
			p.authStyle.Store(int32(style))
		}
		if !unknownClient {
			return token, f
		}
		if first == nil {
			first = f
		}
	}
	return nil, first
}

// authStyles are the ways to try, the likely one first.
func (p *provider) authStyles(found *endpoints) []oauth2.AuthStyle {
	const header, params = oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams
	basic, post := slices.Contains(found.AuthMethods, ClientSecretBasic), slices.Contains(found.AuthMethods, ClientSecretPost)
	worked := oauth2.AuthStyle(p.authStyle.Load())
	switch {
	case p.settings.ClientSecret == "" || p.settings.TokenAuthMethod == ClientSecretPost:
		return []oauth2.AuthStyle{params}
	case p.settings.TokenAuthMethod == ClientSecretBasic || basic:
		return []oauth2.AuthStyle{header}
	case post:
		return []oauth2.AuthStyle{params}
	case worked == header || worked != params && p.settings.Issuer != "": // the default of OpenID Connect
		return []oauth2.AuthStyle{header, params}
	}
	return []oauth2.AuthStyle{params, header} // what Apple's own samples do
}

// exchangeOnce also tells whether the provider did not know the client.
func (p *provider) exchangeOnce(ctx context.Context, found *endpoints, style oauth2.AuthStyle, code, verifier string) (*oauth2.Token, *fault, bool) {
	config := p.config(found)
	config.Endpoint.AuthStyle = style
	var options []oauth2.AuthCodeOption
	if verifier != "" {
		options = append(options, oauth2.VerifierOption(verifier))
	}
	ctx, n := withNote(context.WithValue(ctx, oauth2.HTTPClient, p.calls.clients[opToken]), opToken)
	token, err := config.Exchange(ctx, code, options...)
	if err == nil {
		return token, nil, false
	}
	refusal, answered := errors.AsType[*oauth2.RetrieveError](err)
	if !answered {
		return nil, n.fault(ctx, "no access token"), false
	}
	f, unknownClient := n.refusal(ctx, refusal.ErrorCode)
	return nil, f, unknownClient
}

// Error codes of token endpoints: those of RFC 6749, and what others say instead.
var (
	clientErrors = []string{"invalid_client", "unauthorized_client", "incorrect_client_credentials"}
	codeErrors   = []string{"invalid_grant", "bad_verification_code", "redirect_uri_mismatch"}
	otherErrors  = []string{"invalid_request", "unsupported_grant_type", "invalid_scope", "server_error", "temporarily_unavailable"}
)

// refusal explains why a token endpoint gave nothing, and whether it is that it does not know the client.
func (n *note) refusal(ctx context.Context, code string) (f *fault, unknownClient bool) {
	switch {
	case slices.Contains(clientErrors, code):
		return endMisconfigured.because("its token endpoint does not accept the client (" + code + "); check client_id and client_secret"), code != "unauthorized_client"
	case slices.Contains(codeErrors, code):
		return endSpent.because(code), false
	case code == "server_error" || code == "temporarily_unavailable":
		return endUnavailable.because("its token endpoint answered " + code), false
	case slices.Contains(otherErrors, code):
		return endRefused.because("its token endpoint answered " + code), code == "invalid_request" // perhaps it saw no client_id
	case n.status == http.StatusUnauthorized:
		return endMisconfigured.because("its token endpoint answered 401; check client_id and client_secret"), true
	case code != "" && n.status < 300:
		return endRefused.because("its token endpoint answered with an error"), false
	}
	return n.fault(ctx, "no access token"), false
}

// userinfo asks who an access token is of.
func (p *provider) userinfo(ctx context.Context, found *endpoints, accessToken string) (*person, *fault) {
	if found.Userinfo == "" {
		return nil, endMisconfigured.because("it has no userinfo endpoint")
	}
	if !secureurl.Printable(accessToken) {
		return nil, endUnverified.because("the access token has characters in it that no header keeps")
	}
	body, f := p.calls.get(ctx, opUserinfo, found.Userinfo, accessToken)
	if f != nil {
		return nil, f
	}
	claims, ok := readClaims(body)
	if !ok {
		return nil, endUnverified.because("its userinfo endpoint answered something else than a JSON object")
	}
	sub := text(claims["sub"])
	if sub == "" && p.settings.Issuer == "" {
		sub = text(claims["id"]) // without OpenID Connect there is no rule, but a habit
	}
	if sub == "" {
		return nil, endUnverified.because("its userinfo endpoint names nobody (sub)")
	}
	return &person{sub, claims}, nil
}

// text is a name of somebody, which some providers write as a number.
func text(claim any) string {
	switch value := claim.(type) {
	case string:
		return value
	case json.Number:
		return value.String()
	}
	return ""
}

func (s *Service) identityOf(business message.BusinessID, provider string, who *person) *message.Identity {
	return &message.Identity{Subject: s.subject(business, provider, who.sub), Claims: who.claims}
}

// Identify tells who an access token is of that the customer's device has fetched: the old flow. The error is a
// [*message.Failure].
func (s *Service) Identify(ctx context.Context, provider string, business message.BusinessID, accessToken string) (*message.Identity, error) {
	p := s.providers[provider]
	if p == nil {
		return nil, message.Failuref(message.Permanent, "there is no sign-in provider of this name")
	}
	found, f := p.endpoints(ctx)
	if f != nil {
		return nil, f.failure()
	}
	who, f := p.userinfo(ctx, found, accessToken)
	if f != nil {
		return nil, f.failure()
	}
	return s.identityOf(business, provider, who), nil
}

func (f *fault) failure() *message.Failure {
	class := message.Permanent
	switch f.end {
	case &endUnavailable:
		class = message.Transient
	case &endLeft:
		return message.Failuref(message.Canceled, "stopped before the provider told who it is")
	}
	return &message.Failure{Class: class, Reason: f.Error()}
}
