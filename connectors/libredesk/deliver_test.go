package libredesk_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/message"
	"bizbridge/connectors/connectortest/fake"
	"bizbridge/connectors/libredesk/libredesktest"
)

// only gives the one conversation of a desk.
func only(t testing.TB, desk *libredesktest.Desk) libredesktest.Conversation {
	t.Helper()
	all := desk.Conversations()
	if len(all) != 1 {
		t.Fatalf("%d conversations", len(all))
	}
	return all[0]
}

// said are the contents of messages that are no activity.
func said(one libredesktest.Conversation) []string {
	var lines []string
	for _, line := range one.Messages {
		if line.Type == "activity" {
			continue
		}
		prefix := ""
		if line.Private {
			prefix = "note: "
		}
		lines = append(lines, strings.Join(append([]string{prefix + line.Content}, line.Files...), " + "))
	}
	return lines
}

func wantSaid(t testing.TB, one libredesktest.Conversation, lines ...string) {
	t.Helper()
	if diff := cmp.Diff(lines, said(one)); diff != "" {
		t.Error(diff)
	}
}

func TestTheFirstMessageMakesAContactAndAConversation(t *testing.T) {
	connector, desk := rig(t)
	first := deliver(t, connector, text("Hello"))
	second := deliver(t, connector, text("Is <anybody> there?\nI & my \"cat\""))
	if first.ID == "" || second.ID == "" || first.ID == second.ID {
		t.Errorf("receipts %q and %q", first.ID, second.ID)
	}
	one := only(t, desk)
	wantSaid(t, one, "Hello", "<p>Is &lt;anybody&gt; there?<br>I &amp; my &#34;cat&#34;</p>")
	want := libredesktest.Conversation{
		UUID: one.UUID, Status: "Open", Name: "Messages Guest", Email: "amb-da239e8d88f4fdec6c5d7b20de8acf58@amb.invalid", External: hashed,
		Attributes: map[string]any{
			"apple_mbid": string(customer), "apple_business_id": string(business), "apple_context": "c2VhbGVk",
			"apple_locale": "de_DE", "apple_intent": "order", "apple_left": false,
		},
		Messages: one.Messages,
	}
	if diff := cmp.Diff(want, one); diff != "" {
		t.Error(diff)
	}
	if len(one.External) > 128 {
		t.Errorf("the id has %d characters, LibreDesk takes 128", len(one.External))
	}
}

// TestTheNewestContextIsKept: what is not known this time stays.
func TestTheNewestContextIsKept(t *testing.T) {
	connector, desk := rig(t)
	deliver(t, connector, text("Hello"))
	deliver(t, connector, event(message.EventReceived, func(data *message.Data) {
		data.Text, data.Sealed, data.Device = "Hello again", "bmV3ZXI", message.Device{Group: "billing"}
	}))
	attributes := only(t, desk).Attributes
	for name, want := range map[string]string{"apple_context": "bmV3ZXI", "apple_intent": "order", "apple_group": "billing", "apple_locale": "de_DE"} {
		if attributes[name] != want {
			t.Errorf("%s is %v, want %s", name, attributes[name], want)
		}
	}
}

func TestWhereTheNextMessageGoes(t *testing.T) {
	for status, again := range map[string]bool{libredesktest.Open: true, libredesktest.Resolved: true, libredesktest.Closed: false} {
		connector, desk := rig(t)
		deliver(t, connector, text("one"))
		desk.Rename(string(customer), "Maria", "Rossi", "maria@example.test")
		desk.SetStatus(string(customer), status)
		deliver(t, connector, text("two"))
		all := desk.Conversations()
		if (len(all) == 1) != again || all[0].Status != libredesktest.Open {
			t.Errorf("%s: %d conversations, the newest is %s", status, len(all), all[0].Status)
		}
		if all[0].Name != "Maria Rossi" || all[0].Email != "maria@example.test" {
			t.Errorf("%s: what an agent has written of the contact is now %s, %s", status, all[0].Name, all[0].Email)
		}
	}
}

// TestAnInboxWithOneConversationForEach opens the closed one again.
func TestAnInboxWithOneConversationForEach(t *testing.T) {
	connector, desk := rig(t)
	desk.OneOnly = true
	deliver(t, connector, text("one"))
	desk.SetStatus(string(customer), libredesktest.Closed)
	deliver(t, connector, text("two"))
	wantSaid(t, only(t, desk), "one", "<p>two</p>")
}

