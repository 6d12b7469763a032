package webhook_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/connectortest/fake"
	"bizbridge/connectors/webhook"
	"bizbridge/connectors/webhook/webhooktest"
)

var happened = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// events has one event of each type that a helpdesk can get.
func events() map[string]message.Event {
	make := func(kind message.EventType, id string, change func(*message.Data)) message.Event {
		data := message.Data{
			ID: message.ID(id), BusinessID: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", CustomerID: "urn:mbid:AQAAY3VzdG9tZXI=", Sealed: "AVNlYWxlZA",
			Device: message.Device{Locale: "de_DE", Agent: "iOS (26.1)", Capabilities: []message.Capability{message.CapabilityQuickReply, message.CapabilityList}},
		}
		change(&data)
		return message.Event{Type: kind, Schema: message.SchemaVersion, Timestamp: happened, Data: data}
	}
	all := map[string]message.Event{
		"message.received": make(message.EventReceived, "0a11b7a8-6f1d-4a3e-9d7b-000000000001", func(d *message.Data) {
			d.Text, d.Intent, d.Group = "Where is my order? <#42> & “more” 🙂", "orders", "support"
		}),
		"message.received-again": make(message.EventReceived, "0a11b7a8-6f1d-4a3e-9d7b-000000000001", func(d *message.Data) {
			d.Text, d.PossibleRepeat = "Where is my order?", true
		}),
		"message.received-reaction": make(message.EventReceived, "0a11b7a8-6f1d-4a3e-9d7b-000000000002", func(d *message.Data) {
			d.Text = "Loved “It is on its way”"
			d.Reaction = &message.Reaction{Verb: message.VerbLoved, Quoted: "It is on its way"}
		}),
		"message.received-profile": make(message.EventReceived, "0a11b7a8-6f1d-4a3e-9d7b-000000000011", func(d *message.Data) {
			d.Text, d.Profile = "Where is my order?", map[string]any{"name": "Ada Lovelace", "tier": "gold"}
		}),
		"message.received-attachment": make(message.EventReceived, "0a11b7a8-6f1d-4a3e-9d7b-000000000003", func(d *message.Data) {
			d.Attachments = []message.Attachment{{ID: "0", Name: "receipt.heic", MIMEType: "image/heic", Size: 1_234_567}}
		}),
		"message.unsupported": make(message.EventUnsupported, "0a11b7a8-6f1d-4a3e-9d7b-000000000004", func(d *message.Data) {
			d.AppleType, d.Note = "interactive", "The customer sent something that cannot be shown here."
		}),
		"message.failed": make(message.EventFailed, "0a11b7a8-6f1d-4a3e-9d7b-000000000005", func(d *message.Data) {
			d.Failed = &message.Failed{MessageID: "5d0f3c1e-0000-8000-8000-000000000000", Code: message.CodeUnreachable, Reason: "signed out"}
		}),
		"typing.started":      make(message.EventTypingStarted, "0a11b7a8-6f1d-4a3e-9d7b-000000000006", func(*message.Data) {}),
		"typing.stopped":      make(message.EventTypingStopped, "0a11b7a8-6f1d-4a3e-9d7b-000000000007", func(*message.Data) {}),
		"conversation.closed": make(message.EventClosed, "0a11b7a8-6f1d-4a3e-9d7b-000000000008", func(*message.Data) {}),
		"message.sent": make(message.EventSent, "0a11b7a8-6f1d-4a3e-9d7b-000000000009", func(d *message.Data) {
			d.Sent = &message.Sent{MessageID: "5d0f3c1e-0000-8000-8000-000000000000", DataRef: json.RawMessage(`{"bid":"com.apple.messages.MSMessageExtensionBalloonPlugin:0000000000:com.apple.icloud.apps.messages.business.extension","dataRefSig":"c2lnbmF0dXJl"}`)}
		}),
		"signin.completed": make(message.EventSignIn, "0a11b7a8-6f1d-4a3e-9d7b-000000000010", func(d *message.Data) {
			d.SignIn = &message.SignIn{
				Provider: "acme", RequestID: "5d0f3c1e-0000-8000-8000-000000000001", Status: message.SignInSucceeded,
				Identity: &message.Identity{Subject: "amb_0123456789abcdef", Claims: map[string]any{"sub": "ada", "name": "Ada Lovelace", "email": "ada@example.com"}},
			}
		}),
		"payment.updated": make(message.EventPayment, "0a11b7a8-6f1d-4a3e-9d7b-000000000011", func(d *message.Data) {
			d.Payment = &message.Payment{
				RequestID: "5d0f3c1e-0000-8000-8000-000000000001", Status: message.PaymentAuthorized, Amount: "12.50", Currency: "USD",
				TransactionID: "0f4d1e", ProviderRef: "pi_1", Summary: "Paid 12.50 USD with Apple Pay, Visa 1234.",
				ShippingContact: &message.ShippingContact{
					GivenName: "Ann", FamilyName: "Example", AddressLines: []string{"1 Example Way"}, PostalCode: "00000", Locality: "Sampletown", CountryCode: "US",
				},
			}
		}),
	}
	for i, kind := range message.ReplyKinds {
		id := fmt.Sprintf("0a11b7a8-6f1d-4a3e-9d7b-0000000001%02d", i)
		all["message.replied-"+string(kind)] = make(message.EventReplied, id, func(d *message.Data) { d.Reply = reply(kind) })
	}
	return all
}

