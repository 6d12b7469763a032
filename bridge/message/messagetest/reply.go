package messagetest

import (
	"time"

	"bizbridge/bridge/message"

	"pgregory.net/rapid"
)

// Reply gives answers of every kind, as bridge/apple makes them of what phones send.
func Reply() *rapid.Generator[message.Reply] {
	return rapid.Custom(func(t *rapid.T) message.Reply {
		reply := message.Reply{
			Kind: rapid.SampledFrom(message.ReplyKinds).Draw(t, "kind"), RequestID: optional(UUID()).Draw(t, "request"),
			SessionID: optional(UUID()).Draw(t, "session"), Title: optional(words()).Draw(t, "title"), Subtitle: optional(words()).Draw(t, "subtitle"),
		}
		switch reply.Kind {
		case message.ReplyApp:
			reply.URL = rapid.StringMatching(`\?[a-z]=[a-z0-9]{1,10}`).Draw(t, "url")
		case message.ReplyForm:
			reply.Private = rapid.Bool().Draw(t, "private")
			reply.Selections = selections(t, 6)
		case message.ReplyListPicker:
			reply.Selections = selections(t, 4)
		case message.ReplyQuickReply, message.ReplyTimePicker:
			reply.Selections = selections(t, 1)
		}
		for i := range reply.Selections {
			selection := &reply.Selections[i]
			switch reply.Kind {
			case message.ReplyForm:
				selection.Page, selection.Subtitle, selection.Value = "page", "Question?", rapid.String().Draw(t, "value")
			case message.ReplyTimePicker:
				start := time.Unix(60*rapid.Int64Range(27_000_000, 35_000_000).Draw(t, "start"), 0).UTC()
				selection.Start, selection.Duration = &start, 3600
			}
		}
		return reply
	})
}

func selections(t *rapid.T, most int) []message.Selection {
	var selections []message.Selection
	for _, id := range ids(1, most).Draw(t, "chosen") {
		selections = append(selections, message.Selection{ID: id, Title: string(Label().Draw(t, "chosen title"))})
	}
	return selections
}
