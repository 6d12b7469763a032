package auth

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"time"
)

// Whatever a provider answers, a token is fit for a header, its life is within bounds, and an error quotes nothing.
func FuzzParseAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"access_token":"x","token_type":"Bearer","expires_in":3600,"refresh_token":"r"}`,
		`{"token_type":"Bearer","issued_at":"1570733606449","client_id":"c","access_token":"x","scope":"s","expires_in":"28799"}`,
		`{"issued_at":"1570733606449","JWT":"eyJhbGciOiJIUzI1NiJ9.e30.sig","expires_in":"28799"}`,
		`{"token":"3d7908aa","tokenType":"IBSSO","accountKey":"8F07","roles":[{"id":79}]}`,
		`{"error":"invalid_client","error_description":"x"}`, `{"error":{"code":1}}`, `{"data":{"token":"x"}}`,
		`access_token=x&expires_in=1e9`, `<html>`, `{"access_token":"x`, `null`, `[]`, ``, "\ufeff{}", `{"access_token":"a\nb"}`, `{"access_token":"x","expires_in":"Inf"}`, `{"access_token":"x","expires_in":-1}`,
	} {
		for _, contentType := range []string{"application/json", "application/x-www-form-urlencoded"} {
			f.Add(contentType, []byte(seed), "")
			f.Add(contentType, []byte(seed), "data.token")
		}
	}
	known := []error{errWebPage, errNoJSON, errNoToken, errOddToken, errLongToken, errOddType, errOddRefresh, io.ErrUnexpectedEOF}
	f.Fuzz(func(t *testing.T, contentType string, body []byte, field string) {
		got, err := parseAnswer(contentType, body, field)
		if err != nil {
			for _, one := range known {
				if errors.Is(err, one) && err.Error() == one.Error() {
					return
				}
			}
			t.Fatalf("an error of another kind: %v", err)
		}
		if got.code != "" {
			if got.token != "" {
				t.Fatal("an error with a token")
			}
			return
		}
		value := spaced(got.scheme()) + got.token
		if got.token == "" || !visible(got.token) || got.life < 0 || got.life > longestLife {
			t.Fatalf("%+v", got)
		}
		for _, c := range []byte(value) {
			if c < ' ' || c > '~' {
				t.Fatalf("%q in a header", value)
			}
		}
		made := newToken(value, time.Unix(0, 0), got.life)
		if made.stale.After(made.expires) || !made.stale.After(time.Unix(0, 0)) {
			t.Fatalf("%+v", made)
		}
	})
}

// What is read as a grant makes a header that can be sent.
func FuzzReadGrant(f *testing.F) {
	for _, seed := range []string{
		`{"access_token":"x","token_type":"IBSSO"}`, `{"refresh_token":"r","expires_at":"2026-01-02T04:04:05Z"}`, `{}`, ``, `{"accessToken":"x"}`,
		`{"access_token":"x","expires_at":"0001-01-01T00:00:00Z"}`, `{"access_token":"x","expires_at":"9999-12-31T23:59:59Z"}`,
	} {
		f.Add(seed)
	}
	settings := Settings{Kind: kindAuthorizationCode, TokenURL: "https://a.example", AuthorizeURL: "https://a.example", ClientID: "x"}
	f.Fuzz(func(t *testing.T, content string) {
		file, err := readGrant(content)
		if err != nil || file.AccessToken == "" {
			return
		}
		p, err := newGrantPart(&keeper{now: newClock().now}, granted(settings, content), Deps{})
		if err != nil {
			t.Fatal(err)
		}
		made := p.slot.current.Load()
		if !visible(file.AccessToken) || made.stale.After(made.expires) {
			t.Fatalf("%+v", made)
		}
		header := http.Header{"Authorization": made.value}
		if err := header.Write(io.Discard); err != nil || made.value[0] == "" {
			t.Fatal(err)
		}
	})
}
