package message

import (
	"regexp"
	"strings"
)

// RichLink is a web page shown as a card with its image, or with a video that plays in place (protocol §4.6).
type RichLink struct {
	URL   string `json:"url"`
	Title Label  `json:"title,omitempty"` // "": from the page, where the business allows to look
	Image *Asset `json:"image,omitempty"` // nil: from the page, or the business's own
	Video *Video `json:"video,omitempty"`
	// AppClip asks Apple for the card of the App Clip at this URL.
	AppClip     bool   `json:"app_clip,omitempty"`
	StoreRegion string `json:"store_region,omitempty"` // of the App Clip; "": US
}

// Video plays inside a rich link.
type Video struct {
	URL      string `json:"url"`
	MIMEType string `json:"mime_type"`
}

// Kind is [KindRichLink].
func (RichLink) Kind() Kind { return KindRichLink }

// MarshalJSON writes the content with its kind.
func (l RichLink) MarshalJSON() ([]byte, error) {
	type fields RichLink // without this method
	return marshalContent(KindRichLink, fields(l))
}

var storeRegion = regexp.MustCompile(`^[A-Z]{2}$`)

func (l RichLink) validate(r report) {
	r.link("/url", l.URL)
	if l.Image != nil {
		r.at("/image").asset(*l.Image)
	}
	if l.Video != nil {
		r.secureLink("/video/url", l.Video.URL)
		if !strings.HasPrefix(l.Video.MIMEType, "video/") || !validMIMEType(l.Video.MIMEType) {
			r.fault("/video/mime_type", "format", "must be the media type of a video, such as video/mp4")
		}
		if l.AppClip {
			r.fault("/video", "not", "an App Clip's card has no video")
		}
	}
	if l.StoreRegion != "" && !storeRegion.MatchString(l.StoreRegion) {
		r.fault("/store_region", "pattern", "must be a country of the App Store in two capital letters, such as US")
	}
}

// Pictures implements [Pictured].
func (l RichLink) Pictures() []Picture {
	if l.Image == nil {
		return nil
	}
	return []Picture{{Pointer: "/image", URL: l.Image.URL, Data: l.Image.Data}}
}
