// Package fallback finds the best way to show a message on a device that cannot show it as it is (protocol §2.5 and
// §4.5–§4.12). Nothing degrades in silence: every step is told.
//
//	form ─▶ list picker ─▶ quick reply ─▶ numbered text
//	time picker ─▶ numbered text      app ─▶ rich link, else text
//
// The answers to a private form must not stand in the conversation, as those to a list do: it becomes a text at once.
package fallback

import (
	"strings"
	"unicode/utf8"

	"bizbridge/bridge/message"
)

// Kind of what is no content of its own, in [message.Fallback].
const (
	KindAppClip message.Kind = "app_clip" // Apple's card of an App Clip
	KindLink    message.Kind = "link"     // a link to a file that was too large to upload
)

// Fitted is what is sent instead of a content, or the content itself.
type Fitted struct {
	Content message.Content
	Steps   []message.Fallback
	// Choice is what the customer can answer by a number; nil where nothing was numbered.
	Choice *Choice
}

// Fit finds what the device can show. A device of which nothing is known gets the content as it is. A failure tells that
// the device shows nothing of the kind, and that a text would be too long.
func Fit(content message.Content, device message.Device) (Fitted, *message.Failure) {
	fitted := Fitted{Content: content}
	if quick, ok := content.(message.QuickReply); ok && len(quick.Options) > message.MaxOptions {
		fitted.step(asList(quick), message.FallbackLimit)
	}
	switch shows(fitted.Content.Kind(), device) {
	case unknown:
		fitted.step(fitted.Content, message.FallbackUnknownDevice)
	case no:
		for _, rung := range ladder(fitted.Content) {
			if !Shows(rung.content.Kind(), device) {
				continue
			}
			if text, ok := rung.content.(message.Text); ok && utf8.RuneCountInString(text.Text) > MaxText {
				return Fitted{}, tooLong(content.Kind())
			}
			fitted.step(rung.content, message.FallbackDevice)
			fitted.Choice = rung.choice
			break
		}
	}
	return fitted, nil
}

func (f *Fitted) step(to message.Content, reason message.FallbackReason) {
	f.Steps = append(f.Steps, message.Fallback{From: f.Content.Kind(), To: to.Kind(), Reason: reason})
	f.Content = to
}

type answer int

const (
	yes answer = iota
	no
	unknown
)

// needed is the capability that a kind asks for. Apps need none: they are for iPhones and iPads.
var needed = map[message.Kind]message.Capability{
	message.KindQuickReply: message.CapabilityQuickReply,
	message.KindListPicker: message.CapabilityList,
	message.KindTimePicker: message.CapabilityTime,
	message.KindForm:       message.CapabilityForm,
}

// Shows tells whether a device that tells what it can is known to show a kind.
func Shows(kind message.Kind, device message.Device) bool { return shows(kind, device) == yes }

func shows(kind message.Kind, device message.Device) answer {
	if kind == message.KindApp {
		return showsApps(device)
	}
	capability, asked := needed[kind]
	switch {
	case !asked || device.Has(capability):
		return yes
	case device.Capabilities == nil:
		return unknown
	}
	return no
}

func showsApps(device message.Device) answer {
	agent := strings.ToLower(device.Agent)
	switch {
	case agent == "":
		return unknown
	case strings.Contains(agent, "iphone"), strings.Contains(agent, "ipad"), strings.Contains(agent, "ios"):
		return yes
	}
	return no
}

// rung is one way to show something more simply.
type rung struct {
	content message.Content
	choice  *Choice // of a numbered text
}

// ladder lists what can stand for a content, the best first. It ends with what every device shows.
func ladder(content message.Content) []rung {
	switch content := content.(type) {
	case message.Form:
		list, ok := formAsList(content)
		if !ok {
			return []rung{{content: formText(content)}}
		}
		if content.Private {
			return []rung{{listText(list), formChoice(content)}}
		}
		return append([]rung{{content: list}}, belowList(list, formChoice(content))...)
	case message.ListPicker:
		return belowList(content, listChoice(content))
	case message.QuickReply:
		choice := quickChoice(content)
		return []rung{{content: asList(content)}, {optionsText(string(content.Prompt), choice), choice}}
	case message.TimePicker:
		choice := timeChoice(content)
		return []rung{{timesText(content, choice), choice}}
	case message.App:
		return []rung{{content: appLink(content)}}
	}
	return nil
}

func belowList(list message.ListPicker, choice *Choice) []rung {
	var rungs []rung
	if quick, ok := asQuickReply(list); ok {
		rungs = append(rungs, rung{content: quick})
	}
	return append(rungs, rung{listText(list), choice})
}

func asList(quick message.QuickReply) message.ListPicker {
	section := message.Section{Title: quick.Prompt}
	for _, option := range quick.Options {
		section.Items = append(section.Items, message.Item{ID: option.ID, Title: option.Title})
	}
	return message.ListPicker{Received: message.Bubble{Title: quick.Prompt}, Sections: []message.Section{section}}
}

// asQuickReply makes buttons of a short list of which one item may be chosen, where all of its words find room.
func asQuickReply(list message.ListPicker) (quick message.QuickReply, ok bool) {
	if len(list.Sections) != 1 || list.Sections[0].Multiple || len(list.Sections[0].Items) < 2 || len(list.Sections[0].Items) > message.MaxOptions {
		return quick, false
	}
	section, received := list.Sections[0], list.Received
	prompt := strings.ReplaceAll(lines(string(received.Title), string(received.Subtitle), string(section.Title)), "\n", " – ")
	quick.Prompt, ok = message.Label(prompt), fits(prompt)
	for _, item := range section.Items {
		title := titled(item.Title, item.Subtitle)
		quick.Options = append(quick.Options, message.Option{ID: item.ID, Title: message.Label(title)})
		ok = ok && fits(title)
	}
	return quick, ok
}

func fits(label string) bool { return utf8.RuneCountInString(label) <= message.MaxLabel }

// formAsList makes a list of a form that asks one question with choices.
func formAsList(form message.Form) (message.ListPicker, bool) {
	if len(form.Pages) != 1 || (form.Pages[0].Type != message.PageSelect && form.Pages[0].Type != message.PagePicker) {
		return message.ListPicker{}, false
	}
	page := form.Pages[0]
	section := message.Section{Title: page.Title, Multiple: page.Multiple}
	for _, item := range page.Items {
		section.Items = append(section.Items, message.Item{ID: item.ID, Title: item.Title, Image: item.Image})
	}
	return message.ListPicker{Received: form.Received, Reply: form.Reply, Sections: []message.Section{section}, Images: form.Images}, true
}

// appLink is what a device without iMessage apps can do: open a page.
func appLink(app message.App) message.Content {
	if app.Link != "" {
		return message.RichLink{URL: app.Link, Title: app.Received.Title}
	}
	return message.Text{Text: lines(bubbleText(app.Received), string(app.AppName))}
}
