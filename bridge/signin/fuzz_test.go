package signin

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"bizbridge/bridge/message"
)

// refusingTransport is a provider that does not take any code.
type refusingTransport struct{}

func (refusingTransport) RoundTrip(*http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	writeJSON(recorder, 400, map[string]string{"error": "invalid_grant"})
	return recorder.Result(), nil
}

// Whatever stands in the address, the browser is sent to Messages or, from /oauth/start, to the provider, nobody signs in,
// and what the address says is shown to nobody.
func FuzzQueries(f *testing.F) {
	const marker = "SHOWN-TO-NOBODY"
	r := newRig(f)
	settings := goodURLs()
	settings.PKCE, settings.Scopes = true, []string{"openid", "email"}
	settings.ClientID = clientID
	p := r.replicaWith(func(o *Options) {
		o.Providers, o.Transport = map[string]Provider{"acme": settings}, refusingTransport{}
	})
	f.Add("code=c", true)
	f.Add("error=access_denied&error_description="+marker, true)
	f.Add("error="+marker+"&code="+marker, true)
	f.Add("state=x&state=y&iss="+marker, false)
	f.Add("response_type=code&client_id="+clientID+"&redirect_uri="+url.QueryEscape(redirectURL)+"&scope=openid&next="+marker, true)
	f.Add("response_type=code&client_id="+clientID+"&redirect_uri=//"+marker, true)
	f.Add("%zz&;=&code=%00", true)
	f.Fuzz(func(t *testing.T, query string, withState bool) {
		if withState {
			query = "state=" + p.service.State(business, customer, "acme", requestID) + "&" + query
		}
		for path, handle := range map[string]http.HandlerFunc{"callback": p.service.Callback, "start": p.service.Start} {
			recorder := httptest.NewRecorder()
			handle(recorder, &http.Request{Method: "GET", URL: &url.URL{Path: "/", RawQuery: query}})
			location := recorder.Header().Get("Location")
			atProvider := path == "start" && strings.HasPrefix(location, settings.AuthURL+"&client_id="+clientID+"&")
			atMessages := strings.HasPrefix(location, "messages-auth://?status=error&error=")
			if recorder.Code != 302 || !atProvider && !atMessages {
				t.Errorf("%s answered %d %s", path, recorder.Code, location)
			}
			if strings.Contains(location+recorder.Body.String(), marker) {
				t.Errorf("%s shows what the address says", path)
			}
		}
		for _, told := range p.take() {
			if told.signIn.Status == message.SignInSucceeded || strings.Contains(told.signIn.Error, marker) || told.customer != customer {
				t.Errorf("told %+v", told)
			}
		}
	})
}
