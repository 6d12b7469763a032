package sunshine_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"bizbridge/bridge/message"
	"bizbridge/connectors/connectortest/fake"
	"bizbridge/connectors/sunshine"
	"bizbridge/connectors/sunshine/sunshinetest"
)

// A customer has one conversation per business, and what an agent answers there is for that customer of that business.
func TestRepliesFindTheirWayBack(t *testing.T) {
	r := newRig(t)
	other := func(d *message.Data) { d.BusinessID, d.Sealed = "bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee", "b3RoZXI" }
	r.deliver(text("one"))
	r.deliver(text("two"))
	r.deliver(event(message.EventReceived, func(d *message.Data) { d.Text = "three" }, other))
	if got := r.texts(0); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("the first conversation has %q", got)
	}
	for i, want := range []message.Data{text("").Data, event(message.EventReceived, other).Data} {
		outs := r.receive(r.app.Answer(i, object{"type": "text", "text": "Hi"}))
		if len(outs) != 1 || outs[0].BusinessID != want.BusinessID || outs[0].CustomerID != customer || outs[0].Sealed != want.Sealed {
			t.Errorf("conversation %d: %+v", i, outs)
		}
	}
	if users := r.app.Users(); len(users) != 1 {
		t.Errorf("%d users", len(users))
	}
}

// The context is written when the device is another, and again before it expires, not with every message.
func TestTheContextFollowsTheDevice(t *testing.T) {
	r := newRig(t)
	sealed := func(context, agent string) message.Event {
		return event(message.EventReceived, func(d *message.Data) { d.Text, d.Sealed, d.Agent = "Hi", context, agent })
	}
	for i, c := range []struct {
		event message.Event
		later time.Duration
		want  string
	}{
		{sealed("first", "iPhone OS"), 0, "first"},
		{sealed("second", "iPhone OS"), 0, "first"},
		{sealed("third", "Mac OS X"), 0, "third"},
		{sealed("", ""), 0, "third"},
		{sealed("fourth", "Mac OS X"), 40 * 24 * time.Hour, "fourth"},
	} {
		r.now = r.now.Add(c.later)
		r.deliver(c.event)
		values := r.app.Conversations()[0].Metadata
		if i == 0 {
			values["theirs"] = "kept"
		}
		if values["apple_context"] != c.want || i > 0 && values["theirs"] != "kept" || values["apple_intent"] != "order" {
			t.Errorf("message %d: %v, want context %s", i, values, c.want)
		}
	}
	if calls := r.app.Calls(); len(slices.DeleteFunc(calls, func(call string) bool { return !strings.HasPrefix(call, "PATCH") })) != 2 {
		t.Errorf("calls %q", calls)
	}
}

func TestWhatCannotBeWrittenIntoMetadataKeepsNoMessageBack(t *testing.T) {
	r := newRig(t)
	r.deliver(text("one"))
	r.app.Script.Next(fake.Fault{}, fake.Fault{Status: 500, Header: fake.RetryLater()})
	r.deliver(event(message.EventReceived, func(d *message.Data) { d.Text, d.Agent = "two", "Mac OS X" }))
	if got := r.texts(0); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("the conversation has %q", got)
	}
}

func TestTheNewestConversationIsUsed(t *testing.T) {
	r := newRig(t)
	r.deliver(text("one"))
	r.app.MaxMessages, r.app.PageSize = 1, 1 // 30,000 in truth
	r.deliver(text("two"))
	r.app.MaxMessages = 0
	r.deliver(text("three"))
	if len(r.app.Conversations()) != 2 || !slices.Equal(r.texts(0), []string{"one"}) || !slices.Equal(r.texts(1), []string{"two", "three"}) {
		t.Errorf("conversations %+v", r.app.Conversations())
	}
}

