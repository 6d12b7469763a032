package message

const (
	// MaxOptions is how many buttons a quick reply can show; more become a list picker.
	MaxOptions = 5
	// MaxItems bounds the items of one picker. Apple publishes no limit.
	MaxItems = 500
)

// QuickReply is a question with a few buttons below it, which vanish when the conversation goes on (protocol §4.7).
type QuickReply struct {
	Prompt  Label    `json:"prompt"`
	Options []Option `json:"options"`
}

// Option is one button.
type Option struct {
	ID    string `json:"id"`
	Title Label  `json:"title"`
}

// Kind is [KindQuickReply].
func (QuickReply) Kind() Kind { return KindQuickReply }

// MarshalJSON writes the content with its kind.
func (q QuickReply) MarshalJSON() ([]byte, error) {
	type fields QuickReply // without this method
	return marshalContent(KindQuickReply, fields(q))
}

func (q QuickReply) validate(r report) {
	r.required("/prompt", q.Prompt)
	r.count("/options", len(q.Options), 2, MaxItems)
	seen := make(map[string]bool)
	for i, option := range q.Options {
		at := r.at("/options/%d", i)
		at.unique("/id", option.ID, seen)
		at.required("/title", option.Title)
	}
}

// ListPicker is a list to choose from, in sections (protocol §4.8).
type ListPicker struct {
	Received Bubble    `json:"received"`
	Reply    *Bubble   `json:"reply,omitempty"` // nil: the title of Received
	Sections []Section `json:"sections"`
	Images   []Image   `json:"images,omitempty"`
}

// Section is a part of a list with a heading.
type Section struct {
	Title    Label  `json:"title,omitempty"`
	Multiple bool   `json:"multiple,omitempty"` // several items may be chosen
	Items    []Item `json:"items"`
}

// Item is one line of a list.
type Item struct {
	ID       string `json:"id"`
	Title    Label  `json:"title"`
	Subtitle Label  `json:"subtitle,omitempty"`
	Image    string `json:"image,omitempty"`
	Style    Style  `json:"style,omitempty"`
}

// Kind is [KindListPicker].
func (ListPicker) Kind() Kind { return KindListPicker }

// MarshalJSON writes the content with its kind.
func (l ListPicker) MarshalJSON() ([]byte, error) {
	type fields ListPicker // without this method
	return marshalContent(KindListPicker, fields(l))
}

func (l ListPicker) validate(r report) {
	images := r.images(l.Images)
	r.bubbles(l.Received, l.Reply, images)
	r.count("/sections", len(l.Sections), 1, MaxItems)
	seen, items := make(map[string]bool), 0
	for i, section := range l.Sections {
		at := r.at("/sections/%d", i)
		items += len(section.Items)
		at.count("/items", len(section.Items), 1, maxElements) // MaxItems bounds them together
		for j, item := range section.Items {
			item.validate(at.at("/items/%d", j), seen, images)
		}
	}
	if items > MaxItems {
		r.fault("/sections", "maxItems", "have %d items; at most %d are possible", items, MaxItems)
	}
}

func (i Item) validate(r report, seen map[string]bool, images images) {
	r.unique("/id", i.ID, seen)
	r.required("/title", i.Title)
	r.style("/style", i.Style)
	r.image("/image", i.Image, images)
}

// Pictures implements [Pictured].
func (l ListPicker) Pictures() []Picture {
	references := bubbleImages(l.Received, l.Reply)
	for _, section := range l.Sections {
		for _, item := range section.Items {
			references = append(references, item.Image)
		}
	}
	return referred(l.Images, references...)
}
