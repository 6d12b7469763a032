package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

const (
	maxURL       = 8192 // bytes of a link
	maxClips     = 300
	maxConstruct = 64 << 10 // of a body for constructPayload
)

// richLink is a link with a picture, found well-formed.
type richLink struct {
	url, title string
	video      *linkVideo

	raw json.RawMessage
}

type linkVideo struct {
	URL      string `json:"url"`
	MimeType string `json:"mime_type"`
}

// link is a rich link on the phone.
type link struct {
	URL     string     `json:"url"`
	Title   string     `json:"title"`
	Image   string     `json:"image,omitempty"` // address on the pages
	Video   *linkVideo `json:"video,omitempty"`
	AppClip bool       `json:"app_clip"`

	saved *savedMessage
}

// takeLink wants a rich link, or what constructPayload made of one.
func (m *outbound) takeLink(f fields) error {
	data, ref := f["richLinkData"] != nil, f["richLinkDataRef"] != nil
	if _, ok := f.text("body"); !ok && f["body"] != nil {
		return errors.New("body is not a string")
	}
	switch {
	case f["interactiveData"] != nil:
		return errors.New("a rich link has no interactiveData")
	case data == ref:
		return errors.New("a rich link has either richLinkData or richLinkDataRef")
	case ref:
		if json.Unmarshal(f["richLinkDataRef"], &m.clip) != nil || m.clip == nil {
			return errors.New("richLinkDataRef is not an object")
		}
		return nil
	}
	var err error
	m.link, err = parseLink(f["richLinkData"])
	return err
}

// videoType has the characters that names of media types are made of.
var videoType = regexp.MustCompile(`^video/[a-zA-Z0-9!#$&^_.+-]+$`)

func parseLink(raw json.RawMessage) (*richLink, error) {
	top, faults := examine(raw, "richLinkData")
	l := &richLink{raw: raw, url: top.webURL("url", "https", "http"), title: top.needLabel("title")}
	assets := top.object("assets")
	image := assets.object("image")
	if image.need("mimeType") != "image/png" {
		image.wrong("mimeType", "is not image/png")
	}
	image.forbid("the image's bytes are wanted in data", "url")
	image.png("data", maxImage)
	if assets.has("video") {
		video := assets.object("video")
		l.video = &linkVideo{video.webURL("url", "https"), video.need("mimeType")}
		if !videoType.MatchString(l.video.MimeType) {
			video.wrong("mimeType", "is not that of a video")
		}
	}
	return l, faults.err
}

// receiveLink makes a bubble of a rich link.
func (s *Sandbox) receiveLink(b *bubble, m *outbound, prepared *savedMessage) error {
	if m.clip != nil {
		clip, err := s.mmcs.clipOf(m.clip)
		if err == nil {
			b.Link = &link{URL: clip.target, Title: clip.Title, AppClip: true}
		}
		return err
	}
	b.Link = &link{URL: m.link.url, Title: m.link.title, Image: imageLink(b.ID, linkImage), Video: m.link.video, saved: prepared}
	return nil
}

// clipRef is what constructPayload makes of an App Clip's address.
type clipRef struct {
	Title           string `json:"title"`
	SignatureBase64 string `json:"signature-base64"`
	Size            int64  `json:"size"`
	URL             string `json:"url"`
	Owner           string `json:"owner"`
	Key             string `json:"key"`

	target string
}

// clipOf finds the App Clip of a reference, which must be as it was given out.
func (m *mmcs) clipOf(given fields) (clipRef, error) {
	address, _ := given.text("url")
	clip, ok := m.clips.get(address)
	if !ok {
		return clip, errors.New("richLinkDataRef.url is that of nothing that constructPayload made")
	}
	if name, same := sameObject(clip, given); !same {
		return clip, fmt.Errorf("richLinkDataRef.%s is not as it was given", name)
	}
	if len(given) != 6 {
		return clip, errors.New("richLinkDataRef has more members than it was given")
	}
	return clip, nil
}

var region = regexp.MustCompile(`^[A-Z]{2}$`)

// constructPayload is POST /v1/constructPayload. Here those addresses have an App Clip whose host begins with appclip.
func (s *Sandbox) constructPayload(c call) (result, *refusal) {
	f, err := parseBody(c.header, c.body)
	if err != nil {
		return result{}, malformed(err)
	}
	if !uuidForm.MatchString(c.header.Get("id")) {
		return result{}, malformed(errors.New("the header id is missing, or not a UUID"))
	}
	body := node{fields: f, path: "body", exam: &exam{}}
	if body.need("type") != "link" {
		body.wrong("type", `is not "link"`)
	}
	body.number("version", 1, 1)
	wanted := body.object("link")
	target := wanted.webURL("url", "https")
	if code := wanted.str("storeRegion"); wanted.has("storeRegion") && !region.MatchString(code) {
		wanted.wrong("storeRegion", "is not a country's code of two letters, such as US")
	}
	if body.exam.err != nil {
		return result{}, malformed(body.exam.err)
	}
	u, _ := url.Parse(target) // was parsed before
	name, isClip := strings.CutPrefix(u.Hostname(), "appclip.")
	if !isClip {
		return result{}, &refusal{http.StatusBadRequest, "the URL has no App Clip experience: here those have one whose host begins with appclip."}
	}
	key := newFileKey()
	o, err := s.store(key.encrypt(strings.NewReader(target)), 0x81)
	if err != nil {
		return result{}, malformed(err)
	}
	clip := clipRef{
		Title: shorten("App Clip of "+name, maxLabel-1), SignatureBase64: o.checksum(), Size: o.size, URL: o.url, Owner: o.owner,
		Key: key.String(), target: target,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mmcs.clips.put(clip.URL, clip)
	return result{note: "an App Clip", answer: map[string]any{"version": "1.0", "richLinkDataRef": clip}}, nil
}
