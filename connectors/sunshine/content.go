package sunshine

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"bizbridge/bridge/message"
	"bizbridge/bridge/money"
	"bizbridge/connectors"
	"bizbridge/connectors/plaintext"
)

// The types of contents. Only text, image and file are posted by the bridge.
const (
	typeText     = "text"
	typeImage    = "image"
	typeFile     = "file"
	typeCarousel = "carousel"
	typeList     = "list"
	typeForm     = "form"
	typeLocation = "location"
)

// content is what a message holds; which members count follows from the type.
type content struct {
	Type         string   `json:"type"`
	Text         string   `json:"text,omitempty"`
	HTMLText     string   `json:"htmlText,omitempty"`
	MarkdownText string   `json:"markdownText,omitempty"`
	Payload      string   `json:"payload,omitempty"`
	MediaURL     string   `json:"mediaUrl,omitempty"`
	AltText      string   `json:"altText,omitempty"`
	Actions      []action `json:"actions,omitempty"`
	Items        []card   `json:"items,omitempty"`
	Fields       []field  `json:"fields,omitempty"`
	Coordinates  *struct {
		Lat  float64 `json:"lat"`
		Long float64 `json:"long"`
	} `json:"coordinates,omitempty"`
	Location struct {
		Name    string `json:"name"`
		Address string `json:"address"`
	} `json:"location,omitzero"`
	Activity activity `json:"activity,omitzero"`
}

// UnmarshalJSON reads what is documented. Of a content that has something else somewhere, the words are better than nothing.
func (m *content) UnmarshalJSON(raw []byte) error {
	type documented content // without this method
	var whole documented
	if json.Unmarshal(raw, &whole) == nil {
		*m = content(whole)
		return nil
	}
	var lean struct {
		Text string `json:"text"`
	}
	err := json.Unmarshal(raw, &lean)
	*m = content{Type: typeText, Text: lean.Text}
	return err
}

// The types of actions.
const (
	actionReply    = "reply"
	actionPostback = "postback"
	actionLink     = "link"
	actionWebview  = "webview"
	actionBuy      = "buy"
)

// action is a button.
type action struct {
	Type     string   `json:"type"`
	Text     string   `json:"text"`
	Payload  string   `json:"payload"`
	Metadata metadata `json:"metadata"`
	URI      string   `json:"uri"`
	Fallback string   `json:"fallback"` // of a webview
	Amount   int64    `json:"amount"`   // of buy, in the smallest unit of the currency
	Currency string   `json:"currency"`
}

// card is one item of a carousel or list.
type card struct {
	Title       string   `json:"title"`
	Description string   `json:"description"`
	MediaURL    string   `json:"mediaUrl"`
	AltText     string   `json:"altText"`
	Size        string   `json:"size"`
	Actions     []action `json:"actions"`
}

// words are the text of a content. Zendesk makes a plain one of HTML and Markdown by itself, as a rule.
func (m content) words() string {
	text := m.Text
	switch {
	case strings.TrimSpace(text) != "":
	case m.HTMLText != "":
		text = plaintext.FromHTML(m.HTMLText)
	case m.MarkdownText != "":
		text = plaintext.FromMarkdown(m.MarkdownText)
	}
	return strings.TrimSpace(strings.ReplaceAll(text, string(message.AttachmentMark), ""))
}

// contents are what Apple shows of a content: the words first, then what can be opened, and last what is to be answered.
// Each is sound: nothing that the bridge would refuse.
func (c *Connector) contents(m content) []message.Content {
	words := m.words()
	var list []message.Content
	switch m.Type {
	case typeText:
		list = c.question(words, m)
	case typeImage, typeFile:
		list = append(list, message.Files{Text: words, Files: []message.File{{URL: m.MediaURL}}})
		list = append(list, c.question("", m)...)
	case typeCarousel, typeList: // their text is made of the items
		list = c.question("", m)
	case typeForm:
		list = c.form(words, m)
	case typeLocation:
		list = place(m)
	default:
		list = said(words)
	}
	var shown []message.Content
	for _, one := range list {
		shown = append(shown, sound(one)...)
	}
	return shown
}

