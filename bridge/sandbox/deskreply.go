package sandbox

import (
	"encoding/json"
	"strings"
)

// deskReply is what the desk reads of the reply in a message.replied. The whole stays with the line.
type deskReply struct {
	Kind       string      `json:"kind"`
	Title      string      `json:"title"`
	Subtitle   string      `json:"subtitle"`
	URL        string      `json:"url"`
	Selections []selection `json:"selections"`

	Attachments []attachment `json:"attachments"`
}

type selection struct {
	Title string `json:"title"`
	Value string `json:"value"`
}

// parseReply is lenient: what does not fit is left out.
func parseReply(raw json.RawMessage) (r deskReply) {
	var members fields
	_ = json.Unmarshal(raw, &members)
	for name, into := range map[string]any{
		"kind": &r.Kind, "title": &r.Title, "subtitle": &r.Subtitle, "url": &r.URL, "selections": &r.Selections, "attachments": &r.Attachments,
	} {
		_ = json.Unmarshal(members[name], into)
	}
	return r
}

// words are the reply in one line: what the phone showed, else what was chosen.
func (r deskReply) words() string {
	var shown []string
	for _, part := range []string{r.Title, r.Subtitle} {
		if part != "" {
			shown = append(shown, part)
		}
	}
	if len(shown) > 0 {
		return strings.Join(shown, " – ")
	}
	for _, chosen := range r.Selections {
		if words := first(chosen.Title, chosen.Value); words != "" {
			shown = append(shown, words)
		}
	}
	if len(shown) > 0 {
		return strings.Join(shown, ", ")
	}
	return first(r.URL, "("+first(r.Kind, kindUnknown)+")")
}