// What links carry has no limit, but metadata have.
func TestLongIntentsKeepNoMessageBack(t *testing.T) {
	for name, c := range map[string]struct {
		intent, sealed string
		want           []string
	}{
		"an intent that is cut":       {strings.Repeat("i", 5000), strings.Repeat("s", 2500), []string{"apple_intent", "apple_group", "apple_context", "apple_device"}},
		"a context that leaves room":  {strings.Repeat("i", 5000), strings.Repeat("s", 3500), []string{"apple_context", "apple_device"}},
		"a context without any":       {"order", strings.Repeat("s", 5000), nil},
		"an intent that is no letter": {strings.Repeat("\x01🙂<", 5000), "sealed", []string{"apple_context", "apple_device"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			for _, words := range []string{"one", "two"} {
				r.deliver(event(message.EventReceived, func(d *message.Data) {
					d.Text, d.Intent, d.Sealed = words, c.intent, c.sealed
					d.Group, d.Locale = strings.Repeat("g", 1000), strings.Repeat("l", 5000)
				}))
			}
			values := r.app.Conversations()[0].Metadata
			for _, key := range append(c.want, "apple_mbid", "apple_business_id") {
				if values[key] == nil {
					t.Errorf("%s is missing", key)
				}
			}
			if got, _ := values["apple_intent"].(string); len(r.texts(0)) != 2 || len(utf16.Encode([]rune(got))) > 256 || (values["apple_context"] == nil) != (values["apple_device"] == nil) {
				t.Errorf("%d messages, intent of %d bytes", len(r.texts(0)), len(got))
			}
		})
	}
	t.Run("where bots took the room", func(t *testing.T) {
		r := newRig(t)
		r.deliver(text("one"))
		r.app.Change(0, func(c *sunshinetest.Conversation) {
			c.Metadata["theirs"] = ""
			left, _ := json.Marshal(c.Metadata)
			c.Metadata["theirs"] = strings.Repeat("x", 4096-len(left))
		})
		if err := r.RelayClose(r.context(), event(message.EventClosed)); err != nil {
			t.Error(err)
		}
		r.deliver(text("two"))
		if values := r.app.Conversations()[0].Metadata; values["apple_closed"] != "false" {
			t.Errorf("a conversation that goes on is closed: %v", values["apple_closed"])
		}
	})
}

// Two replicas that begin at the same moment use the same conversation.
func TestReplicasAgreeOnAConversation(t *testing.T) {
	r := newRig(t)
	target, err := url.Parse(strings.TrimSuffix(r.app.URL, "/sc"))
	if err != nil {
		t.Fatal(err)
	}
	var before, after sync.WaitGroup
	before.Add(2)
	after.Add(2)
	begins := func(req *http.Request) bool {
		return req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "/conversations")
	}
	together := func(group *sync.WaitGroup) {
		group.Done()
		group.Wait()
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			if begins(p.In) {
				together(&before)
			}
		},
		ModifyResponse: func(resp *http.Response) error {
			if begins(resp.Request) {
				together(&after)
			}
			return nil
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	var replicas sync.WaitGroup
	for _, words := range []string{"one", "two"} {
		replica := connect(t, configure(server.URL+"/sc"), func() time.Time { return r.now }, io.Discard)
		said := text(words)
		replicas.Go(func() {
			if _, err := replica.Deliver(r.context(), said); err != nil {
				t.Error(err)
			}
		})
	}
	replicas.Wait()
	if all := r.app.Conversations(); len(all) != 2 || len(all[0].Messages) != 0 || len(all[1].Messages) != 2 {
		t.Errorf("conversations %+v", all)
	}
}

// Whoever leaves a full conversation does not begin another.
func TestLeavingAFullConversation(t *testing.T) {
	r := newRig(t)
	r.deliver(text("one"))
	r.app.MaxMessages = 1
	if err := r.RelayClose(r.context(), event(message.EventClosed)); err != nil {
		t.Error(err)
	}
	if all := r.app.Conversations(); len(all) != 1 || all[0].Metadata["apple_closed"] != "true" {
		t.Errorf("conversations %+v", all)
	}
	// What would be lost otherwise does.
	r.deliver(event(message.EventPayment, func(d *message.Data) { d.Payment = &message.Payment{Summary: "Paid."} }))
	if len(r.app.Conversations()) != 2 || !slices.Equal(r.texts(1), []string{"Paid."}) {
		t.Errorf("conversations %+v", r.app.Conversations())
	}
}

