package chatwoot

import (
	"cmp"
	"fmt"
	"strings"

	"bizbridge/bridge/message"
)

// words tell an agent of an event that is no message.
func words(event message.Event) string {
	switch data := event.Data; event.Type {
	case message.EventUnsupported:
		return cmp.Or(data.Note, "The customer did something that cannot be shown here.")
	case message.EventSignIn:
		return signInWords(*data.SignIn)
	case message.EventPayment:
		return paymentWords(*data.Payment)
	case message.EventSent:
		return "A message was sent that can be sent again, by this reference: " + string(data.Sent.DataRef)
	}
	return string(event.Type)
}

func signInWords(told message.SignIn) string {
	switch {
	case told.Status == message.SignInCanceled:
		return "The customer left the sign-in."
	case told.Status == message.SignInFailed:
		return strings.TrimSuffix("The sign-in failed: "+told.Error, ": ")
	case told.Identity == nil:
		return "Apple confirms that the sign-in was done on the customer's device."
	}
	text := "Signed in as " + claims(*told.Identity) + "."
	if !told.Confirmed {
		text += " Wait for Apple's confirmation that it was done on the customer's device: somebody else may have opened the link."
	}
	return text
}

// claims names a person by what a provider says of them, or by the id that stands for them.
func claims(identity message.Identity) string {
	var known []string
	for _, name := range []string{"name", "email", "phone_number"} {
		if text, ok := identity.Claims[name].(string); ok && text != "" {
			known = append(known, text)
		}
	}
	return cmp.Or(strings.Join(known, ", "), identity.Subject)
}

func paymentWords(told message.Payment) string {
	lines := []string{cmp.Or(told.Summary, "Payment: "+string(told.Status))}
	if told.ProviderRef != "" {
		lines = append(lines, "Payment provider's reference: "+told.ProviderRef)
	}
	if to := told.ShippingContact; to != nil {
		lines = append(lines, "Ship to: "+address(*to))
	}
	return strings.Join(lines, "\n")
}

func address(to message.ShippingContact) string {
	var lines []string
	for _, line := range append([]string{to.GivenName + " " + to.FamilyName}, append(to.AddressLines, to.SubLocality,
		to.PostalCode+" "+to.Locality, to.AdministrativeArea, cmp.Or(to.Country, to.CountryCode), to.PhoneNumber, to.EmailAddress)...) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, ", ")
}

// key names a message of Chatwoot for the bridge, part one of the messages that are sent for it. That of the message itself
// is needed to tell Chatwoot of a failure, and to find the message that a customer has answered.
func key(conversation, written int64, part int) string {
	if part == 0 {
		return fmt.Sprintf("%d/%d", conversation, written)
	}
	return fmt.Sprintf("%d/%d/%d", conversation, written, part)
}

func parseKey(text string) (conversation, written int64, ok bool) {
	parts := strings.Split(text, "/")
	if len(parts) < 2 {
		return 0, 0, false
	}
	conversation, ok = positive(parts[0])
	written, also := positive(parts[1])
	return conversation, written, ok && also
}
