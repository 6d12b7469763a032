package apple

import (
	"bizbridge/bridge/message"
)

// wireDynamic is a form (protocol §4.11).
type wireDynamic struct {
	Version  string   `json:"version"`
	Template string   `json:"template"`
	Data     wireForm `json:"data"`
}

type wireForm struct {
	StartPage   string      `json:"startPageIdentifier"`
	ShowSummary bool        `json:"showSummary"`
	Private     bool        `json:"private"`
	Splash      *wireSplash `json:"splash,omitempty"`
	Pages       []wirePage  `json:"pages"`
}

type wireSplash struct {
	Header      message.Label `json:"header"`
	Text        message.Label `json:"splashtext,omitempty"`
	ButtonTitle message.Label `json:"buttonTitle"`
	Image       string        `json:"imageIdentifier,omitempty"`
}

type wirePage struct {
	ID         string        `json:"pageIdentifier"`
	Type       string        `json:"type"`
	Title      message.Label `json:"title"`
	Subtitle   message.Label `json:"subtitle,omitempty"`
	NextPage   string        `json:"nextPageIdentifier,omitempty"`
	SubmitForm bool          `json:"submitForm"`

	MultipleSelection *bool          `json:"multipleSelection,omitempty"` // select
	PickerTitle       message.Label  `json:"pickerTitle,omitempty"`       // picker
	SelectedItemIndex *int           `json:"selectedItemIndex,omitempty"` // picker
	Items             []wireFormItem `json:"items,omitempty"`             // select, picker
	HintText          message.Label  `json:"hintText,omitempty"`          // datePicker, input
	Options           any            `json:"options,omitempty"`           // datePicker, input
}

type wireFormItem struct {
	ID       string        `json:"identifier"`
	Title    message.Label `json:"title"`
	Value    string        `json:"value"`
	Image    string        `json:"imageIdentifier,omitempty"`
	NextPage string        `json:"nextPageIdentifier,omitempty"`
}

type wireDateOptions struct {
	DateFormat  string        `json:"dateFormat"`
	StartDate   string        `json:"startDate,omitempty"`
	MinimumDate string        `json:"minimumDate,omitempty"`
	MaximumDate string        `json:"maximumDate,omitempty"`
	LabelText   message.Label `json:"labelText,omitempty"`
}

type wireInputOptions struct {
	Regex           string        `json:"regex,omitempty"`
	Placeholder     message.Label `json:"placeholder,omitempty"`
	Required        bool          `json:"required"`
	InputType       string        `json:"inputType"`
	LabelText       message.Label `json:"labelText,omitempty"`
	PrefixText      message.Label `json:"prefixText,omitempty"`
	MaximumCount    int           `json:"maximumCharacterCount"`
	KeyboardType    string        `json:"keyboardType"`
	TextContentType string        `json:"textContentType,omitempty"`
}

func form(content message.Form) *wireDynamic {
	wire := &wireDynamic{Version: "1.2", Template: "messageForms", Data: wireForm{
		StartPage: content.First(), ShowSummary: content.Summary, Private: content.Private,
	}}
	if splash := content.Splash; splash != nil {
		button := splash.Button
		if button == "" {
			button = "Start"
		}
		wire.Data.Splash = &wireSplash{splash.Header, splash.Text, button, splash.Image}
	}
	for i := range content.Pages {
		wire.Data.Pages = append(wire.Data.Pages, formPage(content, i))
	}
	return wire
}

func formPage(content message.Form, i int) wirePage {
	page, next := content.Pages[i], content.NextOf(i)
	wire := wirePage{ID: page.ID, Title: page.Title, Subtitle: page.Subtitle, SubmitForm: content.Submits(i), NextPage: next}
	switch page.Type {
	case message.PageSelect:
		wire.Type, wire.MultipleSelection = "select", &page.Multiple
		if !page.Multiple { // with one choice, the choice leads on
			wire.NextPage = ""
			wire.Items = formItems(page.Items, next)
			break
		}
		wire.Items = formItems(page.Items, "")
	case message.PagePicker:
		selected := max(page.SelectedIndex(), 0)
		wire.Type, wire.PickerTitle, wire.SelectedItemIndex = "picker", page.PickerTitle, &selected
		wire.Items = formItems(page.Items, "")
	case message.PageDatePicker:
		wire.Type, wire.HintText = "datePicker", page.Hint
		wire.Options = wireDateOptions{
			page.DateFormat(), page.InFormat(page.Date), page.InFormat(page.Min), page.InFormat(page.Max), page.Label,
		}
	case message.PageInput:
		wire.Type, wire.HintText = "input", page.Hint
		wire.Options = inputOptions(page)
	}
	return wire
}

// formItems gives every item the page that follows where it names none itself; next is "" where the items do not decide.
func formItems(items []message.FormItem, next string) []wireFormItem {
	wire := make([]wireFormItem, len(items))
	for i, item := range items {
		wire[i] = wireFormItem{item.ID, item.Title, item.Value, item.Image, item.Next}
		if item.Value == "" {
			wire[i].Value = item.ID
		}
		if item.Next == "" {
			wire[i].NextPage = next
		}
	}
	return wire
}

// What iOS allows where a page says nothing (protocol §4.11).
const (
	singleLineLength = 30
	multiLineLength  = 300
)

func inputOptions(page message.Page) wireInputOptions {
	wire := wireInputOptions{
		Regex: page.Regex, Placeholder: page.Placeholder, Required: page.Required, InputType: "singleline", LabelText: page.Label,
		PrefixText: page.Prefix, MaximumCount: page.MaxLength, KeyboardType: page.KeyboardType(), TextContentType: page.ContentType,
	}
	length := singleLineLength
	if page.Multiline {
		wire.InputType, length = "multiline", multiLineLength
	}
	if wire.MaximumCount == 0 {
		wire.MaximumCount = length
	}
	return wire
}
