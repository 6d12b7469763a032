package sandbox

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// example is one of Apple's examples with the ids of what was posted.
func example(t *testing.T, name string, got map[string]any, edits ...edit) map[string]any {
	t.Helper()
	request := got["interactiveData"].(map[string]any)["data"].(map[string]any)["requestIdentifier"]
	return edited(fixture(t, name), append([]edit{
		{"id", got["id"]}, {"sourceId", got["sourceId"]}, {"destinationId", got["destinationId"]}, {inner + "requestIdentifier", request},
	}, edits...)...)
}

var withSession = edit{top + "sessionIdentifier", testSession}

// signInEntry is the desk's only line of a sign-in.
func (w *signInWorld) signInEntry() (conversation, entry) {
	w.Helper()
	c := w.state().Conversations[0]
	i := slices.IndexFunc(c.Entries, func(e *entry) bool { return e.Kind == entrySignIn })
	last := len(c.Entries) - 1
	for ; last >= 0 && c.Entries[last].Kind != entrySignIn; last-- {
	}
	if i < 0 || last != i {
		w.Fatalf("entries %d and %d are of sign-ins", i, last)
	}
	return *c, *c.Entries[i]
}

// TestSignIn walks the new way: Messages, provider, bridge, Messages, bridge.
func TestSignIn(t *testing.T) {
	for _, start := range []string{"provider", "bridge"} {
		t.Run(start, func(t *testing.T) {
			w := newSignInWorld(t)
			if start == "bridge" {
				w.s.signInAt.OAuthURL = w.bridge.url + "/oauth/start"
			}
			id := w.asksToSignIn(fixture(t, "out-auth2"), withSession)
			view, posted := w.taps(id, map[string]any{"person": "grace"})
			if diff := cmp.Diff(example(t, "in-auth2-success", posted), posted); diff != "" {
				t.Error(diff)
			}
			if view.Status != appleSuccess || view.Text == "" || view.Page != "" {
				t.Errorf("%+v", view)
			}
			c, line := w.signInEntry()
			want := &deskPerson{Name: "Grace Hopper", Email: "grace@example.com", EmailVerified: true, Subject: "hash-of-demo-19061209"}
			if diff := cmp.Diff(want, c.Person); diff != "" || line.Text != "Grace Hopper signed in — confirmed by Apple" || !line.SignIn.Confirmed || line.SignIn.Provider != "demo" {
				t.Errorf("%s %+v", diff, line.SignIn)
			}
			b := w.state().Threads[0]
			if asked, last := b.bubble(id), b.Bubbles[len(b.Bubbles)-1]; !asked.Interactive.Answered || last.Interactive.Title != "You signed in" || last.From != "customer" {
				t.Errorf("%+v %+v", asked.Interactive, last.Interactive)
			}
			way := map[string]int{}
			for _, h := range w.state().Hops {
				way[h.Hop+" "+h.Method+" "+strings.SplitN(h.Path, "?", 2)[0]]++
			}
			for _, step := range []string{"phone-provider GET /id/authorize", "phone-provider POST /id/authorize", "phone-bridge GET /oauth/callback", "bridge-provider POST /id/token", "phone-bridge POST /message"} {
				if way[step] == 0 {
					t.Errorf("%s is not shown: %v", step, way)
				}
			}
			if (way["phone-bridge GET /oauth/start"] == 1) != (start == "bridge") {
				t.Errorf("%v", way)
			}
			w.noSecrets()
		})
	}
}

