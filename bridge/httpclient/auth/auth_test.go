package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/config"
)

func bodyMAC() []byte {
	mac := hmac.New(sha256.New, []byte(clientSecret))
	mac.Write([]byte("the body"))
	return mac.Sum(nil)
}

func TestWhatNeverChangesIsSent(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		settings Settings
		header   string
		want     string
	}{
		"basic":                  {Settings{Kind: "basic", Username: "ada", Password: "p:w"}, "Authorization", "Basic YWRhOnA6dw=="},
		"basic without password": {Settings{Kind: "basic", Username: "key"}, "Authorization", "Basic a2V5Og=="},
		"bearer":                 {Settings{Kind: "bearer", Token: "abc"}, "Authorization", "Bearer abc"},
		"LibreDesk":              {Settings{Kind: "bearer", Token: "k:s", Prefix: "token"}, "Authorization", "token k:s"},
		"Zammad":                 {Settings{Kind: "bearer", Token: "abc", Prefix: "Token token="}, "Authorization", "Token token=abc"},
		"Infobip's App":          {Settings{Kind: "api_key", Key: "abc", Header: "authorization", Prefix: "App"}, "Authorization", "App abc"},
		"a key in a header":      {Settings{Kind: "api_key", Key: "abc", Header: "api-key"}, "Api-Key", "abc"},
		"a key in the query":     {Settings{Kind: "api_key", Key: "a&b", Query: "key"}, "", "key=a%26b"},
		"a signature in hex":     {Settings{Kind: "hmac", Secret: clientSecret, Header: "X-Signature"}, "X-Signature", hex.EncodeToString(bodyMAC())},
		"with a prefix":          {Settings{Kind: "hmac", Secret: clientSecret, Header: "X-Hub-Signature-256", Prefix: "sha256="}, "X-Hub-Signature-256", "sha256=" + hex.EncodeToString(bodyMAC())},
		"in base64":              {Settings{Kind: "hmac", Secret: clientSecret, Header: "X-Signature", Encoding: "base64"}, "X-Signature", base64.StdEncoding.EncodeToString(bodyMAC())},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, serve(t, ok), Deps{}, test.settings)
			r.wantStatus(t, 200)
			got := r.api.seen()[0]
			if sent := got.header.Get(test.header); test.header != "" && sent != test.want {
				t.Errorf("sent %q, want %q", sent, test.want)
			}
			if test.header == "" && got.query != test.want {
				t.Errorf("sent %q, want %q", got.query, test.want)
			}
		})
	}
}

// Every scheme signs the call as it leaves, with what a key in the query adds to its address.
func TestASchemeOfTheTableSigns(t *testing.T) {
	t.Parallel()
	for _, name := range schemeNames() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secret := config.Secret(clientSecret)
			if name == "freshchat" {
				secret = rsaKey(t)
			}
			r := newRig(t, serve(t, ok), Deps{}, Settings{Kind: "hmac", Secret: secret, Scheme: name}, Settings{Kind: "api_key", Key: "abc", Query: "key"})
			call := r.call()
			call.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}} // Twilio signs nothing else
			if _, err := r.do(t.Context(), call); err != nil {
				t.Fatal(err)
			}
			scheme, _ := signature.Lookup(name)
			keys, err := signature.New(scheme, secret.Reveal())
			if err != nil {
				t.Fatal(err)
			}
			got := r.api.seen()[0]
			req := signature.Request{Method: got.method, URL: r.api.URL + got.path + "?" + got.query, Header: got.header, Body: []byte(got.body)}
			if _, err := keys.Verify(req, r.clock.now()); err != nil || got.query != "key=abc" {
				t.Errorf("%s: %v", req.URL, err)
			}
		})
	}
}

func rsaKey(t *testing.T) config.Secret {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return config.Secret(base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PrivateKey(private)))
}

