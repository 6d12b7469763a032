package chatwoot

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// tokenHeader is the header that Chatwoot's documentation writes api_access_token. Rails takes both for the same, and nginx
// drops a header with underscores.
const tokenHeader = "Api-Access-Token"

func number(n int64) string { return strconv.FormatInt(n, 10) }

func segment(text string) string { return url.PathEscape(text) }

// request is one call of an API of Chatwoot.
type request struct {
	operation string
	method    string
	url       string
	retry     httpclient.Retry
	body      any
	agent     bool // it acts as the agent whose token is configured, not as the customer
	writes    bool // something is written that must not be lost, nor written twice
}

// reader takes what it needs out of an answer; false: that is not there.
type reader func(body []byte) bool

// into reads a whole answer.
func into(answer any) reader {
	return func(body []byte) bool { return json.Unmarshal(body, answer) == nil }
}

// do makes a call and reads its answer, unless read is nil.
func (c *Connector) do(ctx context.Context, r request, read reader) error {
	call := httpclient.Call{
		Operation: r.operation, Method: r.method, URL: r.url, Retry: r.retry, Header: c.header(r.agent),
	}
	if err := connectors.SetJSON(&call, r.body); err != nil {
		return err
	}
	err := c.send(ctx, call, read)
	if r.writes {
		return unsure(err)
	}
	return err
}

// unsure is the failure of a call that writes a message: where Chatwoot says that it did, but not what, nobody knows.
func unsure(err error) error {
	failure := message.FailureOf(err)
	if failure == nil {
		return nil
	}
	if failure.Status/100 == 2 {
		failure.Class = message.Uncertain
	}
	return failure
}

func (c *Connector) header(agent bool) http.Header {
	header := http.Header{"User-Agent": {"bizbridge"}, "Accept": {"application/json"}}
	if agent {
		header.Set(tokenHeader, c.config.APIToken.Reveal())
	}
	return header
}

func (c *Connector) send(ctx context.Context, call httpclient.Call, read reader) error {
	resp, err := c.HTTP.Do(ctx, call)
	if err != nil {
		return err
	}
	if err := c.statusFailure(resp); err != nil || read == nil {
		return err
	}
	if !read(resp.Body) {
		return connectors.Unreadable(c.Name, resp)
	}
	return nil
}

// statusFailure says for those statuses more than the rest of the bridge does by which Chatwoot tells of a wrong
// configuration.
func (c *Connector) statusFailure(resp *httpclient.Response) error {
	err := connectors.StatusFailure(c.Name, resp)
	if err == nil {
		return nil
	}
	failure := message.FailureOf(err)
	switch resp.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		failure.Reason += ": api_token must be of an agent of the inbox"
	case http.StatusNotFound:
		failure.Reason += ": there is no such inbox, contact or conversation; account_id, inbox_id and inbox_identifier may be wrong"
	}
	return failure
}

// contact is a customer as the inbox knows them.
type contact struct {
	ID int64 `json:"id"`
}

func (c *Connector) contactURL(customer message.CustomerID) string {
	return c.public + "/contacts/" + segment(sourceID(customer))
}

// knownContact finds the contact of a customer; nil for none.
func (c *Connector) knownContact(ctx context.Context, customer message.CustomerID, retry httpclient.Retry) (*contact, error) {
	address := c.contactURL(customer)
	if hash := c.identifierHash(customer); hash != "" {
		address += "?" + url.Values{"identifier": {sourceID(customer)}, "identifier_hash": {hash}}.Encode()
	}
	var found contact
	err := c.do(ctx, request{operation: "contact", method: http.MethodGet, url: address, retry: retry}, into(&found))
	switch {
	case connectors.StatusOf(err) == http.StatusNotFound:
		return nil, nil
	case err != nil:
		return nil, connectors.Beside(err)
	}
	return &found, nil
}

// contactFields is how a contact is written.
type contactFields struct {
	SourceID         string     `json:"source_id,omitempty"`
	Identifier       string     `json:"identifier,omitempty"`
	IdentifierHash   string     `json:"identifier_hash,omitempty"`
	Name             string     `json:"name,omitempty"`
	CustomAttributes attributes `json:"custom_attributes,omitempty"`
}

// findContact finds the contact of a customer, or makes it: that is one call, which makes no second one when it is repeated.
func (c *Connector) findContact(ctx context.Context, data message.Data) (contact, error) {
	fields := contactFields{
		SourceID: sourceID(data.CustomerID), Identifier: sourceID(data.CustomerID), IdentifierHash: c.identifierHash(data.CustomerID),
		Name: guestName(data.CustomerID), CustomAttributes: c.contactAttributes(data),
	}
	if fields.CustomAttributes[attrContext] != nil {
		fields.CustomAttributes[attrContextSince] = c.today()
	}
	var found contact
	err := c.do(ctx, request{
		operation: "contact", method: http.MethodPost, url: c.public + "/contacts", retry: httpclient.RetryIdempotent, body: fields,
	}, into(&found))
	return found, connectors.Beside(err)
}

// updateContact adds to the attributes of a contact. Chatwoot merges them.
func (c *Connector) updateContact(ctx context.Context, customer message.CustomerID, changed attributes) error {
	fields := contactFields{CustomAttributes: changed}
	if hash := c.identifierHash(customer); hash != "" {
		fields.Identifier, fields.IdentifierHash = sourceID(customer), hash
	}
	return c.do(ctx, request{
		operation: "contact_update", method: http.MethodPatch, url: c.contactURL(customer), retry: httpclient.RetryIdempotent, body: fields,
	}, nil)
}

