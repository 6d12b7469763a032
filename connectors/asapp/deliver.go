package asapp

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
	"bizbridge/connectors/customerid"
)

// The metadata of a conversation: what the bridge has to find again. Values are texts.
const (
	metaCustomer  = "apple_mbid"
	metaBusiness  = "apple_business"
	metaContext   = "apple_context"
	metaChannel   = "channel"
	metaLocale    = "apple_locale"
	metaIntent    = "apple_intent"
	metaGroup     = "apple_group"
	metaLeft      = "apple_left"
	metaChoice    = "apple_choice"
	metaIdentity  = "apple_signin_identity"
	metaConfirmed = "apple_signin_confirmed"
)

// Deliver records what the customer said, lets GenerativeAgent answer it, and notes for the agents what else happened.
func (c *Connector) Deliver(ctx context.Context, event message.Event) (connectors.Receipt, error) {
	data, at := event.Data, c.moment(event)
	who := customer{business: data.BusinessID, id: data.CustomerID, sealed: data.Sealed}
	if event.Type == message.EventSignIn && data.SignIn != nil {
		return connectors.Receipt{}, c.signedIn(ctx, who, *data.SignIn, at)
	}
	spoken := said(event)
	told := connectors.Notice(event)
	if spoken == nil && told == "" {
		return connectors.Receipt{}, nil
	}
	conversation, err := c.upsert(ctx, who, at, metadataOf(data))
	if err != nil {
		return connectors.Receipt{}, err
	}
	if spoken == nil {
		id, err := c.note(ctx, conversation, told, at)
		return connectors.Receipt{ID: id}, err
	}
	answers, err := c.botAnswers(ctx, who.id, conversation, at)
	if err != nil {
		return connectors.Receipt{}, err
	}
	sender := participant{Role: roleCustomer, ExternalID: customerid.Hashed(who.id)}
	var id string
	if answers {
		text := textMessage{Text: strings.Join(spoken, "\n"), Sender: sender, Timestamp: stamp(at)}
		id, err = c.analyze(ctx, conversation, who, text, variablesOf(data))
	} else {
		messages := make([]textMessage, len(spoken))
		for i, text := range spoken {
			messages[i] = textMessage{Text: text, Sender: sender, Timestamp: stamp(at.Add(time.Duration(i) * time.Millisecond))}
		}
		id, err = c.record(ctx, opMessage, conversation, messages...)
	}
	return connectors.Receipt{ID: id}, err
}

// moment is the time of an event. Apple sends none, so that a repeat of Apple's comes with another: as far as this replica
// has seen the first, both get the time of that. ASAPP can then see that they are one.
func (c *Connector) moment(event message.Event) time.Time {
	key := string(event.Data.BusinessID) + " " + string(event.Data.ID)
	if first, ok, _ := c.moments.PeekOrAdd(key, event.Timestamp); ok {
		return first
	}
	return event.Timestamp
}

func metadataOf(data message.Data) map[string]string {
	metadata := map[string]string{metaLeft: "false"}
	for key, value := range map[string]string{metaContext: data.Sealed, metaLocale: data.Locale, metaIntent: data.Intent, metaGroup: data.Group} {
		if value != "" {
			metadata[key] = value
		}
	}
	return metadata
}

// variablesOf is what the tasks of GenerativeAgent can use beside the words; nil for nothing.
func variablesOf(data message.Data) map[string]any {
	variables := make(map[string]any)
	for key, value := range map[string]string{"locale": data.Locale, "intent": data.Intent, "group": data.Group} {
		if value != "" {
			variables[key] = value
		}
	}
	if data.Reply != nil {
		variables["reply"] = data.Reply
	}
	if len(variables) == 0 {
		return nil
	}
	return variables
}

// The states in which GenerativeAgent waits for others.
const (
	stateWaitingForAuth      = "waitingForAuth"
	stateTransferredToSystem = "transferredToSystem"
	stateTransferredToAgent  = "transferredToAgent"
)

// botAnswers tells whether GenerativeAgent is the one to answer. It must not be asked while people speak with the customer,
// and nothing says when they are done: they are when the conversation has rested for long.
func (c *Connector) botAnswers(ctx context.Context, id message.CustomerID, conversation string, now time.Time) (bool, error) {
	if !c.settings.GenerativeAgent {
		return false, nil
	}
	state, err := c.state(ctx, id)
	if err != nil || state != stateTransferredToAgent {
		return err == nil, err
	}
	messages, err := c.messages(ctx, conversation)
	return err == nil && !c.goesOn(messages, now), err
}

