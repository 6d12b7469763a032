package sunshine

import (
	"context"
	"net/http"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// maxChoice is how much can be kept: a user's metadata have 4 KB, of which something has to be left for others.
const maxChoice = 3500

// KeepChoice keeps it in the metadata of the user, whom nobody but bots and programs look at. The user belongs to one
// business: Apple's ids do.
func (c *Connector) KeepChoice(ctx context.Context, _ message.BusinessID, customer message.CustomerID, sealed string) error {
	tooLong := len(sealed) > maxChoice
	if tooLong {
		sealed = "" // what was kept before must not be taken for it
	}
	values, err := c.user(ctx, customer)
	if err != nil {
		return err
	}
	if values.text(keyChoice) != sealed {
		err = c.call(ctx, request{
			operation: opUpdateUser, method: http.MethodPatch, path: "/users/" + external(customer), retry: httpclient.RetryIdempotent,
			body: map[string]any{"metadata": values.with(metadata{keyChoice: sealed})},
		})
	}
	if err == nil && tooLong {
		return message.Failuref(message.Permanent, "%s has no room for a choice of more than %d bytes", c.Name, maxChoice)
	}
	return err
}

// KeptChoice reads it. Nothing is kept of a customer whom nobody knows.
func (c *Connector) KeptChoice(ctx context.Context, _ message.BusinessID, customer message.CustomerID) (string, error) {
	values, err := c.user(ctx, customer)
	if connectors.StatusOf(err) == http.StatusNotFound {
		return "", nil
	}
	return values.text(keyChoice), err
}

// user gives the metadata of a customer's user.
func (c *Connector) user(ctx context.Context, customer message.CustomerID) (metadata, error) {
	var answer struct {
		User struct {
			Metadata metadata `json:"metadata"`
		} `json:"user"`
	}
	err := c.call(ctx, request{
		operation: opGetUser, method: http.MethodGet, path: "/users/" + external(customer), target: &answer, retry: httpclient.RetryIdempotent,
	})
	return answer.User.Metadata, err
}
