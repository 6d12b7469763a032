package asapp

import (
	"context"
	"net/http"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/connectors"
)

// webhookScheme is how those sign who send what agents write.
var webhookScheme, _ = signature.Lookup(signature.StandardWebhooks)

// Receive reads one message.send. ASAPP itself publishes no webhook for messages: this is for the company's own program
// between ASAPP's agents and the bridge.
func (c *Connector) Receive(_ context.Context, req *http.Request) ([]message.Outbound, error) {
	body, err := connectors.ReadBody(req)
	if err != nil {
		return nil, err
	}
	if c.verify == nil {
		return nil, &signature.Error{Reason: signature.UnknownKey, Text: "this connector takes no webhooks: its configuration has no webhook_secrets"}
	}
	id, err := c.verify.Verify(signature.Request{Method: req.Method, Header: req.Header, Body: body}, c.Now())
	if err != nil {
		return nil, err
	}
	out, err := message.DecodeSend(body)
	if err != nil {
		return nil, err
	}
	if out.Key == "" {
		if out.Key, err = message.HeaderKey(id); err != nil {
			return nil, err
		}
	}
	return []message.Outbound{out}, nil
}
