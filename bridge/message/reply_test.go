package message_test

import (
	"testing"
	"time"

	"bizbridge/bridge/message"
)

func TestTextOfAReply(t *testing.T) {
	start := time.Date(2030, 2, 24, 11, 0, 0, 0, time.FixedZone("", 3600))
	one := []message.Selection{{ID: "1", Title: "Apple", Subtitle: "Red"}}
	two := append(one, message.Selection{ID: "2"})
	for name, test := range map[string]struct {
		reply message.Reply
		want  string
	}{
		"quick reply":             {message.Reply{Kind: message.ReplyQuickReply, Selections: []message.Selection{{ID: "3", Title: "Talk to an agent"}}}, "Talk to an agent"},
		"list as phones say it":   {message.Reply{Kind: message.ReplyListPicker, Title: "Selected produce", Subtitle: "Apple", Selections: one}, "Selected produce – Apple"},
		"list with a fixed title": {message.Reply{Kind: message.ReplyListPicker, Title: "Thank you", Selections: two}, "Thank you: Apple, 2"},
		"list, half named":        {message.Reply{Kind: message.ReplyListPicker, Title: "Apple", Selections: two}, "Apple: Apple, 2"},
		"list without a title":    {message.Reply{Kind: message.ReplyListPicker, Selections: two}, "Apple, 2"},
		"only a subtitle":         {message.Reply{Kind: message.ReplyListPicker, Subtitle: "Apple", Selections: one}, "Apple"},
		"time as phones say it":   {message.Reply{Kind: message.ReplyTimePicker, Title: "Feb 24, 2030 at 05:00", Selections: []message.Selection{{ID: "2", Start: &start}}}, "Feb 24, 2030 at 05:00"},
		"time without a title":    {message.Reply{Kind: message.ReplyTimePicker, Selections: []message.Selection{{ID: "2", Start: &start}}}, "2030-02-24 10:00 UTC"},
		"form": {message.Reply{Kind: message.ReplyForm, Title: "Thank you", Selections: []message.Selection{
			{ID: "0_1", Title: "Blue", Value: "blue", Page: "0", Subtitle: "Colour?"}, {ID: "0_2", Title: "Red", Page: "0", Subtitle: "Colour?"},
			{Value: "02/24/2030", Page: "1", Subtitle: "Date?"}, {Page: "2", Subtitle: "Remarks"}, {Value: "ring", Page: "3"}, {Value: "twice"},
		}}, "Colour?: Blue, Red\nDate?: 02/24/2030\nring\ntwice"},
		"form without answers": {message.Reply{Kind: message.ReplyForm, Title: "Thank you"}, "Thank you"},
		"form left empty":      {message.Reply{Kind: message.ReplyForm, Title: "Thank you", Selections: []message.Selection{{Page: "0", Subtitle: "Remarks"}}}, "Thank you"},
		"app":                  {message.Reply{Kind: message.ReplyApp, Title: "Example", URL: "?choice=2"}, "Example"},
		"app without words":    {message.Reply{Kind: message.ReplyApp, URL: "?choice=2"}, "?choice=2"},
		"invitation":           {message.Reply{Kind: message.ReplyInvitation, Title: "Continue", Subtitle: "in Messages"}, "Continue – in Messages"},
		"unknown":              {message.Reply{Kind: message.ReplyUnknown}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.reply.Text(); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
