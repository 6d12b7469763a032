package message

import (
	"slices"
	"strings"
	"time"
)

// ReplyKind is what kind of message a customer has answered.
type ReplyKind string

// The kinds of answers.
const (
	ReplyQuickReply ReplyKind = "quick_reply"
	ReplyListPicker ReplyKind = "list_picker"
	ReplyTimePicker ReplyKind = "time_picker"
	ReplyForm       ReplyKind = "form"
	ReplyApp        ReplyKind = "app"
	ReplyInvitation ReplyKind = "invitation"
	ReplyUnknown    ReplyKind = "unknown"
)

// ReplyKinds lists them all.
var ReplyKinds = []ReplyKind{ReplyQuickReply, ReplyListPicker, ReplyTimePicker, ReplyForm, ReplyApp, ReplyInvitation, ReplyUnknown}

// Reply is the answer to an interactive message.
type Reply struct {
	Kind       ReplyKind    `json:"kind"`
	RequestID  string       `json:"request_id,omitempty"` // of the message that is answered; SendResult told it
	SessionID  string       `json:"session_id,omitempty"` // Apple's sessionIdentifier
	Title      string       `json:"title,omitempty"`      // what the phone shows of the answer
	Subtitle   string       `json:"subtitle,omitempty"`
	URL        string       `json:"url,omitempty"`     // of an app
	Private    bool         `json:"private,omitempty"` // of a form: the phone does not show the answers
	Selections []Selection  `json:"selections,omitempty"`
	Files      []Attachment `json:"attachments,omitempty"` // of an app
}

// Selection is one thing that was chosen or written.
type Selection struct {
	ID       string     `json:"id,omitempty"`
	Title    string     `json:"title,omitempty"`
	Subtitle string     `json:"subtitle,omitempty"` // of a form: the question
	Value    string     `json:"value,omitempty"`    // of a form
	Page     string     `json:"page,omitempty"`     // of a form: the page's id
	Start    *time.Time `json:"start,omitempty"`    // of a time picker
	Duration int        `json:"duration,omitempty"` // of a time picker, seconds
}

// Text is the answer in words, for helpdesks that show nothing else: what the phone shows, and what was chosen where the
// phone does not name it.
func (r Reply) Text() string {
	heading := r.heading()
	chosen := strings.Join(r.chosen(), ", ")
	switch {
	case r.Kind == ReplyForm && chosen != "":
		return strings.Join(r.answers(), "\n")
	case heading == "" && chosen == "":
		return r.URL
	case heading == "":
		return chosen
	case chosen == "" || r.Kind == ReplyTimePicker || r.names(heading): // a time picker's title is the time as the customer saw it
		return heading
	}
	return heading + ": " + chosen
}

func (r Reply) heading() string {
	if r.Title == "" || r.Subtitle == "" {
		return r.Title + r.Subtitle
	}
	return r.Title + " – " + r.Subtitle
}

func (r Reply) chosen() []string {
	var chosen []string
	for _, selection := range r.Selections {
		if words := selection.words(); words != "" {
			chosen = append(chosen, words)
		}
	}
	return chosen
}

// names tells whether a text names everything that was chosen.
func (r Reply) names(text string) bool {
	return !slices.ContainsFunc(r.chosen(), func(words string) bool { return !strings.Contains(text, words) })
}

// answers has a line for each page of a form.
func (r Reply) answers() []string {
	var lines []string
	page := ""
	for _, selection := range r.Selections {
		words := selection.words()
		switch {
		case words == "":
			continue
		case len(lines) > 0 && selection.Page != "" && selection.Page == page:
			lines[len(lines)-1] += ", " + words
		case selection.Subtitle != "": // the question
			lines = append(lines, selection.Subtitle+": "+words)
		default:
			lines = append(lines, words)
		}
		page = selection.Page
	}
	return lines
}

func (s Selection) words() string {
	switch {
	case s.Start != nil:
		return s.Start.UTC().Format("2006-01-02 15:04 MST")
	case s.Title != "":
		return s.Title
	case s.Value != "":
		return s.Value
	}
	return s.ID
}
