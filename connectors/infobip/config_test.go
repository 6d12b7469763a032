package infobip_test

import (
	"slices"
	"strings"
	"testing"

	"bizbridge/bridge/httpclient/auth"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/infobip"
)

func TestValidateSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	const other = "0f3a9c5e-0000-4000-8000-000000000002"
	for name, c := range map[string]struct {
		change func(*infobip.Config)
		want   []string // path: message
	}{
		"right":                  {func(*infobip.Config) {}, nil},
		"a neighbour and a path": {func(c *infobip.Config) { c.URL = "http://proxy:8080/infobip/" }, nil},
		"a token":                {func(c *infobip.Config) { c.SigningSecrets, c.WebhookSecrets = nil, secrets("Basic dXNlcjpwYXNz") }, nil},
		"an Exchange app": {func(c *infobip.Config) {
			c.APIKey = ""
			c.Auth = []auth.Settings{{Kind: "oauth2_authorization_code", TokenURL: "https://oneapi.infobip.com/exchange/1/oauth/token", AuthorizeURL: "https://oneapi.infobip.com/exchange/1/oauth/authorize", ClientID: "x"}}
		}, nil},
		"relative":   {func(c *infobip.Config) { c.URL = "xyz123.api.infobip.com" }, []string{"url: is not an absolute http or https URL"}},
		"a query":    {func(c *infobip.Config) { c.URL += "?x=1" }, []string{"url: has a query (?…), behind which no path can stand"}},
		"no key":     {func(c *infobip.Config) { c.APIKey = "" }, []string{"api_key: is missing"}},
		"App key":    {func(c *infobip.Config) { c.APIKey = "App " + hunter }, []string{`api_key: begins with "App"`}},
		"odd key":    {func(c *infobip.Config) { c.APIKey = hunter + "\n" }, []string{"api_key: has white space or a character in it that no header keeps"}},
		"two logins": {func(c *infobip.Config) { c.Auth = []auth.Settings{{Kind: "bearer", Token: hunter}} }, []string{"auth: cannot stand beside api_key"}},
		"half a login": {func(c *infobip.Config) { c.APIKey, c.Auth = "", []auth.Settings{{Kind: "bearer"}, {Kind: "x"}} }, []string{
			"auth[0].token: is missing", "auth[1].kind: is none of the known kinds", "auth[1]: is sent in the same place as auth[0]: header Authorization",
		}},
		"channels": {func(c *infobip.Config) {
			c.Channels = append(c.Channels, infobip.Channel{ID: strings.ToUpper(c.Channels[0].ID), BusinessID: "B1"}, infobip.Channel{ID: "x"}, infobip.Channel{ID: other, BusinessID: "b2"})
		}, []string{
			"channels[1].business_id: is there twice", "channels[1].id: is there twice", "channels[2].business_id: is missing", "channels[2].id: is no UUID",
		}},
		"nobody is verified": {func(c *infobip.Config) { c.SigningSecrets = nil }, []string{"webhook_secrets: are missing, and signing_secrets too: anybody could write to your customers"}},
		"secrets": {func(c *infobip.Config) {
			c.SigningSecrets, c.WebhookSecrets, c.WebhookHeader = secrets("", " "+hunter), secrets("hunter2", hunter+" ", hunter+"\n"+hunter), "X Token:"
		}, []string{
			"signing_secrets[0]: is empty", "signing_secrets[1]: has white space around it", "webhook_header: is no name of a header",
			"webhook_secrets[0]: is shorter than 16 characters",
			"webhook_secrets[1]: has white space around it or a line break in it, which no header keeps",
			"webhook_secrets[2]: has white space around it or a line break in it, which no header keeps",
		}},
		"an address of the bridge": {func(c *infobip.Config) { c.WebhookURL = "https://bridge.example.com/webhooks/infobip" }, nil},
		"a plain one":              {func(c *infobip.Config) { c.WebhookURL = "http://bridge.example.com" }, []string{"webhook_url: is plain HTTP, which Infobip refuses"}},
		"a relative one":           {func(c *infobip.Config) { c.WebhookURL = "/webhooks" }, []string{"webhook_url: is not an absolute http or https URL"}},
		"a farewell":               {closingText, nil},
		"a farewell of a chatbot":  {func(c *infobip.Config) { closingText(c); answers(c) }, []string{"closing_text: is for agents, who close conversations"}},
		"a long farewell":          {func(c *infobip.Config) { c.ClosingText = strings.Repeat("x", 60_001) }, []string{"closing_text: is too long"}},
	} {
		t.Run(name, func(t *testing.T) {
			settings := infobip.Factory().NewConfig().(*infobip.Config)
			settings.URL, settings.APIKey, settings.SigningSecrets = "https://xyz123.api.infobip.com", hunter, []config.Secret{hunter}
			settings.Channels = []infobip.Channel{{ID: "0f3a9c5e-0000-4000-8000-000000000001", BusinessID: "b1"}}
			c.change(settings)
			var got []string
			settings.Validate(func(path, message, hint string) {
				got = append(got, path+": "+message)
				if hint == "" || strings.Contains(message+hint, "hunter2") {
					t.Errorf("%s: no hint, or a secret in it: %s", path, hint)
				}
			})
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestNewWantsASecret(t *testing.T) {
	if _, err := infobip.Factory().New(connectors.Environment{}, &infobip.Config{}); err == nil {
		t.Error("webhooks of anybody would be taken")
	}
	for _, settings := range []infobip.Config{{SigningSecrets: secrets("")}, {WebhookSecrets: secrets(" "), WebhookHeader: "X"}} {
		if _, err := infobip.Factory().New(connectors.Environment{}, &settings); err == nil {
			t.Error("a secret that cannot be used is taken")
		}
	}
}

// What agents cannot use is not claimed for them.
func TestAbilities(t *testing.T) {
	able, ok := connect(t, "http://127.0.0.1:1").(connectors.Able)
	if !ok || able.Abilities().Inbound["message.sent"] != connectors.Dropped || able.Abilities().Idempotent {
		t.Error("agents are said to use references of messages")
	}
	if infobip.Factory().Abilities.Inbound["message.sent"] != connectors.Full {
		t.Error("the abilities of all are changed by those of one")
	}
}
