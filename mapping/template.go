package mapping

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"strings"
)

// template is text with queries in it: Bearer \($vars.token).
type template struct {
	parts []part
}

type part struct {
	literal string
	query   *query // nil: the literal
	whole   bool   // the base of an address: taken as it is
}

// template compiles a text. Every query in it gives one text, number or boolean.
func (s *source) template(n *node, in scope) *template {
	t := &template{}
	text, at := n.Text, 0
	var plain strings.Builder
	flush := func() {
		if plain.Len() > 0 {
			t.parts = append(t.parts, part{literal: plain.String()})
			plain.Reset()
		}
	}
	for at < len(text) {
		switch {
		case strings.HasPrefix(text[at:], `\\`):
			plain.WriteByte('\\')
			at += 2
		case strings.HasPrefix(text[at:], `\(`):
			end := closing(text, at+2)
			if end < 0 {
				s.Add(s.within(n, at), n.Path, `\( has no closing parenthesis`, `Write \\( for the characters themselves.`)
				return t
			}
			flush()
			t.parts = append(t.parts, part{literal: strings.TrimSpace(text[at+2 : end]), query: s.query(n, text[at+2:end], at+2, in)})
			at = end + 1
		default:
			plain.WriteByte(text[at])
			at++
		}
	}
	flush()
	return t
}

// closing finds the parenthesis that ends a query begun at from: strings may hold parentheses, and queries again.
func closing(text string, from int) int {
	open := []byte{'('}
	for i := from; i < len(text); i++ {
		inString := open[len(open)-1] == '"'
		switch c := text[i]; {
		case inString && c == '\\' && strings.HasPrefix(text[i+1:], "("):
			open = append(open, '(')
			i++
		case inString && c == '\\':
			i++
		case c == '"' && inString:
			open = open[:len(open)-1]
		case inString:
		case c == '"' || c == '(':
			open = append(open, c)
		case c == ')':
			if open = open[:len(open)-1]; len(open) == 0 {
				return i
			}
		}
	}
	return -1
}

// text fills the template in. encode is applied to what queries give, unless it is the base of an address.
func (t *template) text(ctx context.Context, encode func(string) string, input any, values ...any) (string, error) {
	var text strings.Builder
	for _, p := range t.parts {
		if p.query == nil {
			text.WriteString(p.literal)
			continue
		}
		result, err := p.query.first(ctx, input, values...)
		if err != nil {
			return "", err
		}
		plain, ok := plainText(result)
		if !ok {
			return "", p.query.failed(`\(%s) is %s; text or a number is needed`, p.literal, article(result))
		}
		if p.whole {
			text.WriteString(strings.TrimSuffix(plain, "/")) // the path that follows has its own
			continue
		}
		text.WriteString(encode(plain))
	}
	return text.String(), nil
}

func article(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case []any:
		return "an array"
	case map[string]any:
		return "an object"
	}
	return "not UTF-8"
}

var (
	variable    = regexp.MustCompile(`^\$vars\.[A-Za-z_][A-Za-z0-9_]*$`)
	fixedOrigin = regexp.MustCompile(`^https?://[^/?#@\\\s]+([/?]|$)`)
)

const urlHint = `Write \($vars.base)/path, or https://host/path; an event must not be able to choose the host.`

// address compiles the template of a URL. Its scheme and host come from the file or from a variable, never from an
// event; everything else that is filled in is percent-encoded.
func (s *source) address(n *node, in scope) *template {
	t := s.template(n, in)
	if len(t.parts) == 0 {
		s.Report(n, "the URL is empty", urlHint)
		return t
	}
	first := &t.parts[0]
	switch {
	case first.query == nil && fixedOrigin.MatchString(first.literal) && (len(t.parts) == 1 || strings.ContainsAny(first.literal[len("https://"):], "/?")):
	case first.query != nil && variable.MatchString(first.literal) && (len(t.parts) == 1 || strings.HasPrefix(t.parts[1].literal, "/") && t.parts[1].query == nil || strings.HasPrefix(t.parts[1].literal, "?") && t.parts[1].query == nil):
		first.whole = true
	default:
		s.Report(n, "the URL does not begin with a fixed host", urlHint)
	}
	for _, p := range t.parts {
		if p.query == nil && strings.Contains(p.literal, "#") {
			s.Report(n, "the URL has a fragment (#…), which is never sent", "Remove it, or write %23.")
		}
	}
	return t
}

// percent encodes one piece of a path or query.
func percent(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// checkURL refuses what a request cannot have.
func checkURL(address string) error {
	parsed, err := url.Parse(address)
	switch {
	case err != nil || (parsed.Scheme != "https" && parsed.Scheme != "http") || parsed.Hostname() == "":
		return errors.New("is not an absolute http or https URL")
	case parsed.User != nil:
		return errors.New("holds a user name or password; use a header")
	case parsed.Fragment != "":
		return errors.New("has a fragment (#…), which is never sent")
	}
	for segment := range strings.SplitSeq(parsed.Path, "/") {
		if segment == "." || segment == ".." { // what is filled in must not lead to another path
			return errors.New(`has "." or ".." as a part of its path`)
		}
	}
	return nil
}
