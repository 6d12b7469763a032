package libredesk_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"bizbridge/config"
	"bizbridge/connectors/libredesk"
)

var discard = slog.New(slog.DiscardHandler)

func TestValidateSaysWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*libredesk.Config)
		want   []string
	}{
		"right":              {func(*libredesk.Config) {}, nil},
		"a neighbour":        {func(c *libredesk.Config) { c.URL = "http://libredesk:9000/" }, nil},
		"relative":           {func(c *libredesk.Config) { c.URL = "desk.example.com" }, []string{"url: is not an absolute http or https URL"}},
		"the API's address":  {func(c *libredesk.Config) { c.URL += "/api/v1" }, []string{"url: is more than where LibreDesk is"}},
		"with a query":       {func(c *libredesk.Config) { c.URL += "?a=b" }, []string{"url: is more than where LibreDesk is"}},
		"the inbox's number": {func(c *libredesk.Config) { c.InboxID = "2" }, []string{"inbox_id: is no UUID"}},
		"key and secret":     {func(c *libredesk.Config) { c.APIKey = "hunter2:hunter2" }, []string{"api_key: has a colon"}},
		"white space": {
			func(c *libredesk.Config) { c.APISecret, c.InboxSecret = "hunter2\n", " hunter2" },
			[]string{"api_secret: has white space around it or a line break in it", "inbox_secret: has white space around it or a line break in it"},
		},
		"webhooks": {
			func(c *libredesk.Config) { c.WebhookSecrets = []config.Secret{"hunter2", "", "hunter2 "} },
			[]string{"webhook_secrets[1]: is empty", "webhook_secrets[2]: has white space around it"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := settings("https://desk.example.com")
			c.change(cfg)
			var got []string
			cfg.Validate(func(path, message, hint string) {
				got = append(got, path+": "+message)
				if hint == "" || strings.Contains(message+hint, "hunter2") {
					t.Errorf("%s: %s (%s)", path, message, hint)
				}
			})
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestSecretsAreNeeded(t *testing.T) {
	cfg := settings("https://desk.example.com")
	cfg.WebhookSecrets = nil
	if _, err := libredesk.Factory().New(environment(t), cfg); err == nil {
		t.Error("webhooks are taken without a secret")
	}
}
