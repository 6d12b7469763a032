package apple

import (
	"regexp"

	"bizbridge/bridge/message"
)

// Apple sends tapbacks as texts in the customer's language (protocol §3.4). The English forms are recognised; the quoted
// message stands in typographic quotes, and what has no text is named. An emoji has no letters ("Reacted badly to" is no
// tapback), but a keycap begins with an ASCII character.
const tapbackTarget = `(?:“(.*)”|((?:an? (?:image|movie|audio message|attachment|sticker|contact|location)|\d+ (?:Business Message|image|photo|attachment|video)s?)))`

var (
	tapbackAdded   = regexp.MustCompile(`(?s)^(Liked|Loved|Disliked|Laughed at|Emphasized|Questioned) ` + tapbackTarget + `$`)
	tapbackReacted = regexp.MustCompile(`(?s)^Reacted (?:with a sticker|([0-9#*]?[^\s\p{L}\x00-\x7F]{1,64})) to ` + tapbackTarget + `$`)
	tapbackRemoved = regexp.MustCompile(`(?s)^Removed an? (like|heart|dislike|laugh|exclamation|question mark) from ` + tapbackTarget + `$`)
)

var tapbackVerbs = map[string]message.Verb{
	"Liked": message.VerbLiked, "like": message.VerbLiked,
	"Loved": message.VerbLoved, "heart": message.VerbLoved,
	"Disliked": message.VerbDisliked, "dislike": message.VerbDisliked,
	"Laughed at": message.VerbLaughed, "laugh": message.VerbLaughed,
	"Emphasized": message.VerbEmphasized, "exclamation": message.VerbEmphasized,
	"Questioned": message.VerbQuestioned, "question mark": message.VerbQuestioned,
}

// parseTapback recognises a tapback; nil for every other text.
func parseTapback(body string) *message.Reaction {
	if match := tapbackAdded.FindStringSubmatch(body); match != nil {
		return &message.Reaction{Verb: tapbackVerbs[match[1]], Quoted: match[2] + match[3]}
	}
	if match := tapbackReacted.FindStringSubmatch(body); match != nil {
		return &message.Reaction{Verb: message.VerbReacted, Emoji: match[1], Quoted: match[2] + match[3]}
	}
	if match := tapbackRemoved.FindStringSubmatch(body); match != nil {
		return &message.Reaction{Verb: tapbackVerbs[match[1]], Removed: true, Quoted: match[2] + match[3]}
	}
	return nil
}