// TestSignInOutcomes: what becomes of it is what the phone tells, in Apple's words.
func TestSignInOutcomes(t *testing.T) {
	w := newSignInWorld(t)
	signIn := func(more map[string]any, edits ...edit) (signInView, map[string]any) {
		t.Helper()
		return w.taps(w.asksToSignIn(fixture(t, "out-auth2"), append(edits, withSession)...), more)
	}
	_, posted := signIn(map[string]any{"outcome": "deny"})
	if diff := cmp.Diff(example(t, "in-auth2-failure", posted), posted); diff != "" {
		t.Error(diff)
	}
	w.call("/api/traffic/clear", map[string]any{}, 202)
	_, posted = signIn(map[string]any{"outcome": "cancel"})
	if diff := cmp.Diff(example(t, "in-auth2-cancel", posted), posted); diff != "" {
		t.Error(diff)
	}
	for _, h := range w.state().Hops {
		if h.Hop == phoneToProvider || h.Hop == phoneToBridge && h.Method == "GET" {
			t.Errorf("a sign-in that was canceled called %s", h.Path)
		}
	}
	for name, c := range map[string]struct {
		redirect     string
		status, code string
		page         string
	}{
		"a page":            {w.bridge.url + "/page", appleCancel, "", "Not valid\nThis link was used before."},
		"no page":           {w.bridge.url + "/nowhere", appleCancel, "", "404 page not found"},
		"circles":           {w.bridge.url + "/circle", appleFailure, "network_error", ""},
		"another scheme":    {w.bridge.url + "/scheme", appleFailure, "network_error", ""},
		"nobody there":      {"http://127.0.0.1:1/callback", appleFailure, "network_error", ""},
		"a status unheard":  {w.bridge.url + "/odd", appleUnknown, "", ""},
		"another failure":   {w.bridge.url + "/failure", appleFailure, "why", ""},
		"the page cancels":  {w.bridge.url + "/cancel", appleCancel, "", ""},
		"ten redirects are": {w.bridge.url + "/count?n=9", appleSuccess, "", ""}, // with that to the bridge; that to Messages is not followed
		"eleven are not":    {w.bridge.url + "/count?n=10", appleFailure, "network_error", ""},
	} {
		t.Run(name, func(t *testing.T) {
			view, posted := signIn(nil, edit{oauth + "redirectURI", c.redirect})
			want := map[string]any{"status": c.status}
			if c.code != "" {
				want["error_code"] = c.code
			}
			if diff := cmp.Diff(want, authenticateOf(posted)); diff != "" || view.Page != c.page || view.Status != c.status || view.Text == "" {
				t.Errorf("%s %+v", diff, view)
			}
		})
	}
	w.noSecrets()
}

// oddPages are what a bridge may have that is not as it should be.
func oddPages() map[string]http.HandlerFunc {
	to := func(target string) http.HandlerFunc {
		return func(out http.ResponseWriter, r *http.Request) { http.Redirect(out, r, target, http.StatusFound) }
	}
	return map[string]http.HandlerFunc{
		"/circle": to("/circle"), "/scheme": to("tel:+1"), "/odd": to("messages-auth://?status=maybe"), "/failure": to("messages-auth://?status=failure&error=why"),
		"/cancel": to("messages-auth://?status=cancel"),
		"/page": func(out http.ResponseWriter, _ *http.Request) {
			out.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(out, `<title>x</title><style>p{}</style><h1>Not  valid</h1><p>This link was used <b>before</b>.</p><script>secret()</script><form method="post"><input name="person"></form>`)
		},
		"/count": func(out http.ResponseWriter, r *http.Request) {
			var n int
			_, _ = fmt.Sscan(r.URL.Query().Get("n"), &n)
			if n == 0 {
				to("messages-auth://?status=success")(out, r)
				return
			}
			to(fmt.Sprint("/count?n=", n-1))(out, r)
		},
	}
}

// TestForwarded: without Apple's word nobody is signed in, whatever the provider said.
func TestForwarded(t *testing.T) {
	w := newSignInWorld(t)
	before := len(w.bridge.posts())
	view, posted := w.taps(w.asksToSignIn(fixture(t, "out-auth2")), map[string]any{"forwarded": true, "person": "alan"})
	if posted != nil || len(w.bridge.posts()) != before || view.Status != appleSuccess || !strings.Contains(view.Text, "tells nobody") {
		t.Errorf("%v %+v", posted, view)
	}
	c, line := w.signInEntry()
	if c.Person != nil || line.Text != "The customer says to be Alan Turing, not confirmed yet" || line.SignIn.Confirmed {
		t.Errorf("%+v", line)
	}
}

