package flow

import (
	"context"
	"encoding/json"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/fallback"
	"bizbridge/bridge/message"
)

// Templates are the rich messages that the operator prepared by name.
type Templates interface {
	// Line reads what an agent typed: is tells whether it asks for a template. Then content is what to send, or help what
	// to show to the agent instead of sending anything. text is what to send for a line that is none, escapes undone.
	Line(text, locale string) (content message.Content, help string, is bool, failure *message.Failure)
	Unescape(text string) string
	Expand(template message.Template, locale string) (message.Content, *message.Failure)
}

// composed is a message as Apple will get it. close must be called when it is done.
type composed struct {
	parts     []part
	fallbacks []message.Fallback
	notes     []string         // for the agent
	choice    *fallback.Choice // of the first part, where that is a numbered text
	fetched   bool             // others were waited for
	close     func()
}

// part is one Apple message.
type part struct {
	id       message.ID
	request  string          // by which the customer's answer names it; "": nothing to answer
	content  message.Content // nil: a card that is left out
	files    []apple.File
	pictures map[string][]byte // PNG, by id
	card     json.RawMessage   // of an App Clip
	oauth    apple.OAuth       // of a sign-in
	payment  apple.Payment     // of a payment
	made     bool              // a card that the sender did not ask for, of a link in a text
	instead  message.Content   // of a card: what is sent where there can be none; nil: nothing
	steps    []message.Fallback
	sent     bool // Apple has it from an earlier try
}

// compose makes Apple messages out of what a sender wrote: templates are expanded, what the device cannot show becomes
// something simpler, pictures are fetched and made to fit, links become cards. Nothing is fetched for parts that Apple
// has already. A failure of class Invalid means that the content is wrong; Apple was not asked for anything then.
func (f *Flow) compose(ctx context.Context, sender Sender, out message.Outbound, half halfSent) (*composed, *message.Failure) {
	c := &composed{close: func() {}}
	content, failure := f.expandTemplate(c, out, half.device)
	if failure != nil || content == nil {
		return c, failure
	}
	if picker, ok := content.(message.TimePicker); ok {
		if content, failure = upcoming(c, picker, half.began); failure != nil {
			return c, failure
		}
	}
	legacy := false
	if request, ok := content.(message.SignInRequest); ok {
		if legacy, failure = f.askToSignIn(request, out.BusinessID, half.device); failure != nil {
			return c, failure
		}
	}
	fitted, failure := fallback.Fit(content, half.device)
	if failure != nil {
		return c, failure
	}
	c.stepDown(content, fitted)
	c.parts = plainParts(fitted.Content)
	f.addLinks(c, out.BusinessID, spoken(content))
	c.name(sender, out, half)
	if content.Kind() == message.KindSignIn {
		c.parts[0].oauth = f.SignIns.Ask(out.BusinessID, out.CustomerID, c.parts[0].request, legacy)
	}
	if failure := f.preparePictures(ctx, sender, c); failure != nil {
		return c, failure
	}
	f.completeLinks(ctx, out, c)
	if failure := f.askForPayment(ctx, out, c); failure != nil {
		return c, failure
	}
	return c, f.addFiles(ctx, sender, c)
}

func plainParts(content message.Content) []part {
	var parts []part
	for _, piece := range apple.Parts(content) {
		parts = append(parts, part{content: piece})
	}
	return parts
}

// name gives every part its ids, which follow from its place, and finds those parts that Apple has. A numbered text can be
// answered too: by a number.
func (c *composed) name(sender Sender, out message.Outbound, half halfSent) {
	for i := range c.parts {
		one := &c.parts[i]
		one.id = out.PartID(sender.Source, i)
		_, one.sent = half.accepted[one.id]
		if one.content.Kind().Interactive() || i == 0 && c.choice != nil {
			one.request = out.RequestID(sender.Source, i)
		}
	}
	if c.choice != nil {
		c.choice.RequestID = c.parts[0].request
	}
}

// told is what its sender hears of a part that was accepted.
func (p *part) told() message.Part {
	told := message.Part{ID: p.id, Status: message.StatusAccepted, RequestID: p.request}
	if p.content != nil {
		told.Kind = p.content.Kind()
	}
	return told
}

// expandTemplate puts a template's content in its place. Without content there is nothing to send: an agent asked for
// help.
func (f *Flow) expandTemplate(c *composed, out message.Outbound, device message.Device) (message.Content, *message.Failure) {
	switch content := out.Content.(type) {
	case message.Template:
		if f.Templates == nil {
			return nil, &message.Failure{Class: message.Invalid, Code: message.CodeUnknownTemplate, Reason: "no templates are configured"}
		}
		return f.Templates.Expand(content, device.Locale)
	case message.Text:
		if f.Templates == nil || out.Sender.Kind != message.SenderAgent {
			break
		}
		expanded, help, is, failure := f.Templates.Line(content.Text, device.Locale)
		if help != "" {
			c.notes = append(c.notes, help)
			return nil, nil
		}
		if is || failure != nil {
			return expanded, failure
		}
		return message.Text{Text: f.Templates.Unescape(content.Text)}, nil
	}
	return out.Content, nil
}

// upcoming leaves out the times that were past when the message was first tried: a later try must not number others.
func upcoming(c *composed, picker message.TimePicker, began time.Time) (message.Content, *message.Failure) {
	upcoming, dropped := picker.Upcoming(began)
	if len(upcoming.Appoint.Slots) == 0 {
		return nil, &message.Failure{Class: message.Invalid, Reason: "the message is not valid", Faults: []message.Fault{{
			Pointer: "/data/content/event/slots", Rule: "past", Message: "all lie in the past: the phone would show no times",
		}}}
	}
	if dropped > 0 {
		c.notes = append(c.notes, pastSlots(dropped))
	}
	return upcoming, nil
}

// addFiles opens the files of the part that has some.
func (f *Flow) addFiles(ctx context.Context, sender Sender, c *composed) *message.Failure {
	for i, part := range c.parts {
		content, ok := part.content.(message.Files)
		if !ok || part.sent {
			continue
		}
		prepared, failure := f.prepareFiles(ctx, sender.Files, content)
		if failure != nil {
			return failure
		}
		c.fetched, c.close = true, prepared.close
		c.parts[i].files = prepared.files
	}
	return nil
}

// stepDown notes what was made simpler.
func (c *composed) stepDown(content message.Content, fitted fallback.Fitted) {
	c.fallbacks, c.choice = fitted.Steps, fitted.Choice
	c.notes = append(c.notes, stepNotes(fitted.Steps)...)
	if form, ok := content.(message.Form); ok && form.Private && fitted.Content.Kind() == message.KindText {
		c.notes = append(c.notes, privateAsText)
	}
	if fitted.Choice != nil {
		c.notes = append(c.notes, fitted.Choice.Numbering())
	}
}

// stepped notes what was made simpler of one part.
func (p *part) stepped(from, to message.Kind) {
	p.steps = append(p.steps, message.Fallback{From: from, To: to, Reason: message.FallbackLimit})
}

// giveUpCard puts in the place of a card what is sent instead.
func (p *part) giveUpCard() {
	p.stepped(message.KindRichLink, message.KindText)
	p.content, p.pictures = p.instead, nil
}

// partOf bounds what can be done without: a third of the time that is left, and a second and a half.
func partOf(ctx context.Context) (context.Context, context.CancelFunc) {
	patience := 1500 * time.Millisecond
	if deadline, bounded := ctx.Deadline(); bounded {
		patience = min(patience, time.Until(deadline)/3)
	}
	return context.WithTimeout(ctx, patience)
}
