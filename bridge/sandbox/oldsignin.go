package sandbox

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
)

// oldRedirect is where the provider sends the browser in the old way: Messages itself listens there.
const oldRedirect = "https://auth.businesschat.apple.com"

const oldAuthenticated = "authenticated"

// The domains of a device's errors, with their codes as device logs have them.
const (
	cryptorErrors        = "com.apple.icloud.messages.business.cryptor"              // 2: no key can be made of this
	authenticationErrors = "com.apple.icloud.messages.business.authentication.error" // 0: no token, 2: no access_token
)

func oldFailure(domain string, code int, message string) signInResult {
	return signInResult{
		told:  content{"status": "failed", "errors": []any{content{"code": code, "domain": domain, "message": message}}},
		words: "The sign-in failed: " + message + ".",
	}
}

// signInOld signs in the old way: the device itself fetches the access token, and encrypts it for the business.
func (s *Sandbox) signInOld(ctx context.Context, c signInCall, request *signInRequest) signInResult {
	v := s.newWebView(func(u *url.URL) bool { return u.Scheme == "https" && u.Host == "auth.businesschat.apple.com" })
	page, err := v.signIn(ctx, s.oauthURL(request, oldRedirect), c.Person, c.Outcome)
	switch {
	case err != nil:
		return oldFailure(authenticationErrors, 0, err.Error())
	case !page.ended:
		failed := oldFailure(authenticationErrors, 0, "The way ended at a page of "+page.at.Host)
		failed.page = page.text
		return failed
	}
	token, failed := v.oldToken(ctx, request, page.at)
	if failed != nil {
		return *failed
	}
	if _, bad := s.hit(faultBadKey); bad {
		return oldFailure(cryptorErrors, 2, "Failed creating key")
	}
	sealed, err := encryptToken(request.encryptionKey, token)
	if err != nil {
		return oldFailure(cryptorErrors, 4, err.Error())
	}
	return signInResult{
		told:  content{"status": oldAuthenticated, "token": base64.StdEncoding.EncodeToString(sealed)},
		words: "You are signed in. The token went to the business, encrypted.",
	}
}

// oldToken gets the access token from what the provider answered, directly or by its code.
func (v *webView) oldToken(ctx context.Context, request *signInRequest, back *url.URL) (string, *signInResult) {
	answer := back.Query()
	if request.responseType == "token" {
		answer, _ = url.ParseQuery(back.EscapedFragment()) // what cannot be read is not there
	}
	fail := func(code int, message string) (string, *signInResult) {
		failed := oldFailure(authenticationErrors, code, message)
		return "", &failed
	}
	switch {
	case answer.Get("state") != request.state:
		return fail(0, "The provider answered with another state")
	case answer.Get("error") != "":
		return fail(0, "The provider answered "+shorten(answer.Get("error"), 100))
	case request.responseType == "token" && answer.Get("access_token") == "":
		return fail(0, "The provider gave no token")
	case request.responseType == "token":
		return answer.Get("access_token"), nil
	}
	target, _ := url.Parse(v.s.signInAt.TokenURL) // was checked
	page, _, err := v.request(ctx, http.MethodPost, target, url.Values{
		"grant_type": {"authorization_code"}, "code": {answer.Get("code")}, "redirect_uri": {oldRedirect},
		"client_id": {v.s.signInAt.ClientID}, "client_secret": {request.clientSecret},
	})
	var got struct {
		AccessToken string `json:"access_token"`
	}
	switch {
	case err != nil:
		return fail(0, "The provider's token URL gave no answer: "+errorText(err))
	case len(page.body) == 0 || json.Unmarshal(page.body, &got) != nil:
		return fail(0, "The provider's token URL answered without a token")
	case got.AccessToken == "":
		return fail(2, "The provider's answer lacks access_token")
	}
	return got.AccessToken, nil
}
