package libredesk

import (
	"context"
	"fmt"
	"net/http"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/connectors/fileform"
)

// upload puts the files into LibreDesk, where they wait for their message. A file that does not come, or that LibreDesk does
// not take (its size, its kind), is a link: it must not keep the message back.
func (c *Connector) upload(ctx context.Context, files []message.Attachment) (ids []int, links []string) {
	for _, file := range files {
		if file.Open == nil {
			links = append(links, link(file))
			continue
		}
		id, err := c.uploadFile(ctx, file)
		if err != nil {
			c.Logger.Warn("a customer's file does not get into the helpdesk, only a link to it", "id", file.ID, "error", err)
			links = append(links, link(file))
			continue
		}
		ids = append(ids, id)
	}
	return ids, links
}

func (c *Connector) uploadFile(ctx context.Context, file message.Attachment) (id int, err error) {
	stream, err := file.Open(ctx)
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	contentType, body, size := fileform.Stream("files", file, stream)
	header := c.agent()
	header.Set("Content-Type", contentType)
	header.Set("User-Agent", "bizbridge")
	resp, err := c.HTTP.Upload(ctx, httpclient.Call{Operation: opUpload, Method: http.MethodPost, URL: c.url + "/api/v1/media", Header: header}, body, size)
	if err != nil {
		return 0, err
	}
	var media struct {
		ID int `json:"id"`
	}
	if err := c.read(resp, request{}, &media); err != nil {
		return 0, err
	}
	if media.ID == 0 {
		return 0, fmt.Errorf("the file got no id")
	}
	return media.ID, nil
}
