package connectors

import (
	"cmp"
	"fmt"
	"strings"

	"bizbridge/bridge/message"
)

// Notice is what agents are told, in a note, of an event that is no message of the customer; "" where there is nothing to say.
// It is personal data like the messages: never in the log.
func Notice(event message.Event) string {
	switch data := event.Data; {
	case event.Type == message.EventUnsupported:
		return cmp.Or(data.Note, "The customer sent something that cannot be shown here.")
	case event.Type == message.EventClosed:
		return "The customer has left the conversation in Messages. Nothing reaches them until they write again."
	case event.Type == message.EventFailed && data.Failed != nil:
		return "Not sent to the customer: " + cmp.Or(data.Failed.Reason, string(data.Failed.Code))
	case event.Type == message.EventSent && data.Sent != nil:
		return "Apple keeps a message that can be sent again by its reference: " + string(data.Sent.DataRef)
	case event.Type == message.EventSignIn && data.SignIn != nil:
		return signInNotice(*data.SignIn)
	case event.Type == message.EventPayment && data.Payment != nil:
		return paymentNotice(*data.Payment)
	}
	return ""
}

// signInNotice says no more than is proven: a link that was passed on makes somebody else sign in.
func signInNotice(signIn message.SignIn) string {
	switch {
	case signIn.Status == message.SignInCanceled:
		return fmt.Sprintf("The customer did not sign in (%s).", signIn.Provider)
	case signIn.Status != message.SignInSucceeded:
		return fmt.Sprintf("The sign-in failed (%s): %s", signIn.Provider, cmp.Or(signIn.Error, "no reason was given"))
	case signIn.Identity == nil:
		return fmt.Sprintf("Apple says that the sign-in was done on the customer's device (%s).", signIn.Provider)
	case signIn.Confirmed:
		return fmt.Sprintf("The customer has signed in (%s)%s.", signIn.Provider, Named(signIn.Identity))
	}
	return fmt.Sprintf("Somebody has opened the link and signed in (%s)%s. It is the customer only if Apple says so as well.", signIn.Provider, Named(signIn.Identity))
}

// Named says as whom somebody has signed in, by what the provider says of them: " as Ada Lovelace, ada@example.com"; "" where it
// says nothing.
func Named(identity *message.Identity) string {
	if identity == nil {
		return ""
	}
	var known []string
	for _, claim := range []string{"name", "email"} {
		if text, _ := identity.Claims[claim].(string); text != "" {
			known = append(known, text)
		}
	}
	if len(known) == 0 {
		return ""
	}
	return " as " + strings.Join(known, ", ")
}

func paymentNotice(payment message.Payment) string {
	lines := []string{cmp.Or(payment.Summary, "Apple Pay: "+string(payment.Status))}
	if payment.ProviderRef != "" {
		lines = append(lines, "Payment provider's reference: "+payment.ProviderRef)
	}
	if to := payment.ShippingContact; to != nil {
		lines = append(lines, "Ship to: "+address(*to))
	}
	return strings.Join(lines, "\n")
}

func address(to message.ShippingContact) string {
	parts := append([]string{to.GivenName + " " + to.FamilyName}, to.AddressLines...)
	parts = append(parts, to.SubLocality, to.PostalCode+" "+to.Locality, to.AdministrativeArea, cmp.Or(to.Country, to.CountryCode), to.PhoneNumber, to.EmailAddress)
	var said []string
	for _, part := range parts {
		if part = strings.TrimSpace(part); part != "" {
			said = append(said, part)
		}
	}
	return strings.Join(said, ", ")
}
