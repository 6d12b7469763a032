package signin

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string

	page = template.Must(template.New("page").Parse(pageHTML))

	pagePolicy = "default-src 'none'; style-src 'sha256-" + hashOf(pageCSS) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// location closes the sheet in Messages.
func (e *ending) location() string {
	if e.code == "" {
		return "messages-auth://?status=success"
	}
	return "messages-auth://?status=error&error=" + url.QueryEscape(e.code)
}

// write answers the browser: Messages follows the redirect, and whoever else comes has a page to read.
func (e *ending) write(w http.ResponseWriter) {
	var body bytes.Buffer
	err := page.Execute(&body, struct {
		Title, Text, Next string
		Style             template.CSS
		Link              template.URL // of a scheme that the package does not know
	}{e.title, e.text, e.next, template.CSS(pageCSS), template.URL(e.location())})
	if err != nil {
		panic(err) // the template has no way to fail
	}
	describe(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Location", e.location())
	w.WriteHeader(http.StatusFound)
	_, _ = w.Write(body.Bytes())
}

// describe sets what keeps code and state in the address from travelling further, and the page from doing anything.
func describe(header http.Header) {
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Content-Security-Policy", pagePolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
}
