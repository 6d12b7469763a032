package opengraph

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// clean makes one line of a text, without what nobody sees or what turns the text around it.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), r == utf8.RuneError, r == '\uFFFC', r == '\uFEFF', r == '\u200B', r == '\u00AD',
			r >= '\u202A' && r <= '\u202E', r >= '\u2066' && r <= '\u2069', unicode.Is(unicode.Noncharacter_Code_Point, r):
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// cut shortens a text to what a title may have: at a word, or where there is none, between two characters as they are seen.
func cut(text string) string {
	if utf8.RuneCountInString(text) <= maxTitle {
		return text
	}
	short, count := 0, 0
	for rest, state := text, -1; rest != ""; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if count += utf8.RuneCountInString(cluster); count > maxTitle-1 { // with the ellipsis
			break
		}
		short += len(cluster)
	}
	if short == 0 { // one character of hundreds of marks
		return string([]rune(text)[:maxTitle-1]) + "…"
	}
	kept := text[:short]
	if space := strings.LastIndexByte(kept, ' '); text[short] != ' ' && space > short/2 {
		kept = kept[:space]
	}
	return strings.TrimRight(kept, " ,;:–—-") + "…"
}

// resolve makes an absolute URL, or "" of what is none that can be fetched.
func resolve(base *url.URL, address string) string {
	resolved, err := parse(base, address)
	if err != nil || strings.TrimSpace(address) == "" {
		return ""
	}
	return absolute(resolved)
}

// parse parses an address as browsers do: without line ends within, and with its spaces escaped.
func parse(base *url.URL, address string) (*url.URL, error) {
	address = strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(address)
	address = strings.ReplaceAll(strings.TrimFunc(address, func(r rune) bool { return r <= ' ' }), " ", "%20")
	parsed, err := url.Parse(address)
	if err != nil || base == nil {
		return parsed, err
	}
	return base.ResolveReference(parsed), nil
}

func absolute(address *url.URL) string {
	if !isWeb(address) {
		return ""
	}
	if text := address.String(); len(text) <= maxURL {
		return text
	}
	return ""
}

// isWeb tells whether an address can be fetched by anyone: no other scheme, and no password.
func isWeb(address *url.URL) bool {
	return address != nil && (address.Scheme == "https" || address.Scheme == "http") && address.Hostname() != "" && address.User == nil
}
