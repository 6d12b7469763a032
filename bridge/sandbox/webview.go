package sandbox

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

const (
	maxRedirects = 10
	maxWebPage   = 512 << 10
	shownPage    = 600 // characters of a page's text
	webTimeout   = 30 * time.Second
	webAgent     = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 sandbox"
)

// webView is the browser that Messages opens over a conversation. Each sign-in has its own, with cookies of its own.
type webView struct {
	s      *Sandbox
	client *http.Client
	bridge string              // host and port of the bridge
	ends   func(*url.URL) bool // tells an address that is not opened, but is Messages' own

	elsewhere string // what requests to others than the bridge are called in the traffic panel
}

// webPage is where a way through the web ended: at an address of Messages' own, or at a page.
type webPage struct {
	at    *url.URL
	ended bool // at is Messages' own

	status int
	body   []byte
	text   string // readable
	form   *webForm
}

// webForm is a page's form in which somebody signs in.
type webForm struct {
	action *url.URL
	fields url.Values
}

func (s *Sandbox) newWebView(ends func(*url.URL) bool) *webView {
	jar, _ := cookiejar.New(nil) // never fails
	s.mu.Lock()
	bridge, _ := url.Parse(s.bridgeURL) // was checked, or is a test's
	s.mu.Unlock()
	v := &webView{s: s, ends: ends, elsewhere: phoneToProvider, client: &http.Client{Transport: s.client.Transport, CheckRedirect: s.client.CheckRedirect, Jar: jar}}
	if bridge != nil {
		v.bridge = bridge.Host
	}
	return v
}

// open goes to an address and wherever that leads.
func (v *webView) open(ctx context.Context, method string, target *url.URL, form url.Values) (webPage, error) {
	for range maxRedirects + 1 {
		page, next, err := v.request(ctx, method, target, form)
		switch {
		case err != nil:
			return page, fmt.Errorf("%s gave no answer: %s", target.Host, errorText(err))
		case next == nil:
			return page, nil
		case v.ends(next):
			return webPage{at: next, ended: true}, nil
		case next.Scheme != "https" && next.Scheme != "http" || next.Host == "":
			return page, fmt.Errorf("%s leads to an address of %q, which Messages does not open", target.Host, shorten(next.Scheme, 40))
		}
		if page.status != http.StatusTemporaryRedirect && page.status != http.StatusPermanentRedirect {
			method, form = http.MethodGet, nil
		}
		target = next
	}
	return webPage{}, fmt.Errorf("%s leads in circles: there were more than %d redirects", target.Host, maxRedirects)
}

// request does one request, and tells where it is redirected, if it is.
func (v *webView) request(ctx context.Context, method string, target *url.URL, form url.Values) (page webPage, next *url.URL, err error) {
	request, err := http.NewRequestWithContext(ctx, method, target.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return page, nil, err
	}
	request.Header.Set("User-Agent", webAgent)
	request.Header.Set("Accept", "text/html,application/json;q=0.9,*/*;q=0.5")
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	name := v.elsewhere
	if target.Host == v.bridge {
		name = phoneToBridge
	}
	shown := request.Header.Clone()
	if n := len(v.client.Jar.Cookies(target)); n > 0 {
		shown.Set("Cookie", fmt.Sprint(n, " kept"))
	}
	x := v.s.openHop(name, method, maskedURL(target, false), shown)
	v.s.carry(x, []byte(maskedQuery(form.Encode())), "", check{})
	page, next, err = v.roundTrip(request)
	note := ""
	switch {
	case err != nil:
		note = "no answer: " + errorText(err)
	case next != nil:
		note = "to " + shorten(maskedURL(next, true), 200)
	}
	v.s.closeHop(x, page.status, page.text, note)
	return page, next, err
}

func (v *webView) roundTrip(request *http.Request) (page webPage, next *url.URL, err error) {
	response, err := v.client.Do(request)
	if err != nil {
		return page, nil, err
	}
	defer response.Body.Close()
	page = webPage{at: request.URL, status: response.StatusCode}
	if page.body, err = io.ReadAll(io.LimitReader(response.Body, maxWebPage)); err != nil {
		return page, nil, err
	}
	switch response.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		next, err = response.Location()
		return page, next, err
	}
	page.read(response.Header.Get("Content-Type"))
	return page, nil, nil
}

// read takes from a page what somebody would read there, and the form to fill in.
func (p *webPage) read(contentType string) {
	kind, _, _ := mime.ParseMediaType(contentType)
	if kind != "text/html" {
		p.text = shorten(strings.TrimSpace(strings.ToValidUTF8(string(maskSecrets(p.body)), "�")), shownPage)
		return
	}
	root, err := html.Parse(strings.NewReader(string(p.body)))
	if err != nil {
		return
	}
	var text strings.Builder
	for node := range root.Descendants() {
		switch {
		case node.Type == html.TextNode && !unread(node):
			text.WriteString(node.Data)
		case node.Type == html.ElementNode && breaksLine(node.DataAtom):
			text.WriteByte('\n')
		case node.Type == html.ElementNode && node.DataAtom == atom.Form && p.form == nil:
			p.form = signInForm(p.at, node)
		}
	}
	var lines []string
	for line := range strings.SplitSeq(text.String(), "\n") {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	p.text = shorten(strings.ToValidUTF8(strings.Join(lines, "\n"), "�"), shownPage)
}

func unread(node *html.Node) bool {
	if node.Parent == nil {
		return false
	}
	switch node.Parent.DataAtom {
	case atom.Script, atom.Style, atom.Title, atom.Noscript, atom.Template:
		return true
	}
	return false
}

func breaksLine(tag atom.Atom) bool {
	switch tag {
	case atom.P, atom.Div, atom.Br, atom.H1, atom.H2, atom.H3, atom.Li, atom.Button, atom.Label, atom.Section, atom.Main, atom.Footer, atom.Header, atom.Tr, atom.Pre, atom.Small:
		return true
	}
	return false
}

// signInForm reads a form in which to choose a person and decide. Others are beyond the simulator.
func signInForm(at *url.URL, form *html.Node) *webForm {
	f := &webForm{fields: url.Values{}}
	var choosesPerson, decides bool
	for node := range form.Descendants() {
		name := attribute(node, "name")
		choosesPerson = choosesPerson || name == "person"
		decides = decides || name == "decision"
		if node.DataAtom == atom.Input && strings.EqualFold(attribute(node, "type"), "hidden") && name != "" {
			f.fields.Add(name, attribute(node, "value"))
		}
	}
	action, err := at.Parse(attribute(form, "action"))
	if err != nil || !choosesPerson || !decides || !strings.EqualFold(attribute(form, "method"), "post") {
		return nil
	}
	f.action = action
	return f
}

func attribute(node *html.Node, name string) string {
	for _, a := range node.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// signIn goes to where somebody signs in, chooses there, and follows to the end.
func (v *webView) signIn(ctx context.Context, target *url.URL, person, decision string) (webPage, error) {
	page, err := v.open(ctx, http.MethodGet, target, nil)
	if err != nil || page.form == nil {
		return page, err
	}
	form := page.form.fields
	form.Set("person", person)
	form.Set("decision", decision)
	return v.open(ctx, http.MethodPost, page.form.action, form)
}
