package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// UploadsFiles tells whether files go along with their event.
func (c *Connector) UploadsFiles() bool { return c.multipart }

// postMultipart posts the event as the part "event" and the files as "file0", "file1" and so on. The signature covers
// the whole body, as for every webhook, so the body is written to disk first: it is as large as the files.
func (c *Connector) postMultipart(ctx context.Context, event message.Event) error {
	body, err := os.CreateTemp("", "bizbridge-*")
	if err != nil {
		return &message.Failure{Class: message.Transient, Reason: "there is no temporary folder for the files of a message", Err: err}
	}
	defer func() {
		_ = body.Close()
		_ = os.Remove(body.Name())
	}()
	form := multipart.NewWriter(body)
	if err := writeParts(ctx, form, event); err != nil {
		return err
	}
	size, err := body.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {form.FormDataContentType()}, "User-Agent": {"bizbridge"}}
	if err := c.signer.SignReader(header, string(event.Data.ID), c.Now(), io.NewSectionReader(body, 0, size)); err != nil {
		return err
	}
	resp, err := c.HTTP.Upload(ctx, httpclient.Call{Operation: "webhook", Method: http.MethodPost, URL: c.url, Header: header},
		io.NewSectionReader(body, 0, size), size)
	if err != nil {
		return err
	}
	return connectors.StatusFailure(c.Name, resp)
}

func writeParts(ctx context.Context, form *multipart.Writer, event message.Event) error {
	text, err := json.Marshal(event)
	if err != nil {
		return &message.Failure{Class: message.Permanent, Reason: "the event cannot be written as JSON", Err: err}
	}
	part, err := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="event"`}, "Content-Type": {"application/json"},
	})
	if err != nil {
		return err
	}
	if _, err := part.Write(text); err != nil {
		return err
	}
	for i, file := range event.Data.Attachments {
		if file.Open == nil {
			continue // it is a link
		}
		if err := writeFile(ctx, form, fmt.Sprintf("file%d", i), file); err != nil {
			return err
		}
	}
	return form.Close()
}

func writeFile(ctx context.Context, form *multipart.Writer, field string, file message.Attachment) error {
	stream, err := file.Open(ctx)
	if err != nil {
		return err
	}
	defer stream.Close()
	part, err := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {multipart.FileContentDisposition(field, file.Name)}, "Content-Type": {file.MIMEType},
	})
	if err != nil {
		return err
	}
	if _, err := io.Copy(part, stream); err != nil {
		return &message.Failure{Class: message.Transient, Reason: "a file of the message broke off", Err: err}
	}
	return nil
}