// sound gives a content that the bridge accepts. What it does not is said in words.
func sound(one message.Content) []message.Content {
	if connectors.Sound(one) {
		return []message.Content{one}
	}
	switch one := one.(type) {
	case message.Files:
		return said(strings.TrimSpace(one.Text + "\n" + one.Files[0].URL))
	case message.RichLink:
		return said(strings.TrimSpace(string(one.Title) + "\n" + one.URL))
	case message.PaymentRequest:
		return said(string(one.Total.Label))
	case message.QuickReply:
		return said(string(one.Prompt))
	case message.ListPicker:
		return said(string(one.Received.Title))
	case message.Form:
		return said(string(one.Received.Title))
	}
	return nil
}

func said(text string) []message.Content {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	if cut := []rune(text); len(cut) > message.MaxTextLength {
		text = string(cut[:message.MaxTextLength])
	}
	return []message.Content{message.Text{Text: text}}
}

// question shows words with buttons and cards: a quick reply where all are replies, else a list to choose from.
func (c *Connector) question(words string, m content) []message.Content {
	choices := m.choices()
	if len(choices) == 0 {
		return append(said(words), m.offers()...)
	}
	before, prompt := promptOf(words)
	if prompt == "" {
		prompt = message.CutLabel(c.settings.ChooseTitle)
	}
	list := append(said(before), m.offers()...)
	for _, one := range choices {
		if one.action.Type != actionReply || len(choices) < 2 {
			return append(list, listPicker(prompt, choices))
		}
	}
	quick := message.QuickReply{Prompt: prompt}
	for _, one := range choices {
		quick.Options = append(quick.Options, message.Option{ID: one.id, Title: message.CutLabel(one.title)})
	}
	return append(list, quick)
}

// promptOf divides words into a text and the line that stands with the buttons, for which Apple has 200 characters.
func promptOf(words string) (before string, prompt message.Label) {
	last := words
	if cut := strings.LastIndexByte(words, '\n'); cut >= 0 {
		before, last = strings.TrimSpace(words[:cut]), words[cut+1:]
	}
	prompt = message.CutLabel(last)
	if strings.HasSuffix(string(prompt), "…") && !strings.HasSuffix(strings.TrimSpace(last), "…") {
		before = words // it was cut
	}
	return before, prompt
}

// offers are what is opened rather than answered: links and things to buy.
func (m content) offers() []message.Content {
	var list []message.Content
	for _, one := range m.Actions {
		list = append(list, one.offer(one.Text, "")...)
	}
	for _, item := range m.Items {
		for _, one := range item.Actions {
			title := item.Title
			if len(item.Actions) > 1 && one.Text != "" && item.links() > 1 {
				title += " – " + one.Text
			}
			list = append(list, one.offer(title, item.MediaURL)...)
		}
	}
	return list
}

func (c card) links() (n int) {
	for _, one := range c.Actions {
		if one.Type == actionLink || one.Type == actionWebview {
			n++
		}
	}
	return n
}

// offer shows a link or something to buy; nothing for other actions.
func (a action) offer(title, picture string) []message.Content {
	switch a.Type {
	case actionWebview:
		if a.Fallback != "" { // which is for phones without webviews
			a.URI = a.Fallback
		}
		fallthrough
	case actionLink:
		link := message.RichLink{URL: strings.TrimSpace(a.URI), Title: message.CutLabel(title)}
		if webURL(picture) {
			link.Image = &message.Asset{URL: picture}
		}
		if link.URL == "" {
			return nil
		}
		return []message.Content{link}
	case actionBuy:
		currency := money.Currency(strings.ToUpper(a.Currency))
		if currency == "" {
			currency = "USD" // as Sunshine Conversations takes it
		}
		label := message.CutLabel(a.Text)
		return []message.Content{message.PaymentRequest{
			CurrencyCode: currency, Received: &message.Bubble{Title: label},
			Total: &message.LineItem{Label: label, Amount: currency.Format(money.Amount(a.Amount))},
		}}
	}
	return nil
}

func webURL(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && (parsed.Scheme == "https" || parsed.Scheme == "http") && parsed.Hostname() != "" && parsed.User == nil
}

// place shows where something is on a map.
func place(m content) []message.Content {
	if m.Coordinates == nil {
		return said(m.words())
	}
	name := m.Location.Name
	for _, other := range []string{m.Location.Address, m.words(), "Location"} {
		if name == "" {
			name = other
		}
	}
	at := fmt.Sprintf("%.6f,%.6f", m.Coordinates.Lat, m.Coordinates.Long)
	query := url.Values{"ll": {at}, "q": {name}}
	return []message.Content{message.RichLink{URL: "https://maps.apple.com/?" + query.Encode(), Title: message.CutLabel(name)}}
}
