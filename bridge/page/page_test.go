package page

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func write(t *testing.T, p Page, status int) (*http.Response, string) {
	t.Helper()
	recorder := httptest.NewRecorder()
	recorder.Header().Set("Set-Cookie", "own=1")
	p.Write(recorder, status)
	return recorder.Result(), recorder.Body.String()
}

func TestAPageSaysWhatItIsGiven(t *testing.T) {
	t.Parallel()
	response, body := write(t, Page{Title: "Title", Text: "Text", Next: "Next", Link: "sms:open?x=1&y=2"}, http.StatusGone)
	if response.StatusCode != http.StatusGone || response.Header.Get("Content-Type") != "text/html; charset=utf-8" || response.Header.Get("Set-Cookie") != "own=1" {
		t.Errorf("%d %v", response.StatusCode, response.Header)
	}
	for _, want := range []string{"<title>Title</title>", "<h1>Title</h1>", "<p>Text</p>", "<p>Next</p>", `<a href="sms:open?x=1&amp;y=2">Back to Messages</a>`, `<html lang="en">`, "noindex"} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not in %s", want, body)
		}
	}
	_, body = write(t, Page{Title: "Title", Text: "Text"}, http.StatusOK)
	if strings.Count(body, "<p>") != 1 || strings.Contains(body, "<a ") {
		t.Errorf("more than it was given: %s", body)
	}
}

// What stands on a page may come from anybody.
func TestAPageDoesNothing(t *testing.T) {
	t.Parallel()
	const evil = `</title></style><script>alert(1)</script><img src=x onerror=alert(1)>"'` + "`"
	_, body := write(t, Page{Title: evil, Text: evil, Next: evil, Link: template.URL(`https://example.com/"><script>`)}, 200)
	for _, tag := range []string{"<script", "<img", "onerror=alert(1)>\""} {
		if strings.Contains(body, tag) {
			t.Errorf("%s is in %s", tag, body)
		}
	}
	for _, outside := range []string{"src=", "@import", "url("} {
		if _, clean := write(t, Page{Title: "T", Text: "T", Next: "N", Link: "sms:"}, 200); strings.Contains(clean, outside) {
			t.Errorf("the page loads something: %s", outside)
		}
	}
}

// The policy lets the page's own style through, by its hash, and nothing else.
func TestThePolicyIsThatOfTheStyle(t *testing.T) {
	t.Parallel()
	response, body := write(t, Page{Title: "T", Text: "T"}, 200)
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(body)
	if style == nil || style[1] == "" || strings.Count(body, "<style") != 1 || strings.Contains(body, "style=") {
		t.Fatalf("%s", body)
	}
	sum := sha256.Sum256([]byte(style[1]))
	policy := response.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") || !strings.HasPrefix(policy, "default-src 'none'") {
		t.Errorf("the policy %s is not of %s", policy, style[1])
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, directive := range []string{"frame-ancestors 'none'", "form-action 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, directive) {
			t.Errorf("no %s", directive)
		}
	}
}
