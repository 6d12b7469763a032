package auth

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
)

func login(provider *server) Settings {
	return Settings{
		Kind: kindCustomerToken, TokenURL: provider.URL + "/customer_authenticate", Header: "customer-auth", Prefix: "JWT",
		Fields: secrets("username", "{id}", "password", password),
	}
}

// perUser gives each user a token of their own.
func perUser(w http.ResponseWriter, r *http.Request) {
	saysJSON(`{"JWT":"of-someone","expires_in":"3600"}`)(w, r)
}

func (r *rig) about(t testing.TB, id string) error {
	t.Helper()
	_, err := r.do(WithCustomer(t.Context(), map[string]string{"id": id}), r.call())
	return err
}

func TestEachCustomerHasATokenOfTheirOwn(t *testing.T) {
	t.Parallel()
	provider := serve(t, saysJSON(`{"JWT":"of-ada","expires_in":"3600"}`), saysJSON(`{"JWT":"of-bob","expires_in":"600"}`), saysJSON(`{"JWT":"of-bob-2"}`))
	r := newRig(t, serve(t, ok), Deps{}, login(provider))
	for _, step := range []struct {
		customer, want string
		after          time.Duration
		logins         int
	}{
		{"ada", "JWT of-ada", 0, 1}, {"bob", "JWT of-bob", 0, 2}, {"ada", "JWT of-ada", 0, 2}, {"bob", "JWT of-bob", 8 * time.Minute, 2},
		{"bob", "JWT of-bob-2", time.Minute, 3}, {"ada", "JWT of-ada", 0, 3},
	} {
		r.clock.move(step.after)
		if err := r.about(t, step.customer); err != nil {
			t.Fatal(err)
		}
		sent := r.api.seen()
		if got := sent[len(sent)-1].header.Get("customer-auth"); got != step.want {
			t.Errorf("%s: sent %q, want %q", step.customer, got, step.want)
		}
		provider.wantRequests(t, step.logins)
	}
	for i, want := range []string{"ada", "bob", "bob"} {
		if got := provider.seen()[i].form(); got.Get("username") != want || got.Get("password") != password {
			t.Errorf("logged in with %v", got)
		}
	}
}

func TestNoCustomerNoLogin(t *testing.T) {
	t.Parallel()
	provider := serve(t, perUser)
	r := newRig(t, serve(t, ok), Deps{}, login(provider))
	r.wantFailure(t, message.Permanent, `no customer with a "id"`)
	wantFailure(t, r.about(t, ""), message.Permanent, `no customer with a "id"`)
	provider.wantRequests(t, 0)
	r.api.wantRequests(t, 0)
}

func TestAFixedLoginServesAllCustomers(t *testing.T) {
	t.Parallel()
	provider := serve(t, perUser)
	settings := login(provider)
	settings.Fields = secrets("username", "service", "password", "{not a name}") // braces may be part of a password
	r := newRig(t, serve(t, ok), Deps{}, settings)
	for _, id := range []string{"ada", "bob", ""} {
		if err := r.about(t, id); err != nil {
			t.Fatal(err)
		}
	}
	provider.wantRequests(t, 1)
	if got := provider.seen()[0].form().Get("password"); got != "{not a name}" {
		t.Errorf("sent %q", got)
	}
}

// Values that only look the same when they are put together are two logins.
func TestLoginsAreNotMixedUp(t *testing.T) {
	t.Parallel()
	settings := login(serve(t, perUser))
	settings.Fields = secrets("a", "{a}", "b", "{b}")
	r := newRig(t, serve(t, ok), Deps{}, settings)
	part := r.parts[0].(*customerPart)
	one, err := part.place(map[string]string{"a": "x", "b": "yz"})
	if err != nil {
		t.Fatal(err)
	}
	two, err := part.place(map[string]string{"a": "xy", "b": "z"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := part.place(map[string]string{"a": "x", "b": "yz", "c": "more"})
	if err != nil || one == two || one != again {
		t.Error("two logins share a place, or one has two")
	}
}

func TestTheNumberOfCustomersIsBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t, serve(t, ok), Deps{}, login(serve(t, perUser)))
	part := r.parts[0].(*customerPart)
	for i := range maxCustomers + 100 {
		if _, err := part.place(map[string]string{"id": fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if n := part.slots.Len(); n != maxCustomers {
		t.Errorf("%d are kept", n)
	}
}

func TestARefusedCustomerTokenIsReplacedOnce(t *testing.T) {
	t.Parallel()
	provider := serve(t, saysJSON(`{"JWT":"one"}`), saysJSON(`{"JWT":"two"}`))
	api := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("customer-auth") != "JWT two" {
			w.WriteHeader(401)
		}
	})
	r := newRig(t, api, Deps{}, login(provider))
	if err := r.about(t, "ada"); err != nil {
		t.Fatal(err)
	}
	provider.wantRequests(t, 2)
	api.wantRequests(t, 2)
}

func TestALoginThatSetsACookie(t *testing.T) {
	t.Parallel()
	expires := newClock().now().Add(time.Hour).Format(http.TimeFormat)
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		kept   time.Duration // 0: no login
		says   string
	}{
		"for as long as it says": {says(200, "text/html", "<html>", "Set-Cookie", "theme=dark", "Set-Cookie", "sid=S3cret; Path=/; HttpOnly; Max-Age=3600"), 59 * time.Minute, ""},
		"until a time":           {says(302, "", "", "Location", "/home", "Set-Cookie", "sid=S3cret; Expires="+expires), 59 * time.Minute, ""},
		"of the answer":          {says(200, "application/json", `{"expires_in":"600"}`, "Set-Cookie", "sid=S3cret"), 9 * time.Minute, ""},
		"not said":               {says(200, "", "", "Set-Cookie", "sid=S3cret"), 270 * time.Second, ""},
		"another":                {says(200, "", "", "Set-Cookie", "SID=S3cret"), 0, "no cookie"},
		"deleted":                {says(200, "", "", "Set-Cookie", "sid=S3cret; Max-Age=0"), 0, "no cookie"},
		"deleted long ago":       {says(200, "", "", "Set-Cookie", "sid=S3cret; Expires=Thu, 01 Jan 1970 00:00:00 GMT"), 0, "no cookie"},
		"empty":                  {says(200, "", "", "Set-Cookie", "sid="), 0, "no cookie"},
		"refused":                {says(401, "", "", "Set-Cookie", "sid=S3cret"), 0, "refuses with 401"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			provider := serve(t, test.answer)
			settings := login(provider)
			settings.Header, settings.Prefix, settings.Cookie = "", "", "sid"
			r := newRig(t, serve(t, ok), Deps{}, settings)
			if test.kept == 0 {
				wantFailure(t, r.about(t, "ada"), message.Auth, test.says)
				return
			}
			for _, step := range []struct {
				after  time.Duration
				logins int
			}{{0, 1}, {test.kept - time.Nanosecond, 1}, {time.Nanosecond, 2}} {
				r.clock.move(step.after)
				if strings.Contains(name, "time") && step.logins == 2 {
					return // what it says the second time has come closer
				}
				if err := r.about(t, "ada"); err != nil {
					t.Fatal(err)
				}
				provider.wantRequests(t, step.logins)
			}
			if got := r.api.seen()[0].header.Get("Cookie"); got != "sid=S3cret" {
				t.Errorf("sent %q", got)
			}
		})
	}
}
