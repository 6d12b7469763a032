package asapp

import (
	"cmp"
	"fmt"
	"strings"

	"bizbridge/bridge/message"
)

// said is what the customer said, in one message or more; nil where they said nothing. ASAPP shows texts only.
func said(event message.Event) []string {
	data := event.Data
	var text string
	switch event.Type {
	case message.EventReceived:
		text = strings.TrimSpace(strings.Join([]string{data.Subject, data.Text}, "\n"))
	case message.EventReplied:
		if data.Reply != nil {
			text = data.Reply.Text()
		}
	case message.EventUnsupported:
		text = "[" + strings.Trim(cmp.Or(data.Note, "The customer sent something that cannot be shown here: "+data.AppleType), "[]") + "]"
	default:
		return nil
	}
	var spoken []string
	if text != "" {
		spoken = append(spoken, text)
	}
	for _, file := range data.Files() {
		spoken = append(spoken, fileWords(file))
	}
	if spoken == nil {
		spoken = []string{"[A message without words]"}
	}
	return spoken
}

// fileWords stands for a file.
func fileWords(file message.Attachment) string {
	name := fmt.Sprintf("%.200s", cmp.Or(file.Name, "unnamed"))
	if file.URL == "" {
		return fmt.Sprintf("[File: %s, which cannot be had]", name)
	}
	return fmt.Sprintf("[File: %s, %s] %s", name, sizeWords(file.Size), file.URL)
}

func sizeWords(size int64) string {
	switch {
	case size < 1000:
		return fmt.Sprintf("%d bytes", size)
	case size < 1_000_000:
		return fmt.Sprintf("%d KB", size/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(size)/1e6)
}

// notice is what agents are told of what the customer did not say; "" for nothing.
func notice(event message.Event) string {
	data := event.Data
	switch {
	case event.Type == message.EventClosed:
		return "The customer has left the conversation in Messages. Nothing reaches them until they write again."
	case event.Type == message.EventFailed && data.Failed != nil:
		return "Not sent to the customer: " + cmp.Or(data.Failed.Reason, string(data.Failed.Code))
	case event.Type == message.EventSent && data.Sent != nil:
		return "Apple keeps a message that can be sent again by its reference: " + string(data.Sent.DataRef)
	case event.Type == message.EventPayment && data.Payment != nil:
		return data.Payment.Summary
	}
	return ""
}

// signInNotice says no more than is proven: a link that was passed on makes somebody else sign in.
func signInNotice(signIn message.SignIn, ending signInEnding) string {
	switch {
	case signIn.Status == message.SignInCanceled:
		return fmt.Sprintf("The customer did not sign in (%s).", signIn.Provider)
	case signIn.Status != message.SignInSucceeded:
		return fmt.Sprintf("The sign-in failed (%s): %s", signIn.Provider, cmp.Or(signIn.Error, "no reason was given"))
	case ending == signInDone:
		return fmt.Sprintf("The customer has signed in (%s)%s. ASAPP has their token.", signIn.Provider, named(signIn.Identity))
	case ending == signInRefused:
		return fmt.Sprintf("The customer has signed in (%s)%s, but ASAPP has no token of theirs: it cannot be had or was refused. The bridge's log tells why.",
			signIn.Provider, named(signIn.Identity))
	case ending == signInVoid:
		return fmt.Sprintf("Two people have signed in with one link (%s). It counts as no sign-in: ask for another.", signIn.Provider)
	case ending == signInWithoutToken:
		return fmt.Sprintf("The customer has signed in (%s)%s. ASAPP has no token of theirs: the bridge's configuration has neither identity nor customer_login for this connector.",
			signIn.Provider, named(signIn.Identity))
	case signIn.Identity != nil:
		return fmt.Sprintf("Somebody has opened the link and signed in (%s)%s. It is the customer only if Apple says so as well.", signIn.Provider, named(signIn.Identity))
	}
	return fmt.Sprintf("Apple says that the sign-in was done on the customer's device (%s).", signIn.Provider)
}

func named(identity *message.Identity) string {
	if identity == nil {
		return ""
	}
	for _, claim := range []string{"name", "email"} {
		if text, _ := identity.Claims[claim].(string); text != "" {
			return " as " + text
		}
	}
	return ""
}
