package messagetest

import (
	"time"

	"bizbridge/bridge/message"

	"pgregory.net/rapid"
)

// QuickReply gives quick replies of 2 options to a few more than buttons fit.
func QuickReply() *rapid.Generator[message.QuickReply] {
	return rapid.Custom(func(t *rapid.T) message.QuickReply {
		quick := message.QuickReply{Prompt: Label().Draw(t, "prompt")}
		for _, id := range ids(2, message.MaxOptions+2).Draw(t, "ids") {
			quick.Options = append(quick.Options, message.Option{ID: id, Title: Label().Draw(t, "title")})
		}
		return quick
	})
}

// ListPicker gives list pickers of one to three sections.
func ListPicker() *rapid.Generator[message.ListPicker] {
	return rapid.Custom(func(t *rapid.T) message.ListPicker {
		list := message.ListPicker{Images: Images().Draw(t, "images")}
		list.Received, list.Reply = bubbles(t, list.Images)
		for _, id := range ids(1, 8).Draw(t, "ids") {
			item := message.Item{
				ID: id, Title: Label().Draw(t, "title"), Subtitle: optional(Label()).Draw(t, "subtitle"),
				Image: imageID(list.Images).Draw(t, "image"), Style: style().Draw(t, "style"),
			}
			if len(list.Sections) == 0 || len(list.Sections) < 3 && rapid.Bool().Draw(t, "new section") {
				list.Sections = append(list.Sections, message.Section{
					Title: optional(Label()).Draw(t, "section"), Multiple: rapid.Bool().Draw(t, "multiple"),
				})
			}
			last := &list.Sections[len(list.Sections)-1]
			last.Items = append(last.Items, item)
		}
		return list
	})
}

func bubbles(t *rapid.T, images []message.Image) (received message.Bubble, reply *message.Bubble) {
	return Bubble(images).Draw(t, "received"), maybe(Bubble(images)).Draw(t, "reply")
}

// Zones are time zones that catch mistakes: half hours and quarters, changes of the clocks on both sides of the equator
// and by half an hour.
var Zones = []string{
	"UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns",
	"Pacific/Kiritimati", "Africa/Casablanca",
}

// TimePicker gives time pickers for the device's zone and for fixed ones, with slots of the years around 2030 in no order.
func TimePicker() *rapid.Generator[message.TimePicker] {
	return rapid.Custom(func(t *rapid.T) message.TimePicker {
		picker := message.TimePicker{Images: Images().Draw(t, "images")}
		picker.Received, picker.Reply = bubbles(t, picker.Images)
		event := message.Appointment{
			ID: optional(id()).Draw(t, "event id"), Title: optional(Label()).Draw(t, "event title"),
			Timezone: optional(rapid.SampledFrom(Zones)).Draw(t, "zone"), Location: maybe(location()).Draw(t, "location"),
			Image: imageID(picker.Images).Draw(t, "event image"),
		}
		event.Slots = slots(t, event.Zone())
		picker.Appoint = event
		return picker
	})
}

func location() *rapid.Generator[message.Location] {
	return rapid.Custom(func(t *rapid.T) message.Location {
		return message.Location{
			Title: Label().Draw(t, "place"), Latitude: rapid.Float64Range(-90, 90).Draw(t, "latitude"),
			Longitude: rapid.Float64Range(-180, 180).Draw(t, "longitude"), Radius: optional(rapid.Float64Range(0, 1000)).Draw(t, "radius"),
		}
	})
}

// slots have the zone's same offset, so that a picker for the zone can show them all. They are written in several zones.
func slots(t *rapid.T, zone *time.Location) []message.Slot {
	base := time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 3*365*24*60).Draw(t, "first")) * time.Minute)
	var slots []message.Slot
	for _, id := range ids(1, 6).Draw(t, "slot ids") {
		start := base.Add(time.Duration(rapid.IntRange(-7*24*60, 60*24*60).Draw(t, "later")) * time.Minute)
		if offset(start, zone) != offset(base, zone) {
			start = base
		}
		written := rapid.SampledFrom([]*time.Location{time.UTC, time.FixedZone("", 2*3600), time.FixedZone("", -34200)}).Draw(t, "written in")
		slots = append(slots, message.Slot{
			ID: id, Start: start.In(written), Duration: rapid.SampledFrom([]int{0, 900, 3600, 86400, 31_622_400}).Draw(t, "duration"),
		})
	}
	return slots
}

func offset(at time.Time, zone *time.Location) int {
	_, seconds := at.In(zone).Zone()
	return seconds
}
