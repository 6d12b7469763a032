package messagetest

import (
	"slices"

	"bizbridge/bridge/message"

	"pgregory.net/rapid"
)

// Form gives forms with branches in which every page can be reached and every way comes to an end. Some say nothing of
// their order, others name every next page and have their pages in any order.
func Form() *rapid.Generator[message.Form] {
	return rapid.Custom(func(t *rapid.T) message.Form {
		form := message.Form{
			Private: rapid.Bool().Draw(t, "private"), Summary: rapid.Bool().Draw(t, "summary"), Images: Images().Draw(t, "images"),
		}
		form.Received, form.Reply = bubbles(t, form.Images)
		if rapid.Bool().Draw(t, "splash") {
			form.Splash = &message.Splash{
				Header: Label().Draw(t, "header"), Text: optional(Label()).Draw(t, "text"), Button: optional(Label()).Draw(t, "button"),
				Image: imageID(form.Images).Draw(t, "splash image"),
			}
		}
		for _, id := range rapid.SliceOfNDistinct(rapid.StringMatching(`[a-zA-Z0-9_é-]{1,19}`), 1, 8, rapid.ID).Draw(t, "page ids") {
			form.Pages = append(form.Pages, page(t, id, form.Images))
		}
		lead(t, form.Pages)
		if rapid.Bool().Draw(t, "in any order") {
			reorder(t, &form)
		}
		return form
	})
}

func page(t *rapid.T, id string, images []message.Image) message.Page {
	page := message.Page{
		ID: id, Title: Label().Draw(t, "title"), Subtitle: optional(Label()).Draw(t, "subtitle"),
		Type: rapid.SampledFrom([]message.PageType{
			message.PageSelect, message.PageSelect, message.PagePicker, message.PageDatePicker, message.PageInput,
		}).Draw(t, "type"),
	}
	switch page.Type {
	case message.PageSelect:
		page.Multiple = rapid.Bool().Draw(t, "multiple")
		page.Items = formItems(t, images)
	case message.PagePicker:
		page.PickerTitle = optional(Label()).Draw(t, "picker title")
		page.Items = formItems(t, nil)
		page.Selected = rapid.SampledFrom([]string{"", page.Items[len(page.Items)-1].ID}).Draw(t, "selected")
	case message.PageDatePicker:
		page.Hint, page.Label = optional(Label()).Draw(t, "hint"), optional(Label()).Draw(t, "label")
		page.Format = rapid.SampledFrom([]string{"", "dd.MM.yyyy", "yyyy-MM-dd", "d MMM yy"}).Draw(t, "format")
		days := []string{"2030-01-01", "2030-02-24", "2031-12-31"}
		for i, day := range []*string{&page.Min, &page.Date, &page.Max} {
			*day = rapid.SampledFrom([]string{"", days[i]}).Draw(t, "day")
		}
	case message.PageInput:
		input(t, &page)
	}
	return page
}

func input(t *rapid.T, page *message.Page) {
	for _, label := range []*message.Label{&page.Hint, &page.Label, &page.Placeholder, &page.Prefix} {
		*label = optional(Label()).Draw(t, "label")
	}
	page.Required, page.Multiline = rapid.Bool().Draw(t, "required"), rapid.Bool().Draw(t, "multiline")
	page.MaxLength = rapid.IntRange(0, 10_000).Draw(t, "max length")
	page.Regex = rapid.SampledFrom([]string{"", `^[0-9]{5}$`, `^(?=.*\d).+$`}).Draw(t, "regex")
	page.Keyboard = rapid.SampledFrom([]string{"", "URL", "emailAddress", "twitter", "UIKeyboardTypeTwitter", "UIKeyboardTypeASCIICapable"}).Draw(t, "keyboard")
	page.ContentType = rapid.SampledFrom([]string{"", "emailAddress", "postalCode"}).Draw(t, "content type")
}

func formItems(t *rapid.T, images []message.Image) []message.FormItem {
	var items []message.FormItem
	for _, id := range ids(1, 5).Draw(t, "item ids") {
		items = append(items, message.FormItem{
			ID: id, Title: Label().Draw(t, "item"), Value: optional(itemValue()).Draw(t, "value"), Image: imageID(images).Draw(t, "item image"),
		})
	}
	return items
}

func itemValue() *rapid.Generator[string] { return rapid.StringN(0, 60, 256) }

// lead draws the ways through the pages. They lead forward only, so none is a circle, and from every page to the one
// behind it unless that can be reached already.
func lead(t *rapid.T, pages []message.Page) {
	reached := make([]bool, len(pages)+1)
	for i := range pages[:len(pages)-1] {
		page, later := &pages[i], pages[i+1:]
		free := reached[i+1]
		if free && rapid.Bool().Draw(t, "submits") {
			page.Submit = new(bool)
			*page.Submit = true
			continue
		}
		target := func() int {
			if !free {
				free = true
				return 0
			}
			return rapid.IntRange(0, len(later)-1).Draw(t, "target")
		}
		place := target()
		reached[i+1+place] = true
		if place > 0 || rapid.Bool().Draw(t, "named") {
			page.Next = later[place].ID
		}
		if page.Type != message.PageSelect || page.Multiple {
			continue
		}
		for j := range page.Items[1:] { // the first goes on with the page's next
			if rapid.Bool().Draw(t, "branch") {
				place := target()
				page.Items[j+1].Next = later[place].ID
				reached[i+1+place] = true
			}
		}
	}
	if rapid.Bool().Draw(t, "last submits") {
		submit := true
		pages[len(pages)-1].Submit = &submit
	}
}

// reorder makes every step explicit, and changes the order of the pages.
func reorder(t *rapid.T, form *message.Form) {
	pages := slices.Clone(form.Pages)
	form.Start = pages[0].ID
	for i := range pages {
		pages[i].Next = form.NextOf(i)
		submits := form.Submits(i)
		pages[i].Submit = &submits
	}
	form.Pages = rapid.Permutation(pages).Draw(t, "order")
}