func TestSignInTwiceAndLate(t *testing.T) {
	w := newSignInWorld(t)
	w.s.twiceAfter, w.s.lateAfter = 5*time.Millisecond, 30*time.Millisecond
	id := w.asksToSignIn(fixture(t, "out-auth2"))
	begin := time.Now()
	_, one := w.taps(id, map[string]any{"twice": true, "late": true})
	if took := time.Since(begin); one == nil || took < w.s.lateAfter {
		t.Errorf("late was after %v", took)
	}
	w.eventually("the second", func(state) bool { return len(w.bridge.posts()) == 3 })
	two := w.bridge.posts()[2].body
	if diff := cmp.Diff(one["interactiveData"], two["interactiveData"]); diff != "" || one["id"] == two["id"] {
		t.Error(diff)
	}
	if _, line := w.signInEntry(); !line.SignIn.Confirmed {
		t.Errorf("%+v", line.SignIn)
	}
	// An old bubble can be tapped again. The bridge knows its state no more, and shows a page.
	view, posted := w.taps(id, nil)
	if view.Page != "Not valid\nThis link was used before." || authenticateOf(posted)["status"] != appleCancel {
		t.Errorf("%+v %v", view, posted)
	}
	if c, line := w.signInEntry(); !line.SignIn.Confirmed || c.Person == nil {
		t.Errorf("a second tap undid the sign-in: %+v", line.SignIn)
	}
}

func TestSignInCalls(t *testing.T) {
	w := newSignInWorld(t)
	id := w.asksToSignIn(fixture(t, "out-auth2"))
	text := w.state().Threads[0].Bubbles[0].ID
	for _, c := range []struct {
		more   map[string]any
		status int
		reason string
	}{
		{map[string]any{"person": "eve"}, 400, "person"},
		{map[string]any{"outcome": "maybe"}, 400, "outcome"},
		{map[string]any{"forwarded": true, "outcome": "cancel"}, 400, "forwarded"},
		{map[string]any{"forwarded": true, "twice": true}, 400, "forwarded"},
		{map[string]any{"forwarded": true, "late": true}, 400, "forwarded"},
		{map[string]any{"id": newUUID()}, 404, "no such sign-in"},
		{map[string]any{"id": text}, 404, "no such sign-in"},
		{map[string]any{"customer": "c9"}, 404, "customer"},
		{map[string]any{"x": 1}, 400, "x"},
	} {
		call := map[string]any{"customer": w.customer, "id": id}
		for name, value := range c.more {
			call[name] = value
		}
		if got := w.call("/api/phone/sign-in", call, c.status); !strings.Contains(got["error"].(string), c.reason) {
			t.Errorf("%v: %v", c.more, got)
		}
	}
	hold, held := make(chan struct{}), make(chan struct{})
	w.bridge.pages["/oauth/callback"] = func(out http.ResponseWriter, r *http.Request) {
		close(held)
		<-hold
		http.Redirect(out, r, "messages-auth://?status=success", http.StatusSeeOther)
	}
	call := map[string]any{"customer": w.customer, "id": id}
	w.call("/api/phone/sign-in", call, 202)
	<-held
	if got := w.call("/api/phone/sign-in", call, 409); !strings.Contains(got["error"].(string), "under way") {
		t.Errorf("%v", got)
	}
	w.call("/api/phone/delete", map[string]any{"customer": w.customer}, 202)
	close(hold)
	w.phoneSays("Hello again", delivered)
	after := make(chan struct{})
	w.s.lanes.add("sign-in "+id, func(context.Context) { close(after) }) // behind the sign-in
	<-after
	if n := len(w.state().Threads[0].Bubbles); n != 1 {
		t.Errorf("%d bubbles: word of a sign-in came into another conversation", n)
	}
}