func TestACallThatASchemeCannotSignIsNotMade(t *testing.T) {
	t.Parallel()
	r := newRig(t, serve(t, ok), Deps{}, Settings{Kind: "hmac", Secret: clientSecret, Scheme: "twilio"})
	_, err := r.do(t.Context(), r.call()) // its body is no form
	wantFailure(t, err, message.Permanent, "cannot be signed")
	r.api.wantRequests(t, 0)
}

func TestAnAttemptSharesNothingWithTheNext(t *testing.T) {
	t.Parallel()
	api := serve(t, says(503, "text/plain", ""), ok)
	r := newRig(t, api, Deps{}, Settings{Kind: "api_key", Key: "abc", Query: "key"},
		Settings{Kind: "customer_token", TokenURL: serve(t, says(200, "", "", "Set-Cookie", "sid=1")).URL, Cookie: "sid", Fields: secrets("user", "ada")})
	call := r.call()
	call.URL += "?a=1&b"
	call.Header = http.Header{"Cookie": {"theme=dark"}}
	if _, err := r.do(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	for _, got := range api.seen() {
		if got.query != "a=1&b&key=abc" || got.header.Get("Cookie") != "theme=dark; sid=1" {
			t.Errorf("sent %q and %q", got.query, got.header.Get("Cookie"))
		}
	}
	if call.Header.Get("Cookie") != "theme=dark" {
		t.Error("the caller's header was changed")
	}
	api.wantRequests(t, 2)
}

// ASAPP's /getprofile: all of three prove who calls, as its documentation shows.
func TestASAPPCombinesThree(t *testing.T) {
	t.Parallel()
	api := serve(t, ok)
	oauth := serve(t, saysJSON(`{"token_type":"Bearer","issued_at":"1570733606449","client_id":"bridge","access_token":"S3cret-access","scope":"client_credentials","expires_in":"28799"}`))
	login := serve(t, saysJSON(`{"issued_at":"1570733606449","JWT":"eyJhbGciOiJIUzI1NiJ9.e30.sig","expires_in":"28799"}`))
	r := newRig(t, api, Deps{},
		Settings{Kind: kindClientCredentials, TokenURL: oauth.URL + "/oauth/access_token?grant_type=client_credentials", ClientID: "bridge", ClientSecret: clientSecret},
		Settings{
			Kind: kindCustomerToken, TokenURL: login.URL + "/auth/customer_authenticate", Header: "customer-auth", Prefix: "JWT",
			Fields: secrets("username", "{customer_id}", "password", password),
		},
		Settings{Kind: kindAPIKey, Key: "S3cret-key", Header: "api-key"},
	)
	ctx := WithCustomer(t.Context(), map[string]string{"customer_id": "urn:mbid:1"})
	for range 2 {
		if _, err := r.do(ctx, r.call()); err != nil {
			t.Fatal(err)
		}
	}
	for _, got := range api.seen() {
		for name, want := range map[string]string{
			"Authorization": "Bearer S3cret-access", "customer-auth": "JWT eyJhbGciOiJIUzI1NiJ9.e30.sig", "api-key": "S3cret-key",
		} {
			if sent := got.header.Get(name); sent != want {
				t.Errorf("%s: %q, want %q", name, sent, want)
			}
		}
	}
	oauth.wantRequests(t, 1)
	login.wantRequests(t, 1)
	asked, loggedIn := oauth.seen()[0], login.seen()[0]
	if asked.query != "grant_type=client_credentials" || asked.body != "client_id=bridge&client_secret="+clientSecret {
		t.Errorf("asked with %q and %q", asked.query, asked.body)
	}
	if loggedIn.path != "/auth/customer_authenticate" || loggedIn.body != "password="+password+"&username=urn%3Ambid%3A1" {
		t.Errorf("logged in with %q and %q", loggedIn.path, loggedIn.body)
	}
}

func TestParametersOfATokenAreSentAsConfigured(t *testing.T) {
	t.Parallel()
	const all = "audience=crm&client_id=bridge&client_secret=" + clientSecret + "&grant_type=client_credentials&scope=a+b"
	for parameters, want := range map[string]request{
		"":      {body: all},
		"form":  {body: all},
		"query": {query: "v=1.0&" + all},
		"json":  {body: `{"audience":"crm","client_id":"bridge","client_secret":"` + clientSecret + `","grant_type":"client_credentials","scope":"a b"}`},
		"basic": {body: "audience=crm&grant_type=client_credentials&scope=a+b"},
	} {
		t.Run(parameters, func(t *testing.T) {
			t.Parallel()
			provider := serve(t, numbered("3600")...)
			settings := client(provider)
			settings.Parameters, settings.Scopes, settings.Fields = parameters, []string{"a", "b"}, secrets("audience", "crm")
			settings.TokenURL += "?v=1.0"
			if want.query == "" {
				want.query = "v=1.0"
			}
			r := newRig(t, serve(t, ok), Deps{}, settings)
			r.wantStatus(t, 200)
			got := provider.seen()[0]
			if got.method != "POST" || got.query != want.query || got.body != want.body {
				t.Errorf("asked with %s %q %q", got.method, got.query, got.body)
			}
			wantAuthorization := ""
			if parameters == "basic" {
				wantAuthorization = basic("bridge", clientSecret)
			}
			if sent := got.header.Get("Authorization"); sent != wantAuthorization {
				t.Errorf("Authorization: %q", sent)
			}
		})
	}
}

func TestTheTypeOfATokenIsHonoured(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ answer, prefix, field, want string }{
		"standard":        {`{"access_token":"x","token_type":"Bearer"}`, "", "", "Bearer x"},
		"lower case":      {`{"access_token":"x","token_type":"bearer"}`, "", "", "Bearer x"},
		"of gateways":     {`{"access_token":"x","token_type":"BearerToken"}`, "", "", "Bearer x"},
		"none":            {`{"access_token":"x"}`, "", "", "Bearer x"},
		"Infobip":         {`{"token":"x","tokenType":"IBSSO"}`, "", "", "IBSSO x"},
		"another":         {`{"access_token":"x","token_type":"App"}`, "", "", "App x"},
		"prefix wins":     {`{"access_token":"x","token_type":"Bearer"}`, "Zoho-oauthtoken", "", "Zoho-oauthtoken x"},
		"a field":         {`{"access_token":"x","data":{"jwt":"y"}}`, "", "data.jwt", "Bearer y"},
		"a form":          {"access_token=x&token_type=bearer&expires_in=3600", "", "", "Bearer x"},
		"null is nothing": {`{"access_token":null,"token":"x","error":null}`, "", "", "Bearer x"},
		"after a BOM":     {"\ufeff{\"access_token\":\"x\"}", "", "", "Bearer x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			contentType := "application/json"
			if name == "a form" {
				contentType = "application/x-www-form-urlencoded; charset=utf-8"
			}
			settings := client(serve(t, says(200, contentType, test.answer)))
			settings.Prefix, settings.TokenField = test.prefix, test.field
			r := newRig(t, serve(t, ok), Deps{}, settings)
			r.wantStatus(t, 200)
			if sent := r.api.seen()[0].header.Get("Authorization"); sent != test.want {
				t.Errorf("sent %q, want %q", sent, test.want)
			}
		})
	}
}