// conversation is a conversation as the application API gives it. Its id is the one that agents see.
type conversation struct {
	ID               int64         `json:"id"`
	InboxID          int64         `json:"inbox_id"`
	Status           string        `json:"status"`
	CustomAttributes attributes    `json:"custom_attributes"`
	Messages         []chatMessage `json:"messages"` // the last one
	LastNonActivity  *chatMessage  `json:"last_non_activity_message"`
	Meta             struct {
		Sender struct {
			Identifier       string     `json:"identifier"`
			CustomAttributes attributes `json:"custom_attributes"`
		} `json:"sender"`
	} `json:"meta"`
	ContactInbox struct { // not every Chatwoot lists it
		SourceID string `json:"source_id"`
	} `json:"contact_inbox"`
}

const resolved = "resolved"

// chatMessage is a message of a conversation. The bridge's own have the id of the event as their source id.
type chatMessage struct {
	ID                int64             `json:"id"`
	SourceID          string            `json:"source_id"`
	Private           bool              `json:"private"`
	Content           string            `json:"content"`
	ContentType       string            `json:"content_type"`
	ContentAttributes contentAttributes `json:"content_attributes"`
}

// conversations lists the conversations of a contact in the inbox, the newest first. The public API could do that too, but
// gives all messages of all conversations.
func (c *Connector) conversations(ctx context.Context, contactID int64, retry httpclient.Retry) ([]conversation, error) {
	var all []conversation
	err := c.do(ctx, request{
		operation: "conversations", method: http.MethodGet, url: c.app + "/contacts/" + number(contactID) + "/conversations", retry: retry, agent: true,
	}, wholeOnes(&all))
	if err != nil {
		return nil, connectors.Beside(err)
	}
	return ofInbox(all, c.config.InboxID), nil
}

// wholeOnes reads a list of conversations of which the end may be missing: each has its last message twice, and those of
// another inbox can be mails. The ones in use stand first.
func wholeOnes(all *[]conversation) reader {
	return func(body []byte) bool {
		tokens := json.NewDecoder(bytes.NewReader(body))
		if open, err := tokens.Token(); err != nil || open != json.Delim('{') {
			return false
		}
		for tokens.More() {
			name, err := tokens.Token()
			if err != nil {
				return false
			}
			if name == "payload" {
				return readWhole(tokens, all)
			}
			var other json.RawMessage
			if tokens.Decode(&other) != nil {
				return false
			}
		}
		return false
	}
}

func readWhole(tokens *json.Decoder, all *[]conversation) bool {
	if open, err := tokens.Token(); err != nil || open != json.Delim('[') {
		return false
	}
	for tokens.More() {
		var raw json.RawMessage
		if tokens.Decode(&raw) != nil {
			return len(*all) > 0
		}
		var one conversation
		if json.Unmarshal(raw, &one) != nil {
			return false
		}
		*all = append(*all, one)
	}
	_, err := tokens.Token()
	return err == nil || len(*all) > 0
}

// createConversation begins a conversation. Where the inbox allows only one for each contact, Chatwoot gives that one, with
// all its messages: only the beginning of the answer is sure to be there.
func (c *Connector) createConversation(ctx context.Context, data message.Data) (id int64, err error) {
	err = c.do(ctx, request{
		operation: "conversation_create", method: http.MethodPost, url: c.contactURL(data.CustomerID) + "/conversations",
		body: map[string]any{"custom_attributes": conversationAttributes(data)},
	}, func(body []byte) (ok bool) {
		id, ok = firstID(body)
		return ok
	})
	return id, connectors.Beside(err)
}

// firstID reads the id of an object of which the end may be missing. It stands first.
func firstID(body []byte) (id int64, ok bool) {
	tokens := json.NewDecoder(bytes.NewReader(body))
	tokens.UseNumber()
	if open, err := tokens.Token(); err != nil || open != json.Delim('{') {
		return 0, false
	}
	for {
		name, err := tokens.Token()
		if err != nil || name == json.Delim('}') {
			return 0, false
		}
		var value json.RawMessage
		if tokens.Decode(&value) != nil {
			return 0, false
		}
		if name == "id" {
			err := json.Unmarshal(value, &id)
			return id, err == nil && id > 0
		}
	}
}

// setAttributes writes custom attributes of a conversation. Older versions replace all that there are, so they are sent
// along; newer ones merge when they are asked to.
func (c *Connector) setAttributes(ctx context.Context, in conversation, changed attributes) error {
	all := maps.Clone(in.CustomAttributes)
	if all == nil {
		all = attributes{}
	}
	maps.Copy(all, changed)
	return c.do(ctx, request{
		operation: "attributes", method: http.MethodPost, url: c.conversationURL(in.ID) + "/custom_attributes",
		retry: httpclient.RetryIdempotent, body: map[string]any{"custom_attributes": all, "merge": true}, agent: true,
	}, nil)
}

func (c *Connector) conversationURL(id int64) string { return c.app + "/conversations/" + number(id) }

// latestMessages gives the last twenty messages of a conversation, or the twenty before one.
func (c *Connector) latestMessages(ctx context.Context, conversation, before int64) ([]chatMessage, error) {
	address := c.conversationURL(conversation) + "/messages"
	if before > 0 {
		address += "?before=" + number(before)
	}
	var answer struct {
		Payload []chatMessage `json:"payload"`
	}
	err := c.do(ctx, request{operation: "messages", method: http.MethodGet, url: address, retry: httpclient.RetryIdempotent, agent: true}, into(&answer))
	return answer.Payload, connectors.Beside(err)
}
