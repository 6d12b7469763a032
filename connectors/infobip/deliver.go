package infobip

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
	"bizbridge/connectors/plaintext"
)

// What the Open Channel takes at most.
const (
	maxText   = 4096 // UTF-16 units: Infobip counts as Java does
	maxSender = 255
)

// Deliver sends what the customer wrote or chose as messages of theirs, and everything else as JSON for the chatbot.
func (c *Connector) Deliver(ctx context.Context, event message.Event) (connectors.Receipt, error) {
	if bodies := spoken(event.Data, event.Type); bodies != nil {
		return connectors.Receipt{}, c.send(ctx, event, bodies)
	}
	return connectors.Receipt{}, c.sendEvent(ctx, event)
}

// RelayClose tells the chatbot that the customer left.
func (c *Connector) RelayClose(ctx context.Context, event message.Event) error {
	return c.sendEvent(ctx, event)
}

// sendEvent sends an event in the bridge's own format: a chatbot does not take it for words of the customer.
func (c *Connector) sendEvent(ctx context.Context, event message.Event) error {
	text, err := json.Marshal(event)
	if err != nil {
		return &message.Failure{Class: message.Permanent, Reason: "the event cannot be written as JSON", Err: err}
	}
	return c.send(ctx, event, []body{{Type: typeJSON, JSON: text}})
}

// spoken is what the customer said, in one message or more; nil where they said nothing.
func spoken(data message.Data, kind message.EventType) []body {
	var text string
	switch {
	case kind == message.EventReceived:
		text = connectors.Words(data)
	case kind == message.EventReplied && data.Reply != nil:
		text = data.Reply.Text()
	default:
		return nil
	}
	var bodies []body
	for _, piece := range plaintext.Pieces(text, maxText) {
		bodies = append(bodies, body{Type: typeText, Text: piece})
	}
	for _, file := range data.Files() {
		bodies = append(bodies, fileBody(file))
	}
	if bodies == nil {
		bodies = []body{{Type: typeText, Text: "(a message without words)"}}
	}
	return bodies
}

// fileBody is a file by its link.
func fileBody(file message.Attachment) body {
	media, _, _ := strings.Cut(strings.ToLower(file.MIMEType), "/")
	switch {
	case file.URL == "":
		return body{Type: typeText, Text: fmt.Sprintf("(a file that cannot be had: %.200s)", file.Name)}
	case media == "image":
		return body{Type: typeImage, URL: file.URL, Caption: file.Name}
	case media == "audio":
		return body{Type: typeAudio, URL: file.URL}
	}
	return body{Type: typeFile, URL: file.URL, Filename: file.Name}
}

// send posts the messages of one event one after the other.
func (c *Connector) send(ctx context.Context, event message.Event, bodies []body) error {
	to, ok := c.channelOf(event.Data.BusinessID)
	if !ok {
		return message.Failuref(message.Permanent, "%s has no channel for the business %s: add it to channels", c.Name, event.Data.BusinessID)
	}
	if n := utf8.RuneCountInString(string(event.Data.CustomerID)); n > maxSender {
		return message.Failuref(message.Permanent, "the customer's id has %d characters; Infobip takes %d", n, maxSender)
	}
	envelope := inboundMessage{
		Sender: string(event.Data.CustomerID), Destination: to, Metadata: metadataOf(event.Data),
		ResponseWebhook: responseWebhook{URL: c.webhookURL, CallbackData: callbackData{
			MessageID: string(event.Data.ID), Business: string(event.Data.BusinessID), Sealed: event.Data.Sealed,
		}},
	}
	for i, body := range bodies {
		envelope.Content.Body = body
		err := c.call(ctx, http.MethodPost, "/open-channel/1/messages/inbound", envelope, opMessage, httpclient.RetryUnsent, nil)
		if err != nil && i > 0 {
			return connectors.HalfDone(err, message.Permanent, message.Invalid, message.Auth) // all of it comes again
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// metadataOf is what only programs look at; nil where there is nothing.
func metadataOf(data message.Data) *messageMetadata {
	metadata := messageMetadata{Intent: data.Intent, Group: data.Group, Locale: data.Locale, Repeat: data.PossibleRepeat}
	if data.Reply != nil {
		metadata.Reply, _ = json.Marshal(data.Reply) // best effort: the text says the same
	}
	if data.Reaction != nil {
		metadata.Reaction, _ = json.Marshal(data.Reaction)
	}
	if reflect.ValueOf(metadata).IsZero() {
		return nil
	}
	return &metadata
}

// call makes one call to Infobip's API. answer, when not nil, takes the JSON that comes back.
func (c *Connector) call(ctx context.Context, method, path string, request any, operation string, retry httpclient.Retry, answer any) error {
	call := httpclient.Call{
		Operation: operation, Method: method, URL: c.url + path, Retry: retry,
		Header: http.Header{"Accept": {"application/json"}, "User-Agent": {"bizbridge"}}, // without Accept, errors may be XML
	}
	if err := connectors.SetJSON(&call, request); err != nil {
		return err
	}
	resp, err := c.HTTP.Do(ctx, call)
	if err != nil {
		return err
	}
	if err := connectors.StatusFailure(c.Name, resp); err != nil {
		return err
	}
	if answer != nil && json.Unmarshal(resp.Body, answer) != nil {
		return connectors.Unreadable(c.Name, resp)
	}
	return nil
}
