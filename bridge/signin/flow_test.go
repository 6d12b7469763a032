package signin

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
)

func TestSignsIn(t *testing.T) {
	for name, set := range map[string]func(r *rig) Provider{
		"ID token": func(r *rig) Provider { return r.acme() },
		"ID token, PKCE": func(r *rig) Provider {
			p := r.acme()
			p.PKCE = true
			return p
		},
		"userinfo of an issuer": func(r *rig) Provider {
			p := r.acme()
			p.Identity = IdentityUserinfo
			return p
		},
		"userinfo of an issuer, PKCE": func(r *rig) Provider {
			p := r.acme()
			p.Identity, p.PKCE = IdentityUserinfo, true
			return p
		},
		"userinfo without an issuer": func(r *rig) Provider { return r.plain() },
		"userinfo without an issuer, PKCE": func(r *rig) Provider {
			p := r.plain()
			p.PKCE, p.Scopes = true, []string{"openid", "email"}
			return p
		},
		"key on a curve": func(r *rig) Provider {
			r.provider.keys = []signingKey{{"e1", ecKey()}}
			return r.acme()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			settings := set(r)
			p := r.replica(settings)
			if len(p.provider.calls) > 0 {
				t.Error("New called the provider")
			}
			got := p.signIn(p.state())
			told := p.take()
			if len(told) != 1 {
				t.Fatalf("told %+v; answered %s", told, got.location)
			}
			want := map[string]any{"sub": "ada", "name": "Ada", "email": "ada@example.com"}
			if settings.identity() == IdentityIDToken {
				want = map[string]any{
					"iss": p.provider.server.URL, "sub": "ada", "aud": clientID, "email": "ada@example.com", "number": json.Number("9007199254740993"),
					"iat": json.Number("1700000000"), "exp": json.Number("1700000060"),
				}
			}
			identity := &message.Identity{Subject: "hash of " + string(business) + "/acme/ada", Claims: want}
			expected := delivery{business, customer, message.SignIn{Provider: "acme", RequestID: requestID, Status: message.SignInSucceeded, Identity: identity}}
			if diff := cmp.Diff(expected, told[0], cmp.AllowUnexported(delivery{})); diff != "" {
				t.Error(diff)
			}
			if got.status != 302 || got.location != "messages-auth://?status=success" {
				t.Errorf("answered %d %s", got.status, got.location)
			}
			if p.counted["acme/succeeded"] != 1 || len(p.counted) != 1 || p.observed[opToken] == 0 {
				t.Errorf("counted %v, observed %v", p.counted, p.observed)
			}
		})
	}
}

func TestBrowserHearsAfterTheHelpdesk(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.replica(r.acme())
	state := p.state()
	code := p.codeFor(state, "ada")
	recorder := httptest.NewRecorder()
	r.onDeliver = func() {
		if recorder.Body.Len() > 0 || len(recorder.Header()) > 0 {
			t.Error("the browser has an answer already")
		}
	}
	p.service.Callback(recorder, httptest.NewRequest("GET", "/?"+url.Values{"state": {state}, "code": {code}}.Encode(), nil))
	if len(p.take()) != 1 || recorder.Header().Get("Location") != endSucceeded.location() {
		t.Errorf("answered %s", recorder.Header().Get("Location"))
	}
}

// One replica asks, a second begins and a third ends the sign-in, while the keys are rotated.
func TestReplicasAndRotation(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	settings := r.acme()
	settings.PKCE = true
	before, during, after := r.replica(settings, 1), r.replica(settings, 1, 2), r.replica(settings, 2, 1)
	state := before.state()
	code := during.codeFor(state, "ada")
	after.ended(after.callback(state, code), &endSucceeded, "")

	gone := r.replica(settings, 2)
	gone.ended(gone.callback(state, code), &endInvalid, "")
	r.sawRefusals(signature.UnknownKey)
}