func TestAConversationThatVanishes(t *testing.T) {
	r := newRig(t)
	r.deliver(text("one"))
	r.app.Script.Next(fake.Fault{}) // the list
	r.app.Script.Always(func() fake.Fault {
		r.app.Change(0, func(c *sunshinetest.Conversation) { c.ID = "gone" })
		return fake.Fault{}
	})
	_, err := r.Deliver(r.context(), text("two"))
	if class(err) != message.Transient {
		t.Errorf("the first try fails with %v, want transient", err)
	}
	r.app.Script.Heal()
	r.deliver(text("two"))
}

func TestLongTextsAreDivided(t *testing.T) {
	r := newRig(t)
	words := strings.TrimSpace(strings.Repeat("word 🙂 ", 2000))
	receipt := r.deliver(event(message.EventReceived, func(d *message.Data) { d.Subject, d.Text = "About words", words }))
	parts := r.texts(0)
	if len(parts) != 4 || strings.Join(strings.Fields(strings.Join(parts, " ")), " ") != "About words "+words {
		t.Errorf("%d parts", len(parts))
	}
	sent := r.messages(0)
	if sent[0]["id"] != receipt.ID || sent[3]["metadata"].(object)["apple_part"] != "4" {
		t.Errorf("receipt %q, metadata %v", receipt.ID, sent[3]["metadata"])
	}
}

// A repeat posts what is not there yet, whether the answer was lost or a part failed.
func TestARepeatPostsWhatIsMissing(t *testing.T) {
	for name, faults := range map[string][]fake.Fault{
		"a lost answer": {{}, {Reset: true, Late: true}},
		"half of it":    {{}, {}, {Status: 500}},
		"busy midway":   {{}, {}, {Status: 429, Header: fake.RetryLater()}},
		"half refused":  {{}, {}, {Status: 400}},
		"a lost key":    {{}, {}, {Status: 401}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.deliver(text("before"))
			long := text(strings.Repeat("a", 4096) + strings.Repeat("b", 100))
			r.app.Script.Next(faults...)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := r.Deliver(ctx, long); class(err) != message.Uncertain {
				t.Fatalf("error %v, want uncertain", err)
			}
			long.Data.PossibleRepeat = true
			r.deliver(long)
			if got := r.texts(0); len(got) != 3 || got[1][0] != 'a' || got[2][0] != 'b' {
				t.Errorf("the conversation has %d messages", len(got))
			}
		})
	}
}

