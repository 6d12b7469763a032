package libredesk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// request is one call of LibreDesk's API.
type request struct {
	operation    string
	method, path string
	header       http.Header
	body         any  // nil: none
	reads        bool // nothing is stored, or storing it twice is the same: it may be repeated
}

// call makes a call and reads the answer's data into into, unless that is nil. The error is a [*message.Failure].
func (c *Connector) call(ctx context.Context, r request, into any) error {
	call := httpclient.Call{
		Operation: r.operation, Method: r.method, URL: c.url + r.path, Header: r.header.Clone(), Retry: httpclient.RetryUnsent,
	}
	call.Header.Set("User-Agent", "bizbridge")
	if r.reads {
		call.Retry = httpclient.RetryIdempotent
	}
	if err := connectors.SetJSON(&call, r.body); err != nil {
		return err
	}
	resp, err := c.HTTP.Do(ctx, call)
	if err == nil {
		err = c.read(resp, r, into)
	}
	if r.reads {
		return connectors.Beside(err)
	}
	return err
}

// read finds the data in LibreDesk's envelope. Every status means what it means by default, see [connectors.StatusFailure];
// but only LibreDesk's own envelope says that it has a message: a proxy or a login page before it also answers 200.
func (c *Connector) read(resp *httpclient.Response, r request, into any) error {
	if err := connectors.StatusFailure(c.Name, resp); err != nil {
		return err
	}
	var envelope struct {
		Status string          `json:"status"`
		Data   json.RawMessage `json:"data"`
	}
	err := json.Unmarshal(resp.Body, &envelope)
	if err == nil && envelope.Status != "success" {
		err = errors.New("no status of success")
	}
	if err == nil && into != nil {
		err = json.Unmarshal(envelope.Data, into)
	}
	if err == nil {
		return nil
	}
	// The cause is left out: encoding/json may quote what was answered.
	return &message.Failure{
		Class: message.Uncertain, Status: resp.Status,
		Reason: fmt.Sprintf("%s answers (%d) with what is not LibreDesk's; is url right?", c.Name, resp.Status),
	}
}
