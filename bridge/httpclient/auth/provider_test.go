package auth

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"bizbridge/bridge/message"
)

// echoing repeats what it was sent, as some do in their errors.
func echoing(status int, contentType string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"error":"`+clientSecret+`","error_description":"the secret `+clientSecret+` is wrong: `+r.Header.Get("Authorization")+`"}`)
	}
}

// raw answers with bytes that need not be HTTP.
func raw(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, text)
	}
}

func TestErrorsOfAProviderAreTranslated(t *testing.T) {
	t.Parallel()
	elsewhere := serve(t, saysJSON(`{"access_token":"x"}`))
	const asJSON = "application/json"
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		class  message.Class
		says   string
	}{
		"invalid_client":                {says(401, asJSON, `{"error":"invalid_client","error_description":"`+clientSecret+`"}`), message.Auth, "refuses: invalid_client"},
		"invalid_client with 200":       {saysJSON(`{"error":"invalid_client"}`), message.Auth, "refuses: invalid_client"},
		"an error and a token":          {saysJSON(`{"error":"invalid_scope","access_token":"x"}`), message.Auth, "refuses: invalid_scope"},
		"an error of its own":           {saysJSON(`{"error":{"message":"` + clientSecret + `"}}`), message.Auth, "an error of its own"},
		"an error that echoes":          {echoing(400, asJSON), message.Auth, "refuses with 400"},
		"an error that echoes with 200": {echoing(200, asJSON), message.Auth, "an error of its own"},
		"an error as a form":            {says(400, "application/x-www-form-urlencoded", "error=invalid_grant"), message.Auth, "refuses: invalid_grant"},
		"temporarily unavailable":       {says(400, asJSON, `{"error":"temporarily_unavailable"}`), message.Transient, "refuses: temporarily_unavailable"},
		"slow down":                     {says(400, asJSON, `{"error":"slow_down"}`), message.Throttled, "refuses: slow_down"},
		"403":                           {says(403, "text/plain", clientSecret), message.Auth, "refuses with 403"},
		"404":                           {says(404, "text/html", "<html>"), message.Auth, "answers 404: is token_url right?"},
		"a web page":                    {says(200, "text/html", "<html>"+clientSecret), message.Auth, "a web page instead of a token"},
		"a web page without its type":   {says(200, "text/plain", " <!doctype html>"+clientSecret), message.Auth, "a web page instead of a token"},
		"a redirect":                    {says(302, "text/plain", "", "Location", elsewhere.URL+"/?s="+clientSecret), message.Auth, "redirects are not followed"},
		"a redirect that is kept":       {says(307, "text/plain", "", "Location", elsewhere.URL), message.Auth, "redirects are not followed"},
		"no JSON":                       {saysJSON(`access_token=x`), message.Auth, "not JSON"},
		"a list":                        {saysJSON(`[{"access_token":"x"}]`), message.Auth, "not JSON"},
		"null":                          {saysJSON(`null`), message.Auth, "not JSON"},
		"nothing":                       {saysJSON(``), message.Auth, "not JSON"},
		"204":                           {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, message.Auth, "not JSON"},
		"no token":                      {saysJSON(`{"expires_in":3600}`), message.Auth, "no token"},
		"a token that is a number":      {saysJSON(`{"access_token":17}`), message.Auth, "no token"},
		"a token with a line break":     {saysJSON(`{"access_token":"S3cret\r\nX-Evil: 1"}`), message.Auth, "no header keeps"},
		"a token with a space":          {saysJSON(`{"access_token":"S3cret x"}`), message.Auth, "no header keeps"},
		"a type with a line break":      {saysJSON(`{"access_token":"S3cret","token_type":"a\nb"}`), message.Auth, "no header keeps"},
		"a refresh token of lines":      {saysJSON(`{"access_token":"S3cret","refresh_token":"a\nb"}`), message.Auth, "not text"},
		"a token that is too long":      {saysJSON(`{"access_token":"` + strings.Repeat("x", maxToken+1) + `"}`), message.Auth, "too long"},
		"a huge answer":                 {saysJSON(`{"access_token":"` + strings.Repeat("x", 3<<20) + `"}`), message.Auth, "more than 1 MB"},
		"an answer that breaks off":     {raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"access_token\":\"S3cret"), message.Transient, "broke off"},
		"429":                           {says(429, asJSON, `{}`, "Retry-After", "3600"), message.Throttled, "answers 429"},
		"500":                           {says(500, asJSON, clientSecret, "Retry-After", "3600"), message.Transient, "answers 500"},
		"503":                           {says(503, "text/html", "<html>", "Retry-After", "3600"), message.Transient, "answers 503"},
		"503 with a code":               {says(503, asJSON, `{"error":"invalid_client"}`, "Retry-After", "3600"), message.Transient, "answers 503"},
		"no HTTP":                       {raw(clientSecret + "\r\n\r\n"), message.Transient, "no token for desk"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := client(serve(t, test.answer))
			if name == "no HTTP" || name == "an answer that breaks off" { // not tried again within the test
				settings.Kind, settings.AuthorizeURL, settings.Grant = kindAuthorizationCode, "https://a.example", `{"refresh_token":"`+refreshText+`"}`
			}
			r := newRig(t, serve(t, ok), Deps{}, settings)
			r.wantFailure(t, test.class, test.says)
			r.api.wantRequests(t, 0)
			if !strings.Contains(r.log.String(), "no token") {
				t.Errorf("the log says %q", r.log)
			}
		})
	}
	t.Cleanup(func() { elsewhere.wantRequests(t, 0) })
}

func TestAProviderThatCannotBeReachedIsTransient(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	settings := client(serve(t, ok))
	settings.TokenURL, settings.Parameters = "http://"+listener.Addr().String()+"/t", inQuery // the secret is in the URL
	r := newRig(t, serve(t, ok), Deps{}, settings)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	failed := make(chan error, 1)
	go func() { _, err := r.do(ctx, r.call()); failed <- err }()
	r.Authorizer.stop() // as Close does; the fetch would go on for ten seconds
	wantFailure(t, <-failed, message.Transient, "no token for desk")
}

// A provider that asks for a pause gets it.
func TestAPauseThatAProviderAsksForIsKept(t *testing.T) {
	t.Parallel()
	provider := serve(t, says(429, "application/json", `{}`, "Retry-After", "30"), numbered("3600")[0])
	r := newRig(t, serve(t, ok), Deps{}, client(provider))
	for range 3 {
		r.wantFailure(t, message.Throttled)
	}
	provider.wantRequests(t, 1)
	r.clock.move(longestPause / 2)
	r.wantStatus(t, 200)
	provider.wantRequests(t, 2)
}
