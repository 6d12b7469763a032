package connectors

import (
	"strings"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/config"
)

func TestBaseURLFault(t *testing.T) {
	for text, want := range map[string]string{
		"https://desk.example.com/api": "", "http://127.0.0.1:80": "",
		"https://desk.example.com/?a=b": "has a query", "https://desk.example.com?": "has a query", "desk.example.com": "is not an absolute",
	} {
		if got := BaseURLFault(text); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestLeadsHere(t *testing.T) {
	env := Environment{Name: "desk"}
	for address, want := range map[string]bool{
		"https://b.example.com/webhooks/desk": true, "https://b.example.com/x/webhooks/desk/?token=t": true,
		"https://b.example.com/webhooks/desk2": false, "https://b.example.com/?/webhooks/desk": false, "": false, ":": false,
	} {
		if got := env.LeadsHere(address); got != want {
			t.Errorf("%q: %t", address, got)
		}
	}
}

func TestSettingsOfWebhooks(t *testing.T) {
	var got string
	report := func(path, message, _ string) { got = path + " " + message }
	for token, want := range map[config.Secret]string{
		"0123456789abcdef": "", "0123456789abcde": "p is shorter than 16 characters",
		"0123456789abcdef\n": "p has white space", "0123456789\rabcdef": "p has white space", " 0123456789abcdef": "p has white space",
	} {
		got = ""
		if ValidateToken("p", token, report); (got == "") != (want == "") || !strings.HasPrefix(got, want) {
			t.Errorf("%q: %q, want %q", token.Reveal(), got, want)
		}
	}
	for name, want := range map[string]string{"X-My_Token": "", "": "p is no name of a header", "X-My: Token": "p is no name of a header"} {
		got = ""
		if ValidateHeader("p", name, report); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	for text, want := range map[string]bool{
		"0f3a9c5e-0000-4000-8000-000000000001": true, "0F3A9C5E-0000-4000-8000-000000000001": true, "": false, "0f3a9c5e-0000-4000-8000-00000000000g": false,
		"0f3a9c5e-0000-4000-8000-000000000001\n": false,
	} {
		if IsUUID(text) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
}

func TestContents(t *testing.T) {
	if !Sound(message.Text{Text: "Hi"}) || Sound(message.Text{}) {
		t.Error("a text is sound, and none is not")
	}
	for data, want := range map[[2]string]string{{"", " Hi\n"}: "Hi", {"Order", "Hi"}: "Order\nHi", {"Order", ""}: "Order", {}: ""} {
		if got := Words(message.Data{Subject: data[0], Text: data[1]}); got != want {
			t.Errorf("%q: %q, want %q", data, got, want)
		}
	}
}
