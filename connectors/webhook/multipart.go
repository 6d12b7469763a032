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
func (c *Connector) UploadsFiles() bool { return c.multipart != nil }

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
	if err := c.writeForm(ctx, form, body, event); err != nil {
		return &message.Failure{Class: message.Transient, Reason: "the files of a message cannot be kept in the temporary folder", Err: err}
	}
	size, err := body.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	whole := func() io.Reader { return io.NewSectionReader(body, 0, size) }
	resp, err := c.HTTP.Do(ctx, httpclient.Call{
		Operation: "webhook", Method: http.MethodPost, URL: c.url, Retry: httpclient.RetryIdempotent,
		OpenBody: func() (io.Reader, error) { return whole(), nil }, Size: size,
		Header: http.Header{"Content-Type": {form.FormDataContentType()}, "User-Agent": {"bizbridge"}},
		Sign: func(header http.Header) {
			if err := c.multipart.SignReader(header, string(event.Data.ID), c.Now(), whole()); err != nil {
				c.Logger.Error("a body in the temporary folder cannot be read", "error", err)
			}
		},
	})
	if err != nil {
		return err
	}
	return connectors.StatusFailure(c.Name, resp)
}

// writeForm writes the event and its files. An error is one of the disk.
func (c *Connector) writeForm(ctx context.Context, form *multipart.Writer, body *os.File, event message.Event) error {
	text, err := json.Marshal(event)
	if err != nil {
		return err
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
	for i, file := range event.Data.Files() {
		if file.Open == nil {
			continue // it is a link only
		}
		if err := c.writeFile(ctx, form, body, fmt.Sprintf("file%d", i), file); err != nil {
			return err
		}
	}
	return form.Close()
}

// writeFile adds a file. One that does not come whole is left out: the event has the link to it, and must not wait for
// it.
func (c *Connector) writeFile(ctx context.Context, form *multipart.Writer, body *os.File, field string, file message.Attachment) error {
	before, err := body.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	stream, err := file.Open(ctx)
	if err == nil {
		defer stream.Close()
		var part io.Writer
		part, err = form.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {multipart.FileContentDisposition(field, file.Name)}, "Content-Type": {file.MIMEType},
		})
		if err != nil {
			return err
		}
		_, err = io.Copy(part, stream)
	}
	if err == nil {
		return nil
	}
	c.Logger.Warn("a customer's file does not come beside its event, only as a link", "id", file.ID, "error", err)
	if err := body.Truncate(before); err != nil {
		return err
	}
	_, err = body.Seek(before, io.SeekStart)
	return err
}
