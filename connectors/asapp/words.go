package asapp

import (
	"cmp"
	"fmt"
	"strings"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// said is what the customer said, in one message or more; nil where they said nothing. ASAPP shows texts only.
func said(event message.Event) []string {
	data := event.Data
	var text string
	switch event.Type {
	case message.EventReceived:
		text = connectors.Words(data)
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

// signInNotice says no more than is proven: a link that was passed on makes somebody else sign in.
func signInNotice(signIn message.SignIn, ending signInEnding) string {
	who := connectors.Named(signIn.Identity)
	switch {
	case signIn.Status != message.SignInSucceeded:
	case ending == signInDone:
		return fmt.Sprintf("The customer has signed in (%s)%s. ASAPP has their token.", signIn.Provider, who)
	case ending == signInRefused:
		return fmt.Sprintf("The customer has signed in (%s)%s, but ASAPP has no token of theirs: it cannot be had or was refused. The bridge's log tells why.", signIn.Provider, who)
	case ending == signInVoid:
		return fmt.Sprintf("Two people have signed in with one link (%s). It counts as no sign-in: ask for another.", signIn.Provider)
	case ending == signInWithoutToken:
		return fmt.Sprintf("The customer has signed in (%s)%s. ASAPP has no token of theirs: the bridge's configuration has neither identity nor customer_login for this connector.",
			signIn.Provider, who)
	}
	signIn.Confirmed = false // by itself: what is confirmed has an ending
	return connectors.Notice(message.Event{Type: message.EventSignIn, Data: message.Data{SignIn: &signIn}})
}
