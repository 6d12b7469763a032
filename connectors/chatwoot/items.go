package chatwoot

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strconv"
)

// The content types of Chatwoot that are more than a text.
const (
	typeSelect  = "input_select"
	typeCards   = "cards"
	typeForm    = "form"
	typeArticle = "article"
)

// contentAttributes are what a content type needs.
type contentAttributes struct {
	Items     items           `json:"items"`
	Submitted json.RawMessage `json:"submitted_values"`
}

// items are read as far as they can be: bots write them, and a message whose items make no sense is still a text.
type items []item

// UnmarshalJSON never fails.
func (list *items) UnmarshalJSON(data []byte) error {
	var each []json.RawMessage
	_ = json.Unmarshal(data, &each)
	for _, raw := range each {
		var one item
		if json.Unmarshal(raw, &one) == nil {
			*list = append(*list, one)
		}
	}
	return nil
}

// item is an option, a card, a field of a form or an article.
type item struct {
	Title       word     `json:"title"`
	Value       word     `json:"value"`
	Description word     `json:"description"`
	MediaURL    word     `json:"media_url"`
	Link        word     `json:"link"`
	Actions     []action `json:"actions"`

	Name        word   `json:"name"`
	Type        word   `json:"type"`
	Label       word   `json:"label"`
	Placeholder word   `json:"placeholder"`
	Pattern     word   `json:"pattern"`
	Required    word   `json:"required"`
	Options     []pair `json:"options"`
}

type action struct {
	Type    word `json:"type"`
	Text    word `json:"text"`
	URI     word `json:"uri"`
	Payload word `json:"payload"`
}

type pair struct {
	Label word `json:"label"`
	Value word `json:"value"`
}

// UnmarshalJSON takes an option that is nothing but a text, too.
func (p *pair) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte("{")) {
		type plain pair
		return json.Unmarshal(data, (*plain)(p))
	}
	return json.Unmarshal(data, &p.Value)
}

// word is a text for which a bot may also have written a number or a truth value.
type word string

// UnmarshalJSON takes any scalar.
func (w *word) UnmarshalJSON(data []byte) error {
	var text string
	switch {
	case json.Unmarshal(data, &text) == nil:
		*w = word(text)
	case bytes.ContainsAny(data[:1], "{["):
		*w = ""
	default:
		*w = word(data)
	}
	return nil
}

// option is one thing to choose from. Its id on the phone is its place.
type option struct {
	title, value, subtitle, picture string
}

func optionID(place int) string { return strconv.Itoa(place + 1) }

// options are what a customer can choose from: the items of a selection, or the postbacks of cards.
func options(contentType string, list items) []option {
	var found []option
	for _, each := range list {
		switch contentType {
		case typeSelect:
			found = append(found, option{title: cmp.Or(string(each.Title), string(each.Value)), value: cmp.Or(string(each.Value), string(each.Title))})
		case typeCards:
			found = append(found, each.postbacks()...)
		}
	}
	return found
}

// pageID names the page of a field of a form.
func pageID(place int) string { return "field" + strconv.Itoa(place+1) }

// postbacks are the buttons of a card that answer. A card with one of them is an option itself.
func (i item) postbacks() []option {
	var found []option
	for _, each := range i.Actions {
		if each.Type != "postback" {
			continue
		}
		found = append(found, option{
			title: cmp.Or(string(each.Text), string(i.Title)), subtitle: string(i.Title),
			value: cmp.Or(string(each.Payload), string(each.Text)), picture: string(i.MediaURL),
		})
	}
	if len(found) == 1 && i.Title != "" {
		found[0].title, found[0].subtitle = string(i.Title), string(i.Description)
	}
	return found
}

// webLink is a page that a card or an article leads to.
type webLink struct{ url, title, description, picture string }

func webLinks(contentType string, list items) []webLink {
	var found []webLink
	for _, each := range list {
		if contentType == typeArticle && each.Link != "" {
			found = append(found, webLink{string(each.Link), string(each.Title), string(each.Description), ""})
		}
		for _, button := range each.Actions {
			if contentType == typeCards && button.Type == "link" && button.URI != "" {
				found = append(found, webLink{string(button.URI), cmp.Or(string(each.Title), string(button.Text)), string(each.Description), string(each.MediaURL)})
			}
		}
	}
	return found
}
