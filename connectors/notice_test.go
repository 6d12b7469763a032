package connectors

import (
	"encoding/json"
	"testing"

	"bizbridge/bridge/message"
)

func TestNotice(t *testing.T) {
	ada := &message.Identity{Subject: "amb_1", Claims: map[string]any{"name": "Ada Lovelace", "email": "ada@example.com"}}
	for name, test := range map[string]struct {
		event message.EventType
		data  message.Data
		want  string
	}{
		"text":                   {message.EventReceived, message.Data{Text: "Hi"}, ""},
		"typing":                 {message.EventTypingStarted, message.Data{}, ""},
		"unsupported":            {message.EventUnsupported, message.Data{Note: "The customer sent a sticker."}, "The customer sent a sticker."},
		"unsupported, no words":  {message.EventUnsupported, message.Data{}, "The customer sent something that cannot be shown here."},
		"closed":                 {message.EventClosed, message.Data{}, "The customer has left the conversation in Messages. Nothing reaches them until they write again."},
		"failed":                 {message.EventFailed, message.Data{Failed: &message.Failed{Code: message.CodeUnreachable, Reason: "signed out"}}, "Not sent to the customer: signed out"},
		"failed, no reason":      {message.EventFailed, message.Data{Failed: &message.Failed{Code: message.CodeUnreachable}}, "Not sent to the customer: unreachable"},
		"sent":                   {message.EventSent, message.Data{Sent: &message.Sent{DataRef: json.RawMessage(`{"a":1}`)}}, `Apple keeps a message that can be sent again by its reference: {"a":1}`},
		"signed in, half":        {message.EventSignIn, message.Data{SignIn: &message.SignIn{Provider: "acme", Status: message.SignInSucceeded, Identity: ada}}, "Somebody has opened the link and signed in (acme) as Ada Lovelace, ada@example.com. It is the customer only if Apple says so as well."},
		"signed in, Apple":       {message.EventSignIn, message.Data{SignIn: &message.SignIn{Provider: "acme", Status: message.SignInSucceeded, Confirmed: true}}, "Apple says that the sign-in was done on the customer's device (acme)."},
		"signed in, both":        {message.EventSignIn, message.Data{SignIn: &message.SignIn{Provider: "acme", Status: message.SignInSucceeded, Confirmed: true, Identity: ada}}, "The customer has signed in (acme) as Ada Lovelace, ada@example.com."},
		"signed in, no claims":   {message.EventSignIn, message.Data{SignIn: &message.SignIn{Provider: "acme", Status: message.SignInSucceeded, Confirmed: true, Identity: &message.Identity{}}}, "The customer has signed in (acme)."},
		"sign-in canceled":       {message.EventSignIn, message.Data{SignIn: &message.SignIn{Provider: "acme", Status: message.SignInCanceled}}, "The customer did not sign in (acme)."},
		"sign-in failed":         {message.EventSignIn, message.Data{SignIn: &message.SignIn{Provider: "acme", Status: message.SignInFailed, Error: "denied"}}, "The sign-in failed (acme): denied"},
		"sign-in failed, no why": {message.EventSignIn, message.Data{SignIn: &message.SignIn{Provider: "acme", Status: message.SignInFailed}}, "The sign-in failed (acme): no reason was given"},
		"paid": {message.EventPayment, message.Data{Payment: &message.Payment{Summary: "Paid 1.00 USD.", ProviderRef: "pi_1", ShippingContact: &message.ShippingContact{
			GivenName: "Ann", FamilyName: "Example", AddressLines: []string{"1 Example Way"}, PostalCode: "00000", Locality: "Sampletown", CountryCode: "US",
		}}}, "Paid 1.00 USD.\nPayment provider's reference: pi_1\nShip to: Ann Example, 1 Example Way, 00000 Sampletown, US"},
		"paid, no words": {message.EventPayment, message.Data{Payment: &message.Payment{Status: message.PaymentCanceled}}, "Apple Pay: canceled"},
		"nothing in it":  {message.EventPayment, message.Data{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Notice(message.Event{Type: test.event, Data: test.data}); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
