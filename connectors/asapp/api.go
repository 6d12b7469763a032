package asapp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
	"bizbridge/connectors/customerid"
)

// The operations of the metrics.
const (
	opConversation  = "conversation"
	opFind          = "find"
	opMessage       = "message"
	opMessages      = "messages"
	opBatch         = "batch"
	opNote          = "note"
	opState         = "state"
	opAnalyze       = "analyze"
	opAuthenticate  = "authenticate"
	opCustomerLogin = "customer_login"
	opStreamURL     = "stream_url"
	opStream        = "stream"
	opCheck         = "check"
)

var operations = []string{
	opConversation, opFind, opMessage, opMessages, opBatch, opNote, opState, opAnalyze, opAuthenticate, opCustomerLogin, opStreamURL, opStream, opCheck,
}

const conversationsPath = "/conversation/v1/conversations"

// The roles of those who speak in a conversation. What system says is for agents and reports; no customer sees it.
const (
	roleCustomer = "customer"
	roleAgent    = "agent"
	roleSystem   = "system"
)

// bridgeID is the bridge as a participant.
const bridgeID = "bizbridge"

type participant struct {
	Role       string `json:"role,omitempty"`
	ExternalID string `json:"externalId"`
	Name       string `json:"name,omitempty"`
}

// conversation is a conversation as it is written and read.
type conversation struct {
	ID         string            `json:"id,omitempty"`
	ExternalID string            `json:"externalId"`
	Customer   participant       `json:"customer"`
	Timestamp  string            `json:"timestamp,omitempty"`
	Metadata   map[string]string `json:"metadata,omitempty"`
}

// textMessage is a message as it is written.
type textMessage struct {
	Text      string      `json:"text"`
	Sender    participant `json:"sender"`
	Timestamp string      `json:"timestamp"`
}

// storedMessage is a message as it is read.
type storedMessage struct {
	ID      string      `json:"messageId"`
	Text    string      `json:"text"`
	Sender  participant `json:"sender"`
	Created time.Time   `json:"createdTimestamp"`
}

// call makes one call. answer, when not nil, takes the JSON that comes back. Every call can be repeated: ASAPP recognises
// what it has already, and says 409.
func (c *Connector) call(ctx context.Context, operation, method, path string, body, answer any) error {
	call := httpclient.Call{
		Operation: operation, Method: method, URL: c.url + path, Retry: httpclient.RetryIdempotent,
		Header: http.Header{"Accept": {"application/json"}, "User-Agent": {"bizbridge"}},
	}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return &message.Failure{Class: message.Permanent, Reason: "a call to " + c.Name + " cannot be written as JSON", Err: err}
		}
		call.Body = text
		call.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.HTTP.Do(ctx, call)
	if err != nil {
		return err
	}
	stored := resp.Status == http.StatusConflict && method == http.MethodPost
	if err := connectors.StatusFailure(c.Name, resp); err != nil && !stored {
		return err
	}
	if answer != nil && json.Unmarshal(resp.Body, answer) != nil && !stored {
		return &message.Failure{Class: message.Transient, Status: resp.Status, Reason: fmt.Sprintf("%s answered something that is not its JSON (%d)", c.Name, resp.Status)}
	}
	return nil
}

// unknown tells that ASAPP does not have what was asked for.
func unknown(err error) bool {
	failure := message.FailureOf(err)
	return failure != nil && failure.Status == http.StatusNotFound
}

// upsert makes the customer's conversation, or brings its metadata up to date, and gives its id.
func (c *Connector) upsert(ctx context.Context, who customer, at time.Time, metadata map[string]string) (id string, err error) {
	external := customerid.Hashed(who.id)
	all := map[string]string{metaCustomer: string(who.id), metaBusiness: string(who.business), metaChannel: "apple"}
	for key, value := range metadata {
		all[key] = value
	}
	var made conversation
	err = c.call(ctx, opConversation, http.MethodPost, conversationsPath, conversation{
		ExternalID: external, Customer: participant{ExternalID: external, Name: "Messages guest"}, Timestamp: stamp(at), Metadata: all,
	}, &made)
	if err != nil || made.ID != "" {
		return made.ID, err
	}
	found, err := c.find(ctx, who.id) // 409 does not say which one it is
	if err == nil && found == nil {
		err = message.Failuref(message.Transient, "%s says that the conversation exists, and does not find it", c.Name)
	}
	if err != nil {
		return "", err
	}
	return found.ID, nil
}

// find gives the customer's conversation; nil for none.
func (c *Connector) find(ctx context.Context, id message.CustomerID) (*conversation, error) {
	external := customerid.Hashed(id)
	var list struct {
		Items []conversation `json:"items"`
	}
	err := c.call(ctx, opFind, http.MethodGet, conversationsPath+"?externalId="+url.QueryEscape(external), nil, &list)
	if unknown(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for i := range list.Items {
		if list.Items[i].ExternalID == external && list.Items[i].ID != "" {
			return &list.Items[i], nil
		}
	}
	return nil, nil
}

// mustFind is find for calls that make no sense without a conversation.
func (c *Connector) mustFind(ctx context.Context, id message.CustomerID) (*conversation, error) {
	found, err := c.find(ctx, id)
	if err == nil && found == nil {
		err = message.Failuref(message.Permanent, "%s has no conversation with the customer", c.Name)
	}
	return found, err
}

// record adds messages to a conversation, all or none, and gives the id of the only one.
func (c *Connector) record(ctx context.Context, operation, conversation string, messages ...textMessage) (id string, err error) {
	path := conversationsPath + "/" + url.PathEscape(conversation) + "/messages"
	if len(messages) > 1 {
		return "", c.call(ctx, opBatch, http.MethodPost, path+"/batch", map[string]any{"messages": messages}, nil)
	}
	var made struct {
		ID string `json:"id"`
	}
	err = c.call(ctx, operation, http.MethodPost, path, messages[0], &made)
	return made.ID, err
}

// note adds what only agents see.
func (c *Connector) note(ctx context.Context, conversation, text string, at time.Time) (id string, err error) {
	return c.record(ctx, opNote, conversation, textMessage{
		Text: text, Sender: participant{Role: roleSystem, ExternalID: bridgeID}, Timestamp: stamp(at),
	})
}

// messages lists what was said in a conversation, oldest first.
func (c *Connector) messages(ctx context.Context, conversation string) ([]storedMessage, error) {
	var list struct {
		Items []storedMessage `json:"items"`
	}
	err := c.call(ctx, opMessages, http.MethodGet, conversationsPath+"/"+url.PathEscape(conversation)+"/messages", nil, &list)
	if unknown(err) {
		return nil, nil
	}
	return list.Items, err
}

// stamp writes a time as ASAPP keeps it.
func stamp(at time.Time) string { return at.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano) }
