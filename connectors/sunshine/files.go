package sunshine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
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
	return post{content: content{Type: kind, MediaURL: address, AltText: cut(file.Name, maxAltText)}}, nil
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
	return post{content: content{Type: typeText, Text: cut(text, maxText)}}
}

// cut shortens a text to a number of characters.
func cut(text string, most int) string {
	if end := unitsEnd(text, most); end < len(text) {
		return text[:end]
	}
	return text
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
			return "", c.unanswered(failure, false)
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
		return "", c.unreadable(resp)
	}
	return answer.Attachment.MediaURL, nil
}

// send makes the one part of the form around the stream.
func (c *Connector) send(ctx context.Context, found *conversation, file message.Attachment, stream io.Reader) (*httpclient.Response, error) {
	var around bytes.Buffer
	form := multipart.NewWriter(&around)
	header := textproto.MIMEHeader{"Content-Disposition": {multipart.FileContentDisposition("source", file.Name)}}
	if file.MIMEType != "" {
		header.Set("Content-Type", file.MIMEType)
	}
	_, _ = form.CreatePart(header) // nothing fails in memory
	head := around.Len()
	_ = form.Close()
	text := around.Bytes()
	query := url.Values{"access": {"public"}, "for": {"message"}, "conversationId": {found.ID}}
	return c.HTTP.Upload(ctx, httpclient.Call{
		Operation: opUpload, Method: http.MethodPost, URL: c.app + "/attachments?" + query.Encode(),
		Header: http.Header{"Content-Type": {form.FormDataContentType()}, "Accept": {"application/json"}, "User-Agent": {"bizbridge"}},
	}, io.MultiReader(bytes.NewReader(text[:head]), httpclient.Exactly(stream, file.Size), bytes.NewReader(text[head:])), int64(len(text))+file.Size)
}
