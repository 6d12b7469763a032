package sunshine

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

const (
	authorUser     = "user"
	authorBusiness = "business"

	eventMessage = "conversation:message"
	eventTyping  = "conversation:typing"

	activityTyping = "typing:start"
	activityStill  = "typing:stop"
	activityClosed = "ticket:closed"

	subtypeActivity = "activity"
)

// webhook is the body of every webhook of version v2.
type webhook struct {
	Webhook struct {
		Version string `json:"version"`
	} `json:"webhook"`
	Events []json.RawMessage `json:"events"`
}

// webhookEvent is one of its events.
type webhookEvent struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Payload struct {
		Conversation conversation `json:"conversation"`
		Message      sentMessage  `json:"message"`
		Activity     struct {
			Type   string `json:"type"`
			Author author `json:"author"`
		} `json:"activity"`
	} `json:"payload"`
}

// sentMessage is a message as webhooks and lists have it.
type sentMessage struct {
	ID       string   `json:"id"`
	Author   author   `json:"author"`
	Content  content  `json:"content"`
	Metadata metadata `json:"metadata"`
	Deleted  bool     `json:"deleted"`
	Source   struct {
		Type string `json:"type"`
	} `json:"source"`
	Activity activity `json:"activity"`
}

// activity is what Zendesk itself tells of in a message.
type activity struct {
	Type string `json:"type"`
}

type author struct {
	Type        string   `json:"type"`
	Subtypes    []string `json:"subtypes"`
	DisplayName string   `json:"displayName"`
}

// Receive reads a webhook: all of its events. Those of other channels of the app are left out, and so is what customers and
// the bridge itself wrote.
func (c *Connector) Receive(_ context.Context, req *http.Request) ([]message.Outbound, error) {
	body, err := connectors.ReadSigned(req, c.verify, c.Now())
	if err != nil {
		return nil, err
	}
	var told webhook
	if err := json.Unmarshal(body, &told); err != nil {
		return nil, fmt.Errorf("%w: %w", message.ErrMalformed, err)
	}
	if told.Events == nil {
		return nil, message.Failuref(message.Invalid, "the body has no events: the webhook is not of version v2")
	}
	var outs []message.Outbound
	for _, raw := range told.Events {
		var event webhookEvent
		if err := json.Unmarshal(raw, &event); err != nil {
			c.Logger.Warn("an event of a webhook has a form that is not documented; it is left out") // the error may repeat values
			continue
		}
		outs = append(outs, c.read(event)...)
	}
	return outs, nil
}

// read makes messages of one event.
func (c *Connector) read(event webhookEvent) []message.Outbound {
	from := &event.Payload.Conversation
	if !ours(from) {
		return nil
	}
	switch event.Type {
	case eventMessage:
		return c.outbounds(from, event.Payload.Message)
	case eventTyping:
		return c.typing(from, event)
	}
	return nil
}

// ours tells whether the bridge made a conversation: it names a customer of Apple's and a business.
func ours(from *conversation) bool {
	return from.Metadata.text(keyBusiness) != "" && message.CustomerID(from.Metadata.text(keyCustomer)).Fault() == ""
}

// to addresses a message to the customer of a conversation.
func to(from *conversation, key string, sender message.Sender, content message.Content) message.Outbound {
	return message.Outbound{
		Key: key, Sender: sender, Content: content, Sealed: from.Metadata.text(keyContext),
		BusinessID: message.BusinessID(from.Metadata.text(keyBusiness)), CustomerID: message.CustomerID(from.Metadata.text(keyCustomer)),
	}
}

func (c *Connector) typing(from *conversation, event webhookEvent) []message.Outbound {
	activity := event.Payload.Activity
	if activity.Author.Type != authorBusiness || event.ID == "" {
		return nil
	}
	state, known := map[string]message.TypingState{activityTyping: message.TypingOn, activityStill: message.TypingOff}[activity.Type]
	if !known {
		return nil
	}
	return []message.Outbound{to(from, event.ID, senderOf(activity.Author, ""), message.Typing{State: state})}
}

// outbounds are what Apple gets of one message of the business: the same whenever it is read, so that answers find it
// again.
func (c *Connector) outbounds(from *conversation, sent sentMessage) []message.Outbound {
	if sent.ID == "" || sent.Author.Type != authorBusiness || sent.Deleted || sent.isNote() {
		return nil
	}
	sender := senderOf(sent.Author, sent.Source.Type)
	var contents []message.Content
	switch {
	case !sent.isActivity():
		contents = c.contents(sent.Content)
	case slices.Contains([]string{sent.Activity.Type, sent.Content.Activity.Type}, activityClosed) && c.settings.ClosedText != "":
		sender.Kind, contents = message.SenderBot, []message.Content{message.Text{Text: c.settings.ClosedText}}
	default: // Zendesk tells its own widgets, in words for those
		return nil
	}
	if len(contents) == 0 {
		c.Logger.Warn("a message holds nothing that can be shown; it is left out", "message", sent.ID, "content", plainKind(sent.Content.Type))
	}
	outs := make([]message.Outbound, 0, len(contents))
	for i, content := range contents {
		key := sent.ID
		if i > 0 {
			key += " " + strconv.Itoa(i+1)
		}
		outs = append(outs, to(from, key, sender, content))
	}
	return outs
}

// isNote tells whether the bridge wrote it for agents.
func (m sentMessage) isNote() bool {
	return m.Metadata[keyNote] != nil || m.Author.DisplayName == noteAuthor
}

func (m sentMessage) isActivity() bool {
	return m.Activity.Type != "" || m.Content.Type == subtypeActivity || slices.Contains(m.Author.Subtypes, subtypeActivity)
}

// plainKind is a kind of content as it may stand in the log.
func plainKind(kind string) string {
	if len(kind) > 30 || strings.Trim(kind, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "unknown"
	}
	return kind
}

// maxName is how long the name of a sender may be, in bytes.
const maxName = 200

// senderOf tells agents from bots. Zendesk's own say what they are in the subtypes, older ones in the source.
func senderOf(wrote author, source string) message.Sender {
	kind := message.SenderAgent
	if slices.Contains(wrote.Subtypes, "bot") || slices.Contains(wrote.Subtypes, "AI") || source == "zd:answerBot" {
		kind = message.SenderBot
	}
	name := wrote.DisplayName
	if len(name) > maxName {
		name = ""
	}
	return message.Sender{Kind: kind, Name: name}
}
