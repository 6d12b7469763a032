package chatwoottest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (d *Desk) publicMessage(c *conversation, m *Message) map[string]any {
	return map[string]any{
		"id": m.ID, "content": m.Content, "message_type": m.Type, "content_type": m.contentType(), "content_attributes": object(m.Attributes),
		"created_at": m.At.Unix(), "conversation_id": c.ID, "attachments": attachments(m), "sender": d.contactData(c.Contact),
	}
}

func (d *Desk) createPublicMessage(in input, who *contact) answer {
	c := d.conversation(in.number("id"), who)
	if c == nil {
		return notFound
	}
	written := d.add(c, &Message{Type: Incoming, Content: in.text("content"), Sender: who.Name}, in.files)
	d.Inbox.Add(in.Context(), who.customer(), "", written.Content)
	return answer{http.StatusOK, d.publicMessage(c, written)}
}

func (d *Desk) submitValues(in input, who *contact) answer {
	c := d.conversation(in.number("id"), who)
	if c == nil || c.message(in.number("message")) == nil {
		return notFound
	}
	m := c.message(in.number("message"))
	values, ok := in.fields["submitted_values"].([]any)
	if !ok {
		return fault(http.StatusInternalServerError, "no submitted_values")
	}
	if m.Attributes == nil {
		m.Attributes = make(map[string]any)
	}
	m.Attributes["submitted_values"] = values
	d.Inbox.Add(in.Context(), who.customer(), "", submittedText(values))
	d.tell("message_updated", c, m)
	return answer{http.StatusOK, d.publicMessage(c, m)}
}

// submittedText is how agents see an answer below its question.
func submittedText(values []any) string {
	var lines []string
	for _, each := range values {
		value, _ := each.(map[string]any)
		line := fmt.Sprint(value["value"])
		if title, ok := value["title"].(string); ok && title != "" {
			line = title + " (" + line + ")"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, ", ")
}

func (d *Desk) listMessages(in input) answer {
	c := d.conversation(in.number("id"), nil)
	if c == nil {
		return notFound
	}
	before, _ := strconv.ParseInt(in.text("before"), 10, 64)
	list := []map[string]any{}
	for _, each := range slices.Backward(c.Messages) {
		if (before == 0 || each.ID < before) && len(list) < 20 {
			list = append(list, d.messageData(c, each))
		}
	}
	slices.Reverse(list)
	return answer{http.StatusOK, map[string]any{"meta": map[string]any{"labels": []any{}}, "payload": list}}
}

func (d *Desk) createMessage(in input) answer {
	c := d.conversation(in.number("id"), nil)
	switch {
	case c == nil:
		return notFound
	case len(in.files) > 15:
		return fault(http.StatusUnprocessableEntity, "exceeded maximum allowed")
	}
	written := &Message{Type: Outgoing, Content: in.text("content"), Private: in.fields["private"] == true || in.text("private") == "true", Sender: "Bridge"}
	if in.text("message_type") == "incoming" {
		written.Type, written.Sender = Incoming, c.Contact.Name
	}
	if !d.Old {
		written.SourceID = in.text("source_id")
	}
	d.add(c, written, in.files)
	who, text := c.Contact.customer(), written.Content
	for _, each := range written.Attachments {
		text += " [" + each.Name + "]"
	}
	switch {
	case written.Private:
		d.Inbox.Note(in.Context(), who, text)
	case written.Type == Incoming:
		d.Inbox.Add(in.Context(), who, "", text)
	}
	return answer{http.StatusOK, d.messageData(c, written)}
}

func (d *Desk) updateStatus(in input) answer {
	c := d.conversation(in.number("id"), nil)
	if c == nil || c.message(in.number("message")) == nil {
		return notFound
	}
	m := c.message(in.number("message"))
	m.Status, m.ExternalError = in.text("status"), in.text("external_error")
	d.Inbox.Note(in.Context(), c.Contact.customer(), m.ExternalError)
	return answer{http.StatusOK, d.messageData(c, m)}
}
