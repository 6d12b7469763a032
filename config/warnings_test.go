package config

import (
	"strings"
	"testing"
)

// TestWarnings tells what is valid and may still not be what was wanted.
func TestWarnings(t *testing.T) {
	const patient = "\ndelivery: {timeout: 60s}\n"
	links := strings.Replace(minimal(t), "    connector: desk\n", "    connector: desk\n    rich_links: {open_graph: true}\n", 1)
	provider := "\nsignin: {providers: {acme: {issuer: https://login.example.com, client_id: a, client_secret: b, scopes: [openid]}}}\n"
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"nothing":            {links + patient, nil},
		"slow files":         {links, []string{"media.max_size"}},
		"links without card": {minimal(t) + patient, []string{"businesses[0].rich_links"}},
		"links off":          {strings.Replace(links, "open_graph: true", "enabled: false", 1) + patient, nil},
		"subjects":           {links + patient + provider, []string{"signin.subject_key"}},
		"subjects that stay": {links + patient + strings.Replace(provider, "{providers", "{subject_key: "+goodKey+", providers", 1), nil},
	} {
		t.Run(name, func(t *testing.T) {
			warnings := mustParse(t, test.text).Warnings()
			if len(warnings) != len(test.want) {
				t.Fatalf("%q, want %d", warnings, len(test.want))
			}
			for i, want := range test.want {
				if !strings.HasPrefix(warnings[i], want) && !strings.Contains(warnings[i], want) {
					t.Errorf("%q, want one of %s", warnings[i], want)
				}
			}
		})
	}
}
