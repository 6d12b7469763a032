package apple

import (
	"encoding/json"
	"time"

	"bizbridge/bridge/message"
)

// wireChoice is an option or an item that came back.
type wireChoice struct {
	ID       flexibleText `json:"identifier"`
	Title    flexibleText `json:"title"`
	Subtitle flexibleText `json:"subtitle"`
	Value    flexibleText `json:"value"`
}

func quickReplyAnswer(raw json.RawMessage, reply *message.Reply) {
	var answer struct {
		Items              list[wireChoice] `json:"items"` // all that there were
		SelectedIndex      json.RawMessage  `json:"selectedIndex"`
		SelectedIdentifier flexibleText     `json:"selectedIdentifier"`
	}
	lenient(raw, &answer)
	reply.Kind = message.ReplyQuickReply
	chosen := wireChoice{ID: answer.SelectedIdentifier}
	index, hasIndex := integer(answer.SelectedIndex)
	for i, item := range answer.Items {
		// The identifier counts; the index only where there is none.
		if chosen.ID != "" && chosen.ID == item.ID || chosen.ID == "" && hasIndex && index == int64(i) {
			chosen = item
			break
		}
	}
	selectOne(reply, message.Selection{ID: string(chosen.ID), Title: string(chosen.Title)})
	reply.Title = firstText(reply.Title, string(chosen.Title))
}

func listPickerAnswer(raw json.RawMessage, reply *message.Reply) {
	var answer struct {
		Sections list[struct {
			Items list[wireChoice] `json:"items"` // those that were chosen
		}] `json:"sections"`
	}
	lenient(raw, &answer)
	reply.Kind = message.ReplyListPicker
	for _, section := range answer.Sections {
		for _, item := range section.Items {
			selectOne(reply, message.Selection{ID: string(item.ID), Title: string(item.Title), Subtitle: string(item.Subtitle)})
		}
	}
}

const maxDuration = 1<<31 - 1 // seconds

func timePickerAnswer(raw json.RawMessage, reply *message.Reply) {
	var answer struct {
		Timeslots list[struct {
			ID        flexibleText    `json:"identifier"`
			StartTime flexibleText    `json:"startTime"`
			Duration  json.RawMessage `json:"duration"`
		}] `json:"timeslots"` // those that were chosen: one
	}
	lenient(raw, &answer)
	reply.Kind = message.ReplyTimePicker
	for _, slot := range answer.Timeslots {
		selection := message.Selection{ID: string(slot.ID)}
		if start, ok := slotStart(string(slot.StartTime)); ok {
			selection.Start = &start
		} else {
			selection.Title = string(slot.StartTime)
		}
		if duration, ok := integer(slot.Duration); ok && duration >= 0 && duration <= maxDuration {
			selection.Duration = int(duration)
		}
		selectOne(reply, selection)
	}
}

// slotLayouts are how a slot's start may be written: as sent, and with seconds or Z (protocol §12.27).
var slotLayouts = []string{"2006-01-02T15:04-0700", "2006-01-02T15:04:05-0700", time.RFC3339, "2006-01-02T15:04Z07:00"}

func slotStart(text string) (time.Time, bool) {
	for _, layout := range slotLayouts {
		start, err := time.Parse(layout, text)
		if start = start.UTC(); err == nil && start.Year() >= 1 && start.Year() <= 9999 { // others cannot be written as RFC 3339
			return start, true
		}
	}
	return time.Time{}, false
}

// wireFormAnswer is dynamic in an answer. Some devices nest it as the question was.
type wireFormAnswer struct {
	Private    json.RawMessage `json:"private"`
	Selections json.RawMessage `json:"selections"`
}

// formAnswer reads the pages of a form, in the order in which the customer went through them.
func formAnswer(dynamic, archived json.RawMessage, reply *message.Reply) {
	var form struct {
		wireFormAnswer
		Data wireFormAnswer `json:"data"`
	}
	lenient(dynamic, &form)
	reply.Kind, reply.Private = message.ReplyForm, truth(form.Private) || truth(form.Data.Private)
	for _, selections := range []json.RawMessage{form.Selections, form.Data.Selections, archived} {
		if isArray(selections) {
			formSelections(selections, reply)
			return
		}
	}
}

// maxPage is longer, in bytes, than the id of a page can be (protocol §4.11).
const maxPage = 256

func formSelections(raw json.RawMessage, reply *message.Reply) {
	var pages list[struct {
		ID    flexibleText     `json:"pageIdentifier"`
		Title flexibleText     `json:"title"`
		Items list[wireChoice] `json:"items"`
	}]
	lenient(raw, &pages)
	for _, page := range pages {
		id, question := string(page.ID), string(message.CutLabel(string(page.Title)))
		if len(id) > maxPage {
			id = ""
		}
		for _, item := range page.Items {
			selectOne(reply, message.Selection{
				ID: string(item.ID), Title: string(item.Title), Value: string(item.Value), Page: id, Subtitle: question,
			})
		}
	}
}

// invitationAnswer takes the words of the button that was tapped.
func invitationAnswer(raw json.RawMessage, reply *message.Reply) {
	var answer struct {
		ReferenceID    flexibleText `json:"referenceId"`
		DisplayContent struct {
			DeterminateResponse wireReplyBubble `json:"determinateResponse"`
		} `json:"displayContent"`
	}
	lenient(raw, &answer)
	response := answer.DisplayContent.DeterminateResponse
	reply.Kind = message.ReplyInvitation
	response.show(reply)
	selectOne(reply, message.Selection{ID: string(answer.ReferenceID), Title: string(response.Title), Subtitle: string(response.Subtitle)})
}
