package sunshine

import (
	"fmt"
	"strings"

	"bizbridge/bridge/message"
)

const leftNote = "The customer has left the conversation. Nothing can be sent until they write again."

// notice is what agents are told of an event that is no message of the customer; "" for one that is nothing to them.
func notice(event message.Event) string {
	data := event.Data
	switch {
	case event.Type == message.EventUnsupported:
		return "[" + strings.Trim(data.Note, "[]") + "]"
	case event.Type == message.EventSent && data.Sent != nil:
		return "A message was saved. Its reference for sending it again: " + string(data.Sent.DataRef)
	case event.Type == message.EventFailed && data.Failed != nil:
		return "Not sent to the customer: " + data.Failed.Reason
	case event.Type == message.EventSignIn && data.SignIn != nil:
		return signInNotice(*data.SignIn)
	case event.Type == message.EventPayment && data.Payment != nil:
		return paymentNotice(*data.Payment)
	}
	return ""
}

// signInNotice says no more than is proven: a link that was passed on makes somebody else sign in.
func signInNotice(signIn message.SignIn) string {
	who := ""
	if signIn.Identity != nil {
		for _, claim := range []string{"name", "email", "sub"} {
			if text, ok := signIn.Identity.Claims[claim].(string); ok && text != "" {
				who = " as " + text
				break
			}
		}
	}
	switch {
	case signIn.Status == message.SignInCanceled:
		return fmt.Sprintf("The customer did not sign in with %s.", signIn.Provider)
	case signIn.Status == message.SignInFailed:
		return strings.TrimSuffix(fmt.Sprintf("Signing in with %s failed: %s", signIn.Provider, signIn.Error), ": ")
	case signIn.Confirmed:
		return fmt.Sprintf("The customer signed in with %s%s.", signIn.Provider, who)
	}
	return fmt.Sprintf("Somebody signed in with %s%s. The customer's device has not confirmed yet that it was them.", signIn.Provider, who)
}

func paymentNotice(payment message.Payment) string {
	lines := []string{payment.Summary}
	if to := payment.ShippingContact; to != nil {
		place := []string{strings.TrimSpace(to.GivenName + " " + to.FamilyName)}
		place = append(place, to.AddressLines...)
		place = append(place, to.SubLocality, strings.TrimSpace(to.PostalCode+" "+to.Locality), to.AdministrativeArea, to.Country, to.EmailAddress, to.PhoneNumber)
		for _, line := range place {
			if line != "" {
				lines = append(lines, line)
			}
		}
	}
	return strings.Join(lines, "\n")
}