func TestControlIsPassed(t *testing.T) {
	active := func(r *rig) string { return r.app.Conversations()[0].Active }
	passes := func(r *rig) (n int) {
		for _, call := range r.app.Calls() {
			if strings.HasSuffix(call, "/passControl") {
				n++
			}
		}
		return n
	}
	for _, to := range []string{"next", "zd-agentWorkspace", "zd:agentWorkspace", "id-of-zd-agentWorkspace"} {
		t.Run(to, func(t *testing.T) {
			r := newRig(t, func(c *sunshine.Config) { c.PassControl = to })
			r.deliver(text("one"))
			if to == "next" { // nobody was in control: the first is next
				r.app.Change(0, func(c *sunshinetest.Conversation) { c.Active = "zd-agentWorkspace" })
			}
			r.deliver(text("two"))
			if active(r) != "zd-agentWorkspace" || passes(r) != 1 {
				t.Errorf("%s has control after %d calls", active(r), passes(r))
			}
			r.app.Change(0, func(c *sunshinetest.Conversation) { c.Active = "zd-answerBot" }) // an agent gave it to a bot
			r.deliver(text("three"))
			if active(r) != "zd-answerBot" || passes(r) != 1 {
				t.Errorf("what an agent decided is undone: %s has control", active(r))
			}
			r.app.Change(0, func(c *sunshinetest.Conversation) { c.Active = "" }) // the ticket was closed
			r.deliver(event(message.EventPayment, func(d *message.Data) { d.Payment = &message.Payment{Summary: "Paid."} }))
			if passes(r) != 1 {
				t.Error("a note opens a ticket")
			}
			r.deliver(text("four"))
			if passes(r) != 2 {
				t.Errorf("a closed ticket: %d calls", passes(r))
			}
		})
	}
	t.Run("nobody of that name", func(t *testing.T) {
		r := newRig(t, func(c *sunshine.Config) { c.PassControl = "my-bot" })
		r.deliver(text("one"))
		if active(r) != "zd-answerBot" || !strings.Contains(r.log.String(), "cannot be passed") {
			t.Errorf("%s has control; the log says %s", active(r), r.log)
		}
	})
	t.Run("out of order", func(t *testing.T) {
		r := newRig(t, func(c *sunshine.Config) { c.PassControl = "next" })
		r.app.Script.Next(fake.Fault{}, fake.Fault{}, fake.Fault{}, fake.Fault{}, fake.Fault{Status: 500})
		if _, err := r.Deliver(r.context(), text("one")); class(err) != message.Transient {
			t.Errorf("error %v, want transient", err)
		}
		r.deliver(text("one"))
		if len(r.texts(0)) != 1 || active(r) == "" {
			t.Errorf("the conversation has %q", r.texts(0))
		}
	})
}

func TestTheCustomerLeavesAndComesBack(t *testing.T) {
	r := newRig(t)
	left := event(message.EventClosed)
	if err := r.RelayClose(r.context(), left); err != nil || len(r.app.Conversations()) > 0 {
		t.Errorf("leaving a helpdesk that knows nothing of it: %v, %d conversations", err, len(r.app.Conversations()))
	}
	open := func(want bool) {
		t.Helper()
		if got, err := r.HasOpenConversation(r.context(), business, customer); got != want || err != nil {
			t.Errorf("the conversation is open: %t, %v", got, err)
		}
	}
	open(false)
	r.deliver(text("one"))
	open(true)
	if err := r.RelayClose(r.context(), left); err != nil {
		t.Fatal(err)
	}
	left.Data.PossibleRepeat = true
	if err := r.RelayClose(r.context(), left); err != nil {
		t.Fatal(err)
	}
	open(false)
	if got := r.texts(0); len(got) != 2 || !strings.Contains(got[1], "left") || r.messages(0)[1]["author"].(object)["type"] != "business" {
		t.Errorf("the conversation has %v", r.messages(0))
	}
	r.deliver(text("two"))
	open(true)
}

