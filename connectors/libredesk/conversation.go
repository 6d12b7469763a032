package libredesk

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"bizbridge/bridge/message"
)

// LibreDesk's own statuses, which cannot be removed.
const (
	statusResolved = "Resolved"
	statusClosed   = "Closed"
)

// channel is that of the conversations that are the bridge's.
const channel = "livechat"

// conversation is what a list of conversations has of one.
type conversation struct {
	UUID    string  `json:"uuid"`
	Status  string  `json:"status"`
	Contact contact `json:"contact"`
}

type contact struct {
	FirstName      string         `json:"first_name"`
	LastName       string         `json:"last_name"`
	Email          string         `json:"email"`
	ExternalUserID string         `json:"external_user_id"`
	Attributes     map[string]any `json:"custom_attributes"`
}

// The attributes of a contact that are the bridge's.
const (
	attrCustomer = "apple_mbid"
	attrBusiness = "apple_business_id"
	attrContext  = "apple_context"
	attrLocale   = "apple_locale"
	attrIntent   = "apple_intent"
	attrGroup    = "apple_group"
	attrLeft     = "apple_left"
)

// attributesOf are what has to be known of a customer when an agent answers, and what automations may ask for. Those that
// are not known now are left out, and stay what they were.
func attributesOf(data message.Data) map[string]any {
	attributes := map[string]any{attrCustomer: data.CustomerID, attrBusiness: data.BusinessID, attrLeft: false}
	for name, value := range map[string]string{
		attrContext: data.Sealed, attrLocale: data.Device.Locale, attrIntent: data.Device.Intent, attrGroup: data.Device.Group,
	} {
		if value != "" {
			attributes[name] = value
		}
	}
	return attributes
}

func (c contact) attribute(name string) string {
	text, _ := c.Attributes[name].(string)
	return text
}

// conversations are those of one customer, the one that was used last first.
type conversations []conversation

// find asks for the conversations of a customer.
func (c *Connector) find(ctx context.Context, customer message.CustomerID) (conversations, error) {
	filters, err := json.Marshal([]map[string]string{
		{"model": "users", "field": "external_user_id", "operator": "equals", "value": externalID(customer)},
		{"model": "inboxes", "field": "channel", "operator": "equals", "value": channel},
	})
	if err != nil {
		return nil, err
	}
	query := url.Values{"page": {"1"}, "page_size": {"20"}, "filters": {string(filters)}}
	var page struct {
		Results conversations `json:"results"`
	}
	err = c.call(ctx, request{
		operation: opFind, method: http.MethodGet, path: "/api/v1/conversations/all?" + query.Encode(), header: c.agent(), reads: true,
	}, &page)
	return page.Results, err
}

// current is where the customer's next message belongs; false: a new conversation has to begin. One that is closed is done
// with: one that is only resolved opens again.
func (all conversations) current() (conversation, bool) {
	for _, one := range all {
		if one.Status != statusClosed {
			return one, true
		}
	}
	return conversation{}, false
}

// newest is where to write about what happened, closed or not; false: there is none.
func (all conversations) newest() (conversation, bool) {
	if one, ok := all.current(); ok {
		return one, true
	}
	if len(all) == 0 {
		return conversation{}, false
	}
	return all[0], true
}

// HasOpenConversation tells whether agents are at work on something of the customer's.
func (c *Connector) HasOpenConversation(ctx context.Context, _ message.BusinessID, customer message.CustomerID) (bool, error) {
	all, err := c.find(ctx, customer)
	for _, one := range all {
		if one.Status != statusClosed && one.Status != statusResolved {
			return true, nil
		}
	}
	return false, err
}

// notice keeps attributes with the contact of a conversation; others stay. Without the newest ones an answer still finds its
// way, so that no message waits for them.
func (c *Connector) notice(ctx context.Context, uuid string, attributes map[string]any) {
	err := c.call(ctx, request{
		operation: opNotice, method: http.MethodPut, path: "/api/v1/conversations/" + url.PathEscape(uuid) + "/contacts/custom-attributes",
		header: c.agent(), body: attributes, reads: true,
	}, nil)
	if err != nil {
		c.Logger.Warn("the attributes of a contact could not be brought up to date", "error", err)
	}
}

// setStatus changes a conversation's status.
func (c *Connector) setStatus(ctx context.Context, uuid, status string) error {
	return c.call(ctx, request{
		operation: opStatus, method: http.MethodPut, path: "/api/v1/conversations/" + url.PathEscape(uuid) + "/status",
		header: c.agent(), body: map[string]string{"status": status}, reads: true,
	}, nil)
}

// readContact asks whose conversation it is; false: no customer's of the bridge, or one of another inbox. The external id
// counts, since agents can clear attributes.
func (c *Connector) readContact(ctx context.Context, uuid string) (contact, bool, error) {
	var found struct {
		Channel string  `json:"inbox_channel"`
		Inbox   int     `json:"inbox_id"`
		Contact contact `json:"contact"`
	}
	err := c.call(ctx, request{
		operation: opRead, method: http.MethodGet, path: "/api/v1/conversations/" + url.PathEscape(uuid), header: c.agent(), reads: true,
	}, &found)
	if err != nil {
		return contact{}, false, err
	}
	_, ours := found.Contact.Attributes[attrCustomer]
	ours = ours || strings.HasPrefix(found.Contact.ExternalUserID, hashedPrefix)
	if !ours || found.Channel != channel {
		return found.Contact, false, nil
	}
	own := c.inboxNumber(ctx)
	return found.Contact, own == 0 || found.Inbox == 0 || own == found.Inbox, nil
}

// hashedPrefix begins the external id of every customer.
const hashedPrefix = "amb_"

// inboxNumber is what LibreDesk calls the inbox inside: another bridge may have one of its own there, and gets the same
// webhooks. It is asked for once; 0: it cannot be had, and every inbox counts.
func (c *Connector) inboxNumber(ctx context.Context) int {
	if known := c.number.Load(); known != 0 {
		return int(known)
	}
	var inboxes []struct {
		ID   int    `json:"id"`
		UUID string `json:"uuid"`
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second) // an answer does not wait for it
	defer cancel()
	if err := c.ask(ctx, "/api/v1/inboxes", c.agent(), &inboxes); err != nil {
		c.Logger.Warn("the inboxes cannot be read, so that answers in all of them are taken for this one's", "error", err)
		return 0
	}
	for _, one := range inboxes {
		if strings.EqualFold(one.UUID, c.inbox) {
			c.number.Store(int64(one.ID))
			return one.ID
		}
	}
	return 0
}