// reply is an answer of each kind.
func reply(kind message.ReplyKind) *message.Reply {
	start := time.Date(2030, 2, 24, 8, 0, 0, 0, time.UTC)
	answer := map[message.ReplyKind]message.Reply{
		message.ReplyQuickReply: {Title: "Order status", Selections: []message.Selection{{ID: "order", Title: "Order status"}}},
		message.ReplyListPicker: {Title: "Selected produce", Subtitle: "Apple", Selections: []message.Selection{
			{ID: "1", Title: "Apple", Subtitle: "Red"}, {ID: "2", Title: "Pear"},
		}},
		message.ReplyTimePicker: {Title: "24 February at 9:00", Selections: []message.Selection{{ID: "slot-1", Start: &start, Duration: 3600}}},
		message.ReplyForm: {Title: "Thank you", Private: true, Selections: []message.Selection{
			{ID: "blue", Title: "Blue", Subtitle: "Colour?", Value: "blue", Page: "colour"},
			{Subtitle: "When?", Value: "02/24/2030", Page: "day"}, {Subtitle: "Remarks", Value: "As soon as possible", Page: "why"},
		}},
		message.ReplyApp: {
			Title: "Seat 12A", Subtitle: "Flight 42", URL: "?seat=12A",
			Files: []message.Attachment{{ID: "0", Name: "seat.png", MIMEType: "image/png", Size: 4711, URL: "https://bridge.example.com/media/x", ExpiresAt: &start}},
		},
		message.ReplyInvitation: {Title: "Accepted"},
		message.ReplyUnknown:    {Title: "An answer that this version cannot read"},
	}[kind]
	answer.Kind, answer.SessionID = kind, "f2b1c0de-0000-4000-8000-000000000000"
	if kind != message.ReplyApp && kind != message.ReplyUnknown && kind != message.ReplyInvitation {
		answer.RequestID = "5d0f3c1e-0000-8000-8000-000000000001"
	}
	return &answer
}

// deliver calls the method that is for the event.
func deliver(t testing.TB, connector connectors.Connector, event message.Event) error {
	t.Helper()
	switch {
	case event.Type.Typing():
		return connector.(connectors.TypingRelay).RelayTyping(t.Context(), event)
	case event.Type == message.EventClosed:
		return connector.(connectors.CloseRelay).RelayClose(t.Context(), event)
	}
	_, err := connector.Deliver(t.Context(), event)
	return err
}

func TestEventsAreWrittenAndSignedAsTheContractSays(t *testing.T) {
	library, err := standardwebhooks.NewWebhook(webhooktest.Secret)
	if err != nil {
		t.Fatal(err)
	}
	for name, event := range events() {
		t.Run(name, func(t *testing.T) {
			desk := startDesk(t, webhooktest.Secret) // verifies on its own
			if err := deliver(t, connect(t, desk.URL, time.Now), event); err != nil {
				t.Fatal(err)
			}
			requests := desk.Requests()
			if len(requests) != 1 {
				t.Fatalf("%d genuine requests came, want 1", len(requests))
			}
			header, body := requests[0].Header, requests[0].Body
			if err := library.Verify(body, header); err != nil {
				t.Errorf("the library of Standard Webhooks refuses it: %v", err)
			}
			for header, want := range map[string]string{
				"Webhook-Id": string(event.Data.ID), "Content-Type": "application/json", "User-Agent": "bizbridge",
			} {
				if got := requests[0].Header.Get(header); got != want {
					t.Errorf("%s is %q, want %q", header, got, want)
				}
			}
			golden(t, filepath.Join("testdata", "events", name+".json"), body)
		})
	}
}

// golden compares JSON with a file, or writes it with -update.
func golden(t *testing.T, path string, body []byte) {
	t.Helper()
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, body, "", "  "); err != nil {
		t.Fatalf("not JSON: %v: %s", err, body)
	}
	pretty.WriteByte('\n')
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, pretty.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), pretty.String()); diff != "" {
		t.Errorf("%s differs (-want +got); -update writes it anew:\n%s", path, diff)
	}
}