func TestReplay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p, other := r.replica(r.acme()), r.replica(r.acme())
	state := p.state()
	first, second := p.codeFor(state, "ada"), p.codeFor(state, "eve")
	p.ended(p.callback(state, first), &endSucceeded, "")
	p.ended(p.callback(state, first), &endRepeated, "")
	r.sawRefusals()
	calls := p.provider.called("/token")
	p.ended(p.callback(state, second), &endUsed, "")
	p.ended(p.get("callback", url.Values{"state": {state}, "error": {"access_denied"}}), &endUsed, "")
	r.sawRefusals(signature.Stale, signature.Stale)
	if p.provider.called("/token") != calls {
		t.Error("the code of a used state was sent to the provider")
	}
	// Another replica does not remember, but the provider does.
	other.ended(other.callback(state, first), &endSpent, "invalid_grant")
}

func TestBrowserAsksTwiceAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.replica(r.acme())
	state := p.state()
	code := p.codeFor(state, "ada")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if got := p.callback(state, code); got.location != endSucceeded.location() {
				t.Errorf("answered %s", got.location)
			}
		})
	}
	group.Wait()
	if told := p.take(); len(told) != 1 || p.provider.called("/token") != 1 {
		t.Errorf("told %d times, exchanged %d times", len(told), p.provider.called("/token"))
	}
}

func TestMemorySurvivesAReload(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	memory := NewMemory()
	set := func(o *Options) { o.Providers, o.Memory = map[string]Provider{"acme": r.acme()}, memory }
	old, next := r.replicaWith(set), r.replicaWith(set)
	state := old.state()
	old.ended(old.signIn(state), &endSucceeded, "")
	next.ended(next.signIn(state), &endUsed, "")
}

func TestHelpdeskFailsThenThePersonTriesAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.replica(r.acme())
	p.helpdesk = func() *message.Failure { return message.Failuref(message.Transient, "down") }
	state := p.state()
	code := p.codeFor(state, "ada")
	p.ended(p.callback(state, code), &endUndelivered, "")
	if p.counted["acme/failed"] != 1 || p.counted["acme/succeeded"] != 0 {
		t.Errorf("counted %v", p.counted)
	}
	p.mu.Lock()
	p.helpdesk = nil
	p.mu.Unlock()
	p.ended(p.callback(state, code), &endSpent, "invalid_grant") // a reload cannot help
	p.ended(p.signIn(state), &endSucceeded, "")
}

func TestStatesThatAreNone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.replica(r.acme())
	good := p.state()
	flipped := []byte(good)
	flipped[len(flipped)/2] = map[bool]byte{true: 'B', false: 'A'}[flipped[len(flipped)/2] == 'A']
	for name, test := range map[string]struct {
		state  []string
		end    *ending
		reason signature.Reason
	}{
		"missing":            {nil, &endInvalid, signature.Missing},
		"empty":              {[]string{""}, &endInvalid, signature.Missing},
		"twice":              {[]string{good, good}, &endInvalid, signature.Malformed},
		"not base64":         {[]string{"{}"}, &endInvalid, signature.Malformed},
		"too long":           {[]string{strings.Repeat("A", MaxState+1)}, &endInvalid, signature.Malformed},
		"altered":            {[]string{string(flipped)}, &endInvalid, signature.Mismatch},
		"cut":                {[]string{good[:len(good)/4*4-4]}, &endInvalid, signature.Mismatch},
		"of a media link":    {[]string{p.service.ring.Seal("media", "", r.now().Add(time.Hour), encode(request{}))}, &endInvalid, signature.Mismatch},
		"of a context":       {[]string{p.service.ring.Seal("context", string(customer), r.now().Add(time.Hour), nil)}, &endInvalid, signature.Mismatch},
		"with a subject":     {[]string{p.service.ring.Seal(Purpose, string(customer), r.now().Add(time.Hour), encode(request{}))}, &endInvalid, signature.Mismatch},
		"of another version": {[]string{p.service.ring.Seal(Purpose, "", r.now().Add(time.Hour), []byte{2})}, &endInvalid, signature.Malformed},
		"of another key":     {[]string{sealState(testRing(t, 9), request{}, r.now().Add(time.Hour))}, &endInvalid, signature.UnknownKey},
		"expired":            {[]string{sealState(p.service.ring, request{provider: "acme"}, r.now())}, &endExpired, signature.Expired},
	} {
		for _, path := range []string{"callback", "start"} {
			r.refused = nil
			query := asked("")
			query.Set("code", "some-code")
			query["state"] = test.state
			got := p.get(path, query)
			if got.status != 302 || got.location != test.end.location() || len(r.take()) > 0 {
				t.Errorf("%s, %s: answered %d %s", name, path, got.status, got.location)
			}
			r.sawRefusals(test.reason)
		}
	}
	if len(p.provider.calls) > 0 || len(p.counted) > 0 {
		t.Errorf("the provider was called: %v; counted: %v", p.provider.calls, p.counted)
	}
}

