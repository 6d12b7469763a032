package legacy

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestExplainSaysWhatIsWrongAndHowToMendIt(t *testing.T) {
	const cryptor, authentication = "com.apple.icloud.messages.business.cryptor", "com.apple.icloud.messages.business.authentication.error"
	for _, test := range []struct {
		domain string
		code   int
		wants  []string
	}{
		{cryptor, 0, []string{"empty responseEncryptionKey", "Send"}},
		{cryptor, 1, []string{"base64", "standard base64", "URL-safe"}},
		{cryptor, 2, []string{"not a point", "RSA", "uncompressed point of P-384"}},
		{cryptor, 3, []string{"public key", "invalid", "uncompressed point of P-384"}},
		{cryptor, 4, []string{"could not encrypt", "try again"}},
		{cryptor, 5, []string{"could not encrypt", "not known (code 5)", "try again"}},
		{cryptor, -1, []string{"not known (code -1)"}},
		{authentication, 0, []string{"no token", "empty answer", "token URL"}},
		{authentication, 1, []string{"could not get an access token", "not known (code 1)", "Apple Business Register"}},
		{authentication, 2, []string{"no access_token", "JSON", "token URL"}},
		{"NSURLErrorDomain", -1009, []string{`error -1009 of "NSURLErrorDomain"`, "not known", "try again"}},
		{"", 0, []string{`error 0 of ""`, "not known"}},
		{"a\nb\"\x1b[2J", 1, []string{`"a\nb\"\x1b[2J"`}},
		{strings.Repeat("é", 300), 1, []string{"not known"}},
		{strings.ToUpper(cryptor), 0, []string{"not known"}},
	} {
		text := Explain(test.domain, test.code)
		for _, want := range test.wants {
			if !strings.Contains(text, want) {
				t.Errorf("%q %d: %q lacks %q", test.domain, test.code, text, want)
			}
		}
		if len(text) > 400 || !utf8.ValidString(text) || !strings.HasSuffix(text, ".") || strings.ContainsAny(text, "\n\x1b") {
			t.Errorf("%q %d: %q", test.domain, test.code, text)
		}
	}
	seen := map[string]deviceError{}
	for key, text := range explanations {
		if other, ok := seen[text]; ok {
			t.Errorf("%v and %v say the same", key, other)
		}
		seen[text] = key
	}
}
