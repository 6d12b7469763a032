package signin

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"bizbridge/bridge/message"
)

var (
	styleElement = regexp.MustCompile(`(?s)<style>(.*)</style>`)
	shortCode    = regexp.MustCompile(`^[a-z_]+$`)
)

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func TestPages(t *testing.T) {
	t.Parallel()
	titles := map[string]bool{}
	for _, end := range endings {
		recorder := httptest.NewRecorder()
		end.write(recorder)
		header, body := recorder.Header(), recorder.Body.String()
		for name, value := range map[string]string{
			"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
			"Location": end.location(),
		} {
			if header.Get(name) != value {
				t.Errorf("%s: %s is %q", end.title, name, header.Get(name))
			}
		}
		style := styleElement.FindStringSubmatch(body)
		if style == nil || !strings.Contains(header.Get("Content-Security-Policy"), "default-src 'none'; style-src 'sha256-"+hashOf(style[1])+"';") {
			t.Errorf("%s: the style's hash is not in the policy", end.title)
		}
		for _, part := range []string{
			`<html lang="en">`, `name="viewport"`, "<title>" + end.title + "</title>", "<h1>" + end.title + "</h1>", end.text, end.next,
			`<a href="` + strings.ReplaceAll(end.location(), "&", "&amp;") + `">Back to Messages</a>`,
		} {
			if !strings.Contains(body, part) {
				t.Errorf("%s: the page has no %q", end.title, part)
			}
		}
		if strings.Contains(body, "ZgotmplZ") || strings.Contains(body, "src=") || strings.Contains(body, "http") || strings.Contains(body, "<script") {
			t.Errorf("%s: the page loads or lacks something:\n%s", end.title, body)
		}
		if strings.HasSuffix(end.text, ".") != true || strings.HasSuffix(end.next, ".") != true || strings.ContainsAny(end.title+end.text+end.next, `<>&"'`) {
			t.Errorf("%s: its texts are not sentences that need no escapes", end.title)
		}
		titles[end.title] = true
	}
	if len(titles) < 10 {
		t.Errorf("the pages have only %d titles", len(titles))
	}
}

func TestLocations(t *testing.T) {
	t.Parallel()
	for _, end := range endings {
		u, err := url.Parse(end.location())
		if err != nil || u.Scheme != "messages-auth" || u.Host != "" {
			t.Errorf("%s: %s", end.title, end.location())
			continue
		}
		success := end.status == message.SignInSucceeded
		if query := u.Query(); success && u.RawQuery != "status=success" || !success && (query.Get("status") != "error" || !shortCode.MatchString(query.Get("error"))) {
			t.Errorf("%s: %s", end.title, end.location())
		}
	}
}

func TestFaultTexts(t *testing.T) {
	t.Parallel()
	if got := endCanceled.because("").Error(); got != "The customer canceled the sign-in, or the provider denied it." {
		t.Errorf("got %q", got)
	}
	if got := endRefused.because("invalid_scope").Error(); got != "The provider refused the sign-in: invalid_scope." {
		t.Errorf("got %q", got)
	}
}
