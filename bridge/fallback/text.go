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

func optionsText(head string, choice *Choice) message.Text {
	text := head
	for i, option := range choice.Options {
		text += "\n" + strconv.Itoa(i+1) + ". " + option.Title
	}
	return message.Text{Text: text}
}

func listText(list message.ListPicker) message.Text {
	text, number := bubbleText(list.Received), 0
	for _, section := range list.Sections {
		if section.Title != "" && section.Title != list.Received.Title {
			text += "\n\n" + string(section.Title)
		}
		for _, item := range section.Items {
			number++
			text += "\n" + strconv.Itoa(number) + ". " + titled(item.Title, item.Subtitle)
		}
	}
	return message.Text{Text: text}
}

// formText shows the questions of a form. Its answers are words, which nobody can match.
func formText(form message.Form) message.Text {
	text := bubbleText(form.Received)
	for i, page := range form.Pages {
		text += "\n\n" + strconv.Itoa(i+1) + ". " + titled(page.Title, page.Subtitle)
		for _, item := range page.Items {
			text += "\n– " + string(item.Title)
		}
	}
	return message.Text{Text: text}
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
