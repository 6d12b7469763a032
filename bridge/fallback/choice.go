package fallback

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"bizbridge/bridge/message"
)

// Choice is what a numbered text offers. Where the helpdesk can keep it beside the conversation, the customer's "2"
// becomes the answer that a tap would have been.
type Choice struct {
	RequestID string              `json:"request_id"`
	Kind      message.ReplyKind   `json:"kind"`
	Multiple  bool                `json:"multiple,omitempty"` // several may be chosen
	Options   []message.Selection `json:"options"`
}

// Numbering tells an agent what the numbers mean.
func (c Choice) Numbering() string {
	var text strings.Builder
	text.WriteString("The customer sees numbers:")
	for i, option := range c.Options {
		text.WriteString("\n" + strconv.Itoa(i+1) + " = " + option.Title + " (" + option.ID + ")")
	}
	return text.String()
}

func quickChoice(quick message.QuickReply) *Choice {
	choice := &Choice{Kind: message.ReplyQuickReply}
	for _, option := range quick.Options {
		choice.Options = append(choice.Options, message.Selection{ID: option.ID, Title: string(option.Title)})
	}
	return choice
}

func listChoice(list message.ListPicker) *Choice {
	choice := &Choice{Kind: message.ReplyListPicker}
	for _, section := range list.Sections {
		choice.Multiple = choice.Multiple || section.Multiple || len(list.Sections) > 1
		for _, item := range section.Items {
			choice.Options = append(choice.Options, message.Selection{ID: item.ID, Title: string(item.Title), Subtitle: string(item.Subtitle)})
		}
	}
	return choice
}

func timeChoice(picker message.TimePicker) *Choice {
	choice := &Choice{Kind: message.ReplyTimePicker}
	for _, slot := range picker.Appoint.Slots {
		start := slot.Start.UTC()
		choice.Options = append(choice.Options, message.Selection{
			ID: slot.ID, Title: slotText(slot, picker.Appoint.Zone()), Start: &start, Duration: slot.Duration,
		})
	}
	return choice
}

// formChoice is for a form of one page with choices.
func formChoice(form message.Form) *Choice {
	page := form.Pages[0]
	choice := &Choice{Kind: message.ReplyForm, Multiple: page.Multiple}
	for _, item := range page.Items {
		value := item.Value
		if value == "" {
			value = item.ID
		}
		choice.Options = append(choice.Options, message.Selection{
			ID: item.ID, Title: string(item.Title), Value: value, Page: page.ID, Subtitle: string(page.Title),
		})
	}
	return choice
}

// Reply is the answer that a text stands for: a number of the list, or the very words of an option. ok is false for every
// other text, and for what would be both: the number of one option and the words of another.
func (c Choice) Reply(text string) (reply message.Reply, ok bool) {
	named, chosen := c.named(text), c.numbers(text)
	switch {
	case len(chosen) == 0 && len(named) != 1:
		return message.Reply{}, false
	case len(chosen) == 0:
		chosen = named
	case slices.ContainsFunc(named, func(option message.Selection) bool { return len(chosen) > 1 || option.ID != chosen[0].ID }):
		return message.Reply{}, false
	}
	reply = message.Reply{Kind: c.Kind, RequestID: c.RequestID, Selections: chosen, Title: chosen[0].Title}
	for _, selection := range chosen[1:] {
		reply.Title += ", " + selection.Title
	}
	return reply, true
}

// named finds the options with this title.
func (c Choice) named(text string) []message.Selection {
	var found []message.Selection
	for _, option := range c.Options {
		if strings.EqualFold(strings.TrimSpace(text), option.Title) {
			found = append(found, option)
		}
	}
	return found
}

// numbers reads "2", "2." or "#2", and "1, 3" where several may be chosen, in the digits of any script. All of it has to be
// numbers of the list.
func (c Choice) numbers(text string) []message.Selection {
	words := strings.FieldsFunc(strings.Map(western, text), func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",;+&、،，；", r) })
	if len(words) > len(c.Options) || len(words) > 1 && !c.Multiple {
		return nil
	}
	var chosen []message.Selection
	seen := make(map[int]bool)
	for _, word := range words {
		number, err := strconv.Atoi(strings.TrimRight(strings.TrimLeft(word, "#(（＃"), ".)．）。"))
		if err != nil || number < 1 || number > len(c.Options) || seen[number] {
			return nil
		}
		seen[number] = true
		chosen = append(chosen, c.Options[number-1])
	}
	return chosen
}

// western gives the digits of all scripts as 0 to 9, and takes away what makes an emoji of a digit.
func western(r rune) rune {
	switch {
	case r == '\uFE0F' || r == '\u20E3': // the emoji's form, the key around it
		return -1
	case r <= unicode.MaxASCII:
		return r
	}
	for _, block := range unicode.Nd.R16 { // each begins with a zero
		if rune(block.Lo) <= r && r <= rune(block.Hi) {
			return '0' + (r-rune(block.Lo))%10
		}
	}
	for _, block := range unicode.Nd.R32 {
		if rune(block.Lo) <= r && r <= rune(block.Hi) {
			return '0' + (r-rune(block.Lo))%10
		}
	}
	return r
}
