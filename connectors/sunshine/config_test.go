package sunshine_test

import (
	"slices"
	"strings"
	"testing"

	"bizbridge/connectors/sunshine"
)

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*sunshine.Config)
		want   string // the key that is wrong; "": none
	}{
		"right":               {func(*sunshine.Config) {}, ""},
		"a slash at the end":  {func(c *sunshine.Config) { c.URL += "/" }, ""},
		"legacy":              {func(c *sunshine.Config) { c.URL = "https://api.eu-1.smooch.io" }, ""},
		"no address":          {func(c *sunshine.Config) { c.URL = "acme.zendesk.com/sc" }, "url"},
		"a query":             {func(c *sunshine.Config) { c.URL += "?a=b" }, "url"},
		"a version":           {func(c *sunshine.Config) { c.URL += "/v2/apps/x" }, "url"},
		"Zendesk itself":      {func(c *sunshine.Config) { c.URL = "https://acme.zendesk.com/" }, "url"},
		"no app":              {func(c *sunshine.Config) { c.AppID = "" }, "app_id"},
		"a path for an app":   {func(c *sunshine.Config) { c.AppID = "a/b" }, "app_id"},
		"no key":              {func(c *sunshine.Config) { c.KeyID = "" }, "key_id"},
		"a key with a secret": {func(c *sunshine.Config) { c.KeyID = "app_1:secret" }, "key_id"},
		"no secret":           {func(c *sunshine.Config) { c.KeySecret = "" }, "key_secret"},
		"no webhook's secret": {func(c *sunshine.Config) { c.WebhookSecrets = nil }, "webhook_secrets"},
		"an empty one":        {func(c *sunshine.Config) { c.WebhookSecrets[0] = "" }, "webhook_secrets"},
		"the wrong one":       {func(c *sunshine.Config) { c.WebhookSecrets[0] = c.KeySecret }, "webhook_secrets"},
		"no words":            {func(c *sunshine.Config) { c.ChooseTitle = " " }, "choose_title"},
		"many words":          {func(c *sunshine.Config) { c.FormTitle = strings.Repeat("x", 201) }, "form_title"},
	} {
		t.Run(name, func(t *testing.T) {
			settings := configure("https://acme.zendesk.com/sc")
			c.change(settings)
			var paths []string
			settings.Validate(func(path, message, hint string) {
				if message == "" || hint == "" || strings.Contains(message+hint, settings.KeySecret.Reveal()) && settings.KeySecret != "" {
					t.Errorf("%s: %q, %q", path, message, hint)
				}
				paths = append(paths, path)
			})
			if want := strings.Fields(c.want); !slices.Equal(slices.Compact(paths), want) {
				t.Errorf("wrong are %q, want %q", paths, want)
			}
		})
	}
}
