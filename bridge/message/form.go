package message

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// Form asks several questions, page by page (protocol §4.11).
type Form struct {
	Received Bubble  `json:"received"`
	Reply    *Bubble `json:"reply,omitempty"` // nil: the title of Received
	Splash   *Splash `json:"splash,omitempty"`
	Private  bool    `json:"private,omitempty"` // the answers are not shown in the conversation on the phone
	Summary  bool    `json:"summary,omitempty"` // all answers are shown before they are sent
	Start    string  `json:"start,omitempty"`   // page id; "": the first
	Pages    []Page  `json:"pages"`
	Images   []Image `json:"images,omitempty"`
}

// Splash is what a form shows first.
type Splash struct {
	Header Label  `json:"header"`
	Text   Label  `json:"text,omitempty"`
	Button Label  `json:"button,omitempty"` // "": Start
	Image  string `json:"image,omitempty"`
}

// PageType is how a page of a form asks.
type PageType string

// The types of pages.
const (
	PageSelect     PageType = "select"      // a list
	PagePicker     PageType = "picker"      // a wheel
	PageDatePicker PageType = "date_picker" // a day
	PageInput      PageType = "input"       // words
)

var pageTypes = []PageType{PageSelect, PagePicker, PageDatePicker, PageInput}

// Page is one question of a form. Which members count follows from the type.
type Page struct {
	ID       string   `json:"id"`
	Type     PageType `json:"type"`
	Title    Label    `json:"title"`
	Subtitle Label    `json:"subtitle,omitempty"`
	Next     string   `json:"next,omitempty"`   // page id; "": the following page
	Submit   *bool    `json:"submit,omitempty"` // nil: true on the last page

	Multiple bool       `json:"multiple,omitempty"` // select: several items may be chosen
	Items    []FormItem `json:"items,omitempty"`    // select, picker

	PickerTitle Label  `json:"picker_title,omitempty"` // picker
	Selected    string `json:"selected,omitempty"`     // picker: id of the item that is chosen at first

	Hint  Label `json:"hint,omitempty"`  // date_picker, input
	Label Label `json:"label,omitempty"` // date_picker, input

	Format string `json:"format,omitempty"` // date_picker: how answers write the day; "": MM/dd/yyyy
	Date   string `json:"start,omitempty"`  // date_picker: the day that is shown at first, as 2030-02-24
	Min    string `json:"min,omitempty"`    // date_picker
	Max    string `json:"max,omitempty"`    // date_picker

	Placeholder Label  `json:"placeholder,omitempty"` // input
	Prefix      Label  `json:"prefix,omitempty"`
	Required    bool   `json:"required,omitempty"`
	Multiline   bool   `json:"multiline,omitempty"`
	MaxLength   int    `json:"max_length,omitempty"` // characters; 0: 30 on one line, 300 on several
	Regex       string `json:"regex,omitempty"`
	Keyboard    string `json:"keyboard,omitempty"`     // "": default
	ContentType string `json:"content_type,omitempty"` // what iOS may fill in, such as emailAddress
}

// FormItem is one choice on a page.
type FormItem struct {
	ID    string `json:"id"`
	Title Label  `json:"title"`
	Value string `json:"value,omitempty"` // what the answer holds; "": the id
	Image string `json:"image,omitempty"`
	Next  string `json:"next,omitempty"` // select, one choice: the page to go on with; "": the page's own
}

// Kind is [KindForm].
func (Form) Kind() Kind { return KindForm }

// MarshalJSON writes the content with its kind.
func (f Form) MarshalJSON() ([]byte, error) {
	type fields Form // without this method
	return marshalContent(KindForm, fields(f))
}

const (
	maxPages  = 100
	maxPageID = 19 // characters (protocol §4.16)
)

func (f Form) validate(r report) {
	images := r.images(f.Images)
	r.bubbles(f.Received, f.Reply, images)
	if f.Splash != nil {
		r.required("/splash/header", f.Splash.Header)
		r.image("/splash/image", f.Splash.Image, images)
	}
	r.count("/pages", len(f.Pages), 1, maxPages)
	if len(f.Pages) > maxPages {
		return
	}
	seen := make(map[string]bool)
	for i, page := range f.Pages {
		at := r.at("/pages/%d", i)
		at.unique("/id", page.ID, seen)
		if utf8.RuneCountInString(page.ID) > maxPageID {
			at.fault("/id", "maxLength", "has %d characters; at most %d are possible", utf8.RuneCountInString(page.ID), maxPageID)
		}
		page.validate(at, images)
	}
	f.validatePaths(r)
}

