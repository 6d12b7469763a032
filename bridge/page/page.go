// Package page writes the few pages that customers see of the bridge: one column, no script, nothing from elsewhere.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"html/template"
	"net/http"
)

// Page is what a customer reads.
type Page struct {
	Title string
	Text  string
	Next  string // what they can do; "": nothing
	// Link leads back to Messages; "": there is no way but to close the page.
	Link template.URL
}

var (
	//go:embed page.html
	html string
	//go:embed page.css
	css string

	parsed = template.Must(template.New("page").Parse(html))

	policy = "default-src 'none'; style-src 'sha256-" + hashOf(css) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Write answers a browser. Headers of the caller's own are set before.
func (p Page) Write(w http.ResponseWriter, status int) {
	var body bytes.Buffer
	err := parsed.Execute(&body, struct {
		Page
		Style template.CSS
	}{p, template.CSS(css)})
	if err != nil {
		panic(err) // the template has no way to fail
	}
	Protect(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

// Protect sets what keeps secrets in the address from travelling further, and the page from doing anything.
func Protect(header http.Header) {
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
}
