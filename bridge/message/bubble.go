package message

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Style is the size of the image in a bubble or an item.
type Style string

// The styles of Messages; "" is the icon.
const (
	StyleIcon  Style = "icon"
	StyleSmall Style = "small"
	StyleLarge Style = "large"
)

// Bubble is how an interactive message, or the answer to it, stands in the conversation (protocol §4.5: receivedMessage
// and replyMessage).
type Bubble struct {
	Title    Label  `json:"title"`
	Subtitle Label  `json:"subtitle,omitempty"`
	Style    Style  `json:"style,omitempty"`
	Image    string `json:"image,omitempty"` // id of one of the content's images
}

// Image is a picture that bubbles and items refer to by its id. It may have any usual format and size: the bridge makes
// of it what Apple takes.
type Image struct {
	ID          string `json:"id"`
	URL         string `json:"url,omitempty"`
	Data        string `json:"data,omitempty"`        // base64
	Description Label  `json:"description,omitempty"` // for people who do not see it
}

// Asset is a picture without an id, where there can be one only.
type Asset struct {
	URL  string `json:"url,omitempty"`
	Data string `json:"data,omitempty"` // base64
}

// Picture is a picture of a content, as whoever fetches it sees it.
type Picture struct {
	ID      string // "": the only one
	Pointer string // where it stands in the content
	URL     string // either this
	Data    string // or base64

	Description Label
}

// Pictured is implemented by contents that may hold pictures.
type Pictured interface {
	Content
	// Pictures lists the pictures that are shown; one that nothing refers to is left out.
	Pictures() []Picture
}

// images are the ids to which bubbles and items may refer while a content is validated; nil where one of them could not
// be read.
type images map[string]bool

// maxImages bounds the pictures of one content, of which each is fetched.
const maxImages = 100

func (r report) images(list []Image) images {
	r.count("/images", len(list), 0, maxImages)
	known := make(images, len(list))
	for i, image := range list {
		at := r.at("/images/%d", i)
		at.unique("/id", image.ID, known)
		at.asset(Asset{image.URL, image.Data})
	}
	if r.misread("/images") {
		return nil
	}
	return known
}

func (r report) asset(asset Asset) {
	switch {
	case asset.URL == "" && asset.Data == "":
		r.fault("", "oneOf", `needs "url" or "data"`)
	case asset.URL != "" && asset.Data != "":
		r.fault("", "oneOf", `must not have both "url" and "data"`)
	case asset.URL != "":
		r.webURL("/url", asset.URL)
	default:
		if _, err := base64.StdEncoding.DecodeString(asset.Data); err != nil {
			r.fault("/data", "contentEncoding", "must be base64 (the standard alphabet, padded), without data: before it")
		}
	}
}

const maxURL = 8192 // bytes; what vendors give for rich links (protocol §4.6.1)

func (r report) webURL(pointer, text string) {
	parsed, err := url.Parse(text)
	switch {
	case err != nil || (parsed.Scheme != "https" && parsed.Scheme != "http") || parsed.Hostname() == "" || parsed.User != nil:
		r.fault(pointer, "format", "must be an absolute http or https URL without a user name")
	case len(text) > maxURL:
		r.fault(pointer, "maxLength", "has %d bytes; at most %d are possible", len(text), maxURL)
	}
}

// link is a URL that phones get as it is.
func (r report) link(pointer, text string) {
	switch {
	case text == "":
		r.fault(pointer, "required", "is required")
	case strings.ContainsFunc(text, unicode.IsSpace):
		r.fault(pointer, "format", "must have no white space; write %%20 instead")
	default:
		r.webURL(pointer, text)
	}
}

// secureLink is a link that phones follow over TLS only.
func (r report) secureLink(pointer, text string) {
	r.link(pointer, text)
	if !strings.HasPrefix(strings.ToLower(text), "https:") {
		r.fault(pointer, "format", "must be an https URL")
	}
}

func (r report) image(pointer, id string, known images) {
	if id != "" && known != nil && !known[id] {
		r.fault(pointer, "reference", "names an image that is not among the content's images")
	}
}

func (r report) style(pointer string, style Style) {
	if style != "" && !slices.Contains([]Style{StyleIcon, StyleSmall, StyleLarge}, style) {
		r.fault(pointer, "enum", `must be "icon", "small" or "large"`)
	}
}

func (r report) bubble(pointer string, bubble Bubble, images images) {
	at := r.at("%s", pointer)
	at.required("/title", bubble.Title)
	at.style("/style", bubble.Style)
	at.image("/image", bubble.Image, images)
}

func (r report) bubbles(received Bubble, reply *Bubble, images images) {
	r.bubble("/received", received, images)
	if reply != nil {
		r.bubble("/reply", *reply, images)
	}
}

// referred lists those of the images to which something refers.
func referred(list []Image, references ...string) []Picture {
	var pictures []Picture
	for i, image := range list {
		if slices.Contains(references, image.ID) {
			pictures = append(pictures, Picture{image.ID, "/images/" + strconv.Itoa(i), image.URL, image.Data, image.Description})
		}
	}
	return pictures
}

func bubbleImages(received Bubble, reply *Bubble) []string {
	if reply == nil {
		return []string{received.Image}
	}
	return []string{received.Image, reply.Image}
}
