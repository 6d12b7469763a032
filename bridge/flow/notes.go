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
	note := fmt.Sprintf("Sent as %s: the customer's device does not show %s.", words(step.To), words(step.From))
	if step.From == message.KindForm && step.To != message.KindText { // whoever waits for a form's answer would wait in vain
		note += fmt.Sprintf(" The answer will come as a %s.", step.To)
	}
	return note
}

// privateAsText warns of what the sender did not want.
const privateAsText = "The form is private, but the answer to a text stands in the conversation."

func pastSlots(dropped int) string {
	if dropped == 1 {
		return "One time was left out: it is past."
	}
	return fmt.Sprintf("%d times were left out: they are past.", dropped)
}

const maxReason = 500 // characters

// inWords says why a message was not sent, to somebody who reads nothing else of it.
func inWords(failure *message.Failure) string {
	text := failure.Reason
	if text == "" {
		text = string(failure.SenderCode())
	}
	separator := ": "
	for _, fault := range failure.Faults {
		if fault.Message == failure.Reason || len(text) > 4*maxReason {
			continue
		}
		text += separator + fault.Pointer + " " + fault.Message
		separator = "; "
	}
	if runes := []rune(text); len(runes) > maxReason {
		return string(runes[:maxReason-1]) + "…"
	}
	return text
}