// A token is kept until a minute, or a tenth of its life, before it ends.
func TestATokenIsKeptUntilShortlyBeforeItsEnd(t *testing.T) {
	t.Parallel()
	for life, kept := range map[string]time.Duration{
		`3600`:              59 * time.Minute,
		`"3600"`:            59 * time.Minute,
		`" 3600 "`:          59 * time.Minute,
		`3600.0`:            59 * time.Minute,
		`"28799"`:           28739 * time.Second,
		`600`:               9 * time.Minute,
		`100`:               90 * time.Second,
		`1`:                 900 * time.Millisecond,
		`null`:              4*time.Minute + 30*time.Second,
		`0`:                 4*time.Minute + 30*time.Second,
		`-1`:                4*time.Minute + 30*time.Second,
		`"soon"`:            4*time.Minute + 30*time.Second,
		`{}`:                4*time.Minute + 30*time.Second,
		`"NaN"`:             4*time.Minute + 30*time.Second,
		`99999999999999999`: longestLife - time.Minute,
		`1e300`:             longestLife - time.Minute,
	} {
		t.Run(life, func(t *testing.T) {
			t.Parallel()
			provider := serve(t, numbered(life)...)
			r := newRig(t, serve(t, ok), Deps{}, client(provider))
			r.wantStatus(t, 200)
			r.clock.move(kept - time.Nanosecond)
			r.wantStatus(t, 200)
			provider.wantRequests(t, 1)
			r.clock.move(time.Nanosecond)
			r.wantStatus(t, 200)
			provider.wantRequests(t, 2)
			sent := r.api.seen()
			if sent[1].header.Get("Authorization") != "Bearer token-1" || sent[2].header.Get("Authorization") != "Bearer token-2" {
				t.Errorf("sent %q, then %q", sent[1].header.Get("Authorization"), sent[2].header.Get("Authorization"))
			}
		})
	}
}

