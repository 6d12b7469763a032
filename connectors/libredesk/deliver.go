package libredesk

import (
	"cmp"
	"context"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// place is where something is in LibreDesk. began tells that the conversation began with it.
type place struct {
	conversation, message string
	began                 bool
}

// Deliver writes what the customer did: what they said in their name, what they did as a note for the agents. A customer can
// type "I have paid"; a note is the bridge's word.
func (c *Connector) Deliver(ctx context.Context, event message.Event) (connectors.Receipt, error) {
	data := event.Data
	var text string
	switch event.Type {
	case message.EventReceived:
		text = connectors.Words(data)
	case message.EventReplied:
		text = data.Reply.Text()
	case message.EventUnsupported:
		text = "[" + connectors.Notice(event) + "]"
	default:
		if note := connectors.Notice(event); note != "" {
			return c.tell(ctx, data, note)
		}
		return connectors.Receipt{}, nil // of a later version
	}
	at, err := c.say(ctx, data, text)
	return connectors.Receipt{ID: at.message}, err
}

// nothing stands for a message without words and files.
const nothing = "(an empty message)"

// say writes a text, and the files of the event, in the name of the customer.
func (c *Connector) say(ctx context.Context, data message.Data, text string) (place, error) {
	text = strings.ReplaceAll(text, "\x00", "") // the database has no room for it
	all, err := c.find(ctx, data.CustomerID)
	if err != nil {
		return place{}, err
	}
	at, files := place{}, data.Files()
	if open, ok := all.current(); ok {
		at.conversation = open.UUID
	} else if at, text, err = c.begin(ctx, data, all, cmp.Or(text, names(files))); err != nil {
		return place{}, err
	}
	if !at.began { // what is new came with the login
		c.notice(ctx, at.conversation, attributesOf(data))
	}
	ids, links := c.upload(ctx, files)
	if text == "" && len(ids)+len(links) == 0 {
		if at.began {
			return at, nil
		}
		text = nothing
	}
	at.message, err = c.write(ctx, opSend, at.conversation, writing{
		Message: paragraphs(text) + strings.Join(links, ""), Attachments: ids, SenderType: "contact",
	})
	return at, err
}

// begin opens a conversation. An inbox that allows each contact one only goes on with the closed one, which opens again.
func (c *Connector) begin(ctx context.Context, data message.Data, closed conversations, text string) (at place, rest string, err error) {
	var known contact
	former, ok := closed.newest()
	if ok {
		known = former.Contact
	}
	at, rest, err = c.start(ctx, data, known, cmp.Or(text, nothing))
	if ok && connectors.StatusOf(err) == http.StatusForbidden {
		return place{conversation: former.UUID}, text, nil
	}
	return at, rest, err
}

// tell writes a note, also where the customer has no conversation yet: what a bot asked was answered.
func (c *Connector) tell(ctx context.Context, data message.Data, note string) (connectors.Receipt, error) {
	all, err := c.find(ctx, data.CustomerID)
	if err != nil {
		return connectors.Receipt{}, err
	}
	newest, ok := all.newest()
	if !ok {
		at, _, err := c.start(ctx, data, contact{}, "(Messages for Business)")
		if err != nil {
			return connectors.Receipt{}, err
		}
		newest.UUID = at.conversation
	}
	id, err := c.writeNote(ctx, newest.UUID, note)
	return connectors.Receipt{ID: id}, err
}

// RelayClose resolves the conversation and tells the agents why: nothing that they write reaches the customer any more.
func (c *Connector) RelayClose(ctx context.Context, event message.Event) error {
	all, err := c.find(ctx, event.Data.CustomerID)
	if err != nil {
		return err
	}
	left, ok := all.newest()
	if !ok {
		return nil // nobody is there to be told
	}
	if left.Status != statusResolved && left.Status != statusClosed {
		if err := c.setStatus(ctx, left.UUID, statusResolved); err != nil {
			return err
		}
	}
	c.notice(ctx, left.UUID, map[string]any{attrLeft: true})
	_, err = c.writeNote(ctx, left.UUID, connectors.Notice(event))
	return err
}

// WriteNote writes a note for the agents into the customer's conversation.
func (c *Connector) WriteNote(ctx context.Context, _ message.BusinessID, customer message.CustomerID, text string) error {
	all, err := c.find(ctx, customer)
	if err != nil {
		return err
	}
	newest, ok := all.newest()
	if !ok {
		return message.Failuref(message.Permanent, "%s has no conversation with the customer, where a note could stand", c.Name)
	}
	_, err = c.writeNote(ctx, newest.UUID, text)
	return err
}

func (c *Connector) writeNote(ctx context.Context, uuid, text string) (id string, err error) {
	return c.write(ctx, opNote, uuid, writing{Message: paragraphs(text), Private: true, SenderType: "agent"})
}

// writing is a message for the REST API.
type writing struct {
	Message     string `json:"message"` // HTML
	Attachments []int  `json:"attachments,omitempty"`
	Private     bool   `json:"private"`
	SenderType  string `json:"sender_type"`
}

func (c *Connector) write(ctx context.Context, operation, uuid string, body writing) (id string, err error) {
	var stored struct {
		UUID string `json:"uuid"`
	}
	err = c.call(ctx, request{
		operation: operation, method: http.MethodPost, path: "/api/v1/conversations/" + url.PathEscape(uuid) + "/messages",
		header: c.agent(), body: body,
	}, &stored)
	return stored.UUID, err
}

// paragraphs makes HTML of a text. Braces are escaped too: LibreDesk fills in "{{ … }}" in what agents write, and notes are
// among that.
func paragraphs(text string) string {
	if text == "" {
		return ""
	}
	escaped := strings.NewReplacer("\r\n", "<br>", "\n", "<br>", "{", "&#123;").Replace(html.EscapeString(strings.ReplaceAll(text, "\x00", "")))
	return "<p>" + escaped + "</p>"
}

// names stands for a message of files alone where a text has to be.
func names(files []message.Attachment) string {
	var list []string
	for _, file := range files {
		list = append(list, cmp.Or(file.Name, "a file"))
	}
	return strings.Join(list, ", ")
}

// link is a file that is not in LibreDesk, as HTML.
func link(file message.Attachment) string {
	name := strings.ReplaceAll(html.EscapeString(cmp.Or(file.Name, "a file")), "{", "&#123;")
	switch {
	case file.URL == "":
		return "<p>" + name + " (could not be fetched)</p>"
	case file.ExpiresAt == nil:
		return fmt.Sprintf(`<p><a href="%s">%s</a></p>`, html.EscapeString(file.URL), name)
	}
	return fmt.Sprintf(`<p><a href="%s">%s</a> (until %s)</p>`, html.EscapeString(file.URL), name, file.ExpiresAt.Format("2006-01-02 15:04 MST"))
}
