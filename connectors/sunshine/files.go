package sunshine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
	"bizbridge/connectors/fileform"
	"bizbridge/connectors/plaintext"
)

// UploadsFiles is true: files of customers go into the app, where agents still find them when a link is long gone.
func (*Connector) UploadsFiles() bool { return true }

// maxUpload is the largest file that the app takes.
const maxUpload = 50 << 20

// shown are the pictures that Zendesk shows in place; others are files.
var shown = []string{"image/jpeg", "image/png", "image/gif", "image/webp"}

const maxAltText = 128

// file makes a message of a customer's file. One that cannot be had, or that the app does not take, is a link: it must not
// keep the message back. An error is that of an app that takes nothing now.
func (c *Connector) file(ctx context.Context, found *conversation, file message.Attachment) (post, error) {
	address, err := c.upload(ctx, found, file)
	if err != nil {
		return post{}, err
	}
	if address == "" {
		return linked(file), nil
	}
	kind := typeFile
	if slices.Contains(shown, file.MIMEType) {
		kind = typeImage
	}
	return post{content: content{Type: kind, MediaURL: address, AltText: plaintext.Cut(file.Name, maxAltText)}}, nil
}

func linked(file message.Attachment) post {
	text := "[" + file.Name + "]"
	switch {
	case file.URL == "":
		text = fmt.Sprintf("[%s could not be fetched]", file.Name)
	case file.ExpiresAt != nil:
		text += fmt.Sprintf(" %s (until %s)", file.URL, file.ExpiresAt.UTC().Format("2006-01-02 15:04 MST"))
	default:
		text += " " + file.URL
	}
	return post{content: content{Type: typeText, Text: plaintext.Cut(text, maxText)}}
}

// upload streams a file into the app. "" without an error: it has to be a link.
func (c *Connector) upload(ctx context.Context, found *conversation, file message.Attachment) (address string, _ error) {
	if file.Open == nil || file.Size > maxUpload {
		return "", nil
	}
	stream, err := file.Open(ctx)
	if err != nil {
		c.Logger.Warn("a customer's file is a link only: it cannot be fetched", "id", file.ID, "error", err)
		return "", nil
	}
	defer stream.Close()
	resp, err := c.send(ctx, found, file, stream)
	if err != nil {
		if failure, ok := errors.AsType[*message.Failure](err); ok {
			return "", connectors.Beside(failure)
		}
		c.Logger.Warn("a customer's file is a link only: it did not come whole", "id", file.ID, "error", err)
		return "", nil
	}
	if err := c.failure(resp); err != nil {
		if status := resp.Status; !refused(err) || status == http.StatusUnauthorized || status == http.StatusForbidden {
			return "", err
		}
		c.Logger.Warn("a customer's file is a link only: the app does not take it", "id", file.ID, "error", err)
		return "", nil
	}
	var answer struct {
		Attachment struct {
			MediaURL string `json:"mediaUrl"`
		} `json:"attachment"`
	}
	if json.Unmarshal(resp.Body, &answer) != nil || answer.Attachment.MediaURL == "" {
		return "", connectors.Unreadable(c.Name, resp)
	}
	return answer.Attachment.MediaURL, nil
}

func (c *Connector) send(ctx context.Context, found *conversation, file message.Attachment, stream io.Reader) (*httpclient.Response, error) {
	query := url.Values{"access": {"public"}, "for": {"message"}, "conversationId": {found.ID}}
	contentType, body, size := fileform.Stream("source", file, stream)
	return c.HTTP.Upload(ctx, httpclient.Call{
		Operation: opUpload, Method: http.MethodPost, URL: c.app + "/attachments?" + query.Encode(),
		Header: http.Header{"Content-Type": {contentType}, "Accept": {"application/json"}, "User-Agent": {"bizbridge"}},
	}, body, size)
}