func TestAProviderThatFailsDoesNoHarmWhileTheOldTokenIsGood(t *testing.T) {
	t.Parallel()
	provider := serve(t, numbered("3600")[0], says(400, "application/json", `{"error":"invalid_client"}`))
	r := newRig(t, serve(t, ok), Deps{}, client(provider))
	r.wantStatus(t, 200)
	r.clock.move(time.Hour - time.Nanosecond)
	r.wantStatus(t, 200)
	r.wantStatus(t, 200)
	provider.wantRequests(t, 2) // the refusal is remembered
	r.clock.move(time.Nanosecond)
	r.wantFailure(t, message.Auth, "invalid_client")
	provider.wantRequests(t, 2)
	r.clock.move(rememberAuth)
	r.wantFailure(t, message.Auth, "invalid_client")
	provider.wantRequests(t, 3)
}

func TestARefusedTokenIsReplacedOnce(t *testing.T) {
	t.Parallel()
	provider := serve(t, numbered("3600")...)
	r := newRig(t, serve(t, onlyWith("Bearer token-2")), Deps{}, client(provider))
	r.wantStatus(t, 200)
	r.wantStatus(t, 200)
	provider.wantRequests(t, 2)
	r.api.wantRequests(t, 3)
	for _, got := range r.api.seen() {
		if got.body != "the body" {
			t.Errorf("a repeat must say the same: %q", got.body)
		}
	}
}

func TestAnAPIThatRefusesEveryTokenIsNoLoop(t *testing.T) {
	t.Parallel()
	provider := serve(t, numbered("3600")...)
	r := newRig(t, serve(t, onlyWith("none")), Deps{}, client(provider))
	for _, want := range []struct{ calls, tokens int }{{2, 2}, {3, 2}, {4, 2}} { // after the first call the new token is kept
		r.wantStatus(t, 401)
		r.api.wantRequests(t, want.calls)
		provider.wantRequests(t, want.tokens)
	}
	r.clock.move(keepRefused)
	r.wantStatus(t, 401)
	r.api.wantRequests(t, 6)
	provider.wantRequests(t, 3)
}

func TestOnly401GivesATokenUp(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 302, 400, 403, 404, 500} {
		provider := serve(t, numbered("3600")...)
		r := newRig(t, serve(t, says(status, "text/plain", "")), Deps{}, client(provider))
		r.wantStatus(t, status)
		r.wantStatus(t, status)
		provider.wantRequests(t, 1)
	}
}

