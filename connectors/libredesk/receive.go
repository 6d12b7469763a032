package libredesk

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
	"bizbridge/connectors/customerid"
	"bizbridge/connectors/plaintext"
)

// hook is a webhook.
type hook struct {
	Event   string          `json:"event"`
	Payload json.RawMessage `json:"payload"`
}

// eventCreated is the only event that brings something for the customer. The same message comes again as message.updated
// when LibreDesk counts it as sent, before or after this one.
const eventCreated = "message.created"

// written is a message in LibreDesk.
type written struct {
	UUID         string `json:"uuid"`
	Conversation string `json:"conversation_uuid"`
	Type         string `json:"type"`
	Content      string `json:"content"`
	ContentType  string `json:"content_type"`
	Private      bool   `json:"private"`
	SenderType   string `json:"sender_type"`
	Meta         struct {
		Automated  bool `json:"is_automated"`
		Continuity bool `json:"continuity_email"`
	} `json:"meta"`
	Attachments []struct {
		Name        string `json:"name"`
		ContentType string `json:"content_type"`
		UUID        string `json:"uuid"`
		URL         string `json:"url"`
	} `json:"attachments"`
	Author struct {
		FirstName string `json:"first_name"`
		LastName  string `json:"last_name"`
		Type      string `json:"type"`
	} `json:"author"`
}

// Receive reads what an agent wrote. A webhook about a message does not say whose conversation it is, so that LibreDesk is
// asked for it. Where that cannot be found out, the flow does not know whom to tell, and a note is written here.
func (c *Connector) Receive(ctx context.Context, req *http.Request) ([]message.Outbound, error) {
	body, err := connectors.ReadSigned(req, c.webhooks, c.Now())
	if err != nil {
		return nil, err
	}
	said, err := readHook(body)
	if err != nil || said == nil || !said.forCustomer() {
		return nil, err
	}
	content := c.contentOf(*said)
	if content == nil {
		return nil, nil
	}
	reading, cancel := leaving(ctx)
	who, ours, err := c.readContact(reading, said.Conversation)
	cancel()
	if err != nil {
		const note = "The bridge could not find out whose conversation this is. If the customer writes from Apple Messages, the last answer did not reach them: write it again."
		return nil, c.unsent(ctx, *said, message.FailureOf(err), note)
	}
	if !ours {
		return nil, nil
	}
	if failure := addressable(who); failure != nil {
		return nil, c.unsent(ctx, *said, failure, "Not sent to the customer: "+failure.Reason+".")
	}
	return c.addressed(message.Outbound{Key: said.UUID, Sender: said.sender(), Content: content}, who)
}

// leaving leaves a quarter of the time for the note that a look-up has failed.
func leaving(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-time.Until(deadline)/4))
}

// unsent tells in the conversation itself why an answer does not reach the customer. The failure stays the one to report.
func (c *Connector) unsent(ctx context.Context, said written, failure *message.Failure, note string) error {
	if _, err := c.writeNote(ctx, said.Conversation, note); err != nil {
		reported := *failure
		reported.Reason += "; nor could its agent be told (" + message.FailureOf(err).Reason + ")"
		return &reported
	}
	return failure
}

// addressable tells whether the contact still says who it is. Agents can change and clear attributes: an id that is not the
// contact's own would be another customer's.
func addressable(who contact) *message.Failure {
	const again = "of the contact was changed or removed; it is put right when the customer writes again"
	switch {
	case !customerid.Belongs(who.ExternalUserID, message.CustomerID(who.attribute(attrCustomer))):
		return message.Failuref(message.Invalid, "the attribute %s "+again, attrCustomer)
	case !connectors.IsUUID(who.attribute(attrBusiness)):
		return message.Failuref(message.Invalid, "the attribute %s "+again, attrBusiness)
	}
	return nil
}

// readHook gives the message of a webhook; nil for webhooks of other events.
func readHook(body []byte) (*written, error) {
	if err := connectors.CheckObject(body); err != nil {
		return nil, err
	}
	var webhook hook
	if err := json.Unmarshal(body, &webhook); err != nil {
		return nil, message.Failuref(message.Invalid, "the webhook is not LibreDesk's: event must be a text")
	}
	if webhook.Event != eventCreated {
		return nil, nil
	}
	var said written
	if err := json.Unmarshal(webhook.Payload, &said); err != nil || !connectors.IsUUID(said.UUID) || !connectors.IsUUID(said.Conversation) {
		return nil, message.Failuref(message.Invalid, "the payload of %s is not LibreDesk's", eventCreated)
	}
	return &said, nil
}

// forCustomer tells whether the customer shall read it. Everything else is what they wrote themselves and the bridge brought
// here, a note, an activity ("… marked the conversation as Resolved"), or a mail in which LibreDesk repeats what was missed.
func (w written) forCustomer() bool {
	return w.Type == "outgoing" && w.SenderType == "agent" && !w.Private && !w.Meta.Continuity
}

func (w written) sender() message.Sender {
	sender := message.Sender{Kind: message.SenderAgent, Name: strings.TrimSpace(w.Author.FirstName + " " + w.Author.LastName)}
	if w.Meta.Automated || w.Author.Type == "ai_assistant" {
		sender.Kind = message.SenderBot
	}
	return sender
}

// contentOf is what the message shows; nil for one that is empty.
func (c *Connector) contentOf(said written) message.Content {
	text := strings.TrimSpace(said.Content)
	if said.ContentType != "text" {
		text = plaintext.FromHTML(said.Content)
	}
	files := make([]message.File, 0, len(said.Attachments))
	for _, file := range said.Attachments {
		files = append(files, message.File{URL: c.fileURL(file.UUID, file.URL), Name: file.Name, MIMEType: file.ContentType})
	}
	switch {
	case len(files) > 0:
		return message.Files{Text: text, Files: files}
	case text != "":
		return message.Text{Text: text}
	}
	return nil
}

// fileURL is where a file can be fetched for an hour. LibreDesk writes its setting app.root_url before it, which is
// http://localhost:9000 until somebody changes it; the bridge knows a better way to the same place. Files in S3 are elsewhere.
func (c *Connector) fileURL(uuid, text string) string {
	const uploads = "/uploads/"
	signed, err := url.Parse(text)
	if err != nil || !strings.HasSuffix(signed.Path, uploads+uuid) || !signed.Query().Has("sig") {
		return text
	}
	return c.url + uploads + uuid + "?" + signed.RawQuery
}

// addressed finds in the contact to whom a message goes, and holds it to the limits of the bridge's own format.
func (c *Connector) addressed(out message.Outbound, who contact) ([]message.Outbound, error) {
	out.BusinessID = message.BusinessID(who.attribute(attrBusiness))
	out.CustomerID = message.CustomerID(who.attribute(attrCustomer))
	out.Sealed = who.attribute(attrContext)
	plain, err := message.EncodeSend(out, c.Now())
	if err != nil {
		return nil, message.Failuref(message.Invalid, "the message cannot be written as JSON")
	}
	if _, err := message.DecodeSend(plain); err != nil {
		return []message.Outbound{out}, err // its agent is told
	}
	return []message.Outbound{out}, nil
}
