package sunshine

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
	"bizbridge/connectors/plaintext"
)

// conversation is what lists and webhooks say of one.
type conversation struct {
	ID        string         `json:"id"`
	CreatedAt string         `json:"createdAt"`
	Metadata  metadata       `json:"metadata"`
	Active    *switchboardIn `json:"activeSwitchboardIntegration"` // who answers; nil: nobody has control
	news      metadata       // what is to be written into Metadata
}

// switchboardIn is an integration of the switchboard.
type switchboardIn struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"integrationType"`
}

// is tells whether a setting names it. Sunshine Conversations looks for the three in this order.
func (s *switchboardIn) is(name string) bool {
	return s != nil && name != "" && slices.Contains([]string{s.ID, s.Name, s.Type}, name)
}

func (c *conversation) closed() bool { return c.Metadata.text(keyClosed) == "true" }

// belongsTo tells whether a conversation is the bridge's own, of a customer with a business. Nothing else of an app is
// anything to the bridge: its other channels have conversations there, too.
func (c *conversation) belongsTo(business message.BusinessID, customer message.CustomerID) bool {
	return inPath.MatchString(c.ID) && c.Metadata.text(keyCustomer) == string(customer) && business.Equal(message.BusinessID(c.Metadata.text(keyBusiness)))
}

// after tells which of two is the newer one. Times are written alike, so that they sort as texts: whoever looks sees the same
// one as the newest.
func (c *conversation) after(other *conversation) bool {
	return c.CreatedAt+c.ID > other.CreatedAt+other.ID
}

const (
	pageSize = 100
	maxPages = 10 // a customer has one conversation, and another where 30,000 messages were not enough
)

// find looks for the customer's newest conversation; nil without an error: there is none.
func (c *Connector) find(ctx context.Context, business message.BusinessID, customer message.CustomerID) (newest *conversation, _ error) {
	after := ""
	for range maxPages {
		query := url.Values{"filter[userExternalId]": {external(customer)}, "page[size]": {strconv.Itoa(pageSize)}}
		if after != "" {
			query.Set("page[after]", after)
		}
		var page struct {
			Conversations []conversation `json:"conversations"`
			Meta          struct {
				HasMore     bool   `json:"hasMore"`
				AfterCursor string `json:"afterCursor"`
			} `json:"meta"`
		}
		err := c.call(ctx, request{
			operation: opFind, method: http.MethodGet, path: "/conversations?" + query.Encode(), target: &page, retry: httpclient.RetryIdempotent,
		})
		if connectors.StatusOf(err) == http.StatusNotFound && !errors.Is(err, errNoApp) { // the user is not known
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range page.Conversations {
			found := &page.Conversations[i]
			if found.belongsTo(business, customer) && (newest == nil || found.after(newest)) {
				newest = found
			}
		}
		if after = page.Meta.AfterCursor; !page.Meta.HasMore || after == "" {
			break
		}
	}
	return newest, nil
}

// open gives the customer's conversation, after making one where there is none, with whoever is to answer in control.
func (c *Connector) open(ctx context.Context, event message.Event) (*conversation, error) {
	found, err := c.find(ctx, event.Data.BusinessID, event.Data.CustomerID)
	if err == nil && found == nil {
		found, err = c.begin(ctx, event.Data)
	}
	if err != nil {
		return nil, err
	}
	return found, c.attend(ctx, found, event.Data, wrote(event.Type))
}

// wrote tells whether it is the customer who did something, and not only the bridge that tells of something.
func wrote(t message.EventType) bool {
	return t == message.EventReceived || t == message.EventReplied || t == message.EventUnsupported
}

// begin makes a conversation, and before it the user that it needs. Another replica may do so at the same moment: whoever
// looks afterwards takes the newest.
func (c *Connector) begin(ctx context.Context, data message.Data) (*conversation, error) {
	if err := c.createUser(ctx, data); err != nil {
		return nil, err
	}
	made, err := c.create(ctx, data)
	if err != nil {
		return nil, err
	}
	look, cancel := halfOf(ctx)
	defer cancel()
	newest, err := c.find(look, data.BusinessID, data.CustomerID)
	if err != nil || newest == nil || made.CreatedAt == "" || !newest.after(made) { // an older one may be full
		return made, nil
	}
	return newest, nil
}

// attend sees to it that the right one answers a customer who writes, and that they know whom.
func (c *Connector) attend(ctx context.Context, found *conversation, data message.Data, wrote bool) error {
	found.news = c.newsOf(found, data)
	if wrote {
		if found.closed() {
			found.news[keyClosed] = "false"
		}
		if err := c.handOver(ctx, found); err != nil {
			return err
		}
	}
	c.update(ctx, found)
	return nil
}

// createUser makes the customer a user of the app. One who is there already is as good.
func (c *Connector) createUser(ctx context.Context, data message.Data) error {
	profile := map[string]any{"givenName": "Messages guest"}
	if data.Locale != "" {
		profile["locale"] = strings.ReplaceAll(short(data.Locale), "_", "-")
	}
	err := c.call(ctx, request{
		operation: opCreateUser, method: http.MethodPost, path: "/users", retry: httpclient.RetryIdempotent,
		body: map[string]any{
			"externalId": external(data.CustomerID), "profile": profile, "metadata": metadata{keyCustomer: string(data.CustomerID)},
		},
	})
	if connectors.StatusOf(err) == http.StatusConflict {
		return nil
	}
	return err
}

func (c *Connector) create(ctx context.Context, data message.Data) (*conversation, error) {
	values := c.identity(data)
	var answer struct {
		Conversation conversation `json:"conversation"`
	}
	err := c.call(ctx, request{
		operation: opCreate, method: http.MethodPost, path: "/conversations", target: &answer,
		body: map[string]any{
			"type": "personal", "metadata": values,
			"participants": []any{map[string]any{"userExternalId": external(data.CustomerID), "subscribeSDKClient": false}},
		},
	})
	if err == nil && !inPath.MatchString(answer.Conversation.ID) {
		err = message.Failuref(message.Transient, "%s made a conversation and does not say which", c.Name)
	}
	answer.Conversation.Metadata = values // the answer need not repeat them
	return &answer.Conversation, err
}

// contextFor is how long a context is used before a newer one takes its place: it must not expire while it is there.
const contextFor = 30 * 24 * time.Hour

// short bounds what comes from links, which may have anything in them.
func short(text string) string { return plaintext.Cut(text, 256) }

// identity is what a conversation says of the customer, so that every webhook says it too; as much of it as there is room
// for.
func (c *Connector) identity(data message.Data) metadata {
	values := metadata{keyCustomer: string(data.CustomerID), keyBusiness: string(data.BusinessID)}
	if data.Sealed != "" { // else nothing is known of the device, and what is there knows more
		device, _ := json.Marshal(data.Device) // texts only
		period := c.Now().Unix() / int64(contextFor/time.Second)
		values[keyContext] = data.Sealed
		values[keyDevice] = string(message.DeriveID(string(device), strconv.FormatInt(period, 10)))
	}
	for key, value := range map[string]string{keyLocale: data.Locale, keyIntent: data.Intent, keyGroup: data.Group} {
		if value != "" {
			values[key] = short(value)
		}
	}
	return values.fitted()
}

// newsOf is what the conversation's metadata do not say yet. Contexts differ each time, so the device decides.
func (c *Connector) newsOf(found *conversation, data message.Data) metadata {
	news := metadata{}
	for key, value := range c.identity(data) {
		if key != keyContext && found.Metadata[key] != value {
			news[key] = value
		}
	}
	if news[keyDevice] != nil || found.Metadata[keyContext] == nil && data.Sealed != "" {
		news[keyContext] = data.Sealed
	}
	return news
}

// update writes the news into the conversation's metadata. What the customer wrote does not wait for it: what is missing is
// written with the next message.
func (c *Connector) update(ctx context.Context, found *conversation) {
	if len(found.news) == 0 {
		return
	}
	ctx, cancel := halfOf(ctx)
	defer cancel()
	if err := c.write(ctx, found, found.news); err != nil {
		c.Logger.Warn("a conversation's metadata cannot be written; replies may be shown as on an unknown device", "error", err)
	}
}

// write changes metadata. All of them are sent: whether others are kept is not documented.
func (c *Connector) write(ctx context.Context, found *conversation, news metadata) error {
	all := found.Metadata.with(news).fitted()
	err := c.call(ctx, request{
		operation: opUpdate, method: http.MethodPatch, path: "/conversations/" + found.ID, retry: httpclient.RetryIdempotent,
		body: map[string]any{"metadata": all},
	})
	if err == nil {
		found.Metadata, found.news = all, nil
	}
	return err
}

// next is the integration that the switchboard names as the next one.
const next = "next"

// handOver passes control of a new conversation, or of one that nobody is in control of since a ticket was closed, as the
// settings want it. A switchboard that does not know how must not keep the message back.
func (c *Connector) handOver(ctx context.Context, found *conversation) error {
	to := c.settings.PassControl
	if to == "" || found.Active.is(to) || found.Active != nil && found.Metadata.text(keyPassed) == to {
		return nil
	}
	retry := httpclient.RetryIdempotent
	if to == next { // twice next is the one after it
		retry = httpclient.RetryUnsent
	}
	err := c.call(ctx, request{
		operation: opPassControl, method: http.MethodPost, path: "/conversations/" + found.ID + "/passControl", retry: retry,
		body: map[string]any{"switchboardIntegration": to},
	})
	switch {
	case refused(err):
		c.Logger.Error("control of a conversation cannot be passed; its default responder answers", "pass_control", to, "error", err)
		return nil
	case err != nil:
		return err
	}
	found.news = found.news.with(metadata{keyPassed: to})
	return nil
}

// halfOf bounds what comes before a message and can be done without.
func halfOf(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/2)
}
