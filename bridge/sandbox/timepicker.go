package sandbox

import (
	"encoding/json"
	"math"
	"regexp"
	"time"
)

const slotLayout = "2006-01-02T15:04-0700"

// slotForm is stricter than the layout: the time is GMT, written in full.
var slotForm = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}\+0000$`)

const maxOffset = 14 * 60 // minutes

// checkTimePicker checks data.event. Slots may be in any order, and past: the device leaves those out.
func checkTimePicker(event node) {
	event.need("identifier")
	event.label("title")
	event.integer("timezoneOffset", -maxOffset, maxOffset)
	event.image("imageIdentifier")
	if event.has("location") {
		location := event.object("location")
		location.needLabel("title")
		location.number("latitude", -90, 90)
		location.number("longitude", -180, 180)
		if location.has("radius") {
			location.number("radius", 0, math.MaxInt32)
		}
	}
	seen := map[string]bool{}
	for _, slot := range event.list("timeslots", 1) {
		slot.identifier("identifier", seen)
		start := slot.need("startTime")
		if _, err := time.Parse(slotLayout, start); err != nil || !slotForm.MatchString(start) {
			slot.wrong("startTime", "is not a time such as 2030-02-24T17:00+0000")
		}
		slot.needInteger("duration", 0, math.MaxInt32)
	}
}

// answerTimePicker picks a slot. The answer's title is the slot as the device showed it.
func answerTimePicker(data content, choice answerChoice, now time.Time, r *reply) error {
	event := data.object("event")
	var chosen content
	var at time.Time
	for _, slot := range event.objects("timeslots") {
		if choice.given && slot.str("identifier") != choice.Slot {
			continue
		}
		start, _ := time.Parse(slotLayout, slot.str("startTime")) // was checked when it came
		switch {
		case !start.Before(now):
			chosen, at = slot, start
		case choice.given:
			return badRequest("answer.slot has passed: the device does not show it")
		}
		if chosen != nil {
			break
		}
	}
	switch {
	case chosen == nil && choice.given:
		return badRequest("answer.slot is none of the slots")
	case chosen == nil:
		return badRequest("No times available: all slots have passed")
	}
	shown := event.only("identifier", "title", "timezoneOffset")
	shown["timeslots"] = []any{chosen.only("identifier", "startTime", "duration")}
	r.data["event"] = shown
	r.title = shownTime(at, event["timezoneOffset"])
	r.alternate = r.title
	return nil
}

// shownTime is a time in the zone that the business fixed, else in the device's: here that is GMT.
func shownTime(at time.Time, offset any) string {
	zone := time.UTC
	if number, ok := offset.(json.Number); ok {
		minutes, _ := number.Int64()
		zone = time.FixedZone("", int(minutes)*60)
	}
	return at.In(zone).Format("Jan 2, 2006 at 15:04")
}
