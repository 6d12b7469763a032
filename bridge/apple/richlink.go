package apple

import (
	"context"
	"encoding/json"
	"net/http"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
)

// wireRichLink is richLinkData (protocol §4.6).
type wireRichLink struct {
	URL    string        `json:"url"`
	Title  message.Label `json:"title"`
	Assets wireAssets    `json:"assets"`
}

type wireAssets struct {
	Image wireImageAsset  `json:"image"`
	Video *wireVideoAsset `json:"video,omitempty"`
}

type wireImageAsset struct {
	Data     []byte `json:"data"`
	MIMEType string `json:"mimeType"`
}

type wireVideoAsset struct {
	URL      string `json:"url"`
	MIMEType string `json:"mimeType"`
}

func richLink(content message.RichLink, image []byte) *wireRichLink {
	wire := &wireRichLink{URL: content.URL, Title: content.Title, Assets: wireAssets{Image: wireImageAsset{image, "image/png"}}}
	if content.Video != nil {
		wire.Assets.Video = &wireVideoAsset{content.Video.URL, content.Video.MIMEType}
	}
	return wire
}

// constructRequest asks Apple for the card of an App Clip (protocol §4.6.3).
func constructRequest(link message.RichLink) ([]byte, error) {
	type linkRequest struct {
		URL         string `json:"url"`
		StoreRegion string `json:"storeRegion"`
	}
	region := link.StoreRegion
	if region == "" {
		region = "US"
	}
	return json.Marshal(struct {
		Type    string          `json:"type"`
		Link    linkRequest     `json:"link"`
		Version json.RawMessage `json:"version"`
	}{"link", linkRequest{link.URL, region}, json.RawMessage("1.0")})
}

// AppClip asks Apple for the card of the App Clip at a link. The error is a [*message.Failure], of class Invalid where
// Apple knows none.
func (c *Client) AppClip(ctx context.Context, id message.ID, from message.BusinessID, link message.RichLink) (json.RawMessage, error) {
	business, ok := c.directory.Business(from)
	if !ok {
		return nil, message.Failuref(message.Permanent, "the business is not configured")
	}
	body, err := constructRequest(link)
	if err != nil {
		return nil, &message.Failure{Class: message.Invalid, Reason: "the link cannot be written as JSON", Err: err}
	}
	var answer struct {
		Card json.RawMessage `json:"richLinkDataRef"`
	}
	failure := c.ask(ctx, business, httpclient.Call{
		Operation: "construct_payload", Method: http.MethodPost, URL: c.gateway + "/constructPayload", Body: body,
		Header: http.Header{"Content-Type": {"application/json"}, "Id": {string(id)}},
	}, &answer)
	switch {
	case failure != nil && failure.Class == message.Invalid:
		failure.Reason = "Apple knows no App Clip at this link"
		return nil, failure
	case failure != nil:
		return nil, failure
	case !isObject(answer.Card):
		return nil, message.Failuref(message.Permanent, "Apple's answer to constructPayload has no richLinkDataRef")
	}
	return answer.Card, nil
}
