package fallback

import "bizbridge/bridge/message"

// Level grades what a device gets of a kind of message.
type Level string

// The levels.
const (
	Full     Level = "full"     // shown as it is
	Partial  Level = "partial"  // something simpler, which may have no answer that can be matched
	Simpler  Level = "fallback" // something simpler, whose answer is still known
	Rejected Level = "rejected" // refused: nothing can stand for it
	Unknown  Level = "unknown"  // sent as it is, and perhaps not seen
)

// Grade tells what becomes of a kind on a device. A form of one question becomes a list, buttons or numbers, but one of
// several a text whose answers are words; an app may have no link.
func Grade(kind message.Kind, device message.Device) Level {
	if kind == message.KindSignIn {
		return gradeSignIn(device)
	}
	switch shows(kind, device) {
	case yes:
		return Full
	case unknown:
		return Unknown
	}
	if kind == message.KindForm || kind == message.KindApp {
		return Partial
	}
	return Simpler
}

// gradeSignIn knows no simpler way, and asks nothing of a device of which nothing is known.
func gradeSignIn(device message.Device) Level {
	switch {
	case device.Has(message.CapabilityAuth2):
		return Full
	case device.Has(message.CapabilityAuth):
		return Partial // where the provider allows the old flow
	}
	return Rejected
}
