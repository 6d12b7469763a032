package apple

import (
	"time"

	"bizbridge/bridge/message"
)

// The bundle ids of Apple's own extensions, and of the one that shows interactive messages of businesses.
const (
	appleExtensions   = message.BalloonPlugin + ":0000000000:"
	messagesExtension = appleExtensions + "com.apple.icloud.apps.messages.business.extension"
)

// wireInteractive is an interactiveData object on its way to Apple (protocol §4.5).
type wireInteractive struct {
	BID           string        `json:"bid"`
	AppID         int64         `json:"appId,omitempty"`
	AppName       message.Label `json:"appName,omitempty"`
	AppIcon       []byte        `json:"appIcon,omitempty"`
	URL           string        `json:"URL,omitempty"`
	UseLiveLayout *bool         `json:"useLiveLayout,omitempty"` // of apps only
	SessionID     string        `json:"sessionIdentifier,omitempty"`
	Data          *wireData     `json:"data,omitempty"` // nil for apps: Apple refuses it there
	Received      *wireBubble   `json:"receivedMessage,omitempty"`
	Reply         *wireBubble   `json:"replyMessage,omitempty"`
}

type wireData struct {
	Version    string          `json:"version"`
	RequestID  string          `json:"requestIdentifier"`
	Images     []wireImage     `json:"images,omitempty"`
	QuickReply *wireQuickReply `json:"quick-reply,omitempty"`
	ListPicker *wireListPicker `json:"listPicker,omitempty"`
	Event      *wireEvent      `json:"event,omitempty"`
	Dynamic    *wireDynamic    `json:"dynamic,omitempty"`

	Authenticate *wireAuthenticate `json:"authenticate,omitempty"`
	Payment      *wirePayment      `json:"payment,omitempty"`
}

type wireImage struct {
	ID          string        `json:"identifier"`
	Data        []byte        `json:"data"`
	Description message.Label `json:"description,omitempty"`
}

type wireBubble struct {
	Style    message.Style `json:"style,omitempty"` // "" for apps only
	Title    message.Label `json:"title"`
	Subtitle message.Label `json:"subtitle,omitempty"`
	Image    string        `json:"imageIdentifier,omitempty"`
}

type wireQuickReply struct {
	SummaryText message.Label `json:"summaryText"`
	Items       []wireOption  `json:"items"`
}

type wireOption struct {
	ID    string        `json:"identifier"`
	Title message.Label `json:"title"`
}

type wireListPicker struct {
	Sections []wireSection `json:"sections"`
}

type wireSection struct {
	Title             message.Label `json:"title"`
	Order             int           `json:"order"`
	MultipleSelection bool          `json:"multipleSelection"`
	Items             []wireItem    `json:"items"`
}

type wireItem struct {
	ID       string        `json:"identifier"`
	Title    message.Label `json:"title"`
	Subtitle message.Label `json:"subtitle,omitempty"`
	Order    int           `json:"order"`
	Style    message.Style `json:"style"`
	Image    string        `json:"imageIdentifier,omitempty"`
}

type wireEvent struct {
	ID             string        `json:"identifier"`
	Title          message.Label `json:"title"`
	TimezoneOffset *int          `json:"timezoneOffset,omitempty"` // minutes; nil: the device's zone
	Location       *wireLocation `json:"location,omitempty"`
	Image          string        `json:"imageIdentifier,omitempty"`
	Timeslots      []wireSlot    `json:"timeslots"`
}

type wireLocation struct {
	Title     message.Label `json:"title"`
	Latitude  float64       `json:"latitude"`
	Longitude float64       `json:"longitude"`
	Radius    float64       `json:"radius,omitempty"`
}

type wireSlot struct {
	ID        string `json:"identifier"`
	StartTime string `json:"startTime"`
	Duration  int    `json:"duration"`
}

// slotTime is Apple's format of a slot's start: always GMT, no seconds (protocol §4.9).
const slotTime = "2006-01-02T15:04+0000"