func TestALongFirstMessageComesWhole(t *testing.T) {
	connector, desk := rig(t)
	words := strings.Repeat("ä line of some length\n", 900) // 19 800 bytes
	deliver(t, connector, text(words))
	lines := said(only(t, desk))
	if len(lines) != 2 || len(lines[0]) > 10_000 {
		t.Fatalf("%d messages, the first of %d bytes", len(lines), len(lines[0]))
	}
	rest := strings.NewReplacer("<p>", "", "</p>", "", "<br>", "\n").Replace(lines[1])
	if got := lines[0] + "\n" + rest; got != strings.TrimSpace(words) {
		t.Errorf("%d bytes came, %d were sent", len(got), len(words))
	}
	connector, desk = rig(t)
	deliver(t, connector, text(strings.Repeat("😀", 3000)))
	lines = said(only(t, desk))
	if got := lines[0] + strings.TrimSuffix(strings.TrimPrefix(lines[1], "<p>"), "</p>"); got != strings.Repeat("😀", 3000) {
		t.Error("a character was cut in two")
	}
}

func file(name string, content string) message.Attachment {
	return message.Attachment{
		ID: "f", Name: name, MIMEType: "image/jpeg", Size: int64(len(content)), URL: "https://bridge.example.com/files/x?a=1&b=2",
		Open: opening(content, nil),
	}
}

func withFiles(words string, files ...message.Attachment) message.Event {
	return event(message.EventReceived, func(data *message.Data) { data.Text, data.Attachments = words, files })
}

func TestFilesOfCustomers(t *testing.T) {
	connector, desk := rig(t)
	const link = `<a href="https://bridge.example.com/files/x?a=1&amp;b=2">`
	deliver(t, connector, withFiles("", file("cat.jpg", "meow"))) // a conversation begins with words
	wantSaid(t, only(t, desk), "cat.jpg", " + cat.jpg: meow")
	deliver(t, connector, withFiles("Two", file("a.jpg", "aa"), file("b {c}.jpg", "bb")))
	deliver(t, connector, withFiles("", file("d.jpg", "dd")))
	wantSaid(t, only(t, desk), "cat.jpg", " + cat.jpg: meow", "<p>Two</p> + a.jpg: aa + b {c}.jpg: bb", " + d.jpg: dd")

	until := time.Date(2026, 8, 1, 9, 0, 0, 0, time.UTC)
	large, expiring, broken, lost := file("large.jpg", "x"), file("e.jpg", "x"), file("f.jpg", "x"), file("g<1>.jpg", "x")
	large.Open, expiring.Open, expiring.ExpiresAt, lost.Open, lost.URL = nil, nil, &until, nil, ""
	broken.Open = opening("", message.Failuref(message.Transient, "no connection"))
	deliver(t, connector, withFiles("See", large, expiring, broken, lost, file("h.jpg", "hh")))
	lines := said(only(t, desk))
	want := "<p>See</p><p>" + link + "large.jpg</a></p><p>" + link + "e.jpg</a> (until 2026-08-01 09:00 UTC)</p><p>" + link + "f.jpg</a></p>" +
		"<p>g&lt;1&gt;.jpg (could not be fetched)</p> + h.jpg: hh"
	if diff := cmp.Diff(want, lines[len(lines)-1]); diff != "" {
		t.Error(diff)
	}

	desk.Extensions, desk.MaxUpload = []string{"png"}, 2
	deliver(t, connector, withFiles("", file("i.jpg", "x"), file("j.png", "xxx"), file("k.png", "")))
	lines = said(only(t, desk))
	if got := lines[len(lines)-1]; strings.Count(got, link) != 3 || strings.Contains(got, " + ") {
		t.Errorf("files that LibreDesk refuses become %s", got)
	}
}

// TestAFileThatBreaksOffIsALink: half a file must not look whole.
func TestAFileThatBreaksOffIsALink(t *testing.T) {
	connector, desk := rig(t)
	deliver(t, connector, text("Hello"))
	short, long := file("short.jpg", "abc"), file("long.jpg", "abc")
	short.Size, long.Size = 4, 2
	deliver(t, connector, withFiles("", short, long))
	lines := said(only(t, desk))
	if got := lines[len(lines)-1]; strings.Count(got, "<a href=") != 2 || strings.Contains(got, " + ") {
		t.Errorf("%s", got)
	}
}

