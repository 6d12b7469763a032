package webhook_test

import (
	"slices"
	"strings"
	"testing"

	"bizbridge/config"
	"bizbridge/connectors/webhook"
	"bizbridge/connectors/webhook/webhooktest"
)

func TestValidateSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	good := []config.Secret{webhooktest.Secret}
	for name, c := range map[string]struct {
		settings webhook.Config
		want     []string // path: message
	}{
		"right":                {webhook.Config{URL: "https://desk.example.com/hooks?x=1", Secrets: good}, nil},
		"a neighbour":          {webhook.Config{URL: "http://desk:8080", Secrets: good, VerifySecrets: good}, nil},
		"relative":             {webhook.Config{URL: "/hooks", Secrets: good}, []string{"url: is not an absolute http or https URL"}},
		"another scheme":       {webhook.Config{URL: "ftp://desk.example.com", Secrets: good}, []string{"url: is not an absolute http or https URL"}},
		"no host, only a port": {webhook.Config{URL: "http://:8080/hooks", Secrets: good}, []string{"url: is not an absolute http or https URL"}},
		"with a password":      {webhook.Config{URL: "https://u:p@desk.example.com", Secrets: good}, []string{"url: holds a user name or password"}},
		"with a fragment":      {webhook.Config{URL: "https://desk.example.com/#hooks", Secrets: good}, []string{"url: has a fragment (#…), which is never sent"}},
		"secrets": {
			webhook.Config{URL: "https://desk.example.com", Secrets: []config.Secret{webhooktest.Secret, "hunter2"}, VerifySecrets: []config.Secret{"whsec_hunter2!", "whsec_aHVudGVyMg=="}},
			[]string{
				"secrets[1]: does not begin with whsec_", "verify_secrets[0]: is not base64 after whsec_",
				"verify_secrets[1]: has 7 bytes; 24 to 64 are needed",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			c.settings.Validate(func(path, message, hint string) {
				got = append(got, path+": "+message)
				if hint == "" {
					t.Errorf("%s: no hint", path)
				}
				if strings.Contains(message+hint, "hunter2") {
					t.Errorf("%s: the secret is in the message", path)
				}
			})
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
}
