package libredesktest

import (
	"cmp"
	"crypto/rand"
	_ "embed"
	"html"
	"html/template"
	"net/http"
	"regexp"
	"strings"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

type shownConversation struct {
	UUID, Name, Status, Intent string
	Messages                   []shownMessage
}

type shownMessage struct {
	Class, Who, Text, At string
	Files                []shownFile
}

type shownFile struct{ Name, URL string }

// page shows the conversations as agents see them.
func (d *Desk) page(w http.ResponseWriter, _ *http.Request) {
	d.mu.Lock()
	shown := []shownConversation{}
	for _, one := range d.newestFirst() {
		intent, _ := one.contact.attributes["apple_intent"].(string)
		view := shownConversation{UUID: one.uuid, Name: one.contact.first + " " + one.contact.last, Status: one.status, Intent: intent}
		for _, said := range one.messages {
			view.Messages = append(view.Messages, d.show(said))
		}
		shown = append(shown, view)
	}
	d.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	nonce := rand.Text()
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-"+nonce+"'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "+cmp.Or(d.Framers, "'none'"))
	w.Header().Set("Cache-Control", "no-store")
	_ = pageTemplate.Execute(w, map[string]any{"Conversations": shown, "Nonce": nonce})
}

func (d *Desk) show(said *message) shownMessage {
	name, _ := said.author["first_name"].(string)
	view := shownMessage{Class: said.kind, Who: name, Text: text(said.content), At: said.at.Format("15:04:05")}
	if said.contentType == "text" {
		view.Text = said.content
	}
	if said.private && said.kind != "activity" {
		view.Class, view.Who = "note", "note"
	}
	for _, one := range said.files {
		view.Files = append(view.Files, shownFile{one.name, d.fileURL(one)})
	}
	return view
}

// act does what an agent does on the page: answer, note, resolve, close.
func (d *Desk) act(w http.ResponseWriter, req *http.Request) {
	if origin := req.Header.Get("Sec-Fetch-Site"); origin != "" && origin != "same-origin" {
		http.Error(w, "from another site", http.StatusForbidden)
		return
	}
	said := strings.TrimSpace(req.PostFormValue("text"))
	d.mu.Lock()
	in := d.conversation(req.PostFormValue("conversation"))
	switch do := req.PostFormValue("do"); {
	case in == nil:
	case do == "resolve":
		d.change(in, Resolved)
	case do == "close":
		d.change(in, Closed)
	case said != "":
		content := "<p>" + strings.ReplaceAll(html.EscapeString(said), "\n", "<br>") + "</p>"
		d.reply(in, content, do == "note")
	}
	d.mu.Unlock()
	http.Redirect(w, req, "/", http.StatusSeeOther)
}

var (
	lineBreak = regexp.MustCompile(`(?i)<br ?/?>|</p>\s*<p>`)
	address   = regexp.MustCompile(`<a href="([^"]*)">([^<]*)</a>`)
	tag       = regexp.MustCompile(`<[^>]*>`)
)

// text is what an agent reads of HTML.
func text(content string) string {
	content = address.ReplaceAllString(content, "$2 ($1)")
	return html.UnescapeString(tag.ReplaceAllString(lineBreak.ReplaceAllString(content, "\n"), ""))
}

// readable is a message with its files, for the inbox of the contract.
func readable(one *message) string {
	parts := []string{text(one.content)}
	for _, file := range one.files {
		parts = append(parts, "["+file.name+"]")
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}