func TestWordsForEveryEvent(t *testing.T) {
	address := &message.ShippingContact{GivenName: "Maria", FamilyName: "Rossi", AddressLines: []string{"Via Roma 1"}, PostalCode: "00100", Locality: "Roma", CountryCode: "IT"}
	for name, c := range map[string]struct {
		kind   message.EventType
		change func(*message.Data)
		want   string
	}{
		"a text with a subject":                 {message.EventReceived, func(d *message.Data) { d.Subject, d.Text = "Order", "Where is it?" }, "<p>Order<br>Where is it?</p>"},
		"nothing at all":                        {message.EventReceived, func(d *message.Data) {}, "<p>(an empty message)</p>"},
		"a character that the database refuses": {message.EventReceived, func(d *message.Data) { d.Text = "a\x00b" }, "<p>ab</p>"},
		"an answer": {message.EventReplied, func(d *message.Data) {
			d.Reply = &message.Reply{Kind: message.ReplyListPicker, Title: "Colour", Selections: []message.Selection{{ID: "1", Title: "Red"}}}
		}, "<p>Colour: Red</p>"},
		"unsupported":                {message.EventUnsupported, func(d *message.Data) { d.Note = "The customer sent a handwritten message." }, "<p>[The customer sent a handwritten message.]</p>"},
		"unsupported, without words": {message.EventUnsupported, nil, "<p>[The customer sent something that cannot be shown here.]</p>"},
		"failed": {message.EventFailed, func(d *message.Data) {
			d.Failed = &message.Failed{MessageID: "m", Reason: "the text is {{.Contact}} <long>"}
		},
			"note: <p>Not sent to the customer: the text is &#123;&#123;.Contact}} &lt;long&gt;</p>"},
		"sent": {message.EventSent, func(d *message.Data) { d.Sent = &message.Sent{MessageID: "m", DataRef: json.RawMessage(`{"a":1}`)} },
			"note: <p>Apple keeps a message that can be sent again by its reference: &#123;&#34;a&#34;:1}</p>"},
		"paid": {message.EventPayment, func(d *message.Data) {
			d.Payment = &message.Payment{Status: message.PaymentCompleted, Summary: "12.50 EUR were charged.", ProviderRef: "pi_1", ShippingContact: address}
		}, "note: <p>12.50 EUR were charged.<br>Payment provider&#39;s reference: pi_1<br>Ship to: Maria Rossi, Via Roma 1, 00100 Roma, IT</p>"},
		"not paid": {message.EventPayment, func(d *message.Data) { d.Payment = &message.Payment{Status: message.PaymentCanceled} }, "note: <p>Apple Pay: canceled</p>"},
		"signed in": {message.EventSignIn, func(d *message.Data) {
			d.SignIn = &message.SignIn{Provider: "shop", Status: message.SignInSucceeded, Confirmed: true, Identity: &message.Identity{
				Subject: "s", Claims: map[string]any{"sub": "42", "name": "Maria", "email": "m@example.test", "picture": "x"},
			}}
		}, "note: <p>The customer has signed in (shop) as Maria, m@example.test.</p>"},
		"signed in, not confirmed": {message.EventSignIn, func(d *message.Data) {
			d.SignIn = &message.SignIn{Provider: "shop", Status: message.SignInSucceeded, Identity: &message.Identity{Subject: "s"}}
		}, "note: <p>Somebody has opened the link and signed in (shop). It is the customer only if Apple says so as well.</p>"},
		"confirmed alone": {message.EventSignIn, func(d *message.Data) {
			d.SignIn = &message.SignIn{Provider: "shop", Status: message.SignInSucceeded, Confirmed: true}
		}, "note: <p>Apple says that the sign-in was done on the customer&#39;s device (shop).</p>"},
		"not signed in": {message.EventSignIn, func(d *message.Data) {
			d.SignIn = &message.SignIn{Provider: "shop", Status: message.SignInFailed, Error: "the provider says no"}
		},
			"note: <p>The sign-in failed (shop): the provider says no</p>"},
		"not signed in, and nobody knows why": {message.EventSignIn, func(d *message.Data) {
			d.SignIn = &message.SignIn{Provider: "shop", Status: message.SignInFailed}
		}, "note: <p>The sign-in failed (shop): no reason was given</p>"},
		"canceled": {message.EventSignIn, func(d *message.Data) {
			d.SignIn = &message.SignIn{Provider: "shop", Status: message.SignInCanceled}
		}, "note: <p>The customer did not sign in (shop).</p>"},
	} {
		t.Run(name, func(t *testing.T) {
			connector, desk := rig(t)
			deliver(t, connector, text("Hello"))
			deliver(t, connector, event(c.kind, c.change))
			wantSaid(t, only(t, desk), "Hello", c.want)
		})
	}
	connector, desk := rig(t)
	deliver(t, connector, event("something.new", nil))
	deliver(t, connector, event(message.EventPayment, nil))
	if len(desk.Conversations()) > 0 {
		t.Error("an event of a later version, or with nothing in it, is shown")
	}
}

