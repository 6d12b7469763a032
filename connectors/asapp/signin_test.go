package asapp_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors/asapp"
	"bizbridge/connectors/asapp/asapptest"
	"bizbridge/connectors/connectortest/fake"
)

func signIn(request string, change func(*message.SignIn)) message.Event {
	return event(message.EventSignIn, func(d *message.Data) {
		d.SignIn = &message.SignIn{Provider: "acme", RequestID: request, Status: message.SignInSucceeded}
		change(d.SignIn)
	})
}

// exchanged is the fact of who somebody is, and confirmed that Apple has seen it.
func exchanged(request, subject string) message.Event {
	return signIn(request, func(s *message.SignIn) {
		s.Identity = &message.Identity{Subject: subject, Claims: map[string]any{"sub": "sub of " + subject, "name": "Ada"}, Assertion: "proof-of-" + subject}
	})
}

func confirmed(request string) message.Event {
	return signIn(request, func(s *message.SignIn) { s.Confirmed, s.Confirmation = true, "proof-of-apple" })
}

func given(desk *asapptest.Desk) string { return string(desk.Conversations()[0].Auth) }

// TestASignInNeedsBothFacts, in any order, from any replica, whatever ASAPP does with metadata that are not repeated.
func TestASignInNeedsBothFacts(t *testing.T) {
	const want = `{"body":{"assertion":"proof-of-ada","confirmation":"proof-of-apple"}}`
	for name, events := range map[string][]message.Event{
		"the usual order": {exchanged("r", "ada"), confirmed("r")},
		"the other order": {confirmed("r"), exchanged("r", "ada")},
		"told twice":      {exchanged("r", "ada"), exchanged("r", "ada"), confirmed("r")},
		"an older one":    {exchanged("old", "eve"), exchanged("r", "ada"), confirmed("r")},
	} {
		for _, replaces := range []bool{false, true} {
			desk := startDesk(t)
			desk.ReplacesMetadata = replaces
			for i, event := range events {
				mustDeliver(t, connect(t, desk), event) // another replica each time
				if last := i == len(events)-1; last != (given(desk) != "") {
					t.Errorf("%s: after %d of %d facts ASAPP has %q", name, i+1, len(events), given(desk))
				}
			}
			if got := given(desk); got != want {
				t.Errorf("%s: ASAPP has %s, want %s", name, got, want)
			}
			if kept := desk.Conversations()[0].Metadata["apple_signin_identity"]; strings.Contains(kept, "proof") {
				t.Errorf("%s: what the token is made of is still kept: %s", name, kept)
			}
			if notes := told(desk); !strings.Contains(notes[len(notes)-1], "ASAPP has their token") {
				t.Errorf("%s: %q", name, notes)
			}
		}
	}
}

// TestWhatIsNoSignIn gives ASAPP nothing.
func TestWhatIsNoSignIn(t *testing.T) {
	for name, c := range map[string]struct {
		events []message.Event
		note   string
	}{
		"an identity alone":   {[]message.Event{exchanged("r", "ada")}, "only if Apple says so"},
		"Apple's word alone":  {[]message.Event{confirmed("r")}, "Apple says"},
		"of another request":  {[]message.Event{exchanged("r", "ada"), confirmed("s")}, "Apple says"},
		"two people":          {[]message.Event{exchanged("r", "ada"), exchanged("r", "eve"), confirmed("r")}, "Two people"},
		"two people, and one": {[]message.Event{exchanged("r", "ada"), exchanged("r", "eve"), exchanged("r", "ada"), confirmed("r")}, "Two people"},
		"canceled":            {[]message.Event{signIn("r", func(s *message.SignIn) { s.Status = message.SignInCanceled })}, "did not sign in"},
		"failed":              {[]message.Event{signIn("r", func(s *message.SignIn) { s.Status, s.Error = message.SignInFailed, "no such person" })}, "no such person"},
		"without proofs": {[]message.Event{signIn("r", func(s *message.SignIn) { s.Confirmed, s.Identity = true, &message.Identity{Subject: "ada"} })},
			"neither identity nor customer_login"},
	} {
		desk := startDesk(t)
		connector := connect(t, desk)
		for _, event := range c.events {
			mustDeliver(t, connector, event)
		}
		if got := given(desk); got != "" {
			t.Errorf("%s: ASAPP has %s", name, got)
		}
		if notes := told(desk); !strings.Contains(notes[len(notes)-1], c.note) {
			t.Errorf("%s: %q", name, notes)
		}
	}
}

// TestTheOldFlowTellsBothAtOnce, and the proof is one.
func TestTheOldFlowTellsBothAtOnce(t *testing.T) {
	desk := startDesk(t)
	both := exchanged("r", "ada")
	both.Data.SignIn.Confirmed = true
	mustDeliver(t, connect(t, desk), both)
	if got := given(desk); got != `{"body":{"assertion":"proof-of-ada"}}` {
		t.Error(got)
	}
}

