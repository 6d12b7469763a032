package chatwoot

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
)

// maxFiles is how many files Chatwoot takes with one message.
const maxFiles = 15

// upload writes a message of the customer's with its files. The request is written to disk first: its length has to be
// known, and it may be sent more than once.
func (c *Connector) upload(ctx context.Context, conversation int64, data message.Data, text string) (id int64, err error) {
	body, err := os.CreateTemp("", "bizbridge-*")
	if err != nil {
		return 0, &message.Failure{Class: message.Transient, Reason: "there is no temporary folder for the files of a message", Err: err}
	}
	defer func() {
		_ = body.Close()
		_ = os.Remove(body.Name())
	}()
	form := &fileForm{multipart.NewWriter(body), body, c}
	if err := form.write(ctx, data, text); err != nil {
		return 0, &message.Failure{Class: message.Transient, Reason: "the files of a message cannot be kept in the temporary folder", Err: err}
	}
	size, err := body.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, &message.Failure{Class: message.Transient, Reason: "the temporary folder cannot be read", Err: err}
	}
	header := c.header(true)
	header.Set("Content-Type", form.FormDataContentType())
	err = c.send(ctx, httpclient.Call{
		Operation: "message", Method: http.MethodPost, URL: c.conversationURL(conversation) + "/messages", Header: header,
		OpenBody: func() (io.Reader, error) { return io.NewSectionReader(body, 0, size), nil }, Size: size,
	}, idOf(&id))
	return id, err
}

// tooMuch tells whether Chatwoot, or the proxy before it, refuses the files: the message can do without.
func tooMuch(err error) bool {
	failure, ok := errors.AsType[*message.Failure](err)
	if !ok {
		return false
	}
	switch failure.Status {
	case http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// fileForm is a multipart/form-data request on disk.
type fileForm struct {
	*multipart.Writer
	body      *os.File
	connector *Connector
}

// write writes the files, and then the text with links to those that did not come. An error is one of the disk.
func (f *fileForm) write(ctx context.Context, data message.Data, text string) error {
	var left []message.Attachment
	written := 0
	for _, file := range data.Files() {
		ok := false
		if file.Open != nil && written < maxFiles {
			var err error
			if ok, err = f.writeFile(ctx, file); err != nil {
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
		{"content", join(text, links(left))}, {"message_type", "incoming"}, {"private", "false"}, {"source_id", string(data.ID)},
	} {
		if err := f.WriteField(field[0], field[1]); err != nil {
			return err
		}
	}
	return f.Close()
}

// writeFile adds a file; false: it did not come whole, and the message does not wait for it.
func (f *fileForm) writeFile(ctx context.Context, file message.Attachment) (ok bool, err error) {
	before, err := f.body.Seek(0, io.SeekCurrent)
	if err != nil {
		return false, err
	}
	stream, err := file.Open(ctx)
	if err == nil {
		defer stream.Close()
		var part io.Writer
		part, err = f.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {multipart.FileContentDisposition("attachments[]", file.Name)}, "Content-Type": {file.MIMEType},
		})
		if err != nil {
			return false, err
		}
		_, err = io.Copy(part, stream)
	}
	if err == nil {
		return true, nil
	}
	f.connector.Logger.Warn("a customer's file does not come to Chatwoot, only a link", "id", file.ID, "error", err)
	if err := f.body.Truncate(before); err != nil {
		return false, err
	}
	_, err = f.body.Seek(before, io.SeekStart)
	return false, err
}
