package signature

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Request is what a scheme can cover.
type Request struct {
	Method string
	URL    string // whole, as the sender calls it. Schemes that do not cover it want its query at most
	Header http.Header
	Body   []byte // raw
}

// query is what stands behind the "?", as it came.
func (r Request) query() string {
	_, query, _ := strings.Cut(r.URL, "?")
	return query
}

// text fills the template. It comes in pieces: the body is not copied.
func (k *Keys) text(req Request, id, ts string) ([][]byte, error) {
	pieces := make([][]byte, 0, len(k.template))
	for _, part := range k.template {
		piece, err := part.fill(req, id, ts)
		if err != nil {
			return nil, err
		}
		pieces = append(pieces, piece)
	}
	return pieces, nil
}

// part is a placeholder of a template, or what stands between two.
type part string

func (p part) fill(req Request, id, ts string) ([]byte, error) {
	switch p {
	case "{id}":
		return []byte(id), nil
	case "{ts}":
		return []byte(ts), nil
	case "{method}":
		return []byte(req.Method), nil
	case "{url}":
		return []byte(req.URL), nil
	case "{url_decoded}":
		return []byte(decodedSigns.Replace(req.URL)), nil
	case "{body}":
		return req.Body, nil
	case "{body_or_query}":
		return bodyOrQuery(req)
	case "{form}":
		return form(req)
	}
	return []byte(p), nil
}

// parts cuts a template.
func parts(template string) []part {
	var all []part
	for template != "" {
		cut := strings.IndexByte(template, '{')
		if cut == 0 {
			cut = strings.IndexByte(template, '}') + 1
		}
		if cut < 0 {
			cut = len(template)
		}
		all, template = append(all, part(template[:cut])), template[cut:]
	}
	return all
}

// decodedSigns writes out what HubSpot writes out before it signs an address.
var decodedSigns = strings.NewReplacer(
	"%3A", ":", "%2F", "/", "%3F", "?", "%40", "@", "%21", "!", "%24", "$",
	"%27", "'", "%28", "(", "%29", ")", "%2A", "*", "%2C", ",", "%3B", ";",
	"%3a", ":", "%2f", "/", "%3f", "?", "%2a", "*", "%2c", ",", "%3b", ";",
)

// bodyOrQuery is what iAdvize signs. Of a GET that is the query, so a body could say anything.
func bodyOrQuery(req Request) ([]byte, error) {
	if req.Method != http.MethodGet {
		return req.Body, nil
	}
	if len(req.Body) > 0 {
		return nil, &Error{Malformed, "a GET has a body, which the signature does not cover"}
	}
	return []byte(req.query()), nil
}

// form is what Twilio signs of a body: the fields of a form in the order of their names. The hash of any other body
// stands in the URL, which is signed as well.
func form(req Request) ([]byte, error) {
	query, _ := url.ParseQuery(req.query()) // what cannot be read is not the hash
	if hash := query.Get("bodySHA256"); hash != "" {
		sum := sha256.Sum256(req.Body)
		if !strings.EqualFold(hash, hex.EncodeToString(sum[:])) {
			return nil, &Error{Mismatch, "bodySHA256 is not the hash of the body"}
		}
		return nil, nil
	}
	if len(req.Body) == 0 {
		return nil, nil
	}
	if kind, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type")); kind != "application/x-www-form-urlencoded" {
		return nil, &Error{Malformed, "a body that is no form needs bodySHA256 in the URL"}
	}
	fields, err := url.ParseQuery(string(req.Body))
	if err != nil {
		return nil, &Error{Malformed, "the body is no form"}
	}
	var text []byte
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		values := fields[name]
		slices.Sort(values)
		for _, value := range slices.Compact(values) { // as the vendor's libraries do
			text = append(append(text, name...), value...)
		}
	}
	return text, nil
}

// member is a text of a JSON body; "" where it has none.
func member(body []byte, name string) string {
	var members map[string]json.RawMessage
	var text string
	if json.Unmarshal(body, &members) != nil || json.Unmarshal(members[name], &text) != nil {
		return ""
	}
	return text
}
