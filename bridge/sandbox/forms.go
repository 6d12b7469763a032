package sandbox

import (
	"errors"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"
)

// keyboards are the short names, which alone are taken.
var keyboards = []string{
	"default", "asciiCapable", "numbersAndPunctuation", "URL", "numberPad", "phonePad", "namePhonePad",
	"emailAddress", "decimalPad", "twitter", "webSearch",
}

const (
	maxPageID      = 19 // characters
	defaultDates   = "MM/dd/yyyy"
	singleLineSize = 30 // characters, where the page does not say
	multiLineSize  = 300
)

// formPage is where a page of a form leads.
type formPage struct {
	node
	submits bool
	nexts   []string
}

// checkForm checks data.dynamic: pages that lead to one another, and in the end to one that submits.
func checkForm(form node) {
	for _, fixed := range [][2]string{{"version", "1.2"}, {"template", "messageForms"}} {
		if form.need(fixed[0]) != fixed[1] {
			form.wrong(fixed[0], "is not %q", fixed[1])
		}
	}
	data := form.object("data")
	data.boolean("showSummary")
	data.boolean("private")
	if data.has("splash") {
		splash := data.object("splash")
		splash.needLabel("header")
		splash.labels("splashtext", "buttonTitle")
		splash.image("imageIdentifier")
	}
	seen, pages := map[string]bool{}, map[string]formPage{}
	for _, page := range data.list("pages", 1) {
		id := page.identifier("pageIdentifier", seen)
		if n := len([]rune(id)); n > maxPageID {
			page.wrong("pageIdentifier", "has %d characters: less than 20 are possible", n)
		}
		pages[id] = checkPage(page)
	}
	start := data.need("startPageIdentifier")
	if !seen[start] {
		data.wrong("startPageIdentifier", "is that of no page")
	}
	checkPaths(pages)
}

// checkPage checks a page by its type, and tells where it leads.
func checkPage(page node) formPage {
	leads := formPage{node: page, submits: page.boolean("submitForm")}
	page.needLabel("title")
	page.label("subtitle")
	page.need("type")
	switch page.oneOf("type", "select", "picker", "datePicker", "input") {
	case "select":
		multiple := page.boolean("multipleSelection")
		for _, item := range checkChoices(page) {
			item.image("imageIdentifier")
			switch {
			case multiple:
				item.forbid("several can be chosen, and the page says what follows", "nextPageIdentifier")
			case !leads.submits:
				leads.nexts = append(leads.nexts, item.need("nextPageIdentifier"))
			default:
				item.forbid("the page submits the form", "nextPageIdentifier")
			}
		}
		if !multiple {
			page.forbid("where one can be chosen, each item says what follows", "nextPageIdentifier")
			return leads
		}
	case "picker":
		page.label("pickerTitle")
		page.integer("selectedItemIndex", 0, max(len(checkChoices(page))-1, 0))
	case "datePicker":
		checkDates(page)
	case "input":
		checkInput(page)
	}
	if leads.submits {
		page.forbid("the page submits the form", "nextPageIdentifier")
	} else {
		leads.nexts = []string{page.need("nextPageIdentifier")}
	}
	return leads
}

func checkChoices(page node) []node {
	items, seen := page.list("items", 1), map[string]bool{}
	for _, item := range items {
		item.identifier("identifier", seen)
		item.needLabel("title")
		if item.str("value"); !item.has("value") {
			item.wrong("value", "is missing")
		}
	}
	return items
}

func checkDates(page node) {
	page.label("hintText")
	if !page.has("options") {
		return
	}
	options := page.object("options")
	options.label("labelText")
	layout, ok := dateLayout(dateFormatOf(options.str("dateFormat")))
	if !ok {
		options.wrong("dateFormat", "is not one of days, months and years, such as %s", defaultDates)
		return
	}
	var last time.Time
	for _, name := range []string{"minimumDate", "startDate", "maximumDate"} {
		if !options.has(name) {
			continue
		}
		date, err := time.Parse(layout, options.str(name))
		switch {
		case err != nil:
			options.wrong(name, "is not a date in the dateFormat")
		case date.Before(last):
			options.wrong(name, "is out of order: minimumDate, startDate, maximumDate")
		}
		last = date
	}
}

func dateFormatOf(given string) string { return first(given, defaultDates) }

var dateParts = map[string]string{
	"yyyy": "2006", "yy": "06", "MM": "01", "M": "1", "MMM": "Jan", "MMMM": "January", "dd": "02", "d": "2",
}

var (
	dateLetters = regexp.MustCompile(`[A-Za-z]+|[0-9_']`)
	runOfOne    = regexp.MustCompile(`y+|M+|d+|[A-Za-z0-9_']`)
)

// dateLayout makes a layout of a format in Unicode's letters. Each of year, month and day must be there.
func dateLayout(format string) (layout string, ok bool) {
	seen := map[byte]int{}
	ok = true
	layout = dateLetters.ReplaceAllStringFunc(format, func(letters string) string {
		return runOfOne.ReplaceAllStringFunc(letters, func(part string) string {
			known, found := dateParts[part]
			ok = ok && found
			seen[part[0]]++
			return known
		})
	})
	return layout, ok && seen['y'] == 1 && seen['M'] == 1 && seen['d'] == 1
}

func checkInput(page node) {
	page.label("hintText")
	if !page.has("options") {
		return
	}
	options := page.object("options")
	options.labels("placeholder", "labelText", "prefixText")
	options.boolean("required")
	options.oneOf("inputType", "singleline", "multiline")
	options.integer("maximumCharacterCount", 1, math.MaxInt32)
	options.oneOf("keyboardType", keyboards...)
	if options.has("textContentType") {
		options.need("textContentType")
	}
	if expression := options.str("regex"); brokenRegex(expression) {
		options.wrong("regex", "is no regular expression")
	}
}

// brokenRegex finds what is wrong in every dialect. Apple's knows more than ours, such as looking ahead.
func brokenRegex(expression string) bool {
	_, err := syntax.Parse(expression, syntax.Perl)
	var wrong *syntax.Error
	if !errors.As(err, &wrong) {
		return false
	}
	switch wrong.Code {
	case syntax.ErrMissingParen, syntax.ErrMissingBracket, syntax.ErrUnexpectedParen, syntax.ErrTrailingBackslash:
		return !strings.Contains(expression, "(?")
	}
	return false
}

// checkPaths wants every page to be able to come to an end.
func checkPaths(pages map[string]formPage) {
	ends := map[string]bool{}
	for grown := true; grown; {
		grown = false
		for id, page := range pages {
			if !ends[id] && (page.submits || slices.ContainsFunc(page.nexts, func(next string) bool { return ends[next] })) {
				ends[id], grown = true, true
			}
		}
	}
	for id, page := range pages {
		for _, next := range page.nexts {
			if _, ok := pages[next]; !ok {
				page.wrong("nextPageIdentifier", "names %q, which is no page", shorten(next, 40))
			}
		}
		if !ends[id] {
			page.wrong("submitForm", "is true on no page that follows: the form has no end")
		}
	}
}