func (p Page) validate(r report, images images) {
	r.required("/title", p.Title)
	switch p.Type {
	case PageSelect:
		p.validateItems(r, images)
	case PagePicker:
		p.validateItems(r, images)
		if p.SelectedIndex() < 0 && p.Selected != "" && !r.misread("/items") {
			r.fault("/selected", "reference", "names an item that is not on the page")
		}
	case PageDatePicker:
		p.validateDates(r)
	case PageInput:
		p.validateInput(r)
	default:
		r.fault("/type", "enum", `must be "select", "picker", "date_picker" or "input"`)
	}
}

func (p Page) validateItems(r report, images images) {
	r.count("/items", len(p.Items), 1, MaxItems)
	seen := make(map[string]bool)
	for i, item := range p.Items {
		at := r.at("/items/%d", i)
		at.unique("/id", item.ID, seen)
		at.required("/title", item.Title)
		at.image("/image", item.Image, images)
		if item.Next != "" && !p.branches() {
			at.fault("/next", "not", "is possible only in a select page where one item is chosen; give the page itself a next")
		}
		if len(item.Value) > maxIDLength {
			at.fault("/value", "maxLength", "has %d bytes; at most %d are possible", len(item.Value), maxIDLength)
		}
	}
}

// SelectedIndex is the place of the item that a picker shows at first; -1 where it names none that exists.
func (p Page) SelectedIndex() int {
	for i, item := range p.Items {
		if item.ID == p.Selected || p.Selected == "" {
			return i
		}
	}
	return -1
}

const (
	maxInput = 10_000
	maxRegex = 500
)

func (p Page) validateInput(r report) {
	if p.MaxLength < 0 || p.MaxLength > maxInput {
		r.fault("/max_length", "range", "must be from 1 to %d characters", maxInput)
	}
	if len(p.Regex) > maxRegex {
		r.fault("/regex", "maxLength", "has %d bytes; at most %d are possible", len(p.Regex), maxRegex)
	}
	if brokenRegex(p.Regex) {
		r.fault("/regex", "format", "is no regular expression: a bracket or what follows a backslash is missing")
	}
	if p.KeyboardType() == "" {
		r.fault("/keyboard", "enum", "must be one of %s", strings.Join(keyboards, ", "))
	}
	if p.ContentType != "" && !contentType.MatchString(p.ContentType) {
		r.fault("/content_type", "pattern", "must be one of the text content types of iOS, such as emailAddress or postalCode")
	}
}

// brokenRegex finds what no dialect takes. That of iOS knows more than Go's, such as looking ahead.
func brokenRegex(expression string) bool {
	_, err := syntax.Parse(expression, syntax.Perl)
	fault, ok := errors.AsType[*syntax.Error](err)
	if !ok || strings.Contains(expression, "(?") {
		return false
	}
	switch fault.Code {
	case syntax.ErrMissingParen, syntax.ErrUnexpectedParen, syntax.ErrMissingBracket, syntax.ErrTrailingBackslash:
		return true
	}
	return false
}

var contentType = regexp.MustCompile(`^[A-Za-z0-9]{1,50}$`)

// keyboards are the names that Apple takes since August 2026 (protocol §4.17).
var keyboards = []string{
	"default", "asciiCapable", "numbersAndPunctuation", "URL", "numberPad", "phonePad", "namePhonePad", "emailAddress",
	"decimalPad", "twitter", "webSearch",
}

// KeyboardType is Apple's name of the keyboard, also where the content has the longer name that Apple took before; "" for
// one that does not exist.
func (p Page) KeyboardType() string {
	old, isOld := strings.CutPrefix(p.Keyboard, "UIKeyboardType")
	for _, name := range keyboards {
		if p.Keyboard == name || isOld && strings.EqualFold(old, name) { // UIKeyboardTypeASCIICapable, but asciiCapable
			return name
		}
	}
	if p.Keyboard == "" {
		return "default"
	}
	return ""
}

// Pictures implements [Pictured].
func (f Form) Pictures() []Picture {
	references := bubbleImages(f.Received, f.Reply)
	if f.Splash != nil {
		references = append(references, f.Splash.Image)
	}
	for _, page := range f.Pages {
		for _, item := range page.Items {
			references = append(references, item.Image)
		}
	}
	return referred(f.Images, references...)
}
