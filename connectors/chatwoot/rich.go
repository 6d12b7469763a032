package chatwoot

import (
	"cmp"
	"regexp"
	"strings"
	"unicode/utf8"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// rich makes what Apple shows of a content type: cards of links, and a question. titled tells that the text stands in the
// question and needs no message of its own. Where a question, or all the links, cannot be shown, words for them are to follow the text.
func rich(contentType, text string, list items) (contents []message.Content, titled bool, words string) {
	var more []string // links for which there are too many cards
	for place, each := range webLinks(contentType, list) {
		if place < maxLinkCards {
			contents = append(contents, each.content())
			continue
		}
		more = append(more, strings.TrimPrefix(each.title+": "+each.url, ": "))
	}
	words = strings.Join(more, "\n")
	var question message.Content
	switch contentType {
	case typeSelect, typeCards:
		question = choice(text, options(contentType, list))
	case typeForm:
		question = form(text, list)
	}
	switch {
	case question == nil:
		return contents, false, words
	case !connectors.Sound(question):
		return contents, false, join(plain(contentType, list), words)
	}
	return append(contents, question), utf8.RuneCountInString(text) <= message.MaxLabel, words
}

// maxLinkCards is how many links become cards: each is a message of its own, and all have to be sent before Chatwoot stops
// waiting.
const maxLinkCards = 5

func (l webLink) content() message.Content {
	card := message.RichLink{URL: l.url, Title: message.CutLabel(l.title)}
	if l.picture != "" {
		card.Image = &message.Asset{URL: l.picture}
		if !connectors.Sound(card) {
			card.Image = nil
		}
	}
	if connectors.Sound(card) {
		return card
	}
	return message.Text{Text: join(l.title, l.description, l.url)}
}

// pleaseChoose and pleaseFill stand where Apple wants words and the message has none.
const (
	pleaseChoose = "Please choose"
	pleaseFill   = "Please fill in"
)

// choice asks with buttons, where there are few options with nothing but a title, else with a list.
func choice(text string, list []option) message.Content {
	prompt := cmp.Or(message.CutLabel(text), pleaseChoose)
	plain := true
	for _, each := range list {
		plain = plain && each.subtitle == "" && each.picture == ""
	}
	if len(list) == 0 {
		return nil
	}
	if plain && len(list) >= 2 && len(list) <= message.MaxOptions {
		quick := message.QuickReply{Prompt: prompt}
		for place, each := range list {
			quick.Options = append(quick.Options, message.Option{ID: optionID(place), Title: message.CutLabel(each.title)})
		}
		return quick
	}
	picker := message.ListPicker{Received: message.Bubble{Title: prompt}, Sections: []message.Section{{}}}
	for place, each := range list {
		line := message.Item{ID: optionID(place), Title: message.CutLabel(each.title), Subtitle: message.CutLabel(each.subtitle)}
		if each.picture != "" {
			line.Image = line.ID
			picker.Images = append(picker.Images, message.Image{ID: line.ID, URL: each.picture, Description: line.Title})
		}
		picker.Sections[0].Items = append(picker.Sections[0].Items, line)
	}
	if !connectors.Sound(picker) { // a picture may have an address that cannot be fetched
		picker.Images = nil
		for i := range picker.Sections[0].Items {
			picker.Sections[0].Items[i].Image = ""
		}
	}
	return picker
}

// form asks for each field on a page of its own.
func form(text string, list items) message.Content {
	asked := message.Form{Received: message.Bubble{Title: cmp.Or(message.CutLabel(text), pleaseFill)}, Summary: len(list) > 1}
	for place, each := range list {
		asked.Pages = append(asked.Pages, each.page(place))
	}
	if len(asked.Pages) == 0 {
		return nil
	}
	return asked
}

func (i item) page(place int) message.Page {
	page := message.Page{
		ID: pageID(place), Type: message.PageInput, Title: cmp.Or(message.CutLabel(cmp.Or(string(i.Label), string(i.Name))), message.Label(pageID(place))),
		Placeholder: message.CutLabel(string(i.Placeholder)), Required: i.Required == "true" || i.Required == "required",
	}
	switch i.Type {
	case "email":
		page.Keyboard, page.ContentType, page.MaxLength = "emailAddress", "emailAddress", 254
	case "tel", "phone":
		page.Keyboard, page.ContentType = "phonePad", "telephoneNumber"
	case "number":
		page.Keyboard = "decimalPad"
	case "url":
		page.Keyboard, page.MaxLength = "URL", 300
	case "text_area", "textarea":
		page.Multiline = true
	case "date":
		page.Type, page.Format, page.Placeholder, page.Required = message.PageDatePicker, "yyyy-MM-dd", "", false
	case "select":
		if len(i.Options) > 0 {
			return message.Page{ID: page.ID, Type: message.PageSelect, Title: page.Title, Items: formItems(i.Options)}
		}
	}
	if pattern := string(i.Pattern); page.Type == message.PageInput && pattern != "" {
		if _, err := regexp.Compile(pattern); err == nil && len(pattern) <= 500 {
			page.Regex = pattern
		}
	}
	return page
}

func formItems(list []pair) []message.FormItem {
	var items []message.FormItem
	for place, each := range list {
		items = append(items, message.FormItem{
			ID: optionID(place), Title: message.CutLabel(cmp.Or(string(each.Label), string(each.Value))), Value: string(each.Value),
		})
	}
	return items
}

// plain is the text of what Apple cannot show.
func plain(contentType string, list items) string {
	var lines []string
	for _, each := range options(contentType, list) {
		lines = append(lines, "- "+each.title)
	}
	if contentType == typeForm {
		for _, each := range list {
			lines = append(lines, "- "+cmp.Or(string(each.Label), string(each.Name)))
		}
	}
	return strings.Join(lines, "\n")
}
