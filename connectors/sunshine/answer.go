package sunshine

import (
	"context"
	"encoding/json"
	"slices"

	"bizbridge/bridge/message"
	"bizbridge/connectors/plaintext"
)

// answer is what the customer's answer to an interactive message is in the helpdesk. Sunshine Conversations answers a
// button with a text that has the button's payload and metadata, which bots read. Answers to forms can be posted by nobody
// but its own web widget, so those are texts, with the fields beside them.
func (c *Connector) answer(ctx context.Context, found *conversation, data message.Data) []post {
	reply := *data.Reply
	posts := texts(reply.Text())
	if len(posts) == 0 && len(reply.Files) == 0 {
		posts = texts("[An answer without words]")
	}
	if len(posts) == 0 || len(reply.Selections) == 0 {
		return posts
	}
	asked, known := c.asked(ctx, found, data)
	first := &posts[0]
	if known {
		first.metadata = metadata{keyReplyTo: asked.ID}
	}
	switch {
	case reply.Kind == message.ReplyForm && known:
		first.metadata = first.metadata.with(formAnswers(asked.Content, reply))
	case (reply.Kind == message.ReplyQuickReply || reply.Kind == message.ReplyListPicker) && len(reply.Selections) == 1:
		chosen := reply.Selections[0].ID
		first.content.Payload = chosen // where it can be, an option's id is its payload
		choices := asked.Content.choices()
		if i := slices.IndexFunc(choices, func(one choice) bool { return one.id == chosen }); i >= 0 {
			first.content.Text, first.content.Payload = plaintext.Cut(choices[i].title, maxText), choices[i].action.Payload
			if all := choices[i].action.Metadata.with(first.metadata); all.with(metadata{keyMessage: string(data.ID)}).fits() {
				first.metadata = all
			}
		}
	}
	return posts
}

// asked finds the helpdesk's own message that was answered. Without it, what the phone says is all that is known.
func (c *Connector) asked(ctx context.Context, found *conversation, data message.Data) (sentMessage, bool) {
	if data.Reply.RequestID == "" {
		return sentMessage{}, false
	}
	ctx, cancel := halfOf(ctx)
	defer cancel()
	sent, err := c.messages(ctx, found)
	if err != nil {
		c.Logger.Warn("the message that a customer answered cannot be looked up", "id", string(data.ID), "error", err)
	}
	for _, one := range slices.Backward(sent) {
		if one.Author.Type != authorBusiness {
			continue
		}
		for _, out := range c.outbounds(found, one) {
			out.BusinessID, out.CustomerID = data.BusinessID, data.CustomerID
			if out.RequestID("connector:"+c.Name, 0) == data.Reply.RequestID {
				return one, true
			}
		}
	}
	return sentMessage{}, false
}

// formAnswers are the answers by the names of the form's fields.
func formAnswers(form content, reply message.Reply) metadata {
	values := make(map[string]string)
	names := make(map[string]string)
	for _, field := range form.pages() {
		names[field.page.ID] = field.name
	}
	for _, selection := range reply.Selections {
		name := names[selection.Page]
		value := selection.Value
		if value == "" {
			value = selection.Title
		}
		if name == "" || value == "" {
			continue
		}
		if before := values[name]; before != "" {
			value = before + ", " + value
		}
		values[name] = value
	}
	written, err := json.Marshal(values)
	if err != nil || len(values) == 0 || len(written) > maxMetadata/2 {
		return nil
	}
	return metadata{keyFormData: string(written)}
}
