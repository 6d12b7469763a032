package sandbox

import "strings"

// tapback is one way to react, with its words in a message.
type tapback struct{ did, removed string }

// tapbacks are the English forms, by the verb of the control API. Apple's devices
// write them in the customer's language; removals follow the style of iMessage's SMS form.
var tapbacks = map[string]tapback{
	"liked":      {"Liked", "Removed a like from"},
	"loved":      {"Loved", "Removed a heart from"},
	"disliked":   {"Disliked", "Removed a dislike from"},
	"laughed":    {"Laughed at", "Removed a laugh from"},
	"emphasized": {"Emphasized", "Removed an exclamation from"},
	"questioned": {"Questioned", "Removed a question mark from"},
	"reacted":    {"Reacted 🎉 to", "Removed a 🎉 from"},
}

// react is the customer reacting to one of the business's bubbles: an ordinary text
// that quotes it. The same reaction again takes it back.
func (s *Sandbox) react(customerKey, businessID, bubbleID, verb string) error {
	words, ok := tapbacks[verb]
	if !ok {
		return badRequest("no such reaction")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.usableThread(customerKey, businessID)
	if err != nil {
		return err
	}
	b := t.bubble(bubbleID)
	if b == nil || b.From != "business" {
		return notFound("no such message from the business")
	}
	did := words.did
	old := b.Reaction
	removing := old != nil && old.Verb == verb && !old.Removed && old.Status != notDelivered
	if removing {
		did = words.removed
	}
	m := t.message("text")
	m.Body = did + " " + b.quoted()
	request := newPhoneRequest(t, m)
	r := &reaction{ID: m.ID, Verb: verb, Status: sending, Removed: removing, request: request}
	if !s.dispatch(request, func(reason string) { r.Status = outcome(reason); s.publishBubble(t, b) }) {
		return busy()
	}
	b.Reaction = r
	s.reopen(t)
	s.publishBubble(t, b)
	return nil
}

// quoted is how a reaction speaks of a bubble: by its words, else by what it is.
func (b *bubble) quoted() string {
	text := strings.TrimSpace(strings.ReplaceAll(b.Text, "\uFFFC", ""))
	switch {
	case text != "":
		return "“" + text + "”"
	case b.Link != nil:
		return "“" + b.Link.URL + "”"
	case b.Interactive != nil:
		return "1 Business Message"
	case len(b.Files) > 0 && b.Files[0].Kind == "image":
		return "an image"
	case len(b.Files) > 0 && b.Files[0].Kind == "video":
		return "a movie"
	}
	return "an attachment"
}
