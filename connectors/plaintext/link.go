package plaintext

import (
	"net/url"
	"strings"
)

// destination is where a link leads.
type destination struct {
	address string // "" where a text cannot say it: a script, a place on the page, an image of the mail
	scheme  string
}

// startLink begins a link, and ends the one before it: there is none in another.
func (c *converter) startLink(href string) {
	c.endLink()
	c.link = destinationOf(href)
	c.mark = unset
}

// endLink writes the address of a link behind its text, unless the text says it.
func (c *converter) endLink() {
	link := c.link
	c.link = destination{}
	switch {
	case link.address == "":
	case c.mark == unset:
		c.text(link.address)
	case !link.saidBy(string(c.out[c.mark:])):
		c.behind(" (" + link.address + ")")
	}
}

func destinationOf(href string) destination {
	href = cleanURL(href)
	if strings.HasPrefix(href, "//") {
		href = "https:" + href
	}
	scheme, rest, _ := strings.Cut(href, ":")
	switch scheme = strings.ToLower(scheme); scheme {
	case "http", "https":
		if strings.Trim(rest, "/") != "" {
			return destination{href, scheme}
		}
	case "mailto", "tel", "sms":
		address, _, _ := strings.Cut(rest, "?")
		return destination{cleanURL(unescaped(address)), scheme}
	}
	return destination{}
}

// cleanURL leaves out what browsers leave out, and escapes what would end an address in a text or begin a tag.
func cleanURL(text string) string {
	var clean strings.Builder
	for _, r := range strings.TrimSpace(text) {
		switch kind := kindOf(r); {
		case r == ' ':
			clean.WriteString("%20")
		case kind == space || kind == invisible || kind == joiner:
		case r == '<' || r == '>' || r == '"' || kind == wideSpace:
			clean.WriteString(url.PathEscape(string(r)))
		default:
			clean.WriteRune(r)
		}
	}
	return clean.String()
}

// saidBy tells whether the text makes the address superfluous: the text is that address, perhaps without "https://", or is a
// number or an e-mail address itself.
func (d destination) saidBy(text string) bool {
	switch d.scheme {
	case "mailto":
		return strings.Contains(text, "@")
	case "tel", "sms":
		return strings.Count(strings.Map(digitsOnly, text), "0") >= 3
	}
	return strings.EqualFold(bare(text), bare(d.address))
}

func digitsOnly(r rune) rune {
	if r >= '0' && r <= '9' {
		return '0'
	}
	return -1
}

// bare is an address without what readers do not miss.
func bare(address string) string {
	address = strings.TrimSpace(address)
	scheme, rest, _ := strings.Cut(address, "://")
	if strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "http") {
		address = rest
	}
	if len(address) > 4 && strings.EqualFold(address[:4], "www.") {
		address = address[4:]
	}
	return unescaped(strings.TrimSuffix(address, "/"))
}

func unescaped(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}