// interactive writes the contents that Apple's own extension shows. ok is false for other kinds.
func interactive(out Outgoing) (wire *wireInteractive, ok bool) {
	data := &wireData{Version: "1.0", RequestID: out.RequestID}
	wire = &wireInteractive{BID: messagesExtension, Data: data}
	switch content := out.Content.(type) {
	case message.QuickReply:
		data.QuickReply = quickReply(content)
	case message.ListPicker:
		wire.bubbles(content.Received, content.Reply)
		data.Images = pictures(content.Images, out.Pictures)
		data.ListPicker = listPicker(content)
	case message.TimePicker:
		wire.bubbles(content.Received, content.Reply)
		data.Images = pictures(content.Images, out.Pictures)
		data.Event = appointment(content, out.RequestID)
	case message.Form:
		wire.bubbles(content.Received, content.Reply)
		data.Images = pictures(content.Images, out.Pictures)
		data.Dynamic = form(content)
	default:
		return nil, false
	}
	return wire, true
}

// bubbles sets both bubbles. Without a reply of its own the answer has the title of the question: a picker without one is
// not drawn on every device.
func (w *wireInteractive) bubbles(received message.Bubble, reply *message.Bubble) {
	if reply == nil {
		reply = &message.Bubble{Title: received.Title, Style: received.Style}
	}
	w.Received, w.Reply = bubble(received), bubble(*reply)
}

func bubble(b message.Bubble) *wireBubble {
	return &wireBubble{Style: style(b.Style), Title: b.Title, Subtitle: b.Subtitle, Image: b.Image}
}

func style(s message.Style) message.Style {
	if s == "" {
		return message.StyleIcon
	}
	return s
}

// pictures puts the prepared bytes beside the ids. What nothing refers to was not prepared, and is left out.
func pictures(images []message.Image, prepared map[string][]byte) []wireImage {
	var wire []wireImage
	for _, image := range images {
		if data, ok := prepared[image.ID]; ok {
			wire = append(wire, wireImage{image.ID, data, image.Description})
		}
	}
	return wire
}

func quickReply(content message.QuickReply) *wireQuickReply {
	wire := &wireQuickReply{SummaryText: content.Prompt}
	for _, option := range content.Options {
		wire.Items = append(wire.Items, wireOption{option.ID, option.Title})
	}
	return wire
}

func listPicker(content message.ListPicker) *wireListPicker {
	wire := &wireListPicker{}
	for i, section := range content.Sections {
		items := make([]wireItem, len(section.Items))
		for j, item := range section.Items {
			items[j] = wireItem{item.ID, item.Title, item.Subtitle, j, style(item.Style), item.Image}
		}
		wire.Sections = append(wire.Sections, wireSection{section.Title, i, section.Multiple, items})
	}
	return wire
}

// appointment gives the calendar entry the words of the bubble, and the message's own id, where it has none.
func appointment(content message.TimePicker, requestID string) *wireEvent {
	event := content.Appoint
	wire := &wireEvent{ID: event.ID, Title: event.Title, Image: event.Image}
	if wire.ID == "" {
		wire.ID = requestID
	}
	if wire.Title == "" {
		wire.Title = content.Received.Title
	}
	if offset, fixed := event.Offset(); fixed {
		wire.TimezoneOffset = &offset
	}
	if place := event.Location; place != nil {
		wire.Location = &wireLocation{place.Title, place.Latitude, place.Longitude, place.Radius}
	}
	for _, slot := range event.Slots {
		wire.Timeslots = append(wire.Timeslots, wireSlot{slot.ID, slot.Start.In(time.UTC).Format(slotTime), slot.Duration})
	}
	return wire
}

// app writes a bubble that an app of somebody else draws.
func app(content message.App, icon []byte) *wireInteractive {
	live, received := content.Live(), content.Received
	return &wireInteractive{
		BID: content.BundleID(), AppID: content.AppID, AppName: content.AppName, AppIcon: icon, URL: content.URL,
		UseLiveLayout: &live, SessionID: content.SessionID,
		Received: &wireBubble{Style: received.Style, Title: received.Title, Subtitle: received.Subtitle},
	}
}