func TestWhatIsNeverRepeatedStillGivesATokenUp(t *testing.T) {
	t.Parallel()
	provider := serve(t, numbered("3600")...)
	r := newRig(t, serve(t, onlyWith("Bearer token-2")), Deps{}, client(provider))
	call := r.call()
	call.Retry = httpclient.RetryNever
	resp, err := r.do(t.Context(), call)
	if err != nil || resp.Status != 401 {
		t.Fatalf("%+v %v", resp, err)
	}
	provider.wantRequests(t, 1)
	r.wantStatus(t, 200)
	provider.wantRequests(t, 2)
}

func TestWhatNeverChangesIsNotTriedTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t, serve(t, onlyWith("other")), Deps{}, Settings{Kind: "bearer", Token: "abc"})
	r.wantStatus(t, 401)
	r.api.wantRequests(t, 1)
}

func TestConcurrentCallersShareOneFetch(t *testing.T) {
	t.Parallel()
	const callers = 40
	var started, done sync.WaitGroup
	started.Add(callers)
	answers := numbered("3600")
	provider := serve(t, func(w http.ResponseWriter, r *http.Request) {
		started.Wait() // all want a token now
		answers[0](w, r)
	}, answers[1], answers[2])
	r := newRig(t, serve(t, onlyWith("Bearer token-2")), Deps{}, client(provider)) // and the first is refused to all
	for range callers {
		done.Go(func() {
			started.Done()
			resp, err := r.do(t.Context(), r.call())
			if err != nil || resp.Status != 200 {
				t.Errorf("%+v %v", resp, err)
			}
		})
	}
	done.Wait()
	provider.wantRequests(t, 2)
}

// A fetch that begins just after another ended has nothing to do.
func TestAFetchThatIsLateFindsTheToken(t *testing.T) {
	t.Parallel()
	var place slot
	there := newToken("x", newClock().now(), time.Hour)
	place.current.Store(there)
	got, err := place.fetch(&keeper{now: newClock().now, ctx: t.Context()}, func(context.Context) (*token, error) {
		return nil, errors.New("asked again")
	})
	if got != any(there) || err != nil {
		t.Errorf("%v %v", got, err)
	}
}

// Whoever began the fetch may leave: the others get their token.
func TestACallerThatLeavesTakesNobodyAlong(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}), make(chan struct{})
	provider := serve(t, func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-release
		numbered("3600")[0](w, r)
	})
	r := newRig(t, serve(t, ok), Deps{}, client(provider))
	ctx, leave := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { _, err := r.do(ctx, r.call()); first <- err }()
	<-asked
	go func() { _, err := r.do(t.Context(), r.call()); second <- err }()
	leave()
	wantFailure(t, <-first, message.Canceled)
	close(release)
	if err := <-second; err != nil {
		t.Error(err)
	}
	provider.wantRequests(t, 1)
	r.api.wantRequests(t, 1)
}

func TestASlowProviderIsNotWaitedForBeyondTheDeadline(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	provider := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done(); close(gone) })
	r := newRig(t, serve(t, ok), Deps{}, client(provider))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := r.client.Do(ctx, r.call())
	wantFailure(t, err, message.Transient, "in time")
	if took := time.Since(began); took > time.Second {
		t.Errorf("took %s", took)
	}
	r.api.wantRequests(t, 0)
	r.Authorizer.Close()
	select {
	case <-gone:
	case <-time.After(fetchTime / 2):
		t.Error("Close leaves the fetch alone")
	}
}

