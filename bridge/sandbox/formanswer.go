package sandbox

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// pageAnswer is what the customer did on a page of a form.
type pageAnswer struct {
	Page  string   `json:"page"`
	Items []string `json:"items"`
	Value string   `json:"value"`
}

// answerForm walks through the pages, each leading to the next, until one submits.
func answerForm(data content, choice answerChoice, now time.Time, r *reply) error {
	form := data.object("dynamic")
	inner := form.object("data")
	pages := map[string]content{}
	for _, page := range inner.objects("pages") {
		pages[page.str("pageIdentifier")] = page
	}
	selections, visited := []any{}, map[string]bool{}
	id := inner.str("startPageIdentifier")
	for step := 0; ; step++ {
		if visited[id] {
			return badRequest(fmt.Sprintf("the page %q comes twice: answers go through a form once", id))
		}
		visited[id] = true
		page := pages[id]
		given := pageAnswer{Page: id}
		switch {
		case !choice.given:
			given = firstAnswer(page, now)
		case step == len(choice.Pages):
			return badRequest(fmt.Sprintf("answer.pages ends too early: the page %q follows", id))
		default:
			given = choice.Pages[step]
		}
		if given.Page != id {
			return badRequest(fmt.Sprintf("answer.pages[%d].page is %q, but the page %q follows", step, shorten(given.Page, 40), id))
		}
		items, next, err := fillPage(page, given)
		if err != nil {
			return badRequest(fmt.Sprintf("answer.pages[%d], the page %q: %v", step, id, err))
		}
		selection := page.only("pageIdentifier", "title", "subtitle")
		selection["items"] = items
		selections = append(selections, selection)
		if page["submitForm"] == true {
			if choice.given && len(choice.Pages) > step+1 {
				return badRequest(fmt.Sprintf("answer.pages goes on after the page %q, which submits", id))
			}
			break
		}
		id = next
	}
	answered := map[string]any{"template": form["template"], "version": form["version"], "selections": selections}
	if inner["private"] == true {
		answered["private"], r.private = true, true
	}
	r.data["dynamic"] = answered
	return nil
}

// fillPage checks one page's answer, and tells what the form answers with and which page follows.
func fillPage(page content, given pageAnswer) (items []any, next string, err error) {
	next = page.str("nextPageIdentifier")
	switch kind := page.str("type"); kind {
	case "select", "picker":
		if given.Value != "" {
			return nil, "", fmt.Errorf("it takes items, not a value")
		}
		chosen, err := chosenItems(page, given.Items)
		if err != nil {
			return nil, "", err
		}
		for _, item := range chosen {
			items = append(items, item.only("identifier", "title", "value"))
			next = first(item.str("nextPageIdentifier"), next)
		}
		return items, next, nil
	case "datePicker":
		given.Value, err = datedValue(page.object("options"), given.Value)
	default:
		err = checkValue(page.object("options"), given.Value)
	}
	if err == nil && len(given.Items) > 0 {
		err = fmt.Errorf("it takes a value, not items")
	}
	return []any{map[string]any{"value": given.Value}}, next, err
}

func chosenItems(page content, ids []string) (chosen []content, err error) {
	items := page.objects("items")
	multiple, _ := page["multipleSelection"].(bool)
	switch {
	case len(ids) == 0:
		return nil, fmt.Errorf("nothing is chosen")
	case len(ids) > 1 && (!multiple || page.str("type") == "picker"):
		return nil, fmt.Errorf("one item only can be chosen")
	}
	for _, item := range items { // in the order of the page, whatever the order of the choice
		if slices.Contains(ids, item.str("identifier")) {
			chosen = append(chosen, item)
		}
	}
	if len(chosen) != len(ids) {
		return nil, fmt.Errorf("an item is not there, or chosen twice")
	}
	return chosen, nil
}

// datedValue wants a date within bounds. It may also be given as 2030-02-24, as browsers' fields do.
func datedValue(options content, value string) (string, error) {
	format := dateFormatOf(options.str("dateFormat"))
	layout, _ := dateLayout(format) // was checked when it came
	date, err := time.Parse(layout, value)
	if err != nil {
		date, err = time.Parse(time.DateOnly, value)
	}
	if err != nil {
		return "", fmt.Errorf("%q is not a date in the format %s", shorten(value, 40), format)
	}
	if least, err := time.Parse(layout, options.str("minimumDate")); err == nil && date.Before(least) {
		return "", fmt.Errorf("the date is before %s", options.str("minimumDate"))
	}
	if most, err := time.Parse(layout, options.str("maximumDate")); err == nil && date.After(most) {
		return "", fmt.Errorf("the date is after %s", options.str("maximumDate"))
	}
	return date.Format(layout), nil
}

// checkValue does as the keyboard of a device would. A pattern that only Apple's dialect knows is not applied.
func checkValue(options content, value string) error {
	limit, multiline := singleLineSize, options.str("inputType") == "multiline"
	if multiline {
		limit = multiLineSize
	}
	if number, ok := options["maximumCharacterCount"].(json.Number); ok {
		given, _ := number.Int64()
		limit = int(given)
	}
	switch n := utf8.RuneCountInString(value); {
	case strings.TrimSpace(value) == "" && options["required"] == true:
		return fmt.Errorf("a value is required")
	case n > limit:
		return fmt.Errorf("the value has %d characters, of at most %d", n, limit)
	case !multiline && strings.ContainsAny(value, "\r\n"):
		return fmt.Errorf("the value has several lines where one is possible")
	}
	pattern, err := regexp.Compile(`\A(?:` + options.str("regex") + `)\z`)
	if value != "" && options.str("regex") != "" && err == nil && !pattern.MatchString(value) {
		return fmt.Errorf("the value does not match the pattern %s", shorten(options.str("regex"), 80))
	}
	return nil
}

// guesses are values for fields that want one, where nobody types.
var guesses = []string{"", "Hello", "12345", "a@example.com", "+15555550100", "A", "1", "https://www.example.com/"}

// firstAnswer is the first thing that a page takes.
func firstAnswer(page content, now time.Time) pageAnswer {
	given, options := pageAnswer{Page: page.str("pageIdentifier")}, page.object("options")
	switch page.str("type") {
	case "select", "picker":
		at := 0
		if selected, ok := page["selectedItemIndex"].(json.Number); ok {
			index, _ := selected.Int64()
			at = int(index)
		}
		given.Items = []string{page.objects("items")[at].str("identifier")}
	case "datePicker":
		for _, name := range []string{"startDate", "minimumDate", "maximumDate"} {
			given.Value = first(given.Value, options.str(name))
		}
		given.Value = first(given.Value, now.UTC().Format(time.DateOnly))
	default:
		if i := slices.IndexFunc(guesses, func(guess string) bool { return checkValue(options, guess) == nil }); i >= 0 {
			given.Value = guesses[i]
		}
	}
	return given
}
