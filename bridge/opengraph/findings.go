package opengraph

import (
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// maxCandidates is how many values of one name are kept: the first that is of use is taken.
const maxCandidates = 8

// findings is what was found in a page so far.
type findings struct {
	metas   map[string][]string // by name, in the page's order
	title   string
	base    string // the href of the first base element that has one
	inTitle bool
	drawing int // how many svg elements are open: their title is no title of the page
	done    bool
}

// names are those that are kept; see ogp.me and Twitter's cards.
var names = map[string]bool{
	"og:title": true, "twitter:title": true,
	"og:image": true, "og:image:url": true, "og:image:secure_url": true, "twitter:image": true, "twitter:image:src": true,
	"og:video": true, "og:video:url": true, "og:video:secure_url": true, "og:video:type": true,
}

func (f *findings) start(tokens *html.Tokenizer, closed bool) {
	name, hasAttributes := tokens.TagName()
	switch string(name) {
	case "meta":
		if hasAttributes {
			f.meta(attributes(tokens, "property", "name", "content"))
		}
	case "base":
		if hasAttributes && f.base == "" {
			f.base = attributes(tokens, "href")["href"]
		}
	case "title":
		f.inTitle = f.title == "" && f.drawing == 0
	case "svg":
		if !closed {
			f.drawing++
		}
	case "body":
		f.endOfHead()
	}
}

func (f *findings) end(tokens *html.Tokenizer) {
	name, _ := tokens.TagName()
	switch string(name) {
	case "title":
		f.inTitle = false
	case "svg":
		f.drawing = max(0, f.drawing-1)
	case "head":
		f.endOfHead()
	}
}

// endOfHead ends the reading, unless the head was of no use: some pages have it all in their body.
func (f *findings) endOfHead() {
	f.done = f.title != "" || len(f.metas) > 0
}

func (f *findings) text(tokens *html.Tokenizer) {
	if f.inTitle {
		f.title = clean(string(tokens.Text())) // the element's whole text, with its entities decoded
		f.inTitle = false
	}
}

// attributes reads those attributes of a tag that are asked for. Of two of the same name the first counts, as in browsers.
func attributes(tokens *html.Tokenizer, wanted ...string) map[string]string {
	found := make(map[string]string, len(wanted))
	for more := true; more; {
		var key, value []byte
		key, value, more = tokens.TagAttr()
		for _, name := range wanted {
			if _, twice := found[name]; string(key) == name && !twice {
				found[name] = string(value)
			}
		}
	}
	return found
}

// meta keeps a value. Open Graph's names are properties, Twitter's are names, and pages have them the other way round.
func (f *findings) meta(attributes map[string]string) {
	value := attributes["content"]
	if strings.TrimSpace(value) == "" {
		return
	}
	for _, attribute := range []string{"property", "name"} {
		for name := range strings.FieldsSeq(strings.ToLower(attributes[attribute])) { // RDFa allows several
			if names[name] {
				f.keep(name, value)
				return
			}
		}
	}
}

func (f *findings) keep(name, value string) {
	if f.metas == nil {
		f.metas = make(map[string][]string)
	}
	// A second image begins: what is said of it is not said of the first.
	if name == "og:image:secure_url" && len(f.metas["og:image"]) > 1 || name == "og:video:secure_url" && len(f.metas["og:video"]) > 1 {
		return
	}
	if len(f.metas[name]) < maxCandidates {
		f.metas[name] = append(f.metas[name], value)
	}
}

func (f *findings) page(base *url.URL) Page {
	page := Page{
		Image: f.firstURL(base, "og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src"),
		Video: f.video(base),
	}
	for _, candidate := range append(append(f.metas["og:title"], f.metas["twitter:title"]...), f.title) {
		if page.Title = cut(clean(candidate)); page.Title != "" {
			break
		}
	}
	return page
}

func (f *findings) firstURL(base *url.URL, names ...string) string {
	for _, name := range names {
		for _, candidate := range f.metas[name] {
			if address := resolve(f.baseOf(base), candidate); address != "" {
				return address
			}
		}
	}
	return ""
}

// video is the first video that says that it is a file. Most are players, which are pages.
func (f *findings) video(base *url.URL) Video {
	types := f.metas["og:video:type"]
	if len(types) == 0 || !strings.HasPrefix(mediaType(types[0]), "video/") {
		return Video{}
	}
	address := f.firstURL(base, "og:video:secure_url", "og:video", "og:video:url")
	if address == "" {
		return Video{}
	}
	return Video{URL: address, MIMEType: mediaType(types[0])}
}

// baseOf is what relative addresses are relative to.
func (f *findings) baseOf(page *url.URL) *url.URL {
	if f.base == "" {
		return page
	}
	href, err := parse(page, f.base)
	if err != nil || !isWeb(href) {
		return page
	}
	return href
}
