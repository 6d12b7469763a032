package infobip

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

const conversationsPath = "/ccaas/1/conversations"

// searched is how many conversations are looked through for a customer's: Infobip lists them by agent, queue and tag, but
// not by customer, and nothing can be kept here. Those that were changed last come first.
const searched = 20

// maxNote is the longest note, in characters.
const maxNote = 4000

// conversation is what the bridge reads of a conversation.
type conversation struct {
	ID     string `json:"id"`
	Status string `json:"status"`
}

// Deliver sends what the customer wrote or chose as messages of theirs, and writes notes of everything else.
func (a agents) Deliver(ctx context.Context, event message.Event) (connectors.Receipt, error) {
	if bodies := spoken(event.Data, event.Type); bodies != nil {
		return connectors.Receipt{}, a.send(ctx, event, bodies)
	}
	text := notice(event)
	if text == "" {
		return connectors.Receipt{}, nil
	}
	found, err := a.find(ctx, event.Data.BusinessID, event.Data.CustomerID)
	if err != nil {
		return connectors.Receipt{}, err
	}
	if found.ID == "" || found.Status == statusClosed {
		// What answers the customer by itself would answer this, fail again, and so on. The flow logs the failure.
		if event.Type == message.EventFailed {
			return connectors.Receipt{}, a.noConversation()
		}
		return connectors.Receipt{}, a.sayInstead(ctx, event, text)
	}
	return connectors.Receipt{}, a.note(ctx, found.ID, text)
}

// notice is what agents are told; a saved message's reference is for programs.
func notice(event message.Event) string {
	if event.Type == message.EventSent {
		return ""
	}
	return connectors.Notice(event)
}

// sayInstead puts what should be a note among the customer's messages: better there than nowhere.
func (a agents) sayInstead(ctx context.Context, event message.Event, text string) error {
	return a.send(ctx, event, []body{{Type: typeText, Text: clip("(Messages: "+text+")", maxText/2)}})
}

// RelayClose solves the conversation and says why. What may be done twice comes first, the note last.
func (a agents) RelayClose(ctx context.Context, event message.Event) error {
	found, err := a.find(ctx, event.Data.BusinessID, event.Data.CustomerID)
	switch {
	case err != nil:
		return err
	case found.ID == "":
		return a.sayInstead(ctx, event, notice(event))
	case found.Status == statusClosed: // nobody waits there, and a message would open another conversation
		return nil
	}
	path := conversationPath(found.ID)
	attribute := map[string]string{"apple_closed": event.Timestamp.UTC().Format(time.RFC3339)}
	if err := a.call(ctx, http.MethodPatch, path+"/metadata", attribute, opClose, httpclient.RetryIdempotent, nil); err != nil {
		return err
	}
	if err := a.call(ctx, http.MethodPatch, path, map[string]string{"status": statusSolved}, opClose, httpclient.RetryIdempotent, nil); err != nil {
		return err
	}
	return a.note(ctx, found.ID, notice(event))
}

// WriteNote writes an internal note into the customer's conversation.
func (a agents) WriteNote(ctx context.Context, business message.BusinessID, customer message.CustomerID, text string) error {
	found, err := a.find(ctx, business, customer)
	switch {
	case err != nil:
		return err
	case found.ID == "" || found.Status == statusClosed:
		return a.noConversation()
	}
	return a.note(ctx, found.ID, text)
}

// noConversation tells that a note has no place.
func (a agents) noConversation() error {
	return message.Failuref(message.Permanent, "none of the %d conversations of %s that were changed last is an open one of this customer", searched, a.Name)
}

func (a agents) note(ctx context.Context, conversation, text string) error {
	note := map[string]string{"type": "INTERNAL", "content": clip(text, maxNote)}
	return a.call(ctx, http.MethodPost, conversationPath(conversation)+"/notes", note, opNote, httpclient.RetryUnsent, nil)
}

func conversationPath(id string) string { return conversationsPath + "/" + url.PathEscape(id) }

// find gives the customer's conversation that was changed last; none without an error if it is not among the searched.
func (a agents) find(ctx context.Context, business message.BusinessID, customer message.CustomerID) (conversation, error) {
	channel, ok := a.channelOf(business)
	if !ok {
		return conversation{}, message.Failuref(message.Permanent, "%s has no channel for the business %s: add it to channels", a.Name, business)
	}
	var list struct {
		Conversations []conversation `json:"conversations"`
	}
	newest := url.Values{"limit": {strconv.Itoa(searched)}, "orderBy": {"updatedAt:desc"}}
	if err := a.call(ctx, http.MethodGet, conversationsPath+"?"+newest.Encode(), nil, opConversations, httpclient.RetryIdempotent, &list); err != nil {
		return conversation{}, err
	}
	for _, candidate := range list.Conversations[:min(len(list.Conversations), searched)] {
		its, err := a.holds(ctx, candidate.ID, channel, string(customer))
		if err != nil {
			return conversation{}, err
		}
		if its {
			return candidate, nil
		}
	}
	return conversation{}, nil
}

// holds looks at one message of a conversation: all are between the same two.
func (a agents) holds(ctx context.Context, id, channel, customer string) (bool, error) {
	var list struct {
		Messages []struct {
			From string `json:"from"`
			To   string `json:"to"`
		} `json:"messages"`
	}
	err := a.call(ctx, http.MethodGet, conversationPath(id)+"/messages?limit=1", nil, opMessages, httpclient.RetryIdempotent, &list)
	if connectors.StatusOf(err) == http.StatusNotFound { // deleted since the list was made
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, said := range list.Messages {
		if between(said.From, said.To, customer, channel) || between(said.To, said.From, customer, channel) {
			return true, nil
		}
	}
	return false, nil
}
