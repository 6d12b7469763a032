package signin

import (
	"html/template"
	"net/http"
	"net/url"

	"bizbridge/bridge/page"
)

// location closes the sheet in Messages.
func (e *ending) location() string {
	if e.code == "" {
		return "messages-auth://?status=success"
	}
	return "messages-auth://?status=error&error=" + url.QueryEscape(e.code)
}

// write answers the browser: Messages follows the redirect, and whoever else comes has a page to read.
func (e *ending) write(w http.ResponseWriter) {
	w.Header().Set("Location", e.location())
	// The link's scheme is one that html/template does not know.
	page.Page{Title: e.title, Text: e.text, Next: e.next, Link: template.URL(e.location())}.Write(w, http.StatusFound)
}
