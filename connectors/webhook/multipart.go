package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/textproto"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
	"bizbridge/connectors/fileform"
)

// UploadsFiles tells whether files go along with their event.
func (c *Connector) UploadsFiles() bool { return c.multipart != nil }

// postMultipart posts the event as the part "event" and the files as "file0", "file1" and so on. The signature covers
// the whole body, as for every webhook, so the body is written to disk first: it is as large as the files.
func (c *Connector) postMultipart(ctx context.Context, event message.Event) error {
	form, err := fileform.Write(c.Logger, func(form *fileform.Writer) error { return writeForm(ctx, form, event) })
	if err != nil {
		return err
	}
	defer form.Remove()
	resp, err := c.HTTP.Do(ctx, httpclient.Call{
		Operation: "webhook", Method: http.MethodPost, URL: c.url, Retry: httpclient.RetryIdempotent,
		OpenBody: func() (io.Reader, error) { return form.Open(), nil }, Size: form.Size,
		Header: http.Header{"Content-Type": {form.ContentType}, "User-Agent": {"bizbridge"}},
		Sign: func(header http.Header) {
			if err := c.multipart.SignReader(header, string(event.Data.ID), c.Now(), form.Open()); err != nil {
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
func writeForm(ctx context.Context, form *fileform.Writer, event message.Event) error {
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
			continue // it is a link only, as is one that does not come whole
		}
		if _, err := form.AddFile(ctx, fmt.Sprintf("file%d", i), file); err != nil {
			return err
		}
	}
	return nil
}
