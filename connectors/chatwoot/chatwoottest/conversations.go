package chatwoottest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
)

func (d *Desk) createConversation(in input, who *contact) answer {
	if d.Locked {
		for _, each := range d.conversations {
			if each.Contact == who && !each.foreign {
				return answer{http.StatusOK, d.publicConversation(each)}
			}
		}
	}
	if too := tooLong(in.object("custom_attributes")); too != "" {
		return fault(http.StatusUnprocessableEntity, too)
	}
	begun := &conversation{ID: d.next(), Contact: who, Status: "open", Attributes: in.object("custom_attributes")}
	d.conversations = append(d.conversations, begun)
	return answer{http.StatusOK, d.publicConversation(begun)}
}

// orderedConversation writes the id first, as Chatwoot's templates do.
type orderedConversation struct {
	ID       int64            `json:"id"`
	UUID     string           `json:"uuid"`
	InboxID  string           `json:"inbox_id"`
	Status   string           `json:"status"`
	Messages []map[string]any `json:"messages"`
	Contact  map[string]any   `json:"contact"`
}

func (d *Desk) publicConversation(c *conversation) orderedConversation {
	shown := orderedConversation{c.ID, fmt.Sprintf("3f0e9d6a-0000-4000-8000-%012d", c.ID), Identifier, c.Status, []map[string]any{}, d.contactData(c.Contact)}
	for _, each := range c.Messages {
		if !each.Private && each.Type != Activity {
			shown.Messages = append(shown.Messages, d.publicMessage(c, each))
		}
	}
	return shown
}

func (d *Desk) listConversations(_ input, who *contact) answer {
	list := []orderedConversation{}
	for _, each := range d.conversations {
		if each.Contact == who && !each.foreign {
			list = append(list, d.publicConversation(each))
		}
	}
	return answer{http.StatusOK, list}
}

func (d *Desk) toggleTyping(in input, who *contact) answer {
	c := d.conversation(in.number("id"), who)
	if c == nil {
		return notFound
	}
	c.Typing = in.text("typing_status") == "on"
	d.Inbox.Type(who.customer())
	d.tellTyping(c, map[string]any{"id": who.ID, "name": who.Name, "avatar": "", "type": "contact"}, c.Typing, false)
	return answer{http.StatusOK, nil}
}

func (d *Desk) toggleStatus(in input, who *contact) answer {
	c := d.conversation(in.number("id"), who)
	if c == nil {
		return notFound
	}
	if c.Status != "resolved" {
		d.setStatus(c, "resolved", who.Name)
		d.Inbox.Close(in.Context(), who.customer(), "")
	}
	return answer{http.StatusOK, d.publicConversation(c)}
}

func (d *Desk) contactConversations(in input) answer {
	list := []map[string]any{}
	for _, each := range slices.Backward(d.conversations) {
		if each.Contact.ID == in.number("id") {
			data := d.conversationData(each)
			delete(data, "contact_inbox") // it is the webhooks'
			list = append(list, data)
		}
	}
	if i := slices.IndexFunc(d.contacts, func(c *contact) bool { return c.ID == in.number("id") }); i < 0 {
		return notFound
	}
	return answer{http.StatusOK, map[string]any{"payload": list}}
}

func (d *Desk) customAttributes(in input) answer {
	c := d.conversation(in.number("id"), nil)
	if c == nil {
		return notFound
	}
	given := in.object("custom_attributes")
	if too := tooLong(given); too != "" {
		return fault(http.StatusUnprocessableEntity, too)
	}
	if merge, _ := in.fields["merge"].(bool); merge && !d.Old && c.Attributes != nil {
		maps.Copy(c.Attributes, given)
	} else {
		c.Attributes = given
	}
	d.Inbox.Keep(in.Context(), c.Contact.customer(), fmt.Sprint(c.Attributes["apple_choice"]))
	d.tellConversation("conversation_updated", c, nil)
	return answer{http.StatusOK, map[string]any{"custom_attributes": c.Attributes}}
}
