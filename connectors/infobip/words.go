package infobip

import (
	"cmp"
	"fmt"

	"bizbridge/bridge/message"
)

// words tell agents of what the customer did not say; "" for what is of no use to them.
func words(event message.Event) string {
	data := event.Data
	switch event.Type {
	case message.EventUnsupported:
		return cmp.Or(data.Note, fmt.Sprintf("The customer sent something that cannot be shown here (%s).", data.AppleType))
	case message.EventFailed:
		if data.Failed != nil {
			return "Not sent: " + cmp.Or(data.Failed.Reason, string(data.Failed.Code))
		}
	case message.EventPayment:
		if data.Payment != nil {
			return data.Payment.Summary
		}
	case message.EventSignIn:
		if data.SignIn != nil {
			return signInWords(*data.SignIn)
		}
	case message.EventClosed:
		return "The customer has left this conversation in Messages. Nothing reaches them until they write again."
	}
	return ""
}

// signInWords must not call a login what is only half of one: who opened the link need not be the customer.
func signInWords(signIn message.SignIn) string {
	switch {
	case signIn.Status == message.SignInCanceled:
		return fmt.Sprintf("The customer did not sign in (%s).", signIn.Provider)
	case signIn.Status != message.SignInSucceeded:
		return fmt.Sprintf("The sign-in failed (%s): %s", signIn.Provider, cmp.Or(signIn.Error, "no reason was given"))
	case signIn.Identity == nil:
		return fmt.Sprintf("Apple says that the sign-in was done on the customer's device (%s).", signIn.Provider)
	case signIn.Confirmed:
		return fmt.Sprintf("The customer has signed in (%s)%s.", signIn.Provider, who(signIn.Identity))
	}
	return fmt.Sprintf("Somebody has opened the link and signed in (%s)%s. It is the customer only if Apple says so as well.", signIn.Provider, who(signIn.Identity))
}

// who is what the provider calls the person.
func who(identity *message.Identity) string {
	name, _ := identity.Claims["name"].(string)
	email, _ := identity.Claims["email"].(string)
	switch {
	case name != "" && email != "":
		return fmt.Sprintf(" as %s, %s", name, email)
	case name+email != "":
		return " as " + name + email
	}
	return ""
}
