package sunshine

import (
	"fmt"
	"strings"
	"unicode"

	"bizbridge/bridge/message"
)

// choice is something to choose, and the button behind it.
type choice struct {
	id     string // what the phone gives back: the payload where it can be
	title  string
	under  string // below the title
	action action
	card   *card // nil: a button of the message itself
}

// choices are the buttons of a content that are answered, in their order: those of the items, then those of the message.
func (m content) choices() []choice {
	var list []choice
	for i := range m.Items {
		item := &m.Items[i]
		buttons := answerable(item.Actions)
		for _, one := range buttons {
			made := choice{title: item.Title, under: item.Description, action: one, card: item}
			if len(buttons) > 1 {
				made.title, made.under = one.Text, item.Title
			}
			list = append(list, made)
		}
	}
	for _, one := range answerable(m.Actions) {
		list = append(list, choice{title: one.Text, action: one})
	}
	seen := make(map[string]bool)
	for i := range list {
		id := list[i].action.Payload
		for n := i + 1; !usableID(id) || seen[id]; n += len(list) {
			id = fmt.Sprintf("choice-%d", n)
		}
		seen[id], list[i].id = true, id
	}
	return list
}

func answerable(actions []action) []action {
	var list []action
	for _, one := range actions {
		if (one.Type == actionReply || one.Type == actionPostback) && message.CutLabel(one.Text) != "" {
			list = append(list, one)
		}
	}
	return list
}

// usableID tells whether the bridge takes a text as an id: at most 256 bytes, nothing invisible, no space around it.
func usableID(text string) bool {
	return text != "" && len(text) <= 256 && strings.TrimSpace(text) == text && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// listPicker shows choices with the pictures of their cards.
func listPicker(title message.Label, choices []choice) message.ListPicker {
	picker := message.ListPicker{Received: message.Bubble{Title: title}, Sections: []message.Section{{}}}
	pictures := make(map[string]string) // ids by address
	for _, one := range choices {
		item := message.Item{ID: one.id, Title: message.CutLabel(one.title), Subtitle: message.CutLabel(one.under)}
		if one.card != nil && webURL(one.card.MediaURL) {
			item.Image = pictures[one.card.MediaURL]
			if item.Image == "" {
				item.Image = fmt.Sprintf("picture-%d", len(pictures)+1)
				pictures[one.card.MediaURL] = item.Image
				picker.Images = append(picker.Images, message.Image{ID: item.Image, URL: one.card.MediaURL, Description: message.CutLabel(one.card.AltText)})
			}
			if one.card.Size == "large" {
				item.Style = message.StyleLarge
			}
		}
		picker.Sections[0].Items = append(picker.Sections[0].Items, item)
	}
	return picker
}
