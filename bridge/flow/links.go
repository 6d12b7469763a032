package flow

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"sync"

	"mvdan.cc/xurls/v2"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/fallback"
	"bizbridge/bridge/message"
	"bizbridge/bridge/opengraph"
)

// RichLinks is what a business wants of the links in its texts.
type RichLinks struct {
	Enabled      bool   // links become cards
	OpenGraph    bool   // title and picture may be taken from the page
	DefaultImage []byte // PNG for pages without a picture; nil: such links stay text
}

// maxLinks is how many links of one text become cards.
const maxLinks = 5

var webLinks = func() func(string) []string {
	strict, err := xurls.StrictMatchingScheme(`https?://`)
	if err != nil {
		panic(err) // a constant
	}
	return func(text string) []string { return strict.FindAllString(text, -1) }
}()

// addLinks puts a card behind a text for every link in it, as Apple's list of features asks. A text that is nothing but a
// link becomes its card.
func (f *Flow) addLinks(c *composed, business message.BusinessID, text string) {
	if !f.RichLinks[business].Enabled {
		return
	}
	links := linksIn(text)
	if len(links) == 1 && strings.TrimSpace(text) == links[0] && len(c.parts) == 1 {
		if written, ok := c.parts[0].content.(message.Text); ok {
			c.parts[0] = part{content: message.RichLink{URL: links[0]}, instead: written, made: true}
			return
		}
	}
	for _, link := range links {
		c.parts = append(c.parts, part{content: message.RichLink{URL: link}, made: true})
	}
}

// linksIn finds the first links that can have cards, each once.
func linksIn(text string) []string {
	var links []string
	for _, link := range webLinks(text) {
		if len(links) < maxLinks && len(link) <= maxLinkLength && hostOf(link) != "" && !slices.Contains(links, link) {
			links = append(links, link)
		}
	}
	return links
}

const maxLinkLength = 8192 // bytes (protocol §4.6.1)

// spoken is the text of a content that can have links in it.
func spoken(content message.Content) string {
	switch content := content.(type) {
	case message.Text:
		return content.Text
	case message.Files:
		return content.Text
	}
	return ""
}

// completeLinks gives every card what Apple wants of one: a title and a picture, or an App Clip's own card. Without a
// picture a link stays text. All links are looked up at once: together they may take as long as one.
func (f *Flow) completeLinks(ctx context.Context, out message.Outbound, c *composed) {
	var lookups sync.WaitGroup
	for i := range c.parts {
		card := &c.parts[i]
		link, ok := card.content.(message.RichLink)
		if !ok || card.sent {
			continue
		}
		c.fetched = c.fetched || link.AppClip || f.RichLinks[out.BusinessID].OpenGraph
		lookups.Go(func() {
			if !link.AppClip || !f.addClip(ctx, out, card, link) {
				f.completeLink(ctx, out.BusinessID, card, link)
			}
		})
	}
	lookups.Wait()
}

// addClip asks for an App Clip's card. Where Apple gives none, the link is one like any other.
func (f *Flow) addClip(ctx context.Context, out message.Outbound, card *part, link message.RichLink) bool {
	ctx, cancel := halfOf(ctx)
	defer cancel()
	failure := f.protect(apple.Peer, func() (err error) {
		card.card, err = f.Gateway.AppClip(ctx, message.DeriveID("app clip", string(card.id)), out.BusinessID, link)
		return err
	})
	if failure == nil {
		return true
	}
	f.Logger.Warn("Apple gives no card for an App Clip", "id", card.id, "error", failure)
	card.stepped(fallback.KindAppClip, message.KindRichLink)
	return false
}

func (f *Flow) completeLink(ctx context.Context, business message.BusinessID, card *part, link message.RichLink) {
	rules, png := f.RichLinks[business], card.pictures[""]
	if !card.made { // in the sender's words: a page must not put its own into the text
		card.instead = message.Text{Text: strings.TrimSpace(string(link.Title) + "\n" + link.URL)}
	}
	if rules.OpenGraph && (link.Title == "" || png == nil) {
		page, image := f.readPage(ctx, link.URL)
		if link.Title == "" {
			link.Title = message.CutLabel(page.Title)
		}
		if png == nil {
			png = image
		}
	}
	if png == nil {
		png = rules.DefaultImage
	}
	if png == nil {
		card.giveUpCard()
		return
	}
	for _, words := range []string{hostOf(link.URL), link.URL} { // the host may be nothing that can be shown
		if link.Title == "" {
			link.Title = message.CutLabel(words)
		}
	}
	card.content, card.pictures = link, map[string][]byte{"": png}
}

// hostOf is the site's name; "" for what is no address that anyone may be sent to.
func hostOf(link string) string {
	parsed, err := url.Parse(link)
	if err != nil || parsed.User != nil {
		return ""
	}
	return strings.TrimPrefix(parsed.Hostname(), "www.")
}

// readPage looks up what a page says of itself. It is for looks only: what cannot be had soon is left out.
func (f *Flow) readPage(ctx context.Context, link string) (page opengraph.Page, png []byte) {
	ctx, cancel := partOf(ctx)
	defer cancel()
	base, err := url.Parse(link)
	if err != nil {
		return page, nil
	}
	failure := f.protect("a page", func() error {
		download, err := f.Pages.Open(ctx, link)
		if err != nil {
			return err
		}
		defer download.Body.Close()
		if download.URL != nil { // a page's addresses are relative to where it lies, not to what led there
			base = download.URL
		}
		page, err = opengraph.Read(download.Body, download.MIMEType, base)
		return err
	})
	if failure == nil && page.Image != "" {
		failure = f.protect("a page", func() (err error) {
			png, err = f.pagePicture(ctx, page.Image)
			return err
		})
	}
	if failure != nil {
		f.Logger.Debug("a page tells too little of itself for a card", "error", failure)
	}
	return page, png
}
