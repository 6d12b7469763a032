package sandbox

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Who draws an interactive message: Apple's own extension, or that of a business's app.
const (
	bidPrefix = "com.apple.messages.MSMessageExtensionBalloonPlugin:"
	appleTeam = "0000000000"
	appleBID  = bidPrefix + appleTeam + ":com.apple.icloud.apps.messages.business.extension"
)

const maxAppURL = 5000 // characters

var bidForm = regexp.MustCompile(`^[A-Z0-9]{10}:[A-Za-z0-9.-]{1,155}$`)

// checkBID tells whether a message is for an app of the business's own.
func checkBID(top node) (bid string, own bool) {
	bid = top.need("bid")
	rest, ok := strings.CutPrefix(bid, bidPrefix)
	switch {
	case bid == appleBID:
		return bid, false
	case !ok || !bidForm.MatchString(rest):
		top.wrong("bid", "is not %s, a team id of 10 characters, a colon and an extension's bundle id", bidPrefix)
	case strings.HasPrefix(rest, appleTeam+":"):
		top.wrong("bid", "has Apple's team id, but not Apple's extension")
	}
	return bid, true
}

// checkApp checks a message to an app of the business's own. It is all in interactiveData, without data.
func checkApp(top node) {
	if top.has("data") {
		top.exam.fail("interactiveData.data:", "Third party interactive data disallows use of 'data'") // in Apple's words
	}
	top.integer("appId", 1, math.MaxInt64)
	top.label("appName")
	if top.has(appIcon) {
		top.png(appIcon, maxIcon-1)
	}
	if fault := appURLFault(top.need("URL")); fault != "" {
		top.wrong("URL", "%s", fault)
	}
}

func appURLFault(text string) string {
	switch {
	case text == "":
		return "is empty"
	case utf8.RuneCountInString(text) > maxAppURL:
		return fmt.Sprintf("has %d characters, of at most %d", utf8.RuneCountInString(text), maxAppURL)
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return "contains white space or control characters: they must be escaped"
	}
	return ""
}

// answerApp is the app answering with an address, which is all that it can say.
func answerApp(top content, choice answerChoice, r *reply) error {
	target := top.str("URL")
	if choice.given {
		target = choice.URL
	}
	if fault := appURLFault(target); fault != "" {
		return badRequest("answer.url " + fault)
	}
	r.top = top.only("bid", "appId", "appName", "receivedMessage", "useLiveLayout")
	r.top["URL"] = target
	received := top.object("receivedMessage")
	r.title, r.subtitle = received.str("title"), received.str("subtitle")
	return nil
}