// TestSignInUnregistered: what is not registered at Apple cannot be opened, but canceled.
func TestSignInUnregistered(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	_, id := w.authenticates(fixture(t, "out-auth2"))
	call := map[string]any{"customer": w.customer, "id": id}
	if got := w.call("/api/phone/sign-in", call, 409); !strings.Contains(got["error"].(string), "No sign-in is registered") {
		t.Errorf("%v", got)
	}
	call["outcome"] = "cancel"
	w.call("/api/phone/sign-in", call, 202)
	w.eventually("the cancel", func(state) bool { return len(w.bridge.posts()) == 2 })
	if got := authenticateOf(w.bridge.posts()[1].body); got["status"] != "cancel" || len(got) != 1 {
		t.Errorf("%v", got)
	}
	if view := w.state().Threads[0].bubble(id).Interactive.SignIn; view.Host != "" {
		t.Errorf("%+v", view)
	}
}

// TestOldSignIn: the device fetches the token and encrypts it.
func TestOldSignIn(t *testing.T) {
	w := newSignInWorld(t)
	w.call("/api/phone/device", map[string]any{"customer": w.customer, "device": "old_iphone"}, 202)
	icon := edit{top + "receivedMessage/style", "icon"}
	iconToo := edit{top + "replyMessage/style", "icon"}
	signIn := func(more map[string]any, edits ...edit) (signInView, map[string]any) {
		t.Helper()
		return w.taps(w.asksToSignIn(fixture(t, "out-auth-legacy"), append(edits, withSession, icon, iconToo)...), more)
	}
	_, posted := signIn(nil)
	told := authenticateOf(posted)
	if diff := cmp.Diff(example(t, "in-auth-legacy-authenticated", posted, edit{inner + "authenticate/token", told["token"]}), posted); diff != "" {
		t.Error(diff)
	}
	token, err := openByHand(testPrivateKey(t), fmt.Sprint(told["token"]))
	claims, status := w.userInfo(token)
	if err != nil || status != 200 || claims["sub"] != "demo-18151210" || claims["email"] != "ada@example.com" {
		t.Errorf("%v %d %v", err, status, claims)
	}
	if c, line := w.signInEntry(); c.Person == nil || line.Text != "ada@example.com signed in — confirmed by Apple" { // without the scope profile
		t.Errorf("%+v", line)
	}
	_, posted = signIn(nil, edit{oauth + "responseType", "token"}, edit{oauth + "clientSecret", gone})
	if _, err := openByHand(testPrivateKey(t), fmt.Sprint(authenticateOf(posted)["token"])); err != nil {
		t.Errorf("the implicit way: %v %v", err, posted)
	}
	w.fault(faultBadKey, true)
	view, posted := signIn(nil)
	if diff := cmp.Diff(example(t, "in-auth-legacy-failed", posted), posted); diff != "" || view.Status != "failed" {
		t.Error(diff)
	}
	w.fault(faultBadKey, false)
	for name, c := range map[string]struct {
		prepare func()
		more    map[string]any
		edits   []edit
		code    float64
		words   string
	}{
		"deny":            {nil, map[string]any{"outcome": "deny"}, nil, 0, "access_denied"},
		"cancel":          {nil, map[string]any{"outcome": "cancel"}, nil, 0, "canceled"},
		"another secret":  {nil, nil, []edit{{oauth + "clientSecret", "wrong"}}, 2, "lacks access_token"},
		"no token":        {func() { w.fault(faultNoToken, true) }, nil, nil, 2, "lacks access_token"},
		"no token either": {func() { w.fault(faultNoToken, true) }, nil, []edit{{oauth + "responseType", "token"}}, 0, "no token"},
		"no token URL":    {func() { w.s.signInAt.TokenURL = "http://127.0.0.1:1/token" }, nil, nil, 0, "no answer"},
		"no JSON":         {func() { w.s.signInAt.TokenURL = w.bridge.url + "/nowhere" }, nil, nil, 0, "without a token"},
		"a page":          {func() { w.s.signInAt.OAuthURL = w.bridge.url + "/nowhere" }, nil, nil, 0, "page of"},
	} {
		t.Run(name, func(t *testing.T) {
			registered := *w.s.signInAt
			defer func() { *w.s.signInAt = registered; w.fault(faultNoToken, false) }()
			if c.prepare != nil {
				c.prepare()
			}
			_, posted := signIn(c.more, c.edits...)
			told := authenticateOf(posted)
			errors, _ := told["errors"].([]any)
			if told["status"] != "failed" || len(errors) != 1 || told["token"] != nil {
				t.Fatalf("%v", told)
			}
			one := errors[0].(map[string]any)
			if one["code"] != c.code || one["domain"] != authenticationErrors || !strings.Contains(one["message"].(string), c.words) {
				t.Errorf("%v", one)
			}
		})
	}
	w.noSecrets()
}

