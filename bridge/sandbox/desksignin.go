package sandbox

import (
	"cmp"
	"strings"
)

// signInEvent is what the bridge tells of a sign-in: a step of it. Who somebody is and that Apple confirms it may come one
// after the other, in either order.
type signInEvent struct {
	Provider  string          `json:"provider"`
	RequestID string          `json:"request_id"`
	Status    string          `json:"status"` // succeeded, failed or canceled
	Confirmed bool            `json:"confirmed"`
	Identity  *signInIdentity `json:"identity"`
	Error     string          `json:"error"`
}

type signInIdentity struct {
	Subject string         `json:"subject"`
	Claims  map[string]any `json:"claims"`
}

const signInSucceeded = "succeeded"

// deskPerson is somebody as the desk knows them.
type deskPerson struct {
	Name          string `json:"name"` // what stands for one where there is none
	Email         string `json:"email,omitempty"`
	EmailVerified bool   `json:"email_verified,omitempty"`
	Subject       string `json:"subject"`
}

func (i *signInIdentity) person() *deskPerson {
	claim := func(name string) string {
		text, _ := i.Claims[name].(string)
		return shorten(strings.TrimSpace(text), maxLabel)
	}
	p := &deskPerson{Email: claim("email"), Subject: shorten(i.Subject, maxLabel)}
	p.EmailVerified, _ = i.Claims["email_verified"].(bool)
	full := strings.TrimSpace(claim("given_name") + " " + claim("family_name"))
	p.Name = cmp.Or(claim("name"), full, p.Email, "Somebody without a name")
	return p
}

// deskSignIn is one request to sign in, as far as the desk has heard of it.
type deskSignIn struct {
	Provider  string      `json:"provider"`
	RequestID string      `json:"request_id"`
	Status    string      `json:"status"`    // the newest
	Confirmed bool        `json:"confirmed"` // Apple said so, and the provider said who
	Person    *deskPerson `json:"person,omitempty"`
	Error     string      `json:"error,omitempty"`

	apple bool // Apple said that the customer's device did it
}

// take adds a step. Once both facts have come, the customer is signed in, and what is told after that of a bubble that was
// tapped again does not undo it.
func (d *deskSignIn) take(e *signInEvent) {
	if d.Confirmed {
		return
	}
	d.Provider = cmp.Or(e.Provider, d.Provider)
	d.Status, d.Error = e.Status, e.Error
	if e.Status != signInSucceeded {
		return
	}
	d.apple = d.apple || e.Confirmed
	if e.Identity != nil {
		d.Person = e.Identity.person()
	}
	d.Confirmed = d.apple && d.Person != nil
}

// words say how far the sign-in has come, and no more than that.
func (d *deskSignIn) words() string {
	switch {
	case d.Confirmed:
		return d.Person.Name + " signed in — confirmed by Apple"
	case d.Status == "canceled":
		return "The customer canceled the sign-in"
	case d.Status != signInSucceeded:
		return "The sign-in failed" + colon(d.Error)
	case d.Person != nil:
		return "The customer says to be " + d.Person.Name + ", not confirmed yet"
	}
	return "Apple says that the customer signed in; who they are is not known yet"
}

// receiveSignIn makes a step a line of its conversation, or alters the line of its request.
func (s *Sandbox) receiveSignIn(c *conversation, id string, e *signInEvent) {
	var line *entry
	for _, each := range c.Entries {
		if each.SignIn != nil && each.SignIn.RequestID == e.RequestID && e.RequestID != "" {
			line = each
		}
	}
	isNew := line == nil
	if isNew {
		line = &entry{ID: cmp.Or(id, newUUID()), Kind: entrySignIn, SignIn: &deskSignIn{RequestID: e.RequestID}}
	}
	line.SignIn.take(e)
	line.Text = line.SignIn.words()
	if line.SignIn.Confirmed {
		c.Person = line.SignIn.Person
	}
	c.Preview = shorten(line.Text, 80)
	if isNew {
		s.addEntry(c, line)
		return
	}
	s.publishEntry(c, line)
}
