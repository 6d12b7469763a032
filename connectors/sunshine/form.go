package sunshine

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"bizbridge/bridge/message"
)

// field is one question of a form.
type field struct {
	Type        string `json:"type"`
	Name        string `json:"name"`
	Label       string `json:"label"`
	Placeholder string `json:"placeholder"`
	Format      string `json:"format"` // of text: integer or decimal
	MaxSize     int    `json:"maxSize"`
	SelectSize  int    `json:"selectSize"` // how many options may be chosen
	Options     []struct {
		Name  string `json:"name"`
		Label string `json:"label"`
	} `json:"options"`
}

// The types of fields.
const (
	fieldText   = "text"
	fieldEmail  = "email"
	fieldSelect = "select"
)

const (
	maxPageID    = 19  // characters of a page's id
	usualMaxSize = 128 // characters of an answer where the field does not say
)

// formPage is a field as a page of Apple's form.
type formPage struct {
	page message.Page
	name string
}

// form asks what a form asks, page by page.
func (c *Connector) form(words string, m content) []message.Content {
	pages := m.pages()
	if len(pages) == 0 {
		return said(words)
	}
	before, title := promptOf(words)
	if title == "" {
		title = message.CutLabel(c.settings.FormTitle)
	}
	form := message.Form{Received: message.Bubble{Title: title}}
	for _, one := range pages {
		form.Pages = append(form.Pages, one.page)
	}
	return append(said(before), form)
}

// pages are the fields that can be asked.
func (m content) pages() []formPage {
	var pages []formPage
	seen := make(map[string]bool)
	for i, one := range m.Fields {
		page := message.Page{ID: one.Name, Type: message.PageInput, Title: message.CutLabel(one.Label), Required: true, MaxLength: one.MaxSize}
		if !usableID(page.ID) || utf8.RuneCountInString(page.ID) > maxPageID || seen[page.ID] {
			page.ID = fmt.Sprintf("field-%d", i+1)
		}
		if page.Title == "" || seen[page.ID] {
			continue
		}
		if one.fill(&page); page.Type == message.PageSelect && len(page.Items) == 0 {
			continue
		}
		seen[page.ID] = true
		pages = append(pages, formPage{page, one.Name})
	}
	return pages
}

func (f field) fill(page *message.Page) {
	if page.MaxLength <= 0 || page.MaxLength > 256 {
		page.MaxLength = usualMaxSize
	}
	page.Placeholder = message.CutLabel(f.Placeholder)
	switch f.Type {
	case fieldEmail:
		page.Keyboard, page.ContentType = "emailAddress", "emailAddress"
	case fieldSelect:
		*page = message.Page{ID: page.ID, Type: message.PageSelect, Title: page.Title, Multiple: f.SelectSize > 1}
		seen := make(map[string]bool)
		for i, option := range f.Options {
			item := message.FormItem{ID: option.Name, Title: message.CutLabel(option.Label), Value: strings.TrimSpace(option.Name)}
			if !usableID(item.ID) || seen[item.ID] {
				item.ID = fmt.Sprintf("option-%d", i+1)
			}
			if item.Title == "" || seen[item.ID] {
				continue
			}
			seen[item.ID] = true
			page.Items = append(page.Items, item)
		}
	case fieldText:
		switch f.Format {
		case "integer":
			page.Keyboard = "numberPad"
		case "decimal":
			page.Keyboard = "decimalPad"
		}
	}
}