// TestWhatHappensBeforeAnybodyWroteIsShown: a bot can ask for money through the bridge alone.
func TestWhatHappensBeforeAnybodyWroteIsShown(t *testing.T) {
	connector, desk := rig(t)
	deliver(t, connector, event(message.EventPayment, func(d *message.Data) { d.Payment = &message.Payment{Summary: "Paid."} }))
	wantSaid(t, only(t, desk), "(Messages for Business)", "note: <p>Paid.</p>")
	connector, desk = rig(t)
	deliver(t, connector, event(message.EventReceived, nil))
	wantSaid(t, only(t, desk), "(an empty message)")
}

func TestTheCustomerLeaves(t *testing.T) {
	const left = "note: <p>The customer has left the conversation in Messages. Nothing reaches them until they write again.</p>"
	for status, want := range map[string]string{
		libredesktest.Open: libredesktest.Resolved, libredesktest.Resolved: libredesktest.Resolved, libredesktest.Closed: libredesktest.Closed,
	} {
		connector, desk := rig(t)
		deliver(t, connector, text("Hello"))
		desk.SetStatus(string(customer), status)
		ctx, cancel := contextFor(t)
		if err := connector.RelayClose(ctx, event(message.EventClosed, nil)); err != nil {
			t.Fatal(err)
		}
		cancel()
		one := only(t, desk)
		if one.Status != want || one.Attributes["apple_left"] != true {
			t.Errorf("%s becomes %s, apple_left is %v", status, one.Status, one.Attributes["apple_left"])
		}
		wantSaid(t, one, "Hello", left)
		deliver(t, connector, text("I am back"))
		if now := desk.Conversations()[0]; now.Attributes["apple_left"] != false || now.Status != libredesktest.Open {
			t.Errorf("after %s, apple_left stays %v, the conversation %s", status, now.Attributes["apple_left"], now.Status)
		}
	}
	connector, desk := rig(t)
	if err := connector.RelayClose(t.Context(), event(message.EventClosed, nil)); err != nil || len(desk.Conversations()) > 0 {
		t.Errorf("a customer whom nobody knows leaves: %v", err)
	}
}

func TestNotesNeedAConversation(t *testing.T) {
	connector, _ := rig(t)
	err := connector.WriteNote(t.Context(), business, customer, "Hi")
	if failure := message.FailureOf(err); failure == nil || failure.Class != message.Permanent {
		t.Errorf("%v", err)
	}
}

func TestOpenConversations(t *testing.T) {
	connector, desk := rig(t)
	want := func(open bool) {
		t.Helper()
		if got, err := connector.HasOpenConversation(t.Context(), business, customer); got != open || err != nil {
			t.Errorf("%t, %v", got, err)
		}
	}
	want(false)
	deliver(t, connector, text("Hello"))
	want(true)
	for _, status := range []string{libredesktest.Resolved, libredesktest.Closed} {
		desk.SetStatus(string(customer), status)
		want(false)
	}
	desk.Script.Next(fake.Fault{Status: 400})
	if got, err := connector.HasOpenConversation(t.Context(), business, customer); got || err == nil {
		t.Errorf("%t, %v", got, err)
	}
}

// TestOnlyTheNamelessAreGuests: a first name without a last one is enough.
func TestOnlyTheNamelessAreGuests(t *testing.T) {
	for first, want := range map[string]string{"Ada": "Ada ", "": "Messages Guest"} {
		connector, desk := rig(t)
		deliver(t, connector, text("Hello"))
		desk.Rename(string(customer), first, "", "")
		desk.SetStatus(string(customer), libredesktest.Closed)
		deliver(t, connector, text("Again"))
		if got := desk.Conversations()[0].Name; got != want {
			t.Errorf("%q becomes %q, want %q", first, got, want)
		}
	}
}
