package stripe

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	good := Settings{SecretKey: "sk_test_abc"}
	for _, c := range []struct {
		change func(*Settings)
		want   string
	}{
		{func(*Settings) {}, ""},
		{func(s *Settings) { s.SecretKey = "rk_live_abc" }, ""},
		{func(s *Settings) { s.SecretKey = "" }, "secret_key is missing"},
		{func(s *Settings) { s.SecretKey = "sk_test_abc\n" }, "secret_key has white space around it"},
		{func(s *Settings) { s.SecretKey = "sk_test_a bc" }, "secret_key has white space or a control character in it"},
		{func(s *Settings) { s.SecretKey = "sk_test_a\u00a0bc" }, "secret_key has white space or a control character in it"},
		{func(s *Settings) { s.SecretKey = "sk_test_a\x7fbc" }, "secret_key has white space or a control character in it"},
		{func(s *Settings) { s.SecretKey = "sk_test_aäbc" }, "secret_key has a character in it that is not printable ASCII"},
		{func(s *Settings) { s.SecretKey = "pk_live_abc" }, "secret_key is the publishable key"},
		{func(s *Settings) { s.SecretKey = "whsec_abc" }, "secret_key is no key of Stripe's"},
		{func(s *Settings) { s.Capture = CaptureManual }, ""},
		{func(s *Settings) { s.Capture = CaptureAutomatic }, ""},
		{func(s *Settings) { s.Capture = "automatic_async" }, "capture is none of the known ones"},
		{func(s *Settings) { s.BaseURL = "https://stripe.example.com/" }, ""},
		{func(s *Settings) { s.BaseURL = "http://127.0.0.1:12111" }, ""},
		{func(s *Settings) { s.BaseURL = "http://[::1]:12111" }, ""},
		{func(s *Settings) { s.BaseURL = "http://localhost:12111" }, ""},
		{func(s *Settings) { s.BaseURL = "http://stripe.example.com" }, "api_url is not an HTTPS URL; http:// is for loopback only"},
		{func(s *Settings) { s.BaseURL = "http://localhost.example.com" }, "api_url is not an HTTPS URL; http:// is for loopback only"},
		{func(s *Settings) { s.BaseURL = "https://a:b@stripe.example.com" }, "api_url holds a user name"},
		{func(s *Settings) { s.BaseURL = "https://stripe.example.com?a" }, "api_url has a query"},
		{func(s *Settings) { s.BaseURL = "https://stripe.example.com#a" }, "api_url has a fragment"},
		{func(s *Settings) { s.BaseURL = "api.stripe.com" }, "api_url is not an absolute URL"},
		{func(s *Settings) { s.BaseURL = "https://stripe .example.com" }, "api_url is not an absolute URL"},
	} {
		s := good
		c.change(&s)
		var got []string
		s.Validate(func(path, message, hint string) {
			got = append(got, path+" "+message)
			if hint == "" || strings.Contains(message+hint, s.SecretKey) && s.SecretKey != "" {
				t.Errorf("%s: %q", path, hint)
			}
		})
		if c.want == "" && len(got) > 0 || c.want != "" && !slices.Equal(got, []string{c.want}) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestNothingPrintsTheKey(t *testing.T) {
	s := Settings{SecretKey: "sk_live_verysecret", BaseURL: "https://stripe.example.com/"}
	written, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	text := string(written) + fmt.Sprint(New(s, nil), []Settings{s}, struct{ S Settings }{s})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		text += fmt.Sprintf(verb+verb+verb, s, &s, New(s, nil))
	}
	if strings.Contains(text, "verysecret") || strings.Contains(text, "7665727973") {
		t.Error(text)
	}
	if s.base() != "https://stripe.example.com" || (Settings{}).base() != DefaultBaseURL || (Settings{}).capture() != CaptureAutomatic {
		t.Error("defaults are wrong")
	}
}
