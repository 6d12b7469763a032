package sunshine

import (
	"context"
	"net/http"
	"strconv"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
	"bizbridge/connectors/plaintext"
)

// post is one message to put into a conversation.
type post struct {
	content  content
	metadata metadata
	note     bool // for agents alone: the business writes it, and the bridge never sends it to a phone
	last     bool // a new conversation is not begun for it where this one is full
}

// Deliver puts an event into the customer's conversation.
func (c *Connector) Deliver(ctx context.Context, event message.Event) (connectors.Receipt, error) {
	if event.Type != message.EventReceived && event.Type != message.EventReplied && notice(event) == "" {
		return connectors.Receipt{}, nil
	}
	found, err := c.open(ctx, event)
	if err != nil {
		return connectors.Receipt{}, err
	}
	posts, err := c.posts(ctx, found, event)
	if err != nil {
		return connectors.Receipt{}, err
	}
	id, err := c.postAll(ctx, found, event.Data, posts)
	return connectors.Receipt{ID: id}, err
}

// posts is what an event is in the helpdesk.
func (c *Connector) posts(ctx context.Context, found *conversation, event message.Event) ([]post, error) {
	data := event.Data
	var posts []post
	switch event.Type {
	case message.EventReceived:
		posts = texts(connectors.Words(data))
	case message.EventReplied:
		posts = c.answer(ctx, found, data)
	case message.EventUnsupported: // the customer did something that agents have to notice
		return texts(notice(event)), nil
	default:
		return notes(notice(event)), nil
	}
	for _, file := range data.Files() {
		uploaded, err := c.file(ctx, found, file)
		if err != nil {
			return nil, err
		}
		posts = append(posts, uploaded)
	}
	if len(posts) == 0 { // nobody may wait for an answer to nothing
		posts = texts("[A message without words]")
	}
	return posts, nil
}

// maxText is how long a text may be, in the units of UTF-16, which the API counts in at worst.
const maxText = 4096

// texts makes as many messages of a text as it needs.
func texts(text string) []post {
	var posts []post
	for _, piece := range plaintext.Pieces(text, maxText) {
		posts = append(posts, post{content: content{Type: typeText, Text: piece}})
	}
	return posts
}

// notes are texts for agents.
func notes(text string) []post {
	posts := texts(text)
	for i := range posts {
		posts[i].note = true
	}
	return posts
}

// postAll puts messages into a conversation, those that are not there yet. It gives the id of the first.
func (c *Connector) postAll(ctx context.Context, found *conversation, data message.Data, posts []post) (first string, _ error) {
	there := map[string]string{}
	if data.PossibleRepeat {
		var err error
		if there, err = c.parts(ctx, found, data.ID); err != nil && !refused(err) {
			return "", err
		}
	}
	for i, p := range posts {
		part := strconv.Itoa(i + 1)
		id, repeated := there[part]
		var err error
		if !repeated {
			id, err = c.post(ctx, found, data, p.numbered(data.ID, part, len(posts)))
		}
		if err != nil && i > 0 { // what is there must be looked for the next time
			return "", connectors.HalfDone(err, message.Permanent, message.Invalid, message.Auth)
		}
		if err != nil {
			return "", err
		}
		if i == 0 {
			first = id
		}
	}
	return first, nil
}

// numbered names a message by Apple's, so that a repeat can be told. The number is left out where there is one only.
func (p post) numbered(id message.ID, part string, of int) post {
	values := metadata{keyMessage: string(id)}
	if of > 1 {
		values[keyPart] = part
	}
	if all := p.metadata.with(values); all.fits() {
		values = all
	}
	p.metadata = values
	return p
}

// post puts one message into the conversation; where that is full, into a new one.
func (c *Connector) post(ctx context.Context, found *conversation, data message.Data, p post) (id string, err error) {
	if id, err = c.postTo(ctx, found, data.CustomerID, p); p.last || connectors.StatusOf(err) != http.StatusLocked {
		return id, err
	}
	c.Logger.Warn("a conversation is full; the customer gets a new one")
	another, err := c.begin(ctx, data)
	if err == nil {
		err = c.attend(ctx, another, data, !p.note)
	}
	if err != nil {
		return "", err
	}
	*found = *another
	return c.postTo(ctx, found, data.CustomerID, p)
}

// noteAuthor is the name under which the bridge writes notes. Like the mark in their metadata, it keeps them from the phone.
const noteAuthor = "Messages for Business (note)"

func (c *Connector) postTo(ctx context.Context, found *conversation, customer message.CustomerID, p post) (id string, _ error) {
	author := map[string]any{"type": authorUser, "userExternalId": external(customer)}
	if p.note {
		author = map[string]any{"type": authorBusiness, "displayName": noteAuthor}
		p.metadata = p.metadata.with(metadata{keyNote: "true"})
	}
	var posted struct {
		Messages []sentMessage `json:"messages"`
	}
	err := c.call(ctx, request{
		operation: opPost, method: http.MethodPost, path: "/conversations/" + found.ID + "/messages", posts: true,
		body: map[string]any{"author": author, "content": p.content, "metadata": p.metadata}, target: &posted,
	})
	if len(posted.Messages) > 0 {
		id = posted.Messages[0].ID
	}
	return id, err
}

// messages are the newest 100 of a conversation.
func (c *Connector) messages(ctx context.Context, found *conversation) ([]sentMessage, error) {
	var page struct {
		Messages []sentMessage `json:"messages"`
	}
	err := c.call(ctx, request{
		operation: opListMessages, method: http.MethodGet, path: "/conversations/" + found.ID + "/messages", target: &page, retry: httpclient.RetryIdempotent,
	})
	return page.Messages, err
}

// parts are the ids of those messages, by their number, that were made of one of Apple's.
func (c *Connector) parts(ctx context.Context, found *conversation, id message.ID) (map[string]string, error) {
	sent, err := c.messages(ctx, found)
	there := make(map[string]string)
	for _, one := range sent {
		if part := one.Metadata.text(keyPart); one.Metadata.text(keyMessage) == string(id) {
			if part == "" {
				part = "1"
			}
			there[part] = one.ID
		}
	}
	return there, err
}

// RelayClose marks the conversation and tells the agents. A customer whom the helpdesk does not know cannot leave it.
func (c *Connector) RelayClose(ctx context.Context, event message.Event) error {
	found, err := c.find(ctx, event.Data.BusinessID, event.Data.CustomerID)
	if err != nil || found == nil {
		return err
	}
	if err := c.write(ctx, found, metadata{keyClosed: "true"}); err != nil {
		return err
	}
	posts := notes(notice(event))
	for i := range posts {
		posts[i].last = true
	}
	_, err = c.postAll(ctx, found, event.Data, posts)
	if connectors.StatusOf(err) == http.StatusLocked {
		c.Logger.Warn("a conversation is full; that the customer left stands in its metadata alone")
		return nil
	}
	return err
}

// WriteNote tells agents something. What the business writes under the bridge's mark never goes to the phone.
func (c *Connector) WriteNote(ctx context.Context, business message.BusinessID, customer message.CustomerID, text string) error {
	found, err := c.find(ctx, business, customer)
	if err != nil {
		return err
	}
	if found == nil {
		return message.Failuref(message.Permanent, "%s has no conversation to write a note into", c.Name)
	}
	for _, p := range notes(text) {
		if _, err := c.postTo(ctx, found, customer, p); err != nil {
			return err
		}
	}
	return nil
}