// state asks how GenerativeAgent stands to a customer's conversation; "" for none.
func (c *Connector) state(ctx context.Context, id message.CustomerID) (string, error) {
	var status struct {
		State string `json:"state"`
	}
	err := c.call(ctx, opState, http.MethodGet, "/generativeagent/v1/state?externalId="+url.QueryEscape(customerid.Hashed(id)), nil, &status)
	if failure := message.FailureOf(err); failure != nil {
		if failure.Class == message.Permanent || failure.Class == message.Closed {
			return "", nil // it has no state yet. If it cannot be asked at all, it says so when it is
		}
		return "", failure
	}
	return status.State, nil
}

// goesOn tells whether the last message of a conversation is a recent one.
func (c *Connector) goesOn(messages []storedMessage, now time.Time) bool {
	for _, said := range messages {
		if said.Sender.Role != roleSystem && now.Sub(said.Created) < c.settings.ConversationEnds.Std() {
			return true
		}
	}
	return false
}

// analyze hands GenerativeAgent a message, which ASAPP records as well. What it answers comes over the stream.
func (c *Connector) analyze(ctx context.Context, conversation string, who customer, text textMessage, variables map[string]any) (id string, err error) {
	key := string(message.DeriveID("asapp question", text.Timestamp, text.Text))
	c.watch.expect(conversation, who, key, c.Now())
	var taken struct {
		MessageID string `json:"messageId"`
	}
	err = c.call(ctx, opAnalyze, http.MethodPost, "/generativeagent/v1/analyze", struct {
		ConversationID string         `json:"conversationId"`
		StreamID       string         `json:"streamId"`
		Message        textMessage    `json:"message"`
		InputVariables map[string]any `json:"inputVariables,omitempty"`
	}{conversation, c.stream, text, variables}, &taken)
	if err == nil {
		c.watch.asked(conversation, key, taken.MessageID)
	}
	return taken.MessageID, err
}

// HasOpenConversation tells whether somebody has written lately, and the customer has not left since: ASAPP's conversations
// have no end of their own.
func (c *Connector) HasOpenConversation(ctx context.Context, _ message.BusinessID, id message.CustomerID) (bool, error) {
	var list struct {
		Items []storedMessage `json:"items"`
	}
	err := c.call(ctx, opMessages, http.MethodGet, "/conversation/v1/conversation/messages?externalId="+url.QueryEscape(customerid.Hashed(id)), nil, &list)
	if unknown(err) {
		return false, nil
	}
	if err != nil || !c.goesOn(list.Items, c.Now()) {
		return false, err
	}
	found, err := c.find(ctx, id)
	return err == nil && (found == nil || found.Metadata[metaLeft] != "true"), err
}

// RelayClose marks the conversation and tells the agents why. ASAPP has no call that ends one.
func (c *Connector) RelayClose(ctx context.Context, event message.Event) error {
	who := customer{business: event.Data.BusinessID, id: event.Data.CustomerID}
	found, err := c.find(ctx, who.id)
	if err != nil || found == nil {
		return err // nobody is there to be told
	}
	at := c.moment(event)
	if _, err := c.note(ctx, found.ID, connectors.Notice(event), at); err != nil {
		return err
	}
	_, err = c.upsert(ctx, who, at, map[string]string{metaLeft: "true"})
	return err
}

// WriteNote writes for agents alone.
func (c *Connector) WriteNote(ctx context.Context, _ message.BusinessID, id message.CustomerID, text string) error {
	found, err := c.mustFind(ctx, id)
	if err != nil {
		return err
	}
	_, err = c.note(ctx, found.ID, text, c.Now())
	return err
}

// KeepChoice keeps it in the conversation's metadata.
func (c *Connector) KeepChoice(ctx context.Context, business message.BusinessID, id message.CustomerID, sealed string) error {
	if _, err := c.mustFind(ctx, id); err != nil {
		return err
	}
	_, err := c.upsert(ctx, customer{business: business, id: id}, c.Now(), map[string]string{metaChoice: sealed})
	return err
}

// KeptChoice reads the conversation's metadata.
func (c *Connector) KeptChoice(ctx context.Context, _ message.BusinessID, id message.CustomerID) (string, error) {
	found, err := c.find(ctx, id)
	if err != nil || found == nil {
		return "", err
	}
	return found.Metadata[metaChoice], nil
}
