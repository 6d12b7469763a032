package fallback

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"bizbridge/bridge/message"
)

// lines joins what is there, and says nothing twice.
func lines(texts ...string) string {
	var said []string
	for _, text := range texts {
		if text != "" && !slices.Contains(said, text) {
			said = append(said, text)
		}
	}
	return strings.Join(said, "\n")
}

// titled is "title – subtitle", or either.
func titled(title, subtitle message.Label) string {
	if title == "" || subtitle == "" {
		return string(title + subtitle)
	}
	return string(title) + " – " + string(subtitle)
}

func bubbleText(bubble message.Bubble) string {
	return lines(string(bubble.Title), string(bubble.Subtitle))
}

// MaxText is the longest text that stands for something else, in characters: three of Apple's messages. Nobody reads more
// on a watch, and one content must not become hundreds of messages.
const MaxText = 3 * 3000

// tooLong is why a content is not sent at all.
func tooLong(kind message.Kind) *message.Failure {
	one := strings.ReplaceAll(string(kind), "_", " ")
	several := one + "s"
	if kind == message.KindQuickReply {
		several = "quick replies"
	}
	reason := "this device shows no " + several + ", and the " + one + " is too long to be sent as a text"
	return &message.Failure{Class: message.Invalid, Code: message.CodeUnsupported, Reason: reason, Faults: []message.Fault{{
		Pointer: "/data/content", Rule: string(message.CodeUnsupported), Message: reason,
	}}}
}

// writeNumbered adds a line of a numbered list.
func writeNumbered(text *strings.Builder, number int, words string) {
	text.WriteString("\n" + strconv.Itoa(number) + ". " + words)
}

func optionsText(head string, choice *Choice) message.Text {
	var text strings.Builder
	text.WriteString(head)
	for i, option := range choice.Options {
		writeNumbered(&text, i+1, option.Title)
	}
	return message.Text{Text: text.String()}
}

func listText(list message.ListPicker) message.Text {
	var text strings.Builder
	text.WriteString(bubbleText(list.Received))
	number := 0
	for _, section := range list.Sections {
		if section.Title != "" && section.Title != list.Received.Title {
			text.WriteString("\n\n" + string(section.Title))
		}
		for _, item := range section.Items {
			number++
			writeNumbered(&text, number, titled(item.Title, item.Subtitle))
		}
	}
	return message.Text{Text: text.String()}
}

// formText shows the questions of a form. Its answers are words, which nobody can match.
func formText(form message.Form) message.Text {
	var text strings.Builder
	text.WriteString(bubbleText(form.Received))
	for i, page := range form.Pages {
		text.WriteString("\n")
		writeNumbered(&text, i+1, titled(page.Title, page.Subtitle))
		for _, item := range page.Items {
			text.WriteString("\n– " + string(item.Title))
		}
	}
	return message.Text{Text: text.String()}
}

func timesText(picker message.TimePicker, choice *Choice) message.Text {
	zone := picker.Appoint.Timezone
	if zone == "" {
		zone = "GMT" // the zone of the device is not known here
	}
	var place message.Label
	if picker.Appoint.Location != nil {
		place = picker.Appoint.Location.Title
	}
	head := lines(string(picker.Received.Title), string(picker.Received.Subtitle), string(picker.Appoint.Title), string(place), zone)
	return optionsText(head, choice)
}

// slotText is the same in every language.
func slotText(slot message.Slot, zone *time.Location) string {
	start := slot.Start.In(zone)
	text := start.Format("2006-01-02 15:04")
	if slot.Duration == 0 {
		return text
	}
	end := start.Add(time.Duration(slot.Duration) * time.Second)
	if end.Format(time.DateOnly) == start.Format(time.DateOnly) {
		return text + "–" + end.Format("15:04")
	}
	return text + " – " + end.Format("2006-01-02 15:04")
}