func TestStateExpires(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	settings := r.acme()
	settings.TTL = 2 * time.Minute
	p := r.replica(settings)
	state := p.state()
	r.pass(2*time.Minute - time.Second)
	code := p.codeFor(state, "ada")
	r.pass(time.Second)
	p.ended(p.callback(state, code), &endExpired, "")
	r.sawRefusals(signature.Expired)
}

// What a state says is what counts: a sign-in of one customer cannot be brought to another customer or business.
func TestStateNamesItsCustomer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.replica(r.acme())
	const otherBusiness, otherCustomer = message.BusinessID("other-business"), message.CustomerID("urn:mbid:other")
	for range 2 {
		for _, to := range []delivery{{business: business, customer: otherCustomer}, {business: otherBusiness, customer: customer}} {
			query := url.Values{"business": {string(business)}, "customer_id": {string(customer)}, "provider": {"x"}, "request_id": {"y"}}
			state := p.service.State(to.business, to.customer, "acme", "r")
			query.Set("state", state)
			query.Set("code", p.codeFor(state, "ada"))
			p.get("callback", query)
			told := p.take()
			if len(told) != 1 || told[0].business != to.business || told[0].customer != to.customer || told[0].signIn.RequestID != "r" ||
				told[0].signIn.Identity.Subject != "hash of "+string(to.business)+"/acme/ada" {
				t.Errorf("told %+v", told)
			}
		}
	}
}

// A code that was stolen where its owner began to sign in is worth nothing with the state of somebody else.
func TestPKCEBindsTheCodeToTheState(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	settings := r.acme()
	settings.PKCE = true
	p := r.replica(settings)
	victim, thief := p.state(), p.state()
	code := p.codeFor(victim, "ada")
	p.ended(p.callback(thief, code), &endSpent, "invalid_grant")
	p.ended(p.callback(victim, code), &endSucceeded, "")
}

func TestAnswersOfTheAuthorizationEndpoint(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		query url.Values
		extra map[string]any
		end   *ending
		words string
	}{
		"denied":                {url.Values{"error": {"access_denied"}, "error_description": {"<b>call MALLORY</b>"}}, nil, &endCanceled, ""},
		"canceled":              {url.Values{"error": {"user_cancelled_login"}}, nil, &endCanceled, ""},
		"denied, with a code":   {url.Values{"error": {"access_denied"}, "code": {"c"}}, nil, &endCanceled, ""},
		"unknown scope":         {url.Values{"error": {"invalid_scope"}}, nil, &endRefused, "invalid_scope"},
		"words of somebody":     {url.Values{"error": {"Call MALLORY and tell them your password"}}, nil, &endRefused, "an error code of its own"},
		"broken":                {url.Values{"error": {"server_error"}}, nil, &endUnavailable, "server_error"},
		"no code":               {url.Values{}, nil, &endNoCode, ""},
		"empty code":            {url.Values{"code": {""}}, nil, &endNoCode, ""},
		"two codes":             {url.Values{"code": {"a", "b"}}, nil, &endNoCode, "more than one code"},
		"code with a line end":  {url.Values{"code": {"a\r\nb"}}, nil, &endNoCode, ""},
		"huge code":             {url.Values{"code": {strings.Repeat("c", maxCode+1)}}, nil, &endNoCode, ""},
		"made-up code":          {url.Values{"code": {"made-up"}}, nil, &endSpent, "invalid_grant"},
		"other issuer":          {url.Values{"code": {"c"}, "iss": {"https://evil.example"}}, nil, &endMixedUp, "another issuer"},
		"other issuer, denied":  {url.Values{"error": {"access_denied"}, "iss": {"https://evil.example"}}, nil, &endMixedUp, "another issuer"},
		"no issuer though told": {url.Values{"code": {"c"}}, map[string]any{"authorization_response_iss_parameter_supported": true}, &endMixedUp, "no issuer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.provider.extra = test.extra
			p := r.replica(r.acme())
			test.query.Set("state", p.state())
			got := p.get("callback", test.query)
			if strings.Contains(got.body, "MALLORY") {
				t.Error("the page shows what the address says")
			}
			p.ended(got, test.end, test.words)
			if told := r.output.String(); strings.Contains(told, "MALLORY") || strings.Contains(told, "evil") {
				t.Errorf("told %s", told)
			}
		})
	}
}

func TestIssuerInTheAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.provider.extra["authorization_response_iss_parameter_supported"] = true
	p := r.replica(r.acme())
	state := p.state()
	p.ended(p.get("callback", url.Values{"state": {state}, "code": {p.codeFor(state, "ada")}, "iss": {r.provider.server.URL}, "session_state": {"x;y"}}), &endSucceeded, "")
}

func TestCanceledThenSignedIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.replica(r.acme())
	state := p.state()
	p.ended(p.get("callback", url.Values{"state": {state}, "error": {"access_denied"}}), &endCanceled, "")
	p.ended(p.signIn(state), &endSucceeded, "")
}

func TestAttemptsAreBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.replica(r.acme())
	state := p.state()
	for range maxFailures {
		p.ended(p.callback(state, "guess"), &endSpent, "")
	}
	calls := p.provider.called("/token")
	p.ended(p.signIn(state), &endTooOften, "")
	p.ended(p.get("start", asked(state)), &endTooOften, "")
	if p.provider.called("/token") != calls {
		t.Error("the provider was asked again")
	}
}

func TestProviderIsGone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.replica(r.acme())
	state := p.service.State(business, customer, "gone", requestID)
	for _, path := range []string{"callback", "start"} {
		got := p.get(path, url.Values{"state": {state}, "code": {"c"}})
		told := p.take()
		if got.location != endMisconfigured.location() || len(told) != 1 || !strings.Contains(told[0].signIn.Error, "not configured") {
			t.Errorf("answered %s, told %+v", got.location, told)
		}
	}
	if p.counted[UnknownProvider+"/failed"] != 2 || len(p.counted) != 1 {
		t.Errorf("counted %v", p.counted)
	}
}

// The sheet is closed while the provider thinks: the helpdesk hears that, for nothing else will tell.
func TestBrowserLeaves(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.replica(r.plain())
	ctx, leave := context.WithCancel(context.Background())
	r.provider.locked(func() {
		r.provider.instead["/token"] = func(_ http.ResponseWriter, req *http.Request) {
			_, _ = io.Copy(io.Discard, req.Body) // else the server does not notice who leaves
			leave()
			<-req.Context().Done()
		}
	})
	request := httptest.NewRequest("GET", "/?"+url.Values{"state": {p.state()}, "code": {"c"}}.Encode(), nil).WithContext(ctx)
	recorder := httptest.NewRecorder()
	p.service.Callback(recorder, request)
	p.ended(answer{302, recorder.Header().Get("Location"), recorder.Header(), recorder.Body.String()}, &endLeft, "")
}

func TestOnlyGet(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.replica(r.acme())
	state := p.state()
	for _, path := range []string{"callback", "start"} {
		for _, method := range []string{"HEAD", "POST"} {
			req, _ := http.NewRequest(method, p.server.URL+"/bridge/oauth/"+path+"?"+asked(state).Encode(), nil)
			resp, err := p.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET" || len(p.take()) > 0 {
				t.Errorf("%s answered %d", method, resp.StatusCode)
			}
		}
	}
}