// While the old token is good, a provider that hangs costs a second and nothing more.
func TestASlowProviderDoesLittleHarmWhileTheOldTokenIsGood(t *testing.T) {
	t.Parallel()
	provider := serve(t, numbered("3600")[0], func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	r := newRig(t, serve(t, ok), Deps{}, client(provider))
	r.wantStatus(t, 200)
	r.clock.move(59 * time.Minute)
	r.wantStatus(t, 200)
	r.api.wantRequests(t, 2)
	r.Authorizer.Close()
}

func TestCredentialsStayAtTheirOwnAddress(t *testing.T) {
	t.Parallel()
	other := serve(t, ok)
	r := newRig(t, serve(t, says(302, "text/plain", "", "Location", other.URL)), Deps{}, Settings{Kind: "bearer", Token: tokenText})
	r.wantStatus(t, 302)
	call := r.call()
	call.URL = other.URL
	_, err := r.do(t.Context(), call)
	wantFailure(t, err, message.Permanent, "own address")
	other.wantRequests(t, 0)
}

func TestOriginsAreSchemeHostAndPort(t *testing.T) {
	t.Parallel()
	a, err := New(nil, Deps{Origins: []string{"https://API.example.com/v1", "http://10.0.0.1:8080"}})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for address, want := range map[string]bool{
		"https://api.example.com/other": true, "https://api.example.com:443": true, "http://10.0.0.1:8080/x": true,
		"http://api.example.com": false, "http://api.example.com:443": false, "https://api.example.com:8443": false, "https://api.example.com.evil.test": false,
		"https://evil.test/api.example.com": false, "https://api.example.com@evil.test": false, "http://10.0.0.1": false,
	} {
		req, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Session().Prepare(t.Context(), req, nil) == nil; got != want {
			t.Errorf("%s: %v, want %v", address, got, want)
		}
	}
}

func TestAStreamCannotBeSigned(t *testing.T) {
	t.Parallel()
	r := newRig(t, serve(t, ok), Deps{}, Settings{Kind: "hmac", Secret: clientSecret, Header: "X-Signature"})
	call := r.call()
	call.Body, call.OpenBody, call.Size = nil, func() (io.Reader, error) { return strings.NewReader("abc"), nil }, 3
	_, err := r.do(t.Context(), call)
	wantFailure(t, err, message.Permanent, "stream")
	_, err = r.client.Upload(t.Context(), call, strings.NewReader("abc"), 3)
	wantFailure(t, err, message.Permanent, "stream")
	r.api.wantRequests(t, 0)
}

func TestStreamsCarryTokens(t *testing.T) {
	t.Parallel()
	provider := serve(t, numbered("3600")...)
	r := newRig(t, serve(t, onlyWith("Bearer token-2")), Deps{}, client(provider))
	call := r.call()
	for _, want := range []int{401, 200} { // a stream is not sent twice, but the next has a new token
		call.Auth = r.Session()
		resp, err := r.client.Upload(t.Context(), call, strings.NewReader("abc"), 3)
		if err != nil || resp.Status != want {
			t.Errorf("%+v %v, want %d", resp, err, want)
		}
	}
	call.Body, call.OpenBody, call.Size, call.Auth = nil, func() (io.Reader, error) { return strings.NewReader("abc"), nil }, 3, r.Session()
	if resp, err := r.do(t.Context(), call); err != nil || resp.Status != 200 {
		t.Errorf("%+v %v", resp, err)
	}
	for _, got := range r.api.seen() {
		if got.body != "abc" {
			t.Errorf("sent %q", got.body)
		}
	}
}

// An attempt that may have arrived is not forgotten because the next one had no token.
func TestWhatMayHaveArrivedStaysUncertain(t *testing.T) {
	t.Parallel()
	provider := serve(t, numbered("3600")[0], says(400, "application/json", `{"error":"invalid_client"}`))
	var r *rig
	api := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		r.clock.move(2 * time.Hour) // and no new token comes
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.Close()
		}
	})
	r = newRig(t, api, Deps{}, client(provider))
	call := r.call()
	call.Retry = httpclient.RetryIdempotent
	_, err := r.do(t.Context(), call)
	wantFailure(t, err, message.Uncertain, "invalid_client")
	api.wantRequests(t, 1)
}