// TestACustomersLogin gives the token of the company's own API.
func TestACustomersLogin(t *testing.T) {
	var asked atomic.Pointer[http.Request]
	status, body := http.StatusOK, fixture(t, "customer_api.authenticate.response")
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked.Store(r)
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}))
	defer api.Close()
	login := func(c *asapp.Config) {
		c.CustomerLogin = &asapp.CustomerLogin{URL: api.URL + "/auth/customer_authenticate", Fields: map[string]config.Secret{"username": "{sub}", "id": "{subject}", "password": "p4ssword"}}
	}
	desk := startDesk(t)
	connector := connect(t, desk, login)
	mustDeliver(t, connector, exchanged("r", "ada"))
	if asked.Load() != nil {
		t.Fatal("a token was asked for before Apple said that it is the customer")
	}
	if kept := desk.Conversations()[0].Metadata["apple_signin_identity"]; strings.Contains(kept, "Ada") || strings.Contains(kept, "p4ss") {
		t.Errorf("more is kept than the login needs: %s", kept)
	}
	mustDeliver(t, connector, confirmed("r"))
	form := asked.Load()
	if form.PostForm.Encode() != "id=ada&password=p4ssword&username=sub+of+ada" {
		t.Errorf("the login gets %s", form.PostForm.Encode())
	}
	if form.Header.Get("asapp-api-id") != "" || form.Header.Get("asapp-api-secret") != "" {
		t.Error("ASAPP's key went to another host")
	}
	if got := given(desk); got != `{"token":"eyJhbGciOiJIUzI1NiJ9.e30.sig"}` {
		t.Error(got)
	}
	for name, c := range map[string]struct {
		status int
		body   string
	}{"a login that refuses": {http.StatusBadRequest, `{}`}, "no token": {http.StatusOK, `{"JWT": ""}`}, "no JSON": {http.StatusOK, `<html>`}} {
		desk := startDesk(t)
		connector := connect(t, desk, login)
		status, body = c.status, []byte(c.body)
		mustDeliver(t, connector, exchanged("r", "ada"))
		mustDeliver(t, connector, confirmed("r"))
		if notes := told(desk); given(desk) != "" || !strings.Contains(notes[len(notes)-1], "cannot be had or was refused") {
			t.Errorf("%s: %q, %q", name, given(desk), notes)
		}
	}
	nobody := exchanged("r", "ada")
	nobody.Data.SignIn.Identity.Claims, nobody.Data.SignIn.Confirmed = nil, true
	desk = startDesk(t)
	mustDeliver(t, connect(t, desk, login), nobody)
	if got := given(desk); got != "" {
		t.Errorf("a login without a name gives %s", got)
	}
	status = http.StatusBadGateway
	if _, err := connect(t, startDesk(t), login).Deliver(soon(t), func() message.Event {
		both := exchanged("r", "ada")
		both.Data.SignIn.Confirmed = true
		return both
	}()); message.FailureOf(err) == nil || message.FailureOf(err).Class != message.Transient {
		t.Errorf("a login that is down: %v", err)
	}
}

// TestAfterASignInGenerativeAgentGoesOn, on this replica's stream.
func TestAfterASignInGenerativeAgentGoesOn(t *testing.T) {
	t.Cleanup(asapp.Hasten())
	desk := startDesk(t)
	desk.Answer = func(_ asapptest.Conversation, text string) []asapptest.Event {
		if text == "" {
			return asapptest.Processing(asapptest.Reply("You owe 12.50."))
		}
		return asapptest.Processing(asapptest.Event{"type": "authenticationRequired"})
	}
	connector := connect(t, desk)
	p, _ := begin(t, desk, connector)
	mustDeliver(t, connector, text("balance"))
	eventually(t, "it asks to sign in", func() bool { return len(p.shows(false)) == 1 })
	mustDeliver(t, connector, exchanged("r", "ada"))
	mustDeliver(t, connector, confirmed("r"))
	eventually(t, "it goes on", func() bool { return slices.Equal(p.shows(false), []string{`{"kind":"signin"}`, "You owe 12.50."}) })
}

// TestASignInThatASAPPRefuses is told to the agents; one that it cannot take now comes again.
func TestASignInThatASAPPRefuses(t *testing.T) {
	desk := startDesk(t)
	connector := connect(t, desk)
	mustDeliver(t, connector, exchanged("r", "ada"))
	// What comes before the token: the conversation with its facts, the new fact, the facts again.
	before := []fake.Fault{{}, {}, {}}
	desk.Script.Next(append(before, fake.Fault{Status: 401})...)
	apples := confirmed("r")
	if _, err := connector.Deliver(soon(t), apples); message.FailureOf(err) == nil || message.FailureOf(err).Class != message.Auth {
		t.Errorf("%v", err)
	}
	desk.Script.Next(append(before, fake.Fault{Status: 422})...)
	mustDeliver(t, connector, apples)
	if notes := told(desk); given(desk) != "" || !strings.Contains(notes[len(notes)-1], "was refused") {
		t.Errorf("%q", notes)
	}
}