// TestSignInSteps: in whatever order the steps come, somebody is signed in once both facts have, and not before.
func TestSignInSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := &deskSignIn{}
		var who, apple, both bool
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			e := &signInEvent{Status: rapid.SampledFrom([]string{"succeeded", "failed", "canceled", "other"}).Draw(t, "status"), Confirmed: rapid.Bool().Draw(t, "confirmed")}
			if rapid.Bool().Draw(t, "identity") {
				e.Identity = &signInIdentity{Subject: "s", Claims: map[string]any{"given_name": "Ada", "email": 5}}
			}
			d.take(e)
			if e.Status == "succeeded" {
				who, apple = who || e.Identity != nil, apple || e.Confirmed
			}
			both = both || who && apple
			signedIn := strings.Contains(d.words(), "signed in — confirmed")
			if d.Confirmed != both || signedIn != both || both && d.words() != "Ada signed in — confirmed by Apple" {
				t.Fatalf("%+v: %s", d, d.words())
			}
			if !both && e.Status == "canceled" && !strings.Contains(d.words(), "canceled") || !both && e.Status == "failed" && !strings.Contains(d.words(), "failed") {
				t.Fatalf("%+v: %s", d, d.words())
			}
		}
	})
}

// TestDeskSignIns: of several requests each has a line of its own, and a repeat of an event none.
func TestDeskSignIns(t *testing.T) {
	w := newSignInWorld(t)
	step := func(request, status, words string, confirmed bool) map[string]any {
		return map[string]any{"provider": "demo", "request_id": request, "status": status, "confirmed": confirmed, "error": words}
	}
	w.tellsDesk(step("r1", "failed", "The provider said no.", false))
	w.tellsDesk(step("r2", "canceled", "", true))
	w.tellsDesk(step("r3", "succeeded", "", true))
	var words []string
	for _, e := range w.state().Conversations[0].Entries {
		if e.Kind == entrySignIn {
			words = append(words, e.Text)
		}
	}
	want := []string{"The sign-in failed: The provider said no.", "The customer canceled the sign-in", "Apple says that the customer signed in; who they are is not known yet"}
	if diff := cmp.Diff(want, words); diff != "" {
		t.Error(diff)
	}
	nothing := map[string]any{"type": "signin.completed", "data": map[string]any{"business_id": testBusiness, "customer_id": w.s.phones.threads[0].OpaqueID}}
	if status := postEvent(t, w.desk.URL, "evt_x", nothing); status != 200 {
		t.Errorf("an event without signin: %d", status)
	}
	if w.state().Conversations[0].Person != nil {
		t.Error("somebody is signed in")
	}
}