func TestEveryAttemptHasTheSameIDAndAFreshTimestamp(t *testing.T) {
	desk := startDesk(t, webhooktest.Secret)
	desk.AnyTime = true
	ticks := happened
	connector := connect(t, desk.URL, func() time.Time { ticks = ticks.Add(7 * time.Second); return ticks })
	desk.Script.Next(fake.Fault{Status: 503, Late: true}, fake.Fault{Reset: true, Late: true}, fake.Fault{Status: 500, Late: true})
	ctx, cancel := contextFor(t, 10*time.Second)
	defer cancel()
	event := events()["message.received"]
	if _, err := connector.Deliver(ctx, event); err != nil {
		t.Fatal(err)
	}
	requests := desk.Requests() // the helpdesk has verified the signature of each
	if len(requests) != 4 {
		t.Fatalf("%d attempts, want 4", len(requests))
	}
	for i, request := range requests {
		if got := request.Header.Get("webhook-id"); got != string(event.Data.ID) {
			t.Errorf("attempt %d has webhook-id %q, want the event's id %q", i+1, got, event.Data.ID)
		}
		if got, want := request.Header.Get("webhook-timestamp"), strconv.FormatInt(happened.Add(time.Duration(i+1)*7*time.Second).Unix(), 10); got != want {
			t.Errorf("attempt %d has webhook-timestamp %s, want the time of the attempt, %s", i+1, got, want)
		}
		if !bytes.Equal(request.Body, requests[0].Body) {
			t.Errorf("attempt %d has another body", i+1)
		}
	}
	if texts := desk.Inbox.Conversation(string(event.Data.CustomerID)).Texts; len(texts) != 1 {
		t.Errorf("the helpdesk has the message %d times", len(texts))
	}
}

func TestTheFirstSecretSigns(t *testing.T) {
	const next = "whsec_bmV4dC1zZWNyZXQtb2YtdGhlLWJyaWRnZS0zMi0="
	rotating := func(c *webhook.Config) { c.Secrets = []config.Secret{next, webhooktest.Secret} }
	event := events()["message.received"]

	before := startDesk(t, webhooktest.Secret) // has not been told of the new secret
	err := deliver(t, connect(t, before.URL, time.Now, rotating), event)
	if failure, ok := errors.AsType[*message.Failure](err); !ok || failure.Class != message.Auth {
		t.Errorf("a helpdesk that does not know the first secret: %v, want class %s", err, message.Auth)
	}
	for _, known := range [][]string{{next}, {webhooktest.Secret, next}} {
		desk := startDesk(t, known...)
		if err := deliver(t, connect(t, desk.URL, time.Now, rotating), event); err != nil {
			t.Errorf("a helpdesk that knows the first secret: %v", err)
		}
	}
}

func TestVerifySecretsDefaultToSecrets(t *testing.T) {
	const next = "whsec_bmV4dC1zZWNyZXQtb2YtdGhlLWhlbHBkZXNrLTM="
	now := func() time.Time { return happened }
	body := send(`"id":"1"`)
	for name, c := range map[string]struct {
		change func(*webhook.Config)
		secret string
		want   bool
	}{
		"by default the signing secret verifies": {func(c *webhook.Config) { c.VerifySecrets = nil }, webhooktest.Secret, true},
		"by default each of them verifies": {func(c *webhook.Config) {
			c.Secrets, c.VerifySecrets = []config.Secret{next, webhooktest.Secret}, nil
		}, webhooktest.Secret, true},
		"with verify_secrets the signing secret does not": {func(*webhook.Config) {}, webhooktest.Secret, false},
		"each of verify_secrets verifies": {func(c *webhook.Config) {
			c.VerifySecrets = []config.Secret{webhooktest.VerifySecret, next}
		}, next, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := connect(t, "http://127.0.0.1:1", now, c.change).Receive(t.Context(), webhooktest.Post(c.secret, "msg_1", happened, body))
			if (err == nil) != c.want {
				t.Errorf("error %v, want accepted: %t", err, c.want)
			}
		})
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	elsewhere := startDesk(t, webhooktest.Secret)
	desk := startDesk(t, webhooktest.Secret)
	desk.Script.Always(func() fake.Fault {
		return fake.Fault{Status: http.StatusPermanentRedirect, Header: http.Header{"Location": {elsewhere.URL}}}
	})
	err := deliver(t, connect(t, desk.URL, time.Now), events()["message.received"])
	if err == nil || !strings.Contains(err.Error(), "final URL") {
		t.Errorf("error %v, want the advice to configure the final URL", err)
	}
	if elsewhere.Script.Calls() > 0 {
		t.Error("the redirect was followed")
	}
}
