package signin_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"bizbridge/config"
	"bizbridge/connectors/registry"
)

// TestReadmeProvidersAreValid loads every provider of the README as a configuration.
func TestReadmeProvidersAreValid(t *testing.T) {
	t.Setenv("SIGNIN_CLIENT_SECRET", "a-client-secret")
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) != 3 {
		t.Fatalf("%d providers, want 3", len(blocks))
	}
	for _, block := range blocks {
		name := regexp.MustCompile(`(?m)^([a-z0-9]+):`).FindStringSubmatch(block[1])[1]
		provider := "    " + strings.ReplaceAll(strings.TrimRight(block[1], "\n"), "\n", "\n    ")
		_, err := config.Parse("readme.yaml", []byte(`
server: {public_url: "https://bridge.example.com"}
keys: [MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=]
apple: {accounts: [{msp_id: 11111111-2222-3333-4444-555555555555, secrets: [AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=]}]}
businesses: [{id: aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee, msp_id: 11111111-2222-3333-4444-555555555555, connector: desk, signin: `+name+`}]
connectors: {desk: {type: webhook, url: "https://desk.example.com", secrets: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw]}}
signin:
  providers:
`+provider+"\n"), registry.ConfigTypes())
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
