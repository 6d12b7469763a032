package chatwoot

import (
	"context"
	"io"
	"net/http"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
	"bizbridge/connectors/fileform"
)

// maxFiles is how many files Chatwoot takes with one message.
const maxFiles = 15

// upload writes a message of the customer's with its files. The request is written to disk first: its length has to be
// known, and it may be sent more than once.
func (c *Connector) upload(ctx context.Context, conversation int64, data message.Data, text string) (id int64, err error) {
	form, err := fileform.Write(c.Logger, func(form *fileform.Writer) error { return writeForm(ctx, form, data, text) })
	if err != nil {
		return 0, err
	}
	defer form.Remove()
	header := c.header(true)
	header.Set("Content-Type", form.ContentType)
	err = c.send(ctx, httpclient.Call{
		Operation: "message", Method: http.MethodPost, URL: c.conversationURL(conversation) + "/messages", Header: header,
		OpenBody: func() (io.Reader, error) { return form.Open(), nil }, Size: form.Size,
	}, idOf(&id))
	return id, unsure(err)
}

// tooMuch tells whether Chatwoot, or the proxy before it, refuses the files: the message can do without.
func tooMuch(err error) bool {
	switch connectors.StatusOf(err) {
	case http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// writeForm writes the files, and then the text with links to those that did not come. An error is one of the disk.
func writeForm(ctx context.Context, form *fileform.Writer, data message.Data, text string) error {
	var left []message.Attachment
	written := 0
	for _, file := range data.Files() {
		ok := false
		if file.Open != nil && written < maxFiles {
			var err error
			if ok, err = form.AddFile(ctx, "attachments[]", file); err != nil {
				return err
			}
		}
		if !ok {
			left = append(left, file)
			continue
		}
		written++
	}
	for _, field := range [][2]string{
		{"content", storable(join(text, links(left)))}, {"message_type", "incoming"}, {"private", "false"}, {"source_id", string(data.ID)},
	} {
		if err := form.WriteField(field[0], field[1]); err != nil {
			return err
		}
	}
	return nil
}
