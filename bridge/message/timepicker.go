package message

import (
	"errors"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones are the same on machines that have none
)

// TimePicker offers times, for an appointment (protocol §4.9).
type TimePicker struct {
	Received Bubble      `json:"received"`
	Reply    *Bubble     `json:"reply,omitempty"` // nil: the title of Received
	Appoint  Appointment `json:"event"`
	Images   []Image     `json:"images,omitempty"`
}

// Appointment is what the times are for.
type Appointment struct {
	ID       string    `json:"id,omitempty"`
	Title    Label     `json:"title,omitempty"`
	Timezone string    `json:"timezone,omitempty"` // IANA name; "": the zone of the device
	Location *Location `json:"location,omitempty"`
	Image    string    `json:"image,omitempty"`
	Slots    []Slot    `json:"slots"`
}

// Location is where the appointment is.
type Location struct {
	Title     Label   `json:"title"`
	Latitude  float64 `json:"latitude"`  // degrees
	Longitude float64 `json:"longitude"` // degrees
	Radius    float64 `json:"radius,omitempty"`
}

// Slot is one time to choose.
type Slot struct {
	ID       string    `json:"id"`
	Start    time.Time `json:"start"`
	Duration int       `json:"duration"` // seconds
}

// Kind is [KindTimePicker].
func (TimePicker) Kind() Kind { return KindTimePicker }

// MarshalJSON writes the content with its kind.
func (t TimePicker) MarshalJSON() ([]byte, error) {
	type fields TimePicker // without this method
	return marshalContent(KindTimePicker, fields(t))
}

const (
	maxSlotDuration = 366 * 24 * 3600
	maxRadius       = 20_100_000 // metres: from anywhere on Earth to anywhere else
)

func (t TimePicker) validate(r report) {
	images := r.images(t.Images)
	r.bubbles(t.Received, t.Reply, images)
	at := r.at("/event")
	at.id("/id", t.Appoint.ID)
	at.image("/image", t.Appoint.Image, images)
	if t.Appoint.Location != nil {
		t.Appoint.Location.validate(at.at("/location"))
	}
	at.count("/slots", len(t.Appoint.Slots), 1, MaxItems)
	seen := make(map[string]bool)
	for i, slot := range t.Appoint.Slots {
		slot.validate(at.at("/slots/%d", i), seen)
	}
	t.Appoint.validateZone(at)
}

func (l Location) validate(r report) {
	r.required("/title", l.Title)
	if l.Latitude < -90 || l.Latitude > 90 {
		r.fault("/latitude", "range", "must be from -90 to 90 degrees")
	}
	if l.Longitude < -180 || l.Longitude > 180 {
		r.fault("/longitude", "range", "must be from -180 to 180 degrees")
	}
	if l.Radius < 0 || l.Radius > maxRadius {
		r.fault("/radius", "range", "must be a number of metres from 0 to %d", maxRadius)
	}
}

func (s Slot) validate(r report, seen map[string]bool) {
	r.unique("/id", s.ID, seen)
	switch {
	case s.Start.IsZero():
		r.fault("/start", "required", "is required: an RFC 3339 time such as 2026-01-01T09:00:00Z")
	case s.Start.Second() != 0 || s.Start.Nanosecond() != 0:
		r.fault("/start", "format", "must be a whole minute: Apple shows no seconds")
	case s.Start.UTC().Year() > 9999: // 9999 in a zone west of Greenwich
		r.fault("/start", "range", "must be a year of four digits in GMT")
	}
	if s.Duration < 0 || s.Duration > maxSlotDuration {
		r.fault("/duration", "range", "must be from 0 to %d seconds", maxSlotDuration)
	}
}

// validateZone wants one offset for all slots: Apple takes one offset, not a zone.
func (a Appointment) validateZone(r report) {
	if a.Timezone == "" {
		return
	}
	zone, err := loadZone(a.Timezone)
	if err != nil {
		r.fault("/timezone", "timezone", "is not the IANA name of a time zone, such as Europe/Berlin")
		return
	}
	first := slices.IndexFunc(a.Slots, func(slot Slot) bool { return !slot.Start.IsZero() })
	for i, slot := range a.Slots {
		if !slot.Start.IsZero() && offset(slot.Start, zone) != offset(a.Slots[first].Start, zone) {
			r.at("/slots/%d", i).fault("/start", "timezone", "is on the other side of a change of the clocks in %s, and Apple "+
				"shows all slots of one picker at one offset: send two pickers, or leave timezone out to show the device's own zone", a.Timezone)
			return
		}
	}
}

var errUnknownZone = errors.New("unknown time zone")

// loadZone refuses names that mean something else on every machine, or that only some machines know.
func loadZone(name string) (*time.Location, error) {
	if slices.Contains([]string{"Local", "localtime", "posixrules", "Factory"}, name) ||
		strings.HasPrefix(name, "posix/") || strings.HasPrefix(name, "right/") {
		return nil, errUnknownZone
	}
	return time.LoadLocation(name)
}

func offset(at time.Time, zone *time.Location) int {
	_, seconds := at.In(zone).Zone()
	return seconds
}

// Offset is the zone's offset from GMT at the slots' dates, in minutes; false where the device's zone counts. The
// appointment must be valid.
func (a Appointment) Offset() (minutes int, fixed bool) {
	if a.Timezone == "" || len(a.Slots) == 0 {
		return 0, false
	}
	return offset(a.Slots[0].Start, a.Zone()) / 60, true
}

// Upcoming leaves out the slots that have begun, as devices do, and sorts the others. dropped tells how many those were.
func (t TimePicker) Upcoming(now time.Time) (upcoming TimePicker, dropped int) {
	slots := slices.Clone(t.Appoint.Slots)
	slots = slices.DeleteFunc(slots, func(slot Slot) bool { return slot.Start.Before(now) })
	slices.SortStableFunc(slots, func(a, b Slot) int { return a.Start.Compare(b.Start) })
	dropped = len(t.Appoint.Slots) - len(slots)
	t.Appoint.Slots = slots
	return t, dropped
}

// Pictures implements [Pictured].
func (t TimePicker) Pictures() []Picture {
	return referred(t.Images, append(bubbleImages(t.Received, t.Reply), t.Appoint.Image)...)
}

// Zone is the time zone in which the slots are shown; UTC where the device's own counts, which is not known here.
func (a Appointment) Zone() *time.Location {
	if zone, err := loadZone(a.Timezone); err == nil {
		return zone
	}
	return time.UTC
}
