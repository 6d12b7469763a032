package flow

import (
	"fmt"
	"slices"
	"strings"

	"bizbridge/bridge/fallback"
	"bizbridge/bridge/message"
)

// words is a kind as people read it.
func words(kind message.Kind) string {
	if kind == message.KindApp {
		return "an app"
	}
	return "a " + strings.ReplaceAll(string(kind), "_", " ")
}

// stepNotes tell an agent why the customer sees something simpler, each reason once.
func stepNotes(steps []message.Fallback) []string {
	var notes []string
	for _, step := range steps {
		if note := stepNote(step); note != "" && !slices.Contains(notes, note) {
			notes = append(notes, note)
		}
	}
	return notes
}

func stepNote(step message.Fallback) string {
	switch {
	case step.Reason == message.FallbackUnknownDevice:
		return "" // nothing is known to have been made simpler
	case step.From == fallback.KindAppClip:
		return "Apple gave no card of an App Clip for this link: it was sent as an ordinary link."
	case step.From == message.KindRichLink:
		return "A link was sent as text: no card could be made for it."
	case step.Reason == message.FallbackLimit:
		return fmt.Sprintf("Sent as %s: %s has at most %d options.", words(step.To), words(step.From), message.MaxOptions)
	}
	return fmt.Sprintf("Sent as %s: the customer's device does not show %s.", words(step.To), words(step.From))
}

func pastSlots(dropped int) string {
	if dropped == 1 {
		return "One time was left out: it is past."
	}
	return fmt.Sprintf("%d times were left out: they are past.", dropped)
}
