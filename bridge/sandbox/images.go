package sandbox

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image/png"
	"net/http"
	"net/url"
)

// Bounds of images in interactive messages and links, by Apple's rules since August 2026.
const (
	maxImage  = 200_000   // bytes of one
	maxImages = 5_000_000 // bytes of the list, as it is written
	maxIcon   = 15_000

	maxContent = 256 << 10 // of an interactive message's content on the pages
)

var pngEnd = []byte("IEND\xaeB\x60\x82")

// takeImages checks a message's images, and notes what they are called.
func takeImages(data node) {
	for _, image := range data.list("images", 0) {
		image.identifier("identifier", data.exam.images)
		image.png("data", maxImage)
		image.label("description")
	}
	if size := len(data.fields["images"]); size >= maxImages {
		data.wrong("images", "has %d bytes: it must have less than %d", size, maxImages)
	}
}

// png wants a PNG in base64, as it is: no data: before it, no line breaks in it.
func (n node) png(name string, limit int) {
	if encoded := n.need(name); n.exam.err == nil {
		if _, err := decodePNG(encoded, limit); err != nil {
			n.wrong(name, "%v", err)
		}
	}
}

func decodePNG(encoded string, limit int) ([]byte, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(encoded) != base64.StdEncoding.EncodedLen(len(raw)) { // the decoder ignores line breaks
		return nil, fmt.Errorf("is not base64, without prefix and line breaks")
	}
	if len(raw) > limit {
		return nil, fmt.Errorf("has %d bytes, of at most %d", len(raw), limit)
	}
	if _, err := png.DecodeConfig(bytes.NewReader(raw)); err != nil || !bytes.Contains(raw, pngEnd) {
		return nil, fmt.Errorf("is not a PNG, or is damaged")
	}
	return raw, nil
}

// withoutBytes is a message's content for the pages: they load images by their addresses.
func withoutBytes(top fields) json.RawMessage {
	bare, data := fields{}, fields{}
	for name, value := range top {
		if name != appIcon {
			bare[name] = value
		}
	}
	if json.Unmarshal(top["data"], &data) == nil && data["images"] != nil {
		var images []fields
		_ = json.Unmarshal(data["images"], &images) // was checked when it came
		for _, image := range images {
			delete(image, "data")
		}
		data["images"], _ = json.Marshal(images)
		bare["data"], _ = json.Marshal(data)
	}
	raw, err := json.Marshal(bare)
	if err != nil || len(raw) > maxContent {
		return nil
	}
	return raw
}

// imageNames are the identifiers of a message's images. An app's icon is one for the pages.
func imageNames(top fields) (names []string) {
	if top["appIcon"] != nil {
		names = append(names, appIcon)
	}
	for _, image := range imagesOf(top) {
		names = append(names, image.Identifier)
	}
	return names
}

type namedImage struct {
	Identifier string `json:"identifier"`
	Data       string `json:"data"`
}

func imagesOf(top fields) (images []namedImage) {
	var data fields
	if json.Unmarshal(top["data"], &data) == nil { // an app's message has none
		_ = json.Unmarshal(data["images"], &images)
	}
	return images
}

func imageLink(bubbleID, identifier string) string {
	return "/phone/images/" + url.PathEscape(bubbleID) + "/" + url.PathEscape(identifier)
}

// What images are called that have no identifier: a rich link's, and an app's icon.
const (
	linkImage = "image"
	appIcon   = "appIcon"
)

// imageOf finds an image's bytes in what was sent.
func imageOf(top fields, identifier string) (string, bool) {
	var link struct {
		Image struct {
			Data string `json:"data"`
		} `json:"image"`
	}
	if json.Unmarshal(top["assets"], &link) == nil && identifier == linkImage {
		return link.Image.Data, true
	}
	if icon, ok := top.text(appIcon); ok && identifier == appIcon {
		return icon, true
	}
	for _, image := range imagesOf(top) {
		if image.Identifier == identifier {
			return image.Data, true
		}
	}
	return "", false
}

// serveImage is GET /phone/images/{bubble}/{identifier}. The bytes lie with the message, in the bounded store.
func (s *Sandbox) serveImage(w http.ResponseWriter, r *http.Request) {
	saved := s.savedOf(r.PathValue("bubble"))
	if saved == nil {
		http.NotFound(w, r)
		return
	}
	top, err := s.content(saved)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	encoded, ok := imageOf(top, r.PathValue("identifier"))
	raw, err := decodePNG(encoded, maxImage)
	if !ok || err != nil {
		http.NotFound(w, r)
		return
	}
	dressFile(w.Header(), "image.png", "image/png")
	_, _ = w.Write(raw) // a page that has gone needs no answer
}

// savedOf finds what a bubble of the business's said.
func (s *Sandbox) savedOf(bubbleID string) *savedMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.phones.threads {
		switch b := t.bubble(bubbleID); {
		case b == nil:
		case b.Interactive != nil:
			return b.Interactive.saved
		case b.Link != nil:
			return b.Link.saved
		}
	}
	return nil
}
