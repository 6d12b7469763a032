package chatwoot

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// answer writes an answer into the message that it belongs to, as Chatwoot's own widget does. One to anything else, such as a
// template, is a message of the customer's in words.
func (c *Connector) answer(ctx context.Context, data message.Data) (connectors.Receipt, error) {
	in, err := c.place(ctx, data)
	if err != nil {
		return connectors.Receipt{}, err
	}
	asked, err := c.asked(ctx, data, in.all)
	if err != nil {
		return connectors.Receipt{}, err
	}
	if asked == nil {
		return c.write(ctx, in, data, data.Reply.Text())
	}
	submitted := asked.submitted(*data.Reply)
	if asked.conversation == in.ID && in.seen() && asked.takes(submitted) {
		err := c.submit(ctx, data.CustomerID, *asked, submitted)
		switch {
		case err == nil:
			return connectors.Receipt{ID: receiptID(asked.ID)}, nil
		case !refused(err):
			return connectors.Receipt{}, err
		}
		return c.write(ctx, in, data, data.Reply.Text())
	}
	// It would not be seen inside the question alone, and changes that of a conversation which was answered before.
	receipt, err := c.write(ctx, in, data, data.Reply.Text())
	if err != nil {
		return connectors.Receipt{}, err
	}
	if err := c.submit(ctx, data.CustomerID, *asked, submitted); err != nil {
		c.Logger.Warn("an answer is a message only, and not written into its question", "error", err)
	}
	return receipt, nil
}

// seen tells whether somebody looks at what changes in the conversation: one that is snoozed or resolved wakes up for a
// message alone.
func (in conversation) seen() bool { return in.Status == "open" || in.Status == "pending" }

// takes tells whether the question has no answer yet, or this one.
func (q question) takes(values []submittedValue) bool {
	raw := q.ContentAttributes.Submitted
	if len(raw) == 0 || string(raw) == "null" || string(raw) == "[]" || string(raw) == "{}" {
		return true
	}
	var before []submittedValue
	return json.Unmarshal(raw, &before) == nil && slices.Equal(before, values)
}

// question is a message that customers can answer.
type question struct {
	chatMessage
	conversation int64
}

// How far the question of an answer is looked for: in the last messages of the last conversations.
const (
	maxAskedIn = 3
	maxPages   = 2 // of twenty messages
)

// asked finds the message that an answer belongs to: the one of which the bridge made that request. nil for none.
func (c *Connector) asked(ctx context.Context, data message.Data, all []conversation) (*question, error) {
	if data.Reply.RequestID == "" || len(data.Reply.Selections) == 0 {
		return nil, nil
	}
	for _, in := range all[:min(len(all), maxAskedIn)] {
		for page, before := 0, int64(0); page < maxPages; page++ {
			latest, err := c.latestMessages(ctx, in.ID, before)
			if err != nil {
				return nil, err
			}
			for _, each := range latest {
				if c.requestID(data, in.ID, each) == data.Reply.RequestID {
					return &question{each, in.ID}, nil
				}
			}
			if len(latest) == 0 {
				break
			}
			before = latest[0].ID
		}
	}
	return nil, nil
}

// requestID is the request that the bridge made of a message; "" for a message that cannot be answered.
func (c *Connector) requestID(data message.Data, conversation int64, asked chatMessage) string {
	switch asked.ContentType {
	case typeSelect, typeCards, typeForm:
		sent := message.Outbound{Key: key(conversation, asked.ID, 0), BusinessID: data.BusinessID, CustomerID: data.CustomerID}
		return sent.RequestID("connector:"+c.Name, 0)
	}
	return ""
}

// submittedValue is one answer as Chatwoot keeps it.
type submittedValue struct {
	Name  string `json:"name,omitempty"`
	Title string `json:"title,omitempty"`
	Value string `json:"value"`
}

// submitted are the answers in Chatwoot's terms.
func (q question) submitted(reply message.Reply) []submittedValue {
	if q.ContentType == typeForm {
		return submittedFields(q.ContentAttributes.Items, reply.Selections)
	}
	var values []submittedValue
	all := options(q.ContentType, q.ContentAttributes.Items)
	for _, chosen := range reply.Selections {
		value := submittedValue{Title: chosen.Title, Value: cmp.Or(chosen.Title, chosen.ID)}
		for place, each := range all {
			if chosen.ID == optionID(place) {
				value = submittedValue{Title: each.title, Value: each.value}
			}
		}
		values = append(values, value)
	}
	return values
}

func submittedFields(fields items, selections []message.Selection) []submittedValue {
	var values []submittedValue
	for place, field := range fields {
		var answers []string
		for _, each := range selections {
			if each.Page == pageID(place) {
				answers = append(answers, cmp.Or(each.Value, each.Title, each.ID))
			}
		}
		if len(answers) > 0 {
			values = append(values, submittedValue{Name: string(field.Name), Title: string(field.Label), Value: strings.Join(answers, ", ")})
		}
	}
	return values
}

// submit is not repeated by itself: 500 may mean that the answer is not valid, and then there has to be time for a message.
func (c *Connector) submit(ctx context.Context, customer message.CustomerID, asked question, values []submittedValue) error {
	return c.do(ctx, request{
		operation: "answer", method: http.MethodPatch,
		url:  c.contactURL(customer) + "/conversations/" + number(asked.conversation) + "/messages/" + number(asked.ID),
		body: map[string]any{"submitted_values": values}, writes: true,
	}, idOf(new(int64)))
}

// refused tells whether Chatwoot does not take an answer into its message. It says 500 where it finds it not valid.
func refused(err error) bool {
	switch connectors.StatusOf(err) {
	case http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusInternalServerError:
		return true
	}
	return false
}