func TestNotices(t *testing.T) {
	name := map[string]any{"name": "Ada"}
	for kind, c := range map[string]struct {
		event message.Event
		want  string // "": nothing
		note  bool
	}{
		"unsupported": {event(message.EventUnsupported, func(d *message.Data) { d.Note = "The customer sent a drawing." }), "[The customer sent a drawing.]", false},
		"sent":        {event(message.EventSent, func(d *message.Data) { d.Sent = &message.Sent{DataRef: []byte(`{"a":1}`)} }), `Apple keeps a message that can be sent again by its reference: {"a":1}`, true},
		"failed":      {event(message.EventFailed, func(d *message.Data) { d.Failed = &message.Failed{Reason: "signed out"} }), "Not sent to the customer: signed out", true},
		"payment": {event(message.EventPayment, func(d *message.Data) {
			d.Payment = &message.Payment{Summary: "Paid 12.50 USD.", ShippingContact: &message.ShippingContact{GivenName: "Ada", AddressLines: []string{"1 Road"}, PostalCode: "12345", Locality: "Town"}}
		}), "Paid 12.50 USD.\nShip to: Ada, 1 Road, 12345 Town", true},
		"signed in":     {event(message.EventSignIn, signedIn(message.SignIn{Status: message.SignInSucceeded, Confirmed: true, Identity: &message.Identity{Claims: name}})), "The customer has signed in (Example) as Ada.", true},
		"not confirmed": {event(message.EventSignIn, signedIn(message.SignIn{Status: message.SignInSucceeded, Identity: &message.Identity{Claims: name}})), "Somebody has opened the link and signed in (Example) as Ada. It is the customer only if Apple says so as well.", true},
		"failed to":     {event(message.EventSignIn, signedIn(message.SignIn{Status: message.SignInFailed, Error: "expired"})), "The sign-in failed (Example): expired", true},
		"canceled":      {event(message.EventSignIn, signedIn(message.SignIn{Status: message.SignInCanceled})), "The customer did not sign in (Example).", true},
		"unknown":       {event("something.new"), "", false},
	} {
		t.Run(kind, func(t *testing.T) {
			r := newRig(t)
			r.deliver(c.event)
			if c.want == "" {
				if len(r.app.Conversations()) > 0 {
					t.Errorf("it opens a conversation: %+v", r.app.Conversations())
				}
				return
			}
			sent := r.messages(0)
			if len(sent) != 1 || r.texts(0)[0] != c.want {
				t.Fatalf("the helpdesk has %v, want %q", sent, c.want)
			}
			if note := sent[0]["author"].(object)["type"] == "business"; note != c.note {
				t.Errorf("only agents see it: %t", note)
			}
			outs := r.receive(sunshinetest.Said("1", metadata(), object{"type": "text", "text": c.want}, sent[0])) // it comes back
			if len(outs) > 0 {
				t.Errorf("it goes to the phone: %+v", outs)
			}
		})
	}
}

func signedIn(signIn message.SignIn) func(*message.Data) {
	signIn.Provider = "Example"
	return func(d *message.Data) { d.SignIn = &signIn }
}

// Errors repeat the code of an answer, never its words.
func TestWhatFailuresSay(t *testing.T) {
	r := newRig(t)
	r.deliver(text("one"))
	_, err := r.Deliver(r.context(), event(message.EventReceived, func(d *message.Data) { d.Text = "two"; d.ID = message.ID(strings.Repeat("s3cret", 1000)) }))
	if class(err) != message.Permanent || !strings.Contains(err.Error(), "bad_request") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("error %.300v", err)
	}
	stranger := newRig(t, func(c *sunshine.Config) { c.AppID = "other" })
	_, err = stranger.Deliver(r.context(), text("one"))
	if class(err) != message.Auth || !strings.Contains(err.Error(), "app_id") {
		t.Errorf("another app: %v", err)
	}
}

func TestNotesNeedAConversation(t *testing.T) {
	r := newRig(t)
	if err := r.WriteNote(r.context(), business, customer, "Hi"); class(err) != message.Permanent {
		t.Errorf("of somebody unknown: %v", err)
	}
	r.deliver(text("one"))
	if err := r.WriteNote(r.context(), business, customer, "Hi"); err != nil || len(r.texts(0)) != 2 {
		t.Errorf("%v; the helpdesk has %q", err, r.texts(0))
	}
}

func TestChoices(t *testing.T) {
	r := newRig(t)
	if kept, err := r.KeptChoice(r.context(), business, customer); kept != "" || err != nil {
		t.Errorf("of somebody unknown: %q, %v", kept, err)
	}
	r.deliver(text("one"))
	if err := r.KeepChoice(r.context(), business, customer, "older"); err != nil {
		t.Fatal(err)
	}
	if err := r.KeepChoice(r.context(), business, customer, strings.Repeat("x", 3501)); class(err) != message.Permanent {
		t.Errorf("one that is too long: %v", err)
	}
	if kept, err := r.KeptChoice(r.context(), business, customer); kept != "" || err != nil {
		t.Errorf("an older one stays: %q, %v", kept, err)
	}
	if values := r.app.Users()[0].Metadata; values["apple_mbid"] != string(customer) {
		t.Errorf("the user's metadata are %v", values)
	}
}
