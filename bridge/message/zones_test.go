package message_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/message/messagetest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func picker(zone string, starts ...string) message.TimePicker {
	event := message.Appointment{Timezone: zone}
	for i, start := range starts {
		at, err := time.Parse(time.RFC3339, start)
		if err != nil {
			panic(err)
		}
		event.Slots = append(event.Slots, message.Slot{ID: fmt.Sprint(i), Start: at, Duration: 60})
	}
	return message.TimePicker{Received: message.Bubble{Title: "Book"}, Appoint: event}
}

// Apple takes one offset for a picker, so slots on both sides of a change of the clocks do not fit into one.
func TestSlotsOfOnePickerHaveOneOffset(t *testing.T) {
	for name, test := range map[string]struct {
		zone   string
		starts []string
		offset int
		fault  int // index of the slot; -1: none
	}{
		"Berlin in summer":          {"Europe/Berlin", []string{"2026-07-01T10:00:00Z", "2026-08-01T10:00:00Z"}, 120, -1},
		"Berlin in winter":          {"Europe/Berlin", []string{"2026-12-01T10:00:00Z"}, 60, -1},
		"Berlin's last summer":      {"Europe/Berlin", []string{"2026-10-24T10:00:00Z", "2026-10-25T00:59:00Z"}, 120, -1},
		"Berlin falls back":         {"Europe/Berlin", []string{"2026-10-25T00:59:00Z", "2026-10-25T01:00:00Z"}, 120, 1},
		"Berlin in local times":     {"Europe/Berlin", []string{"2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"}, 120, 1},
		"Berlin back in time":       {"Europe/Berlin", []string{"2026-11-01T10:00:00Z", "2026-11-02T10:00:00Z", "2026-10-01T10:00:00Z"}, 60, 2},
		"Berlin springs forward":    {"Europe/Berlin", []string{"2027-03-28T00:59:00Z", "2027-03-28T01:00:00Z"}, 60, 1},
		"New York falls back":       {"America/New_York", []string{"2026-11-01T05:59:00Z", "2026-11-01T06:00:00Z"}, -240, 1},
		"New York after Berlin":     {"America/New_York", []string{"2026-10-24T10:00:00Z", "2026-10-30T10:00:00Z"}, -240, -1},
		"New York in winter":        {"America/New_York", []string{"2026-12-01T10:00:00Z"}, -300, -1},
		"Kolkata over the year":     {"Asia/Kolkata", []string{"2026-01-01T10:00:00Z", "2026-07-01T10:00:00Z", "2026-12-31T10:00:00Z"}, 330, -1},
		"Lord Howe by half hours":   {"Australia/Lord_Howe", []string{"2026-10-03T15:29:00Z", "2026-10-03T15:30:00Z"}, 630, 1},
		"Lord Howe in its summer":   {"Australia/Lord_Howe", []string{"2026-12-01T00:00:00Z"}, 660, -1},
		"UTC":                       {"UTC", []string{"2026-03-01T00:00:00Z", "2026-07-01T00:00:00+05:45"}, 0, -1},
		"the device's zone":         {"", []string{"2026-10-24T10:00:00Z", "2026-10-26T10:00:00Z"}, 0, -1},
		"a change between the ends": {"Europe/Berlin", []string{"2026-03-01T10:00:00Z", "2026-11-01T10:00:00Z"}, 60, -1},
	} {
		t.Run(name, func(t *testing.T) {
			content := picker(test.zone, test.starts...)
			document := string(encode(t, content))
			_, faults := message.DecodeContent([]byte(document))
			var want []string
			if test.fault >= 0 {
				want = []string{fmt.Sprintf("/event/slots/%d/start timezone", test.fault)}
			}
			if diff := cmp.Diff(want, list(t, document, faults)); diff != "" {
				t.Error(diff)
			}
			offset, fixed := content.Appoint.Offset()
			if offset != test.offset || fixed != (test.zone != "") {
				t.Errorf("offset %d, %v; want %d", offset, fixed, test.offset)
			}
		})
	}
}

// What Apple shows, GMT and the offset, is the time in the zone for every slot.
func TestTheOffsetShowsEverySlotAtItsTimeInTheZone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		event := messagetest.TimePicker().Draw(t, "picker").Appoint
		offset, fixed := event.Offset()
		if fixed != (event.Timezone != "") {
			t.Fatalf("fixed %v in %q", fixed, event.Timezone)
		}
		for _, slot := range event.Slots {
			shown := slot.Start.UTC().Add(time.Duration(offset) * time.Minute).Format(time.DateTime)
			if want := slot.Start.In(event.Zone()).Format(time.DateTime); fixed && shown != want {
				t.Fatalf("Apple shows %s, in %s it is %s", shown, event.Timezone, want)
			}
		}
	})
}

func TestUpcomingLeavesOutWhatHasBegunAndSorts(t *testing.T) {
	now := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	before := picker("UTC", "2026-05-02T10:00:00Z", "2026-05-01T09:59:00Z", "2026-05-01T12:00:00+02:00", "2026-05-01T11:00:00Z")
	kept := slices.Clone(before.Appoint.Slots)
	got, dropped := before.Upcoming(now)
	var ids string
	for _, slot := range got.Appoint.Slots {
		ids += slot.ID
	}
	if ids != "230" || dropped != 1 {
		t.Errorf("slots %s, %d dropped", ids, dropped)
	}
	if diff := cmp.Diff(kept, before.Appoint.Slots); diff != "" {
		t.Errorf("the content itself was changed: %s", diff)
	}
	if got, dropped := before.Upcoming(now.AddDate(1, 0, 0)); len(got.Appoint.Slots) != 0 || dropped != 4 {
		t.Errorf("%d slots of last year are upcoming", len(got.Appoint.Slots))
	}
	rapid.Check(t, func(t *rapid.T) {
		picker := messagetest.TimePicker().Draw(t, "picker")
		now := rapid.SampledFrom(picker.Appoint.Slots).Draw(t, "slot").Start
		upcoming, dropped := picker.Upcoming(now)
		slots := upcoming.Appoint.Slots
		if len(slots)+dropped != len(picker.Appoint.Slots) || !slices.IsSortedFunc(slots, func(a, b message.Slot) int { return a.Start.Compare(b.Start) }) {
			t.Fatalf("%v of %v", slots, picker.Appoint.Slots)
		}
		if len(slots) == 0 || slots[0].Start.Before(now) {
			t.Fatal("the slot that begins now is upcoming, earlier ones are not")
		}
	})
}
